"""One contract for all banks: every kind of `catalogue.py` against its simulator, over real HTTP, the simulator in a
process of its own, spoken to as the gateway does it (`asking.py`). A new bank is tested here without a line of its own.

What a protocol cannot tell stands in `contract.PROTOCOLS`; what is peculiar to one bank, in that bank's own tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.banks import contract
from tests.banks.contract import (
    AMOUNT,
    CANARY_DESCRIPTION,
    CANARY_REF,
    DEADLINE_S,
    Amount,
    Gateway,
    Process,
    Request,
    between,
    gateway_at,
    http,
    new_order,
    other_credentials,
    read_request,
    server,
)

from mopos.banks.asking import is_about
from mopos.banks.catalogue import KINDS
from mopos.banks.kind import CredentialsWrong, Kind, Means, by_code
from mopos.banks.port import (
    Accepted,
    Attempt,
    Confirmed,
    Decline,
    Declined,
    GivenBack,
    Opened,
    Order,
    Pending,
    Silent,
    Unverified,
)
from mopos.banks.sim.buyer import Form, enter, pay_at_bank, read_form
from mopos.banks.sim.cards import CARDS, EXAMPLE_CVV2, EXAMPLE_MONTH, EXAMPLE_YEAR, STATIC_PASSWORD
from mopos.banks.sim.state import Simulator
from mopos.banks.sims import SIMS
from mopos.base.money import Rial
from mopos.base.text import persian_digits

# What was asked is done, and the answer gets lost; or it is not done, and no answer comes.
DONE_UNHEARD = ("late", "garbage")
NOT_DONE = ("silent", "error")
FAULTS = DONE_UNHEARD + NOT_DONE

# What a buyer types on the bank's page.
GOOD_CARD = {
    "card": CARDS[0].number,
    "cvv2": EXAMPLE_CVV2,
    "month": EXAMPLE_MONTH,
    "year": EXAMPLE_YEAR,
    "password": STATIC_PASSWORD,
}


@pytest.fixture(scope="module", params=sorted(KINDS))
def name(request: pytest.FixtureRequest) -> str:
    """A kind of bank."""
    return str(request.param)


@pytest.fixture(scope="module")
def process(name: str) -> Iterator[Process]:
    """Its simulator, for all tests that leave the clock alone."""
    one = contract.start_own(name)
    yield one
    one.stop()


@pytest.fixture
async def gateway(name: str, process: Process) -> AsyncIterator[Gateway]:
    """Our connector."""
    async with gateway_at(KINDS[name], SIMS[name], process.url, process=process) as one:
        yield one


@pytest.fixture
async def impatient(name: str, process: Process) -> AsyncIterator[Gateway]:
    """Our connector with a short deadline, against which the simulator is late."""
    async with gateway_at(KINDS[name], SIMS[name], process.url, deadline_s=DEADLINE_S, process=process) as one:
        yield one


@pytest.fixture
async def later(name: str) -> AsyncIterator[Gateway]:
    """Our connector to a bank of its own, whose clock can be moved: some banks open nothing when clocks differ."""
    process = contract.start_own(name)
    async with gateway_at(KINDS[name], SIMS[name], process.url, process=process) as one:
        yield one
    process.stop()


def move(gateway: Gateway, time: timedelta) -> None:
    assert gateway.process is not None
    gateway.process.move_clock(time.total_seconds())


def is_yes(answer: object, attempt: Attempt, amount: int = AMOUNT) -> bool:
    return isinstance(answer, Confirmed) and (answer.amount, answer.order_number) == (amount, attempt.number)


def is_given_back(answer: object) -> bool:
    return isinstance(answer, Declined) and answer.reason is Decline.GIVEN_BACK


def is_plain_no(answer: object) -> bool:
    """Nothing was given back, and will not be."""
    return isinstance(answer, Declined) and answer.reason is not Decline.GIVEN_BACK


# --- the kind ---------------------------------------------------------------------------------------------------------


def test_every_kind_has_a_simulator() -> None:
    assert set(KINDS) == set(SIMS)


def test_a_kind_is_whole(name: str) -> None:
    kind, sim = KINDS[name], SIMS[name]
    facts = kind.facts
    assert (kind.name, facts.name) == (name, name)
    assert facts.title_fa
    assert facts.title_en
    assert timedelta(0) < facts.session
    assert timedelta(0) < facts.verify_deadline
    # What the connector promises to the sweep is what the simulator does.
    assert timedelta(seconds=sim.session_s) == facts.session
    assert timedelta(seconds=sim.give_back_s) == facts.verify_deadline
    if facts.reverse_within:
        assert timedelta(seconds=sim.reverse_s) == facts.reverse_within
    assert urlsplit(kind.base_url).scheme in ("http", "https")
    assert [one.name for one in kind.fields if not (one.fa and one.en)] == []
    assert set(kind.check(sim.credentials)) == {one.name for one in kind.fields}


def test_its_table_of_codes_is_whole(name: str) -> None:
    codes = KINDS[name].codes
    assert by_code(codes)
    assert [row.code for row in codes if not (row.fa and row.en)] == []
    assert Means.DONE in {row.means for row in codes}
    # Why is said of a no only.
    assert [row.code for row in codes if row.decline is not None and row.means is not Means.NO] == []


def test_wrong_credentials_are_named_without_their_values(name: str) -> None:
    kind = KINDS[name]
    wrong = {one.name: "canary \n value" for one in kind.fields}
    with pytest.raises(CredentialsWrong) as caught:
        kind.check(wrong | {"another": "canary"})
    assert set(caught.value.problems) == {*wrong, "another"}
    assert "canary" not in str(caught.value)
    with pytest.raises(CredentialsWrong):
        kind.check({})


async def test_times_of_a_contract_are_taken_over(name: str, process: Process) -> None:
    kind = KINDS[name]
    facts = kind.facts_with({"session": 60, "verify_deadline": 120, "reverse_within": 30})
    async with gateway_at(replace(kind, facts=facts), SIMS[name], process.url) as gateway:
        assert gateway.facts == facts


# --- a payment --------------------------------------------------------------------------------------------------------


async def test_open_leads_to_the_banks_page(gateway: Gateway) -> None:
    sent = await gateway.open()
    assert sent.opened.token
    assert sent.way.url.startswith(gateway.url)
    page = await enter(gateway.browser, sent.way)
    assert page.status_code == 200
    assert read_form(page.text, str(page.url), having="card")
    assert shown(AMOUNT) in page.text
    assert (await gateway.book(sent.attempt)).stage == "open"


async def test_the_ways_of_two_orders_differ(gateway: Gateway) -> None:
    one, other = await gateway.open(), await gateway.open()
    assert one.opened.token != other.opened.token
    assert (one.way.url, one.way.fields) != (other.way.url, other.way.fields)


async def test_paid(gateway: Gateway) -> None:
    attempt, fields = await gateway.paid()
    answer = await gateway.came_back(attempt, fields)
    assert is_yes(answer, attempt), answer
    assert isinstance(answer, Confirmed)
    assert answer.bank_ref
    assert answer.masked_pan.startswith("603799")
    assert answer.masked_pan.endswith("0014")
    book = await gateway.book(attempt)
    assert book.stage == ("settled" if gateway.protocol.settles else "verified")
    assert book.rial("taken") == book.rial("verified") == [AMOUNT]
    assert answer.bank_ref == book.ref


async def test_asked_again_after_a_yes_it_is_the_same_yes(gateway: Gateway) -> None:
    attempt, fields = await gateway.paid()
    first = await gateway.came_back(attempt, fields)
    assert is_yes(first, attempt), first
    for _ in range(2):
        assert await gateway.came_back(attempt, fields) == first
        assert await gateway.ask(attempt) == first
        assert await gateway.bank.verify(attempt) == first
    assert (await gateway.book(attempt)).rial("verified") == [AMOUNT]


async def test_an_inquiry_changes_nothing(gateway: Gateway) -> None:
    attempt, fields = await gateway.paid()
    if gateway.facts.can_inquire:
        assert await gateway.bank.inquire(attempt) == Unverified()
        assert await gateway.bank.inquire(attempt) == Unverified()
    assert (await gateway.book(attempt)).whats == ["opened", "taken"]
    assert is_yes(await gateway.came_back(attempt, fields), attempt)


async def test_who_is_still_on_the_page_has_not_paid(gateway: Gateway) -> None:
    sent = await gateway.open()
    for _ in range(2):
        assert await gateway.ask(sent.attempt) == Pending()
        await enter(gateway.browser, sent.way)
    fields = await gateway.pay(sent)
    assert is_yes(await gateway.came_back(sent.attempt, fields), sent.attempt)


@pytest.mark.parametrize("card", contract.EVERY_REASON)
async def test_refused(gateway: Gateway, card: str) -> None:
    attempt, fields = await gateway.paid(card)
    answer = await gateway.came_back(attempt, fields)
    assert isinstance(answer, Declined)
    assert answer.reason is gateway.protocol.refusals[card]
    assert answer.code, "the bank's own code is kept"
    assert await gateway.came_back(attempt, fields) == answer
    await says_no_more_than_no(gateway, attempt)
    assert (await gateway.book(attempt)).whats == ["opened", "refused"]


async def test_cancelled(gateway: Gateway) -> None:
    sent = await gateway.open()
    answer = await gateway.came_back(sent.attempt, await gateway.cancel(sent))
    assert isinstance(answer, Declined)
    assert answer.reason is gateway.protocol.cancelled
    assert answer.code
    await says_no_more_than_no(gateway, sent.attempt)


async def test_three_wrong_passwords(gateway: Gateway) -> None:
    sent = await gateway.open()
    assert await gateway.wrong_password(sent) is None
    assert await gateway.wrong_password(sent) is None
    fields = await gateway.wrong_password(sent)
    assert fields is not None
    answer = await gateway.came_back(sent.attempt, fields)
    assert isinstance(answer, Declined)
    assert answer.reason is gateway.protocol.passwords
    await says_no_more_than_no(gateway, sent.attempt)


async def test_a_wrong_password_may_be_corrected(gateway: Gateway) -> None:
    sent = await gateway.open()
    assert await gateway.wrong_password(sent) is None
    assert is_yes(await gateway.came_back(sent.attempt, await gateway.pay(sent)), sent.attempt)


async def says_no_more_than_no(gateway: Gateway, attempt: Attempt) -> None:
    """Whoever asks about an order that was not paid never hears a yes, nor that money was given back."""
    for answer in (await gateway.ask(attempt), await gateway.bank.reverse(attempt)):
        assert not isinstance(answer, Confirmed)
        assert not is_given_back(answer)


# --- who does not return, or not once, or not in time -----------------------------------------------------------------


async def test_who_never_returns_is_found_or_gets_his_money_back(later: Gateway) -> None:
    sent = await later.open()
    assert await pay_at_bank(later.browser, sent.way, "never_returns") is None
    answer = await later.ask(sent.attempt)
    if not later.facts.asks_by_ref:
        assert is_yes(answer, sent.attempt), answer
        return
    assert answer == Pending()
    move(later, later.facts.verify_deadline)
    assert not isinstance(await later.ask(sent.attempt), Confirmed)
    assert (await later.book(sent.attempt)).stage == "given_back"


async def test_without_what_it_is_asked_by_nothing_is_known(gateway: Gateway) -> None:
    """No token, as `open` was never answered; no reference, as no browser brought one: neither a yes nor a no."""
    paid, _ = await gateway.paid()
    for attempt in (replace(paid, token=None, bank_ref=None), replace(paid, bank_ref=None)):
        answer = await gateway.bank.verify(attempt)
        assert not isinstance(answer, Declined), answer
        if gateway.facts.asks_by_ref:
            assert not isinstance(answer, Confirmed)
    assert is_yes(await gateway.ask(paid), paid)


async def test_a_double_return_is_one_payment(gateway: Gateway) -> None:
    attempt, fields = await gateway.paid("returns_twice")
    answers = await asyncio.gather(*(gateway.came_back(attempt, fields) for _ in range(10)))
    assert is_yes(answers[0], attempt), answers[0]
    assert set(answers) == {answers[0]}
    assert (await gateway.book(attempt)).rial("verified") == [AMOUNT]


async def test_a_return_after_the_session_counts(later: Gateway) -> None:
    attempt, fields = await later.paid()
    move(later, later.facts.verify_deadline - timedelta(seconds=30))
    assert is_yes(await later.came_back(attempt, fields), attempt)


async def test_the_session_ends(later: Gateway) -> None:
    sent = await later.open()
    move(later, later.facts.session + timedelta(seconds=1))
    page = await enter(later.browser, sent.way)
    answer = await later.came_back(sent.attempt, read_form(page.text, str(page.url), id="return").fields)
    assert isinstance(answer, Declined)
    assert answer.reason is later.protocol.session_over
    await says_no_more_than_no(later, sent.attempt)
    assert (await later.book(sent.attempt)).whats == ["opened", "refused"]


async def test_after_the_deadline_the_bank_has_given_it_back(later: Gateway) -> None:
    attempt, fields = await later.paid()
    move(later, later.facts.verify_deadline + timedelta(seconds=1))
    assert not isinstance(await later.came_back(attempt, fields), Confirmed)
    answer = await later.ask(attempt)
    assert is_given_back(answer), answer
    book = await later.book(attempt)
    assert (book.stage, book.rial("given_back")) == ("given_back", [AMOUNT])


# --- a bank that is started again -------------------------------------------------------------------------------------


def units(name: str) -> list[dict[str, str]]:
    """The credentials of the simulator's own terminal, in each unit that it may speak."""
    own = dict(SIMS[name].credentials)
    return [own, {**own, "currency": "IRT"}] if "currency" in own else [own]


