"""Members, invitations, handing over and notifications, page by page against the running gateway."""

import asyncio

import psycopg
import pytest
from tests.web import Member, make_account, make_member, make_person, signed_in

from mopos.base.db import Database
from mopos.base.ids import with_check_digit
from mopos.domain.accounts.members import INVITATIONS_A_DAY_MAX, INVITATIONS_TO_ONE_A_DAY_MAX
from mopos.domain.accounts.notify import Event, whom_to_tell
from mopos.edges.i18n.texts import TEXTS

EN = TEXTS["en"]


def role_of(stack, account_id: int, person_id: int) -> str | None:
    rows = stack.sql("select role from member where account_id = %s and person_id = %s", account_id, person_id)
    return rows[0][0] if rows else None


def acts(stack, account_id: int) -> list[str]:
    return [act for (act,) in stack.sql("select act from activity where account_id = %s order by id", account_id)]


def messages(stack, mobile: str) -> list[str]:
    rows = stack.sql("select template from message where mobile = %s order by id", mobile)
    return [template for (template,) in rows]


def outsider(stack) -> Member:
    """A person without any account."""
    person_id, mobile = make_person(stack)
    return Member(person_id, mobile, 0)


async def invite(visitor, member, mobile, role="accountant"):
    page = await visitor.get(f"{member.panel}/members")
    return await visitor.send(page, "/members", mobile=mobile, role=role)


def invitation_of(stack, account_id: int, mobile: str) -> int:
    ((found,),) = stack.sql("select max(id) from invitation where account_id = %s and mobile = %s", account_id, mobile)
    return found


# --- who may ---


@pytest.mark.parametrize("role", ["owner", "admin", "accountant", "developer", "viewer"])
async def test_who_may(stack, role):
    member = make_member(stack, role)
    other = make_member(stack)
    manages = role in ("owner", "admin")
    async with signed_in(stack, member) as visitor:
        for page in ("members", "notifications", "activity"):
            assert (await visitor.get(f"{member.panel}/{page}")).status == (200 if manages else 403), page
            assert (await visitor.get(f"{other.panel}/{page}")).status == 404
        assert (await visitor.get(f"{member.panel}/members/{other.person_id}")).status == (404 if manages else 403)
        third = make_member(stack, "viewer", member.account_id)
        hand_over = f"{member.panel}/members/{third.person_id}/hand-over"
        assert (await visitor.get(hand_over)).status == (200 if role == "owner" else 403)
        assert (await visitor.get(f"{member.panel}/leave")).status == 200


async def test_posts_without_our_form_change_nothing(stack):
    owner = make_member(stack)
    member = make_member(stack, "viewer", owner.account_id)
    async with signed_in(stack, owner) as visitor:
        for path in (
            "members",
            f"members/{member.person_id}/role",
            f"members/{member.person_id}/remove",
            f"members/{member.person_id}/hand-over",
            "notifications",
            "leave",
        ):
            assert (await visitor.post(f"{owner.panel}/{path}", mobile="09121111111", role="admin")).status == 403
    assert acts(stack, owner.account_id) == []


# --- invitations ---


async def test_invited_accepted_and_in_the_panel(stack):
    owner = make_member(stack)
    guest = outsider(stack)
    async with signed_in(stack, owner) as visitor:
        page = await invite(visitor, owner, f"+98 {guest.mobile[1:4]} {guest.mobile[4:]}", "accountant")
        assert EN["done.invited"] in page.text
        assert guest.mobile in page.text
    assert messages(stack, guest.mobile) == ["invitation"]
    async with signed_in(stack, guest) as visitor:
        panel = owner.panel
        assert (await visitor.get(f"{panel}/activity")).status == 404
        page = await visitor.get("/app/invitations")
        assert "فروشگاه آزمون" in page.text
        assert EN["role.accountant"] in page.text
        page = await visitor.send(page, "/accept")
        assert role_of(stack, owner.account_id, guest.person_id) == "accountant"
        assert page.path == panel
        # Allowed what an accountant may, and no more.
        assert (await visitor.get(f"{panel}/leave")).status == 200
        assert (await visitor.get(f"{panel}/members")).status == 403
        page = await visitor.get("/app/invitations")
        assert EN["invitations.none"] in page.text
    assert acts(stack, owner.account_id) == ["member_invited", "member_joined"]
    assert messages(stack, owner.mobile) == ["member_joined"]


