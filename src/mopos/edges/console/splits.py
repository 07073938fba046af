"""Splits that merchants have set: an operator looks at the parties before the first of them is paid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from litestar import Response

from mopos.actions.set_splits import agree_to_split
from mopos.base.errors import Refused
from mopos.base.text import persian_digits
from mopos.domain.operators import log
from mopos.domain.operators.model import Duty
from mopos.domain.settlement import split_store
from mopos.domain.settlement.split_store import Kept
from mopos.domain.settlement.splits import WHOLE_PPM
from mopos.edges.console import show
from mopos.edges.i18n.lang import Lang
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

_SPLIT = "/console/splits/{split}"


async def _list(ask: Ask) -> Response[Any]:
    return show.page(
        ask,
        "console/splits.html",
        title=ask.t["console.splits.title"],
        rows=await split_store.waiting(ask.services.db),
    )


async def _show(ask: Ask) -> Response[Any]:
    return await _page(ask, await _found(ask))


async def _page(ask: Ask, kept: Kept, refused: Refused | None = None) -> Response[Any]:
    return show.page(
        ask,
        "console/split.html",
        refused,
        title=ask.t["console.splits.split"],
        kept=kept,
        percent=lambda ppm: percent(ppm, ask.lang),
        entries=await log.about(ask.services.db, f"split {kept.id}"),
    )


def percent(ppm: int, lang: Lang) -> str:
    """`12.5%`, `۱۲٫۵٪` of 125,000 parts per million."""
    plain = f"{(Decimal(ppm) / (WHOLE_PPM // 100)).normalize():f}"
    return f"{persian_digits(plain.replace('.', '٫'))}٪" if lang is Lang.FA else f"{plain}%"


async def _found(ask: Ask) -> Kept:
    found = await split_store.find(ask.services.db, ask.id("split"))
    if found is None:
        raise NotFound
    return found


async def _agree(ask: Ask) -> Response[Any]:
    kept = await _found(ask)
    try:
        await agree_to_split(ask.services, ask.operator, kept.id, ask.form.get("reason", ""))
    except Refused as refused:
        return await _page(ask, await _found(ask), refused)
    return render.redirect("/console/splits", done="split_agreed")


ROUTES: list[Route] = [
    Route("GET", "/console/splits", _list, Duty.LOOK),
    Route("GET", _SPLIT, _show, Duty.LOOK),
    Route("POST", f"{_SPLIT}/agree", _agree, Duty.SETTLE, fresh=True),
]
