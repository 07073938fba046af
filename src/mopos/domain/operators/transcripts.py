"""The SQL of transcripts: calls to banks as operators may read them, written in batches beside the payments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from mopos.base.db import Database

# A dispute about a payment comes within weeks; what is older is told by the journal alone.
KEEP = timedelta(days=90)
# Rows deleted by one statement: a tenth of a second, so that nothing waits behind it.
DELETED_AT_ONCE = 10_000
# Of what was said; a bank's answers are some hundred bytes.
TEXT_LENGTH_MAX = 4_000
# Calls shown of one purchase; a bank that is silent for days is asked once an hour.
SHOWN_MAX = 300


class Call(NamedTuple):
    """A call to a bank about an attempt, redacted."""

    attempt_id: int
    at: datetime
    verb: str
    outcome: str
    status: int | None
    duration_ms: int
    request: str
    answer: str


async def write(db: Database, calls: Sequence[Call]) -> None:
    """Write a batch."""
    await db.one(
        """
        insert into transcript (attempt_id, at, verb, outcome, status, duration_ms, request, answer)
        select * from unnest(%(attempt_ids)s::bigint[], %(ats)s::timestamptz[], %(verbs)s::text[],
            %(outcomes)s::text[], %(statuses)s::int[], %(durations)s::int[], %(requests)s::text[], %(answers)s::text[])
        """,
        {
            "attempt_ids": [call.attempt_id for call in calls],
            "ats": [call.at for call in calls],
            "verbs": [call.verb for call in calls],
            "outcomes": [call.outcome for call in calls],
            "statuses": [call.status for call in calls],
            "durations": [call.duration_ms for call in calls],
            "requests": [call.request[:TEXT_LENGTH_MAX] for call in calls],
            "answers": [call.answer[:TEXT_LENGTH_MAX] for call in calls],
        },
    )


async def of_purchase(db: Database, purchase_id: int) -> list[Call]:
    """The newest calls about all of a purchase's attempts, in the order of the journal: the oldest first."""
    rows = await db.all(
        """
        select t.attempt_id, t.at, t.verb, t.outcome, t.status, t.duration_ms, t.request, t.answer
        from attempt a join transcript t on t.attempt_id = a.id
        where a.purchase_id = %(id)s order by t.id desc limit %(limit)s
        """,
        {"id": purchase_id, "limit": SHOWN_MAX},
    )
    return [Call(*row) for row in reversed(rows)]


async def forget_old(db: Database, now: datetime) -> int:
    """Delete some of what is older than `KEEP`. Returns how many that were."""
    rows = await db.all(
        """
        with old as (select id from transcript where at < %(before)s order by at limit %(limit)s),
        gone as (delete from transcript using old where transcript.id = old.id returning 1)
        select count(*) from gone
        """,
        {"before": now - KEEP, "limit": DELETED_AT_ONCE},
    )
    return int(rows[0][0])
