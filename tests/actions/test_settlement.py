"""The money's way to the merchants, against a real PostgreSQL: runs, approval, results, holds, and their races."""

import asyncio
from datetime import date, timedelta

import psycopg
import pytest
from tests.sim.paid import AMOUNT, FEE, merchants

from mopos.actions import decide_proposal, hold_money, refund
from mopos.actions.confirm_payee import confirm_payee
from mopos.actions.decide_batch import cancel_batch, propose_approval
from mopos.actions.run_settlement import run_due_settlement, run_settlement
from mopos.actions.set_money_rules import remove_closure, set_closure, set_rule
from mopos.actions.set_splits import agree_to_split, set_splits
from mopos.actions.take_results import Result, take_results
from mopos.base.errors import Refused
from mopos.base.iban import with_check_digits
from mopos.base.ids import with_check_digit
from mopos.base.money import Rial
from mopos.domain.operators import proposals
from mopos.domain.operators.model import Operator, Post
from mopos.domain.payments import store as purchases
from mopos.domain.payments.refund_store import NewRefund, Who
from mopos.domain.payments.refunds import Method
from mopos.domain.settlement import batches, payees, rule_store
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.splits import Part
from mopos.domain.settlement.states import BatchState

pytestmark = pytest.mark.storage

NET = AMOUNT - FEE
# The clock of these tests begins at noon of Tehran on this Tuesday.
DAY = date(2026, 11, 24)
TRACKING = "14050904000000000001"


class World:
    """A database, and what tests ask it."""

    def __init__(self, services, dsn, clock):
        self.services, self.dsn, self.clock = services, dsn, clock
        self.operators = [self._operator(n) for n in (1, 2)]

    def _operator(self, number):
        ((operator_id,),) = self.sql(
            "insert into operator (name, role, handle, password_hash, created_at) "
            "values (%s, 'finance', %s, '', now()) returning id",
            *(f"op{number}", bytes([number]) * 32),
        )
        return Operator(operator_id, f"op{number}", "", Post.FINANCE)

    def sql(self, statement, *values):
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def one(self, statement, *values):
        ((value,),) = self.sql(statement, *values)
        return value

    def sell(self, gateways=1, each=3, **more):
        return merchants(self.dsn, gateways, each, self.clock(), **more)

    def night(self, days=0):
        """On to a minute after the cut-off."""
        self.clock.now = self.clock.now.replace(hour=20, minute=1) + timedelta(days=days)

    def balance(self, kind, owner=0):
        return self.one(
            "select coalesce(sum(credit_rial - debit_rial), 0)::bigint from ledger_balance b "
            "join ledger_account a on a.id = b.account_id where a.kind = %s and a.owner = %s",
            *(kind, owner),
        )

    async def approve(self, batch_id):
        first, second = self.operators
        number = await propose_approval(self.services, first, batch_id, "checked")
        proposal = await proposals.find(self.services.db, number)
        await decide_proposal.approve(self.services, second, proposal, note="", ip="")

    def submit(self, batch_id):
        """As handing over the files does."""
        self.sql(
            "with moved as (update payout set state = 'SUBMITTED', last_event = 'submitted', version = version + 1 "
            "where batch_id = %s and state = 'PLANNED' returning id, version) "
            "insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at) "
            "select 'payout', id, version, 'submitted', 'PLANNED', 'SUBMITTED', 'operator', now() from moved",
            batch_id,
        )
        self.sql(
            "with moved as (update settlement_batch set state = 'SUBMITTED', last_event = 'submitted', "
            "version = version + 1, submitted_at = now() where id = %s returning id, version) "
            "insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at) "
            "select 'batch', id, version, 'submitted', 'APPROVED', 'SUBMITTED', 'operator', now() from moved",
            batch_id,
        )

    async def on_its_way(self):
        """Run, approve, hand over. The batch and its payouts' numbers."""
        ran = await run_settlement(self.services)
        await self.approve(ran.batch_id)
        self.submit(ran.batch_id)
        return ran.batch_id, self.payouts(ran.batch_id)

    def payouts(self, batch_id):
        return [
            row[0]
            for row in self.sql(
                "select id from payout where batch_id = %s and state <> 'CANCELLED' order by id", batch_id
            )
        ]

    async def take(self, *results):
        return await take_results(self.services, results, actor="operator", operator_id=self.operators[0].id)

    async def settle(self, *payout_ids, on=None):
        today = on or (self.clock.now + timedelta(hours=3.5)).date()
        return await self.take(*(Result(number, "settled", TRACKING, today) for number in payout_ids))

    def told(self, purchase_id):
        """What PayRep would say: day and tracking number, or None."""
        rows = self.sql(
            "select f.settled_on, f.tracking_no from purchase p join attempt a on a.id = p.attempt_id, "
            "settled_by(p.id, p.gateway_id, a.entry_id) f where p.id = %s",
            purchase_id,
        )
        return rows[0] if rows else None

    def check(self):
        """Whatever happened: balances are the sums of lines, nothing is below its floor, all is in balance."""
        assert not self.sql(
            """
            select a.kind, a.owner from ledger_account a
            left join (
                select account_id, sum(rial) as rial from (
                    select credit_id as account_id, amount_rial as rial from ledger_line
                    union all select debit_id, -amount_rial from ledger_line
                ) l group by 1
            ) lines on lines.account_id = a.id
            left join (
                select account_id, sum(credit_rial - debit_rial) as rial from ledger_balance group by 1
            ) kept on kept.account_id = a.id
            where coalesce(lines.rial, 0) <> coalesce(kept.rial, 0) or coalesce(kept.rial, 0) < a.floor_rial
            """
        )
        assert not self.sql(
            """
            select b.id from settlement_batch b where b.state <> 'CANCELLED' and b.total_rial <> (
                select coalesce(sum(amount_rial), 0) from payout p where p.batch_id = b.id and p.state <> 'CANCELLED'
            )
            """
        )
        in_transit = self.one(
            "select coalesce(sum(p.amount_rial), 0)::bigint from payout p "
            "where p.settlement_id is not null and p.state in ('PLANNED', 'SUBMITTED')"
        )
        assert self.balance("settlement_in_transit") == in_transit


