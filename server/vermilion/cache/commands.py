"""The Redis commands that CacheService needs, typed: from `call`'s plain replies to what they mean."""

import os
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta
from typing import Final, NoReturn

from vermilion.cache.expiry import milliseconds
from vermilion.cache.types import CommandBackend, PipelineBackend

_SCAN_COUNT: Final = b"1000"


class Commands:
    """A backend's command face, one method per command that is used.

    Args:
        backend: what runs the commands.
    """

    __slots__ = ("_backend",)

    def __init__(self, backend: CommandBackend) -> None:
        self._backend: Final = backend

    async def _many(self, commands: Sequence[Sequence[bytes]]) -> list[object]:
        """Run commands in order, in one go where the backend has a way to."""
        if isinstance(self._backend, PipelineBackend):
            return await self._backend.call_many(commands)
        return [await self._backend.call(*argv) for argv in commands]

    async def mget(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of keys, None for each that has none."""
        reply = await self._backend.call(b"MGET", *keys)
        if not isinstance(reply, list):
            _unexpected("MGET", reply)
        return reply

    async def starts_with(self, key: bytes, mark: bytes) -> bool | None:
        """Tell whether the value of a key begins with a mark; None when there is no key."""
        head = await self._backend.call(b"GETRANGE", key, b"0", b"%d" % (len(mark) - 1))
        # GETRANGE answers the same for a missing key and for an empty value.
        if head == b"" and not _integer("EXISTS", await self._backend.call(b"EXISTS", key)):
            return None
        return head == mark

    async def add(self, key: bytes, value: bytes, ttl: timedelta | None) -> bool:
        """Set a key unless it is there; tell whether it was not."""
        return await self._backend.call(b"SET", key, value, b"NX", *_px(ttl)) is not None

    async def obtain(self, key: bytes, value: bytes, ttl: timedelta | None) -> bytes:
        """Set a key unless it is there; return what it holds then."""
        held = await self._backend.call(b"SET", key, value, b"NX", b"GET", *_px(ttl))
        if held is None:
            return value
        return held if isinstance(held, bytes) else _unexpected("SET", held)

    async def set_all(self, entries: Iterable[tuple[bytes, bytes, timedelta | None]]) -> None:
        """Set keys, each to its value with its TTL."""
        await self._many([(b"SET", key, value, *_px(ttl)) for key, value, ttl in entries])

    async def increment(self, key: bytes, amount: int) -> int:
        """Add to a counter; return what it holds then."""
        return _integer("INCRBY", await self._backend.call(b"INCRBY", key, b"%d" % amount))

    async def expire(self, key: bytes, ttl: timedelta, *condition: bytes) -> bool:
        """Give a key a TTL; tell whether there was a key to give it to, and the condition was met."""
        reply = await self._backend.call(b"PEXPIRE", key, b"%d" % milliseconds(ttl), *condition)
        return bool(_integer("PEXPIRE", reply))

    async def persist(self, key: bytes) -> None:
        """Take a key's TTL away."""
        await self._backend.call(b"PERSIST", key)

    async def ttl(self, key: bytes) -> timedelta | None:
        """Return how long a key still lives: `timedelta.max` without expiry, None for no key."""
        left = _integer("PTTL", await self._backend.call(b"PTTL", key))
        if left < 0:
            return timedelta.max if left == -1 else None
        return timedelta(milliseconds=left)

    async def unlink(self, keys: Iterable[bytes]) -> int:
        """Remove keys; return how many there were."""
        return _integer("UNLINK", await self._backend.call(b"UNLINK", *keys))

    async def size(self) -> int:
        """Return how many keys the database holds."""
        return _integer("DBSIZE", await self._backend.call(b"DBSIZE"))

    async def scan(self, pattern: bytes) -> AsyncIterator[list[bytes]]:
        """Yield the keys that match a pattern, page by page, some of them empty; a key may come twice."""
        cursor = b"0"
        while True:
            reply = await self._backend.call(b"SCAN", cursor, b"MATCH", pattern, b"COUNT", _SCAN_COUNT)
            if not isinstance(reply, list | tuple):
                _unexpected("SCAN", reply)
            cursor, keys = reply
            yield keys
            if cursor == b"0":
                return


def fresh_token() -> bytes:
    """Return 16 bytes that nobody has used and nobody will."""
    return os.urandom(16)


def _px(ttl: timedelta | None) -> tuple[bytes, ...]:
    return () if ttl is None else (b"PX", b"%d" % milliseconds(ttl))


def _integer(command: str, reply: object) -> int:
    return reply if isinstance(reply, int) else _unexpected(command, reply)


def _unexpected(command: str, reply: object) -> NoReturn:
    raise TypeError(f"{command} was answered with a {type(reply).__name__}")
