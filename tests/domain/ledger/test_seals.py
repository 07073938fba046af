"""Whoever changes, removes or adds a row of the books behind the house's back is told by that very row."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.sim.paid import merchants

from mopos.base.db import Database
from mopos.domain.ledger import seals
from mopos.domain.ledger.seals import SOURCES

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
JOURNAL, LINES, EVENTS = SOURCES


@pytest.fixture
async def db(dsn):
    merchants(dsn, 2, 400, NOW)
    async with Database(dsn, pool_size=4, timeout_s=20) as database:
        yield database


async def sealed(db, source, at=NOW):
    """Mark, wait, and seal all: how many rows, in how many seals."""
    await seals.mark(db, source, at)
    counts = []
    while (rows := await seals.seal(db, source, at + timedelta(seconds=3))) is not None:
        counts.append(rows)
    return counts


async def wrong(db, source):
    found, after, hash_before = [], 0, seals.NOTHING
    while (part := await seals.check(db, source, after, hash_before)) is not None:
        found += part.wrong
        after, hash_before = part.last_id, part.hash
    return found


def behind(dsn, *statements):
    """As a superuser who switches the guards off."""
    with psycopg.connect(dsn) as sql:
        sql.execute("set session_replication_role = replica")
        for statement in statements:
            assert sql.execute(statement).rowcount == 1


async def test_all_rows_are_sealed_once_in_stretches(db):
    # 800 purchases: three moves each; a line for the amount and one for the fee.
    assert await sealed(db, JOURNAL) == [500] * 4 + [400]
    assert await sealed(db, LINES) == [500] * 3 + [100]
    assert await sealed(db, EVENTS) == []
    assert await sealed(db, JOURNAL) == []
    assert await wrong(db, JOURNAL) == await wrong(db, LINES) == []
    end = await seals.end(db, JOURNAL, NOW)
    assert end is not None
    assert (end.position, end.last_id, end.late) == (2400, 2400, False)


async def test_what_comes_later_goes_on_from_the_last_seal(db, dsn):
    await sealed(db, LINES)
    merchants(dsn, 1, 2, NOW)
    end = await seals.end(db, LINES, NOW + timedelta(hours=1))
    assert end is not None
    assert end.late
    assert await sealed(db, LINES, NOW + timedelta(minutes=1)) == [4]
    assert await wrong(db, LINES) == []


async def test_one_rial_is_named(db, dsn):
    await sealed(db, LINES)
    behind(dsn, "update ledger_line set amount_rial = amount_rial + 1 where id = 777")
    assert await wrong(db, LINES) == [(777, "this row is not what was written")]


@pytest.mark.parametrize(
    "change",
    [
        "update ledger_line set entry_id = entry_id + 1 where id = 777",
        "update ledger_line set booked_at = booked_at + interval '1 microsecond' where id = 777",
        "update ledger_line set corrects = 1, entry = 'correction' where id = 777",
        "update ledger_line set debit_id = credit_id, credit_id = debit_id where id = 777",
    ],
)
async def test_every_column_is_sealed(db, dsn, change):
    await sealed(db, LINES)
    with psycopg.connect(dsn) as sql:
        sql.execute("alter table ledger_line drop constraint ledger_line_check")
    behind(dsn, change)
    assert await wrong(db, LINES) == [(777, "this row is not what was written")]


async def test_a_removed_row_is_named(db, dsn):
    await sealed(db, JOURNAL)
    behind(dsn, "delete from journal where id = 1234")
    assert await wrong(db, JOURNAL) == [(1234, "this row is gone")]


async def test_a_row_put_in_is_named(db, dsn):
    # A statement that failed left number 1601 unused.
    with psycopg.connect(dsn) as sql:
        sql.execute("select nextval(pg_get_serial_sequence('ledger_line', 'id'))")
    merchants(dsn, 1, 1, NOW)
    await sealed(db, LINES)
    behind(
        dsn,
        """
        insert into ledger_line
            (id, entry_id, journal_id, entry, debit_id, credit_id, amount_rial, booked_at, effective_at)
        overriding system value select 1601, entry_id, journal_id, entry, credit_id, debit_id, amount_rial, booked_at,
            effective_at from ledger_line where id = 1600
        """,
    )
    assert await wrong(db, LINES) == [(1601, "this row was put in later")]


async def test_several_at_once_are_all_named(db, dsn):
    await sealed(db, LINES)
    behind(
        dsn,
        "update ledger_line set amount_rial = 1 where id = 3",
        "delete from ledger_line where id = 501",
        "update ledger_line set amount_rial = 1 where id = 1600",
    )
    assert [row for row, _ in await wrong(db, LINES)] == [3, 501, 1600]


async def test_a_seal_that_is_made_to_fit_breaks_the_next_one(db, dsn):
    await sealed(db, LINES)
    behind(
        dsn,
        "update ledger_line set amount_rial = amount_rial + 1 where id = 3",
        """
        update ledger_seal s set leaves = new.leaves, hash = sha256(decode(repeat('00', 32), 'hex') || new.hashes)
        from (
            select string_agg(substr(seal_hash(l), 1, 8), ''::bytea order by id) as leaves,
                string_agg(seal_hash(l), ''::bytea order by id) as hashes from ledger_line l where id <= 500
        ) new where s.source = 'ledger_line' and s.after_id = 0
        """,
    )
    assert await wrong(db, LINES) == [(501, "the seal of rows 501 to 1000 is not the one that was set")]


async def test_missing_seals_are_told(db, dsn):
    await sealed(db, LINES)
    behind(dsn, "delete from ledger_seal where source = 'ledger_line' and after_id = 500")
    found = await wrong(db, LINES)
    assert (1001, "the seals of rows 501 to 1000 are missing") in found
    behind(dsn, "delete from ledger_seal where source = 'ledger_line' and after_id = 1500")
    end = await seals.end(db, LINES, NOW)
    assert end is not None
    assert (end.position, end.last_id) == (1600, 1500)


async def test_nothing_is_sealed_before_it_is_certain(db, dsn):
    """A transaction that holds an older number is still open: what is above it waits."""
    opened, go_on = threading.Event(), threading.Event()

    def slow():
        with psycopg.connect(dsn) as sql:
            sql.execute(
                "insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at) "
                "values ('exception', 1, 1, 'found', '', 'OPEN', 'worker', %s)",
                [NOW],
            )
            opened.set()
            go_on.wait(10)

    thread = threading.Thread(target=slow)
    thread.start()
    assert opened.wait(10)
    with psycopg.connect(dsn) as sql:
        sql.execute(
            "insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at) "
            "values ('exception', 2, 1, 'found', '', 'OPEN', 'worker', %s)",
            [NOW],
        )
    assert await sealed(db, EVENTS) == []
    go_on.set()
    thread.join()
    assert await sealed(db, EVENTS) == [2]
    assert await wrong(db, EVENTS) == []


async def test_a_seal_is_append_only(db, dsn):
    await sealed(db, LINES)
    for change in ("update ledger_seal set hash = hash", "delete from ledger_seal", "truncate ledger_seal"):
        with psycopg.connect(dsn) as sql, pytest.raises(psycopg.errors.RestrictViolation):
            sql.execute(change)
