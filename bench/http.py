"""The leanest HTTP/1.1 client there is: one socket kept open, bytes written, the answer read by httptools.

The driver must not use up the processor that it measures, and the floor's calls to the bank must cost as little as they
can. Not for anything else: it trusts whom it speaks to.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools

Headers = tuple[tuple[str, str], ...]


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode()

    def header(self, name: str) -> str:
        """A header by its name in lower case. Raises `StopIteration` where it is not."""
        return next(value for key, value in self.headers if key == name)


def request_bytes(method: str, url: str, headers: Headers = (), body: bytes = b"") -> bytes:
    """A whole request as it goes over the wire."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    length = (("Content-Length", str(len(body))),) if body else ()
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in (*headers, *length)]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection(asyncio.Protocol):
    """One socket. One request at a time."""

    def __init__(self) -> None:
        self.is_open = False
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Answer]

    async def exchange(self, request: bytes) -> Answer:
        """Send a request, read its answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._heard = Answer()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        if self.is_open:
            self._transport.close()

    # asyncio calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def connection_lost(self, _: Exception | None) -> None:
        self.is_open = False
        if hasattr(self, "_answer") and not self._answer.done():
            self._answer.set_exception(ConnectionError("closed before the answer"))

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    # httptools calls these.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._heard.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, part: bytes) -> None:
        self._heard.body += part

    def on_message_complete(self) -> None:
        self._heard.status = self._parser.get_status_code()
        self._answer.set_result(self._heard)


class Client:
    """A connection to each origin, opened when it is first needed, opened again when the other side has closed it."""

    def __init__(self) -> None:
        self._connections: dict[str, Connection] = {}

    async def ask(self, method: str, url: str, headers: Headers = (), body: bytes = b"") -> Answer:
        """Send a request to where its address says."""
        return await self.exchange(urlsplit(url).netloc, request_bytes(method, url, headers, body))

    async def exchange(self, origin: str, request: bytes) -> Answer:
        """Send bytes to `host:port`."""
        connection = self._connections.get(origin)
        if connection is None or not connection.is_open:
            host, _, port = origin.partition(":")
            _, connection = await asyncio.get_running_loop().create_connection(Connection, host, int(port))
            self._connections[origin] = connection
        return await connection.exchange(request)

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
