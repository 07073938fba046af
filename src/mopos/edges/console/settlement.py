"""Today's settlement: which day the next run closes, what it pays to whom, and what waits for somebody."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from litestar import Response

from mopos.actions.run_settlement import run_settlement
from mopos.base.errors import Refused
from mopos.domain.operators.model import Duty
from mopos.domain.settlement import batches, outlook
from mopos.domain.settlement.calendar import Calendar, NeverOpen, tehran_day
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.forecast import closing_day, cut_at, due_day, expected_on, run_at
from mopos.domain.settlement.outlook import FROM_THE_TOP, PAGE, Owed
from mopos.domain.settlement.rules import Rules
from mopos.edges.console import money, show
from mopos.edges.web import render
from mopos.edges.web.ask import Ask
from mopos.edges.web.routes import Route

# A returned payout is told for two weeks: the merchant's account is mended by then, or somebody knows why not.
RETURNED_SHOWN = timedelta(days=14)
_FILTERS = ("", "paid", "not_paid")
# What the run said, and the notice that tells it.
_RAN = {"planned": "settlement_ran", "there": "settlement_there", "empty": "settlement_empty"}


async def show_settlement(ask: Ask) -> Response[Any]:
    return await _page(ask)


async def _page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    db, today = ask.services.db, tehran_day(ask.now)
    calendar = await money.calendar(ask)
    rules = calendar.rules(today)
    due, closing = due_day(ask.now, rules), closing_day(ask.now, rules)
    of = ask.query("of") if ask.query("of") in _FILTERS else ""
    rows = await outlook.owed(ask.services.reports, rules.floor_rial, of=of, **_from(ask))
    sums = await outlook.sums(ask.services.reports, rules.floor_rial)
    return show.page(
        ask,
        "console/settlement.html",
        refused,
        title=ask.t["settlement.title"],
        desk=await outlook.desk(ask.services.reports, today, today - RETURNED_SHOWN),
        due=due,
        due_batch=await batches.of_day(db, due),
        closing=closing,
        cut_at=cut_at(closing, rules),
        run_at=run_at(closing, rules),
        rules=rules,
        opens=[(channel, *_opens(channel, today, calendar)) for channel in Channel],
        expected=_expected(ask, rules, calendar),
        of=of,
        filters=_FILTERS,
        rows=rows[:PAGE],
        sums=sums,
        many=sum(one.gateways for one in sums),
        older=_older(ask, rows),
        tones=money.TONES,
    )


def _from(ask: Ask) -> dict[str, int]:
    """Where the list goes on: `?from=BALANCE_NUMBER`."""
    balance, _, number = ask.query("from").partition("_")
    if number.isascii() and number.isdigit() and balance.removeprefix("-").isdecimal() and len(balance + number) <= 38:
        at, after = int(balance), int(number)
        if abs(at) <= FROM_THE_TOP[0] and after <= FROM_THE_TOP[0]:
            return {"balance": at, "after": after}
    return {"balance": FROM_THE_TOP[0], "after": FROM_THE_TOP[1]}


def _older(ask: Ask, rows: list[Owed]) -> str | None:
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    return ask.here(**{"from": f"{int(last.balance)}_{last.gateway_id}"}) if last else None


def _opens(channel: Channel, today: date, calendar: Calendar) -> tuple[str, date | None]:
    """Why a channel rests today (empty: it does not), and its next open day."""
    closed = calendar.why_closed(today, channel)
    try:
        following = calendar.next_open(today + timedelta(days=1) if closed is None else today, channel)
    except NeverOpen:
        following = None
    return (closed.kind if closed else ""), following


def _expected(ask: Ask, rules: Rules, calendar: Calendar) -> list[tuple[Channel, date]]:
    """When what the next run plans is expected to arrive."""
    planned_at = max(ask.now, run_at(closing_day(ask.now, rules), rules))
    try:
        return [(channel, expected_on(planned_at, channel, rules, calendar)) for channel in Channel]
    except NeverOpen:
        return []


async def run(ask: Ask) -> Response[Any]:
    """Plan the day that has ended, now."""
    ran = await run_settlement(ask.services)
    if ran.why == "waits":
        return await _page(ask, Refused(["settlement_waits"]))
    to = f"/console/batches/{ran.batch_id}" if ran.batch_id else "/console/settlement"
    return render.redirect(to, done=_RAN.get(ran.why, "settlement_empty"))


ROUTES: list[Route] = [
    Route("GET", "/console/settlement", show_settlement, Duty.LOOK),
    Route("POST", "/console/settlement/run", run, Duty.SETTLE, fresh=True),
]
