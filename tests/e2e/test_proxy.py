"""The installed command in front of a real server: whole clients, and a server that is killed and comes back."""

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tests.e2e.process import Process, free_port
from tests.real_server import RealServer
from vermilion import CacheConfig, CacheService, RedisConfig

CLIENTS = 12


@pytest.fixture
def upstream() -> Iterator[RealServer]:
    """A server that writes every change to its file before it answers."""
    server = RealServer("--appendonly", "yes", "--appendfsync", "always")
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def proxy(upstream: RealServer, port: int, tmp_path: Path) -> Iterator[Process]:
    arguments = ("--port", str(port), "--backend", "redis", "--upstream", f"unix://{upstream.socket}")
    with Process(tmp_path, *arguments, "--upstream-timeout", "2000") as process:
        yield process.ready()


@pytest.fixture(params=[2, 3])
async def redis(proxy: Process, port: int, request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    async with Redis(port=port, protocol=request.param) as client:
        yield client


async def test_redis_py(redis: Redis) -> None:
    assert await redis.set("a", 1, ex=100)
    assert await redis.incr("a") == 2
    assert await redis.hset("h", mapping={"x": "1", "y": "2"}) == 2
    assert await redis.hgetall("h") == {b"x": b"1", b"y": b"2"}
    assert await redis.zadd("z", {"m": 1.5}) == 1
    assert await redis.zscore("z", "m") == 1.5
    assert await redis.blpop(["none"], timeout=0.05) is None
    assert await redis.eval("return redis.call('GET', KEYS[1])", 1, "a") == b"2"
    async with redis.pipeline(transaction=True) as pipeline:
        await pipeline.watch("a")
        cast("Any", pipeline).multi()
        pipeline.set("a", 5)
        pipeline.get("a")
        assert await pipeline.execute() == [True, b"5"]
    async with redis.pubsub() as channel:
        await channel.subscribe("news")
        assert (await channel.get_message(timeout=5))["type"] == "subscribe"
        assert await redis.publish("news", "hello") == 1
        assert (await channel.get_message(timeout=5))["data"] == b"hello"
    assert (await redis.info("upstream"))["upstream_status"] == "up"


async def test_the_cache_service(proxy: Process, port: int) -> None:
    config = CacheConfig(backend_type="redis", redis=RedisConfig(port=port))
    cache = CacheService(config)
    await cache.initialize()
    try:
        await cache.set("user:1", {"name": "Ada"})
        assert await cache.get("user:1") == {"name": "Ada"}
        assert await cache.delete("user:1")
    finally:
        await cache.close()


class Ledger:
    """What one client has been told of its own counter, and what that leaves possible."""

    def __init__(self, number: int) -> None:
        self.key = f"counter:{number}"
        self.least = self.most = 0
        self.seen: Counter[str] = Counter()

    async def work(self, port: int, until: asyncio.Event) -> None:
        """Count until told to stop, over new connections where the old ones break."""
        while not until.is_set():
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    await self._count(reader, writer, until)
                finally:
                    writer.close()

    async def _count(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, until: asyncio.Event
    ) -> None:
        for turn in itertools.count():
            if until.is_set():
                return
            token = f"{self.key}:{turn}"
            writer.write(f"INCR {self.key}\r\nECHO {token}\r\n".encode())
            self.most += 1  # as long as nobody has said anything, it may have run
            reply = await asyncio.wait_for(reader.readline(), 10)
            if reply.startswith(b":"):
                value = int(reply[1:])
                assert self.least < value <= self.most, "an increment was lost, or ran twice"
                self.least = self.most = value
                self.seen["counted"] += 1
            else:
                assert reply.startswith((b"-ERR upstream", b"-LOADING")), reply
                if b"may have run" in reply:
                    self.seen["unsure"] += 1
                else:
                    self.most -= 1
                    self.seen["refused"] += 1
            head = await asyncio.wait_for(reader.readline(), 10)
            if head.startswith(b"$"):
                assert await reader.readline() == f"{token}\r\n".encode(), "somebody else's reply"
            else:
                assert head.startswith((b"-ERR upstream", b"-LOADING")), head
                await asyncio.sleep(0.005)


async def test_kill_and_restart_under_load(proxy: Process, port: int, upstream: RealServer) -> None:
    until = asyncio.Event()
    ledgers = [Ledger(number) for number in range(CLIENTS)]
    work = asyncio.gather(*(ledger.work(port, until) for ledger in ledgers))
    for _ in range(3):
        await asyncio.sleep(0.4)
        await asyncio.to_thread(upstream.kill)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(upstream.start)
    await asyncio.sleep(0.6)
    until.set()
    await work
    async with Redis(port=port) as client:
        for ledger in ledgers:
            value = int(await client.get(ledger.key) or 0)
            assert ledger.least <= value <= ledger.most
    seen = sum((ledger.seen for ledger in ledgers), Counter[str]())
    assert all(ledger.seen["counted"] for ledger in ledgers), "a client was not served"
    assert seen["counted"] > 100
    assert seen["refused"] > 0


async def test_a_transaction_does_not_outlive_its_connection(
    proxy: Process, port: int, upstream: RealServer
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def call(line: str) -> bytes:
        writer.write(line.encode() + b"\r\n")
        return await asyncio.wait_for(reader.readline(), 10)

    assert await call("MULTI") == b"+OK\r\n"
    assert await call("SET a 1") == b"+QUEUED\r\n"
    await asyncio.to_thread(upstream.kill)
    await asyncio.to_thread(upstream.start)
    assert (await call("SET b 1")).startswith(b"-ERR upstream")
    assert (await call("EXEC")).startswith(b"-EXECABORT")
    while (await call("PING")) != b"+PONG\r\n":  # noqa: ASYNC110  # another process has no event
        await asyncio.sleep(0.02)
    assert await call("EXISTS a b") == b":0\r\n"
    writer.close()


async def test_a_server_that_hangs(proxy: Process, port: int, upstream: RealServer) -> None:
    async with Redis(port=port) as client:
        await client.set("a", 1)
        upstream.pause()
        try:
            for _ in range(2):
                with pytest.raises(ResponseError, match="upstream"):
                    await asyncio.wait_for(client.get("a"), 8)
            assert (await client.info("upstream"))["upstream_status"] == "down"
        finally:
            upstream.resume()
        for _ in range(500):
            with contextlib.suppress(ResponseError):
                assert await client.get("a") == b"1"
                return
            await asyncio.sleep(0.02)
        pytest.fail("it did not come back")


def test_the_start_without_upstream_is_bounded(tmp_path: Path, port: int) -> None:
    arguments = ("--port", str(port), "--backend", "redis", "--upstream", f"redis://127.0.0.1:{free_port()}")
    with Process(tmp_path, *arguments, "--upstream-start-timeout", "200") as process:
        process.ready()
        assert any("did not come in time" in line for line in process.log)
