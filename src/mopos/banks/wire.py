"""The only door from here to the network: one HTTP call to a bank, with a deadline, and an answer or silence.

What a bank or a network does never raises: it is `Silent`, with a word why. Redirects are not followed, proxies of the
environment are not believed, TLS is verified, and nothing larger than `ANSWER_BYTES_MAX` is read. A connection on which
more came than the answer is never used again: what is left over would be taken for the answer to the next call, which
is about another order.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import httpcore2
import httpx2
import msgspec

from mopos.banks.port import Silent

# The longest answer of a bank's API is some hundred bytes; whatever is longer is a page for people, or an attack.
ANSWER_BYTES_MAX = 64 * 1024

# What is remembered of the bytes of one answer: its body, and head and chunks around it.
HEARD_BYTES_MAX = 4 * ANSWER_BYTES_MAX

# Enough for some thousand purchases a second at a usual bank, and few enough that one slow bank cannot eat our sockets.
CONNECTIONS_MAX = 256
CONNECTIONS_KEPT = 64

# Shorter than the keep-alive of common servers (5 s), so that we seldom speak into a connection that was just closed.
CONNECTION_IDLE_S = 4.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Transcript:
    """One call as it may be kept and shown: what was said was redacted by the bank's own file."""

    method: str
    path: str
    status: int | None
    """None: no answer came."""
    outcome: str
    """`answered`, or why it counts as silence: `timeout`, `http_500`, `garbage`..."""
    duration_ms: float
    request: str
    answer: str
    about: str = ""
    """What the call was about, as who called named it: our order number."""
    verb: str = ""
    """The bank's own name of the call, such as `bpVerifyRequest`."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back, whatever it was."""

    status: int
    body: bytes


Read_co = TypeVar("Read_co", covariant=True)


class Reader(Protocol[Read_co]):
    """Reads the bytes of an answer into one type, or finds that they are none."""

    def read(self, body: bytes) -> Read_co | Silent: ...


class AnswerReader(Generic[T]):
    """Reads JSON into one type, strictly: a missing, mistyped or repeated meaning is no answer."""

    def __init__(self, answer_type: type[T]) -> None:
        self._decode = msgspec.json.Decoder(answer_type).decode

    def read(self, body: bytes) -> T | Silent:
        try:
            answer = self._decode(body)
            # Of a name that stands twice it takes the last meaning. A second look costs 2 to 3 microseconds. That it is
            # JSON is known by now; a text of whatever letters, in a member that nobody reads, must not spoil the rest.
            _NAMES_ONCE.decode(body.decode("latin-1"))
        except (ValueError, RecursionError):
            return Silent("garbage")
        return answer


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a name stands twice")
    return found


_NAMES_ONCE = json.JSONDecoder(object_pairs_hook=_once, parse_int=len, parse_float=len, strict=False)


