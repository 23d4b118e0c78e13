"""Scripts, functions and locks in process."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
import redis

from vermilion import Vermilion

LIBRARY = "#!lua name=lib\nredis.register_function('answer', function() return 42 end)"


@pytest.fixture
def client(instance: Vermilion) -> Any:
    return instance.connect(decode_responses=True)


def test_scripts(client: Any) -> None:
    assert client.eval("return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}", 1, "key", "v") == [
        "key",
        "v",
        1,
    ]
    script = client.register_script("return redis.call('GET', KEYS[1])")
    assert script(keys=["key"]) == "1"


def test_locks(instance: Vermilion, client: Any) -> None:
    with client.lock("lock", timeout=10):
        assert not instance.connect().lock("lock", blocking=False).acquire()
    assert client.exists("lock") == 0


def test_a_lock_runs_out_when_the_clock_is_moved(instance: Vermilion, client: Any) -> None:
    lock = client.lock("lock", timeout=10)
    lock.acquire()
    instance.clock.advance(11)
    with pytest.raises(redis.exceptions.LockNotOwnedError):
        lock.release()


async def test_locks_on_an_event_loop(instance: Vermilion) -> None:
    async with instance.connect_async().lock("lock", timeout=10):
        assert instance.connect().exists("lock") == 1


def test_a_script_sees_the_time_of_the_instance(instance: Vermilion, client: Any) -> None:
    instance.clock.freeze()
    assert client.eval("return redis.call('TIME')", 0) == [str(part) for part in client.time()]


def test_functions_are_restored(instance: Vermilion, client: Any) -> None:
    instance.snapshot()
    client.function_load(LIBRARY)
    instance.restore()
    assert client.function_list() == []
    client.function_load(LIBRARY)
    instance.snapshot()
    client.function_flush()
    instance.restore()
    assert client.fcall("answer", 0) == 42


def test_a_script_that_runs_for_ever_is_ended_by_another_thread(
    beside: Callable[..., Future[Any]],
) -> None:
    instance = Vermilion(busy_reply_threshold=1)
    running = beside(instance.connect().eval, "while true do end", 0)
    other: Any = instance.connect()
    while True:
        try:
            other.script_kill()
            break
        except redis.ResponseError:
            threading.Event().wait(0.001)
    with pytest.raises(redis.ResponseError, match="Script killed by user"):
        running.result(timeout=10)
    assert other.ping()


def test_a_background_save_is_made_at_once(tmp_path: Any) -> None:
    client: Any = Vermilion(dir=tmp_path).connect()
    client.set("key", "v")
    assert client.bgsave()
    assert (tmp_path / "dump.rdb").exists()
