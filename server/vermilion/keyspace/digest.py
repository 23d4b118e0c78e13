"""The digest of keys and values that DEBUG DIGEST answers: equal on two servers that hold the same.

    blend(d, bytes)   d ^= SHA1(bytes)                    for what has no order: members of a set, keys
    mix(d, bytes)     d = SHA1(d ^ SHA1(bytes))           for what has: elements of a list, a name and its value

A value is mixed from its type and its contents; what expires has a mark blended in, not the time: on a replica it
may differ. Databases and keys are blended together. It is the digest of Redis and Valkey, so that a server here can
be compared with one there.
"""

from collections.abc import Iterable
from hashlib import sha1
from typing import Final

from vermilion.keyspace.database import Database
from vermilion.keyspace.value import string_bytes
from vermilion.protocol.numbers import format_double
from vermilion.structures.hash import Hash
from vermilion.structures.list import List
from vermilion.structures.set import Set
from vermilion.structures.stream import Stream
from vermilion.structures.stream_id import PART_BITS, PART_MAX
from vermilion.structures.zset import ZSet

EMPTY: Final = 0
"""The digest of nothing."""

_SIZE: Final = 20
_EXPIRES: Final = b"!!expire!!"
_FIELD_EXPIRES: Final = b"!!hexpire!!"


def _hash(data: bytes) -> int:
    """Return the SHA1 of bytes as a number: digests are only ever combined by XOR."""
    return int.from_bytes(sha1(data, usedforsecurity=False).digest())


def _mix(digest: int, *parts: bytes) -> int:
    """Return a digest with parts mixed in, one after the other."""
    for part in parts:
        digest = _hash((digest ^ _hash(part)).to_bytes(_SIZE))
    return digest


def _blend(digest: int, parts: Iterable[int]) -> int:
    """Return a digest with other digests blended in, in whatever order."""
    for part in parts:
        digest ^= part
    return digest


def _blend_again(digests: Iterable[int]) -> Iterable[int]:
    """Return digests as they are blended into a greater one: hashed once more."""
    return (_hash(digest.to_bytes(_SIZE)) for digest in digests)


def digest_of_value(db: Database, key: bytes, start: int = EMPTY) -> int:
    """Return the digest of the value at a key, `start` when the key does not exist.

    Args:
        db: where the key is.
        key: the key.
        start: what the value is mixed into: of a whole database, the digest of the key's name.
    """
    value = db.peek(key)
    if value is None:
        return start
    digest = _digest(value, start, db.clock.now_ms())
    return digest ^ _hash(_EXPIRES) if key in db.expires else digest


def digest_of_databases(databases: Iterable[Database]) -> int:
    """Return the digest of all keys of all databases; O(N)."""
    whole = EMPTY
    for db in databases:
        keys = db.keys()
        if keys:
            # The number of a database is mixed into what came before it, so that databases have an order.
            whole = _mix(whole, db.index.to_bytes(4))
            whole = _blend(whole, _blend_again(digest_of_value(db, key, _mix(EMPTY, key)) for key in keys))
    return whole


def shown(digest: int) -> bytes:
    """Return a digest as clients see it.

    Example:
        >>> shown(EMPTY)
        b'0000000000000000000000000000000000000000'
    """
    return b"%040x" % digest


def _type_number(number: int) -> bytes:
    """Return the number of a type as it is mixed in."""
    return number.to_bytes(4)


def _digest(value: object, start: int, now_ms: int) -> int:
    """Return the digest of a value, whatever it is."""
    if isinstance(value, List):
        return _mix(start, _type_number(1), *value)
    if isinstance(value, Set):
        return _blend(_mix(start, _type_number(2)), map(_hash, value.members()))
    if isinstance(value, ZSet):
        entries = (_mix(EMPTY, member, format_double(score)) for score, member in value)
        return _blend(_mix(start, _type_number(3)), _blend_again(entries))
    if isinstance(value, Hash):
        return _blend(_mix(start, _type_number(4)), _blend_again(_fields(value, now_ms)))
    if isinstance(value, Stream):
        digest = _mix(start, _type_number(6))
        for entry, fields in value.range():
            digest = _mix(digest, b"%d.%d" % (entry >> PART_BITS, entry & PART_MAX), *fields)
        return digest
    return _mix(start, _type_number(0), string_bytes(value))


def _fields(held: Hash, now_ms: int) -> Iterable[int]:
    """Return the digests of the fields of a hash."""
    for field, value in held.items(now_ms).items():
        digest = _mix(EMPTY, field, value)
        yield digest if held.deadline(field) is None else digest ^ _hash(_FIELD_EXPIRES)
