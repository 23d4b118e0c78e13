"""Sorted sets as RDB has them.

3    how many, and each a member and its score as text, behind the length of that: 253 NaN, 254 inf, 255 -inf
5    how many, and each a member and its score as a double, the greatest first
12   a ziplist in a string: member, score …
17   a listpack in a string: member, score …
"""

import math
from collections.abc import Callable, Iterable
from struct import pack
from typing import Final

from vermilion.protocol.numbers import format_double, parse_double
from vermilion.rdb import listpack, ziplist
from vermilion.rdb.encoding import FormatError, Reader, Writer
from vermilion.settings import Settings
from vermilion.structures.zset import ZSet

_TEXTS: Final = 3
_DOUBLES: Final = 5
_ZIPLIST: Final = 12
_LISTPACK: Final = 17

_INFINITIES: Final = {254: math.inf, 255: -math.inf}


def write(value: ZSet, out: Writer) -> None:
    """Append a sorted set in the form that its encoding has."""
    entries = value.entries(0, len(value))
    if value.packed:
        out.raw(b"%c" % _LISTPACK)
        out.string(
            listpack.pack([word for score, member in entries for word in (member, format_double(score))])
        )
        return
    out.raw(b"%c" % _DOUBLES)
    out.length(len(entries))
    for score, member in reversed(entries):
        out.string(member)
        out.raw(pack("<d", score))


def _zset(pairs: list[tuple[bytes, float]], *, packed: bool) -> ZSet:
    """Return a sorted set of different members with scores that are numbers.

    Args:
        pairs: members with their scores.
        packed: whether it is a listpack.
    """
    scores = dict(pairs)
    if not scores or len(scores) != len(pairs) or any(map(math.isnan, scores.values())):
        raise FormatError
    if packed:
        scores = {member: score + 0.0 for member, score in scores.items()}  # -0 becomes 0
    found = ZSet.of(scores)
    found.packed = packed
    return found


def _sized(pairs: list[tuple[bytes, float]], limits: Settings) -> ZSet:
    """Return a sorted set that is as small as the limits say."""
    longest = max((len(member) for member, _ in pairs), default=0)
    packed = len(pairs) <= limits.zset_max_listpack_entries and longest <= limits.zset_max_listpack_value
    return _zset(pairs, packed=packed)


def _read_texts(reader: Reader, limits: Settings) -> ZSet:
    """Return a sorted set with scores as text."""
    return _sized([(reader.string(), _score(reader)) for _ in range(reader.count())], limits)


def _score(reader: Reader) -> float:
    """Return a score that is written as text."""
    size = reader.byte()
    return _INFINITIES[size] if size in _INFINITIES else _number(reader.take(size))


def _number(text: bytes) -> float:
    """Return the number that a text spells."""
    number = parse_double(text)
    if number is None:
        raise FormatError
    return number


def _read_doubles(reader: Reader, limits: Settings) -> ZSet:
    """Return a sorted set with scores as doubles."""
    return _sized([(reader.string(), reader.double()) for _ in range(reader.count())], limits)


def _small(words: list[bytes], limits: Settings) -> ZSet:
    """Return a sorted set that was small, and is unless there are too many members."""
    if len(words) % 2:
        raise FormatError
    scores: Iterable[float] = map(_number, words[1::2])
    pairs = list(zip(words[::2], scores, strict=True))
    return _zset(pairs, packed=len(pairs) <= limits.zset_max_listpack_entries)


def _read_ziplist(reader: Reader, limits: Settings) -> ZSet:
    """Return a sorted set that was a ziplist."""
    return _small(ziplist.unpack(reader.string()), limits)


def _read_listpack(reader: Reader, limits: Settings) -> ZSet:
    """Return a sorted set that was a listpack."""
    return _small(listpack.unpack(reader.string()), limits)


READERS: Final[dict[int, Callable[[Reader, Settings], ZSet]]] = {
    _TEXTS: _read_texts,
    _DOUBLES: _read_doubles,
    _ZIPLIST: _read_ziplist,
    _LISTPACK: _read_listpack,
}
