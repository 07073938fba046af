"""People with phones, as tests use them: signing up and in page by page, as a browser without scripts would."""

from __future__ import annotations

import itertools
import re
import secrets

import pyotp
from tests.stack import Stack
from tests.web import Seen, Visitor

_numbers = itertools.count(1)


def new_mobile() -> str:
    return f"0935{next(_numbers):03}{secrets.randbelow(10**4):04}"


def code_in(text: str) -> str:
    return re.search(r"\d{6}", text)[0]


async def ask_code(visitor: Visitor, mobile: str) -> tuple[Seen, str]:
    """Ask for a code: the page on which it is typed, and the code that came."""
    seen = await visitor.send(await visitor.get("/sign-in"), "/sign-in", mobile=mobile, by="code")
    assert seen.path == "/sign-in/code", seen.text
    return seen, code_in(visitor.stack.texts_to(mobile)[0])


async def half_in(visitor: Visitor, mobile: str) -> Seen:
    """In as far as the second factor's page."""
    seen, code = await ask_code(visitor, mobile)
    seen = await visitor.send(seen, "/sign-in/code", code=code)
    assert seen.path == "/sign-in/second", seen.text
    return seen


def secret_on(seen: Seen) -> pyotp.TOTP:
    """The authenticator that was set up with what a page shows."""
    (text,) = seen.tree.xpath("//ol[@class='how']//bdi[@class='code']")
    return pyotp.TOTP(text.text_content().replace(" ", ""))


async def sign_up(visitor: Visitor, mobile: str) -> pyotp.TOTP:
    """A new person with an authenticator, signed in."""
    seen = await half_in(visitor, mobile)
    totp = secret_on(seen)
    seen = await visitor.send(seen, "/totp", code=totp.now())
    assert seen.path == "/app/recovery", seen.text
    return totp


def forget_step(stack: Stack, mobile: str) -> None:
    """As if half a minute had gone by: the authenticator's present code may be used again."""
    stack.sql("update person set totp_last_step = 0 where mobile = %s", mobile)


def grow_old(stack: Stack, mobile: str) -> None:
    """As if the last proof of the second factor were long ago."""
    stack.sql(
        """
        update session set fresh_at = now() - interval '1 hour'
        where person_id = (select id from person where mobile = %s)
        """,
        mobile,
    )
