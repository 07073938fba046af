"""A person calls: his phone is lost or stolen. Operators see what he has, stop him, and by two let him begin anew."""

import secrets

import pytest
from playwright.async_api import expect
from tests.conftest import fresh_database, open_folder
from tests.edges.console.world import told
from tests.edges.phone.test_browser import PHONE, opened
from tests.edges.phone.test_browser import sign_up as sign_up_by_passkey
from tests.phones import ask_code, forget_step, half_in, new_mobile, secret_on, sign_up
from tests.stack import eventually, running
from tests.web import Visitor, make_account, make_member, make_operator, signed_in

from mopos.base.ids import with_check_digit
from mopos.domain.people.model import shown_mobile

SUPPORT_PHONE = "021-41234567"


@pytest.fixture(scope="module")
def stack(postgres):
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        beside = {"MOPOS_SUPPORT_PHONE": SUPPORT_PHONE}
        with running(dsn, folder, host="localhost", with_services=True, **beside) as stack:
            yield stack
        assert not stack.tracebacks()


class Somebody:
    """A person with an authenticator who is signed in, a member of another one's account."""

    def __init__(self, stack, visitor, mobile, totp):
        self.visitor, self.mobile, self.totp = visitor, mobile, totp
        ((self.id,),) = stack.sql("select id from person where mobile = %s", mobile)
        ((self.own_account,),) = stack.sql("select account_id from member where person_id = %s", self.id)
        self.boss = make_member(stack)
        self.account_id = self.boss.account_id
        stack.sql(
            "insert into member (account_id, person_id, role, since) values (%s, %s, 'accountant', now())",
            *(self.account_id, self.id),
        )

    @property
    def page(self) -> str:
        return f"/console/people/{self.id}"


@pytest.fixture
async def person(stack):
    async with Visitor(stack) as visitor:
        mobile = new_mobile()
        totp = await sign_up(visitor, mobile)
        # His recovery codes.
        await visitor.send(await visitor.get("/app/recovery"), "/recovery")
        yield Somebody(stack, visitor, mobile, totp)


async def act(stack, person, what, *, role="support", reason="گوشی را دزدیده‌اند"):
    operator = make_operator(stack, role)
    async with signed_in(stack, operator) as visitor:
        seen = await visitor.send(await visitor.get(person.page), f"/{what}", reason=reason)
    return operator, seen


async def propose_and_approve(stack, person):
    one, other = make_operator(stack, "risk"), make_operator(stack, "admin")
    async with signed_in(stack, one) as visitor:
        seen = await visitor.send(await visitor.get(person.page), "/reset", reason="شناسنامه را دیدم")
        assert seen.path.startswith("/console/proposals/"), seen.text
    async with signed_in(stack, other) as visitor:
        done = await visitor.send(await visitor.get(seen.path), "/approve", note="من هم دیدم")
        assert "Approved" in done.text
    return one, other


def activity(stack, account_id: int, name: str) -> list[tuple]:
    return stack.sql("select operator_id, subject from activity where account_id = %s and act = %s", account_id, name)


def audited(stack) -> bool:
    return stack.run("audit").returncode == 0


# --- the page ---------------------------------------------------------------------------------------------------------


async def test_an_operator_sees_what_a_person_has(stack, person):
    stack.sql("update person set name = 'سارا رضایی' where id = %s", person.id)
    for lang, words in (
        (
            "en",
            (
                "سارا رضایی",
                person.mobile,
                "Accountant",
                "Owner",
                "Open sessions1",
                "Authenticator appYes",
                "Recovery codes left10",
            ),
        ),
        ("fa", ("سارا رضایی", person.mobile, "حسابدار", "کدهای بازیابی مانده۱۰", "می‌تواند وارد شود")),
    ):
        async with signed_in(stack, make_operator(stack, "finance"), lang=lang) as visitor:
            seen = await visitor.get(person.page)
            for word in words:
                assert word in seen.text, word
            assert f"/console/accounts/{with_check_digit(person.account_id)}" in seen.links()
            assert seen.tree.xpath("//main//form") == [], "finance looks only"


