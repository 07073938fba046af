"""Refunds: asked for, agreed to by a second person, sent, and what the bank may say; rivals, kills, and sequences."""

import asyncio
import random
from dataclasses import replace

import pytest
from tests.actions.money import check_books

from mopos.actions import refund as refunding
from mopos.actions.ask_bank import ask_bank_about_due
from mopos.actions.refund import approve, refuse, request_refund
from mopos.actions.report_result import report_result
from mopos.actions.reverse import reverse, two_persons_above
from mopos.actions.send_refunds import send_refunds
from mopos.actions.terminals import Terminals
from mopos.base.errors import Refused
from mopos.base.iban import with_check_digits
from mopos.base.money import Rial
from mopos.domain.payments import refund_store
from mopos.domain.payments.refund_store import NewRefund, Who
from mopos.domain.payments.refunds import Method, RefundState
from mopos.domain.payments.states import State
from mopos.edges.pay_rep import result_of

MERCHANT = Who("merchant")
SHEBA = with_check_digits("0120000000000000000001")


@pytest.fixture(autouse=True)
async def balanced(services, bank):
    yield
    await check_books(services, bank)


def codes(refused):
    return [problem.code for problem in refused.value.problems]


async def people(services, count):
    return [
        (
            await services.db.one(
                "insert into person (mobile, handle, created_at) values (%(mobile)s, %(handle)s, now()) returning id",
                {"mobile": f"0912000000{number}", "handle": bytes([number] * 32)},
            )
        )[0]
        for number in range(count)
    ]


async def ask(shop, purchase, amount, who=MERCHANT, method=Method.BANK, **more):
    new = NewRefund(
        purchase.id,
        purchase.gateway_id,
        Rial(amount),
        method,
        "کالا برگشت",
        SHEBA if method is Method.PAYA else "",
        "علی رضایی" if method is Method.PAYA else "",
    )
    return await request_refund(shop.services, await shop.now(purchase), new, who, **more)


async def state(shop, refund_id):
    return (await refund_store.find(shop.services.db, refund_id, None)).state


async def answer(shop, purchase):
    return result_of(await report_result(shop.services, shop.id, shop.rmz, purchase.res))


async def test_a_part_and_the_rest(shop, bank):
    purchase = await shop.paid()
    first = await ask(shop, purchase, 100_000)
    assert await state(shop, first) is RefundState.APPROVED
    assert (await answer(shop, purchase)).ErrDsc == ""
    assert await send_refunds(shop.services) == 1
    done = await refund_store.find(shop.services.db, first, None)
    assert (done.state, done.bank_ref) == (RefundState.DONE, f"RF{done.number}")
    told = await answer(shop, purchase)
    assert (told.Err, "۱۰۰٬۰۰۰ ریال" in told.ErrDsc) == (0, True)
    with pytest.raises(Refused) as refused:
        await ask(shop, purchase, 150_001)
    assert codes(refused) == ["refund_exceeds"]
    second = await ask(shop, purchase, 150_000)
    assert (await answer(shop, purchase)).Err == 0
    await send_refunds(shop.services)
    assert await state(shop, second) is RefundState.DONE
    assert (await answer(shop, purchase)).Err == 16
    assert bank.captured() == {purchase.order_number: 0}
    with pytest.raises(Refused) as refused:
        await ask(shop, purchase, 1)
    assert codes(refused) == ["refund_exceeds"]


async def test_refused_by_the_bank(shop, bank):
    purchase = await shop.paid()
    bank.refused = {"refund"}
    refund_id = await ask(shop, purchase, 250_000)
    await send_refunds(shop.services)
    failed = await refund_store.find(shop.services.db, refund_id, None)
    assert (failed.state, failed.bank_code) == (RefundState.FAILED, "-8")
    now = await shop.now(purchase)
    assert (now.refund_rial, now.refunded_rial) == (0, 0)
    # Then also to a Sheba.
    assert await refunding.ways(shop.services, now) == [Method.BANK, Method.PAYA]