async def test_inviting_a_number_that_nobody_has_looks_the_same(stack):
    owner = make_member(stack)
    known = make_member(stack)  # of another account
    unknown = "09129999999"
    async with signed_in(stack, owner) as visitor:
        pages = [await invite(visitor, owner, mobile) for mobile in (known.mobile, unknown)]
    assert [page.status for page in pages] == [200, 200]
    assert [messages(stack, mobile) for mobile in (known.mobile, unknown)] == [["invitation"]] * 2
    assert EN["done.invited"] in pages[0].text
    assert EN["done.invited"] in pages[1].text


@pytest.mark.parametrize("lang", ["en", "fa"])
async def test_what_cannot_be_invited(stack, lang):
    owner = make_member(stack)
    guest = outsider(stack)
    async with signed_in(stack, owner, lang=lang) as visitor:
        page = await invite(visitor, owner, "0912 123", "developer")
        assert page.status == 400
        assert TEXTS[lang]["problem.invited_mobile_wrong"] in page.text
        assert page.tree.xpath("//input[@name='mobile']/@value") == ["0912 123"]
        assert page.tree.xpath("//select[@name='role']/option[@selected]/@value") == ["developer"]
        page = await invite(visitor, owner, guest.mobile, "owner")
        assert TEXTS[lang]["problem.member_role_unknown"] in page.text
        assert TEXTS[lang]["problem.member_already"] in (await invite(visitor, owner, owner.mobile)).text
        assert (await invite(visitor, owner, guest.mobile)).status == 200
        page = await invite(visitor, owner, guest.mobile)
        assert page.status == 409
        assert TEXTS[lang]["problem.invited_already"] in page.text
    assert messages(stack, guest.mobile) == ["invitation"]


async def test_declined(stack):
    owner, guest = make_member(stack), outsider(stack)
    async with signed_in(stack, owner) as visitor:
        await invite(visitor, owner, guest.mobile)
    async with signed_in(stack, guest) as visitor:
        page = await visitor.send(await visitor.get("/app/invitations"), "/decline")
        assert EN["done.invitation_declined"] in page.text
    assert role_of(stack, owner.account_id, guest.person_id) is None
    assert acts(stack, owner.account_id) == ["member_invited", "invitation_declined"]


async def test_withdrawn_or_run_out_it_cannot_be_accepted(stack):
    owner, guest = make_member(stack), outsider(stack)
    async with signed_in(stack, owner) as manager, signed_in(stack, guest) as visitor:
        await invite(manager, owner, guest.mobile)
        page = await visitor.get("/app/invitations")
        withdrawn = await manager.send(await manager.get(f"{owner.panel}/members"), "/withdraw")
        assert EN["done.invitation_withdrawn"] in withdrawn.text
        assert (await visitor.send(page, "/accept")).status == 404
        await invite(manager, owner, guest.mobile)
        page = await visitor.get("/app/invitations")
        stack.sql("update invitation set expires_at = now() - interval '1 second' where mobile = %s", guest.mobile)
        assert (await visitor.send(page, "/accept")).status == 404
        assert EN["members.over"] in (await manager.get(f"{owner.panel}/members")).text
        # One that has run out is renewed by inviting again.
        assert (await invite(manager, owner, guest.mobile, "viewer")).status == 200
        await visitor.send(await visitor.get("/app/invitations"), "/accept")
    assert role_of(stack, owner.account_id, guest.person_id) == "viewer"


async def test_another_s_invitation_is_not_there(stack):
    owner, guest, other = make_member(stack), outsider(stack), outsider(stack)
    rival = make_member(stack)
    async with signed_in(stack, owner) as visitor:
        await invite(visitor, owner, guest.mobile)
    wanted = invitation_of(stack, owner.account_id, guest.mobile)
    async with signed_in(stack, rival) as visitor:
        await invite(visitor, rival, other.mobile)
        page = await visitor.get(f"{rival.panel}/members")
        token = page.tree.xpath("//main//input[@name='_csrf']/@value")[0]
        for path in (f"{rival.panel}/invitations/{wanted}/withdraw", f"{owner.panel}/invitations/{wanted}/withdraw"):
            assert (await visitor.post(path, _csrf=token)).status == 404
    async with signed_in(stack, other) as visitor:
        page = await visitor.get("/app/invitations")
        token = page.tree.xpath("//main//input[@name='_csrf']/@value")[0]
        for act in ("accept", "decline"):
            assert (await visitor.post(f"/app/invitations/{wanted}/{act}", _csrf=token)).status == 404
    assert stack.sql("select ended_at from invitation where id = %s", wanted) == [(None,)]


