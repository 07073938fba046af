"""The SQL of a day's batch: where the day ends in the books, planning, approving, cancelling. Each is one statement;
what needs to see the present more than once is a function in PostgreSQL (migration 0006)."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from mopos.base.db import Database, Row
from mopos.base.money import Rial
from mopos.domain.settlement.rules import Rules
from mopos.domain.settlement.states import BatchState

# What is listed on a page; older ones are on the following pages.
PAGE = 50


class Batch(NamedTuple):
    """A day's payouts. Amounts in Rial."""

    id: int
    day: date
    cut_at: datetime
    upto_entry: int
    state: BatchState
    version: int
    way: str
    payout_count: int
    total: Rial
    created_at: datetime
    approved_at: datetime | None
    submitted_at: datetime | None
    ended_at: datetime | None


_BATCH = """
    b.id, b.day, b.cut_at, b.upto_entry, b.state, b.version, b.way, b.payout_count, b.total_rial, b.created_at,
    b.approved_at, b.submitted_at, b.ended_at
"""


def _batch(row: Row) -> Batch:
    batch_id, day, cut_at, upto, state, version, way, count, total, *times = row
    return Batch(batch_id, day, cut_at, upto, BatchState(state), version, way, count, Rial(total), *times)


async def find(db: Database, batch_id: int) -> Batch | None:
    """One batch."""
    row = await db.one(f"select {_BATCH} from settlement_batch b where b.id = %(id)s", {"id": batch_id})  # noqa: S608
    return _batch(row) if row else None


async def of_day(db: Database, day: date) -> Batch | None:
    """A day's batch that was not cancelled."""
    row = await db.one(
        f"select {_BATCH} from settlement_batch b where b.day = %(day)s and b.state <> 'CANCELLED'",  # noqa: S608
        {"day": day},
    )
    return _batch(row) if row else None


async def latest(db: Database, before: int | None = None) -> list[Batch]:
    """Batches, the newest first; one more than a page when there are more."""
    rows = await db.all(
        f"""
        select {_BATCH} from settlement_batch b where b.id < coalesce(%(before)s::bigint, 9223372036854775807)
        order by b.id desc limit %(limit)s
        """,  # noqa: S608
        {"before": before, "limit": PAGE + 1},
    )
    return [_batch(row) for row in rows]


async def was_planned(db: Database, day: date) -> bool:
    """Whether a day ever had a batch. One that was cancelled is planned again by a person, not by the clock."""
    row = await db.one("select 1 from settlement_batch where day = %(day)s limit 1", {"day": day})
    return row is not None


class Unfinished(NamedTuple):
    """A batch whose payouts are not all there yet, or that has ended and does not know it."""

    id: int
    state: BatchState


async def unfinished(db: Database) -> list[Unfinished]:
    """Batches that the worker has to look at, the oldest first."""
    rows = await db.all(
        """
        select b.id, b.state from settlement_batch b
        where b.state = 'DRAFT' and exists (
                select from settlement s where s.batch_id = b.id and s.payout_rial > 0
                    and not exists (select from payout p where p.settlement_id = s.id and p.state <> 'CANCELLED')
            )
            or b.state in ('SUBMITTED', 'PARTLY_SETTLED') and not exists (
                select from payout p where p.batch_id = b.id and p.state in ('PLANNED', 'SUBMITTED')
            )
        order by b.id limit %(limit)s
        """,
        {"limit": PAGE},
    )
    return [Unfinished(row[0], BatchState(row[1])) for row in rows]


async def follow(db: Database, batch_id: int, now: datetime) -> None:
    """Let a batch stand where its payouts stand."""
    await db.one("select follow_payouts(%(id)s, 'worker', null, %(now)s)", {"id": batch_id, "now": now})


async def last_number(db: Database) -> int:
    """The highest number that an entry of the books may have by now."""
    row = await db.one("select last_value from ledger_entry_seq")
    return int(row[0]) if row else 0


async def mark(db: Database) -> str:
    """A transaction's own number. Whoever got the number of an entry before has a smaller one: a statement that books
    has written its event, and so has a number, before it takes the entry's."""
    row = await db.one("select pg_current_xact_id()::text")
    return str(row[0]) if row else "0"


async def is_past(db: Database, marked: str) -> bool:
    """Whether every transaction that began before the mark has ended: no earlier entry can appear any more."""
    row = await db.one(
        "select %(marked)s::text::xid8 < pg_snapshot_xmin(pg_current_snapshot())",
        {"marked": marked},
    )
    return bool(row and row[0])


