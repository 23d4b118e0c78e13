"""Hashes against a model that is a dict, and the chances that they give to each field."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.structures.hash import HASHTABLE, LISTPACK, LISTPACK_EX, Hash


def name(number: int) -> bytes:
    return b"field:%d" % number


def filled(count: int, *, table: bool = False) -> Hash:
    held = Hash()
    for number in range(count):
        held.set(name(number), b"%d" % number)
    if table:
        held.fit((), 0, 64)
    return held


def scan_all(held: Hash, count: int, now_ms: int = 0) -> list[bytes]:
    random = Random(1)
    cursor, found = held.scan(0, count, None, random, now_ms)
    while cursor:
        cursor, page = held.scan(cursor, count, None, random, now_ms)
        found += page
    return found


BOTH = pytest.mark.parametrize("table", [False, True])


class TestEncoding:
    def test_a_listpack_is_left_by_too_many_fields_or_too_long_a_word(self) -> None:
        held = filled(3)
        held.fit((b"f", b"v"), 3, 1)
        assert held.encoding == LISTPACK
        held.fit((b"f", b"v"), 2, 1)
        assert held.encoding == HASHTABLE
        for words in ((b"ff", b"v"), (b"f", b"vv"), (b"f", b"1", b"f", b"2")):
            held = filled(1)
            held.fit(words, 1, 1)
            assert held.encoding == HASHTABLE

    def test_it_never_goes_back(self) -> None:
        held = filled(3, table=True)
        held.remove(name(1))
        held.expect_deadlines()
        held.expire_at(name(0), 1)
        assert held.encoding == held.copy().encoding == HASHTABLE
        held = filled(1)
        held.expect_deadlines()
        assert held.encoding == held.copy().encoding == LISTPACK_EX

    def test_a_listpackex_is_read_by_deadline(self) -> None:
        held = filled(5)
        held.expect_deadlines()
        for number, deadline in ((3, 20), (1, 10), (4, 20)):
            held.expire_at(name(number), deadline)
        assert held.live(0) == list(map(name, (1, 4, 3, 0, 2)))
        held.persist(name(4))
        held.set(name(1), b"new")
        assert held.live(0) == list(map(name, (3, 0, 2, 4, 1)))
        assert held.items(0)[name(1)] == b"new"


class TestDeadlines:
    def test_a_field_lives_through_the_millisecond_of_its_deadline(self) -> None:
        held = filled(2)
        held.expire_at(name(0), 10)
        assert held.live(10) == [name(0), name(1)]
        assert held.live(11) == [name(1)]
        assert held.reclaim(10, 9) == held.reclaim_some([name(0)], 10) == 0
        assert held.reclaim(11, 9) == 1
        assert len(held) == 1

    def test_reclaiming_stops_at_the_limit_and_forgets_nothing(self) -> None:
        held = filled(100, table=True)
        for number in range(100):
            held.expire_at(name(number), 1000 + number)
        counts = []
        while count := held.reclaim(1061, 7):
            counts.append(count)
        assert counts == [7] * 8 + [5]
        assert held.earliest is not None
        assert held.earliest <= 1061
        assert held.reclaim(5000, 99) == 39
        assert held.earliest is None

    def test_reclaiming_some_leaves_the_others(self) -> None:
        held = filled(3)
        held.expire_at(name(0), 1)
        held.expire_at(name(1), 1)
        assert held.reclaim_some([name(0), name(0), name(2), b"missing"], 5) == 1
        assert list(held.fields) == [name(1), name(2)]

    def test_without_deadlines_there_is_nothing_to_reclaim(self) -> None:
        held = filled(2)
        assert held.earliest is None
        assert held.deadline(name(0)) is None
        assert not held.persist(name(0))
        assert held.reclaim(10**15, 9) == held.reclaim_some([name(0)], 10**15) == 0

    def test_a_copy_has_its_own(self) -> None:
        held = filled(2)
        held.expire_at(name(0), 5)
        other = held.copy()
        other.persist(name(0))
        other.set(name(1), b"new")
        assert (held.deadline(name(0)), held.fields[name(1)]) == (5, b"1")
        held.expire_at(name(1), 5)
        assert other.deadline(name(1)) is None
        assert other.reclaim(99, 9) == 0


names = st.integers(0, 12).map(name)
words = st.sampled_from([b"", b"1", b"22"])
calls = st.lists(
    st.one_of(
        st.tuples(st.just("set"), names, words),
        st.tuples(st.just("update"), st.lists(st.tuples(names, words), max_size=4), st.just(0)),
        st.tuples(st.just("put"), names, words),
        st.tuples(st.just("remove"), names, st.just(0)),
        st.tuples(st.just("expire"), names, st.integers(-200, 1000)),
        st.tuples(st.just("persist"), names, st.just(0)),
        st.tuples(st.just("advance"), st.just(b""), st.integers(0, 300)),
        st.tuples(st.just("reclaim"), st.just(b""), st.integers(1, 5)),
        st.tuples(st.just("convert"), st.just(b""), st.just(0)),
        st.tuples(st.just("scan"), st.just(b""), st.integers(1, 5)),
        st.tuples(st.just("copy"), st.just(b""), st.just(0)),
    ),
    max_size=60,
)


class Model:
    """A hash and what it should be: values and deadlines."""

    def __init__(self) -> None:
        self.held = Hash()
        self.values: dict[bytes, bytes] = {}
        self.deadlines: dict[bytes, int] = {}
        self.now = 1000

    def alive(self) -> dict[bytes, bytes]:
        return {
            field: value
            for field, value in self.values.items()
            if self.deadlines.get(field, self.now) >= self.now
        }

    def set(self, field: bytes, value: bytes) -> None:
        assert self.held.set(field, value) == (field not in self.values)
        self.values[field] = value
        self.deadlines.pop(field, None)

    def update(self, pairs: list[tuple[bytes, bytes]], _: int) -> None:
        new = {field for field, _ in pairs} - self.values.keys()
        assert self.held.update([word for pair in pairs for word in pair]) == len(new)
        for field, value in pairs:
            self.values[field] = value
            self.deadlines.pop(field, None)

    def put(self, field: bytes, value: bytes) -> None:
        self.held.put(field, value)
        self.values[field] = value

    def remove(self, field: bytes, _: int) -> None:
        assert self.held.remove(field) == (self.values.pop(field, None) is not None)
        self.deadlines.pop(field, None)

    def expire(self, field: bytes, distance: int) -> None:
        if field in self.values:
            self.held.expire_at(field, self.now + distance)
            self.deadlines[field] = self.now + distance

    def persist(self, field: bytes, _: int) -> None:
        assert self.held.persist(field) == (self.deadlines.pop(field, None) is not None)

    def advance(self, _: bytes, ms: int) -> None:
        self.now += ms

    def reclaim(self, _: bytes, limit: int) -> None:
        dead = len(self.values) - len(self.alive())
        assert self.held.reclaim(self.now, limit) == min(dead, limit)
        self.values = {field: self.values[field] for field in self.held.fields}
        self.deadlines = {field: at for field, at in self.deadlines.items() if field in self.values}

    def convert(self, _: bytes, __: int) -> None:
        self.held.fit((), 0, 0) if self.values else self.held.expect_deadlines()

    def scan(self, _: bytes, count: int) -> None:
        assert sorted(scan_all(self.held, count, self.now)) == sorted(self.alive())

    def copy(self, _: bytes, __: int) -> None:
        self.held = self.held.copy()

    def check(self) -> None:
        held = self.held
        assert held.fields == self.values
        assert (held.deadlines or {}) == self.deadlines
        assert held.items(self.now) == self.alive()
        assert sorted(held.live(self.now)) == sorted(self.alive())
        if self.deadlines:
            assert held.earliest is not None
            assert held.earliest <= min(self.deadlines.values())


@given(calls)
def test_agrees_with_a_model(sequence: list[tuple[str, bytes, int]]) -> None:
    model = Model()
    for action, *arguments in sequence:
        getattr(model, action)(*arguments)
        model.check()


class TestChance:
    @BOTH
    def test_every_field_is_as_likely_as_any_other(self, table: bool) -> None:
        held = filled(40, table=table)
        random = Random(1)
        held.pick(random)
        for number in range(30):
            held.remove(name(number))
        held.set(name(3), b"again")
        live = [3, *range(30, 40)]
        drawn = Counter(held.pick(random) for _ in range(11_000))
        assert set(drawn) == set(map(name, live))
        assert all(850 < count < 1150 for count in drawn.values())
        many = Counter(held.pick_many(random, 11_000))
        assert all(850 < many[name(number)] < 1150 for number in live)

    @BOTH
    @pytest.mark.parametrize("count", [1, 5, 30, 59, 60, 61])
    def test_a_sample_is_of_different_fields_each_as_likely(self, table: bool, count: int) -> None:
        held = filled(60, table=table)
        random = Random(1)
        drawn: Counter[bytes] = Counter()
        for _ in range(600):
            fields = held.sample(random, count)
            assert len(set(fields)) == len(fields) == min(count, 60)
            drawn.update(fields)
        mean = 10 * min(count, 60)
        assert all(abs(drawn[name(number)] - mean) <= 5 * mean**0.5 for number in range(60))

    def test_a_few_of_many_are_drawn_one_by_one(self) -> None:
        held = filled(1000, table=True)
        assert set(held.pick_many(Random(1), 20)) <= held.fields.keys()


class TestScan:
    def test_the_first_scan_has_little_to_catch_up_with(self) -> None:
        pairs = [word for number in range(5000) for word in (name(number), b"v")]
        one_by_one, at_once, run, arithmetic = (filled(1, table=True) for _ in range(4))
        for number in range(5000):
            one_by_one.set(name(number), b"v")
            arithmetic.put(name(number), b"1")
        at_once.update(pairs)
        run.set_many(pairs[::2], pairs[1::2])
        converted = Hash()
        converted.update(pairs)
        converted.fit(pairs[:2], 1, 1)
        for held in (one_by_one, at_once, run, arithmetic, converted, converted.copy()):
            assert held._order is not None
            assert len(held) - len(held._order) < 4096
            assert sorted(scan_all(held, 999)) == sorted(held.fields)

    def test_a_small_hash_is_returned_at_once(self) -> None:
        cursor, fields = filled(50).scan(0, 1, None, Random(1), 0)
        assert cursor == 0
        assert len(fields) == 50

    @pytest.mark.parametrize("seed", range(10))
    def test_an_iteration_returns_what_was_there_all_the_time(self, seed: int) -> None:
        chance = Random(seed)
        held = filled(200, table=True)
        for _ in range(10):
            owed = set(held.fields)
            count = chance.randint(1, 30)
            cursor, page = held.scan(0, count, None, chance, 0)
            seen = set(page)
            while cursor:
                for _ in range(chance.randint(0, 20)):
                    field = name(chance.randrange(300))
                    if chance.random() < 0.5:
                        held.set(field, b"v")
                    else:
                        held.remove(field)
                        owed.discard(field)
                cursor, page = held.scan(cursor, count, None, chance, 0)
                assert len(page) <= count
                seen.update(page)
            assert owed <= seen

    def test_a_cursor_of_another_hash_begins_again(self) -> None:
        random = Random(1)
        cursor, _ = filled(100, table=True).scan(0, 60, None, random, 0)
        assert 0 < cursor < 2**63
        other = filled(100, table=True)
        found: list[bytes] = []
        while cursor:
            cursor, page = other.scan(cursor, 10, None, random, 0)
            found += page
        assert sorted(found) == sorted(other.fields)

    def test_what_has_fallen_due_and_what_does_not_match_is_left_out(self) -> None:
        held = filled(30, table=True)
        held.expire_at(name(1), 5)
        _, page = held.scan(0, 100, lambda field: field.endswith(b"1"), Random(1), 6)
        assert sorted(page) == [name(11), name(21)]
