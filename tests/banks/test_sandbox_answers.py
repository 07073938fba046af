"""A bank that answers strangely: whatever is not a whole and fitting answer to our question is `Silent`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from mopos.banks.port import Attempt, Confirmed, Declined, Opened, Order, Pending, Silent, Unverified
from mopos.banks.sandbox import NO, NO_SUCH_ORDER, redact
from mopos.base.money import RIAL_MAX, Rial

if TYPE_CHECKING:
    from tests.banks.conftest import Gateway

    Connect = Callable[..., AbstractAsyncContextManager[Gateway]]
    TcpServer = Callable[..., AbstractAsyncContextManager[str]]

TOKEN = "0123456789abcdef" * 2
ATTEMPT = Attempt("1001", Rial(250_000), TOKEN)
NO_TOKEN = Attempt("1001", Rial(250_000), None)
ORDER = Order("1001", Rial(250_000), "http://127.0.0.1:9/")
YES: dict[str, Any] = {
    "code": 0,
    "terminal": "10000001",
    "order": "1001",
    "token": TOKEN,
    "amount": 250_000,
    "ref": "123456789012",
    "trace": "654321",
    "pan": "603799******0014",
}
VERBS = ["open", "verify", "inquire", "reverse"]


async def answer_to(
    tcp_server: TcpServer, gateway_at: Connect, verb: str, said: bytes | dict[str, Any], attempt: Attempt = ATTEMPT
) -> tuple[object, str]:
    """What our verb makes of what a bank says; and the transcript of it."""
    body = said if isinstance(said, bytes) else msgspec.json.encode(said)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()

    async with tcp_server(handle) as url, gateway_at(url) as gateway:
        answer = await getattr(gateway.bank, verb)(ORDER if verb == "open" else attempt)
        return answer, repr(gateway.calls)


async def test_a_whole_yes(tcp_server: TcpServer, gateway_at: Connect) -> None:
    yes = Confirmed(Rial(250_000), "1001", "123456789012", "654321", "603799******0014")
    for verb, code in (("verify", 0), ("verify", 2), ("inquire", 0)):
        for attempt in (ATTEMPT, NO_TOKEN):
            answer, _ = await answer_to(tcp_server, gateway_at, verb, YES | {"code": code}, attempt)
            assert answer == yes


CHANGES: list[dict[str, Any]] = [
    *({name: None} for name in YES),
    {"terminal": "10000002"},
    {"terminal": 10000001},
    {"order": "1002"},
    {"order": "1001 "},
    {"order": "۱۰۰۱"},
    {"order": 1001},
    {"order": ["1001"]},
    {"token": "f" * 32},
    {"token": TOKEN.upper()},
    {"token": ""},
    {"amount": 0},
    {"amount": -250_000},
    {"amount": "250000"},
    {"amount": 250_000.0},
    {"amount": 250_000.5},
    {"amount": True},
    {"amount": RIAL_MAX + 1},
    {"ref": ""},
    {"ref": "۱۲۳۴۵۶۷۸۹۰۱۲"},
    {"ref": "12345678901"},
    {"ref": "123456789012\n"},
    {"ref": " 123456789012"},
    {"ref": 123456789012},
    {"trace": "12345"},
    {"pan": "6037990000000014"},
    {"pan": "603799*****0014"},
    {"pan": "603799******001۴"},
    {"code": "0"},
    {"code": 0.0},
    {"code": False},
    {"code": 10**6},
]


@pytest.mark.parametrize("change", CHANGES, ids=repr)
@pytest.mark.parametrize("verb", ["verify", "inquire"])
async def test_attack_01_and_07_a_yes_that_does_not_fit_is_no_answer(
    tcp_server: TcpServer, gateway_at: Connect, verb: str, change: dict[str, Any]
) -> None:
    answer, transcript = await answer_to(tcp_server, gateway_at, verb, YES | change)
    assert answer == Silent("garbage")
    assert "6037990000000014" not in transcript
    assert TOKEN not in transcript


@pytest.mark.parametrize("name", YES)
async def test_a_yes_with_a_missing_field_is_no_answer(tcp_server: TcpServer, gateway_at: Connect, name: str) -> None:
    said = {other: value for other, value in YES.items() if other != name}
    assert (await answer_to(tcp_server, gateway_at, "verify", said))[0] == Silent("garbage")


async def test_another_amount_is_told_and_not_hidden(tcp_server: TcpServer, gateway_at: Connect) -> None:
    answer, _ = await answer_to(tcp_server, gateway_at, "verify", YES | {"amount": 25_000})
    assert isinstance(answer, Confirmed)
    assert answer.amount == Rial(25_000)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("said", [b"", b"{}", b"[]", b"null", b"<html>", b"\xff\xfe\x00", b'{"code":0}', b"0" * 60_000])
async def test_garbage_is_silence_for_every_verb(
    tcp_server: TcpServer, gateway_at: Connect, verb: str, said: bytes
) -> None:
    answer, transcript = await answer_to(tcp_server, gateway_at, verb, said)
    assert answer == Silent("garbage")
    assert len(transcript) < 1_000


@pytest.mark.parametrize("verb", VERBS)
async def test_silence_is_silence_for_every_verb(tcp_server: TcpServer, gateway_at: Connect, verb: str) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    async with tcp_server(never) as url, gateway_at(url, deadline_s=0.1) as gateway:
        answer = await getattr(gateway.bank, verb)(ORDER if verb == "open" else ATTEMPT)
    assert answer == Silent("timeout")


HEARD = {"terminal": "10000001", "order": "1001", "token": TOKEN}


@pytest.mark.parametrize(
    ("verb", "code", "kind"),
    [
        ("verify", 1, Pending),
        ("inquire", 1, Pending),
        ("inquire", 3, Unverified),
        ("verify", 3, Silent),
        ("inquire", 2, Silent),
        ("reverse", 1, Silent),
        ("reverse", 0, Declined),
        ("open", 0, Opened),
        ("open", 1, Silent),
        *((verb, code, Declined) for verb in VERBS for code in NO if code != NO_SUCH_ORDER),
        # It gave us a token for this order, so a bank that does not know it is not the one that we asked then.
        *((verb, NO_SUCH_ORDER, Silent if verb != "open" else Declined) for verb in VERBS),
        *((verb, code, Silent) for verb in VERBS for code in (-1, -105, 4, 12, 30, 64, 94, 96, 99, 200)),
    ],
)
async def test_only_an_explicit_no_is_no(
    tcp_server: TcpServer, gateway_at: Connect, verb: str, code: int, kind: type
) -> None:
    answer, _ = await answer_to(tcp_server, gateway_at, verb, HEARD | {"code": code})
    assert type(answer) is kind
    if isinstance(answer, Declined) and code:
        assert (answer.reason, answer.code) == (NO[code], str(code))


@pytest.mark.parametrize("token", [None, "", "0" * 31, "G" * 32, TOKEN + "\n", '"><script>', "۰" * 32])
async def test_a_token_that_is_none_is_not_used(tcp_server: TcpServer, gateway_at: Connect, token: str | None) -> None:
    answer, _ = await answer_to(tcp_server, gateway_at, "open", HEARD | {"code": 0, "token": token})
    assert answer == Silent("garbage")


@pytest.mark.parametrize("change", [{"terminal": "10000002"}, {"order": "1002"}, {"token": "f" * 32}])
async def test_a_no_about_another_order_is_no_answer(
    tcp_server: TcpServer, gateway_at: Connect, change: dict[str, str]
) -> None:
    answer, _ = await answer_to(tcp_server, gateway_at, "verify", HEARD | {"code": 51} | change)
    assert answer == Silent("garbage")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b'{"order":"1001","amount":250000,"token":"canary"}', "amount=250000 order=1001"),
        (b'{"pan":"6037990000000014","ref":"6037990000000014"}', "ref=*** pan=***"),
        (b'{"order":"6037990000000014"}', "order=***"),
        (b'{"amount":6037990000000014}', "amount=***"),
        (b'{"pan":"603799******0014","code":-6}', "code=-6 pan=603799******0014"),
        (b'{"code":{"canary":1},"trace":["canary"]}', "code=*** trace=***"),
        (b'{"return_url":"http://x/canary","description":"canary","password":"canary","cvv2":"canary"}', ""),
        (b"canary", "(6 bytes that are no answer)"),
        (b'["canary"]', "(10 bytes that are no answer)"),
    ],
)
def test_attack_20_what_is_kept_of_a_call(said: bytes, shown: str) -> None:
    assert redact(said) == shown
