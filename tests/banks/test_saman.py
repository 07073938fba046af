"""Saman Kish in a process of its own, as strict as its guide, spoken to raw and through our connector."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from tests.banks import process
from tests.banks.process import Process

from mopos.banks.kind import Access
from mopos.banks.port import Accepted, Attempt, Bank, Confirmed, Decline, Declined, Opened, Order, Pending
from mopos.banks.saman import KIND
from mopos.banks.sim.buyer import Form, cancel_at_bank, pay_at_bank
from mopos.base.money import Rial

FILES = Path(__file__).parents[1] / "wire" / "saman"
RETURN = "https://pay.example.ir/pay/return/canary"
REFERER = "https://pay.example.ir/"
AMOUNT = 250_000
OPEN, PAGE, LINK = "/onlinepg/onlinepg", "/OnlinePG/OnlinePG", "/OnlinePG/SendToken"
VERIFY = "/verifyTxnRandomSessionkey/ipg/VerifyTransaction"
REVERSE = "/verifyTxnRandomSessionkey/ipg/ReverseTransaction"

# One with no registered domain, one with.
TERMINALS = [{"number": "2015"}, {"number": "2016", "domain": "example.ir"}]

_numbers = count(50_001)


def start(**options: Any) -> Process:
    return process.start("saman", TERMINALS, **options)


@pytest.fixture(scope="module")
def shared() -> Iterator[Process]:
    bank = start()
    yield bank
    assert bank.stop() == ""


@pytest.fixture
def started() -> Iterator[Callable[..., Process]]:
    """Start a bank whose clock may be moved; it is stopped after the test."""
    running: list[Process] = []

    def begin(**options: Any) -> Process:
        running.append(start(**options))
        return running[-1]

    yield begin
    for bank in running:
        if bank.is_up:
            bank.stop()


@pytest.fixture
async def ours(shared: Process) -> AsyncIterator[Bank]:
    """Our connector to the shared bank."""
    bank = KIND.make(Access(shared.url, KIND.check({"terminal": "2015"}), KIND.facts))
    yield bank
    await bank.aclose()


def token_request(**changes: Any) -> dict[str, Any]:
    """A good one; a change to None leaves a field out."""
    good = {
        "action": "token",
        "TerminalId": "2015",
        "Amount": AMOUNT,
        "ResNum": str(next(_numbers)),
        "RedirectUrl": RETURN,
        "TokenExpiryInMin": 20,
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


async def say(client: httpx2.AsyncClient, url: str, said: object) -> dict[str, Any]:
    answer = await client.post(url, json=said)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    told: dict[str, Any] = answer.json()
    return told


async def open_order(client: httpx2.AsyncClient, bank: Process, **changes: Any) -> str:
    told = await say(client, bank.url + OPEN, token_request(**changes))
    assert told["status"] == 1, told
    return str(told["token"])


def way(bank: Process, token: str, **more: str) -> Form:
    return Form("POST", bank.url + PAGE, {"Token": token, **more}, REFERER)


async def paid(client: httpx2.AsyncClient, bank: Process, card: str = "paid", **changes: Any) -> dict[str, str]:
    """What the browser of a buyer who has paid takes back."""
    back = await pay_at_bank(client, way(bank, await open_order(client, bank, **changes)), card)
    assert back is not None
    return dict(back.fields)


async def ask(client: httpx2.AsyncClient, bank: Process, path: str, ref: str, terminal: int = 2015) -> dict[str, Any]:
    return await say(client, bank.url + path, {"RefNum": ref, "TerminalNumber": terminal})


async def code(client: httpx2.AsyncClient, bank: Process, path: str, ref: str, terminal: int = 2015) -> int:
    told = await ask(client, bank, path, ref, terminal)
    assert told["Success"] is (told["ResultCode"] in (0, 2))
    assert (told["TransactionDetail"] is None) is not told["Success"]
    return int(told["ResultCode"])


def on_file(name: str) -> dict[str, Any]:
    """The bank's answer, or else the form, that is kept in `tests/wire/saman`."""
    text = (FILES / f"{name}.http").read_text(encoding="utf-8")
    last = text.splitlines()[-1]
    found: dict[str, Any] = json.loads(last) if last.startswith("{") else dict(parse_qsl(last, keep_blank_values=True))
    return found


