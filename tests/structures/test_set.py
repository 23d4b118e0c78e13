"""Sets against a model that is Python's own, and their encodings against what Redis showed."""

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vermilion.structures.set import HASHTABLE, INTSET, LISTPACK, Set, difference, intersection, union


class Limits(NamedTuple):
    set_max_intset_entries: int = 4
    set_max_listpack_entries: int = 6
    set_max_listpack_value: int = 5


LIMITS = Limits()
ROOMY = Limits(512, 128, 64)


def made(words: str, limits: Limits = LIMITS) -> Set:
    held = Set()
    held.add(words.encode().split(), limits)
    return held


def shrunk(words: str, *, by: str) -> Set:
    held = made(words)
    assert held.remove(by.encode().split()) == len(by.split())
    return held


def shown(held: Set) -> tuple[str, bytes]:
    return held.encoding, b" ".join(held.members())


class TestEncodings:
    @pytest.mark.parametrize(
        ("calls", "encoding", "members"),
        [
            (["4 -1 30 2"], INTSET, "-1 2 4 30"),
            (["1 2 3 4 5"], LISTPACK, "1 2 3 4 5"),
            (["1 1 1 1 1"], LISTPACK, "1"),
            (["4 3 2 1", "5"], HASHTABLE, "1 2 3 4 5"),
            (["1", "1 1 1 1 1"], HASHTABLE, "1"),
            (["1 2 3 4 5 6 7"], HASHTABLE, None),
            (["9 7", "x", "1"], LISTPACK, "7 9 x 1"),
            (["1 2 3 4", "a", "b", "c"], HASHTABLE, None),
            (["1 2 3 4 a b"], LISTPACK, "1 2 3 4 a b"),
            (["b a a"], LISTPACK, "b a"),
            (["a a a a a a a"], HASHTABLE, "a"),
            (["a", "a a a a a a a"], HASHTABLE, "a"),
            (["abcde"], LISTPACK, None),
            (["abcdef"], HASHTABLE, None),
            (["a", "abcdef"], HASHTABLE, None),
            (["123456"], INTSET, None),
            (["123456", "a"], HASHTABLE, None),
            (["1", "abcdef"], HASHTABLE, None),
            (["a", "123456"], HASHTABLE, None),
            (["-1234", "a"], LISTPACK, None),
            (["01"], LISTPACK, None),
        ],
    )
    def test_a_set_takes_the_encoding_that_its_members_need(
        self, calls: list[str], encoding: str, members: str | None
    ) -> None:
        held = made(calls[0])
        for call in calls[1:]:
            held.add(call.encode().split(), LIMITS)
        assert held.encoding == encoding
        if members is not None:
            assert b" ".join(held.members()) == members.encode()

    def test_no_limit_is_too_small(self) -> None:
        assert made("1", Limits(0, 6, 5)).encoding == LISTPACK
        assert made("1", Limits(0, 0, 5)).encoding == HASHTABLE
        assert made("a", Limits(4, 0, 5)).encoding == HASHTABLE
        held = made("1")
        held.add([b"a"], Limits(4, 0, 5))
        assert held.encoding == HASHTABLE

    def test_removing_goes_back_to_none(self) -> None:
        assert shown(shrunk("9 5 a", by="a")) == (LISTPACK, b"5 9")
        assert shown(shrunk("a b c d e f g", by="a b c d e f")) == (HASHTABLE, b"g")

    @pytest.mark.parametrize(
        ("words", "count", "encoding"),
        [
            ("a b c d e f g", 5, HASHTABLE),
            ("a b c d e f g", 6, LISTPACK),
            ("1 2 3 4 5 6 7", 6, LISTPACK),
            (" ".join(map(str, range(42))), 34, HASHTABLE),
            (" ".join(map(str, range(42))), 36, LISTPACK),
            (" ".join(f"{number:06}" for number in range(7)), 6, HASHTABLE),
            ("1 2 3 4", 3, INTSET),
            ("a b c d e f", 5, LISTPACK),
        ],
    )
    def test_few_that_are_left_of_many_make_a_new_set(self, words: str, count: int, encoding: str) -> None:
        held = made(words)
        assert len(held.pop_many(count, Random(1), LIMITS)) == count
        assert held.encoding == encoding
        assert len(held.members()) == len(words.split()) - count

    def test_a_copy_has_the_encoding_and_is_a_set_of_its_own(self) -> None:
        held = made("5 3")
        other = held.copy()
        other.add([b"x"], LIMITS)
        assert shown(held) == (INTSET, b"3 5")
        assert shown(other) == (LISTPACK, b"3 5 x")
        assert shrunk("a b c d e f g", by="a b c d e f").copy().encoding == HASHTABLE


