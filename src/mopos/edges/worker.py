"""The worker: procrastinate runs the jobs, and a periodic one looks at the purchases that are due.

No purchase waits in a queue: what is due is told by its own row, so a lost job loses nothing. Every job here is short
and may run twice.
"""

from __future__ import annotations

import procrastinate
import structlog
from procrastinate import App, JobContext, PsycopgConnector

from mopos.actions.ask_bank import BATCH, ask_bank_about_due
from mopos.actions.services import Services

# Jobs of a worker that has not been heard of for this long are started again by another.
_STALLED_AFTER_S = 30
# Jobs that failed are of use for a day, to see why; those that succeeded are gone at once.
_KEEP_JOBS_H = 24

log = structlog.get_logger()


def build_queue(dsn: str, services: Services) -> App:
    """The job queue with all of its tasks."""
    queue = App(connector=PsycopgConnector(conninfo=dsn, min_size=1, max_size=4))
    every = max(1, min(59, round(services.settings.sweep_every_s)))

    @queue.periodic(cron=f"* * * * * */{every}")
    @queue.task(name="ask_bank_about_due", queueing_lock="ask_bank_about_due", pass_context=False)
    async def sweep(timestamp: int) -> None:
        while await ask_bank_about_due(services) == BATCH:
            pass

    @queue.periodic(cron="* * * * *")
    @queue.task(name="bring_back_stalled", queueing_lock="bring_back_stalled", pass_context=True)
    async def bring_back_stalled(context: JobContext, timestamp: int) -> None:
        manager = context.app.job_manager
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=_STALLED_AFTER_S):
            await manager.retry_job(job)

    @queue.periodic(cron="17 * * * *")
    @queue.task(name="forget_old_jobs", queueing_lock="forget_old_jobs", pass_context=True)
    async def forget_old_jobs(context: JobContext, timestamp: int) -> None:
        await context.app.job_manager.delete_old_jobs(nb_hours=_KEEP_JOBS_H, include_failed=True)

    return queue


async def run_worker(dsn: str, services: Services) -> None:
    """Work until SIGTERM or SIGINT; running jobs are finished first."""
    queue = build_queue(dsn, services)
    async with queue.open_async():
        log.info("worker.started")
        await queue.run_worker_async(
            concurrency=4,
            delete_jobs=procrastinate.jobs.DeleteJobCondition.SUCCESSFUL,
            update_heartbeat_interval=5,
            stalled_worker_timeout=_STALLED_AFTER_S,
            shutdown_graceful_timeout=30,
        )
    log.info("worker.stopped")
