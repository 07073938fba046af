"""Operators with a password and an app, as tests sign them in, and purchases that stand where an operator is needed."""

import json
import secrets
from dataclasses import dataclass

import pyotp
from tests.stack import Shop, Stack
from tests.web import Seen, Visitor

from mopos.base.ids import with_check_digit

PASSWORD = "چهار اسب سفید در دشت"


@dataclass
class Person:
    """An operator with what he knows and has."""

    stack: Stack
    name: str
    id: int
    password: str = PASSWORD
    secret: str = ""

    def code(self) -> str:
        """The present code, as if it had not been used: tests need not wait for the next one."""
        self.stack.sql("update operator set totp_last_step = 0 where id = %s", self.id)
        return pyotp.TOTP(self.secret).now()

    async def first_step(self, visitor: Visitor, password: str | None = None, name: str | None = None) -> Seen:
        page = await visitor.get("/console/sign-in")
        return await visitor.send(page, "/sign-in", name=name or self.name, password=password or self.password)

    async def sign_in(self, visitor: Visitor) -> Seen:
        return await visitor.send(await self.first_step(visitor), "/second", code=self.code())


def make_new(stack: Stack, role: str = "admin") -> tuple[str, str]:
    """An operator as the command line makes one: name and one-time password."""
    name = f"op{secrets.token_hex(4)}"
    made = json.loads(stack.run("operator", "add", name, f"--role={role}", "--json").stdout)
    return made["name"], made["password"]


async def make_person(stack: Stack, role: str = "admin") -> Person:
    """An operator who has set up password and app, page by page."""
    name, password = make_new(stack, role)
    ((number,),) = stack.sql("select id from operator where name = %s", name)
    person = Person(stack, name, number, password)
    async with Visitor(stack) as visitor:
        page = await person.first_step(visitor)
        assert page.path == "/console/sign-in/setup", page.text
        await finish_setup(person, visitor, page)
    return person


async def finish_setup(person: Person, visitor: Visitor, page: Seen) -> Seen:
    person.secret = secret_on(page)
    code = pyotp.TOTP(person.secret).now()
    done = await visitor.send(page, "/setup", password=PASSWORD, again=PASSWORD, code=code)
    assert done.path == "/console", done.text
    person.password = PASSWORD
    return done


def secret_on(page: Seen) -> str:
    """The key that a page offers for typing."""
    spaced = page.tree.xpath("//main//*[contains(@class, 'code')]/text()")
    return next(text.replace(" ", "") for text in spaced if len(text.replace(" ", "")) == 32)


async def unknown_purchase(shop: Shop, web) -> tuple[str, str]:
    """A purchase about which the bank was silent, and is not asked again soon: its Res, and its number."""
    bought = await shop.buy(web, "verify_error")
    assert shop.state(bought.res) == "UNKNOWN"
    return bought.res, number_of(shop, bought.res)


async def conflicted_purchase(shop: Shop, web) -> tuple[str, str]:
    """A purchase of which the bank took another amount: its Res, and its number."""
    bought = await shop.buy(web, "amount_differs")
    assert shop.state(bought.res) == "CONFLICTED"
    return bought.res, number_of(shop, bought.res)


def number_of(shop: Shop, res: str) -> str:
    ((number,),) = shop.stack.sql("select id from purchase where gateway_id = %s and res = %s", int(shop.id[:-1]), res)
    return with_check_digit(number)


def told(stack: Stack, act: str, subject: str) -> list[dict]:
    """The audit log's rows of an act about something."""
    # Numbers mean purchases here.
    subject = f"purchase {subject}" if subject.isdigit() else subject
    rows = stack.sql(
        "select operator_id, reason, data from audit_log where act = %s and subject = %s order by id", act, subject
    )
    return [{"operator": row[0], "reason": row[1], **row[2]} for row in rows]