async def test_a_person_is_found_by_mobile_and_from_his_account(stack, person):
    async with signed_in(stack, make_operator(stack, "support")) as visitor:
        found = await visitor.get("/console/accounts", text=f"+98 {person.mobile[1:]}")
        assert person.page in found.links()
        account = await visitor.get(f"/console/accounts/{with_check_digit(person.account_id)}")
        assert person.page in account.links()
        assert shown_mobile(person.mobile) in account.text
        assert person.mobile not in account.text
        # Also one who is a member of nothing any more.
        stack.sql("delete from member where person_id = %s", person.id)
        assert person.page in (await visitor.get("/console/accounts", text=person.mobile)).links()
        assert (await visitor.get("/console/people/999999")).status == 404


# --- begin anew, by two -----------------------------------------------------------------------------------------------


async def test_a_reset_takes_two(stack, person):
    one = make_operator(stack, "risk")
    async with signed_in(stack, one) as visitor:
        empty = await visitor.send(await visitor.get(person.page), "/reset", reason="  ")
        assert empty.status == 400
        seen = await visitor.send(await visitor.get(person.page), "/reset", reason="شناسنامه را دیدم")
        own = await visitor.get(seen.path)
        assert "This is your own proposal" in own.text
        assert shown_mobile(person.mobile) in own.text
        token = own.tree.xpath("//input[@name='_csrf']/@value")[0]
        assert (await visitor.post(f"{seen.path}/approve", _csrf=token)).status == 403
        again = await visitor.send(await visitor.get(person.page), "/reset", reason="دوباره")
        assert again.status == 409
    for role in ("support", "finance"):
        async with signed_in(stack, make_operator(stack, role)) as visitor:
            page = await visitor.get(seen.path)
            token = page.tree.xpath("//input[@name='_csrf']/@value")[0]
            assert (await visitor.post(f"{seen.path}/approve", _csrf=token)).status == 403
            assert (await visitor.post(f"{person.page}/reset", _csrf=token, reason="x")).status == 403
    assert (await person.visitor.get("/app")).path == "/app", "one operator changed nothing"
    assert told(stack, "reset_person", f"person {person.id}") == []


async def test_after_a_reset_nothing_old_opens_and_a_new_factor_is_set_up(stack, person):
    assert stack.sql("select count(*) from recovery_code where person_id = %s", person.id) == [(10,)]
    async with Visitor(stack) as waiting, Visitor(stack) as half:
        asked = await waiting.send(await waiting.get("/sign-in"), "/sign-in", mobile=person.mobile, by="phone")
        page = await half_in(half, person.mobile)
        one, other = await propose_and_approve(stack, person)
        assert (await person.visitor.get("/app")).path == "/sign-in"
        assert (await waiting.get(asked.path)).heading != asked.heading
        forget_step(stack, person.mobile)
        assert (await half.send(page, "/second", code=person.totp.now())).path == "/sign-in", "the half-open one too"

    (row,) = told(stack, "reset_person", f"person {person.id}")
    assert (row["operator"], row["proposed_by"], row["reason"]) == (other, one, "شناسنامه را دیدم")
    for account_id in (person.own_account, person.account_id):
        assert activity(stack, account_id, "reset_person_by_operator") == [(other, person.mobile)]
    rows = stack.sql(
        "select mobile, template from message where template in ('person_reset', 'member_reset') and "
        "(mobile = %s or mobile = %s) order by template",
        *(person.mobile, person.boss.mobile),
    )
    assert rows == [(person.boss.mobile, "member_reset"), (person.mobile, "person_reset")]
    await eventually(lambda: any("برداشته شد" in text for text in stack.texts_to(person.mobile)))
    assert any(person.mobile in text for text in stack.texts_to(person.boss.mobile))

    async with Visitor(stack) as visitor:
        stack.sql("delete from otp where mobile = %s", person.mobile)
        page = await half_in(visitor, person.mobile)
        totp = secret_on(page)
        assert totp.secret != person.totp.secret
        seen = await visitor.send(page, "/totp", code=totp.now())
        assert seen.path == "/app/recovery"
        assert person.mobile in (await visitor.get("/app")).text
        assert (await visitor.get(f"/panel/{with_check_digit(person.account_id)}")).status == 200
    assert audited(stack)


