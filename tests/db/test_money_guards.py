"""What PostgreSQL itself knows about the money after the purchase: each guard is tried past our own code."""

from contextlib import contextmanager
from datetime import UTC, date, datetime

import psycopg
import pytest
from tests.sim.paid import merchants

from mopos.domain.ledger.entries import ENTRIES
from mopos.domain.payments import refunds
from mopos.domain.settlement import states

pytestmark = pytest.mark.storage

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
IBAN = "IR430120000000000000000001"
NET = 99_000


@pytest.fixture(scope="module")
def shop(shared_dsn):
    """A gateway with three paid purchases of 100,000 Rial."""
    return merchants(shared_dsn, 1, 3, NOW)[0]


@pytest.fixture
def sql(shared_dsn, shop):
    """A transaction that is rolled back."""
    with psycopg.connect(shared_dsn) as connection:
        yield connection
        connection.rollback()


def one(sql, statement, *values):
    return sql.execute(statement, values or None).fetchone()[0]


@contextmanager
def refused(sql, error, match=None):
    """What is done in the block is refused, and undone."""
    with pytest.raises(error, match=match), sql.transaction():
        yield


CHECK = psycopg.errors.CheckViolation
RESTRICT = psycopg.errors.RestrictViolation


def event(sql, noun, subject, state="OPEN", name="found"):
    return one(
        sql,
        "insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at) "
        "values (%s, %s, 1, %s, '', %s, 'test', %s) returning id",
        *(noun, subject, name, state, NOW),
    )


def book(sql, entry, debit, credit, rial, number=None):
    number = number or event(sql, "exception", 1)
    return one(
        sql,
        "select book(%s, %s, %s, %s, array[%s], array[%s]::bigint[], array[%s], array[%s]::bigint[], "
        "array[%s]::bigint[])",
        *(number, entry, NOW, NOW, *debit, *credit, rial),
    )


def balance(sql, kind, owner=0):
    return one(
        sql,
        "select coalesce(sum(credit_rial - debit_rial), 0)::bigint from ledger_balance b "
        "join ledger_account a on a.id = b.account_id where kind = %s and owner = %s",
        *(kind, owner),
    )


# --- the ledger ------------------------------------------------------------------------------------------------------


def test_a_line_that_no_entry_lists(sql, shop):
    payable = ("merchant_payable", shop.gateway_id)
    with refused(sql, CHECK, "does not list"):
        book(sql, "refund_done", payable, ("acquirer_receivable", 1), 1)
    with refused(sql, CHECK, "does not list"):
        book(sql, "gift", payable, ("fee_income", 0), 1)
    with refused(sql, CHECK, "does not list"):
        book(sql, "hold_placed", ("merchant_held", shop.gateway_id), payable, 1)


def test_every_listed_line_is_known_to_the_database(sql):
    rows = {(entry, line.debit, line.credit, line.overdraws) for entry, lines in ENTRIES.items() for line in lines}
    assert rows == set(sql.execute("select entry, debit_kind, credit_kind, overdraws from entry_rule").fetchall())


def test_no_account_goes_below_its_floor(sql, shop):
    owner = shop.gateway_id
    stands = balance(sql, "merchant_payable", owner)
    assert stands == 3 * NET
    args = ("hold_placed", ("merchant_payable", owner), ("merchant_held", owner))
    with refused(sql, CHECK, "would stand at -1 Rial"):
        book(sql, *args, stands + 1)
    book(sql, *args, stands)
    assert (balance(sql, "merchant_payable", owner), balance(sql, "merchant_held", owner)) == (0, stands)


@pytest.mark.parametrize("kind", ["merchant_held", "refunds_in_flight", "settlement_in_transit"])
def test_what_is_not_set_aside_is_not_given_back(sql, shop, kind):
    entry = {"merchant_held": "hold_released", "refunds_in_flight": "refund_failed"}.get(kind, "payout_cancelled")
    owner = shop.gateway_id if kind == "merchant_held" else 0
    with refused(sql, CHECK, "would stand at -1 Rial"):
        book(sql, entry, (kind, owner), ("merchant_payable", shop.gateway_id), 1)


