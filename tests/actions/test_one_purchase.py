"""A purchase from the form to `PayRep`, by the actions, with everything that a buyer and a bank can do."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog

from mopos.actions import audit, manage_account
from mopos.actions.ask_bank import ask_bank_about_due
from mopos.actions.finish_attempt import at_bank, finish_attempt, lease, record_answer
from mopos.actions.register_purchase import AlreadyPaid
from mopos.actions.report_result import report_result
from mopos.actions.send_to_bank import BankUnavailable, send_to_bank
from mopos.banks.port import Confirmed, Decline, Returned, Silent
from mopos.base.errors import Refused
from mopos.base.secret import Secret
from mopos.domain.payments import store
from mopos.domain.payments.states import State

OK = {"State": "OK", "RefNum": "whatever"}


async def pay_rep(shop, purchase):
    return await report_result(shop.services, shop.id, shop.rmz, purchase.res)


@pytest.fixture(autouse=True)
async def balanced(services, bank):
    """After every test the journal, the books and the bank's own book agree."""
    yield
    findings = [finding async for step in audit.audit(services.db, services.clock()) for finding in step.findings]
    assert findings == []
    balances = await audit.trial_balance(services.db)
    owed_to_us = sum(b.debit_rial - b.credit_rial for b in balances if b.kind == "acquirer_receivable")
    assert owed_to_us == await audit.paid_total(services.db)
    conflicts = await services.db.all("select a.id::text from attempt a where a.state = 'CONFLICTED'")
    assert owed_to_us == sum(rial for order, rial in bank.captured().items() if (order,) not in conflicts)


async def test_paid(shop, bank):
    purchase = await shop.post(shop.form())
    assert (await pay_rep(shop, purchase)).err == 1
    redirect = await send_to_bank(shop.services, purchase, is_new=True)
    assert redirect.fields == {"Token": f"T{purchase.order_number}"}
    assert (await pay_rep(shop, purchase)).err == 2
    bank.buyer_pays(purchase.order_number)
    await finish_attempt(shop.services, purchase.ref, OK)
    paid = await shop.now(purchase)
    assert (paid.state, paid.bank_ref, paid.trace) == (State.PAID, f"RRN{purchase.order_number}", "123456")
    assert paid.acknowledged_at is None
    report = await pay_rep(shop, purchase)
    assert (report.err, report.purchase.amount) == (0, 250_000)
    assert (await shop.now(purchase)).acknowledged_at is not None
    assert bank.captured() == {purchase.order_number: 250_000}


async def test_pay_rep_says_the_same_for_ever(shop, bank, clock):
    purchase = await shop.at_bank()
    bank.buyer_pays(purchase.order_number)
    await finish_attempt(shop.services, purchase.ref, OK)
    first = await pay_rep(shop, purchase)
    clock.pass_by(days=400)
    again = await pay_rep(shop, purchase)
    assert (again.err, again.purchase.paid_at) == (0, first.purchase.paid_at)
    assert again.purchase.acknowledged_at == first.purchase.paid_at.replace(tzinfo=again.purchase.paid_at.tzinfo)


@pytest.mark.parametrize(
    ("end", "state", "err"), [("declined", State.DECLINED, 10), ("cancelled", State.CANCELLED, 11)]
)
async def test_refused_at_the_bank(shop, bank, end, state, err):
    purchase = await shop.at_bank()
    bank.book[purchase.order_number].state = end
    await finish_attempt(shop.services, purchase.ref, {"State": "NOK"})
    assert (await shop.now(purchase)).state is state
    assert (await pay_rep(shop, purchase)).err == err


async def test_attack_02_a_forged_return_changes_nothing(shop, bank):
    purchase = await shop.at_bank()
    for fields in (OK, {"State": "NOK"}, {}, {"State": ["OK"], "RefNum": ""}):
        await finish_attempt(shop.services, purchase.ref, fields)
        now = await shop.now(purchase)
        assert (now.state, now.ref) == (State.AT_BANK, purchase.ref)
        assert (await pay_rep(shop, purchase)).err == 2
    assert await finish_attempt(shop.services, "A" * 22, OK) is None
    # The true buyer still pays.
    bank.buyer_pays(purchase.order_number)
    await finish_attempt(shop.services, purchase.ref, OK)
    assert (await shop.now(purchase)).state is State.PAID


