"""Saman Kish on the wire: what our connector says byte for byte, and what it makes of all that the bank may answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
import pytest

from mopos.banks.asking import after_return
from mopos.banks.kind import Access, AnswerCode, CredentialsWrong, Means, by_code
from mopos.banks.port import (
    Accepted,
    Attempt,
    Bank,
    Confirmed,
    Decline,
    Declined,
    Opened,
    Order,
    Pending,
    Redirect,
    Returned,
    Silent,
)
from mopos.banks.saman import CODES, FACTS, KIND, NOT_ACCEPTED, redact
from mopos.banks.wire import Transcript
from mopos.base.money import RIAL_MAX, Rial

TcpServer = Callable[..., AbstractAsyncContextManager[str]]

FILES = Path(__file__).parents[1] / "wire" / "saman"

TERMINAL = "2015"
TOKEN = "5b1f0c9d3e7a48628f40d1c6e2b97a35"
REF = "Qw7rHn2pXcE+M5xXb/4rT0LqVzW8ed"
NUMBER = "70000123"
AMOUNT = Rial(1_250_000)
ORDER = Order(NUMBER, AMOUNT, "https://pay.example.ir/pay/return/Zx-9_k3LqQ0aB7cD8eF1gA", "canary-description")
ATTEMPT = Attempt(NUMBER, AMOUNT, TOKEN, REF, "603799****0014")
YES = Confirmed(AMOUNT, NUMBER, REF, "508217", "603799****0014")


@dataclass
class Scripted:
    """A bank that says one thing first and the same or another ever after, and remembers what it was asked."""

    bank: Bank
    url: str
    heard: list[bytes] = field(default_factory=list)
    calls: list[Transcript] = field(default_factory=list)


@contextlib.asynccontextmanager
async def scripted(
    tcp_server: TcpServer,
    body: bytes | dict[str, Any],
    status: int = 200,
    session: timedelta = FACTS.session,
    then: bytes | dict[str, Any] | None = None,
) -> AsyncIterator[Scripted]:
    bodies = [one if isinstance(one, bytes) else msgspec.json.encode(one) for one in (body, then) if one is not None]
    heard: list[bytes] = []
    calls: list[Transcript] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-l"))
        said = bodies[-1] if heard else bodies[0]
        heard.append(head + await reader.readexactly(length))
        writer.write(b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n" % (status, len(said)) + said)
        await writer.drain()

    async with tcp_server(handle) as url:
        credentials = KIND.check({"terminal": TERMINAL})
        bank = KIND.make(Access(url, credentials, replace(FACTS, session=session), 5.0, calls.append))
        try:
            yield Scripted(bank, url, heard, calls)
        finally:
            await bank.aclose()


@dataclass(frozen=True)
class Kept:
    """One message as it is kept in `tests/wire/saman`, with its answer where it has one."""

    line: str
    content_type: str
    body: bytes
    status: int = 0
    answer: bytes = b""


def kept(name: str) -> Kept:
    text = (FILES / f"{name}.http").read_text(encoding="utf-8")
    asked, _, answer = text.partition("# ---- the bank's answer\n")
    line, content_type, _, body = asked.splitlines()[1:5]
    status, _, _, said = answer.splitlines()[:4] if answer else ("0", "", "", "")
    return Kept(line, content_type.removeprefix("Content-Type: "), body.encode(), int(status), said.encode())


def detail(**changes: Any) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.json.decode(kept("verify").answer)["TransactionDetail"]
    return said | changes


def result(code: object, told: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    return {
        "TransactionDetail": told,
        "ResultCode": code,
        "ResultDescription": "canary",
        "Success": code in (0, 2),
    } | more


async def said_by(bank: Bank, verb: str) -> object:
    match verb:
        case "open":
            return await bank.open(ORDER)
        case "verify":
            return await bank.verify(ATTEMPT)
        case "reverse":
            return await bank.reverse(ATTEMPT)
        case _:
            return await bank.probe()


# --- byte for byte ---

MESSAGES = [
    ("token", "open", None),
    ("token-refused", "open", Declined(Decline.NOT_ACCEPTED, "state 8")),
    ("token-refused-400", "open", Declined(Decline.OTHER, "state 5")),
    ("verify", "verify", YES),
    ("verify-repeated", "verify", YES),
    ("verify-discount", "verify", YES),
    ("verify-not-found", "verify", Pending()),
    ("verify-reversed", "verify", Declined(Decline.GIVEN_BACK, "5")),
    ("verify-late", "verify", Silent("code_-6")),
    ("verify-not-allowed", "verify", Silent("code_-106")),
    ("reverse", "reverse", Declined(Decline.GIVEN_BACK, "0")),
    # Of these two the bank is asked once more, and says the same there.
    ("reverse-repeated", "reverse", Declined(Decline.OTHER, "2")),
    ("reverse-late", "reverse", Silent("code_-6")),
]
FORMS = {"form", "return-paid", "return-cancelled", "return-failed", "return-over"}


@pytest.mark.parametrize(("name", "verb", "expected"), MESSAGES, ids=lambda one: one if isinstance(one, str) else "")
async def test_what_we_say_and_what_we_hear_is_on_file(
    tcp_server: TcpServer, name: str, verb: str, expected: object
) -> None:
    message = kept(name)
    async with scripted(tcp_server, message.answer, message.status) as at:
        answer = await said_by(at.bank, verb)
        heard = at.heard[0]
        assert len(at.heard) == (2 if name in ("reverse-repeated", "reverse-late") else 1)
        form = Redirect("POST", at.url + "/OnlinePG/OnlinePG", {"Token": TOKEN, "GetMethod": ""})
    head, _, body = heard.partition(b"\r\n\r\n")
    line, *headers = head.decode().lower().split("\r\n")
    assert line == message.line.lower()
    assert head.decode().startswith(message.line)
    assert f"content-type: {message.content_type}" in headers
    assert body == message.body
    assert answer == (expected or Opened(TOKEN, form))


async def test_every_message_on_file_is_compared() -> None:
    assert {name for name, _, _ in MESSAGES} | FORMS == {path.stem for path in FILES.glob("*")}


async def test_the_way_to_the_bank_is_on_file(tcp_server: TcpServer) -> None:
    message = kept("form")
    async with scripted(tcp_server, kept("token").answer) as at:
        opened = await at.bank.open(ORDER)
        assert isinstance(opened, Opened)
        redirect = opened.redirect
        assert f"{redirect.method} {redirect.url.removeprefix(at.url)} HTTP/1.1" == message.line
        assert urlencode(redirect.fields).encode() == message.body


# --- answer codes ---


def test_no_code_stands_twice() -> None:
    assert len(by_code(CODES)) == len(CODES)


RESULTS = [row for row in CODES if not row.code.startswith("state ")]
STATES = [row for row in CODES if row.code.startswith("state ")]


def meant(row: AnswerCode) -> object:
    """What an answer to verify is, by its row."""
    match row.means:
        case Means.DONE | Means.ALREADY:
            return YES
        case Means.NOT_YET:
            return Pending()
        case Means.NO if row.decline is not None and row.decline is not Decline.NOT_ACCEPTED:
            return Declined(row.decline, row.code)
        case _:
            return Silent(f"code_{row.code}")


@pytest.mark.parametrize("row", RESULTS, ids=lambda row: row.code)
async def test_every_result_is_what_the_table_says(tcp_server: TcpServer, row: AnswerCode) -> None:
    code = int(row.code)
    async with scripted(tcp_server, result(code, detail() if code in (0, 2) else None)) as at:
        assert await at.bank.verify(ATTEMPT) == meant(row)

        back = {0: Decline.GIVEN_BACK, 2: Decline.OTHER, 5: Decline.GIVEN_BACK}
        no_word = Silent(f"code_{code}")
        assert await at.bank.reverse(ATTEMPT) == (Declined(back[code], row.code) if code in back else no_word)

        refused = Declined(Decline.NOT_ACCEPTED, row.code)
        assert await at.bank.probe() == (
            Accepted() if code == -2 else refused if row.decline is Decline.NOT_ACCEPTED else probed(code)
        )


def probed(code: int) -> Silent:
    # A yes to a receipt that nobody has, with another receipt in it, is none.
    return Silent("garbage" if code in (0, 2) else f"code_{code}")


@pytest.mark.parametrize("row", STATES, ids=lambda row: row.code)
async def test_every_state_is_what_the_table_says(tcp_server: TcpServer, row: AnswerCode) -> None:
    number = row.code.removeprefix("state ")
    for said in (number, int(number)):
        async with scripted(tcp_server, {"status": -1, "errorCode": said, "errorDesc": "canary"}) as at:
            answer = await at.bank.open(ORDER)
            returned = at.bank.read_return({"Status": number, "ResNum": NUMBER})
        if row.means is Means.NO:
            assert row.decline is not None
            assert answer == Declined(row.decline, row.code)
            assert (returned.claims_paid, returned.reason, returned.code) == (False, row.decline, row.code)
        else:
            assert answer == Silent("code_state 2")
            assert (returned.claims_paid, returned.bank_ref, returned.code) == (True, None, "")


def test_what_the_guide_says_of_declines() -> None:
    told = {row.code: row.decline for row in CODES if row.decline is not None}
    assert told == {
        "state 1": Decline.CANCELLED,
        "state 3": Decline.OTHER,
        "state 4": Decline.SESSION_EXPIRED,
        "state 5": Decline.OTHER,
        "state 8": Decline.NOT_ACCEPTED,
        "state 9": Decline.PIN_BLOCKED,
        "state 10": Decline.OTHER,
        "state 11": Decline.NOT_ACCEPTED,
        "state 12": Decline.NOT_ACCEPTED,
        "state 21": Decline.OTHER,
        "5": Decline.GIVEN_BACK,
        "-104": Decline.NOT_ACCEPTED,
        "-105": Decline.NOT_ACCEPTED,
        "-106": Decline.NOT_ACCEPTED,
    }
    assert {-104, -105, -106} == NOT_ACCEPTED


@pytest.mark.parametrize("code", [1, -1, 3, -3, 51, -18, 100])
async def test_a_code_that_is_not_in_the_guide_is_no_answer(tcp_server: TcpServer, code: int) -> None:
    async with scripted(tcp_server, result(code, detail())) as at:
        assert await at.bank.verify(ATTEMPT) == Silent(f"code_{code}")
        assert await at.bank.reverse(ATTEMPT) == Silent(f"code_{code}")
    async with scripted(tcp_server, {"status": -1, "errorCode": "6"}) as at:
        assert await at.bank.open(ORDER) == Silent("code_state 6")


# --- a reversal whose answer was lost, and is asked for again ---


@pytest.mark.parametrize("name", ["reverse-late", "reverse-repeated"])
@pytest.mark.parametrize(
    ("then", "expected"),
    [
        (result(5, None), Declined(Decline.GIVEN_BACK, "5")),
        (result(0, detail()), None),
        (result(2, detail()), None),
        (result(0, None), Silent("garbage")),
        (result(2, None), Silent("garbage")),
        (result(2, detail(TerminalNumber=2016)), Silent("garbage")),
        (result(2, detail(RefNum=REF[::-1])), Silent("garbage")),
        (result(-2, None), Silent("code_-2")),
        (result(-6, None), Silent("code_-6")),
        (result(-105, None), Silent("code_-105")),
        (result(1, None), Silent("code_1")),
        (b"", Silent("garbage")),
    ],
)
async def test_too_late_or_repeated_tells_nothing_of_an_earlier_reversal(
    tcp_server: TcpServer, name: str, then: bytes | dict[str, Any], expected: object
) -> None:
    """So the bank is asked how the payment stands. Only its whole yes says that the money stays where it is."""
    message = kept(name)
    refused = Declined(Decline.OTHER, {"reverse-late": "-6", "reverse-repeated": "2"}[name])
    async with scripted(tcp_server, message.answer, then=then) as at:
        assert await at.bank.reverse(ATTEMPT) == (expected or refused)
    lines = [heard.partition(b" HTTP/1.1")[0].rpartition(b"/")[2] for heard in at.heard]
    assert lines == [b"ReverseTransaction", b"VerifyTransaction"]


# --- a yes is whole, and bound to what was asked ---

ANOTHER_REF = REF[::-1]


@pytest.mark.parametrize("code", [0, 2])
@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        detail(RefNum=ANOTHER_REF),
        detail(RefNum=REF.lower()),
        detail(RefNum=REF.replace("+", " ")),
        detail(RefNum=""),
        detail(RefNum=None),
        detail(RefNum=17),
        detail(TerminalNumber=2016),
        detail(TerminalNumber=None),
        detail(TerminalNumber="2015"),
        detail(OrginalAmount=None),
        detail(OrginalAmount=0),
        detail(OrginalAmount=-1_250_000),
        detail(OrginalAmount="1250000"),
        detail(OrginalAmount=1_250_000.5),
        detail(OrginalAmount=True),
        detail(OrginalAmount=RIAL_MAX + 1),
        {name: value for name, value in detail().items() if name != "OrginalAmount"},
        {name: value for name, value in detail().items() if name != "RefNum"},
        {name: value for name, value in detail().items() if name != "TerminalNumber"},
    ],
)
async def test_a_yes_that_does_not_fit_is_no_answer(
    tcp_server: TcpServer, code: int, told: dict[str, Any] | None
) -> None:
    async with scripted(tcp_server, result(code, told)) as at:
        assert await at.bank.verify(ATTEMPT) == Silent("garbage")


async def test_a_yes_that_says_no_beside_it_is_no_answer(tcp_server: TcpServer) -> None:
    for success in (False, None):
        async with scripted(tcp_server, result(0, detail(), Success=success)) as at:
            assert await at.bank.verify(ATTEMPT) == Silent("garbage")
            assert await at.bank.reverse(ATTEMPT) == Silent("garbage")


@pytest.mark.parametrize("code", [5, -2, -6, 0, 2])
async def test_a_word_about_another_receipt_is_no_answer(tcp_server: TcpServer, code: int) -> None:
    async with scripted(tcp_server, result(code, detail(RefNum=ANOTHER_REF))) as at:
        assert await at.bank.verify(ATTEMPT) == Silent("garbage")
        assert await at.bank.reverse(ATTEMPT) == Silent("garbage")


async def test_an_error_may_come_with_an_empty_detail(tcp_server: TcpServer) -> None:
    empty = dict.fromkeys(detail(), None) | {"TerminalNumber": 0, "OrginalAmount": 0}
    for code, expected in ((5, Declined(Decline.GIVEN_BACK, "5")), (-2, Pending())):
        async with scripted(tcp_server, result(code, empty)) as at:
            assert await at.bank.verify(ATTEMPT) == expected


@pytest.mark.parametrize("spelled", ["RRN", "Rrn", "rrn", None])
async def test_the_rrn_may_be_spelled_as_it_likes(tcp_server: TcpServer, spelled: str | None) -> None:
    told = {name: value for name, value in detail().items() if name != "RRN"}
    if spelled:
        told[spelled] = "40718293655"
    async with scripted(tcp_server, result(0, told)) as at:
        assert await at.bank.verify(ATTEMPT) == YES
    assert ("40718293655" in at.calls[0].answer) is (spelled in ("RRN", "Rrn"))


@pytest.mark.parametrize(
    ("changes", "trace", "pan"),
    [
        ({"StraceNo": None}, "", "603799****0014"),
        ({"StraceNo": "<b>"}, "", "603799****0014"),
        ({"MaskedPan": "6037990000000014"}, "508217", ""),
        ({"MaskedPan": ""}, "508217", ""),
        ({"MaskedPan": "603799******0014"}, "508217", "603799******0014"),
    ],
)
async def test_what_is_for_receipts_only_never_undoes_a_yes(
    tcp_server: TcpServer, changes: dict[str, Any], trace: str, pan: str
) -> None:
    async with scripted(tcp_server, result(0, detail(**changes))) as at:
        assert await at.bank.verify(ATTEMPT) == replace(YES, trace=trace, masked_pan=pan)


async def test_another_amount_is_told_and_not_hidden(tcp_server: TcpServer) -> None:
    async with scripted(tcp_server, result(0, detail(OrginalAmount=125_000))) as at:
        assert await at.bank.verify(ATTEMPT) == replace(YES, amount=Rial(125_000))


@pytest.mark.parametrize("verb", ["open", "verify", "reverse", "probe"])
@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b"<html>",
        b"\xff\xfe",
        b'{"ResultCode":"0"}',
        b'{"status":"1"}',
        b'{"ResultCode":1e9}',
    ],
)
async def test_garbage_is_silence(tcp_server: TcpServer, verb: str, said: bytes) -> None:
    for status in (200, 400):
        async with scripted(tcp_server, said, status) as at:
            assert await said_by(at.bank, verb) == Silent("garbage")


@pytest.mark.parametrize("status", [500, 502, 302, 401, 403, 404])
async def test_another_http_status_is_silence(tcp_server: TcpServer, status: int) -> None:
    async with scripted(tcp_server, kept("verify").answer, status) as at:
        assert await at.bank.verify(ATTEMPT) == Silent(f"http_{status}")
        assert await at.bank.reverse(ATTEMPT) == Silent(f"http_{status}")
    async with scripted(tcp_server, kept("token").answer, status) as at:
        assert await at.bank.open(ORDER) == Silent(f"http_{status}")


@pytest.mark.parametrize("token", [None, "", "short", "x" * 65, TOKEN + "\n", '"><script>alert(1)', "۵" * 32])
async def test_a_token_that_is_none_is_not_used(tcp_server: TcpServer, token: str | None) -> None:
    async with scripted(tcp_server, {"status": 1, "token": token}) as at:
        assert await at.bank.open(ORDER) == Silent("garbage")


@pytest.mark.parametrize(
    "said", [{"status": 0}, {"status": 2, "token": TOKEN}, {"status": -1}, {"status": -1, "errorCode": "x"}]
)
async def test_a_token_is_given_by_status_1_and_refused_by_minus_1(tcp_server: TcpServer, said: dict[str, Any]) -> None:
    async with scripted(tcp_server, said) as at:
        assert await at.bank.open(ORDER) == Silent("garbage")


# --- what is not asked ---


async def test_without_a_receipt_nothing_is_asked(tcp_server: TcpServer) -> None:
    async with scripted(tcp_server, kept("verify").answer) as at:
        attempt = replace(ATTEMPT, bank_ref=None)
        assert await at.bank.verify(attempt) == Pending()
        assert isinstance(await at.bank.reverse(attempt), Silent)
        assert await at.bank.inquire(ATTEMPT) == Silent("no_inquiry")
        assert await at.bank.refund(ATTEMPT, "1", AMOUNT) == Declined(Decline.OTHER, "no_refund")
        assert await at.bank.report(date(2026, 11, 25)) == Silent("no_report")
    assert at.heard == []


@pytest.mark.parametrize(("minutes", "asked"), [(1, 20), (20, 20), (20.5, 21), (45, 45), (100_000, 3600)])
async def test_the_token_lives_as_long_as_the_session(tcp_server: TcpServer, minutes: float, asked: int) -> None:
    async with scripted(tcp_server, kept("token").answer, session=timedelta(minutes=minutes)) as at:
        await at.bank.open(ORDER)
        assert at.heard[0].endswith(b'"TokenExpiryInMin":%d}' % asked)


# --- what the browser brings ---


def brought(name: str, **changes: str) -> dict[str, str]:
    return dict(parse_qsl(kept(name).body.decode(), keep_blank_values=True)) | changes


def read(fields: dict[str, str]) -> Returned:
    return KIND.make(Access("http://127.0.0.1:9", KIND.check({"terminal": TERMINAL}), FACTS)).read_return(fields)


PAID = Returned(True, REF, "603799****0014", NUMBER, TOKEN)


async def test_returns_are_on_file() -> None:
    assert read(brought("return-paid")) == PAID
    assert read(brought("return-cancelled")) == Returned(
        False, order_number=NUMBER, reason=Decline.CANCELLED, code="state 1"
    )
    assert read(brought("return-failed")) == Returned(
        False, None, "603799****0014", NUMBER, TOKEN, Decline.OTHER, "state 3"
    )
    assert read(brought("return-over")) == Returned(
        False, order_number=NUMBER, reason=Decline.SESSION_EXPIRED, code="state 4"
    )


async def test_names_come_in_any_case() -> None:
    for spell in (str.upper, str.lower, str.title):
        assert read({spell(name): value for name, value in brought("return-paid").items()}) == PAID


async def test_a_name_that_comes_twice_says_nothing_unless_it_says_the_same() -> None:
    assert read(brought("return-paid", STATUS="2")) == PAID
    assert not read(brought("return-paid", STATUS="3", STATE="Failed")).claims_paid
    assert read(brought("return-paid", refnum=ANOTHER_REF)).bank_ref is None


@pytest.mark.parametrize(
    "changes",
    [
        {"State": "Failed"},
        {"Status": "3"},
        {"State": "Fine"},
        {"State": "", "Status": ""},
        {"State": "", "Status": "02"},
        {"Status": "۲"},
    ],
)
async def test_what_claims_no_payment(changes: dict[str, str]) -> None:
    assert not read(brought("return-paid", **changes)).claims_paid


@pytest.mark.parametrize("ref", ["", REF + "\n", "x" * 51, "مرجع", "a'; drop table attempt --"])
async def test_paid_without_a_receipt_is_neither_yes_nor_no(ref: str) -> None:
    returned = read(brought("return-paid", RefNum=ref))
    assert returned == replace(PAID, bank_ref=None)


@pytest.mark.parametrize(
    "changes",
    [
        {"MID": "2016"},
        {"TerminalId": "2016"},
        {"MID": "2016", "TerminalId": "2016"},
        {"MID": "2016", "Status": "1", "State": "CanceledByUser"},
    ],
)
async def test_a_return_of_another_terminal_is_nobodys(changes: dict[str, str]) -> None:
    returned = read(brought("return-paid", **changes))
    assert (returned.claims_paid, returned.order_number) == (False, "")


UNREADABLE: list[dict[str, str]] = [
    {"State": "Fine"},
    {"State": "Failed"},
    {"Status": "3"},
    {"State": "", "Status": ""},
    {"State": "", "Status": "02"},
    {"State": "Fine", "Status": ""},
    {"State": "Fine", "Status": "99"},
]


@pytest.mark.parametrize("changes", UNREADABLE)
async def test_a_return_whose_state_cannot_be_read_is_no_no(tcp_server: TcpServer, changes: dict[str, str]) -> None:
    """With a receipt, the bank is asked, which answers only about a real one."""
    for name, answer in (("verify", YES), ("verify-not-found", Pending())):
        async with scripted(tcp_server, kept(name).answer) as at:
            returned = at.bank.read_return(brought("return-paid", **changes))
            assert (returned.claims_paid, returned.code) == (False, "")
            assert await after_return(at.bank, ATTEMPT, returned) == answer


@pytest.mark.parametrize("changes", UNREADABLE)
async def test_without_a_receipt_it_leaves_the_order_open(tcp_server: TcpServer, changes: dict[str, str]) -> None:
    async with scripted(tcp_server, kept("verify").answer) as at:
        returned = at.bank.read_return(brought("return-paid", RefNum="", **changes))
        assert await after_return(at.bank, replace(ATTEMPT, bank_ref=None), returned) == Pending()
    assert at.heard == []


async def test_a_no_that_can_be_read_asks_nothing(tcp_server: TcpServer) -> None:
    async with scripted(tcp_server, kept("verify").answer) as at:
        returned = at.bank.read_return(brought("return-cancelled"))
        assert await after_return(at.bank, ATTEMPT, returned) == Declined(Decline.CANCELLED, "state 1")
    assert at.heard == []


@pytest.mark.parametrize(
    "fields", [{}, {"fbclid": "x"}, {"Status": "1"}, {"Status": "3", "ResNum": ""}, {"ResNum": "1", "resnum": "2"}]
)
async def test_a_return_that_says_not_whose_it_is_is_nobodys(tcp_server: TcpServer, fields: dict[str, str]) -> None:
    """Who is still on the bank's page may pay, whatever somebody opens meanwhile."""
    async with scripted(tcp_server, kept("verify").answer) as at:
        returned = at.bank.read_return(fields)
        assert returned.order_number == ""
        assert await after_return(at.bank, ATTEMPT, returned) == Pending()
    assert at.heard == []