async def test_a_passkey_opens_nothing_after_a_reset_nor_behind_a_bar(stack, chromium):
    mobile = new_mobile()
    async with opened(chromium, stack, PHONE) as page:
        await sign_up_by_passkey(page, stack, mobile)
        async with Visitor(stack) as visitor:
            person = Somebody(stack, visitor, mobile, None)
        await act(stack, person, "bar")
        await page.goto("/sign-in")
        await page.click("form[data-passkey=get] button")
        status = page.locator("form[data-passkey] [role=status]")
        await expect(status).to_contain_text("پشتیبانی ورود شما را بسته")
        await expect(status).to_contain_text(SUPPORT_PHONE)
        await page.goto("/app")
        await page.wait_for_url("**/sign-in?next=*")

        await act(stack, person, "lift-bar")
        await page.click("form[data-passkey=get] button")
        await page.wait_for_url("**/app")

        await propose_and_approve(stack, person)
        await page.goto("/app")
        await page.wait_for_url("**/sign-in?next=*")
        await page.click("form[data-passkey=get] button")
        await expect(page.locator("form[data-passkey] [role=status]")).to_contain_text("دیگر به حسابی تعلق ندارد")
    ((left,),) = stack.sql("select count(*) from device where person_id = %s and revoked_at is null", person.id)
    assert left == 0


# --- stopped, by one --------------------------------------------------------------------------------------------------


async def test_one_operator_ends_all_sessions(stack, person):
    operator, seen = await act(stack, person, "sign-out")
    assert "Signed out everywhere" in seen.text
    assert (await person.visitor.get("/app")).path == "/sign-in"
    (row,) = told(stack, "sign_out_person", f"person {person.id}")
    assert (row["operator"], row["reason"], row["sessions"]) == (operator, "گوشی را دزدیده‌اند", 1)
    assert activity(stack, person.account_id, "sign_out_person_by_operator") == [(operator, person.mobile)]
    async with Visitor(stack) as visitor:
        forget_step(stack, person.mobile)
        seen = await visitor.send(await half_in(visitor, person.mobile), "/second", code=person.totp.now())
        assert seen.path == "/app", "he comes in again as before"


async def test_who_is_barred_comes_in_by_no_way(stack, person):
    """Code, approval, a session that lives, and one that began in the same moment; until the bar is lifted."""
    async with Visitor(stack, "fa") as visitor, Visitor(stack) as computer:
        seen, code = await ask_code(visitor, person.mobile)
        waiting = await computer.send(await computer.get("/sign-in"), "/sign-in", mobile=person.mobile, by="phone")
        stack.sql("update sign_in_request set answer = 'approved' where mobile = %s", person.mobile)
        approved = await computer.get(waiting.path)

        operator, done = await act(stack, person, "bar")
        assert "Locked out" in done.text
        assert (await person.visitor.get("/app")).path == "/sign-in"
        stack.sql("update session set ended_at = null where person_id = %s", person.id)
        assert (await person.visitor.get("/app")).path == "/sign-in", "however it began"

        wrong = await visitor.send(seen, "/sign-in/code", code=f"{(int(code) + 1) % 10**6:06}")
        assert (wrong.status, SUPPORT_PHONE in wrong.text) == (400, False), "a wrong code tells nothing"
        right = await visitor.send(seen, "/sign-in/code", code=code)
        assert right.status == 403
        assert "پشتیبانی ورود شما را بسته" in right.text
        assert SUPPORT_PHONE in right.text
        assert (await visitor.get("/app")).path == "/sign-in"
        assert (await computer.send(approved)).status == 410
        assert (await computer.get("/app")).path == "/sign-in"

        _, again = await act_past_the_page(stack, person, "bar")
        assert again.status == 409
        lifted_by, seen = await act(stack, person, "lift-bar", role="risk", reason="خودش است")
        assert "May sign in again" in seen.text
        assert (await person.visitor.get("/app")).path == "/sign-in", "old sessions stay ended"
        forget_step(stack, person.mobile)
        stack.sql("delete from otp where mobile = %s", person.mobile)
        seen = await visitor.send(await half_in(visitor, person.mobile), "/second", code=person.totp.now())
        assert seen.path == "/app"
    subject = f"person {person.id}"
    assert [row["operator"] for row in told(stack, "bar_person", subject)] == [operator]
    assert [(row["operator"], row["reason"]) for row in told(stack, "lift_bar", subject)] == [(lifted_by, "خودش است")]
    assert activity(stack, person.account_id, "bar_person_by_operator") == [(operator, person.mobile)]
    async with signed_in(stack, person.boss, lang="fa") as boss:
        log = await boss.get(f"{person.boss.panel}/activity")
        assert f"پشتیبانی ورود {person.mobile} را بست" in log.text
    assert audited(stack)


