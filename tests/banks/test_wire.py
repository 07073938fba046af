"""The door to the network: whatever comes back, and whatever does not, is an answer or `Silent`."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import msgspec
import pytest

from mopos.banks.port import Silent
from mopos.banks.wire import ANSWER_BYTES_MAX, AnswerReader, Transcript, Wire

TcpServer = Callable[..., AbstractAsyncContextManager[str]]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Answer(msgspec.Struct):
    code: int


READER = AnswerReader(Answer)


@dataclass
class Certificate:
    """What a server shows, and who believes it."""

    server: ssl.SSLContext
    trust: ssl.SSLContext


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", key, "-out", cert, *subject]
    subprocess.run(command, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    return Certificate(tls, ssl.create_default_context(cafile=cert))


def saying(answer: bytes) -> Handler:
    """Read the request's head, say `answer`, hang up."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return handle


def http(body: bytes, head: str = "HTTP/1.1 200 OK") -> bytes:
    return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@contextlib.asynccontextmanager
async def wire_to(url: str, deadline_s: float = 2.0) -> AsyncIterator[tuple[Wire, list[Transcript]]]:
    calls: list[Transcript] = []
    wire = Wire(url, deadline_s=deadline_s, redact=lambda body: f"{len(body)} bytes", on_call=calls.append)
    try:
        yield wire, calls
    finally:
        await wire.aclose()


async def ask(url: str, deadline_s: float = 2.0) -> tuple[Answer | Silent, Transcript]:
    async with wire_to(url, deadline_s) as (wire, calls):
        answer = await wire.post("/api/verify", b'{"a":1}', READER, {"X-Signature": "canary-signature"})
        return answer, calls[0]


