"""Exceptions of reconciliation: the queue with its age, one with both its sides, and the acts that close it."""

from __future__ import annotations

from datetime import date
from typing import Any

from litestar import Response

from mopos.actions.ask_bank_by_hand import ask_bank_by_hand
from mopos.actions.close_exception import close_exception
from mopos.actions.reconcile import compare_day
from mopos.base.errors import Refused
from mopos.domain.operators import terminals
from mopos.domain.operators.model import Duty
from mopos.domain.payments import store as payments
from mopos.domain.settlement import recon_store, statement_store
from mopos.domain.settlement.closing import acts_for
from mopos.domain.settlement.matching import Kind
from mopos.domain.settlement.recon_store import KINDS, PAGE, SOURCES, Found
from mopos.edges.console import show
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

_EXCEPTION = "/console/exceptions/{exception}"
# Purchases whose state two operators may correct, with the bank's word in their hands.
_CORRECTABLE = ("UNKNOWN", "CONFLICTED")
# What stands on a side, in the order in which people compare it.
_FACTS = ("kind", "order", "payout", "terminal", "day", "on", "rial", "net", "commission", "bank_ref", "tracking_no")
_MONEY = ("rial", "net", "commission")
_DAYS = ("day", "on")


async def show_exceptions(ask: Ask) -> Response[Any]:
    is_open = ask.query("state") != "closed"
    source = ask.query("source") if ask.query("source") in SOURCES else ""
    kind = ask.query("kind") if ask.query("kind") in KINDS else ""
    after = _count(ask.query("after"))
    rows = await recon_store.page(
        ask.services.db, is_open=is_open, source=source, kind=kind, day=_day(ask.query("day")), after=after
    )
    counts = await recon_store.counts(ask.services.db)
    return show.page(
        ask,
        "console/exceptions.html",
        title=ask.t["recon.exceptions"],
        rows=rows[:PAGE],
        following=ask.here(after=rows[PAGE - 1].id) if len(rows) > PAGE else None,
        is_open=is_open,
        source=source,
        kind=kind,
        sources=SOURCES,
        kinds=KINDS,
        by_source={name: sum(many for (one, _), many in counts.items() if one == name) for name in SOURCES},
        by_kind={name: sum(many for (_, one), many in counts.items() if one == name) for name in KINDS},
        waiting=await recon_store.waiting(ask.services.db, ask.now),
        old_before=ask.now - recon_store.OLD_AFTER,
    )


async def show_exception(ask: Ask) -> Response[Any]:
    return await _page(ask, await _found(ask))


async def _page(ask: Ask, found: Found, refused: Refused | None = None) -> Response[Any]:
    acts = acts_for(found) if ask.may(Duty.RECONCILE) else []
    missing = found.source == "psp" and found.kind == Kind.MISSING_HERE and found.purchase_id is not None
    return show.page(
        ask,
        "console/exception.html",
        refused,
        title=f"{ask.t['recon.exception']} {found.id}",
        found=found,
        ours=_facts(found.ours),
        theirs=_facts(found.theirs),
        money=_MONEY,
        days=_DAYS,
        statement_id=await statement_store.statement_of(ask.services.db, found.statement_line_id),
        acts=acts,
        needs={one.needs for one in acts},
        terminals=await terminals.terminals(ask.services.reports, ask.now) if acts else [],
        may_ask=missing and found.is_open and ask.may(Duty.ASK_BANK),
        may_correct=missing and found.is_open and found.purchase_state in _CORRECTABLE,
        events=await recon_store.events(ask.services.db, found.id),
    )


def _facts(side: Any) -> list[tuple[str, Any]]:
    """What one side says, in the order of the other's, without what says nothing."""
    return [(name, _value(name, side[name])) for name in _FACTS if side.get(name) not in (None, "")]


def _value(name: str, value: Any) -> Any:
    return date.fromisoformat(value) if name in _DAYS else value


async def close(ask: Ask) -> Response[Any]:
    """Close it by the act that was chosen."""
    found = await _found(ask)
    try:
        await close_exception(
            ask.services,
            ask.operator,
            found,
            ask.form.get("act", ""),
            show.form(ask, "reason"),
            gateway=show.form(ask, "gateway"),
            terminal=show.form(ask, "terminal"),
        )
    except Refused as refused:
        return await _page(ask, await _found(ask), refused)
    return render.redirect(f"/console/exceptions/{found.id}", done="exception_closed")


async def ask_bank(ask: Ask) -> Response[Any]:
    """What does the bank say of the payment now? What it says is recorded, and the day is compared again."""
    found = await _found(ask)
    if found.purchase_id is None or found.terminal_id is None or not found.is_open:
        raise NotFound
    purchase = await payments.by_id(ask.services.db, found.purchase_id)
    if purchase is None:
        raise NotFound
    await ask_bank_by_hand(ask.services, ask.operator, purchase)
    await compare_day(ask.services, found.terminal_id, found.day)
    return render.redirect(f"/console/exceptions/{found.id}", done="exception_asked")


async def _found(ask: Ask) -> Found:
    found = await recon_store.find(ask.services.db, ask.id("exception"))
    if found is None:
        raise NotFound
    return found


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


ROUTES: list[Route] = [
    Route("GET", "/console/exceptions", show_exceptions, Duty.LOOK),
    Route("GET", _EXCEPTION, show_exception, Duty.LOOK),
    Route("POST", f"{_EXCEPTION}/close", close, Duty.RECONCILE, fresh=True),
    Route("POST", f"{_EXCEPTION}/ask-bank", ask_bank, Duty.ASK_BANK),
]
