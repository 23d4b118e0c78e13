"""How many bytes of this process are in use: what the allocators have handed out, whatever the pages they keep.

    resident = in use + free in the heap of the C library + free in CPython's own arenas

A deleted value leaves a hole that the next one fills: the resident size does not fall, and says nothing about how
much room there is. The C library counts the bytes that it has handed out (`mallinfo2`), for everything of more
than 512 bytes and for tables. CPython serves smaller objects from arenas of its own and counts blocks, not bytes:
the mean size of a block is taken whenever the arenas have grown, as they are full then, and each block counts as
the mean afterwards. Growth that holes could not serve thus raises the mean, so that fragmentation counts as used.

Without glibc (musl, macOS, Windows) the resident size is all there is.
"""

import sys
from typing import TYPE_CHECKING, Final

from vermilion.engine import process

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable

_GROWTH: Final = 1 << 18
"""Arenas have grown when they have by this much; less is other memory of the process."""

_SMALLEST_BLOCK: Final = 16
_LARGEST_BLOCK: Final = 512


class Heap:
    """The allocators of this process.

    LLM Context:
        - Nothing is loaded before the first question, so that a server which has no limit starts without ctypes.
        - The figure is never larger than what is resident.
        - A question takes microseconds, and milliseconds where tens of thousands of holes are to be counted.
    """

    __slots__ = ("_ask", "_highest", "_loaded", "_mean", "_trim")

    def __init__(self) -> None:
        self._ask: Callable[[], ctypes.Structure] | None = None
        self._trim: Callable[[int], int] | None = None
        self._loaded = False
        self._mean = 0.0
        self._highest = 0

    def private(self) -> int:
        """Return the resident bytes that are the process's own; this takes some microseconds at most."""
        return process.memory().used

    def used(self, private: int) -> int:
        """Return the bytes in use.

        Args:
            private: the resident bytes that are the process's own, as `private` tells them.
        """
        if not self._loaded:
            self._load()
        if self._ask is None:
            return private
        held = self._ask()
        system: int = held.arena + held.hblkhd
        handed_out: int = held.uordblks + held.hblkhd
        blocks = sys.getallocatedblocks()
        arenas = private - system
        if arenas > self._highest + _GROWTH or not self._mean:
            self._mean = min(max(arenas / blocks, _SMALLEST_BLOCK), _LARGEST_BLOCK)
            self._highest = arenas  # for good: what grows again after a fall has holes, and is not full
        elif handed_out + blocks * self._mean > private:
            self._mean = max(
                (private - handed_out) / blocks, 0.0
            )  # no block can be larger than that on average
        return min(private, handed_out + int(blocks * self._mean))

    def trim(self) -> None:
        """Give free pages back to the system, as far as the C library can."""
        if not self._loaded:
            self._load()
        if self._trim is not None:
            self._trim(0)

    def _load(self) -> None:
        """Find the C library's books, where there are any."""
        self._loaded = True
        try:
            import ctypes  # noqa: PLC0415  # takes a tenth of the time of a start, and only a limit needs it

            class Counts(ctypes.Structure):
                """`struct mallinfo2` of malloc.h."""

                _fields_ = [  # ctypes reads it once
                    (name, ctypes.c_size_t)
                    for name in (
                        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
                        "fordblks", "keepcost",
                    )
                ]  # fmt: skip

            library = ctypes.CDLL(None)
            library.mallinfo2.restype = Counts
            self._ask, self._trim = library.mallinfo2, library.malloc_trim
        except (ImportError, OSError, AttributeError, TypeError):
            return
