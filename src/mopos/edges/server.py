"""The gateway's side of an HTTP connection: uvicorn's, with a bound on how long a request's head may take."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# A browser sends a head in one piece. Who needs longer only wants to hold a connection.
HEAD_DEADLINE_S = 10.0


class BoundedHead(HttpToolsProtocol):
    """Closes a connection whose request's head has not come whole in time. uvicorn waits for ever; a body's time is
    bounded by `edges/form`."""

    _giving_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._giving_up is None:
            self._wait_for_head()

    def on_headers_complete(self) -> Any:
        self._head_is_here()
        return super().on_headers_complete()

    def _wait_for_head(self) -> None:
        self._giving_up = self.loop.call_later(HEAD_DEADLINE_S, self.transport.close)

    def _head_is_here(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
