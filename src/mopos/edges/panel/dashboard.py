"""The merchant's first page: what was sold today, this week and this month, and what waits for somebody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

from litestar import Response
from persiantools.jdatetime import JalaliDate

from mopos.actions.expect_settlement import next_settlements
from mopos.base.clock import TEHRAN
from mopos.base.money import Rial
from mopos.base.text import persian_digits
from mopos.domain.accounts.model import Allow
from mopos.domain.reports import one, sales
from mopos.domain.reports.sales import Day, Sales
from mopos.domain.settlement import deposit_views
from mopos.edges.i18n import formats
from mopos.edges.i18n.lang import Lang
from mopos.edges.panel import charts
from mopos.edges.panel.charts import Chart
from mopos.edges.panel.deposits import words
from mopos.edges.panel.purchases import chosen_gateways
from mopos.edges.web import render
from mopos.edges.web.ask import Ask
from mopos.edges.web.routes import Route

# A month's days and a few, so that the same weekday is there several times.
_DAYS = 30
_PERIODS = (("today", "yesterday"), ("week", "last_week"), ("month", "last_month"))
_MILLION, _BILLION = 10**6, 10**9


class Tile(NamedTuple):
    """A period's figures, and how they compare with the one before it."""

    name: str
    now: Sales
    before: Sales

    @property
    def change(self) -> int | None:
        """How many percent more (or, negative, less) was sold; None when nothing was sold before."""
        if not self.before.paid_rial:
            return None
        return round(100 * (self.now.paid_rial - self.before.paid_rial) / self.before.paid_rial)


class Drawn(NamedTuple):
    """A chart with its sentences and its table."""

    name: str
    heading: str
    description: str
    chart: Chart
    rows: list[tuple[str, Sales]]
    column: str


async def _dashboard(ask: Ask) -> Response[Any]:
    if not ask.may(Allow.SEE_MONEY):
        return render.redirect(f"{ask.panel}/integration")
    db = ask.services.reports
    gateways = await one.gateways(db, ask.account_id)
    chosen = chosen_gateways(ask.query("gateway"), gateways)
    periods = sales.periods(ask.now)
    found = await sales.by_period(db, chosen, periods)
    today = ask.now.astimezone(TEHRAN).date()
    hours = await sales.by_hour(db, chosen, today)
    month = JalaliDate(today).replace(day=1).to_gregorian()
    days = await sales.by_day(db, chosen, min(month, today - timedelta(days=_DAYS - 1)), today)
    unacknowledged = await sales.unacknowledged(db, chosen)
    declines = sales.declines([day for day in days if day.day >= month])
    return render.page(
        ask,
        "panel/dashboard.html",
        title=ask.t["dashboard.title"],
        panel=ask.panel,
        gateways=gateways,
        tiles=[Tile(name, found[name], found[before]) for name, before in _PERIODS],
        drawn=[_by_hour(hours, ask.lang, ask.t), _by_day(days[-_DAYS:], ask.lang, ask.t)],
        declines=declines,
        declines_all=sum(times for _, times in declines),
        unacknowledged=unacknowledged,
        unacknowledged_max=sales.UNACKNOWLEDGED_MAX,
        short=lambda amount: short(amount, ask.lang, ask.t),
        Rial=Rial,
        chart_width=charts.WIDTH,
        chart_height=charts.HEIGHT,
        **await _settlement(ask, chosen),
        values={"gateway": ask.query("gateway")},
    )


async def _settlement(ask: Ask, chosen: list[int]) -> dict[str, Any]:
    """What comes next for the chosen gateways, the last deposit that arrived, and what came back."""
    db = ask.services.reports
    coming = await next_settlements(ask.services, ask.account_id)
    gateway_id = chosen[0] if len(chosen) == 1 else None
    last = await deposit_views.deposits(db, ask.account_id, gateway_id=gateway_id, states=["SETTLED"], limit=1)
    return {
        "coming": [one for one in coming if one.standing.gateway_id in chosen],
        "last": last[0] if last else None,
        "returned": await deposit_views.returned(db, ask.account_id),
        **words(ask),
    }


def _by_hour(hours: list[Sales], lang: Lang, t: Any) -> Drawn:
    labels = [digits(f"{hour:02}", lang) for hour in range(24)]
    return _drawn("by_hour", "dashboard.hour", labels, hours, lang, t, tick_every=3)


def _by_day(days: list[Day], lang: Lang, t: Any) -> Drawn:
    labels = [digits(JalaliDate(day.day).strftime("%m/%d", locale="en"), lang) for day in days]
    return _drawn("by_day", "dashboard.day", labels, [day.sales for day in days], lang, t, tick_every=5)


def _drawn(name: str, column: str, labels: list[str], parts: list[Sales], lang: Lang, t: Any, tick_every: int) -> Drawn:
    told = [f"{label}: {formats.rial(Rial(part.paid_rial), lang)}" for label, part in zip(labels, parts, strict=True)]
    chart = charts.bars([part.paid_rial for part in parts], labels, told, tick_every=tick_every)
    total = Rial(sum(part.paid_rial for part in parts))
    description = t["dashboard.chart.empty"]
    if total:
        most, all_of_it = told[chart.top], formats.rial(total, lang)
        description = " ".join(
            [t["dashboard.chart.what"], t["dashboard.chart.top"], f"{most}.", t["dashboard.chart.sum"], f"{all_of_it}."]
        )
    return Drawn(name, t[f"dashboard.{name}"], description, chart, list(zip(labels, parts, strict=True)), t[column])


def short(amount: int, lang: Lang, t: Any) -> str:
    """`۲٫۵ میلیون`, `2.5 M`: a round amount for the side of a chart."""
    for unit, key in ((_BILLION, "dashboard.billion"), (_MILLION, "dashboard.million")):
        if amount >= unit:
            text = f"{amount / unit:,.1f}".removesuffix(".0")
            if lang is Lang.FA:
                # An isolate: a chart runs from left to right, and these words do not.
                return f"\u2067{persian_digits(text).replace('.', '٫').replace(',', '٬')} {t[key]}\u2069"
            return f"{text} {t[key]}"
    return formats.grouped(amount, lang)


def digits(text: str, lang: Lang) -> str:
    """A number as text, in the reader's digits."""
    return persian_digits(text) if lang is Lang.FA else text


ROUTES: list[Route] = [
    Route("GET", "/panel/{account}", _dashboard, Allow.ENTER),
]
