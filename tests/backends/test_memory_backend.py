"""The in-memory backend: its four methods, its limit, its clock, and sharing it with a server."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from vermilion import CacheConfig, MemoryCacheBackend, MemoryConfig, Server, cache_service
from vermilion.clock import ManualClock
from vermilion.config import Config
from vermilion.engine.eviction import Eviction
from vermilion.errors import RespError
from vermilion.protocol.reply import NULL_ARRAY


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def backend(clock: ManualClock) -> MemoryCacheBackend:
    return MemoryCacheBackend(clock=clock)


async def test_set_get_delete_clear(backend: MemoryCacheBackend) -> None:
    assert await backend.get("a") is None
    await backend.set("a", b"1")
    await backend.set("a", b"\x00\xff\r\n")
    await backend.set("key é", b"")
    assert await backend.get("a") == b"\x00\xff\r\n"
    assert await backend.get("key é") == b""
    assert await backend.delete("a") is True
    assert await backend.delete("a") is False
    await backend.clear()
    assert await backend.get("key é") is None


async def test_clear_is_for_database_0(backend: MemoryCacheBackend) -> None:
    await backend.call(b"SELECT", b"1")
    await backend.call(b"SET", b"a", b"other")
    await backend.clear()
    assert await backend.call(b"GET", b"a") == b"other"
    assert await backend.get("a") is None


async def test_call_returns_plain_values_and_raises_errors(backend: MemoryCacheBackend) -> None:
    assert await backend.call(b"INCRBY", b"n", b"3") == 3
    assert await backend.call(b"mget", b"n", b"none") == [b"3", None]
    with pytest.raises(RespError, match=r"^ERR syntax error$"):
        await backend.call(b"SET", b"n", b"1", b"NX", b"XX")
    with pytest.raises(RespError, match=r"^ERR unknown command 'NOSUCH'"):
        await backend.call(b"NOSUCH")
    assert await backend.call(b"GET", b"n") == b"3"


async def test_what_concerns_a_connection_does_no_harm_to_calls(backend: MemoryCacheBackend) -> None:
    for argv in ((b"HELLO", b"3"), (b"RESET",), (b"QUIT",), (b"CLIENT", b"INFO"), (b"CLIENT", b"LIST")):
        await backend.call(*argv)
    number = await backend.call(b"CLIENT", b"ID")
    assert isinstance(number, int)
    assert await backend.call(b"CLIENT", b"KILL", b"ID", b"%d" % number, b"SKIPME", b"no") == 1
    assert await backend.call(b"PING") == await backend.call(b"PING")


# Time to live -------------------------------------------------------------------------------------------


async def test_a_key_lives_as_long_as_it_was_told_to(backend: MemoryCacheBackend, clock: ManualClock) -> None:
    await backend.set("a", b"1", timedelta(seconds=1, milliseconds=5))
    assert await backend.call(b"PTTL", b"a") == 1005
    clock.advance(ms=1005)  # the last millisecond counts, as in Redis
    assert await backend.get("a") == b"1"
    clock.advance(ms=1)
    assert await backend.get("a") is None
    assert await backend.delete("a") is False


async def test_set_without_a_ttl_is_for_ever(backend: MemoryCacheBackend, clock: ManualClock) -> None:
    await backend.set("a", b"1", timedelta(milliseconds=1))
    await backend.set("a", b"2")
    clock.advance(ms=10**12)
    assert await backend.get("a") == b"2"


@pytest.mark.parametrize("ttl", [timedelta(0), timedelta(microseconds=999), timedelta(seconds=-1)])
async def test_a_ttl_below_a_millisecond_is_refused(backend: MemoryCacheBackend, ttl: timedelta) -> None:
    await backend.set("a", b"old")
    with pytest.raises(ValueError, match="at least one millisecond"):
        await backend.set("a", b"new", ttl)
    assert await backend.get("a") == b"old"


async def test_an_expired_key_is_not_deleted_but_gone(
    backend: MemoryCacheBackend, clock: ManualClock
) -> None:
    await backend.set("a", b"1", timedelta(milliseconds=10))
    clock.advance(ms=11)
    assert await backend.delete("a") is False
    assert backend.engine.keyspace.expired == 1


async def test_nobody_need_touch_a_key_for_it_to_go(backend: MemoryCacheBackend, clock: ManualClock) -> None:
    for number in range(1000):
        await backend.set(f"k{number}", b"x", timedelta(milliseconds=100 + number % 2))
    await backend.set("stays", b"x")
    clock.advance(ms=101)
    assert len(backend.engine.databases[0]) == 1001
    backend._run_cron(0.1)
    await backend.close()
    assert len(backend.engine.databases[0]) == 501
    clock.advance(ms=1)
    backend.engine.cron(10**9)
    assert len(backend.engine.databases[0]) == 1
    assert backend.engine.keyspace.expired == 1000


async def test_background_work_runs_between_initialize_and_close(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = MemoryCacheBackend(clock=clock)
    ran = asyncio.Event()
    turns: list[int] = []

    def cron(budget_ns: int) -> None:
        turns.append(budget_ns)
        ran.set()

    monkeypatch.setattr(backend.engine, "cron", cron)
    backend.engine.settings.hz = 500
    await backend.initialize()
    first = backend._cron
    await backend.initialize()
    assert backend._cron is first
    for _ in range(2):
        ran.clear()
        await asyncio.wait_for(ran.wait(), 10)
    assert turns[0] == 500_000  # a quarter of the time
    await backend.close()
    await backend.close()
    turns.clear()
    await asyncio.sleep(0.02)
    assert turns == []


async def test_a_closed_backend_keeps_its_keys(backend: MemoryCacheBackend) -> None:
    await backend.initialize()
    await backend.set("a", b"1")
    await backend.close()
    assert await backend.get("a") == b"1"


# The limit ----------------------------------------------------------------------------------------------


async def left(backend: MemoryCacheBackend) -> set[bytes]:
    keys = await backend.call(b"KEYS", b"*")
    assert isinstance(keys, list)
    return {key for key in keys if isinstance(key, bytes)}


@pytest.mark.parametrize("by", ["methods", "calls"])
async def test_the_key_used_least_recently_goes(by: str) -> None:
    backend = MemoryCacheBackend(max_size=3)

    async def put(key: str) -> None:
        await (backend.set(key, b"x") if by == "methods" else backend.call(b"SET", key.encode(), b"x"))

    async def use(key: str) -> None:
        await (backend.get(key) if by == "methods" else backend.call(b"GET", key.encode()))

    for key in "abc":
        await put(key)
    await use("a")
    await put("d")
    assert await left(backend) == {b"a", b"c", b"d"}
    await put("c")
    await put("e")
    assert await left(backend) == {b"c", b"d", b"e"}
    await backend.delete("d")
    await put("f")
    assert await left(backend) == {b"c", b"e", b"f"}
    assert backend.engine.keyspace.evicted == 2


async def test_every_way_to_make_a_key_obeys_the_limit() -> None:
    backend = MemoryCacheBackend(max_size=2)
    await backend.call(b"MSET", b"a", b"1", b"b", b"2", b"c", b"3")
    assert await left(backend) == {b"b", b"c"}
    await backend.call(b"APPEND", b"d", b"x")
    await backend.call(b"INCR", b"e")
    await backend.call(b"SETRANGE", b"f", b"3", b"x")
    assert await left(backend) == {b"e", b"f"}
    await backend.call(b"COPY", b"e", b"g")
    assert await left(backend) == {b"e", b"g"}
    await backend.call(b"RENAME", b"e", b"h")
    assert await left(backend) == {b"g", b"h"}
    await backend.call(b"SETEX", b"i", b"10", b"x")
    await backend.set("j", b"x", timedelta(seconds=10))
    assert await left(backend) == {b"i", b"j"}


async def test_a_pipeline_obeys_the_limit_and_its_order() -> None:
    backend = MemoryCacheBackend(max_size=3)
    async with Server(backend, port=0) as server, Redis(host=server.host, port=server.port) as client:
        pipeline = client.pipeline(transaction=False)
        for number in range(50):
            pipeline.set(f"k{number}", number)
        for _ in range(10):
            pipeline.get("k47")
        pipeline.set("k50", 50)
        await pipeline.execute()
        assert await client.dbsize() == 3
        assert await left(backend) == {b"k47", b"k49", b"k50"}


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.sampled_from(["set", "get", "delete"]), st.sampled_from("abcdef")), max_size=60),
)
def test_the_limit_is_exact_for_any_use(limit: int, steps: Iterable[tuple[str, str]]) -> None:
    async def run() -> None:
        backend = MemoryCacheBackend(max_size=limit)
        model: dict[str, bytes] = {}  # in the order of use
        for number, (action, key) in enumerate(steps):
            if action == "set":
                model.pop(key, None)
                model[key] = b"%d" % number
                if len(model) > limit:
                    del model[next(iter(model))]
                await backend.set(key, b"%d" % number)
            elif action == "get":
                if key in model:
                    model[key] = model.pop(key)
                assert await backend.get(key) == model.get(key)
            else:
                assert await backend.delete(key) is (model.pop(key, None) is not None)
        assert await left(backend) == {key.encode() for key in model}

    asyncio.run(run())


# Shared -------------------------------------------------------------------------------------------------


async def test_a_server_and_the_backend_see_the_same_keys(backend: MemoryCacheBackend) -> None:
    async with Server(backend, port=0) as server, Redis(host=server.host, port=server.port) as client:
        await client.set("from-tcp", b"1", px=5000)
        await backend.set("from-here", b"2", timedelta(seconds=7))
        assert await backend.get("from-tcp") == b"1"
        assert await client.get("from-here") == b"2"
        assert await client.pttl("from-here") == 7000
        assert await backend.call(b"PTTL", b"from-tcp") == 5000
        assert await client.delete("from-here") == 1
        assert await backend.get("from-here") is None
    assert await backend.get("from-tcp") == b"1"


async def test_a_server_and_a_cache_service_see_the_same_keys(
    backend: MemoryCacheBackend, clock: ManualClock
) -> None:
    config = CacheConfig(backend_type="memory", memory=MemoryConfig())
    async with (
        Server(backend, port=0) as server,
        Redis(host=server.host, port=server.port) as client,
        cache_service(config, backend=backend) as cache,
    ):
        await cache.set("user", {"name": "Ada"}, ttl=timedelta(seconds=3))
        assert await client.get("user") == b'{"name":"Ada"}'
        await client.set("n", b"[1,2]")
        assert await cache.get("n") == [1, 2]
        clock.advance(ms=3001)
        assert await client.exists("user") == 0
        assert await cache.get("user") is None
        await client.flushall()
        assert await cache.get("n") is None


class TestWaiting:
    async def test_a_call_that_waits_gets_the_reply_of_another_that_does_not(
        self, backend: MemoryCacheBackend
    ) -> None:
        waiting = asyncio.create_task(backend.call(b"BLPOP", b"l", b"0"))
        await asyncio.sleep(0)
        assert await backend.call(b"RPUSH", b"l", b"a", b"b") == 2
        assert await waiting == [b"l", b"a"]
        assert await backend.call(b"LLEN", b"l") == 1

    async def test_to_cancel_is_to_consume_nothing(self, backend: MemoryCacheBackend) -> None:
        waiting = asyncio.create_task(backend.call(b"BLPOP", b"l", b"0"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await backend.call(b"RPUSH", b"l", b"a") == 1
        assert await backend.call(b"LLEN", b"l") == 1
        assert len(backend.engine.waiting) == 0

    async def test_an_error_of_a_retry_is_raised(self, backend: MemoryCacheBackend) -> None:
        waiting = asyncio.create_task(backend.call(b"BLMOVE", b"a", b"b", b"LEFT", b"LEFT", b"0"))
        await asyncio.sleep(0)
        await backend.set("b", b"1")
        await backend.call(b"RPUSH", b"a", b"x")
        with pytest.raises(RespError, match="WRONGTYPE"):
            await waiting

    async def test_a_killed_call_fails(self, backend: MemoryCacheBackend) -> None:
        waiting = asyncio.create_task(backend.call(b"BLPOP", b"l", b"0"))
        await asyncio.sleep(0)
        [session] = [one for one in backend.engine.sessions.values() if one.pending is not None]
        await backend.call(b"CLIENT", b"KILL", b"ID", b"%d" % session.id)
        with pytest.raises(ConnectionError):
            await waiting
        await backend.call(b"RPUSH", b"l", b"a")
        assert await backend.call(b"LLEN", b"l") == 1

    async def test_a_wait_ends_by_the_clock_of_the_machine(self) -> None:
        backend = MemoryCacheBackend()
        late = asyncio.create_task(backend.call(b"BLPOP", b"l", b"100"))
        await asyncio.sleep(0)
        assert await backend.call(b"BLPOP", b"l", b"0.01") is NULL_ARRAY
        late.cancel()
        await backend.close()

    async def test_a_wait_ends_by_a_clock_that_is_moved(
        self, backend: MemoryCacheBackend, clock: ManualClock
    ) -> None:
        waiting = asyncio.create_task(backend.call(b"BLPOP", b"l", b"100"))
        await asyncio.sleep(0)
        clock.advance(ms=100_000)
        backend.engine.cron(0)
        assert await waiting is NULL_ARRAY
        await backend.close()


async def test_values_set_in_process_are_held_to_maxmemory(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config()
    backend = MemoryCacheBackend(config=config)
    asked: list[int] = []
    monkeypatch.setattr(Eviction, "before_calls", lambda eviction: asked.append(1))
    await backend.set("k", b"v")
    assert asked == []
    config.set([(b"maxmemory", b"8gb"), (b"maxmemory-policy", b"allkeys-lru")])
    await backend.set("k", b"v")
    assert asked == [1]