def shape(said: Any) -> Any:
    """Names in their order, and types."""
    return [(name, shape(value)) for name, value in said.items()] if isinstance(said, dict) else type(said)


# --- the token ---


async def test_a_token(shared: Process, client: httpx2.AsyncClient) -> None:
    told = await say(client, shared.url + OPEN, token_request())
    assert shape(told) == shape(on_file("token"))
    assert re.fullmatch("[0-9a-f]{32}", told["token"])


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "Token"},
        {"RedirectUrl": None, "RedirectURL": RETURN},
        {"TokenExpiryInMin": None},
        {"TokenExpiryInMin": 1},
        {"TokenExpiryInMin": 99_999},
        {"CellNumber": "09120000000"},
        {"ResNum1": "x" * 50, "ResNum4": ""},
        {"Wage": 0},
        {"RedirectUrl": RETURN + "x" * (2083 - len(RETURN))},
        {"TerminalId": "2016"},
        {"TerminalId": "2016", "RedirectUrl": "http://example.ir:8443/back?a=b"},
    ],
)
async def test_a_token_is_given(shared: Process, client: httpx2.AsyncClient, changes: dict[str, Any]) -> None:
    await open_order(client, shared, **changes)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        *(({name: None}, "5") for name in ("action", "TerminalId", "Amount", "ResNum", "RedirectUrl")),
        ({"action": "pay"}, "5"),
        ({"TerminalId": 2015}, "5"),
        ({"TerminalId": "2017"}, "12"),
        ({"TerminalId": ""}, "12"),
        ({"Amount": "250000"}, "5"),
        ({"Amount": 250_000.5}, "5"),
        ({"Amount": 0}, "5"),
        ({"Amount": -250_000}, "5"),
        ({"ResNum": ""}, "5"),
        ({"ResNum": 1001}, "5"),
        ({"ResNum": "x" * 51}, "5"),
        ({"ResNum3": "x" * 51}, "5"),
        ({"RedirectURL": RETURN}, "5"),
        ({"RedirectUrl": "/back"}, "5"),
        ({"RedirectUrl": "ftp://example.ir/"}, "5"),
        ({"RedirectUrl": "https://a:b@example.ir/"}, "5"),
        ({"RedirectUrl": RETURN + "x" * (2084 - len(RETURN))}, "5"),
        ({"TerminalId": "2016", "RedirectUrl": "https://other.ir/back"}, "5"),
        ({"TerminalId": "2016", "RedirectUrl": "https://anexample.ir/back"}, "5"),
        ({"TokenExpiryInMin": "20"}, "5"),
        ({"HashedCardNumber": "0" * 32}, "5"),
        ({"Wage": 100}, "21"),
        ({"amount": AMOUNT}, "5"),
        ({"Description": "shoes"}, "5"),
        ({"GetMethod": True}, "5"),
    ],
)
async def test_a_token_is_refused(
    shared: Process, client: httpx2.AsyncClient, changes: dict[str, Any], state: str
) -> None:
    told = await say(client, shared.url + OPEN, token_request(**changes))
    assert shape(told) == shape(on_file("token-refused"))
    assert (told["status"], told["errorCode"]) == (-1, state)


async def test_a_number_is_good_once(shared: Process, client: httpx2.AsyncClient) -> None:
    number = str(next(_numbers))
    await open_order(client, shared, ResNum=number)
    assert (await say(client, shared.url + OPEN, token_request(ResNum=number)))["errorCode"] == "5"
    await open_order(client, shared, ResNum=number, TerminalId="2016")


@pytest.mark.parametrize("body", [b"", b"[]", b"canary", b"action=token", b"\xff", b"[" * 5_000])
async def test_what_is_no_request(shared: Process, client: httpx2.AsyncClient, body: bytes) -> None:
    refused = (await client.post(shared.url + OPEN, content=body)).json()
    assert (refused["status"], refused["errorCode"]) == (-1, "5")
    for path in (VERIFY, REVERSE):
        assert (await client.post(shared.url + path, content=body)).status_code == 400


# --- the buyer's door ---