@pytest.fixture
def begin(name: str) -> Iterator[Callable[..., Process]]:
    """Start its simulator with options; it is stopped after the test."""
    with contextlib.ExitStack() as running:

        def start(**options: Any) -> Process:
            one = contract.start_own(name, **options)
            running.callback(lambda: one.is_up and one.stop())
            return one

        yield start


async def test_a_bank_that_is_started_again_knows_what_was_paid(
    name: str, begin: Callable[..., Process], tmp_path: Path
) -> None:
    book = str(tmp_path / "book.jsonl")
    kept: list[tuple[Attempt, dict[str, str]]] = []
    process = begin(book_path=book)
    for credentials in units(name):
        async with gateway_at(KINDS[name], SIMS[name], process.url, credentials=credentials) as gateway:
            kept.append(await gateway.paid(amount=250_010))
    assert process.stop() == ""
    process = begin(book_path=book)
    for credentials, (attempt, fields) in zip(units(name), kept, strict=True):
        async with gateway_at(KINDS[name], SIMS[name], process.url, credentials=credentials) as gateway:
            answer = await gateway.came_back(attempt, fields)
            assert is_yes(answer, attempt, 250_010), answer
            assert await gateway.ask(attempt) == answer
            assert (await gateway.book(attempt)).rial("verified") == [250_010]
    assert process.stop() == ""


