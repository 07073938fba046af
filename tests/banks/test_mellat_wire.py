"""Behpardakht Mellat on the wire: what our connector says byte for byte, and what it makes of all that the bank may
answer."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest

from mopos.banks import mellat
from mopos.banks.asking import after_return, is_about
from mopos.banks.kind import Access, AnswerCode, CredentialsWrong, Means, by_code
from mopos.banks.mellat import CODES, FACTS, KIND, Mellat, redact
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
from mopos.base.money import Rial

TcpServer = Callable[..., AbstractAsyncContextManager[str]]

FILES = Path(__file__).parents[1] / "wire" / "mellat"
ANSWER = "# ---- the bank's answer\n"
SERVICE = "POST /pgwchannel/services/pgw HTTP/1.1"

REF_ID = "Qw7rHn2pXcE5M8xXb1Zt"
REF = "173928461052"
NUMBER = "70000123"
AMOUNT = Rial(1_250_000)
PAN = "603799*****0014"
RETURN_URL = "https://pay.example.ir/pay/return/Zx-9_k3LqQ0aB7cD8eF1gA"
ORDER = Order(NUMBER, AMOUNT, RETURN_URL, "کتاب & دفتر <۲ جلد>")
ATTEMPT = Attempt(NUMBER, AMOUNT, REF_ID, REF, PAN)
YES = Confirmed(AMOUNT, NUMBER, REF, "", PAN)
# 08:34:09 in Tehran: an hour that needs its nought.
NOW = datetime(2026, 11, 25, 5, 4, 9, tzinfo=UTC)

PAY, VERIFY, SETTLE = "bpPayRequest", "bpVerifyRequest", "bpSettleRequest"
INQUIRE, REVERSE = "bpInquiryRequest", "bpReversalRequest"
FIRST = {"open": PAY, "verify": VERIFY, "inquire": INQUIRE, "reverse": REVERSE, "probe": INQUIRE}


# --- a bank that says what it is told to ------------------------------------------------------------------------------


@dataclass
class Scripted:
    """A bank that answers by operation, and remembers what it was asked."""

    bank: Mellat
    url: str
    answers: Mapping[str, bytes] | bytes
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    """Head and body of each request."""
    calls: list[Transcript] = field(default_factory=list)


@contextlib.asynccontextmanager
async def scripted(
    tcp_server: TcpServer, answers: Mapping[str, bytes] | bytes, status: int = 200, now: datetime = NOW
) -> AsyncIterator[Scripted]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            body = await reader.readexactly(int(re.findall(r"(?i)content-length: (\d+)", head)[0]))
            at.heard.append((head, body))
            operation = re.findall(rb"<pgw:(\w+) ", body)[0].decode()
            said = at.answers if isinstance(at.answers, bytes) else at.answers[operation]
            writer.write(b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n" % (status, len(said)) + said)
            await writer.drain()

    async with tcp_server(handle) as url:
        credentials = KIND.check({"terminal": "2234567", "user": "mopos", "password": "mellat-password"})
        calls: list[Transcript] = []
        bank = Mellat(Access(url, credentials, FACTS, 5.0, calls.append), clock=lambda: now)
        at = Scripted(bank, url, answers, calls=calls)
        try:
            yield at
        finally:
            await bank.aclose()


def answer(operation: str, said: str) -> bytes:
    return (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        f'<ns2:{operation}Response xmlns:ns2="http://interfaces.core.sw.bps.com/"><return>{said}</return>'
        f"</ns2:{operation}Response></soap:Body></soap:Envelope>"
    ).encode()


def saying(said: str, **others: str) -> dict[str, bytes]:
    """The same to every operation, but for `others`."""
    return {one: answer(one, others.get(one, said)) for one in (PAY, VERIFY, SETTLE, INQUIRE, REVERSE)}


async def said_by(bank: Mellat, verb: str, attempt: Attempt = ATTEMPT) -> object:
    match verb:
        case "open":
            return await bank.open(ORDER)
        case "verify":
            return await bank.verify(attempt)
        case "inquire":
            return await bank.inquire(attempt)
        case "reverse":
            return await bank.reverse(attempt)
        case _:
            return await bank.probe()


# --- byte for byte ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """One message as it is kept in `tests/wire/mellat`, with its answer where it has one."""

    line: str
    headers: list[str]
    body: bytes
    status: int = 0
    answer: bytes = b""


def kept(name: str) -> Kept:
    text = (FILES / f"{name}.http").read_text(encoding="utf-8").split("\n", 1)[1]
    asked, _, answered = text.partition(ANSWER)
    head, _, body = asked.partition("\n\n")
    line, *headers = head.splitlines()
    about, _, said = answered.partition("\n\n")
    status = int(about.splitlines()[0]) if about else 0
    return Kept(line, headers, body.removesuffix("\n").encode(), status, said.removesuffix("\n").encode())


def form(name: str) -> dict[str, str]:
    return dict(parse_qsl(kept(name).body.decode(), keep_blank_values=True, strict_parsing=True))


MESSAGES: list[tuple[str, str, str]] = [
    ("pay", "open", PAY),
    ("pay-refused", "open", PAY),
    ("verify", "verify", VERIFY),
    ("verify-repeated", "verify", VERIFY),
    ("verify-unknown", "verify", VERIFY),
    ("settle", "verify", SETTLE),
    ("settle-repeated", "verify", SETTLE),
    ("inquiry", "inquire", INQUIRE),
    ("inquiry-settled", "inquire", INQUIRE),
    ("inquiry-reversed", "inquire", INQUIRE),
    ("reversal", "reverse", REVERSE),
    ("reversal-repeated", "reverse", REVERSE),
    ("reversal-late", "reverse", REVERSE),
]
EXPECTED: dict[str, object] = {
    "pay-refused": Declined(Decline.NOT_ACCEPTED, "24"),
    "verify": YES,
    "verify-repeated": YES,
    "verify-unknown": Pending(),
    "settle": YES,
    "settle-repeated": YES,
    "inquiry": Unverified(),
    "inquiry-settled": YES,
    "inquiry-reversed": Declined(Decline.GIVEN_BACK, "48"),
    "reversal": Declined(Decline.GIVEN_BACK, "0"),
    "reversal-repeated": Declined(Decline.GIVEN_BACK, "48"),
    "reversal-late": Declined(Decline.OTHER, "45"),
}


@pytest.mark.parametrize(("name", "verb", "operation"), MESSAGES)
async def test_what_we_say_and_what_we_hear_is_on_file(
    tcp_server: TcpServer, name: str, verb: str, operation: str
) -> None:
    message = kept(name)
    answers = {VERIFY: kept("verify").answer, SETTLE: kept("settle").answer, operation: message.answer}
    async with scripted(tcp_server, answers) as at:
        said = await said_by(at.bank, verb)
        page = Redirect("POST", f"{at.url}/pgwchannel/startpay.mellat", {"RefId": REF_ID})
    assert message.status == 200
    head, body = next((head, body) for head, body in at.heard if operation.encode() in body)
    line, *headers = head.strip().split("\r\n")
    assert line == message.line == SERVICE
    assert {one.lower() for one in message.headers} <= {one.lower() for one in headers}
    assert body == message.body
    assert said == EXPECTED.get(name, Opened(REF_ID, page))


def test_every_message_on_file_is_compared() -> None:
    forms = {"start-pay", "return-paid", "return-cancelled", "return-failed"}
    assert {name for name, _, _ in MESSAGES} | forms | {"fault"} == {path.stem for path in FILES.glob("*.http")}


async def test_the_way_to_the_bank_is_on_file(tcp_server: TcpServer) -> None:
    message = kept("start-pay")
    async with scripted(tcp_server, {PAY: kept("pay").answer}) as at:
        opened = await at.bank.open(ORDER)
        assert isinstance(opened, Opened)
        redirect = opened.redirect
        assert f"{redirect.method} {redirect.url.removeprefix(at.url)} HTTP/1.1" == message.line
        assert urlencode(redirect.fields).encode() == message.body


@pytest.mark.parametrize("verb", FIRST)
async def test_a_fault_is_no_answer(tcp_server: TcpServer, verb: str) -> None:
    fault = kept("fault")
    async with scripted(tcp_server, fault.answer, fault.status) as at:
        assert await said_by(at.bank, verb) == Silent("http_500")
    # Some servers and proxies send faults with another status.
    async with scripted(tcp_server, fault.answer) as at:
        assert await said_by(at.bank, verb) == Silent("garbage")


@pytest.mark.parametrize(
    ("now", "local"),
    [
        (datetime(2026, 11, 25, 21, 0, 5, tzinfo=UTC), b"<localDate>20261126</localDate><localTime>003005</localTime>"),
        (datetime(2026, 3, 21, 8, 30, 0, tzinfo=UTC), b"<localDate>20260321</localDate><localTime>120000</localTime>"),
    ],
)
async def test_the_moment_is_that_of_tehran(tcp_server: TcpServer, now: datetime, local: bytes) -> None:
    async with scripted(tcp_server, saying(f"0,{REF_ID}"), now=now) as at:
        await at.bank.open(ORDER)
        assert local in at.heard[0][1]


@pytest.mark.parametrize(
    ("description", "sent"),
    [
        ("", ""),
        ("ک" * 1_200, "ک" * 1_000),
        ("&" * 1_000, "&amp;" * 1_000),
        ("]]></additionalData><amount>1</amount>", "]]&gt;&lt;/additionalData&gt;&lt;amount&gt;1&lt;/amount&gt;"),
        ("a\x00\ufffe\ud800b\r\n\x0bc", "ab c"),
    ],
    ids=["empty", "long", "long when escaped", "markup", "no XML"],
)
async def test_a_description_is_text_and_nothing_else(tcp_server: TcpServer, description: str, sent: str) -> None:
    async with scripted(tcp_server, saying(f"0,{REF_ID}")) as at:
        assert isinstance(await at.bank.open(replace(ORDER, description=description)), Opened)
        assert f"<additionalData>{sent}</additionalData>" in at.heard[0][1].decode()


# --- the return -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "returned"),
    [
        ("return-paid", Returned(claims_paid=True, bank_ref=REF, masked_pan=PAN, order_number=NUMBER, token=REF_ID)),
        (
            "return-cancelled",
            Returned(
                claims_paid=False, order_number=NUMBER, token=REF_ID, reason=Decline.CANCELLED, code="17", bank_ref=None
            ),
        ),
        (
            "return-failed",
            Returned(
                claims_paid=False,
                masked_pan="610433*****0011",
                order_number=NUMBER,
                token=REF_ID,
                reason=Decline.INSUFFICIENT_FUNDS,
                code="12",
            ),
        ),
    ],
)
async def test_a_return_is_read(tcp_server: TcpServer, name: str, returned: Returned) -> None:
    async with scripted(tcp_server, b"") as at:
        assert at.bank.read_return(form(name)) == mellat.read_return(form(name)) == returned
        assert is_about(returned, ATTEMPT)


@pytest.mark.parametrize(
    "change",
    [
        {"RefId": ""},
        {"RefId": REF_ID.lower()},
        {"RefId": "Zz7rHn2pXcE5M8xXb1Zt"},
        {"SaleOrderId": ""},
        {"SaleOrderId": "70000124"},
        {"SaleOrderId": "۷۰۰۰۰۱۲۳"},
        {"SaleOrderId": f" {NUMBER}"},
    ],
)
@pytest.mark.parametrize("name", ["return-paid", "return-cancelled"])
async def test_attack_02_a_return_of_another_order_asks_nothing_and_ends_nothing(
    tcp_server: TcpServer, name: str, change: dict[str, str]
) -> None:
    async with scripted(tcp_server, saying("0")) as at:
        for fields in (form(name) | change, {k: v for k, v in form(name).items() if k not in change}):
            returned = at.bank.read_return(fields)
            assert not is_about(returned, ATTEMPT)
            assert await after_return(at.bank, ATTEMPT, returned) == Pending()
        assert at.heard == []


async def test_names_of_fields_are_case_sensitive_and_an_empty_return_is_none(tcp_server: TcpServer) -> None:
    async with scripted(tcp_server, saying("0")) as at:
        for fields in ({}, {name.lower(): value for name, value in form("return-paid").items()}):
            returned = at.bank.read_return(fields)
            assert not returned.claims_paid
            assert await after_return(at.bank, ATTEMPT, returned) == Pending()
        assert at.heard == []


@pytest.mark.parametrize(
    "ref", ["", "0", "-173928461052", "+173928461052", "17392846105x", "۱۷۳۹۲۸۴۶۱۰۵۲", " 173928461052", "1" * 19, "1\n"]
)
async def test_a_reference_that_is_none_is_never_asked_about(tcp_server: TcpServer, ref: str) -> None:
    """An empty or a non-numeric one would make a fault."""
    async with scripted(tcp_server, saying("0")) as at:
        returned = at.bank.read_return(form("return-paid") | {"SaleReferenceId": ref})
        assert returned.bank_ref is None
        nameless = replace(ATTEMPT, bank_ref=None)
        assert await after_return(at.bank, nameless, returned) == Pending()
        assert await at.bank.verify(nameless) == Pending()
        assert await at.bank.inquire(nameless) == Pending()
        assert await at.bank.reverse(nameless) == Silent("no_bank_ref")
        assert at.heard == []


@pytest.mark.parametrize(
    ("pan", "kept_pan"),
    [
        ("610433*****5689", "610433*****5689"),
        ("610433****5689", "610433****5689"),
        ("610433********5689", "610433********5689"),
        ("610433***5689", ""),
        ("610433*********5689", ""),
        ("6104330000005689", ""),
        ("610433XXXXXX5689", ""),
        ("<b>", ""),
    ],
)
async def test_a_masked_card_is_kept_when_it_is_one(tcp_server: TcpServer, pan: str, kept_pan: str) -> None:
    async with scripted(tcp_server, saying("0")) as at:
        assert at.bank.read_return(form("return-paid") | {"CardHolderPan": pan}).masked_pan == kept_pan
        assert await at.bank.verify(replace(ATTEMPT, masked_pan=pan)) == replace(YES, masked_pan=kept_pan)


async def test_why_a_buyer_comes_back_unpaid(tcp_server: TcpServer) -> None:
    """Money that was given back, and a terminal that is not accepted, are the bank's own to tell, not a browser's."""
    async with scripted(tcp_server, b"") as at:
        for row in CODES:
            returned = at.bank.read_return(form("return-cancelled") | {"ResCode": row.code})
            bank_only = row.decline in (None, Decline.GIVEN_BACK, Decline.NOT_ACCEPTED)
            assert returned.reason is (Decline.OTHER if bank_only else row.decline)
            assert (returned.claims_paid, returned.code) == ((True, "") if row.code == "0" else (False, row.code))


@pytest.mark.parametrize("code", ["", "00", "0 ", "OK", "-1", "۰", "17" * 40, "<script>"])
async def test_a_code_that_is_none_claims_nothing(tcp_server: TcpServer, code: str) -> None:
    async with scripted(tcp_server, b"") as at:
        returned = at.bank.read_return(form("return-paid") | {"ResCode": code})
    assert (returned.claims_paid, returned.reason, returned.code) == (False, Decline.OTHER, "")


@pytest.mark.parametrize("code", [None, "", "00", "0 ", "OK", "-1", "۰"])
async def test_a_return_whose_code_cannot_be_read_is_no_no(tcp_server: TcpServer, code: str | None) -> None:
    """It has a reference, which is asked about; or it has none, and the buyer may still pay."""
    fields = {k: v for k, v in (form("return-paid") | {"ResCode": code}).items() if v is not None}
    async with scripted(tcp_server, saying("0")) as at:
        returned = at.bank.read_return(fields)
        assert await after_return(at.bank, replace(ATTEMPT, bank_ref=None), returned) == Pending()
        assert at.heard == []
        assert await after_return(at.bank, ATTEMPT, returned) == YES


# --- answer codes -----------------------------------------------------------------------------------------------------

NOT_US = {"21", "23", "24", "62", "421"}


def test_the_table() -> None:
    assert len(by_code(CODES)) == len(CODES) == 65
    assert {row.code for row in CODES if row.decline is Decline.NOT_ACCEPTED} == NOT_US
    assert all((row.means is Means.NO) is (row.decline is not None) for row in CODES)


# What an answer is that means more than its row's no.
PLAIN: dict[str, dict[str, object]] = {
    "open": {"0": Silent("garbage")},  # done, but no RefId
    "verify": {"0": YES, "43": YES, "45": YES, "42": Pending()},
    "settle": {"0": YES, "45": YES},
    "inquire": {"0": Unverified(), "43": Unverified(), "45": YES, "42": Pending()},
    "reverse": {"0": Declined(Decline.GIVEN_BACK, "0"), "45": Declined(Decline.OTHER, "45")},
    "probe": dict.fromkeys(("0", "42", "43", "44", "45", "46", "47", "48"), Accepted()),
}

# Which noes of the table each call can be answered with; another one is no answer to it.
# About a sale, the guide lists 0, 42, 43, 45 and 48 for verify, and 44, 46 and 47 more for inquiry.
NOES = {
    "open": {row.code for row in CODES},
    "verify": {"48"},
    "settle": {"48"},
    "inquire": {"48"},
    "reverse": {"48"},
    "probe": NOT_US,
}


def meant(verb: str, row: AnswerCode) -> object:
    """What an answer is, by its row and the call that it answers."""
    no = Declined(row.decline, row.code) if row.decline and row.code in NOES[verb] else Silent(f"code_{row.code}")
    return PLAIN[verb].get(row.code, no)


@pytest.mark.parametrize("verb", NOES)
async def test_every_code_means_what_the_table_says(tcp_server: TcpServer, verb: str) -> None:
    rows = [*CODES, AnswerCode("77", Means.UNSURE, "", "")]
    said = {}
    async with scripted(tcp_server, b"") as at:
        for row in rows:
            at.answers = saying("0", **{SETTLE: row.code}) if verb == "settle" else saying(row.code, **{SETTLE: "0"})
            said[row.code] = await said_by(at.bank, "verify" if verb == "settle" else verb)
    assert said == {row.code: meant(verb, row) for row in rows}


@pytest.mark.parametrize(
    ("verify", "settle", "asked"),
    [("0", "0", [VERIFY, SETTLE]), ("43", "45", [VERIFY, SETTLE]), ("45", "34", [VERIFY]), ("42", "0", [VERIFY])],
)
async def test_what_is_verified_is_settled_at_once(
    tcp_server: TcpServer, verify: str, settle: str, asked: list[str]
) -> None:
    async with scripted(tcp_server, saying(verify, **{SETTLE: settle})) as at:
        await at.bank.verify(ATTEMPT)
        assert [call.request.split()[0] for call in at.calls] == asked


# --- strange answers --------------------------------------------------------------------------------------------------

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
NAMESPACE = "http://interfaces.core.sw.bps.com/"


def around(inside: str, envelope: str = ENVELOPE, header: str = "") -> str:
    return f'<s:Envelope xmlns:s="{envelope}">{header}<s:Body>{inside}</s:Body></s:Envelope>'


def response(inside: str, operation: str = VERIFY, namespace: str = NAMESPACE) -> str:
    return f'<n:{operation}Response xmlns:n="{namespace}">{inside}</n:{operation}Response>'


SAME = [
    around(response("<return>0</return>")),
    around(response("<return>\n  0\t</return>")),
    around(response("\n<return>0</return>\n"), header="<s:Header/>"),
    '<?xml version="1.0" encoding="UTF-8"?>\n' + around(response('<return xmlns:x="urn:x" x:a="1">0</return>')),
    around(response("<return>0</return><!-- by the bank -->")),
    around(f'<bpVerifyRequestResponse xmlns="{NAMESPACE}"><return xmlns="">0</return></bpVerifyRequestResponse>'),
]


async def test_the_same_said_otherwise(tcp_server: TcpServer) -> None:
    async with scripted(tcp_server, b"") as at:
        for said in SAME:
            at.answers = saying("0") | {VERIFY: said.encode()}
            assert await at.bank.verify(ATTEMPT) == YES, said


NO_ANSWER = [
    "",
    "0",
    "<return>0</return>",
    '{"return":"0"}',
    "<html><body><p>please wait",
    around(""),
    around(response("")),
    around(response("<return/>")),
    around(response("<return></return>")),
    around(response("<return>0</return><return>0</return>")),
    around(response("<return>0</return><code>0</code>")),
    around(response("<return><code>0</code></return>")),
    around(response('<return xmlns="http://interfaces.core.sw.bps.com/">0</return>')),
    around(response("<result>0</result>")),
    around(response("<return>0</return>") * 2),
    around(response("<return>0</return>", SETTLE)),
    around(response("<return>0</return>", PAY)),
    around(response("<return>0</return>", namespace="http://interfaces.core.sw.bps.com")),
    around(response("<return>0</return>"), envelope="http://www.w3.org/2003/05/soap-envelope"),
    around(response("<return>0</return>")).replace("<s:Body>", "<s:Body><x/></s:Body><s:Body>"),
    "<!DOCTYPE x>" + around(response("<return>0</return>")),
    '<!DOCTYPE x [<!ENTITY e "0">]>' + around(response("<return>&e;</return>")),
    "<?evil?>" + around(response("<return>0</return>")),
    around(response("<return>0</return>"))[:-3],
    *(
        around(response(f"<return>{text}</return>"))
        for text in ("00000", "+0", "-0", "0.0", "0x0", "۰", "0 0", "0;0", "OK", "true", "0,", ",0", f"0,{REF_ID}")
    ),
]


async def test_what_is_no_answer_is_silence(tcp_server: TcpServer) -> None:
    async with scripted(tcp_server, b"") as at:
        for said in NO_ANSWER:
            at.answers = saying("0") | {VERIFY: said.encode()}
            assert await at.bank.verify(ATTEMPT) == Silent("garbage"), said
            # The same after a yes: whether it is settled we do not know.
            settled = said.replace(SETTLE, VERIFY) if SETTLE in said else said.replace(VERIFY, SETTLE)
            at.answers = saying("0") | {SETTLE: settled.encode()}
            assert await at.bank.verify(ATTEMPT) == Silent("garbage"), settled
    assert len(at.heard) == 3 * len(NO_ANSWER)


@pytest.mark.parametrize(
    ("said", "token"),
    [
        (f"0,{REF_ID}", REF_ID),
        (f"0, {REF_ID}", REF_ID),
        (f" 0 ,\n {REF_ID}\t", REF_ID),
        ("0,0123456789ABCDEF", "0123456789ABCDEF"),
        ("0", ""),
        ("0,", ""),
        (f"0,,{REF_ID}", ""),
        (f"0,{REF_ID},{REF_ID}", ""),
        (f"0;{REF_ID}", ""),
        (f"00,{REF_ID}", ""),
        (f"21,{REF_ID}", ""),
        (f"{REF_ID}", ""),
        ("0,short", ""),
        ("0," + "a" * 65, ""),
        ("0,&lt;script&gt;alert(1)&lt;/script&gt;", ""),
        ("0,Qw7rHn2pXcE5M8xXb1Z۱", ""),
    ],
)
async def test_only_a_whole_yes_opens(tcp_server: TcpServer, said: str, token: str) -> None:
    async with scripted(tcp_server, saying(said)) as at:
        opened = await at.bank.open(ORDER)
    if token:
        assert isinstance(opened, Opened)
        assert (opened.token, opened.redirect.fields) == (token, {"RefId": token})
    else:
        assert opened == Silent("garbage")


# --- what the bank cannot do, and who we are there --------------------------------------------------------------------


async def test_no_refund_no_report(tcp_server: TcpServer) -> None:
    async with scripted(tcp_server, b"") as at:
        assert await at.bank.refund(ATTEMPT, "5001", Rial(1_000)) == Declined(Decline.OTHER, "no_refund")
        assert await at.bank.report(date(2026, 11, 24)) == Silent("no_report")
        assert at.heard == []
        facts = at.bank.facts
    assert (facts.can_refund, facts.reports, facts.can_inquire, facts.asks_by_ref) == (False, False, True, True)
    assert (facts.reverse_within.total_seconds(), facts.verify_deadline.total_seconds()) == (0, 1_200)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"terminal": "12a"}, "terminal"),
        ({"terminal": "۱۲۳"}, "terminal"),
        ({"terminal": ""}, "terminal"),
        ({"user": "two words"}, "user"),
        ({"password": ""}, "password"),
        ({"key": "x"}, "key"),
    ],
)
def test_credentials_that_cannot_be_right(change: dict[str, str], problem: str) -> None:
    with pytest.raises(CredentialsWrong) as refused:
        KIND.check({"terminal": "2234567", "user": "mopos", "password": "canary"} | change)
    assert set(refused.value.problems) == {problem}
    assert "canary" not in str(refused.value)
    assert [one.name for one in KIND.fields if one.secret] == ["password"]


async def test_credentials_are_text_and_nothing_else(tcp_server: TcpServer) -> None:
    async with scripted(tcp_server, saying("42")) as at:
        known = KIND.check({"terminal": "1", "user": "<a&b>", "password": "]]>'\"</userPassword>"})
        bank = Mellat(Access(at.url, known, FACTS))
        await bank.probe()
        await bank.aclose()
    assert (
        b"<userName>&lt;a&amp;b&gt;</userName><userPassword>]]&gt;'\"&lt;/userPassword&gt;</userPassword>"
        in (at.heard[0][1])
    )


# --- what may be kept of a call ---------------------------------------------------------------------------------------


def called(inside: str, operation: str = VERIFY) -> bytes:
    return around(f'<n:{operation} xmlns:n="{NAMESPACE}">{inside}</n:{operation}>').encode()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (kept("pay").body, "bpPayRequest terminalId=2234567 orderId=70000123 amount=1250000"),
        (kept("pay").answer, "bpPayRequestResponse 0,***"),
        (kept("pay-refused").answer, "bpPayRequestResponse 24"),
        (
            kept("verify").body,
            "bpVerifyRequest terminalId=2234567 orderId=70000123 saleOrderId=70000123 saleReferenceId=173928461052",
        ),
        (kept("verify-repeated").answer, "bpVerifyRequestResponse 43"),
        (kept("fault").answer, f"({len(kept('fault').answer)} bytes that are no answer)"),
        (called("<orderId>6037990000000014</orderId>"), "bpVerifyRequest orderId=***"),
        (called("<amount>6037990000000014</amount>"), "bpVerifyRequest amount=***"),
        (called("<saleReferenceId>6037990000000014</saleReferenceId>"), "bpVerifyRequest saleReferenceId=***"),
        (
            called("<orderId>canary</orderId><terminalId>canary</terminalId>"),
            "bpVerifyRequest orderId=*** terminalId=***",
        ),
        (called("<canary>1</canary><mobileNo>989120000000</mobileNo>"), "bpVerifyRequest"),
        (called("<orderId xmlns='urn:x'>1</orderId>"), "bpVerifyRequest"),
        (called("<orderId>1</orderId>", "canary"), "(180 bytes that are no answer)"),
        (around(response("<return>canary</return>")).encode(), "bpVerifyRequestResponse ***"),
        (around(response("<return>0,6037990000000014</return>")).encode(), "bpVerifyRequestResponse 0,***"),
        (around(response("<return>6037990000000014</return>")).encode(), "bpVerifyRequestResponse ***"),
        (b"canary", "(6 bytes that are no answer)"),
        (b"", "(0 bytes that are no answer)"),
        (b"\xff\x00<canary>", "(10 bytes that are no answer)"),
    ],
)
def test_attack_20_what_is_kept_of_a_call(said: bytes, shown: str) -> None:
    assert redact(said) == shown


async def test_attack_20_transcripts_name_the_call_and_hide_the_rest(tcp_server: TcpServer) -> None:
    async with scripted(tcp_server, saying(f"0,{REF_ID}")) as at:
        known = KIND.check({"terminal": "2234567", "user": "canary-user", "password": "canary-password"})
        calls: list[Transcript] = []
        bank = Mellat(Access(at.url, known, FACTS, on_call=calls.append))
        await bank.open(Order(NUMBER, AMOUNT, "https://shop.example/canary-return", "canary-description"))
        for verb in ("verify", "inquire", "reverse", "probe"):
            await said_by(bank, verb)
        await bank.aclose()
    assert [call.request.split()[0] for call in calls] == [PAY, VERIFY, INQUIRE, REVERSE, INQUIRE]
    assert [call.about for call in calls] == [NUMBER] * 4 + ["1"]
    assert {call.path for call in calls} == {"/pgwchannel/services/pgw"}
    assert [call.verb for call in calls] == [PAY, VERIFY, INQUIRE, REVERSE, INQUIRE]
    told = repr(calls) + repr(bank.__dict__) + repr(known)
    assert not [secret for secret in ("canary", REF_ID) if secret in told]