@pytest.mark.parametrize(
    ("method", "path", "more", "referer", "status"),
    [
        ("POST", PAGE, {}, REFERER, 200),
        ("POST", PAGE, {"GetMethod": ""}, REFERER, 200),
        ("POST", PAGE, {"GetMethod": "false"}, REFERER, 200),
        ("POST", PAGE, {"GetMethod": "true"}, REFERER, 200),
        ("POST", PAGE, {"GetMethod": "yes"}, REFERER, 404),
        ("POST", PAGE, {"Amount": "250000"}, REFERER, 404),
        ("POST", PAGE, {"RedirectURL": RETURN}, REFERER, 404),
        ("POST", PAGE, {}, "", 404),
        ("POST", PAGE, {}, "https://other.ir/", 404),
        ("GET", PAGE, {}, REFERER, 404),
        ("GET", LINK, {}, REFERER, 200),
        ("GET", LINK, {}, "", 404),
        ("GET", LINK, {"GetMethod": "true"}, REFERER, 404),
    ],
)
async def test_who_is_let_in(
    shared: Process, client: httpx2.AsyncClient, method: str, path: str, more: dict[str, str], referer: str, status: int
) -> None:
    token = await open_order(client, shared)
    name = "token" if path == LINK else "Token"
    page = await Form(method, shared.url + path, {name: token, **more}, referer).send(client)
    assert page.status_code == status
    assert ('name="card"' in page.text) is (status == 200)


async def test_a_token_that_nobody_has_leads_nowhere(shared: Process, client: httpx2.AsyncClient) -> None:
    assert (await way(shared, "0" * 32).send(client)).status_code == 404
    assert (await way(shared, "").send(client)).status_code == 404


async def test_a_long_address_is_not_returned_to_by_query(shared: Process, client: httpx2.AsyncClient) -> None:
    for length, status in ((1538, 200), (1539, 404)):
        token = await open_order(client, shared, RedirectUrl=RETURN + "x" * (length - len(RETURN)))
        assert (await way(shared, token, GetMethod="true").send(client)).status_code == status
        assert (await way(shared, token, GetMethod="").send(client)).status_code == 200


# --- the return ---


async def test_the_return_of_who_has_paid(shared: Process, client: httpx2.AsyncClient) -> None:
    number = str(next(_numbers))
    token = await open_order(client, shared, ResNum=number)
    back = await pay_at_bank(client, way(shared, token))
    assert back is not None
    assert (back.method, back.url) == ("POST", RETURN)
    fields = back.fields
    assert list(fields) == list(on_file("return-paid"))
    assert {name: fields[name] for name in ("MID", "TerminalId", "State", "Status", "ResNum", "Amount", "Token")} == {
        "MID": "2015",
        "TerminalId": "2015",
        "State": "OK",
        "Status": "2",
        "ResNum": number,
        "Amount": "250000",
        "Token": token,
    }
    assert re.fullmatch("[A-Za-z0-9+/]{30}", fields["RefNum"])
    assert re.fullmatch("[0-9]{12}", fields["RRN"])
    assert re.fullmatch("[0-9]{6}", fields["TraceNo"])
    assert fields["SecurePan"] == "603799****0014"
    assert re.fullmatch("[0-9a-f]{64}", fields["HashedCardNumber"])


async def test_the_return_of_who_has_cancelled(shared: Process, client: httpx2.AsyncClient) -> None:
    number = str(next(_numbers))
    back = await cancel_at_bank(client, way(shared, await open_order(client, shared, ResNum=number)))
    assert back is not None
    assert back.fields == on_file("return-cancelled") | {"ResNum": number}


async def test_the_return_of_who_was_refused(shared: Process, client: httpx2.AsyncClient) -> None:
    fields = await paid(client, shared, "insufficient_funds")
    assert list(fields) == list(on_file("return-failed"))
    assert (fields["State"], fields["Status"], fields["RefNum"], fields["RRN"]) == ("Failed", "3", "", "")


async def test_the_return_of_who_was_too_late(started: Callable[..., Process], client: httpx2.AsyncClient) -> None:
    bank = started()
    token = await open_order(client, bank)
    bank.move_clock(1_199)
    assert 'name="card"' in (await way(bank, token).send(client)).text
    bank.move_clock(1)
    page = await way(bank, token).send(client)
    assert "SessionIsNull" in page.text
    assert 'name="card"' not in page.text


async def test_the_return_comes_by_query_where_the_form_asks_for_it(
    shared: Process, client: httpx2.AsyncClient
) -> None:
    token = await open_order(client, shared, RedirectUrl=RETURN + "?kept=1")
    back = await pay_at_bank(client, way(shared, token, GetMethod="true"))
    assert back is not None
    assert (back.method, back.url) == ("GET", RETURN)
    assert list(back.fields) == ["kept", *on_file("return-paid")]


