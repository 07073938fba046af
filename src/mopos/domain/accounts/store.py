"""The SQL of gateways: the number `ID` and the special password `Rmz` of a merchant's gateway."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from mopos.base.db import Database
from mopos.base.ids import with_check_digit
from mopos.domain.accounts.model import Membership, Role


class Gateway(NamedTuple):
    """A gateway as lists show it."""

    id: int
    name: str
    suspended_at: datetime | None
    created_at: datetime


async def create(db: Database, *, name: str, rmz_hash: bytes, now: datetime) -> int:
    """A new gateway; its accounts in the books open by themselves. Returns its id (the number `ID` is the id with a
    check digit)."""
    rows = await db.all(
        """
        insert into gateway (name, rmz_hash, created_at, rmz_shown_at)
        values (%(name)s, %(rmz_hash)s, %(now)s, %(now)s) returning id
        """,
        {"name": name, "rmz_hash": rmz_hash, "now": now},
    )
    return int(rows[0][0])


async def rotate_rmz(db: Database, gateway_id: int, *, rmz_hash: bytes, old_until: datetime) -> bool:
    """A new `Rmz`; the present one stays valid until `old_until`. False: no such gateway."""
    row = await db.one(
        """
        update gateway set old_rmz_hash = rmz_hash, old_rmz_until = %(old_until)s, rmz_hash = %(rmz_hash)s
        where id = %(id)s returning 1
        """,
        {"id": gateway_id, "rmz_hash": rmz_hash, "old_until": old_until},
    )
    return row is not None


async def switch(db: Database, gateway_id: int, *, suspended: bool, reason: str, now: datetime) -> bool:
    """Suspend a gateway of the command line, or let it sell again; told in the operators' log. False: there is none in
    the other state. A gateway that an application made is decided upon at the console, by who answers for it."""
    row = await db.one(
        """
        with changed as (
            update gateway g set suspended_at = case when %(suspended)s then %(now)s::timestamptz end
            where id = %(id)s and (suspended_at is null) = %(suspended)s and closed_at is null
                and not exists (select from application a where a.gateway_id = g.id)
            returning id
        ),
        told as (
            insert into audit_log (at, operator_id, act, subject, reason, data)
            select %(now)s, null, case when %(suspended)s then 'suspend_gateway' else 'resume_gateway' end,
                'gateway ' || %(number)s, %(reason)s, '{}' from changed
        )
        select 1 from changed
        """,
        {
            "id": gateway_id,
            "number": with_check_digit(gateway_id),
            "suspended": suspended,
            "reason": reason,
            "now": now,
        },
    )
    return row is not None


async def page(db: Database, *, after_id: int, limit: int) -> list[Gateway]:
    """Gateways in order of their number, a page at a time."""
    rows = await db.all(
        """
        select id, name, suspended_at, created_at from gateway where id > %(after_id)s order by id limit %(limit)s
        """,
        {"after_id": after_id, "limit": limit},
    )
    return [Gateway(*row) for row in rows]


async def exists(db: Database, gateway_id: int) -> bool:
    """Whether there is such a gateway."""
    return await db.one("select 1 from gateway where id = %(id)s", {"id": gateway_id}) is not None


async def membership(db: Database, account_id: int, person_id: int) -> Membership | None:
    """What a person is in an account. None: not a member, or no such account; the two are not told apart."""
    row = await db.one(
        """
        select a.id, a.name, m.role, m.since from member m join account a on a.id = m.account_id
        where m.account_id = %(account_id)s and m.person_id = %(person_id)s
        """,
        {"account_id": account_id, "person_id": person_id},
    )
    return Membership(row[0], row[1], Role(row[2]), row[3]) if row else None


async def memberships(db: Database, person_id: int) -> list[Membership]:
    """All accounts that a person is a member of (people have a handful)."""
    rows = await db.all(
        """
        select a.id, a.name, m.role, m.since from member m join account a on a.id = m.account_id
        where m.person_id = %(person_id)s order by m.since, a.id limit 100
        """,
        {"person_id": person_id},
    )
    return [Membership(account_id, name, Role(role), since) for account_id, name, role, since in rows]
