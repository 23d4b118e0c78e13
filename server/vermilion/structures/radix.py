"""How many nodes Redis's radix tree has for a set of keys of equal length: what XINFO STREAM shows.

A run of bytes without a fork is one node, a fork is one, and so is the end of each key:

    abcd  abef          "ab" ─ fork ┬ "d" ─ end          2 ends, 1 fork, the run before it
                               c, e └ "f" ─ end          and 2 behind it: 6 nodes

A fork takes one byte of each branch itself, so there is a run only where two forks are further apart than one
byte. Forks are found by the prefixes that neighbours in the sorted order share, with a stack of those open.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

KEY_BYTES: Final = 16


def node_count(keys: Sequence[int]) -> int:
    """Return the number of nodes for sorted, distinct keys of 128 bits.

    Example:
        >>> node_count([]), node_count([1]), node_count([1 << 64, 101 << 64])
        (1, 2, 6)
    """
    if not keys:
        return 1
    shared = [KEY_BYTES - ((a ^ b).bit_length() + 7) // 8 for a, b in pairwise(keys)]
    nodes = 0
    before = -1
    for depth in (*shared, -1):  # ends, each with the run between it and its nearest fork
        nearest = max(before, depth)
        nodes += 2 if nearest + 1 < KEY_BYTES else 1
        before = depth
    forks: list[int] = []
    for depth in (*shared, -1):
        while forks and forks[-1] > depth:
            fork = forks.pop()
            parent = max(depth, forks[-1] if forks else -1)
            nodes += 2 if fork > parent + 1 else 1
        if depth >= 0 and (not forks or forks[-1] < depth):
            forks.append(depth)
    return nodes
