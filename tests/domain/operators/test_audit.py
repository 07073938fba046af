"""The audit log's chain: numbers without a gap however many write at once, and a changed row is found."""

import asyncio
from datetime import UTC, datetime

import psycopg
import pytest

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
WRITE = "select audit(%s, 'test', %s, 'a reason', '{\"a\": 1}', %s)"
WRONG = """
    select id from (
        select l.id, l.hash, audit_hash(lag(l.hash, 1, decode(repeat('00', 32), 'hex')) over (order by l.id), l) as due
        from audit_log l
    ) c where hash <> due order by id
"""


@pytest.fixture
def sql(dsn):
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def operator(sql, name="ali"):
    return sql.execute(
        """
        insert into operator (name, role, handle, password_hash, created_at)
        values (%s, 'admin', sha256(%s::bytea), '', %s) returning id
        """,
        [name, name.encode(), NOW],
    ).fetchone()[0]


async def test_twenty_at_once_leave_no_gap(dsn, sql):
    """Each writes some rows, a third of them is rolled back."""
    ali = operator(sql)

    async def write(who):
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            for number in range(10):
                await connection.execute(WRITE, [ali, f"{who} {number}", NOW])
                await (connection.rollback() if number % 3 == 0 else connection.commit())

    await asyncio.gather(*(write(who) for who in range(20)))
    ids = [row[0] for row in sql.execute("select id from audit_log order by id")]
    assert ids == list(range(1, 121))
    assert sql.execute(WRONG).fetchall() == []


def test_one_statement_may_write_several(sql):
    sql.execute(
        """
        insert into audit_log (at, operator_id, act, subject, reason, data)
        select now(), null, 'many', n::text, '', '{}' from generate_series(1, 5) n
        """
    )
    assert sql.execute("select count(*), max(id) from audit_log").fetchone() == (5, 5)
    assert sql.execute(WRONG).fetchall() == []


@pytest.mark.parametrize("change", ["reason = 'another'", "at = at + interval '1 microsecond'", "operator_id = null"])
def test_a_changed_row_is_named(sql, change):
    ali = operator(sql)
    for number in range(5):
        sql.execute(WRITE, [ali, str(number), NOW])
    with pytest.raises(psycopg.errors.RestrictViolation, match="append only"):
        sql.execute(f"update audit_log set {change} where id = 3")
    sql.execute("alter table audit_log disable trigger audit_log_append_only")
    sql.execute(f"update audit_log set {change} where id = 3")
    assert sql.execute(WRONG).fetchall() == [(3,)]


def test_the_server_s_settings_do_not_change_a_hash(sql):
    sql.execute(WRITE, [operator(sql), "متن فارسی", NOW])
    for setting in ("timezone = 'Asia/Tehran'", "datestyle = 'German'", "extra_float_digits = 0"):
        sql.execute(f"set {setting}")
        assert sql.execute(WRONG).fetchall() == []
