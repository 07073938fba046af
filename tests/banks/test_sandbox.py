"""Our connector and the sandbox bank over real HTTP, the bank in its own process: every test card, every verb."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mopos.banks.port import Attempt, Confirmed, Decline, Declined, Opened, Order, Pending, Returned, Silent, Unverified
from mopos.banks.sim.buyer import cancel_at_bank, enter, pay_at_bank
from mopos.banks.sim.cards import BY_SLUG, CARDS, STATIC_PASSWORD
from mopos.base.money import Rial

if TYPE_CHECKING:
    from tests.banks.conftest import Gateway, RunningBank

    Connect = Callable[..., AbstractAsyncContextManager[Gateway]]

AMOUNT = 250_000


async def paid(gateway: Gateway, card: str = "paid") -> Attempt:
    """An order whose money the bank has taken."""
    opened, attempt = await gateway.open(AMOUNT)
    await pay_at_bank(gateway.browser, opened.redirect, card)
    return attempt


# --- the happy path ---


async def test_one_payment_from_token_to_verify(gateway: Gateway) -> None:
    opened, attempt = await gateway.open(AMOUNT, description="کفش‌های <b>ورزشی</b>")
    assert await gateway.bank.inquire(attempt) == Pending()
    assert await gateway.bank.verify(attempt) == Pending()

    page = await enter(gateway.browser, opened.redirect)
    assert "کفش‌های &lt;b&gt;ورزشی&lt;/b&gt;" in page.text

    back = await pay_at_bank(gateway.browser, opened.redirect)
    assert back is not None
    assert (back.method, back.url) == ("POST", "http://127.0.0.1:9/pay/return/canary-ref")
    assert set(back.fields) == {"State", "ResCode", "RefNum", "TraceNo", "OrderId", "Token", "SecurePan"}
    returned = gateway.bank.read_return(back.fields)
    assert returned == Returned(claims_paid=True, bank_ref=back.fields["RefNum"])

    assert await gateway.bank.inquire(attempt) == Unverified()
    confirmed = await gateway.bank.verify(attempt)
    assert confirmed == Confirmed(
        Rial(AMOUNT), attempt.number, back.fields["RefNum"], back.fields["TraceNo"], "603799******0014"
    )
    assert await gateway.bank.inquire(attempt) == confirmed


async def test_the_facts(gateway: Gateway) -> None:
    facts = gateway.bank.facts
    assert (facts.name, facts.title_fa) == ("sandbox", "بانک آزمایشی")
    assert facts.session < facts.verify_deadline


# --- every card ---

REFUSING = {
    "insufficient_funds": (Decline.INSUFFICIENT_FUNDS, "51"),
    "wrong_pin": (Decline.WRONG_PIN, "55"),
    "expired_card": (Decline.EXPIRED_CARD, "54"),
    "wrong_card": (Decline.WRONG_CARD, "56"),
    "not_permitted": (Decline.NOT_PERMITTED, "57"),
    "issuer_down": (Decline.ISSUER_DOWN, "91"),
    "limit_exceeded": (Decline.LIMIT_EXCEEDED, "61"),
}

# What the verbs say, one after another, once the buyer has paid with the card.
TAKING = {
    "paid": ["verify yes"],
    "verify_slow": ["verify yes"],
    "verify_late": ["verify timeout", "inquire yes", "verify yes"],
    "verify_garbage": ["verify garbage", "inquire yes", "verify yes"],
    "verify_error": ["verify http_500", "inquire waits", "verify yes", "inquire yes"],
    "inquiry_silent": ["verify http_500", "inquire http_500", "inquire timeout", "inquire waits", "verify yes"],
    "amount_differs": ["verify yes"],
    "never_returns": ["inquire waits", "verify yes"],
    "returns_twice": ["verify yes", "verify yes"],
    "forged_return": ["verify yes"],
    "reverse_silent": ["verify yes"],
    "reverse_refused": ["verify yes"],
    "refund_silent": ["verify yes"],
    "refund_refused": ["verify yes"],
}


def test_every_card_is_tried_here() -> None:
    assert set(REFUSING) | set(TAKING) == {card.slug for card in CARDS}


@pytest.mark.parametrize("slug", REFUSING)
async def test_cards_that_refuse(gateway: Gateway, slug: str) -> None:
    reason, code = REFUSING[slug]
    opened, attempt = await gateway.open(AMOUNT)
    back = await pay_at_bank(gateway.browser, opened.redirect, slug)
    assert back is not None
    assert (back.fields["State"], back.fields["ResCode"], back.fields["RefNum"]) == ("Failed", code, "")
    assert gateway.bank.read_return(back.fields) == Returned(claims_paid=False)
    for verb in (gateway.bank.inquire, gateway.bank.verify, gateway.bank.reverse):
        assert await verb(attempt) == Declined(reason, code)
    assert [entry["what"] for entry in (await gateway.book(attempt))["entries"]] == ["opened", "refused"]


@pytest.mark.parametrize("slug", TAKING)
async def test_cards_that_pay(gateway: Gateway, slug: str) -> None:
    card = BY_SLUG[slug]
    attempt = await paid(gateway, slug)
    told = []
    for verb, _ in (step.split() for step in TAKING[slug]):
        answer = await getattr(gateway.bank, verb)(attempt)
        match answer:
            case Confirmed():
                told.append(f"{verb} yes")
                assert answer.amount == card.takes(Rial(AMOUNT))
                assert answer.order_number == attempt.number
                assert answer.masked_pan == f"{card.number[:6]}******{card.number[-4:]}"
            case Unverified():
                told.append(f"{verb} waits")
            case Silent(why):
                told.append(f"{verb} {why}")
    assert told == TAKING[slug]
    entries = (await gateway.book(attempt))["entries"]
    assert [entry["what"] for entry in entries] == ["opened", "taken", "verified"]
    assert entries[1]["rial"] == card.takes(Rial(AMOUNT))


async def test_the_slow_card_takes_two_thirds_of_the_deadline(gateway: Gateway) -> None:
    attempt = await paid(gateway, "verify_slow")
    await gateway.bank.verify(attempt)
    assert 600 < gateway.calls[-1].duration_ms < 900


async def test_cancelling(gateway: Gateway) -> None:
    opened, attempt = await gateway.open()
    back = await cancel_at_bank(gateway.browser, opened.redirect)
    assert back is not None
    assert (back.fields["State"], back.fields["ResCode"]) == ("Cancelled", "17")
    assert await gateway.bank.inquire(attempt) == Declined(Decline.CANCELLED, "17")


# --- the bank's own clock ---


async def test_what_is_not_verified_in_time_is_given_back(
    bank_with: Callable[..., RunningBank], gateway_at: Connect
) -> None:
    async with gateway_at(bank_with(give_back_s=0.5).url) as gateway:
        attempt, verified = await paid(gateway), await paid(gateway)
        assert isinstance(await gateway.bank.verify(verified), Confirmed)
        await asyncio.sleep(0.6)
        given_back = Declined(Decline.GIVEN_BACK, "-6")
        assert await gateway.bank.verify(attempt) == given_back
        assert await gateway.bank.inquire(attempt) == given_back
        assert await gateway.bank.reverse(attempt) == given_back
        assert isinstance(await gateway.bank.verify(verified), Confirmed)
        totals = (await gateway.browser.get(f"{gateway.url}/book")).json()["totals"]
    assert {what: total["rial"] for what, total in totals.items()} == {
        "opened": 0,
        "taken": 2 * AMOUNT,
        "verified": AMOUNT,
        "given_back": AMOUNT,
        "refused": 0,
        "refunded": 0,
        "settled": 0,
    }


async def test_the_session_ends(bank_with: Callable[..., RunningBank], gateway_at: Connect) -> None:
    async with gateway_at(bank_with(session_s=0.3).url) as gateway:
        opened, attempt = await gateway.open()
        await asyncio.sleep(0.4)
        assert await gateway.bank.inquire(attempt) == Declined(Decline.SESSION_EXPIRED, "-4")
        page = await enter(gateway.browser, opened.redirect)
        assert 'name="State" value="Expired"' in page.text


# --- reverse ---


@pytest.mark.parametrize("verified_first", [True, False])
async def test_reverse_gives_all_back_once(gateway: Gateway, verified_first: bool) -> None:
    attempt = await paid(gateway)
    if verified_first:
        await gateway.bank.verify(attempt)
    assert await gateway.bank.reverse(attempt) == Declined(Decline.GIVEN_BACK, "0")
    for verb in (gateway.bank.reverse, gateway.bank.inquire, gateway.bank.verify):
        assert await verb(attempt) == Declined(Decline.GIVEN_BACK, "-5")
    given_back = [entry for entry in (await gateway.book(attempt))["entries"] if entry["what"] == "given_back"]
    assert [entry["rial"] for entry in given_back] == [AMOUNT]


async def test_reversing_what_may_still_be_paid_is_no_answer(gateway: Gateway) -> None:
    _, attempt = await gateway.open()
    assert await gateway.bank.reverse(attempt) == Silent("code_1")
    assert await gateway.bank.inquire(attempt) == Pending()


# --- orders, tokens, signatures ---


async def test_an_order_number_is_never_used_twice(gateway: Gateway) -> None:
    _, attempt = await gateway.open()
    again = await gateway.bank.open(Order(attempt.number, attempt.amount, "http://127.0.0.1:9/"))
    assert again == Silent("code_94")


async def test_an_attempt_whose_token_never_came_is_asked_by_its_number(gateway: Gateway) -> None:
    attempt = replace(await paid(gateway), token=None)
    assert await gateway.bank.inquire(attempt) == Unverified()
    assert isinstance(await gateway.bank.verify(attempt), Confirmed)


async def test_an_order_that_the_bank_never_got(gateway: Gateway) -> None:
    for verb in (gateway.bank.inquire, gateway.bank.verify, gateway.bank.reverse):
        assert await verb(Attempt("777", Rial(AMOUNT), None)) == Declined(Decline.OTHER, "-2")


@pytest.mark.parametrize(
    "order",
    [
        Order("۱۰۰۱", Rial(AMOUNT), "http://127.0.0.1:9/"),
        Order("12 3", Rial(AMOUNT), "http://127.0.0.1:9/"),
        Order("9001", Rial(AMOUNT), "javascript:alert(1)"),
        Order("9002", Rial(AMOUNT), "http://me:secret@127.0.0.1:9/"),
        Order("9003", Rial(AMOUNT), "http://127.0.0.1:9/" + "x" * 2048),
        Order("9004", Rial(AMOUNT), "//127.0.0.1:9/"),
        Order("9005", Rial(AMOUNT), "http://a;script-src/"),
        Order("9006", Rial(AMOUNT), "http://127.0.0.1:9/a b"),
        Order("9007", Rial(AMOUNT), "http://127.0.0.1:9/\r\nSet-Cookie: a=b"),
    ],
    ids=lambda order: f"{order.number} {order.return_url[:30]}",
)
async def test_strange_orders_are_not_opened(gateway: Gateway, order: Order) -> None:
    assert await gateway.bank.open(order) == Silent("code_30")


@pytest.mark.parametrize("amount", [999, 100_000_000_001])
async def test_amounts_that_the_bank_does_not_take(gateway: Gateway, amount: int) -> None:
    answer = await gateway.bank.open(Order("9100", Rial(amount), "http://127.0.0.1:9/"))
    assert answer == Declined(Decline.LIMIT_EXCEEDED, "13")


async def test_a_long_description_is_cut(gateway: Gateway) -> None:
    opened, _ = await gateway.open(description="دفتر " * 200)
    assert isinstance(opened, Opened)


@pytest.mark.parametrize("wrong", [{"key": "another-key"}, {"key": ""}, {"terminal": "10000002"}])
async def test_attack_07_without_the_right_key_nothing_is_answered(
    shared_bank: RunningBank, gateway: Gateway, gateway_at: Connect, wrong: dict[str, str]
) -> None:
    attempt = await paid(gateway)
    async with gateway_at(shared_bank.url, **wrong) as attacker:
        for verb in (attacker.bank.inquire, attacker.bank.verify, attacker.bank.reverse):
            assert await verb(attempt) == Silent("http_401")
    assert await gateway.bank.inquire(attempt) == Unverified()


@pytest.mark.parametrize("signature", [None, "", "0" * 64, "null"])
async def test_attack_07_absent_and_empty_signatures_are_wrong_ones(gateway: Gateway, signature: str | None) -> None:
    body = b'{"amount":250000,"order":"9200","return_url":"http://127.0.0.1:9/","terminal":"10000001"}'
    headers = {"Content-Type": "application/json"} | ({"X-Signature": signature} if signature is not None else {})
    answer = await gateway.browser.post(f"{gateway.url}/api/token", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"code": -105, "terminal": "", "order": ""})


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b'{"terminal":1}', b'{"terminal":"10000001","order":"1","amount":1,"extra":1}'],
)
async def test_a_request_that_is_none(gateway: Gateway, body: bytes) -> None:
    answer = await gateway.browser.post(f"{gateway.url}/api/verify", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, 30)


# --- what the browser brings back ---

GOOD = {"State": "OK", "ResCode": "0", "RefNum": "123456789012"}


@pytest.mark.parametrize(
    ("fields", "returned"),
    [
        (GOOD, Returned(True, "123456789012")),
        ({}, Returned(False)),
        (GOOD | {"State": "ok"}, Returned(False, "123456789012")),
        (GOOD | {"State": "Cancelled"}, Returned(False, "123456789012")),
        (GOOD | {"ResCode": "00"}, Returned(False, "123456789012")),
        (GOOD | {"ResCode": "۰"}, Returned(False, "123456789012")),
        (GOOD | {"RefNum": ""}, Returned(False)),
        (GOOD | {"RefNum": "۱۲۳۴۵۶۷۸۹۰۱۲"}, Returned(False)),
        (GOOD | {"RefNum": " 123456789012"}, Returned(False)),
        (GOOD | {"RefNum": "123456789012\n"}, Returned(False)),
        (GOOD | {"RefNum": "1234567890123"}, Returned(False)),
        (GOOD | {"RefNum": "1' or '1'='1"}, Returned(False)),
    ],
)
async def test_attack_02_a_return_only_claims(gateway: Gateway, fields: dict[str, str], returned: Returned) -> None:
    assert gateway.bank.read_return(fields) == returned


async def test_attack_02_a_forged_return_finds_an_unpaid_order(gateway: Gateway) -> None:
    _, attempt = await gateway.open()
    claimed = gateway.bank.read_return(GOOD)
    assert await gateway.bank.verify(replace(attempt, bank_ref=claimed.bank_ref)) == Pending()


async def test_attack_03_a_replayed_return_is_verified_once(gateway: Gateway) -> None:
    attempt = await paid(gateway)
    answers = await asyncio.gather(*(gateway.bank.verify(attempt) for _ in range(50)))
    assert len(set(answers)) == 1
    assert isinstance(answers[0], Confirmed)
    assert [e["what"] for e in (await gateway.book(attempt))["entries"]].count("verified") == 1


async def test_attack_04_the_reference_of_one_payment_pays_no_other(gateway: Gateway) -> None:
    first = await paid(gateway)
    confirmed = await gateway.bank.verify(first)
    assert isinstance(confirmed, Confirmed)
    _, second = await gateway.open(AMOUNT)
    assert await gateway.bank.verify(replace(second, bank_ref=confirmed.bank_ref)) == Pending()
    # Nor does the token of one order, asked about under the other's number.
    assert await gateway.bank.verify(replace(second, token=first.token)) == Silent("code_-3")


async def test_attack_01_another_amount_than_ordered_is_not_verified(gateway: Gateway) -> None:
    attempt = await paid(gateway)
    assert await gateway.bank.verify(replace(attempt, amount=Rial(AMOUNT - 1))) == Silent("code_64")
    assert await gateway.bank.inquire(attempt) == Unverified()


async def test_attack_01_the_amount_that_was_taken_is_told(gateway: Gateway) -> None:
    confirmed = await gateway.bank.verify(await paid(gateway, "amount_differs"))
    assert isinstance(confirmed, Confirmed)
    assert confirmed.amount == Rial(AMOUNT // 10)


async def test_attack_06_a_verify_that_came_too_late_was_a_verify(gateway: Gateway) -> None:
    attempt = await paid(gateway, "verify_late")
    assert await gateway.bank.verify(attempt) == Silent("timeout")
    assert isinstance(await gateway.bank.inquire(attempt), Confirmed)
    already = await gateway.bank.verify(attempt)
    assert isinstance(already, Confirmed)
    assert "code=2" in gateway.calls[-1].answer
    assert (already.amount, already.order_number) == (attempt.amount, attempt.number)


# --- what is kept of it ---


async def test_attack_20_no_secret_is_in_transcripts_book_and_output(
    bank_with: Callable[..., RunningBank], gateway_at: Connect, tmp_path: Path
) -> None:
    path = tmp_path / "book.jsonl"
    bank = bank_with(book_path=str(path))
    async with gateway_at(bank.url) as gateway:
        for card in CARDS:
            opened, attempt = await gateway.open(description="canary-description")
            await pay_at_bank(gateway.browser, opened.redirect, card)
            await gateway.bank.verify(attempt)
        shown = (await gateway.browser.get(f"{bank.url}/book")).text
        transcripts = repr(gateway.calls)
    written, kept = bank.stop(), path.read_text()
    everywhere = [bank.key, STATIC_PASSWORD, *(card.number for card in CARDS)]
    for text in (shown, transcripts, written, kept):
        assert [secret for secret in everywhere if secret in text] == []
    assert opened.token not in shown + transcripts + written
    assert "canary" not in shown + transcripts + written
    assert written == ""
