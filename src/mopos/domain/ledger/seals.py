"""The SQL of the seals: a hash chain over the journal, the ledger and the events of money, and its check.

A seal covers a stretch of rows. It may be set only when no row can appear in the stretch any more: numbers may become
visible out of order, so a mark is set first (all that the table shows now, and the number of this very transaction);
what is below it is sealed once every transaction that began before the mark has ended. One statement seals a stretch
and moves the position: a worker that is killed anywhere has sealed it whole or not at all.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from mopos.base.db import Database

# Rows of one seal: what is looked through when a hash does not fit.
STRETCH = 500
# Seals checked by one statement: some 100 ms of PostgreSQL's time.
STEP = 20
# A number may be drawn a moment before its transaction has one: a statement that hangs just there is waited for.
SETTLING = timedelta(seconds=2)
# Findings of one statement; a thousand equal ones say no more.
FINDINGS_MAX = 20
# What stands before the first stretch.
NOTHING = bytes(32)

_MARK = """
    update progress set seen = coalesce((select max(id) from {table}), 0), seen_xid = pg_current_xact_id(), at = %(now)s
    where name = 'seal {table}' and position = seen and exists (select from {table} where id > position)
"""
_SEAL = """
    with mine as (
        select position, seen from progress
        where name = 'seal {table}' and position < seen and at <= %(settled)s
            and seen_xid < pg_snapshot_xmin(pg_current_snapshot())
        for update skip locked
    ),
    batch as materialized (
        select t.id, t.hash from mine cross join lateral (
            select t.id, seal_hash(t) as hash from {table} t
            where t.id > mine.position and t.id <= mine.seen order by t.id limit %(stretch)s
        ) t
    ),
    whole as (
        select count(*) as times, max(id) as last, coalesce(range_agg(int8range(id, id + 1)), '{{}}') as rows,
            coalesce(string_agg(substr(hash, 1, 8), ''::bytea order by id), '') as leaves,
            coalesce(string_agg(hash, ''::bytea order by id), '') as hashes
        from batch
    ),
    upto as (
        select mine.position as after, case when w.times < %(stretch)s then mine.seen else w.last end as last
        from mine, whole w
    ),
    sealed as (
        insert into ledger_seal (source, after_id, last_id, rows, leaves, hash, at)
        select '{table}', upto.after, upto.last, w.rows, w.leaves, sha256(coalesce((
            select s.hash from ledger_seal s where s.source = '{table}' order by s.after_id desc limit 1
        ), decode(repeat('00', 32), 'hex')) || w.hashes), %(now)s
        from upto, whole w
    )
    update progress set position = upto.last from upto, whole w where progress.name = 'seal {table}'
    returning w.times
"""
# What the rows are now, beside what they were when they were sealed.
_CHECK = """
    with part as (
        select s.id, s.after_id, s.last_id, s.rows, s.leaves, s.hash,
            lag(s.hash, 1, %(hash)s::bytea) over (order by s.after_id) as hash_before,
            lag(s.last_id, 1, %(after)s::bigint) over (order by s.after_id) as last_before
        from (
            select * from ledger_seal where source = '{table}' and after_id >= %(after)s
            order by after_id limit %(step)s
        ) s
    ),
    found as (
        select p.after_id, t.id, seal_hash(t) as hash
        from part p join {table} t on t.id > p.after_id and t.id <= p.last_id
    ),
    sealed as (
        select p.after_id, u.id, substr(p.leaves, ((u.place - 1) * 8 + 1)::int, 8) as leaf
        from part p cross join lateral (
            select id, row_number() over (order by id) as place
            from unnest(p.rows) r, generate_series(lower(r), upper(r) - 1) id
        ) u
    ),
    due as (
        select p.after_id, sha256(p.hash_before || coalesce(string_agg(f.hash, ''::bytea order by f.id), '')) as hash
        from part p left join found f on f.after_id = p.after_id group by p.after_id, p.hash_before
    ),
    rows_wrong as (
        select after_id, coalesce(f.id, s.id) as id, case when f.id is null then 'this row is gone'
            when s.id is null then 'this row was put in later'
            else 'this row is not what was written' end as what
        from found f full join sealed s using (after_id, id)
        where f.id is null or s.id is null or substr(f.hash, 1, 8) <> s.leaf
    ),
    wrong as (
        select id, what from rows_wrong
        union all
        select p.after_id + 1, format('the seals of rows %%s to %%s are missing', p.last_before + 1, p.after_id)
        from part p where p.last_before <> p.after_id
        union all
        select p.after_id + 1,
            format('the seal of rows %%s to %%s is not the one that was set', p.after_id + 1, p.last_id)
        from part p join due using (after_id) where p.hash <> due.hash
            and not exists (select from rows_wrong w where w.after_id = p.after_id)
        order by 1 limit %(limit)s
    )
    select (select last_id from part order by after_id desc limit 1),
        (select hash from part order by after_id desc limit 1), (select count(*) from sealed),
        coalesce((select array_agg(id order by id) from wrong), '{{}}'),
        coalesce((select array_agg(what order by id) from wrong), '{{}}')