async def test_nobody_can_flood_phones(stack):
    guest = outsider(stack)
    owners = [make_member(stack) for _ in range(INVITATIONS_TO_ONE_A_DAY_MAX + 1)]
    for owner in owners[:-1]:
        async with signed_in(stack, owner) as visitor:
            assert (await invite(visitor, owner, guest.mobile)).status == 200
    async with signed_in(stack, owners[-1]) as visitor:
        page = await invite(visitor, owners[-1], guest.mobile)
        assert page.status == 429
        assert EN["problem.invited_too_many"] in page.text
        for number in range(INVITATIONS_A_DAY_MAX):
            assert (await invite(visitor, owners[-1], f"0935{number:07}")).status == 200
        assert (await invite(visitor, owners[-1], "09359999999")).status == 429


# --- roles ---


async def test_a_role_is_changed_and_a_member_removed_at_once(stack):
    owner = make_member(stack)
    member = make_member(stack, "admin", owner.account_id)
    guest = outsider(stack)
    page_of_member = f"{owner.panel}/members/{member.person_id}"
    async with signed_in(stack, owner) as manager, signed_in(stack, member) as visitor:
        assert (await visitor.get(f"{owner.panel}/members")).status == 200
        await invite(visitor, member, guest.mobile)
        page = await manager.send(await manager.get(page_of_member), "/role", role="viewer")
        assert EN["done.saved"] in page.text
        assert (await visitor.get(f"{owner.panel}/members")).status == 403
        page = await manager.send(await manager.get(page_of_member), "/remove")
        assert EN["done.member_removed"] in page.text
        assert (await visitor.get(f"{owner.panel}/leave")).status == 404
        assert (await manager.get(page_of_member)).status == 404
    # What a removed member had invited is taken back.
    assert stack.sql("select ended_as from invitation where mobile = %s", guest.mobile) == [("withdrawn",)]
    assert acts(stack, owner.account_id) == ["member_invited", "member_role_changed", "member_removed"]
    assert messages(stack, member.mobile) == ["member_role_changed", "member_removed"]
    assert messages(stack, owner.mobile) == ["member_role_changed", "member_removed"]


async def test_nobody_touches_the_owner_or_himself(stack):
    owner = make_member(stack)
    admin = make_member(stack, "admin", owner.account_id)
    async with signed_in(stack, admin) as visitor:
        page = await visitor.get(f"{owner.panel}/members")
        token = page.tree.xpath("//main//input[@name='_csrf']/@value")[0]
        for who, code in ((owner, "member_is_owner"), (admin, "member_is_you")):
            url = f"{owner.panel}/members/{who.person_id}"
            assert EN["member.untouchable"] in (await visitor.get(url)).text
            for act in ("role", "remove"):
                answer = await visitor.post(f"{url}/{act}", _csrf=token, role="viewer")
                assert answer.status == 409
                assert EN[f"problem.{code}"] in answer.text
        assert (await visitor.post(f"{owner.panel}/members/{admin.person_id}/hand-over", _csrf=token)).status == 403
    async with signed_in(stack, owner) as visitor:
        page = await visitor.get(f"{owner.panel}/members")
        token = page.tree.xpath("//main//input[@name='_csrf']/@value")[0]
        answer = await visitor.post(f"{owner.panel}/members/{admin.person_id}/role", _csrf=token, role="owner")
        assert EN["problem.member_role_unknown"] in answer.text
        answer = await visitor.post(f"{owner.panel}/members/{owner.person_id}/hand-over", _csrf=token)
        assert EN["problem.member_is_you"] in answer.text
    assert role_of(stack, owner.account_id, owner.person_id) == "owner"
    assert role_of(stack, owner.account_id, admin.person_id) == "admin"
    assert acts(stack, owner.account_id) == []


async def test_an_account_is_handed_over(stack):
    owner = make_member(stack)
    heir = make_member(stack, "developer", owner.account_id)
    url = f"{owner.panel}/members/{heir.person_id}/hand-over"
    async with signed_in(stack, owner, fresh=False) as visitor:
        answer = await visitor.client.get(url, follow_redirects=False)
        assert answer.headers["location"].startswith("/confirm?next=")
    async with signed_in(stack, owner) as visitor:
        page = await visitor.send(await visitor.get(url), "/hand-over")
        assert EN["done.handed_over"] in page.text
        assert (await visitor.get(url)).status == 403
    assert role_of(stack, owner.account_id, owner.person_id) == "admin"
    assert role_of(stack, owner.account_id, heir.person_id) == "owner"
    assert acts(stack, owner.account_id) == ["account_handed_over"]
    for who in (owner, heir):
        assert messages(stack, who.mobile) == ["account_handed_over"]


