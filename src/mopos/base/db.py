"""PostgreSQL, the only database: a pool, one statement at a time, each atomic by itself.

Every change is a single SQL statement (with CTEs where it writes several tables), so it is one round trip and needs no
open transaction while a bank is being called. Whatever takes too long closes the socket: then nobody knows whether
PostgreSQL did it, and `DatabaseUnavailable` says just that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

Params = Mapping[str, Any]
Row = tuple[Any, ...]


_STATEMENTS = "-c plan_cache_mode=force_generic_plan"
_REPORTS = "-c plan_cache_mode=force_custom_plan -c default_transaction_read_only=on"


class DatabaseUnavailable(Exception):
    """PostgreSQL did not answer in time or could not be reached: what was asked may or may not have been done."""


class _Connection(psycopg.AsyncConnection[Row]):
    """A connection whose statements share one cursor: to make one costs a third of a statement."""

    @cached_property
    def only_cursor(self) -> psycopg.AsyncCursor[Row]:
        return self.cursor()


class Database:
    """A pool of connections to one PostgreSQL. `async with Database(...)` opens and closes it."""

    def __init__(self, dsn: str, *, pool_size: int, timeout_s: float, for_reports: bool = False) -> None:
        """`for_reports`: lists and searches, whose best plan depends on what is asked for; they change nothing."""
        self._timeout_s = timeout_s
        self._pool = AsyncConnectionPool(
            dsn,
            min_size=1,
            max_size=pool_size,
            timeout=timeout_s,
            open=False,
            name="mopos",
            connection_class=_Connection,
            check=None,
            kwargs={
                "autocommit": True,
                "application_name": "mopos",
                "connect_timeout": max(2, round(timeout_s)),
                "tcp_user_timeout": round(timeout_s * 1000),
                # The server gives up a little later than we do, so that nothing of ours runs on without us. Our few
                # statements find their rows by unique keys: one plan fits all, and planning costs more than running.
                "options": f"-c statement_timeout={round(timeout_s * 1500)} -c lock_timeout={round(timeout_s * 1000)} "
                + (_REPORTS if for_reports else _STATEMENTS),
            },
        )

    async def __aenter__(self) -> Self:
        await self._pool.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def one(self, sql: str, params: Params | None = None) -> Row | None:
        """Run one statement; its first row, or None."""
        rows = await self.all(sql, params)
        return rows[0] if rows else None

    async def all(self, sql: str, params: Params | None = None) -> list[Row]:
        """Run one statement; all of its rows (an empty list when it gives none). For results bounded by a limit.

        Raises `DatabaseUnavailable` for a lost or silent server; psycopg's errors for what the database refuses."""
        try:
            async with asyncio.timeout(self._timeout_s), self._pool.connection() as connection:
                cursor = connection.only_cursor
                await cursor.execute(sql, params)
                # Not `cursor.description`: it builds an object for each column, on every call.
                has_rows = cursor.pgresult is not None and cursor.pgresult.nfields > 0
                return await cursor.fetchall() if has_rows else []
        except (TimeoutError, PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise DatabaseUnavailable(type(error).__name__) from error
