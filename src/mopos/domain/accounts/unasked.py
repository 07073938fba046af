"""The SQL of payments that a shop has not asked about: found by gateway, and told to its account once a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from mopos.base.db import Database

# A shop asks within seconds; some ask in batches. After an hour something is wrong at its side.
ASKED_WITHIN = timedelta(hours=1)
# Told once, a developer needs a day to look.
TOLD_EVERY = timedelta(days=1)
# Older ones were told of, or belong to a shop that never asks.
LOOKED_BACK = timedelta(days=7)
# More says no more.
COUNTED_MAX = 100
# Gateways told of in one round: the next round takes the others.
_GATEWAYS_MAX = 200


class Unasked(NamedTuple):
    """A gateway with paid purchases that no PayRep has been told of. `payments`: how many, up to `COUNTED_MAX`."""

    gateway_id: int
    account_id: int
    payments: int


async def find(db: Database, now: datetime) -> list[Unasked]:
    """Gateways whose accounts are to be told: of payments since they were told last, a week back at most."""
    rows = await db.all(
        """
        select g.id, g.account_id, p.count from gateway g cross join lateral (
            select count(*) from (
                select from purchase
                where gateway_id = g.id and paid_at is not null and acknowledged_at is null and state = 'PAID'
                    and paid_at < %(asked_before)s and paid_at > coalesce(g.unasked_told_at, %(looked_back)s)
                limit %(counted_max)s
            ) unasked
        ) p
        where g.account_id is not null and p.count > 0
            and (g.unasked_told_at is null or g.unasked_told_at < %(told_before)s)
        order by g.id limit %(limit)s
        """,
        {
            "asked_before": now - ASKED_WITHIN,
            "looked_back": now - LOOKED_BACK,
            "told_before": now - TOLD_EVERY,
            "counted_max": COUNTED_MAX,
            "limit": _GATEWAYS_MAX,
        },
    )
    return [Unasked(*row) for row in rows]


async def tell(
    db: Database, unasked: Unasked, *, number: str, mobiles: Sequence[str], text: str, now: datetime
) -> bool:
    """Write the warning to the account's activity and its SMS. False: another worker was faster."""
    row = await db.one(
        """
        with told as (
            update gateway set unasked_told_at = %(now)s
            where id = %(id)s and (unasked_told_at is null or unasked_told_at < %(told_before)s)
            returning account_id
        ),
        noted as (
            insert into activity (account_id, at, act, subject, data)
            select account_id, %(now)s, 'unacknowledged', %(number)s, jsonb_build_object('count', %(count)s::int)
            from told
        ),
        sent as (
            insert into message (mobile, template, text, created_at, next_try_at)
            select mobile, 'unacknowledged', %(text)s, %(now)s, %(now)s from told, unnest(%(mobiles)s::text[]) mobile
        )
        select 1 from told
        """,
        {
            "id": unasked.gateway_id,
            "count": unasked.payments,
            "told_before": now - TOLD_EVERY,
            "number": number,
            "mobiles": list(mobiles),
            "text": text,
            "now": now,
        },
    )
    return row is not None
