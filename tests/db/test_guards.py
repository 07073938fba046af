"""PostgreSQL knows the rules too: each is broken here past our own code, and must be refused."""

from datetime import UTC, datetime

import psycopg
import pytest

from mopos.domain.payments.states import MOVES, State

pytestmark = pytest.mark.storage

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def sql(shared_dsn):
    """A transaction that is rolled back."""
    with psycopg.connect(shared_dsn) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def purchase(sql):
    """The id of a registered purchase with its live attempt."""
    gateway = sql.execute(
        "insert into gateway (name, rmz_hash, created_at) values ('shop', %s, %s) returning id", [bytes(32), NOW]
    ).fetchone()[0]
    return register(sql, gateway, "r1")


def register(sql, gateway, res, *, amount=20_000, state="REGISTERED", token=None):
    return sql.execute(
        """
        with ids as (select nextval('purchase_id_seq') as p, nextval('attempt_id_seq') as a),
        purchase as (
            insert into purchase (id, gateway_id, res, amount_rial, nam, dsc, redirect_url, buyer_ip, token, state,
                last_event, version, attempt_id, next_check_at, registered_at, expires_at)
            overriding system value
            select p, %(gateway)s, %(res)s, %(amount)s, '', '', 'https://x', '127.0.0.1', %(token)s, %(state)s,
                'registered', 1, a, %(now)s, %(now)s, %(now)s from ids
        ), attempt as (
            insert into attempt (id, purchase_id, terminal_id, bank, ref, state, started_at)
            overriding system value select a, p, 1, 'sandbox', %(token)s, 'LIVE', %(now)s from ids
        )
        select p from ids
        """,
        {"gateway": gateway, "res": res, "amount": amount, "now": NOW, "state": state, "token": token or res},
    ).fetchone()[0]


def go(sql, purchase, state, event):
    waits = state in ("REGISTERED", "AT_BANK", "VERIFYING", "UNKNOWN", "REVERSING")
    sql.execute(
        """
        update purchase set state = %s, last_event = %s, version = version + 1, next_check_at = %s, paid_at = %s
        where id = %s
        """,
        [state, event, NOW if waits else None, NOW if state in ("PAID", "REVERSING", "REVERSED") else None, purchase],
    )


# A way from REGISTERED to each state, by listed moves.
WAYS = {
    "REGISTERED": [],
    "AT_BANK": [("AT_BANK", "sent_to_bank")],
    "VERIFYING": [("AT_BANK", "sent_to_bank"), ("VERIFYING", "returned")],
    "UNKNOWN": [("AT_BANK", "sent_to_bank"), ("UNKNOWN", "bank_silent")],
    "PAID": [("AT_BANK", "sent_to_bank"), ("PAID", "bank_confirmed")],
    "DECLINED": [("AT_BANK", "sent_to_bank"), ("DECLINED", "bank_declined")],
    "CANCELLED": [("AT_BANK", "sent_to_bank"), ("CANCELLED", "buyer_cancelled")],
    "EXPIRED": [("EXPIRED", "expired")],
    "CONFLICTED": [("AT_BANK", "sent_to_bank"), ("CONFLICTED", "bank_differs")],
    "REVERSING": [("AT_BANK", "sent_to_bank"), ("PAID", "bank_confirmed"), ("REVERSING", "reversal_requested")],
    "REVERSED": [
        ("AT_BANK", "sent_to_bank"),
        ("PAID", "bank_confirmed"),
        ("REVERSING", "reversal_requested"),
        ("REVERSED", "reversal_confirmed"),
    ],
}


@pytest.mark.parametrize("start", list(State))
def test_a_move_that_is_not_listed_is_refused(sql, purchase, start):
    for state, event in WAYS[start]:
        go(sql, purchase, state, event)
    listed = {(row.event, row.end) for row in MOVES if row.start is start}
    tried = 0
    for event in {row.event for row in MOVES}:
        for end in State:
            if end is start or (event, end) in listed:
                continue
            tried += 1
            with pytest.raises(psycopg.errors.CheckViolation, match="no move from"), sql.transaction():
                go(sql, purchase, end, event)
    assert tried > 50


def test_a_move_without_its_version_is_refused(sql, purchase):
    with pytest.raises(psycopg.errors.CheckViolation):
        sql.execute("update purchase set state = 'AT_BANK', last_event = 'sent_to_bank' where id = %s", [purchase])


def test_a_purchase_begins_registered(sql, purchase):
    with pytest.raises(psycopg.errors.CheckViolation):
        register(sql, 100001, "r2", state="AT_BANK")


