"""When a payment reaches its merchant: which day's batch closes it, which cycle carries it, on which day. Pure.

A forecast, never a promise: it counts with the rules and the calendar as they stand now. What really happened is the
payout's own date.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from mopos.base.clock import TEHRAN
from mopos.domain.settlement.calendar import Calendar, tehran_day
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.rules import Rules

_DAY = timedelta(days=1)


class Forecast(NamedTuple):
    """What is to be expected of a payment."""

    batch_day: date
    """The day that the batch closes."""
    run_at: datetime
    """From then on that batch is planned."""
    carried_at: datetime
    """The cycle that carries it."""
    expected_on: date
    """The day on which the merchant has it."""


def cut_at(day: date, rules: Rules) -> datetime:
    """The end of a day's sales: what was booked before it is in the day's batch."""
    return datetime.combine(day, rules.cut_off, TEHRAN)


def run_at(day: date, rules: Rules) -> datetime:
    """When the batch of a day may be planned."""
    return datetime.combine(day + rules.delay_days * _DAY, rules.cut_off, TEHRAN)


def closing_day(moment: datetime, rules: Rules) -> date:
    """The day whose batch closes what is booked at a moment."""
    day = tehran_day(moment)
    return day if moment < cut_at(day, rules) else day + _DAY


def due_day(now: datetime, rules: Rules) -> date:
    """The latest day whose batch may be planned by now."""
    day = tehran_day(now) - rules.delay_days * _DAY
    return day if now >= run_at(day, rules) else day - _DAY


def handed_over_at(planned_at: datetime, rules: Rules) -> datetime:
    """When a batch that is planned at a moment has been approved and is with the bank."""
    day = tehran_day(planned_at)
    at = datetime.combine(day, rules.hand_over, TEHRAN)
    return at if at >= planned_at else datetime.combine(day + _DAY, rules.hand_over, TEHRAN)


def expected_on(planned_at: datetime, channel: Channel, rules: Rules, calendar: Calendar) -> date:
    """The day on which what is planned at a moment arrives. An open day of the channel."""
    return tehran_day(calendar.next_cycle(handed_over_at(planned_at, rules), channel))


def forecast(paid_at: datetime, rules: Rules, calendar: Calendar, channel: Channel = Channel.PAYA) -> Forecast:
    """What is to be expected of a payment. Never before `paid_at`, never on a day on which the channel is closed."""
    day = closing_day(paid_at, rules)
    planned_at = run_at(day, rules)
    carried_at = calendar.next_cycle(handed_over_at(planned_at, rules), channel)
    return Forecast(day, planned_at, carried_at, tehran_day(carried_at))
