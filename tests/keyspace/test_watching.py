"""Watched keys: what breaks a watch, what does not, and what is left behind."""

from random import Random

import pytest

from vermilion.clock import ManualClock
from vermilion.keyspace.audience import EAR_WATCHED, Audience
from vermilion.keyspace.database import Database
from vermilion.keyspace.stats import KeyspaceStats
from vermilion.keyspace.watching import WatchedKeys, Watching


class World:
    """Two databases, and who watches their keys."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        audience = Audience()
        stats = KeyspaceStats()
        self.watching = Watching(audience)
        self.first, self.second = (
            Database(index, self.clock, stats, Random(0), audience) for index in range(2)
        )

    def watch(self, key: bytes = b"k") -> WatchedKeys:
        watched = WatchedKeys()
        self.watching.watch(watched, self.first, key)
        return watched


@pytest.fixture
def world() -> World:
    return World()


def test_a_change_breaks_it(world: World) -> None:
    watched = world.watch()
    world.first.assign(b"other", b"1")
    assert world.watching.intact(watched)
    world.first.assign(b"k", b"1")
    assert not world.watching.intact(watched)


def test_nobody_listens_where_nobody_watches(world: World) -> None:
    watched = world.watch()
    assert world.first.listening == EAR_WATCHED
    assert not world.second.listening
    world.watching.unwatch(watched)
    assert not world.first.listening
    assert not world.first.watched
    assert (world.watching.clients, world.watching.keys) == (0, 0)


def test_a_broken_watch_leaves_nothing_behind(world: World) -> None:
    one, other = world.watch(), world.watch()
    world.watching.watch(one, world.second, b"j")
    assert (world.watching.clients, world.watching.keys) == (2, 2)
    world.first.assign(b"k", b"1")
    assert (one.broken, other.broken) == (True, True)
    assert (world.watching.clients, world.watching.keys) == (0, 0)
    assert not world.first.listening | world.second.listening


def test_one_client_may_watch_a_key_twice(world: World) -> None:
    watched = world.watch()
    world.watching.watch(watched, world.first, b"k")
    assert len(watched) == 1
    world.watching.unwatch(watched)
    world.watching.unwatch(watched)
    assert world.watching.clients == 0


def test_a_key_that_falls_due_breaks_it_unseen(world: World) -> None:
    world.first.assign_until(b"k", b"1", world.clock.now_ms() + 10, world.clock.now_ms())
    watched = world.watch()
    world.clock.advance(ms=10)
    assert world.watching.intact(watched)
    world.clock.advance(ms=1)
    assert not world.watching.intact(watched)


def expired(world: World) -> None:
    """Leave an expired key that nobody has looked at."""
    world.first.assign_until(b"k", b"1", world.clock.now_ms() + 10, world.clock.now_ms())
    world.clock.advance(ms=11)


def test_a_key_that_had_expired_before_is_no_change_when_it_is_reclaimed(world: World) -> None:
    expired(world)
    watched = world.watch()
    assert world.first.lookup(b"k") is None
    assert world.watching.intact(watched)
    world.first.assign(b"k", b"2")
    assert not world.watching.intact(watched)


def test_a_key_that_had_expired_before_is_made_anew(world: World) -> None:
    expired(world)
    watched = world.watch()
    world.first.assign(b"k", b"2")
    assert not world.watching.intact(watched)


def test_emptying_a_database(world: World) -> None:
    absent = world.watch()
    expired(world)
    overdue = world.watch()
    world.first.assign(b"j", b"1")
    present = world.watch(b"j")
    world.first.clear()
    assert [world.watching.intact(one) for one in (overdue, present)] == [True, False]
    assert absent.broken  # the key was made after it had begun


def test_exchanging_databases(world: World) -> None:
    world.first.assign(b"here", b"1")
    world.second.assign(b"there", b"1")
    here, there, nowhere = world.watch(b"here"), world.watch(b"there"), world.watch(b"nowhere")
    world.first.swap(world.second)
    assert [world.watching.intact(one) for one in (here, there, nowhere)] == [False, False, True]


def test_an_expired_key_that_takes_the_place_of_none(world: World) -> None:
    now = world.clock.now_ms()
    world.second.assign_until(b"k", b"1", now + 10, now)
    world.clock.advance(ms=11)
    watched = world.watch()
    world.first.swap(world.second)
    assert world.watching.intact(watched)


def test_several_keys_of_one_client_that_are_emptied_at_once(world: World) -> None:
    watched = WatchedKeys()
    for key in (b"a", b"b", b"c"):
        world.first.assign(key, b"1")
        world.watching.watch(watched, world.first, key)
    world.first.clear()
    assert watched.broken
    assert not world.first.watched
