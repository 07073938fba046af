"""Sales by period, day and hour, from what the worker counted: the dashboard's figures.

Days and hours are Tehran's. What happened in the last seconds may not be counted yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from persiantools.jdatetime import JalaliDate

from mopos.base.clock import TEHRAN
from mopos.base.db import Database

# The week begins on Saturday: `date.weekday()` counts from Monday.
_SATURDAY = 5
UNACKNOWLEDGED_MAX = 100


class Period(NamedTuple):
    """From the beginning of `first` up to `until`, in Tehran's time."""

    name: str
    first: date
    until: datetime

    @property
    def last(self) -> date:
        """The day that is not whole: its hours are added up one by one."""
        return self.until.date()


class Sales(NamedTuple):
    """What happened in a period."""

    registered: int = 0
    paid: int = 0
    paid_rial: int = 0
    declined: int = 0
    cancelled: int = 0
    expired: int = 0
    conflicted: int = 0

    @property
    def success(self) -> int | None:
        """How many of a hundred purchases that were registered were paid; None when there were none. One that was
        registered before midnight may be paid after it, so the figure is kept below a hundred."""
        return min(100, round(100 * self.paid / self.registered)) if self.registered else None

    @property
    def average_rial(self) -> int | None:
        """The average paid purchase, in whole Rial."""
        return self.paid_rial // self.paid if self.paid else None


class Day(NamedTuple):
    """A day's sales, and how often banks gave each reason to decline."""

    day: date
    sales: Sales
    declines: dict[str, int]


def periods(now: datetime) -> list[Period]:
    """Today, this week (from Saturday) and this Jalali month up to `now`, and before each the same length of the one
    before: yesterday up to this hour, last week up to this weekday and hour, last month up to this day and hour."""
    local = now.astimezone(TEHRAN)
    today = local.date()
    week = today - timedelta(days=(today.weekday() - _SATURDAY) % 7)
    month = JalaliDate(today).replace(day=1).to_gregorian()
    before = JalaliDate(month - timedelta(days=1)).replace(day=1).to_gregorian()
    # The 31st day of a month has none to be compared with in a month of 30 days: then all of that month is.
    into_month = min(today - month, month - before - timedelta(days=1))
    return [
        Period("today", today, local),
        Period("yesterday", today - timedelta(days=1), local - timedelta(days=1)),
        Period("week", week, local),
        Period("last_week", week - timedelta(days=7), local - timedelta(days=7)),
        Period("month", month, local),
        Period("last_month", before, datetime.combine(before + into_month, local.time(), TEHRAN)),
    ]


async def by_period(db: Database, gateways: Sequence[int], wanted: Sequence[Period]) -> dict[str, Sales]:
    """The sales of several periods, by their names. The hour in which a period ends counts whole."""
    rows = await db.all(
        """
        select period.name, coalesce(sum(s.registered), 0)::bigint, coalesce(sum(s.paid), 0)::bigint,
            coalesce(sum(s.paid_rial), 0)::bigint, coalesce(sum(s.declined), 0)::bigint,
            coalesce(sum(s.cancelled), 0)::bigint, coalesce(sum(s.expired), 0)::bigint,
            coalesce(sum(s.conflicted), 0)::bigint
        from unnest(%(names)s::text[], %(firsts)s::date[], %(lasts)s::date[], %(midnights)s::timestamptz[],
            %(untils)s::timestamptz[]) as period (name, first, last, midnight, until)
        cross join unnest(%(gateways)s::bigint[]) g
        left join lateral (
            select registered, paid, paid_rial, declined, cancelled, expired, conflicted from sales_day d
            where d.gateway_id = g and d.day >= period.first and d.day < period.last
            union all
            select registered, paid, paid_rial, declined, cancelled, expired, conflicted from sales_hour h
            where h.gateway_id = g and h.hour >= period.midnight and h.hour <= period.until
        ) s on true
        group by period.name
        """,
        {
            "gateways": list(gateways),
            "names": [period.name for period in wanted],
            "firsts": [period.first for period in wanted],
            "lasts": [period.last for period in wanted],
            "midnights": [datetime.combine(period.last, datetime.min.time(), TEHRAN) for period in wanted],
            "untils": [period.until for period in wanted],
        },
    )
    found = {name: Sales(*figures) for name, *figures in rows}
    return {period.name: found.get(period.name, Sales()) for period in wanted}


async def by_hour(db: Database, gateways: Sequence[int], day: date) -> list[Sales]:
    """The 24 hours of a day in Tehran."""
    start = datetime.combine(day, datetime.min.time(), TEHRAN)
    rows = await db.all(
        """
        select extract(hour from hour at time zone 'Asia/Tehran')::int, sum(registered)::bigint, sum(paid)::bigint,
            sum(paid_rial)::bigint, sum(declined)::bigint, sum(cancelled)::bigint, sum(expired)::bigint,
            sum(conflicted)::bigint
        from sales_hour
        where gateway_id = any(%(gateways)s) and hour >= %(since)s and hour < %(until)s
        group by 1
        """,
        {"gateways": list(gateways), "since": start, "until": start + timedelta(days=1)},
    )
    found = {hour: Sales(*figures) for hour, *figures in rows}
    return [found.get(hour, Sales()) for hour in range(24)]


async def by_day(db: Database, gateways: Sequence[int], first: date, last: date) -> list[Day]:
    """Every day from `first` to `last`, also those without sales."""
    rows = await db.all(
        """
        select day, sum(registered)::bigint, sum(paid)::bigint, sum(paid_rial)::bigint, sum(declined)::bigint,
            sum(cancelled)::bigint, sum(expired)::bigint, sum(conflicted)::bigint, jsonb_agg(declines)
        from sales_day where gateway_id = any(%(gateways)s) and day between %(first)s and %(last)s group by day
        """,
        {"gateways": list(gateways), "first": first, "last": last},
    )
    found = {day: Day(day, Sales(*figures), _summed(declines)) for day, *figures, declines in rows}
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [found.get(day, Day(day, Sales(), {})) for day in days]


def declines(days: Sequence[Day]) -> list[tuple[str, int]]:
    """Why banks declined in these days, the most frequent reason first."""
    summed = _summed([day.declines for day in days])
    return sorted(summed.items(), key=lambda pair: (-pair[1], pair[0]))


def _summed(parts: Sequence[dict[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in parts:
        for reason, times in part.items():
            found[reason] = found.get(reason, 0) + times
    return found


async def unacknowledged(db: Database, gateways: Sequence[int]) -> int:
    """How many paid purchases no PayRep has been told of, counted up to one more than `UNACKNOWLEDGED_MAX`."""
    row = await db.one(
        """
        select count(*) from (
            select from unnest(%(gateways)s::bigint[]) g cross join lateral (
                select from purchase p
                where p.gateway_id = g and p.paid_at is not null and p.acknowledged_at is null and p.state = 'PAID'
                limit %(limit)s
            ) paid limit %(limit)s
        ) counted
        """,
        {"gateways": list(gateways), "limit": UNACKNOWLEDGED_MAX + 1},
    )
    return int(row[0]) if row else 0