async def test_attack_27_a_browser_that_keeps_coming_back_does_not_fill_the_journal(shop, bank, clock):
    purchase = await shop.at_bank()
    for _ in range(150):
        await finish_attempt(shop.services, purchase.ref, {"State": "NOK"})
    assert (await shop.now(purchase)).version <= 201
    bank.buyer_pays(purchase.order_number)
    clock.pass_by(minutes=10)
    await ask_bank_about_due(shop.services)
    assert (await shop.now(purchase)).state is State.PAID


async def test_attack_02_a_return_that_says_no_does_not_hide_a_payment(shop, bank):
    purchase = await shop.at_bank()
    bank.buyer_pays(purchase.order_number)
    await finish_attempt(shop.services, purchase.ref, {"State": "NOK"})
    assert (await shop.now(purchase)).state is State.PAID


async def test_attack_03_a_replayed_return_changes_nothing(shop, bank, clock):
    purchase = await shop.at_bank()
    bank.buyer_pays(purchase.order_number)
    await finish_attempt(shop.services, purchase.ref, OK)
    paid, calls = await shop.now(purchase), len(bank.calls)
    for _ in range(5):
        await finish_attempt(shop.services, purchase.ref, OK)
    clock.pass_by(days=1)
    await finish_attempt(shop.services, purchase.ref, {"State": "NOK"})
    assert await shop.now(purchase) == paid
    assert len(bank.calls) == calls, "nobody has to be asked about what is certain"


async def test_attack_01_another_amount_is_a_conflict(shop, bank):
    purchase = await shop.at_bank()
    bank.buyer_pays(purchase.order_number, amount=249_999)
    await finish_attempt(shop.services, purchase.ref, OK)
    assert (await shop.now(purchase)).state is State.CONFLICTED
    assert (await pay_rep(shop, purchase)).err == 20


async def test_attack_04_one_reference_does_not_pay_two_purchases(shop, bank):
    first, second = await shop.at_bank(), await shop.at_bank()
    for purchase in (first, second):
        bank.buyer_pays(purchase.order_number, ref=f"SAME{first.order_number}")
        await finish_attempt(shop.services, purchase.ref, OK)
    assert (await shop.now(first)).state is State.PAID
    assert (await shop.now(second)).state is State.CONFLICTED


async def test_attack_06_silence_is_unknown_and_ends_by_what_the_bank_says(shop, bank, clock):
    purchase = await shop.at_bank()
    bank.buyer_pays(purchase.order_number)
    bank.silent_though_done = {"verify"}
    await finish_attempt(shop.services, purchase.ref, OK)
    assert (await shop.now(purchase)).state is State.UNKNOWN
    assert (await pay_rep(shop, purchase)).err == 3
    bank.silent = {"inquire"}
    for _ in range(3):
        clock.pass_by(minutes=2)
        assert await ask_bank_about_due(shop.services) == 1
        assert (await shop.now(purchase)).state is State.UNKNOWN
    bank.silent = set()
    clock.pass_by(hours=1)
    await ask_bank_about_due(shop.services)
    assert (await shop.now(purchase)).state is State.PAID
    assert await ask_bank_about_due(shop.services) == 0


async def test_p10_nobody_pays_again_while_the_bank_is_silent(shop, bank):
    purchase = await shop.at_bank()
    bank.buyer_pays(purchase.order_number)
    bank.silent = {"verify"}
    await finish_attempt(shop.services, purchase.ref, OK)
    assert await send_to_bank(shop.services, await shop.now(purchase)) is None


async def test_a_buyer_who_never_returns_is_found(shop, bank, clock):
    purchase = await shop.at_bank()
    bank.buyer_pays(purchase.order_number)
    assert await ask_bank_about_due(shop.services) == 0
    clock.pass_by(minutes=10)
    assert await ask_bank_about_due(shop.services) == 1
    assert (await shop.now(purchase)).state is State.PAID


