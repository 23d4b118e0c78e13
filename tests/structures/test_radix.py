"""The nodes of a radix tree, against a tree that is built, and against what a real server showed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.structures.radix import KEY_BYTES, node_count
from vermilion.structures.stream_id import join


def built(keys: list[bytes]) -> int:
    """Count the nodes of the tree of some keys: ends, forks, and the runs between them."""
    if keys == [b""]:
        return 1
    branches = {key[:1]: [other[1:] for other in keys if other[:1] == key[:1]] for key in keys}
    if len(branches) > 1:
        return 1 + sum(built(rest) for rest in branches.values())
    [rest] = branches.values()
    while rest != [b""] and len({key[:1] for key in rest}) == 1:
        rest = [key[1:] for key in rest]
    return 1 + built(rest)


@given(st.sets(st.integers(0, 2**128 - 1) | st.integers(0, 70_000).map(lambda n: n << 64), min_size=1))
def test_agrees_with_a_tree_that_is_built(keys: set[int]) -> None:
    assert node_count(sorted(keys)) == built([key.to_bytes(KEY_BYTES, "big") for key in sorted(keys)])


@pytest.mark.parametrize(
    ("count", "nodes"),
    [(0, 1), (1, 2), (2, 6), (3, 8), (4, 11), (5, 14), (6, 16), (7, 18), (8, 21), (29, 71), (30, 73)],
)
def test_figures_of_a_real_server(count: int, nodes: int) -> None:
    assert node_count([join(1 + 100 * n, 1) for n in range(count)]) == nodes