class Wire:
    """One bank's address, with its connections kept open between calls. Make it once, close it at the end.

    It stands on httpcore2, the part below httpx2's client and transport: it lets us watch the connections, and a
    client's cookies, redirects and event hooks are of no use here.
    """

    def __init__(
        self,
        base_url: str,
        *,
        deadline_s: float,
        redact: Callable[[bytes], str],
        on_call: Callable[[Transcript], None] | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """`deadline_s` is for the whole call: to connect, to send, and to read the last byte of the answer. `trust`:
        certificates to believe instead of the machine's."""
        self._base_url = base_url.rstrip("/")
        self._deadline_s = deadline_s
        self._redact = redact
        self._on_call = on_call
        self._urls: dict[str, httpx2.URL] = {}
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=trust if trust is not None else httpx2.create_ssl_context(),
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=CONNECTIONS_KEPT,
            keepalive_expiry=CONNECTION_IDLE_S,
            network_backend=_Network(),
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    async def post(
        self,
        path: str,
        body: bytes,
        reader: Reader[T],
        headers: Mapping[str, str],
        statuses: Collection[int] = (200,),
        about: str = "",
        verb: str = "",
    ) -> T | Silent:
        """POST JSON, or what `headers` say that it is. The answer is what `reader` read from an HTTP 200 (or another of
        `statuses`, for services that say no with an HTTP 400); everything else is `Silent`. `about` and `verb` go into
        the transcript; without `verb` the path's end does."""
        said = {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}
        request = _request("POST", self._url(path), said, body)
        return await self._ask(request, path, body, reader, statuses, about, verb)

    async def get(
        self,
        path: str,
        query: Mapping[str, str],
        reader: Reader[T],
        headers: Mapping[str, str],
        statuses: Collection[int] = (200,),
        about: str = "",
    ) -> T | Silent:
        """The same by GET."""
        request = _request("GET", self._url(path).copy_merge_params(query), headers)
        return await self._ask(request, path, b"", reader, statuses, about)

    async def _ask(
        self,
        request: httpcore2.Request,
        path: str,
        body: bytes,
        reader: Reader[T],
        statuses: Collection[int],
        about: str,
        verb: str = "",
    ) -> T | Silent:
        started = time.perf_counter()
        heard = await self._send(request)
        answer: T | Silent
        if isinstance(heard, Silent):
            answer = heard
        else:
            answer = reader.read(heard.body) if heard.status in statuses else Silent(f"http_{heard.status}")
        if self._on_call is not None:
            told = (self._on_call, request.method.decode(), path, verb, about, body, heard, answer)
            self._tell(*told, time.perf_counter() - started)
        return answer

    async def _send(self, request: httpcore2.Request) -> Heard | Silent:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._exchange(request)
        except TimeoutError:
            return Silent("timeout")
        except httpcore2.ConnectError:
            return Silent("not_connected")
        except (*_BROKEN, OSError, ssl.SSLError):
            return Silent("broken_line")

    async def _exchange(self, request: httpcore2.Request) -> Heard | Silent:
        response = await self._pool.handle_async_request(request)
        line = response.extensions["network_stream"]
        try:
            if any(name.lower() == b"content-encoding" for name, _ in response.headers):
                return Silent("garbage")  # we asked for none; unpacking it could be a bomb
            body = b""
            async for chunk in response.aiter_stream():
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    return Silent("too_long")
            line.may_be_used_again(body)
            return Heard(response.status, body)
        finally:
            await response.aclose()

    def _url(self, path: str) -> httpx2.URL:
        # Parsing an address costs as much as signing a request; a bank has five paths.
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = httpx2.URL(self._base_url + path)
        return url

    def _tell(
        self,
        on_call: Callable[[Transcript], None],
        method: str,
        path: str,
        verb: str,
        about: str,
        body: bytes,
        heard: Heard | Silent,
        answer: object,
        seconds: float,
    ) -> None:
        on_call(
            Transcript(
                method=method,
                path=path,
                status=heard.status if isinstance(heard, Heard) else None,
                outcome=answer.why if isinstance(answer, Silent) else "answered",
                duration_ms=round(seconds * 1000, 1),
                request=self._redact(body),
                answer=self._redact(heard.body) if isinstance(heard, Heard) else "",
                about=about,
                verb=verb or path.rpartition("/")[2],
            )
        )


# --- connections ------------------------------------------------------------------------------------------------------

_BROKEN = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    httpcore2.UnsupportedProtocol,
)

# As httpcore2's parser finds it.
_END_OF_HEAD = re.compile(rb"\n\r?\n")
# A chunk begins with its size.
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[^\n]*\n")


def _request(method: str, url: httpx2.URL, headers: Mapping[str, str], body: bytes = b"") -> httpcore2.Request:
    said = {"Accept-Encoding": "identity", **headers}
    return httpcore2.Request(
        method,
        httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=[(b"Host", url.netloc), *((name.encode(), value.encode()) for name, value in said.items())],
        content=body,
    )


class _Line(httpcore2.AsyncNetworkStream):
    """A connection that remembers what came in since we last spoke. The pool asks whether an idle one `is_readable`,
    and closes it then. So it says of itself when it holds more than the answer, in the parser or under TLS."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream
        self._tls: ssl.SSLObject | None = stream.get_extra_info("ssl_object")
        self._heard = b""
        self._is_clean = False

    # These are httpcore2's signatures; we set no time-outs but the deadline of the whole call.
    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        part = await self._stream.read(max_bytes, timeout)
        if len(self._heard) <= HEARD_BYTES_MAX:
            self._heard += part
        return part

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self._heard, self._is_clean = b"", False
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        return _Line(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return (info == "is_readable" and not self._is_clean) or self._stream.get_extra_info(info)

    def may_be_used_again(self, body: bytes) -> None:
        """The answer was read to its end, and this is its body: if nothing else came, the next call may go here."""
        self._is_clean = self._was_only(body) and not self._has_more_under_tls()
        self._heard = b""

    def _was_only(self, body: bytes) -> bool:
        head = _END_OF_HEAD.search(self._heard)
        if head is None or len(self._heard) > HEARD_BYTES_MAX:
            return False
        rest = self._heard[head.end() :]
        return rest == body or _ends_with_its_last_chunk(rest)

    def _has_more_under_tls(self) -> bool:
        try:
            # Nobody waits for what this would get.
            return self._tls is not None and self._tls.read(1) is not None
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError:
            return True


def _ends_with_its_last_chunk(said: bytes) -> bool:
    at = 0
    while chunk := _CHUNK.match(said, at):
        size = int(chunk[1], 16)
        if size == 0:
            return said[chunk.end() :] == b"\r\n"
        at = chunk.end() + size + 2
    return False


class _Network(httpcore2.AnyIOBackend):
    """Makes the connections."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        return _Line(await super().connect_tcp(host, port, timeout, local_address, socket_options))
