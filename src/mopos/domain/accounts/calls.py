"""The SQL of the live integration log: what a gateway's shop sent to us lately, and what was wrong in it.

Kept shortly and told in batches: nothing here is evidence of anything, the journal is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from mopos.base.db import Database

# A developer looks at what he did today, or last week.
KEEP = timedelta(days=7)
# And at no more than this: it bounds the table by the number of gateways, not by their calls.
KEEP_ROWS = 1_000
# Gateways that were quiet for longer have been cut down by an earlier run.
_RECENTLY = timedelta(hours=2)
PAGE_SIZE = 50
# The outcome of a PayRep that got no answer but an error of HTTP.
FAULT = "fault"


class Call(NamedTuple):
    """One call to tell of, as a door saw it. `gateway_id` is what the call claimed: it may name nothing."""

    gateway_id: int
    at: datetime
    door: str
    """`form` or `payrep`."""
    outcome: str
    """Of a form: registered, continued, paid, refused. Of PayRep: its `Err`, or `FAULT`."""
    res: str
    source: str | None
    """Whence PayRep was called. None for a form: it comes from the buyer, whose address is nobody's mistake."""
    data: Mapping[str, Any]


class Told(NamedTuple):
    """A row of the log."""

    id: int
    at: datetime
    door: str
    outcome: str
    res: str
    source: str | None
    data: Mapping[str, Any]


async def write(db: Database, calls: Sequence[Call]) -> None:
    """Write a batch. A call that names no gateway belongs to nobody and is left out."""
    await db.one(
        """
        insert into call_log (gateway_id, at, door, outcome, res, source, data)
        select g.id, c.at, c.door, c.outcome, c.res, c.source::inet, c.data::jsonb
        from unnest(%(gateway_ids)s::bigint[], %(ats)s::timestamptz[], %(doors)s::text[], %(outcomes)s::text[],
            %(ress)s::text[], %(sources)s::text[], %(datas)s::text[])
            with ordinality as c (gateway_id, at, door, outcome, res, source, data, place)
        join gateway g on g.id = c.gateway_id
        order by c.place
        """,
        {
            "gateway_ids": [call.gateway_id for call in calls],
            "ats": [call.at for call in calls],
            "doors": [call.door for call in calls],
            "outcomes": [call.outcome for call in calls],
            "ress": [call.res for call in calls],
            "sources": [call.source for call in calls],
            "datas": [json.dumps(call.data) for call in calls],
        },
    )


_COLUMNS = "id, at, door, outcome, res, host(source), data"
_OLDER = f"""
    select {_COLUMNS} from call_log
    where gateway_id = %(gateway_id)s and (%(before_id)s::bigint is null or id < %(before_id)s)
        and (not %(only_problems)s or data ? 'problems')
    order by id desc limit %(limit)s
"""  # noqa: S608
_NEWER = f"""
    select {_COLUMNS} from call_log
    where gateway_id = %(gateway_id)s and id > %(after_id)s and (not %(only_problems)s or data ? 'problems')
    order by id limit %(limit)s
"""  # noqa: S608


async def page(
    db: Database,
    gateway_id: int,
    *,
    only_problems: bool,
    before_id: int | None = None,
    after_id: int | None = None,
) -> list[Told]:
    """A gateway's calls, the latest first: those before an id, or the page that comes just after one (for going back).
    One more than `PAGE_SIZE` when there are more. The gateway must be known to be the reader's."""
    rows = await db.all(
        _NEWER if after_id is not None else _OLDER,
        {
            "gateway_id": gateway_id,
            "only_problems": only_problems,
            "before_id": before_id,
            "after_id": after_id,
            "limit": PAGE_SIZE + 1,
        },
    )
    found = [Told(*row) for row in rows]
    return found[::-1] if after_id is not None else found


async def forget_old(db: Database, now: datetime) -> int:
    """Take out what is older than `KEEP`, and of each gateway all but its last `KEEP_ROWS`. Returns how many."""
    rows = await db.all(
        """
        with busy as (
            select distinct gateway_id from call_log where at > %(now)s - %(recently)s
        ),
        last as (
            select busy.gateway_id, (
                select c.id from call_log c where c.gateway_id = busy.gateway_id
                order by c.id desc offset %(keep_rows)s limit 1
            ) as id
            from busy
        ),
        too_many as (
            delete from call_log c using last where c.gateway_id = last.gateway_id and c.id <= last.id returning 1
        ),
        too_old as (delete from call_log where at < %(now)s - %(keep)s returning 1)
        select (select count(*) from too_many) + (select count(*) from too_old)
        """,
        {"now": now, "recently": _RECENTLY, "keep": KEEP, "keep_rows": KEEP_ROWS},
    )
    return int(rows[0][0])