async def test_an_answer_is_read(tcp_server: TcpServer) -> None:
    async with tcp_server(saying(http(b'{"code":7}'))) as url:
        answer, call = await ask(url)
    assert answer == Answer(7)
    assert (call.method, call.path, call.status, call.outcome) == ("POST", "/api/verify", 200, "answered")
    assert (call.request, call.answer) == ("7 bytes", "10 bytes")
    assert call.duration_ms > 0
    assert "canary" not in repr(call)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (http(b""), "garbage"),
        (http(b"null"), "garbage"),
        (http(b"[]"), "garbage"),
        (http(b"{}"), "garbage"),
        (http(b'{"code":"7"}'), "garbage"),
        (http(b'{"code":7.0}'), "garbage"),
        (http(b'{"code":true}'), "garbage"),
        (http(b'{"code":NaN}'), "garbage"),
        (http(b'{"code":1' + b"0" * 5_000 + b"}"), "garbage"),
        (http('{"code":۷}'.encode()), "garbage"),
        (http(b'{"code":7}trailing'), "garbage"),
        (http(b'{"code":7,"code":7}'), "garbage"),
        (http(b'{"code":8,"code":7}'), "garbage"),
        (http(b'{"code":"x","code":7}'), "garbage"),
        (http(b'{"\\u0063ode":8,"code":7}'), "garbage"),
        (http(b'{"x":{"a":1,"a":2},"code":7}'), "garbage"),
        (http(b'{"x":[{"a":1,"a":2}],"code":7}'), "garbage"),
        (http(b'{"code":7,"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}"), "garbage"),
        (http(b'\xff\xfe{"code":7}'), "garbage"),
        (http(b"[" * 50_000), "garbage"),
        (http(b"<html>please wait</html>"), "garbage"),
        (http(b'{"code":7}', "HTTP/1.1 500 Internal Server Error"), "http_500"),
        (http(b'{"code":7}', "HTTP/1.1 201 Created"), "http_201"),
        (http(b'{"code":7}', "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/"), "http_302"),
        (http(b'{"code":7}', "HTTP/1.1 200 OK\r\nContent-Encoding: gzip"), "garbage"),
        (http(b"x" * (ANSWER_BYTES_MAX + 1)), "too_long"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (ANSWER_BYTES_MAX * 2), "too_long"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"code":7}', "broken_line"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "broken_line"),
        (b"\x00\xff\x00\xff" * 100, "broken_line"),
        (b"", "broken_line"),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else value,
)
async def test_what_is_no_answer_is_silence(tcp_server: TcpServer, said: bytes, why: str) -> None:
    async with tcp_server(saying(said)) as url:
        answer, call = await ask(url)
    assert answer == Silent(why)
    assert call.outcome == why


@pytest.mark.parametrize(
    "said",
    [
        b' {"Code":8,"code":7,"CODE":9} ',
        b'{"x":{"code":8},"code":7,"y":[{"code":9},{"code":10}]}',
        b'{"code":7,"x":[1e400,-0.5,null,true,"\\u06cc"]}',
        '{"code":7,"x":"پیام"}'.encode(),
        '{"code":7,"x":"پیام"}'.encode("windows-1256", "replace"),
    ],
)
async def test_what_nobody_asked_for_spoils_no_answer(tcp_server: TcpServer, said: bytes) -> None:
    async with tcp_server(saying(http(said))) as url:
        assert (await ask(url))[0] == Answer(7)


async def test_nobody_listens(tcp_server: TcpServer) -> None:
    async with tcp_server(saying(b"")) as url:
        pass
    answer, call = await ask(url)
    assert answer == Silent("not_connected")
    assert call.status is None


async def test_the_deadline_is_for_the_whole_call(tcp_server: TcpServer) -> None:
    """One byte every 50 ms keeps every single read short; the call as a whole still ends."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in http(b'{"code":7}' + b" " * 1000):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)

    async with tcp_server(drip) as url:
        started = time.monotonic()
        answer, _ = await ask(url, deadline_s=0.3)
        took = time.monotonic() - started
    assert answer == Silent("timeout")
    assert 0.3 <= took < 5, "all of it takes 50 s"


async def test_a_slow_call_does_not_spoil_the_next_one(tcp_server: TcpServer) -> None:
    served = 0

    async def first_is_slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(2 if served == 1 else 0)
        writer.write(http(b'{"code":%d}' % served))
        await writer.drain()

    async with tcp_server(first_is_slow) as url, wire_to(url, deadline_s=0.5) as (wire, _):
        first = await wire.post("/a", b"{}", READER, {})
        second = await wire.post("/a", b"{}", READER, {})
    assert (first, second) == (Silent("timeout"), Answer(2))


async def test_connections_are_used_again(tcp_server: TcpServer) -> None:
    connections = 0

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(2)
            writer.write(http(b'{"code":7}'))
            await writer.drain()

    async with tcp_server(keep) as url, wire_to(url) as (wire, _):
        for _ in range(5):
            assert await wire.post("/a", b"{}", READER, {}) == Answer(7)
    assert connections == 1


# --- an answer and something else -------------------------------------------------------------------------------------


def in_chunks(body: bytes) -> bytes:
    half = len(body) // 2
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:], b""))
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks


def counting(surplus: bytes, connections: list[int], say: Callable[[bytes], bytes] = http) -> Handler:
    """The first answer of all is followed at once by more; every answer says how many were given."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(2)
            connections[-1] += 1
            answer = say(b'{"code":%d}' % sum(connections))
            writer.write(answer + surplus if sum(connections) == 1 else answer)
            await writer.drain()

    return handle


SURPLUS = {
    "an answer": http(b'{"code":666}'),
    "an answer in chunks": in_chunks(b'{"code":666}'),
    "an empty answer": http(b""),
    "half an answer": http(b'{"code":666}')[:-5],
    "a letter of an answer": b"H",
    "a no": http(b'{"code":666}', "HTTP/1.1 400 No"),
    "two answers": http(b'{"code":666}') * 2,
    "an answer of bare lines": b'HTTP/1.1 200 OK\nContent-Length: 12\n\n{"code":666}',
    "bytes": b"\x00\xff0\r\n\r\n",
    "a last chunk": b"0\r\n\r\n",
    "a chunk of less than nothing": b"-4\r\n\r\n",
}


@pytest.mark.parametrize("say", [http, in_chunks], ids=["length", "chunks"])
@pytest.mark.parametrize("surplus", SURPLUS)
async def test_what_comes_beside_an_answer_is_never_the_next_one(
    tcp_server: TcpServer, surplus: str, say: Callable[[bytes], bytes]
) -> None:
    """It would be about another order. The server writes both at once, so that we read both at once."""
    connections: list[int] = []
    async with tcp_server(counting(SURPLUS[surplus], connections, say)) as url, wire_to(url) as (wire, _):
        for number in (1, 2, 3):
            assert await wire.post("/a", b"{}", READER, {}) == Answer(number)
    assert connections == [1, 2], "the first connection is left, the second is kept"


async def test_what_comes_after_an_answer_is_never_the_next_one(tcp_server: TcpServer) -> None:
    served = 0
    said_more = asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(2)
            served += 1
            writer.write(http(b'{"code":%d}' % served))
            await writer.drain()
            if served == 1:
                await asyncio.sleep(0.05)
                writer.write(http(b'{"code":666}'))
                await writer.drain()
                said_more.set()

    async with tcp_server(late) as url, wire_to(url) as (wire, _):
        assert await wire.post("/a", b"{}", READER, {}) == Answer(1)
        await said_more.wait()
        await asyncio.sleep(0.05)
        assert await wire.post("/a", b"{}", READER, {}) == Answer(2)


# A record holds 16 KiB: with the longer body, the answer is just one record.
@pytest.mark.parametrize("length", [0, 16 * 1024 - len(http(b"")) - 4], ids=["one record", "two records"])
async def test_what_comes_beside_an_answer_under_tls_is_never_the_next_one(
    tcp_server: TcpServer, certificate: Certificate, length: int
) -> None:
    """Of two records that came at once, the second may wait unread where no socket shows it."""
    connections: list[int] = []

    def padded(body: bytes) -> bytes:
        return http(body.ljust(length))

    async with tcp_server(counting(SURPLUS["an answer"], connections, padded), certificate.server) as url:
        wire = Wire(url, deadline_s=2, redact=str, trust=certificate.trust)
        try:
            for number in (1, 2, 3):
                assert await wire.post("/a", b"{}", READER, {}) == Answer(number)
        finally:
            await wire.aclose()
    assert connections == [1, 2]


@pytest.mark.parametrize("say", [http, in_chunks], ids=["length", "chunks"])
async def test_connections_are_used_again_under_tls(
    tcp_server: TcpServer, certificate: Certificate, say: Callable[[bytes], bytes]
) -> None:
    connections: list[int] = []
    async with tcp_server(counting(b"", connections, say), certificate.server) as url:
        wire = Wire(url, deadline_s=2, redact=str, trust=certificate.trust)
        try:
            for number in range(1, 6):
                assert await wire.post("/a", b"{}", READER, {}) == Answer(number)
        finally:
            await wire.aclose()
    assert connections == [5]


# --- whom we believe --------------------------------------------------------------------------------------------------


async def test_proxies_of_the_environment_are_not_believed(
    tcp_server: TcpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tcp_server(saying(http(b'{"code":7}'))) as url, tcp_server(saying(http(b'{"code":666}'))) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("ALL_PROXY", proxy)
        answer, _ = await ask(url)
    assert answer == Answer(7)


async def test_a_bank_without_a_trusted_certificate_is_not_spoken_to(
    tcp_server: TcpServer, certificate: Certificate
) -> None:
    async with tcp_server(saying(http(b'{"code":7}')), certificate.server) as url:
        assert (await ask(url))[0] == Silent("not_connected")
        wire = Wire(url, deadline_s=2, redact=str, trust=certificate.trust)
        try:
            assert await wire.post("/a", b"{}", READER, {}) == Answer(7)
        finally:
            await wire.aclose()