@pytest.fixture
def world(services, dsn, clock):
    made = World(services, dsn, clock)
    yield made
    made.check()


def codes(refused):
    return [problem.code for problem in refused.value.problems]


# --- the run ---------------------------------------------------------------------------------------------------------


async def test_a_day_is_closed_paid_and_told(world):
    shops = world.sell(gateways=3, each=4)
    assert (await run_settlement(world.services)).why == "empty", "yesterday, there was nothing"
    world.night()
    ran = await run_settlement(world.services)
    assert ran.why == "planned"
    batch = await batches.find(world.services.db, ran.batch_id)
    assert (batch.day, batch.state, batch.payout_count, int(batch.total)) == (DAY, "DRAFT", 3, 3 * 4 * NET)
    assert world.balance("merchant_payable", shops[0].gateway_id) == 0
    assert world.balance("settlement_in_transit") == 12 * NET
    purchase = next(iter(shops[0].purchases))
    await world.approve(ran.batch_id)
    world.submit(ran.batch_id)
    assert world.told(purchase) is None, "never before the bank has said so"

    world.clock.pass_by(hours=12)
    numbers = world.payouts(ran.batch_id)
    taken = await world.settle(*numbers[:2])
    assert (taken.settled, taken.returned, taken.already, taken.refused) == (2, 0, 0, [])
    assert world.told(purchase) == (date(2026, 11, 25), TRACKING)
    assert (await batches.find(world.services.db, ran.batch_id)).state is BatchState.PARTLY_SETTLED
    await world.settle(numbers[2])
    assert (await batches.find(world.services.db, ran.batch_id)).state is BatchState.SETTLED
    assert world.balance("operator_bank") == 12 * NET
    upto = world.one("select settled_upto from gateway where id = %s", shops[0].gateway_id)
    assert upto == world.one("select upto_entry from settlement where gateway_id = %s", shops[0].gateway_id)


async def test_what_is_paid_after_the_cut_off_is_the_next_day_s(world):
    (early,) = world.sell(each=2)
    world.clock.now = world.clock.now.replace(hour=20, minute=0)  # 23:30 sharp
    (late,) = world.sell(each=5)
    world.clock.pass_by(minutes=1)
    ran = await run_settlement(world.services)
    assert world.sql("select gateway_id, payout_rial from settlement") == [(early.gateway_id, 2 * NET)]
    assert world.balance("merchant_payable", late.gateway_id) == 5 * NET
    world.night(days=1)
    again = await run_settlement(world.services)
    assert again.batch_id != ran.batch_id
    assert world.sql("select gateway_id, payout_rial from settlement where batch_id = %s", again.batch_id) == [
        (late.gateway_id, 5 * NET)
    ]


async def test_the_end_of_a_day_is_found_among_many_lines(world):
    """Also where clocks of hosts differ a little: the last entry booked before a moment, not the first after it."""
    world.sell(each=300)
    for minute in (20, 29, 31, 28, 40):  # the one of 28 was written late
        world.clock.now = world.clock.now.replace(hour=19, minute=59) + timedelta(minutes=minute - 29)
        world.sell(each=3)
    cut = world.clock.now.replace(hour=20, minute=0)
    found = await batches.last_entry_before(world.services.db, cut)
    assert found == world.one("select max(entry_id) from ledger_line where booked_at < %s", cut)
    assert await batches.last_entry_before(world.services.db, cut - timedelta(days=9)) == 0


