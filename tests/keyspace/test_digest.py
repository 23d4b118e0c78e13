"""The digest of databases: what it depends on, and what not. That it is Redis's, the corpus shows."""

from random import Random

import pytest

from vermilion.clock import ManualClock
from vermilion.keyspace.database import Database
from vermilion.keyspace.digest import EMPTY, digest_of_databases, digest_of_value, shown
from vermilion.keyspace.stats import KeyspaceStats
from vermilion.structures.hash import Hash


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def databases(clock: ManualClock) -> list[Database]:
    stats = KeyspaceStats()
    return [Database(index, clock, stats, Random(1)) for index in range(2)]


def test_of_nothing_is_zero(databases: list[Database]) -> None:
    assert digest_of_databases(databases) == EMPTY
    assert digest_of_value(databases[0], b"missing") == EMPTY
    assert shown(EMPTY) == b"0" * 40


def test_does_not_depend_on_the_order_of_keys(databases: list[Database]) -> None:
    db = databases[0]
    db.store(b"a", b"1")
    db.store(b"b", b"2")
    before = digest_of_databases(databases)
    db.remove(b"a")
    assert digest_of_databases(databases) != before
    db.store(b"a", b"1")
    assert digest_of_databases(databases) == before


def test_depends_on_the_database(databases: list[Database]) -> None:
    databases[0].store(b"a", b"1")
    first = digest_of_databases(databases)
    databases[0].swap(databases[1])
    assert digest_of_databases(databases) not in {first, EMPTY}


def test_of_a_string_does_not_depend_on_how_it_is_held(databases: list[Database]) -> None:
    db = databases[0]
    digests = set()
    for held in (b"12", 12, bytearray(b"12")):
        db.store(b"k", held)
        digests.add(digest_of_value(db, b"k"))
    assert len(digests) == 1


def test_knows_that_a_key_expires_but_not_when(databases: list[Database], clock: ManualClock) -> None:
    db = databases[0]
    db.store(b"k", b"v")
    lasting = digest_of_value(db, b"k")
    db.expire_at(b"k", clock.now_ms() + 10)
    expiring = digest_of_value(db, b"k")
    db.expire_at(b"k", clock.now_ms() + 20)
    assert digest_of_value(db, b"k") == expiring != lasting
    clock.advance(ms=30)
    assert digest_of_value(db, b"k") == digest_of_databases(databases) == EMPTY


def test_leaves_out_fields_that_have_expired(databases: list[Database], clock: ManualClock) -> None:
    db = databases[0]
    held = Hash()
    held.set(b"a", b"1")
    db.store(b"h", held)
    alone = digest_of_value(db, b"h")
    held.set(b"b", b"2")
    held.expire_at(b"b", clock.now_ms() + 10)
    assert digest_of_value(db, b"h") != alone
    clock.advance(ms=30)
    assert digest_of_value(db, b"h") == alone
