"""Hashes as RDB has them.

4    fields: how many, and each with its value
9    a zipmap in a string
13   a ziplist in a string: field, value …
16   a listpack in a string: field, value …
24   the earliest deadline, 8 bytes; how many fields, and each behind how much later it falls due, plus 1; 0: never
25   the earliest deadline, 8 bytes; a listpack in a string: field, value, deadline …, by deadline, 0 at the end
22   as 24 without the earliest deadline: deadlines are whole; 23 is to 25 what 22 is to 24

22 and 23 are those of release candidates of Redis 7.4, which Redis still reads. Valkey 9 has another form as 22.
"""

from collections.abc import Callable, Sequence
from typing import Final

from vermilion.protocol.numbers import parse_int64
from vermilion.rdb import listpack, ziplist, zipmap
from vermilion.rdb.encoding import FormatError, Reader, Writer
from vermilion.settings import Settings
from vermilion.structures.hash import HASHTABLE, LISTPACK, Hash

_FIELDS: Final = 4
_ZIPMAP: Final = 9
_ZIPLIST: Final = 13
_LISTPACK: Final = 16
_EARLY_DEADLINES: Final = 22
_EARLY_LISTPACK: Final = 23
VALKEY: Final = 22
_DEADLINES: Final = 24
_DEADLINES_LISTPACK: Final = 25

WITH_DEADLINES: Final = frozenset({_DEADLINES, _DEADLINES_LISTPACK})
"""The types that begin with the earliest deadline."""

_LAST_DEADLINE: Final = (1 << 48) - 1


def write(value: Hash, out: Writer) -> None:
    """Append a hash in the form that its encoding has, fields that have fallen due included."""
    if value.encoding == LISTPACK:
        out.raw(b"%c" % _LISTPACK)
        out.string(listpack.pack([word for pair in value.fields.items() for word in pair]))
    elif value.encoding != HASHTABLE:
        _write_listpack_with_deadlines(value, out)
    elif value.deadlines:
        _write_with_deadlines(value, value.deadlines, out)
    else:
        out.raw(b"%c" % _FIELDS)
        out.length(len(value))
        for field, text in value.fields.items():
            out.string(field)
            out.string(text)


def _write_listpack_with_deadlines(value: Hash, out: Writer) -> None:
    """Append a listpackex."""
    deadlines = value.deadlines or {}
    out.raw(b"%c%b" % (_DEADLINES_LISTPACK, min(deadlines.values(), default=0).to_bytes(8, "little")))
    words: list[bytes] = []
    for field in value.in_order():
        words += (field, value.fields[field], b"%d" % deadlines.get(field, 0))
    out.string(listpack.pack(words))


def _write_with_deadlines(value: Hash, deadlines: dict[bytes, int], out: Writer) -> None:
    """Append a hashtable in which some fields have deadlines."""
    earliest = min(deadlines.values())
    out.raw(b"%c%b" % (_DEADLINES, earliest.to_bytes(8, "little")))
    out.length(len(value))
    for field, text in value.fields.items():
        deadline = deadlines.get(field)
        out.length(0 if deadline is None else deadline - earliest + 1)
        out.string(field)
        out.string(text)


def _hash(words: Sequence[bytes]) -> Hash:
    """Return a hash of fields and values, given in turn."""
    found = Hash()
    if not words or len(words) % 2:
        raise FormatError
    found.update(words)
    if 2 * len(found) != len(words):
        raise FormatError
    return found


def _read(reader: Reader, limits: Settings) -> Hash:
    """Return a hash of any size."""
    words = [reader.string() for _ in range(2 * reader.count())]
    found = _hash(words)
    found.fit(words, limits.hash_max_listpack_entries, limits.hash_max_listpack_value)
    return found


def _small(words: list[bytes], limits: Settings) -> Hash:
    """Return a hash that was small, and is unless there are too many fields."""
    found = _hash(words)
    found.fit((), limits.hash_max_listpack_entries, limits.hash_max_listpack_value)
    return found


