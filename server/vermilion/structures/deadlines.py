"""When names fall due: deadlines in buckets of time, so that reclaiming looks only at names that may be due.

A deadline is appended to the bucket of its 128 ms (one dict look-up, one list append), and a heap holds the
distinct bucket numbers. Reclaiming pops the buckets that have begun and asks the caller about each name in
them. Nothing is removed from a bucket when a name is deleted or gets another deadline: entries that are no
longer true are skipped when their bucket comes, and when they outnumber the true ones, all is built anew.
"""

import sys
from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Final

BUCKET_BITS: Final = 7
"""A bucket spans 2**7 = 128 ms, about one turn of the server's periodic work at 10 Hz."""

_SLACK: Final = 1024


class Deadlines:
    """The names of one table, keys or fields, by the time at which they expire.

    Args:
        expires: name to deadline in milliseconds, the truth; owned by the caller.
    """

    __slots__ = ("_buckets", "_expires", "_heap", "_size")

    def __init__(self, expires: dict[bytes, int]) -> None:
        self._expires = expires
        self._buckets: dict[int, list[bytes]] = {}
        self._heap: list[int] = []
        self._size = 0

    def __sizeof__(self) -> int:
        """Return its bytes; the names and the table of deadlines are the owner's."""
        buckets = sum(map(sys.getsizeof, self._buckets.values()))
        return object.__sizeof__(self) + sys.getsizeof(self._heap) + sys.getsizeof(self._buckets) + buckets

    def add(self, key: bytes, deadline_ms: int) -> None:
        """Note that key falls due; the caller has noted it in `expires`."""
        number = deadline_ms >> BUCKET_BITS
        bucket = self._buckets.get(number)
        if bucket is None:
            self._buckets[number] = [key]
            heappush(self._heap, number)
        else:
            bucket.append(key)
        self._size += 1
        if self._size > 2 * len(self._expires) + _SLACK:
            self._rebuild()

    @property
    def earliest(self) -> int | None:
        """A time, in milliseconds, before which nothing falls due; None when nothing ever does."""
        return self._heap[0] << BUCKET_BITS if self._heap else None

    def _rebuild(self) -> None:
        """Forget the entries that are no longer true."""
        self._buckets = {}
        for key, deadline in self._expires.items():
            self._buckets.setdefault(deadline >> BUCKET_BITS, []).append(key)
        self._heap = list(self._buckets)
        heapify(self._heap)
        self._size = len(self._expires)

    def due(self, now_ms: int, *, in_order: bool = False) -> Iterator[bytes]:
        """Yield the names whose deadline has passed, earliest bucket first; each is forgotten when yielded.

        The caller deletes each name it takes and may stop at any time: what was not yielded stays.

        Args:
            now_ms: the time.
            in_order: whether the names of one bucket come in the order of their deadlines, too, which costs time.
        """
        expires = self._expires
        now_number = now_ms >> BUCKET_BITS
        while self._heap and self._heap[0] <= now_number:
            number = self._heap[0]
            bucket = self._buckets[number]
            later: list[bytes] = []
            if in_order:  # the last one goes first; of the same deadline, the one that was noted first
                bucket.sort(key=lambda key: expires.get(key, 0))
                bucket.reverse()
            try:
                while bucket:
                    key = bucket.pop()
                    deadline = expires.get(key)
                    if deadline is not None and deadline >> BUCKET_BITS == number:
                        if deadline >= now_ms:
                            later.append(key)
                            continue
                        self._size -= 1
                        yield key
                    else:
                        self._size -= 1
            finally:
                bucket.extend(later)  # also when the caller stops
            if later:
                # Only the bucket of this moment has names that are not due yet; none behind it has begun.
                return
            heappop(self._heap)
            del self._buckets[number]
