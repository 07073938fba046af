"""Refunds of an account: the list, a refund's page with its decision, and the page on which money is given back."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.base.errors import Refused
from mopos.domain.accounts.model import Allow
from mopos.domain.payments import refund_store, store
from mopos.domain.payments.model import Purchase
from mopos.domain.payments.refund_store import PAGE, Refund, Who
from mopos.domain.reports import one
from mopos.edges.web import give_back, render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.give_back import Side
from mopos.edges.web.routes import Route

_REFUND = "/panel/{account}/refunds/{refund}"
_GIVE_BACK = "/panel/{account}/purchases/{purchase}/give-back"


def _side(ask: Ask) -> Side:
    return Side("panel", ask.panel, Who("merchant", person_id=ask.person.id))


async def _list(ask: Ask) -> Response[Any]:
    shown = give_back.chosen(ask)
    found = await refund_store.of_account(
        ask.services.db, ask.account_id, give_back.FILTERS[shown], give_back.before(ask)
    )
    return render.page(
        ask,
        "panel/refunds.html",
        title=ask.t["refund.list"],
        refunds=found[:PAGE],
        shown=shown,
        filters=list(give_back.FILTERS),
        tones=give_back.TONES,
        root=ask.panel,
        older=ask.here(before=found[PAGE - 1].id) if len(found) > PAGE else None,
        newest=ask.here(before=None) if ask.query("before") else None,
    )


async def _found(ask: Ask) -> Refund:
    found = await refund_store.find(ask.services.db, ask.number("refund"), ask.account_id)
    if found is None:
        raise NotFound
    return found


async def _page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    return await give_back.refund_page(
        ask, _side(ask), await _found(ask), may_decide=ask.may(Allow.REFUND), refused=refused
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


async def _purchase(ask: Ask) -> Purchase:
    number = ask.number("purchase")
    if await one.whole(ask.services.db, number, ask.account_id) is None:
        raise NotFound
    found = await store.by_id(ask.services.db, number)
    if found is None:
        raise NotFound
    return found


async def _offer(ask: Ask) -> Response[Any]:
    return await give_back.offer_page(ask, _side(ask), await _purchase(ask))


async def _give_back(ask: Ask) -> Response[Any]:
    return await give_back.give_back(ask, _side(ask), await _purchase(ask))


ROUTES: list[Route] = [
    Route("GET", "/panel/{account}/refunds", _list, Allow.SEE_MONEY),
    Route("GET", _REFUND, _show, Allow.SEE_MONEY),
    Route("POST", f"{_REFUND}/approve", _approve, Allow.REFUND, fresh=True),
    Route("POST", f"{_REFUND}/refuse", _refuse, Allow.REFUND, fresh=True),
    # Fresh already here, so that nothing typed is lost on the way through the second factor.
    Route("GET", _GIVE_BACK, _offer, Allow.REFUND, fresh=True),
    Route("POST", _GIVE_BACK, _give_back, Allow.REFUND, fresh=True),
]
