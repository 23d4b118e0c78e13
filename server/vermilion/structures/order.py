"""The order that scans and random choices go by: every key of a dict has one position, and it only ever falls.

    entries   [ a  b  ·  d  e  | gap: already moved down |  h  ·  j  k ]
                0              write                     read          end

The dict is the truth. It keeps the order of creation, so the keys that the order does not know yet are the last
ones of the dict, as many as the two differ in: `catch_up` learns of them, when there is a reason to.

A new key goes to the end. A deleted one leaves its entry behind as a ghost; created again, it takes that
place. When ghosts outnumber keys, each further deletion moves a few entries down over them, until the gap has
travelled to the end and is cut off: the list stays short, and no single call pays for all of it.

A scan goes from the end to the beginning, and a cursor says below which position it has not looked yet. A key
that exists from the start of an iteration to its end begins below the cursor and can only move down, so the
cursor meets it, whatever else is written, and for any number of cursors at once: nothing is kept per cursor.
What is created meanwhile lies above, so that every iteration ends.
"""

from collections.abc import Sequence
from itertools import islice
from random import Random
from typing import Final, TypeVar

V = TypeVar("V")

_SLACK: Final = 32
_STEP: Final = 8


_CURSOR_BITS: Final = 40
_CURSOR_MASK: Final = (1 << _CURSOR_BITS) - 1

TAG_BITS: Final = 63 - _CURSOR_BITS
"""A tag has up to this many bits: many clients read a cursor as a signed integer."""


class Order:
    """The keys of one dict, by position.

    Args:
        tag: tells the cursors of this order from those of others; a cursor of another order begins again.

    LLM Context:
        - Assigning to a key that exists must not move it in the dict; deleting one goes through `discard`.
        - `catch_up` comes before each `discard`, `scan` and `pick`.
    """

    __slots__ = ("_entries", "_ghosts", "_read", "_write", "tag")

    def __init__(self, tag: int) -> None:
        self.tag = tag
        self.clear()

    def clear(self) -> None:
        """Forget all keys."""
        self._entries: list[bytes] = []
        self._ghosts: set[bytes] = set()
        self._write = 0
        self._read = 0

    def __len__(self) -> int:
        """Return how many keys there are."""
        return len(self._entries) - (self._read - self._write) - len(self._ghosts)

    def catch_up(self, table: dict[bytes, V]) -> None:
        """Note the keys that were created in the dict since the last time."""
        new = len(table) - len(self)
        if new:
            keys = list(islice(reversed(table), new))
            keys.reverse()
            self._extend(keys)

    def _extend(self, keys: Sequence[bytes]) -> None:
        """Note keys that were created, in order."""
        ghosts = self._ghosts
        if ghosts:
            back = ghosts.intersection(keys)
            ghosts -= back
            keys = [key for key in keys if key not in back]
        self._entries += keys

    def discard(self, key: bytes) -> None:
        """Note that a key was deleted."""
        ghosts = self._ghosts
        ghosts.add(key)
        size = len(self._entries) - (self._read - self._write)
        if len(ghosts) == size:
            self.clear()
        elif self._read or 2 * len(ghosts) > size + _SLACK:
            self._compact()

    def _compact(self) -> None:
        """Move the gap a few entries towards the end."""
        entries, ghosts, write = self._entries, self._ghosts, self._write
        end = min(self._read + _STEP, len(entries))
        for key in entries[self._read : end]:
            if key in ghosts:
                ghosts.remove(key)
            else:
                entries[write] = key
                write += 1
        if end == len(entries):
            del entries[write:]
            end = write = 0
        self._read, self._write = end, write

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """Return the next cursor, 0 at the end, and some entries; deleted keys are among them.

        Args:
            cursor: 0 to begin, else what the call before returned; one of another order begins again.
            count: how many positions to look at, 1 or more.
        """
        position = cursor & _CURSOR_MASK if cursor >> _CURSOR_BITS == self.tag else 0
        position, page = self._page(position, count)
        return (self.tag << _CURSOR_BITS | position if position else 0), page

    def _page(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """Return the next position, 0 at the end, and the entries of a page; ghosts are among them."""
        entries, read, write = self._entries, self._read, self._write
        end = min(cursor or len(entries), len(entries))
        if write < end < read:
            end = write
        start = end - count
        if start < read <= end:
            low = max(0, write - (read - start))
            return low, entries[read:end] + entries[low:write]
        low = max(0, start)
        return low, entries[low:end]

    def pick(self, random: Random) -> bytes:
        """Return an entry by chance, a deleted key about half of the time at worst; there must be a key."""
        gap = self._read - self._write
        at = int(random.random() * (len(self._entries) - gap))
        return self._entries[at if at < self._write else at + gap]
