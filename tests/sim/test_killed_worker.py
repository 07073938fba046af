"""What a killed worker leaves in the job queue, and what the next one makes of it."""

from tests.conftest import fresh_database, open_folder
from tests.stack import eventually, running

JOB = """
    insert into procrastinate_jobs (queue_name, task_name, queueing_lock, args, status, scheduled_at)
    values ('default', %s, %s, '{"timestamp": 0}', %s::procrastinate_job_status, now() + %s::interval)
"""
UNDER_WAY = """
    select distinct status::text from procrastinate_jobs
    where task_name = %s and (status = 'doing' or (status = 'todo' and scheduled_at <= now()))
"""


async def test_jobs_of_a_killed_worker_are_cleared_away_beside_waiting_ones(postgres):
    """The sweep runs every few seconds, so when a worker was killed in one, the next mostly waits already."""
    with open_folder() as folder, fresh_database(postgres) as dsn:
        folder.mkdir(exist_ok=True)
        with running(dsn, folder) as stack:
            stack.kill("worker")
            stack.sql("delete from procrastinate_jobs")
            # A sweep waits; one of a killed worker stands as if it still ran, and so does another kind of job.
            stack.sql(JOB, "ask_bank_about_due", "ask_bank_about_due", "todo", "1 hour")
            stack.sql(JOB, "ask_bank_about_due", "ask_bank_about_due", "doing", "0")
            stack.sql(JOB, "forget_old_jobs", "forget_old_jobs", "doing", "0")
            stack.sql(JOB, "bring_back_stalled", "bring_back_stalled", "todo", "0")
            stack.start_worker()
            await eventually(lambda: stack.sql(UNDER_WAY, "bring_back_stalled") == [])
            tracebacks = stack.tracebacks()
            assert not tracebacks, tracebacks
            for task in ("ask_bank_about_due", "forget_old_jobs"):
                await eventually(lambda task=task: ("doing",) not in stack.sql(UNDER_WAY, task))