class TestOperations:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["1 2", "2 3"], (INTSET, b"1 2 3")),
            (["1 2 3", "5 6 7"], (HASHTABLE, None)),
            (["1 2 3 4 5"], (HASHTABLE, None)),
            (["3 5", "1", "a 2"], (LISTPACK, b"1 3 5 a 2")),
            (["a b", None, "c"], (LISTPACK, b"a b c")),
            ([None, None], (INTSET, b"")),
        ],
    )
    def test_union(self, words: list[str | None], expected: tuple[str, bytes | None]) -> None:
        sets = [None if word is None else made(word) for word in words]
        result = Set.union_set(sets, LIMITS)
        assert result.encoding == expected[0]
        assert expected[1] in {None, shown(result)[1]}
        assert set(union(sets)) == set(result.members())

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["1 2 3", "2 3 4"], (INTSET, b"2 3")),
            (["1 2 3 4 5"], (LISTPACK, b"1 2 3 4 5")),
            (["a b 1 2", "d e f g 2"], (INTSET, b"2")),
            (["z 3 1 y", "y 1 z q"], (LISTPACK, b"z 1 y")),
            (["y 1 z q", "z 3 1 y"], (LISTPACK, b"y 1 z")),
            (["z 3 1 y", "y 1 z"], (LISTPACK, b"y 1 z")),
            (["1 2 3 4 5 6 7"], (HASHTABLE, None)),
            (["a", None], (INTSET, b"")),
        ],
    )
    def test_intersection(self, words: list[str | None], expected: tuple[str, bytes | None]) -> None:
        sets = [None if word is None else made(word) for word in words]
        result = Set.intersection_set(sets, LIMITS)
        assert result.encoding == expected[0]
        assert expected[1] in {None, shown(result)[1]}
        found = intersection(sets)
        assert sorted(found) == sorted(result.members())
        assert intersection(sets, 2) == found[:2]

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["5 3 9 a", "a", "9"], (INTSET, b"3 5")),
            (["a b 1", "b"], (LISTPACK, b"a 1")),
            (["a b c d e f g", "a b c"], (LISTPACK, b"d e f g")),
            (["a b c d e f g", "a", "b", "c"], (HASHTABLE, None)),
            (["a b", None], (LISTPACK, b"a b")),
            ([None, "a"], (INTSET, b"")),
        ],
    )
    def test_difference(self, words: list[str | None], expected: tuple[str, bytes | None]) -> None:
        sets = [None if word is None else made(word) for word in words]
        result = Set.difference_set(sets, LIMITS)
        assert result.encoding == expected[0]
        assert expected[1] in {None, shown(result)[1]}
        assert sorted(difference(sets)) == sorted(result.members())

    def test_nothing_is_left_of_a_set_without_itself(self) -> None:
        held = made("a b")
        assert len(Set.difference_set([held, made("a"), held], LIMITS)) == 0
        assert len(held) == 2

    def test_what_was_large_may_be_stored_small(self) -> None:
        few = shrunk("a b c d e f g", by="c d e f g")
        numbers = shrunk("1 2 a b c d e", by="a b c d e")
        for sets in ([few], [few, few]):
            assert Set.union_set(sets, LIMITS).encoding == LISTPACK
            assert Set.intersection_set(sets, LIMITS).encoding == LISTPACK
        assert Set.difference_set([few], LIMITS).encoding == LISTPACK
        assert Set.union_set([numbers], LIMITS).encoding == INTSET
        assert Set.intersection_set([numbers], LIMITS).encoding == INTSET
        assert Set.difference_set([numbers, None], LIMITS).encoding == INTSET

    @given(st.lists(st.none() | st.sets(st.integers(0, 30), min_size=1), min_size=1, max_size=5))
    def test_they_are_what_they_are_for_plain_sets(self, numbers: list[set[int] | None]) -> None:
        sets = [None if held is None else made(" ".join(map(str, held))) for held in numbers]
        plain = [held or set() for held in numbers]
        expected = set.union(*plain), set.intersection(*plain), plain[0].difference(*plain[1:])
        for results in (
            (union(sets), intersection(sets), difference(sets)),
            (
                Set.union_set(sets, LIMITS).members(),
                Set.intersection_set(sets, LIMITS).members(),
                Set.difference_set(sets, LIMITS).members(),
            ),
        ):
            for result, members in zip(results, expected, strict=True):
                assert sorted(map(int, result)) == sorted(members)


