"""Purchases of all merchants: the search, a purchase's page with everything, the bank asked by hand, corrections
proposed."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Response

from mopos.actions.ask_bank_by_hand import ask_bank_by_hand
from mopos.actions.correct_by_hand import EVENTS, propose_correction
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.domain.operators import log, proposals, transcripts
from mopos.domain.operators.model import Act, Duty, about_purchase, check_reason
from mopos.domain.payments import refund_store, store
from mopos.domain.payments.model import Purchase
from mopos.domain.payments.refund_rules import left
from mopos.domain.payments.states import State, move
from mopos.domain.reports import model, one, search
from mopos.domain.reports.model import Filter
from mopos.edges.console import show
from mopos.edges.web import give_back, render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

_PURCHASE = "/console/purchases/{purchase}"


async def show_search(ask: Ask) -> Response[Any]:
    """The newest purchases of all merchants, or those that a filter wants."""
    fields = model.fields_of(str(ask.request.url.query))
    refused = None
    wanted = Filter()
    try:
        wanted = model.parse_filter(fields)
    except Refused as caught:
        refused = caught
    before, after = _number(ask.query("before")), _number(ask.query("after"))
    found = None
    if refused is None:
        found = await search.newest(ask.services.reports, wanted, before=before, after=after)
        if wanted.number is not None and len(found.lines) == 1:
            return render.redirect(f"/console/purchases/{with_check_digit(found.lines[0].id)}")
    ask.form = {name: values[-1] for name, values in fields.items()}
    return show.page(
        ask,
        "console/search.html",
        refused,
        title=ask.t["console.search"],
        found=found,
        chosen=fields.get("state", []),
        states=list(State),
        given={name: values[-1] for name, values in fields.items()},
        older=ask.here(before=found.older, after=None) if found and found.older else None,
        newer=ask.here(after=found.newer, before=None) if found and found.newer else None,
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


async def show_purchase(ask: Ask) -> Response[Any]:
    return await _page(ask)


async def _page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    db = ask.services.db
    purchase_id = ask.number("purchase")
    purchase = await store.by_id(db, purchase_id)
    whole = await one.whole(db, purchase_id, None)
    if purchase is None or whole is None:
        raise NotFound
    attempts, events, lines, calls, entries, waiting = await asyncio.gather(
        one.attempts(db, purchase_id),
        one.events(db, purchase_id),
        one.ledger_lines(db, purchase_id),
        transcripts.of_purchase(db, purchase_id),
        log.about(db, about_purchase(purchase.number)),
        proposals.about(db, about_purchase(purchase.number), ask.now),
    )
    return show.page(
        ask,
        "console/purchase.html",
        refused,
        title=f"{ask.t['console.purchase']} {purchase.number}",
        purchase=purchase,
        whole=whole,
        err=purchase.err,
        attempts=attempts,
        events=events,
        lines=lines,
        calls=calls,
        entries=entries,
        asked=next((entry for entry in entries if str(entry.id) == ask.query("asked")), None),
        waiting=waiting,
        corrections=_corrections(ask, purchase),
        refunds=await refund_store.of_purchase(db, purchase_id) if purchase.paid_at else [],
        refund_tones=give_back.TONES,
        may_give_back=purchase.state is State.PAID and left(purchase) > 0 and ask.may(Duty.REFUND),
    )


def _corrections(ask: Ask, purchase: Purchase) -> list[Act]:
    """What may be proposed by who looks."""
    possible = [act for act, event in EVENTS.items() if move(purchase.state, event)]
    return possible if ask.may(Duty.CORRECT) else []


async def _found(ask: Ask) -> Purchase:
    purchase = await store.by_id(ask.services.db, ask.number("purchase"))
    if purchase is None:
        raise NotFound
    return purchase


async def ask_bank(ask: Ask) -> Response[Any]:
    """What does the bank say now? The answer is on the purchase's page."""
    purchase = await _found(ask)
    row = await ask_bank_by_hand(ask.services, ask.operator, purchase)
    return render.redirect(f"/console/purchases/{purchase.number}?asked={row}")


async def propose(ask: Ask) -> Response[Any]:
    """A correction, for another operator to approve."""
    purchase = await _found(ask)
    try:
        act = Act.CORRECT_PAID if ask.form.get("act") == Act.CORRECT_PAID else Act.CORRECT_UNPAID
        number = await propose_correction(
            ask.services,
            ask.operator,
            purchase,
            act,
            bank_ref=show.form(ask, "bank_ref"),
            reason=check_reason(show.form(ask, "reason")),
        )
    except Refused as refused:
        return await _page(ask, refused)
    return render.redirect(f"/console/proposals/{number}", done="console_proposed")


ROUTES: list[Route] = [
    Route("GET", "/console/purchases", show_search, Duty.LOOK),
    Route("GET", _PURCHASE, show_purchase, Duty.LOOK),
    Route("POST", f"{_PURCHASE}/ask-bank", ask_bank, Duty.ASK_BANK),
    Route("POST", f"{_PURCHASE}/correct", propose, Duty.CORRECT),
]
