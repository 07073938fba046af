"""The SQL of PSPs' reports, and of laying them beside what we hold.

A report is kept line by line as its pages come, and counts once it is whole (`psp_report.whole`). A line belongs to the
latest report that named it: what a newer report of its day leaves out is no longer said.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from mopos.base.db import Database
from mopos.domain.settlement.matching import Item

# The halves of a day that buyers, clocks and midnight may lie between us and a PSP.
DAYS_APART_MAX = 1
# Attempts that began earlier than this cannot have been confirmed on the day by our own clock: a bank is asked for two
# days at most. What a PSP names is found whatever its age.
STARTED_BEFORE_DAYS = 3
# Differences looked at in one run of a day: more is one great failure, which the first thousands tell as well.
DIFFERENCES_MAX = 5_000


class Told(NamedTuple):
    """A line of a report as it is kept."""

    kind: str
    order_number: str
    bank_ref: str
    amount_rial: int
    at: datetime


class Held(NamedTuple):
    """One movement on one side, for an exception's page. Of ours the purchase and refund; of theirs the line."""

    kind: str
    order_number: str
    bank_ref: str
    attempt_id: int | None
    purchase_id: int | None
    line_id: int | None


class Wanted(NamedTuple):
    """A day of a terminal."""

    terminal_id: int
    day: date


async def begin(db: Database, terminal_id: int, day: date, now: datetime) -> int:
    """A report that is about to come. Returns its number."""
    row = await db.one(
        """
        insert into psp_report (terminal_id, day, fetched_at, lines)
        select %(terminal)s, %(day)s, greatest(%(now)s, max(fetched_at) + interval '1 microsecond'), 0
        from psp_report where terminal_id = %(terminal)s and day = %(day)s
        returning id
        """,
        {"terminal": terminal_id, "day": day, "now": now},
    )
    return int(row[0]) if row else 0


async def keep(db: Database, report_id: int, day: date, lines: Sequence[Told]) -> None:
    """Keep a page of a report. What the same report names again counts once more; what an earlier one named is
    renewed."""
    await db.one(
        """
        insert into psp_line as l (report_id, terminal_id, day, kind, order_number, bank_ref, amount_rial, at, times)
        select r.id, r.terminal_id, r.day, t.kind, t.order_number, t.bank_ref, t.amount_rial, t.at, t.times
        from psp_report r, (
            select kind, order_number, bank_ref, max(amount_rial) as amount_rial, min(at) as at, count(*) as times
            from unnest(%(kinds)s::text[], %(orders)s::text[], %(refs)s::text[], %(amounts)s::bigint[],
                %(ats)s::timestamptz[]) as t (kind, order_number, bank_ref, amount_rial, at)
            group by 1, 2, 3
        ) t
        where r.id = %(report)s
        on conflict (terminal_id, kind, order_number, bank_ref) do update
        set report_id = excluded.report_id, day = excluded.day, amount_rial = excluded.amount_rial, at = excluded.at,
            times = excluded.times + case when l.report_id = excluded.report_id then l.times else 0 end
        """,
        {
            "report": report_id,
            "kinds": [line.kind for line in lines],
            "orders": [line.order_number for line in lines],
            "refs": [line.bank_ref for line in lines],
            "amounts": [line.amount_rial for line in lines],
            "ats": [line.at for line in lines],
        },
    )


async def end(db: Database, report_id: int, commission_rial: int) -> int:
    """All of a report came: from now on it counts. Returns how many lines it has."""
    row = await db.one(
        """
        update psp_report r set whole = true, commission_rial = %(commission)s, lines = s.lines, net_rial = s.net
        from (
            select coalesce(sum(times), 0) as lines,
                coalesce(sum(case kind when 'purchase' then amount_rial else -amount_rial end), 0) as net
            from psp_line where report_id = %(report)s
        ) s
        where r.id = %(report)s returning r.lines
        """,
        {"report": report_id, "commission": commission_rial},
    )
    return int(row[0]) if row else 0


