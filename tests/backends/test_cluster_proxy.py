"""The proxy in front of a real cluster: slots, calls that are split, slots that move, nodes that fail."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tests.backends.wire import Client
from tests.real_cluster import RealCluster
from vermilion import CacheConfig, CacheService, RedisConfig
from vermilion.backends.proxy import Proxy
from vermilion.backends.slots import slot_of
from vermilion.config import Config
from vermilion.network.server import Server
from vermilion.settings import Settings

KEYS = [f"key:{number}" for number in range(60)]

pytestmark = pytest.mark.xdist_group("cluster")


@pytest.fixture(scope="module")
def cluster() -> Iterator[RealCluster]:
    running = RealCluster(replicas=1)
    try:
        running.start()
        yield running
    finally:
        running.remove()


@pytest.fixture
async def server(cluster: RealCluster) -> AsyncIterator[Server]:
    async with Server(Proxy(cluster.url, config=Config(Settings(upstream_timeout=3000))), port=0) as running:
        await running.backend.call(b"FLUSHALL")
        yield running


@pytest.fixture(params=[2, 3])
async def redis(server: Server, request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    async with Redis(port=server.port, protocol=request.param, decode_responses=True) as client:
        yield client


async def run(redis: Redis, *words: str | int) -> object:
    """Call a command by its name."""
    return await cast("Any", redis).execute_command(*words)


async def test_keys_of_all_slots(redis: Redis) -> None:
    async with redis.pipeline(transaction=False) as pipeline:
        for key in KEYS:
            pipeline.set(key, f"value of {key}")
        for key in KEYS:
            pipeline.get(key)
        replies = await pipeline.execute()
    assert replies == [True] * len(KEYS) + [f"value of {key}" for key in KEYS]


async def test_calls_that_are_split_and_joined(redis: Redis) -> None:
    assert await redis.mset({key: key.upper() for key in KEYS})
    assert await redis.mget([*KEYS, "none", KEYS[0]]) == [*(key.upper() for key in KEYS), None, "KEY:0"]
    assert await redis.exists(*KEYS, "none") == len(KEYS)
    assert await redis.touch(*KEYS) == len(KEYS)
    assert await redis.delete(*KEYS[:10], "none") == 10
    assert await redis.unlink(*KEYS) == len(KEYS) - 10


async def test_a_call_that_is_wrong_is_upstreams_to_refuse(redis: Redis) -> None:
    with pytest.raises(ResponseError, match="wrong number of arguments"):
        await run(redis, "DEL")


async def test_what_concerns_all_nodes(redis: Redis) -> None:
    await redis.mset(dict.fromkeys(KEYS, "x"))
    assert await redis.dbsize() == len(KEYS)
    assert sorted(await redis.keys("key:*")) == sorted(KEYS)
    assert sorted([key async for key in redis.scan_iter(count=7)]) == sorted(KEYS)
    found = [key async for key in redis.scan_iter(match="key:1*", count=3)]
    assert sorted(found) == sorted(key for key in KEYS if key.startswith("key:1"))
    assert await redis.randomkey() in KEYS
    digest = await redis.script_load("return redis.call('GET', KEYS[1])")
    assert await redis.script_exists(digest, "0" * 40) == [True, False]
    assert [await redis.evalsha(digest, 1, key) for key in KEYS] == ["x"] * len(KEYS)
    assert await redis.flushall()
    assert await redis.dbsize() == 0


async def test_keys_in_several_slots_of_a_call_that_cannot_be_split(redis: Redis) -> None:
    with pytest.raises(ResponseError, match="Keys in request don't hash to the same slot"):
        await redis.sunion(["a", "b", "c"])
    await redis.sadd("{t}a", "x")
    await redis.sadd("{t}b", "y")
    assert await redis.sunion(["{t}a", "{t}b"]) == {"x", "y"}


async def test_a_transaction_of_one_slot(redis: Redis) -> None:
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.set("{t}a", "1")
        pipeline.incr("{t}a")
        pipeline.get("{t}a")
        assert await pipeline.execute() == [True, 2, "2"]


async def test_a_transaction_of_several_slots_is_refused(redis: Redis) -> None:
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.set("a", "1")
        pipeline.set("b", "1")
        with pytest.raises(ResponseError, match="same slot"):
            await pipeline.execute()
    assert await redis.exists("a", "b") == 0


async def test_a_transaction_call_by_call(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)

    async def call(line: str, lines: int = 1) -> bytes:
        writer.write(line.encode() + b"\r\n")
        return b"".join([await asyncio.wait_for(reader.readline(), 10) for _ in range(lines)])

    for key in KEYS[:9]:
        assert await call("MULTI") == b"+OK\r\n"
        assert await call("CLIENT GETNAME") == b"+QUEUED\r\n"
        assert await call(f"SET {key} 1") == b"+QUEUED\r\n"
        assert await call(f"INCR {key}") == b"+QUEUED\r\n"
        assert await call("EXEC", 4) == b"*3\r\n$-1\r\n+OK\r\n:2\r\n"
    assert await call("MULTI") == b"+OK\r\n"
    assert await call("EXEC") == b"*0\r\n"
    assert await call("MULTI") == b"+OK\r\n"
    assert await call("DISCARD") == b"+OK\r\n"
    writer.close()


async def test_hello_in_a_transaction_that_has_not_begun_upstream(server: Server) -> None:
    client = Client(*await asyncio.open_connection("127.0.0.1", server.port))
    for key in KEYS[:3]:
        await client.call("HELLO 2", "MULTI")
        assert await client.call("HELLO 3", f"HGETALL {key}", "PING") == b"+QUEUED\r\n" * 3
        reply = await client.call("EXEC")
        assert reply.startswith(b"*3\r\n%7\r\n")
        assert reply.endswith(b"%0\r\n+PONG\r\n")
        assert await client.call(f"HGETALL {key}") == b"%0\r\n"
        await client.call("MULTI", "HELLO 2", f"HGETALL {key}")
        assert await client.call("DISCARD", f"HGETALL {key}") == b"+OK\r\n%0\r\n"
    client.close()


async def test_watch(redis: Redis) -> None:
    async with redis.pipeline(transaction=True) as pipeline:
        await pipeline.watch("key:1")
        assert await pipeline.get("key:1") is None
        cast("Any", pipeline).multi()
        pipeline.set("key:1", "mine")
        assert await pipeline.execute() == [True]


async def test_blocking_calls_and_messages(redis: Redis) -> None:
    for key in KEYS[:6]:
        await redis.rpush(key, "x")
        assert await redis.blpop([key], timeout=1) in (["key", "x"], (key, "x"), [key, "x"])
    async with redis.pubsub() as channel:
        await channel.subscribe("news")
        assert (await channel.get_message(timeout=5))["type"] == "subscribe"
        assert await redis.publish("news", "hello") == 1
        assert (await channel.get_message(timeout=5))["data"] == "hello"


async def test_commands_that_are_not_known_here(redis: Redis) -> None:
    with pytest.raises(ResponseError, match="unknown command"):
        await run(redis, "NO.SUCH", "key:1")


async def test_only_database_0(redis: Redis) -> None:
    assert await run(redis, "SELECT", 0)
    with pytest.raises(ResponseError, match=r"SELECT is not allowed in cluster mode|out of range"):
        await run(redis, "SELECT", 1)


async def test_info(redis: Redis) -> None:
    report = await redis.info("upstream")
    assert (report["upstream_kind"], report["upstream_status"]) == ("cluster", "up")
    assert report["upstream_servers"] == 3


async def test_the_cache_service_on_a_cluster(cluster: RealCluster) -> None:
    config = CacheConfig(backend_type="redis", redis=RedisConfig(url=SecretStr(cluster.url)))
    cache = CacheService(config)
    await cache.initialize()
    try:
        await cache.clear()
        for number in range(20):
            await cache.set(f"user:{number}", {"number": number})
        assert [await cache.get(f"user:{number}") for number in range(20)] == [
            {"number": number} for number in range(20)
        ]
        assert await cache.delete("user:1")
        assert await cache.get("user:1") is None
    finally:
        await cache.close()


async def test_slots_that_move_under_load(cluster: RealCluster, redis: Redis) -> None:
    key = "{moving}counter"
    slot = slot_of(b"moving")
    holder = cluster.holder(slot)
    others = [node for node in cluster.nodes[:3] if node is not holder]
    counted = 0
    stop = asyncio.Event()

    async def count() -> None:
        nonlocal counted
        while not stop.is_set():
            assert await redis.incr(key) > 0
            counted += 1

    work = asyncio.gather(*(count() for _ in range(4)))
    path = [*others, holder]
    for target in path:
        await asyncio.sleep(0.1)
        await asyncio.to_thread(cluster.move, slot, holder, target)
        holder = target
    await asyncio.sleep(0.1)
    stop.set()
    await work
    assert int(await redis.get(key) or 0) == counted
    assert counted > 20


async def test_a_failed_primary(cluster: RealCluster, redis: Redis) -> None:
    await redis.mset(dict.fromkeys(KEYS, "kept"))
    with cluster.nodes[0].client() as first:
        first.wait(1, 5000)
    await asyncio.to_thread(cluster.nodes[0].kill)
    lost = 0
    for _ in range(600):
        replies = await asyncio.gather(*(redis.get(key) for key in KEYS), return_exceptions=True)
        errors = [reply for reply in replies if isinstance(reply, Exception)]
        assert all(isinstance(error, ResponseError) for error in errors), errors
        assert {reply for reply in replies if isinstance(reply, str)} <= {"kept"}
        assert None not in replies
        if not errors:
            break
        lost += len(errors)
        await asyncio.sleep(0.05)
    else:
        pytest.fail("the proxy did not follow the failover")
    assert lost
    assert await redis.dbsize() == len(KEYS)
    # Back, for the other protocol's turn: as a replica of the one that took over, until that fails.
    node = cluster.nodes[0]
    await asyncio.to_thread(node.start)
    cluster.nodes[0], cluster.nodes[3] = cluster.nodes[3], node
    await asyncio.to_thread(cluster.wait_for_replica, node)
