"""The table of an application's moves, walked in Python and against PostgreSQL past our own code."""

from datetime import UTC, datetime

import psycopg
import pytest

from mopos.domain.applications.states import (
    BY_START_AND_EVENT,
    MOVES,
    OPEN_TO_MERCHANT,
    UNDECIDED,
    Event,
    State,
    Who,
    move,
    moves_of,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_each_start_and_event_has_one_end():
    assert len(BY_START_AND_EVENT) == len(MOVES)


@pytest.mark.parametrize("by", [Who.MERCHANT, Who.OPERATOR])
@pytest.mark.parametrize("start", [None, *State])
@pytest.mark.parametrize("event", list(Event))
def test_every_state_with_every_event_by_either_side(start, event, by):
    listed = [row for row in MOVES if (row.start, row.event) == (start, event) and row.who in (by, Who.EITHER)]
    assert move(start, event, by) == (listed[0] if listed else None)
    if start:
        assert (event in moves_of(start, by)) == bool(listed)


def test_nobody_decides_upon_his_own_wish():
    merchants = {row.event for row in MOVES if row.who is not Who.OPERATOR}
    assert merchants == {Event.STARTED, Event.SUBMITTED, Event.TAKEN_BACK, Event.CLOSED}


def test_what_is_closed_stays_closed_and_everything_can_be_reached():
    assert moves_of(State.CLOSED, Who.MERCHANT) == moves_of(State.CLOSED, Who.OPERATOR) == []
    assert {row.end for row in MOVES} == set(State)
    assert OPEN_TO_MERCHANT < UNDECIDED


@pytest.fixture
def sql(shared_dsn):
    """A transaction that is rolled back."""
    with psycopg.connect(shared_dsn) as connection:
        yield connection
        connection.rollback()


# A way from a draft to each state, by listed moves.
WAYS = {
    "draft": [],
    "submitted": ["submitted"],
    "more_info": ["submitted", "more_wanted"],
    "approved": ["submitted", "approved"],
    "rejected": ["submitted", "rejected"],
    "suspended": ["submitted", "approved", "suspended"],
    "closed": ["closed"],
}


def application(sql):
    account = sql.execute("insert into account (created_at) values (%s) returning id", [NOW]).fetchone()[0]
    gateway = sql.execute(
        "insert into gateway (name, rmz_hash, created_at) values ('x', %s, %s) returning id", [bytes(32), NOW]
    ).fetchone()[0]
    return sql.execute(
        "insert into application (account_id, gateway_id, created_at) values (%s, %s, %s) returning id",
        [account, gateway, NOW],
    ).fetchone()[0]


def go(sql, number, event, end):
    sql.execute(
        "update application set state = %s, last_event = %s, version = version + 1 where id = %s", [end, event, number]
    )


@pytest.mark.storage
@pytest.mark.parametrize("start", list(State))
def test_postgresql_refuses_what_is_not_listed(sql, start):
    number = application(sql)
    state: State = State.DRAFT
    for event in WAYS[start]:
        end = BY_START_AND_EVENT[state, Event(event)].end
        go(sql, number, event, end)
        state = end
    assert state is start
    listed = {(row.event, row.end) for row in MOVES if row.start is start}
    for event in Event:
        for end in State:
            if end is start:
                continue
            if (event, end) in listed:
                with sql.transaction(force_rollback=True):
                    go(sql, number, event, end)
                continue
            with pytest.raises(psycopg.errors.CheckViolation, match="no move from"), sql.transaction():
                go(sql, number, event, end)


@pytest.mark.storage
def test_postgresql_keeps_what_is_being_decided_upon(sql):
    number = application(sql)
    sql.execute("update application set title = 'a' where id = %s", [number])
    go(sql, number, "submitted", "submitted")
    for change in ("title = 'b'", "site = 'evil.ir'", "business = 'x'", "monthly_rial = 1"):
        with pytest.raises(psycopg.errors.CheckViolation, match="never changes"), sql.transaction():
            sql.execute(f"update application set {change} where id = %s", [number])
    with pytest.raises(psycopg.errors.CheckViolation, match="changes hands"), sql.transaction():
        sql.execute("update application set gateway_id = gateway_id + 1 where id = %s", [number])


@pytest.mark.storage
def test_postgresql_wants_the_version_and_a_draft_at_first(sql):
    number = application(sql)
    with pytest.raises(psycopg.errors.CheckViolation), sql.transaction():
        sql.execute("update application set state = 'submitted', last_event = 'submitted' where id = %s", [number])
    with pytest.raises(psycopg.errors.CheckViolation, match="begins as a draft"), sql.transaction():
        sql.execute(
            """
            insert into application (account_id, state, created_at)
            select account_id, 'submitted', created_at from application where id = %s
            """,
            [number],
        )


@pytest.mark.storage
@pytest.mark.parametrize("table", ["application_event", "application_message"])
@pytest.mark.parametrize("statement", ["update {} set id = default", "delete from {}", "truncate {} cascade"])
def test_what_happened_and_was_said_is_append_only(sql, table, statement):
    with pytest.raises(psycopg.errors.RestrictViolation, match="append only"):
        sql.execute(statement.format(table))


@pytest.mark.storage
def test_an_event_that_is_not_listed_is_refused(sql):
    number = application(sql)
    with pytest.raises(psycopg.errors.ForeignKeyViolation), sql.transaction():
        sql.execute(
            """
            insert into application_event (application_id, version, event, from_state, to_state, at)
            values (%s, 2, 'approved', 'draft', 'approved', %s)
            """,
            [number, NOW],
        )