def test_a_lower_floor_is_a_debt_policy_and_no_floor_is_above_nought(sql, shop):
    where = "where kind = 'merchant_payable' and owner = %s"
    with refused(sql, CHECK):
        sql.execute(f"update ledger_account set floor_rial = 1 {where}", [shop.gateway_id])
    sql.execute(f"update ledger_account set floor_rial = -500 {where}", [shop.gateway_id])
    payable, held = ("merchant_payable", shop.gateway_id), ("merchant_held", shop.gateway_id)
    with refused(sql, CHECK, "would stand at -501 Rial"):
        book(sql, "hold_placed", payable, held, 3 * NET + 501)
    book(sql, "hold_placed", payable, held, 3 * NET + 500)


def test_what_a_bank_took_back_is_booked_whatever_the_floor(sql, shop):
    payable = ("merchant_payable", shop.gateway_id)
    book(sql, "bank_took_back", payable, ("acquirer_receivable", 1), 3 * NET + 7)
    assert balance(sql, *payable) == -7


def test_balances_follow_the_lines_in_one_statement(sql, shop):
    before = balance(sql, "fee_income")
    book(sql, "difference_borne", ("fee_income", 0), ("acquirer_receivable", 1), 11)
    assert balance(sql, "fee_income") == before - 11


def test_a_line_has_one_event_two_accounts_and_some_rial(sql, shop):
    number = event(sql, "exception", 1)
    line = (
        "insert into ledger_line (event_id, journal_id, entry, debit_id, credit_id, amount_rial, booked_at, "
        "effective_at, corrects) select %s, %s, %s, d.id, c.id, %s, now(), now(), %s "
        "from ledger_account d, ledger_account c where d.kind = 'fee_income' and c.kind = %s and c.owner in (0, 1) "
        "limit 1"
    )
    journal = one(sql, "select min(id) from journal")
    for values in (
        (None, None, "difference_borne", 1, None, "acquirer_receivable"),
        (number, journal, "difference_borne", 1, None, "acquirer_receivable"),
        (number, None, "difference_borne", 0, None, "acquirer_receivable"),
        (number, None, "difference_borne", -5, None, "acquirer_receivable"),
        (number, None, "difference_borne", 1, 5, "acquirer_receivable"),
        (number, None, "correction", 1, None, "acquirer_receivable"),
        (number, None, "difference_borne", 1, None, "fee_income"),
    ):
        with refused(sql, CHECK):
            sql.execute(line, values)


def test_an_event_is_booked_once_and_an_entry_taken_back_once(sql, shop):
    number = event(sql, "exception", 1)
    args = ("difference_borne", ("fee_income", 0), ("acquirer_receivable", 1), 11)
    entry = book(sql, *args, number)
    with refused(sql, psycopg.errors.UniqueViolation):
        book(sql, *args, number)
    correct = (
        "insert into ledger_line (event_id, entry, debit_id, credit_id, amount_rial, booked_at, effective_at, "
        "corrects) select %s, 'correction', credit_id, debit_id, amount_rial, now(), now(), entry_id from ledger_line "
        "where entry_id = %s"
    )
    sql.execute(correct, [event(sql, "exception", 2), entry])
    with refused(sql, psycopg.errors.UniqueViolation):
        sql.execute(correct, [event(sql, "exception", 3), entry])


@pytest.mark.parametrize(
    "table",
    ["journal", "ledger_line", "money_event", "ledger_seal", "money_setting", "fee_plan", "fee_bracket", "gateway_fee"],
)
def test_what_is_append_only(sql, table):
    column = one(
        sql,
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and attidentity = '' "
        "and not attisdropped order by attnum limit 1",
        table,
    )
    for change in (f"update {table} set {column} = {column}", f"delete from {table}", f"truncate {table} cascade"):
        with refused(sql, RESTRICT, "append only"):
            sql.execute(change)


# --- moves -----------------------------------------------------------------------------------------------------------


def a_refund(sql, shop, *, amount=1_000, state="REQUESTED", version=1, method="paya", event="requested", **more):
    values = {"asked_by_operator": None, "decided_by_operator": None} | more
    return one(
        sql,
        "insert into refund (purchase_id, gateway_id, amount_rial, method, iban, payee, reason, state, last_event, "
        "version, asked_by_operator, decided_by_operator, created_at) values (%s, %s, %s, %s, %s, 'x', 'why', %s, %s, "
        "%s, %s, %s, %s) returning id",
        *(
            min(shop.purchases),
            shop.gateway_id,
            amount,
            method,
            IBAN if method == "paya" else "",
            state,
            event,
            version,
        ),
        *(values["asked_by_operator"], values["decided_by_operator"], NOW),
    )


