r"""Tags: many entries made stale in one step, whatever their number.

Every tag has a *token*: 16 random bytes under a key of its own. A tagged entry is stored together with
the tokens that its tags had when it was written, and is fresh as long as each of its tags still has that
token. To invalidate a tag is to delete its token: one command, and every entry written under it is stale at
once, wherever it is. The next tagged write makes a new token.

Random tokens rather than counters, because everything that may happen to a token then errs to the safe
side: evicted, expired or flushed, it makes entries stale, where a counter that started over would let
entries of an earlier life come back. And an unused tag costs nothing: a token's TTL is extended to that of
the longest-lived entry under it, and it goes away with it.

The commands are of Redis 7 and later (SET NX GET, PEXPIRE GT).

Only tagged entries pay when they are read: one MGET for their tokens. What is stored for them:

    0        8      10
    +--------+------+----------------------------------------+-----------+
    | mark   | n    | n times: length (2), tag, token (16)   | the value |
    +--------+------+----------------------------------------+-----------+

    mark     b"\0vtagged"; big-endian numbers; tags in UTF-8

Everything else is stored as the serializer wrote it. Should that happen to begin with the mark, it is put in
an envelope without tags, so that no value is ever mistaken for one.
"""

import asyncio
import struct
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from vermilion.cache.commands import Commands, fresh_token
from vermilion.cache.errors import CacheKeyError, ErrorCode
from vermilion.cache.keys import Namespace, validate_key

MARK: Final = b"\0vtagged"

_COUNT: Final = struct.Struct(">H")
_TOKEN_LENGTH: Final = 16
_MOST: Final = 0xFFFF


class Stamp(NamedTuple):
    """A tag, and the token that it had."""

    tag: str
    token: bytes


class Envelope(NamedTuple):
    """A stored entry taken apart.

    Example:
        >>> Envelope.parse(Envelope((Stamp("users", b"0123456789abcdef"),), b"{}").pack()).payload
        b'{}'
    """

    stamps: tuple[Stamp, ...]
    payload: bytes

    def pack(self) -> bytes:
        """Return the bytes to store."""
        parts = [MARK, _COUNT.pack(len(self.stamps))]
        for tag, token in self.stamps:
            name = tag.encode()
            parts += (_COUNT.pack(len(name)), name, token)
        parts.append(self.payload)
        return b"".join(parts)

    @classmethod
    def parse(cls, data: bytes) -> "Envelope":
        """Take stored bytes that begin with the mark apart.

        Raises:
            ValueError: when they end too early or hold a tag that is no UTF-8.
        """
        at = len(MARK)
        try:
            (count,) = _COUNT.unpack_from(data, at)
            at += _COUNT.size
            stamps = []
            for _ in range(count):
                (length,) = _COUNT.unpack_from(data, at)
                at += _COUNT.size
                middle, end = at + length, at + length + _TOKEN_LENGTH
                if end > len(data):
                    raise ValueError("a tagged entry ends within its tags")
                stamps.append(Stamp(data[at:middle].decode(), data[middle:end]))
                at = end
        except struct.error as error:
            raise ValueError("a tagged entry ends within its tags") from error
        return cls(tuple(stamps), data[at:])


def validate_tags(tags: Collection[str]) -> Collection[str]:
    """Make sure that something is a collection of tags; return it without repetitions.

    Raises:
        CacheKeyError: INVALID_KEY_TYPE, EMPTY_KEY or INVALID_KEY.
    """
    if isinstance(tags, str):
        raise CacheKeyError(
            "tags are a collection of str, not one str", ErrorCode.INVALID_KEY_TYPE, {"tags": tags}
        )
    for tag in tags:
        if len(validate_key(tag, "tag").encode()) > _MOST:
            raise CacheKeyError("a tag is at most 65535 bytes long", ErrorCode.INVALID_KEY, {"tag": tag[:80]})
    unique = dict.fromkeys(tags)
    if len(unique) > _MOST:
        raise CacheKeyError("an entry has at most 65535 tags", ErrorCode.INVALID_KEY, {"tags": len(unique)})
    return unique


class Tags:
    """The tokens of a namespace's tags.

    Args:
        commands: the backend's commands.
        namespace: where the tokens' keys belong.
    """

    __slots__ = ("_commands", "_namespace")

    def __init__(self, commands: Commands, namespace: Namespace) -> None:
        self._commands: Final = commands
        self._namespace: Final = namespace

    async def stamps(self, tags: Collection[str], ttl: timedelta | None) -> tuple[Stamp, ...]:
        """Return the tags' tokens, made where there are none, to live as long as an entry with this TTL."""
        return tuple(await asyncio.gather(*(self._stamp(tag, ttl) for tag in tags)))

    async def _stamp(self, tag: str, ttl: timedelta | None) -> Stamp:
        key, made = self._namespace.tag_key(tag), fresh_token()
        token = await self._commands.obtain(key, made, ttl)
        if token is not made:
            await self._outlive(key, ttl)
        return Stamp(tag, token)

    async def extend(self, stamps: Sequence[Stamp], ttl: timedelta | None) -> None:
        """Let tokens live as long as an entry with this TTL."""
        for stamp in stamps:
            await self._outlive(self._namespace.tag_key(stamp.tag), ttl)

    async def _outlive(self, key: bytes, ttl: timedelta | None) -> None:
        # A token that goes between the two commands takes the entry with it, as an invalidation does.
        if ttl is None:
            await self._commands.persist(key)
        else:
            await self._commands.expire(key, ttl, b"GT")

    async def stale(self, envelopes: Sequence[Envelope]) -> frozenset[Stamp]:
        """Return the stamps whose tags have another token by now, or none: one command for them all."""
        stamps = frozenset(stamp for envelope in envelopes for stamp in envelope.stamps)
        tags = list({stamp.tag for stamp in stamps})
        if not tags:
            return frozenset()
        held = await self._commands.mget([self._namespace.tag_key(tag) for tag in tags])
        return stamps - {Stamp(tag, token) for tag, token in zip(tags, held, strict=True) if token}

    async def invalidate(self, tag: str) -> None:
        """Make every entry under a tag stale."""
        await self._commands.unlink([self._namespace.tag_key(tag)])
