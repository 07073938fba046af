"""What can be had as a file, and how it is read: part by part, so that a file of millions takes no more memory than one
of a hundred."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import NamedTuple

from mopos.actions.expect_settlement import with_expected
from mopos.actions.services import Services
from mopos.domain.reports import one, search
from mopos.domain.reports.exports import Export, Part
from mopos.domain.reports.model import fields_of, parse_filter
from mopos.domain.reports.one import Gateway
from mopos.domain.settlement import movement_views
from mopos.domain.settlement.movement_views import Movement, Period

# Rows read and written at a time: some megabytes.
PAGE = 2_000


async def purchases(services: Services, export: Export) -> AsyncIterator[Part]:
    """The account's purchases that the export's filter wants, newest first. Raises `Refused` where the filter is no
    longer understood."""
    wanted = parse_filter(fields_of(export.query))
    gateways = [gateway.id for gateway in await _gateways(services, export, wanted.gateway_id)]
    found = await search.prepare(services.reports, gateways, wanted)
    oldest = await search.oldest(services.reports, gateways)
    rows, newest, before = 0, None, None
    while True:
        page = await found.page(services.reports, before=before, limit=PAGE)
        rows += len(page.lines)
        lines = await with_expected(services, page.lines)
        if page.older is None:
            yield Part(lines, rows)
            return
        before = page.older
        newest = newest or (page.lines[0].id if page.lines else before)
        # Numbers run evenly through time: as much is written as was walked of the way from the newest to the oldest.
        walked = (newest - before + 1) / max(1, newest - max(oldest, found.values["low"]) + 1)
        yield Part(lines, max(rows, round(rows / min(1.0, max(walked, 1e-9)))))


class StatementRow(NamedTuple):
    """A row of a statement's file. `kind`: opening, movement, closing, check."""

    kind: str
    gateway_id: int
    gateway_name: str
    at: datetime | None
    movement: Movement | None
    balance_rial: int
    """After the movement; of the check: opening and movements less closing, 0 unless the books are wrong."""
    period: Period


async def statement(services: Services, export: Export) -> AsyncIterator[Part]:
    """A period's movements of a gateway, or of each of the account's gateways one after the other: opening balance,
    every movement, closing balance, and the check that they agree. Raises `Refused` where the period is not
    understood."""
    wanted = parse_filter(fields_of(export.query))
    since, until = wanted.since or export.created_at, wanted.until or export.created_at
    # What is still to come stands in nobody's books: all statements of one export end at the same moment.
    until = min(until, export.created_at)
    since = min(since, until)
    gateways = await _gateways(services, export, wanted.gateway_id)
    account_id = export.account_id
    periods = [await movement_views.period(services.reports, account_id, each.id, since, until) for each in gateways]
    rows_all = sum(period.times + 3 for period in periods)
    for gateway, period in zip(gateways, periods, strict=True):
        async for part in _of_gateway(services, gateway, period, since, until):
            yield part._replace(rows_all=rows_all)


async def _of_gateway(
    services: Services, gateway: Gateway, period: Period, since: datetime, until: datetime
) -> AsyncIterator[Part]:
    def row(kind: str, at: datetime | None, balance: int, movement: Movement | None = None) -> StatementRow:
        return StatementRow(kind, gateway.id, gateway.name, at, movement, balance, period)

    yield Part([row("opening", since, period.opening)], None)
    balance, after = period.opening, (0, 0)
    while lines := await movement_views.movements(services.reports, period.stretch, after=after, limit=PAGE):
        told = movement_views.running(balance, lines)
        yield Part([row("movement", line.booked_at, then, line) for line, then in told], None)
        balance, after = told[-1][1], (lines[-1].entry_id, lines[-1].id)
    # What was written against what was counted without it.
    yield Part([row("closing", until, period.closing), row("check", None, balance - period.closing)], None)


async def _gateways(services: Services, export: Export, gateway_id: int | None) -> list[Gateway]:
    found = await one.gateways(services.reports, export.account_id)
    return [gateway for gateway in found if gateway_id is None or gateway.id == gateway_id]


Source = Callable[[Services, Export], AsyncIterator[Part]]
SOURCES: dict[str, Source] = {"purchases": purchases, "statement": statement}
