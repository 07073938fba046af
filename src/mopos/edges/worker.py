"""The worker: procrastinate runs the jobs, and a periodic one looks at the purchases that are due.

No purchase waits in a queue: what is due is told by its own row, so a lost job loses nothing. Every job here is short
and may run twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal

import procrastinate
import psycopg
import structlog
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Status
from psycopg_pool import PoolTimeout

from mopos.actions.ask_bank import BATCH, ask_bank_about_due
from mopos.actions.services import Services
from mopos.edges.schedule import TASKS, Periodic

# Jobs of a worker that has not been heard of for this long are started again by another.
_STALLED_AFTER_S = 30
# A server that restarts is back within a second or two; trying more often would only fill the log.
_AGAIN_AFTER_S = 1.0
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

    for periodic in TASKS:
        _add(queue, periodic, services)

    @queue.periodic(cron="* * * * *")
    @queue.task(name="bring_back_stalled", queueing_lock="bring_back_stalled", pass_context=True)
    async def bring_back_stalled(context: JobContext, timestamp: int) -> None:
        manager = context.app.job_manager
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=_STALLED_AFTER_S):
            try:
                await manager.retry_job(job)
            except UniqueViolation:
                # The same periodic job waits already, so what the dead one was to do will be done.
                await manager.finish_job(job, Status.ABORTED, delete_job=True)
            except ConnectorException as error:
                # Another worker was faster: procrastinate refuses a job that no longer stands as running.
                if not isinstance(error.__cause__, psycopg.errors.RaiseException):
                    raise

    @queue.periodic(cron="17 * * * *")
    @queue.task(name="forget_old_jobs", queueing_lock="forget_old_jobs", pass_context=True)
    async def forget_old_jobs(context: JobContext, timestamp: int) -> None:
        await context.app.job_manager.delete_old_jobs(nb_hours=_KEEP_JOBS_H, include_failed=True)

    return queue


def _add(queue: App, periodic: Periodic, services: Services) -> None:
    @queue.periodic(cron=periodic.cron)
    @queue.task(name=periodic.name, queueing_lock=periodic.name, pass_context=False)
    async def run(timestamp: int) -> None:
        await periodic.run(services)


async def run_worker(dsn: str, services: Services) -> None:
    """Work until SIGTERM or SIGINT; running jobs are finished first. When PostgreSQL goes away, wait until it is back:
    what was being done comes due again by itself."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    while not stopping.is_set():
        try:
            await _work(dsn, services, stopping)
        except (ConnectorException, psycopg.OperationalError, PoolTimeout) as error:
            log.warning("worker.database_lost", kind=type(error).__name__)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _AGAIN_AFTER_S)
    log.info("worker.stopped")


async def _work(dsn: str, services: Services, stopping: asyncio.Event) -> None:
    """Run jobs until told to stop, or until the queue gives up because its database is gone."""
    queue = build_queue(dsn, services)
    async with queue.open_async():
        log.info("worker.started")
        working = asyncio.create_task(
            queue.run_worker_async(
                concurrency=4,
                delete_jobs=procrastinate.jobs.DeleteJobCondition.SUCCESSFUL,
                update_heartbeat_interval=5,
                stalled_worker_timeout=_STALLED_AFTER_S,
                shutdown_graceful_timeout=30,
                install_signal_handlers=False,
            )
        )
        told = asyncio.create_task(stopping.wait())
        await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if stopping.is_set():
            working.cancel()  # procrastinate finishes the jobs that run
        with contextlib.suppress(asyncio.CancelledError):
            await working