async def test_an_empty_day_makes_no_batch(world):
    world.night()
    assert (await run_settlement(world.services)).why == "empty"
    assert await run_due_settlement(world.services) is not None
    assert world.sql("select 1 from settlement_batch") == []


async def test_a_day_that_has_not_ended_is_not_run(world):
    world.sell()
    assert (await run_settlement(world.services, day=DAY)).why == "not_due"


async def test_twice_is_once_and_missed_days_are_caught_up_with(world):
    world.sell(each=1)
    world.night(days=3)
    first = await run_settlement(world.services)
    again = await run_settlement(world.services)
    assert (first.why, again.why) == ("planned", "there")
    assert first.batch_id == again.batch_id
    assert await run_due_settlement(world.services) is None
    assert world.sql("select day, total_rial from settlement_batch") == [(DAY + timedelta(days=3), NET)]


async def test_ten_runs_at_once_make_one_batch(world):
    world.sell(gateways=30, each=2)
    world.night()
    ran = await asyncio.gather(*(run_settlement(world.services) for _ in range(10)))
    assert {one.batch_id for one in ran} == {ran[0].batch_id}
    assert len(world.payouts(ran[0].batch_id)) == 30
    assert world.one("select payout_count from settlement_batch") == 30


async def test_a_run_that_was_killed_half_way_is_finished_by_the_next(world):
    world.sell(gateways=5, each=1)
    world.night()
    ran = await run_settlement(world.services)
    # As if it had died after its second payout.
    world.sql("alter table money_event disable trigger user")
    gone = world.payouts(ran.batch_id)[2:]
    world.sql("delete from money_event where noun = 'payout' and subject_id = any(%s)", gone)
    world.sql("delete from payout where id = any(%s)", gone)
    world.sql("update settlement_batch set payout_count = 2")
    world.sql("alter table money_event enable trigger user")
    with pytest.raises(Refused) as refused:
        await propose_approval(world.services, world.operators[0], ran.batch_id, "checked")
    assert codes(refused) == ["batch_incomplete"]
    await run_due_settlement(world.services)
    assert len(world.payouts(ran.batch_id)) == 5
    await world.approve(ran.batch_id)


async def test_runs_that_are_killed_at_any_moment_lose_and_double_nothing(world):
    world.sell(gateways=700, each=1)  # two pages of payouts
    world.night()
    for milliseconds in (5, 15, 30, 50, 80, 110, 150, 200):
        run = asyncio.create_task(run_settlement(world.services))
        await asyncio.sleep(milliseconds / 1000)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
    ran = await run_settlement(world.services)
    assert len(world.payouts(ran.batch_id)) == 700
    assert world.one("select count(*) from settlement_batch") == 1
    assert world.one("select total_rial from settlement_batch") == 700 * NET
    await world.approve(ran.batch_id)


async def test_a_running_booking_is_waited_for(world):
    (shop,) = world.sell(each=1)
    with psycopg.connect(world.dsn) as slow:
        slow.execute("select pg_current_xact_id()")
        slow.execute("select nextval('ledger_entry_seq')")
        world.night()
        run = asyncio.create_task(run_settlement(world.services))
        await asyncio.sleep(0.3)
        assert not run.done(), "an entry with an earlier number may still appear"
        slow.commit()
        assert (await run).why == "planned"
    assert world.balance("merchant_payable", shop.gateway_id) == 0


async def test_who_is_not_paid_and_why(world):
    stopped, changed, unconfirmed, suspended, fine = world.sell(gateways=5, each=1)
    operator = world.operators[0]
    await hold_money.stop_payouts(world.services, operator, stopped.gateway_id, "chargebacks")
    other = with_check_digits("0170000000000000000001")
    account = "(select account_id from gateway where id = %s)"
    world.sql(f"update account set iban = %s where id = {account}", other, changed.gateway_id)
    world.sql(f"update account set payee = null where id = {account}", unconfirmed.gateway_id)
    world.sql("update gateway set suspended_at = now() where id = %s", suspended.gateway_id)
    world.night()
    ran = await run_settlement(world.services)
    assert {one.gateway_id: one.why for one in ran.left_out} == {
        stopped.gateway_id: "stopped",
        changed.gateway_id: "payee_changed",
        unconfirmed.gateway_id: "payee_unconfirmed",
        suspended.gateway_id: "suspended",
    }
    assert world.sql("select gateway_id from payout") == [(fine.gateway_id,)]

    # What an operator clears, the next day pays.
    await hold_money.resume_payouts(world.services, operator, stopped.gateway_id, "settled with the bank")
    for waiting in await payees.waiting(world.services.db):
        shown = {"iban": waiting.iban, "name": waiting.name, "national_id": waiting.national_id}
        await confirm_payee(world.services, operator, waiting.account_id, shown, "called them")
    world.night(days=1)
    ran = await run_settlement(world.services)
    assert {row[0] for row in world.sql("select gateway_id from payout where batch_id = %s", ran.batch_id)} == {
        stopped.gateway_id,
        changed.gateway_id,
        unconfirmed.gateway_id,
    }
    assert world.one("select iban from payout where gateway_id = %s", changed.gateway_id) == other


