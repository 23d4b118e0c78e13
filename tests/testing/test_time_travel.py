"""A clock that tests move, and what falls due on the way."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.testing.waiting import wait_until_blocked
from vermilion import Vermilion

HOUR = timedelta(hours=1)
NEW_YEAR = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def client(instance: Vermilion) -> Any:
    return instance.connect(decode_responses=True)


def test_the_clock_is_the_machines_at_first(instance: Vermilion) -> None:
    assert abs(instance.clock.now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_frozen_clock_stands(instance: Vermilion, client: Any) -> None:
    instance.clock.freeze()
    first = client.time()
    client.set("key", "value", ex=1)
    threading.Event().wait(0.005)
    assert client.time() == first
    assert client.pttl("key") == 1000
    instance.clock.unfreeze()
    assert client.pttl("key") <= 1000
    while client.time() == first:
        pass


def test_keys_expire_when_the_clock_passes_them(instance: Vermilion, client: Any) -> None:
    instance.clock.freeze()
    client.set("key", "value", ex=3600)
    instance.clock.advance(HOUR)
    assert client.ttl("key") == 0
    instance.clock.advance(0.001)
    assert client.dbsize() == 0
    assert client.info("stats")["expired_keys"] == 1


def test_fields_expire_too(instance: Vermilion, client: Any) -> None:
    client.hset("hash", mapping={"short": 1, "long": 2})
    client.execute_command("HEXPIRE", "hash", 10, "FIELDS", 1, "short")
    instance.clock.advance(11)
    assert client.execute_command("HLEN", "hash") == 1


def test_a_running_clock_is_moved_too(instance: Vermilion, client: Any) -> None:
    client.set("key", "value", ex=3600)
    instance.clock.advance(HOUR * 2)
    assert client.get("key") is None
    assert abs(instance.clock.now() - datetime.now(UTC) - HOUR * 2) < timedelta(minutes=1)


def test_what_expires_is_told_before_advance_returns() -> None:
    instance = Vermilion(notify_keyspace_events="Ex")
    listener: Any = instance.connect().pubsub(ignore_subscribe_messages=True)
    listener.subscribe("__keyevent@0__:expired")
    listener.get_message(timeout=1)
    client = instance.connect()
    for number in range(5):
        client.set(f"key:{number}", 1, ex=5 - number)
    instance.clock.advance(timedelta(seconds=4.5))
    heard = [message["data"] for message in iter(listener.get_message, None)]
    assert heard == [b"key:4", b"key:3", b"key:2", b"key:1"]


def test_keys_that_fall_due_within_milliseconds_expire_in_order(instance: Vermilion) -> None:
    instance.clock.freeze()
    instance.configure(notify_keyspace_events="Ex")
    client: Any = instance.connect(decode_responses=True)
    listener: Any = client.pubsub(ignore_subscribe_messages=True)
    listener.psubscribe("__keyevent@0__:*")
    listener.get_message()
    names = [f"key:{number:02}" for number in range(60)]
    for name in names[1::2] + names[::2]:
        client.set(name, 1, px=1000 + int(name[4:]))
    client.set("key:59:too", 1, px=1059)
    instance.clock.advance(2)
    assert [message["data"] for message in iter(listener.get_message, None)] == [*names, "key:59:too"]


def test_blocked_clients_give_up_in_order(instance: Vermilion, beside: Callable[..., Future[Any]]) -> None:
    instance.clock.freeze()
    long = beside(instance.connect().blpop, "queue", timeout=3600)
    short = beside(instance.connect().blpop, "queue", timeout=10)
    wait_until_blocked(instance, 2)
    instance.clock.advance(11)
    assert short.result(timeout=5) is None
    assert len(instance.backend.engine.waiting) == 1
    instance.clock.advance(HOUR)
    assert long.result(timeout=5) is None


def test_who_waits_for_replicas_waits_to_the_end(
    instance: Vermilion, client: Any, beside: Callable[..., Future[Any]]
) -> None:
    instance.clock.freeze()
    waiting = beside(instance.connect().wait, 1, 30_000)
    wait_until_blocked(instance, 1)
    assert client.info("clients")["clients_in_timeout_table"] == 1
    instance.clock.advance(29)
    assert not waiting.done()
    instance.clock.advance(1)
    assert waiting.result(timeout=10) == 0


def test_each_thing_happens_at_its_time(instance: Vermilion, beside: Callable[..., Future[Any]]) -> None:
    instance.clock.set(NEW_YEAR)
    instance.clock.freeze()
    client: Any = instance.connect()
    client.set("before", 1, ex=1)
    client.set("after", 1, ex=30)
    waiting = beside(client.blpop, "queue", timeout=10)
    wait_until_blocked(instance)
    instance.clock.advance(20)
    assert waiting.result(timeout=5) is None
    assert client.exists("before", "after") == 1


def test_a_clock_that_runs_again_ends_waits_by_itself(
    instance: Vermilion, beside: Callable[..., Future[Any]]
) -> None:
    instance.clock.freeze()
    waiting = beside(instance.connect().blpop, "queue", timeout=0.05)
    wait_until_blocked(instance)
    assert not waiting.done()
    instance.clock.unfreeze()
    assert waiting.result(timeout=5) is None


async def test_a_task_gives_up_when_the_clock_is_moved(instance: Vermilion) -> None:
    instance.clock.freeze()
    client: Any = instance.connect_async()
    waiting = asyncio.create_task(client.blpop("queue", timeout=60))
    while not len(instance.backend.engine.waiting):  # noqa: ASYNC110  # it does not tell
        await asyncio.sleep(0)
    instance.clock.advance(61)
    assert await waiting is None


def test_a_client_of_a_server_gives_up_before_advance_returns(
    instance: Vermilion, beside: Callable[..., Future[Any]]
) -> None:
    instance.clock.freeze()
    with instance.serve() as server:
        waiting = beside(server.connect().blpop, "queue", timeout=60)
        wait_until_blocked(instance)
        instance.clock.advance(61)
        assert waiting.result(timeout=5) is None


def test_the_calendar_is_set(instance: Vermilion, client: Any) -> None:
    instance.clock.freeze()
    instance.clock.set(NEW_YEAR)
    assert instance.clock.now() == NEW_YEAR
    assert client.time() == (1893456000, 0)
    assert client.xadd("stream", {"field": "value"}) == "1893456000000-0"
    instance.clock.advance(1.5)
    assert client.xadd("stream", {"field": "value"}) == "1893456001500-0"


def test_the_calendar_is_set_back(instance: Vermilion, client: Any) -> None:
    instance.clock.freeze()
    client.set("key", "value", ex=10)
    instance.clock.set(datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC))
    assert client.time() == (1_000_000_000, 0)
    assert client.ttl("key") > 10
    assert client.object("idletime", "key") == 0


def test_keys_grow_idle(instance: Vermilion, client: Any) -> None:
    instance.clock.freeze()
    client.set("key", "value")
    instance.clock.advance(100)
    assert client.object("idletime", "key") == 100


def test_a_pause_ends(instance: Vermilion, client: Any, beside: Callable[..., Future[Any]]) -> None:
    instance.clock.freeze()
    client.client_pause(60_000)
    written = beside(instance.connect().set, "key", "value")
    while not instance.backend.engine.pause._postponed:
        threading.Event().wait(0.001)
    instance.clock.advance(61)
    assert written.result(timeout=5) is True


def test_keys_that_nobody_reclaims_do_not_hold_the_clock_up() -> None:
    instance = Vermilion(enable_debug_command="yes")
    client: Any = instance.connect()
    client.set("key", "value", ex=1)
    client.execute_command("DEBUG SET-ACTIVE-EXPIRE", "0")
    instance.clock.advance(timedelta(days=10_000))
    assert client.dbsize() == 1
    assert client.get("key") is None


def test_many_deadlines_are_passed_quickly(instance: Vermilion, client: Any) -> None:
    pipeline = client.pipeline(transaction=False)
    for number in range(2_000):
        pipeline.set(f"key:{number}", 1, ex=60 * (number + 1))
    pipeline.execute()
    instance.clock.advance(timedelta(days=365))
    assert client.dbsize() == 0


def test_time_goes_forward_only(instance: Vermilion) -> None:
    with pytest.raises(ValueError, match="forward only"):
        instance.clock.advance(-1)


@pytest.mark.parametrize("distance", [float("inf"), float("nan"), 1e300, timedelta.max])
def test_a_distance_that_no_calendar_has(instance: Vermilion, distance: float | timedelta) -> None:
    before = instance.clock.now()
    with pytest.raises(ValueError, match=r"calendar|NaN|9999"):
        instance.clock.advance(distance)
    assert instance.clock.now() - before < HOUR
