"""The SQL of how far a shop has come with its integration, from what has really happened."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from mopos.base.db import Database


class Progress(NamedTuple):
    """Moments; None: not yet, as far as is known."""

    first_form_at: datetime | None
    """The first purchase that a form of this shop registered."""
    refused_form_at: datetime | None
    """The last form that was refused, of those that the log still has."""
    pay_rep_at: datetime | None
    """The last PayRep with the right Rmz, of those that the log still has."""
    acknowledged_at: datetime | None
    """When PayRep last told the shop of a payment for the first time, among its latest purchases."""


class Recent(NamedTuple):
    """A purchase to try PayRep with."""

    res: str
    state: str


async def progress(db: Database, gateway_id: int) -> Progress:
    """What a gateway's shop has done so far. A thousand purchases are looked at, so that a shop with millions that
    never asked costs no more."""
    rows = await db.all(
        """
        select
            (select registered_at from purchase where gateway_id = %(id)s order by id limit 1),
            (select max(at) from call_log where gateway_id = %(id)s and door = 'form' and outcome = 'refused'),
            (select max(at) from call_log
                where gateway_id = %(id)s and door = 'payrep' and outcome not in ('90', '92', '94', '99', 'fault')),
            (select max(p.acknowledged_at) from (
                select acknowledged_at from purchase where gateway_id = %(id)s order by id desc limit 1000
            ) p)
        """,
        {"id": gateway_id},
    )
    return Progress(*rows[0])


async def recent(db: Database, gateway_id: int, limit: int = 8) -> list[Recent]:
    """A gateway's latest purchases, by the shop's own numbers."""
    rows = await db.all(
        "select res, state from purchase where gateway_id = %(id)s order by id desc limit %(limit)s",
        {"id": gateway_id, "limit": limit},
    )
    return [Recent(*row) for row in rows]
