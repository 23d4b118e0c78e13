"""arq at work, as a program: `arq_jobs.py PORT` does jobs of every kind, and prints what came of them as JSON."""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from arq import Retry, Worker, create_pool, cron
from arq.connections import ArqRedis, RedisSettings
from arq.jobs import Job

WAIT = 5
"""The most seconds that a job may take."""


async def add(_: dict[str, Any], one: int, other: int) -> int:
    return one + other


async def refuse(_: dict[str, Any]) -> None:
    raise ValueError("not today")


async def stubborn(context: dict[str, Any]) -> int:
    """Ask for another try, twice."""
    if context["job_try"] < 3:
        raise Retry
    return int(context["job_try"])


async def endless(_: dict[str, Any]) -> None:
    await asyncio.Event().wait()


async def tick(context: dict[str, Any]) -> None:
    await context["redis"].incr("ticks")


def worker(pool: ArqRedis, *, burst: bool) -> Worker:
    """Return one that ends with the queue, or one that stays, and ticks every second."""
    return Worker(
        functions=[add, refuse, stubborn, endless],
        cron_jobs=[] if burst else [cron(tick, second=set(range(60)), run_at_startup=True)],
        redis_pool=pool, burst=burst, poll_delay=0.01, handle_signals=False, allow_abort_jobs=True,
    )  # fmt: skip


async def enqueue(pool: ArqRedis, name: str, *arguments: int, **options: Any) -> Job:
    job = await pool.enqueue_job(name, *arguments, **options)
    assert job is not None
    return job


async def burst(pool: ArqRedis, told: dict[str, Any]) -> None:
    """Enqueue, and let two workers share what there is."""
    sums = [await enqueue(pool, "add", number, 1) for number in range(10)]
    refused = await enqueue(pool, "refuse")
    retried = await enqueue(pool, "stubborn")
    overdue = await enqueue(pool, "add", 20, 22, _defer_until=datetime.now(UTC) - timedelta(hours=1))
    told["again"] = await pool.enqueue_job("add", 1, 1, _job_id=sums[0].job_id)
    told["queued"] = len(await pool.queued_jobs())
    workers = [worker(pool, burst=True) for _ in range(2)]
    await asyncio.gather(*(each.async_run() for each in workers))
    told["sums"] = [await job.result(timeout=WAIT) for job in sums]
    told["overdue"] = await overdue.result(timeout=WAIT)
    told["tries"] = await retried.result(timeout=WAIT)
    try:
        await refused.result(timeout=WAIT)
    except ValueError as error:
        told["refused"] = str(error)
    for counted in ("jobs_complete", "jobs_failed", "jobs_retried"):
        told[counted] = sum(getattr(each, counted) for each in workers)
    told["left"] = len(await pool.queued_jobs())


async def serve(pool: ArqRedis, told: dict[str, Any]) -> None:
    """Abort a job under way, and wait for one whose time has not come, while a worker serves."""
    serving = worker(pool, burst=False)
    running = asyncio.create_task(serving.async_run())
    job = await enqueue(pool, "endless")
    told["aborted"] = await job.abort(timeout=WAIT, poll_delay=0.01)
    soon = await enqueue(pool, "add", 1, 2, _defer_by=0.1)
    told["deferred"] = str((await soon.status()).value)
    told["soon"] = await soon.result(timeout=WAIT, poll_delay=0.01)
    told["ticks"] = int(await pool.get("ticks") or 0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def main(port: int) -> None:
    """Do it all."""
    pool = await create_pool(RedisSettings(port=port))
    told: dict[str, Any] = {}
    await burst(pool, told)
    await serve(pool, told)
    await pool.aclose()
    print(json.dumps(told))  # noqa: T201 - it is what the test reads


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
