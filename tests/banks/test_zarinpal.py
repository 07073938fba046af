"""Our connector and Zarinpal's simulator over real HTTP, the bank in its own process: how strict it is, both
currencies, reversal, and what waits to be verified."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from tests.banks import process

from mopos.banks.kind import Access
from mopos.banks.port import (
    Accepted,
    Attempt,
    Confirmed,
    Decline,
    Declined,
    Opened,
    Order,
    Pending,
    Returned,
    Silent,
    Unverified,
)
from mopos.banks.sim.buyer import Form, cancel_at_bank, pay_at_bank
from mopos.banks.zarinpal import KIND, Waiting, Zarinpal
from mopos.base.money import Rial

OURS = "1344b5d4-0048-41e8-94db-005056a205be"
THEIRS = "4ced0a1e-4ad8-4309-9668-3ea3ae8e8897"
NOBODYS = "00000000-0000-4000-8000-000000000000"
RETURN_URL = "https://pay.example.ir/pay/return/canary-ref"
# The second merchant has registered no domain.
TERMINALS = [{"number": OURS, "merchant_id": OURS, "domain": "example.ir"}, {"number": THEIRS, "merchant_id": THEIRS}]
DEADLINE_S = 0.9

_numbers = itertools.count(1001)


@contextlib.contextmanager
def running_bank(**options: Any) -> Iterator[str]:
    """Zarinpal's simulator in its own process. Its address."""
    bank = process.start("zarinpal", **{"terminals": TERMINALS, "deadline_s": DEADLINE_S, **options})
    try:
        yield bank.url
    finally:
        written = bank.stop()
    assert written == ""


@pytest.fixture(scope="module")
def shared_url() -> Iterator[str]:
    with running_bank() as url:
        yield url


@dataclass
class Client:
    """A merchant at the bank: our connector, a browser, and a raw client."""

    bank: Zarinpal
    browser: httpx2.AsyncClient
    url: str

    async def open(self, amount: int = 250_010, return_url: str = RETURN_URL) -> tuple[Form, Attempt]:
        """A new payment, and the way of its buyer to the bank, who comes from our site."""
        number = str(next(_numbers))
        opened = await self.bank.open(Order(number, Rial(amount), return_url, "کفش"))
        assert isinstance(opened, Opened)
        way = Form(opened.redirect.method, opened.redirect.url, opened.redirect.fields, "https://pay.example.ir/")
        return way, Attempt(number, Rial(amount), opened.token)

    async def paid(self, card: str = "paid", amount: int = 250_010) -> Attempt:
        way, attempt = await self.open(amount)
        await pay_at_bank(self.browser, way, card)
        return attempt

    async def verified(self, card: str = "paid") -> Attempt:
        attempt = await self.paid(card)
        assert isinstance(await self.bank.verify(attempt), Confirmed)
        return attempt

    async def ask(self, call: str, **fields: Any) -> tuple[int, dict[str, Any]]:
        """A call of the API as it comes: the HTTP status, and the answer."""
        answer = await self.browser.post(f"{self.url}/pg/v4/payment/{call}.json", json=fields)
        said: dict[str, Any] = answer.json()
        return answer.status_code, said

    async def book(self, attempt: Attempt, merchant: str = OURS) -> list[tuple[str, int]]:
        """What happened to a payment, by the bank's own book, which is in Rial."""
        asked = {"order": attempt.number, "terminal": merchant}
        told = (await self.browser.get(f"{self.url}/book", params=asked)).json()
        return [(entry["what"], entry.get("rial", 0)) for entry in told["entries"]]

    async def plan(self, call: str, *faults: str) -> None:
        await self.browser.post(f"{self.url}/faults", json={"call": call, "faults": faults})


@contextlib.asynccontextmanager
async def client_at(url: str, merchant: str = OURS, currency: str = "IRR") -> AsyncIterator[Client]:
    credentials = KIND.check({"merchant": merchant, "currency": currency})
    bank = Zarinpal(Access(url, credentials, KIND.facts, DEADLINE_S))
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as browser:
            yield Client(bank, browser, url)
    finally:
        await bank.aclose()


@pytest.fixture
async def client(shared_url: str) -> AsyncIterator[Client]:
    async with client_at(shared_url) as one:
        yield one


