"""A real Redis behind, through redis-py: the four methods of a cache, and any command."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, AuthorizationError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

if TYPE_CHECKING:
    from redis.asyncio.connection import AbstractConnection

_MILLISECOND: Final = timedelta(milliseconds=1)


class RedisCacheBackend:
    """Keeps a cache's bytes in a Redis, a Valkey, or a Vermilion that is reached over a socket.

    Args:
        host: a name or an address.
        port: its TCP port.
        db: the number of the database.
        username: the ACL user; None for the default one.
        password: None for a server that asks for none.
        unix_socket: the path of a Unix socket, used instead of host and port.
        tls: whether to speak TLS.
        tls_ca_file: the authorities that the server's certificate is checked against; None for the system's.
        tls_cert_file: the certificate to show the server; None for none.
        tls_key_file: its private key.
        max_connections: how many connections are open at most; further calls wait for one.
        timeout: seconds to wait for a connection and for a reply.

    Example:
        >>> backend = RedisCacheBackend("cache.internal", 6380, db=1)
        >>> backend.host, backend.port
        ('cache.internal', 6380)

    See Also:
        `RedisConfig`, the validated form of the arguments; `MemoryCacheBackend`.

    LLM Context:
        - Connections are opened when they are needed. `initialize()` only makes sure that one can be.
        - Failures are Python's own: ConnectionError, TimeoutError, PermissionError (a wrong password), all
          of them OSError. An error reply is redis-py's ResponseError.
        - A command is sent once: after a failure it may or may not have been executed, and is not repeated,
          since that would count an INCR twice. An idle connection that the server closed is replaced
          before a command is sent on it.
        - Replies are RESP2's, undecoded: bytes, int, list, None.
        - One instance belongs to one event loop.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 6379,
        *,
        db: int = 0,
        username: str | None = None,
        password: str | None = None,
        unix_socket: str | None = None,
        tls: bool = False,
        tls_ca_file: str | None = None,
        tls_cert_file: str | None = None,
        tls_key_file: str | None = None,
        max_connections: int = 10,
        timeout: float = 5.0,
    ) -> None:
        self.host: str = unix_socket or host
        self.port: int | None = None if unix_socket else port
        kind: type[AbstractConnection]
        address: dict[str, Any]
        if unix_socket:
            kind, address = UnixDomainSocketConnection, {"path": unix_socket}
        else:
            kind, address = SSLConnection if tls else Connection, {"host": host, "port": port}
            if tls:
                address |= {
                    "ssl_ca_certs": tls_ca_file,
                    "ssl_certfile": tls_cert_file,
                    "ssl_keyfile": tls_key_file,
                    # Said, because redis-py's defaults for these have changed between its versions.
                    "ssl_cert_reqs": "required",
                    "ssl_check_hostname": True,
                }
        pool = BlockingConnectionPool(
            max_connections=max_connections,
            timeout=timeout,
            connection_class=kind,
            db=db,
            username=username,
            password=password,
            protocol=2,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            # Said, and not left to redis-py's default: a command is sent once.
            retry=Retry(NoBackoff(), 0),
            **address,
        )
        self._redis: Final = Redis.from_pool(pool)
        self._execute: Final[Callable[..., Awaitable[object]]] = self._redis.execute_command

    async def initialize(self) -> None:
        """Make sure that the server answers.

        Raises:
            ConnectionError: when it cannot be reached.
            TimeoutError: when it does not answer in time.
            PermissionError: when it refuses the user or the password.

        Example:
            `await RedisCacheBackend("cache.internal").initialize()`

        See Also:
            `close`.
        """
        await self.call(b"PING")

    async def close(self) -> None:
        """Close every connection; a later call opens new ones.

        Example:
            `await backend.close()`

        See Also:
            `initialize`.
        """
        await self._redis.aclose()

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
        with _failures():
            # Names as bytes match none of redis-py's reply callbacks, which are kept under str.
            return await self._execute(*argv)

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
        if not commands:
            return []
        pipeline = self._redis.pipeline(transaction=False)
        for argv in commands:
            pipeline.execute_command(*argv)
        with _failures():
            replies = await pipeline.execute(raise_on_error=False)
            for reply in replies:
                if isinstance(reply, Exception):
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
        if ttl is None:
            await self.call(b"SET", key.encode(), value)
        else:
            await self.call(b"SET", key.encode(), value, b"PX", b"%d" % max(ttl // _MILLISECOND, 1))

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
        """Remove every key of the database, whoever wrote it.

        Raises:
            OSError: when the server is not reached or does not answer.

        Example:
            `await backend.clear()`

        See Also:
            `delete`.
        """
        await self.call(b"FLUSHDB")


@contextmanager
def _failures() -> Iterator[None]:
    """Turn redis-py's connection failures, which are no OSError, into Python's own."""
    try:
        yield
    except RedisTimeoutError as error:
        raise TimeoutError(str(error)) from error
    except RedisConnectionError as error:
        # What goes wrong while a connection is set up arrives wrapped in a plain ConnectionError.
        if isinstance(error.__cause__ or error, AuthenticationError | AuthorizationError):
            raise PermissionError(str(error)) from error
        raise ConnectionError(str(error)) from error
