"""What every request goes through: its address in the guide's letters, the caller's address, one line in the log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

FORM_PATH = "/Payment.aspx"
SOAP_PATH = "/WebServiceMoPos.asmx"
# As ASP.NET does, these two are found in any letter case.
_GUIDE_PATHS = {path.lower(): path for path in (FORM_PATH, SOAP_PATH)}

# A year, the least that lists of such sites take.
_HSTS = (b"strict-transport-security", b"max-age=31536000")

log = structlog.get_logger()


def guide_path(path: str) -> str:
    """`/payment.ASPX` becomes `/Payment.aspx`; what follows the name (`/PayRep`) and all other paths stay."""
    first, slash, rest = path[1:].partition("/")
    known = _GUIDE_PATHS.get("/" + first.lower())
    return known + slash + rest if known else path


def logged_path(path: str) -> str:
    """A path without the unguessable references that open a buyer's page, or that a waiting computer has."""
    if path.startswith("/pay/return/"):
        return "/pay/return/*"
    if path.startswith("/pay/"):
        return "/pay/*"
    if path.startswith("/sign-in/phone/"):
        return "/sign-in/phone/*"
    return path[:100]


class CallerAddress:
    """Whose address a request has. `X-Forwarded-For` is believed only as far as trusted proxies wrote it."""

    def __init__(self, trusted_proxies: str) -> None:
        self._trusted: Sequence[IPv4Network | IPv6Network] = [
            ip_network(text.strip()) for text in trusted_proxies.split(",") if text.strip()
        ]

    def of(self, scope: Scope) -> str:
        """The address, without an interface's name behind it (`fe80::1%eth0`), which PostgreSQL does not know."""
        return self._of(scope).partition("%")[0]

    def _of(self, scope: Scope) -> str:
        peer = _peer(scope)
        if not self._trusted or not self._is_trusted(peer):
            return peer
        hops = [
            hop.strip()
            for name, value in scope["headers"]
            if name == b"x-forwarded-for"
            for hop in value.decode("latin-1").split(",")
        ]
        for hop in reversed(hops):
            if not _is_address(hop):
                break
            peer = hop
            if not self._is_trusted(hop):
                break
        return peer

    def _is_trusted(self, address: str) -> bool:
        return any(ip_address(address) in network for network in self._trusted)


def _peer(scope: Any) -> str:
    client = scope.get("client")
    # A UNIX socket has no address.
    return client[0] if client and _is_address(client[0]) else "0.0.0.0"  # noqa: S104


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


class Front:
    """The outermost ASGI layer: canonical guide paths, one redacted log line per request; and behind TLS the browser's
    promise never to come without it (RFC 6797)."""

    def __init__(self, app: ASGIApp, *, tls: bool = False) -> None:
        self._app = app
        self._tls = tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        path = scope["path"] = guide_path(scope["path"])
        scope["raw_path"] = path.encode("latin-1", "replace")
        status = 500
        began = time.perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._tls:
                    message["headers"] = [*message["headers"], _HSTS]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            # Neither the query (a GET PayRep carries its Rmz there) nor any body or header is ever written.
            log.info(
                "request",
                method=scope["method"],
                path=logged_path(path),
                status=status,
                ms=round((time.perf_counter() - began) * 1000, 1),
            )
