"""CacheService: a small typed cache, the same on every backend."""

import asyncio
import inspect
import logging
import operator
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from random import random as system_random
from typing import Any, Final, ParamSpec, TypeVar, overload

from vermilion.cache.config import CacheConfig
from vermilion.cache.connecting import connect
from vermilion.cache.decorators import cached
from vermilion.cache.errors import CacheError
from vermilion.cache.expiry import Expiry
from vermilion.cache.factory import create_backend
from vermilion.cache.failures import not_initialized, operation_error
from vermilion.cache.keys import FIRST_FREE, Namespace, validate_key, validate_keys
from vermilion.cache.payloads import Payloads
from vermilion.cache.serializers import JsonSerializer, Serializer
from vermilion.cache.single_flight import SingleFlight
from vermilion.cache.statistics import Lookup, Statistics, counted
from vermilion.cache.store import Store
from vermilion.cache.tags import validate_tags
from vermilion.cache.types import (
    CacheBackend,
    CacheKey,
    CacheStats,
    CacheValue,
    ManagedBackend,
)

P = ParamSpec("P")
R = TypeVar("R")
D = TypeVar("D")

logger = logging.getLogger("vermilion.cache")


class CacheService:
    """A cache with one face for memory, Redis, Valkey and Vermilion.

    Args:
        config: how it is set up.
        backend: a backend of your own, or one that is shared; None makes the one that the config chooses.
            A backend that is passed in is not closed by `close()`: it belongs to who made it.
        serializer: how values become bytes; None for JSON.
        sleep: waits between two attempts to connect; for tests.
        random: a random number from 0.0 up to 1.0, for jitter; for tests.

    Raises:
        ValueError: if the config is invalid.
        TypeError: if the backend lacks one of the four methods.

    Example:
        >>> import asyncio
        >>> from vermilion import CacheConfig, CacheService, MemoryConfig
        >>> async def main():
        ...     cache = CacheService(CacheConfig(backend_type="memory", memory=MemoryConfig()))
        ...     await cache.initialize()
        ...     await cache.set("user:1", {"name": "Ada"}, timedelta(minutes=5))
        ...     user = await cache.get("user:1")
        ...     await cache.close()
        ...     return user
        >>> asyncio.run(main())
        {'name': 'Ada'}

        In the examples of the methods, `run_with_cache(main)` opens such a service, runs `main(cache)` and
        closes it.

    See Also:
        `cache_service`, which initializes and closes; `cached`; `CacheConfig`; `CacheBackend`.

    LLM Context:
        - Call `initialize()` before anything else, or use `async with cache_service(config) as cache`.
        - None is a value: `get(key, default=...)` tells a stored None from a miss.
        - `ttl=None` means the config's default_ttl; TTLs are timedelta, above zero.
        - Values are stored as plain JSON, unless `serializer=` or tags ask for more: `redis-cli GET` shows
          it, other languages read it.
        - Errors: CacheKeyError (a bad key), CacheConnectionError (not reached; the next call tries again),
          CacheOperationError (everything else). Read their `code`.
        - `get_or_set` and `cached` compute a missing value once, however many ask at the same time.
        - One instance belongs to one event loop.
    """

    def __init__(
        self,
        config: CacheConfig,
        *,
        backend: CacheBackend | None = None,
        serializer: Serializer | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Callable[[], float] = system_random,
    ) -> None:
        if not isinstance(config, CacheConfig):
            raise ValueError(f"config is a CacheConfig, not {type(config).__name__}")  # noqa: TRY004 - promised
        # Again, since model_copy and model_construct make models that nothing has validated.
        self._config: Final = CacheConfig.model_validate(config.model_dump(warnings=False))
        if backend is not None and not isinstance(backend, CacheBackend):
            raise TypeError("a backend has the coroutine methods get, set, delete and clear")
        self._given: Final = backend
        serializer = JsonSerializer() if serializer is None else serializer
        payloads = Payloads(serializer)
        self._dumps: Final = payloads.dumps
        self._loads: Final = payloads.loads
        self._sleep: Final = sleep
        self._random: Final = random
        self._expiry: Final = Expiry(self._config.default_ttl, self._config.ttl_jitter, random)
        self._flights: Final = SingleFlight[bytes]()
        self._lifecycle: Final = asyncio.Lock()
        self._statistics: Final = Statistics()
        # Both are there from initialize() to close(), and None else.
        self._store: Store | None = None
        self._lookup: Lookup[bytes] | None = None

    async def initialize(self) -> None:
        """Connect; do nothing when that is done already.

        Raises:
            CacheConnectionError: when the last of the configured attempts failed too, or the password is
                wrong. details: host, port, attempts, retry_hint.
            CacheOperationError: BACKEND_ERROR, when the backend fails in another way.

        Example:
            `await cache.initialize()`

        See Also:
            `RetryConfig`, `close`, `cache_service`.
        """
        async with self._lifecycle:
            if self._store is not None:
                return
            backend = create_backend(self._config) if self._given is None else self._given
            if isinstance(backend, ManagedBackend):
                try:
                    await connect(backend, self._config.retry, self._sleep, self._random)
                except BaseException:
                    await self._release(backend)
                    raise
            self._store = Store(backend, Namespace(self._config.namespace))
            self._lookup = counted(self._statistics)(self._store.get)

    async def close(self) -> None:
        """Release the connections, cancel computations under way, forget the statistics.

        Never raises: what goes wrong is logged as a warning. A second call does nothing. A backend that was
        passed to the constructor stays open. After `initialize()` the service can be used again.

        Example:
            `await cache.close()`

        See Also:
            `initialize`.
        """
        async with self._lifecycle:
            store, self._store, self._lookup = self._store, None, None
            self._statistics.reset()
            if store is not None:
                await self._flights.cancel()
                await self._release(store.backend)

    async def _release(self, backend: CacheBackend) -> None:
        if backend is self._given or not isinstance(backend, ManagedBackend):
            return
        try:
            await backend.close()
        except Exception as error:
            logger.warning("the cache backend did not close cleanly: %r", error, exc_info=True)

    @overload
    async def get(self, key: CacheKey) -> CacheValue | None: ...
    @overload
    async def get(self, key: CacheKey, default: D) -> CacheValue | D: ...
    async def get(self, key: CacheKey, default: object = None) -> object:
        """Look a key up.

        Args:
            key: the key.
            default: what to answer when there is nothing.

        Returns:
            The value, or the default. A stored None is a value.

        Raises:
            CacheKeyError: for a bad key.
            CacheConnectionError: when the backend is not reached.
            CacheOperationError: NOT_INITIALIZED, NOT_DESERIALIZABLE, BACKEND_ERROR.

        Example:
            >>> async def main(cache):
            ...     await cache.set("nothing", None)
            ...     return await cache.get("nothing", default=0), await cache.get("missing", default=0)
            >>> run_with_cache(main)
            (None, 0)

        See Also:
            `get_many`, `get_or_set`.
        """
        # Most keys are plain, and a call would cost more than this test does.
        if type(key) is not str or key < FIRST_FREE or not key.isascii():
            validate_key(key)
        if self._lookup is None:
            raise not_initialized("get")
        try:
            data = await self._lookup(key)
        except CacheError:
            raise
        except Exception as error:
            raise self._failure("get", key, error) from error
        return default if data is None else self._loads(key, data)

    async def set(
        self,
        key: CacheKey,
        value: CacheValue,
        ttl: timedelta | None = None,
        *,
        tags: Collection[str] = (),
    ) -> None:
        """Store a value, whatever was under the key.

        Args:
            key: the key.
            value: what the serializer takes; with JSON None, bool, int, float, str, and lists and dicts of
                them.
            ttl: how long it lives, to the millisecond; None for the config's default_ttl.
            tags: names by which `invalidate_tag` finds it.

        Raises:
            CacheKeyError: for a bad key or tag.
            CacheConnectionError: when the backend is not reached.
            CacheOperationError: NOT_INITIALIZED, NOT_SERIALIZABLE, INVALID_TTL, BACKEND_ERROR; with tags
                UNSUPPORTED on a backend with four methods.

        Example:
            >>> async def main(cache):
            ...     await cache.set("user:1", {"name": "Ada"}, timedelta(minutes=5))
            ...     return await cache.get("user:1")
            >>> run_with_cache(main)
            {'name': 'Ada'}

        See Also:
            `set_many`, `add`, `invalidate_tag`.
        """
        # Most keys are plain, and a call would cost more than this test does.
        if type(key) is not str or key < FIRST_FREE or not key.isascii():
            validate_key(key)
        expiry = self._expiry.resolve(ttl)
        store = self._store
        if store is None:
            raise not_initialized("set")
        data = self._dumps(key, value)
        try:
            stamps = await store.stamps(validate_tags(tags), expiry) if tags else ()
            await store.set(key, data, expiry, stamps)
        except CacheError:
            raise
        except Exception as error:
            raise self._failure("set", key, error) from error

    async def delete(self, key: CacheKey) -> bool:
        """Remove a key.

        Args:
            key: the key.

        Returns:
            Whether the backend had it; an entry that is only stale by its tags counts as had.

        Raises:
            CacheKeyError: for a bad key.
            CacheConnectionError: when the backend is not reached.
            CacheOperationError: NOT_INITIALIZED, BACKEND_ERROR.

        Example:
            >>> async def main(cache):
            ...     await cache.set("user:1", "Ada")
            ...     return await cache.delete("user:1"), await cache.delete("user:1")
            >>> run_with_cache(main)
            (True, False)

        See Also:
            `delete_many`, `clear`.
        """
        validate_key(key)
        with self._operation("delete", key) as store:
            return await store.delete(key)

    async def exists(self, key: CacheKey) -> bool:
        """Tell whether a key has a value, without fetching it.

        Args:
            key: the key.

        Returns:
            Whether `get` would find something. It counts as neither hit nor miss.

        Raises:
            CacheKeyError: for a bad key.
            CacheConnectionError: when the backend is not reached.
            CacheOperationError: NOT_INITIALIZED, BACKEND_ERROR.

        Example:
            >>> async def main(cache):
            ...     await cache.set("user:1", None)
            ...     return await cache.exists("user:1")
            >>> run_with_cache(main)
            True

        See Also:
            `ttl`.
        """
        validate_key(key)
        with self._operation("exists", key) as store:
            return await store.exists(key)

    async def add(
        self,
        key: CacheKey,
        value: CacheValue,
        ttl: timedelta | None = None,
        *,
        tags: Collection[str] = (),
    ) -> bool:
        """Store a value if there is none under the key; of many who try, one succeeds.

        Args:
            key: the key.
            value: what the serializer takes.
            ttl: how long it lives; None for the config's default_ttl.
            tags: names by which `invalidate_tag` finds it.

        Returns:
            Whether it was stored. An entry that is stale by its tags counts as none; replacing it is two
            steps, and the one case in which a concurrent writer may be overtaken.

        Raises:
            CacheKeyError: for a bad key or tag.
            CacheConnectionError: when the backend is not reached.
            CacheOperationError: NOT_INITIALIZED, NOT_SERIALIZABLE, INVALID_TTL, UNSUPPORTED, BACKEND_ERROR.

        Example:
            >>> async def main(cache):
            ...     return await cache.add("lock", 1), await cache.add("lock", 2), await cache.get("lock")
            >>> run_with_cache(main)
            (True, False, 1)

        See Also:
            `set`, `get_or_set`.
        """
        validate_key(key)
        tags = validate_tags(tags)
        expiry = self._expiry.resolve(ttl)
        with self._operation("add", key) as store:
            data = self._dumps(key, value)
            return await store.add(key, data, expiry, await store.stamps(tags, expiry))

    async def expire(self, key: CacheKey, ttl: timedelta) -> bool:
        """Give a key a new TTL, from now on.

        Args:
            key: the key.
            ttl: how long it lives from now on, to the millisecond; no jitter is applied.

        Returns:
            Whether there was such a key.

        Raises:
            CacheKeyError: for a bad key.
            CacheConnectionError: when the backend is not reached.
            CacheOperationError: NOT_INITIALIZED, INVALID_TTL, UNSUPPORTED, BACKEND_ERROR.

        Example:
            >>> async def main(cache):
            ...     await cache.set("session", "abc")
            ...     return await cache.expire("session", timedelta(hours=1))
            >>> run_with_cache(main)
            True

        See Also:
            `ttl`.
        """
        validate_key(key)
        expiry = self._expiry.explicit(ttl)
        with self._operation("expire", key) as store:
            return await store.expire(key, expiry)

    async def ttl(self, key: CacheKey) -> timedelta | None:
        """Return how long a key still lives.

        Args:
            key: the key.

        Returns:
            The time that is left, `timedelta.max` for a key without expiry, None for no key.

        Raises:
            CacheKeyError: for a bad key.
            CacheConnectionError: when the backend is not reached.
            CacheOperationError: NOT_INITIALIZED, UNSUPPORTED, BACKEND_ERROR.

        Example:
            >>> async def main(cache):
            ...     await cache.set("session", "abc", timedelta(hours=1))
            ...     return await cache.ttl("session") > timedelta(minutes=59), await cache.ttl("missing")
            >>> run_with_cache(main)
            (True, None)

        See Also:
            `expire`.
        """
        validate_key(key)
        with self._operation("ttl", key) as store:
            return await store.ttl(key)

    async def incr(self, key: CacheKey, amount: int = 1, ttl: timedelta | None = None) -> int:
        """Add to a counter, atomically on every backend; a missing one starts at 0.

        Args:
            key: the key.
            amount: what to add, negative to subtract.
            ttl: how long a counter that this call makes lives; None for the config's default_ttl. An
                existing counter keeps its expiry.

        Returns:
            What the counter holds then.

        Raises:
            TypeError: for an amount that is no integer.
            CacheKeyError: for a bad key.
            CacheConnectionError: when the backend is not reached.
            CacheOperationError: NOT_INITIALIZED, INVALID_TTL, UNSUPPORTED, and BACKEND_ERROR for a value
                that is no integer, or past 64 bits.

        Example:
            >>> async def main(cache):
            ...     return await cache.incr("visits"), await cache.incr("visits", 10)
            >>> run_with_cache(main)
            (1, 11)

        See Also:
            `decr`.
        """
        validate_key(key)
        amount = operator.index(amount)
        expiry = self._expiry.resolve(ttl)
        with self._operation("incr", key) as store:
            return await store.increment(key, amount, expiry)

    async def decr(self, key: CacheKey, amount: int = 1, ttl: timedelta | None = None) -> int:
        """Subtract from a counter, atomically on every backend; a missing one starts at 0.

        Args:
            key: the key.
            amount: what to subtract.
            ttl: how long a counter that this call makes lives; None for the config's default_ttl.

        Returns:
            What the counter holds then; it may be negative.

        Raises:
            TypeError: for an amount that is no integer.
            CacheKeyError: for a bad key.
            CacheConnectionError: when the backend is not reached.
            CacheOperationError: as `incr`.

        Example:
            >>> async def main(cache):
            ...     return await cache.decr("stock", 3)
            >>> run_with_cache(main)
            -3

        See Also:
            `incr`.
        """
        return await self.incr(key, -operator.index(amount), ttl)

    async def get_many(self, keys: Iterable[CacheKey]) -> dict[CacheKey, CacheValue]:
        """Look keys up, in one command where the backend has commands.

        Args:
            keys: the keys.

        Returns:
            The values of those that were found, in the order of the keys.

        Raises:
            CacheKeyError: for a bad key.
            CacheConnectionError: when the backend is not reached.
            CacheOperationError: NOT_INITIALIZED, NOT_DESERIALIZABLE, BACKEND_ERROR.

        Example:
            >>> async def main(cache):
            ...     await cache.set_many({"a": 1, "b": None})
            ...     return await cache.get_many(["a", "b", "c"])
            >>> run_with_cache(main)
            {'a': 1, 'b': None}

        See Also:
            `get`, `set_many`.
        """
        wanted = validate_keys(keys)
        with self._operation("get_many") as store:
            payloads = await store.get_many(wanted) if wanted else []
        found = {
            key: self._loads(key, payload)
            for key, payload in zip(wanted, payloads, strict=True)
            if payload is not None
        }
        self._statistics.hits += len(found)
        self._statistics.misses += len(wanted) - len(found)
        return found

    async def set_many(
        self,
        values: Mapping[CacheKey, CacheValue],
        ttl: timedelta | None = None,
        *,
        tags: Collection[str] = (),
    ) -> None:
        """Store values; every key and value is looked at before the first one is stored.

        Args:
            values: values by key.
            ttl: how long they live; None for the config's default_ttl.
            tags: names by which `invalidate_tag` finds them.

        Raises:
            CacheKeyError: for a bad key or tag.
            CacheConnectionError: when the backend is not reached; some may have been stored.
            CacheOperationError: NOT_INITIALIZED, NOT_SERIALIZABLE, INVALID_TTL, BACKEND_ERROR; with tags
                UNSUPPORTED on a backend with four methods.

        Example:
            >>> async def main(cache):
            ...     await cache.set_many({"a": 1, "b": 2}, timedelta(minutes=5))
            ...     return await cache.get("b")
            >>> run_with_cache(main)
            2

        See Also:
            `set`, `get_many`.
        """
        keys = validate_keys(values)
        tags = validate_tags(tags)
        expiries = [self._expiry.resolve(ttl) for _ in keys]
        with self._operation("set_many") as store:
            payloads = [self._dumps(key, values[key]) for key in keys]
            if not keys:
                return
            longest = max((expiry for expiry in expiries if expiry is not None), default=None)
            stamps = await store.stamps(tags, longest)
            await store.set_many(zip(keys, payloads, expiries, strict=True), stamps)

    async def delete_many(self, keys: Iterable[CacheKey]) -> int:
        """Remove keys, in one command where the backend has commands.

        Args:
            keys: the keys.

        Returns:
            How many of them the backend had.

        Raises:
            CacheKeyError: for a bad key.
            CacheConnectionError: when the backend is not reached.
            CacheOperationError: NOT_INITIALIZED, BACKEND_ERROR.

        Example:
            >>> async def main(cache):
            ...     await cache.set_many({"a": 1, "b": 2})
            ...     return await cache.delete_many(["a", "b", "c"])
            >>> run_with_cache(main)
            2

        See Also:
            `delete`, `clear`.
        """
        wanted = validate_keys(keys)
        with self._operation("delete_many") as store:
            return await store.delete_many(wanted) if wanted else 0

    async def clear(self) -> None:
        """Remove every key of the namespace; without a namespace, every key of the database.

        A namespace is walked through with SCAN, page by page, so that a large one does not hold the server
        up. Without a namespace everything in the database goes, whoever wrote it.

        Raises:
            CacheConnectionError: when the backend is not reached.
            CacheOperationError: NOT_INITIALIZED, BACKEND_ERROR; with a namespace UNSUPPORTED on a backend
                with four methods.

        Example:
            >>> async def main(cache):
            ...     await cache.set("a", 1)
            ...     await cache.clear()
            ...     return await cache.exists("a")
            >>> run_with_cache(main)
            False

        See Also:
            `delete_many`, `CacheConfig`.
        """
        with self._operation("clear") as store:
            await store.clear()

    @overload
    async def get_or_set(
        self,
        key: CacheKey,
        factory: Callable[[], Awaitable[R]],
        ttl: timedelta | None = None,
        *,
        tags: Collection[str] = (),
    ) -> R: ...
    @overload
    async def get_or_set(
        self,
        key: CacheKey,
        factory: Callable[[], R],
        ttl: timedelta | None = None,
        *,
        tags: Collection[str] = (),
    ) -> R: ...
    async def get_or_set(
        self,
        key: CacheKey,
        factory: Callable[[], object],
        ttl: timedelta | None = None,
        *,
        tags: Collection[str] = (),
    ) -> object:
        """Look a key up, and compute and store its value when there is none: once, however many ask.

        Args:
            key: the key.
            factory: computes the value; a function or a coroutine function, without parameters.
            ttl: how long the value lives; None for the config's default_ttl.
            tags: names by which `invalidate_tag` finds it. A tag that is invalidated while the factory runs
                makes the value stale at once.

        Returns:
            The value, each caller's own copy.

        Raises:
            Exception: what the factory raises; it goes to all who wait, and is not stored.
            CacheKeyError: for a bad key or tag.
            CacheConnectionError: when the backend is not reached.
            CacheOperationError: NOT_INITIALIZED, NOT_SERIALIZABLE, INVALID_TTL, FACTORY_CANCELLED,
                FACTORY_RECURSION and the others of `get` and `set`.

        Example:
            >>> async def main(cache):
            ...     async def load():
            ...         print("loading")
            ...         return {"name": "Ada"}
            ...     users = await asyncio.gather(*(cache.get_or_set("user:1", load) for _ in range(100)))
            ...     return users[0], len(users)
            >>> run_with_cache(main)
            loading
            ({'name': 'Ada'}, 100)

        See Also:
            `cached`.
        """
        validate_key(key)
        tags = validate_tags(tags)
        expiry = self._expiry.resolve(ttl)
        if self._lookup is None:
            raise not_initialized("get_or_set")
        with self._operation("get_or_set", key):
            data = await self._lookup(key)
        if data is None:
            data = await self._flights.run(key, lambda: self._compute(key, factory, expiry, tags))
        return self._loads(key, data)

    async def _compute(
        self,
        key: CacheKey,
        factory: Callable[[], object],
        expiry: timedelta | None,
        tags: Collection[str],
    ) -> bytes:
        with self._operation("get_or_set", key) as store:
            # A flight may have landed between the caller's look and this one's start.
            data = await store.get(key)
            if data is not None:
                return data
            # Before the factory looks at anything: an invalidation from now on must reach the value.
            stamps = await store.stamps(tags, expiry)
        value = factory()
        if inspect.isawaitable(value):
            value = await value
        data = self._dumps(key, value)
        with self._operation("get_or_set", key) as store:
            await store.set(key, data, expiry, stamps)
        return data

    def cached(
        self,
        *,
        ttl: timedelta | None = None,
        key: str | Callable[..., CacheKey] | None = None,
        tags: Collection[str] = (),
    ) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], Callable[P, Coroutine[Any, Any, R]]]:
        """Let a coroutine function remember its answers here.

        Args:
            ttl: how long an answer lives; None for the config's default_ttl.
            key: a template over the function's parameters, a function of them, or None for a key made of
                the function's name and arguments.
            tags: tags of the stored answers; templates too.

        Returns:
            The decorator.

        Raises:
            TypeError: at decoration, for what is no coroutine function.

        Example:
            >>> async def main(cache):
            ...     @cache.cached(ttl=timedelta(minutes=1), key="double:{n}")
            ...     async def double(n):
            ...         return n + n
            ...     return await double(21), await cache.get("double:21")
            >>> run_with_cache(main)
            (42, 42)

        See Also:
            `vermilion.cached`, the same as a function, which says more.
        """
        return cached(self, ttl=ttl, key=key, tags=tags)

    async def invalidate_tag(self, tag: str) -> None:
        """Make every entry with a tag stale, in one step whatever their number.

        Args:
            tag: the tag.

        Raises:
            CacheKeyError: for a bad tag.
            CacheConnectionError: when the backend is not reached.
            CacheOperationError: NOT_INITIALIZED, UNSUPPORTED, BACKEND_ERROR.

        Example:
            >>> async def main(cache):
            ...     await cache.set("user:1", "Ada", tags=["users"])
            ...     await cache.set("user:2", "Grace", tags=["users", "admins"])
            ...     await cache.invalidate_tag("users")
            ...     return await cache.get_many(["user:1", "user:2"])
            >>> run_with_cache(main)
            {}

        See Also:
            `set`, `clear`.
        """
        validate_tags([tag])
        with self._operation("invalidate_tag", tag) as store:
            await store.invalidate(tag)

    async def get_stats(self) -> CacheStats:
        """Return what was counted since `initialize()`; never raises.

        Returns:
            Hits, misses, and the size: with a namespace the keys in it, counted by SCAN, else those of the
            database; None when the backend does not answer, cannot tell, or holds more than 100 000 keys
            to look through for a namespace. The tokens of tags are keys too.

        Example:
            >>> async def main(cache):
            ...     await cache.set("a", 1)
            ...     await cache.get("a")
            ...     await cache.get("b")
            ...     return await cache.get_stats()
            >>> run_with_cache(main)
            CacheStats(hits=1, misses=1, size=1)

        See Also:
            `CacheStats`.
        """
        hits, misses, store = self._statistics.hits, self._statistics.misses, self._store
        try:
            size = 0 if store is None else await store.size()
        except Exception as error:
            logger.warning("the size of the cache is not known: %r", error, exc_info=True)
            size = None
        return CacheStats(hits, misses, size)

    @contextmanager
    def _operation(self, name: str, key: CacheKey | None = None) -> Iterator[Store]:
        """Hand the store out, and turn what it raises into the service's own errors."""
        if self._store is None:
            raise not_initialized(name)
        try:
            yield self._store
        except CacheError:
            raise
        except Exception as error:
            raise self._failure(name, key, error) from error

    def _failure(self, operation: str, key: CacheKey | None, error: Exception) -> CacheError:
        backend = self._given if self._store is None else self._store.backend
        return operation_error(backend, operation, key, error)


@asynccontextmanager
async def cache_service(
    config: CacheConfig, *, backend: CacheBackend | None = None, serializer: Serializer | None = None
) -> AsyncIterator[CacheService]:
    """Open a CacheService, and close it at the end of the block.

    Args:
        config: how it is set up.
        backend: as for `CacheService`.
        serializer: as for `CacheService`.

    Returns:
        An async context manager, which yields the initialized service.

    Raises:
        ValueError: if the config is invalid.
        CacheConnectionError: when the backend is not reached.

    Example:
        >>> from vermilion import CacheConfig, MemoryConfig, cache_service
        >>> async def main():
        ...     async with cache_service(CacheConfig(memory=MemoryConfig())) as cache:
        ...         await cache.set("answer", 42)
        ...         return await cache.get("answer")
        >>> asyncio.run(main())
        42

    See Also:
        `CacheService`.

    LLM Context:
        - The service is closed when the block ends, by an exception too.
    """
    service = CacheService(config, backend=backend, serializer=serializer)
    await service.initialize()
    try:
        yield service
    finally:
        await service.close()