@pytest.mark.parametrize("though_done", [True, False])
async def test_silence(shop, bank, clock, services, though_done):
    purchase = await shop.paid()
    (bank.silent_though_done if though_done else bank.silent).add("refund")
    refund_id = await ask(shop, purchase, 50_000)
    waits = []
    for _ in range(5):
        assert await send_refunds(services) == 1
        found = await refund_store.find(services.db, refund_id, None)
        assert found.state is RefundState.UNKNOWN
        waits.append((found.next_check_at - clock()).total_seconds())
        clock.now = found.next_check_at
    assert waits == [15, 30, 60, 120, 240]
    # It counts as given back, but not as certain.
    now = await shop.now(purchase)
    assert (now.refund_rial, now.refunded_rial, now.err) == (50_000, 0, 0)
    bank.silent, bank.silent_though_done = set(), set()
    await send_refunds(services)
    assert await state(shop, refund_id) is RefundState.DONE
    assert bank.book[purchase.order_number].refunds == {found.number: 50_000}
    assert await send_refunds(services) == 0


async def test_killed_between_claim_and_record(shop, bank, clock, services):
    purchase = await shop.paid()
    refund_id = await ask(shop, purchase, 50_000)

    async def die(*arguments):
        await bank.refund(*arguments)
        raise RuntimeError("killed")

    dying = replace(bank, book=bank.book)
    dying.refund = die
    with pytest.raises(RuntimeError):
        await send_refunds(replace(services, terminals=Terminals.single(dying)))
    assert await state(shop, refund_id) is RefundState.SENDING
    assert await send_refunds(services) == 0
    clock.pass_by(minutes=1)
    assert await send_refunds(services) == 1
    assert await state(shop, refund_id) is RefundState.DONE
    assert sum(bank.book[purchase.order_number].refunds.values()) == 50_000


async def test_two_workers_send_it_once(shop, bank, services):
    purchase = await shop.paid()
    for _ in range(20):
        await ask(shop, purchase, 1_000)
    assert sum(await asyncio.gather(*(send_refunds(services) for _ in range(8)))) == 20
    assert sorted(bank.book[purchase.order_number].refunds.values()) == [1_000] * 20
    assert [verb for verb, _ in bank.calls].count("refund") == 20


async def test_two_persons_above_the_amount(shop, services):
    one, other = await people(services, 2)
    big = await shop.paid(Amnt="900000000")
    limit = await two_persons_above(services)
    assert 250_000 < limit < 900_000_000
    small = await ask(shop, big, limit, Who("merchant", person_id=one))
    assert await state(shop, small) is RefundState.APPROVED
    # A Rial more, also in pieces, needs another person.
    large = await ask(shop, big, 1, Who("merchant", person_id=one))
    refund = await refund_store.find(services.db, large, None)
    assert refund.state is RefundState.REQUESTED
    with pytest.raises(Refused) as refused:
        await approve(services, refund, Who("merchant", person_id=one))
    assert codes(refused) == ["own_refund"]
    await send_refunds(services)
    assert await state(shop, large) is RefundState.REQUESTED
    await approve(services, refund, Who("merchant", person_id=other))
    found = await refund_store.find(services.db, large, None)
    assert (found.state, found.decided_by_person) == (RefundState.APPROVED, other)
    with pytest.raises(Refused) as refused:
        await refuse(services, refund, Who("merchant", person_id=other))
    assert codes(refused) == ["refund_gone"]
    await send_refunds(services)
    assert await state(shop, large) is RefundState.DONE


async def test_refused_and_taken_back(shop, services):
    one, other = await people(services, 2)
    purchase = await shop.paid(Amnt="900000000")
    for who, decided in ((one, None), (other, other)):
        refund_id = await ask(shop, purchase, 900_000_000, Who("merchant", person_id=one))
        refund = await refund_store.find(services.db, refund_id, None)
        await refuse(services, refund, Who("merchant", person_id=who), reason="نه")
        found = await refund_store.find(services.db, refund_id, None)
        assert (found.state, found.decided_by_person) == (RefundState.REFUSED, decided)
        assert (await shop.now(purchase)).refund_rial == 0
        assert [event.event for event in await refund_store.events(services.db, refund_id)] == ["requested", "refused"]


