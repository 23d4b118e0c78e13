"""`cached`: a coroutine function that remembers its answers in a CacheService."""

import inspect
from collections.abc import Callable, Collection, Coroutine
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from vermilion.cache.errors import CacheKeyError, ErrorCode
from vermilion.cache.serializers import JsonSerializer
from vermilion.cache.types import CacheKey

if TYPE_CHECKING:
    from vermilion.cache.service import CacheService

P = ParamSpec("P")
R = TypeVar("R")

_arguments = JsonSerializer()


def cached(
    cache: "CacheService | Callable[[], CacheService]",
    *,
    ttl: timedelta | None = None,
    key: str | Callable[..., CacheKey] | None = None,
    tags: Collection[str] = (),
) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], Callable[P, Coroutine[Any, Any, R]]]:
    """Let a coroutine function look into a cache first, and run only when there is nothing in it.

    Args:
        cache: the service, or a function without parameters that returns it, called at every call, for
            services that are made after the decorated function.
        ttl: how long an answer lives; None for the service's default.
        key: a template over the function's parameters, such as "user:{user_id}"; or a function of the same
            parameters that returns the key; or None for a key made of the function's name and arguments.
        tags: tags of the stored answers; templates too.

    Returns:
        The decorator.

    Raises:
        TypeError: at decoration, for what is no coroutine function.
        CacheKeyError: at a call, UNCACHEABLE_ARGUMENTS, for arguments that make no key (None, bool, int,
            float, str, and lists and dicts of them do).

    Example:
        >>> import asyncio
        >>> from vermilion import CacheConfig, MemoryConfig, cache_service, cached
        >>> async def main():
        ...     async with cache_service(CacheConfig(memory=MemoryConfig())) as cache:
        ...         @cached(cache, ttl=timedelta(minutes=1), key="square:{n}")
        ...         async def square(n):
        ...             print("computing")
        ...             return n * n
        ...         return await square(4), await square(n=4), await cache.get("square:4")
        >>> asyncio.run(main())
        computing
        (16, 16, 16)

    See Also:
        `CacheService.cached`, the same as a method; `CacheService.get_or_set`, on which it stands.

    LLM Context:
        - Concurrent calls with one key run the function once; an exception is never cached; None is.
        - An answer must be serializable: with JSON, return lists and dicts, not tuples and objects.
        - For a method, name a `key` that leaves self out, or tells instances apart by "{self.id}".
        - A template writes 1 and "1" alike; the key made for key=None tells them apart.
        - To forget an answer: `await cache.delete("user:7")`, or a tag and `invalidate_tag`.
    """

    def decorate(function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
        if not inspect.iscoroutinefunction(function):
            raise TypeError("cached takes coroutine functions (async def)")
        signature = inspect.signature(function)
        name = f"{function.__module__}.{function.__qualname__}"

        @wraps(function)
        async def remembered(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            service = cache() if callable(cache) else cache
            return await service.get_or_set(
                _key(key, name, bound),
                lambda: function(*args, **kwargs),
                ttl,
                tags=[tag.format(**bound.arguments) for tag in tags],
            )

        return remembered

    return decorate


def _key(key: str | Callable[..., CacheKey] | None, name: str, bound: inspect.BoundArguments) -> CacheKey:
    """Return the key for one call."""
    if isinstance(key, str):
        return key.format(**bound.arguments)
    if key is not None:
        return key(*bound.args, **bound.kwargs)
    try:
        return f"{name}:{_arguments.dumps([*bound.args, bound.kwargs]).decode()}"
    except (TypeError, ValueError) as error:
        raise CacheKeyError(
            f"the arguments of {name} make no key, pass key= to cached: {error}",
            ErrorCode.UNCACHEABLE_ARGUMENTS,
            {"function": name},
        ) from error