def a_hold(sql, shop, purchase=None, state="HELD", event="placed"):
    return one(
        sql,
        "insert into hold (gateway_id, purchase_id, amount_rial, reason, state, last_event, placed_at) "
        "values (%s, %s, 5, 'why', %s, %s, %s) returning id",
        *(shop.gateway_id, purchase, state, event, NOW),
    )


def a_batch(sql, day=date(2026, 11, 23), state="DRAFT", event="planned"):
    return one(
        sql,
        "insert into settlement_batch (day, cut_at, upto_entry, state, last_event, way, created_at) "
        "values (%s, %s, 1, %s, %s, 'file', %s) returning id",
        *(day, NOW, state, event, NOW),
    )


def a_settlement(sql, shop, batch, after=0, upto=10, payout=500, opening=0, lines=1_000, live=True):
    return one(
        sql,
        "insert into settlement (batch_id, gateway_id, after_entry, upto_entry, opening_rial, lines_rial, payout_rial, "
        "live) values (%s, %s, %s, %s, %s, %s, %s, %s) returning id",
        *(batch, shop.gateway_id, after, upto, opening, lines, payout, live),
    )


def a_payout(sql, shop, batch, settlement=None, refund=None, n=1, main=True, state="PLANNED", amount=500):
    return one(
        sql,
        "insert into payout (batch_id, settlement_id, refund_id, gateway_id, n, main, iban, payee, amount_rial, "
        "channel, state, last_event, expected_on) values (%s, %s, %s, %s, %s, %s, %s, 'x', %s, 'paya', %s, "
        "'planned', %s) returning id",
        *(batch, settlement, refund, shop.gateway_id, n, main, IBAN, amount, state, NOW),
    )


def an_exception(sql, key="k", state="OPEN", event="found"):
    return one(
        sql,
        "insert into recon_exception (source, kind, key, day, amount_rial, state, last_event, found_at) "
        "values ('psp', 'missing_here', %s, %s, 1, %s, %s, %s) returning id",
        *(key, NOW, state, event, NOW),
    )


def _batch_and_payout(sql, shop):
    batch = a_batch(sql)
    return a_payout(sql, shop, batch, a_settlement(sql, shop, batch))


MAKE = {
    "refund": ("refund", a_refund),
    "hold": ("hold", a_hold),
    "batch": ("settlement_batch", lambda sql, _: a_batch(sql)),
    "payout": ("payout", _batch_and_payout),
    "exception": ("recon_exception", lambda sql, _: an_exception(sql)),
}
LISTED = {("refund", move.start or "", move.event, move.end) for move in refunds.MOVES} | {
    move[:4] for move in states.MOVES
}


@pytest.mark.parametrize("noun", MAKE)
def test_a_move_that_is_not_listed(sql, shop, noun):
    table, make = MAKE[noun]
    subject = make(sql, shop)
    start = one(sql, f"select state from {table} where id = %s", subject)
    ours = {move for move in LISTED if move[0] == noun}
    tried = 0
    for state in {move[3] for move in ours} - {start}:
        for name in {move[2] for move in ours}:
            if (noun, start, name, state) in LISTED:
                continue
            tried += 1
            with refused(sql, CHECK, "no move of a"):
                sql.execute(
                    f"update {table} set state = %s, last_event = %s, version = version + 1 where id = %s",
                    [state, name, subject],
                )
    assert tried


@pytest.mark.parametrize("noun", MAKE)
def test_a_version_is_a_move_and_a_move_is_a_version(sql, shop, noun):
    table, make = MAKE[noun]
    subject = make(sql, shop)
    start = one(sql, f"select state from {table} where id = %s", subject)
    with refused(sql, CHECK, "a version without a move"):
        sql.execute(f"update {table} set version = version + 1 where id = %s", [subject])
    _, _, name, end = next(move for move in LISTED if move[:2] == (noun, start))
    for versions in (0, 2):
        with refused(sql, CHECK, "a move is one version"):
            sql.execute(
                f"update {table} set state = %s, last_event = %s, version = version + %s where id = %s",
                [end, name, versions, subject],
            )


def test_things_begin_as_the_table_says(sql, shop):
    with refused(sql, CHECK, "begins with version 1"):
        a_refund(sql, shop, version=2)
    with refused(sql, CHECK, "no move of a refund"):
        a_refund(sql, shop, state="SENDING")
    with refused(sql, CHECK, "no move of a hold"):
        a_hold(sql, shop, event="released")
    with refused(sql, CHECK, "no move of a batch"):
        a_batch(sql, state="APPROVED", event="approved")
    with refused(sql, CHECK, "no move of a exception"):
        an_exception(sql, state="CLOSED", event="closed")


