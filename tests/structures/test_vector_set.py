"""Vector sets, against a dict of elements and a search by definition."""

import math
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vermilion.structures.vector_set import VectorSet
from vermilion.structures.vectors import F32, INT8

elements = st.sampled_from([b"%d" % number for number in range(12)])
vectors = st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(1, 3))


def similarity(left: tuple[int, ...], right: tuple[int, ...]) -> float:
    product = sum(a * b for a, b in zip(left, right, strict=True))
    return 0.5 + product / math.hypot(*left) / math.hypot(*right) / 2


class Machine(RuleBasedStateMachine):
    """Any changes, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.random = Random(1)
        self.set = VectorSet(3, F32, 4)
        self.model: dict[bytes, tuple[int, ...]] = {}
        self.attributes: dict[bytes, bytes] = {}

    @rule(element=elements, vector=vectors)
    def add(self, element: bytes, vector: tuple[int, ...]) -> None:
        assert self.set.add(element, vector, self.random) == (element not in self.model)
        self.model[element] = vector

    @rule(element=elements)
    def remove(self, element: bytes) -> None:
        assert self.set.remove(element) == (self.model.pop(element, None) is not None)
        self.attributes.pop(element, None)

    @rule(element=elements, attribute=st.sampled_from([b"", b"x"]), keep=st.booleans())
    def describe(self, element: bytes, attribute: bytes, keep: bool) -> None:
        assert self.set.describe(element, attribute, keep_empty=keep) == (element in self.model)
        if element in self.model:
            self.attributes[element] = attribute
            if not attribute and not keep:
                del self.attributes[element]

    @rule()
    def go_on_with_a_copy(self) -> None:
        left = self.set
        self.set = left.copy()
        left.add(b"another", [1, 1, 1], self.random)
        left.attributes[b"another"] = b"y"

    @rule(vector=vectors, most=st.integers(1, 15))
    def search(self, vector: tuple[int, ...], most: int) -> None:
        found = list(self.set.search(vector, most))
        expected = sorted((similarity(vector, held) for held in self.model.values()), reverse=True)
        assert [each.score for each in found] == pytest.approx(expected[:most], abs=1e-6)
        assert len({each.element for each in found}) == len(found)
        for each in found:
            assert each.score == pytest.approx(similarity(vector, self.model[each.element]), abs=1e-6)

    @invariant()
    def all_agree(self) -> None:
        assert len(self.set) == len(self.model)
        assert self.set.attributes == self.attributes
        for element, vector in self.model.items():
            assert element in self.set
            assert self.set.vector(element) == pytest.approx(vector, abs=1e-5)
        assert set(self.set.sample(99, self.random)) == set(self.model)
        if self.model:
            assert self.set.pick(self.random) in self.model
            assert set(self.set.choices(9, self.random)) <= set(self.model)

    @invariant()
    def links_are_the_nearest_of_a_layer(self) -> None:
        for element, vector in self.model.items():
            layers = self.set.neighbours(element)
            assert layers is not None
            assert len(layers) <= self.set.highest_level + 1
            rows = self.set._rows
            scores = {
                other: similarity(vector, held) for other, held in self.model.items() if other != element
            }
            nearest = sorted(scores, key=lambda other: scores[other], reverse=True)
            earlier = [other for other in nearest if rows[other] < rows[element]][:4]
            later = [other for other in nearest if rows[other] > rows[element]]
            expected = sorted((scores[other] for other in earlier + later), reverse=True)
            assert [each.score for each in layers[-1]] == pytest.approx(expected[:8], abs=1e-6)
            for upper, lower in pairwise(layers):
                assert len(upper) <= 4
                assert element not in {each.element for each in upper}
                if len(lower) < 4:
                    assert {each.element for each in upper} <= {each.element for each in lower}


Machine.TestCase.settings = settings(max_examples=20, stateful_step_count=25)
TestVectorSet = Machine.TestCase


def test_a_quarter_of_a_layer_is_in_the_next_one() -> None:
    random = Random(2)
    held = VectorSet(1, INT8)
    for number in range(4000):
        held.add(b"%d" % number, [number - 2000], random)
    layers = [len(held.neighbours(b"%d" % number) or ()) for number in range(400)]
    assert layers.count(1) == pytest.approx(300, abs=40)
    assert layers.count(2) == pytest.approx(75, abs=30)
    assert 4 <= held.highest_level <= 10


def test_what_is_not_there() -> None:
    held = VectorSet(2, F32)
    assert held.vector(b"a") is None
    assert held.neighbours(b"a") is None
    assert held.highest_level == 0
    assert held.sample(5, Random(1)) == []


@settings(max_examples=20)
@given(st.data())
def test_every_vector_finds_itself_first(data: st.DataObject) -> None:
    random = Random(data.draw(st.integers(0, 1000)))
    held = VectorSet(16, INT8)
    known = {b"%d" % number: [random.gauss(0, 1) for _ in range(16)] for number in range(30)}
    for element, vector in known.items():
        held.add(element, vector, random)
    element = data.draw(st.sampled_from(sorted(known)))
    [best] = held.search(known[element], 1)
    assert best.element == element
    assert best.score > 0.99