async def test_a_payee_is_agreed_to_as_it_was_shown_only(world):
    world.sell()
    account, iban = world.sql("select id, iban from account where iban <> '' limit 1")[0]
    shown = {"iban": iban, "name": "کس دیگر", "national_id": "0013542419"}
    with pytest.raises(Refused) as refused:
        await confirm_payee(world.services, world.operators[0], account, shown, "seen")
    assert codes(refused) == ["payee_moved"]
    with pytest.raises(Refused) as refused:
        await confirm_payee(world.services, world.operators[0], account, shown | {"iban": ""}, "seen")
    assert codes(refused) == ["payee_incomplete"]


async def test_small_sums_add_up(world):
    (shop,) = world.sell(each=1)
    await set_rule(world.services, world.operators[0], "floor_rial", DAY, str(NET + 1), "orders cost money")
    world.night()
    assert (await run_settlement(world.services)).why == "empty"
    world.sell()  # somebody else has enough
    world.night(days=1)
    ran = await run_settlement(world.services)
    reasons = world.sql(
        "select why_not, payout_rial from settlement where batch_id = %s and gateway_id = %s",
        *(ran.batch_id, shop.gateway_id),
    )
    assert reasons == [("below_floor", 0)]


async def test_large_sums_go_by_satna_and_in_several_orders(world):
    world.sell(each=1, amount=9_000_000_000, fee=0)
    await set_rule(world.services, None, "satna_rial_max", DAY, "4000000000", "documents above it")
    await set_rule(world.services, None, "paya_rial_max", DAY, "1500000000", "as the bank says")
    world.night()
    await run_settlement(world.services)
    assert world.sql("select n, main, channel, amount_rial, expected_on from payout order by n") == [
        (1, True, "satna", 4_000_000_000, date(2026, 11, 25)),
        (2, False, "satna", 4_000_000_000, date(2026, 11, 25)),
        (3, False, "paya", 1_000_000_000, date(2026, 11, 25)),
    ]


async def test_a_closure_moves_what_is_expected(world):
    world.sell()
    operator = world.operators[0]
    await set_closure(world.services, operator, date(2026, 11, 25), None, True, "آلودگی هوا")
    world.night()
    ran = await run_settlement(world.services)
    assert world.one("select expected_on from payout where batch_id = %s", ran.batch_id) == date(2026, 11, 26)
    await remove_closure(world.services, operator, date(2026, 11, 25), None, "called off")
    assert (await rule_store.calendar(world.services.db)).is_open(date(2026, 11, 25), Channel.PAYA)
    with pytest.raises(Refused) as refused:
        await remove_closure(world.services, operator, date(2026, 11, 25), None, "again")
    assert codes(refused) == ["closure_gone"]
    with pytest.raises(Refused) as refused:
        await set_closure(world.services, operator, date(2026, 11, 23), None, True, "gone by")
    assert codes(refused) == ["closure_in_past"]


async def test_rules_change_from_a_day_on_and_are_told(world):
    operator = world.operators[0]
    await set_rule(world.services, operator, "delay_days", DAY + timedelta(days=1), "۲", "the bank pays late")
    assert (await rule_store.rules(world.services.db, DAY)).delay_days == 0
    assert (await rule_store.rules(world.services.db, DAY + timedelta(days=1))).delay_days == 2
    assert world.one("select reason from audit_log where act = 'set_money_rule'") == "the bank pays late"
    with pytest.raises(Refused) as refused:
        await set_rule(world.services, operator, "delay_days", DAY - timedelta(days=1), "1", "late")
    assert codes(refused) == ["rule_in_past"]
    with pytest.raises(Refused) as refused:
        await set_rule(world.services, operator, "profile", DAY, "nobodys", "new bank")
    assert codes(refused) == ["rule_value_wrong"]


# --- splits ----------------------------------------------------------------------------------------------------------

PARTNER = Part("شریک", with_check_digits("0120000000000000999999"), ppm=300_000)