class TestChance:
    @pytest.mark.parametrize("size", [10, 400])
    def test_every_member_is_as_likely_as_any_other(self, size: int) -> None:
        random = Random(5)
        held = Set()
        held.add([b"%d" % number for number in range(2 * size)], ROOMY)
        assert held.pick(random) in held
        held.remove([b"%d" % number for number in range(size)])
        assert len(held) == size
        drawn = Counter(held.pick(random) for _ in range(100 * size))
        assert len(drawn) == size
        assert all(50 < count < 150 for count in drawn.values())
        drawn = Counter(held.choices(3, random)[2] for _ in range(100 * size))
        assert all(50 < count < 150 for count in drawn.values())
        drawn = Counter(held.choices(100 * size, random))
        assert all(50 < count < 150 for count in drawn.values())

    @pytest.mark.parametrize("count", [1, 3, 4, 9])
    def test_every_sample_is_as_likely_as_any_other(self, count: int) -> None:
        random = Random(6)
        drawn = Counter[bytes]()
        popped = Counter[bytes]()
        for _ in range(2000):
            held = made("a b c d e f g h i j")
            sample = held.sample(count, random)
            assert len(set(sample)) == count
            assert len(held) == 10
            drawn.update(sample)
            members = held.pop_many(count, random, LIMITS)
            assert len(set(members)) == count
            assert len(held) == 10 - count
            assert not any(member in held for member in members)
            popped.update(members)
        for counts in (drawn, popped):
            assert len(counts) == 10
            assert all(0.8 * 200 * count < number < 1.2 * 200 * count for number in counts.values())

    @pytest.mark.parametrize("count", [3, 4])
    def test_all_come_in_order_when_no_more_are_there(self, count: int) -> None:
        assert made("5 3 9").sample(count, Random(1)) == [b"3", b"5", b"9"]
        held = made("z y 1")
        held.pick(Random(1))
        assert held.pop_many(count, Random(1), LIMITS) == [b"z", b"y", b"1"]
        assert (len(held), held.scan(0, 1, Random(1))) == (0, (0, []))

    def test_popping_keeps_the_order_of_the_others(self) -> None:
        held = made("f e d c b a")
        members = held.members()
        while held:
            members.remove(held.pop(Random(1)))
            assert held.members() == members


def test_a_cursor_of_another_set_begins_again() -> None:
    first, second = (made(" ".join(words)) for words in ("abcdefghij", "jihgfedcba"))
    random = Random(8)
    cursor, seen = first.scan(0, 4, random)
    while cursor:
        cursor, members = second.scan(cursor, 4, random)
        seen += members
    assert set(seen) == set(second.members())


class Iteration:
    """One SSCAN from start to end: what it owes is what has been there all the time."""

    def __init__(self, owed: set[bytes], count: int) -> None:
        self.owed = owed
        self.count = count
        self.cursor = 0
        self.seen: set[bytes] = set()


NUMBERS = st.integers(0, 40)
CHANCE = st.integers(0, 999).map(Random)
MANY = st.lists(NUMBERS, min_size=1, max_size=30)


class AgainstTheModel(RuleBasedStateMachine):
    """A set and Python's own under the same changes, amid several iterations."""

    def __init__(self) -> None:
        super().__init__()
        self.held = Set()
        self.random = Random(7)
        self.model: set[bytes] = set()
        self.iterations: list[Iteration] = []

    def gone(self, members: Sequence[bytes]) -> None:
        self.model.difference_update(members)
        for iteration in self.iterations:
            iteration.owed.difference_update(members)

    @rule(numbers=MANY, prefix=st.sampled_from([b"", b"", b"m"]))
    def add(self, numbers: list[int], prefix: bytes) -> None:
        members = [b"%b%d" % (prefix, number) for number in numbers]
        new = set(members) - self.model
        assert self.held.add(members, LIMITS) == len(new)
        self.model |= new

    @rule(numbers=MANY, prefix=st.sampled_from([b"", b"m"]))
    def remove(self, numbers: list[int], prefix: bytes) -> None:
        members = [b"%b%d" % (prefix, number) for number in numbers]
        assert self.held.remove(members) == len(set(members) & self.model)
        self.gone(members)

    @precondition(lambda self: self.model)
    @rule(random=CHANCE, count=st.integers(1, 20))
    def pop(self, random: Random, count: int) -> None:
        members = self.held.pop_many(count, random, LIMITS)
        assert len(members) == min(count, len(self.model))
        assert set(members) <= self.model
        self.gone(members)

    @precondition(lambda self: self.model)
    @rule(random=CHANCE)
    def pick(self, random: Random) -> None:
        assert self.held.pick(random) in self.model

    @rule(count=st.integers(1, 12))
    def begin(self, count: int) -> None:
        iteration = Iteration(self.model.copy(), count)
        self.iterations.append(iteration)
        self.go_on(iteration)

    @precondition(lambda self: self.iterations)
    @rule(data=st.data())
    def go_on_with_one(self, data: st.DataObject) -> None:
        self.go_on(data.draw(st.sampled_from(self.iterations)))

    def go_on(self, iteration: Iteration) -> None:
        iteration.cursor, members = self.held.scan(iteration.cursor, iteration.count, self.random)
        assert set(members) <= self.model
        iteration.seen.update(members)
        if not iteration.cursor:
            assert iteration.owed <= iteration.seen
            self.iterations.remove(iteration)

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        assert len(self.held) == len(self.model)
        members = self.held.members()
        assert set(members) == self.model
        if self.held.encoding == INTSET:
            assert members == sorted(members, key=int)


TestAgainstTheModel = AgainstTheModel.TestCase
TestAgainstTheModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
