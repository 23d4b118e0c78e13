"""Databases: looking up, changing, moving and counting."""

from random import Random
from typing import Self

import pytest

from vermilion import errors
from vermilion.clock import ManualClock
from vermilion.errors import RespError
from vermilion.keyspace.audience import EAR_AWAITED
from vermilion.keyspace.database import Database
from vermilion.keyspace.stats import KeyspaceStats
from vermilion.keyspace.value import Text
from vermilion.structures.structure import Structure


class Box(Structure):
    """A structure with one item."""

    type_name = "box"

    def __init__(self, item: bytes = b"") -> None:
        self.item = item

    @property
    def encoding(self) -> str:
        return "cardboard"

    def copy(self) -> Self:
        return type(self)(self.item)


class Crate(Box):
    """A structure that can be empty."""

    def __init__(self) -> None:
        super().__init__(b"")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def stats() -> KeyspaceStats:
    return KeyspaceStats()


@pytest.fixture
def db(clock: ManualClock, stats: KeyspaceStats) -> Database:
    return Database(0, clock, stats, Random(1))


@pytest.fixture
def other(clock: ManualClock, stats: KeyspaceStats) -> Database:
    return Database(1, clock, stats, Random(1))


class TestLookingUp:
    def test_what_counts_as_a_hit_and_as_an_access(
        self, db: Database, clock: ManualClock, stats: KeyspaceStats
    ) -> None:
        db.store(b"k", b"v")
        for look, hits, idle in (
            (db.peek, 0, 1), (db.inspect, 1, 1), (db.touch, 0, 0), (db.lookup, 1, 0), (db.string, 1, 0),
            (db.edit_string, 0, 0),
        ):  # fmt: skip
            clock.advance(ms=1000)
            db.advance_tick()
            db.accessed[b"k"] = db.tick - 1
            before = (stats.hits, stats.misses)
            assert look(b"k") == b"v"
            assert look(b"none") is None
            assert (stats.hits, stats.misses) == (before[0] + hits, before[1] + hits)
            assert db.idle_seconds(b"k") == idle

    def test_nothing_is_an_access_while_touching_is_off(self, db: Database, clock: ManualClock) -> None:
        db.store(b"k", b"v")
        clock.advance(ms=5000)
        db.advance_tick()
        db.touching = False
        db.lookup(b"k")
        db.touch(b"k")
        assert db.idle_seconds(b"k") == 5

    def test_types(self, db: Database) -> None:
        box = Box(b"x")
        db.store(b"box", box)
        db.store(b"str", b"v")
        assert db.find(b"box", Box) is box
        assert db.find(b"none", Box) is None
        for call in (
            lambda: db.find(b"str", Box), lambda: db.string(b"box"), lambda: db.edit_string(b"box"),
            lambda: db.edit(b"str", Box), lambda: db.obtain(b"str", Box),
        ):  # fmt: skip
            with pytest.raises(RespError, match=errors.WRONG_TYPE):
                call()

    @pytest.mark.parametrize("value", [b"12", Text(b"12"), bytearray(b"12"), 12])
    def test_every_form_of_a_string_is_read_as_plain_bytes(self, db: Database, value: object) -> None:
        db.store(b"k", value)
        read = db.string(b"k")
        assert read == b"12"
        assert type(read) is bytes
        assert db.edit_string(b"k") is value

    def test_an_expired_key_is_gone_for_every_look(self, db: Database, clock: ManualClock) -> None:
        for look in (db.peek, db.inspect, db.touch, db.lookup, db.string, db.edit_string, db.remove):
            db.store(b"k", b"v")
            db.expire_at(b"k", clock.now_ms())
            clock.advance(ms=1)
            assert not look(b"k")
            assert (len(db), db.expires, db.accessed) == (0, {}, {})


class TestEditing:
    def test_edit_and_obtain_return_what_is_there(self, db: Database) -> None:
        db.store(b"k", box := Box(b"x"))
        assert db.edit(b"k", Box) is box
        assert db.obtain(b"k", Box) is box
        assert (db.hits, db.misses) == (0, 0)

    def test_obtain_makes_what_edit_does_not_find(self, db: Database) -> None:
        assert db.edit(b"k", Crate) is None
        made = db.obtain(b"k", Crate)
        assert db.edit(b"k", Crate) is made

    def test_another_kind_is_refused(self, db: Database) -> None:
        db.store(b"k", b"text")
        for look in (db.edit, db.obtain):
            with pytest.raises(RespError, match="WRONGTYPE"):
                look(b"k", Crate)
        assert db.peek(b"k") == b"text"


