"""Balances now, proven and of any past moment, and statements, against an own account of the same lines."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.sim.paid import merchants

from mopos.base.db import Database
from mopos.domain.ledger import balances
from mopos.domain.ledger.balances import Place
from mopos.domain.ledger.moments import read_end

DAY = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture
async def db(dsn):
    async with Database(dsn, pool_size=2, timeout_s=10) as database:
        yield database


@pytest.fixture
def shops(dsn):
    """Two gateways that sold three things on each of three days."""
    first = merchants(dsn, 2, 3, DAY)
    for gateway in first:
        assert len(gateway.purchases) == 3
    return [first, merchants(dsn, 1, 3, DAY + timedelta(days=1)), merchants(dsn, 1, 2, DAY + timedelta(days=2))]


def at(found, kind, owner=0):
    return next((b.rial for b in found if (b.kind, b.owner) == (kind, owner)), 0)


async def test_the_kept_balances_are_proven_by_the_lines(db, shops):
    kept = await balances.trial(db)
    assert kept == await balances.proven(db)
    assert sum(b.debit_rial for b in kept) == sum(b.credit_rial for b in kept) == 11 * 100_000 + 11 * 1_000
    assert at(kept, "acquirer_receivable", 1) == 1_100_000
    assert at(kept, "merchant_payable", shops[0][0].gateway_id) == 297_000
    assert at(kept, "fee_income") == 11_000


async def test_any_past_moment_is_rebuilt(db, shops):
    first, second = shops[0][0].gateway_id, shops[1][0].gateway_id
    assert await balances.as_of(db, DAY) == []
    after_one = await balances.as_of(db, DAY + timedelta(hours=1))
    assert at(after_one, "acquirer_receivable", 1) == 600_000
    assert at(after_one, "merchant_payable", first) == 297_000
    assert at(after_one, "merchant_payable", second) == 0
    after_two = await balances.as_of(db, DAY + timedelta(days=1, hours=1))
    assert at(after_two, "acquirer_receivable", 1) == 900_000
    assert await balances.as_of(db, DAY + timedelta(days=9)) == await balances.trial(db)


async def test_what_took_effect_earlier_than_it_was_booked(db, dsn, shops):
    owner = shops[0][0].gateway_id
    with psycopg.connect(dsn) as sql:
        event = sql.execute(
            "insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at) values "
            "('exception', 4001, 1, 'found', '', 'OPEN', 'worker', %s) returning id",
            [DAY + timedelta(days=5)],
        ).fetchone()[0]
        sql.execute(
            "select book(%s, 'bank_took_back', %s, %s, '{merchant_payable}', array[%s]::bigint[], "
            "'{acquirer_receivable}', '{1}', '{5000}')",
            [event, DAY + timedelta(days=5), DAY + timedelta(hours=2), owner],
        )
    asked = DAY + timedelta(hours=3)
    assert at(await balances.as_of(db, asked), "merchant_payable", owner) == 297_000
    assert at(await balances.as_of(db, asked, effective=True), "merchant_payable", owner) == 292_000


async def test_a_statement_is_paged_without_a_gap(db, shops):
    account = await balances.account_of(db, "merchant_payable", shops[0][0].gateway_id)
    assert account is not None
    assert (account.rial, account.floor_rial, account.name) == (297_000, 0, "درگاه")
    whole = await balances.statement(db, account.id)
    assert len(whole) == 6
    assert [line.balance for line in reversed(whole)] == [100_000, 99_000, 199_000, 198_000, 298_000, 297_000]
    assert [line.change for line in whole[:2]] == [-1_000, 100_000]
    paged, place = [], balances.NEWEST
    while page := await balances.statement(db, account.id, place, 1):
        paged += page
        place = Place(page[-1].entry_id, page[-1].line_id)
    assert paged == whole


async def test_a_statement_of_what_grows_by_debit(db, shops):
    account = await balances.account_of(db, "acquirer_receivable", 1)
    assert account is not None
    whole = await balances.statement(db, account.id, limit=100)
    assert whole[0].balance == 1_100_000
    assert all(line.change == 100_000 for line in whole)
    assert whole[-1].balance == 100_000


async def test_one_entry(db, shops):
    account = await balances.account_of(db, "fee_income", 0)
    assert account is not None
    newest = (await balances.statement(db, account.id, limit=1))[0]
    entry = await balances.entry(db, newest.entry_id)
    assert entry is not None
    assert (entry.entry, entry.noun, entry.corrects, entry.corrected_by) == ("purchase_paid", "purchase", None, None)
    assert newest.about == f"purchase {entry.subject_id}"
    assert sorted(line.rial for line in entry.lines) == [1_000, 100_000]
    assert await balances.entry(db, 10**9) is None


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("1405/09/03", datetime(2026, 11, 24, 20, 30, tzinfo=UTC)),
        ("۱۴۰۵/۰۹/۰۳", datetime(2026, 11, 24, 20, 30, tzinfo=UTC)),
        ("2026-11-24", datetime(2026, 11, 24, 20, 30, tzinfo=UTC)),
        ("1405/09/03 14:30", datetime(2026, 11, 24, 11, 0, tzinfo=UTC)),
        ("2026-11-24T11:00:05Z", datetime(2026, 11, 24, 11, 0, 5, tzinfo=UTC)),
        ("2026-11-24T14:30:00+03:30", datetime(2026, 11, 24, 11, 0, tzinfo=UTC)),
        ("1405/13/01", None),
        ("2026-11-24Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_moments_as_people_write_them(text, means):
    assert read_end(text) == means