@pytest.mark.parametrize(
    "changes",
    [{"State": ""}, {"Status": ""}, {"State": "ok"}, {"MID": ""}, {"TerminalId": ""}, {"RefNum": "x" * 50}],
)
async def test_what_claims_a_payment(changes: dict[str, str]) -> None:
    assert read(brought("return-paid", **changes)).claims_paid


async def test_a_word_that_we_do_not_know_may_stand_beside_a_no() -> None:
    assert read(brought("return-failed", State="NewWord")).code == "state 3"
    unknown = read(brought("return-failed", State="NewWord", Status="99"))
    assert (unknown.claims_paid, unknown.reason, unknown.code) == (False, Decline.OTHER, "")


@pytest.mark.parametrize("pan", ["6037990000000014", "603799****001", "<b>", "603799****001۴", ""])
async def test_a_card_that_is_not_masked_is_not_kept(pan: str) -> None:
    assert read(brought("return-paid", SecurePan=pan)) == replace(PAID, masked_pan="")


@pytest.mark.parametrize("changes", [{"ResNum": "70000124"}, {"Token": TOKEN[::-1]}])
async def test_a_return_of_another_order_is_not_asked_about(tcp_server: TcpServer, changes: dict[str, str]) -> None:
    async with scripted(tcp_server, kept("verify").answer) as at:
        returned = at.bank.read_return(brought("return-paid", **changes))
        assert await after_return(at.bank, ATTEMPT, returned) == Pending()
    assert at.heard == []


