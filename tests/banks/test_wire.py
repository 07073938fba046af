"""The door to the network: whatever comes back, and whatever does not, is an answer or `Silent`."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec
import pytest

from mopos.banks.port import Silent
from mopos.banks.wire import ANSWER_BYTES_MAX, AnswerReader, Transcript, Wire

TcpServer = Callable[..., AbstractAsyncContextManager[str]]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Answer(msgspec.Struct):
    code: int


READER = AnswerReader(Answer)


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


async def test_proxies_of_the_environment_are_not_believed(
    tcp_server: TcpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tcp_server(saying(http(b'{"code":7}'))) as url, tcp_server(saying(http(b'{"code":666}'))) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("ALL_PROXY", proxy)
        answer, _ = await ask(url)
    assert answer == Answer(7)


async def test_a_bank_without_a_trusted_certificate_is_not_spoken_to(tcp_server: TcpServer, tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", key, "-out", cert, *subject]
    subprocess.run(command, check=True, capture_output=True)  # noqa: ASYNC221 - nothing else runs yet
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    async with tcp_server(saying(http(b'{"code":7}')), tls) as url:
        assert (await ask(url))[0] == Silent("not_connected")
        wire = Wire(url, deadline_s=2, redact=str, trust=ssl.create_default_context(cafile=cert))
        try:
            assert await wire.post("/a", b"{}", READER, {}) == Answer(7)
        finally:
            await wire.aclose()