async def test_expiry_asks_the_bank_first(shop, bank, clock):
    purchase = await shop.at_bank()
    clock.pass_by(minutes=10)
    bank.silent = {"inquire"}
    await ask_bank_about_due(shop.services)
    assert (await shop.now(purchase)).state is State.UNKNOWN
    bank.silent = set()
    bank.book[purchase.order_number].state = "closed"
    clock.pass_by(minutes=10)
    await ask_bank_about_due(shop.services)
    assert (await shop.now(purchase)).state is State.EXPIRED
    assert (await pay_rep(shop, purchase)).err == 13


async def test_a_buyer_who_was_never_sent_expires_without_a_bank(shop, bank, clock):
    purchase = await shop.post(shop.form())
    clock.pass_by(minutes=21)
    await ask_bank_about_due(shop.services)
    assert (await shop.now(purchase)).state is State.EXPIRED
    assert bank.calls == []
    assert await send_to_bank(shop.services, await shop.now(purchase)) is None


async def test_money_that_came_late_is_not_dropped(shop, bank, clock):
    purchase = await shop.at_bank()
    bank.book[purchase.order_number].state = "closed"
    clock.pass_by(minutes=10)
    await ask_bank_about_due(shop.services)
    assert (await shop.now(purchase)).state is State.EXPIRED
    bank.book[purchase.order_number].state = "open"
    bank.buyer_pays(purchase.order_number)
    await finish_attempt(shop.services, purchase.ref, OK)
    late = await shop.now(purchase)
    assert (late.state, late.late) == (State.PAID, True)
    assert (await pay_rep(shop, purchase)).err == 0


async def declined_then_paid(shop, bank):
    """A purchase that ended unpaid, and whose buyer has paid its attempt after all."""
    purchase = await shop.at_bank()
    bank.book[purchase.order_number].state = "declined"
    await finish_attempt(shop.services, purchase.ref, {"State": "Failed"})
    assert (await shop.now(purchase)).state is State.DECLINED
    bank.book[purchase.order_number].state = "open"
    bank.buyer_pays(purchase.order_number)
    return purchase


async def test_no_new_attempt_begins_while_the_bank_confirms_the_old_one(shop, bank):
    purchase = await declined_then_paid(shop, bank)
    answered, asked = asyncio.Event(), asyncio.Event()
    verify = bank.verify

    async def slowly(attempt):
        asked.set()
        await answered.wait()
        return await verify(attempt)

    bank.verify = slowly
    returning = asyncio.create_task(finish_attempt(shop.services, purchase.ref, OK))
    await asked.wait()
    assert await send_to_bank(shop.services, await shop.now(purchase)) is None, "the other window"
    await finish_attempt(shop.services, purchase.ref, OK)
    answered.set()
    await returning
    late = await shop.now(purchase)
    assert (late.state, late.late, late.attempt_count) == (State.PAID, True, 1)
    assert bank.captured() == {purchase.order_number: 250_000}
    assert [verb for verb, _ in bank.calls].count("verify") == 1, "whoever comes meanwhile does not ask as well"


async def test_a_new_attempt_begins_once_the_bank_has_said_no_again(shop, bank):
    purchase = await declined_then_paid(shop, bank)
    bank.book[purchase.order_number].state = "declined"
    await finish_attempt(shop.services, purchase.ref, OK)
    assert await send_to_bank(shop.services, await shop.now(purchase)) is not None


