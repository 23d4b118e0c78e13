"""Time to live: lazy and active expiry agree with a model that looks at every key."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from vermilion.clock import ManualClock
from vermilion.keyspace.database import Database
from vermilion.keyspace.stats import KeyspaceStats
from vermilion.structures.deadlines import BUCKET_BITS, Deadlines

BUCKET_MS = 1 << BUCKET_BITS


def database(clock: ManualClock) -> Database:
    return Database(0, clock, KeyspaceStats(), Random(1))


def test_a_key_lives_through_the_millisecond_of_its_deadline() -> None:
    clock = ManualClock()
    db = database(clock)
    db.store(b"k", b"v")
    db.expire_at(b"k", clock.now_ms() + 10)
    clock.advance(ms=10)
    assert db.peek(b"k") == b"v"
    assert db.reclaim(10) == 0
    clock.advance(ms=1)
    assert db.peek(b"k") is None
    assert len(db) == 0


def test_reclaiming_finds_what_nobody_touches() -> None:
    clock = ManualClock()
    db = database(clock)
    for number in range(1000):
        db.store(b"%d" % number, b"v")
        db.expire_at(b"%d" % number, clock.now_ms() + number)
    clock.advance(ms=501)
    assert db.reclaim(10_000) == 501
    assert len(db) == 499
    assert db.stats.expired == 501


def test_stopping_at_the_limit_forgets_nothing() -> None:
    clock = ManualClock(now_ms=BUCKET_MS * 1000)
    db = database(clock)
    for number in range(100):
        db.store(b"%d" % number, b"v")
        db.expire_at(b"%d" % number, clock.now_ms() + number)
    clock.advance(ms=51)  # in the middle of the bucket
    while db.reclaim(1):
        pass
    assert len(db) == 49
    clock.advance(ms=BUCKET_MS)
    assert db.reclaim(1000) == 49


def test_deadlines_that_are_moved_or_taken_back_leave_nothing_behind() -> None:
    clock = ManualClock()
    db = database(clock)
    db.store(b"k", b"v")
    for number in range(10_000):
        db.expire_at(b"k", clock.now_ms() + number)
    assert db._deadlines._size <= 2 * 1024
    db.persist(b"k")
    clock.advance(ms=20_000)
    assert db.reclaim(10_000) == 0
    assert db.peek(b"k") == b"v"


def test_a_key_is_due_once() -> None:
    expires = {b"k": 5}
    deadlines = Deadlines(expires)
    deadlines.add(b"k", 5)
    deadlines.add(b"k", 5)
    due = []
    for key in deadlines.due(1000):
        due.append(key)
        del expires[key]
    assert due == [b"k"]
    assert list(deadlines.due(2000)) == []


keys = st.integers(0, 9).map(lambda number: b"%d" % number)
distances = st.integers(-200, 1000)
calls = st.lists(
    st.one_of(
        st.tuples(st.just("store"), keys, st.just(0)),
        st.tuples(st.just("put"), keys, st.just(0)),
        st.tuples(st.just("expire"), keys, distances),
        st.tuples(st.just("persist"), keys, st.just(0)),
        st.tuples(st.just("remove"), keys, st.just(0)),
        st.tuples(st.just("advance"), st.just(b""), st.integers(0, 300)),
        st.tuples(st.just("reclaim"), st.just(b""), st.integers(1, 5)),
    ),
    max_size=60,
)


@given(calls)
def test_agrees_with_a_model(sequence: list[tuple[str, bytes, int]]) -> None:
    clock = ManualClock()
    db = database(clock)
    model: dict[bytes, int | None] = {}
    for name, key, number in sequence:
        now = clock.now_ms()
        model = {held: until for held, until in model.items() if until is None or until >= now}
        if name == "store":
            db.store(key, b"v")
            model[key] = None
        elif name == "put":
            if db.peek(key) is None:
                model[key] = None
            db.put(key, b"v")
        elif name == "expire":
            if db.peek(key) is not None:
                db.expire_at(key, now + number)
                model[key] = now + number
        elif name == "persist":
            if db.peek(key) is not None:
                assert db.persist(key) == (model[key] is not None)
                model[key] = None
        elif name == "remove":
            assert db.remove(key) == (key in model)
            model.pop(key, None)
        elif name == "advance":
            clock.advance(ms=number)
        else:
            assert db.reclaim(number) <= number
    now = clock.now_ms()
    alive = {key for key, until in model.items() if until is None or until >= now}
    assert set(db.keys()) == alive
    while db.reclaim(3):
        pass
    assert set(db.data) == alive
    assert {key: db.deadline(key) for key in alive} == {key: model[key] for key in alive}
