"""The order that SCAN, SSCAN and random picks go by: every key has one position, and a position only ever falls.

    entries   [ a  b  ·  d  e  | gap: already moved down |  h  ·  j  k ]
                0              write                     read          end

A new key goes to the end. A deleted one leaves its entry behind as a ghost; created again, it takes that
place. When ghosts outnumber keys, each further deletion moves a few entries down over them, until the gap has
travelled to the end and is cut off: the list stays short, and no single call pays for all of it.

SCAN goes from the end to the beginning, and a cursor says below which position it has not looked yet. A key
that exists from the start of an iteration to its end begins below the cursor and can only move down, so the
cursor meets it, whatever else is written, and for any number of cursors at once: nothing is kept per cursor.
What is created meanwhile lies above, so that every iteration ends. `take` fills the place of what it takes
with the last entry, which falls, too.

The keys themselves are in a dict of the owner's, which keeps the order of creation: those that the order does
not know yet are the last ones there, as many as the two differ in. So writing a new key does not touch the
order; it `follow`s when it is needed next, which is before a key is deleted at the latest.
"""

import sys
from collections.abc import Sequence
from itertools import islice
from random import Random
from typing import Any, Final

_SLACK: Final = 32
_STEP: Final = 8
_CLUSTER: Final = 8

_POSITION_BITS: Final = 40
_POSITION: Final = (1 << _POSITION_BITS) - 1

TAG_BITS: Final = 63 - _POSITION_BITS
"""A tag has up to this many bits: many clients read a cursor as a signed integer."""


class ScanOrder:
    """The keys of a database, or the members of a set, by position.

    Args:
        tag: tells the cursors of this order from those of others, where they may meet: SWAPDB brings them together.
    """

    __slots__ = ("_entries", "_ghosts", "_read", "_write", "tag")

    def __init__(self, tag: int = 0) -> None:
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

    def __sizeof__(self) -> int:
        """Return its bytes; the keys are the owner's."""
        return object.__sizeof__(self) + sys.getsizeof(self._entries) + sys.getsizeof(self._ghosts)

    def follow(self, table: dict[bytes, Any]) -> None:
        """Note the keys that were created since the last time.

        Args:
            table: where the owner has its keys, in the order of their creation.
        """
        # `len(self)` said again: most of the time there is nothing new, and finding that out is all this costs.
        new = len(table) - len(self._entries) + self._read - self._write + len(self._ghosts)
        if new:
            keys = list(islice(reversed(table), new))
            keys.reverse()
            self.extend(keys)

    def extend(self, keys: Sequence[bytes]) -> None:
        """Note keys that were created, in order."""
        ghosts = self._ghosts
        if ghosts:
            back = ghosts.intersection(keys)
            ghosts -= back
            keys = [key for key in keys if key not in back]
        self._entries += keys

    def discard(self, key: bytes) -> None:
        """Note that a key was deleted."""
        self._ghosts.add(key)
        self._settle()

    def take(self, random: Random, count: int = 1) -> list[bytes]:
        """Choose different keys by chance, all alike, and note that they were deleted; there must be as many."""
        taken: list[bytes] = []
        while count and (self._ghosts or self._read):
            taken.append(self._take_among_ghosts(random))
            count -= 1
        entries, chance = self._entries, random.random
        size = len(entries)
        for _ in range(count):
            at = int(chance() * size)
            taken.append(entries[at])
            last = entries.pop()
            size -= 1
            if at < size:
                entries[at] = last
        return taken

    def _take_among_ghosts(self, random: Random) -> bytes:
        """Choose a key by chance, and note that it was deleted; a gap must not be jumped over."""
        entries, ghosts = self._entries, self._ghosts
        at = self._place(random)
        while entries[at] in ghosts:
            at = self._place(random)
        key = entries[at]
        if self._read:
            ghosts.add(key)
        else:
            last = entries.pop()
            if at < len(entries):
                entries[at] = last
        self._settle()
        return key

    def _settle(self) -> None:
        """Keep the ghosts fewer than the keys, or about to be."""
        ghosts = len(self._ghosts)
        size = len(self._entries) - (self._read - self._write)
        if ghosts == size:
            self.clear()
        elif self._read or 2 * ghosts > size + _SLACK:
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
            cursor: 0 to begin, else what the call before returned; one with another order's tag begins again.
            count: how many positions to look at, 1 or more.
        """
        position = cursor & _POSITION if cursor >> _POSITION_BITS == self.tag else 0
        position, page = self.page(position, count)
        return (self.tag << _POSITION_BITS | position if position else 0), page

    def page(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """Return the next cursor, 0 at the end, and the entries of a page; ghosts are among them.

        Args:
            cursor: 0 to begin, else what the page before returned.
            count: how many entries to look at, 1 or more.
        """
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
        """Return a key by chance, all alike; there must be one."""
        ghosts = self._ghosts
        while True:
            key = self._entries[self._place(random)]
            if not ghosts or key not in ghosts:
                return key

    def choices(self, random: Random, count: int) -> list[bytes]:
        """`pick` count times."""
        if self._ghosts or self._read:
            return [self.pick(random) for _ in range(count)]
        return random.choices(self._entries, k=count)

    def clusters(self, random: Random, count: int) -> list[bytes]:
        """Return about as many keys by chance, or somewhat more: neighbours in small groups, and some of them twice.

        Neighbours were created one after the other and lie side by side in memory, so that this takes a fifth of the
        time of `choices`: for an estimate, not for a fair draw.
        """
        entries, ghosts, write, read = self._entries, self._ghosts, self._write, self._read
        found: list[bytes] = []
        while len(found) < count:
            at = self._place(random)
            page = entries[at : min(at + _CLUSTER, write) if at < write and read else at + _CLUSTER]
            found += [key for key in page if key not in ghosts] if ghosts else page
        return found

    def sample(self, random: Random, count: int) -> list[bytes]:
        """Return different keys by chance, all alike; there must be as many."""
        if not self._ghosts and not self._read:
            return random.sample(self._entries, count)
        if 3 * count > len(self):
            _, entries = self.page(0, len(self._entries))
            return random.sample([key for key in entries if key not in self._ghosts], count)
        chosen: dict[bytes, None] = {}
        while len(chosen) < count:
            chosen[self.pick(random)] = None
        return list(chosen)

    def _place(self, random: Random) -> int:
        """Return the place of an entry by chance, about half of the time a ghost's at worst."""
        gap = self._read - self._write
        at = int(random.random() * (len(self._entries) - gap))
        return at if at < self._write else at + gap