async def days_to_fetch(
    db: Database, terminal_id: int, *, first: date, last: date, fetched_before: datetime
) -> list[date]:
    """Days without a whole report; and such with open exceptions whose report was fetched a while ago, as the other
    side may have come to say the same."""
    rows = await db.all(
        """
        select d.day::date from generate_series(%(first)s::date, %(last)s::date, interval '1 day') as d (day)
        left join lateral (
            select max(fetched_at) as fetched_at from psp_report r
            where r.terminal_id = %(terminal)s and r.day = d.day and r.whole
        ) r on true
        where r.fetched_at is null or (r.fetched_at < %(fetched_before)s and exists (
            select from recon_exception x where x.state = 'OPEN' and x.source = 'psp'
                and x.terminal_id = %(terminal)s and x.day = d.day
        ))
        order by 1
        """,
        {"terminal": terminal_id, "first": first, "last": last, "fetched_before": fetched_before},
    )
    return [row[0] for row in rows]


async def days_to_compare(db: Database, *, first: date) -> list[Wanted]:
    """Days whose newest report has not been compared yet, and days with open exceptions."""
    rows = await db.all(
        """
        select r.terminal_id, r.day from psp_report r left join recon_day d using (terminal_id, day)
        where r.whole and r.day >= %(first)s
        group by r.terminal_id, r.day, d.compared_at having d.compared_at is null or max(r.fetched_at) >= d.compared_at
        union
        select terminal_id, day from recon_exception
        where state = 'OPEN' and source = 'psp' and terminal_id is not null
        order by 2, 1
        """,
        {"first": first},
    )
    return [Wanted(*row) for row in rows]


async def has_report(db: Database, wanted: Wanted) -> bool:
    """Whether a whole report of a day is here."""
    row = await db.one(
        "select 1 from psp_report where terminal_id = %(terminal)s and day = %(day)s and whole limit 1",
        {"terminal": wanted.terminal_id, "day": wanted.day},
    )
    return row is not None


async def first_attempt_since(db: Database, since: datetime) -> int:
    """The first attempt that began at a moment or later. Numbers grow with time, so it is found by halving: an index
    that only this needs would be paid for by every payment."""
    row = await db.one(
        """
        with recursive halving (low, high) as (
            select min(id), max(id) + 1 from attempt
            union all
            select case when middle.started_at < %(since)s then middle.id + 1 else halving.low end,
                case when middle.started_at < %(since)s then halving.high else (halving.low + halving.high) / 2 end
            from halving, lateral (
                select id, started_at from attempt where id >= (halving.low + halving.high) / 2 order by id limit 1
            ) middle
            where halving.low < halving.high
        )
        select coalesce(max(low), 0) from halving
        """,
        {"since": since},
    )
    return int(row[0]) if row else 0