def test_an_event_that_is_not_listed_and_one_twice(sql):
    with refused(sql, psycopg.errors.ForeignKeyViolation):
        event(sql, "batch", 1, "SETTLED", "settled")
    event(sql, "batch", 1, "DRAFT", "planned")
    with refused(sql, psycopg.errors.UniqueViolation):
        event(sql, "batch", 1, "DRAFT", "planned")


# --- purchases and refunds -------------------------------------------------------------------------------------------


def test_refunds_never_come_to_more_than_was_paid(sql, shop):
    purchase = min(shop.purchases)
    for change in (
        "refund_rial = amount_rial + 1",
        "refund_rial = -1",
        "refunded_rial = 1",
        "refund_rial = 10, refunded_rial = 11",
    ):
        with refused(sql, CHECK, "purchase_refund"):
            sql.execute(f"update purchase set {change} where id = %s", [purchase])
    sql.execute("update purchase set refund_rial = amount_rial, refunded_rial = amount_rial where id = %s", [purchase])


def test_what_has_refunds_is_not_reversed(sql, shop):
    purchase = min(shop.purchases)
    sql.execute("update purchase set refund_rial = 1 where id = %s", [purchase])
    with refused(sql, CHECK, "purchase_refund_of_paid"):
        reverse(sql, purchase)


def reverse(sql, purchase):
    sql.execute(
        "update purchase set state = 'REVERSING', last_event = 'reversal_requested', version = version + 1, "
        "next_check_at = now() where id = %s",
        [purchase],
    )


def test_what_is_settled_or_held_is_not_reversed(sql, shop):
    purchase = min(shop.purchases)
    with sql.transaction() as inner:
        reverse(sql, purchase)
        raise psycopg.Rollback(inner)
    with sql.transaction() as inner:
        a_hold(sql, shop, purchase)
        with refused(sql, CHECK, "being settled or held"):
            reverse(sql, purchase)
        raise psycopg.Rollback(inner)
    entry = one(sql, "select min(entry_id) from attempt where purchase_id = %s", purchase)
    settlement = a_settlement(sql, shop, a_batch(sql), 0, entry)
    with refused(sql, CHECK, "being settled or held"):
        reverse(sql, purchase)
    sql.execute("update settlement set live = false where id = %s", [settlement])
    reverse(sql, purchase)


@pytest.mark.parametrize(
    "change", ["fee_rial = 5", "fee_by_buyer = true", "amount_rial = 99999", "gateway_id = gateway_id + 1"]
)
def test_what_was_agreed_to_never_changes(sql, shop, change):
    with refused(sql, CHECK, "never changes"):
        sql.execute(f"update purchase set {change} where id = %s", [min(shop.purchases)])


@pytest.mark.parametrize(
    "change", ["amount_rial = 2", "purchase_id = 1", "gateway_id = 1", "method = 'bank'", "iban = ''"]
)
def test_a_refund_never_changes(sql, shop, change):
    refund = a_refund(sql, shop)
    with refused(sql, CHECK, "never changes"):
        sql.execute(f"update refund set {change} where id = %s", [refund])


def test_a_refund_has_what_its_way_needs_and_its_second_person_is_another(sql, shop):
    operator = one(
        sql,
        "insert into operator (name, role, handle, password_hash, created_at) values ('opera', 'finance', %s, '', %s) "
        "returning id",
        *(bytes(32), NOW),
    )
    with refused(sql, CHECK):
        a_refund(sql, shop, asked_by_operator=operator, decided_by_operator=operator)
    with refused(sql, CHECK):
        a_refund(sql, shop, amount=0)
    with refused(sql, CHECK):
        a_refund(sql, shop, method="bank", state="APPROVED")
    refund = a_refund(sql, shop)
    with refused(sql, CHECK):
        sql.execute("update refund set done_at = now() where id = %s", [refund])


# --- holds, settlements, payouts -------------------------------------------------------------------------------------


def test_a_purchase_is_held_once(sql, shop):
    a_hold(sql, shop, min(shop.purchases))
    with refused(sql, psycopg.errors.UniqueViolation):
        a_hold(sql, shop, min(shop.purchases))
    a_hold(sql, shop)
    a_hold(sql, shop)


