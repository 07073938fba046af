"""The SQL of the job queue as operators see it: procrastinate's own tables."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from mopos.base.db import Database
from mopos.domain.operators.model import Operator

# Jobs shown of a kind; more say no more.
PAGE = 100
# A worker writes its heartbeat every five seconds; after this long without one it is dead.
ALIVE_S = 30


class Count(NamedTuple):
    """How many jobs of a task stand in a status, and since when the oldest waits."""

    task: str
    status: str
    many: int
    oldest: datetime | None


class Job(NamedTuple):
    """A job that failed, or that is being done or waits."""

    id: int
    task: str
    status: str
    attempts: int
    scheduled_at: datetime | None
    changed_at: datetime | None


class Worker(NamedTuple):
    """A worker process by its heartbeat."""

    id: int
    last_heartbeat: datetime
    alive: bool
    doing: int


async def counts(db: Database) -> list[Count]:
    """By task and status. Jobs that succeeded are deleted at once."""
    rows = await db.all(
        """
        select j.task_name, j.status::text, count(*), min(coalesce(j.scheduled_at, e.at))
        from procrastinate_jobs j left join lateral (
            select min(at) as at from procrastinate_events where job_id = j.id
        ) e on true
        group by 1, 2 order by 1, 2 limit 500
        """
    )
    return [Count(*row) for row in rows]


async def listed(db: Database, status: str) -> list[Job]:
    """Jobs of a status, the newest first."""
    rows = await db.all(
        """
        select j.id, j.task_name, j.status::text, j.attempts, j.scheduled_at,
            (select max(at) from procrastinate_events where job_id = j.id)
        from procrastinate_jobs j where j.status::text = %(status)s order by j.id desc limit %(limit)s
        """,
        {"status": status, "limit": PAGE},
    )
    return [Job(*row) for row in rows]


async def workers(db: Database, now: datetime) -> list[Worker]:
    """Worker processes, living ones first."""
    rows = await db.all(
        """
        select w.id, w.last_heartbeat, w.last_heartbeat > %(now)s - make_interval(secs => %(alive)s) as alive,
            (select count(*) from procrastinate_jobs j where j.worker_id = w.id and j.status = 'doing')
        from procrastinate_workers w order by alive desc, w.id limit 100
        """,
        {"now": now, "alive": ALIVE_S},
    )
    return [Worker(*row) for row in rows]


async def retry(db: Database, job_id: int, operator: Operator, reason: str, now: datetime) -> bool:
    """A job that failed is done again, unless the same periodic one waits already. False: it did not fail, or is gone.

    Its bound on tries begins anew."""
    row = await db.one(
        """
        with again as (
            update procrastinate_jobs j set status = 'todo', attempts = 0, scheduled_at = %(now)s, worker_id = null
            where j.id = %(id)s and j.status = 'failed' and not exists (
                select from procrastinate_jobs o
                where o.queueing_lock = j.queueing_lock and o.status = 'todo' and o.id <> j.id
            )
            returning j.id, j.task_name
        ),
        told as (
            insert into audit_log (at, operator_id, act, subject, reason, data)
            select %(now)s, %(operator)s, 'retry_job', task_name, %(reason)s, jsonb_build_object('job', id) from again
        )
        select 1 from again
        """,
        {"id": job_id, "operator": operator.id, "reason": reason, "now": now},
    )
    return row is not None
