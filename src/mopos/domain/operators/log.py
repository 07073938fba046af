"""The SQL of the audit log: reading it, and checking its chain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from mopos.base.db import Database

# Rows of a page.
PAGE = 100
# Rows checked by one statement: a tenth of a second's work.
STEP = 10_000
# What stands before the first row.
NOTHING = bytes(32)


class Entry(NamedTuple):
    """A row of the log, with the name of who did it (empty: the command line)."""

    id: int
    at: datetime
    operator_id: int | None
    operator: str
    act: str
    subject: str
    reason: str
    data: Mapping[str, Any]
    hash: bytes


_ENTRY = """
    select l.id, l.at, l.operator_id, coalesce(nullif(o.title, ''), o.name, ''), l.act, l.subject, l.reason, l.data,
        l.hash
    from audit_log l left join operator o on o.id = l.operator_id
"""


async def page(db: Database, *, before: int, operator_id: int | None, act: str, subject: str) -> list[Entry]:
    """The newest rows before a number; empty filters take all."""
    rows = await db.all(
        f"""
        {_ENTRY}
        where l.id < %(before)s and (%(operator_id)s::bigint is null or l.operator_id = %(operator_id)s)
            and (%(act)s = '' or l.act = %(act)s) and (%(subject)s = '' or l.subject = %(subject)s)
        order by l.id desc limit %(limit)s
        """,
        {"before": before, "operator_id": operator_id, "act": act, "subject": subject, "limit": PAGE + 1},
    )
    return [Entry(*row) for row in rows]


async def about(db: Database, subject: str, limit: int = 50) -> list[Entry]:
    """What was done to one subject, the newest first."""
    rows = await db.all(
        f"{_ENTRY} where l.subject = %(subject)s order by l.id desc limit %(limit)s",
        {"subject": subject, "limit": limit},
    )
    return [Entry(*row) for row in rows]


async def acts(db: Database) -> list[str]:
    """The kinds of acts among the newest rows, to choose from."""
    rows = await db.all(
        "select distinct act from (select act from audit_log order by id desc limit 5000) newest order by act"
    )
    return [row[0] for row in rows]


class Checked(NamedTuple):
    """A stretch of the chain was checked, up to `id`."""

    id: int
    hash: bytes
    rows: int
    wrong: list[tuple[int, str]]
    """Numbers of rows, and what is wrong with each."""


async def check(db: Database, after: int, before_hash: bytes) -> Checked | None:
    """Check the rows that follow `after`. None: there are none."""
    row = await db.one(
        """
        with part as (
            select l.id, l.hash, l as whole from audit_log l where l.id > %(after)s order by l.id limit %(limit)s
        ),
        linked as (
            select id, hash, lag(id, 1, %(after)s::bigint) over (order by id) as before_id,
                audit_hash(lag(hash, 1, %(hash)s::bytea) over (order by id), whole) as due
            from part
        ),
        wrong as (
            select id, case when before_id + 1 <> id then format('rows %%s to %%s are missing', before_id + 1, id - 1)
                else 'this row is not what was written' end as what
            from linked where before_id + 1 <> id or hash <> due order by id limit 20
        )
        select (select id from part order by id desc limit 1), (select hash from part order by id desc limit 1),
            (select count(*) from part), coalesce((select array_agg(id order by id) from wrong), '{}'),
            coalesce((select array_agg(what order by id) from wrong), '{}')
        """,
        {"after": after, "hash": before_hash, "limit": STEP},
    )
    if row is None or row[0] is None:
        return None
    return Checked(row[0], bytes(row[1]), row[2], list(zip(row[3], row[4], strict=True)))


async def length(db: Database) -> int:
    """How many rows there should be."""
    row = await db.one("select coalesce(max(id), 0) from audit_log")
    return int(row[0]) if row else 0


async def row_before(db: Database, row_id: int) -> tuple[int, bytes]:
    """The last row before a number, with its hash; what stands before the first one where there is none."""
    row = await db.one("select id, hash from audit_log where id < %(id)s order by id desc limit 1", {"id": row_id})
    return (row[0], bytes(row[1])) if row else (0, NOTHING)


class Run(NamedTuple):
    """What a run of the audit found."""

    kind: str
    at: datetime
    duration_ms: int
    purchases: int
    findings: int
    sample: str
    head_id: int | None
    head_hash: bytes | None


async def keep_run(db: Database, run: Run) -> None:
    """Note what a run found, for the console."""
    await db.one(
        """
        insert into audit_run (kind, at, duration_ms, purchases, findings, sample, head_id, head_hash)
        values (%(kind)s, %(at)s, %(duration_ms)s, %(purchases)s, %(findings)s, %(sample)s, %(head_id)s, %(head_hash)s)
        """,
        run._asdict() | {"sample": run.sample[:4000]},
    )


async def last_runs(db: Database) -> list[Run]:
    """The latest run of each kind."""
    rows = await db.all(
        """
        select distinct on (kind) kind, at, duration_ms, purchases, findings, sample, head_id, head_hash
        from audit_run order by kind, id desc
        """
    )
    return [Run(*row) for row in rows]


async def lost_heads(db: Database) -> list[tuple[int, str]]:
    """Rows that an earlier run saw at the log's end, and that are gone or others now."""
    rows = await db.all(
        """
        select r.head_id, case when l.id is null then 'this row was there before and is gone'
            else 'this row was another one before' end
        from (select distinct head_id, head_hash from audit_run where head_id is not null) r
        left join audit_log l on l.id = r.head_id
        where l.hash is distinct from r.head_hash order by r.head_id limit 20
        """
    )
    return [(row[0], row[1]) for row in rows]
