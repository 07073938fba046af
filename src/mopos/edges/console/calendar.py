"""Tehran's bank days: what is open when, channel by channel, and why not; announced closures on top of the seed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, NamedTuple

from litestar import Response
from persiantools.jdatetime import MONTH_NAMES_EN, MONTH_NAMES_FA, JalaliDate

from mopos.actions import set_money_rules
from mopos.base.errors import Refused
from mopos.base.text import latin_digits
from mopos.domain.operators.model import Duty
from mopos.domain.settlement import rule_store
from mopos.domain.settlement.calendar import Calendar, Closed, tehran_day
from mopos.domain.settlement.channels import Channel
from mopos.domain.settlement.rule_store import Kept
from mopos.edges.console import money, show
from mopos.edges.i18n.lang import Lang
from mopos.edges.web import render
from mopos.edges.web.ask import Ask
from mopos.edges.web.routes import Route

_CALENDAR = "/console/calendar"
_DAY = timedelta(days=1)
# Persian weeks begin on Saturday; Python's on Monday.
_SATURDAY = 5
# As far as the seed's holidays and anybody's plans go.
_YEARS = range(1400, 1421)
_MONTHS = 12
# What a closure's form may name: both channels, or one.
CHANNELS = ("", *Channel)


class Cell(NamedTuple):
    """A day of a month."""

    day: date
    number: int
    """In its Jalali month."""
    weekday: int
    """Monday is 0."""
    closed: dict[Channel, Closed | None]

    @property
    def both(self) -> Closed | None:
        """Why nothing at all is open; None: something is."""
        why = list(self.closed.values())
        return why[0] if all(why) else None


async def show_calendar(ask: Ask) -> Response[Any]:
    return await _page(ask)


async def _page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    today = tehran_day(ask.now)
    calendar = await money.calendar(ask)
    year, month = _month(ask, today)
    cells = _cells(calendar, year, month)
    return show.page(
        ask,
        "console/calendar.html",
        refused,
        title=ask.t["calendar.title"],
        today=today,
        year=year,
        month=month,
        months=_names(ask.lang),
        cells=cells,
        # Empty places before the first day, so that weeks stand in rows.
        blanks=(cells[0].weekday - _SATURDAY) % 7,
        before=_step(ask, year, month, -1),
        following=_step(ask, year, month, 1),
        counts=[(channel, sum(cell.closed[channel] is None for cell in cells)) for channel in Channel],
        channels=[(channel, ask.t[f"calendar.channel.{channel or 'both'}"]) for channel in CHANNELS],
        closures=await _closures(ask, today),
    )


async def _closures(ask: Ask, today: date) -> list[Kept]:
    """What operators said of days: this year's and all to come."""
    return await rule_store.closures(ask.services.db, first=today - timedelta(days=60))


def _month(ask: Ask, today: date) -> tuple[int, int]:
    """`?year=1405&month=9`; today's month where the address says nothing that there is."""
    here = JalaliDate(today)
    year, month = latin_digits(ask.query("year")), latin_digits(ask.query("month"))
    if not (year.isascii() and year.isdigit() and month.isascii() and month.isdigit() and len(year + month) <= 6):
        return here.year, here.month
    if int(year) not in _YEARS or not 1 <= int(month) <= _MONTHS:
        return here.year, here.month
    return int(year), int(month)


def _cells(calendar: Calendar, year: int, month: int) -> list[Cell]:
    cells = []
    for number in range(1, JalaliDate.days_in_month(month, year) + 1):
        day = JalaliDate(year, month, number).to_gregorian()
        closed = {channel: calendar.why_closed(day, channel) for channel in Channel}
        cells.append(Cell(day, number, day.weekday(), closed))
    return cells


def _step(ask: Ask, year: int, month: int, by: int) -> str | None:
    """The address of a month beside this one. None: beyond the years that are shown."""
    years, at = divmod(month - 1 + by, _MONTHS)
    if year + years not in _YEARS:
        return None
    return f"{_CALENDAR}?year={year + years}&month={at + 1}"


def _names(lang: Lang) -> list[tuple[int, str]]:
    names = MONTH_NAMES_FA if lang is Lang.FA else MONTH_NAMES_EN
    return [(number, str(names[number])) for number in range(1, _MONTHS + 1)]


async def add(ask: Ask) -> Response[Any]:
    """Banks are closed (or open) on a day, whatever the seed says."""
    try:
        day = money.read_day(show.form(ask, "day"))
        await set_money_rules.set_closure(
            ask.services, ask.operator, day, _channel(ask), ask.form.get("closed") != "0", show.form(ask, "reason")
        )
    except Refused as refused:
        return await _page(ask, refused)
    return render.redirect(_of_day(day), done="closure_set")


async def remove(ask: Ask) -> Response[Any]:
    """The seed counts again."""
    try:
        day = money.read_day(show.form(ask, "day"))
        await set_money_rules.remove_closure(ask.services, ask.operator, day, _channel(ask), show.form(ask, "reason"))
    except Refused as refused:
        return await _page(ask, refused)
    return render.redirect(_of_day(day), done="closure_removed")


def _channel(ask: Ask) -> Channel | None:
    name = ask.form.get("channel", "")
    if name and name not in list(Channel):
        raise Refused(["channel_unknown"])
    return Channel(name) if name else None


def _of_day(day: date) -> str:
    month = JalaliDate(day)
    return f"{_CALENDAR}?year={month.year}&month={month.month}"


ROUTES: list[Route] = [
    Route("GET", _CALENDAR, show_calendar, Duty.LOOK),
    Route("POST", f"{_CALENDAR}/add", add, Duty.SETTLE, fresh=True),
    Route("POST", f"{_CALENDAR}/remove", remove, Duty.SETTLE, fresh=True),
]