async def test_a_bank_that_is_started_again_lets_its_buyers_go_on(
    name: str, begin: Callable[..., Process], tmp_path: Path
) -> None:
    """Who has the bank's page open pays on it. Who has not come yet comes as he would have before."""
    book = str(tmp_path / "book.jsonl")
    process = begin(book_path=book)
    async with gateway_at(KINDS[name], SIMS[name], process.url) as gateway:
        on_page, to_come = await gateway.open(), await gateway.open()
        page = await enter(gateway.browser, on_page.way)
        paying = read_form(page.text, str(page.url), having="card")
    process.running.kill()
    process.running.communicate()
    process = begin(book_path=book)

    def there(form: Form) -> Form:
        return replace(form, url=process.url + form.url.removeprefix(gateway.url), referer=f"{process.url}/")

    async with gateway_at(KINDS[name], SIMS[name], process.url) as again:
        receipt = await there(paying).send(again.browser, **GOOD_CARD)
        back = read_form(receipt.text, str(receipt.url), id="return")
        assert is_yes(await again.came_back(on_page.attempt, back.fields), on_page.attempt)
        later = replace(to_come, way=replace(there(to_come.way), referer=to_come.way.referer))
        assert is_yes(await again.came_back(to_come.attempt, await again.pay(later)), to_come.attempt)
        assert (await again.book(on_page.attempt)).whats[:3] == ["opened", "taken", "verified"]
    assert process.stop() == ""


# --- money that is not ours, or not this much -------------------------------------------------------------------------


async def test_forged_returns_change_nothing(gateway: Gateway) -> None:
    """The bank itself posts them, as somebody would who knows the return address, while the buyer is still there."""
    answers: list[object] = []
    bound: list[Attempt] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers.append(await gateway.came_back(bound[0], (await read_request(reader)).fields))
        writer.write(http(b"thank you"))

    async with server(take) as shop:
        sent = await gateway.open(return_url=f"{shop}/pay/return/{CANARY_REF}")
        bound.append(sent.attempt)
        fields = await gateway.pay(sent, "forged_return")
    assert len(answers) == 2
    assert [answer for answer in answers if isinstance(answer, Confirmed) or is_given_back(answer)] == []
    assert is_yes(await gateway.came_back(sent.attempt, fields), sent.attempt)


@pytest.mark.parametrize("verified_first", [True, False])
async def test_the_return_of_another_order_pays_nothing(gateway: Gateway, verified_first: bool) -> None:
    """What pays A arrives at B's address, as it is; also when the bank has verified it already."""
    paid, fields = await gateway.paid()
    other = (await gateway.open()).attempt
    first = await gateway.came_back(paid, fields) if verified_first else None
    await pays_nothing_else(gateway, other, fields, paid)
    answer = await gateway.came_back(paid, fields)
    assert is_yes(answer, paid)
    assert first in (None, answer)


@pytest.mark.parametrize("verified_first", [True, False])
async def test_the_reference_of_another_order_pays_nothing(gateway: Gateway, verified_first: bool) -> None:
    """B's own return, forged to say "paid" with the reference of A."""
    paid, fields = await gateway.paid()
    if verified_first:
        assert is_yes(await gateway.came_back(paid, fields), paid)
    other = (await gateway.open()).attempt
    forged = {key: value.replace(paid.number, other.number) for key, value in fields.items()}
    forged = {key: (other.token or "") if value == paid.token else value for key, value in forged.items()}
    assert is_about(gateway.bank.read_return(forged), other)
    await pays_nothing_else(gateway, other, forged, paid)
    assert is_yes(await gateway.came_back(paid, fields), paid)


async def pays_nothing_else(gateway: Gateway, other: Attempt, fields: dict[str, str], paid: Attempt) -> None:
    """No yes for `other`; or, where the bank does not say whose the payment is, a yes under the reference that pays
    one attempt only (the database sees to it)."""
    answers = [await gateway.came_back(other, fields), await gateway.ask(gateway.told(other, fields))]
    for answer in answers:
        if gateway.protocol.names_order or not isinstance(answer, Confirmed):
            assert not isinstance(answer, Confirmed), answer
        else:
            assert answer.bank_ref == (await gateway.book(paid)).ref
    assert not (await gateway.book(other)).is_confirmed


