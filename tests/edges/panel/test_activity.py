"""The activity log: what was done in an account, in words, a page at a time."""

import pytest
from psycopg.types.json import Jsonb
from tests.web import make_member, make_operator, signed_in

from mopos.domain.accounts.activity import PAGE_SIZE
from mopos.edges.i18n.texts import TEXTS


def note(stack, member, act, subject="", data=None, **who):
    columns = {"person_id": member.person_id, "operator_id": None, "ip": "192.0.2.7"} | who
    stack.sql(
        """
        insert into activity (account_id, person_id, operator_id, at, act, subject, data, ip)
        values (%s, %s, %s, now(), %s, %s, %s, %s)
        """,
        *(member.account_id, columns["person_id"], columns["operator_id"], act, subject, Jsonb(data or {})),
        columns["ip"],
    )


def sentences(page) -> list[str]:
    return [" ".join(cell.text_content().split()) for cell in page.tree.xpath("//main//tbody//th")]


@pytest.mark.parametrize("lang", ["en", "fa"])
async def test_acts_are_told_in_words(stack, lang):
    t = TEXTS[lang]
    member = make_member(stack)
    note(stack, member, "member_invited", "09121234567", {"role": "role.viewer"})
    note(stack, member, "member_removed", "09121234567")  # an old row without its role
    note(stack, member, "profile_changed", data={"fields": ["profile.name", "profile.address"]})
    note(stack, member, "something_new", "<script>alert(1)</script>\u202e")
    note(stack, member, "document_added", "<img src=x>", {"kind": "no such kind"})
    async with signed_in(stack, member, lang=lang) as visitor:
        page = await visitor.get(f"{member.panel}/activity")
    assert sentences(page) == [
        t["act.document_added"].format(subject="<img src=x>", kind="no such kind"),
        "something_new <script>alert(1)</script>\u202e",
        t["act.profile_changed"].format(fields=f"{t['profile.name']}{t['label.comma']} {t['profile.address']}"),
        t["act.member_removed"].format(subject="09121234567", role="—"),
        t["act.member_invited"].format(subject="09121234567", role=t["role.viewer"]),
    ]
    assert not page.tree.xpath("//main//script | //main//img")
    assert page.tree.xpath("count(//tbody//th/bdi)") >= 5
    assert member.mobile in page.text
    assert "192.0.2.7" in page.text


async def test_who_is_not_a_member_is_named_by_what_he_is(stack):
    member = make_member(stack)
    note(stack, member, "iban_checked", data={"answer": "iban_standing.matches"}, person_id=None, ip=None)
    note(stack, member, "gateway_suspended", person_id=None, operator_id=make_operator(stack))
    stack.sql("update person set name = 'رضا' where id = %s", member.person_id)
    note(stack, member, "notifications_changed")
    async with signed_in(stack, member) as visitor:
        page = await visitor.get(f"{member.panel}/activity")
    who = [cell.text_content().strip() for cell in page.tree.xpath("//tbody/tr/td[2]")]
    assert who == ["رضا", TEXTS["en"]["activity.by_operator"], TEXTS["en"]["activity.by_house"]]


async def test_pages_go_there_and_back(stack):
    member = make_member(stack)
    other = make_member(stack)
    for number in range(2 * PAGE_SIZE + 10):
        note(stack, member, f"act_{number:03}")
        note(stack, other, "another_s")
    async with signed_in(stack, member) as visitor:
        page = await visitor.get(f"{member.panel}/activity")
        seen, addresses = [], []
        while True:
            seen.append(sentences(page))
            addresses.append(page)
            older = page.tree.xpath("//a[@rel='next']/@href")
            if not older:
                break
            page = await visitor.get(older[0])
        assert [len(part) for part in seen] == [PAGE_SIZE, PAGE_SIZE, 10]
        assert [name for part in seen for name in part] == [f"act_{n:03}" for n in reversed(range(2 * PAGE_SIZE + 10))]
        assert not addresses[0].tree.xpath("//a[@rel='prev']")
        page = await visitor.get(addresses[2].tree.xpath("//a[@rel='prev']/@href")[0])
        assert sentences(page) == seen[1]
        page = await visitor.get(page.tree.xpath("//a[@rel='prev']/@href")[0])
        assert sentences(page) == seen[0]
        assert not page.tree.xpath("//a[@rel='prev']")
        for bad in ("x", "-1", "9" * 30):
            assert (await visitor.get(f"{member.panel}/activity", before=bad)).status == 404


async def test_an_empty_log(stack):
    member = make_member(stack)
    async with signed_in(stack, member, lang="fa") as visitor:
        page = await visitor.get(f"{member.panel}/activity")
    assert TEXTS["fa"]["activity.none"] in page.text


def test_the_log_is_append_only(stack):
    member = make_member(stack)
    note(stack, member, "profile_changed")
    for statement in ("update activity set act = ''", "delete from activity"):
        with pytest.raises(Exception, match="append only"):
            stack.sql(statement)