def test_live_settlements_of_a_gateway_never_overlap(sql, shop):
    batch = a_batch(sql)
    a_settlement(sql, shop, batch, 0, 10)
    for after, upto in ((0, 10), (9, 20), (5, 6), (0, 1)):
        with refused(sql, psycopg.errors.ExclusionViolation, "settlement_once"):
            a_settlement(sql, shop, batch, after, upto)
    a_settlement(sql, shop, batch, 0, 10, live=False)
    following = a_settlement(sql, shop, batch, 10, 20)
    with refused(sql, psycopg.errors.ExclusionViolation, "settlement_once"):
        sql.execute("update settlement set after_entry = 9 where id = %s", [following])
    with refused(sql, psycopg.errors.ExclusionViolation, "settlement_once"):
        sql.execute("update settlement set live = true where not live")


def test_a_settlement_pays_what_is_there(sql, shop):
    batch = a_batch(sql)
    for values in ({"payout": -1}, {"payout": 1_001}, {"opening": -1_500, "payout": 1}, {"after": 10, "upto": 10}):
        with refused(sql, CHECK):
            a_settlement(sql, shop, batch, **values)


def test_a_day_has_one_live_batch(sql):
    batch = a_batch(sql)
    with refused(sql, psycopg.errors.UniqueViolation):
        a_batch(sql)
    sql.execute(
        "update settlement_batch set state = 'CANCELLED', last_event = 'cancelled', version = 2, ended_at = now() "
        "where id = %s",
        [batch],
    )
    a_batch(sql)


@pytest.mark.parametrize(
    "change", ["amount_rial = 501", "iban = 'IR000000000000000000000000'", "gateway_id = 1", "batch_id = batch_id + 1"]
)
def test_a_payout_never_changes(sql, shop, change):
    payout = _batch_and_payout(sql, shop)
    with refused(sql, CHECK, "never changes"):
        sql.execute(f"update payout set {change} where id = %s", [payout])


def test_payouts_of_a_settlement_have_one_main_one_and_a_refund_one_payout(sql, shop):
    batch = a_batch(sql)
    settlement = a_settlement(sql, shop, batch)
    a_payout(sql, shop, batch, settlement)
    with refused(sql, psycopg.errors.UniqueViolation):
        a_payout(sql, shop, batch, settlement, n=1, main=False)
    with refused(sql, psycopg.errors.UniqueViolation):
        a_payout(sql, shop, batch, settlement, n=2, main=True)
    a_payout(sql, shop, batch, settlement, n=2, main=False)
    refund = a_refund(sql, shop)
    a_payout(sql, shop, batch, refund=refund)
    with refused(sql, psycopg.errors.UniqueViolation):
        a_payout(sql, shop, batch, refund=refund)
    with refused(sql, CHECK):
        a_payout(sql, shop, batch, settlement, refund)
    with refused(sql, CHECK):
        a_payout(sql, shop, batch)


def test_a_settled_payout_has_its_day_and_number_and_a_returned_one_its_day(sql, shop):
    payout = _batch_and_payout(sql, shop)
    move = "update payout set state = %s, last_event = %s, version = version + 1{} where id = %s"
    sql.execute(move.format(""), ["SUBMITTED", "submitted", payout])
    for more in ("", ", settled_on = now()", ", tracking_no = 'T1'"):
        with refused(sql, CHECK):
            sql.execute(move.format(more), ["SETTLED", "settled", payout])
    with refused(sql, CHECK):
        sql.execute(move.format(""), ["RETURNED", "returned", payout])
    sql.execute(move.format(", settled_on = now(), tracking_no = 'T1'"), ["SETTLED", "settled", payout])


def test_one_exception_of_a_kind_is_open(sql):
    an_exception(sql)
    with refused(sql, psycopg.errors.UniqueViolation):
        an_exception(sql)
    an_exception(sql, key="another")


def test_a_fee_plan_s_version_covers_every_amount(sql):
    plan = one(sql, "insert into fee_plan (name, bearer, created_at) values ('p', 'buyer', %s) returning id", NOW)
    add = (
        "insert into fee_bracket (plan_id, valid_from, above_rial, ppm, cap_rial, floor_rial) "
        "values (%s, %s, %s, %s, %s, %s)"
    )
    for values in ((500, 1, None, 0), (0, 1_000_001, None, 0), (-1, 1, None, 0), (0, 1, 5, 6)):
        with refused(sql, CHECK):
            sql.execute(add, [plan, NOW, *values])
    sql.execute(add, [plan, NOW, 0, 1, 6, 5])
