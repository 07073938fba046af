"""The console's first page, and the queues of purchases that wait for a person."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from litestar import Response

from mopos.actions.manage_terminals import shown
from mopos.base.clock import TEHRAN
from mopos.domain.operators import desk, log
from mopos.domain.operators.desk import PAGE, Queued, Waiting
from mopos.domain.operators.model import Duty
from mopos.domain.operators.terminals import Health
from mopos.domain.settlement import outlook, recon_store
from mopos.domain.settlement.calendar import tehran_day
from mopos.edges.console import show
from mopos.edges.web.ask import Ask
from mopos.edges.web.routes import Route

# A payment that came late needs no decision, but somebody should have seen it.
LATE_SHOWN = timedelta(days=7)
# An audit older than this says nothing of today's rows.
AUDIT_STALE_AFTER = timedelta(days=2)
QUEUES = ("unknown", "conflicted", "late")
_BEFORE_ALL = 2**62


class Tile(NamedTuple):
    """A queue on the first page."""

    name: str
    waiting: Waiting
    url: str
    tone: str


async def show_overview(ask: Ask) -> Response[Any]:
    db, now = ask.services.reports, ask.now
    found = await desk.desk(db, now, now - LATE_SHOWN)
    all_terminals = await shown(ask.services.db, ask.services.clock, ask.services.settings, db)
    runs = await log.last_runs(db)
    exceptions = await recon_store.waiting(db, now)
    return show.page(
        ask,
        "console/overview.html",
        title=ask.t["console.overview"],
        tiles=[*_tiles(found), _exceptions(exceptions), *await _settlement(ask)],
        exceptions_old=exceptions.old,
        today=await desk.sums_since(db, midnight(now)),
        unwell=[one for one in all_terminals if one.health in (Health.SICK, Health.SLOW, Health.OFF)],
        terminals_all=len(all_terminals),
        runs=runs,
        stale=not runs or max(run.at for run in runs) < now - AUDIT_STALE_AFTER,
    )


def midnight(now: datetime) -> datetime:
    """The beginning of today in Tehran."""
    day = now.astimezone(TEHRAN).date()
    return datetime(day.year, day.month, day.day, tzinfo=TEHRAN)


def _tiles(found: desk.Desk) -> list[Tile]:
    return [
        Tile("unknown", found.unknown, "/console/queues?of=unknown", "bad"),
        Tile("conflicted", found.conflicted, "/console/queues?of=conflicted", "bad"),
        Tile("late", found.late, "/console/queues?of=late", "wait"),
        Tile("applications", found.applications, "/console/applications", "wait"),
        Tile("proposals", found.proposals, "/console/proposals", "wait"),
        Tile("overdue", found.overdue, "/console/jobs", "bad"),
        Tile("failed_jobs", found.failed_jobs, "/console/jobs", "bad"),
    ]


def _exceptions(waiting: recon_store.Waiting) -> Tile:
    tone = "bad" if waiting.old else "wait"
    return Tile("exceptions", Waiting(waiting.many, waiting.oldest), "/console/exceptions", tone)


async def _settlement(ask: Ask) -> list[Tile]:
    """What waits in settlement."""
    today = tehran_day(ask.now)
    found = await outlook.desk(ask.services.reports, today, today)
    both = [waits for waits in (found.drafts, found.to_submit) if waits.many]
    oldest = min((waits.oldest for waits in both if waits.oldest), default=None)
    return [
        Tile("batches", Waiting(sum(waits.many for waits in both), oldest), "/console/settlement", "wait"),
        Tile(
            "payouts_overdue",
            Waiting(found.overdue.many, found.overdue.oldest),
            "/console/payouts?state=overdue",
            "bad",
        ),
        Tile("payees", Waiting(found.payees.many, found.payees.oldest), "/console/payees", "wait"),
    ]


async def show_queues(ask: Ask) -> Response[Any]:
    """One queue, with what the bank said last of each purchase in it."""
    of = ask.query("of") if ask.query("of") in QUEUES else QUEUES[0]
    rows, older = await _queue(ask, of)
    return show.page(
        ask,
        "console/queues.html",
        title=ask.t["console.queues"],
        of=of,
        queues=QUEUES,
        counts=await desk.desk(ask.services.reports, ask.now, ask.now - LATE_SHOWN),
        rows=rows,
        older=older,
    )


async def _queue(ask: Ask, of: str) -> tuple[list[Queued], str | None]:
    """A page of a queue, and the address of the next one."""
    text = ask.query("from")
    start = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
    if of == "late":
        rows = await desk.late_ones(ask.services.db, _BEFORE_ALL if start is None else start)
    else:
        rows = await desk.queue(ask.services.db, of.upper(), start or 0)
    shown = rows[:PAGE]
    following = ask.here(**{"from": shown[-1].id}) if len(rows) > PAGE else None
    return shown, following


ROUTES: list[Route] = [
    Route("GET", "/console", show_overview, Duty.LOOK),
    Route("GET", "/console/queues", show_queues, Duty.LOOK),
]