@pytest.mark.parametrize("ends_by", ["killed", "silence"])
@pytest.mark.parametrize("verb", ["inquire", "verify"])
async def test_a_bank_that_was_asked_late_is_asked_until_it_has_answered(shop, bank, clock, verb, ends_by):
    """It may have taken our `verify` although we never heard so: then it keeps the money, and nobody gives it back."""
    purchase = await declined_then_paid(shop, bank)
    right = getattr(bank, verb)

    async def cut(attempt):
        await right(attempt)
        if ends_by == "killed":
            raise RuntimeError("killed")
        return Silent("timeout")

    setattr(bank, verb, cut)
    with pytest.raises(RuntimeError) if ends_by == "killed" else contextlib.nullcontext():
        await finish_attempt(shop.services, purchase.ref, OK)
    setattr(bank, verb, right)
    waiting = await shop.now(purchase)
    assert waiting.state is (State.VERIFYING if ends_by == "killed" else State.UNKNOWN)
    assert await send_to_bank(shop.services, waiting) is None, "no new attempt meanwhile"
    clock.now += lease(shop.services)
    await ask_bank_about_due(shop.services)
    late = await shop.now(purchase)
    assert (late.state, late.late, late.attempt_count) == (State.PAID, True, 1)
    assert bank.captured() == {purchase.order_number: 250_000}


@pytest.fixture
def confirming(bank):
    """A bank whose only question confirms what it finds, and whose browser's no is believed."""
    bank.facts = replace(bank.facts, can_inquire=False)
    codes = {"Canceled": "1"}
    bank.read_return = lambda fields: Returned(
        fields["State"] == "OK", reason=Decline.CANCELLED, code=codes.get(fields["State"], "")
    )
    return bank


NO, UNREADABLE = {"State": "Canceled"}, {"State": "?"}


@pytest.mark.parametrize("ends_by", ["answer", "killed"])
async def test_a_browser_s_no_hides_nothing_that_the_worker_is_just_confirming(shop, confirming, clock, ends_by):
    purchase = await shop.at_bank()
    confirming.buyer_pays(purchase.order_number)
    clock.pass_by(minutes=10)
    verify = confirming.verify

    async def meanwhile(attempt):
        answer = await verify(attempt)
        await finish_attempt(shop.services, purchase.ref, NO)
        if ends_by == "killed":
            raise RuntimeError("killed")
        return answer

    confirming.verify = meanwhile
    with pytest.raises(RuntimeError) if ends_by == "killed" else contextlib.nullcontext():
        await ask_bank_about_due(shop.services)
    confirming.verify = verify
    if ends_by == "killed":
        await finish_attempt(shop.services, purchase.ref, NO)
        assert (await shop.now(purchase)).state is State.VERIFYING
        clock.now += lease(shop.services)
        await ask_bank_about_due(shop.services)
    assert (await shop.now(purchase)).state is State.PAID
    assert confirming.captured() == {purchase.order_number: 250_000}


async def test_a_browser_s_no_is_believed_again_once_the_bank_knows_of_nothing(shop, confirming, clock):
    purchase = await shop.at_bank()
    clock.pass_by(minutes=10)
    await ask_bank_about_due(shop.services)
    assert (await shop.now(purchase)).state is State.AT_BANK
    await finish_attempt(shop.services, purchase.ref, NO)
    assert (await shop.now(purchase)).state is State.CANCELLED


async def test_a_buyer_who_never_returns_costs_a_bank_few_questions(shop, confirming, clock):
    purchase = await shop.at_bank()
    until = purchase.attempt_started_at + confirming.facts.session + confirming.facts.verify_deadline
    while (await shop.now(purchase)).state is not State.EXPIRED:
        clock.pass_by(seconds=5)
        await ask_bank_about_due(shop.services)
    assert until <= clock.now < until + timedelta(minutes=1)
    assert len(confirming.calls) <= 9, confirming.calls


@pytest.mark.parametrize(
    ("comes_back", "end"), [(OK, State.UNKNOWN), (UNREADABLE, State.UNKNOWN), (None, State.EXPIRED)]
)
async def test_what_a_bank_may_have_confirmed_is_no_no_because_it_knows_nothing_of_it(
    shop, confirming, clock, comes_back, end
):
    """It was silent when we confirmed; then it speaks of "no such payment or wrong parameters"."""
    purchase = await shop.at_bank()
    confirming.silent.add("verify")
    clock.pass_by(minutes=10)
    if comes_back:
        await finish_attempt(shop.services, purchase.ref, comes_back)
    else:
        await ask_bank_about_due(shop.services)
    assert (await shop.now(purchase)).state is State.UNKNOWN
    confirming.silent.clear()
    for _ in range(30):
        clock.pass_by(minutes=5)
        await ask_bank_about_due(shop.services)
    assert (await shop.now(purchase)).state is end


