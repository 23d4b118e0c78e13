"""cached: keys from templates, functions and arguments; one run per key; what it refuses."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.cache.backends import config
from vermilion import CacheConfig, CacheKeyError, CacheService, MemoryConfig, cache_service, cached


async def test_a_function_runs_once_per_key(any_cache: CacheService) -> None:
    runs: list[int] = []

    @any_cache.cached(key="square:{n}")
    async def square(n: int, verbose: bool = False) -> int:
        runs.append(n)
        return n * n

    assert [*await asyncio.gather(square(3), square(n=3), square(3, True))] == [9, 9, 9]
    assert await square(4) == 16
    assert runs == [3, 4]
    assert await any_cache.get("square:3") == 9
    assert square.__name__ == "square"


async def test_the_default_key_tells_functions_and_arguments_apart(any_cache: CacheService) -> None:
    def make(answer: str) -> Callable[..., Any]:
        async def function(*args: object, **kwargs: object) -> object:
            return [answer, *args, kwargs]

        function.__qualname__ = answer
        return cached(any_cache)(function)

    one, two = make("one"), make("two")
    calls: list[tuple[tuple[object, ...], dict[str, object]]] = [
        ((), {}),
        ((1,), {}),
        (("1",), {}),
        ((1.0,), {}),
        ((True,), {}),
        ((None,), {}),
        (([1],), {}),
        ((1, {}), {}),
        ((), {"a": 1}),
        (({"a": 1},), {}),
    ]
    for function, answer in ((one, "one"), (two, "two")):
        for args, kwargs in calls:
            for _ in range(2):
                assert repr(await function(*args, **kwargs)) == repr([answer, *args, kwargs])
    stats = await any_cache.get_stats()
    assert (stats.hits, stats.misses) == (20, 20)


async def test_a_default_and_the_same_argument_make_one_key(any_cache: CacheService) -> None:
    runs: list[int] = []

    @cached(any_cache)
    async def function(a: int, b: int = 2) -> int:
        runs.append(1)
        return a + b

    assert [await function(1), await function(1, 2), await function(a=1, b=2)] == [3, 3, 3]
    assert runs == [1]


async def test_a_key_may_be_a_function_and_a_cache_too(any_cache: CacheService) -> None:
    @cached(lambda: any_cache, key=lambda user, *_: f"user:{user['id']}")
    async def name(user: dict[str, Any], *rest: int) -> str:
        return str(user["name"])

    assert await name({"id": 7, "name": "Ada"}, 1) == "Ada"
    assert await any_cache.get("user:7") == "Ada"


async def test_a_method_names_its_key() -> None:
    async with cache_service(config()) as cache:

        class Users:
            def __init__(self, region: str) -> None:
                self.region = region

            @cached(cache, key="{self.region}:{user_id}")
            async def find(self, user_id: int) -> list[object]:
                return [self.region, user_id]

        north, south = Users("north"), Users("south")
        assert await north.find(1) == ["north", 1]
        assert await south.find(1) == ["south", 1]
        assert await cache.get("north:1") == ["north", 1]


async def test_arguments_that_make_no_key_are_refused(any_cache: CacheService) -> None:
    @cached(any_cache)
    async def function(_argument: object) -> int:
        return 1

    with pytest.raises(CacheKeyError, match="pass key= to cached") as caught:
        await function(object())
    assert caught.value.code == "UNCACHEABLE_ARGUMENTS"


def test_only_coroutine_functions_are_taken() -> None:
    cache = CacheService(CacheConfig(memory=MemoryConfig()))
    with pytest.raises(TypeError, match="async def"):
        cached(cache)(lambda: 1)  # type: ignore[arg-type, return-value]


async def test_tags_are_templates(cache: CacheService) -> None:
    runs: list[int] = []

    @cached(cache, key="profile:{user_id}", tags=["user:{user_id}", "profiles"])
    async def profile(user_id: int) -> int:
        runs.append(user_id)
        return user_id

    await profile(1)
    await profile(2)
    await cache.invalidate_tag("user:1")
    await profile(1)
    await profile(2)
    assert runs == [1, 2, 1]
    await cache.invalidate_tag("profiles")
    await profile(2)
    assert runs == [1, 2, 1, 2]


async def test_an_exception_is_not_remembered(any_cache: CacheService) -> None:
    runs: list[int] = []

    @any_cache.cached()
    async def function() -> int:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("not yet")
        return 1

    with pytest.raises(ValueError, match="not yet"):
        await function()
    assert await function() == 1
