"""The SQL of merchants as operators see them: found by whatever a caller says on the phone, and what is changed about
their gateways by two operators."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg.errors import RestrictViolation

from mopos.base.db import Database
from mopos.base.errors import Refused
from mopos.domain.operators.changes import Approval

# Rows of a page.
PAGE = 50


class Merchant(NamedTuple):
    """An account in a list."""

    id: int
    name: str
    kind: str
    owner: str
    mobile: str
    members: int
    gateways: int
    created_at: datetime


class GatewayRow(NamedTuple):
    """A gateway on its account's page, or one that belongs to none."""

    id: int
    name: str
    account_id: int | None
    account_name: str
    application_id: int | None
    created_at: datetime
    suspended_at: datetime | None
    closed_at: datetime | None
    rmz_shown_at: datetime | None
    old_rmz_until: datetime | None


_MERCHANT = """
    select a.id, a.name, a.kind, coalesce(p.name, ''), coalesce(p.mobile, ''),
        (select count(*) from member m where m.account_id = a.id),
        (select count(*) from gateway g where g.account_id = a.id), a.created_at
    from account a left join member o on o.account_id = a.id and o.role = 'owner'
    left join person p on p.id = o.person_id
"""


async def page(db: Database, *, before: int, text: str, number: int | None) -> list[Merchant]:
    """The newest accounts before a number; with `text` those whose name, owner, member's mobile, national id, IBAN or
    site has it in it; with `number` also the account or gateway of that number."""
    rows = await db.all(
        f"""
        {_MERCHANT}
        where a.id < %(before)s and (%(text)s = '' or a.id = %(number)s
            or a.id = (select account_id from gateway where id = %(number)s)
            or a.name ilike '%%' || %(like)s || '%%' or p.name ilike '%%' || %(like)s || '%%'
            or a.national_id = %(text)s or a.iban = upper(%(text)s) or a.enamad = %(text)s
            or exists (select from member m join person q on q.id = m.person_id
                where m.account_id = a.id and q.mobile = %(text)s)
            or exists (select from application x where x.account_id = a.id and x.site ilike '%%' || %(like)s || '%%'))
        order by a.id desc limit %(limit)s
        """,  # noqa: S608
        {
            "before": before,
            "text": text,
            "like": text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_"),
            "number": number,
            "limit": PAGE + 1,
        },
    )
    return [Merchant(*row) for row in rows]


async def gateways(db: Database, account_id: int) -> list[GatewayRow]:
    """An account's gateways."""
    rows = await db.all(
        """
        select g.id, g.name, g.account_id, '', x.id, g.created_at, g.suspended_at, g.closed_at, g.rmz_shown_at,
            g.old_rmz_until
        from gateway g left join application x on x.gateway_id = g.id
        where g.account_id = %(id)s order by g.id limit 500
        """,
        {"id": account_id},
    )
    return [GatewayRow(*row) for row in rows]


async def gateway(db: Database, gateway_id: int) -> GatewayRow | None:
    """One gateway, whoever's it is."""
    row = await db.one(
        """
        select g.id, g.name, g.account_id, coalesce(a.name, ''), x.id, g.created_at, g.suspended_at, g.closed_at,
            g.rmz_shown_at, g.old_rmz_until
        from gateway g left join account a on a.id = g.account_id left join application x on x.gateway_id = g.id
        where g.id = %(id)s
        """,
        {"id": gateway_id},
    )
    return GatewayRow(*row) if row else None


class ApplicationRow(NamedTuple):
    """An application on its account's page."""

    id: int
    title: str
    site: str
    state: str
    submitted_at: datetime | None
    decided_at: datetime | None


async def applications(db: Database, account_id: int) -> list[ApplicationRow]:
    """An account's applications, the newest first."""
    rows = await db.all(
        """
        select id, title, site, state, submitted_at, decided_at from application
        where account_id = %(id)s order by id desc limit 200
        """,
        {"id": account_id},
    )
    return [ApplicationRow(*row) for row in rows]


async def revoke_rmz(
    db: Database, gateway_id: int, *, nobodys_hash: bytes, number: str, approval: Approval, now: datetime
) -> bool:
    """Every `Rmz` of a gateway stops at once; its owner fetches a new one. Approves the proposal by the same statement.
    False: no such gateway, or it was closed. Raises `Refused` (`proposal_gone`)."""
    try:
        row = await db.one(
            """
            with revoked as (
                update gateway set rmz_hash = %(hash)s, old_rmz_hash = null, old_rmz_until = null, rmz_shown_at = null
                where id = %(id)s and closed_at is null returning account_id
            ),
            noted as (
                insert into activity (account_id, operator_id, at, act, subject)
                select account_id, %(operator)s, %(now)s, 'rmz_revoked_by_operator', %(number)s from revoked
                where account_id is not null
            )
            select approve(%(proposal)s, %(operator)s, %(note)s, %(now)s) from revoked
            """,
            {
                "id": gateway_id,
                "hash": nobodys_hash,
                "number": number,
                "proposal": approval.proposal_id,
                "operator": approval.operator_id,
                "note": approval.note,
                "now": now,
            },
        )
    except RestrictViolation as error:
        raise Refused(["proposal_gone"]) from error
    return row is not None
