"""Tehran's bank days. Pure: the seed is the package `holidays` (country IR), operators' closures lie on top of it.

Lunar days are fixed by sighting the moon and closures are announced days ahead, so the seed is a forecast: the table
`closure` says what became of it, for both channels or for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import NamedTuple

from mopos.base.clock import TEHRAN
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.rules import Rules, Setting, rules_on

# Nowruz with a weekend and a few announced days is a fortnight; a calendar that is closed for longer is a mistake.
CLOSED_RUN_MAX = 60
_DAY = timedelta(days=1)


class Closure(NamedTuple):
    """A row of the table: a day on which a channel is closed, or open, against what the seed says."""

    day: date
    channel: Channel | None
    """None: both."""
    closed: bool
    reason: str


class Closed(NamedTuple):
    """Why a day is no bank day. `kind`: weekend, holiday, closure."""

    kind: str
    name: str
    """Of the holiday, or the closure's reason; Persian, or as an operator wrote it."""


class NeverOpen(ValueError):
    """Nothing is open for longer than any holiday lasts: the closures are wrong."""


class Calendar:
    """Which days are open, channel by channel."""

    def __init__(self, closures: Iterable[Closure] = (), settings: Iterable[Setting] = ()) -> None:
        self._closures = {(closure.day, closure.channel): closure for closure in closures}
        self._settings = tuple(settings)
        self._rules: dict[date, Rules] = {}

    def rules(self, day: date) -> Rules:
        """The rules of a day: the weekend is one of them."""
        if day not in self._rules:
            self._rules[day] = rules_on(day, self._settings)
        return self._rules[day]

    def why_closed(self, day: date, channel: Channel) -> Closed | None:
        """Why a channel rests on a day. None: it is open. What an operator says of a channel comes first, then what he
        says of the day, then the weekend, then the seed."""
        closure = self._closures.get((day, channel)) or self._closures.get((day, None))
        if closure is not None:
            return Closed("closure", closure.reason) if closure.closed else None
        if day.weekday() in self.rules(day).weekend(channel):
            return Closed("weekend", "")
        name = holidays_of(day.year).get(day)
        return Closed("holiday", name) if name is not None else None

    def is_open(self, day: date, channel: Channel) -> bool:
        """Whether a channel settles on a day."""
        return self.why_closed(day, channel) is None

    def next_open(self, day: date, channel: Channel) -> date:
        """The first open day that is not before `day`: itself, where it is open. Raises `NeverOpen`."""
        for after in range(CLOSED_RUN_MAX):
            candidate = day + after * _DAY
            if self.is_open(candidate, channel):
                return candidate
        raise NeverOpen(f"{channel} opens on no day from {day} on")

    def working_days(self, first: date, last: date, channel: Channel) -> list[date]:
        """The open days from `first` to `last`, both counted."""
        days = (first + number * _DAY for number in range((last - first).days + 1))
        return [day for day in days if self.is_open(day, channel)]

    def cycles(self, day: date, channel: Channel) -> list[datetime]:
        """The moments of a day at which a channel takes what has been handed over: Paya's cycles, on holidays too, and
        the end of Satna's hours."""
        rules, open_ = self.rules(day), self.is_open(day, channel)
        if channel is Channel.SATNA:
            return [_at(day, rules.satna_until)] if open_ else []
        return [_at(day, cycle) for cycle in (rules.paya_cycles if open_ else rules.paya_holiday_cycles)]

    def next_cycle(self, after: datetime, channel: Channel) -> datetime:
        """The first moment on an open day, not before `after`, at which a channel takes what has been handed over.
        Raises `NeverOpen`."""
        first = after.astimezone(TEHRAN).date()
        day = first
        while (day - first).days < CLOSED_RUN_MAX:
            day = self.next_open(day, channel)
            for cycle in self.cycles(day, channel):
                if cycle >= after:
                    return cycle
            day += _DAY
        raise NeverOpen(f"{channel} has no cycle from {first} on")


@cache
def holidays_of(year: int) -> Mapping[date, str]:
    """Official holidays of a Gregorian year as the seed has them, with their Persian names; Fridays are none. Lunar
    ones of years to come are marked as estimated."""
    from holidays import country_holidays  # noqa: PLC0415  # it takes a while, and most processes never need it

    seed = country_holidays("IR", years=year, language="fa_IR")
    return {day: _BETWEEN_NAMES.sub("؛ ", name) for day, name in seed.items()}


# A day may have several names, written with this or that semicolon between.
_BETWEEN_NAMES = re.compile(r"\s*[;؛]\s*")


def _at(day: date, moment: time) -> datetime:
    return datetime.combine(day, moment, TEHRAN)


def tehran_day(moment: datetime) -> date:
    """The day of Tehran in which a moment lies."""
    return moment.astimezone(TEHRAN).date()
