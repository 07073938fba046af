"""What the demo's week stands on: a clock that is moved by hand, merchants, and operators."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from typing import NamedTuple

from mopos.actions import manage_account
from mopos.actions.confirm_payee import confirm_payee
from mopos.actions.services import Services
from mopos.base.clock import TEHRAN
from mopos.base.db import Database
from mopos.base.iban import with_check_digits
from mopos.base.ids import without_check_digit
from mopos.base.secret import Secret
from mopos.domain.operators.model import Operator, Post

# Passes the check of a national id; belongs to nobody whom we know.
NATIONAL_ID = "0013542419"


class MovedClock:
    """The time of the whole story. It stands still until it is moved, and never goes back."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    def go_to(self, day: date, at: time_of_day) -> None:
        """Move to a time of a day of Tehran, if it is still to come."""
        self.now = max(self.now, datetime.combine(day, at, TEHRAN).astimezone(self.now.tzinfo))

    def pass_by(self, **duration: float) -> None:
        self.now += timedelta(**duration)

    @property
    def day(self) -> date:
        """The day in Tehran."""
        return self.now.astimezone(TEHRAN).date()


class Merchant(NamedTuple):
    """A gateway that sells all week."""

    name: str
    id: str
    """As the shop knows it, with its check digit."""
    rmz: Secret
    account_id: int

    @property
    def gateway_id(self) -> int:
        return without_check_digit(self.id)


async def make_merchant(services: Services, operator: Operator, name: str, iban: str) -> Merchant:
    """An account with a payee that an operator has agreed to, and its gateway."""
    made = await manage_account.create_account(services.db, services.clock, services.settings, name)
    row = await services.db.one(
        """
        with a as (
            insert into account (name, national_id, iban, created_at)
            values (%(name)s, %(national_id)s, %(iban)s, %(now)s) returning id
        )
        update gateway g set account_id = a.id from a where g.id = %(gateway)s returning a.id
        """,
        {
            "name": name,
            "national_id": NATIONAL_ID,
            "iban": iban,
            "now": services.clock(),
            "gateway": without_check_digit(made.id),
        },
    )
    if row is None:
        raise LookupError(name)
    merchant = Merchant(name, made.id, made.rmz, row[0])
    await agree(services, operator, merchant, iban)
    return merchant


async def give_other_iban(services: Services, operator: Operator, merchant: Merchant, iban: str) -> None:
    """A deposit came back: the merchant gives another Sheba, and an operator looks at it."""
    await services.db.one(
        "update account set iban = %(iban)s where id = %(id)s", {"iban": iban, "id": merchant.account_id}
    )
    await agree(services, operator, merchant, iban)


async def agree(services: Services, operator: Operator, merchant: Merchant, iban: str) -> None:
    """The operator has looked at where the money goes."""
    shown = {"iban": iban, "name": merchant.name, "national_id": NATIONAL_ID}
    await confirm_payee(services, operator, merchant.account_id, shown, "the demo's week")


async def make_operator(db: Database, name: str, now: datetime) -> Operator:
    """An operator of the books, who acts in the story without signing in."""
    row = await db.one(
        """
        insert into operator (name, title, role, handle, password_hash, created_at)
        values (%(name)s, %(name)s, 'finance', sha256(convert_to(%(name)s, 'UTF8')), '', %(now)s) returning id
        """,
        {"name": name, "now": now},
    )
    if row is None:
        raise LookupError(name)
    return Operator(row[0], name, name, Post.FINANCE)


def iban_of(bank: str, account: int) -> str:
    """A Sheba with right check digits: bank code and account number."""
    return with_check_digits(f"{bank}{account:019d}")
