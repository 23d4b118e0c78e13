"""Hits and misses, and the decorator that counts them."""

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from vermilion.cache.types import MISSING

P = ParamSpec("P")
R = TypeVar("R")


class Statistics:
    """Two counters, and how to start over.

    Example:
        >>> statistics = Statistics()
        >>> statistics.hits += 1
        >>> statistics.reset()
        >>> statistics.hits, statistics.misses
        (0, 0)
    """

    __slots__ = ("hits", "misses")

    def __init__(self) -> None:
        self.hits = 0
        self.misses = 0

    def reset(self) -> None:
        """Start over."""
        self.hits = self.misses = 0


class Counting(Protocol):
    """An object whose lookups are counted."""

    statistics: Statistics


S = TypeVar("S", bound=Counting)


def counted(
    lookup: Callable[Concatenate[S, P], Awaitable[R]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, R]]:
    """Count what a lookup method finds: a hit for a value, None included, a miss for MISSING.

    Args:
        lookup: a coroutine method of an object with `statistics`.

    Returns:
        The same method, counting. A lookup that raises is neither a hit nor a miss.

    Example:
        >>> import asyncio
        >>> class Shelf:
        ...     statistics = Statistics()
        ...     @counted
        ...     async def find(self, key):
        ...         return {"a": None}.get(key, MISSING)
        >>> shelf = Shelf()
        >>> asyncio.run(shelf.find("a")), asyncio.run(shelf.find("b"))
        (None, <Missing.MISSING: 'MISSING'>)
        >>> shelf.statistics.hits, shelf.statistics.misses
        (1, 1)
    """

    @wraps(lookup)
    async def find(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        found = await lookup(self, *args, **kwargs)
        if found is MISSING:
            self.statistics.misses += 1
        else:
            self.statistics.hits += 1
        return found

    return find
