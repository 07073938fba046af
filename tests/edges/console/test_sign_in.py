"""The operators' way in, and what attackers try there."""

import time

import pyotp
import pytest
from tests.edges.console.world import PASSWORD, finish_setup, make_new, make_person, secret_on, told
from tests.edges.console.world import Person as World
from tests.web import Visitor, make_operator, signed_in


def sessions(stack, operator_id):
    return stack.sql("select count(*) from session where operator_id = %s", operator_id)[0][0]


async def test_the_first_time_sets_up_and_only_then_opens(stack):
    name, password = make_new(stack)
    ((number,),) = stack.sql("select id from operator where name = %s", name)
    person = World(stack, name, number, password)
    async with Visitor(stack) as visitor:
        page = await person.first_step(visitor)
        assert page.path == "/console/sign-in/setup"
        assert sessions(stack, number) == 0
        person.secret = secret_on(page)
        # Neither a guessed password nor a wrong code is taken, and the key stays the same.
        code = pyotp.TOTP(person.secret).now()
        for fields in (
            {"password": "short", "again": "short", "code": code},
            {"password": "aaaaaaaaaaaaaaaa", "again": "aaaaaaaaaaaaaaaa", "code": code},
            {"password": f"{name} is my name", "again": f"{name} is my name", "code": code},
            {"password": PASSWORD, "again": PASSWORD + "x", "code": code},
            {"password": PASSWORD, "again": PASSWORD, "code": "000000" if code != "000000" else "111111"},
        ):
            again = await visitor.send(page, "/setup", **fields)
            assert again.path == "/console/sign-in/setup"
            assert again.status in (400, 403)
            assert secret_on(again) == person.secret
        assert sessions(stack, number) == 0
        await finish_setup(person, visitor, page)
        assert sessions(stack, number) == 1
        assert (await visitor.get("/console")).status == 200
    async with Visitor(stack) as visitor:
        # The one-time password is gone.
        assert (await person.first_step(visitor, password=password)).status == 403
    assert [row["operator"] for row in told(stack, "set_up", name)] == [number]


async def test_no_session_before_the_second_factor(stack):
    person = await make_person(stack)
    before = sessions(stack, person.id)
    async with Visitor(stack) as visitor:
        page = await person.first_step(visitor)
        assert page.path == "/console/sign-in/second"
        assert sessions(stack, person.id) == before
        assert "mopos-console" not in visitor.client.cookies
        for path in ("/console", "/console/operators", "/console/security", "/console/sign-in/setup"):
            assert (await visitor.get(path)).path.startswith("/console/sign-in")
        assert (await visitor.send(page, "/second", code="123456")).status == 403
        assert sessions(stack, person.id) == before
        done = await visitor.send(page, "/second", code=person.code())
        assert done.path == "/console"
        assert sessions(stack, person.id) == before + 1


async def test_a_code_works_once(stack):
    person = await make_person(stack)
    stack.sql("update operator set totp_last_step = 0 where id = %s", person.id)
    code = pyotp.TOTP(person.secret).now()
    async with Visitor(stack) as one, Visitor(stack) as other:
        page, later = await person.first_step(one), await person.first_step(other)
        assert (await one.send(page, "/second", code=code)).path == "/console"
        replayed = await other.send(later, "/second", code=code)
        assert replayed.status == 403
        assert "mopos-console" not in other.client.cookies


async def test_a_ticket_is_for_its_browser_and_for_its_password(stack):
    person = await make_person(stack)
    async with Visitor(stack) as one, Visitor(stack) as thief:
        await person.first_step(one)
        ticket = one.client.cookies["mopos-console-ticket"]
        thief.client.cookies.set("mopos-console-ticket", ticket)
        assert (await thief.get("/console/sign-in/second")).path == "/console/sign-in"
        assert (await one.get("/console/sign-in/second")).path == "/console/sign-in/second"
        stack.sql("update operator set password_hash = 'another' where id = %s", person.id)
        assert (await one.get("/console/sign-in/second")).path == "/console/sign-in"


async def test_a_disabled_operator_is_out_at_once(stack):
    person = await make_person(stack, "support")
    async with Visitor(stack) as visitor:
        await person.sign_in(visitor)
        assert (await visitor.get("/console")).path == "/console"
        assert stack.run("operator", "disable", person.name).returncode == 0
        assert (await visitor.get("/console")).path == "/console/sign-in"
        assert (await person.first_step(visitor)).status == 403
    assert told(stack, "disable_operator", person.name)[0]["operator"] is None


async def test_wrong_name_and_wrong_password_say_and_cost_the_same(stack):
    person = await make_person(stack)
    texts, times = set(), {}
    async with Visitor(stack) as visitor:
        for name, password in ((person.name, "wrong wrong wrong"), ("nobody-there", "wrong wrong wrong")):
            began = time.perf_counter()
            page = await person.first_step(visitor, name=name, password=password)
            times[name] = time.perf_counter() - began
            assert page.status == 403
            texts.add(page.text.replace(name, ""))
    assert len(texts) == 1
    # argon2 is the greater part of either; a name that costs nothing would be ten times as fast.
    assert max(times.values()) < 8 * min(times.values()), times


