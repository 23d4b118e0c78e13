"""Lists against a model that is Python's own, and their encoding against what Redis showed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vermilion.structures.list import List

BYTES = -2
ELEMENTS = st.sampled_from([b"a", b"b", b"", b"12", b"-7", b"x" * 30])
COUNTS = st.integers(0, 300)


def made(*elements: bytes, limit: int = BYTES) -> List:
    held = List()
    held.push_tail(elements, limit)
    return held


class Model(RuleBasedStateMachine):
    """Any order of changes leaves what the same changes leave in a Python list; limit 8 makes both encodings."""

    def __init__(self) -> None:
        super().__init__()
        self.held = List()
        self.model: list[bytes] = []

    @rule(elements=st.lists(ELEMENTS, min_size=1, max_size=300), head=st.booleans())
    def push(self, elements: list[bytes], head: bool) -> None:
        if head:
            self.held.push_head(elements, 8)
            self.model[:0] = elements[::-1]
        else:
            self.held.push_tail(elements, 8)
            self.model += elements

    @rule(count=COUNTS, head=st.booleans())
    def pop(self, count: int, head: bool) -> None:
        for _ in range(min(count, len(self.model))):
            if head:
                assert self.held.pop_head(8) == self.model.pop(0)
            else:
                assert self.held.pop_tail(8) == self.model.pop()

    @rule(count=COUNTS, head=st.booleans())
    def take(self, count: int, head: bool) -> None:
        if head:
            assert self.held.take_head(count, 8) == self.model[:count]
            del self.model[:count]
        else:
            assert self.held.take_tail(count, 8) == self.model[::-1][:count]
            del self.model[max(0, len(self.model) - count) :]

    @rule(start=COUNTS, size=COUNTS)
    def keep(self, start: int, size: int) -> None:
        start = min(start, len(self.model))
        stop = min(start + size, len(self.model))
        self.held.keep(start, stop, 8)
        self.model = self.model[start:stop]

    @rule(place=COUNTS, element=ELEMENTS)
    def insert(self, place: int, element: bytes) -> None:
        place = min(place, len(self.model))
        self.held.insert(place, element, 8)
        self.model.insert(place, element)

    @rule(place=COUNTS, element=ELEMENTS)
    def replace(self, place: int, element: bytes) -> None:
        if self.model:
            place %= len(self.model)
            self.held.replace(place, element, 8)
            self.model[place] = element

    @rule(element=ELEMENTS, count=st.integers(-3, 3))
    def remove(self, element: bytes, count: int) -> None:
        places = [place for place, held in enumerate(self.model) if held == element]
        places = places[:count] if count > 0 else places[count:]
        assert self.held.remove(element, count, 8) == len(places)
        for place in reversed(places):
            del self.model[place]

    @rule()
    def copy(self) -> None:
        twin = self.held.copy()
        self.held.push_tail((b"other",), 8)
        self.held = twin

    @invariant()
    def agrees(self) -> None:
        assert len(self.held) == len(self.model)
        assert list(self.held) == self.model
        for start, stop in ((0, 3), (1, len(self.model)), (len(self.model) // 2, len(self.model) - 1)):
            if 0 <= start <= stop <= len(self.model):
                assert self.held.slice(start, stop) == self.model[start:stop]
        for place in {0, len(self.model) // 2, len(self.model) - 1} if self.model else ():
            assert self.held[place] == self.model[place]
        if len(self.model) > 8:
            assert self.held.encoding == "quicklist"
        elif len(self.model) <= 4:
            assert self.held.encoding == "listpack"


TestModel = Model.TestCase


@given(st.lists(ELEMENTS, max_size=60), st.integers(0, 30), ELEMENTS, st.integers(0, 70))
def test_find(elements: list[bytes], split: int, element: bytes, within: int) -> None:
    held = List()
    held.push_tail(elements[split:], BYTES)
    held.push_head(elements[:split][::-1], BYTES)
    places = [place for place, found in enumerate(elements) if found == element]
    near = within or len(elements)
    assert list(held.find(element, within=within)) == [place for place in places if place < near]
    assert list(held.find(element, backwards=True, within=within)) == [
        place for place in reversed(places) if place >= len(elements) - near
    ]


def test_what_is_popped_is_not_kept_alive() -> None:
    held = made(*(b"%d" % number for number in range(1000)))
    for _ in range(300):
        held.pop_head(BYTES)
    assert len(held._front) + sum(map(bool, held._back)) == 700


class TestEncoding:
    @pytest.mark.parametrize(
        ("element", "count"),
        [
            (b"a", 2730), (b"ab" * 10, 373), (b"x" * 63, 126), (b"x" * 64, 123), (b"x" * 100, 80), (b"x" * 200, 41),
            (b"1", 4094), (b"12", 4093), (b"127", 4093), (b"128", 2729), (b"1000", 2729), (b"10000", 2047),
            (b"100000", 1637), (b"12345678", 1364), (b"123456789012345", 819), (b"x" * 8190, 1),
        ],
    )  # fmt: skip
    def test_one_by_one_it_becomes_a_quicklist_where_redis_does(self, element: bytes, count: int) -> None:
        held = List()
        for _ in range(count - 1):
            held.push_head((element,), BYTES)
        assert held.encoding == "listpack"
        held.push_tail((element,), BYTES)
        assert held.encoding == "quicklist"

    def test_a_quicklist_goes_back_at_half_of_the_limit(self) -> None:
        held = made(*[b"ab" * 10] * 1000)
        while held.encoding == "quicklist":
            held.pop_head(BYTES)
        assert len(held) == 185
        held.push_tail([b"ab" * 10] * 150, BYTES)
        assert held.encoding == "listpack"

    def test_a_long_list_is_measured_again_when_it_is_short(self) -> None:
        held = made(*[b"12"] * 100_000)
        held.keep(0, 3000, BYTES)
        assert held.encoding == "quicklist"
        assert len(held.take_tail(1000, BYTES)) == 1000
        assert held.encoding == "listpack"

    @pytest.mark.parametrize(("limit", "most"), [(4, 4), (1, 1), (0, 1), (128, 128)])
    def test_limits_of_elements(self, limit: int, most: int) -> None:
        held = made(*[b"a"] * most, limit=limit)
        assert held.encoding == "listpack"
        held.push_head((b"a",), limit)
        assert held.encoding == "quicklist"

    @pytest.mark.parametrize(
        ("limit", "size"), [(-1, 4096), (-2, 8192), (-3, 16384), (-4, 32768), (-5, 65536)]
    )
    def test_limits_of_bytes(self, limit: int, size: int) -> None:
        assert made(b"x" * (size - 7), limit=limit).encoding == "listpack"
        assert made(b"x" * (size - 6), limit=limit).encoding == "quicklist"
