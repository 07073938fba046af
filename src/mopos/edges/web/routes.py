"""The signed-in side's addresses as tables of `Route`, and what every request to them goes through.

A row says who may come; nothing behind it asks again. `tests/edges/web/test_access.py` walks all rows with every role.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from litestar import HttpMethod, Request, Response, route
from litestar.datastructures import State as AppState

from mopos.domain.accounts.model import Allow
from mopos.domain.operators.model import Duty
from mopos.edges.form import BODY_BYTES_MAX
from mopos.edges.web.ask import Ask

# Litestar keeps some names for itself (`request`), so a part called `x` is `in_x` to it.
PART = re.compile(r"\{(\w+)\}")

Handler = Callable[[Ask], Awaitable[Response[Any]]]


class Door(StrEnum):
    """Who may come to an address that belongs to no account."""

    OPEN = "open"
    """Anybody: the way in."""
    HALF = "half"
    """A person whose second factor is still to be shown or set up."""
    PERSON = "person"
    """Any person who is signed in."""
    CONSOLE_OPEN = "console_open"
    """Anybody: the operators' way in."""


class Route(NamedTuple):
    """One address. Paths name their parts `{account}`; an `Allow` always stands behind `/panel/{account}`."""

    method: str
    path: str
    handler: Handler
    needs: Door | Allow | Duty
    fresh: bool = False
    """A second factor must have been shown within the last minutes."""
    bytes_max: int = BODY_BYTES_MAX
    """Of the body. More than the usual only where files are sent."""


def handlers(table: Sequence[Route], come_in: Callable[[Request[Any, Any, AppState], Route], Any]) -> list[Any]:
    """Litestar's handlers for a table."""
    return [_handler(row, come_in) for row in table]


def _handler(row: Route, come_in: Callable[[Request[Any, Any, AppState], Route], Any]) -> Any:
    @route(PART.sub(r"{in_\1:str}", row.path), http_method=[HttpMethod(row.method)], name=f"{row.method} {row.path}")
    async def handle(request: Request[Any, Any, AppState]) -> Response[Any]:
        answer: Response[Any] = await come_in(request, row)
        return answer

    return handle