async def test_a_split_is_paid_once_an_operator_has_agreed(world):
    (shop,) = world.sell(each=1)
    own = world.one("select iban from account where iban <> '' limit 1")
    person = world.one(
        "insert into person (mobile, handle, created_at) values ('09120000001', %s, now()) returning id", b"x" * 32
    )
    parts = [PARTNER, Part("فروشگاه", own)]
    split = await set_splits(world.services, shop.gateway_id, parts, person_id=person, fee_from="remainder")
    world.night()
    ran = await run_settlement(world.services)
    assert world.sql("select iban, amount_rial from payout") == [(own, NET)], "nobody has looked at the partner"
    await cancel_batch(world.services, world.operators[0], ran.batch_id, "the split is to count")
    await agree_to_split(world.services, world.operators[0], split, "contract seen")
    await run_settlement(world.services)
    # The remainder's party bears the fee: the partner has his part of the whole.
    assert world.sql("select iban, amount_rial, main from payout where state = 'PLANNED' order by n") == [
        (PARTNER.iban, AMOUNT * 3 // 10, False),
        (own, NET - AMOUNT * 3 // 10, True),
    ]
    with pytest.raises(Refused):
        await agree_to_split(world.services, world.operators[0], split, "again")


async def test_a_part_that_comes_back_is_the_merchant_s_again(world):
    (shop,) = world.sell(each=1)
    await set_splits(
        world.services,
        shop.gateway_id,
        [PARTNER, Part("فروشگاه", with_check_digits("012" + "7" * 19))],
        operator_id=world.operators[0].id,
        reason="contract",
    )
    world.night()
    batch_id, (partner, rest) = await world.on_its_way()
    world.clock.pass_by(hours=12)
    await world.settle(rest)
    taken = await world.take(Result(partner, "returned", "", date(2026, 11, 25), "شماره حساب بسته است"))
    assert taken.returned == 1
    assert world.balance("merchant_payable", shop.gateway_id) == NET * 3 // 10
    assert world.told(next(iter(shop.purchases))) == (date(2026, 11, 25), TRACKING)
    assert (await batches.find(world.services.db, batch_id)).state is BatchState.SETTLED


# --- approval and cancelling -----------------------------------------------------------------------------------------


async def test_two_operators_or_nobody(world):
    world.sell()
    world.night()
    ran = await run_settlement(world.services)
    first, second = world.operators
    number = await propose_approval(world.services, first, ran.batch_id, "checked")
    proposal = await proposals.find(world.services.db, number)
    with pytest.raises(Refused) as refused:
        await decide_proposal.approve(world.services, first, proposal, note="", ip="")
    assert codes(refused) == ["proposal_own"]
    done = await asyncio.gather(
        *(decide_proposal.approve(world.services, second, proposal, note="", ip="") for _ in range(5)),
        return_exceptions=True,
    )
    assert sum(not isinstance(one, Refused) for one in done) == 1
    assert (await batches.find(world.services.db, ran.batch_id)).state is BatchState.APPROVED
    with pytest.raises(Refused) as refused:
        await propose_approval(world.services, first, ran.batch_id, "again")
    assert codes(refused) == ["batch_moved"]


async def test_a_cancelled_batch_gives_all_back_and_the_clock_does_not_plan_it_again(world):
    (shop,) = world.sell()
    world.night()
    ran = await run_settlement(world.services)
    await world.approve(ran.batch_id)
    await cancel_batch(world.services, world.operators[0], ran.batch_id, "wrong payer")
    assert world.balance("merchant_payable", shop.gateway_id) == 3 * NET
    assert await run_due_settlement(world.services) is None
    again = await run_settlement(world.services)
    assert again.why == "planned"
    assert again.batch_id != ran.batch_id
    assert world.balance("merchant_payable", shop.gateway_id) == 0
    with pytest.raises(Refused) as refused:
        await cancel_batch(world.services, world.operators[0], ran.batch_id, "again")
    assert codes(refused) == ["batch_moved"]


async def test_what_was_handed_over_is_not_cancelled(world):
    world.sell()
    world.night()
    batch_id, _ = await world.on_its_way()
    with pytest.raises(Refused) as refused:
        await cancel_batch(world.services, world.operators[0], batch_id, "too late")
    assert codes(refused) == ["batch_moved"]


async def test_a_batch_cancelled_behind_a_later_one_is_paid_by_the_next(world):
    (shop,) = world.sell(each=1)
    (monday,) = shop.purchases
    world.night()
    first = await run_settlement(world.services)
    world.clock.pass_by(hours=10)
    _sell_more(world, shop, 1)
    world.night()
    second, numbers = await world.on_its_way()
    await cancel_batch(world.services, world.operators[0], first.batch_id, "never sent")
    world.clock.pass_by(hours=12)
    await world.settle(*numbers)
    assert world.told(monday) is None, "the money of Monday is not in Tuesday's payout"
    world.night()
    third, numbers = await world.on_its_way()
    assert third != second
    assert world.one("select total_rial from settlement_batch where id = %s", third) == NET
    world.clock.pass_by(hours=12)
    await world.settle(*numbers)
    assert world.told(monday) == (date(2026, 11, 27), TRACKING)


def _sell_more(world, shop, each):
    """The same gateway sells again: the lines of a new merchant's purchases, moved over to it as money."""
    with psycopg.connect(world.dsn, autocommit=True) as connection:
        for _ in range(each):
            connection.execute(
                "with e as (insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at)"
                " select 'hold', 900000000 + count(*), 1, 'placed', '', 'HELD', 'worker', %s from money_event"
                " returning id)"
                " select book(id, 'suspense_to_merchant', %s, %s, array['suspense'], array[0::bigint],"
                " array['merchant_payable'], array[%s::bigint], array[%s::bigint]) from e",
                (world.clock(), world.clock(), world.clock(), shop.gateway_id, 50_000),
            )


# --- results ---------------------------------------------------------------------------------------------------------


async def test_two_imports_of_one_file_at_once_are_one(world):
    world.sell(gateways=40, each=1)
    world.night()
    batch_id, numbers = await world.on_its_way()
    world.clock.pass_by(hours=12)
    taken = await asyncio.gather(*(world.settle(*numbers) for _ in range(6)))
    assert sum(one.settled for one in taken) == 40
    assert sum(one.already for one in taken) == 5 * 40
    assert not any(one.refused for one in taken)
    assert world.balance("operator_bank") == 40 * NET
    assert (await batches.find(world.services.db, batch_id)).state is BatchState.SETTLED


async def test_money_that_comes_back_is_paid_by_the_next_batch(world):
    (shop,) = world.sell(each=2)
    purchase = next(iter(shop.purchases))
    world.night()
    _, (payout,) = await world.on_its_way()
    world.clock.pass_by(hours=12)
    await world.settle(payout)
    assert world.told(purchase) is not None
    world.clock.pass_by(days=1)
    back = Result(payout, "returned", "", date(2026, 11, 26), "حساب مسدود است")
    assert (await world.take(back)).returned == 1
    assert world.told(purchase) is None
    assert world.balance("merchant_payable", shop.gateway_id) == 2 * NET
    assert (await world.take(back)).already == 1
    assert (await world.settle(payout, on=date(2026, 11, 25))).already == 1, "the first file once more"
    world.night()
    _, (again,) = await world.on_its_way()
    world.clock.pass_by(days=2)
    await world.settle(again)
    assert world.told(purchase) == (date(2026, 11, 28), TRACKING)


async def test_what_cannot_be_is_refused_and_the_rest_is_taken(world):
    world.sell(gateways=3, each=1)
    world.night()
    _, numbers = await world.on_its_way()
    world.clock.pass_by(hours=12)
    today, yesterday, tomorrow = (date(2026, 11, day) for day in (25, 24, 26))
    await world.settle(numbers[0])
    wrong = {
        Result(1, "settled", TRACKING, today): "result_payout_unknown",
        Result(numbers[0], "settled", "another", today): "result_contradicts",
        Result(numbers[0], "returned", "", yesterday): "result_contradicts",
        Result(numbers[1], "settled", " ", today): "result_tracking_wrong",
        Result(numbers[1], "settled", "9" * 65, today): "result_tracking_wrong",
        Result(numbers[1], "settled", TRACKING, tomorrow): "result_date_wrong",
        Result(numbers[1], "settled", TRACKING, date(2026, 11, 23)): "result_date_wrong",
        Result(numbers[1], "perhaps", TRACKING, today): "result_outcome_wrong",
    }
    right = Result(numbers[2], "settled", TRACKING, today)
    taken = await world.take(*wrong, right)
    assert dict(taken.refused) == wrong
    assert taken.settled == 1


async def test_a_payout_that_nobody_has_sent_has_no_result(world):
    world.sell()
    world.night()
    ran = await run_settlement(world.services)
    world.clock.pass_by(hours=12)
    taken = await world.settle(*world.payouts(ran.batch_id))
    assert [code for _, code in taken.refused] == ["result_not_submitted"]


async def test_settled_and_returned_in_one_file(world):
    world.sell(each=1)
    world.night()
    _, (payout,) = await world.on_its_way()
    world.clock.pass_by(hours=12)
    today = date(2026, 11, 25)
    taken = await world.take(Result(payout, "settled", TRACKING, today), Result(payout, "returned", "", today, "برگشت"))
    assert (taken.settled, taken.returned, taken.refused) == (1, 1, [])


async def test_members_are_told(world):
    (shop,) = world.sell(each=1)
    world.sql(
        "with p as (insert into person (mobile, handle, created_at) values ('09120000002', %s, now()) returning id) "
        "insert into member (account_id, person_id, role, since) select account_id, p.id, 'owner', now() "
        "from gateway, p where gateway.id = %s",
        *(b"y" * 32, shop.gateway_id),
    )
    world.night()
    _, numbers = await world.on_its_way()
    world.clock.pass_by(hours=12)
    await world.settle(*numbers)
    await world.take(Result(numbers[0], "returned", "", date(2026, 11, 25), "برگشت"))
    texts = [row[0] for row in world.sql("select text from message where mobile = '09120000002' order by id")]
    assert ["۹۹٬۰۰۰" in text for text in texts] == [True, True]
    assert "واریز شد" in texts[0]
    assert "برگشت" in texts[1]


# --- refunds by Paya -------------------------------------------------------------------------------------------------

BUYER = with_check_digits("0560000000000000000042")


async def ask_refund(world, purchase_id, amount):
    purchase = await purchases.by_id(world.services.db, purchase_id)
    new = NewRefund(
        purchase_id=purchase_id,
        gateway_id=purchase.gateway_id,
        amount=Rial(amount),
        method=Method.PAYA,
        reason="returned goods",
        iban=BUYER,
        payee="خریدار",
    )
    return await refund.request_refund(
        world.services, purchase, new, Who("operator", operator_id=world.operators[0].id)
    )


async def test_a_refund_by_paya_goes_with_the_batch(world):
    (shop,) = world.sell(each=2)
    purchase = next(iter(shop.purchases))
    number = await ask_refund(world, purchase, 40_000)
    world.night()
    batch_id, payouts = await world.on_its_way()
    assert world.sql("select refund_id, iban, amount_rial from payout where refund_id is not null") == [
        (number, BUYER, 40_000)
    ]
    assert world.one("select total_rial from settlement_batch") == 2 * NET
    world.clock.pass_by(hours=12)
    await world.settle(*payouts)
    assert world.sql("select state, bank_ref from refund") == [("DONE", TRACKING)]
    assert world.sql("select refund_rial, refunded_rial from purchase where id = %s", purchase) == [(40_000, 40_000)]
    assert world.balance("refunds_in_flight") == 0
    back = world.one("select id from payout where refund_id is not null")
    await world.take(Result(back, "returned", "", date(2026, 11, 25), "حساب بسته"))
    assert world.one("select state from refund") == "FAILED"
    assert world.sql("select refund_rial, refunded_rial from purchase where id = %s", purchase) == [(0, 0)]
    assert world.balance("merchant_payable", shop.gateway_id) == 40_000
    assert (await batches.find(world.services.db, batch_id)).state is BatchState.SETTLED


async def test_a_refund_that_was_not_paid_is_the_merchant_s_again(world):
    (shop,) = world.sell(each=2)
    purchase = next(iter(shop.purchases))
    await ask_refund(world, purchase, 40_000)
    world.night()
    await world.on_its_way()
    world.clock.pass_by(hours=12)
    back = world.one("select id from payout where refund_id is not null")
    await world.take(Result(back, "returned", "", date(2026, 11, 25), "شبا نادرست"))
    assert world.sql("select state, last_event from refund") == [("FAILED", "returned")]
    assert world.balance("merchant_payable", shop.gateway_id) == 40_000


async def test_refunds_alone_make_a_batch_and_cancelling_frees_them(world):
    (shop,) = world.sell(each=1)
    await ask_refund(world, next(iter(shop.purchases)), 99_000)
    world.night()
    ran = await run_settlement(world.services)
    assert world.sql("select payout_count, total_rial from settlement_batch") == [(1, 99_000)]
    await cancel_batch(world.services, world.operators[0], ran.batch_id, "wrong payer")
    assert world.sql("select state, version from refund") == [("APPROVED", 3)]
    await run_settlement(world.services)
    assert world.one("select state from refund") == "SENDING"
    assert world.one("select count(*) from payout where state = 'PLANNED'") == 1


async def test_refunds_and_a_run_at_once_take_each_rial_once(world):
    shops = world.sell(gateways=8, each=4)
    world.night()
    asked = [ask_refund(world, purchase, 70_000) for shop in shops for purchase in shop.purchases]
    done = await asyncio.gather(*asked[:16], run_settlement(world.services), *asked[16:], return_exceptions=True)
    refused = [one for one in done if isinstance(one, Refused)]
    assert all([problem.code for problem in one.problems] == ["balance_insufficient"] for one in refused)
    assert not [one for one in done if isinstance(one, Exception) and not isinstance(one, Refused)]
    accepted = world.one("select count(*) from refund")
    paid = world.one("select coalesce(sum(amount_rial), 0)::bigint from payout where settlement_id is not null")
    left = sum(world.balance("merchant_payable", shop.gateway_id) for shop in shops)
    assert accepted + len(refused) == 32
    assert paid + left + accepted * 70_000 == 32 * NET


# --- holds -----------------------------------------------------------------------------------------------------------


async def test_a_held_purchase_waits_until_it_is_released(world):
    (shop,) = world.sell(each=2)
    held, free = shop.purchases
    operator = world.operators[0]

    async def place(**more):
        wanted = {"gateway_id": shop.gateway_id, "purchase_id": None, "amount": None, "reason": "chargeback"} | more
        return await hold_money.place_hold(world.services, operator, **wanted)

    number = await place(purchase_id=held)
    with pytest.raises(Refused) as refused:
        await place(purchase_id=held)
    assert codes(refused) == ["hold_there"]
    with pytest.raises(Refused) as refused:
        await place(amount=Rial(NET + 1))
    assert codes(refused) == ["hold_too_much"]
    with pytest.raises(Refused) as refused:
        await place(amount=Rial(0))
    assert codes(refused) == ["hold_amount_wrong"]
    with pytest.raises(Refused) as refused:
        await place(purchase_id=1)
    assert codes(refused) == ["hold_purchase_unknown"]
    assert world.balance("merchant_held", shop.gateway_id) == NET

    world.night()
    _, payouts = await world.on_its_way()
    world.clock.pass_by(hours=12)
    await world.settle(*payouts)
    assert world.told(free) is not None
    assert world.told(held) is None
    with pytest.raises(Refused) as refused:
        await place(purchase_id=free)
    assert codes(refused) == ["hold_settled"]

    await hold_money.release_hold(world.services, operator, number, "the bank withdrew it")
    with pytest.raises(Refused) as refused:
        await hold_money.release_hold(world.services, operator, number, "again")
    assert codes(refused) == ["hold_gone"]
    world.night()
    _, payouts = await world.on_its_way()
    world.clock.pass_by(hours=12)
    await world.settle(*payouts)
    assert world.told(held) == (date(2026, 11, 26), TRACKING)


async def test_holds_and_a_run_at_once(world):
    shops = world.sell(gateways=10, each=3)
    world.night()
    places = [
        hold_money.place_hold(
            world.services,
            world.operators[0],
            gateway_id=shop.gateway_id,
            purchase_id=purchase,
            amount=None,
            reason="looks odd",
        )
        for shop in shops
        for purchase in shop.purchases
    ]
    done = await asyncio.gather(*places[:10], run_settlement(world.services), *places[10:], return_exceptions=True)
    assert not [one for one in done if isinstance(one, Exception) and not isinstance(one, Refused)]
    held = sum(world.balance("merchant_held", shop.gateway_id) for shop in shops)
    paid = world.one("select coalesce(sum(amount_rial), 0)::bigint from payout")
    left = sum(world.balance("merchant_payable", shop.gateway_id) for shop in shops)
    assert held + paid + left == 30 * NET
    assert left == 0 or paid == 0


async def test_debt_takes_two_and_the_next_sales_make_it_good(world):
    (shop,) = world.sell(each=1)
    world.night()
    await world.on_its_way()
    purchase = next(iter(shop.purchases))
    with pytest.raises(Refused) as refused:
        await ask_refund(world, purchase, 50_000)
    assert codes(refused) == ["balance_insufficient"]
    first, second = world.operators
    number = await hold_money.propose_debt(world.services, first, shop.gateway_id, Rial(60_000), "an old customer")
    proposal = await proposals.find(world.services.db, number)
    assert proposal.subject == f"gateway {with_check_digit(shop.gateway_id)}"
    await decide_proposal.approve(world.services, second, proposal, note="", ip="")
    await ask_refund(world, purchase, 50_000)
    assert world.balance("merchant_payable", shop.gateway_id) == -50_000
    world.clock.pass_by(hours=5)
    world.sell()
    _sell_more(world, shop, 1)
    _sell_more(world, shop, 1)
    world.night()
    ran = await run_settlement(world.services)
    assert world.sql(
        "select opening_rial + lines_rial, payout_rial from settlement where batch_id = %s and gateway_id = %s",
        *(ran.batch_id, shop.gateway_id),
    ) == [(50_000, 50_000)]


async def test_a_debtor_is_not_paid(world):
    (shop,) = world.sell(each=1)
    world.night()
    await run_settlement(world.services)
    world.sql("update ledger_account set floor_rial = -100000 where kind = 'merchant_payable'")
    await ask_refund(world, next(iter(shop.purchases)), 50_000)
    world.sell(each=1)
    world.night(days=1)
    ran = await run_settlement(world.services)
    assert world.sql(
        "select payout_rial, why_not from settlement where batch_id = %s and gateway_id = %s",
        *(ran.batch_id, shop.gateway_id),
    ) == [(0, "debt")]