# --- one payment, in both currencies ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("currency", "rial", "told"), [("IRR", 250_010, 250_010), ("IRT", 250_000, 25_000)])
async def test_one_payment_from_request_to_verify(shared_url: str, currency: str, rial: int, told: int) -> None:
    async with client_at(shared_url, currency=currency) as client:
        way, attempt = await client.open(rial)
        assert re.fullmatch("S[0-9A-Za-z]{35}", attempt.token or "")
        assert await client.bank.inquire(attempt) == Pending()
        assert await client.bank.verify(attempt) == Pending()

        back = await pay_at_bank(client.browser, way)
        assert back is not None
        assert (back.method, back.url) == ("GET", RETURN_URL)
        assert back.fields == {"Authority": attempt.token, "Status": "OK"}
        assert client.bank.read_return(back.fields) == Returned(claims_paid=True, token=attempt.token)

        asked = {"merchant_id": OURS, "authority": attempt.token}
        assert (await client.ask("inquiry", **asked))[1]["data"]["amount"] == told
        assert await client.bank.inquire(attempt) == Unverified()
        confirmed = await client.bank.verify(attempt)
        assert isinstance(confirmed, Confirmed)
        assert re.fullmatch("[1-9][0-9]{8,11}", confirmed.bank_ref)
        expected = Confirmed(Rial(rial), attempt.number, confirmed.bank_ref, masked_pan="603799******0014")
        assert confirmed == expected

        # Verified before: a yes with the same fields. An inquiry never tells the reference.
        assert await client.bank.inquire(attempt) == Unverified()
        assert await client.bank.verify(attempt) == expected
        assert await client.book(attempt) == [("opened", 0), ("taken", rial), ("verified", rial)]


async def test_a_payment_in_toman_is_verified_in_toman_only(shared_url: str) -> None:
    async with client_at(shared_url, currency="IRT") as client:
        attempt = await client.paid(amount=250_000)
        for wrong in (250_000, 2_500, 2_500_000):
            status, said = await client.ask("verify", merchant_id=OURS, authority=attempt.token, amount=wrong)
            assert (status, said["data"], said["errors"]["code"]) == (401, [], -50)
        assert await client.book(attempt) == [("opened", 0), ("taken", 250_000)]
        assert isinstance(await client.bank.verify(attempt), Confirmed)


async def test_what_is_opened_in_toman_and_verified_in_rial_is_not_confirmed(shared_url: str) -> None:
    async with client_at(shared_url, currency="IRT") as toman, client_at(shared_url, currency="IRR") as rial:
        attempt = await toman.paid(amount=250_000)
        assert await rial.bank.verify(attempt) == Silent("code_-50")
        odd = await rial.paid(amount=250_000)
        assert await toman.bank.verify(odd) == Silent("code_-50")


async def test_a_payment_that_is_not_made(client: Client) -> None:
    way, attempt = await client.open()
    back = await cancel_at_bank(client.browser, way)
    assert back is not None
    assert back.fields == {"Authority": attempt.token, "Status": "NOK"}
    assert client.bank.read_return(back.fields) == Returned(claims_paid=False, token=attempt.token)
    assert await client.bank.verify(attempt) == Pending()
    assert await client.bank.inquire(attempt) == Declined(Decline.OTHER, "FAILED")
    assert await client.bank.reverse(attempt) == Declined(Decline.OTHER, "-61")


async def test_a_return_keeps_the_query_of_its_address(client: Client) -> None:
    way, attempt = await client.open(return_url=f"{RETURN_URL}?shop=7")
    back = await pay_at_bank(client.browser, way)
    assert back is not None
    assert (back.url, dict(back.fields)) == (RETURN_URL, {"shop": "7", "Authority": attempt.token, "Status": "OK"})


# --- 101 counts for its own payment only ------------------------------------------------------------------------------


async def test_attack_03_verified_before_is_a_yes_for_its_own_payment_only(client: Client) -> None:
    attempt = await client.verified()
    _, other = await client.open()
    assert await client.bank.verify(other) == Pending()
    # Another amount, or another of our numbers, under the authority that is verified.
    assert await client.bank.verify(Attempt(attempt.number, Rial(260_010), attempt.token)) == Silent("code_-50")
    assert await client.bank.verify(Attempt(other.number, attempt.amount, attempt.token)) == Silent("garbage")
    async with client_at(client.url, THEIRS) as theirs:
        assert await theirs.bank.verify(attempt) == Silent("code_-53")
        assert await theirs.bank.inquire(attempt) == Silent("code_-53")
        assert await theirs.bank.reverse(attempt) == Silent("code_-53")
    assert [what for what, _ in await client.book(attempt)] == ["opened", "taken", "verified"]


