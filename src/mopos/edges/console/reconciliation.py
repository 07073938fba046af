"""The days of reconciliation: for each terminal what we hold, what its PSP says, what reached the bank account; and
the bank account against the books. What does not tie to nought says what is open."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from litestar import Response

from mopos.actions.fetch_reports import fetch_reports
from mopos.actions.reconcile import reconcile
from mopos.domain.operators.model import Duty
from mopos.domain.settlement import recon_store, statement_store
from mopos.domain.settlement.matching import bank_day
from mopos.edges.console import show
from mopos.edges.web import render
from mopos.edges.web.ask import Ask
from mopos.edges.web.routes import Route

# Two weeks: what a bank still pays for.
DAYS = 14


async def show_reconciliation(ask: Ask) -> Response[Any]:
    before = _day(ask.query("before")) or bank_day(ask.now) + timedelta(days=1)
    rows = await recon_store.days(ask.services.db, before=before, limit=DAYS)
    days = sorted({row.day for row in rows})
    return show.page(
        ask,
        "console/reconciliation.html",
        title=ask.t["recon.title"],
        rows=rows,
        older=ask.here(before=days[0].isoformat()) if len(days) == DAYS else None,
        tie=await statement_store.tie(ask.services.db),
        waiting=await recon_store.waiting(ask.services.db, ask.now),
    )


async def run(ask: Ask) -> Response[Any]:
    """Fetch the reports that are due, and compare everything now."""
    await fetch_reports(ask.services)
    await reconcile(ask.services)
    return render.redirect("/console/reconciliation", done="reconciled")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


ROUTES: list[Route] = [
    Route("GET", "/console/reconciliation", show_reconciliation, Duty.LOOK),
    Route("POST", "/console/reconciliation/run", run, Duty.RECONCILE),
]