def _read_zipmap(reader: Reader, limits: Settings) -> Hash:
    """Return a hash that was a zipmap."""
    words = zipmap.unpack(reader.string())
    found = _hash(words)
    found.fit(words, limits.hash_max_listpack_entries, limits.hash_max_listpack_value)
    return found


def _read_ziplist(reader: Reader, limits: Settings) -> Hash:
    """Return a hash that was a ziplist."""
    return _small(ziplist.unpack(reader.string()), limits)


def _read_listpack(reader: Reader, limits: Settings) -> Hash:
    """Return a hash that was a listpack."""
    return _small(listpack.unpack(reader.string()), limits)


def _read_early_deadlines(reader: Reader, limits: Settings) -> Hash:
    """Return a hash in which each field stands behind its deadline."""
    return _each_with_deadline(reader, 1, limits)


def _read_deadlines(reader: Reader, limits: Settings) -> Hash:
    """Return a hash in which each field stands behind how much later than the earliest it falls due."""
    return _each_with_deadline(reader, reader.uint64(), limits)


def _each_with_deadline(reader: Reader, earliest: int, limits: Settings) -> Hash:
    """Return a hash in which each field stands behind its deadline, counted from the one before the earliest."""
    words: list[bytes] = []
    deadlines: list[int] = []
    for _ in range(reader.count()):
        later = reader.length()
        deadlines.append((earliest + later - 1) % (1 << 64) if later else 0)
        words += (reader.string(), reader.string())
    found = _hash(words)
    found.fit(words, limits.hash_max_listpack_entries, limits.hash_max_listpack_value)
    found.expect_deadlines()
    for field, deadline in zip(words[::2], deadlines, strict=True):
        _fall_due(found, field, deadline)
    return found


def _fall_due(held: Hash, field: bytes, deadline: int) -> None:
    """Give a field a deadline, unless that is 0."""
    if not 0 <= deadline <= _LAST_DEADLINE:
        raise FormatError
    if deadline:
        held.expire_at(field, deadline)


def _read_early_listpack(reader: Reader, limits: Settings) -> Hash:
    """Return a hash that was a listpackex."""
    words = listpack.unpack(reader.string())
    if len(words) % 3:
        raise FormatError
    found = _hash([word for at in range(0, len(words), 3) for word in words[at : at + 2]])
    found.fit((), limits.hash_max_listpack_entries, limits.hash_max_listpack_value)
    found.expect_deadlines()
    deadlines = [parse_int64(word) for word in words[2::3]]
    before = 1
    # From the last one on: among equal deadlines, the one that was set last comes first.
    for field, deadline in zip(words[-3::-3], reversed(deadlines), strict=True):
        if deadline is None or (deadline > before > 1) or (deadline == 0 and before != 1):
            raise FormatError
        _fall_due(found, field, deadline)
        before = deadline or 1
    return found


def _read_deadlines_listpack(reader: Reader, limits: Settings) -> Hash:
    """Return a hash that was a listpackex, behind its earliest deadline, which those of the fields tell, too."""
    reader.uint64()
    return _read_early_listpack(reader, limits)


def read_valkey(reader: Reader, limits: Settings) -> Hash:
    """Return a hash as Valkey 9 writes one with deadlines: each field, its value, and its deadline, -1 for never."""
    words: list[bytes] = []
    deadlines: list[int] = []
    for _ in range(reader.count()):
        words += (reader.string(), reader.string())
        deadlines.append(reader.int64())
    found = _hash(words)
    found.fit(words, limits.hash_max_listpack_entries, limits.hash_max_listpack_value)
    found.expect_deadlines()
    for field, deadline in zip(words[::2], deadlines, strict=True):
        _fall_due(found, field, max(deadline, 0))
    return found


READERS: Final[dict[int, Callable[[Reader, Settings], Hash]]] = {
    _FIELDS: _read,
    _ZIPMAP: _read_zipmap,
    _ZIPLIST: _read_ziplist,
    _LISTPACK: _read_listpack,
    _EARLY_DEADLINES: _read_early_deadlines,
    _EARLY_LISTPACK: _read_early_listpack,
    _DEADLINES: _read_deadlines,
    _DEADLINES_LISTPACK: _read_deadlines_listpack,
}
