"""get_or_set and single flight: one computation, whoever waits, leaves, fails or invalidates meanwhile."""

import asyncio
import gc
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.cache.backends import DictBackend, config
from vermilion import CacheBackend, CacheOperationError, CacheService, cache_service


class Source:
    """A factory that counts its runs, and answers when it is told to."""

    def __init__(self, answer: Any = None) -> None:
        self.runs = 0
        self.answer = answer
        self.started = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self) -> Any:
        self.runs += 1
        self.started.set()
        await self.go.wait()
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


async def test_a_missing_value_is_computed_once_and_stored(
    backend: CacheBackend, any_cache: CacheService
) -> None:
    source = Source({"name": "Ada"})
    tasks = [asyncio.create_task(any_cache.get_or_set("user:1", source)) for _ in range(20)]
    await source.started.wait()
    source.go.set()
    answers = await asyncio.gather(*tasks)
    assert answers == [{"name": "Ada"}] * 20
    assert source.runs == 1
    assert await backend.get("user:1") == b'{"name":"Ada"}'
    assert await any_cache.get_or_set("user:1", source) == {"name": "Ada"}
    assert source.runs == 1


async def test_each_caller_has_a_copy_of_its_own() -> None:
    async with cache_service(config()) as cache:
        first, second = await asyncio.gather(
            *(cache.get_or_set("list", lambda: [1]) for _ in range(2)),
        )
    first.append(2)
    assert second == [1]


@pytest.mark.parametrize("value", [None, 0, "", [], False])
async def test_every_value_is_a_hit_the_next_time(any_cache: CacheService, value: Any) -> None:
    runs: list[int] = []

    def factory() -> Any:
        runs.append(1)
        return value

    for _ in range(3):
        assert await any_cache.get_or_set("a", factory) == value
    assert runs == [1]
    stats = await any_cache.get_stats()
    assert (stats.hits, stats.misses) == (2, 1)


async def test_the_first_caller_may_be_cancelled(any_cache: CacheService) -> None:
    source = Source(1)
    first = asyncio.create_task(any_cache.get_or_set("a", source))
    await source.started.wait()
    second = asyncio.create_task(any_cache.get_or_set("a", source))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.go.set()
    assert await second == 1
    assert source.runs == 1


async def test_with_all_callers_gone_the_value_is_still_stored() -> None:
    backend = DictBackend()
    async with cache_service(config(), backend=backend) as cache:
        source = Source(1)
        caller = asyncio.create_task(cache.get_or_set("a", source))
        await source.started.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        source.go.set()
        assert await cache.get_or_set("a", source) == 1
        assert source.runs == 1


async def test_an_exception_goes_to_all_who_wait_and_is_not_stored(any_cache: CacheService) -> None:
    source = Source(LookupError("no such user"))
    source.go.set()
    answers = await asyncio.gather(
        *(any_cache.get_or_set("a", source) for _ in range(3)), return_exceptions=True
    )
    assert answers == [source.answer] * 3
    assert await any_cache.exists("a") is False
    source.answer = 1
    assert await any_cache.get_or_set("a", source) == 1


async def test_an_oserror_of_the_factory_is_no_failure_of_the_backend(any_cache: CacheService) -> None:
    def factory() -> int:
        raise FileNotFoundError("users.csv")

    with pytest.raises(FileNotFoundError):
        await any_cache.get_or_set("a", factory)


async def test_a_failure_with_nobody_left_is_silent() -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
    async with cache_service(config(), backend=DictBackend()) as cache:
        source = Source(LookupError("nobody hears"))
        caller = asyncio.create_task(cache.get_or_set("a", source))
        await source.started.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        (flight,) = cache._flights._flights.values()
        source.go.set()
        await asyncio.wait([flight])
        # asyncio reports an exception that nobody looked at when its task is collected.
        del flight
        gc.collect()
    assert reported == []


async def test_a_factory_that_is_cancelled_does_not_cancel_its_callers(any_cache: CacheService) -> None:
    source = Source(asyncio.CancelledError())
    source.go.set()
    with pytest.raises(CacheOperationError) as caught:
        await any_cache.get_or_set("a", source)
    assert caught.value.code == "FACTORY_CANCELLED"


async def test_close_ends_what_is_under_way() -> None:
    cache = CacheService(config(), backend=DictBackend())
    await cache.initialize()
    source = Source(1)
    caller = asyncio.create_task(cache.get_or_set("a", source))
    await source.started.wait()
    await cache.close()
    with pytest.raises(CacheOperationError) as caught:
        await caller
    assert caught.value.code == "FACTORY_CANCELLED"


async def test_a_factory_may_close_the_service() -> None:
    cache = CacheService(config(), backend=DictBackend())
    await cache.initialize()
    with pytest.raises(CacheOperationError) as caught:
        await cache.get_or_set("a", cache.close)
    assert caught.value.code == "NOT_INITIALIZED"


async def test_a_factory_that_asks_for_its_own_key_is_told_so(any_cache: CacheService) -> None:
    async def factory() -> int:
        return await any_cache.get_or_set("a", factory)

    with pytest.raises(CacheOperationError) as caught:
        await any_cache.get_or_set("a", factory)
    assert caught.value.code == "FACTORY_RECURSION"


async def test_a_factory_may_ask_for_another_key(any_cache: CacheService) -> None:
    async def factory() -> int:
        return await any_cache.get_or_set("b", lambda: 20) + 1

    assert await any_cache.get_or_set("a", factory) == 21


async def test_a_value_that_landed_meanwhile_is_not_computed_again() -> None:
    class Slow(DictBackend):
        """Answers a lookup only after everyone else had a turn."""

        async def get(self, key: str) -> bytes | None:
            found = await super().get(key)
            for _ in range(self.turns):
                await asyncio.sleep(0)
            return found

        turns = 0

    backend = Slow()
    runs: list[int] = []

    def factory() -> int:
        runs.append(1)
        return len(runs)

    async with cache_service(config(), backend=backend) as cache:
        backend.turns = 20
        late = asyncio.create_task(cache.get_or_set("a", factory))
        await asyncio.sleep(0)
        backend.turns = 0
        assert await cache.get_or_set("a", factory) == 1
        assert await late == 1
    assert runs == [1]


@pytest.mark.parametrize("factory", [lambda: (1, 2), lambda: {1}, object])
async def test_what_cannot_be_stored_is_an_error(
    any_cache: CacheService, factory: Callable[[], object]
) -> None:
    with pytest.raises(CacheOperationError) as caught:
        await any_cache.get_or_set("a", factory)
    assert caught.value.code == "NOT_SERIALIZABLE"


async def test_the_ttl_is_used() -> None:
    backend = DictBackend()
    async with cache_service(config(), backend=backend) as cache:
        await cache.get_or_set("a", lambda: 1, timedelta(seconds=7))
    assert backend.ttls["a"] == timedelta(seconds=7)


async def test_an_invalidation_while_the_factory_runs_reaches_its_value(cache: CacheService) -> None:
    source = Source("read before the change")
    caller = asyncio.create_task(cache.get_or_set("user:1", source, tags=["users"]))
    await source.started.wait()
    await cache.invalidate_tag("users")
    source.go.set()
    assert await caller == "read before the change"
    assert await cache.get("user:1") is None
