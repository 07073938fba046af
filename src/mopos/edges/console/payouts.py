"""Single payouts: found by number, tracking number, IBAN or gateway; one with all that stands behind it; returned ones
and where their money went."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.base.iban import read_iban
from mopos.base.text import harmless, latin_digits
from mopos.domain.operators.model import Duty
from mopos.domain.settlement import batch_views, batches
from mopos.domain.settlement.batch_views import PAGE, Wanted
from mopos.domain.settlement.calendar import tehran_day
from mopos.domain.settlement.states import PayoutState
from mopos.edges.console import money, show
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Route

FILTERS = ("", *PayoutState, "overdue")
# As long as the longest tracking number.
_TEXT_LENGTH_MAX = 64


async def show_payouts(ask: Ask) -> Response[Any]:
    """`?state=`, `?text=`, `?gateway=`."""
    state = ask.query("state") if ask.query("state") in FILTERS else ""
    text = harmless(latin_digits(ask.query("text")))[:_TEXT_LENGTH_MAX]
    number = ask.query("gateway")
    gateway_id = money.read_number(number)
    today = tehran_day(ask.now)
    # A number that is none finds nothing, rather than everything.
    wanted = Wanted(state, _looked_for(text), gateway_id if gateway_id is not None or not number else 0)
    rows = await batch_views.found(ask.services.reports, wanted, show.before(ask), today)
    return show.page(
        ask,
        "console/payouts.html",
        title=ask.t["payouts.title"],
        rows=rows[:PAGE],
        older=show.go_on(ask, rows, PAGE),
        state=state,
        text=text,
        gateway=number,
        filters=FILTERS,
        today=today,
        tones=money.TONES,
    )


def _looked_for(text: str) -> str:
    iban = read_iban(text)
    return iban if iban.startswith("IR") and len(iban) > 20 else text


async def show_payout(ask: Ask) -> Response[Any]:
    db = ask.services.db
    order = await batch_views.order(db, ask.id("payout"))
    if order is None:
        raise NotFound
    settlement = await batch_views.settlement(db, order.settlement_id) if order.settlement_id else None
    return show.page(
        ask,
        "console/payout.html",
        title=f"{ask.t['payouts.payout']} {order.id}",
        order=order,
        batch=await batches.find(db, order.batch_id),
        settlement=settlement,
        explained=await batch_views.explain(db, settlement.id) if settlement else [],
        siblings=await batch_views.of_settlement(db, settlement.id) if settlement else [],
        events=await batch_views.events(db, "payout", order.id),
        today=tehran_day(ask.now),
        tones=money.TONES,
    )


ROUTES: list[Route] = [
    Route("GET", "/console/payouts", show_payouts, Duty.LOOK),
    Route("GET", "/console/payouts/{payout}", show_payout, Duty.LOOK),
]
