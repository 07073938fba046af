"""The SQL of a gateway's look on the buyer's pages."""

from __future__ import annotations

from typing import NamedTuple

from psycopg.types.json import Jsonb

from mopos.base.db import Database
from mopos.domain.accounts.gateways import By


class Brand(NamedTuple):
    """How a gateway looks. All empty: as MoPos does, under the gateway's own name."""

    gateway_id: int
    gateway_name: str
    name: str
    colour: str
    logo_hash: str
    is_closed: bool


_COLUMNS = "id, name, brand_name, brand_colour, brand_logo_hash, closed_at is not null"
# As many gateways as an account's other lists show.
_LISTED_MAX = 200


async def of_account(db: Database, account_id: int) -> list[Brand]:
    """The looks of an account's gateways, the oldest first."""
    rows = await db.all(
        f"select {_COLUMNS} from gateway where account_id = %(account_id)s order by id limit %(limit)s",  # noqa: S608
        {"account_id": account_id, "limit": _LISTED_MAX},
    )
    return [Brand(*row) for row in rows]


async def one(db: Database, account_id: int, gateway_id: int) -> Brand | None:
    """The look of an account's gateway. None: no such gateway, or another account's."""
    row = await db.one(
        f"select {_COLUMNS} from gateway where id = %(id)s and account_id = %(account_id)s",  # noqa: S608
        {"id": gateway_id, "account_id": account_id},
    )
    return Brand(*row) if row else None


async def change(
    db: Database,
    account_id: int,
    gateway_id: int,
    *,
    name: str,
    colour: str,
    logo: bytes | None,
    keep_logo: bool,
    subject: str,
    by: By,
) -> bool:
    """Give a gateway another look; `keep_logo`: the logo stays what it is. False: there is no such gateway in this
    account, or it is closed. What changes nothing leaves no row of activity."""
    row = await db.one(
        """
        with mine as (
            select id from gateway
            where id = %(id)s and account_id = %(account_id)s and closed_at is null for update
        ),
        changed as (
            update gateway g set brand_name = %(name)s, brand_colour = %(colour)s,
                brand_logo = case when %(keep_logo)s then g.brand_logo else %(logo)s::bytea end
            from mine
            where g.id = mine.id and ((g.brand_name, g.brand_colour) <> (%(name)s, %(colour)s) or not %(keep_logo)s)
            returning g.account_id
        ),
        noted as (
            insert into activity (account_id, person_id, at, act, subject, data, ip)
            select account_id, %(person_id)s, %(now)s, 'brand_changed', %(subject)s, %(data)s, %(ip)s from changed
        )
        select 1 from mine
        """,
        {
            "id": gateway_id,
            "account_id": account_id,
            "name": name,
            "colour": colour,
            "logo": logo,
            "keep_logo": keep_logo,
            "subject": subject,
            "data": Jsonb({"name": name, "colour": colour}),
            "person_id": by.person_id,
            "now": by.now,
            "ip": by.ip,
        },
    )
    return row is not None


async def logo(db: Database, gateway_id: int, logo_hash: str) -> bytes | None:
    """A gateway's logo, a PNG. None: it has none, or another one by now."""
    row = await db.one(
        """
        select brand_logo from gateway
        where id = %(id)s and brand_logo_hash = %(hash)s and brand_logo is not null
        """,
        {"id": gateway_id, "hash": logo_hash},
    )
    return bytes(row[0]) if row else None
