"""A list with two ends: O(1) at both, O(1) by index, and slices that cost what they return.

    front   [ · ·  d  c  b  a ]      the first elements, in reverse: the head is the last item
    back    [ ·  e  f  g  h ]        the others, in order: the tail is the last item
              dead

Both are Python lists, which push, pop and slice at their end in C. When one of them runs out, it takes a chunk from
the bottom of the other, whose place is dead until it makes up half of its list and is cut off: no pop moves more
than a chunk, and a pointer is moved a constant number of times.

The encoding follows the bytes that Redis's compact form would take (a listpack): beyond `list-max-listpack-size` a
list is a quicklist, and it is one until what is left fits into half of that. The bytes are counted while the list is
short enough to be near that, and not known beyond.

Source: the listpack format as Redis documents it: each entry has a header, its bytes, and its length backwards.
"""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from typing import Final, Self

from vermilion.structures.listpack import FRAME, string_size
from vermilion.structures.structure import Structure

_CHUNK: Final = 128

_LISTPACK_LIMITS: Final = {-1: 4096, -2: 8192, -3: 16384, -4: 32768, -5: 65536}
_LEAST_ENTRY: Final = 2


def _sizes(elements: Iterable[bytes]) -> int:
    """Return the bytes that elements take in a listpack."""
    return sum(map(string_size, elements))


