"""Fees are set for the time to come, never for the past, with a reason in the audit log; purchases keep what was in
force, and a buyer who bears a fee agrees to it before any bank is called."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from mopos.actions import set_fees
from mopos.actions.finish_attempt import finish_attempt
from mopos.actions.register_purchase import register_purchase
from mopos.actions.send_to_bank import send_to_bank
from mopos.base.errors import Refused
from mopos.base.money import Rial
from mopos.domain.payments import store
from mopos.domain.payments.model import parse_form
from mopos.domain.payments.states import State
from mopos.domain.settlement import fee_store
from mopos.domain.settlement.fees import PRESETS, Bracket

TARIFF = PRESETS["1402"].brackets
ONE_PERCENT = [Bracket(0, 10_000)]


@pytest.fixture
def fees(services, shop):
    return Fees(services, shop)


class Fees:
    def __init__(self, services, shop):
        self.services, self.shop = services, shop
        self.gateway_id = int(shop.id[:-1])

    def add(self, name="پله‌ای", *, bearer="merchant", brackets=TARIFF, since=None, reason="آزمون"):
        return set_fees.add_plan(
            self.services.db,
            self.services.clock,
            name=name,
            bearer=bearer,
            brackets=brackets,
            valid_from=since,
            operator_id=None,
            reason=reason,
        )

    def version(self, plan_id, brackets, since=None, reason="آزمون"):
        return set_fees.add_version(
            self.services.db,
            self.services.clock,
            plan_id,
            brackets=brackets,
            valid_from=since,
            operator_id=None,
            reason=reason,
        )

    def assign(self, plan_id, since=None, reason="آزمون", gateway_id=None):
        return set_fees.assign(
            self.services.db,
            self.services.clock,
            gateway_id or self.gateway_id,
            plan_id,
            valid_from=since,
            operator_id=None,
            reason=reason,
        )

    async def register(self, **changed):
        posted = await register_purchase(self.services, parse_form(self.shop.form(**changed)), "192.0.2.7")
        return posted.purchase

    async def log(self, act):
        rows = await self.services.db.all(
            "select subject, reason, data from audit_log where act = %(act)s order by id", {"act": act}
        )
        return rows


async def test_a_purchase_costs_what_was_in_force_when_it_was_registered(fees):
    now = fees.services.clock()
    free = await fees.register()
    plan = await fees.add()
    assert (await fees.register()).fee_rial == 0, "a plan that nobody has costs nobody"
    await fees.assign(plan)
    small = await fees.register(Amnt="250000")
    large = await fees.register(Amnt="10000000")
    assert [(p.fee_rial, p.fee_by_buyer, p.charge) for p in (free, small, large)] == [
        (0, False, free.amount),
        (1_200, False, 250_000),
        (2_000, False, 10_000_000),
    ]
    # What is announced changes nothing yet, and what was registered keeps its fee.
    await fees.version(plan, ONE_PERCENT, since=now + timedelta(days=2))
    await fees.assign(None, since=now + timedelta(days=3))
    assert (await fees.register(Amnt="10000000")).fee_rial == 2_000
    at = [
        await fee_store.fee_of(fees.services.db, fees.gateway_id, Rial(10_000_000), now + timedelta(days=days))
        for days in (1, 2, 3)
    ]
    assert [said.fee for said in at] == [2_000, 100_000, 0]
    again = await store.by_id(fees.services.db, large.id)
    assert again is not None
    assert again.fee_rial == 2_000


async def test_each_change_is_told_with_its_reason(fees):
    plan = await fees.add("عمومی", bearer="buyer", reason="طرح تازه")
    await fees.version(plan, ONE_PERCENT, since=fees.services.clock() + timedelta(days=1), reason="گران‌تر")
    await fees.assign(plan, reason="به قرارداد")
    await fees.assign(None, since=fees.services.clock() + timedelta(days=1), reason="پایان قرارداد")
    ((subject, reason, data),) = await fees.log("add_fee_plan")
    assert (subject, reason, data["bearer"], data["brackets"]) == (
        f"fee_plan {plan}",
        "طرح تازه",
        "buyer",
        ["0: 0ppm +1200", "6000000: 200ppm cap 40000"],
    )
    assert [(row[0], row[1], row[2]["brackets"]) for row in await fees.log("add_fee_version")] == [
        (f"fee_plan {plan}", "گران‌تر", ["0: 10000ppm"])
    ]
    told = await fees.log("assign_fee")
    assert [(row[1], row[2]["plan"]) for row in told] == [("به قرارداد", "عمومی"), ("پایان قرارداد", None)]
    assert told[0][0].startswith("gateway ")


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (lambda f, now: f.add(since=now - timedelta(seconds=1)), "fee_from_past"),
        (lambda f, now: f.add(since=now + timedelta(days=2000)), "fee_from_malformed"),
        (lambda f, now: f.add("taken"), "fee_plan_name_used"),
        (lambda f, now: f.add(" "), "fee_plan_name_missing"),
        (lambda f, now: f.add(bearer="bank"), "fee_bearer_unknown"),
        (lambda f, now: f.add(brackets=[]), "fee_brackets_missing"),
        (lambda f, now: f.add(reason=" "), "act_reason_missing"),
        (lambda f, now: f.version(1, ONE_PERCENT, now - timedelta(days=1)), "fee_from_past"),
        (lambda f, now: f.version(1, ONE_PERCENT, now + timedelta(days=1)), "fee_from_used"),
        (lambda f, now: f.version(99, ONE_PERCENT), "fee_plan_unknown"),
        (lambda f, now: f.assign(1, now - timedelta(days=1)), "fee_from_past"),
        (lambda f, now: f.assign(1, now + timedelta(days=1)), "fee_from_used"),
        (lambda f, now: f.assign(99), "fee_plan_unknown"),
        (lambda f, now: f.assign(2), "fee_plan_not_begun"),
        (lambda f, now: f.assign(1, gateway_id=5), "fee_gateway_unknown"),
    ],
)
async def test_what_is_refused_changes_nothing(fees, what, code):
    now = fees.services.clock()
    assert await fees.add("taken") == 1
    assert await fees.add("later", since=now + timedelta(days=5)) == 2
    await fees.version(1, ONE_PERCENT, now + timedelta(days=1))
    await fees.assign(1, now + timedelta(days=1))
    counts = """
        select (select count(*) from fee_bracket), (select count(*) from gateway_fee), (select count(*) from audit_log)
    """
    before = await fees.services.db.one(counts)
    with pytest.raises(Refused) as refused:
        await what(fees, now)
    assert refused.value.problems[0].code == code
    assert await fees.services.db.one(counts) == before


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", None),
        ("1405/10/01", datetime(2026, 12, 21, 20, 30, tzinfo=UTC)),
        ("۱۴۰۵/۱۰/۱ ۸:۳۰", datetime(2026, 12, 22, 5, 0, tzinfo=UTC)),
        ("2026-12-22 08:30", datetime(2026, 12, 22, 5, 0, tzinfo=UTC)),
        ("1405-10-01T08:30", datetime(2026, 12, 22, 5, 0, tzinfo=UTC)),
    ],
)
def test_a_moment_is_tehran_s(text, moment):
    assert set_fees.read_moment(text) == moment


@pytest.mark.parametrize("text", ["1405/13/01", "1405/10/31", "tomorrow", "1405/10", "1405/10/01 25:00", "0000/01/01"])
def test_a_moment_that_is_none(text):
    with pytest.raises(Refused, match="fee_from_malformed"):
        set_fees.read_moment(text)


@pytest.mark.parametrize("text", ["", "x", "10000", "10000000001", "9" * 30, "-50000", "50000.5"])
def test_an_amount_that_is_none(text):
    with pytest.raises(Refused, match="fee_amount_wrong"):
        set_fees.read_amount(text)
    assert set_fees.read_amount("۱٬۲۵۰٬۰۰۰") == 1_250_000


# --- who bears it -----------------------------------------------------------------------------------------------------


async def owes(services, purchase):
    """What the books say: of the bank, to the merchant, earned."""
    rows = await services.db.all(
        """
        select a.kind, sum(b.credit_rial - b.debit_rial)::bigint from ledger_balance b
        join ledger_account a on a.id = b.account_id group by a.kind
        """
    )
    return dict(rows)


async def paid(fees, purchase):
    bank = fees.services.terminals.of(1)
    bank.buyer_pays(purchase.order_number)
    found = await store.by_id(fees.services.db, purchase.id)
    await finish_attempt(fees.services, found.ref, {"State": "OK", "RefNum": f"RRN{purchase.order_number}"})
    return await store.by_id(fees.services.db, purchase.id)


async def test_a_fee_of_the_merchant_is_taken_from_the_amount(fees):
    await fees.assign(await fees.add(brackets=ONE_PERCENT))
    purchase = await fees.register(Amnt="1000000")
    assert not purchase.asks_for_fee
    assert await send_to_bank(fees.services, purchase, is_new=True)
    assert fees.services.terminals.of(1).book[purchase.order_number].order.amount == 1_000_000
    ended = await paid(fees, purchase)
    assert (ended.state, ended.amount, ended.charge) == (State.PAID, 1_000_000, 1_000_000)
    assert await owes(fees.services, ended) == {
        "acquirer_receivable": -1_000_000,
        "merchant_payable": 990_000,
        "fee_income": 10_000,
    }


async def test_a_fee_of_the_buyer_is_agreed_to_and_paid_on_top(fees):
    await fees.assign(await fees.add(bearer="buyer", brackets=ONE_PERCENT))
    purchase = await fees.register(Amnt="1000000")
    assert purchase.asks_for_fee
    assert fees.services.terminals.of(1).calls == [], "no bank before the buyer has agreed"
    waits = await store.by_id(fees.services.db, purchase.id)
    assert waits.asks_for_fee
    assert await send_to_bank(fees.services, waits)
    assert fees.services.terminals.of(1).book[purchase.order_number].order.amount == 1_010_000, "the first attempt goes"
    ended = await paid(fees, purchase)
    assert (ended.state, ended.amount, ended.charge, ended.attempt_count) == (State.PAID, 1_000_000, 1_010_000, 1)
    assert await owes(fees.services, ended) == {
        "acquirer_receivable": -1_010_000,
        "merchant_payable": 1_000_000,
        "fee_income": 10_000,
    }
    events = await fees.services.db.all(
        "select event, data from journal where purchase_id = %(id)s order by version", {"id": purchase.id}
    )
    assert [event for event, _ in events] == ["registered", "fee_agreed", "sent_to_bank", "returned", "bank_confirmed"]
    assert events[1][1] == {"fee": 10_000, "charge": 1_010_000}


async def test_who_presses_twice_is_sent_once(fees):
    await fees.assign(await fees.add(bearer="buyer", brackets=ONE_PERCENT))
    purchase = await fees.register()
    pressed = await asyncio.gather(*(send_to_bank(fees.services, purchase) for _ in range(8)))
    assert len([way for way in pressed if way]) == 1
    assert [verb for verb, _ in fees.services.terminals.of(1).calls] == ["open"]
    assert (await store.by_id(fees.services.db, purchase.id)).state is State.AT_BANK


async def test_after_a_silent_bank_the_next_try_asks_nothing_again(fees):
    await fees.assign(await fees.add(bearer="buyer", brackets=ONE_PERCENT))
    purchase = await fees.register(Amnt="1000000")
    fees.services.terminals.of(1).silent.add("open")
    with pytest.raises(Exception, match="did not open"):
        await send_to_bank(fees.services, purchase)
    fees.services.terminals.of(1).silent.clear()
    again = await store.by_id(fees.services.db, purchase.id)
    assert not again.asks_for_fee
    assert await send_to_bank(fees.services, again)
    second = await store.by_id(fees.services.db, purchase.id)
    assert (second.attempt_count, second.charge) == (2, 1_010_000)
    assert fees.services.terminals.of(1).book[second.order_number].order.amount == 1_010_000


async def test_a_terminal_that_is_off_takes_nobody_who_agreed(fees):
    await fees.assign(await fees.add(bearer="buyer", brackets=ONE_PERCENT))
    purchase = await fees.register()
    await fees.services.db.all("update terminal set disabled_at = now()")
    with pytest.raises(Exception, match="did not open"):
        await send_to_bank(fees.services, purchase)
    assert fees.services.terminals.of(1).calls == []


async def test_a_fee_of_nothing_asks_nothing(fees):
    """A buyer's plan whose bracket is free: there is nothing to agree to."""
    await fees.assign(await fees.add(bearer="buyer", brackets=[Bracket(0, 0)]))
    purchase = await fees.register()
    assert (purchase.fee_rial, purchase.asks_for_fee, purchase.charge) == (0, False, purchase.amount)
