"""What SORT does to elements: weights, order, and the patterns that say where weights and results are kept."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol, runtime_checkable

_NUMBER: Final = re.compile(
    rb"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)"
)


@runtime_checkable
class Sortable(Protocol):
    """A value that SORT goes over: a list, a set, a sorted set."""

    def elements(self) -> list[bytes]:
        """Return the elements in the value's own order."""


@runtime_checkable
class Fielded(Protocol):
    """A value in which a pattern finds a field: a hash."""

    def value_of(self, field: bytes, now_ms: int) -> bytes | None:
        """Return the value that a field has at a time."""


class Place(NamedTuple):
    """Where something is kept: at a key, or in a field of the hash at a key."""

    key: bytes
    field: bytes | None


class Pattern:
    """What stands behind BY or GET: `weight_*`, `object_*->name`, or `#`, the element itself.

    The first `*` stands for the element; a field begins behind the first `->` that follows it. As in Redis, neither is
    looked for behind a NUL, and no field begins with one.

    Example:
        >>> Pattern(b"object_*->name").place(b"7")
        Place(key=b'object_7', field=b'name')
        >>> Pattern(b"nosort").constant
        True
    """

    __slots__ = ("_after", "_before", "_field", "constant", "itself")

    def __init__(self, pattern: bytes) -> None:
        self.itself = pattern == b"#"
        text = pattern.partition(b"\0")[0]
        star = text.find(b"*")
        self.constant = star < 0
        self._before, self._after = pattern[:star], pattern[star + 1 :]
        self._field: bytes | None = None
        arrow = text.find(b"->", star + 1)
        if arrow >= 0 and pattern[arrow + 2 : arrow + 3].strip(b"\0"):
            self._after, self._field = pattern[star + 1 : arrow], pattern[arrow + 2 :]

    def place(self, element: bytes) -> Place:
        """Return where the pattern leads for an element; it must not be constant."""
        return Place(self._before + element + self._after, self._field)


def score(text: bytes) -> float | None:
    """Return the number that orders an element, None when it spells none; nothing at all spells 0.

    It is read as a C string, up to the first NUL.

    Example:
        >>> score(b"1e2"), score(b""), score(b"nan")
        (100.0, 0.0, None)
    """
    text = text.partition(b"\0")[0]
    if not text:
        return 0.0
    return None if _NUMBER.fullmatch(text) is None else float(text)


def by_score(elements: Sequence[bytes], scores: Sequence[float], *, descending: bool) -> list[bytes]:
    """Return elements by their scores, those of the same score by their bytes."""
    return [element for _, element in sorted(zip(scores, elements, strict=True), reverse=descending)]


def by_text(
    elements: Sequence[bytes], weights: Sequence[bytes | None], *, descending: bool, binary: bool
) -> list[bytes]:
    """Return elements by their weights, those without one first, those with the same one in their own order.

    Args:
        elements: what to order.
        weights: one for each.
        descending: the greatest first.
        binary: compare all bytes, and not C strings, which end at a NUL.
    """

    def key(pair: tuple[bytes | None, bytes]) -> tuple[bool, bytes]:
        weight = pair[0]
        if weight is None:
            return False, b""
        return True, weight if binary else weight.partition(b"\0")[0]

    pairs = sorted(zip(weights, elements, strict=True), key=key, reverse=descending)
    return [element for _, element in pairs]


def window(size: int, offset: int, count: int) -> slice:
    """Return which of a number of elements LIMIT leaves: a negative count leaves all from the offset on."""
    start = max(0, offset)
    return slice(start, size if count < 0 else start + count)
