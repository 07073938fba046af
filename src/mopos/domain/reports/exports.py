"""Exports: what members asked for, how far the worker is with it, and until when the file is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from mopos.base.db import Database

# Waiting or running at once for an account: a person needs one or two, and the worker does one after the other.
WAITING_MAX = 3
# The last ones are shown.
SHOWN_MAX = 30
# An export that failed so often will not succeed.
TRIES_MAX = 5


class Export(NamedTuple):
    """An export of an account."""

    id: int
    account_id: int
    person_id: int
    person_name: str
    format: str
    query: str
    lang: str
    state: str
    tries: int
    rows_done: int
    rows_all: int | None
    """An estimate, or None when nobody can tell."""
    path: str | None
    bytes: int | None
    created_at: datetime
    done_at: datetime | None
    expires_at: datetime
    kind: str = "purchases"
    """What stands in it: `purchases` that a filter wants, or the `statement` of a period."""


class Part(NamedTuple):
    """Some of the rows of a file that is being made."""

    rows: Sequence[Any]
    rows_all: int | None
    """About how many there will be in all, as far as anybody can tell by now."""


_COLUMNS = """
    e.id, e.account_id, e.person_id, coalesce(nullif(p.name, ''), p.mobile), e.format, e.query, e.lang, e.state,
    e.tries, e.rows_done, e.rows_all, e.path, e.bytes, e.created_at, e.done_at, e.expires_at,
    e.kind
"""


async def ask(
    db: Database,
    *,
    account_id: int,
    person_id: int,
    format: str,
    query: str,
    lang: str,
    ip: str,
    now: datetime,
    expires_at: datetime,
    kind: str = "purchases",
) -> int | None:
    """Ask the worker for an export, with its line in the account's activity. None: too many are waiting."""
    row = await db.one(
        """
        with asked as (
            insert into export (account_id, person_id, format, query, lang, next_try_at, created_at, expires_at, kind)
            select %(account_id)s, %(person_id)s, %(format)s, %(query)s, %(lang)s, %(now)s, %(now)s, %(expires_at)s,
                %(kind)s
            where (
                select count(*) from export
                where account_id = %(account_id)s and state in ('waiting', 'running')
            ) < %(most)s
            returning id, account_id, person_id
        ),
        told as (
            insert into activity (account_id, person_id, at, act, subject, data, ip)
            select account_id, person_id, %(now)s, 'export_asked', id::text,
                jsonb_build_object('format', %(format)s::text, 'query', %(query)s::text, 'kind', %(kind)s::text), %(ip)s
            from asked
        )
        select id from asked
        """,
        {
            "account_id": account_id,
            "person_id": person_id,
            "format": format,
            "query": query,
            "lang": lang,
            "ip": ip,
            "now": now,
            "expires_at": expires_at,
            "kind": kind,
            "most": WAITING_MAX,
        },
    )
    return int(row[0]) if row else None


async def all_of(db: Database, account_id: int) -> list[Export]:
    """An account's last exports, the newest first."""
    rows = await db.all(
        f"""
        select {_COLUMNS} from export e join person p on p.id = e.person_id
        where e.account_id = %(account_id)s order by e.id desc limit %(limit)s
        """,  # noqa: S608
        {"account_id": account_id, "limit": SHOWN_MAX},
    )
    return [Export(*row) for row in rows]


async def one(db: Database, account_id: int, export_id: int) -> Export | None:
    """One of an account's exports."""
    row = await db.one(
        f"""
        select {_COLUMNS} from export e join person p on p.id = e.person_id
        where e.id = %(id)s and e.account_id = %(account_id)s
        """,  # noqa: S608
        {"id": export_id, "account_id": account_id},
    )
    return Export(*row) if row else None


async def claim(db: Database, *, now: datetime, lease_until: datetime) -> Export | None:
    """Take an export that is due. It comes due again when whoever took it is not heard of until `lease_until`; one
    that was tried too often has failed."""
    row = await db.one(
        f"""
        with due as (
            select id from export where next_try_at <= %(now)s order by next_try_at limit 1 for update skip locked
        ),
        e as (
            update export x set tries = tries + 1, rows_done = 0,
                state = case when tries >= %(most)s then 'failed' else 'running' end,
                next_try_at = case when tries >= %(most)s then null else %(lease_until)s::timestamptz end
            from due where x.id = due.id
            returning x.*
        )
        select {_COLUMNS} from e join person p on p.id = e.person_id
        """,  # noqa: S608
        {"now": now, "lease_until": lease_until, "most": TRIES_MAX},
    )
    return Export(*row) if row else None


async def tell_progress(
    db: Database, export: Export, *, rows_done: int, rows_all: int | None, lease_until: datetime
) -> bool:
    """So many rows are written. False: somebody else has taken this export, or nobody wants it any more."""
    row = await db.one(
        """
        update export set rows_done = %(rows_done)s, rows_all = %(rows_all)s, next_try_at = %(lease_until)s
        where id = %(id)s and state = 'running' and tries = %(tries)s
        returning id
        """,
        {
            "id": export.id,
            "tries": export.tries,
            "rows_done": rows_done,
            "rows_all": rows_all,
            "lease_until": lease_until,
        },
    )
    return row is not None


async def finish(
    db: Database, export: Export, *, path: str, size: int, rows: int, now: datetime, expires_at: datetime
) -> bool:
    """The file is whole. False: another worker's is."""
    row = await db.one(
        """
        update export set state = 'done', next_try_at = null, path = %(path)s, bytes = %(size)s, rows_done = %(rows)s,
            rows_all = %(rows)s, done_at = %(now)s, expires_at = %(expires_at)s
        where id = %(id)s and state = 'running' and tries = %(tries)s
        returning id
        """,
        {
            "id": export.id,
            "tries": export.tries,
            "path": path,
            "size": size,
            "rows": rows,
            "now": now,
            "expires_at": expires_at,
        },
    )
    return row is not None


async def fail(db: Database, export: Export) -> None:
    """It cannot be done, now or later."""
    await db.one(
        "update export set state = 'failed', next_try_at = null where id = %(id)s and tries = %(tries)s",
        {"id": export.id, "tries": export.tries},
    )


async def forget_old(db: Database, now: datetime) -> list[str]:
    """Take exports out whose time is over. Returns their files."""
    rows = await db.all(
        """
        delete from export where id in (
            select id from export where expires_at <= %(now)s order by id limit 1000 for update skip locked
        ) returning path
        """,
        {"now": now},
    )
    return [path for (path,) in rows if path]


async def kept(db: Database) -> list[str]:
    """The files that belong to an export."""
    return [path for (path,) in await db.all("select path from export where path is not null")]
