"""PSPs' own reports are fetched: yesterday's after midnight of Tehran, again when a PSP was silent, and once more
while a day has open differences, as the other side may have come to say the same."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import structlog

from mopos.actions.services import Services
from mopos.banks.port import Bank, ReportLine, Silent
from mopos.base.money import Rial
from mopos.domain.settlement import psp_store
from mopos.domain.settlement.matching import bank_day
from mopos.domain.settlement.psp_store import Told

# PSPs keep reports for some weeks; a gateway that stood still for longer has other troubles.
DAYS_BACK = 10
# A day with open differences is asked about this often.
FETCH_AGAIN = timedelta(hours=6)
# A report of more pages than this never ends: some ten million movements.
PAGES_MAX = 40_000

log = structlog.get_logger()


class Fetched(NamedTuple):
    """A day's report. `lines` None: the PSP was silent, and `why` says how."""

    day: date
    lines: int | None
    why: str = ""


async def fetch_reports(services: Services, *, day: date | None = None) -> list[Fetched]:
    """Fetch what is due, or one day, of every terminal whose PSP gives reports. Runs twice harmlessly: a report counts
    when all of it is here, and the newest counts."""
    fetched = []
    for terminal_id, live in services.terminals.all.items():
        if live.bank.facts.reports:
            days = [day] if day else await _due(services, terminal_id)
            fetched += [await _fetch(services, terminal_id, live.bank, one) for one in days]
    return fetched


async def _due(services: Services, terminal_id: int) -> list[date]:
    now = services.clock()
    return await psp_store.days_to_fetch(
        services.db,
        terminal_id,
        first=bank_day(now) - timedelta(days=DAYS_BACK),
        last=bank_day(now) - timedelta(days=1),
        fetched_before=now - FETCH_AGAIN,
    )


async def _fetch(services: Services, terminal_id: int, bank: Bank, day: date) -> Fetched:
    page = await bank.report(day)
    if isinstance(page, Silent):
        return _silent(day, page)
    report = await psp_store.begin(services.db, terminal_id, day, services.clock())
    commission = Rial(0)
    for _ in range(PAGES_MAX):
        await psp_store.keep(services.db, report, day, [_told(line) for line in page.lines])
        commission = page.commission
        if not page.following:
            return Fetched(day, await psp_store.end(services.db, report, int(commission)))
        page = await bank.report(day, page.following)
        if isinstance(page, Silent):
            return _silent(day, page)
    return _silent(day, Silent("endless"))


def _silent(day: date, silent: Silent) -> Fetched:
    log.info("psp_report.silent", day=day.isoformat(), why=silent.why)
    return Fetched(day, None, silent.why)


def _told(line: ReportLine) -> Told:
    return Told(line.kind, line.order_number, line.bank_ref, int(line.amount), line.at)
