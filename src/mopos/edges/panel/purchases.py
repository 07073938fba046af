"""Purchases of an account: the list with its filter, saved filters, and a page for each purchase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from litestar import Response

from mopos.actions.expect_settlement import with_expected
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.base.text import harmless
from mopos.domain.accounts.model import Allow
from mopos.domain.reports import one, saved, search
from mopos.domain.reports.model import QUERY_LENGTH_MAX, STATES, Filter, fields_of, parse_filter, query_of
from mopos.domain.reports.one import Gateway
from mopos.domain.reports.search import COUNTED_MAX, Page
from mopos.edges.panel.money_words import day_of
from mopos.edges.panel.purchase_page import purchase_page
from mopos.edges.panel.told_filter import told
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

# How a state looks in a list.
TONES: Mapping[str, str] = {
    "REGISTERED": "open",
    "AT_BANK": "open",
    "VERIFYING": "wait",
    "UNKNOWN": "wait",
    "PAID": "good",
    "DECLINED": "bad",
    "CANCELLED": "ended",
    "EXPIRED": "ended",
    "CONFLICTED": "care",
    "REVERSING": "wait",
    "REVERSED": "ended",
}
_CURSOR_DIGITS_MAX = 18


def chosen_gateways(number: str, gateways: Sequence[Gateway]) -> list[int]:
    """The one gateway of this number, or all of them when none is named. An unknown one finds nothing."""
    if not number:
        return [gateway.id for gateway in gateways]
    return [gateway.id for gateway in gateways if with_check_digit(gateway.id) == number]


def asked_fields(ask: Ask) -> dict[str, list[str]]:
    """The filter's fields of this request, from its query string."""
    return fields_of(str(ask.request.url.query))


def read_filter(fields: Mapping[str, Sequence[str]], gateways: Sequence[Gateway]) -> tuple[Filter, list[int]]:
    """A filter, and the gateways to search in. Raises `Refused`."""
    wanted = parse_filter(fields)
    if wanted.gateway_id is None:
        return wanted, [gateway.id for gateway in gateways]
    if wanted.gateway_id not in {gateway.id for gateway in gateways}:
        raise Refused(["filter_gateway"])
    return wanted, [wanted.gateway_id]


async def _list(ask: Ask) -> Response[Any]:
    fields = asked_fields(ask)
    gateways = await one.gateways(ask.services.reports, ask.account_id)
    try:
        wanted, chosen = read_filter(fields, gateways)
    except Refused as refused:
        return await _shown(ask, fields, gateways, refused=refused)
    found = await search.prepare(ask.services.reports, chosen, wanted)
    page = await found.page(ask.services.reports, before=_cursor(ask, "before"), after=_cursor(ask, "after"))
    if ask.query("after") and page.newer is None:
        # Back at the top: the whole newest page rather than a part of it.
        page = await found.page(ask.services.reports)
    count = None
    if page.newer is None:
        whole = page.older is None and page.whole
        count = len(page.lines) if whole else await found.count_some(ask.services.reports)
    page = page._replace(lines=await with_expected(ask.services, page.lines))
    return await _shown(ask, fields, gateways, page=page, count=count)


async def _shown(
    ask: Ask,
    fields: Mapping[str, Sequence[str]],
    gateways: Sequence[Gateway],
    *,
    page: Page | None = None,
    count: int | None = None,
    refused: Refused | None = None,
    name: str = "",
) -> Response[Any]:
    query = query_of(fields)
    url = f"{ask.panel}/purchases"
    return render.page(
        ask,
        "panel/purchases.html",
        status=refused.status if refused else 200,
        title=ask.t["purchases.title"],
        problems=render.problems_of(refused, ask.t) if refused else {},
        values={key: several[-1] for key, several in fields.items()} | {"name": name},
        states=STATES,
        states_chosen=fields.get("state", ()),
        tones=TONES,
        gateways=gateways,
        query=query,
        told=told(fields, ask.t, ask.lang),
        url=url,
        panel=ask.panel,
        page=page,
        newer=_further(url, query, after=page.newer) if page and page.newer is not None else None,
        older=_further(url, query, before=page.older) if page and page.older is not None else None,
        count=count,
        count_max=COUNTED_MAX,
        day=lambda day: day_of(day, ask.lang),
        saved=await saved.all_of(ask.services.db, ask.account_id, ask.person.id),
    )


def _further(url: str, query: str, **cursor: int) -> str:
    return f"{url}?{query}{'&' if query else ''}{urlencode(cursor)}"


def _cursor(ask: Ask, name: str) -> int | None:
    text = ask.query(name)
    known = text.isascii() and text.isdigit() and len(text) <= _CURSOR_DIGITS_MAX
    return int(text) if known else None


async def _save(ask: Ask) -> Response[Any]:
    fields = fields_of(ask.form.get("query", ""))
    query = query_of(fields)
    try:
        await _keep(ask, fields, query)
    except Refused as refused:
        gateways = await one.gateways(ask.services.reports, ask.account_id)
        return await _shown(ask, fields, gateways, refused=refused, name=ask.form.get("name", ""))
    return render.redirect(f"{ask.panel}/purchases?{query}", done="filter_saved")


async def _keep(ask: Ask, fields: Mapping[str, Sequence[str]], query: str) -> None:
    name = harmless(ask.form.get("name", ""))
    if not name or len(name) > saved.NAME_LENGTH_MAX:
        raise Refused(["saved_name"])
    if not query or len(query) > QUERY_LENGTH_MAX:
        raise Refused(["saved_empty"])
    parse_filter(fields)
    if not await saved.save(ask.services.db, ask.account_id, ask.person.id, name, query, ask.now):
        raise Refused(["saved_too_many"])


async def _remove_saved(ask: Ask) -> Response[Any]:
    if not await saved.remove(ask.services.db, ask.account_id, ask.person.id, ask.id("saved")):
        raise NotFound
    return render.redirect(f"{ask.panel}/purchases", done="filter_removed")


async def _one(ask: Ask) -> Response[Any]:
    return await purchase_page(ask, ask.panel, TONES)


ROUTES: list[Route] = [
    Route("GET", "/panel/{account}/purchases", _list, Allow.SEE_MONEY),
    Route("POST", "/panel/{account}/purchases/saved", _save, Allow.SEE_MONEY),
    Route("POST", "/panel/{account}/purchases/saved/{saved}/remove", _remove_saved, Allow.SEE_MONEY),
    Route("GET", "/panel/{account}/purchases/{purchase}", _one, Allow.SEE_MONEY),
]