class TestChanging:
    def test_put_keeps_the_time_to_live_and_store_does_not(self, db: Database) -> None:
        db.store(b"k", b"v")
        db.expire_at(b"k", 2**62)
        db.put(b"k", b"w")
        assert db.deadline(b"k") == 2**62
        db.store(b"k", b"x")
        assert db.deadline(b"k") is None

    def test_what_is_edited_is_touched_and_what_is_obtained_exists(
        self, db: Database, clock: ManualClock, stats: KeyspaceStats
    ) -> None:
        assert db.edit(b"k", Box) is None
        box = db.obtain(b"k", Box)
        db.expire_at(b"k", 2**62)
        for look in (db.edit, db.obtain):
            clock.advance(ms=1000)
            db.advance_tick()
            assert look(b"k", Box) is box
            assert db.idle_seconds(b"k") == 0
        assert (db.deadline(b"k"), stats.hits, stats.misses, stats.dirty) == (2**62, 0, 0, 0)

    def test_remove_takes_all_of_a_key(self, db: Database) -> None:
        db.store(b"k", b"v")
        db.expire_at(b"k", 2**62)
        assert db.remove(b"k")
        assert not db.remove(b"k")
        assert (db.data, db.expires, db.accessed) == ({}, {}, {})

    def test_transfer_takes_the_time_to_live_along(self, db: Database, other: Database) -> None:
        db.store(b"k", b"v")
        db.expire_at(b"k", 2**62)
        other.store(b"l", b"old")
        other.expire_at(b"l", 2**61)
        db.transfer(b"k", other, b"l")
        assert (len(db), other.data, other.expires) == (0, {b"l": b"v"}, {b"l": 2**62})
        other.transfer(b"l", other, b"m")
        assert (other.data, other.expires) == ({b"m": b"v"}, {b"m": 2**62})

    def test_clear(self, db: Database) -> None:
        db.store(b"a", b"v")
        db.store(b"b", b"v")
        db.expire_at(b"b", 2**62)
        assert db.clear() == 2
        assert (len(db), db.keys(), db.random_key(), db.scan(0, 10)) == (0, [], None, (0, []))
        assert db.clear() == 0

    def test_swap(self, db: Database, other: Database, clock: ManualClock) -> None:
        db.store(b"a", b"1")
        other.store(b"b", b"2")
        other.expire_at(b"b", clock.now_ms())
        db.swap(other)
        assert (db.keys(), other.keys()) == ([b"b"], [b"a"])
        clock.advance(ms=200)
        assert db.reclaim(10) == 1

    def test_what_is_noted_counts_and_wakes_nobody(self, db: Database, stats: KeyspaceStats) -> None:
        db.awaited.add(b"k")
        db.listen(EAR_AWAITED, on=True)
        db.noted(b"k", "xgroup-setid", 2)
        assert (stats.dirty, dict(db.audience.ready)) == (2, {})
        db.changed(b"k", "xadd")
        assert (stats.dirty, list(db.audience.ready)) == (3, [(db, b"k")])

    def test_changes_are_counted(self, db: Database, stats: KeyspaceStats) -> None:
        db.changed(b"k", "set")
        stats.reset()
        assert stats.dirty == 1


def test_access_times_of_a_large_database_are_recorded_once_somebody_asks(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vermilion.keyspace.database.ACCESS_LIMIT", 2)
    db = Database(0, clock, KeyspaceStats(), Random(1))
    for key in (b"a", b"b", b"c"):
        db.assign(key, b"")
    db.advance_tick()
    assert not db.accessed
    db.lookup(b"a")
    assert not db.accessed
    assert db.idle_seconds(b"a") == 0
    clock.advance(ms=5_000)
    db.advance_tick()
    db.lookup(b"a")
    clock.advance(ms=2_000)
    assert db.idle_seconds(b"a") == 2
    assert db.idle_seconds(b"b") == 7