@pytest.mark.parametrize("exists", [True, False])
async def test_ten_tries_then_half_an_hour_for_that_name_from_that_address(stack, exists):
    person = await make_person(stack)
    name = person.name if exists else "nobody-at-all"
    stack.sql("delete from sign_in_try")
    async with Visitor(stack) as visitor:
        for _ in range(10):
            assert (await person.first_step(visitor, name=name, password="wrong wrong wrong")).status == 403
        locked = await person.first_step(visitor, name=name)
        assert locked.status == 429
        # Somebody else at the same address is not locked out, nor is the same operator after half an hour.
        other = await make_person(stack)
        assert (await other.first_step(visitor)).path.endswith("/second")
        stack.sql("update sign_in_try set since = since - interval '31 minutes'")
        if exists:
            assert (await person.first_step(visitor)).path.endswith("/second")
    stack.sql("delete from sign_in_try")


async def test_twenty_wrong_codes_stop_codes_and_are_told(stack):
    person = await make_person(stack)
    async with Visitor(stack) as visitor:
        page = await person.first_step(visitor)
        stack.sql("update operator set wrong_count = 19 where id = %s", person.id)
        assert (await visitor.send(page, "/second", code="000000")).status == 403
        assert (await visitor.send(page, "/second", code=person.code())).status == 403
        stack.sql("update operator set locked_until = now() - interval '1 second' where id = %s", person.id)
        assert (await visitor.send(page, "/second", code=person.code())).path == "/console"
    rows = told(stack, "wrong_code", person.name)
    assert rows[0]["count"] == 20


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example", "/\\evil.example"])
async def test_signing_in_leads_nowhere_else(stack, next_):
    person = await make_person(stack)
    async with Visitor(stack) as visitor:
        page = await visitor.get("/console/sign-in", next=next_)
        page = await visitor.send(page, "/sign-in", name=person.name, password=person.password, next=next_)
        done = await visitor.send(page, "/second", code=person.code(), next=next_)
        assert str(done.response.url) == f"{stack.gateway}/console"


async def test_the_page_that_was_wanted_comes_next(stack):
    person = await make_person(stack)
    async with Visitor(stack) as visitor:
        page = await visitor.get("/console/log?act=sign_in")
        page = await visitor.send(page, "/sign-in", name=person.name, password=person.password)
        done = await visitor.send(page, "/second", code=person.code())
        assert done.response.url.raw_path == b"/console/log?act=sign_in"


async def test_what_is_dangerous_wants_a_fresh_factor(stack):
    person = await make_person(stack)
    async with Visitor(stack) as visitor:
        await person.sign_in(visitor)
        stack.sql("update session set fresh_at = now() - interval '6 minutes' where operator_id = %s", person.id)
        page = await visitor.get("/console/security")
        assert page.path == "/console/confirm"
        before = visitor.client.cookies["mopos-console"]
        assert (await visitor.send(page, "/confirm", code="000000")).status == 403
        done = await visitor.send(page, "/confirm", code=person.code())
        assert done.path == "/console/security"
        assert visitor.client.cookies["mopos-console"] != before, "the session is rotated"


async def test_signing_out_ends_the_session(stack):
    operator = make_operator(stack)
    async with signed_in(stack, operator) as visitor:
        page = await visitor.get("/console")
        token = visitor.client.cookies["mopos-console"]
        form = page.tree.xpath("//form[@action='/console/sign-out']//input[@name='_csrf']/@value")
        done = await visitor.post("/console/sign-out", _csrf=form[0])
        assert done.path == "/console/sign-in"
        visitor.client.cookies.set("mopos-console", token)
        assert (await visitor.get("/console")).path == "/console/sign-in"


async def test_a_new_password_and_a_new_app(stack):
    person = await make_person(stack)
    async with Visitor(stack) as visitor, Visitor(stack) as elsewhere:
        await person.sign_in(visitor)
        await person.sign_in(elsewhere)
        page = await visitor.get("/console/security")
        assert (await visitor.send(page, "/password", old="no", password="x" * 11, again="x" * 11)).status == 400
        new = "اسب‌ها به خانه برگشتند"
        wrong = await visitor.send(page, "/password", old="wrong wrong wrong", password=new, again=new)
        assert wrong.status == 403
        page = await visitor.send(page, "/password", old=person.password, password=new, again=new)
        assert page.status == 200
        assert (await elsewhere.get("/console")).path == "/console/sign-in", "other sessions have ended"
        secret = secret_on(page)
        assert secret != person.secret
        page = await visitor.send(page, "/totp", code=pyotp.TOTP(secret).now())
        assert page.status == 200
        assert secret_on(page) != secret, "the next offer is another one"
    person.password = new
    async with Visitor(stack) as visitor:
        page = await person.first_step(visitor)
        assert (await visitor.send(page, "/second", code=person.code())).status == 403
        person.secret = secret
        assert (await visitor.send(page, "/second", code=person.code())).path == "/console"


async def test_the_command_line_lists_resets_and_keeps_the_last_admin(stack):
    person = await make_person(stack, "admin")
    assert person.name in stack.run("operator", "list").stdout
    done = stack.run("operator", "reset", person.name)
    assert "one-time password" in done.stdout
    async with Visitor(stack) as visitor:
        assert (await person.first_step(visitor)).status == 403
    assert stack.run("operator", "reset", "nobody-there").returncode == 2
    assert stack.run("operator", "add", "1bad").returncode == 2
    assert stack.run("operator", "add", person.name).returncode == 2
    assert stack.run("operator", "add", "someone", "--role=king").returncode == 2
    stack.sql("update operator set disabled_at = now() where id <> %s", person.id)
    last = stack.run("operator", "disable", person.name)
    assert last.returncode == 2
    assert "last admin" in last.stderr