@pytest.mark.parametrize("column", ["amount_rial = 99999", "res = 'x'", "redirect_url = 'https://y'", "token = 'z'"])
def test_attack_01_what_the_buyer_agreed_to_never_changes(sql, purchase, column):
    with pytest.raises(psycopg.errors.CheckViolation, match="never changes"):
        sql.execute(f"update purchase set {column} where id = %s", [purchase])


def test_a_res_is_used_once_per_gateway(sql, purchase):
    gateway = sql.execute("select gateway_id from purchase where id = %s", [purchase]).fetchone()[0]
    with pytest.raises(psycopg.errors.UniqueViolation):
        register(sql, gateway, "r1", token="another")


def test_ten_thousand_rial_are_refused(sql, purchase):
    gateway = sql.execute("select gateway_id from purchase where id = %s", [purchase]).fetchone()[0]
    with pytest.raises(psycopg.errors.CheckViolation):
        register(sql, gateway, "r3", amount=10_000)


def test_whatever_waits_has_its_due_time(sql, purchase):
    with pytest.raises(psycopg.errors.CheckViolation):
        sql.execute("update purchase set next_check_at = null where id = %s", [purchase])


def test_paid_needs_its_time_and_acknowledged_needs_paid(sql, purchase):
    with pytest.raises(psycopg.errors.CheckViolation):
        sql.execute("update purchase set acknowledged_at = %s where id = %s", [NOW, purchase])


def test_one_live_attempt(sql, purchase):
    with pytest.raises(psycopg.errors.UniqueViolation):
        sql.execute(
            """
            insert into attempt (purchase_id, terminal_id, bank, ref, state, started_at)
            values (%s, 1, 'sandbox', 'x', 'LIVE', %s)
            """,
            [purchase, NOW],
        )


def test_attack_04_one_bank_reference_pays_one_attempt(sql, purchase):
    gateway = sql.execute("select gateway_id from purchase where id = %s", [purchase]).fetchone()[0]
    other = register(sql, gateway, "r4")
    confirm = "update attempt set state = 'CONFIRMED', bank_ref = 'RRN1', ended_at = %s where purchase_id = %s"
    sql.execute(confirm, [NOW, purchase])
    with pytest.raises(psycopg.errors.UniqueViolation, match="attempt_bank_ref"):
        sql.execute(confirm, [NOW, other])


def test_attack_20_a_whole_card_number_cannot_be_kept(sql, purchase):
    with pytest.raises(psycopg.errors.CheckViolation):
        sql.execute("update attempt set masked_pan = '6037990000000014' where purchase_id = %s", [purchase])


def test_the_journal_takes_listed_moves_only(sql, purchase):
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        journal(sql, purchase, "returned", "REGISTERED", "PAID")


def journal(sql, purchase, event, start, end):
    return sql.execute(
        """
        insert into journal (purchase_id, version, event, from_state, to_state, actor, at)
        values (%s, 1, %s, %s, %s, 'test', %s) returning id
        """,
        [purchase, event, start, end, NOW],
    ).fetchone()[0]


@pytest.mark.parametrize("table", ["journal", "ledger_line"])
@pytest.mark.parametrize("statement", ["update {} set id = default", "delete from {}", "truncate {} cascade"])
def test_books_are_append_only(sql, table, statement):
    with pytest.raises(psycopg.errors.RestrictViolation, match="append only"):
        sql.execute(statement.format(table))


@pytest.mark.parametrize(
    ("debit", "credit", "amount", "refusal"),
    [
        (1, 1, 5, psycopg.errors.CheckViolation),  # an account against itself is no entry
        (1, 2, 0, psycopg.errors.CheckViolation),
        (1, 2, -5, psycopg.errors.CheckViolation),
        (1, None, 5, psycopg.errors.NotNullViolation),  # half a line cannot exist, so no entry is out of balance
        (None, 2, 5, psycopg.errors.NotNullViolation),
        (1, 999_999, 5, psycopg.errors.ForeignKeyViolation),
    ],
)
def test_a_ledger_line_is_always_balanced(sql, purchase, debit, credit, amount, refusal):
    entry = journal(sql, purchase, "registered", "", "REGISTERED")
    accounts = {
        1: sql.execute("select id from ledger_account").fetchone()[0],
        2: sql.execute("insert into ledger_account (kind, owner) values ('test', 1) returning id").fetchone()[0],
    }
    with pytest.raises(refusal):
        sql.execute(
            """
            insert into ledger_line (journal_id, entry, debit_id, credit_id, amount_rial, booked_at, effective_at)
            values (%s, 'x', %s, %s, %s, %s, %s)
            """,
            [entry, accounts.get(debit, debit), accounts.get(credit, credit), amount, NOW, NOW],
        )
