"""Money of merchants that is not paid out for now: of one purchase, an amount, or all of it; and how far a merchant may
be in debt."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.actions import hold_money
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.domain.operators import log, proposals
from mopos.domain.operators.model import Act, Duty, about_gateway
from mopos.domain.settlement import batch_views, outlook
from mopos.domain.settlement.batch_views import PAGE
from mopos.domain.settlement.outlook import Standing
from mopos.domain.settlement.states import HoldState
from mopos.edges.console import money, show
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

_HOLDS = "/console/holds"
_GATEWAY = "/console/holds/gateways/{gateway}"
_HOLD = "/console/holds/{hold}"
_FILTERS = (HoldState.HELD, HoldState.RELEASED, "all")
# What the log tells of a gateway on its page here.
_ACTS = ("stop_payouts", "resume_payouts", "set_debt", "propose_set_debt", "refused_set_debt", "withdrawn_set_debt")


async def show_holds(ask: Ask) -> Response[Any]:
    """All holds, and gateways that are stopped or may be in debt. `?gateway=` leads to one gateway's page."""
    return await _list(ask)


async def _list(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    text = ask.query("gateway")
    unknown = False
    if text:
        gateway_id = money.read_number(text)
        if gateway_id is not None and await outlook.standing(ask.services.db, gateway_id) is not None:
            return render.redirect(f"{_HOLDS}/gateways/{with_check_digit(gateway_id)}")
        unknown = True
    state = ask.query("state") if ask.query("state") in _FILTERS else HoldState.HELD
    rows = await batch_views.holds(ask.services.db, show.before(ask), state="" if state == "all" else state)
    return show.page(
        ask,
        "console/holds.html",
        refused,
        title=ask.t["holds.title"],
        rows=rows[:PAGE],
        older=show.go_on(ask, rows, PAGE),
        state=state,
        filters=_FILTERS,
        special=await outlook.special(ask.services.db),
        asked=text,
        wrong_gateway=ask.t["problem.hold_gateway_unknown"] if unknown else "",
        tones=money.TONES,
    )


async def show_gateway(ask: Ask) -> Response[Any]:
    return await _page(ask, await _standing(ask))


async def _page(ask: Ask, standing: Standing, refused: Refused | None = None) -> Response[Any]:
    db, number = ask.services.db, with_check_digit(standing.gateway_id)
    rows = await batch_views.holds(db, show.before(ask), gateway_id=standing.gateway_id)
    about = await proposals.about(db, about_gateway(number), ask.now)
    return show.page(
        ask,
        "console/hold_gateway.html",
        refused,
        title=f"{ask.t['holds.of_gateway']} {number}",
        standing=standing,
        number=number,
        rows=rows[:PAGE],
        older=show.go_on(ask, rows, PAGE),
        waiting=[one for one in about if one.act is Act.SET_DEBT],
        entries=[one for one in await log.about(db, about_gateway(number)) if one.act in _ACTS],
        tones=money.TONES,
    )


async def _standing(ask: Ask) -> Standing:
    found = await outlook.standing(ask.services.db, ask.number("gateway"))
    if found is None:
        raise NotFound
    return found


async def place(ask: Ask) -> Response[Any]:
    """Of a purchase, when its number is given; otherwise an amount of the balance."""
    standing = await _standing(ask)
    try:
        purchase_id, amount = _what(ask)
        await hold_money.place_hold(
            ask.services,
            ask.operator,
            gateway_id=standing.gateway_id,
            purchase_id=purchase_id,
            amount=amount,
            reason=show.form(ask, "reason"),
        )
    except Refused as refused:
        return await _page(ask, standing, refused)
    return _back(standing, "hold_placed")


def _what(ask: Ask) -> tuple[int | None, Any]:
    number, amount = show.form(ask, "purchase"), show.form(ask, "amount")
    # Both or neither: what is meant?
    if bool(number) == bool(amount):
        raise Refused(["hold_what"])
    if not number:
        return None, money.read_rial(amount, "hold_amount_wrong")
    purchase_id = money.read_number(number)
    if purchase_id is None:
        raise Refused(["hold_purchase_unknown"])
    return purchase_id, None


async def release(ask: Ask) -> Response[Any]:
    """The money is the merchant's again. Back to the page from which it was done."""
    try:
        await hold_money.release_hold(ask.services, ask.operator, ask.id("hold"), show.form(ask, "reason"))
    except Refused as refused:
        return await _list(ask, refused)
    gateway_id = money.read_number(show.form(ask, "gateway"))
    back = f"{_HOLDS}/gateways/{with_check_digit(gateway_id)}" if gateway_id is not None else _HOLDS
    return render.redirect(back, done="hold_released")


async def stop(ask: Ask) -> Response[Any]:
    standing = await _standing(ask)
    try:
        await hold_money.stop_payouts(ask.services, ask.operator, standing.gateway_id, show.form(ask, "reason"))
    except Refused as refused:
        return await _page(ask, standing, refused)
    return _back(standing, "payouts_stopped")


async def resume(ask: Ask) -> Response[Any]:
    standing = await _standing(ask)
    try:
        await hold_money.resume_payouts(ask.services, ask.operator, standing.gateway_id, show.form(ask, "reason"))
    except Refused as refused:
        return await _page(ask, standing, refused)
    return _back(standing, "payouts_resumed")


async def propose_debt(ask: Ask) -> Response[Any]:
    """How far below nought the balance may fall; another operator approves it."""
    standing = await _standing(ask)
    try:
        debt = money.read_rial(show.form(ask, "debt"), "debt_wrong")
        number = await hold_money.propose_debt(
            ask.services, ask.operator, standing.gateway_id, debt, show.form(ask, "reason")
        )
    except Refused as refused:
        return await _page(ask, standing, refused)
    return render.redirect(f"/console/proposals/{number}", done="console_proposed")


def _back(standing: Standing, done: str) -> Response[Any]:
    return render.redirect(f"{_HOLDS}/gateways/{with_check_digit(standing.gateway_id)}", done=done)


ROUTES: list[Route] = [
    Route("GET", _HOLDS, show_holds, Duty.LOOK),
    Route("GET", _GATEWAY, show_gateway, Duty.LOOK),
    Route("POST", f"{_GATEWAY}/place", place, Duty.SETTLE, fresh=True),
    Route("POST", f"{_GATEWAY}/stop", stop, Duty.SETTLE, fresh=True),
    Route("POST", f"{_GATEWAY}/resume", resume, Duty.SETTLE, fresh=True),
    Route("POST", f"{_GATEWAY}/debt", propose_debt, Duty.SETTLE, fresh=True),
    Route("POST", f"{_HOLD}/release", release, Duty.SETTLE, fresh=True),
]