# --- what is kept of a call ---

CANARIES = {
    "token": "canary-token",
    "Token": TOKEN,
    "RedirectUrl": "https://x/canary",
    "RedirectURL": "https://x/canary",
    "errorDesc": "canary",
    "ResultDescription": "canary",
    "CellNumber": "09120000000",
    "HashedPan": "ca9a" * 16,
    "HashedCardNumber": "ca9a" * 16,
    "SecurePan": "6037990000000014",
    "unheard-of": "canary",
}


def test_what_is_never_kept() -> None:
    for body in (CANARIES, {"TransactionDetail": CANARIES}):
        assert redact(msgspec.json.encode(body)) == ""


@pytest.mark.parametrize("name", ["ResNum", "RefNum", "RRN", "Rrn", "StraceNo", "MaskedPan", "Amount", "StraceDate"])
@pytest.mark.parametrize(
    "card",
    ["6037990000000014", "x6037990000000014x", "00006037990000000014", "60379900000000140001", 6037990000000014],
)
def test_a_card_number_is_hidden_wherever_it_stands(name: str, card: str | int) -> None:
    for body in ({name: card}, {"TransactionDetail": {name: card}}):
        assert redact(msgspec.json.encode(body)) == f"{name}=***"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"RefNum": REF, "TerminalNumber": 2015}, f"TerminalNumber=2015 RefNum={REF}"),
        ({"RefNum": "<script>canary"}, "RefNum=***"),
        ({"errorCode": "5", "status": -1}, "status=-1 errorCode=5"),
        ({"errorCode": "canary canary", "status": {"canary": 1}}, "status=*** errorCode=***"),
        ({"MaskedPan": "603799****0014"}, "MaskedPan=603799****0014"),
        ({"TransactionDetail": "canary", "ResultCode": -2}, "ResultCode=-2"),
        ({"TransactionDetail": ["canary"]}, ""),
    ],
)
def test_what_is_kept(said: dict[str, Any], shown: str) -> None:
    assert redact(msgspec.json.encode(said)) == shown


@pytest.mark.parametrize("body", [b"canary", b'["canary"]', b'{"a":', b"[" * 2_000, b"\xff"])
def test_what_is_no_object_is_told_by_its_length(body: bytes) -> None:
    assert redact(body) == f"({len(body)} bytes that are no answer)"


async def test_transcripts_hold_no_secret(tcp_server: TcpServer) -> None:
    secrets = (TOKEN, "Zx-9_k3LqQ0aB7cD8eF1gA", "canary", detail()["HashedPan"], "موفقیت")
    for name, verb, _ in MESSAGES:
        async with scripted(tcp_server, kept(name).answer, kept(name).status) as at:
            await said_by(at.bank, verb)
        assert not [secret for secret in secrets if secret in repr(at.calls)]
        assert at.calls[0].about == NUMBER


# --- credentials ---


@pytest.mark.parametrize("terminal", ["", "0123", "12a", "۱۲۳", "1" * 16, "-5", "1\n"])
def test_a_terminal_that_is_none(terminal: str) -> None:
    with pytest.raises(CredentialsWrong):
        KIND.check({"terminal": terminal})
