"""The SQL of the rules that operators set, and of the bank calendar's closures. Each change is told in the audit log by
the same statement."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from mopos.base.db import Database
from mopos.domain.settlement.calendar import Calendar, Closure
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.rules import Rules, Setting, rules_on

# Rules are set a few times a year, and there are sixteen of them.
SETTINGS_MAX = 5_000
# Thirty announced days a year, for both channels, for thirty years.
CLOSURES_MAX = 2_000


async def settings(db: Database) -> list[Setting]:
    """Everything that operators ever set, the oldest first."""
    rows = await db.all(
        """
        select name, valid_from, value, reason, operator_id, at from money_setting
        order by valid_from, at limit %(most)s
        """,
        {"most": SETTINGS_MAX},
    )
    return [Setting(*row) for row in rows]


async def rules(db: Database, day: date) -> Rules:
    """The rules of a day of Tehran."""
    return rules_on(day, await settings(db))


async def calendar(db: Database) -> Calendar:
    """The bank calendar as it stands now."""
    return Calendar([kept.closure for kept in await closures(db)], await settings(db))


async def set_rule(
    db: Database, name: str, valid_from: date, value: Any, *, operator_id: int | None, reason: str, now: datetime
) -> None:
    """Set a rule from a day of Tehran on. Of one day the latest row counts."""
    await db.one(
        """
        with kept as (
            insert into money_setting (name, valid_from, value, reason, operator_id, at)
            values (%(name)s, %(valid_from)s, %(value)s, %(reason)s, %(operator_id)s, %(now)s)
            returning name
        )
        insert into audit_log (at, operator_id, act, subject, reason, data)
        select %(now)s, %(operator_id)s, 'set_money_rule', 'rule ' || name, %(reason)s,
            jsonb_build_object('valid_from', %(valid_from)s::date, 'value', %(value)s::jsonb)
        from kept
        """,
        {
            "name": name,
            "valid_from": valid_from,
            "value": Jsonb(value),
            "operator_id": operator_id,
            "reason": reason,
            "now": now,
        },
    )


class Kept(NamedTuple):
    """A closure, who made it and when."""

    closure: Closure
    operator_id: int | None
    operator: str
    """Empty: the command line."""
    at: datetime


async def closures(db: Database, first: date | None = None, last: date | None = None) -> list[Kept]:
    """Closures in the order of days; of a stretch of days, where it is given."""
    rows = await db.all(
        """
        select c.day, c.channel, c.closed, c.reason, c.operator_id, coalesce(nullif(o.title, ''), o.name, ''), c.at
        from closure c left join operator o on o.id = c.operator_id
        where c.day >= coalesce(%(first)s, '-infinity'::date) and c.day <= coalesce(%(last)s, 'infinity'::date)
        order by c.day, c.channel limit %(most)s
        """,
        {"first": first, "last": last, "most": CLOSURES_MAX},
    )
    return [
        Kept(Closure(day, Channel(channel) if channel else None, closed, reason), *rest)
        for day, channel, closed, reason, *rest in rows
    ]


async def set_closure(db: Database, closure: Closure, *, operator_id: int | None, now: datetime) -> None:
    """Say of a day what the calendar does not know. What was said of it before is replaced; the log keeps both."""
    await db.one(
        """
        with kept as (
            insert into closure (day, channel, closed, reason, operator_id, at)
            values (%(day)s, %(channel)s, %(closed)s, %(reason)s, %(operator_id)s, %(now)s)
            on conflict (day, channel) do update set closed = excluded.closed, reason = excluded.reason,
                operator_id = excluded.operator_id, at = excluded.at
            returning day
        )
        insert into audit_log (at, operator_id, act, subject, reason, data)
        select %(now)s, %(operator_id)s, 'set_closure', 'day ' || day, %(reason)s,
            jsonb_build_object('channel', %(channel)s::text, 'closed', %(closed)s::boolean)
        from kept
        """,
        {
            "day": closure.day,
            "channel": closure.channel or "",
            "closed": closure.closed,
            "reason": closure.reason,
            "operator_id": operator_id,
            "now": now,
        },
    )


async def remove_closure(
    db: Database, day: date, channel: Channel | None, *, operator_id: int | None, reason: str, now: datetime
) -> bool:
    """The calendar counts again on this day. False: nothing was said of it."""
    row = await db.one(
        """
        with gone as (
            delete from closure where day = %(day)s and channel = %(channel)s returning day, closed, reason
        )
        insert into audit_log (at, operator_id, act, subject, reason, data)
        select %(now)s, %(operator_id)s, 'remove_closure', 'day ' || day, %(reason)s,
            jsonb_build_object('channel', %(channel)s::text, 'closed', closed, 'was', reason)
        from gone returning 1
        """,
        {"day": day, "channel": channel or "", "operator_id": operator_id, "reason": reason, "now": now},
    )
    return row is not None
