"""Background jobs: what waits, what failed, who works; a failed one is done again."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.base.errors import Refused
from mopos.domain.operators import jobs
from mopos.domain.operators.model import Duty, check_reason
from mopos.edges.console import show
from mopos.edges.web import render
from mopos.edges.web.ask import Ask
from mopos.edges.web.routes import Route


async def show_jobs(ask: Ask) -> Response[Any]:
    return await _page(ask)


async def _page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    db = ask.services.db
    return show.page(
        ask,
        "console/jobs.html",
        refused,
        title=ask.t["console.jobs"],
        counts=await jobs.counts(db),
        failed=await jobs.listed(db, "failed"),
        doing=await jobs.listed(db, "doing"),
        workers=await jobs.workers(db, ask.now),
    )


async def retry(ask: Ask) -> Response[Any]:
    try:
        await _retry(ask, check_reason(show.form(ask, "reason")))
    except Refused as refused:
        return await _page(ask, refused)
    return render.redirect("/console/jobs", done="console_retried")


async def _retry(ask: Ask, reason: str) -> None:
    if not await jobs.retry(ask.services.db, ask.id("job"), ask.operator, reason, ask.now):
        raise Refused(["job_gone"])


ROUTES: list[Route] = [
    Route("GET", "/console/jobs", show_jobs, Duty.LOOK),
    Route("POST", "/console/jobs/{job}/retry", retry, Duty.RUN_JOBS),
]
