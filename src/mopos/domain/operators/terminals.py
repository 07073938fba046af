"""The SQL of terminals: how each fares, by what its bank really answered, and the switch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from mopos.base.db import Database, Row

# What health is told from. Long enough to mean something at a small shop, short enough to show what is the matter now.
WINDOW = timedelta(hours=1)
# Calls looked at, the newest ones: beyond that the rate would be the same.
CALLS_MAX = 20_000
# Fewer calls than this say nothing.
CALLS_MIN = 5
# Below this share of calls that were answered a terminal is sick; banks that work answer nearly all.
ANSWERED_MIN = 0.9
# A buyer who waits longer than this for a page goes away.
SLOW_MS = 3_000


class Health(StrEnum):
    """How a terminal fares."""

    OFF = "off"
    QUIET = "quiet"
    SICK = "sick"
    SLOW = "slow"
    WELL = "well"


class Terminal(NamedTuple):
    """A terminal with what its bank answered within `WINDOW`."""

    id: int
    bank: str
    name: str
    disabled_at: datetime | None
    disabled_reason: str
    calls: int
    answered: int
    median_ms: int
    slow_ms: int
    """19 of 20 calls took no longer."""
    silences: Mapping[str, int]
    """Why calls were no answer, and how often."""
    attempts: int
    opened: int
    """Attempts that its bank agreed to take."""
    paid: int
    failed: int
    last_answer_at: datetime | None
    open_attempts: int

    @property
    def health(self) -> Health:
        if self.disabled_at is not None:
            return Health.OFF
        if self.calls < CALLS_MIN:
            return Health.QUIET
        # A bank that does not know us answers everything.
        if self.answered < self.calls * ANSWERED_MIN or (self.attempts >= CALLS_MIN and not self.opened):
            return Health.SICK
        return Health.SLOW if self.slow_ms > SLOW_MS else Health.WELL

    @property
    def answered_percent(self) -> int | None:
        return self.answered * 100 // self.calls if self.calls else None

    @property
    def paid_percent(self) -> int | None:
        """Of attempts that ended: how many were paid."""
        ended = self.paid + self.failed
        return self.paid * 100 // ended if ended else None


_TERMINAL = """
    with call as (
        select c.*, a.terminal_id, a.state, a.bank_token from (
            select * from transcript where at > %(since)s order by at desc limit %(calls_max)s
        ) c join attempt a on a.id = c.attempt_id
    ),
    silence as (
        select terminal_id, jsonb_object_agg(outcome, n) as whys from (
            select terminal_id, outcome, count(*) as n from call where outcome <> 'answered' group by 1, 2
        ) s group by terminal_id
    ),
    sums as (
        select terminal_id, count(*) as calls, count(*) filter (where outcome = 'answered') as answered,
            (percentile_cont(0.5) within group (order by duration_ms))::int as median_ms,
            (percentile_cont(0.95) within group (order by duration_ms))::int as slow_ms,
            count(distinct attempt_id) as attempts,
            count(distinct attempt_id) filter (where bank_token is not null) as opened,
            count(distinct attempt_id) filter (where state = 'CONFIRMED') as paid,
            count(distinct attempt_id) filter (where state = 'FAILED') as failed,
            max(at) filter (where outcome = 'answered') as last_answer_at
        from call group by terminal_id
    )
    select t.id, t.bank, t.name, t.disabled_at, t.disabled_reason, coalesce(s.calls, 0), coalesce(s.answered, 0),
        coalesce(s.median_ms, 0), coalesce(s.slow_ms, 0), coalesce(w.whys, '{}'), coalesce(s.attempts, 0),
        coalesce(s.opened, 0), coalesce(s.paid, 0), coalesce(s.failed, 0), s.last_answer_at,
        (select count(*) from purchase p join attempt a on a.id = p.attempt_id
            where p.next_check_at is not null and a.terminal_id = t.id)
    from terminal t left join sums s on s.terminal_id = t.id left join silence w on w.terminal_id = t.id
"""


def _terminal(row: Row) -> Terminal:
    return Terminal(*row)


async def terminals(db: Database, now: datetime) -> list[Terminal]:
    """All of them. A facilitator has some dozen, and `routing/store.py` bounds how many can be made."""
    rows = await db.all(f"{_TERMINAL} order by t.id", _params(now))
    return [_terminal(row) for row in rows]


async def find(db: Database, terminal_id: int, now: datetime) -> Terminal | None:
    """One of them."""
    row = await db.one(f"{_TERMINAL} where t.id = %(id)s", _params(now) | {"id": terminal_id})
    return _terminal(row) if row else None


def _params(now: datetime) -> dict[str, Any]:
    return {"since": now - WINDOW, "calls_max": CALLS_MAX}


async def switch(
    db: Database, terminal_id: int, *, on: bool, operator_id: int | None, reason: str, now: datetime
) -> bool:
    """Off: no attempt begins there; what is under way goes on. `operator_id` None: the command line. False: it stands
    so already, or there is none."""
    row = await db.one(
        """
        with switched as (
            update terminal set disabled_at = case when not %(on)s then %(now)s::timestamptz end,
                disabled_reason = case when %(on)s then '' else %(reason)s end
            where id = %(id)s and (disabled_at is not null) = %(on)s returning id, bank, name
        ),
        told as (
            insert into audit_log (at, operator_id, act, subject, reason, data)
            select %(now)s, %(operator)s::bigint, case when %(on)s then 'terminal_on' else 'terminal_off' end,
                bank || ' ' || name, %(reason)s, jsonb_build_object('terminal', id)
            from switched
        )
        select 1 from switched
        """,
        {"id": terminal_id, "on": on, "operator": operator_id, "reason": reason, "now": now},
    )
    return row is not None
