"""What commands on hashes, lists and their like ask of a database: to edit a value, to make one, to place one."""

from random import Random

import pytest

from vermilion import errors
from vermilion.clock import ManualClock
from vermilion.errors import RespError
from vermilion.keyspace.bounded import BoundedDatabase
from vermilion.keyspace.database import Database
from vermilion.keyspace.stats import KeyspaceStats
from vermilion.structures.hash import Hash


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def db(clock: ManualClock) -> Database:
    return Database(0, clock, KeyspaceStats(), Random(1))


def test_edit_finds_what_obtain_made(db: Database, clock: ManualClock) -> None:
    assert db.edit(b"k", Hash) is None
    assert len(db) == 0
    held = db.obtain(b"k", Hash)
    assert db.edit(b"k", Hash) is db.obtain(b"k", Hash) is held
    db.expire_at(b"k", clock.now_ms())
    clock.advance(ms=1)
    assert db.obtain(b"k", Hash) is not held
    assert db.deadline(b"k") is None


def test_edit_and_obtain_refuse_another_kind(db: Database) -> None:
    db.store(b"k", b"v")
    for access in (db.edit, db.obtain):
        with pytest.raises(RespError) as refusal:
            access(b"k", Hash)
        assert refusal.value.message == errors.WRONG_TYPE
    assert db.peek(b"k") == b"v"


def test_editing_is_an_access_but_no_hit(db: Database, clock: ManualClock) -> None:
    db.obtain(b"k", Hash)
    clock.advance(ms=5_000)
    db.advance_tick()
    assert db.idle_seconds(b"k") == 5
    db.edit(b"k", Hash)
    assert db.idle_seconds(b"k") == 0
    assert (db.hits, db.misses) == (0, 0)


def test_what_is_obtained_takes_part_in_eviction(clock: ManualClock) -> None:
    db = BoundedDatabase(2, 0, clock, KeyspaceStats(), Random(1))
    held = [db.obtain(key, Hash) for key in (b"a", b"b", b"a", b"c")]
    assert held[0] is held[2]
    assert sorted(db.data) == [b"a", b"c"]


def test_a_placed_value_has_its_deadlines_and_no_others(db: Database, clock: ManualClock) -> None:
    db.store(b"k", b"v")
    db.expire_at(b"k", clock.now_ms() + 1)
    held = Hash()
    held.set(b"a", b"1")
    held.set(b"b", b"2")
    held.expire_at(b"a", clock.now_ms() + 10)
    db.place(b"k", held, None)
    assert db.deadline(b"k") is None
    db.place(b"other", b"v", clock.now_ms() + 10)
    clock.advance(ms=200)
    assert db.reclaim(9) == 2
    assert db.keys() == [b"k"]
    assert held.fields == {b"b": b"2"}
    assert db.stats.expired_fields == 1


def test_a_hash_whose_fields_have_all_expired_goes_unless_it_is_kept(
    db: Database, clock: ManualClock
) -> None:
    held = db.obtain(b"k", Hash)
    assert db.fields_expired(b"k", held, 1, keep=True)
    assert db.edit(b"k", Hash) is held
    assert not db.fields_expired(b"k", held, 1)
    assert db.edit(b"k", Hash) is None
