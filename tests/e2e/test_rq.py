"""RQ's queues, workers, scheduler and rate limits on our server: their scripts, and the registries around them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from rq import Callback, Queue, Repeat, Retry, SimpleWorker
from rq.exceptions import DuplicateJobError
from rq.job import Job, JobStatus
from rq.rate_limit import RateLimit, RateLimitRegistry
from rq.scheduler import RQScheduler

if TYPE_CHECKING:
    import redis

PAST = datetime.now(UTC) - timedelta(hours=1)
FUTURE = datetime.now(UTC) + timedelta(hours=1)


class Worker(SimpleWorker):
    """One that works in this process, and leaves the signals of the tests alone."""

    def _install_signal_handlers(self) -> None:
        pass


def add(one: int, other: int) -> int:
    return one + other


def refuse() -> None:
    raise ValueError("not today")


def ask_again() -> Retry:
    return Retry(max=2)


def report(job: Job, connection: "redis.Redis", result: int) -> None:
    connection.rpush("reports", f"{job.id} {result}")


@pytest.fixture
def queue(client: "redis.Redis") -> Queue:
    return Queue("jobs", connection=client)


def work(queue: Queue) -> None:
    """Do every job that is in the queue now."""
    Worker([queue], connection=queue.connection).work(burst=True, logging_level="ERROR")


@pytest.fixture
def scheduler(queue: Queue) -> Iterator[RQScheduler]:
    ours = RQScheduler([queue], connection=queue.connection, logging_level="ERROR")
    yield ours
    ours.release_locks()
    ours.connection.close()


def test_jobs_are_done_and_leave_results(queue: Queue, client: "redis.Redis") -> None:
    first = queue.enqueue(add, 1, 2, job_id="first", on_success=Callback(report))
    second = queue.enqueue(add, 3, 4, depends_on=first, job_id="second")
    broken = queue.enqueue(refuse, job_id="broken")
    assert second.get_status() == JobStatus.DEFERRED
    work(queue)
    assert (first.return_value(), second.return_value()) == (3, 7)
    assert client.lrange("reports", 0, -1) == [b"first 3"]
    assert set(queue.finished_job_registry.get_job_ids()) == {"first", "second"}
    assert queue.failed_job_registry.get_job_ids() == ["broken"]
    result = broken.latest_result()
    assert result is not None
    assert "not today" in str(result.exc_string)
    assert not Worker.all(connection=client)  # it has said goodbye

    assert queue.failed_job_registry.requeue("broken").get_status() == JobStatus.QUEUED
    assert queue.empty() == 1  # a script: it deletes the jobs with the list
    assert not Job.exists("broken", connection=client)


def test_an_id_is_enqueued_once(queue: Queue) -> None:
    job = queue.enqueue(add, 1, 2, job_id="only", unique=True)
    with pytest.raises(DuplicateJobError):
        queue.enqueue(add, 5, 5, job_id="only", unique=True)
    queue.enqueue_at(FUTURE, add, 3, 4, job_id="later", unique=True)
    with pytest.raises(DuplicateJobError):
        queue.enqueue_at(PAST, add, 3, 4, job_id="later", unique=True)
    assert queue.job_ids == ["only"]
    assert queue.scheduled_job_registry.get_job_ids() == ["later"]
    work(queue)
    assert job.return_value() == 3


def test_a_retry_and_a_repeat(queue: Queue) -> None:
    failing = queue.enqueue(refuse, retry=Retry(max=2))
    asking = queue.enqueue(ask_again)
    repeated = queue.enqueue(add, 1, 1, repeat=Repeat(times=2))
    work(queue)
    failing.refresh()
    assert (failing.is_failed, failing.retries_left) == (True, 0)
    assert [result.type.name for result in asking.results()] == ["MAX_RETRIES_EXCEEDED", "RETRIED", "RETRIED"]
    assert [result.return_value for result in repeated.results()] == [2, 2, 2]


def test_the_scheduler_owns_its_queues_by_a_lock(queue: Queue, scheduler: RQScheduler) -> None:
    client = queue.connection
    due = queue.enqueue_at(PAST, add, 20, 22)
    later = queue.enqueue_at(FUTURE, add, 1, 1)
    other = RQScheduler([queue], connection=client, logging_level="ERROR")
    assert scheduler.acquire_locks() == {"jobs"}
    assert other.acquire_locks() == set()
    scheduler.register_birth()
    scheduler.enqueue_scheduled_jobs()
    scheduler.heartbeat()
    assert client.ttl(scheduler.key) in range(50, 62)
    assert queue.scheduled_job_registry.get_job_ids() == [later.id]
    work(queue)
    assert due.return_value() == 42

    client.set(scheduler.get_locking_key("jobs"), "another")
    scheduler.heartbeat()
    assert scheduler.acquired_locks == set()
    client.delete(scheduler.get_locking_key("jobs"))
    assert other.acquire_locks() == {"jobs"}
    other.stop()
    assert scheduler.acquire_locks() == {"jobs"}
    other.connection.close()


def test_rate_limits_let_the_next_one_in(queue: Queue) -> None:
    limit = RateLimit("mail", concurrency=2)
    jobs = [queue.enqueue(add, number, 1, rate_limit=limit, job_id=f"j{number}") for number in range(5)]
    registry = RateLimitRegistry("mail", connection=queue.connection)
    assert sorted(registry.get_allowed_job_ids()) == ["j0", "j1"]
    assert registry.get_rate_limited_job_ids() == ["j2", "j3", "j4"]
    jobs[0].cancel()
    assert sorted(registry.get_allowed_job_ids()) == ["j1", "j2"]
    work(queue)
    assert [job.return_value() for job in jobs] == [None, 2, 3, 4, 5]
    registry.cleanup()
    assert not queue.connection.exists(registry.allowed_key, registry.rate_limited_key, registry.config_key)