"""
_END = """
    select p.position, coalesce((select max(last_id) from ledger_seal where source = '{table}'), 0),
        exists (select from {table} t where t.id > p.position and t.{at} < %(overdue)s)
    from progress p where p.name = 'seal {table}'
"""


class Source(NamedTuple):
    """A table that is sealed, and its statements."""

    name: str
    mark: str
    seal: str
    check: str
    end: str


def _source(table: str, at: str) -> Source:
    return Source(table, *(sql.format(table=table, at=at) for sql in (_MARK, _SEAL, _CHECK, _END)))


SOURCES: tuple[Source, ...] = (
    _source("journal", "at"),
    _source("ledger_line", "booked_at"),
    _source("money_event", "at"),
)


async def mark(db: Database, source: Source, now: datetime) -> None:
    """Remember how far a table goes now, once all before the last mark is sealed."""
    await db.one(source.mark, {"now": now})


async def seal(db: Database, source: Source, now: datetime) -> int | None:
    """Seal the next stretch; of how many rows. None: nothing to do, or not yet certain, or another worker is at it."""
    row = await db.one(source.seal, {"now": now, "settled": now - SETTLING, "stretch": STRETCH})
    return int(row[0]) if row else None


class Checked(NamedTuple):
    """A part of the chain was checked, up to a row."""

    last_id: int
    hash: bytes
    rows: int
    wrong: list[tuple[int, str]]
    """Numbers of rows, and what is wrong with each."""


async def check(db: Database, source: Source, after: int, hash_before: bytes) -> Checked | None:
    """Check the seals that follow row `after`. None: there are none."""
    row = await db.one(source.check, {"after": after, "hash": hash_before, "step": STEP, "limit": FINDINGS_MAX})
    if row is None or row[0] is None:
        return None
    return Checked(row[0], bytes(row[1]), row[2], list(zip(row[3], row[4], strict=True)))


class End(NamedTuple):
    """Where the chain should end, where it does, and whether rows wait too long behind it."""

    position: int
    last_id: int
    late: bool


async def end(db: Database, source: Source, overdue: datetime) -> End | None:
    """How far a table is sealed. `overdue`: rows that are older should be. None: nobody knows any more."""
    row = await db.one(source.end, {"overdue": overdue})
    return End(*row) if row else None


async def before(db: Database, source: Source, seals: int) -> tuple[int, bytes]:
    """Where the newest `seals` seals begin: the row and the hash before them."""
    row = await db.one(
        """
        select last_id, hash from ledger_seal where source = %(source)s order by after_id desc offset %(seals)s limit 1
        """,
        {"source": source.name, "seals": seals},
    )
    return (row[0], bytes(row[1])) if row else (0, NOTHING)


async def length(db: Database, source: Source) -> int:
    """How many rows are sealed, about: numbers of statements that failed count too."""
    row = await db.one(
        "select coalesce(max(last_id), 0) from ledger_seal where source = %(source)s", {"source": source.name}
    )
    return int(row[0]) if row else 0