# --- the buyer's door -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("referer", "status"),
    [
        ("https://pay.example.ir/", 200),
        ("https://example.ir/cart", 200),
        ("https://notexample.ir/", 404),
        ("https://example.ir.evil.example/", 404),
        ("", 404),
    ],
)
async def test_only_who_comes_from_the_registered_domain_is_let_in(client: Client, referer: str, status: int) -> None:
    way, _ = await client.open()
    page = await Form(way.method, way.url, way.fields, referer).send(client.browser)
    assert page.status_code == status
    assert ('name="card"' in page.text) is (status == 200)


async def test_the_page_says_the_amount_in_rial(shared_url: str) -> None:
    async with client_at(shared_url, currency="IRT") as client:
        way, _ = await client.open(250_000)
        page = await client.browser.get(f"{way.url}?lang=en", headers={"Referer": "https://pay.example.ir/"})
        assert "250,000" in page.text
        assert "2,500,000" not in page.text


# --- how strict it is -------------------------------------------------------------------------------------------------

WHOLE: dict[str, Any] = {
    "merchant_id": OURS,
    "amount": 10_000,
    "currency": "IRR",
    "description": "کفش",
    "callback_url": RETURN_URL,
    "metadata": {"order_id": "900001"},
}
MISSING = "(missing)"

STRICT: list[tuple[str, object, int, str]] = [
    *((name, MISSING, -9, name) for name in ("merchant_id", "amount", "description", "callback_url", "metadata")),
    ("merchant_id", OURS[:-1], -9, "merchant_id"),
    ("merchant_id", OURS.replace("-", "0"), -9, "merchant_id"),
    ("merchant_id", 1344, -9, "merchant_id"),
    ("merchant_id", NOBODYS, -10, ""),
    ("amount", "10000", -9, "amount"),
    ("amount", 10_000.5, -9, "amount"),
    ("amount", 0, -9, "amount"),
    ("amount", -10_000, -9, "amount"),
    ("amount", 999, -9, "amount"),
    ("amount", 1_000_000_001, -41, ""),
    ("currency", "USD", -9, "currency"),
    ("currency", "irr", -9, "currency"),
    ("description", "", -9, "description"),
    ("description", " ", -9, "description"),
    ("description", "ک" * 501, -9, "description"),
    ("callback_url", "pay.example.ir", -9, "callback_url"),
    ("callback_url", "javascript:alert(1)", -9, "callback_url"),
    ("callback_url", "https://pay.example.ir@evil.example/", -9, "callback_url"),
    ("callback_url", "https://evil.example/", -14, ""),
    ("callback_url", "https://notexample.ir/", -14, ""),
    ("metadata", {"order_id": 900001}, -9, "metadata.order_id"),
    ("metadata", {"order_id": "A-1"}, -9, "order_id"),
    ("metadata", {"order_id": "900001", "auto_verify": "false"}, -9, "metadata.auto_verify"),
    ("token", "canary", -9, "token"),
]


@pytest.mark.parametrize(("name", "value", "code", "field"), STRICT, ids=lambda value: repr(value)[:40])
async def test_a_request_that_is_not_right(client: Client, name: str, value: object, code: int, field: str) -> None:
    fields = {other: kept for other, kept in WHOLE.items() if other != name}
    if value != MISSING:
        fields[name] = value
    status, said = await client.ask("request", **fields)
    assert (status, said["data"]) == (422 if code == -9 else 401, [])
    assert set(said["errors"]) == {"code", "message", "validations"}
    assert said["errors"]["code"] == code
    assert [list(one) for one in said["errors"]["validations"]] == ([[field]] if code == -9 else [])