async def test_handing_over_twice_at_once_makes_one_owner(stack):
    owner = make_member(stack)
    heirs = [make_member(stack, "admin", owner.account_id) for _ in range(2)]
    async with signed_in(stack, owner) as one, signed_in(stack, owner) as two:
        pages = [
            await visitor.get(f"{owner.panel}/members/{heir.person_id}/hand-over")
            for visitor, heir in zip((one, two), heirs, strict=True)
        ]
        await asyncio.gather(one.send(pages[0], "/hand-over"), two.send(pages[1], "/hand-over"))
    owners = stack.sql("select count(*) from member where account_id = %s and role = 'owner'", owner.account_id)
    assert owners == [(1,)]
    assert acts(stack, owner.account_id) == ["account_handed_over"]


async def test_two_admins_remove_each_other_and_at_most_one_stays(stack):
    owner = make_member(stack)
    admins = [make_member(stack, "admin", owner.account_id) for _ in range(2)]
    async with signed_in(stack, admins[0]) as one, signed_in(stack, admins[1]) as two:
        pages = [
            await visitor.get(f"{owner.panel}/members/{other.person_id}")
            for visitor, other in zip((one, two), reversed(admins), strict=True)
        ]
        answers = await asyncio.gather(one.send(pages[0], "/remove"), two.send(pages[1], "/remove"))
    assert {answer.status for answer in answers} <= {200, 404, 409}
    assert role_of(stack, owner.account_id, owner.person_id) == "owner"


async def test_the_database_allows_one_owner(stack):
    owner = make_member(stack)
    with pytest.raises(psycopg.errors.UniqueViolation):
        make_member(stack, "owner", owner.account_id)


async def test_a_member_leaves_and_the_owner_cannot(stack):
    owner = make_member(stack)
    member = make_member(stack, "viewer", owner.account_id)
    async with signed_in(stack, member) as visitor:
        await visitor.send(await visitor.get(f"{owner.panel}/leave"), "/leave")
        assert (await visitor.get(f"{owner.panel}/leave")).status == 404
    assert role_of(stack, owner.account_id, member.person_id) is None
    assert messages(stack, owner.mobile) == ["member_left"]
    async with signed_in(stack, owner) as visitor:
        page = await visitor.get(f"{owner.panel}/members")
        token = page.tree.xpath("//main//input[@name='_csrf']/@value")[0]
        answer = await visitor.post(f"{owner.panel}/leave", _csrf=token)
        assert answer.status == 409
        assert EN["problem.owner_cannot_leave"] in answer.text


# --- notifications ---


async def test_who_is_told_is_the_account_s_choice(stack):
    owner = make_member(stack)
    viewer = make_member(stack, "viewer", owner.account_id)
    developer = make_member(stack, "developer", owner.account_id)

    async def told(event):
        async with Database(stack.dsn, pool_size=1, timeout_s=10) as db:
            return await whom_to_tell(db, owner.account_id, event)

    assert await told(Event.APPLICATION) == [owner.mobile]
    assert await told(Event.UNACKNOWLEDGED) == [developer.mobile]
    async with signed_in(stack, owner) as visitor:
        page = await visitor.get(f"{owner.panel}/notifications")
        token = page.tree.xpath("//main//input[@name='_csrf']/@value")[0]
        ticked = {"application": ["viewer", "owner"], "member": ["viewer", "nobody"], "nothing": ["owner"]}
        answer = await visitor.client.post(
            f"{owner.panel}/notifications", data={"_csrf": token, **ticked}, headers={"Origin": stack.gateway}
        )
        assert EN["done.saved"] in answer.text
        page = await visitor.get(f"{owner.panel}/notifications")
        assert page.tree.xpath("//input[@name='application'][@checked]/@value") == ["owner", "viewer"]
        assert page.tree.xpath("//input[@name='credentials'][@checked]/@value") == ["owner"]
        assert page.tree.xpath("//input[@name='credentials'][@disabled]/@value") == ["owner"]
    assert await told(Event.APPLICATION) == [owner.mobile, viewer.mobile]
    assert await told(Event.MEMBER) == [owner.mobile, viewer.mobile]
    assert await told(Event.UNACKNOWLEDGED) == []
    # Whoever got in as an admin cannot silence what the owner must hear.
    assert await told(Event.BANK_ACCOUNT) == [owner.mobile]
    assert acts(stack, owner.account_id) == ["notifications_changed"]
    async with Database(stack.dsn, pool_size=1, timeout_s=10) as db:
        assert await whom_to_tell(db, make_account(stack), Event.MEMBER) == []


def test_panel_addresses_carry_the_check_digit(stack):
    member = make_member(stack)
    assert member.panel == f"/panel/{with_check_digit(member.account_id)}"
