"""What CacheService speaks in: keys, values, figures, and the protocols that a backend may satisfy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Final, Literal, Protocol, TypeAlias, runtime_checkable

CacheKey: TypeAlias = str
"""A key: a non-empty string that UTF-8 can encode and that does not begin with a NUL."""

CacheValue: TypeAlias = Any
"""A value: whatever the service's serializer gives back exactly as it was (with JSON: what JSON has).

It is `Any`, because what comes out of a cache is known to the caller and not to the type checker, and
because the serializer, not a type, decides what may go in: it refuses at run time, and says where.
"""


class Missing(Enum):
    """The type of `MISSING`, so that a type checker can tell it from every value."""

    MISSING = "MISSING"


MISSING: Final = Missing.MISSING
"""What a lookup answers when there is nothing, since a stored None is something."""

MissingType: TypeAlias = Literal[Missing.MISSING]


@runtime_checkable
class CacheBackend(Protocol):
    """Where a CacheService keeps its bytes: any class with these four methods.

    Example:
        A whole backend, without expiry:

        >>> class DictBackend:
        ...     def __init__(self):
        ...         self.items = {}
        ...     async def get(self, key):
        ...         return self.items.get(key)
        ...     async def set(self, key, value, ttl=None):
        ...         self.items[key] = value
        ...     async def delete(self, key):
        ...         return self.items.pop(key, None) is not None
        ...     async def clear(self):
        ...         self.items.clear()
        >>> isinstance(DictBackend(), CacheBackend)
        True

    See Also:
        `CommandBackend`, which more of CacheService builds on; `CacheService`.

    LLM Context:
        - A backend stores bytes and knows nothing of JSON, namespaces, default TTLs or statistics.
        - Arguments are passed by position: parameter names are free.
        - A connection that fails is an OSError (ConnectionError, TimeoutError); anything else that is
          raised is a failed operation. CacheService turns both into its own errors.
        - With just these four methods CacheService offers get, set, delete, exists, the `_many` methods,
          get_or_set and, without a namespace, clear; the others answer UNSUPPORTED.
    """

    async def get(self, key: CacheKey, /) -> bytes | None:
        """Look a key up.

        Args:
            key: the key, as the service writes it (its namespace included).

        Returns:
            The stored bytes; None for a missing or expired key.

        Example:
            `await backend.get("user:1")` answers `b'{"name":"Ada"}'`.

        See Also:
            `set`.
        """

    async def set(self, key: CacheKey, value: bytes, ttl: timedelta | None = None, /) -> None:
        """Store bytes under a key, whatever was there, its expiry included.

        Args:
            key: the key.
            value: the bytes to store.
            ttl: how long they live, a millisecond at least; None keeps them until they are deleted.

        Example:
            `await backend.set("user:1", b'{"name":"Ada"}', timedelta(minutes=5))`

        See Also:
            `get`, `delete`.
        """

    async def delete(self, key: CacheKey, /) -> bool:
        """Remove a key.

        Args:
            key: the key.

        Returns:
            Whether there was one.

        Example:
            `await backend.delete("user:1")` answers True once.

        See Also:
            `clear`.
        """

    async def clear(self) -> None:
        """Remove every key.

        Example:
            `await backend.clear()`

        See Also:
            `delete`.
        """


@runtime_checkable
class CommandBackend(CacheBackend, Protocol):
    """A backend that also runs Redis commands: the ground of everything past the four methods.

    Example:
        `await backend.call(b"INCRBY", b"visits", b"1")` answers `1`.

    See Also:
        `MemoryCacheBackend` and `RedisCacheBackend`, which both are one.

    LLM Context:
        - Counters, TTLs, `add`, tags and the clearing of a namespace are written once, in Redis's own
          commands of the string and generic groups, and so behave alike on every such backend.
    """

    async def call(self, *argv: bytes) -> object:
        """Run one command.

        Args:
            argv: the command's name and its arguments.

        Returns:
            The plain reply: bytes, int, list or None.

        Raises:
            Exception: the server's error reply, as the backend's own exception.

        Example:
            `await backend.call(b"PTTL", b"visits")` answers `-1`.

        See Also:
            `PipelineBackend`.
        """


@runtime_checkable
class PipelineBackend(CommandBackend, Protocol):
    """A command backend for which many commands in one go are cheaper than one after the other."""

    async def call_many(self, commands: Sequence[Sequence[bytes]]) -> list[object]:
        """Run commands in order; raise the first error reply after all of them ran."""


@runtime_checkable
class ManagedBackend(Protocol):
    """A backend with something to open before use and to release after it."""

    async def initialize(self) -> None:
        """Be ready, or raise; once ready, do nothing."""

    async def close(self) -> None:
        """Release what is held; once released, do nothing."""


@runtime_checkable
class RemoteBackend(Protocol):
    """A backend somewhere else, which an error about it names."""

    host: str
    port: int | None


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What a CacheService has counted since it was initialized.

    Args:
        hits: lookups that found a value, a stored None included.
        misses: lookups that found none.
        size: keys in the cache, or in its namespace; None when the backend cannot tell.

    Example:
        >>> CacheStats(hits=3, misses=1, size=2).hit_rate
        0.75

    See Also:
        `CacheService.get_stats`.

    LLM Context:
        - A snapshot: it does not change after it was taken.
        - get, get_many and get_or_set count; exists, ttl, add and the counters do not.
    """

    hits: int = 0
    misses: int = 0
    size: int | None = 0

    @property
    def hit_rate(self) -> float:
        """The part of the lookups that found a value.

        Returns:
            Between 0.0 and 1.0; 0.0 before the first lookup.

        Example:
            >>> CacheStats(hits=1, misses=3).hit_rate
            0.25

        See Also:
            `CacheService.get_stats`.
        """
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else 0.0
