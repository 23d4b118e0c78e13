"""Celery with our server as its broker and its result backend: tasks, retries, chords, times, rates and orders."""

import gc
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from celery import Celery, chain, chord, group
from celery.contrib.testing.worker import start_worker
from celery.exceptions import ChordError, TaskRevokedError

# Celery calls SETEX, which redis-py 8 wishes it would not, and leaves its sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

WAIT = 5
"""The most seconds that a test waits for a result."""


class NotYetError(Exception):
    """What a task raises that wants to be tried again."""


def declare_tasks(app: Celery) -> None:
    """Give the application the tasks that the tests send."""

    @app.task(name="add")
    def add(*numbers: int) -> int:
        return sum(numbers)

    @app.task(name="total")
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    @app.task(name="refuse")
    def refuse(*_: int) -> None:
        raise ValueError("not today")

    @app.task(
        name="flaky", bind=True, autoretry_for=(NotYetError,), retry_backoff=False, default_retry_delay=0
    )
    def flaky(self: Any, failures: int) -> int:
        if self.request.retries < failures:
            raise NotYetError
        return int(self.request.retries)

    @app.task(name="limited", rate_limit="20/s")
    def limited() -> float:
        return time.monotonic()


@pytest.fixture(scope="module")
def app(port: int) -> Iterator[Celery]:
    """An application, and a worker for it in a thread of this process."""
    with redis.Redis(port=port) as client:
        client.flushall()
    url = f"redis://127.0.0.1:{port}"
    app = Celery("tests", broker=url, backend=f"{url}/1", set_as_current=False)
    app.conf.update(
        broker_connection_retry_on_startup=True,
        worker_hijack_root_logger=False,
        result_extended=True,
    )
    declare_tasks(app)
    with start_worker(app, perform_ping_check=False, loglevel="ERROR"):
        yield app
    gc.collect()  # a result that is forgotten later would look for its channel then, and for twenty seconds
    app.close()
    gc.collect()  # and its sockets go here, not in another module's test


def send(app: Celery, name: str, *arguments: Any, **options: Any) -> Any:
    return app.tasks[name].apply_async(arguments, **options)


def test_a_task_has_a_result(app: Celery) -> None:
    result = send(app, "add", 1, 2)
    assert result.get(timeout=WAIT) == 3
    assert (result.state, result.name) == ("SUCCESS", "add")
    failed = send(app, "refuse")
    with pytest.raises(ValueError, match="not today"):
        failed.get(timeout=WAIT)
    result.forget()
    assert result.state == "PENDING"


def test_a_task_is_retried(app: Celery) -> None:
    assert send(app, "flaky", 3).get(timeout=WAIT) == 3


def test_a_chord_calls_back_once(app: Celery) -> None:
    add, total = app.tasks["add"], app.tasks["total"]
    header = [add.s(number, number) for number in range(10)]
    assert chord(header)(total.s()).get(timeout=WAIT) == 90
    nested = chain(group(add.s(1), add.s(2)), total.s(), group(add.s(10), add.s(20)), total.s())
    assert nested.delay().get(timeout=WAIT) == 36
    broken = chord([add.s(1), app.tasks["refuse"].s()])(total.s())
    refusal = broken.get(timeout=WAIT, propagate=False)  # it might propagate the error of its header first
    assert isinstance(refusal, ChordError)
    assert "not today" in str(refusal)


def test_a_chain_and_a_group(app: Celery) -> None:
    add = app.tasks["add"]
    assert chain(add.s(1, 2), add.s(3), add.s(4)).delay().get(timeout=WAIT) == 10
    many = group(add.s(number, 1) for number in range(20)).delay()
    assert many.get(timeout=WAIT) == list(range(1, 21))
    many.save()
    assert app.GroupResult.restore(many.id).completed_count() == 20
    many.delete()
    assert app.GroupResult.restore(many.id) is None


def test_a_task_waits_for_its_time(app: Celery) -> None:
    sent = time.monotonic()
    later = send(app, "limited", countdown=0.2)
    assert later.get(timeout=WAIT) - sent >= 0.19
    late = send(app, "add", 1, expires=-1)
    with pytest.raises(TaskRevokedError, match="expired"):
        late.get(timeout=WAIT)


def test_the_rate_of_a_task_is_limited(app: Celery) -> None:
    results = [send(app, "limited") for _ in range(4)]
    moments = sorted(result.get(timeout=WAIT) for result in results)
    assert moments[-1] - moments[0] >= 0.09  # one every 50 ms, once the bucket is empty


def test_a_worker_is_told_of_a_revocation(app: Celery) -> None:
    """By fanout: PUBLISH to the worker, and its answer in a queue of its own."""
    inspect = app.control.inspect(timeout=WAIT, limit=1)
    assert [worker["ok"] for worker in inspect.ping().values()] == ["pong"]
    later = send(app, "add", 1, countdown=0.3)
    app.control.revoke(later.id, reply=True, limit=1, timeout=WAIT)
    with pytest.raises(TaskRevokedError):
        later.get(timeout=WAIT)