async def test_a_reference_is_read_as_it_stands_or_not_at_all(gateway: Gateway) -> None:
    """One payment has one reference: no second spelling of it, under which it would pay a second order."""
    attempt, fields = await gateway.paid()
    ref = gateway.bank.read_return(fields).bank_ref
    if ref is None:
        return
    named = [key for key, value in fields.items() if value == ref]
    assert named
    for spelled in (f" {ref}", f"{ref} ", f"{ref}\n", f"0{ref}", persian_digits(ref), f"{ref}\u200c", ref + ref, ""):
        if spelled == ref:
            continue
        returned = gateway.bank.read_return(fields | dict.fromkeys(named, spelled))
        assert returned.bank_ref in (None, ref, spelled)
        if returned.bank_ref in (None, ref):
            continue
        answer = await gateway.came_back(attempt, fields | dict.fromkeys(named, spelled))
        assert not isinstance(answer, Confirmed), spelled
    assert is_yes(await gateway.came_back(attempt, fields), attempt)


async def test_another_amount_than_ordered(later: Gateway) -> None:
    amount = 250_000
    attempt, fields = await later.paid("amount_differs", amount)
    answer = await later.came_back(attempt, fields)
    match later.protocol.amount:
        case Amount.TOLD:
            assert is_yes(answer, attempt, amount // 10), answer
        case Amount.TAKES_ALL:
            assert is_yes(answer, attempt, amount), answer
            assert (await later.book(attempt)).rial("taken") == [amount]
        case Amount.REFUSED:
            assert not isinstance(answer, Confirmed), answer
            move(later, later.facts.verify_deadline)
            assert not isinstance(await later.ask(attempt), Confirmed)
            assert (await later.book(attempt)).stage == "given_back"


@pytest.mark.parametrize("amount", [10_001, 10_009, 999_999_999, 99_999_999_999])
async def test_every_rial_arrives(gateway: Gateway, amount: int) -> None:
    """Odd, smallest and large amounts are the same at the bank, on its page and in its yes; or it refuses them."""
    opened = await gateway.bank.open(new_order(amount))
    if isinstance(opened, Declined):
        assert amount > 1_000_000_000, "a bank takes small amounts"
        assert opened.reason is Decline.LIMIT_EXCEEDED
        return
    sent = await gateway.open(amount)
    page = await enter(gateway.browser, sent.way)
    assert shown(amount) in page.text
    answer = await gateway.came_back(sent.attempt, await gateway.pay(sent))
    assert is_yes(answer, sent.attempt, amount), answer
    assert (await gateway.book(sent.attempt)).rial("taken") == [amount]


async def test_a_terminal_that_speaks_toman(gateway: Gateway) -> None:
    """Where a terminal may: whole Toman are the same Rial at the bank, and it is never asked for others."""
    if "currency" not in gateway.sim.credentials:
        return
    known = {**gateway.sim.credentials, "currency": "IRT"}
    async with gateway_at(gateway.kind, gateway.sim, gateway.url, credentials=known) as toman:
        assert toman.facts.unit_rial == 10, "so routing sends no other amount there"
        assert await toman.bank.open(new_order(250_001)) == Silent("not_whole_toman")
        assert toman.calls == []
        for amount in (10_010, 250_000):
            sent = await toman.open(amount)
            assert shown(amount) in (await enter(toman.browser, sent.way)).text
            answer = await toman.came_back(sent.attempt, await toman.pay(sent))
            assert is_yes(answer, sent.attempt, amount), answer
            assert (await toman.book(sent.attempt)).rial("taken") == [amount]


@pytest.mark.parametrize("amount", [999, 100_000_000_001])
async def test_an_amount_that_the_bank_does_not_take(gateway: Gateway, amount: int) -> None:
    opened = await gateway.bank.open(new_order(amount))
    assert isinstance(opened, Declined), opened
    assert opened.reason in (Decline.LIMIT_EXCEEDED, Decline.OTHER)


@pytest.mark.parametrize(
    "description",
    ["", "خرید «کفش‌های ورزشی» — ۲ جفت", "a <b>&amp;</b> ]]> \"'; drop", "کتاب‌ها " * 200, "\u202e\t\r\n\x01🙂"],
    ids=["none", "persian", "markup", "long", "strange"],
)
async def test_any_description_will_do(gateway: Gateway, description: str) -> None:
    sent = await gateway.open(description=description)
    assert is_yes(await gateway.came_back(sent.attempt, await gateway.pay(sent)), sent.attempt)


async def test_an_order_number_is_used_once(gateway: Gateway) -> None:
    attempt, fields = await gateway.paid()
    again = await gateway.bank.open(Order(attempt.number, attempt.amount, "http://127.0.0.1:9/pay/return/y"))
    # A bank that does not look at our number may open it anew: under a token of its own.
    assert not isinstance(again, Opened) or again.token != attempt.token
    assert is_yes(await gateway.came_back(attempt, fields), attempt)


def shown(amount: int) -> str:
    """An amount as the bank's page shows it."""
    return persian_digits(f"{amount:,}".replace(",", "٬"))


# --- from where, and back to where ------------------------------------------------------------------------------------

# Names of hosts are the same in small and capital letters, in the bank's list too.
REGISTERED = "Shop.Example"


@pytest.fixture
async def registered(name: str, begin: Callable[..., Process]) -> AsyncIterator[Gateway]:
    """Our connector to a bank where our domain is registered."""
    async with gateway_at(KINDS[name], SIMS[name], begin(domain=REGISTERED).url) as one:
        yield one


async def test_only_the_registered_domain_is_returned_to(registered: Gateway) -> None:
    for url in ("https://shop.example/r", "https://PAY.shop.example:8443/r/x?y=z", "http://a.b.shop.example"):
        assert (await registered.open(return_url=url)).opened.token
    for url in (
        "https://evil.example/r",
        "https://myshop.example/r",
        "https://shop.example.evil.example/r",
        "https://shop.example@evil.example/r",
        "https://evil.example/shop.example?shop.example",
    ):
        order = new_order(return_url=url)
        answer = await registered.bank.open(order)
        assert isinstance(answer, Declined | Silent), url
        assert getattr(answer, "why", "code_").startswith("code_"), answer
        assert (await registered.book(Attempt(order.number, order.amount, None))).stage == ""


async def test_only_who_comes_from_the_registered_domain_gets_in(registered: Gateway) -> None:
    sent = await registered.open(return_url="https://pay.shop.example/r")
    strangers = ("https://evil.example/", "https://myshop.example/", "https://evil.example/shop.example")
    for referer in ("", "https://[", "shop.example", *strangers):
        page = await enter(registered.browser, replace(sent.way, referer=referer))
        let_in = page.status_code == 200 and 'name="card"' in page.text
        assert let_in is not registered.protocol.asks_referer, referer
    assert (await registered.book(sent.attempt)).stage == "open"
    for referer in ("https://pay.shop.example/", "https://SHOP.example/cart"):
        page = await enter(registered.browser, replace(sent.way, referer=referer))
        assert read_form(page.text, str(page.url), having="card")


# --- silence ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
async def test_silence_at_open(impatient: Gateway, fault: str) -> None:
    await impatient.plan("open", fault)
    order = new_order()
    assert isinstance(await impatient.bank.open(order), Silent)
    attempt = Attempt(order.number, order.amount, None)
    assert not isinstance(await impatient.ask(attempt), Confirmed)
    assert (await impatient.book(attempt)).stage == ("open" if fault in DONE_UNHEARD else "")
    # The buyer goes on with another attempt.
    assert (await impatient.open()).opened.token


@pytest.mark.parametrize("fault", FAULTS)
async def test_silence_at_verify(impatient: Gateway, fault: str) -> None:
    attempt, fields = await impatient.paid()
    await impatient.plan("verify", fault)
    assert isinstance(await impatient.came_back(attempt, fields), Silent)
    assert (await impatient.book(attempt)).is_confirmed is (fault in DONE_UNHEARD)
    await ends_as_a_yes(impatient, attempt)


@pytest.mark.parametrize("fault", FAULTS)
async def test_silence_at_settle(impatient: Gateway, fault: str) -> None:
    attempt, fields = await impatient.paid()
    await impatient.plan("settle", fault)
    answer = await impatient.came_back(attempt, fields)
    if not impatient.protocol.settles:
        await impatient.plan("settle")
        assert is_yes(answer, attempt), "it has no such call"
        return
    assert isinstance(answer, Silent)
    assert (await impatient.book(attempt)).stage == ("settled" if fault in DONE_UNHEARD else "verified")
    await ends_as_a_yes(impatient, attempt)


@pytest.mark.parametrize("fault", FAULTS)
async def test_silence_at_inquire(impatient: Gateway, fault: str) -> None:
    attempt, _ = await impatient.paid()
    if not impatient.facts.can_inquire:
        assert await impatient.bank.inquire(attempt) == Silent("no_inquiry")
        await ends_as_a_yes(impatient, attempt)
        return
    await impatient.plan("inquire", fault)
    assert isinstance(await impatient.ask(attempt), Silent)
    assert (await impatient.book(attempt)).stage == "taken"
    await ends_as_a_yes(impatient, attempt)


async def ends_as_a_yes(gateway: Gateway, attempt: Attempt) -> None:
    """The worker asks again, and what the buyer paid is ours, once."""
    answer = await gateway.ask(attempt)
    assert is_yes(answer, attempt), answer
    book = await gateway.book(attempt)
    assert book.stage == ("settled" if gateway.protocol.settles else "verified")
    assert book.rial("taken") == book.rial("verified") == [AMOUNT]


@pytest.mark.parametrize("fault", FAULTS)
async def test_silence_at_reverse(impatient: Gateway, fault: str) -> None:
    attempt, fields = await impatient.paid()
    await impatient.came_back(attempt, fields)
    if not impatient.facts.reverse_within:
        return
    await impatient.plan("reverse", fault)
    assert isinstance(await impatient.bank.reverse(attempt), Silent)
    assert (await impatient.book(attempt)).rial("given_back") == ([AMOUNT] if fault in DONE_UNHEARD else [])
    assert is_given_back(await impatient.bank.reverse(attempt))
    assert (await impatient.book(attempt)).rial("given_back") == [AMOUNT]


@pytest.mark.parametrize("fault", FAULTS)
async def test_silence_at_refund(impatient: Gateway, fault: str) -> None:
    attempt, fields = await impatient.paid()
    await impatient.came_back(attempt, fields)
    if not impatient.facts.can_refund:
        return
    await impatient.plan("refund", fault)
    number = f"8{attempt.number}"
    assert isinstance(await impatient.bank.refund(attempt, number, Rial(1_000)), Silent)
    assert (await impatient.book(attempt)).rial("refunded") == ([1_000] if fault in DONE_UNHEARD else [])
    assert isinstance(await impatient.bank.refund(attempt, number, Rial(1_000)), GivenBack)
    assert (await impatient.book(attempt)).rial("refunded") == [1_000]


async def test_a_bank_that_says_no_opens_nothing(gateway: Gateway) -> None:
    """Of a fault that was planned (`Fault.REFUSED`): the bank says no, and nothing was done."""
    order = new_order()
    await gateway.plan("open", "refused")
    answer = await gateway.bank.open(order)
    assert isinstance(answer, Declined | Silent), answer
    assert answer != Silent("http_500")
    assert (await gateway.book(Attempt(order.number, order.amount, None))).stage == ""
    assert (await gateway.open()).opened.token


@pytest.mark.parametrize("call", ["verify", "settle", "inquire"])
async def test_a_bank_that_says_no_to_a_question_does_nothing(gateway: Gateway, call: str) -> None:
    attempt, fields = await gateway.paid()
    if not {"settle": gateway.protocol.settles, "inquire": gateway.facts.can_inquire}.get(call, True):
        return
    await gateway.plan(call, "refused")
    answer = await (gateway.bank.inquire(attempt) if call == "inquire" else gateway.came_back(attempt, fields))
    assert not isinstance(answer, Confirmed | Unverified), answer
    assert not is_given_back(answer), "the money is where it was"
    assert (await gateway.book(attempt)).stage == ("verified" if call == "settle" else "taken")
    await ends_as_a_yes(gateway, attempt)


async def test_a_bank_that_says_no_to_a_reversal_keeps_the_money(gateway: Gateway) -> None:
    attempt, fields = await gateway.paid()
    assert is_yes(await gateway.came_back(attempt, fields), attempt)
    if not gateway.facts.reverse_within:
        return
    await gateway.plan("reverse", "refused")
    assert is_plain_no(await gateway.bank.reverse(attempt))
    await keeps_the_money(gateway, attempt)
    assert is_given_back(await gateway.bank.reverse(attempt))


async def test_a_slow_answer_is_an_answer(impatient: Gateway) -> None:
    attempt, fields = await impatient.paid()
    await impatient.plan("verify", "slow")
    assert is_yes(await impatient.came_back(attempt, fields), attempt)


async def test_nobody_there(name: str) -> None:
    async with server(hang_up) as url:
        pass
    async with gateway_at(KINDS[name], SIMS[name], url) as gateway:
        assert [said for said in await every_verb(gateway) if not isinstance(said[1], Silent)] == []


async def hang_up(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Say nothing at all."""


# --- what is no answer ------------------------------------------------------------------------------------------------

_CHANCE = random.Random(2412)
_SOAP = (
    '<?xml version="1.0"?>{}<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>{}'
    "</soap:Body></soap:Envelope>"
)
NO_ANSWERS: dict[str, bytes] = {
    "nothing": http(b""),
    "random bytes": http(_CHANCE.randbytes(500)),
    "no HTTP": _CHANCE.randbytes(500),
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"code":0',
    "a page": http(b"<!doctype html><html><body><h1>503</h1></body></html>"),
    "a huge page": http(b"<html>" + b"0" * 300_000),
    "huge JSON": http(b'{"code":0,"ResCode":0,"x":"' + b"x" * 300_000 + b'"}'),
    "deep JSON": http(b"[" * 60_000),
    "deep XML": http(b"<a>" * 20_000),
    "not UTF-8": http(b'{"code":0,"message":"\xff\xfe"}'),
    "null": http(b"null"),
    "true": http(b"true"),
    "a number": http(b"0"),
    "a text": http(b'"OK"'),
    "a list": http(b"[]"),
    "an empty object": http(b"{}"),
    "a list of lists": http(b'[[0],{"code":0}]'),
    "wrong types": http(
        b'{"code":"0","ResCode":[],"ResultCode":null,"status":{},"data":true,"errors":0,"Amount":"x","amount":1.5}'
    ),
    "nulls": http(b'{"code":null,"ResCode":null,"ResultCode":null,"status":null,"data":null,"errors":null}'),
    "a number of a thousand digits": http(b'{"code":0' + b"0" * 1_000 + b',"ResCode":1' + b"0" * 1_000 + b"}"),
    "not a number": http(b'{"code":NaN,"ResCode":Infinity}'),
    "empty lists": http(b'{"data":[],"errors":[]}'),
    "a fault": http(_SOAP.format("", "<soap:Fault><faultcode>soap:Client</faultcode></soap:Fault>").encode()),
    "an empty envelope": http(_SOAP.format("", "").encode()),
    "a document type": http(_SOAP.format('<!DOCTYPE a [<!ENTITY b "0">]>', "<return>&b;</return>").encode()),
    "packed": http(b"\x1f\x8b\x08\x00" + bytes(60), headers="Content-Encoding: gzip\r\n"),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "a redirect": http(b'{"code":0}', "302 Found", "Location: /elsewhere\r\n"),
    "HTTP 500": http(b'{"code":0,"ResCode":0}', "500 Internal Server Error"),
    "HTTP 429": http(b"", "429 Too Many Requests"),
}


async def every_verb(gateway: Gateway) -> list[tuple[str, object]]:
    """What each verb says of an order that the bank could know. Where a bank has no such call, it is not asked."""
    chance = random.Random(7)
    attempt = Attempt(
        "4242", Rial(AMOUNT), gateway.sim.draw_token(chance), gateway.sim.draw_ref(chance), "603799******0014"
    )
    bank, facts = gateway.bank, gateway.facts
    said: list[tuple[str, object]] = [
        ("open", await bank.open(new_order())),
        ("verify", await bank.verify(attempt)),
        ("probe", await bank.probe()),
        ("report", await bank.report(date(2026, 11, 1))),
        ("inquire", await bank.inquire(attempt)),
    ]
    if facts.reverse_within:
        said.append(("reverse", await bank.reverse(attempt)))
    if facts.can_refund:
        said.append(("refund", await bank.refund(attempt, "84242", Rial(1_000))))
    return said


async def test_what_is_no_answer_is_silence(name: str) -> None:
    await hears_silence(KINDS[name], SIMS[name], NO_ANSWERS)


BARE_YES = b'{"code":0,"ResCode":0,"ResultCode":0,"Success":true,"status":1,"data":{},"errors":[]}'


async def test_a_yes_that_names_nothing_is_silence(name: str) -> None:
    await hears_silence(KINDS[name], SIMS[name], {"a bare yes": http(BARE_YES)})


async def hears_silence(kind: Kind, sim: Simulator, no_answers: Mapping[str, bytes]) -> None:
    """Whatever is asked, a server that says such a thing has said nothing."""
    now = [b""]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(now[0])
        await writer.drain()

    answers: list[tuple[str, str, object]] = []
    async with server(handle) as url, gateway_at(kind, sim, url) as gateway:
        for what, now[0] in no_answers.items():
            answers += [(what, verb, answer) for verb, answer in await every_verb(gateway)]
    assert [one for one in answers if not isinstance(one[2], Silent)] == []


async def test_a_true_answer_that_is_cut_off_is_silence(gateway: Gateway) -> None:
    """Cut where a true yes can be cut: it is a yes only when the last byte that matters is there."""
    attempt, fields = await gateway.paid()
    truth = await gateway.came_back(attempt, fields)
    assert is_yes(truth, attempt), truth
    part = [0.0]

    def cut(_: Request, body: bytes) -> bytes:
        return http(body[: int(len(body) * part[0])])

    async with between(gateway.url, cut) as url, through(gateway, url) as cut_off:
        for part[0] in (0.1, 0.3, 0.5, 0.7, 0.9, 0.97):
            assert isinstance(await cut_off.bank.verify(attempt), Silent), part
        part[0] = 1.0
        assert await cut_off.bank.verify(attempt) == truth


@pytest.mark.parametrize("status", ["302 Found", "500 Internal Server Error", "503 Service Unavailable"])
async def test_a_yes_under_another_status_is_no_yes(gateway: Gateway, status: str) -> None:
    attempt, _ = await gateway.paid()

    def restate(_: Request, body: bytes) -> bytes:
        return http(body, status)

    async with between(gateway.url, restate) as url, through(gateway, url) as restated:
        assert isinstance(await restated.bank.verify(attempt), Silent)
    assert is_yes(await gateway.ask(attempt), attempt)


async def test_a_true_answer_whose_members_change_their_types_is_no_other_yes(gateway: Gateway) -> None:
    """Each value of a true answer becomes each other type: no exception, no other amount, no other order."""
    attempt, fields = await gateway.paid()
    truth = await gateway.came_back(attempt, fields)
    true_answers: list[bytes] = []
    place: list[Any] = [None, None]

    def change(_: Request, body: bytes) -> bytes:
        true_answers.append(body)
        return http(with_value(body, place[0], place[1]))

    async with between(gateway.url, change) as url, through(gateway, url) as changed:
        assert await changed.bank.verify(attempt) == truth
        for place[0] in sorted({one for answer in list(true_answers) for one in places_in(answer)}):
            for place[1] in (None, True, -1, 1.5, "", "x" * 500, [], {}, 2**70):
                answer = await changed.bank.verify(attempt)
                assert answer == truth or not is_another_yes(answer, truth), (place, answer)


_XML_TEXT = re.compile(rb">([^<>]+)<")


def places_in(body: bytes) -> list[tuple[str, ...]]:
    """Where values stand in an answer: the names that lead there in JSON, a running number in XML."""
    try:
        return list(_paths(json.loads(body)))
    except ValueError:
        return [(str(at),) for at, _ in enumerate(_XML_TEXT.finditer(body))]


def _paths(said: Any) -> Iterator[tuple[str, ...]]:
    for key, value in said.items() if isinstance(said, dict) else ():
        yield (key,)
        yield from ((key, *rest) for rest in _paths(value))


def with_value(body: bytes, place: tuple[str, ...] | None, value: Any) -> bytes:
    """The answer with another value in one place."""
    if place is None:
        return body
    try:
        return json.dumps(_replaced(json.loads(body), place, value)).encode()
    except ValueError:
        found = list(_XML_TEXT.finditer(body))[int(place[0]) :]
        return body if not found else body[: found[0].start(1)] + str(value).encode() + body[found[0].end(1) :]


def _replaced(said: Any, place: tuple[str, ...], value: Any) -> Any:
    if not isinstance(said, dict) or place[0] not in said:
        return said
    return {**said, place[0]: _replaced(said[place[0]], place[1:], value) if place[1:] else value}


def is_another_yes(answer: object, truth: object) -> bool:
    if not (isinstance(answer, Confirmed) and isinstance(truth, Confirmed)):
        return False
    return (answer.amount, answer.order_number, answer.bank_ref) != (truth.amount, truth.order_number, truth.bank_ref)


def through(gateway: Gateway, url: str) -> AbstractAsyncContextManager[Gateway]:
    """The same bank, by what lies between it and us."""
    return gateway_at(gateway.kind, gateway.sim, gateway.url, bank_url=url)


STRANGE_RETURNS: dict[str, dict[str, str]] = {
    "nothing": {},
    "unknown names": {"x": "1", "": "", "State[]": "OK"},
    "all that says yes": {
        "State": "OK",
        "Status": "OK",
        "status": "OK",
        "ResCode": "0",
        "result": "100",
        "success": "1",
    },
}


@pytest.mark.parametrize("what", STRANGE_RETURNS)
async def test_a_strange_return_claims_nothing(gateway: Gateway, what: str) -> None:
    sent = await gateway.open()
    assert not isinstance(await gateway.came_back(sent.attempt, STRANGE_RETURNS[what]), Confirmed)
    assert is_yes(await gateway.came_back(sent.attempt, await gateway.pay(sent)), sent.attempt)


async def test_a_return_may_hold_anything(gateway: Gateway) -> None:
    """Every field of a true return becomes something else: it is read without an exception, and proves nothing."""
    _, fields = await gateway.paid()
    other = (await gateway.open()).attempt
    for key in fields:
        for value in ("", "۱۲۳", "x" * 70_000, "\x00", "-1", "1e9", "<a>", "' or 1=1", "\ud83d", "9" * 400):
            gateway.bank.read_return(fields | {key: value})
            gateway.bank.read_return({key: value})
        assert not isinstance(await gateway.came_back(other, {key: fields[key]}), Confirmed)


# --- back to the buyer ------------------------------------------------------------------------------------------------


async def test_a_reversal_gives_all_back_once(gateway: Gateway) -> None:
    attempt, fields = await gateway.paid()
    assert is_yes(await gateway.came_back(attempt, fields), attempt)
    if not gateway.facts.reverse_within:
        assert is_plain_no(await gateway.bank.reverse(attempt))
        await keeps_the_money(gateway, attempt)
        return
    for _ in range(3):
        assert is_given_back(await gateway.bank.reverse(attempt))
    assert not isinstance(await gateway.came_back(attempt, fields), Confirmed)
    assert not isinstance(await gateway.ask(attempt), Confirmed)
    book = await gateway.book(attempt)
    assert (book.stage, book.rial("given_back")) == ("reversed", [AMOUNT])


async def test_too_late_to_reverse(later: Gateway) -> None:
    attempt, fields = await later.paid()
    assert is_yes(await later.came_back(attempt, fields), attempt)
    move(later, later.facts.reverse_within + timedelta(seconds=1))
    assert is_plain_no(await later.bank.reverse(attempt))
    await keeps_the_money(later, attempt)


async def test_the_time_to_reverse_counts_from_the_payment(later: Gateway) -> None:
    """`Facts.reverse_within` says so, and the gateway goes by it: a verify that comes late makes it no longer."""
    attempt, fields = await later.paid()
    if not later.facts.reverse_within:
        return
    just_in_time = later.facts.verify_deadline - timedelta(seconds=30)
    move(later, just_in_time)
    assert is_yes(await later.came_back(attempt, fields), attempt)
    move(later, later.facts.reverse_within - just_in_time)
    assert is_plain_no(await later.bank.reverse(attempt))
    await keeps_the_money(later, attempt)


async def keeps_the_money(gateway: Gateway, attempt: Attempt) -> None:
    book = await gateway.book(attempt)
    assert book.is_confirmed
    assert book.rial("given_back") == book.rial("refunded") == []


async def test_a_refund_in_parts(gateway: Gateway) -> None:
    attempt, fields = await gateway.paid()
    assert is_yes(await gateway.came_back(attempt, fields), attempt)
    refund = gateway.bank.refund
    if not gateway.facts.can_refund:
        assert isinstance(await refund(attempt, f"8{attempt.number}", Rial(1_000)), Declined)
        await keeps_the_money(gateway, attempt)
        return
    first = await refund(attempt, f"8{attempt.number}", Rial(100_000))
    assert isinstance(first, GivenBack)
    assert await refund(attempt, f"8{attempt.number}", Rial(100_000)) == first
    assert is_plain_no(await refund(attempt, f"7{attempt.number}", Rial(AMOUNT)))
    assert isinstance(await refund(attempt, f"6{attempt.number}", Rial(AMOUNT - 100_000)), GivenBack)
    assert is_plain_no(await refund(attempt, f"5{attempt.number}", Rial(1_000)))
    assert (await gateway.book(attempt)).rial("refunded") == [100_000, AMOUNT - 100_000]


async def test_a_report_where_the_bank_gives_one(gateway: Gateway) -> None:
    today = datetime.now(UTC).date()
    if not gateway.facts.reports:
        assert isinstance(await gateway.bank.report(today - timedelta(days=2)), Silent)
    assert isinstance(await gateway.bank.report(today + timedelta(days=1)), Silent), "a day that is not over"


# --- who we are -------------------------------------------------------------------------------------------------------


async def test_the_bank_knows_us_and_nothing_moves(gateway: Gateway) -> None:
    before = await gateway.totals()
    assert await gateway.bank.probe() == Accepted()
    after = await gateway.totals()
    assert {**after, "opened": None} == {**before, "opened": None}


async def test_with_wrong_credentials_we_are_nobody(gateway: Gateway) -> None:
    """Each credential in turn is another one: the bank does not accept us, and nothing is said of any order."""
    attempt, fields = await gateway.paid()
    for credential in gateway.kind.fields:
        wrong = other_credentials(gateway.kind, gateway.sim.credentials, credential.name)
        if wrong is None:
            continue
        async with gateway_at(gateway.kind, gateway.sim, gateway.url, credentials=wrong) as stranger:
            for answer in (await stranger.bank.probe(), await stranger.bank.open(new_order())):
                assert isinstance(answer, Declined), (credential.name, answer)
                assert answer.reason is Decline.NOT_ACCEPTED, credential.name
            assert not is_given_back(await stranger.bank.reverse(attempt))
            if credential.name not in gateway.protocol.said_at_open_only:
                assert isinstance(await stranger.bank.inquire(attempt), Silent), credential.name
                assert isinstance(await stranger.bank.verify(attempt), Silent), credential.name
    assert (await gateway.book(attempt)).stage == "taken"
    assert is_yes(await gateway.came_back(attempt, fields), attempt)


# --- what may be kept -------------------------------------------------------------------------------------------------


async def test_nothing_secret_is_kept(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    """Not in a transcript, not in how things print, not in a log: whatever card is used, whatever the bank says."""
    caplog.set_level("DEBUG")
    seen, canaries = [repr(gateway.bank)], set()
    for card in ("paid", "insufficient_funds", "verify_error", "verify_garbage"):
        caplog.clear()
        sent = await gateway.open()
        seen.append(caplog.text)
        fields = await gateway.pay(sent, card)
        attempt = gateway.told(sent.attempt, fields)
        caplog.clear()
        for _ in range(2):
            await gateway.came_back(attempt, fields)
            await gateway.ask(attempt)
        await gateway.bank.reverse(attempt)
        await gateway.bank.refund(attempt, f"8{attempt.number}", Rial(1_000))
        await gateway.bank.probe()
        seen.append(caplog.text)
        canaries.add(str(sent.opened.token))
    async with server(echo) as url, gateway_at(gateway.kind, gateway.sim, url) as echoed:
        await echoed.bank.open(new_order(AMOUNT, f"http://127.0.0.1:9/{CANARY_REF}", CANARY_DESCRIPTION))
        await echoed.bank.verify(attempt)
        seen.append(repr(echoed.calls))
    assert gateway.calls
    seen.append(repr(gateway.calls))
    assert found(canaries | canaries_of(gateway), seen) == []


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say what was asked, and a card number, as a confused server might."""
    request = await read_request(reader)
    card = f'{{"code":0,"pan":"{CARDS[0].number}","ref":"{CARDS[0].number}"}}'.encode()
    writer.write(http(_CHANCE.choice((request.body + card, card, request.body)), "200 OK"))
    await writer.drain()


def canaries_of(gateway: Gateway) -> set[str]:
    """What nobody may keep: secrets of ours, what the buyer typed, hashes of cards, and where he returns to."""
    secrets = {gateway.sim.credentials[one.name] for one in gateway.kind.fields if one.secret}
    numbers = {card.number for card in CARDS}
    hashes = {hashlib.sha256(number.encode()).hexdigest() for number in numbers}
    return secrets | numbers | hashes | {each.upper() for each in hashes} | {CANARY_REF, CANARY_DESCRIPTION}


def found(canaries: set[str], texts: list[str]) -> list[str]:
    # The second password is five digits, which may stand inside of a longer number by chance.
    password = re.compile(rf"(?<![0-9]){STATIC_PASSWORD}(?![0-9])")
    told = [one for one in sorted(canaries) for text in texts if one in text]
    return told + [STATIC_PASSWORD for text in texts if password.search(text)]


async def test_a_whole_card_number_is_never_a_masked_one(gateway: Gateway) -> None:
    """Neither from a browser nor from the bank itself."""
    attempt, fields = await gateway.paid()
    number = CARDS[0].number
    for key in fields:
        assert number not in gateway.bank.read_return(fields | {key: number}).masked_pan
    truth = await gateway.came_back(attempt, fields)
    assert isinstance(truth, Confirmed)

    def unmask(_: Request, body: bytes) -> bytes:
        return http(body.replace(truth.masked_pan.encode(), number.encode()))

    async with between(gateway.url, unmask) as url, through(gateway, url) as unmasked:
        answer = await unmasked.bank.verify(attempt)
        assert isinstance(answer, Silent | Confirmed)
        assert number not in repr(answer) + repr(unmasked.calls)


async def test_the_access_prints_no_secret(gateway: Gateway) -> None:
    kind, sim = gateway.kind, gateway.sim
    printed = repr(kind.check(sim.credentials))
    assert found({sim.credentials[one.name] for one in kind.fields if one.secret}, [printed]) == []


async def test_each_call_about_an_order_says_so(gateway: Gateway) -> None:
    """So that the log of a purchase finds them."""
    sent = await gateway.open()
    fields = await gateway.pay(sent)
    await gateway.came_back(sent.attempt, fields)
    assert {call.about for call in gateway.calls} == {sent.attempt.number}
    assert {call.outcome for call in gateway.calls} == {"answered"}


async def test_what_the_simulator_writes_holds_no_card(name: str) -> None:
    process = contract.start_own(name)
    async with gateway_at(KINDS[name], SIMS[name], process.url) as gateway:
        attempt, fields = await gateway.paid()
        assert is_yes(await gateway.came_back(attempt, fields), attempt)
        book = (await gateway.browser.get(f"{gateway.url}/book")).text
        terminal = set(gateway.sim.credentials.values())
        canaries = canaries_of(gateway) | {str(attempt.token)}
    assert process.stop() == ""
    assert found(canaries - terminal, [book]) == []
