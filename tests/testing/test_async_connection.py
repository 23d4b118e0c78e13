"""redis.asyncio's ordinary client on an engine in this process, on whichever event loop."""

import asyncio
import gc
import threading
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

import vermilion
from vermilion import Vermilion
from vermilion.testing.async_connection import PoolLock, StreamLink


@pytest.fixture
def client(instance: Vermilion, protocol: int) -> Any:
    return instance.connect_async(protocol=protocol)


async def until_blocked(instance: Vermilion) -> None:
    """Return when a client waits."""
    while not len(instance.backend.engine.waiting):  # noqa: ASYNC110  # it does not tell
        await asyncio.sleep(0)


async def test_it_is_an_ordinary_client(client: Any) -> None:
    assert type(client) is redis.asyncio.Redis


async def test_replies_of_every_kind(client: Any) -> None:
    assert await client.set("text", "v") is True
    assert await client.get("text") == b"v"
    assert await client.get("missing") is None
    assert await client.rpush("list", "a", 3) == 2
    assert await client.lrange("list", 0, -1) == [b"a", b"3"]
    assert await client.hset("hash", mapping={"f": "v"}) == 1
    assert await client.hgetall("hash") == {b"f": b"v"}
    assert await client.zadd("zset", {"a": 1.5}) == 1
    assert await client.zscore("zset", "a") == 1.5
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        await client.lpush("text", "a")


async def test_replies_are_decoded(instance: Vermilion, protocol: int) -> None:
    client = instance.connect_async(protocol=protocol, decode_responses=True)
    await client.mset({"a": "é", "b": "x"})
    assert await client.mget("a", "b", "c") == ["é", "x", None]
    assert await client.type("a") == "string"


async def test_pipelines_and_watched_keys(client: Any) -> None:
    async with client.pipeline(transaction=False) as pipeline:
        for number in range(10):
            pipeline.set(f"key:{number}", number)
        pipeline.get("key:3")
        assert await pipeline.execute() == [True] * 10 + [b"3"]
    async with client.pipeline() as pipeline:
        await pipeline.watch("key:1")
        await client.set("key:1", "changed")
        pipeline.multi()
        pipeline.get("key:1")
        with pytest.raises(redis.WatchError):
            await pipeline.execute()


async def test_a_task_is_woken_by_another(instance: Vermilion, client: Any) -> None:
    popped = asyncio.create_task(client.blpop("queue", timeout=0))
    await until_blocked(instance)
    await client.rpush("queue", "job")
    assert list(await popped) == [b"queue", b"job"]


async def test_a_task_is_woken_by_a_thread(instance: Vermilion, client: Any) -> None:
    popped = asyncio.create_task(client.blpop("queue", timeout=0))
    await until_blocked(instance)
    thread = threading.Thread(target=lambda: instance.connect().rpush("queue", "job"))
    thread.start()
    assert list(await popped) == [b"queue", b"job"]
    thread.join()


async def test_a_blocked_task_gives_up_in_time(client: Any) -> None:
    assert await client.blpop("queue", timeout=0.05) is None


async def test_a_cancelled_task_consumes_nothing(instance: Vermilion, client: Any) -> None:
    popped = asyncio.create_task(client.blpop("queue", timeout=0))
    await until_blocked(instance)
    popped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await popped
    await client.rpush("queue", "job")
    assert await client.lrange("queue", 0, -1) == [b"job"]


async def test_the_timeout_of_the_socket_ends_a_wait(instance: Vermilion) -> None:
    client = instance.connect_async(socket_timeout=0.05, retry=Retry(NoBackoff(), 0))
    with pytest.raises(redis.TimeoutError):
        await client.blpop("queue", timeout=0)


async def test_a_client_that_is_killed_connects_again(instance: Vermilion, client: Any) -> None:
    identifier = await client.client_id()
    assert instance.connect().client_kill_filter(_id=str(identifier)) == 1
    assert await client.client_id() > identifier


async def test_a_monitor_sees_what_others_call(instance: Vermilion, client: Any) -> None:
    await client.ping()
    async with instance.connect_async().monitor() as monitor:
        await client.set("key", "value")
        assert (await monitor.next_command())["command"] == "SET key value"


async def test_every_parser_of_redis_py_reads_the_link(instance: Vermilion, protocol: int) -> None:
    from redis._parsers import _AsyncRESP2Parser, _AsyncRESP3Parser  # noqa: PLC0415  # for this test only

    parser = {2: _AsyncRESP2Parser, 3: _AsyncRESP3Parser}[protocol]
    client: Any = instance.connect_async(protocol=protocol, parser_class=parser)
    await client.zadd("zset", {"a" * 100_000: 1.5})
    assert [member for member, _ in await client.zrange("zset", 0, -1, withscores=True)] == [b"a" * 100_000]


def test_a_client_goes_from_loop_to_loop(client: Any) -> None:
    assert asyncio.run(client.incr("key")) == 1
    assert asyncio.run(client.incr("key")) == 2
    assert asyncio.run(client.blpop("queue", timeout=0.01)) is None
    assert asyncio.run(client.client_id()) == asyncio.run(client.client_id())


def test_tasks_that_wait_for_a_connection_do_so_on_each_loop(instance: Vermilion, client: Any) -> None:
    async def together() -> None:
        await asyncio.gather(*[client.incr("visits") for _ in range(3)])
        await client.connection_pool.disconnect()

    for _ in range(2):
        with instance.faults.delay(["HELLO", "CLIENT"], 0.002):
            asyncio.run(together())
    assert asyncio.run(client.get("visits")) == b"6"


def test_loops_of_several_threads_share_the_lock_of_a_pool() -> None:
    lock, held, order = PoolLock(), threading.Event(), []

    async def hold() -> None:
        async with lock:
            held.set()
            await asyncio.sleep(0.01)
            order.append("held")

    async def wait() -> None:
        async with lock:
            order.append("waited")

    holding = threading.Thread(target=lambda: asyncio.run(hold()))
    holding.start()
    held.wait()
    asyncio.run(wait())
    holding.join()
    assert order == ["held", "waited"]


def test_a_loop_that_was_closed_while_a_task_waited_breaks_nothing(instance: Vermilion, client: Any) -> None:
    async def begin() -> None:
        waiting = asyncio.create_task(client.blpop("queue", timeout=0))
        await until_blocked(instance)
        waiting.add_done_callback(lambda task: task.cancelled())

    asyncio.run(begin())
    assert asyncio.run(client.rpush("queue", "job")) == 1
    assert asyncio.run(client.lpop("queue")) == b"job"


def test_a_loop_that_was_closed_is_not_woken(instance: Vermilion) -> None:
    link = StreamLink(instance.backend)
    link.call([b"BLPOP", b"queue", b"0"])
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(link.wait())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert instance.connect().rpush("queue", "job") == 1
    assert len(link.inbox) == 1
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's only way to say that it is meant


def test_a_forgotten_client_leaves_without_a_warning(instance: Vermilion, client: Any) -> None:
    asyncio.run(client.ping())
    del client
    gc.collect()
    assert instance.connect().ping()


async def test_a_module_makes_a_client_of_a_new_instance() -> None:
    async with vermilion.connect_async() as client:
        assert await client.set("key", 1)
    assert await vermilion.connect_async().get("key") is None
