"""Second factors in the real processes: authenticator, recovery codes, the lock, and new tokens at each step."""

from __future__ import annotations

import asyncio
import hashlib

import pyotp
from tests.phones import forget_step, grow_old, half_in, new_mobile, secret_on, sign_up
from tests.stack import KEY
from tests.web import Visitor

from mopos.base.secret import Secret, key_for
from mopos.base.totp import secret_for


def token(visitor: Visitor) -> str:
    return visitor.client.cookies.get("mopos") or ""


def is_open(stack, token_text: str) -> bool:
    digest = hashlib.sha256(token_text.encode()).digest()
    return stack.sql("select ended_at is null from session where token_hash = %s", digest) == [(True,)]


async def recovery_codes(visitor: Visitor) -> list[str]:
    seen = await visitor.send(await visitor.get("/app/recovery"), "/app/recovery")
    return [code.text_content() for code in seen.tree.xpath("//ol[@class='codes']//bdi")]


async def test_signing_up_makes_a_person_and_an_account_of_his_own(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        await sign_up(visitor, mobile)
        home = await visitor.get("/app")
        assert (home.path, home.status) == ("/app", 200)
        assert [link for link in home.links() if link.startswith("/panel/")]
    rows = stack.sql("select role from member m join person p on p.id = m.person_id where mobile = %s", mobile)
    assert rows == [("owner",)]
    # Coming back makes nothing new.
    forget_step(stack, mobile)
    async with Visitor(stack) as visitor:
        await half_in(visitor, mobile)
    assert stack.sql("select count(*) from person where mobile = %s", mobile) == [(1,)]


async def test_each_step_gives_a_new_token_and_ends_the_one_before(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        seen = await half_in(visitor, mobile)
        first = token(visitor)
        totp = secret_on(seen)
        await visitor.send(seen, "/totp", code=totp.now())
        second = token(visitor)
        grow_old(stack, mobile)
        forget_step(stack, mobile)
        seen = await visitor.get("/app/security/totp")
        assert seen.path == "/confirm"
        seen = await visitor.send(seen, "/confirm", code=totp.now())
        assert seen.path == "/app/security/totp"
        third = token(visitor)
        assert len({first, second, third}) == 3
        assert [is_open(stack, text) for text in (first, second, third)] == [False, False, True]
        answer = await visitor.post(
            "/sign-out", _csrf=(await visitor.get("/app")).tree.xpath("//input[@name='_csrf']/@value")[0]
        )
        assert answer.path == "/sign-in"
        assert not is_open(stack, third)
        assert (await visitor.get("/app")).path == "/sign-in"


async def test_a_step_up_does_not_stretch_the_absolute_limit(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        totp = await sign_up(visitor, mobile)
        stack.sql(
            """
            update session set created_at = now() - interval '29 days', fresh_at = null
            where person_id = (select id from person where mobile = %s)
            """,
            mobile,
        )
        forget_step(stack, mobile)
        await visitor.send(await visitor.get("/confirm"), "/confirm", code=totp.now())
        ((days,),) = stack.sql(
            """
            select extract(day from now() - s.created_at) from session s join person p on p.id = s.person_id
            where mobile = %s and ended_at is null
            """,
            mobile,
        )
    assert days == 29


async def test_a_code_of_the_authenticator_works_once(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        totp = await sign_up(visitor, mobile)
    forget_step(stack, mobile)
    code = totp.now()
    async with Visitor(stack) as visitor:
        assert (await visitor.send(await half_in(visitor, mobile), "/second", code=code)).path == "/app"
    async with Visitor(stack) as thief:
        seen = await thief.send(await half_in(thief, mobile), "/second", code=code)
        assert (seen.path, seen.status) == ("/sign-in/second", 400)


async def test_a_code_in_the_same_moment_lets_one_in(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        totp = await sign_up(visitor, mobile)
    forget_step(stack, mobile)
    async with Visitor(stack) as one, Visitor(stack) as other:
        pages = [await half_in(visitor, mobile) for visitor in (one, other)]
        code = totp.now()
        answers = await asyncio.gather(
            *(visitor.send(page, "/second", code=code) for visitor, page in zip((one, other), pages, strict=True))
        )
    assert sorted(answer.path for answer in answers) == ["/app", "/sign-in/second"]


async def test_five_wrong_codes_lock_codes_but_only_after_a_right_message(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        totp = await sign_up(visitor, mobile)
    async with Visitor(stack) as thief:
        page = await half_in(thief, mobile)
        for _ in range(5):
            assert (await thief.send(page, "/second", code="000000")).status == 400
        locked = await thief.send(page, "/second", code=totp.now())
        assert locked.status == 429
        assert "Too many wrong codes" in locked.text
        # The time goes by.
        stack.sql("update person set locked_until = now() - interval '1 second' where mobile = %s", mobile)
        forget_step(stack, mobile)
        assert (await thief.send(page, "/second", code=totp.now())).path == "/app"
    assert stack.sql("select wrong_count, locked_until from person where mobile = %s", mobile) == [(0, None)]


async def test_guesses_in_the_same_moment_are_counted_all(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        await sign_up(visitor, mobile)
    async with Visitor(stack) as thief:
        page = await half_in(thief, mobile)
        answers = await asyncio.gather(*(thief.send(page, "/second", code=f"{n:06}") for n in range(20)))
    assert sum(answer.status == 400 for answer in answers) == 5
    assert sum(answer.status == 429 for answer in answers) == 15


async def test_recovery_codes_are_shown_once_and_work_once(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        await sign_up(visitor, mobile)
        codes = await recovery_codes(visitor)
        assert len(set(codes)) == 10
        again = await visitor.get("/app/recovery")
        assert not any(code in again.text for code in codes)
    kept = str(
        stack.sql("select code_hash from recovery_code r join person p on p.id = person_id where mobile = %s", mobile)
    )
    assert kept.count("$argon2id$") == 10
    assert codes[0] not in kept

    async with Visitor(stack) as visitor:
        page = await half_in(visitor, mobile)
        assert (await visitor.send(page, "/second", code=codes[0].upper().replace("-", " "))).path == "/app"
    assert any("کد بازیابی" in text for (text,) in stack.sql("select text from message where mobile = %s", mobile))
    async with Visitor(stack) as visitor:
        page = await half_in(visitor, mobile)
        assert (await visitor.send(page, "/second", code=codes[0])).status == 400
        assert (await visitor.send(page, "/second", code=codes[1])).path == "/app"


async def test_new_recovery_codes_end_the_earlier_ones(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        await sign_up(visitor, mobile)
        old, new = await recovery_codes(visitor), await recovery_codes(visitor)
    async with Visitor(stack) as visitor:
        page = await half_in(visitor, mobile)
        assert (await visitor.send(page, "/second", code=old[0])).status == 400
        assert (await visitor.send(page, "/second", code=new[0])).path == "/app"


async def test_a_half_open_session_cannot_set_up_a_factor_beside_the_one_there_is(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        await sign_up(visitor, mobile)
    async with Visitor(stack) as thief:
        page = await half_in(thief, mobile)
        assert page.tree.xpath("//ol[@class='how']") == []
        csrf = page.tree.xpath("//input[@name='_csrf']/@value")[0]
        offered = secret_for(key_for(Secret(KEY), "totp offer"), hashlib.sha256(token(thief).encode()).hexdigest())
        right = pyotp.TOTP(offered.reveal()).now()
        answer = await thief.post("/sign-in/second/totp", code=right, _csrf=csrf)
        assert answer.status == 409
        answer = await thief.post("/sign-in/second/passkey", ceremony="x", credential="{}", _csrf=csrf)
        assert answer.status == 400
        assert (await thief.get("/app")).path == "/sign-in/second"


async def test_after_signing_in_it_goes_on_where_one_wanted_to_go_but_never_elsewhere(stack):
    for wanted, reached in (
        ("/app/security", "/app/security"),
        ("//evil.test/", "/app"),
        ("https://evil.test", "/app"),
    ):
        mobile = new_mobile()
        async with Visitor(stack) as visitor:
            totp = await sign_up(visitor, mobile)
        forget_step(stack, mobile)
        async with Visitor(stack) as visitor:
            await half_in(visitor, mobile)
            page = await visitor.get("/sign-in/second", next=wanted)
            assert (await visitor.send(page, "/second", code=totp.now())).path == reached
