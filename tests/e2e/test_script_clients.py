"""Libraries whose Lua scripts run in our server: each does a real job against the installed command."""

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import LockError, LockNotOwnedError, NoScriptError

if TYPE_CHECKING:
    import redis


def test_lock_of_redis_py(client: "redis.Redis") -> None:
    lock = client.lock("lock", timeout=10)
    assert lock.acquire(blocking=False)
    assert not client.lock("lock", timeout=10).acquire(blocking=False)
    assert lock.extend(5)
    assert lock.reacquire()
    lock.release()
    with pytest.raises(LockError):
        lock.release()
    other = client.lock("lock", timeout=10)
    assert other.acquire(blocking=False)
    client.set("lock", "stolen")
    with pytest.raises(LockNotOwnedError):
        other.release()


def test_a_registered_script_comes_back_after_a_flush(client: "redis.Redis") -> None:
    script = client.register_script("return redis.call('incrby', KEYS[1], ARGV[1])")
    assert script(keys=["count"], args=[3]) == 3
    client.script_flush()
    assert script(keys=["count"], args=[4]) == 7


def test_a_pipeline_loads_the_scripts_it_calls(client: "redis.Redis") -> None:
    add = client.register_script("return redis.call('incrby', KEYS[1], ARGV[1])")
    both = client.register_script("return {redis.call('get', KEYS[1]), ARGV[1]}")
    client.script_flush()
    with client.pipeline() as pipe:
        pipe.set("count", 1)
        add(keys=["count"], args=[2], client=pipe)
        both(keys=["count"], args=["x"], client=pipe)
        assert pipe.execute() == [True, 3, [b"3", b"x"]]
    assert client.script_exists(add.sha, both.sha) == [True, True]
    client.script_flush()
    with client.pipeline(transaction=False) as pipe:
        pipe.evalsha(add.sha, 1, "count", 1)
        pipe.get("count")
        missing, count = pipe.execute(raise_on_error=False)
    assert isinstance(missing, NoScriptError)
    assert count == b"3"


async def test_asyncio_lock_of_redis_py(port: int, client: "redis.Redis") -> None:
    async with AsyncRedis(port=port) as ours, AsyncRedis(port=port) as theirs:
        lock = ours.lock("lock", timeout=10)
        assert await lock.acquire()
        waiting = asyncio.create_task(
            theirs.lock("lock", timeout=10, sleep=0.01, blocking_timeout=5).acquire()
        )
        assert not await theirs.lock("lock").acquire(blocking=False)
        assert await lock.extend(5)
        assert await lock.reacquire()
        assert await lock.owned()
        assert not waiting.done()
        await lock.release()
        assert await waiting
        with pytest.raises(LockError):
            await lock.release()
        async with ours.lock("guard", timeout=10):
            assert client.pttl("guard") in range(1, 10_001)
        assert not client.exists("guard")


def test_functions_of_redis_py(client: "redis.Redis") -> None:
    code = "#!lua name=lib\nredis.register_function('swap', function(k, a) return {a[2], a[1], k[1]} end)"
    client.function_load(code, replace=True)
    assert client.fcall("swap", 1, "k", "a", "b") == [b"b", b"a", b"k"]
    client.function_delete("lib")


@pytest.mark.parametrize(
    "strategy", ["FixedWindowRateLimiter", "MovingWindowRateLimiter", "SlidingWindowCounterRateLimiter"]
)
def test_limits(port: int, client: "redis.Redis", strategy: str) -> None:
    limits = pytest.importorskip("limits")
    storage = limits.storage.RedisStorage(f"redis://127.0.0.1:{port}")
    limiter = getattr(limits.strategies, strategy)(storage)
    three = limits.parse("3/hour")
    assert [limiter.hit(three, "user") for _ in range(5)] == [True, True, True, False, False]
    assert limiter.get_window_stats(three, "user").remaining == 0
    assert limiter.test(three, "other")


def test_dramatiq(port: int, client: "redis.Redis") -> None:
    dramatiq = pytest.importorskip("dramatiq")
    from dramatiq.brokers.redis import RedisBroker  # noqa: PLC0415

    broker = RedisBroker(url=f"redis://127.0.0.1:{port}", middleware=[])  # type: ignore[no-untyped-call]
    done: list[int] = []
    arrived = threading.Event()

    @dramatiq.actor(broker=broker)  # type: ignore[untyped-decorator, unused-ignore]
    def work(number: int) -> None:
        done.append(number)
        if len(done) == 3:
            arrived.set()

    worker = dramatiq.Worker(broker, worker_threads=1, worker_timeout=50)
    worker.start()
    try:
        for number in (1, 2):
            work.send(number)
        work.send_with_options(args=(3,), delay=100)
        assert arrived.wait(20)
        broker.join(work.queue_name, timeout=20_000)
    finally:
        worker.stop()
        broker.close()
    assert sorted(done) == [1, 2, 3]


def test_django_redis(port: int, client: "redis.Redis") -> None:
    pytest.importorskip("django_redis")
    from django.conf import settings  # noqa: PLC0415

    settings.configure(
        CACHES={
            "default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": f"redis://127.0.0.1:{port}/1"}
        }
    )
    from django.core.cache import cache  # noqa: PLC0415

    cache.set("name", {"a": [1, 2]}, 30)
    assert cache.get("name") == {"a": [1, 2]}
    assert cache.add("name", 1) is False
    cache.set("count", 5)
    assert cache.incr("count", 2) == 7  # a script: the type of the value is kept
    assert cache.ttl("name") in range(28, 31)
    with cache.lock("guard", timeout=5):
        assert client.exists("guard") == 0  # it is in the cache's own database
    assert cache.delete_many(["name", "count"]) == 2
    assert cache.get("name") is None
