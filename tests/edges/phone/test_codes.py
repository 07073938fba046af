"""One-time codes by SMS: what a guesser, a spammer and a curious person find out (nothing), in the real processes."""

from __future__ import annotations

import asyncio
import re

import pytest
from tests.phones import ask_code, code_in, half_in, new_mobile, sign_up
from tests.web import Visitor

from mopos.base.text import persian_digits


def problem(seen) -> str:
    return " ".join(" ".join(part.text_content().split()) for part in seen.tree.xpath("//*[@role='alert']"))


async def ask(visitor: Visitor, mobile: str):
    return await visitor.send(await visitor.get("/sign-in"), "/sign-in", mobile=mobile, by="code")


async def type_code(visitor: Visitor, code: str):
    return await visitor.send(await visitor.get("/sign-in/code"), "/sign-in/code", code=code)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


async def test_the_message_is_persian_and_can_be_filled_in_by_the_phone(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        seen, code = await ask_code(visitor, mobile)
    text = stack.texts_to(mobile)[0]
    assert "کد ورود به موپوز" in text
    assert text.splitlines()[-1] == f"@localhost #{code}"
    field = seen.tree.xpath("//input[@name='code']")[0]
    assert (field.get("autocomplete"), field.get("inputmode")) == ("one-time-code", "numeric")
    assert mobile not in seen.text  # only enough to recognise one's own


@pytest.mark.parametrize("typed", ["۰۹۳۶{rest}", "+98936{rest}", "0098 936 {rest}", "٠٩٣٦{rest}", "936-{rest}"])
async def test_numbers_as_people_write_them(stack, typed):
    rest = new_mobile()[4:]
    async with Visitor(stack) as visitor:
        assert (await ask(visitor, typed.format(rest=rest))).path == "/sign-in/code"
    assert stack.texts_to(f"0936{rest}")


@pytest.mark.parametrize(
    "typed", ["", "0912", "02188776655", "09123456789012", "abc", "0912345678a", "0912\u202e3456789"]
)
async def test_what_is_no_mobile_number(stack, typed):
    async with Visitor(stack) as visitor:
        seen = await ask(visitor, typed)
    assert seen.status == 400
    assert "not a mobile number" in problem(seen)


async def test_digits_of_any_keyboard(stack):
    for change in (persian_digits, lambda code: f" {code[:3]} {code[3:]} "):
        async with Visitor(stack) as visitor:
            _, code = await ask_code(visitor, new_mobile())
            assert (await type_code(visitor, change(code))).path == "/sign-in/second"


async def test_five_tries_and_no_more(stack):
    async with Visitor(stack) as visitor:
        _, code = await ask_code(visitor, new_mobile())
        for _ in range(5):
            seen = await type_code(visitor, wrong(code))
            assert (seen.status, seen.path) == (400, "/sign-in/code")
        answer = await visitor.post(
            "/sign-in/code", code=code, _csrf=seen.tree.xpath("//input[@name='_csrf']/@value")[0]
        )
        assert answer.path == "/sign-in/code"
        assert "not accepted any more" in answer.text


async def test_guesses_in_the_same_moment_are_no_more_than_five(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        seen, code = await ask_code(visitor, mobile)
        csrf = seen.tree.xpath("//input[@name='_csrf']/@value")[0]
        guesses = [f"{(int(code) + 1 + n) % 10**6:06}" for n in range(30)]
        await asyncio.gather(*(visitor.post("/sign-in/code", code=guess, _csrf=csrf) for guess in guesses))
    assert stack.sql("select tries, used_at from otp where mobile = %s", mobile) == [(5, None)]


async def test_a_code_works_once(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        seen, code = await ask_code(visitor, mobile)
        csrf = seen.tree.xpath("//input[@name='_csrf']/@value")[0]
        answers = await asyncio.gather(*(visitor.post("/sign-in/code", code=code, _csrf=csrf) for _ in range(5)))
        assert sum(answer.path == "/sign-in/second" for answer in answers) >= 1
    ((sessions,),) = stack.sql(
        "select count(*) from session s join person p on p.id = s.person_id where mobile = %s", mobile
    )
    assert sessions == 1


async def test_a_code_is_over_after_three_minutes(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        seen, code = await ask_code(visitor, mobile)
        stack.sql("update otp set expires_at = now() - interval '1 second' where mobile = %s", mobile)
        answer = await visitor.send(seen, "/sign-in/code", code=code)
    assert answer.path == "/sign-in/code"
    assert "not accepted any more" in answer.text


async def test_a_new_code_ends_the_one_before(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        _, first = await ask_code(visitor, mobile)
        _, second = await ask_code(visitor, mobile)
        if first != second:
            assert (await type_code(visitor, first)).path == "/sign-in/code"
        assert (await type_code(visitor, second)).path == "/sign-in/second"


async def test_a_code_is_good_only_in_the_browser_that_asked(stack):
    async with Visitor(stack) as mine, Visitor(stack) as theirs:
        _, code = await ask_code(mine, new_mobile())
        _, other = await ask_code(theirs, new_mobile())
        if code != other:
            assert (await type_code(theirs, code)).path == "/sign-in/code"
        # Without having asked there is nothing to type a code into.
        async with Visitor(stack) as nobody:
            assert (await nobody.get("/sign-in/code")).path == "/sign-in"


async def test_three_codes_in_ten_minutes_and_ten_a_day(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        for _ in range(3):
            assert (await ask(visitor, mobile)).path == "/sign-in/code"
        seen = await ask(visitor, mobile)
        assert seen.status == 429
        assert "Too many codes" in problem(seen)
        assert len(stack.texts_to(mobile)) == 3
        for round_ in range(3):
            stack.sql("update otp set created_at = created_at - interval '11 minutes' where mobile = %s", mobile)
            for _ in range(3 if round_ < 2 else 1):
                assert (await ask(visitor, mobile)).path == "/sign-in/code"
        stack.sql("update otp set created_at = created_at - interval '11 minutes' where mobile = %s", mobile)
        assert (await ask(visitor, mobile)).status == 429
    assert len(stack.texts_to(mobile)) == 10


async def test_requests_in_the_same_moment_do_not_get_round_the_limit(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        csrf = (await visitor.get("/sign-in")).tree.xpath("//main//input[@name='_csrf']/@value")[0]
        await asyncio.gather(*(visitor.post("/sign-in", mobile=mobile, by="code", _csrf=csrf) for _ in range(30)))
    assert 1 <= len(stack.texts_to(mobile)) <= 3


async def test_who_has_an_account_and_who_has_not_is_not_told(stack):
    known, unknown = new_mobile(), new_mobile()
    async with Visitor(stack) as visitor:
        await sign_up(visitor, known)
    pages = []
    for mobile in (known, unknown):
        async with Visitor(stack) as visitor:
            asked = await ask(visitor, mobile)
            tried = await type_code(visitor, wrong(code_in(stack.texts_to(mobile)[0])))
        async with Visitor(stack) as computer:
            waiting = await computer.send(await computer.get("/sign-in"), "/sign-in", mobile=mobile, by="phone")
        seen = [asked, tried, waiting]
        pages.append([(page.status, bare(page, mobile), len(page.response.content)) for page in seen])
    assert pages[0] == pages[1]


def bare(page, mobile: str) -> str:
    return re.sub(r"\b\d\d\b", "NN", page.text.replace(f"{mobile[:4]}***{mobile[-4:]}", "MOBILE"))


async def test_without_the_form_s_token_nothing_is_sent(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        await visitor.get("/sign-in")
        assert (await visitor.post("/sign-in", mobile=mobile, by="code")).status == 403
    assert stack.texts_to(mobile) == []


async def test_a_code_alone_opens_nothing(stack):
    async with Visitor(stack) as visitor:
        mobile = new_mobile()
        await sign_up(visitor, mobile)
    async with Visitor(stack) as thief:
        await half_in(thief, mobile)
        for path in ("/app", "/app/security", "/app/recovery", "/app/approve", "/confirm"):
            assert (await thief.get(path)).path == "/sign-in/second"
        assert (await thief.post("/sign-in/second/totp", code="123456")).status == 403


async def test_codes_are_nowhere_to_be_read(stack):
    mobile = new_mobile()
    async with Visitor(stack) as visitor:
        _, code = await ask_code(visitor, mobile)
    kept = str(stack.sql("select o::text from otp o where mobile = %s", mobile))
    assert code not in kept.replace(mobile, "")
    assert "canary-sms-key" not in stack.logs()
    assert mobile not in (stack.folder / "gateway.log").read_text()