class List(Structure):
    """A list of strings.

    Methods that change it take `limit`, the value of `list-max-listpack-size`: the greatest number of elements of a
    listpack, or minus one of five classes of bytes.

    LLM Context:
        - Positions count from 0 at the head and must exist; ranges are half open and may be empty.
        - It has no opinion about being empty: the caller deletes the key.
    """

    __slots__ = ("_back", "_back_dead", "_bytes", "_front", "_front_dead", "_packed")

    type_name = "list"

    def __init__(self) -> None:
        self._front: list[bytes] = []
        self._front_dead = 0
        self._back: list[bytes] = []
        self._back_dead = 0
        self._packed = True
        self._bytes: int | None = FRAME

    def __len__(self) -> int:
        """Return how many elements there are."""
        return len(self._front) - self._front_dead + len(self._back) - self._back_dead

    def __iter__(self) -> Iterator[bytes]:
        """Go over the elements from the head on."""
        return iter(self.slice(0, len(self)))

    def elements(self) -> list[bytes]:
        """Return all elements: what SORT goes over."""
        return self.slice(0, len(self))

    @property
    def encoding(self) -> str:
        """`listpack` or `quicklist`."""
        return "listpack" if self._packed else "quicklist"

    def copy(self) -> Self:
        """Return a list of its own."""
        twin = copy(self)
        twin._front, twin._back = self._front.copy(), self._back.copy()  # noqa: SLF001  # the twin is of this class
        return twin

    @classmethod
    def of(cls, elements: list[bytes], limit: int, *, packed: bool) -> Self:
        """Return a list of elements.

        Args:
            elements: the list takes them over.
            limit: see the class.
            packed: whether it is a listpack, if it fits into one.
        """
        made = cls()
        made._back = elements
        size = FRAME + _sizes(elements)
        most = _LISTPACK_LIMITS.get(limit)
        made._packed = packed and (len(elements) <= max(limit, 1) if most is None else size <= most)
        made._bytes = size if made._packed or len(elements) <= _most_bytes(limit) else None
        return made

    @property
    def is_long(self) -> bool:
        """Whether it is too long for anybody to count its bytes: far from being a listpack again."""
        return self._bytes is None

    # Reading ----------------------------------------------------------------------------------------------

    def __getitem__(self, index: int) -> bytes:
        """Return the element at a position."""
        front = len(self._front) - self._front_dead
        if index < front:
            return self._front[-1 - index]
        return self._back[self._back_dead + index - front]

    def slice(self, start: int, stop: int) -> list[bytes]:
        """Return the elements from one position up to another."""
        front, back = self._front, self._back
        end = len(front)
        size = end - self._front_dead
        offset = self._back_dead - size
        if start >= size:
            return back[start + offset : stop + offset]
        if stop <= size:
            part = front[end - stop : end - start]
            part.reverse()
            return part
        part = front[self._front_dead : end - start]
        part.reverse()
        part += back[self._back_dead : stop + offset]
        return part

    # The ends ---------------------------------------------------------------------------------------------

    def push_head(self, elements: Sequence[bytes], limit: int) -> None:
        """Put elements in front, one after the other: the last of them becomes the head."""
        if self._bytes is not None:
            self._adds(elements, limit)
        self._front += elements

    def push_tail(self, elements: Sequence[bytes], limit: int) -> None:
        """Append elements."""
        if self._bytes is not None:
            self._adds(elements, limit)
        self._back += elements

    def pop_head(self, limit: int) -> bytes:
        """Remove and return the first element; there is one."""
        if len(self._front) == self._front_dead:
            self._refill_front()
        element = self._front.pop()
        if not self._packed or self._bytes is not None:
            self._removed((element,), limit)
        return element

    def pop_tail(self, limit: int) -> bytes:
        """Remove and return the last element; there is one."""
        if len(self._back) == self._back_dead:
            self._refill_back()
        element = self._back.pop()
        if not self._packed or self._bytes is not None:
            self._removed((element,), limit)
        return element

    def take_head(self, count: int, limit: int) -> list[bytes]:
        """Remove and return the first elements, as many as there are up to a number."""
        taken = self.slice(0, min(count, len(self)))
        self._cut_head(len(taken))
        self._removed(taken, limit)
        return taken

    def take_tail(self, count: int, limit: int) -> list[bytes]:
        """Remove and return the last elements, the last one first."""
        size = len(self)
        taken = self.slice(max(0, size - count), size)
        taken.reverse()
        self._cut_tail(len(taken))
        self._removed(taken, limit)
        return taken

    def keep(self, start: int, stop: int, limit: int) -> None:
        """Remove all elements outside of a range."""
        size = len(self)
        cut = [(0, start), (stop, size)]
        # The sizes of the removed are subtracted, or those of the kept are summed: whichever is less work.
        removed = [element for low, high in cut for element in self.slice(low, high)] if self._bytes else []
        self._cut_tail(size - stop)
        self._cut_head(start)
        self._removed(removed, limit)

    def _refill_front(self) -> None:
        """Take a chunk from the bottom of the back; the front is empty."""
        self._front[:] = self._back[self._back_dead : self._back_dead + _CHUNK]
        self._front.reverse()
        self._front_dead = 0
        self._back_dead = _bury(self._back, self._back_dead, len(self._front))

    def _refill_back(self) -> None:
        """Take a chunk from the bottom of the front; the back is empty."""
        self._back[:] = self._front[self._front_dead : self._front_dead + _CHUNK]
        self._back.reverse()
        self._back_dead = 0
        self._front_dead = _bury(self._front, self._front_dead, len(self._back))

    def _cut_head(self, count: int) -> None:
        """Remove the first elements."""
        front = self._front
        own = min(count, len(front) - self._front_dead)
        del front[len(front) - own :]
        self._back_dead = _bury(self._back, self._back_dead, count - own)

    def _cut_tail(self, count: int) -> None:
        """Remove the last elements."""
        back = self._back
        own = min(count, len(back) - self._back_dead)
        del back[len(back) - own :]
        self._front_dead = _bury(self._front, self._front_dead, count - own)

    # The middle -------------------------------------------------------------------------------------------

    def replace(self, index: int, element: bytes, limit: int) -> None:
        """Put another element in the place of one."""
        old = self[index]
        self._adds((element,), limit)
        front = len(self._front) - self._front_dead
        if index < front:
            self._front[-1 - index] = element
        else:
            self._back[self._back_dead + index - front] = element
        self._removed((old,), limit)

    def insert(self, index: int, element: bytes, limit: int) -> None:
        """Insert an element in front of the one at a position, or at the end."""
        self._adds((element,), limit)
        front = len(self._front) - self._front_dead
        if index < front:
            self._front.insert(len(self._front) - index, element)
        else:
            self._back.insert(self._back_dead + index - front, element)

    def find(self, element: bytes, *, backwards: bool = False, within: int = 0) -> Iterator[int]:
        """Yield the positions of an element.

        Args:
            element: what to look for.
            backwards: from the tail on.
            within: how many elements to look at at most, 0 for all.
        """
        size = len(self)
        looked_at = min(within or size, size)
        if backwards:
            part = self.slice(size - looked_at, size)
            part.reverse()
            return (size - 1 - place for place in _places(part, element))
        return _places(self.slice(0, looked_at), element)

    def remove(self, element: bytes, count: int, limit: int) -> int:
        """Remove elements that are equal to one, and return how many were.

        Args:
            element: what to remove.
            count: how many at most: the first ones, the last ones if negative, all if 0.
            limit: see the class.
        """
        elements = self.slice(0, len(self))
        places = list(_places(elements, element))
        if count > 0:
            del places[count:]
        elif count < 0:
            del places[:count]
        if places:
            wanted = set(places)
            self._front, self._front_dead, self._back_dead = [], 0, 0
            self._back = [held for place, held in enumerate(elements) if place not in wanted]
            self._removed([element] * len(places), limit)
        return len(places)

    # The encoding -----------------------------------------------------------------------------------------

    def _adds(self, elements: Sequence[bytes], limit: int) -> None:
        """Count elements that are about to be added; become a quicklist when they do not fit."""
        if self._bytes is None:
            return
        if self._packed:
            most = _LISTPACK_LIMITS.get(limit)
            if most is None:
                self._packed = len(self) + len(elements) <= max(limit, 1)
            else:
                # Redis asks before it encodes: the new elements count without headers, and integers as text.
                self._packed = self._bytes + sum(map(len, elements)) <= most
        if not self._packed and len(self) > _most_bytes(limit):
            self._bytes = None
        else:
            self._bytes += _sizes(elements)

    def _removed(self, elements: Sequence[bytes], limit: int) -> None:
        """Count elements that were removed; become a listpack again when half of one is enough for the others."""
        if self._bytes is not None:
            self._bytes -= _sizes(elements)
        elif len(self) * _LEAST_ENTRY <= _most_bytes(limit) // 2:
            self._bytes = FRAME + _sizes(self)
        else:
            return
        if not self._packed:
            most = _LISTPACK_LIMITS.get(limit)
            self._packed = len(self) <= limit // 2 if most is None else self._bytes <= most // 2


def _most_bytes(limit: int) -> int:
    """Return beyond how many bytes or elements no list is a listpack, generously."""
    return _LISTPACK_LIMITS.get(limit) or _LEAST_ENTRY * max(limit, 1)


def _bury(stack: list[bytes], dead: int, count: int) -> int:
    """Remove elements at the bottom of a stack, on top of the dead ones; return how many are dead then."""
    end = dead + count
    if 2 * end >= len(stack):
        del stack[:end]
        return 0
    stack[dead:end] = [b""] * count
    return end


def _places(elements: list[bytes], element: bytes) -> Iterator[int]:
    """Yield the indexes of an element."""
    place = -1
    try:
        while True:
            place = elements.index(element, place + 1)
            yield place
    except ValueError:
        return
