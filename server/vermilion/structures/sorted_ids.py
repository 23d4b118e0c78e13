"""A sorted set of integers that mostly grows at its end and shrinks at its start: the ids that are pending.

    chunks   [3 5 8] [9 12] [20 21 30]      sorted lists of bounded length
    lasts       8      12       30          the last one of each, for bisect

Adding, removing and finding cost O(log n) and a shift within one short list; adding at the end costs O(1).
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Final

CHUNK: Final = 512


class SortedIds:
    """A sorted set of integers.

    Example:
        >>> ids = SortedIds()
        >>> for number in (5, 3, 9, 3):
        ...     ids.add(number)
        >>> list(ids), list(ids.since(4)), ids.first(), ids.last(), len(ids)
        ([3, 5, 9], [5, 9], 3, 9, 3)
    """

    __slots__ = ("_chunks", "_lasts", "_size")

    def __init__(self) -> None:
        self._chunks: list[list[int]] = []
        self._lasts: list[int] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[int]:
        for chunk in self._chunks:
            yield from chunk

    def add(self, number: int) -> None:
        """Add a number, unless it is there."""
        lasts = self._lasts
        if not lasts or number > lasts[-1]:
            if lasts and len(self._chunks[-1]) < CHUNK:
                self._chunks[-1].append(number)
                lasts[-1] = number
            else:
                self._chunks.append([number])
                lasts.append(number)
            self._size += 1
            return
        at = bisect_left(lasts, number)
        chunk = self._chunks[at]
        place = bisect_left(chunk, number)
        if chunk[place] == number:
            return
        insort(chunk, number)
        self._size += 1
        if len(chunk) > 2 * CHUNK:
            self._chunks.insert(at, chunk[:CHUNK])
            lasts.insert(at, chunk[CHUNK - 1])
            del chunk[:CHUNK]

    def discard(self, number: int) -> None:
        """Remove a number, if it is there."""
        at = bisect_left(self._lasts, number)
        if at == len(self._lasts):
            return
        chunk = self._chunks[at]
        place = bisect_left(chunk, number)
        if chunk[place] != number:
            return
        del chunk[place]
        self._size -= 1
        if not chunk:
            del self._chunks[at]
            del self._lasts[at]
        elif place == len(chunk):
            self._lasts[at] = chunk[-1]

    def since(self, start: int) -> Iterator[int]:
        """Return the numbers from start on, in order; nothing may change while they are gone over."""
        at = bisect_left(self._lasts, start)
        if at < len(self._chunks):
            chunk = self._chunks[at]
            yield from chunk[bisect_left(chunk, start) :]
            for following in self._chunks[at + 1 :]:
                yield from following

    def first(self) -> int | None:
        """Return the least number, None when there is none."""
        return self._chunks[0][0] if self._size else None

    def last(self) -> int | None:
        """Return the greatest number, None when there is none."""
        return self._lasts[-1] if self._size else None

    def copy(self) -> "SortedIds":
        """Return a set of its own."""
        twin = SortedIds()
        twin._chunks = [chunk.copy() for chunk in self._chunks]
        twin._lasts = self._lasts.copy()
        twin._size = self._size
        return twin
