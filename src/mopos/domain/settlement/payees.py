"""The SQL of whom money may be paid to: the IBAN, name and national id of an account as an operator agreed to them. If
the account's present ones differ, nothing is paid until an operator looks again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from psycopg.types.json import Jsonb

from mopos.base.db import Database, Row
from mopos.base.money import Rial

# What an operator works through in a day; the next ones follow when these are done.
LISTED_MAX = 200


class Owner(NamedTuple):
    """The account of a gateway."""

    id: int
    name: str


async def account_of(db: Database, gateway_id: int) -> Owner | None:
    """Whose a gateway is. None: nobody's, or there is none."""
    row = await db.one(
        "select c.id, c.name from gateway g join account c on c.id = g.account_id where g.id = %(id)s",
        {"id": gateway_id},
    )
    return Owner(*row) if row else None


class LeftOut(NamedTuple):
    """A gateway that a run pays nothing although it is owed something. `why`: no_account, stopped, suspended,
    payee_unconfirmed, payee_changed."""

    gateway_id: int
    name: str
    why: str
    balance: Rial


async def left_out(db: Database) -> list[LeftOut]:
    """Gateways with money that is not paid out, the largest first."""
    rows = await db.all(
        """
        select g.id, g.name, bar.why, owed.rial from payout_bar bar join gateway g on g.id = bar.gateway_id
        join ledger_account a on a.kind = 'merchant_payable' and a.owner = g.id
        join lateral (
            select sum(b.credit_rial - b.debit_rial)::bigint as rial from ledger_balance b where b.account_id = a.id
        ) owed on owed.rial > 0
        where bar.why is not null order by owed.rial desc, g.id limit %(most)s
        """,
        {"most": LISTED_MAX},
    )
    return [LeftOut(row[0], row[1], row[2], Rial(row[3])) for row in rows]


class Payee(NamedTuple):
    """An account whose payee an operator has to look at. `agreed`: what was agreed to before; None: nothing yet."""

    account_id: int
    iban: str
    name: str
    national_id: str
    agreed: Mapping[str, str] | None
    iban_owner: str
    iban_matches: bool | None
    owed: Rial


_PAYEE = """
    select c.id, c.iban, c.name, c.national_id, c.payee, c.iban_owner, c.iban_matches, coalesce(owed.rial, 0)
    from account c
    left join lateral (
        select sum(b.credit_rial - b.debit_rial)::bigint as rial from gateway g
        join ledger_account a on a.kind = 'merchant_payable' and a.owner = g.id
        join ledger_balance b on b.account_id = a.id where g.account_id = c.id
    ) owed on true
    where exists (select from gateway g where g.account_id = c.id)
"""


def _payee(row: Row) -> Payee:
    return Payee(*row)._replace(owed=Rial(row[7]))


async def waiting(db: Database) -> list[Payee]:
    """Accounts with a gateway whose present IBAN, name or national id nobody has agreed to, those with most money
    first."""
    rows = await db.all(
        f"""
        {_PAYEE} and (c.payee is null or (c.payee ->> 'iban', c.payee ->> 'name', c.payee ->> 'national_id')
            is distinct from (c.iban, c.name, c.national_id))
        order by coalesce(owed.rial, 0) desc, c.id limit %(most)s
        """,
        {"most": LISTED_MAX},
    )
    return [_payee(row) for row in rows]


async def find(db: Database, account_id: int) -> Payee | None:
    """An account with a gateway, whether or not somebody has to look at it."""
    row = await db.one(f"{_PAYEE} and c.id = %(id)s", {"id": account_id})
    return _payee(row) if row else None


async def confirm(
    db: Database, account_id: int, shown: Mapping[str, str], *, operator_id: int | None, reason: str, now: datetime
) -> bool:
    """Agree to what an account is now, as it was shown. False: it is something else by now."""
    row = await db.one(
        """
        with agreed as (
            update account set payee = jsonb_build_object('iban', iban, 'name', name, 'national_id', national_id)
            where id = %(id)s and iban = %(iban)s and name = %(name)s and national_id = %(national_id)s
            returning id, payee
        )
        insert into audit_log (at, operator_id, act, subject, reason, data)
        select %(now)s, %(operator_id)s, 'confirm_payee', 'account ' || id, %(reason)s, %(shown)s from agreed
        returning 1
        """,
        {
            "id": account_id,
            "iban": shown["iban"],
            "name": shown["name"],
            "national_id": shown["national_id"],
            "shown": Jsonb(dict(shown)),
            "operator_id": operator_id,
            "reason": reason,
            "now": now,
        },
    )
    return row is not None
