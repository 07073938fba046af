"""What a merchant may expect: when the next settlement pays him and how much, and when a purchase's money arrives. A
forecast by today's rules and calendar, never a promise; what really happened is the deposit's own date."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from mopos.actions.services import Services
from mopos.domain.reports.search import Line
from mopos.domain.settlement import batches, deposit_views, movement_views, rule_store
from mopos.domain.settlement.calendar import Calendar, tehran_day
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.deposit_views import Standing
from mopos.domain.settlement.forecast import cut_at, due_day, expected_on, forecast, run_at


class Next(NamedTuple):
    """The next settlement of a gateway. `why` it would pay nothing: `payout_bar`'s words, `no_iban`, `debt`, `nothing`,
    `below_floor`; empty: it pays."""

    standing: Standing
    day: date
    """The day whose sales it closes."""
    cut_at: datetime
    expected_on: date
    amount_rial: int
    """What it would pay, if nothing more came or went until the cut-off."""
    why: str
    floor_rial: int


async def next_settlements(services: Services, account_id: int) -> list[Next]:
    """The next settlement of each of the account's gateways."""
    found = await deposit_views.standings(services.reports, account_id)
    if not found:
        return []
    now = services.clock()
    calendar = await rule_store.calendar(services.reports)
    due = due_day(now, calendar.rules(tehran_day(now)))
    cut_entry = None
    if not await batches.was_planned(services.reports, due):
        # That day has ended, and its batch is still to come.
        cut_entry = await batches.last_entry_before(services.reports, cut_at(due, calendar.rules(due)))
    told = []
    for standing in found:
        owed = standing.payable_rial
        if cut_entry is not None:
            at_cut = await movement_views.balance_at(services.reports, account_id, standing.gateway_id, cut_entry)
            if min(at_cut, owed) > 0:
                told.append(_next(standing, min(at_cut, owed), due, now, calendar))
                continue
        told.append(await _following(services, standing, due + timedelta(days=1), now, calendar))
    return told


async def _following(services: Services, standing: Standing, day: date, now: datetime, calendar: Calendar) -> Next:
    """Of the first day that has not been closed: where its sales have ended, what was owed by then."""
    owed, cut = standing.payable_rial, cut_at(day, calendar.rules(day))
    if cut <= now:
        upto = await batches.last_entry_before(services.reports, cut)
        at_cut = await movement_views.balance_at(services.reports, standing.account_id, standing.gateway_id, upto)
        owed = min(owed, at_cut)
    return _next(standing, owed, day, now, calendar)


def _next(standing: Standing, owed: int, day: date, now: datetime, calendar: Calendar) -> Next:
    rules = calendar.rules(day)
    amount = max(0, owed)
    planned_at = max(now, run_at(day, rules))
    arrives = expected_on(planned_at, rules.channel_for(amount), rules, calendar)
    why = _why(standing, owed, rules.floor_rial)
    return Next(standing, day, cut_at(day, rules), arrives, 0 if why else amount, why, rules.floor_rial)


def _why(standing: Standing, owed: int, floor_rial: int) -> str:
    if standing.why == "payee_unconfirmed" and not standing.has_iban:
        return "no_iban"
    if standing.why:
        return standing.why
    if owed <= 0:
        return "debt" if owed < 0 else "nothing"
    return "below_floor" if owed < floor_rial else ""


async def with_expected(services: Services, lines: Sequence[Line]) -> list[Line]:
    """Purchases with the day on which the money of those that are paid and not settled is to be expected. No day for
    what was given back whole."""
    waiting = [line for line in lines if _waits(line)]
    if not waiting:
        return list(lines)
    now = services.clock()
    calendar = await rule_store.calendar(services.reports)
    arrives = Arrivals(now, calendar)
    return [line._replace(expected_on=arrives.of(line.paid_at)) if _waits(line) else line for line in lines]


async def expected_day(services: Services, paid_at: datetime | None) -> date | None:
    """The day on which the money of one purchase is to be expected."""
    calendar = await rule_store.calendar(services.reports)
    return Arrivals(services.clock(), calendar).of(paid_at)


def _waits(line: Line) -> bool:
    given_back = line.refund_rial >= line.amount_rial
    return line.state == "PAID" and not (line.settled_on or line.held or given_back)


class Arrivals:
    """Forecasts of one moment: what is paid on one day arrives together, so each day is looked up once."""

    def __init__(self, now: datetime, calendar: Calendar) -> None:
        self._today = tehran_day(now)
        self._calendar = calendar
        self._next = forecast(now, calendar.rules(self._today), calendar).expected_on
        self._known: dict[tuple[date, bool], date] = {}

    def of(self, paid_at: datetime | None) -> date | None:
        """The day on which what was paid at a moment arrives; what should have come by now comes with the next
        settlement."""
        if paid_at is None:
            return None
        day = tehran_day(paid_at)
        rules = self._calendar.rules(day)
        key = day, paid_at < cut_at(day, rules)
        if key not in self._known:
            self._known[key] = forecast(paid_at, rules, self._calendar, Channel.PAYA).expected_on
        found = self._known[key]
        return found if found >= self._today else self._next