# Of a day: all keys that the PSP names on it, and all that we hold of it by our clock and that the PSP names nowhere.
# A payment lies on the day on which it can have been made: a bank's answer may come days later, a buyer's page does not
# live for a day.
_SIDES = """
    with latest as (
        select terminal_id, day, max(id) as id from psp_report
        where terminal_id = %(terminal)s and whole group by 1, 2
    ),
    line as materialized (
        select l.* from psp_line l
        where l.terminal_id = %(terminal)s and l.day = %(day)s and l.report_id >= (
            select id from latest where latest.day = %(day)s)
    ),
    own as materialized (
        select 'purchase' as kind, a.id from attempt a
        where a.id >= %(first)s and a.terminal_id = %(terminal)s and a.state = 'CONFIRMED'
            and least(a.ended_at, a.started_at + interval '1 day') >= %(begins)s
            and least(a.ended_at, a.started_at + interval '1 day') < %(ends)s
        union all
        select 'reversal', a.id from attempt a join purchase p on p.attempt_id = a.id
        join journal j on j.purchase_id = p.id and j.event = 'reversal_confirmed'
        where a.id >= %(first)s and a.terminal_id = %(terminal)s and p.state = 'REVERSED'
            and j.at >= %(begins)s and j.at < %(ends)s
        union
        select 'refund', a.id from refund r join attempt a on a.purchase_id = r.purchase_id and a.state = 'CONFIRMED'
        where r.method = 'bank' and r.state = 'DONE' and r.done_at >= %(begins)s and r.done_at < %(ends)s
            and a.terminal_id = %(terminal)s
    ),
    key as materialized (
        select kind, order_number, true as named from line group by 1, 2
        union all
        select o.kind, o.id::text, false from own o where not exists (
            select from psp_line l join latest r on r.terminal_id = l.terminal_id and r.day = l.day
            where l.terminal_id = %(terminal)s and l.kind = o.kind and l.order_number = o.id::text
                and l.report_id >= r.id
        )
    ),
    numbered as materialized (
        select kind, order_number, named, case when order_number ~ '^[0-9]{1,18}$' then order_number::bigint end as id
        from key
    ),
    ours as materialized (
        select k.kind, k.order_number, a.bank_ref,
            p.amount_rial + case when p.fee_by_buyer then p.fee_rial else 0 end as rial,
            (least(a.ended_at, a.started_at + interval '1 day') at time zone 'Asia/Tehran')::date as on_,
            a.id as attempt_id, p.id as purchase_id
        from numbered k join attempt a on a.id = k.id join purchase p on p.id = a.purchase_id
        where k.kind = 'purchase' and a.terminal_id = %(terminal)s and a.state = 'CONFIRMED'
        union all
        select k.kind, k.order_number, a.bank_ref,
            p.amount_rial + case when p.fee_by_buyer then p.fee_rial else 0 end,
            (j.at at time zone 'Asia/Tehran')::date, a.id, p.id
        from numbered k join attempt a on a.id = k.id join purchase p on p.attempt_id = a.id
        join journal j on j.purchase_id = p.id and j.event = 'reversal_confirmed'
        where k.kind = 'reversal' and a.terminal_id = %(terminal)s and p.state = 'REVERSED'
        union all
        select k.kind, k.order_number, coalesce(r.bank_ref, ''), r.amount_rial,
            (r.done_at at time zone 'Asia/Tehran')::date, a.id, r.purchase_id
        from numbered k join attempt a on a.id = k.id and a.state = 'CONFIRMED'
        join refund r on r.purchase_id = a.purchase_id
        where k.kind = 'refund' and a.terminal_id = %(terminal)s and r.method = 'bank' and r.state = 'DONE'
    ),
    theirs as materialized (
        select l.kind, l.order_number, l.bank_ref, l.amount_rial as rial, l.day as on_, l.id as line_id, l.times
        from numbered k join psp_line l on l.terminal_id = %(terminal)s and l.kind = k.kind
            and l.order_number = k.order_number
        join latest r on r.day = l.day and l.report_id >= r.id
    ),
    side as materialized (
        select coalesce(o.kind, t.kind) as kind, coalesce(o.order_number, t.order_number) as order_number,
            coalesce(o.many, 0) as ours, coalesce(o.rial, 0) as ours_rial,
            coalesce(t.many, 0) as theirs, coalesce(t.rial, 0) as theirs_rial,
            coalesce(t.on_day, 0) as theirs_on_day, coalesce(t.rial_on_day, 0) as theirs_rial_on_day,
            t.first_on is null or t.first_on = %(day)s as is_ours_day, o.on_ as ours_on, t.first_on as theirs_on
        from (
            select kind, order_number, count(*) as many, sum(rial) as rial, min(on_) as on_ from ours group by 1, 2
        ) o full join (
            select kind, order_number, sum(times) as many, sum(rial * times) as rial, min(on_) as first_on,
                sum(times) filter (where on_ = %(day)s) as on_day,
                sum(rial * times) filter (where on_ = %(day)s) as rial_on_day
            from theirs group by 1, 2
        ) t on t.kind = o.kind and t.order_number = o.order_number
    ),
"""


class Compared(NamedTuple):
    """Both sides of a day where they differ, each sorted by key."""

    ours: list[Item[Held]]
    theirs: list[Item[Held]]
    is_all: bool
    """False: there are more differences than one run looks at."""