@pytest.mark.parametrize("by", ["", "true"])
async def test_a_receipt_with_plus_and_slash_survives_the_whole_way(
    shared: Process, client: httpx2.AsyncClient, ours: Bank, by: str
) -> None:
    fields: dict[str, str] = {}
    for _ in range(60):  # four of ten receipts have both
        token = await open_order(client, shared)
        back = await pay_at_bank(client, way(shared, token, GetMethod=by))
        assert back is not None
        fields = dict(back.fields)
        if {"+", "/"} <= set(fields["RefNum"]):
            break
    # As a browser sends it: in an address or in a body.
    sent = urlsplit(str(httpx2.URL(RETURN, params=fields))).query if by else urlencode(fields)
    assert "%2B" in sent
    returned = ours.read_return(dict(parse_qsl(sent, keep_blank_values=True)))
    assert returned.bank_ref == fields["RefNum"]
    attempt = Attempt(fields["ResNum"], Rial(AMOUNT), token, returned.bank_ref)
    confirmed = await ours.verify(attempt)
    assert isinstance(confirmed, Confirmed)
    assert confirmed.bank_ref == fields["RefNum"]
    assert await ours.reverse(attempt) == Declined(Decline.GIVEN_BACK, "0")


# --- verify and reverse ---


async def test_verify_is_answered_as_often_as_it_is_asked(shared: Process, client: httpx2.AsyncClient) -> None:
    fields = await paid(client, shared)
    first = await ask(client, shared, VERIFY, fields["RefNum"])
    assert shape(first) == shape(on_file("verify"))
    assert first["ResultCode"] == 0
    detail = first["TransactionDetail"]
    assert detail["StraceDate"][:2] == "20"
    assert (detail["RefNum"], detail["RRN"], detail["StraceNo"], detail["MaskedPan"], detail["HashedPan"]) == tuple(
        fields[name] for name in ("RefNum", "RRN", "TraceNo", "SecurePan", "HashedCardNumber")
    )
    assert (detail["TerminalNumber"], detail["OrginalAmount"], detail["AffectiveAmount"]) == (2015, AMOUNT, AMOUNT)
    for _ in range(3):
        again = await ask(client, shared, VERIFY, fields["RefNum"])
        assert (again["ResultCode"], again["TransactionDetail"]) == (2, detail)


async def test_whom_verify_and_reverse_do_not_know(shared: Process, client: httpx2.AsyncClient) -> None:
    ref = (await paid(client, shared))["RefNum"]
    for path in (VERIFY, REVERSE):
        assert await code(client, shared, path, ref, terminal=2017) == -105
        assert await code(client, shared, path, ref, terminal=2016) == -2
        assert await code(client, shared, path, ref.swapcase()) == -2
        assert await code(client, shared, path, "") == -2
    assert shape(await ask(client, shared, VERIFY, "none")) == shape(on_file("verify-not-found"))


@pytest.mark.parametrize(
    "said",
    [
        {"RefNum": "x"},
        {"TerminalNumber": 2015},
        {"RefNum": "x", "TerminalNumber": "2015"},
        {"RefNum": 1, "TerminalNumber": 2015},
        {"RefNum": "x", "TerminalNumber": 2015, "Amount": AMOUNT},
        {"refnum": "x", "TerminalNumber": 2015},
    ],
)
async def test_verify_and_reverse_are_strict(shared: Process, client: httpx2.AsyncClient, said: dict[str, Any]) -> None:
    for path in (VERIFY, REVERSE):
        assert (await client.post(shared.url + path, json=said)).status_code == 400


async def test_reverse_is_for_what_is_verified(shared: Process, client: httpx2.AsyncClient) -> None:
    ref = (await paid(client, shared))["RefNum"]
    assert await code(client, shared, REVERSE, ref) == -2
    assert await code(client, shared, VERIFY, ref) == 0
    done = await ask(client, shared, REVERSE, ref)
    assert (done["ResultCode"], shape(done)) == (0, shape(on_file("reverse")))
    assert await code(client, shared, REVERSE, ref) == 2
    assert await code(client, shared, VERIFY, ref) == 5


