"""A dict with the face of `MemoryCacheBackend`: what the tests use until the real one is there."""

import fnmatch
from collections.abc import Sequence
from datetime import timedelta

from vermilion.clock import Clock, SystemClock


class MemoryCacheBackend:
    """The four methods, and `call` for the commands that CacheService sends.

    Args:
        max_size: keys at most; beyond it, the least recently used one goes.
        clock: the time.

    Example:
        `MemoryCacheBackend(max_size=10)`

    See Also:
        `CacheService`.

    LLM Context:
        - For tests only.
    """

    def __init__(self, max_size: int | None = None, clock: Clock | None = None) -> None:
        self._max_size = max_size
        self._clock = SystemClock() if clock is None else clock
        self._items: dict[bytes, tuple[bytes, int | None]] = {}

    async def initialize(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def get(self, key: str) -> bytes | None:
        """Look a key up."""
        return self._touch(key.encode())

    async def set(self, key: str, value: bytes, ttl: timedelta | None = None) -> None:
        """Store bytes."""
        self._put(key.encode(), value, None if ttl is None else ttl // timedelta(milliseconds=1))

    async def delete(self, key: str) -> bool:
        """Remove a key."""
        return bool(self._delete([key.encode()]))

    async def clear(self) -> None:
        """Remove every key."""
        self._items.clear()

    def _live(self, key: bytes) -> tuple[bytes, int | None] | None:
        item = self._items.get(key)
        if item is not None and item[1] is not None and item[1] <= self._clock.now_ms():
            del self._items[key]
            return None
        return item

    def _touch(self, key: bytes) -> bytes | None:
        item = self._live(key)
        if item is None:
            return None
        self._items[key] = self._items.pop(key)
        return item[0]

    def _put(self, key: bytes, value: bytes, ttl_ms: int | None) -> None:
        self._items.pop(key, None)
        self._items[key] = (value, None if ttl_ms is None else self._clock.now_ms() + ttl_ms)
        if self._max_size is not None and len(self._items) > self._max_size:
            del self._items[next(iter(self._items))]

    def _delete(self, keys: Sequence[bytes]) -> int:
        removed = [self._items.pop(key) for key in keys if self._live(key) is not None]
        return len(removed)

    async def call(self, *argv: bytes) -> object:
        """Run one command."""
        name, *arguments = argv
        return getattr(self, f"_call_{name.decode().lower()}")(*arguments)

    def _call_set(self, key: bytes, value: bytes, *options: bytes) -> object:
        held = self._touch(key)
        if b"NX" not in options or held is None:
            ttl = int(options[options.index(b"PX") + 1]) if b"PX" in options else None
            self._put(key, value, ttl)
            return None if b"GET" in options else b"OK"
        return held if b"GET" in options else None

    def _call_mget(self, *keys: bytes) -> object:
        return [self._touch(key) for key in keys]

    def _call_getrange(self, key: bytes, start: bytes, end: bytes) -> object:
        return (self._touch(key) or b"")[int(start) : int(end) + 1]

    def _call_exists(self, key: bytes) -> object:
        return int(self._live(key) is not None)

    def _call_incrby(self, key: bytes, amount: bytes) -> object:
        value, expiry = self._live(key) or (b"0", None)
        if not value.lstrip(b"-").isdigit():
            raise ValueError("ERR value is not an integer or out of range")
        self._items[key] = (b"%d" % (int(value) + int(amount)), expiry)
        return int(value) + int(amount)

    def _call_pexpire(self, key: bytes, ttl: bytes, condition: bytes = b"") -> object:
        item = self._live(key)
        expiry = self._clock.now_ms() + int(ttl)
        if (
            item is None
            or (condition == b"NX" and item[1] is not None)
            or (condition == b"GT" and (item[1] is None or item[1] >= expiry))
        ):
            return 0
        self._items[key] = (item[0], expiry)
        return 1

    def _call_persist(self, key: bytes) -> object:
        item = self._live(key)
        if item is None or item[1] is None:
            return 0
        self._items[key] = (item[0], None)
        return 1

    def _call_pttl(self, key: bytes) -> object:
        item = self._live(key)
        if item is None:
            return -2
        return -1 if item[1] is None else item[1] - self._clock.now_ms()

    def _call_unlink(self, *keys: bytes) -> object:
        return self._delete(keys)

    def _call_dbsize(self) -> object:
        return len(self._items)

    def _call_scan(self, _cursor: bytes, _match: bytes, pattern: bytes, *_count: bytes) -> object:
        # One page for all: SCAN's guarantee under writes is the real one's business.
        # fnmatch knows no backslash: a class of one character stands for an escaped one.
        glob = ""
        characters = iter(pattern.decode())
        for character in characters:
            glob += f"[{next(characters)}]" if character == "\\" else character
        return [b"0", [key for key in self._items if fnmatch.fnmatchcase(key.decode(), glob)]]