async def test_an_operator_is_a_second_person_and_the_log_tells(shop, services):
    (operator_id,) = await services.db.one(
        "insert into operator (name, role, handle, password_hash, created_at) "
        "values ('zari', 'finance', %(handle)s, '', now()) returning id",
        {"handle": bytes(32)},
    )
    purchase = await shop.paid(Amnt="900000000")
    refund = await refund_store.find(services.db, await ask(shop, purchase, 900_000_000), None)
    await approve(services, refund, Who("operator", operator_id=operator_id))
    rows = await services.db.all("select act, subject, operator_id, data ->> 'amount' from audit_log")
    assert rows == [("refund_approved", f"purchase {purchase.number}", operator_id, "900000000")]


async def test_a_form_that_is_sent_twice_asks_once(shop):
    purchase = await shop.paid()
    await ask(shop, purchase, 1_000, seen=Rial(0))
    with pytest.raises(Refused) as refused:
        await ask(shop, purchase, 1_000, seen=Rial(0))
    assert codes(refused) == ["refund_changed"]
    assert (await shop.now(purchase)).refund_rial == 1_000


async def test_only_what_is_paid(shop, bank, clock):
    waiting = await shop.at_bank()
    with pytest.raises(Refused) as refused:
        await ask(shop, waiting, 1)
    assert codes(refused) == ["purchase_not_paid"]
    purchase = await shop.paid()
    bank.silent = {"reverse"}
    await reverse(shop.services, purchase, MERCHANT, reason="x")
    for seen in (purchase, await shop.now(purchase)):
        with pytest.raises(Refused) as refused:
            await request_refund(
                shop.services, seen, NewRefund(purchase.id, purchase.gateway_id, Rial(1), Method.BANK, "x"), MERCHANT
            )
        assert codes(refused) == ["purchase_being_reversed"]


async def test_the_balance_must_cover_it(shop, services):
    await services.db.all(
        """
        with p as (insert into fee_plan (name, bearer, created_at) values ('x', 'merchant', now()) returning id),
        b as (
            insert into fee_bracket (plan_id, valid_from, above_rial, ppm, fixed_rial)
            select id, '2020-01-01', 0, 0, 1000 from p
        )
        insert into gateway_fee (gateway_id, valid_from, plan_id) select %(gateway)s, '2020-01-01', id from p
        """,
        {"gateway": int(shop.id[:-1])},
    )
    purchase = await shop.paid()
    with pytest.raises(Refused) as refused:
        await ask(shop, purchase, 250_000)
    assert codes(refused) == ["balance_insufficient"]
    assert await state(shop, await ask(shop, purchase, 249_000)) is RefundState.APPROVED
    with pytest.raises(Refused) as refused:
        await ask(shop, purchase, 1)
    assert codes(refused) == ["balance_insufficient"]


# --- by Paya: the way of its payout is tested with the settlement (test_settlement.py) ---


async def test_by_paya_waits_for_the_next_batch(shop, services):
    purchase = await shop.paid()
    refund_id = await ask(shop, purchase, 250_000, method=Method.PAYA)
    assert await send_refunds(services) == 0
    found = await refund_store.find(services.db, refund_id, None)
    assert (found.state, found.next_check_at, found.iban) == (RefundState.APPROVED, None, SHEBA)
    assert not await refund_store.ask_now(services.db, refund_id, services.clock())


# --- rivals ---


async def test_fifty_rivals_on_one_payment(shop, bank, services):
    purchase = await shop.paid()
    told = await asyncio.gather(*(ask(shop, purchase, 7_000) for _ in range(50)), return_exceptions=True)
    won = [one for one in told if isinstance(one, int)]
    assert len(won) == 35  # 250,000 / 7,000
    assert {problem.code for one in told if isinstance(one, Refused) for problem in one.problems} == {"refund_exceeds"}
    await send_refunds(services)
    assert bank.captured() == {purchase.order_number: 5_000}