async def compare(
    db: Database, wanted: Wanted, *, first: int, begins: datetime, ends: datetime, now: datetime
) -> Compared:
    """Lay a day beside its report: its sums are kept (`recon_day`), and all that is not one and the same on both sides
    comes back. `first`: an attempt before which nothing of the day can lie. The sides that agree one to one are passed
    over here, as they are nearly all; what is left is for `matching.match`."""
    rows = await db.all(
        f"""
        {_SIDES}
        kept as (
            insert into recon_day (terminal_id, day, ours, ours_rial, theirs, theirs_rial, compared_at)
            select %(terminal)s, %(day)s,
                coalesce(sum(ours) filter (where is_ours_day), 0),
                coalesce(sum(case kind when 'purchase' then ours_rial else -ours_rial end)
                    filter (where is_ours_day), 0),
                coalesce(sum(theirs_on_day), 0),
                coalesce(sum(case kind when 'purchase' then theirs_rial_on_day else -theirs_rial_on_day end), 0),
                %(now)s
            from side
            on conflict (terminal_id, day) do update
            set ours = excluded.ours, ours_rial = excluded.ours_rial, theirs = excluded.theirs,
                theirs_rial = excluded.theirs_rial, compared_at = excluded.compared_at
        ),
        differing as materialized (
            select kind, order_number from side
            where ours <> 1 or theirs <> 1 or ours_rial <> theirs_rial or abs(ours_on - theirs_on) > %(apart)s
            order by kind collate "C", order_number collate "C" limit %(limit)s
        )
        select true as is_ours, o.kind, o.order_number, o.rial, o.on_, o.bank_ref, o.attempt_id, o.purchase_id,
            null::bigint as line_id, 1 as times
        from differing d join ours o on o.kind = d.kind and o.order_number = d.order_number
        union all
        select false, t.kind, t.order_number, t.rial, t.on_, t.bank_ref, null, null, t.line_id, t.times
        from differing d join theirs t on t.kind = d.kind and t.order_number = d.order_number
        order by 2, 3
        """,  # noqa: S608
        {
            "terminal": wanted.terminal_id,
            "day": wanted.day,
            "first": first,
            "begins": begins,
            "ends": ends,
            "apart": DAYS_APART_MAX,
            "limit": DIFFERENCES_MAX,
            "now": now,
        },
    )
    ours: list[Item[Held]] = []
    theirs: list[Item[Held]] = []
    for row in rows:
        item = _item(wanted.terminal_id, row)
        (ours if row[0] else theirs).extend([item] * row[9])
    keys = {(row[1], row[2]) for row in rows}
    return Compared(_sorted(ours), _sorted(theirs), len(keys) < DIFFERENCES_MAX)


def _item(terminal_id: int, row: Sequence[Any]) -> Item[Held]:
    _, kind, order_number, rial, on, bank_ref, attempt_id, purchase_id, line_id, _ = row
    held = Held(kind, order_number, bank_ref, attempt_id, purchase_id, line_id)
    return Item(f"{terminal_id} {kind} {order_number}", int(rial), on, held)


def _sorted(items: list[Item[Held]]) -> list[Item[Held]]:
    return sorted(items, key=lambda item: item.key)


class Named(NamedTuple):
    """An attempt that a PSP's line names, as we hold it."""

    attempt_id: int
    attempt_state: str
    purchase_id: int
    gateway_id: int
    latest: bool
    """Whether the purchase's latest attempt is this one: only that can still be asked about."""


async def named(db: Database, terminal_id: int, order_number: str) -> Named | None:
    """Whose order a PSP's line names. None: nobody's of ours."""
    if not (order_number.isascii() and order_number.isdigit() and len(order_number) <= 18):
        return None
    row = await db.one(
        """
        select a.id, a.state, p.id, p.gateway_id, p.attempt_id = a.id
        from attempt a join purchase p on p.id = a.purchase_id
        where a.id = %(id)s and a.terminal_id = %(terminal)s
        """,
        {"id": int(order_number), "terminal": terminal_id},
    )
    return Named(*row) if row else None


class OpenDay(NamedTuple):
    """A day of a terminal whose deposit has not been seen yet."""

    terminal_id: int
    terminal: str
    """Its number at the PSP."""
    day: date
    net_rial: int
    commission_rial: int

    @property
    def deposit_rial(self) -> int:
        return self.net_rial - self.commission_rial


async def open_days(db: Database, *, first: date) -> list[OpenDay]:
    """What PSPs are still to pay, by their own reports, the oldest first."""
    rows = await db.all(
        """
        select distinct on (r.terminal_id, r.day) r.terminal_id, t.name, r.day, r.net_rial, r.commission_rial
        from psp_report r join terminal t on t.id = r.terminal_id
        where r.whole and r.day >= %(first)s and not exists (
            select from psp_deposit d where d.terminal_id = r.terminal_id and d.day = r.day
        )
        order by r.terminal_id, r.day, r.id desc
        """,
        {"first": first},
    )
    return [OpenDay(*row) for row in rows]
