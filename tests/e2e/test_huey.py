"""Huey on our server: tasks, retries, schedules, periodic tasks, locks and semaphores."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from huey import PriorityRedisHuey, RedisHuey, chord, crontab
from huey.api import TaskException
from huey.consumer import Consumer
from huey.contrib.helpers import RedisSemaphore, lock_task_semaphore
from huey.exceptions import TaskLockedException

if TYPE_CHECKING:
    import redis


@pytest.fixture
def huey(port: int, client: "redis.Redis") -> Iterator[RedisHuey]:
    ours = RedisHuey("app", url=f"redis://127.0.0.1:{port}", notify_result=True, read_timeout=0.05)
    yield ours
    ours.storage.conn.close()


def at(seconds: float) -> datetime:
    """Return a moment that many seconds from now, as Huey counts: without a zone."""
    return datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=seconds)


def work(huey: RedisHuey, now: datetime | None = None) -> int:
    """Do what is due at a moment, and return how many tasks that were."""
    for task in huey.read_schedule(now):
        huey.enqueue(task)
    done = 0
    while (task := huey.dequeue()) is not None:
        huey.execute(task, now)
        done += 1
    return done


def test_a_consumer_does_what_is_enqueued(huey: RedisHuey) -> None:
    @huey.task()
    def add(one: int, other: int) -> int:
        return one + other

    class OfTests(Consumer):  # type: ignore[misc]
        def _set_signal_handlers(self) -> None:
            """Leave the signals of the tests alone."""

    consumer = OfTests(huey, workers=2, periodic=False)
    consumer.start()
    try:
        results = [add(number, 1) for number in range(10)]
        assert [result(blocking=True, timeout=5) for result in results] == list(range(1, 11))
        chain = huey.enqueue(add.s(1, 2).then(add, 10))
        assert [result(blocking=True, timeout=5) for result in chain] == [3, 13]
    finally:
        consumer.stop(graceful=True)


def test_a_task_is_retried(huey: RedisHuey) -> None:
    attempts: list[int] = []

    @huey.task(retries=2, retry_delay=60)
    def flaky() -> str:
        attempts.append(len(attempts))
        if len(attempts) < 3:
            raise ValueError("not yet")
        return "done"

    result = flaky()
    assert work(huey) == 1
    assert huey.scheduled_count() == 1
    assert work(huey) == 0  # a minute is not over
    assert work(huey, at(61)) == 1
    assert work(huey, at(122)) == 1
    assert result() == "done"
    assert len(attempts) == 3


def test_a_schedule_hands_out_each_task_once(huey: RedisHuey) -> None:
    @huey.task()
    def echo(word: str) -> str:
        return word

    soon = echo.schedule(("soon",), delay=10)
    later = echo.schedule(("later",), delay=100)
    assert work(huey) == 2  # both are read, and put in the schedule
    assert work(huey) == 0
    assert [task.args for task in huey.read_schedule(at(11))] == [("soon",)]
    assert huey.read_schedule(at(11)) == []
    assert work(huey, at(101)) == 1
    assert (soon(), later()) == (None, "later")


def test_periodic_tasks_and_revocation(huey: RedisHuey) -> None:
    ran: list[str] = []

    @huey.periodic_task(crontab(minute="0", hour="3"))
    def nightly() -> None:
        ran.append("nightly")

    night = datetime(2030, 1, 1, 3, 0)  # noqa: DTZ001 - Huey's moments have no zone
    assert huey.read_periodic(night.replace(hour=4)) == []
    for task in huey.read_periodic(night):
        huey.enqueue(task)
    assert work(huey) == 1
    assert ran == ["nightly"]
    nightly.revoke(revoke_once=True)
    for _ in range(2):
        for task in huey.read_periodic(night):
            huey.enqueue(task)
        work(huey)
    assert ran == ["nightly"] * 2


def test_a_lock_keeps_others_out_and_times_out(huey: RedisHuey, client: "redis.Redis") -> None:
    @huey.task()
    @huey.lock_task("single")
    def alone() -> str:
        with pytest.raises(TaskLockedException), huey.lock_task("single"):
            pass
        return "alone"

    result = alone()
    work(huey)
    assert result() == "alone"
    with huey.lock_task("single"):
        result = alone()
        work(huey)
    with pytest.raises(TaskException, match="unable to acquire lock single"):
        result()
    assert not huey.is_locked("single")
    assert huey.lock_task("brief", ttl=100).acquire()
    assert client.httl("huey.results.app", "app.lock.brief")[0] in range(98, 101)
    assert huey.flush_locks() == {"brief"}


def test_a_semaphore_has_so_many_places(huey: RedisHuey) -> None:
    semaphore = RedisSemaphore(huey, "places", 2)
    assert semaphore.acquire("one") == "one"
    assert semaphore.acquire("two") == "two"
    assert semaphore.acquire("three") is None
    assert semaphore.acquire("two") == "two"  # it has one already
    assert semaphore.renew("one")
    assert not semaphore.renew("three")

    @huey.task()
    @lock_task_semaphore(huey, "places", 2)
    def crowded() -> bool:
        return True

    outside = crowded()
    work(huey)
    with pytest.raises(TaskException, match="unable to acquire lock places"):
        outside()
    semaphore.release("one")
    inside = crowded()
    work(huey)
    assert inside()
    late = RedisSemaphore(huey, "places", 1, timeout=-1)  # every place was taken too long ago
    assert late.acquire("four") == "four"


def test_a_rate_limit_and_a_chord(huey: RedisHuey) -> None:
    @huey.task()
    @huey.rate_limit("calls", limit=2, per=3600, retry=False)
    def call() -> bool:
        return True

    @huey.task()
    def square(number: int) -> int:
        return number * number

    @huey.task()
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    calls = [call() for _ in range(3)]
    work(huey)
    assert [result() for result in calls[:2]] == [True, True]
    with pytest.raises(TaskException, match="calls"):
        calls[2]()
    together = huey.enqueue(chord([square.s(number) for number in range(4)], total.s()))
    work(huey)
    assert together.callback() == 14


def test_priorities(port: int, client: "redis.Redis") -> None:
    huey: Any = PriorityRedisHuey("ranked", url=f"redis://127.0.0.1:{port}", read_timeout=0.05)
    order: list[str] = []

    @huey.task()
    def note(word: str) -> None:
        order.append(word)

    note("last")
    note("first", priority=10)
    note("second", priority=5)
    assert work(huey) == 3
    assert order == ["first", "second", "last"]
    huey.storage.conn.close()