async def last_entry_before(db: Database, moment: datetime) -> int:
    """The last entry that was booked before a moment; nought for none."""
    row = await db.one("select last_entry_before(%(moment)s)", {"moment": moment})
    return int(row[0]) if row else 0


async def plan(
    db: Database,
    day: date,
    *,
    cut_at: datetime,
    upto: int,
    rules: Rules,
    paya_on: date,
    satna_on: date,
    now: datetime,
) -> int | None:
    """Plan a day's batch, all of it or nothing. Returns it, or the one that the day has already. None: there is nothing
    to pay."""
    row = await db.one(
        """
        select plan_batch(%(day)s, %(cut_at)s, %(upto)s, %(floor)s, %(way)s, %(paya_max)s, %(paya_on)s, %(satna_on)s,
            %(now)s)
        """,
        {
            "day": day,
            "cut_at": cut_at,
            "upto": upto,
            "floor": rules.floor_rial,
            "way": rules.way,
            "paya_max": rules.paya_rial_max,
            "paya_on": paya_on,
            "satna_on": satna_on,
            "now": now,
        },
    )
    return int(row[0]) if row and row[0] is not None else None


class Sums(NamedTuple):
    """What a batch is made of, in Rial. It may be approved when both sides are the same."""

    settlements: Rial
    payouts: Rial
    refunds: Rial


async def sums(db: Database, batch_id: int) -> Sums:
    """What a batch's settlements come to, what its payouts for them, and its refunds."""
    rows = await db.all(
        """
        select coalesce((select sum(payout_rial) from settlement where batch_id = %(id)s), 0)::bigint,
            coalesce(sum(amount_rial) filter (where settlement_id is not null), 0)::bigint,
            coalesce(sum(amount_rial) filter (where refund_id is not null), 0)::bigint
        from payout where batch_id = %(id)s and state <> 'CANCELLED'
        """,
        {"id": batch_id},
    )
    return Sums(*(Rial(amount) for amount in rows[0]))


async def approve(
    db: Database, batch_id: int, version: int, *, proposal_id: int, operator_id: int, note: str, now: datetime
) -> bool:
    """A second operator approves a draft, exactly as it was proposed. False: it has moved, or its payouts do not add
    up. A proposal that is not open raises psycopg's `RestrictViolation`."""
    row = await db.one(
        """
        with approved as (
            update settlement_batch b set state = 'APPROVED', last_event = 'approved', version = version + 1,
                approved_at = %(now)s
            where b.id = %(id)s and b.state = 'DRAFT' and b.version = %(version)s
                and b.total_rial = (
                    select coalesce(sum(p.amount_rial), 0) from payout p where p.batch_id = b.id and p.state = 'PLANNED'
                )
                and b.total_rial = coalesce((select sum(s.payout_rial) from settlement s where s.batch_id = b.id), 0)
                    + coalesce((
                        select sum(p.amount_rial) from payout p where p.batch_id = b.id and p.refund_id is not null
                    ), 0)
            returning id, version
        ),
        told as (
            insert into money_event
                (noun, subject_id, version, event, from_state, to_state, actor, operator_id, at, reason, data)
            select 'batch', id, version, 'approved', 'DRAFT', 'APPROVED', 'operator', %(operator_id)s, %(now)s,
                %(note)s, jsonb_build_object('proposal', %(proposal_id)s::bigint)
            from approved
        )
        select approve(%(proposal_id)s, %(operator_id)s, %(note)s, %(now)s) from approved
        """,
        {
            "id": batch_id,
            "version": version,
            "proposal_id": proposal_id,
            "operator_id": operator_id,
            "note": note,
            "now": now,
        },
    )
    return row is not None


async def cancel(db: Database, batch_id: int, *, operator_id: int, reason: str, now: datetime) -> str | None:
    """Take a batch back that was not handed over. Returns the code of why not; None: it is cancelled."""
    row = await db.one(
        """
        with cancelled as materialized (select cancel_batch(%(id)s, %(operator_id)s, %(reason)s, %(now)s) as code),
        told as (
            insert into audit_log (at, operator_id, act, subject, reason, data)
            select %(now)s, %(operator_id)s, 'cancel_batch', 'batch ' || %(id)s::text, %(reason)s, '{}'
            from cancelled where code is null
        )
        select code from cancelled
        """,
        {"id": batch_id, "operator_id": operator_id, "reason": reason, "now": now},
    )
    return str(row[0]) if row and row[0] is not None else None
