"""Entries in a backend: namespaces, tags and what each kind of backend can do; bytes in, bytes out.

On a backend that runs commands everything is one or two Redis commands. On one with just four methods,
what can be said exactly in get, set, delete and clear is, and the rest is UNSUPPORTED: an `add` or `incr`
made of a get and a set would be atomic only as long as nobody else uses the backend, which is not known
here.
"""

from collections.abc import Awaitable, Collection, Iterable, Sequence, Sized
from datetime import timedelta
from typing import Final, NoReturn

from vermilion.cache.commands import Commands
from vermilion.cache.errors import CacheOperationError, ErrorCode
from vermilion.cache.keys import Namespace
from vermilion.cache.tags import MARK, Envelope, Stamp, Tags
from vermilion.cache.types import MISSING, CacheBackend, CacheKey, CommandBackend, MissingType

_COUNTED_PAGES: Final = 100
"""How many pages of SCAN, of 1000 keys each, `size` looks through at most in a namespace."""


class Store:
    """A backend with a namespace and tags.

    Args:
        backend: where the bytes are.
        namespace: what the keys begin with there.
    """

    __slots__ = ("_commands", "_namespace", "_prefix", "_tags", "backend")

    def __init__(self, backend: CacheBackend, namespace: Namespace) -> None:
        self.backend: Final = backend
        self._namespace: Final = namespace
        self._prefix: Final = namespace.prefix
        self._commands: Final = Commands(backend) if isinstance(backend, CommandBackend) else None
        self._tags: Final = None if self._commands is None else Tags(self._commands, namespace)

    async def get(self, key: CacheKey) -> bytes | None:
        """Return what is stored; None for nothing, and for an entry with a stale tag."""
        data = await self.backend.get(self._prefix + key)
        if data is None or not data.startswith(MARK):
            return data
        (payload,) = await self._open([data])
        return payload

    async def get_many(self, keys: Sequence[CacheKey]) -> list[bytes | None]:
        """Return what `get` would for each key."""
        if self._commands is None:
            return await self._open([await self.backend.get(self._prefix + key) for key in keys])
        return await self._open(await self._commands.mget([self._wire(key) for key in keys]))

    def set(
        self, key: CacheKey, payload: bytes, expiry: timedelta | None, stamps: tuple[Stamp, ...] = ()
    ) -> Awaitable[None]:
        """Store bytes, under the tags that the stamps name.

        What is returned is the backend's own coroutine: one more around it would cost every set 90 ns.
        """
        if stamps or payload.startswith(MARK):
            payload = Envelope(stamps, payload).pack()
        return self.backend.set(self._prefix + key, payload, expiry)

    async def set_many(
        self, entries: Iterable[tuple[CacheKey, bytes, timedelta | None]], stamps: tuple[Stamp, ...]
    ) -> None:
        """Store many, all under the same tags."""
        if self._commands is None:
            for key, payload, expiry in entries:
                await self.set(key, payload, expiry, stamps)
        else:
            await self._commands.set_all(
                [(self._wire(key), _sealed(payload, stamps), expiry) for key, payload, expiry in entries]
            )

    async def add(
        self, key: CacheKey, payload: bytes, expiry: timedelta | None, stamps: tuple[Stamp, ...]
    ) -> bool:
        """Store bytes unless the key has an entry that is not stale; tell whether they were stored."""
        commands, wire = self._need_commands("add"), self._wire(key)
        data = _sealed(payload, stamps)
        if await commands.add(wire, data, expiry):
            return True
        if await self._state(commands, wire) is not MISSING:
            return False
        await commands.unlink([wire])
        return await commands.add(wire, data, expiry)

    async def delete(self, key: CacheKey) -> bool:
        """Remove a key; tell whether there was one."""
        return await self.backend.delete(self._prefix + key)

    async def delete_many(self, keys: Sequence[CacheKey]) -> int:
        """Remove keys; return how many there were."""
        if self._commands is None:
            return sum([await self.backend.delete(self._prefix + key) for key in keys])
        return await self._commands.unlink([self._wire(key) for key in keys])

    async def exists(self, key: CacheKey) -> bool:
        """Tell whether `get` would find something."""
        if self._commands is None:
            return await self.get(key) is not None
        return await self._state(self._commands, self._wire(key)) is not MISSING

    async def expire(self, key: CacheKey, ttl: timedelta) -> bool:
        """Give an entry a new TTL, and its tags one that is as long; tell whether there is one."""
        commands, wire = self._need_commands("expire"), self._wire(key)
        state = await self._state(commands, wire)
        if state is MISSING:
            return False
        if state is not None:
            await self._need_tags("expire").extend(state.stamps, ttl)
        return await commands.expire(wire, ttl)

    async def ttl(self, key: CacheKey) -> timedelta | None:
        """Return how long an entry still lives: `timedelta.max` without expiry, None for no entry."""
        commands, wire = self._need_commands("ttl"), self._wire(key)
        return None if await self._state(commands, wire) is MISSING else await commands.ttl(wire)

    async def increment(self, key: CacheKey, amount: int, expiry: timedelta | None) -> int:
        """Add to a counter, which lives as long as this says if it is made here; return what it holds."""
        commands, wire = self._need_commands("incr"), self._wire(key)
        if expiry is None:
            return await commands.increment(wire, amount)
        # Made with its TTL first: who stopped after INCRBY would leave a counter that never goes away.
        made = await commands.add(wire, b"0", expiry)
        total = await commands.increment(wire, amount)
        if not made and total == amount:
            # It held 0, or expired between the two commands and INCRBY made one without a TTL.
            await commands.expire(wire, expiry, b"NX")
        return total

    async def clear(self) -> None:
        """Remove every key of the namespace; without one, of the database."""
        if not self._prefix:
            await self.backend.clear()
            return
        commands = self._need_commands("clear of a namespace")
        async for keys in commands.scan(self._namespace.pattern):
            if keys:
                await commands.unlink(keys)

    async def size(self) -> int | None:
        """Return how many keys there are; None when that is not known, or would take too long to find out."""
        if self._commands is None:
            return len(self.backend) if isinstance(self.backend, Sized) and not self._prefix else None
        if not self._prefix:
            return await self._commands.size()
        seen: set[bytes] = set()
        pages = 0
        async for keys in self._commands.scan(self._namespace.pattern):
            if pages == _COUNTED_PAGES:
                return None
            pages += 1
            seen.update(keys)
        return len(seen)

    async def stamps(self, tags: Collection[str], expiry: timedelta | None) -> tuple[Stamp, ...]:
        """Return the tags' tokens of now, for entries that live that long."""
        return await self._need_tags("tags").stamps(tags, expiry) if tags else ()

    async def invalidate(self, tag: str) -> None:
        """Make every entry under a tag stale."""
        await self._need_tags("invalidate_tag").invalidate(tag)

    async def _open(self, stored: list[bytes | None]) -> list[bytes | None]:
        """Return the payloads of what is stored, None for those with a stale tag."""
        envelopes = {
            index: _parsed(data)
            for index, data in enumerate(stored)
            if data is not None and data.startswith(MARK)
        }
        tagged = [envelope for envelope in envelopes.values() if envelope.stamps]
        stale = await self._need_tags("reading tags").stale(tagged) if tagged else frozenset()
        payloads = stored.copy()
        for index, envelope in envelopes.items():
            payloads[index] = None if stale.intersection(envelope.stamps) else envelope.payload
        return payloads

    async def _state(self, commands: Commands, wire: bytes) -> Envelope | MissingType | None:
        """Return MISSING for no key or a stale one, the envelope of a tagged one, None for any other."""
        marked = await commands.starts_with(wire, MARK)
        if marked is None:
            return MISSING
        if not marked:
            return None
        (data,) = await commands.mget([wire])
        if data is None:
            return MISSING
        if not data.startswith(MARK):
            return None
        envelope = _parsed(data)
        return MISSING if await self._need_tags("reading tags").stale([envelope]) else envelope

    def _wire(self, key: CacheKey) -> bytes:
        return (self._prefix + key).encode()

    def _need_commands(self, operation: str) -> Commands:
        return _unsupported(operation) if self._commands is None else self._commands

    def _need_tags(self, operation: str) -> Tags:
        return _unsupported(operation) if self._tags is None else self._tags


def _sealed(payload: bytes, stamps: tuple[Stamp, ...]) -> bytes:
    """Return what to store: the payload itself, unless there are tags or it looks like an envelope."""
    if not stamps and not payload.startswith(MARK):
        return payload
    return Envelope(stamps, payload).pack()


def _parsed(data: bytes) -> Envelope:
    try:
        return Envelope.parse(data)
    except ValueError as error:
        raise CacheOperationError(
            f"the stored bytes are no tagged entry: {error}", ErrorCode.NOT_DESERIALIZABLE
        ) from error


def _unsupported(operation: str) -> NoReturn:
    raise CacheOperationError(
        f"{operation}: needs a backend that runs commands, as memory and redis do",
        ErrorCode.UNSUPPORTED,
        {"operation": operation},
    )
