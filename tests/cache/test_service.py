"""CacheService: what each method answers, stores and refuses, on every backend."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest

from tests.cache.backends import BrokenBackend, DictBackend, config
from vermilion import (
    CacheBackend,
    CacheConfig,
    CacheConnectionError,
    CacheKeyError,
    CacheOperationError,
    CacheService,
    CommandBackend,
    ErrorCode,
    MemoryConfig,
    cache_service,
)
from vermilion.backends.memory_backend import MemoryCacheBackend
from vermilion.clock import ManualClock
from vermilion.protocol.reply import Reply

MINUTE = timedelta(minutes=1)


async def test_a_value_comes_back(any_cache: CacheService) -> None:
    value = {"id": 42, "name": "Ada", "tags": ["a", "b"], "ok": True, "score": 1.5, "none": None}
    await any_cache.set("user:1", value)
    assert await any_cache.get("user:1") == value


async def test_the_stored_bytes_are_the_json(backend: CacheBackend, any_cache: CacheService) -> None:
    await any_cache.set("user:1", {"name": "Ada", "at": [1, 2]})
    assert await backend.get("user:1") == b'{"name":"Ada","at":[1,2]}'


async def test_what_another_program_stored_is_read(backend: CacheBackend, any_cache: CacheService) -> None:
    await backend.set("user:1", b' {"name": "Ada"}\n')
    assert await any_cache.get("user:1") == {"name": "Ada"}


async def test_a_key_of_any_script_works(any_cache: CacheService) -> None:
    await any_cache.set("ключ 🔑", 1)
    assert await any_cache.get_many(["ключ 🔑"]) == {"ключ 🔑": 1}


async def test_a_stored_none_is_not_a_miss(any_cache: CacheService) -> None:
    await any_cache.set("nothing", None)
    assert await any_cache.get("nothing", default="miss") is None
    assert await any_cache.get("missing", default="miss") == "miss"
    assert await any_cache.get("missing") is None
    stats = await any_cache.get_stats()
    assert (stats.hits, stats.misses) == (1, 2)


async def test_delete_tells_whether_there_was_something(any_cache: CacheService) -> None:
    await any_cache.set("a", 1)
    assert await any_cache.delete("a") is True
    assert await any_cache.delete("a") is False


async def test_clear_without_a_namespace_removes_everything(any_cache: CacheService) -> None:
    await any_cache.set_many({"a": 1, "b": 2})
    await any_cache.clear()
    assert await any_cache.get_many(["a", "b"]) == {}


async def test_exists(any_cache: CacheService) -> None:
    assert await any_cache.exists("a") is False
    await any_cache.set("a", None)
    assert await any_cache.exists("a") is True


async def test_exists_of_an_empty_value(commands: CommandBackend, cache: CacheService) -> None:
    await commands.set("empty", b"")
    assert await cache.exists("empty") is True


async def test_many(any_cache: CacheService) -> None:
    await any_cache.set_many({"a": 1, "b": None, "c": [3]}, MINUTE)
    assert await any_cache.get_many(["c", "x", "a", "b", "a"]) == {"c": [3], "a": 1, "b": None}
    assert await any_cache.delete_many(["a", "b", "x"]) == 2
    assert await any_cache.get_many(iter(["a", "c"])) == {"c": [3]}
    stats = await any_cache.get_stats()
    assert (stats.hits, stats.misses) == (4, 2)


async def test_many_of_none(any_cache: CacheService) -> None:
    await any_cache.set_many({})
    assert await any_cache.get_many([]) == {}
    assert await any_cache.delete_many([]) == 0


async def test_set_many_looks_at_everything_first(backend: CacheBackend, any_cache: CacheService) -> None:
    with pytest.raises(CacheOperationError) as caught:
        await any_cache.set_many({"a": 1, "b": (2,)})
    assert caught.value.code == "NOT_SERIALIZABLE"
    assert await backend.get("a") is None


# Keys


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (1, "INVALID_KEY_TYPE"),
        (b"bytes", "INVALID_KEY_TYPE"),
        (None, "INVALID_KEY_TYPE"),
        ("", "EMPTY_KEY"),
        ("\0tag:users", "INVALID_KEY"),
        ("\ud800", "INVALID_KEY"),
    ],
)
async def test_a_bad_key_is_refused_before_the_backend_is_asked(key: Any, code: str) -> None:
    backend = BrokenBackend(AssertionError("asked"))
    async with cache_service(config(), backend=backend) as cache:
        for call in (
            cache.get(key),
            cache.set(key, 1),
            cache.delete(key),
            cache.exists(key),
            cache.add(key, 1),
            cache.expire(key, MINUTE),
            cache.ttl(key),
            cache.incr(key),
            cache.decr(key),
            cache.get_many([key]),
            cache.set_many({key: 1}),
            cache.delete_many([key]),
            cache.get_or_set(key, lambda: 1),
            cache.invalidate_tag(key),
            cache.set("good", 1, tags=[key]),
        ):
            with pytest.raises(CacheKeyError) as caught:
                await call
            assert caught.value.code == code
            assert caught.value.details


@pytest.mark.parametrize("method", ["get_many", "delete_many"])
async def test_one_string_is_no_collection_of_keys(any_cache: CacheService, method: str) -> None:
    with pytest.raises(CacheKeyError, match="not one str"):
        await getattr(any_cache, method)("abc")


# Life cycle


async def test_every_call_needs_an_open_service() -> None:
    cache = CacheService(config(), backend=MemoryCacheBackend())

    async def all_refused() -> None:
        for call in (
            cache.get("a"),
            cache.set("a", 1),
            cache.delete("a"),
            cache.clear(),
            cache.exists("a"),
            cache.add("a", 1),
            cache.expire("a", MINUTE),
            cache.ttl("a"),
            cache.incr("a"),
            cache.get_many(["a"]),
            cache.get_many([]),
            cache.set_many({"a": 1}),
            cache.delete_many(["a"]),
            cache.get_or_set("a", lambda: 1),
            cache.invalidate_tag("t"),
        ):
            with pytest.raises(CacheOperationError) as caught:
                await call
            assert caught.value.code is ErrorCode.NOT_INITIALIZED

    await all_refused()
    await cache.initialize()
    await cache.set("a", 1)
    await cache.close()
    await all_refused()
    stats = await cache.get_stats()
    assert (stats.hits, stats.misses, stats.size) == (0, 0, 0)


async def test_initialize_and_close_are_idempotent(any_cache: CacheService) -> None:
    await asyncio.gather(any_cache.initialize(), any_cache.initialize())
    await any_cache.set("a", 1)
    await any_cache.initialize()
    assert await any_cache.get("a") == 1
    await asyncio.gather(any_cache.close(), any_cache.close())
    await any_cache.close()


async def test_a_closed_service_can_be_opened_again(any_cache: CacheService) -> None:
    await any_cache.close()
    await any_cache.initialize()
    await any_cache.set("a", 1)
    assert await any_cache.get("a") == 1


async def test_a_backend_that_was_passed_in_is_not_closed() -> None:
    class Owned(DictBackend):
        closed = False

        async def initialize(self) -> None: ...

        async def close(self) -> None:
            self.closed = True

    backend = Owned()
    async with cache_service(config(), backend=backend):
        pass
    assert not backend.closed


async def test_close_never_raises(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_backend: MemoryCacheBackend) -> None:
        raise RuntimeError("will not close")

    monkeypatch.setattr(MemoryCacheBackend, "close", broken)
    async with cache_service(CacheConfig(memory=MemoryConfig())) as cache:
        await cache.set("a", 1)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "will not close" in caplog.text


async def test_services_in_memory_share_nothing_unless_they_share_a_backend() -> None:
    shared = MemoryCacheBackend()
    async with (
        cache_service(config()) as alone,
        cache_service(config(), backend=shared) as first,
        cache_service(config(), backend=shared) as second,
    ):
        await first.set("a", 1)
        assert await second.get("a") == 1
        assert await alone.get("a") is None


async def test_max_size_evicts_the_least_recently_used() -> None:
    async with cache_service(CacheConfig(memory=MemoryConfig(max_size=2))) as cache:
        await cache.set_many({"a": 1, "b": 2})
        await cache.get("a")
        await cache.set("c", 3)
        assert await cache.get_many(["a", "b", "c"]) == {"a": 1, "c": 3}


@pytest.mark.parametrize("bad", [None, {"backend_type": "memory"}, CacheConfig.model_construct(redis=None)])
def test_an_invalid_config_is_a_value_error(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"config|section"):
        CacheService(bad)


def test_a_backend_without_the_four_methods_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="get, set, delete and clear"):
        CacheService(config(), backend=object())  # type: ignore[arg-type]


# Failures


async def test_a_failed_operation_chains_its_cause_and_the_next_call_tries_again() -> None:
    backend = BrokenBackend(KeyError("oops"))
    async with cache_service(config(), backend=backend) as cache:
        for operation in (cache.get("a"), cache.set("a", 1), cache.exists("a"), cache.get_many(["a"])):
            with pytest.raises(CacheOperationError) as caught:
                await operation
            assert caught.value.code == "BACKEND_ERROR"
            assert caught.value.__cause__ is backend.error
        backend.error = None
        await cache.set("a", 1)
        assert await cache.get("a") == 1


@pytest.mark.parametrize("error", [ConnectionResetError("gone"), TimeoutError("slow"), OSError("odd")])
async def test_a_connection_failure_says_where_and_that_one_may_retry(error: OSError) -> None:
    backend = BrokenBackend(error)
    async with cache_service(config(), backend=backend) as cache:
        for operation in (cache.get("a"), cache.set("a", 1), cache.get_or_set("a", lambda: 1)):
            with pytest.raises(CacheConnectionError) as caught:
                await operation
            assert caught.value.code == "CONNECTION_FAILED"
            assert caught.value.__cause__ is error
            assert {"host", "port", "attempts", "retry_hint", "operation", "key"} == set(caught.value.details)
        backend.error = None
        await cache.set("a", 1)
        assert await cache.get("a") == 1


async def test_failed_lookups_are_neither_hits_nor_misses() -> None:
    async with cache_service(config(), backend=BrokenBackend(OSError("gone"))) as cache:
        with pytest.raises(CacheConnectionError):
            await cache.get("a")
        stats = await cache.get_stats()
        assert (stats.hits, stats.misses, stats.hit_rate) == (0, 0, 0.0)


async def test_foreign_bytes_are_an_error_and_not_a_value(
    backend: CacheBackend, any_cache: CacheService
) -> None:
    await backend.set("a", b"not json")
    for operation in (any_cache.get("a"), any_cache.get_many(["a"]), any_cache.get_or_set("a", lambda: 1)):
        with pytest.raises(CacheOperationError) as caught:
            await operation
        assert caught.value.code == "NOT_DESERIALIZABLE"
        assert caught.value.__cause__ is not None


async def test_what_four_methods_cannot_do_is_said() -> None:
    async with cache_service(config(namespace="n"), backend=DictBackend()) as cache:
        await cache.set("a", 1)
        for call in (
            cache.add("a", 1),
            cache.incr("a"),
            cache.decr("a"),
            cache.ttl("a"),
            cache.expire("a", MINUTE),
            cache.clear(),
            cache.invalidate_tag("t"),
            cache.set("a", 1, tags=["t"]),
            cache.set_many({"a": 1}, tags=["t"]),
            cache.get_or_set("b", lambda: 1, tags=["t"]),
        ):
            with pytest.raises(CacheOperationError) as caught:
                await call
            assert caught.value.code == "UNSUPPORTED"
        assert (await cache.get_stats()).size is None


# TTL


async def test_an_entry_expires_to_the_millisecond(timed_cache: CacheService, clock: ManualClock) -> None:
    await timed_cache.set("a", 1, timedelta(milliseconds=1500))
    clock.advance(ms=1500)
    assert await timed_cache.exists("a") is True  # as in Redis, through the millisecond of its deadline
    clock.advance(ms=1)
    assert await timed_cache.get("a") is None


async def test_ttl_tells_what_is_left(cache: CacheService) -> None:
    await cache.set("a", 1, MINUTE)
    left = await cache.ttl("a")
    assert left is not None
    assert timedelta(seconds=50) < left <= MINUTE
    assert await cache.ttl("missing") is None


async def test_none_means_the_default_ttl_and_a_default_of_zero_means_for_ever(
    commands: CommandBackend,
) -> None:
    async with (
        cache_service(config(default_ttl=60), backend=commands) as minute,
        cache_service(config(default_ttl=0), backend=commands) as eternal,
    ):
        await minute.set("a", 1)
        left = await minute.ttl("a")
        assert left is not None
        assert left <= MINUTE
        await eternal.set("a", 1)
        assert await eternal.ttl("a") == timedelta.max
        await eternal.set_many({"b": 1})
        assert await eternal.ttl("b") == timedelta.max


async def test_expire(cache: CacheService) -> None:
    assert await cache.expire("a", MINUTE) is False
    await cache.set("a", 1, timedelta(hours=1))
    assert await cache.expire("a", MINUTE) is True
    left = await cache.ttl("a")
    assert left is not None
    assert left <= MINUTE


@pytest.mark.parametrize("ttl", [timedelta(0), timedelta(seconds=-1), 5, 1.5, "1"])
async def test_a_ttl_is_a_timedelta_above_zero(any_cache: CacheService, ttl: Any) -> None:
    for call in (
        any_cache.set("a", 1, ttl),
        any_cache.set_many({"a": 1}, ttl),
        any_cache.get_or_set("a", lambda: 1, ttl),
        any_cache.add("a", 1, ttl),
        any_cache.incr("a", 1, ttl),
        any_cache.expire("a", ttl),
    ):
        with pytest.raises(CacheOperationError) as caught:
            await call
        assert caught.value.code == "INVALID_TTL"


async def test_a_ttl_below_a_millisecond_is_one() -> None:
    backend = DictBackend()
    async with cache_service(config(), backend=backend) as cache:
        await cache.set("a", 1, timedelta(microseconds=1))
    assert backend.ttls["a"] == timedelta(milliseconds=1)


async def test_jitter_takes_a_part_of_the_ttl_off() -> None:
    backend = DictBackend()
    chances = iter([0.0, 0.5, 0.75])
    cache = CacheService(
        config(ttl_jitter=0.4, default_ttl=100), backend=backend, random=lambda: next(chances)
    )
    await cache.initialize()
    await cache.set("a", 1)
    await cache.set("b", 1, timedelta(seconds=10))
    await cache.set("c", 1)
    assert backend.ttls == {
        "a": timedelta(seconds=100),
        "b": timedelta(seconds=8),
        "c": timedelta(seconds=70),
    }


# add, and counters


async def test_add_stores_once(cache: CacheService) -> None:
    assert await cache.add("lock", "mine", MINUTE) is True
    assert await cache.add("lock", "yours") is False
    assert await cache.get("lock") == "mine"
    left = await cache.ttl("lock")
    assert left is not None
    assert left <= MINUTE


async def test_of_many_who_add_one_succeeds(cache: CacheService) -> None:
    assert sum(await asyncio.gather(*(cache.add("lock", n) for n in range(20)))) == 1


async def test_counters_are_atomic(cache: CacheService) -> None:
    await asyncio.gather(*(cache.incr("n", 2) for _ in range(20)), *(cache.decr("n") for _ in range(10)))
    assert await cache.get("n") == 30
    assert await cache.incr("n", 0) == 30


async def test_incr_continues_from_a_stored_integer(cache: CacheService) -> None:
    await cache.set("n", 41)
    assert await cache.incr("n") == 42


async def test_a_new_counter_gets_its_ttl_and_an_old_one_keeps_its(cache: CacheService) -> None:
    await cache.incr("n", 1, MINUTE)
    await cache.incr("n", 1, timedelta(hours=1))
    left = await cache.ttl("n")
    assert left is not None
    assert left <= MINUTE


async def test_a_counter_without_a_default_ttl_stays(commands: CommandBackend) -> None:
    async with cache_service(config(default_ttl=0), backend=commands) as cache:
        assert await cache.incr("n") == 1
        assert await cache.ttl("n") == timedelta.max


async def test_a_counter_that_expires_between_the_two_commands_gets_its_ttl(clock: ManualClock) -> None:
    class Late(MemoryCacheBackend):
        async def call(self, *argv: bytes) -> Reply:
            if argv[0] == b"INCRBY":
                clock.advance(ms=2)
            return await super().call(*argv)

    async with cache_service(config(), backend=Late(clock=clock)) as cache:
        await cache.set("n", 7, timedelta(milliseconds=1))
        assert await cache.incr("n", 3, MINUTE) == 3
        assert await cache.ttl("n") == MINUTE


async def test_incr_refuses_what_is_no_integer(cache: CacheService) -> None:
    await cache.set("s", "text")
    with pytest.raises(CacheOperationError) as caught:
        await cache.incr("s")
    assert caught.value.code == "BACKEND_ERROR"
    with pytest.raises(TypeError):
        await cache.incr("n", 1.5)  # type: ignore[arg-type]
    assert await cache.exists("n") is False


# Namespaces and figures


async def test_a_namespace_is_a_prefix(commands: CommandBackend) -> None:
    async with cache_service(config(namespace="app"), backend=commands) as cache:
        await cache.set("a", 1)
        await cache.set_many({"b": 2})
        await cache.incr("c")
        assert [await commands.get(f"app:{key}") for key in "abc"] == [b"1", b"2", b"1"]
        assert await cache.get_many(["a", "b", "c"]) == {"a": 1, "b": 2, "c": 1}
        assert await cache.delete("a") is True
        assert await cache.delete_many(["b", "c"]) == 2


async def test_clear_of_a_namespace_leaves_the_others_alone(commands: CommandBackend) -> None:
    async with (
        cache_service(config(namespace="a*[b]"), backend=commands) as mine,
        cache_service(config(namespace="axb"), backend=commands) as other,
        cache_service(config(), backend=commands) as everything,
    ):
        await mine.set_many({f"key:{n}": n for n in range(2500)})
        await other.set("a", 1)
        await everything.set("a", 2)
        assert (await mine.get_stats()).size == 2500
        assert (await other.get_stats()).size == 1
        assert (await everything.get_stats()).size == 2502
        await mine.clear()
        assert (await mine.get_stats()).size == 0
        assert await other.get("a") == 1
        assert await everything.get("a") == 2


async def test_the_size_of_a_namespace_in_a_huge_database_is_not_counted() -> None:
    class Huge(MemoryCacheBackend):
        pages = 0

        async def call(self, *argv: bytes) -> Reply:
            if argv[0] != b"SCAN":
                return await super().call(*argv)
            self.pages += 1
            return [b"7", []]

    backend = Huge()
    async with cache_service(config(namespace="n"), backend=backend) as cache:
        assert (await cache.get_stats()).size is None
    assert backend.pages == 101


async def test_stats_never_raise(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(MemoryCacheBackend):
        async def call(self, *argv: bytes) -> Reply:
            raise OSError("gone")

    async with cache_service(config(), backend=Broken()) as cache:
        await cache.get("a")
        stats = await cache.get_stats()
    assert (stats.hits, stats.misses, stats.size) == (0, 1, None)
    assert "gone" in caplog.text


async def test_the_size_of_a_backend_with_a_length_is_its_length() -> None:
    class Sized(DictBackend):
        def __len__(self) -> int:
            return len(self.items)

    async with cache_service(config(), backend=Sized()) as cache:
        await cache.set("a", 1)
        assert (await cache.get_stats()).size == 1
    async with cache_service(config(), backend=DictBackend()) as cache:
        assert (await cache.get_stats()).size is None


async def test_the_hit_rate(any_cache: CacheService) -> None:
    await any_cache.set("a", 1)
    for key in ("a", "a", "a", "b"):
        await any_cache.get(key)
    assert (await any_cache.get_stats()).hit_rate == 0.75


@pytest.mark.parametrize("reply", [None, b"text"])
async def test_a_reply_of_the_wrong_kind_is_an_error(reply: bytes | None) -> None:
    class Odd(MemoryCacheBackend):
        async def call(self, *argv: bytes) -> Reply:
            return reply

    async with cache_service(config(namespace="n"), backend=Odd()) as cache:
        for call in (cache.incr("a"), cache.get_many(["a"]), cache.delete_many(["a"]), cache.clear()):
            with pytest.raises(CacheOperationError, match="was answered with a"):
                await call
