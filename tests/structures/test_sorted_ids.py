"""Sorted ids, against a sorted list."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.structures import sorted_ids
from vermilion.structures.sorted_ids import SortedIds

numbers = st.integers(0, 60)


@given(st.lists(st.tuples(st.sampled_from(["add", "discard", "since"]), numbers), max_size=120))
def test_agrees_with_a_sorted_list(steps: list[tuple[str, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_ids, "CHUNK", 3)
        ids = SortedIds()
        model: list[int] = []
        for step, number in steps:
            if step == "add":
                ids.add(number)
                model = sorted({*model, number})
            elif step == "discard":
                ids.discard(number)
                model = [one for one in model if one != number]
            else:
                assert list(ids.since(number)) == model[bisect_left(model, number) :]
            assert list(ids) == model
            assert len(ids) == len(model)
            assert (ids.first(), ids.last()) == ((model[0], model[-1]) if model else (None, None))


def test_a_copy_is_its_own() -> None:
    ids = SortedIds()
    ids.add(1)
    twin = ids.copy()
    twin.add(2)
    twin.discard(1)
    assert (list(ids), list(twin)) == ([1], [2])


def test_many_chunks() -> None:
    ids = SortedIds()
    many = range(0, 20_000, 2)
    for number in many:
        ids.add(number)
    for number in reversed(range(1, 20_000, 2)):
        ids.add(number)
    assert list(ids) == list(range(20_000))
    for number in many:
        ids.discard(number)
    assert list(ids.since(9_999)) == list(range(9_999, 20_000, 2))