async def test_fifty_rivals_on_one_balance(shop, bank, services):
    purchases = [await shop.paid() for _ in range(10)]
    ((balance,),) = await services.db.all(
        "select sum(credit_rial - debit_rial) from ledger_balance b join ledger_account a on a.id = b.account_id "
        "where a.kind = 'merchant_payable'"
    )
    assert balance == 2_500_000
    # Half of it is held.
    await services.db.all(
        """
        with h as (
            insert into hold (gateway_id, amount_rial, reason, state, last_event, placed_at)
            values (%(gateway)s, 1250000, 'x', 'HELD', 'placed', now()) returning id
        ), e as (
            insert into money_event (noun, subject_id, version, event, from_state, to_state, actor, at)
            select 'hold', id, 1, 'placed', '', 'HELD', 'operator', now() from h returning id
        ) select book(id, 'hold_placed', now(), now(), '{merchant_payable}', array[%(gateway)s]::bigint[],
            '{merchant_held}', array[%(gateway)s]::bigint[], '{1250000}') from e
        """,
        {"gateway": purchases[0].gateway_id},
    )
    told = await asyncio.gather(*(ask(shop, purchases[at % 10], 50_000) for at in range(50)), return_exceptions=True)
    won = [one for one in told if isinstance(one, int)]
    assert len(won) == 25
    assert {p.code for one in told if isinstance(one, Refused) for p in one.problems} == {"balance_insufficient"}
    await send_refunds(services)
    assert sum(bank.captured().values()) == 1_250_000


async def test_refunds_against_reversals(shop, bank, services):
    for _ in range(5):
        purchase = await shop.paid()

        async def reversing(purchase=purchase):
            return await reverse(services, purchase, MERCHANT, reason="x")

        rivals = [reversing() if at % 2 else ask(shop, purchase, 100_000) for at in range(50)]
        told = await asyncio.gather(*rivals, return_exceptions=True)
        assert {type(one) for one in told} <= {State, int, Refused}
        await send_refunds(services)
        now = await shop.now(purchase)
        if now.state is State.REVERSED:
            assert now.refund_rial == 0
            assert [one for one in told if isinstance(one, int)] == [] or State.REVERSED in told
        else:
            assert (now.state, now.refunded_rial) == (State.PAID, 200_000)


@pytest.mark.parametrize("seed", range(8))
async def test_sequences_of_everything(shop, bank, clock, services, seed):
    """Whatever happens in whatever order, all ties at every step; once all is answered, our books are the bank's."""
    chance = random.Random(seed)
    one, other = await people(services, 2)
    purchases = [await shop.paid(Amnt=str(chance.randrange(10_001, 10**8))) for _ in range(4)]
    asked = []
    for _ in range(60):
        verbs = {"refund", "reverse", "inquire"}
        bank.silent = {verb for verb in verbs if chance.random() < 0.2}
        bank.silent_though_done = {verb for verb in ("refund", "reverse") if chance.random() < 0.2}
        bank.refused = {verb for verb in ("refund", "reverse") if chance.random() < 0.2}
        purchase = await shop.now(chance.choice(purchases))
        try:
            match chance.randrange(7):
                case 0 | 1:
                    amount = chance.choice([int(purchase.amount), chance.randrange(1, int(purchase.amount))])
                    asked.append(await ask(shop, purchase, amount, Who("merchant", person_id=one)))
                case 2:
                    await reverse(services, purchase, Who("merchant", person_id=one), reason="x")
                case 3 if asked:
                    refund = await refund_store.find(services.db, chance.choice(asked), None)
                    await chance.choice([approve, refuse])(services, refund, Who("merchant", person_id=other))
                case 4 | 5:
                    await send_refunds(services)
                    await ask_bank_about_due(services)
                case _:
                    clock.pass_by(minutes=chance.choice([1, 10, 70]))
        except Refused:
            pass
        await check_books(services, None)
    bank.silent, bank.silent_though_done, bank.refused = set(), set(), set()
    for refund_id in asked:
        refund = await refund_store.find(services.db, refund_id, None)
        if refund.state is RefundState.REQUESTED:
            await approve(services, refund, Who("merchant", person_id=other))
    for _ in range(3):
        clock.pass_by(hours=2)
        await send_refunds(services)
        await ask_bank_about_due(services)
    assert {await state(shop, refund_id) for refund_id in asked} <= {
        RefundState.DONE,
        RefundState.FAILED,
        RefundState.REFUSED,
    }
