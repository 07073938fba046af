"""What a merchant's look is made of, served to anybody: its logo and its colours, each under the hash of its bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from mopos.actions.services import Services
from mopos.base.db import DatabaseUnavailable
from mopos.base.ids import has_check_digit, with_check_digit, without_check_digit
from mopos.domain.accounts import brand_store
from mopos.domain.accounts.brand import named_style, style_name

# The address names the very bytes, so a browser never asks for them again. The policy: should a browser ever take a
# picture for a page, it may do nothing.
_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LOGO = re.compile(r"([0-9a-f]{12})\.png")


def style_path(colour: str) -> str:
    """Where the stylesheet of a colour is served."""
    return f"/brand/{style_name(colour)}.css"


def logo_path(gateway_id: int, logo_hash: str) -> str:
    """Where a gateway's logo is served."""
    return f"/brand/{with_check_digit(gateway_id)}/{logo_hash}.png"


def routes(services: Services) -> list[Callable[..., Any]]:
    """Litestar's handlers."""

    @get("/brand/{name:str}")
    async def style(name: FromPath[str]) -> Response[bytes]:
        # Made from its name alone: nothing is asked of the database.
        found = named_style(name.removesuffix(".css")) if name.endswith(".css") else None
        if found is None:
            raise NotFoundException
        return Response(found.encode(), headers=_HEADERS, media_type="text/css")

    @get("/brand/{gateway:str}/{name:str}")
    async def logo(gateway: FromPath[str], name: FromPath[str]) -> Response[bytes]:
        wanted = _LOGO.fullmatch(name)
        if wanted is None or not has_check_digit(gateway) or len(gateway) > 18:
            raise NotFoundException
        try:
            found = await brand_store.logo(services.db, without_check_digit(gateway), wanted[1])
        except DatabaseUnavailable:
            return Response(b"", status_code=503)
        if found is None:
            raise NotFoundException
        return Response(found, headers=_HEADERS, media_type="image/png")

    return [style, logo]
