"""The simulated Sadad is as strict as the bank's guide: asked by a raw client, and by our connector."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import httpx2
import pytest
from tests.banks import process

from mopos.banks.kind import Access
from mopos.banks.port import Attempt, Confirmed, Decline, Declined, Opened, Order, Pending, Silent
from mopos.banks.sadad import KIND, Sadad, sign
from mopos.banks.sim.buyer import Form, cancel_at_bank, enter, pay_at_bank
from mopos.banks.sim.cards import BY_SLUG
from mopos.banks.wire import Transcript
from mopos.base.clock import TEHRAN
from mopos.base.money import Rial

MERCHANT = "000000140330001"
KEY = bytes(range(1, 25))
KEY_TEXT = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY"
SHORT_KEY = bytes(range(1, 17))
ANYWHERE, IN_SHOP, SHORT = "24000001", "24000002", "24000003"
TERMINALS = [
    {"number": ANYWHERE, "merchant_id": MERCHANT, "key": KEY_TEXT},
    {"number": IN_SHOP, "merchant_id": MERCHANT, "key": KEY_TEXT, "domain": "shop.example"},
    {"number": SHORT, "merchant_id": MERCHANT, "key": "AQIDBAUGBwgJCgsMDQ4PEA=="},
]
RETURN_URL = "https://pay.shop.example/pay/return/x"
SITE = "https://pay.shop.example/"
DEADLINE_S = 0.9

_numbers = itertools.count(1001)

# --- the bank, and who asks it ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def running_bank(**options: Any) -> Iterator[str]:
    """A simulated Sadad in a process of its own."""
    bank = process.start("sadad", **{"terminals": TERMINALS, "deadline_s": DEADLINE_S, **options})
    try:
        yield bank.url
    finally:
        assert "Traceback" not in bank.stop()


class Later(NamedTuple):
    """So many minutes from when it is said, in Tehran."""

    minutes: int = 0
    form: str = "%m/%d/%Y %I:%M:%S %p"

    def text(self) -> str:
        return (datetime.now(TEHRAN) + timedelta(minutes=self.minutes)).strftime(self.form)


@dataclass
class Raw:
    """A client of its own, that may do everything wrong."""

    url: str
    browser: httpx2.AsyncClient
    calls: list[Transcript] = field(default_factory=list)

    async def request(self, key: bytes = KEY, **changes: Any) -> dict[str, Any]:
        """Ask for a token, right but for the changes. `SignData` is made last, unless it is changed itself."""
        number = changes.pop("OrderId", None) or next(_numbers)
        asked = {
            "MerchantId": MERCHANT,
            "TerminalId": ANYWHERE,
            "Amount": 250_000,
            "OrderId": number,
            "LocalDateTime": Later(0),
            "ReturnUrl": RETURN_URL,
            **changes,
        }
        if isinstance(asked["LocalDateTime"], Later):
            asked["LocalDateTime"] = asked["LocalDateTime"].text()
        text = f"{asked['TerminalId']};{asked['OrderId']};{asked['Amount']}"
        return await self.post("/vpg/api/v0/Request/PaymentRequest", {"SignData": sign(key, text), **asked})

    async def verify(self, token: str, signature: str | None = None) -> dict[str, Any]:
        asked = {"Token": token, "SignData": sign(KEY, token) if signature is None else signature}
        return await self.post("/vpg/api/v0/Advice/Verify", asked)

    async def post(self, path: str, body: object) -> dict[str, Any]:
        answer = await self.browser.post(self.url + path, json=body)
        assert answer.status_code == 200
        said: dict[str, Any] = answer.json()
        return said

    def way(self, token: str, referer: str = SITE) -> Form:
        return Form("GET", f"{self.url}/VPG/Purchase", {"Token": token}, referer)

    async def paid(self, card: str = "paid", **changes: Any) -> tuple[str, dict[str, str]]:
        """A token that a buyer has paid, and what the browser carries back."""
        token = (await self.request(**changes))["Token"]
        back = await pay_at_bank(self.browser, self.way(token), card)
        assert back is not None
        assert (back.method, back.url) == ("POST", RETURN_URL)
        return token, dict(back.fields)

    async def plan(self, call: str, *faults: str) -> None:
        planned = await self.browser.post(f"{self.url}/faults", json={"call": call, "faults": faults})
        assert planned.status_code == 200

    @contextlib.asynccontextmanager
    async def connector(self, terminal: str = ANYWHERE, key: str = KEY_TEXT) -> AsyncIterator[Sadad]:
        credentials = KIND.check({"merchant": MERCHANT, "terminal": terminal, "key": key})
        bank = Sadad(Access(self.url, credentials, KIND.facts, DEADLINE_S, self.calls.append))
        try:
            yield bank
        finally:
            await bank.aclose()


@pytest.fixture(scope="module")
def shared() -> Iterator[str]:
    with running_bank() as url:
        yield url


@pytest.fixture
async def raw(shared: str) -> AsyncIterator[Raw]:
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as browser:
        yield Raw(shared, browser)


@pytest.fixture
async def raw_with() -> AsyncIterator[Callable[..., Raw]]:
    """A client of a bank with other settings."""
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as browser:
        with contextlib.ExitStack() as banks:
            yield lambda **options: Raw(banks.enter_context(running_bank(**options)), browser)


# --- the request of a token -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"AdditionalData": "abc123"},
        {"ApplicationName": "shop", "UserId": 989120000000},
        {"PanAuthenticationType": 0, "MultiplexingData": None, "SourcePanList": None},
        {"LocalDateTime": Later(form="%Y-%m-%d %H:%M:%S")},
        {"LocalDateTime": Later(form="%Y-%m-%dT%H:%M:%S")},
        {"LocalDateTime": Later(-10)},
        {"TerminalId": IN_SHOP},
        {"TerminalId": IN_SHOP, "ReturnUrl": "https://shop.example/"},
        {"ReturnUrl": "http://127.0.0.1:9/return"},
    ],
    ids=str,
)
async def test_what_the_bank_takes(raw: Raw, change: dict[str, Any]) -> None:
    answer = await raw.request(**change)
    assert answer["ResCode"] == 0
    assert len(answer["Token"]) == 48


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"TerminalId": "24000009"}, 1028),
        ({"MerchantId": "000000140330002"}, 1027),
        ({"SignData": ""}, 1025),
        ({"SignData": "canary"}, 1025),
        ({"SignData": "امضا"}, 1025),
        ({"key": bytes(range(2, 26))}, 1025),
        ({"SignData": sign(KEY, "24000001;1001;250,000"), "OrderId": 90_001}, 1025),
        ({"SignData": sign(KEY, "24000001;90002;250000.0"), "OrderId": 90_002}, 1025),
        ({"SignData": sign(KEY, "24000001;90003;250000;"), "OrderId": 90_003}, 1025),
        ({"LocalDateTime": Later(-20)}, 1018),
        ({"LocalDateTime": Later(20)}, 1018),
        ({"LocalDateTime": Later(-210)}, 1018),
        ({"LocalDateTime": "now"}, 1018),
        ({"TerminalId": IN_SHOP, "ReturnUrl": "https://shop.example.org/"}, 1023),
        ({"TerminalId": IN_SHOP, "ReturnUrl": "https://myshop.example/"}, 1023),
        ({"TerminalId": IN_SHOP, "ReturnUrl": "https://evil.example/?shop.example"}, 1023),
        ({"ReturnUrl": "javascript:alert(1)"}, 1023),
        ({"ReturnUrl": "https://a;script-src/"}, 1023),
        ({"ReturnUrl": "https://shop.example/" + "x" * 2_048}, 1023),
        ({"OrderId": -1}, 1026),
        ({"OrderId": 2**63}, 1026),
        ({"AdditionalData": "سفارش"}, 1036),
        ({"AdditionalData": "a b"}, 1036),
        ({"additionalData": "abc"}, 1055),
        ({"Extra": 1}, 1055),
        ({"MultiplexingData": {"Type": "Amount", "MultiplexingRows": [{"IbanNumber": 1, "Value": 250_000}]}}, 1104),
        ({"MultiplexingData": {}}, 1104),
        ({"SourcePanList": ["canary"]}, 1072),
        ({"SourcePanList": []}, 1072),
        ({"PanAuthenticationType": 1, "NationalCode": "0012345679"}, 1072),
        ({"PanAuthenticationType": 2, "CardHolderIdentity": "09120000000"}, 1072),
        ({"PanAuthenticationType": 3, "NationalCodeEnc": "canary"}, 1072),
        ({"NationalCode": "0012345679"}, 1072),
        ({"Amount": "250000"}, 1001),
        ({"Amount": 250_000.5}, 1001),
        ({"OrderId": "90004"}, 1001),
        ({"ReturnUrl": None}, 1001),
        ({"Amount": 0}, 1101),
        ({"Amount": -250_000}, 1101),
        ({"Amount": 999}, 1101),
    ],
    ids=str,
)
async def test_what_the_bank_does_not_take(raw: Raw, change: dict[str, Any], code: int) -> None:
    answer = await raw.request(**change)
    assert (answer["ResCode"], answer["Token"]) == (code, None)


async def test_a_field_that_is_missing_or_a_body_that_is_none(raw: Raw) -> None:
    for body in ({}, {"MerchantId": MERCHANT}, [], None, "canary"):
        assert (await raw.post("/vpg/api/v0/Request/PaymentRequest", body))["ResCode"] == 1001
        assert (await raw.post("/vpg/api/v0/Advice/Verify", body))["ResCode"] == -1


async def test_an_order_number_is_good_once_for_ever(raw: Raw) -> None:
    assert (await raw.request(OrderId=90_100))["ResCode"] == 0
    for change in ({}, {"Amount": 1_000}, {"ReturnUrl": "https://shop.example/other"}):
        assert (await raw.request(OrderId=90_100, **change))["ResCode"] == 1011
    # Each terminal counts for itself.
    assert (await raw.request(OrderId=90_100, TerminalId=IN_SHOP))["ResCode"] == 0


async def test_a_key_of_sixteen_bytes(raw: Raw) -> None:
    whole = SHORT_KEY + SHORT_KEY[:8]
    assert (await raw.request(key=whole, TerminalId=SHORT))["ResCode"] == 0
    async with raw.connector(SHORT, "AQIDBAUGBwgJCgsMDQ4PEA==") as bank:
        assert isinstance(await bank.open(Order(str(next(_numbers)), Rial(250_000), RETURN_URL)), Opened)


# --- the buyer --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terminal", "referer"),
    [
        (ANYWHERE, ""),
        (ANYWHERE, "https://evil.example/"),
        (IN_SHOP, ""),
        (IN_SHOP, "https://evil.example/"),
        (IN_SHOP, "https://shop.example.org/"),
        (IN_SHOP, "https://evil.example/shop.example"),
    ],
)
async def test_a_buyer_from_elsewhere_is_sent_away(raw: Raw, terminal: str, referer: str) -> None:
    token = (await raw.request(TerminalId=terminal))["Token"]
    page = await enter(raw.browser, raw.way(token, referer))
    assert page.status_code == 404
    assert 'name="card"' not in page.text
    # Nor does a form of the page help who has not come in.
    paying = {"Token": token, "card": BY_SLUG["paid"].number}
    assert (await raw.browser.post(f"{raw.url}/pay/card", data=paying)).status_code == 404


@pytest.mark.parametrize(
    ("terminal", "referer"),
    [(ANYWHERE, SITE), (IN_SHOP, "https://shop.example/"), (IN_SHOP, SITE), (IN_SHOP, "https://www.shop.example/x")],
)
async def test_a_buyer_from_the_merchants_site_is_let_in(raw: Raw, terminal: str, referer: str) -> None:
    token = (await raw.request(TerminalId=terminal))["Token"]
    page = await enter(raw.browser, raw.way(token, referer))
    assert page.status_code == 200
    assert 'name="card"' in page.text


@pytest.mark.parametrize("token", ["", "canary", "0" * 48])
async def test_a_token_that_the_bank_never_gave(raw: Raw, token: str) -> None:
    assert (await enter(raw.browser, raw.way(token))).status_code == 404


async def test_after_a_success_there_is_only_the_receipt(raw: Raw) -> None:
    token, _ = await raw.paid()
    page = await enter(raw.browser, raw.way(token))
    assert 'name="card"' not in page.text
    assert 'id="return"' in page.text


async def test_the_return_of_a_payment(raw: Raw) -> None:
    token, fields = await raw.paid(OrderId=90_200)
    hashed = fields.pop("HashedCardNo")
    assert len(hashed) == 64
    assert fields == {
        "OrderId": "90200",
        "token": token,
        "ResCode": "0",
        "SwitchResCode": "00",
        "PrimaryAccNo": "603799******0014",
        "CardHolderFullName": "نازنین کریمی\u200cنژاد",
    }


@pytest.mark.parametrize(
    ("card", "switch"),
    [("insufficient_funds", "51"), ("wrong_pin", "55"), ("expired_card", "54"), ("issuer_down", "91")],
)
async def test_the_return_of_a_refusal(raw: Raw, card: str, switch: str) -> None:
    token, fields = await raw.paid(card)
    assert (fields["ResCode"], fields["SwitchResCode"]) == ("-1", switch)
    assert (await raw.verify(token))["ResCode"] == -1


async def test_the_return_of_who_gives_up(raw: Raw) -> None:
    token = (await raw.request())["Token"]
    back = await cancel_at_bank(raw.browser, raw.way(token))
    assert back is not None
    told = {name: back.fields[name] for name in back.fields if name not in ("OrderId", "token")}
    assert told == {
        "ResCode": "-1",
        "SwitchResCode": "17",
        "PrimaryAccNo": "",
        "HashedCardNo": "",
        "CardHolderFullName": "",
    }


# --- the confirmation -------------------------------------------------------------------------------------------------


async def test_confirming_twice_is_one_payment(raw: Raw) -> None:
    token, _ = await raw.paid(OrderId=90_300)
    first, again = await raw.verify(token), await raw.verify(token)
    assert (first.pop("ResCode"), again.pop("ResCode")) == (0, 100)
    assert first.pop("Description") != again.pop("Description")
    assert first == again
    assert (first["Amount"], first["OrderId"]) == (250_000, 90_300)
    assert set(first) == {
        *("Amount", "RetrivalRefNo", "SystemTraceNo", "OrderId", "TransactionDate", "CardHolderFullName"),
    }


async def test_what_is_not_paid_is_not_found(raw: Raw) -> None:
    token = (await raw.request())["Token"]
    for unknown in (token, "canary", ""):
        answer = await raw.verify(unknown)
        assert (answer["ResCode"], answer["Amount"], answer["RetrivalRefNo"]) == (-1, 0, None)


@pytest.mark.parametrize("signature", ["", "canary", "امضا", sign(bytes(range(2, 26)), "x")])
async def test_attack_07_a_confirmation_that_is_not_signed_changes_nothing(raw: Raw, signature: str) -> None:
    token, _ = await raw.paid()
    answer = await raw.verify(token, signature)
    assert (answer["ResCode"], answer["Amount"]) == (1025, 0)
    # The signature of another token is none either.
    assert (await raw.verify(token, sign(KEY, token[:-1] + "?")))["ResCode"] == 1025
    assert (await raw.verify(token))["ResCode"] == 0


async def test_a_confirmation_with_more_fields_is_none(raw: Raw) -> None:
    token, _ = await raw.paid()
    asked = {"Token": token, "SignData": sign(KEY, token), "Amount": 250_000}
    assert (await raw.post("/vpg/api/v0/Advice/Verify", asked))["ResCode"] == -1


async def test_another_amount_is_told_as_it_was_taken(raw: Raw) -> None:
    token, _ = await raw.paid("amount_differs")
    assert (await raw.verify(token))["Amount"] == 25_000


async def test_what_is_not_confirmed_in_time_is_given_back(raw_with: Callable[..., Raw]) -> None:
    raw = raw_with(give_back_s=0.5)
    late, _ = await raw.paid()
    kept, _ = await raw.paid()
    assert (await raw.verify(kept))["ResCode"] == 0
    await asyncio.sleep(0.6)
    answer = await raw.verify(late)
    assert (answer["ResCode"], answer["Amount"], answer["RetrivalRefNo"]) == (101, 0, None)
    assert (await raw.verify(kept))["ResCode"] == 100
    totals = (await raw.browser.get(f"{raw.url}/book")).json()["totals"]
    assert (totals["given_back"]["count"], totals["verified"]["count"]) == (1, 1)


async def test_the_session_ends(raw_with: Callable[..., Raw]) -> None:
    raw = raw_with(session_s=0.3)
    token = (await raw.request())["Token"]
    await asyncio.sleep(0.4)
    page = await enter(raw.browser, raw.way(token))
    assert 'name="SwitchResCode" value="1031"' in page.text
    assert (await raw.verify(token))["ResCode"] == -1


# --- what goes wrong --------------------------------------------------------------------------------------------------


async def test_faults_of_the_request(raw: Raw) -> None:
    await raw.plan("open", "error", "garbage", "silent", "late")
    async with raw.connector() as bank:
        orders = [Order(str(next(_numbers)), Rial(250_000), RETURN_URL) for _ in range(5)]
        answers = [await bank.open(order) for order in orders]
        whys = [answer.why for answer in answers if isinstance(answer, Silent)]
        assert whys == ["http_500", "garbage", "timeout", "timeout"]
        assert isinstance(answers[-1], Opened)
        # Where the answer was lost, the number is used; where nothing was done, it is not.
        again = [await bank.open(order) for order in orders[:4]]
    assert [type(answer) for answer in again] == [Opened, Silent, Opened, Silent]
    assert again[1] == again[3] == Silent("code_1011")


async def test_a_confirmation_whose_answer_is_lost_is_asked_again(raw: Raw) -> None:
    async with raw.connector() as bank:
        for fault, why in (("late", "timeout"), ("garbage", "garbage"), ("error", "http_500")):
            order = Order(str(next(_numbers)), Rial(250_000), RETURN_URL)
            opened = await bank.open(order)
            assert isinstance(opened, Opened)
            attempt = Attempt(order.number, order.amount, opened.token)
            assert await bank.verify(attempt) == Pending()
            back = await pay_at_bank(raw.browser, raw.way(opened.token))
            assert back is not None
            returned = bank.read_return(back.fields)
            assert (returned.claims_paid, returned.order_number, returned.token) == (True, order.number, opened.token)
            attempt = Attempt(order.number, order.amount, opened.token, None, returned.masked_pan)
            await raw.plan("verify", fault)
            assert await bank.verify(attempt) == Silent(why)
            confirmed = await bank.verify(attempt)
            assert isinstance(confirmed, Confirmed)
            assert (confirmed.amount, confirmed.masked_pan) == (order.amount, "603799******0014")
            assert await bank.verify(attempt) == confirmed


async def test_a_foreign_domain_is_said_to_us(raw: Raw) -> None:
    async with raw.connector(IN_SHOP) as bank:
        # The probe's stand-in is no address of the shop.
        assert await bank.probe() == Silent("code_1023")
        foreign = await bank.open(Order(str(next(_numbers)), Rial(250_000), "https://evil.example/"))
        assert foreign == Declined(Decline.NOT_ACCEPTED, "1023")
        assert isinstance(await bank.open(Order(str(next(_numbers)), Rial(250_000), RETURN_URL)), Opened)
