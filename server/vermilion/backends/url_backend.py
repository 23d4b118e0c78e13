"""A cache's bytes in what a URL names: one server, a cluster, or a primary that Sentinels know."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from redis.exceptions import ResponseError

from vermilion import errors
from vermilion.backends.proxy import Proxy
from vermilion.backends.upstream_url import parse_upstream
from vermilion.config import Config
from vermilion.errors import RespError
from vermilion.settings import Settings

_REFUSALS = ("WRONGPASS", "NOAUTH", "NOPERM")


class UrlCacheBackend:
    """Keeps a cache's bytes where a URL says, over the connections that a `Proxy` has.

    Args:
        url: see `vermilion.backends.upstream_url`.
        max_connections: the most connections besides the shared one, for calls that may take their time.
        timeout: seconds to wait for a connection and for a reply.

    Raises:
        ValueError: for a URL that is none.
        OSError: for certificates that cannot be read.

    Example:
        >>> backend = UrlCacheBackend("redis+cluster://one.internal,two.internal:6380")
        >>> backend.host, backend.port
        ('one.internal', 6379)

    See Also:
        `RedisCacheBackend`, for one server by host and port; `RedisConfig`, whose `url` chooses this one.

    LLM Context:
        - In a cluster, calls of several keys are split where `Proxy` can; others need keys of one slot, by a
          `{tag}` in the namespace for instance.
        - Failures are Python's own: ConnectionError, TimeoutError, PermissionError (a wrong password), all of
          them OSError. An error reply is redis-py's ResponseError, as from `RedisCacheBackend`.
        - A command that may have run is not sent again.
        - One instance belongs to one event loop.
    """

    def __init__(self, url: str, *, max_connections: int = 10, timeout: float = 5.0) -> None:
        milliseconds = max(int(timeout * 1000), 1)
        settings = Settings(
            upstream_timeout=milliseconds,
            upstream_start_timeout=milliseconds,
            upstream_connections=max_connections,
        )
        parsed = parse_upstream(url)
        self._proxy = Proxy(parsed, config=Config(settings))
        self.host: str = parsed.addresses[0].host
        self.port: int | None = parsed.addresses[0].port or None

    async def initialize(self) -> None:
        """Make sure that the server answers.

        Raises:
            ConnectionError: when it cannot be reached.
            TimeoutError: when it does not answer in time.
            PermissionError: when it refuses the user or the password.

        Example:
            `await UrlCacheBackend("redis://cache.internal").initialize()`

        See Also:
            `close`.
        """
        await self._proxy.initialize()
        await self.call(b"PING")

    async def close(self) -> None:
        """Close every connection.

        Example:
            `await backend.close()`

        See Also:
            `initialize`.
        """
        await self._proxy.close()

    async def call(self, *argv: bytes) -> object:
        """Run one command.

        Args:
            argv: the command's name and its arguments.

        Returns:
            The reply: bytes, int, list or None.

        Raises:
            OSError: when the server is not reached or does not answer.
            redis.ResponseError: the server's error reply.

        Example:
            `await backend.call(b"INCRBY", b"visits", b"2")` answers `2`.

        See Also:
            `call_many`.
        """
        try:
            return await self._proxy.call(*argv)
        except RespError as error:
            raise _failure(error.message) from None

    async def call_many(self, commands: Sequence[Sequence[bytes]]) -> list[object]:
        """Run commands in order, all sent at once.

        Args:
            commands: each one's name and arguments.

        Returns:
            Their replies, in order.

        Raises:
            OSError: when the server is not reached or does not answer.
            redis.ResponseError: the first error reply; the commands after it ran nevertheless.

        Example:
            `await backend.call_many([(b"SET", b"a", b"1"), (b"GET", b"a")])` answers `[b"OK", b"1"]`.

        See Also:
            `call`.
        """
        # Each begins when the event loop comes to it, in this order: they leave in one write.
        replies = await asyncio.gather(*(self.call(*argv) for argv in commands), return_exceptions=True)
        for reply in replies:
            if isinstance(reply, BaseException):
                raise reply
        return list(replies)

    async def get(self, key: str) -> bytes | None:
        """Look a key up.

        Args:
            key: the key.

        Returns:
            The stored bytes; None for a missing key.

        Raises:
            OSError: when the server is not reached or does not answer.
            redis.ResponseError: when the key holds no string.

        Example:
            `await backend.get("user:1")` answers `b'{"name":"Ada"}'`.

        See Also:
            `set`.
        """
        return cast("bytes | None", await self.call(b"GET", key.encode()))

    async def set(self, key: str, value: bytes, ttl: timedelta | None = None) -> None:
        """Store bytes under a key, whatever was there.

        Args:
            key: the key.
            value: the bytes.
            ttl: how long they live, to the millisecond; None for ever.

        Raises:
            OSError: when the server is not reached or does not answer.
            redis.ResponseError: when the server refuses, for want of memory for instance.

        Example:
            `await backend.set("user:1", b'{"name":"Ada"}', timedelta(minutes=5))`

        See Also:
            `get`, `delete`.
        """
        expiry = () if ttl is None else (b"PX", b"%d" % max(ttl // timedelta(milliseconds=1), 1))
        await self.call(b"SET", key.encode(), value, *expiry)

    async def delete(self, key: str) -> bool:
        """Remove a key.

        Args:
            key: the key.

        Returns:
            Whether there was one.

        Raises:
            OSError: when the server is not reached or does not answer.

        Example:
            `await backend.delete("user:1")` answers True once.

        See Also:
            `clear`.
        """
        return await self.call(b"DEL", key.encode()) == 1

    async def clear(self) -> None:
        """Remove every key of the database, on every primary of a cluster, whoever wrote it.

        Raises:
            OSError: when the server is not reached or does not answer.

        Example:
            `await backend.clear()`

        See Also:
            `delete`.
        """
        await self.call(b"FLUSHDB")


def _failure(message: str) -> Exception:
    """Return what to raise for an error reply, the proxy's own among them."""
    if message == errors.UPSTREAM_TIMEOUT:
        return TimeoutError(message)
    unavailable = errors.upstream_unavailable("").partition(":")[0]
    if message.startswith(unavailable):
        if message.removeprefix(f"{unavailable}: ").startswith(_REFUSALS):
            return PermissionError(message)
        return ConnectionError(message)
    if message.startswith("ERR upstream "):
        return ConnectionError(message)
    return ResponseError(message)
