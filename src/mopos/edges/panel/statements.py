"""The statement of a gateway's account for a period: opening balance, every movement with the balance after it, closing
balance; on the page, and as a file for the accountant."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from litestar import Response
from persiantools.jdatetime import JalaliDate

from mopos.base.clock import TEHRAN, jalali
from mopos.base.errors import Refused
from mopos.domain.accounts.model import Allow
from mopos.domain.reports import one
from mopos.domain.reports.model import day_start, query_of
from mopos.domain.reports.one import Gateway
from mopos.domain.settlement import movement_views
from mopos.edges.panel.deposits import cursor, words
from mopos.edges.panel.exports import FORMATS, ask_for
from mopos.edges.panel.purchases import read_filter
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

# What is asked for on the page and in the file. `gateway` empty: the first one on the page, all of them in a file.
_FIELDS = ("gateway", "since", "until")


async def _show(ask: Ask) -> Response[Any]:
    asked = {name: ask.query(name) for name in _FIELDS}
    return await _page(ask, asked)


async def _page(ask: Ask, asked: dict[str, str], refused: Refused | None = None) -> Response[Any]:
    gateways = await one.gateways(ask.services.reports, ask.account_id)
    fields = _this_month(ask.now) | {name: value for name, value in asked.items() if value}
    found: dict[str, Any] = {"period": None, "lines": [], "gateway": None}
    if refused is None and gateways:
        try:
            found = await _found(ask, fields, gateways)
        except Refused as wrong:
            refused = wrong
    return render.page(
        ask,
        "panel/statement.html",
        status=refused.status if refused else 200,
        title=ask.t["statement.title"],
        problems=render.problems_of(refused, ask.t) if refused else {},
        panel=ask.panel,
        gateways=gateways,
        formats=FORMATS,
        values=fields | {"format": ask.form.get("format", "")},
        url=f"{ask.panel}/statement",
        **({"first": None, "following": None, "opening": 0} | found),
        **words(ask),
    )


def _this_month(now: datetime) -> dict[str, str]:
    """From the first of the Jalali month to today."""
    today = JalaliDate(now.astimezone(TEHRAN).date())
    return {"since": jalali(day_start(today.replace(day=1)))[:10], "until": jalali(day_start(today))[:10]}


async def _found(ask: Ask, fields: dict[str, str], gateways: list[Gateway]) -> dict[str, Any]:
    db = ask.services.reports
    since, until, gateway = _read(ask, fields, gateways)
    period = await movement_views.period(db, ask.account_id, gateway.id, since, until)
    after = cursor(ask, "entry") or 0, cursor(ask, "line") or 0
    lines = await movement_views.movements(db, period.stretch, after=after, limit=movement_views.PAGE + 1)
    page = lines[: movement_views.PAGE]
    begun = after != (0, 0)
    opening = period.opening + (await movement_views.moved_to(db, period.stretch, after) if begun else 0)
    return {
        "gateway": gateway,
        "period": period,
        "opening": opening,
        "lines": movement_views.running(opening, page),
        "first": ask.here(entry=None, line=None) if begun else None,
        "following": ask.here(entry=page[-1].entry_id, line=page[-1].id) if len(lines) > len(page) else None,
    }


def _read(ask: Ask, fields: dict[str, str], gateways: list[Gateway]) -> tuple[datetime, datetime, Gateway]:
    """A period that is not in the future, and a gateway of the account. Raises `Refused`."""
    wanted, chosen = read_filter({name: [value] for name, value in fields.items()}, gateways)
    gateway = next(each for each in gateways if each.id == chosen[0])
    # Both stand in the fields: `_this_month` fills what was left empty.
    until = min(wanted.until or ask.now, ask.now + timedelta(seconds=1))
    since = min(wanted.since or until, until)
    return since, until, gateway


async def _export(ask: Ask) -> Response[Any]:
    asked = {name: ask.form.get(name, "").strip() for name in _FIELDS}
    gateways = await one.gateways(ask.services.reports, ask.account_id)
    if not gateways:
        raise NotFound
    fields = _this_month(ask.now) | {name: value for name, value in asked.items() if value}
    sent = {name: [value] for name, value in fields.items()}
    try:
        read_filter(sent, gateways)
        await ask_for(ask, "statement", query_of(sent))
    except Refused as refused:
        return await _page(ask, asked, refused)
    return render.redirect(f"{ask.panel}/exports", done="export_asked")


ROUTES: list[Route] = [
    Route("GET", "/panel/{account}/statement", _show, Allow.SEE_MONEY),
    Route("POST", "/panel/{account}/statement", _export, Allow.EXPORT),
]
