"""Our side of Sadad: what it sends, byte by byte, and what it makes of each thing that the bank can say."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import msgspec
import pytest

from mopos.banks.asking import after_return
from mopos.banks.kind import Access, AnswerCode, CredentialsWrong, Means
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
)
from mopos.banks.sadad import CODES, KIND, Sadad, redact, sign
from mopos.banks.switch import SWITCH
from mopos.banks.wire import Transcript
from mopos.base.money import RIAL_MAX, Rial

TcpServer = Callable[..., AbstractAsyncContextManager[str]]

WIRE = Path(__file__).parents[1] / "wire" / "sadad"

# The key of the test vector: bytes 01 to 18 hex.
KEY = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY"
CREDENTIALS = {"merchant": "000000140330001", "terminal": "24000001", "key": KEY}
TOKEN = "5AA0E4DFCBEE56274205F51730267377D38FD1A2CA186E2C"
NOW = datetime(2026, 11, 25, 4, 35, 9, tzinfo=UTC)
ORDER = Order("1001", Rial(250_000), "https://pay.example/pay/return/Zk3Jx0bq", "کفش")
ATTEMPT = Attempt("1001", Rial(250_000), TOKEN, masked_pan="603799******0014")
YES = Confirmed(Rial(250_000), "1001", "935894843629", "739757", "603799******0014")

# --- what is on the wire ----------------------------------------------------------------------------------------------


@dataclass
class Message:
    """A message of `tests/wire/sadad`, or one that was caught."""

    first: str
    headers: dict[str, str]
    body: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Message:
        head, _, body = raw.partition(b"\n\n")
        first, *lines = head.decode().split("\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return cls(first, headers, body.removesuffix(b"\n"))

    @property
    def fields(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


def recorded(name: str) -> Message:
    raw = (WIRE / f"{name}.http").read_bytes()
    return Message.parse(re.sub(rb"\A(#[^\n]*\n)+", b"", raw))


@dataclass
class Talk:
    """A connector that talks to a scripted bank, and all that was said."""

    bank: Sadad
    heard: list[Message]
    calls: list[Transcript]


@pytest.fixture
def talk(tcp_server: TcpServer) -> Callable[..., AbstractAsyncContextManager[Talk]]:
    """Our connector, and a bank that gives these answers, one after another, and the last one for ever."""

    @contextlib.asynccontextmanager
    async def start(
        *answers: bytes | dict[str, Any], status: str = "200 OK", now: datetime = NOW, key: str = KEY
    ) -> AsyncIterator[Talk]:
        bodies = [one if isinstance(one, bytes) else msgspec.json.encode(one) for one in answers]
        heard: list[Message] = []
        calls: list[Transcript] = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            message = Message.parse((await reader.readuntil(b"\r\n\r\n")).replace(b"\r\n", b"\n"))
            message.body = await reader.readexactly(int(message.headers["content-length"]))
            heard.append(message)
            body = bodies.pop(0) if len(bodies) > 1 else bodies[0]
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()

        async with tcp_server(handle) as url:
            access = Access(url, KIND.check(CREDENTIALS | {"key": key}), KIND.facts, 5.0, calls.append)
            bank = Sadad(access, clock=lambda: now)
            try:
                yield Talk(bank, heard, calls)
            finally:
                await bank.aclose()

    return start


Talking = Callable[..., AbstractAsyncContextManager[Talk]]


def same_request(heard: Message, name: str) -> None:
    expected = recorded(name)
    assert heard.first == expected.first
    assert heard.headers["content-type"] == expected.headers["content-type"]
    assert heard.body == expected.body


async def test_the_request_of_a_token(talk: Talking) -> None:
    async with talk(recorded("payment-answer").body) as said:
        opened = await said.bank.open(ORDER)
    same_request(said.heard[0], "payment-request")
    assert isinstance(opened, Opened)
    assert opened.token == TOKEN


async def test_the_way_to_the_bank(talk: Talking) -> None:
    async with talk(recorded("payment-answer").body) as said:
        opened = await said.bank.open(ORDER)
    assert isinstance(opened, Opened)
    redirect = opened.redirect
    assert redirect == Redirect("GET", redirect.url, {"Token": TOKEN})
    # A GET form replaces the query of its address, so the address has none.
    going = httpx2.Request(redirect.method, redirect.url, params=dict(redirect.fields))
    assert f"GET {going.url.raw_path.decode()} HTTP/1.1" == recorded("to-bank").first


async def test_the_confirmation(talk: Talking) -> None:
    async with talk(recorded("verify-answer").body) as said:
        assert await said.bank.verify(ATTEMPT) == YES
    same_request(said.heard[0], "verify-request")
    assert [call.about for call in said.calls] == ["1001"]


@pytest.mark.parametrize("name", ["payment-answer", "payment-answer-as-text"])
async def test_a_code_may_be_a_number_or_a_text(talk: Talking, name: str) -> None:
    async with talk(recorded(name).body) as said:
        assert isinstance(await said.bank.open(ORDER), Opened)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("verify-answer", YES),
        ("verify-again", YES),
        ("verify-answer-as-text", YES),
        ("verify-not-paid", Pending()),
        ("verify-too-late", Declined(Decline.GIVEN_BACK, "101")),
    ],
)
async def test_each_answer_to_a_confirmation(talk: Talking, name: str, answer: object) -> None:
    async with talk(recorded(name).body) as said:
        assert await said.bank.verify(ATTEMPT) == answer


async def test_a_refusal(talk: Talking) -> None:
    async with talk(recorded("payment-refused").body) as said:
        assert await said.bank.open(ORDER) == Declined(Decline.NOT_ACCEPTED, "1025")


@pytest.mark.parametrize(
    ("name", "returned"),
    [
        ("return-paid", Returned(True, None, "603799******0014", "1001", TOKEN)),
        (
            "return-refused",
            Returned(False, None, "610433******0011", "1001", TOKEN, Decline.INSUFFICIENT_FUNDS, "switch 51"),
        ),
        ("return-cancelled", Returned(False, None, "", "1001", TOKEN, Decline.CANCELLED, "switch 17")),
    ],
)
async def test_each_return(talk: Talking, name: str, returned: Returned) -> None:
    async with talk(b"") as said:
        assert said.bank.read_return(recorded(name).fields) == returned


# --- the signature ----------------------------------------------------------------------------------------------------


def test_the_test_vector() -> None:
    assert sign(base64.b64decode(KEY), "24000001;1001;250000") == "y6264MKuISY067ZHXqy25bdA0icydiVN"


async def test_a_key_of_sixteen_bytes_uses_its_first_part_twice(talk: Talking) -> None:
    first, second = bytes(range(1, 9)), bytes(range(9, 17))
    async with talk(recorded("payment-answer").body, key=base64.b64encode(first + second).decode()) as said:
        await said.bank.open(ORDER)
    signed = sign(first + second + first, "24000001;1001;250000")
    assert msgspec.json.decode(said.heard[0].body)["SignData"] == signed


@pytest.mark.parametrize(
    "key",
    [
        "",
        KEY[:-1],
        KEY + "A",
        KEY + "\n",
        KEY[:-1] + "-",
        "AQIDBAUGBwgJCgsMDQ4PEA",
        "AQIDBAUGBwgJCgsMDQ4PEB==",
        "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhc=",
        "AQIDBAUGBwg=",
    ],
)
def test_a_key_that_is_none(key: str) -> None:
    with pytest.raises(CredentialsWrong) as wrong:
        KIND.check(CREDENTIALS | {"key": key})
    assert set(wrong.value.problems) == {"key"}


@pytest.mark.parametrize(
    ("hour", "shown"),
    [
        (20, "11/25/2026 12:00:09 am"),
        (21, "11/25/2026 1:00:09 am"),
        (32, "11/25/2026 12:00:09 pm"),
        (33, "11/25/2026 1:00:09 pm"),
    ],
)
async def test_the_time_is_of_tehran(talk: Talking, hour: int, shown: str) -> None:
    now = datetime(2026, 11, 24, 0, 30, 9, tzinfo=UTC) + timedelta(hours=hour)
    async with talk(recorded("payment-answer").body, now=now) as said:
        await said.bank.open(ORDER)
    assert msgspec.json.decode(said.heard[0].body)["LocalDateTime"] == shown


# --- every code -------------------------------------------------------------------------------------------------------

ASKED_CODES = [row for row in CODES if not row.code.startswith("switch ")]
OPEN_SAYS_NO = {Decline.NOT_ACCEPTED, Decline.LIMIT_EXCEEDED}


def opening_of(row: AnswerCode) -> object:
    if row.decline in OPEN_SAYS_NO:
        return Declined(row.decline, row.code)
    return Silent(f"code_{row.code}")


def confirmation_of(row: AnswerCode) -> object:
    match row.means:
        case Means.DONE | Means.ALREADY:
            return YES
        case Means.NOT_YET:
            return Pending()
        case Means.NO if row.decline is Decline.GIVEN_BACK:
            return Declined(Decline.GIVEN_BACK, row.code)
        case _:
            return Silent(f"code_{row.code}")


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("row", ASKED_CODES, ids=lambda row: row.code)
async def test_every_code_means_what_the_table_says(talk: Talking, row: AnswerCode, quoted: bool) -> None:
    code = row.code if quoted else int(row.code)
    whole = msgspec.json.decode(recorded("verify-answer").body) | {"Token": TOKEN, "ResCode": code}
    async with talk(whole) as said:
        opened, confirmed = await said.bank.open(ORDER), await said.bank.verify(ATTEMPT)
    if row.code == "0":
        assert isinstance(opened, Opened)
    else:
        assert opened == opening_of(row)
    assert confirmed == confirmation_of(row)


@pytest.mark.parametrize(
    ("codes", "decline"),
    [
        ("3 23 58 1003 1004 1012 1019 1020 1023 1025 1027 1028 1029 1030 1033 1037 1053 1104", Decline.NOT_ACCEPTED),
        ("61 1017 1101", Decline.LIMIT_EXCEEDED),
        ("101 1105", Decline.GIVEN_BACK),
        ("1000 1001 1002 1005 1006 1011 1015 1018 1024 1026 1031 1032 1036 1040 1055 1056 1058 1061 1064", None),
        ("1065 1066 1068 1072 1103", None),
        ("switch 51", Decline.INSUFFICIENT_FUNDS),
        ("switch 55", Decline.WRONG_PIN),
        ("switch 38 69 75", Decline.PIN_BLOCKED),
        ("switch 33 54", Decline.EXPIRED_CARD),
        ("switch 14 15 41 43 56 78 81", Decline.WRONG_CARD),
        ("switch 36 57 58 62", Decline.NOT_PERMITTED),
        ("switch 61 65 98", Decline.LIMIT_EXCEEDED),
        ("switch 68 84 86 90 91 92 96", Decline.ISSUER_DOWN),
        ("switch 17", Decline.CANCELLED),
        ("switch 1031", Decline.SESSION_EXPIRED),
    ],
)  # fmt: skip
def test_what_the_tables_say(codes: str, decline: Decline | None) -> None:
    prefix = "switch " if codes.startswith("switch ") else ""
    wanted = {prefix + code for code in codes.removeprefix("switch ").split()}
    found = {row.code for row in CODES if row.code in wanted and row.decline is decline}
    assert found == wanted


def test_the_switch_table_has_no_other_reasons() -> None:
    named = {code: decline for code, decline in SWITCH.items() if decline is not Decline.OTHER}
    assert len(named) == 29
    assert not {"0", "00", "2", "8", "10", "16", "32"} & set(SWITCH)


@pytest.mark.parametrize("code", [2, -2, 7777, 99_999, "7777"])
async def test_a_code_that_nobody_knows_is_no_answer(talk: Talking, code: object) -> None:
    async with talk({"ResCode": code, "Token": TOKEN, "Amount": 250_000, "OrderId": 1001}) as said:
        for answer in (await said.bank.open(ORDER), await said.bank.verify(ATTEMPT), await said.bank.probe()):
            assert answer == Silent(f"code_{code}")


@pytest.mark.parametrize("switch", sorted(SWITCH, key=int))
async def test_every_switch_code_is_a_reason(talk: Talking, switch: str) -> None:
    async with talk(b"") as said:
        for written in (switch, switch.zfill(2)):
            fields = recorded("return-refused").fields | {"SwitchResCode": written}
            returned = said.bank.read_return(fields)
            assert (returned.claims_paid, returned.reason, returned.code) == (False, SWITCH[switch], f"switch {switch}")


# --- a yes that is none -----------------------------------------------------------------------------------------------

GOOD = msgspec.json.decode(recorded("verify-answer").body)

CHANGES: list[dict[str, Any]] = [
    {"Amount": None},
    {"Amount": 0},
    {"Amount": -250_000},
    {"Amount": ""},
    {"Amount": "۲۵۰۰۰۰"},
    {"Amount": "250,000"},
    {"Amount": "250000 "},
    {"Amount": 250_000.5},
    {"Amount": True},
    {"Amount": RIAL_MAX + 1},
    {"Amount": [250_000]},
    {"OrderId": None},
    {"OrderId": 0},
    {"OrderId": 1002},
    {"OrderId": "1002"},
    {"OrderId": "01001"},
    {"OrderId": "۱۰۰۱"},
    {"OrderId": -1001},
    {"RetrivalRefNo": None},
    {"RetrivalRefNo": ""},
    {"RetrivalRefNo": "935894843629\n"},
    {"RetrivalRefNo": "۹۳۵۸۹۴۸۴۳۶۲۹"},
    {"ResCode": None},
    {"ResCode": True},
    {"ResCode": False},
    {"ResCode": ""},
    {"ResCode": " 0"},
    {"ResCode": "۰"},
    {"ResCode": 0.5},
    {"ResCode": 10**6},
    {"ResCode": [0]},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
async def test_a_yes_that_is_not_whole_or_not_ours_is_no_answer(talk: Talking, change: dict[str, Any]) -> None:
    async with talk(GOOD | change) as said:
        assert await said.bank.verify(ATTEMPT) == Silent("garbage")
        assert len(repr(said.calls)) < 1_000


@pytest.mark.parametrize("missing", ["ResCode", "Amount", "OrderId", "RetrivalRefNo"])
async def test_a_yes_lacks_nothing(talk: Talking, missing: str) -> None:
    async with talk({name: value for name, value in GOOD.items() if name != missing}) as said:
        assert await said.bank.verify(ATTEMPT) == Silent("garbage")


async def test_attack_04_a_repeated_yes_about_another_order_is_none(talk: Talking) -> None:
    async with talk(recorded("verify-again").body) as said:
        assert await said.bank.verify(Attempt("1002", Rial(250_000), TOKEN)) == Silent("garbage")


async def test_the_reference_is_read_as_the_bank_spells_it(talk: Talking) -> None:
    spelled = {name.replace("Retrival", "Retrieval"): value for name, value in GOOD.items()}
    async with talk(spelled, GOOD) as said:
        assert await said.bank.verify(ATTEMPT) == Silent("garbage")
        assert await said.bank.verify(ATTEMPT) == YES


async def test_attack_01_another_amount_is_told(talk: Talking) -> None:
    async with talk(GOOD | {"Amount": 25_000}) as said:
        answer = await said.bank.verify(ATTEMPT)
    assert isinstance(answer, Confirmed)
    assert answer.amount == Rial(25_000)


@pytest.mark.parametrize(
    ("told", "brought", "shown"),
    [
        ("610433******0011", "603799******0014", "610433******0011"),
        (None, "603799******0014", "603799******0014"),
        ("6037990000000014", "603799******0014", "603799******0014"),
        (6037990000000014, "", ""),
        ({"canary": 1}, "", ""),
        (None, "6037990000000014", ""),
        (None, '"><script>', ""),
    ],
)
async def test_only_a_masked_card_is_kept(talk: Talking, told: object, brought: str, shown: str) -> None:
    async with talk(GOOD | {"CardNumberMasked": told}) as said:
        answer = await said.bank.verify(Attempt("1001", Rial(250_000), TOKEN, masked_pan=brought))
    assert isinstance(answer, Confirmed)
    assert answer.masked_pan == shown


@pytest.mark.parametrize("trace", [None, "", "canary", "1" * 13])
async def test_a_trace_that_is_none_spoils_nothing(talk: Talking, trace: object) -> None:
    async with talk(GOOD | {"SystemTraceNo": trace}) as said:
        answer = await said.bank.verify(ATTEMPT)
    assert isinstance(answer, Confirmed)
    assert answer.trace == ""


@pytest.mark.parametrize("token", [None, "", "short", "a b c d e f", TOKEN + "\n", '"><script>x', "۰" * 32, "A" * 513])
async def test_a_token_that_is_none_is_not_used(talk: Talking, token: object) -> None:
    async with talk({"ResCode": 0, "Token": token}) as said:
        assert await said.bank.open(ORDER) == Silent("garbage")


@pytest.mark.parametrize("status", ["500 Internal Server Error", "403 Forbidden", "302 Found"])
async def test_only_http_200_is_an_answer(talk: Talking, status: str) -> None:
    async with talk(GOOD | {"Token": TOKEN}, status=status) as said:
        why = Silent(f"http_{status[:3]}")
        assert await said.bank.open(ORDER) == why
        assert await said.bank.verify(ATTEMPT) == why
        assert await said.bank.probe() == why


# --- what is not asked ------------------------------------------------------------------------------------------------


async def test_what_the_bank_has_no_call_for_is_not_asked(talk: Talking) -> None:
    async with talk(GOOD) as said:
        assert await said.bank.inquire(ATTEMPT) == Silent("no_inquiry")
        assert await said.bank.reverse(ATTEMPT) == Declined(Decline.OTHER, "no_reversal")
        assert await said.bank.refund(ATTEMPT, "5001", Rial(1)) == Declined(Decline.OTHER, "no_refund")
        assert await said.bank.report(NOW.date()) == Silent("no_report")
        # Without a token the buyer has never seen the bank.
        assert await said.bank.verify(Attempt("1001", Rial(250_000), None)) == Pending()
    assert not said.heard


async def test_what_the_browser_brought_is_never_sent(talk: Talking) -> None:
    async with talk(GOOD) as said:
        await said.bank.verify(Attempt("1001", Rial(250_000), TOKEN, "canary-ref", "canary-pan"))
    same_request(said.heard[0], "verify-request")


# --- what the browser brings ------------------------------------------------------------------------------------------

PAID = recorded("return-paid").fields
REFUSED = recorded("return-refused").fields


@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
async def test_names_in_any_case(talk: Talking, case: Callable[[str], str]) -> None:
    async with talk(b"") as said:
        for fields in (PAID, REFUSED):
            again = {case(name): value for name, value in fields.items()}
            assert said.bank.read_return(again) == said.bank.read_return(fields)


@pytest.mark.parametrize(
    ("change", "claims"),
    [
        ({"ResCode": "00"}, False),
        ({"ResCode": "۰"}, False),
        ({"ResCode": ""}, False),
        ({"token": ""}, False),
        ({"token": "۰" * 32}, False),
        ({"Token": "another-token"}, False),
        ({"Token": TOKEN}, True),
        ({"SwitchResCode": "51"}, True),
        ({"PrimaryAccNo": "6037990000000014"}, True),
    ],
)
async def test_attack_02_a_return_only_claims(talk: Talking, change: dict[str, str], claims: bool) -> None:
    async with talk(b"") as said:
        returned = said.bank.read_return(PAID | change)
    assert returned.claims_paid is claims
    assert returned.bank_ref is None
    assert returned.masked_pan in ("", "603799******0014")
    assert returned.token in ("", TOKEN)


@pytest.mark.parametrize("fields", [{}, {"ResCode": "-1"}, {"ResCode": "-1", "OrderId": "۱۰۰۱", "token": '"><script>'}])
async def test_a_return_that_says_not_whose_it_is_is_nobodys(talk: Talking, fields: dict[str, str]) -> None:
    async with talk(b"") as said:
        returned = said.bank.read_return(fields)
    assert (returned.order_number, returned.token) == ("", "")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"SwitchResCode": ""}, "-1"),
        ({"SwitchResCode": "00"}, "-1"),
        ({"SwitchResCode": "canary"}, "-1"),
        ({"SwitchResCode": "777"}, "switch 777"),
        ({"SwitchResCode": "", "ResCode": "canary"}, ""),
        # A return says 0 or -1. What else stands there is no word of the bank's, and so is what stands beside it.
        ({"SwitchResCode": "", "ResCode": "1025"}, ""),
        ({"SwitchResCode": "51", "ResCode": ""}, ""),
        ({"SwitchResCode": "51", "ResCode": "00"}, ""),
    ],
)
async def test_a_no_without_a_reason(talk: Talking, change: dict[str, str], code: str) -> None:
    async with talk(b"") as said:
        returned = said.bank.read_return(REFUSED | change)
    assert (returned.reason, returned.code) == (Decline.OTHER, code)


@pytest.mark.parametrize("said", [None, "", "0 ", "00", "1025", "OK", "۰"])
@pytest.mark.parametrize("switch", ["", "00", "51"])
async def test_a_return_whose_code_cannot_be_read_is_no_no(talk: Talking, said: str | None, switch: str) -> None:
    """The buyer may have paid, so the bank is asked, and a "not yet" of the bank leaves him his time."""
    fields = {k: v for k, v in (PAID | {"ResCode": said, "SwitchResCode": switch}).items() if v is not None}
    async with talk(recorded("verify-answer").body, recorded("verify-not-paid").body) as at:
        for answer in (YES, Pending()):
            assert await after_return(at.bank, ATTEMPT, at.bank.read_return(fields)) == answer


async def test_two_codes_that_contradict_one_another_are_no_no(talk: Talking) -> None:
    async with talk(recorded("verify-not-paid").body) as at:
        returned = at.bank.read_return(PAID | {"rescode": "-1"})
        assert await after_return(at.bank, ATTEMPT, returned) == Pending()


async def test_a_no_that_can_be_read_asks_nothing(talk: Talking) -> None:
    async with talk(recorded("verify-answer").body) as at:
        returned = at.bank.read_return(REFUSED)
        assert await after_return(at.bank, ATTEMPT, returned) == Declined(Decline.INSUFFICIENT_FUNDS, "switch 51")
    assert not at.heard


# --- probe ------------------------------------------------------------------------------------------------------------


async def test_a_probe_asks_for_a_token_that_nobody_pays(talk: Talking) -> None:
    async with talk(recorded("payment-answer").body) as said:
        assert await said.bank.probe() == Accepted()
    asked = msgspec.json.decode(said.heard[0].body)
    assert (asked["OrderId"], asked["Amount"]) == (1_795_581_309_000_000, 10_000)
    # It is about no attempt of ours.
    assert [call.about for call in said.calls] == [""]


async def test_a_probe_that_is_refused(talk: Talking) -> None:
    async with talk(recorded("payment-refused").body) as said:
        assert await said.bank.probe() == Declined(Decline.NOT_ACCEPTED, "1025")


@pytest.mark.parametrize("code", [1023, 1030])
async def test_a_probe_asks_with_our_address_once_it_knows_it(talk: Talking, code: int) -> None:
    async with talk({"ResCode": code}) as said:
        # Until then, what the bank thinks of the stand-in says nothing of our terminal.
        assert await said.bank.probe() == Silent(f"code_{code}")
        assert await said.bank.open(ORDER) == Declined(Decline.NOT_ACCEPTED, str(code))
        assert await said.bank.probe() == Declined(Decline.NOT_ACCEPTED, str(code))
    addresses = [urlsplit(msgspec.json.decode(one.body)["ReturnUrl"]).netloc for one in said.heard]
    assert addresses == ["localhost", "pay.example", "pay.example"]


@pytest.mark.parametrize("code", [61, 101, 1011, 1018, 1056, 1101, -1, 100])
async def test_a_probe_that_tells_nothing(talk: Talking, code: int) -> None:
    async with talk({"ResCode": code}) as said:
        assert await said.bank.probe() == Silent(f"code_{code}")


# --- what may be kept of a call ---------------------------------------------------------------------------------------


async def test_attack_20_nothing_secret_is_kept(talk: Talking) -> None:
    answer = GOOD | {"Token": TOKEN, "HashedCardNo": "canary-hash", "PrimaryAccNo": "6037990000000014"}
    async with talk(answer) as said:
        await said.bank.open(ORDER)
        await said.bank.verify(ATTEMPT)
        await said.bank.probe()
    kept = repr(said.calls)
    signatures = [msgspec.json.decode(one.body)["SignData"] for one in said.heard]
    for secret in (TOKEN, KEY, "Zk3Jx0bq", "canary", "6037990000000014", "نازنین", "انجام", "کفش", *signatures):
        assert secret not in kept
    assert said.calls[0].request == (
        "Amount=250000 MerchantId=000000140330001 TerminalId=24000001 OrderId=1001 LocalDateTime=11/25/2026 8:05:09 am"
    )
    assert said.calls[1].answer == (
        "ResCode=0 Amount=250000 OrderId=1001 RetrivalRefNo=935894843629 SystemTraceNo=739757"
    )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b'{"OrderId":6037990000000014,"RetrivalRefNo":"6037990000000014"}', "OrderId=*** RetrivalRefNo=***"),
        (b'{"Amount":"6037990000000014","MerchantId":"6037990000000014"}', "Amount=*** MerchantId=***"),
        (b'{"ResCode":{"canary":1},"SystemTraceNo":["canary"]}', "ResCode=*** SystemTraceNo=***"),
        (b'{"CardNumberMasked":"6037990000000014","LocalDateTime":"canary"}', "LocalDateTime=*** CardNumberMasked=***"),
        (b'{"CardNumberMasked":"603799******0014"}', "CardNumberMasked=603799******0014"),
        (b'{"Description":"canary","CardHolderFullName":"canary","ReturnUrl":"canary"}', ""),
        (b"canary", "(6 bytes that are no answer)"),
        (b'["canary"]', "(10 bytes that are no answer)"),
    ],
)
def test_attack_20_what_is_kept_of_a_call(said: bytes, shown: str) -> None:
    assert redact(said) == shown
