"""Refunds of all merchants: what waits for somebody, a refund's page, and money given back by an operator."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.base.errors import Refused
from mopos.domain.operators.model import Duty
from mopos.domain.payments import refund_store, store
from mopos.domain.payments.model import Purchase
from mopos.domain.payments.refund_store import PAGE, Refund, Who
from mopos.edges.console import show
from mopos.edges.web import give_back, render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.give_back import Side
from mopos.edges.web.routes import Route

_REFUND = "/console/refunds/{refund}"
_GIVE_BACK = "/console/purchases/{purchase}/give-back"
# What an operator comes for, first: what waits for a second person.
_SHOWN = ("waiting", "unknown", "failed", "under_way", "done", "all")


def _side(ask: Ask) -> Side:
    return Side("console", "/console", Who("operator", operator_id=ask.operator.id))


async def _list(ask: Ask) -> Response[Any]:
    wanted = ask.query("show", "waiting")
    shown = wanted if wanted in _SHOWN else "waiting"
    found = await refund_store.of_all(ask.services.db, give_back.FILTERS[shown], give_back.before(ask))
    return show.page(
        ask,
        "console/refunds.html",
        title=ask.t["refund.list"],
        refunds=found[:PAGE],
        shown=shown,
        filters=_SHOWN,
        tones=give_back.TONES,
        root="/console",
        older=ask.here(before=found[PAGE - 1].id) if len(found) > PAGE else None,
        newest=ask.here(before=None) if ask.query("before") else None,
    )


async def _found(ask: Ask) -> Refund:
    found = await refund_store.find(ask.services.db, ask.number("refund"), None)
    if found is None:
        raise NotFound
    return found


async def _page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    return await give_back.refund_page(
        ask, _side(ask), await _found(ask), may_decide=ask.may(Duty.REFUND), refused=refused
    )


async def _show(ask: Ask) -> Response[Any]:
    return await _page(ask)


async def _approve(ask: Ask) -> Response[Any]:
    try:
        return await give_back.approve(ask, _side(ask), await _found(ask))
    except Refused as refused:
        return await _page(ask, refused)


async def _refuse(ask: Ask) -> Response[Any]:
    try:
        return await give_back.refuse(ask, _side(ask), await _found(ask))
    except Refused as refused:
        return await _page(ask, refused)


async def _ask_bank(ask: Ask) -> Response[Any]:
    """A refund that waits for the bank becomes due at once; the worker asks."""
    refund = await _found(ask)
    if not await refund_store.ask_now(ask.services.db, refund.id, ask.now):
        return await _page(ask, Refused(["refund_gone"]))
    return render.redirect(f"/console/refunds/{refund.number}", done="refund_due")


async def _purchase(ask: Ask) -> Purchase:
    found = await store.by_id(ask.services.db, ask.number("purchase"))
    if found is None:
        raise NotFound
    return found


async def _offer(ask: Ask) -> Response[Any]:
    return await give_back.offer_page(ask, _side(ask), await _purchase(ask))


async def _give_back(ask: Ask) -> Response[Any]:
    return await give_back.give_back(ask, _side(ask), await _purchase(ask))


ROUTES: list[Route] = [
    Route("GET", "/console/refunds", _list, Duty.LOOK),
    Route("GET", _REFUND, _show, Duty.LOOK),
    Route("POST", f"{_REFUND}/approve", _approve, Duty.REFUND, fresh=True),
    Route("POST", f"{_REFUND}/refuse", _refuse, Duty.REFUND, fresh=True),
    Route("POST", f"{_REFUND}/ask-bank", _ask_bank, Duty.REFUND),
    Route("GET", _GIVE_BACK, _offer, Duty.REFUND, fresh=True),
    Route("POST", _GIVE_BACK, _give_back, Duty.REFUND, fresh=True),
]