async def test_a_request_that_is_right(client: Client) -> None:
    status, said = await client.ask("request", **WHOLE)
    assert (status, said["errors"]) == (200, [])
    authority = said["data"].pop("authority")
    assert re.fullmatch("S[0-9A-Za-z]{35}", authority)
    assert said["data"] == {"code": 100, "message": "Success", "fee_type": "Merchant", "fee": 0}
    # The most that is taken, in each unit; and an order number is taken once.
    largest = {"amount": 1_000_000_000, "metadata": {"order_id": "900002"}}
    assert (await client.ask("request", **WHOLE | largest))[0] == 200
    largest = {"amount": 100_000_000, "currency": "IRT", "metadata": {"order_id": "900003"}}
    assert (await client.ask("request", **WHOLE | largest))[0] == 200
    too_large = {"amount": 100_000_001, "currency": "IRT", "metadata": {"order_id": "900004"}}
    assert (await client.ask("request", **WHOLE | too_large))[1]["errors"]["code"] == -41
    assert (await client.ask("request", **WHOLE))[1]["errors"]["validations"] == [{"order_id": "It was used before."}]
    # Who has registered no domain may return anywhere.
    elsewhere = {"merchant_id": THEIRS, "callback_url": "https://shop.example.com/"}
    assert (await client.ask("request", **WHOLE | elsewhere))[0] == 200


@pytest.mark.parametrize("call", ["request", "verify", "inquiry", "reverse", "unVerified"])
@pytest.mark.parametrize("body", [b"", b"[]", b"merchant_id=1", b"\xff", b'{"merchant_id":'])
async def test_a_body_that_is_none(client: Client, call: str, body: bytes) -> None:
    answer = await client.browser.post(f"{client.url}/pg/v4/payment/{call}.json", content=body)
    assert (answer.status_code, answer.json()["errors"]["code"]) == (422, -9)


async def test_what_is_asked_about_a_payment(client: Client) -> None:
    _, unpaid = await client.open()
    paid = await client.paid()
    for call, fields, code in (
        ("verify", {"amount": 250_010, "authority": unpaid.token}, -51),
        ("verify", {"amount": 250_011, "authority": paid.token}, -50),
        ("verify", {"amount": "250010", "authority": paid.token}, -9),
        ("verify", {"authority": paid.token}, -9),
        ("verify", {"amount": 250_010, "authority": "S" + "0" * 35}, -54),
        ("verify", {"amount": 250_010, "authority": paid.token, "merchant_id": THEIRS}, -53),
        ("verify", {"amount": 250_010, "authority": paid.token, "merchant_id": NOBODYS}, -10),
        ("inquiry", {"authority": paid.token, "merchant_id": THEIRS}, -53),
        ("inquiry", {"authority": "S" + "0" * 35}, -54),
        ("inquiry", {}, -9),
        ("reverse", {"authority": paid.token}, -61),
        ("reverse", {"authority": paid.token, "merchant_id": THEIRS}, -53),
        ("unVerified", {"merchant_id": NOBODYS}, -10),
    ):
        _, said = await client.ask(call, **{"merchant_id": OURS} | fields)
        assert (said["data"], said["errors"]["code"]) == ([], code), (call, fields)
    assert [what for what, _ in await client.book(paid)] == ["opened", "taken"]


async def test_the_fields_of_a_verification(client: Client) -> None:
    attempt = await client.paid()
    asked = {"merchant_id": OURS, "authority": attempt.token, "amount": 250_010}
    first, second = await client.ask("verify", **asked), await client.ask("verify", **asked)
    told = first[1]["data"]
    assert told["code"] == 100
    assert (told["card_pan"], told["order_id"]) == ("603799******0014", attempt.number)
    assert re.fullmatch("[0-9A-F]{64}", told["card_hash"])
    assert type(told["ref_id"]) is int
    assert second[1]["data"] == told | {"code": 101, "message": "Verified"}
    assert (first[0], second[0]) == (200, 200)


# --- less is taken than was asked for, and time -----------------------------------------------------------------------


async def test_attack_07_less_is_taken_and_goes_back() -> None:
    with running_bank(give_back_s=1.0) as url:
        async with client_at(url) as client:
            attempt = await client.paid("amount_differs")
            assert await client.bank.inquire(attempt) == Unverified()
            assert await client.bank.verify(attempt) == Silent("code_-50")
            await asyncio.sleep(1.2)
            assert await client.bank.inquire(attempt) == Declined(Decline.GIVEN_BACK, "REVERSED")
            assert await client.bank.verify(attempt) == Pending()
            assert await client.book(attempt) == [("opened", 0), ("taken", 25_001), ("given_back", 25_001)]


