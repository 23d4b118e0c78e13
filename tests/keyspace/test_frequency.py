"""LFU counters: how they rise, how they fall, and that they are written like access times."""

from random import Random

import pytest

from vermilion.clock import ManualClock
from vermilion.keyspace.database import Database
from vermilion.keyspace.frequency import HIGHEST, NEW, Frequencies, FrequencyRule
from vermilion.keyspace.stats import KeyspaceStats


@pytest.fixture
def rule() -> FrequencyRule:
    return FrequencyRule(Random(1), log_factor=0, decay_minutes=1)


@pytest.fixture
def db(rule: FrequencyRule) -> Database:
    db = Database(0, ManualClock(), KeyspaceStats(), Random(1))
    db.record_accesses(rule, always=False)
    return db


def test_a_key_begins_at_five_and_each_access_counts(db: Database) -> None:
    db.assign(b"k", b"v")
    assert db.frequency(b"k") == NEW == 5
    for _ in range(3):
        db.lookup(b"k")
    assert db.frequency(b"k") == 8


def test_a_change_after_a_look_up_is_one_access(db: Database) -> None:
    db.assign(b"k", b"v")
    db.edit_octets(b"k", db.edit_string(b"k"))
    assert db.frequency(b"k") == 6


def test_minutes_without_access_take_it_down(db: Database, rule: FrequencyRule) -> None:
    db.assign(b"k", b"v")
    db.set_frequency(b"k", 10)
    assert isinstance(db.clock, ManualClock)
    db.clock.advance(ms=3 * 60_000)
    db.advance_tick()
    assert db.frequency(b"k") == 7
    rule.decay_minutes = 2
    assert db.frequency(b"k") == 9
    rule.decay_minutes = 0
    assert db.frequency(b"k") == 10
    rule.decay_minutes = 1
    db.clock.advance(ms=100 * 60_000)
    db.advance_tick()
    assert db.frequency(b"k") == 0
    db.lookup(b"k")
    assert db.frequency(b"k") == 1


def test_the_more_it_has_the_slower_it_rises() -> None:
    rule = FrequencyRule(Random(7), log_factor=10, decay_minutes=1)
    table = Frequencies(rule)
    reached = []
    for count in range(1, 10_001):
        table[b"k"] = 0
        if count in {100, 1000, 10_000}:
            reached.append(table.counter(b"k", 0))
    assert reached == sorted(set(reached))
    assert 8 <= reached[0] <= 13
    assert 14 <= reached[1] <= 25
    assert 35 <= reached[2] <= 65


def test_it_ends_at_255(rule: FrequencyRule) -> None:
    table = Frequencies(rule)
    for _ in range(300):
        table[b"k"] = 0
    assert table.counter(b"k", 0) == HIGHEST


def test_keys_of_one_minute_share_their_stamps(rule: FrequencyRule) -> None:
    table = Frequencies(rule)
    table[b"a"] = 60_000
    table[b"b"] = 60_059
    assert table[b"a"] is table[b"b"]


def test_turning_it_on_and_off_begins_anew(db: Database, rule: FrequencyRule) -> None:
    db.assign(b"k", b"v")
    db.lookup(b"k")
    db.record_accesses(None, always=False)
    assert db.frequency(b"k") == NEW
    assert db.idle_seconds(b"k") == 0
    db.record_accesses(rule, always=False)
    assert db.frequency(b"k") == NEW


def test_flushing_keeps_counting(db: Database) -> None:
    db.assign(b"k", b"v")
    db.clear()
    db.assign(b"k", b"v")
    db.lookup(b"k")
    assert db.frequency(b"k") == 6
