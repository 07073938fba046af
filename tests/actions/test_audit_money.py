"""`mopos audit` finds nothing in a week of everything that money does, and names what was changed behind its back."""

import io
from datetime import timedelta

import psycopg
import pytest
from tests.actions.test_settlement import World

from mopos.actions import decide_proposal, hold_money, refund
from mopos.actions.audit import audit
from mopos.actions.audit_operators import audit_newest
from mopos.actions.audit_seals import audit_seals
from mopos.actions.close_exception import close_exception
from mopos.actions.correct_entry import propose_correction
from mopos.actions.decide_batch import cancel_batch
from mopos.actions.import_statement import import_statement
from mopos.actions.reconcile import reconcile
from mopos.actions.run_settlement import run_settlement
from mopos.actions.seal_books import seal_books
from mopos.actions.take_results import Result
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.base.money import Rial
from mopos.domain.ledger import balances
from mopos.domain.operators import log, proposals
from mopos.domain.payments import store as purchases
from mopos.domain.payments.refund_store import NewRefund, Who
from mopos.domain.payments.refunds import Method
from mopos.domain.settlement import recon_store

pytestmark = pytest.mark.storage

IBAN = "IR430120000000000000000001"


class Week(World):
    """Sales, a fee plan, holds, refunds by Paya, batches settled, returned and cancelled, an exception closed."""

    def plan_fees(self):
        """One percent, as `merchants` writes it."""
        self.sql("insert into fee_plan (name, bearer, created_at) values ('one', 'merchant', %s)", self.clock())
        self.sql("insert into fee_bracket (plan_id, valid_from, above_rial, ppm) values (1, '2020-01-01', 0, 10000)")

    def sell(self, gateways=1, each=3, **more):
        sold = super().sell(gateways, each, **more)
        for one in sold:
            self.sql(
                "insert into gateway_fee (gateway_id, valid_from, plan_id) values (%s, '2020-01-01', 1)", one.gateway_id
            )
        return sold

    async def go(self):
        services, operator = self.services, self.operators[0]
        self.plan_fees()
        self.shops = self.sell(gateways=3, each=4)
        first, second, third = self.shops
        held, refunded, *_ = first.purchases
        self.hold = await self._hold(first.gateway_id, held)
        freed = await self._hold(second.gateway_id, None, Rial(5_000))
        await hold_money.release_hold(services, operator, freed, "found")
        self.refund = await self._refund(refunded, 30_000)
        self.night()
        self.batch, payouts = await self.on_its_way()
        self.clock.pass_by(hours=12)
        of_gateways = {
            row[1]: row[0]
            for row in self.sql(
                "select id, case when refund_id is null then gateway_id else 0 end from payout where id = any(%s)",
                payouts,
            )
        }
        today = (self.clock() + timedelta(hours=3.5)).date()
        await self.settle(*payouts)
        await self.take(Result(of_gateways[third.gateway_id], "returned", "", today, "closed account"))
        self.payout = of_gateways[second.gateway_id]
        self.sell(each=2)
        self.night(days=1)
        cancelled = await run_settlement(services)
        await cancel_batch(services, operator, cancelled.batch_id, "wrong")
        self.night(days=1)
        await run_settlement(services)
        await self._suspense(third.gateway_id)

    async def _hold(self, gateway_id, purchase_id, amount=None):
        return await hold_money.place_hold(
            self.services,
            self.operators[0],
            gateway_id=gateway_id,
            purchase_id=purchase_id,
            amount=amount,
            reason="why",
        )

    async def _refund(self, purchase_id, amount):
        purchase = await purchases.by_id(self.services.db, purchase_id)
        new = NewRefund(purchase_id, purchase.gateway_id, Rial(amount), Method.PAYA, "کالا نبود", IBAN, "خریدار")
        return await refund.request_refund(self.services, purchase, new, Who("merchant"))

    async def _suspense(self, gateway_id):
        """A credit that nobody knows, and that an operator says is the merchant's."""
        day = self.clock().date()
        file = io.BytesIO(
            f"iban,{IBAN}\nopening balance,0\ndate,reference,amount,description\n{day},X1,7000,?".encode()
        )
        await import_statement(self.services, file, operator_id=None)
        await reconcile(self.services)
        (found,) = await recon_store.page(self.services.db, is_open=True)
        self.exception = found.id
        act = "suspense_to_merchant"
        number = with_check_digit(gateway_id)
        await close_exception(self.services, self.operators[0], found, act, "a letter", gateway=number)
        self.entry = self.one("select max(entry_id) from ledger_line where entry = %s", act)

    async def findings(self):
        return [
            (found.about, found.check.partition(":")[0])
            async for step in audit(self.services.db, self.clock())
            for found in step.findings
        ]

    def behind(self, statement, *values):
        """As a superuser who switches the guards off."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute("set session_replication_role = replica")
            assert connection.execute(statement, values or None).rowcount >= 1

    async def seal(self):
        await seal_books(self.services)
        self.clock.pass_by(seconds=5)
        return await seal_books(self.services)


@pytest.fixture
async def week(services, dsn, clock):
    made = Week(services, dsn, clock)
    await made.go()
    return made


async def test_nothing_is_found_in_a_week_of_everything(week):
    assert await week.findings() == []
    assert await week.seal() > 50
    assert [f async for part in audit_seals(week.services.db, week.clock()) for f in part.findings] == []
    await audit_newest(week.services)
    (run,) = await log.last_runs(week.services.db)
    assert (run.kind, run.findings, run.sample) == ("recent", 0, "")


# What is done behind the house's back, and which checks name it: about what, and the check's first word.
SABOTAGE = {
    "a line's amount": (
        "update ledger_line set amount_rial = amount_rial + 1 where entry = 'purchase_paid' and id = 1",
        [("purchase", "entries"), ("ledger account", "balances"), ("settlement", "settlements")],
    ),
    "a kept balance": (
        "update ledger_balance set credit_rial = credit_rial + 1 where account_id in "
        "(select id from ledger_account where kind = 'merchant_payable')",
        [("ledger account", "balances"), ("books", "books")],
    ),
    "a line that is not listed": (
        "update ledger_line set entry = 'refund_done' where entry = 'hold_released'",
        [("ledger line", "lines"), ("money event", "entries"), ("hold", "holds")],
    ),
    "an attempt's entry": (
        "update attempt set entry_id = entry_id + 1 where id = (select min(id) from attempt)",
        [("purchase", "attempts")],
    ),
    "an attempt that is not confirmed": (
        "update attempt set state = 'FAILED' where id = (select min(id) from attempt)",
        [("purchase", "attempts")],
    ),
    "a purchase's fee": (
        "update purchase set fee_rial = fee_rial + 1 where id = (select min(id) from purchase)",
        [("purchase", "fees"), ("purchase", "entries"), ("books", "books")],
    ),
    "a purchase's refunds": (
        "update purchase set refund_rial = 0, refunded_rial = 0 where refund_rial > 0",
        [("purchase", "refunds")],
    ),
    "a refund's amount": (
        "update refund set amount_rial = amount_rial + 1",
        [("purchase", "refunds"), ("money event", "entries"), ("refund", "refunds")],
    ),
    "a refund's state": (
        "update refund set state = 'FAILED', done_at = null where state = 'DONE'",
        [("refund", "state"), ("refund", "refunds"), ("purchase", "refunds")],
    ),
    "a refund's history": (
        "delete from money_event where noun = 'refund' and version = 2",
        [("refund", "events")],
    ),
    "a hold that ended without its entry": (
        "update hold set state = 'RELEASED', released_at = now() where state = 'HELD'",
        [("hold", "state"), ("hold", "holds"), ("ledger account", "held money is what the holds say")],
    ),
    "a settlement's stretch": (
        "update settlement set upto_entry = upto_entry - 1 where id = (select min(id) from settlement)",
        [("settlement", "settlements")],
    ),
    "a settlement's opening": (
        "update settlement set opening_rial = opening_rial + 1 where id = (select max(id) from settlement)",
        [("settlement", "settlements")],
    ),
    "what a settlement pays": (
        "update settlement set payout_rial = payout_rial - 1 where id = (select min(id) from settlement)",
        [("settlement", "settlements"), ("batch", "batches"), ("money event", "entries")],
    ),
    "a payout's amount": (
        "update payout set amount_rial = amount_rial + 1 where state = 'SETTLED' and settlement_id is not null",
        [("settlement", "settlements"), ("money event", "entries"), ("batch", "batches")],
    ),
    "a payout's state": (
        "update payout set state = 'SUBMITTED' where state = 'SETTLED' and settlement_id is not null",
        [
            ("payout", "state"),
            ("payout", "payouts"),
            ("books", "money on its way to merchants is what the payouts say"),
        ],
    ),
    "a payout's history": (
        "update money_event set version = 9 where noun = 'payout' and version = 2",
        [("payout", "events")],
    ),
    "a payout too many": (
        "insert into payout (batch_id, settlement_id, gateway_id, n, main, iban, payee, amount_rial, channel, state, "
        "last_event, expected_on) select batch_id, settlement_id, gateway_id, 9, false, iban, payee, amount_rial, "
        "channel, 'SUBMITTED', 'submitted', expected_on from payout where settlement_id is not null limit 1",
        [("payout", "state"), ("settlement", "settlements"), ("batch", "batches")],
    ),
    "a batch's total": (
        "update settlement_batch set total_rial = total_rial + 1 where state = 'SETTLED'",
        [("batch", "batches")],
    ),
    "a batch that nobody approved": (
        "update money_event set data = '{}' where noun = 'batch' and event = 'approved'",
        [("batch", "batches")],
    ),
    "an exception's state": (
        "update recon_exception set state = 'OPEN', closed_at = null",
        [("exception", "state")],
    ),
    "money on its way back": (
        "update refund set state = 'SENDING', done_at = null where state = 'DONE'",
        [("books", "money on its way back to buyers is what refunds and reversals say"), ("refund", "state")],
    ),
}


@pytest.mark.parametrize("what", SABOTAGE)
async def test_what_was_changed_behind_its_back_is_named(week, what):
    statement, expected = SABOTAGE[what]
    week.behind(statement)
    found = {(about.rpartition(" ")[0] or about, check) for about, check in await week.findings()}
    assert found >= set(expected), found


async def test_an_account_below_its_floor_is_named(week):
    gateway = week.shops[0].gateway_id
    week.behind(
        "update ledger_account set floor_rial = 0 where kind = 'fee_income'",
    )
    week.behind(
        "update ledger_balance set debit_rial = credit_rial + 1 where account_id = (select id from ledger_account "
        "where kind = 'merchant_payable' and owner = %s)",
        gateway,
    )
    assert ("floors" in {check for _, check in await week.findings()}) is True


async def test_the_seal_names_the_row_of_a_refund_that_never_was(week):
    await week.seal()
    row = week.one("select id from money_event where noun = 'refund' and event = 'requested'")
    week.behind("update money_event set reason = 'another' where id = %s", row)
    found = [f async for part in audit_seals(week.services.db, week.clock()) for f in part.findings]
    assert [(f.about, f.what) for f in found] == [(f"money_event row {row}", "this row is not what was written")]


# --- corrections -----------------------------------------------------------------------------------------------------


async def approve(week, number):
    proposal = await proposals.find(week.services.db, number)
    await decide_proposal.approve(week.services, week.operators[1], proposal, note="yes", ip="")


async def test_an_entry_is_taken_back_by_two_and_the_exception_is_open_again(week):
    gateway = week.shops[2].gateway_id
    before = week.balance("merchant_payable", gateway)
    number = await propose_correction(week.services, week.operators[0], week.entry, "another merchant's")
    with pytest.raises(Refused, match="proposal_own"):
        await decide_proposal.approve(
            week.services, week.operators[0], await proposals.find(week.services.db, number), note="", ip=""
        )
    await approve(week, number)
    assert week.balance("merchant_payable", gateway) == before - 7_000
    assert week.balance("suspense") == 7_000
    old = await balances.entry(week.services.db, week.entry)
    assert old.corrected_by is not None
    new = await balances.entry(week.services.db, old.corrected_by)
    assert (new.entry, new.corrects, new.noun, new.event) == ("correction", week.entry, "exception", "reopened")
    assert [(line.debit_id, line.credit_id, line.rial) for line in new.lines] == [
        (line.credit_id, line.debit_id, line.rial) for line in old.lines
    ]
    assert await week.findings() == []
    # Once only; and the right act can be done now.
    with pytest.raises(Refused, match="entry_corrected"):
        await propose_correction(week.services, week.operators[0], week.entry, "again")
    found = await recon_store.find(week.services.db, week.exception)
    assert found.is_open
    await close_exception(week.services, week.operators[0], found, "suspense_to_income", "nobody's")
    assert week.balance("suspense") == 0
    assert await week.findings() == []


async def test_what_the_merchant_no_longer_has_is_not_taken_back(week):
    gateway = week.shops[2].gateway_id
    number = await propose_correction(week.services, week.operators[0], week.entry, "another merchant's")
    await week._hold(gateway, None, Rial(week.balance("merchant_payable", gateway)))
    with pytest.raises(Refused, match="correction_floor"):
        await approve(week, number)
    assert week.one("select decision from proposal where id = %s", number) is None
    assert await week.findings() == []


async def test_two_proposals_of_one_entry_do_it_once(week):
    number = await propose_correction(week.services, week.operators[0], week.entry, "why")
    with pytest.raises(Refused, match="proposal_exists"):
        await propose_correction(week.services, week.operators[0], week.entry, "why")
    await approve(week, number)
    with pytest.raises(Refused, match="proposal_gone"):
        await approve(week, number)
    assert week.one("select count(*) from ledger_line where corrects = %s", week.entry) == 1


@pytest.mark.parametrize("entry", ["purchase_paid", "refund_paid", "hold_placed", "payout_planned", "payout_came_back"])
async def test_what_has_a_move_of_its_own_is_not_corrected(week, entry):
    number = week.one("select min(entry_id) from ledger_line where entry = %s", entry)
    with pytest.raises(Refused, match="entry_not_correctable"):
        await propose_correction(week.services, week.operators[0], number, "why")
