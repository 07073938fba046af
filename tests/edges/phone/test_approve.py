"""A computer asks, the phone answers: the right number once, in time, from the recognised phone only."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import pytest
from tests.phones import new_mobile, sign_up
from tests.stack import Stack
from tests.web import Seen, Visitor


@dataclass
class Phone:
    visitor: Visitor
    mobile: str

    def asked(self) -> tuple[int, int, list[int]]:
        return self.visitor.stack.sql(
            "select id, number, choices from sign_in_request where mobile = %s order by id desc limit 1", self.mobile
        )[0]

    async def choose(self, request_id: int, number: int | str) -> Seen:
        page = await self.visitor.get(f"/app/approve/{request_id}")
        return await self.visitor.send(page, f"/app/approve/{request_id}", number=str(number))


def recognise(stack: Stack, mobile: str, *, is_phone: bool = True) -> None:
    """This person's session is that of a device with a passkey."""
    stack.sql(
        """
        with made as (
            insert into device (person_id, credential_id, public_key, sign_count, name, is_phone, created_at)
            select id, %s, '', 0, 'Pixel', %s, now() from person where mobile = %s returning id, person_id
        )
        update session s set device_id = made.id from made where s.person_id = made.person_id
        """,
        secrets.token_bytes(16),
        is_phone,
        mobile,
    )


@pytest.fixture
async def phone(stack):
    async with Visitor(stack) as visitor:
        mobile = new_mobile()
        await sign_up(visitor, mobile)
        recognise(stack, mobile)
        yield Phone(visitor, mobile)


async def ask(computer: Visitor, mobile: str) -> Seen:
    return await computer.send(await computer.get("/sign-in"), "/sign-in", mobile=mobile, by="phone")


async def test_the_right_number_lets_the_computer_in_once(stack, phone):
    async with Visitor(stack) as computer:
        waiting = await ask(computer, phone.mobile)
        request_id, number, choices = phone.asked()
        assert str(number) in waiting.text
        assert number in choices
        assert waiting.response.headers["refresh"]
        seen = await phone.choose(request_id, number)
        assert "The computer is let in" in seen.text

        approved = await computer.get(waiting.path)
        assert approved.heading == "Approved"
        token = approved.tree.xpath("//main//input[@name='_csrf']/@value")[0]
        assert (await computer.send(approved)).path == "/app"
        assert phone.mobile in (await computer.get("/app")).text
        again = await computer.post(approved.path, _csrf=token)
        assert again.status in (403, 410)
    assert stack.sql("select count(*) from session s join person p on p.id = s.person_id where mobile = %s "
                     "and s.ended_at is null", phone.mobile) == [(2,)]  # fmt: skip


async def test_another_number_refuses(stack, phone):
    async with Visitor(stack) as computer:
        waiting = await ask(computer, phone.mobile)
        request_id, number, choices = phone.asked()
        wrong = next(choice for choice in choices if choice != number)
        assert "not the computer's number" in (await phone.choose(request_id, wrong)).text
        assert (await computer.get(waiting.path)).heading == "Not approved"
        # The right one comes too late.
        page = await phone.visitor.get(f"/app/approve/{request_id}")
        assert page.status == 410


async def test_it_is_not_me(stack, phone):
    async with Visitor(stack) as computer:
        waiting = await ask(computer, phone.mobile)
        assert "The request is refused" in (await phone.choose(phone.asked()[0], "")).text
        assert (await computer.get(waiting.path)).heading == "Not approved"


async def test_after_two_minutes_it_is_over(stack, phone):
    async with Visitor(stack) as computer:
        waiting = await ask(computer, phone.mobile)
        request_id, _, _ = phone.asked()
        stack.sql("update sign_in_request set expires_at = now() - interval '1 second' where id = %s", request_id)
        assert (await computer.get(waiting.path)).heading == "The request is over"
        assert (await phone.visitor.get(f"/app/approve/{request_id}")).status == 410


async def test_an_approval_is_taken_up_soon_or_never(stack, phone):
    async with Visitor(stack) as computer:
        waiting = await ask(computer, phone.mobile)
        request_id, number, _ = phone.asked()
        await phone.choose(request_id, number)
        approved = await computer.get(waiting.path)
        stack.sql("update sign_in_request set expires_at = now() - interval '5 minutes' where id = %s", request_id)
        assert (await computer.send(approved)).status == 410


async def test_only_the_browser_that_asked_can_go_in(stack, phone):
    async with Visitor(stack) as computer, Visitor(stack) as thief:
        waiting = await ask(computer, phone.mobile)
        request_id, number, _ = phone.asked()
        await phone.choose(request_id, number)
        assert (await thief.get(waiting.path)).path == "/sign-in"
        token = (await thief.get("/sign-in")).tree.xpath("//main//input[@name='_csrf']/@value")[0]
        assert (await thief.post(waiting.path, _csrf=token)).status == 410


async def test_another_person_s_phone_neither_sees_nor_answers(stack, phone):
    async with Visitor(stack) as other, Visitor(stack) as computer:
        mobile = new_mobile()
        await sign_up(other, mobile)
        recognise(stack, mobile)
        await ask(computer, phone.mobile)
        request_id, number, _ = phone.asked()
        assert (await other.get(f"/app/approve/{request_id}")).status == 410
        token = (await other.get("/app")).tree.xpath("//main//input[@name='_csrf']/@value")[0]
        assert (await other.post(f"/app/approve/{request_id}", number=str(number), _csrf=token)).status == 410
    assert stack.sql("select answer from sign_in_request where id = %s", request_id) == [(None,)]


async def test_a_computer_or_an_authenticator_alone_cannot_approve(stack):
    async with Visitor(stack) as visitor, Visitor(stack) as computer:
        mobile = new_mobile()
        await sign_up(visitor, mobile)
        await ask(computer, mobile)
        request_id, number, _ = Phone(visitor, mobile).asked()
        assert (await visitor.get(f"/app/approve/{request_id}")).status == 403
        recognise(stack, mobile, is_phone=False)
        token = (await visitor.get("/app")).tree.xpath("//main//input[@name='_csrf']/@value")[0]
        assert (await visitor.post(f"/app/approve/{request_id}", number=str(number), _csrf=token)).status == 410


async def test_five_questions_in_ten_minutes(stack, phone):
    async with Visitor(stack) as computer:
        for _ in range(5):
            assert (await ask(computer, phone.mobile)).status == 200
        assert (await ask(computer, phone.mobile)).status == 429
