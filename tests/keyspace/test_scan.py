"""SCAN's guarantee under any writes, with any number of cursors, against a model that is a set."""

from random import Random

import pytest

from vermilion.clock import ManualClock
from vermilion.keyspace.database import Database
from vermilion.keyspace.stats import KeyspaceStats
from vermilion.structures import scan_order


def database(index: int = 0, clock: ManualClock | None = None) -> Database:
    return Database(index, clock or ManualClock(), KeyspaceStats(), Random(1))


def name(number: int) -> bytes:
    return b"key:%d" % number


def scan_all(db: Database, count: int) -> list[bytes]:
    cursor, found = db.scan(0, count)
    while cursor:
        cursor, page = db.scan(cursor, count)
        found += page
    return found


class Iteration:
    """One SCAN from start to end: what it owes is what has been there all the time."""

    def __init__(self, owed: set[bytes], count: int, entries: int) -> None:
        self.owed = owed
        self.count = count
        self.cursor = 0
        self.calls_left = -(-entries // count) + 1
        self.seen: set[bytes] = set()


class Simulation:
    """A database and its model, under random writes amid several iterations."""

    def __init__(self, seed: int, keys: int) -> None:
        self.chance = Random(seed)
        self.clock = ManualClock()
        self.db = database(clock=self.clock)
        self.keys = keys
        self.live: set[bytes] = set()
        self.iterations: list[Iteration] = []

    def some_keys(self) -> list[bytes]:
        first, step = self.chance.randrange(self.keys), self.chance.randint(1, 5)
        return [name(number) for number in range(first, first + self.chance.randrange(self.keys), step)]

    def gone(self, key: bytes) -> None:
        self.live.discard(key)
        for iteration in self.iterations:
            iteration.owed.discard(key)

    def create(self) -> None:
        for key in self.some_keys():
            self.db.store(key, b"v")
            self.live.add(key)

    def delete(self) -> None:
        for key in self.some_keys():
            assert self.db.remove(key) == (key in self.live)
            self.gone(key)

    def expire(self) -> None:
        for key in self.some_keys()[:5]:
            if key in self.live:
                self.db.expire_at(key, self.clock.now_ms())
                self.gone(key)
        self.clock.advance(ms=1)

    def begin(self) -> None:
        count = self.chance.randint(1, 20)
        entries = len(self.db.data) + len(self.db._order._entries)
        iteration = Iteration(set(self.live), count, entries)
        self.iterations.append(iteration)
        self.go_on(iteration)

    def go_on(self, iteration: Iteration) -> None:
        iteration.cursor, keys = self.db.scan(iteration.cursor, iteration.count)
        assert len(keys) <= iteration.count
        assert set(keys) <= self.live
        iteration.seen.update(keys)
        iteration.calls_left -= 1
        assert iteration.calls_left >= 0, "an iteration ends, whatever is written meanwhile"
        if not iteration.cursor:
            assert iteration.owed <= iteration.seen
            self.iterations.remove(iteration)

    def go_on_with_some(self) -> None:
        for iteration in self.chance.sample(self.iterations, min(3, len(self.iterations))):
            self.go_on(iteration)

    def check(self) -> None:
        self.db.reclaim(self.keys)  # else the scan would, and writes during an iteration may repeat keys
        assert sorted(scan_all(self.db, self.chance.randint(1, 40))) == sorted(self.live)
        key = self.db.random_key()
        assert key in self.live if self.live else key is None
        assert len(self.db._order._ghosts) <= 2 * len(self.db.data) + self.keys + 64

    def run(self, steps: int) -> None:
        actions = [self.create, self.delete, self.delete, self.expire, self.begin, self.check]
        for _ in range(steps):
            self.chance.choice(actions)()
            self.go_on_with_some()


@pytest.mark.parametrize("seed", range(10))
def test_an_iteration_returns_what_was_there_all_the_time(seed: int) -> None:
    Simulation(seed, keys=200).run(300)


@pytest.mark.parametrize("seed", range(10))
def test_the_same_while_compaction_is_always_under_way(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_order, "_SLACK", 0)
    monkeypatch.setattr(scan_order, "_STEP", 2)
    Simulation(seed, keys=60).run(300)


def test_an_iteration_ends_under_a_stream_of_new_keys() -> None:
    db = database()
    for number in range(100):
        db.store(name(number), b"v")
    cursor, calls, fresh = 0, 0, 1000
    while calls == 0 or cursor:
        cursor, _ = db.scan(cursor, 10)
        calls += 1
        for _ in range(50):
            db.store(name(fresh), b"v")
            db.remove(name(fresh - 60))
            fresh += 1
    assert calls == 10


def test_a_key_created_again_stands_once_in_the_order() -> None:
    db = database()
    db.store(b"other", b"v")
    for _ in range(10):
        db.store(b"key", b"v")
        assert db.remove(b"key")
    db.store(b"key", b"v")
    assert sorted(scan_all(db, 100)) == [b"key", b"other"]


def test_a_cursor_of_another_database_begins_again() -> None:
    one, two = database(0), database(1)
    for number in range(20):
        one.store(name(number), b"v")
        two.store(name(19 - number), b"v")
    cursor, seen = one.scan(0, 5)
    one.swap(two)
    while cursor:
        cursor, keys = one.scan(cursor, 5)
        seen += keys
    assert set(seen) == {name(number) for number in range(20)}


@pytest.mark.parametrize("cursor", [1, 99, 2**40, 2**63, 2**64 - 1])
def test_any_cursor_is_safe(cursor: int) -> None:
    db = database()
    db.store(b"a", b"v")
    assert db.scan(cursor, 10) == (0, [b"a"])


def test_every_key_is_as_likely_as_any_other() -> None:
    db = database()
    for number in range(40):
        db.store(name(number), b"v")
    for number in range(30):
        db.remove(name(number))
    drawn = [db.random_key() for _ in range(10_000)]
    for number in range(30, 40):
        assert 800 < drawn.count(name(number)) < 1200
