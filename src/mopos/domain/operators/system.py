"""The SQL of the system page: what the database is, and what it holds."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from mopos.base.db import Database

# Tables listed, the largest first.
TABLES_MAX = 15


class Server(NamedTuple):
    """The database server as it tells of itself."""

    version: str
    started_at: datetime
    replica: bool
    bytes: int
    connections: int
    connections_max: int


class Migration(NamedTuple):
    """A migration that was applied."""

    name: str
    at: datetime | None


class Table(NamedTuple):
    """A table with its indexes, in bytes; the rows are the planner's estimate."""

    name: str
    bytes: int
    rows: int


async def server(db: Database) -> Server:
    """Version, age, size."""
    row = await db.one(
        """
        select current_setting('server_version'), pg_postmaster_start_time(), pg_is_in_recovery(),
            pg_database_size(current_database()),
            (select count(*) from pg_stat_activity where datname = current_database()),
            current_setting('max_connections')::int
        """
    )
    if row is None:
        raise LookupError("a statement that always gives a row gave none")
    return Server(*row)


async def migrations(db: Database) -> list[Migration]:
    """In the order in which they were applied."""
    rows = await db.all(
        "select migration_id, applied_at_utc at time zone 'UTC' from _yoyo_migration order by applied_at_utc, 1"
    )
    return [Migration(*row) for row in rows]


async def largest_tables(db: Database) -> list[Table]:
    """What takes the room."""
    rows = await db.all(
        """
        select relname, pg_total_relation_size(oid), greatest(reltuples, 0)::bigint
        from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
        order by 2 desc limit %(limit)s
        """,
        {"limit": TABLES_MAX},
    )
    return [Table(*row) for row in rows]
