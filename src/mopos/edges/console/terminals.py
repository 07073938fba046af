"""Terminals at banks: how each fares by what its bank really answered, and the switch."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.actions.credentials import do_open
from mopos.actions.manage_terminals import health_of, shown
from mopos.base.errors import Refused
from mopos.domain.operators import log, terminals
from mopos.domain.operators.model import Duty, check_reason
from mopos.domain.operators.terminals import Terminal
from mopos.domain.routing import store as routing
from mopos.edges.console import show
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

_TERMINAL = "/console/terminals/{terminal}"
# How a terminal's health is coloured.
TONES = {"well": "good", "sick": "bad", "slow": "wait", "off": "care", "quiet": "ended"}


async def show_terminals(ask: Ask) -> Response[Any]:
    return show.page(
        ask,
        "console/terminals.html",
        title=ask.t["console.terminals"],
        listed=await shown(ask.services.db, ask.services.clock, ask.services.settings, ask.services.reports),
        tones=TONES,
    )


async def show_terminal(ask: Ask) -> Response[Any]:
    return await _page(ask, await _found(ask))


async def _page(ask: Ask, terminal: Terminal, refused: Refused | None = None) -> Response[Any]:
    found = await routing.routing(ask.services.db)
    row = next(one for one in found.terminals if one.id == terminal.id)
    opens = do_open(ask.services.settings, row)
    return show.page(
        ask,
        "console/terminal.html",
        refused,
        title=f"{ask.t['console.terminal']} {terminal.bank} {terminal.name}",
        terminal=terminal,
        health=health_of(terminal, opens=opens),
        row=row,
        opens=opens,
        rules=[rule for rule in found.rules if rule.terminal_id == terminal.id],
        any_general=any(rule.is_general for rule in found.rules),
        tones=TONES,
        entries=await log.about(ask.services.db, f"{terminal.bank} {terminal.name}"),
    )


async def _found(ask: Ask) -> Terminal:
    found = await terminals.find(ask.services.db, ask.id("terminal"), ask.now)
    if found is None:
        raise NotFound
    return found


async def switch(ask: Ask) -> Response[Any]:
    """On or off, as the form says; pressing twice changes nothing."""
    terminal = await _found(ask)
    on = ask.form.get("on") == "1"
    try:
        reason = check_reason(show.form(ask, "reason"))
    except Refused as refused:
        return await _page(ask, terminal, refused)
    await terminals.switch(ask.services.db, terminal.id, on=on, operator_id=ask.operator.id, reason=reason, now=ask.now)
    return render.redirect(f"/console/terminals/{terminal.id}", done="console_on" if on else "console_off")


ROUTES: list[Route] = [
    Route("GET", "/console/terminals", show_terminals, Duty.LOOK),
    Route("GET", _TERMINAL, show_terminal, Duty.LOOK),
    Route("POST", f"{_TERMINAL}/switch", switch, Duty.SWITCH, fresh=True),
]
