"""Zarinpal byte by byte: what we send is what `wire/zarinpal` holds, and what a bank says there becomes what it means.

The bank is a scripted HTTP server: it says one answer after another, and keeps what it was asked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from mopos.banks.kind import Access, Means, by_code
from mopos.banks.port import (
    Accepted,
    Attempt,
    Confirmed,
    Decline,
    Declined,
    Opened,
    Order,
    Pending,
    Redirect,
    Returned,
    Silent,
    Unverified,
)
from mopos.banks.wire import Transcript
from mopos.banks.zarinpal import KIND, STATUSES, Waiting, Zarinpal, from_wire, redact, to_wire
from mopos.base.money import Rial

TcpServer = Callable[..., AbstractAsyncContextManager[str]]

WIRE = Path(__file__).parents[1] / "wire" / "zarinpal"
MERCHANT = "1344b5d4-0048-41e8-94db-005056a205be"
AUTHORITY = "A0000000000000000000000000000wwOGYpd"
ORDER = Order("1001", Rial(250_010), "https://pay.example.ir/pay/return/canary-ref", "کفش‌های ورزشی، دو جفت")
ATTEMPT = Attempt("1001", Rial(250_010), AUTHORITY)
YES = Confirmed(Rial(250_010), "1001", "201999999", masked_pan="502229******0018")
SILENCE = b""


@dataclass(frozen=True)
class Message:
    """One file of the folder: a first line, headers, a body."""

    first: str
    headers: dict[str, str]
    body: bytes


def read(name: str) -> Message:
    comment, text = (WIRE / f"{name}.http").read_text(encoding="utf-8").split("\n", 1)
    assert comment.startswith("# ")
    head, body = text.split("\n\n", 1)
    first, *lines = head.split("\n")
    return Message(first, dict(line.split(": ", 1) for line in lines), body.removesuffix("\n").encode())


def answer(name: str) -> bytes:
    """The bytes of an answer as they go over the wire."""
    said = read(name)
    headers = said.headers | {"Content-Length": str(len(said.body))}
    head = [said.first, *(f"{key}: {value}" for key, value in headers.items())]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + said.body


def saying(body: bytes | dict[str, Any], status: int = 200) -> bytes:
    body = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def error(code: int | str, status: int = 401) -> bytes:
    return saying({"data": [], "errors": {"code": code, "message": "canary-message", "validations": []}}, status)


@dataclass
class Scripted:
    """A bank that says its answers in their order, and our connector to it."""

    bank: Zarinpal
    asked: list[Message] = field(default_factory=list)
    calls: list[Transcript] = field(default_factory=list)


@contextlib.asynccontextmanager
async def scripted(tcp_server: TcpServer, *answers: bytes, currency: str = "IRR") -> AsyncIterator[Scripted]:
    to_say = list(answers)
    asked: list[Message] = []
    calls: list[Transcript] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            asked.append(Message(first, headers, await reader.readexactly(int(headers["Content-Length"]))))
            writer.write(to_say.pop(0) if len(to_say) > 1 else to_say[0])
            await writer.drain()

    async with tcp_server(handle) as url:
        credentials = KIND.check({"merchant": MERCHANT, "currency": currency})
        bank = Zarinpal(Access(url, credentials, KIND.facts, deadline_s=2, on_call=calls.append))
        try:
            yield Scripted(bank, asked, calls)
        finally:
            await bank.aclose()


async def says(tcp_server: TcpServer, verb: str, *answers: bytes, currency: str = "IRR") -> object:
    """What our verb makes of what the bank says."""
    async with scripted(tcp_server, *answers, currency=currency) as one:
        return await getattr(one.bank, verb)(*asking(verb))


def asking(verb: str) -> tuple[object, ...]:
    """What a verb is asked about."""
    return {"open": (ORDER,), "probe": (), "unverified": ()}.get(verb, (ATTEMPT,))


# --- what we send -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "currency", "verb", "argument"),
    [
        ("request_irr", "IRR", "open", ORDER),
        ("request_irt", "IRT", "open", replace(ORDER, amount=Rial(250_000))),
        ("request_no_description", "IRR", "open", Order("1001", Rial(250_010), ORDER.return_url, " \n")),
        ("verify_irr", "IRR", "verify", ATTEMPT),
        ("verify_irt", "IRT", "verify", Attempt("1001", Rial(250_000), AUTHORITY)),
        ("inquiry", "IRT", "inquire", ATTEMPT),
        ("reverse", "IRT", "reverse", ATTEMPT),
        ("unverified", "IRR", "probe", None),
        ("unverified", "IRR", "unverified", None),
    ],
)
async def test_what_we_send(tcp_server: TcpServer, name: str, currency: str, verb: str, argument: object) -> None:
    async with scripted(tcp_server, error(-52), currency=currency) as one:
        await getattr(one.bank, verb)(*([] if argument is None else [argument]))
    (sent,), expected = one.asked, read(name)
    assert (sent.first, sent.body) == (expected.first, expected.body)
    assert {name: sent.headers[name] for name in expected.headers} == expected.headers


async def test_a_long_description_is_cut_and_not_refused(tcp_server: TcpServer) -> None:
    async with scripted(tcp_server, answer("request_ok")) as one:
        await one.bank.open(Order("1001", Rial(250_010), ORDER.return_url, "ک" * 501))
    assert msgspec.json.decode(one.asked[0].body)["description"] == "ک" * 500


# --- Rial and Toman ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rial", "currency", "told"),
    [(250_010, "IRR", 250_010), (250_000, "IRT", 25_000), (250_001, "IRR", 250_001), (250_001, "IRT", None)],
)
def test_the_unit_is_changed_in_one_place(rial: int, currency: str, told: int | None) -> None:
    assert to_wire(Rial(rial), currency) == told
    if told is not None:
        assert from_wire(told, currency) == Rial(rial)


async def test_an_amount_that_is_no_whole_toman_is_not_asked_for(tcp_server: TcpServer) -> None:
    odd = Attempt("1001", Rial(250_001), AUTHORITY)
    async with scripted(tcp_server, answer("verify_ok"), currency="IRT") as one:
        assert one.bank.facts.unit_rial == 10, "so routing sends no such amount there"
        assert await one.bank.open(Order("1001", odd.amount, ORDER.return_url)) == Silent("not_whole_toman")
        assert await one.bank.verify(odd) == Silent("not_whole_toman")
    assert one.asked == []


# --- what it says -----------------------------------------------------------------------------------------------------


async def test_a_new_payment(tcp_server: TcpServer) -> None:
    async with scripted(tcp_server, answer("request_ok")) as one:
        opened = await one.bank.open(ORDER)
    assert isinstance(opened, Opened)
    assert opened.token == AUTHORITY
    method, target, _ = read("page").first.split(" ")
    page = urlsplit(opened.redirect.url)
    assert (opened.redirect.method, page.path, page.query, opened.redirect.fields) == (method, target, "", {})


@pytest.mark.parametrize(
    ("name", "returned"),
    [
        ("return_ok", Returned(claims_paid=True, token=AUTHORITY)),
        ("return_nok", Returned(claims_paid=False, token=AUTHORITY)),
    ],
)
async def test_a_return(tcp_server: TcpServer, name: str, returned: Returned) -> None:
    fields = dict(parse_qsl(urlsplit(read(name).first.split(" ")[1]).query))
    async with scripted(tcp_server, SILENCE) as one:
        assert one.bank.read_return(fields) == returned


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Status": "OK"},
        {"authority": AUTHORITY, "status": "OK"},
        {"Authority": AUTHORITY + "0", "Status": "OK"},
        {"Authority": "B" + AUTHORITY[1:], "Status": "OK"},
        {"Authority": AUTHORITY + "\n", "Status": "OK"},
        {"Authority": "A" + "۰" * 35, "Status": "OK"},
    ],
    ids=repr,
)
async def test_a_return_that_is_none_claims_nothing(tcp_server: TcpServer, fields: dict[str, str]) -> None:
    async with scripted(tcp_server, SILENCE) as one:
        assert one.bank.read_return(fields) == Returned(claims_paid=False)


@pytest.mark.parametrize("status", ["ok", "OK ", "NOK", "", "100", "۱"])
async def test_only_the_word_ok_claims_paid(tcp_server: TcpServer, status: str) -> None:
    async with scripted(tcp_server, SILENCE) as one:
        assert not one.bank.read_return({"Authority": AUTHORITY, "Status": status}).claims_paid


READ = [
    ("open", ["request_ok"], Opened(AUTHORITY, Redirect("GET", "")), "a new payment"),
    ("open", ["request_invalid"], Declined(Decline.OTHER, "-9"), "not valid"),
    ("open", ["request_terminal"], Declined(Decline.NOT_ACCEPTED, "-10"), "not us"),
    ("verify", ["verify_ok"], YES, "paid"),
    ("verify", ["verify_again"], YES, "verified before"),
    ("verify", ["verify_amount"], Silent("code_-50"), "another amount"),
    ("verify", ["verify_not_paid"], Pending(), "not paid"),
    ("inquire", ["inquiry_paid"], Unverified(), "waits"),
    ("inquire", ["inquiry_verified"], Unverified(), "verified: asked again for its reference"),
    ("inquire", ["inquiry_in_bank"], Pending(), "at the bank"),
    ("inquire", ["inquiry_failed"], Declined(Decline.OTHER, "FAILED"), "failed"),
    ("inquire", ["inquiry_reversed"], Declined(Decline.GIVEN_BACK, "REVERSED"), "given back"),
    ("inquire", ["inquiry_unknown"], Silent("code_-54"), "no such authority"),
    ("reverse", ["reverse_ok"], Declined(Decline.GIVEN_BACK, "100"), "given back"),
    ("reverse", ["reverse_refused"], Declined(Decline.OTHER, "-60"), "refused"),
    ("reverse", ["reverse_not_success", "inquiry_reversed"], Declined(Decline.GIVEN_BACK, "REVERSED"), "done before"),
    ("reverse", ["reverse_not_success", "inquiry_failed"], Declined(Decline.OTHER, "-61"), "never paid"),
    ("reverse", ["reverse_not_success", "inquiry_paid"], Declined(Decline.OTHER, "-61"), "not verified"),
    ("reverse", ["reverse_not_success", "inquiry_unknown"], Silent("code_-54"), "and then silence"),
    ("probe", ["unverified_ok"], Accepted(), "knows us"),
    ("probe", ["request_terminal"], Declined(Decline.NOT_ACCEPTED, "-10"), "does not know us"),
    ("unverified", ["unverified_none"], [], "nothing waits"),
    ("unverified", ["request_terminal"], Silent("code_-10"), "does not know us"),
]


@pytest.mark.parametrize(("verb", "names", "meaning", "what"), READ, ids=[f"{row[0]}: {row[3]}" for row in READ])
async def test_what_an_answer_means(
    tcp_server: TcpServer, verb: str, names: list[str], meaning: object, what: str
) -> None:
    heard = await says(tcp_server, verb, *map(answer, names))
    if isinstance(heard, Opened) and isinstance(meaning, Opened):
        assert heard.token == meaning.token
    else:
        assert heard == meaning


async def test_a_reversal_that_was_done_in_time_is_found_when_asked_again_too_late(tcp_server: TcpServer) -> None:
    heard = await says(tcp_server, "reverse", error(-63), answer("inquiry_reversed"))
    assert heard == Declined(Decline.GIVEN_BACK, "REVERSED")
    heard = await says(tcp_server, "reverse", error(-63), answer("inquiry_verified"))
    assert heard == Declined(Decline.OTHER, "-63")


@pytest.mark.parametrize(("currency", "amounts"), [("IRR", (50_500, 11_100)), ("IRT", (505_000, 111_000))])
async def test_what_waits_to_be_verified(tcp_server: TcpServer, currency: str, amounts: tuple[int, int]) -> None:
    heard = await says(tcp_server, "unverified", answer("unverified_ok"), currency=currency)
    tokens = (AUTHORITY, "A00000000000000000000000000206873220")
    assert heard == [Waiting(token, Rial(rial)) for token, rial in zip(tokens, amounts, strict=True)]


def test_every_file_is_used_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert not [path.stem for path in WIRE.iterdir() if f'"{path.stem}"' not in text]


# --- every code, every verb -------------------------------------------------------------------------------------------

TABLE = by_code(KIND.codes)
NUMBERS = [code for code in TABLE if not code.startswith("status ")]
OPENING = [code for code in NUMBERS if -50 < int(code) < 0 or code == "429"]
REVERSING = ["-60", "-61", "-62", "-63"]


def test_the_table_is_whole() -> None:
    of_the_documents = {100, 101, 429, *range(-5, 0), *range(-19, -8), *range(-41, -29), *range(-55, -49)}
    assert {int(code) for code in NUMBERS} == of_the_documents | set(range(-63, -59))
    assert {code.removeprefix("status ") for code in TABLE if code not in NUMBERS} == {
        "PAID",
        "VERIFIED",
        "IN_BANK",
        "FAILED",
        "REVERSED",
    }
    by_decline = {reason: {code for code in NUMBERS if TABLE[code].decline is reason} for reason in Decline}
    assert by_decline[Decline.NOT_ACCEPTED] == {"-10", "-11", "-14", "-15", "-16", "-17", "-18", "-19"}
    assert by_decline[Decline.LIMIT_EXCEEDED] == {"-12", "-13", "-41"}
    assert by_decline[Decline.GIVEN_BACK] == set()
    assert all((row.decline is not None) is (row.means is Means.NO) for row in KIND.codes)
    assert all(row.fa and row.en and "ي" not in row.fa and "ك" not in row.fa for row in KIND.codes)


VERBS = ["open", "verify", "inquire", "reverse", "probe", "unverified"]


async def each(tcp_server: TcpServer, verb: str, answers: dict[Any, bytes | list[bytes]]) -> dict[Any, object]:
    """What our verb makes of each answer, asked over one connection."""
    told = [one for said in answers.values() for one in (said if isinstance(said, list) else [said])]
    async with scripted(tcp_server, *told) as one:
        return {what: await getattr(one.bank, verb)(*asking(verb)) for what in answers}


async def each_code(tcp_server: TcpServer, verb: str, *then: bytes) -> dict[Any, object]:
    """The same for every code of the table; where the verb asks on, it is told `then`."""
    asks_on = {code: list(then) if code in ("-61", "-63") else [] for code in NUMBERS}
    return await each(tcp_server, verb, {code: [error(code), *asks_on[code]] for code in NUMBERS})


def silences() -> dict[Any, object]:
    return {code: Silent("garbage" if code in ("100", "101") else f"code_{code}") for code in NUMBERS}


async def test_every_code_said_to_a_new_payment(tcp_server: TcpServer) -> None:
    noes = {code: Declined(TABLE[code].decline or Decline.CANCELLED, code) for code in OPENING}
    assert await each_code(tcp_server, "open") == silences() | noes


async def test_no_code_said_to_verify_is_a_no(tcp_server: TcpServer) -> None:
    assert await each_code(tcp_server, "verify") == silences() | {"-51": Pending()}


async def test_every_code_said_to_an_inquiry_is_silence(tcp_server: TcpServer) -> None:
    assert await each_code(tcp_server, "inquire") == silences()


async def test_every_code_said_to_a_reversal(tcp_server: TcpServer) -> None:
    noes = {code: Declined(Decline.OTHER, code) for code in REVERSING}
    assert await each_code(tcp_server, "reverse", answer("inquiry_verified")) == silences() | noes


async def test_every_code_said_to_a_probe(tcp_server: TcpServer) -> None:
    not_us = ["-9", "-10", "-11", "-15", "-16", "-17", "-19"]
    noes = {code: Declined(Decline.NOT_ACCEPTED, code) for code in not_us}
    assert await each_code(tcp_server, "probe") == silences() | noes


@pytest.mark.parametrize("verb", VERBS)
async def test_a_code_that_nobody_knows_is_silence(tcp_server: TcpServer, verb: str) -> None:
    unknown = [0, 1, 99, 102, 200, -6, -20, -56, -64, -999, 999]
    heard = await each(tcp_server, verb, {code: error(code) for code in unknown})
    assert heard == {code: Silent(f"code_{code}") for code in unknown}


async def test_the_body_is_read_under_every_likely_status(tcp_server: TcpServer) -> None:
    heard = await each(tcp_server, "open", {status: error(-11, status) for status in STATUSES})
    assert heard == dict.fromkeys((200, 400, 401, 403, 404, 422), Declined(Decline.NOT_ACCEPTED, "-11"))


@pytest.mark.parametrize("verb", VERBS)
async def test_any_other_status_is_silence(tcp_server: TcpServer, verb: str) -> None:
    others = [201, 302, 402, 405, 409, 429, 500, 502, 503, 504]
    heard = await each(tcp_server, verb, {status: saying(read("verify_ok").body, status) for status in others})
    assert heard == {status: Silent(f"http_{status}") for status in others}


# --- a yes is whole, or it is none ------------------------------------------------------------------------------------

DATA: dict[str, Any] = msgspec.json.decode(read("verify_ok").body)["data"]


def with_data(**change: Any) -> dict[str, Any]:
    return {"data": DATA | change, "errors": []}


GARBLED: list[bytes | dict[str, Any]] = [
    *(b"", b"{}", b"[]", b"null", b"<html>", b"\xff\xfe\x00", b'{"data":[],"errors":[]}', b'{"data":{},"errors":{}}'),
    *(b"0" * 60_000, b"[" * 60_000),
    {"data": [DATA], "errors": []},
    {"data": "100", "errors": []},
    {"data": DATA, "errors": {"code": -51}},
    {"data": DATA, "errors": {"message": "canary"}},
    {"data": DATA, "errors": {"code": None}},
    {"data": DATA, "errors": {"validations": []}},
    {"data": DATA, "errors": {"code": True}},
    {"data": [], "errors": {"message": "canary"}},
    {"data": [], "errors": {"code": True}},
    {"data": [], "errors": {"code": -51.0}},
    {"data": [], "errors": {"code": [-51]}},
    {"data": [], "errors": DATA},
    {"data": {"code": -51}, "errors": {"code": -51}},
    {"data": [], "errors": [{"code": -51}]},
    with_data(code="100 "),
    with_data(code="۱۰۰"),
    with_data(code=100.5),
    with_data(code=True),
    with_data(code=[100]),
    with_data(code=None),
    with_data(code=1000),
    with_data(ref_id=None),
    with_data(ref_id=0),
    with_data(ref_id=-201_999_999),
    with_data(ref_id="201 999"),
    with_data(ref_id="۲۰۱"),
    with_data(ref_id=1.5),
    with_data(ref_id=10**20),
    with_data(order_id="1002"),
    with_data(order_id=1002),
    with_data(order_id=["1001"]),
    with_data(authority="A" + "1" * 35),
    with_data(card_pan=6037990000000014),
]


@pytest.mark.parametrize("code", [100, 101])
async def test_attack_01_a_yes_that_is_not_whole_is_no_answer(tcp_server: TcpServer, code: int) -> None:
    def coded(said: bytes | dict[str, Any]) -> bytes | dict[str, Any]:
        if isinstance(said, dict) and isinstance(said["data"], dict) and said["data"].get("code") == 100:
            return said | {"data": said["data"] | {"code": code}}
        return said

    heard = await each(tcp_server, "verify", {at: saying(coded(said)) for at, said in enumerate(GARBLED)})
    assert [(GARBLED[at], answer) for at, answer in heard.items() if answer != Silent("garbage")] == []


async def test_errors_that_say_nothing_spoil_no_yes(tcp_server: TcpServer) -> None:
    said = [with_data() | {"errors": nothing} for nothing in ([], {}, None)] + [{"data": DATA}]
    heard = await each(tcp_server, "verify", {at: saying(one) for at, one in enumerate(said)})
    assert [answer for answer in heard.values() if not isinstance(answer, Confirmed)] == []


@pytest.mark.parametrize("verb", VERBS)
async def test_garbage_is_silence_for_every_verb(tcp_server: TcpServer, verb: str) -> None:
    no_answers = [b"", b"{}", b"[]", b"<html>", b'{"data":[],"errors":[]}', b'{"data":{},"errors":{}}']
    heard = await each(tcp_server, verb, {said: saying(said) for said in no_answers})
    assert heard == dict.fromkeys(no_answers, Silent("garbage"))


@pytest.mark.parametrize(
    ("change", "pan"),
    [
        ({"ref_id": "201999999"}, YES.masked_pan),
        ({"order_id": 1001}, YES.masked_pan),
        ({"order_id": ""}, YES.masked_pan),
        ({"authority": AUTHORITY}, YES.masked_pan),
        ({"card_pan": "6037990000000014"}, ""),
        ({"card_pan": None}, ""),
        ({"fee": {"any": "thing"}, "wages": [1], "unknown": None}, YES.masked_pan),
    ],
    ids=repr,
)
async def test_a_yes_with_what_does_not_matter(tcp_server: TcpServer, change: dict[str, Any], pan: str) -> None:
    heard = await says(tcp_server, "verify", saying(with_data(**change)))
    assert heard == Confirmed(Rial(250_010), "1001", "201999999", masked_pan=pan)


async def test_a_yes_in_toman_is_told_in_rial_once(tcp_server: TcpServer) -> None:
    async with scripted(tcp_server, answer("verify_ok"), currency="IRT") as one:
        heard = await one.bank.verify(Attempt("1001", Rial(250_000), AUTHORITY))
    assert heard == Confirmed(Rial(250_000), "1001", "201999999", masked_pan="502229******0018")


@pytest.mark.parametrize("status", ["", "paid", "PAID ", "UNKNOWN", None])
async def test_a_status_that_nobody_knows_is_silence(tcp_server: TcpServer, status: str | None) -> None:
    said = {"data": {"code": 100, "message": "Success", "status": status}, "errors": []}
    assert await says(tcp_server, "inquire", saying(said)) == Silent("garbage")


async def test_an_inquiry_about_another_payment_is_no_answer(tcp_server: TcpServer) -> None:
    said = {"data": {"code": 100, "status": "FAILED", "authority": "A" + "1" * 35}, "errors": []}
    assert await says(tcp_server, "inquire", saying(said)) == Silent("garbage")
    assert await says(tcp_server, "reverse", saying(said)) == Silent("garbage")


@pytest.mark.parametrize(
    "authority", [None, "", "A123", "B" + "0" * 35, AUTHORITY + "\n", "A/../" + "0" * 31, "A" + "۰" * 35]
)
async def test_an_authority_that_is_none_is_not_used(tcp_server: TcpServer, authority: str | None) -> None:
    said = {"data": {"code": 100, "message": "Success", "authority": authority}, "errors": []}
    assert await says(tcp_server, "open", saying(said)) == Silent("garbage")


@pytest.mark.parametrize("verb", ["verify", "inquire", "reverse"])
async def test_without_an_authority_nothing_can_be_asked(tcp_server: TcpServer, verb: str) -> None:
    async with scripted(tcp_server, answer("verify_ok")) as one:
        assert await getattr(one.bank, verb)(Attempt("1001", Rial(250_010), None)) == Silent("no_token")
    assert one.asked == []


async def test_what_zarinpal_cannot(tcp_server: TcpServer) -> None:
    async with scripted(tcp_server, answer("verify_ok")) as one:
        assert await one.bank.refund(ATTEMPT, "1", Rial(1_000)) == Declined(Decline.OTHER, "no_refund")
        assert await one.bank.report(date(2026, 7, 1)) == Silent("no_report")
    assert one.asked == []
    assert not one.bank.facts.can_refund
    assert not one.bank.facts.reports


# --- what may be kept of a call ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("request_irr", "amount=250010 currency=IRR order_id=1001"),
        ("request_ok", "code=100"),
        ("request_invalid", "code=-9"),
        ("verify_irr", "amount=250010"),
        ("verify_ok", "code=100 order_id=1001 ref_id=201999999 card_pan=502229******0018"),
        ("inquiry", ""),
        ("inquiry_reversed", "code=100 status=REVERSED amount=250010"),
        ("reverse", ""),
        ("reverse_refused", "code=-60"),
        ("unverified", ""),
        ("unverified_ok", "code=100"),
    ],
)
def test_what_is_kept_of_a_call(name: str, shown: str) -> None:
    assert redact(read(name).body) == shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b'{"merchant_id":"canary","authority":"canary","callback_url":"canary","description":"canary"}', ""),
        (b'{"data":{"message":"canary","card_hash":"canary","fee_type":"canary"}}', ""),
        (b'{"errors":{"message":"canary","validations":[{"canary":"canary"}]}}', ""),
        (b'{"metadata":{"mobile":"canary","email":"canary","card_pan":"6037990000000014"}}', "card_pan=***"),
        (b'{"data":{"card_pan":"6037990000000014","ref_id":6037990000000014}}', "ref_id=*** card_pan=***"),
        (b'{"metadata":{"order_id":"6037990000000014"},"amount":6037990000000014}', "amount=*** order_id=***"),
        (b'{"data":{"code":{"canary":1},"status":"canary","ref_id":["canary"]}}', "code=*** status=*** ref_id=***"),
        (b'{"currency":"canary"}', "currency=***"),
        (b'{"data":[{"code":"canary"}],"metadata":"canary"}', ""),
        (b"canary", "(6 bytes that are no answer)"),
        (b'["canary"]', "(10 bytes that are no answer)"),
    ],
)
def test_attack_20_what_is_never_kept(said: bytes, shown: str) -> None:
    assert redact(said) == shown


async def test_attack_20_transcripts_hold_no_secret(tcp_server: TcpServer) -> None:
    async with scripted(tcp_server, answer("request_ok"), answer("verify_ok"), error(-51)) as one:
        await one.bank.open(ORDER)
        await one.bank.verify(ATTEMPT)
        await one.bank.inquire(ATTEMPT)
        await one.bank.reverse(ATTEMPT)
        await one.bank.probe()
    kept = repr(one.calls)
    assert [call.about for call in one.calls] == ["1001"] * 4 + [""]
    for secret in (MERCHANT, AUTHORITY, "canary", "کفش", "1EBE3EBE"):
        assert secret not in kept
    assert MERCHANT not in repr(one.bank.__dict__)