async def test_times_that_are_over() -> None:
    with running_bank(session_s=1.0, reverse_s=1.0) as url:
        async with client_at(url) as client:
            _, left = await client.open()
            kept = await client.verified()
            await asyncio.sleep(1.2)
            assert await client.bank.inquire(left) == Declined(Decline.OTHER, "FAILED")
            assert await client.bank.reverse(kept) == Declined(Decline.OTHER, "-63")
            assert isinstance(await client.bank.verify(kept), Confirmed)


async def test_the_time_to_reverse_counts_from_the_payment() -> None:
    with running_bank(reverse_s=1.0) as url:
        async with client_at(url) as client:
            attempt = await client.paid()
            await asyncio.sleep(1.2)
            assert isinstance(await client.bank.verify(attempt), Confirmed)
            assert await client.bank.reverse(attempt) == Declined(Decline.OTHER, "-63")


# --- giving back ------------------------------------------------------------------------------------------------------


async def test_a_reversal_and_the_same_again(client: Client) -> None:
    attempt = await client.verified()
    assert await client.bank.reverse(attempt) == Declined(Decline.GIVEN_BACK, "100")
    assert await client.bank.reverse(attempt) == Declined(Decline.GIVEN_BACK, "REVERSED")
    assert await client.bank.inquire(attempt) == Declined(Decline.GIVEN_BACK, "REVERSED")
    assert [what for what, _ in await client.book(attempt)] == ["opened", "taken", "verified", "given_back"]


async def test_reversals_that_are_not_answered(client: Client) -> None:
    attempt = await client.verified("reverse_silent")
    assert await client.bank.reverse(attempt) == Silent("timeout")
    assert await client.bank.inquire(attempt) == Unverified()
    assert await client.bank.reverse(attempt) == Silent("timeout")
    assert await client.bank.reverse(attempt) == Declined(Decline.GIVEN_BACK, "REVERSED")


async def test_a_reversal_that_the_bank_refuses(client: Client) -> None:
    attempt = await client.verified("reverse_refused")
    assert await client.bank.reverse(attempt) == Declined(Decline.OTHER, "-60")
    assert isinstance(await client.bank.verify(attempt), Confirmed)


# --- beside the payments ----------------------------------------------------------------------------------------------


async def test_what_waits_to_be_verified(shared_url: str) -> None:
    async with client_at(shared_url, currency="IRT") as client, client_at(shared_url, THEIRS) as theirs:
        waiting, verified = await client.paid(amount=250_000), await client.verified("never_returns")
        _, unpaid = await client.open()
        foreign = await theirs.paid()
        listed = await client.bank.unverified()
        assert isinstance(listed, list)
        assert Waiting(waiting.token or "", Rial(250_000)) in listed
        assert not {verified.token, unpaid.token, foreign.token} & {one.token for one in listed}
        assert await theirs.bank.unverified() == [Waiting(foreign.token or "", Rial(250_010))]


async def test_a_probe(client: Client) -> None:
    assert await client.bank.probe() == Accepted()
    async with client_at(client.url, NOBODYS) as nobody:
        assert await nobody.bank.probe() == Declined(Decline.NOT_ACCEPTED, "-10")
        order = Order(str(next(_numbers)), Rial(250_010), RETURN_URL)
        assert await nobody.bank.open(order) == Declined(Decline.NOT_ACCEPTED, "-10")


async def test_what_the_bank_refuses_to_open(client: Client) -> None:
    async def opened(amount: int, return_url: str = RETURN_URL) -> object:
        return await client.bank.open(Order(str(next(_numbers)), Rial(amount), return_url))

    assert await opened(1_000_000_001) == Declined(Decline.LIMIT_EXCEEDED, "-41")
    assert await opened(999) == Declined(Decline.OTHER, "-9")
    assert await opened(250_010, "https://evil.example/") == Declined(Decline.NOT_ACCEPTED, "-14")
    assert isinstance(await opened(250_010), Opened)


@pytest.mark.parametrize(
    ("fault", "why"), [("silent", "timeout"), ("late", "timeout"), ("garbage", "garbage"), ("error", "http_500")]
)
@pytest.mark.parametrize("call", ["open", "verify", "inquire", "reverse"])
async def test_whatever_goes_wrong_is_silence(client: Client, call: str, fault: str, why: str) -> None:
    attempt = await (client.verified() if call == "reverse" else client.paid())
    await client.plan(call, fault)
    order = Order(str(next(_numbers)), Rial(250_010), RETURN_URL)
    assert await getattr(client.bank, call)(order if call == "open" else attempt) == Silent(why)
