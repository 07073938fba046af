"""A payment is given back whole before it is settled: every way in which a bank may answer, and rivals."""

import asyncio
from dataclasses import replace

import pytest
from tests.actions.money import check_books

from mopos.actions.ask_bank import ask_bank_about_due
from mopos.actions.decide_proposal import Done, approve
from mopos.actions.finish_attempt import finish_attempt, lease
from mopos.actions.refund import request_refund
from mopos.actions.register_purchase import AlreadyPaid
from mopos.actions.report_result import report_result
from mopos.actions.reverse import propose_reversal, reverse
from mopos.actions.terminals import Terminals
from mopos.base.errors import Refused
from mopos.base.money import Rial
from mopos.domain.operators import proposals
from mopos.domain.operators.model import Operator, Post
from mopos.domain.payments.refund_store import NewRefund, Who
from mopos.domain.payments.refunds import Method
from mopos.domain.payments.states import State

WHO = Who("merchant")


@pytest.fixture(autouse=True)
async def balanced(services, bank):
    yield
    await check_books(services, bank)


async def err(shop, purchase):
    return (await report_result(shop.services, shop.id, shop.rmz, purchase.res)).err


async def give_back(shop, purchase):
    return await reverse(shop.services, await shop.now(purchase), WHO, reason="کالا نبود")


def codes(refused):
    return [problem.code for problem in refused.value.problems]


async def test_done(shop, bank):
    purchase = await shop.paid()
    assert await give_back(shop, purchase) is State.REVERSED
    now = await shop.now(purchase)
    assert (now.state, now.next_check_at if hasattr(now, "next_check_at") else None) == (State.REVERSED, None)
    assert await err(shop, purchase) == 14
    assert bank.captured() == {}
    with pytest.raises(Refused) as refused:
        await give_back(shop, purchase)
    assert codes(refused) == ["purchase_not_paid"]


async def test_refused_is_paid_again(shop, bank):
    purchase = await shop.paid()
    bank.refused = {"reverse"}
    assert await give_back(shop, purchase) is State.PAID
    now = await shop.now(purchase)
    assert (now.state, now.paid_at) == (State.PAID, purchase.paid_at)
    assert await err(shop, purchase) == 0
    # It may be asked for again.
    bank.refused = set()
    assert await give_back(shop, purchase) is State.REVERSED


@pytest.mark.parametrize("though_done", [True, False])
async def test_silence_stays_reversing_until_the_bank_speaks(shop, bank, clock, services, though_done):
    purchase = await shop.paid()
    (bank.silent_though_done if though_done else bank.silent).add("reverse")
    assert await give_back(shop, purchase) is State.REVERSING
    assert await err(shop, purchase) == 15
    with pytest.raises(Refused) as refused:
        await give_back(shop, purchase)
    assert codes(refused) == ["purchase_being_reversed"]
    # Neither the buyer's browser nor anything else moves it.
    await finish_attempt(services, purchase.ref, {"State": "OK", "RefNum": "x"})
    assert (await shop.now(purchase)).state is State.REVERSING
    waits = []
    bank.silent.add("inquire")
    for _ in range(4):
        ((due,),) = await services.db.all("select next_check_at from purchase where state = 'REVERSING'")
        waits.append(due - clock())
        clock.now = due
        assert await ask_bank_about_due(services) == 1
        assert (await shop.now(purchase)).state is State.REVERSING
    assert waits == sorted(waits)
    bank.silent, bank.silent_though_done = set(), set()
    clock.pass_by(hours=1)
    assert await ask_bank_about_due(services) == 1
    assert (await shop.now(purchase)).state is State.REVERSED
    assert [verb for verb, _ in bank.calls].count("reverse") == (1 if though_done else 2)


async def test_killed_between_claim_and_record(shop, bank, clock, services):
    purchase = await shop.paid()

    class Killed(Exception):
        pass

    async def die(attempt):
        raise Killed

    dying = replace(bank, book=bank.book)
    dying.reverse = die
    with pytest.raises(Killed):
        await reverse(replace(services, terminals=Terminals.single(dying)), await shop.now(purchase), WHO, reason="x")
    assert (await shop.now(purchase)).state is State.REVERSING
    clock.now += lease(services)
    await ask_bank_about_due(services)
    assert (await shop.now(purchase)).state is State.REVERSED


async def test_only_within_the_bank_s_window(shop, bank, clock):
    purchase = await shop.paid()
    clock.now += bank.facts.reverse_within
    with pytest.raises(Refused) as refused:
        await give_back(shop, purchase)
    assert codes(refused) == ["reversal_too_late"]
    assert ("reverse", purchase.order_number) not in bank.calls


async def test_never_beside_refunds_nor_unpaid(shop, bank):
    waiting = await shop.at_bank()
    with pytest.raises(Refused) as refused:
        await give_back(shop, waiting)
    assert codes(refused) == ["purchase_not_paid"]
    purchase = await shop.paid()
    one = NewRefund(purchase.id, purchase.gateway_id, Rial(1), Method.BANK, "x")
    await request_refund(shop.services, purchase, one, WHO)
    for seen in (purchase, await shop.now(purchase)):
        # Also by who has not seen the refund.
        with pytest.raises(Refused) as refused:
            await reverse(shop.services, seen, WHO, reason="x")
        assert codes(refused) == ["reversal_beside_refunds"]


