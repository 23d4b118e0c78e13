"""The longest common subsequence, against the textbook's table."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.structures import lcs
from vermilion.structures.lcs import Match

few_letters = st.text("abc", max_size=30).map(str.encode)


def textbook(first: bytes, second: bytes) -> list[list[int]]:
    """The table of lengths, one cell at a time."""
    grid = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, a in enumerate(first, 1):
        for j, b in enumerate(second, 1):
            grid[i][j] = grid[i - 1][j - 1] + 1 if a == b else max(grid[i - 1][j], grid[i][j - 1])
    return grid


def walk(grid: list[list[int]], first: bytes, second: bytes) -> list[tuple[int, int]]:
    """The pairs of positions that a walk back through the table takes, ties going along the second string."""
    pairs = []
    i, j = len(first), len(second)
    while i and j:
        if first[i - 1] == second[j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif grid[i - 1][j] > grid[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return pairs


@given(few_letters | st.binary(max_size=20), few_letters | st.binary(max_size=20))
def test_agrees_with_the_textbook(first: bytes, second: bytes) -> None:
    grid = textbook(first, second)
    rows = lcs.table(first, second)
    assert lcs.length(rows, second) == grid[-1][-1]
    found = lcs.matches(rows, first, second)
    pairs = [
        (match.first[1] - back, match.second[1] - back) for match in found for back in range(match.length)
    ]
    assert pairs == walk(grid, first, second)


@given(few_letters, few_letters)
def test_matches_are_runs_that_cannot_be_joined(first: bytes, second: bytes) -> None:
    found = lcs.matches(lcs.table(first, second), first, second)
    for match in found:
        start, end = match.first
        assert first[start : end + 1] == second[match.second[0] : match.second[1] + 1]
    for later, earlier in pairwise(found):
        gaps = (later.first[0] - earlier.first[1], later.second[0] - earlier.second[1])
        assert min(gaps) >= 1
        assert gaps != (1, 1)


@given(st.binary(max_size=50))
def test_a_string_is_its_own(text: bytes) -> None:
    rows = lcs.table(text, text)
    assert lcs.length(rows, text) == len(text)
    whole = [Match((0, len(text) - 1), (0, len(text) - 1))] if text else []
    assert lcs.matches(rows, text, text) == whole


@pytest.mark.parametrize(("first", "second"), [(b"", b""), (b"a", b""), (b"", b"a"), (b"ab", b"cd")])
def test_nothing_in_common(first: bytes, second: bytes) -> None:
    rows = lcs.table(first, second)
    assert lcs.length(rows, second) == 0
    assert lcs.matches(rows, first, second) == []


def test_the_documentations_example() -> None:
    first, second = b"ohmytext", b"mynewtext"
    rows = lcs.table(first, second)
    assert lcs.matches(rows, first, second) == [Match((4, 7), (5, 8)), Match((2, 3), (0, 1))]
    assert [match.length for match in lcs.matches(rows, first, second)] == [4, 2]
