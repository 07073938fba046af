"""PostgreSQL itself wants two operators: each rule is broken here past our own code."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

pytestmark = pytest.mark.storage

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def sql(shared_dsn):
    """A transaction that is rolled back."""
    with psycopg.connect(shared_dsn) as connection:
        yield connection
        connection.rollback()


def operator(sql, name):
    return sql.execute(
        """
        insert into operator (name, role, handle, password_hash, created_at)
        values (%s, 'admin', sha256(%s::bytea), '', %s) returning id
        """,
        [name, name.encode(), NOW],
    ).fetchone()[0]


@pytest.fixture
def two(sql):
    return operator(sql, "ali"), operator(sql, "mina")


def propose(sql, who, subject="purchase 1000017", expires_at=NOW + timedelta(hours=24)):
    return sql.execute(
        """
        insert into proposal (act, subject, data, reason, proposed_by, proposed_at, expires_at)
        values ('correct_paid', %s, '{"bank_ref": "R1"}', 'a letter', %s, %s, %s) returning id
        """,
        [subject, who, NOW, expires_at],
    ).fetchone()[0]


def approve(sql, proposal, who, at=NOW):
    sql.execute("select approve(%s, %s, 'seen', %s)", [proposal, who, at])


def test_another_operator_approves_and_the_log_tells_it(sql, two):
    ali, mina = two
    proposal = propose(sql, ali)
    approve(sql, proposal, mina)
    row = sql.execute("select operator_id, act, subject, reason, data from audit_log").fetchone()
    data = {"bank_ref": "R1", "proposal": proposal, "proposed_by": ali, "note": "seen"}
    assert row == (mina, "correct_paid", "purchase 1000017", "a letter", data)


@pytest.mark.parametrize("case", ["by who proposed it", "twice", "too late", "that is not there"])
def test_an_approval_is_refused(sql, two, case):
    ali, mina = two
    proposal = propose(sql, ali)
    who, at = mina, NOW
    if case == "by who proposed it":
        who = ali
    elif case == "twice":
        approve(sql, proposal, mina)
    elif case == "too late":
        at = NOW + timedelta(hours=24)
    else:
        proposal += 1000
    with pytest.raises(psycopg.errors.RestrictViolation, match="is not open to operator"), sql.transaction():
        approve(sql, proposal, who, at)


def test_an_approval_past_the_function_needs_another_one_too(sql, two):
    ali, _ = two
    proposal = propose(sql, ali)
    with pytest.raises(psycopg.errors.CheckViolation):
        sql.execute(
            "update proposal set decision = 'approved', decided_by = %s, decided_at = %s where id = %s",
            [ali, NOW, proposal],
        )


def test_one_open_proposal_of_a_kind_about_one_thing(sql, two):
    ali, mina = two
    propose(sql, ali)
    with pytest.raises(psycopg.errors.UniqueViolation):
        propose(sql, mina)


@pytest.mark.parametrize(
    "statement", ["update audit_log set reason = ''", "delete from audit_log", "truncate audit_log"]
)
def test_the_log_is_append_only(sql, statement):
    with pytest.raises(psycopg.errors.RestrictViolation, match="append only"):
        sql.execute(statement)
