"""The only door from here to the network: one HTTP call to a bank, with a deadline, and an answer or silence.

What a bank or a network does never raises: it is `Silent`, with a word why. Redirects are not followed, proxies of the
environment are not believed, TLS is verified, and nothing larger than `ANSWER_BYTES_MAX` is read.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import httpx2
import msgspec

from mopos.banks.port import Silent

# The longest answer of a bank's API is some hundred bytes; whatever is longer is a page for people, or an attack.
ANSWER_BYTES_MAX = 64 * 1024

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
            return self._decode(body)
        except (ValueError, RecursionError):
            return Silent("garbage")


class Wire:
    """One bank's address, with its connections kept open between calls. Make it once, close it at the end.

    It stands on httpx2's transport, the part below its client: a client's cookies, redirects and event hooks are of no
    use here, and cost a quarter of a call's CPU.
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
        self._transport = httpx2.AsyncHTTPTransport(
            verify=trust if trust is not None else httpx2.create_ssl_context(),
            trust_env=False,
            limits=httpx2.Limits(
                max_connections=CONNECTIONS_MAX,
                max_keepalive_connections=CONNECTIONS_KEPT,
                keepalive_expiry=CONNECTION_IDLE_S,
            ),
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

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
        request = httpx2.Request(
            "POST",
            self._url(path),
            headers={"Content-Type": "application/json", "Accept-Encoding": "identity", **headers},
            content=body,
        )
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
        request = httpx2.Request(
            "GET",
            self._url(path).copy_merge_params(query),
            headers={"Accept-Encoding": "identity", **headers},
        )
        return await self._ask(request, path, b"", reader, statuses, about)

    async def _ask(
        self,
        request: httpx2.Request,
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
            told = (self._on_call, request.method, path, verb, about, body, heard, answer)
            self._tell(*told, time.perf_counter() - started)
        return answer

    async def _send(self, request: httpx2.Request) -> Heard | Silent:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._exchange(request)
        except TimeoutError:
            return Silent("timeout")
        except httpx2.ConnectError:
            return Silent("not_connected")
        except (httpx2.HTTPError, httpx2.StreamError, OSError, ssl.SSLError):
            return Silent("broken_line")

    async def _exchange(self, request: httpx2.Request) -> Heard | Silent:
        response = await self._transport.handle_async_request(request)
        stream = response.stream
        assert isinstance(stream, httpx2.AsyncByteStream)  # noqa: S101 - what an async transport returns
        try:
            if "content-encoding" in response.headers:
                return Silent("garbage")  # we asked for none; unpacking it could be a bomb
            body = b""
            async for chunk in stream:
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    return Silent("too_long")
            return Heard(response.status_code, body)
        finally:
            await stream.aclose()

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