async def test_a_yes_is_written_wherever_the_purchase_has_moved_to(shop, confirming):
    asked_about = await shop.at_bank()
    confirming.buyer_pays(asked_about.order_number)
    yes = await confirming.verify(at_bank(asked_about))
    await finish_attempt(shop.services, asked_about.ref, NO)
    assert (await shop.now(asked_about)).state is State.CANCELLED
    assert await record_answer(shop.services, asked_about, yes, actor="worker")
    paid = await shop.now(asked_about)
    assert (paid.state, paid.late) == (State.PAID, True)
    assert not await record_answer(shop.services, asked_about, yes, actor="worker"), "it is no news"
    assert await shop.now(asked_about) == paid


async def test_a_yes_about_an_attempt_that_another_has_followed_is_told(shop, confirming):
    asked_about = await shop.at_bank()
    yes = Confirmed(asked_about.charge, asked_about.order_number, "1", "1", "603799******1234")
    await finish_attempt(shop.services, asked_about.ref, NO)
    assert await send_to_bank(shop.services, await shop.now(asked_about))
    with structlog.testing.capture_logs() as told:
        assert not await record_answer(shop.services, asked_about, yes, actor="worker")
    assert [line["event"] for line in told] == ["attempt.confirmed_beside_a_new_one"]
    assert (await shop.now(asked_about)).state is State.AT_BANK


async def test_who_returns_again_without_having_paid_finds_it_as_it_was(shop, bank):
    purchase = await shop.at_bank()
    bank.book[purchase.order_number].state = "declined"
    await finish_attempt(shop.services, purchase.ref, {"State": "Failed"})
    ended = await shop.now(purchase)
    asked = len(bank.calls)
    await finish_attempt(shop.services, purchase.ref, {"State": "Failed"})
    assert (await shop.now(purchase), len(bank.calls)) == (ended, asked), "nobody said that he has paid"
    bank.book[purchase.order_number].state = "open"
    await finish_attempt(shop.services, purchase.ref, OK)
    after = await shop.now(purchase)
    assert after == replace(ended, version=ended.version + 2)
    assert len(bank.calls) == asked + 1


async def test_a_claim_whose_process_died_is_taken_up(shop, bank, clock):
    purchase = await shop.at_bank()
    bank.buyer_pays(purchase.order_number)
    due = clock() + lease(shop.services)
    await store.claim_return(shop.services.db, purchase.ref, now=clock(), next_check_at=due, data={})
    assert (await shop.now(purchase)).state is State.VERIFYING
    assert await ask_bank_about_due(shop.services) == 0, "the claim may still be alive"
    clock.now = due
    assert await ask_bank_about_due(shop.services) == 1
    assert (await shop.now(purchase)).state is State.PAID


async def test_the_same_form_again_continues(shop, bank):
    form = shop.form()
    purchase = await shop.post(form)
    redirect = await send_to_bank(shop.services, purchase, is_new=True)
    again = await shop.post(form | {"Nam": "another name"})
    assert again.id == purchase.id
    assert await send_to_bank(shop.services, again) == redirect
    assert len(bank.book) == 1


async def test_the_same_form_after_payment_is_shown_and_never_charged_twice(shop, bank):
    form = shop.form()
    purchase = await shop.post(form)
    await send_to_bank(shop.services, purchase, is_new=True)
    bank.buyer_pays(purchase.order_number)
    await finish_attempt(shop.services, purchase.ref, OK)
    with pytest.raises(AlreadyPaid) as paid:
        await shop.post(form)
    assert paid.value.purchase.id == purchase.id
    assert len(bank.book) == 1


@pytest.mark.parametrize("changed", [{"Amnt": "250001"}, {"RedirectURL": "https://evil.test/"}])
async def test_attack_01_another_form_with_a_used_res_is_refused(shop, changed):
    form = shop.form()
    await shop.post(form)
    with pytest.raises(Refused, match="res_used"):
        await shop.post(form | changed)


