"""Sorted sets, against a dict that is sorted anew for each question."""

from itertools import pairwise
from math import inf
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vermilion.structures import zset as module
from vermilion.structures.zset import Entry, LexCut, ScoreCut, ZSet

few_scores = st.sampled_from([-inf, -2.5, 0.0, 1.0, 1.0000000000000002, 3.0, inf])
few_members = st.integers(0, 60).map(lambda number: b"%02d" % number)


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> object:
    """Blocks of a few entries, so that a test meets all of their seams."""
    patch = pytest.MonkeyPatch()
    patch.setattr(module, "_LONGEST", 6)
    patch.setattr(module, "_SHORTEST", 2)
    yield
    patch.undo()


def check(zset: ZSet, model: dict[bytes, float]) -> None:
    """Compare everything that a sorted set says, and see that its tables agree with each other."""
    entries = sorted((score, member) for member, score in model.items())
    assert list(zset) == entries == zset.entries(0, len(model) + 5)
    assert len(zset) == len(entries)
    assert all(zset._scores)
    assert list(zset._tops) == [block[-1] for block in zset._scores]
    assert list(map(len, zset._scores)) == list(map(len, zset._members))
    assert [zset.rank(member) for _, member in entries] == list(range(len(entries)))
    assert all(len(block) <= module._LONGEST for block in zset._scores)


class Machine(RuleBasedStateMachine):
    """Any changes, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.zset = ZSet()
        self.zset.packed = False
        self.model: dict[bytes, float] = {}

    @rule(member=few_members, score=few_scores)
    def put(self, member: bytes, score: float) -> None:
        if member in self.model:
            self.zset.update(member, score)
        else:
            self.zset.add(member, score)
        self.model[member] = score

    @rule(members=st.lists(few_members), score=few_scores)
    def put_many(self, members: list[bytes], score: float) -> None:
        for member in members:
            self.put(member, score)

    @rule(member=few_members)
    def remove(self, member: bytes) -> None:
        assert self.zset.remove(member) == (self.model.pop(member, None) is not None)

    @rule(start=st.integers(0, 60), length=st.integers(0, 30))
    def remove_span(self, start: int, length: int) -> None:
        gone = sorted((score, member) for member, score in self.model.items())[start : start + length]
        assert self.zset.remove_span((start, min(start + length, len(self.model)))) == gone
        for _, member in gone:
            del self.model[member]

    @rule(member=few_members)
    def rank(self, member: bytes) -> None:
        assert (self.zset.rank(member) is None) == (member not in self.model)

    @rule()
    def begin_a_scan(self) -> None:
        assert set(self.zset.scan(0, 1000)[1]) == set(self.model)

    @rule()
    def go_on_with_a_copy(self) -> None:
        self.zset = self.zset.copy()

    @invariant()
    def agrees(self) -> None:
        check(self.zset, self.model)


Machine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestMachine = Machine.TestCase


def filled(entries: list[Entry]) -> ZSet:
    zset = ZSet.of({member: score for score, member in entries})
    zset.packed = False
    return zset


@given(st.dictionaries(few_members, few_scores), few_scores, st.booleans(), few_scores, st.booleans())
def test_spans_by_score(
    model: dict[bytes, float], low: float, low_after: bool, high: float, high_after: bool
) -> None:
    zset = ZSet.of(model)
    start, stop = zset.span_by_score(ScoreCut(low, low_after), ScoreCut(high, high_after))
    expected = sorted(
        (score, member)
        for member, score in model.items()
        if (score > low if low_after else score >= low) and (score <= high if high_after else score < high)
    )
    assert zset.entries(start, stop) == expected


cuts = st.one_of(
    st.sampled_from([LexCut(b"", after=False, side=-1), LexCut(b"", after=True, side=1)]),
    st.builds(LexCut, few_members, st.booleans()),
)


@given(st.sets(few_members), cuts, cuts, st.booleans(), st.booleans())
def test_spans_by_member(members: set[bytes], low: LexCut, high: LexCut, packed: bool, reverse: bool) -> None:
    zset = ZSet.of(dict.fromkeys(members, 1.0))
    zset.packed = packed
    start, stop = zset.span_by_lex(low, high, reverse=reverse)
    expected = [member for member in sorted(members) if low.precedes(member) and not high.precedes(member)]
    assert [member for _, member in zset.entries(start, stop)] == expected


def test_members_of_several_scores_are_gone_through_from_where_the_range_begins() -> None:
    zset = ZSet.of({b"b": 1, b"a": 2, b"c": 3, b"b2": 4})
    low, high = LexCut(b"b", after=False), LexCut(b"b9", after=True)
    assert zset.span_by_lex(low, high) == (0, 2)
    assert zset.span_by_lex(low, high, reverse=True) == (2, 4)


def test_a_packed_one_outgrows_its_form_for_good() -> None:
    zset = ZSet()
    zset.add(b"a", -0.0)
    zset.outgrow(3, 5, 3, 5)
    assert (zset.encoding, str(zset.scores[b"a"])) == ("listpack", "0.0")
    zset.outgrow(1, 6, 3, 5)
    zset.add(b"b", -0.0)
    zset.update(b"a", -0.0)
    assert (zset.encoding, zset.copy().encoding) == ("skiplist", "skiplist")
    assert [str(score) for score in zset.scores.values()] == ["-0.0", "-0.0"]


def test_a_copy_is_a_value_of_its_own() -> None:
    zset = filled([(float(number), b"%d" % number) for number in range(20)])
    copy = zset.copy()
    copy.remove(b"3")
    copy.update(b"4", 99.0)
    assert (len(zset), zset.rank(b"4"), len(copy), copy.rank(b"4")) == (20, 4, 19, 18)


def test_a_scan_returns_what_was_there_all_the_time() -> None:
    random = Random(7)
    zset = filled([(float(number), b"%d" % number) for number in range(500)])
    stays = {b"%d" % number for number in range(0, 500, 5)}
    seen: set[bytes] = set()
    cursor, calls = 0, 0
    while True:
        cursor, page = zset.scan(cursor, 7)
        seen.update(page)
        calls += 1
        if not cursor:
            break
        for _ in range(20):
            name = b"%d" % random.randrange(600)
            if name in stays:
                zset.update(name, random.random())
            elif not zset.remove(name):
                zset.add(name, random.random())
    assert stays <= seen
    assert calls >= 500 // 7


def test_a_packed_scan_gives_everything_in_order() -> None:
    zset = ZSet.of({b"b": 1, b"a": 2})
    assert zset.scan(0, 1) == (0, [b"b", b"a"])


def test_blocks_stay_neither_long_nor_many() -> None:
    zset = filled([(float(number), b"%d" % number) for number in range(300)])
    for number in range(0, 300, 3):
        zset.remove_span((number // 3, number // 3 + 2))
    assert len(zset) == 100
    assert len(zset._scores) <= 51
    assert all(low < high for low, high in pairwise(zset))
