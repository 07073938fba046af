"""Bring a database to the present: our SQL files by yoyo, the table of moves, and the job queue's own tables.

Running it again changes nothing. It may run while another process does the same: yoyo holds a lock.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from urllib.parse import quote

import procrastinate
import psycopg
from psycopg.conninfo import conninfo_to_dict
from yoyo import get_backend, read_migrations
from yoyo.backends import DatabaseBackend
from yoyo.migrations import MigrationList

from mopos.domain.applications import states as applications
from mopos.domain.ledger.entries import ENTRIES
from mopos.domain.payments import refunds
from mopos.domain.payments.states import MOVES
from mopos.domain.settlement import states as settlement


class DatabaseBehind(Exception):
    """The database is not at the present: `mopos migrate` has to be run."""


def migrate(dsn: str) -> list[str]:
    """Apply what is missing. Returns the names of the migrations that were applied, in order."""
    with _yoyo(dsn) as (backend, migrations), backend.lock():
        todo = backend.to_apply(migrations)
        names = [str(migration.id) for migration in todo]
        backend.apply_migrations(todo)
    with psycopg.connect(dsn) as connection:
        _load_moves(connection)
    _make_queue(dsn)
    return names


def refuse_when_behind(dsn: str) -> None:
    """Raise `DatabaseBehind` when a migration or a move is missing."""
    with _yoyo(dsn) as (backend, migrations):
        missing = [str(migration.id) for migration in backend.to_apply(migrations)]
    if missing:
        raise DatabaseBehind(f"the database is behind by {', '.join(missing)}: run `mopos migrate`")
    with psycopg.connect(dsn) as connection:
        known = set(connection.execute("select from_state, event, to_state from move").fetchall())
        known_of_money = set(connection.execute("select noun, from_state, event, to_state from money_move").fetchall())
        known_entries = set(connection.execute("select entry, debit_kind, credit_kind, overdraws from entry_rule"))
        known_of_applications = set(
            connection.execute("select from_state, event, to_state from application_move").fetchall()
        )
    is_whole = {(start or "", event, end) for start, event, end, _, _ in MOVES} <= known and {
        (start or "", event, end) for start, event, end, _ in applications.MOVES
    } <= known_of_applications
    is_whole = (
        is_whole and {row[:4] for row in _money_moves()} <= known_of_money and set(_entry_rules()) <= known_entries
    )
    if not is_whole:
        raise DatabaseBehind("the table of moves is behind: run `mopos migrate`")


def known_migrations() -> list[str]:
    """The names of all migrations that this release brings."""
    return sorted(file.name[:-4] for file in (files("mopos.db") / "migrations").iterdir() if file.name.endswith(".sql"))


@contextmanager
def _yoyo(dsn: str) -> Iterator[tuple[DatabaseBackend, MigrationList]]:
    with as_file(files("mopos.db") / "migrations") as folder:
        backend = get_backend(_as_url(dsn))
        try:
            yield backend, read_migrations(str(folder))
        finally:
            backend.connection.close()


def _as_url(dsn: str) -> str:
    """yoyo wants a URL; libpq also writes `host=... dbname=...`, and sockets' folders as hosts."""
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    user, password = quote(parts.pop("user", ""), safe=""), quote(parts.pop("password", ""), safe="")
    database = quote(parts.pop("dbname", ""), safe="")
    login = f"{user}:{password}@" if password else f"{user}@" if user else ""
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parts.items())
    return f"postgresql+psycopg://{login}/{database}?{query}"


def _load_moves(connection: psycopg.Connection) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into move (from_state, event, to_state, who, entry) values (%s, %s, %s, %s, %s)
            on conflict (from_state, event, to_state) do update set who = excluded.who, entry = excluded.entry
            where (move.who, move.entry) is distinct from (excluded.who, excluded.entry)
            """,
            [(start or "", event, end, who, entry) for start, event, end, who, entry in MOVES],
        )
        cursor.executemany(
            """
            insert into application_move (from_state, event, to_state, who) values (%s, %s, %s, %s)
            on conflict (from_state, event, to_state) do update set who = excluded.who
            where application_move.who <> excluded.who
            """,
            [(start or "", event, end, who) for start, event, end, who in applications.MOVES],
        )
        cursor.executemany(
            """
            insert into money_move (noun, from_state, event, to_state, who, entry) values (%s, %s, %s, %s, %s, %s)
            on conflict (noun, from_state, event, to_state) do update set who = excluded.who, entry = excluded.entry
            where (money_move.who, money_move.entry) is distinct from (excluded.who, excluded.entry)
            """,
            _money_moves(),
        )
        cursor.executemany(
            """
            insert into entry_rule (entry, debit_kind, credit_kind, overdraws) values (%s, %s, %s, %s)
            on conflict (entry, debit_kind, credit_kind) do update set overdraws = excluded.overdraws
            where entry_rule.overdraws <> excluded.overdraws
            """,
            _entry_rules(),
        )


def _money_moves() -> list[tuple[str, str, str, str, str, str]]:
    of_refunds = [(refunds.NOUN, move.start or "", *move[1:]) for move in refunds.MOVES]
    return [*of_refunds, *settlement.MOVES]


def _entry_rules() -> list[tuple[str, str, str, bool]]:
    return [(entry, line.debit, line.credit, line.overdraws) for entry, lines in ENTRIES.items() for line in lines]


def _make_queue(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        made = connection.execute("select to_regclass('procrastinate_jobs') is not null").fetchone()
    if made and made[0]:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        queue = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=dsn))
    with queue.open():
        queue.schema_manager.apply_schema()
