"""What lies on the operators' desk: how much waits where, since when, and what today came to. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from mopos.base.db import Database, Row
from mopos.base.money import Rial

# A queue longer than this is an emergency, however long it is.
COUNT_MAX = 1_000
# Rows of a queue's page.
PAGE = 50


class Waiting(NamedTuple):
    """A queue: how many (`COUNT_MAX` at most), and since when the oldest."""

    many: int
    oldest: datetime | None

    @property
    def is_more(self) -> bool:
        return self.many >= COUNT_MAX


class Desk(NamedTuple):
    """All queues at a glance."""

    unknown: Waiting
    conflicted: Waiting
    late: Waiting
    applications: Waiting
    proposals: Waiting
    overdue: Waiting
    failed_jobs: Waiting


async def desk(db: Database, now: datetime, late_since: datetime) -> Desk:
    """How much waits. `late_since`: payments that came late are shown for a while, as nobody has to end them."""
    row = await db.one(
        """
        select u.count, u.oldest, c.count, c.oldest, l.count, l.oldest, a.count, a.oldest, p.count, p.oldest,
            o.count, o.oldest, j.count, j.oldest
        from
        (select count(*) as count, min(registered_at) as oldest from (
            select registered_at from purchase where state = 'UNKNOWN' order by id limit %(max)s) q) u,
        (select count(*) as count, min(registered_at) as oldest from (
            select registered_at from purchase where state = 'CONFLICTED' order by id limit %(max)s) q) c,
        (select count(*) as count, min(paid_at) as oldest from (
            select paid_at from purchase where late order by id desc limit %(max)s) q where paid_at > %(late_since)s) l,
        (select count(*) as count, min(submitted_at) as oldest from (
            select submitted_at from application where state = 'submitted' limit %(max)s) q) a,
        (select count(*) as count, min(proposed_at) as oldest from (
            select proposed_at from proposal where decided_at is null and expires_at > %(now)s limit %(max)s) q) p,
        (select count(*) as count, min(next_check_at) as oldest from (
            select next_check_at from purchase where next_check_at < %(now)s - interval '15 minutes'
            order by next_check_at limit %(max)s) q) o,
        (select count(*) as count, min(scheduled_at) as oldest from (
            select scheduled_at from procrastinate_jobs where status = 'failed' limit %(max)s) q) j
        """,
        {"now": now, "late_since": late_since, "max": COUNT_MAX},
    )
    if row is None:
        raise LookupError("a statement that always gives a row gave none")
    return Desk(*(Waiting(row[at], row[at + 1]) for at in range(0, len(row), 2)))


class Today(NamedTuple):
    """What was registered since a moment, at all gateways."""

    registered: int
    paid: int
    paid_rial: Rial
    declined: int
    open: int


async def sums_since(db: Database, since: datetime) -> Today:
    """Everything registered since `since`. Numbers grow with time, so the first one is found by halving, some twenty
    looks by key, instead of an index that every payment would pay for."""
    row = await db.one(
        """
        with recursive halving (low, high) as (
            select min(id), max(id) + 1 from purchase
            union all
            select case when middle.registered_at < %(since)s then middle.id + 1 else halving.low end,
                case when middle.registered_at < %(since)s then halving.high else (halving.low + halving.high) / 2 end
            from halving, lateral (
                select id, registered_at from purchase where id >= (halving.low + halving.high) / 2 order by id limit 1
            ) middle
            where halving.low < halving.high
        )
        select count(*), count(*) filter (where state in ('PAID', 'REVERSING', 'REVERSED')),
            coalesce(sum(amount_rial) filter (where state in ('PAID', 'REVERSING', 'REVERSED')), 0)::bigint,
            count(*) filter (where state = 'DECLINED'), count(*) filter (where next_check_at is not null)
        from purchase where id >= (select max(low) from halving)
        """,
        {"since": since},
    )
    if row is None:
        raise LookupError("a statement that always gives a row gave none")
    return Today(row[0], row[1], Rial(row[2]), row[3], row[4])


class Queued(NamedTuple):
    """A purchase in a queue, with what the bank said last."""

    id: int
    gateway_id: int
    gateway: str
    res: str
    amount: Rial
    state: str
    registered_at: datetime
    since: datetime
    """When it came to this state."""
    next_check_at: datetime | None
    check_count: int
    bank_ref: str
    last_said: Mapping[str, Any] | None
    """`verb`, `outcome`, `at` (ISO) and `answer` of the latest call about its latest attempt."""


_QUEUED = """
    select p.id, p.gateway_id, g.name, p.res, p.amount_rial, p.state, p.registered_at,
        (select j.at from journal j where j.purchase_id = p.id and j.version = p.version),
        p.next_check_at, p.check_count, coalesce(a.bank_ref, ''),
        (select jsonb_build_object('verb', t.verb, 'outcome', t.outcome, 'at', t.at, 'answer', t.answer)
            from transcript t where t.attempt_id = p.attempt_id order by t.id desc limit 1)
    from purchase p join gateway g on g.id = p.gateway_id join attempt a on a.id = p.attempt_id
"""


async def queue(db: Database, state: str, after: int) -> list[Queued]:
    """Purchases that stand in UNKNOWN or CONFLICTED, the oldest first."""
    rows = await db.all(
        f"{_QUEUED} where p.state = %(state)s and p.state in ('UNKNOWN', 'CONFLICTED') and p.id > %(after)s "
        "order by p.id limit %(limit)s",
        {"state": state, "after": after, "limit": PAGE + 1},
    )
    return [_queued(row) for row in rows]


async def late_ones(db: Database, before: int) -> list[Queued]:
    """Payments that came after the purchase had ended, the newest first."""
    rows = await db.all(
        f"{_QUEUED} where p.late and p.id < %(before)s order by p.id desc limit %(limit)s",
        {"before": before, "limit": PAGE + 1},
    )
    return [_queued(row) for row in rows]


def _queued(row: Row) -> Queued:
    purchase_id, gateway_id, gateway, res, amount, *rest = row
    return Queued(purchase_id, gateway_id, gateway, res, Rial(amount), *rest)