async def test_never_once_it_is_settled(shop, services, clock, bank):
    purchase = await shop.paid()
    # As the settlement run writes it (`plan_batch`).
    await services.db.all(
        """
        with b as (
            insert into settlement_batch (day, cut_at, upto_entry, state, last_event, way, created_at)
            values (current_date, now(), 1000, 'DRAFT', 'planned', 'file', now()) returning id
        )
        insert into settlement
            (batch_id, gateway_id, after_entry, upto_entry, opening_rial, lines_rial, payout_rial)
        select id, %(gateway)s, 0, 1000, 0, 250000, 0 from b
        """,
        {"gateway": purchase.gateway_id},
    )
    with pytest.raises(Refused) as refused:
        await give_back(shop, purchase)
    assert codes(refused) == ["reversal_after_settlement"]
    assert (await shop.now(purchase)).state is State.PAID


async def test_the_balance_must_cover_it(shop, services):
    first, second = await shop.paid(), await shop.paid()
    # All that the gateway has is on its way to somebody else.
    one = NewRefund(first.id, first.gateway_id, first.amount, Method.BANK, "x")
    await request_refund(services, first, one, WHO)
    await services.db.all(
        """
        with h as (
            insert into hold (gateway_id, amount_rial, reason, state, last_event, placed_at)
            values (%(gateway)s, %(amount)s, 'x', 'HELD', 'placed', now()) returning id
        ), e as (
            insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at)
            select 'hold', id, 1, 'placed', '', 'HELD', 'operator', now() from h returning id
        ) select book(id, 'hold_placed', now(), now(), '{merchant_payable}', array[%(gateway)s]::bigint[],
            '{merchant_held}', array[%(gateway)s]::bigint[], array[%(amount)s]::bigint[]) from e
        """,
        {"gateway": second.gateway_id, "amount": 1},
    )
    with pytest.raises(Refused) as refused:
        await give_back(shop, second)
    assert codes(refused) == ["balance_insufficient"]


async def test_the_fee_comes_back_too(shop, services, clock, bank):
    await services.db.all(
        """
        with p as (insert into fee_plan (name, bearer, created_at) values ('x', %(bearer)s, now()) returning id),
        b as (
            insert into fee_bracket (plan_id, valid_from, above_rial, ppm, fixed_rial)
            select id, '2020-01-01', 0, 10000, 500 from p
        )
        insert into gateway_fee (gateway_id, valid_from, plan_id) select %(gateway)s, '2020-01-01', id from p
        """,
        {"gateway": int(shop.id[:-1]), "bearer": "merchant"},
    )
    purchase = await shop.paid()
    assert purchase.fee_rial == 3_000
    assert await give_back(shop, purchase) is State.REVERSED
    rows = await services.db.all("select debit_rial - credit_rial from ledger_balance")
    totals = await services.db.all(
        "select a.kind, sum(debit_rial - credit_rial) from ledger_balance b join ledger_account a "
        "on a.id = b.account_id group by 1"
    )
    assert rows
    assert {kind: rial for kind, rial in totals if rial} == {}


async def test_fifty_rivals(shop, bank, services):
    purchase = await shop.paid()
    told = await asyncio.gather(*(give_back(shop, purchase) for _ in range(50)), return_exceptions=True)
    assert [one for one in told if one is State.REVERSED] == [State.REVERSED]
    assert {type(one) for one in told} == {State, Refused}
    assert [verb for verb, _ in bank.calls].count("reverse") == 1


async def test_the_same_form_again_is_charged_nothing(shop):
    form = shop.form()
    purchase = await shop.paid(**form)
    await give_back(shop, purchase)
    with pytest.raises(AlreadyPaid):
        await shop.post(form)


async def operator(services, name, role="finance"):
    (number,) = await services.db.one(
        "insert into operator (name, role, handle, password_hash, created_at) "
        "values (%(name)s, %(role)s, decode(md5(%(name)s) || md5(%(name)s), 'hex'), '', now()) returning id",
        {"name": name, "role": role},
    )
    return Operator(number, name, "", Post(role))


async def test_a_large_one_needs_two_operators(shop, services, bank):
    purchase = await shop.paid(Amnt="900000000")
    with pytest.raises(Refused) as refused:
        await give_back(shop, purchase)
    assert codes(refused) == ["reversal_needs_two"]
    one, other = await operator(services, "zari"), await operator(services, "omid")
    number = await propose_reversal(services, one, purchase, "حکم دادگاه")
    proposal = await proposals.find(services.db, number)
    with pytest.raises(Refused) as refused:
        await approve(services, one, proposal, note="", ip="")
    assert codes(refused) == ["proposal_own"]
    assert ("reverse", purchase.order_number) not in bank.calls
    told = await asyncio.gather(
        *(approve(services, other, proposal, note="", ip="") for _ in range(10)), return_exceptions=True
    )
    assert sum(isinstance(answer, Done) for answer in told) == 1
    assert [verb for verb, _ in bank.calls].count("reverse") == 1
    assert (await shop.now(purchase)).state is State.REVERSED
    rows = await services.db.all("select act, operator_id from audit_log order by id")
    assert rows == [("propose_approve_refund", one.id), ("approve_refund", other.id)]
