"""What machines look for at fixed addresses: whom to tell of a hole (RFC 9116), and what to leave alone (RFC 9309)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from litestar import Response, get
from litestar.exceptions import NotFoundException

from mopos.actions.services import Services

# RFC 9116, section 2.5.5: less than a year is recommended. It is counted from each answer, as the answer is made anew.
_VALID = timedelta(days=90)

# A buyer's page, an invoice and the signed-in side are nobody else's; the two pages for everybody say what MoPos is.
ROBOTS = """\
User-agent: *
Allow: /$
Allow: /Payment.aspx$
Disallow: /
"""


def security_txt(services: Services) -> str | None:
    """The text; None when nobody has said whom to tell (`MOPOS_SECURITY_CONTACT`)."""
    contact = services.settings.security_contact
    if not contact:
        return None
    expires = (services.clock() + _VALID).replace(hour=0, minute=0, second=0, microsecond=0)
    return (
        f"Contact: {contact}\n"
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}\n"
        "Preferred-Languages: fa, en\n"
        f"Canonical: {services.settings.public_url}/.well-known/security.txt\n"
    )


def routes(services: Services) -> list[Callable[..., Any]]:
    """Litestar's handlers."""

    @get("/.well-known/security.txt", media_type="text/plain")
    async def security() -> Response[str]:
        text = security_txt(services)
        if text is None:
            raise NotFoundException
        return Response(text, headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=86400"})

    @get("/robots.txt", media_type="text/plain")
    async def robots() -> Response[str]:
        return Response(ROBOTS, headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=86400"})

    return [security, robots]