async def test_what_is_not_verified_in_30_minutes_is_given_back(
    started: Callable[..., Process], client: httpx2.AsyncClient
) -> None:
    bank = started()
    in_time, late = (await paid(client, bank))["RefNum"], (await paid(client, bank))["RefNum"]
    bank.move_clock(1_790)
    assert await code(client, bank, VERIFY, in_time) == 0
    bank.move_clock(10)
    assert await code(client, bank, VERIFY, late) == 5
    assert await code(client, bank, REVERSE, late) == 5
    assert await code(client, bank, VERIFY, in_time) == 2


async def test_reverse_is_too_late_50_minutes_after_the_payment_however_late_it_was_verified(
    started: Callable[..., Process], client: httpx2.AsyncClient
) -> None:
    bank = started()
    in_time, late = (await paid(client, bank))["RefNum"], (await paid(client, bank))["RefNum"]
    bank.move_clock(1_700)
    for ref in (in_time, late):
        assert await code(client, bank, VERIFY, ref) == 0
    bank.move_clock(1_290)
    assert await code(client, bank, REVERSE, in_time) == 0
    bank.move_clock(10)
    assert await code(client, bank, REVERSE, late) == -6
    assert await code(client, bank, VERIFY, late) == 2


async def test_a_bank_that_starts_again_knows_its_receipts(
    started: Callable[..., Process], client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    options = {"book_path": str(tmp_path / "book")}
    bank = started(**options)
    fields = await paid(client, bank)
    before = await ask(client, bank, VERIFY, fields["RefNum"])
    assert bank.stop() == ""
    bank = started(**options)
    again = await ask(client, bank, VERIFY, fields["RefNum"])
    assert (again["ResultCode"], again["TransactionDetail"]) == (2, before["TransactionDetail"])


# --- through our connector ---


async def open_ours(ours: Bank) -> tuple[Opened, Attempt]:
    number = str(next(_numbers))
    opened = await ours.open(Order(number, Rial(AMOUNT), RETURN))
    assert isinstance(opened, Opened)
    return opened, Attempt(number, Rial(AMOUNT), opened.token)


async def pay_ours(client: httpx2.AsyncClient, ours: Bank, card: str = "paid") -> Attempt:
    opened, attempt = await open_ours(ours)
    redirect = opened.redirect
    back = await pay_at_bank(client, Form(redirect.method, redirect.url, redirect.fields, REFERER), card)
    assert back is not None
    returned = ours.read_return(back.fields)
    assert returned.claims_paid
    return Attempt(attempt.number, attempt.amount, attempt.token, returned.bank_ref, returned.masked_pan)


async def test_a_receipt_of_another_order_is_confirmed_so_that_the_database_must_know_it(
    client: httpx2.AsyncClient, ours: Bank
) -> None:
    """The bank does not know what a receipt pays. Both yeses name the same reference, which pays one attempt only."""
    first = await pay_ours(client, ours)
    confirmed = await ours.verify(first)
    assert isinstance(confirmed, Confirmed)
    _, second = await open_ours(ours)
    stolen = await ours.verify(Attempt(second.number, second.amount, second.token, first.bank_ref))
    assert isinstance(stolen, Confirmed)
    assert (confirmed.order_number, stolen.order_number) == (first.number, second.number)
    assert confirmed.bank_ref == stolen.bank_ref == first.bank_ref


async def test_a_receipt_of_nobody_leaves_the_order_open(client: httpx2.AsyncClient, ours: Bank) -> None:
    _, attempt = await open_ours(ours)
    assert await ours.verify(Attempt(attempt.number, attempt.amount, attempt.token, "x" * 30)) == Pending()


async def test_what_was_really_taken_is_told(client: httpx2.AsyncClient, ours: Bank) -> None:
    answer = await ours.verify(await pay_ours(client, ours, "amount_differs"))
    assert isinstance(answer, Confirmed)
    assert answer.amount == Rial(AMOUNT // 10)


async def test_a_terminal_that_the_bank_does_not_know(shared: Process, ours: Bank) -> None:
    assert await ours.probe() == Accepted()
    stranger = KIND.make(Access(shared.url, KIND.check({"terminal": "2017"}), KIND.facts))
    try:
        assert await stranger.probe() == Declined(Decline.NOT_ACCEPTED, "-105")
        assert await stranger.open(Order("1", Rial(AMOUNT), RETURN)) == Declined(Decline.NOT_ACCEPTED, "state 12")
    finally:
        await stranger.aclose()
