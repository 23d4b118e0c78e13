"""The longest common subsequence of two strings, bit-parallel.

One row of the classic table is one big integer: bit j of `rows[i]` is 0 where the length grows between columns
j and j + 1 of row i. A row follows from the one before by an addition (Crochemore et al. 2001, after Allison and
Dix 1986), so that a table of n x m costs n additions of m bits instead of n * m steps. Walking back needs only
the bits: where the characters differ, the length grew in this row exactly if its bit is 0.
"""

from collections.abc import Sequence
from typing import NamedTuple


class Match(NamedTuple):
    """A run that both strings share: inclusive ranges in each."""

    first: tuple[int, int]
    second: tuple[int, int]

    @property
    def length(self) -> int:
        """How many bytes the run has."""
        return self.first[1] - self.first[0] + 1


def table(first: bytes, second: bytes) -> list[int]:
    """Return the rows of the table, `len(first) + 1` of them."""
    mask = (1 << len(second)) - 1
    where: dict[int, int] = {}
    for position, byte in enumerate(second):
        where[byte] = where.get(byte, 0) | 1 << position
    row = mask
    rows = [row]
    for byte in first:
        common = row & where.get(byte, 0)
        row = ((row + common) | (row - common)) & mask
        rows.append(row)
    return rows


def length(rows: Sequence[int], second: bytes) -> int:
    """Return the length of the longest common subsequence."""
    return len(second) - rows[-1].bit_count()


def matches(rows: Sequence[int], first: bytes, second: bytes) -> list[Match]:
    """Return the runs of one longest common subsequence, from the end of the strings to their beginning."""
    found: list[Match] = []
    i, j = len(first), len(second)
    start: tuple[int, int] | None = None
    end = (0, 0)
    while i and j:
        if first[i - 1] == second[j - 1]:
            if start is None:
                end = (i - 1, j - 1)
            i -= 1
            j -= 1
            start = (i, j)
            continue
        if start is not None:
            found.append(Match((start[0], end[0]), (start[1], end[1])))
            start = None
        if rows[i] >> (j - 1) & 1:
            j -= 1
        else:
            i -= 1
    if start is not None:
        found.append(Match((start[0], end[0]), (start[1], end[1])))
    return found