async def test_the_same_res_at_two_gateways_is_two_purchases(services, shop):
    other = type(shop)(
        services, await manage_account.create_account(services.db, services.clock, services.settings, "b")
    )
    form = shop.form()
    first, second = await shop.post(form), await other.post(form | {"ID": other.id})
    assert first.id != second.id
    # Attack 12: a merchant sees nothing of another's.
    assert (await report_result(services, other.id, shop.rmz, form["Res"])).err == 90


async def test_declined_may_be_tried_again_with_a_new_order(shop, bank):
    purchase = await shop.at_bank()
    bank.book[purchase.order_number].state = "declined"
    await finish_attempt(shop.services, purchase.ref, {})
    await send_to_bank(shop.services, await shop.now(purchase))
    second = await shop.now(purchase)
    assert (second.state, second.attempt_count) == (State.AT_BANK, 2)
    assert second.order_number != purchase.order_number
    # The first attempt's return is old news.
    await finish_attempt(shop.services, purchase.ref, OK)
    assert (await shop.now(purchase)).state is State.AT_BANK
    bank.buyer_pays(second.order_number)
    await finish_attempt(shop.services, second.ref, OK)
    assert (await shop.now(purchase)).state is State.PAID


async def test_a_bank_that_does_not_open_can_be_tried_again(shop, bank):
    bank.silent = {"open"}
    purchase = await shop.post(shop.form())
    with pytest.raises(BankUnavailable):
        await send_to_bank(shop.services, purchase, is_new=True)
    assert (await pay_rep(shop, purchase)).err == 1
    bank.silent = set()
    assert await send_to_bank(shop.services, await shop.now(purchase)) is not None
    assert (await shop.now(purchase)).attempt_count == 2


async def test_tries_are_bounded(shop, bank):
    purchase = await shop.at_bank()
    for _ in range(20):
        bank.book[purchase.order_number].state = "declined"
        await finish_attempt(shop.services, purchase.ref, {})
        if await send_to_bank(shop.services, await shop.now(purchase)) is None:
            break
        purchase = await shop.now(purchase)
    assert purchase.attempt_count == 10


async def test_a_suspended_gateway_takes_no_purchase(services, shop):
    await services.db.one("update gateway set suspended_at = now() where name = 'فروشگاه آزمون' returning 1")
    with pytest.raises(Refused, match="gateway_suspended"):
        await shop.post(shop.form())


async def test_an_unknown_gateway_is_told(shop):
    with pytest.raises(Refused, match="id_unknown"):
        await shop.post(shop.form(ID="9999999999993"))


async def test_pay_rep_does_not_tell_a_wrong_id_from_a_wrong_rmz(services, shop):
    purchase = await shop.post(shop.form())
    answers = [
        await report_result(services, shop.id, Secret("wrong"), purchase.res),
        await report_result(services, "9999999999993", shop.rmz, purchase.res),
        await report_result(services, "junk", shop.rmz, purchase.res),
        await report_result(services, "", Secret(""), ""),
    ]
    assert [(answer.err, answer.purchase) for answer in answers] == [(90, None)] * 4
    assert (await report_result(services, shop.id, shop.rmz, "nobody")).err == 91
    assert (await report_result(services, shop.id, shop.rmz, "x\0y" + "z" * 5000)).err == 91


async def test_a_rotated_rmz_works_for_its_grace_time(services, shop, clock):
    purchase = await shop.post(shop.form())
    new = await manage_account.rotate_rmz(services.db, clock, services.settings, shop.id)
    for rmz in (shop.rmz, new.rmz):
        assert (await report_result(services, shop.id, rmz, purchase.res)).err == 1
    clock.pass_by(days=2)
    assert (await report_result(services, shop.id, shop.rmz, purchase.res)).err == 90
    assert (await report_result(services, shop.id, new.rmz, purchase.res)).err == 1
    await ask_bank_about_due(services)
