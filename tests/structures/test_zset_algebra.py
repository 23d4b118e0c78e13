"""Unions, intersections and differences of scores."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.structures import zset_algebra as algebra
from vermilion.structures.zset_algebra import AGGREGATES, Ones

SUM, MIN, MAX = (AGGREGATES[word] for word in (b"SUM", b"MIN", b"MAX"))
score_maps = st.lists(
    st.dictionaries(st.binary(max_size=1), st.integers(-9, 9).map(float), max_size=6), min_size=1, max_size=4
)


@given(score_maps, st.sampled_from([(SUM, sum), (MIN, min), (MAX, max)]))
def test_union_and_intersection(sources: list[dict[bytes, float]], kinds: tuple) -> None:  # type: ignore[type-arg]
    aggregate, whole = kinds
    ones = [1.0] * len(sources)
    members = {member for scores in sources for member in scores}
    everywhere = {member for member in members if all(member in scores for scores in sources)}
    expected = {
        member: whole([scores[member] for scores in sources if member in scores]) for member in members
    }
    assert algebra.union(sources, ones, aggregate) == expected
    assert algebra.intersection(sources, ones, aggregate) == {
        member: expected[member] for member in everywhere
    }
    assert algebra.count_intersection(sources, 0) == len(everywhere)
    assert algebra.count_intersection(sources, 2) == min(2, len(everywhere))


@given(score_maps)
def test_difference(sources: list[dict[bytes, float]]) -> None:
    first, *others = sources
    expected = {member: first[member] for member in first.keys() - set().union(*others)}
    assert algebra.difference(sources) == expected


def test_what_is_not_a_number_is_0() -> None:
    assert algebra.union([{b"a": inf}, {b"a": -inf}], [1, 1], SUM) == {b"a": 0}
    assert algebra.union([{b"a": inf, b"b": 2.0}], [0], SUM) == {b"a": 0, b"b": 0}
    assert algebra.intersection([{b"a": 0.0}, {b"a": 5.0}], [inf, 1], MIN) == {b"a": 0}


def test_weights_belong_to_their_sources() -> None:
    sources = [{b"a": 1.0, b"b": 1.0, b"c": 1.0}, {b"a": 10.0}, {b"a": 100.0, b"b": 100.0}]
    assert algebra.intersection(sources, [1, 2, 3], SUM) == {b"a": 321}
    assert algebra.union(sources, [1, 2, 3], SUM) == {b"a": 321, b"b": 301, b"c": 1}


def test_members_of_sets_have_a_score_of_1() -> None:
    ones = Ones({b"a": None, b"b": None})
    assert dict(ones) == {b"a": 1.0, b"b": 1.0}
    assert (ones.get(b"x"), len(ones)) == (None, 2)
    assert algebra.intersection([ones, {b"a": 5.0}], [2, 1], SUM) == {b"a": 7}
    with pytest.raises(KeyError):
        ones[b"x"]


def test_sources_are_left_as_they_are() -> None:
    source = {b"a": 1.0}
    algebra.union([source, {b"a": 2.0, b"b": 1.0}], [3, 1], SUM)
    assert source == {b"a": 1.0}