async def act_past_the_page(stack, person, what):
    """The form of a page that was opened before somebody else acted."""
    operator = make_operator(stack, "support")
    async with signed_in(stack, operator) as visitor:
        page = await visitor.get(person.page)
        token = page.tree.xpath("//input[@name='_csrf']/@value")[0]
        return operator, await visitor.post(f"{person.page}/{what}", _csrf=token, reason="x")


@pytest.mark.parametrize("what", ["sign-out", "bar", "lift-bar"])
async def test_stopping_wants_a_reason_and_the_right_role(stack, person, what):
    async with signed_in(stack, make_operator(stack, "finance")) as visitor:
        page = await visitor.get("/console/accounts")
        assert (await visitor.get(person.page)).status == 200
        token = (await visitor.get("/console/security")).tree.xpath("//input[@name='_csrf']/@value")[0]
        assert page.status == 200
        assert (await visitor.post(f"{person.page}/{what}", _csrf=token, reason="x")).status == 403
    if what == "lift-bar":
        await act(stack, person, "bar")
    _, seen = await act(stack, person, what, reason=" ")
    assert seen.status == 400
    _, seen = await act(stack, person, what, reason="x" * 1001)
    assert seen.status == 400
    assert "x" * 1001 in seen.response.text, "what was typed is not lost"


async def test_a_bar_stays_through_a_reset(stack, person):
    await act(stack, person, "bar")
    await propose_and_approve(stack, person)
    async with Visitor(stack) as visitor:
        seen, code = await ask_code(visitor, person.mobile)
        assert (await visitor.send(seen, "/sign-in/code", code=code)).status == 403
        await act(stack, person, "lift-bar")
        stack.sql("delete from otp where mobile = %s", person.mobile)
        assert "authenticator" in (await half_in(visitor, person.mobile)).text


async def test_others_learn_nothing_of_a_bar(stack, person):
    """The same pages for a number that is barred, one that is not, and one that nobody has."""
    await act(stack, person, "bar")
    seen = []
    for mobile in (person.mobile, make_member(stack).mobile, f"0919{secrets.randbelow(10**7):07}"):
        async with Visitor(stack) as visitor:
            page, _ = await ask_code(visitor, mobile)
            wrong = await visitor.send(page, "/sign-in/code", code="000000")
            asked = await visitor.send(await visitor.get("/sign-in"), "/sign-in", mobile=mobile, by="phone")
            seen.append((page.text.replace(shown_mobile(mobile), ""), wrong.status, asked.heading))
    assert seen[0] == seen[1] == seen[2]


async def test_an_account_of_his_own_gets_one_message(stack, person):
    """Who owns the account himself is told once; an owner of two of his accounts too."""
    other = make_account(stack)
    for who, role in ((person.boss.person_id, "owner"), (person.id, "viewer")):
        stack.sql(
            "insert into member (account_id, person_id, role, since) values (%s, %s, %s, now())", *(other, who, role)
        )
    await propose_and_approve(stack, person)
    for mobile, template in ((person.mobile, "person_reset"), (person.boss.mobile, "member_reset")):
        rows = stack.sql("select template from message where mobile = %s and template like '%%_reset'", mobile)
        assert rows == [(template,)]
