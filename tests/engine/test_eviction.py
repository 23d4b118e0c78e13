"""`maxmemory`: what is evicted, when, and what is refused; the memory is that of the values, so that it can be told."""

import itertools
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, cast

import pytest

from vermilion import errors
from vermilion.clock import ManualClock
from vermilion.config import Config
from vermilion.engine.engine import Engine
from vermilion.engine.eviction import EMPTY_SERVER
from vermilion.keyspace.audience import EAR_EVENTS
from vermilion.protocol.reply import OK
from vermilion.session import Session

if TYPE_CHECKING:
    from vermilion.keyspace.database import Database
    from vermilion.session import Transport

BASE = 20 << 20
SIZE = 10_000
FITS = 300
"""So many values are within the limit."""

LIMIT = EMPTY_SERVER + FITS * SIZE

ALL_POLICIES = [f"{which}-{by}" for which in ("allkeys", "volatile") for by in ("lru", "lfu", "random")] + [
    "volatile-ttl"
]


class ValuesMeter:
    """Memory that is the values' bytes, and what holes add to the process."""

    def __init__(self) -> None:
        self.databases: list[Database] = []
        self.holes = 0
        self.looks = 0
        self.trims = 0

    def private(self) -> int:
        return BASE + self.holes + self._values()

    def used(self, private: int) -> int:
        self.looks += 1
        return BASE + self._values()

    def trim(self) -> None:
        self.trims += 1

    def _values(self) -> int:
        return sum(
            len(value) for db in self.databases for value in db.data.values() if isinstance(value, bytes)
        )


@pytest.fixture(autouse=True)
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let nothing take any time: what is rationed by time is always allowed."""
    now = [1]
    monkeypatch.setattr("vermilion.engine.eviction.perf_counter_ns", lambda: now[0])
    return now


@pytest.fixture
def meter() -> ValuesMeter:
    return ValuesMeter()


@pytest.fixture
def engine(clock: ManualClock, config: Config, meter: ValuesMeter) -> Engine:
    engine = Engine(config.settings, config, clock=clock, random=Random(1), meter=meter)
    meter.databases = list(engine.databases)
    config.set([(b"maxmemory-eviction-tenacity", b"100")])
    return engine


Fill = Callable[..., None]


@pytest.fixture
def fill(engine: Engine, session: Session) -> Fill:
    """Set keys 0 to count - 1, each by a call that came over a connection."""

    def call(count: int, *options: bytes, first: int = 0, size: int = SIZE) -> None:
        for number in range(first, first + count):
            engine.stats.net_input_bytes += size
            reply = engine.execute(session, [b"SET", b"key:%d" % number, b"x" * size, *options])
            assert reply is OK, reply

    return call


def limit(config: Config, policy: str, size: int = LIMIT) -> None:
    config.set([(b"maxmemory-policy", policy.encode()), (b"maxmemory", b"%d" % size)])


@pytest.mark.parametrize("policy", ALL_POLICIES)
def test_a_fast_writer_stays_near_the_limit(config: Config, engine: Engine, fill: Fill, policy: str) -> None:
    limit(config, policy)
    fill(10 * FITS, b"EX", b"1000")
    kept = len(engine.databases[0])
    assert 0.5 * FITS < kept < 1.2 * FITS
    assert engine.keyspace.evicted == 10 * FITS - kept
    assert len(engine.databases[0].expires) == kept


@pytest.mark.parametrize("policy", [policy for policy in ALL_POLICIES if policy.startswith("volatile")])
def test_what_has_no_time_to_live_stays(config: Config, engine: Engine, fill: Fill, policy: str) -> None:
    limit(config, policy)
    fill(FITS // 2)
    fill(5 * FITS, b"EX", b"1000", first=FITS)
    db = engine.databases[0]
    assert all(b"key:%d" % number in db.data for number in range(FITS // 2))
    assert len(db) < 1.2 * FITS


def test_writes_are_refused_when_nothing_may_go(
    config: Config, engine: Engine, session: Session, fill: Fill, run: Callable[[str], object]
) -> None:
    limit(config, "volatile-lru")
    fill(FITS // 2)
    engine.databases[0].store(b"large", b"x" * FITS * SIZE)
    engine.cron(0)
    assert run("SET k v") == errors.OUT_OF_MEMORY
    assert run("GET large") is not None
    assert engine.keyspace.evicted == 0
    assert run("DEL large") == 1
    assert run("SET k v") == OK


def test_what_can_be_evicted_again_ends_the_refusals(
    config: Config, engine: Engine, fill: Fill, run: Callable[[str], object]
) -> None:
    fill(2 * FITS)
    limit(config, "noeviction")
    assert run("SET k v") == errors.OUT_OF_MEMORY
    config.set([(b"maxmemory-policy", b"allkeys-random")])
    assert run("SET k v") == OK
    assert len(engine.databases[0]) <= FITS + 1


def test_a_new_limit_is_kept_at_once(config: Config, engine: Engine, fill: Fill) -> None:
    fill(3 * FITS)
    limit(config, "allkeys-lru")
    assert 0.9 * FITS < len(engine.databases[0]) <= FITS


def test_the_least_recently_used_keys_go(
    config: Config, engine: Engine, clock: ManualClock, fill: Fill, run: Callable[[str], object]
) -> None:
    limit(config, "allkeys-lru")
    fill(FITS - 10)
    clock.advance(ms=10_000)
    engine.cron(0)
    for number in range(20):
        run(f"GET key:{number}")
    fill(FITS // 2, first=FITS)
    db = engine.databases[0]
    assert sum(b"key:%d" % number in db.data for number in range(20)) >= 19
    assert sum(b"key:%d" % number in db.data for number in range(FITS, FITS + FITS // 2)) >= 45


def test_the_least_frequently_used_keys_go(
    config: Config, engine: Engine, fill: Fill, run: Callable[[str], object]
) -> None:
    limit(config, "allkeys-lfu")
    fill(FITS - 10)
    for _ in range(50):
        for number in range(20):
            run(f"GET key:{number}")
    fill(FITS // 2, first=FITS)
    assert sum(b"key:%d" % number in engine.databases[0].data for number in range(20)) >= 19


def test_the_keys_that_expire_soonest_go(
    config: Config, engine: Engine, session: Session, fill: Fill
) -> None:
    limit(config, "volatile-ttl")
    fill(20, b"EX", b"9000")
    fill(FITS - 30, b"EX", b"10", first=20)
    fill(FITS // 2, b"EX", b"5000", first=FITS)
    assert sum(b"key:%d" % number in engine.databases[0].data for number in range(20)) >= 19


def test_all_databases_have_one_limit(config: Config, engine: Engine, session: Session, fill: Fill) -> None:
    fill(FITS)
    session.db = engine.databases[5]
    fill(FITS)
    limit(config, "allkeys-random")
    sizes = [len(engine.databases[index]) for index in (0, 5)]
    assert 0.9 * FITS < sum(sizes) <= FITS
    assert min(sizes) > 0.25 * FITS


def test_evicted_keys_are_announced(config: Config, engine: Engine, fill: Fill) -> None:
    events: list[tuple[bytes, str]] = []
    engine.audience.event = lambda db, key, event: events.append((key, event))
    engine.databases[0].listen(EAR_EVENTS, on=True)
    fill(2 * FITS)
    events.clear()
    limit(config, "allkeys-lru")
    assert {event for _, event in events} == {"evicted"}
    assert len(events) == engine.keyspace.evicted > FITS - 1


def test_writing_the_same_keys_again_evicts_nothing(config: Config, engine: Engine, fill: Fill) -> None:
    limit(config, "allkeys-lru")
    fill(FITS - 1)
    for _ in range(20):
        fill(FITS - 1)
    assert engine.keyspace.evicted == 0


def test_holes_in_memory_are_no_reason_to_evict(
    config: Config, engine: Engine, meter: ValuesMeter, fill: Fill
) -> None:
    limit(config, "allkeys-lru")
    fill(FITS // 2)
    meter.holes = LIMIT // 20
    engine.cron(0)
    assert engine.keyspace.evicted == meter.trims == 0


def test_large_holes_are_given_back_first(
    config: Config, engine: Engine, meter: ValuesMeter, fill: Fill
) -> None:
    limit(config, "allkeys-lru")
    fill(FITS // 2)
    meter.holes = 2 * LIMIT
    engine.cron(0)
    assert meter.trims == 1
    assert engine.keyspace.evicted == 0


def test_a_slice_is_short_and_the_event_loop_goes_on(
    config: Config, engine: Engine, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[bool] = []
    engine.eviction.resume = lambda: wanted.append(True)
    ticks = itertools.count(1, 1_000_000)
    monkeypatch.setattr("vermilion.engine.eviction.perf_counter_ns", lambda: next(ticks))
    config.set([(b"maxmemory-eviction-tenacity", b"0")])
    fill(4 * FITS)
    limit(config, "allkeys-lru")
    assert wanted == [True]
    assert 0 < engine.keyspace.evicted < FITS
    assert engine.eviction.current_excess_ns() > 0
    for turn in itertools.count(2):
        engine.eviction.work_off()
        if len(wanted) < turn:
            break
    assert 0.9 * FITS < len(engine.databases[0]) <= FITS
    assert engine.eviction.current_excess_ns() == 0
    assert engine.eviction.exceeded_ns > 0


def test_without_a_limit_nobody_looks(engine: Engine, meter: ValuesMeter, fill: Fill) -> None:
    fill(FITS)
    engine.cron(0)
    assert meter.looks == 0


def test_far_from_the_limit_looks_are_few(config: Config, meter: ValuesMeter, fill: Fill) -> None:
    limit(config, "allkeys-lru", 100 * LIMIT)
    meter.looks = 0
    fill(FITS)
    assert meter.looks == 0


def test_a_process_that_grows_by_itself_is_looked_at(
    config: Config, engine: Engine, run: Callable[[str], object]
) -> None:
    limit(config, "allkeys-lru")
    for number in range(32):
        engine.databases[0].store(b"%d" % number, b"x" * 10 * SIZE)
        run("PING")
    assert engine.keyspace.evicted > 0


def test_the_policy_of_a_small_server_leaves_room_for_the_interpreter(config: Config, fill: Fill) -> None:
    limit(config, "noeviction", 2 << 20)
    fill(FITS, size=1000)


def test_info_tells_of_evictions(
    config: Config, engine: Engine, fill: Fill, info: Callable[[str], dict[str, str]]
) -> None:
    fill(2 * FITS)
    limit(config, "allkeys-lru")
    assert int(info("stats")["evicted_keys"]) == engine.keyspace.evicted > 0
    assert info("stats")["current_eviction_exceeded_time"] == "0"
    memory = info("memory")
    assert int(memory["mem_not_counted_for_evict"]) == BASE - EMPTY_SERVER
    assert int(memory["used_memory"]) - int(memory["mem_not_counted_for_evict"]) <= LIMIT


class TestClients:
    @pytest.fixture
    def sessions(self, engine: Engine) -> list[Session]:
        return [
            engine.open_session(cast("Transport", SizedTransport(size)))
            for size in (100_000, 300_000, 200_000)
        ]

    def aborted(self, sessions: list[Session]) -> list[bool]:
        return [session.transport.aborted for session in sessions]  # type: ignore[attr-defined]

    def test_the_largest_goes_first(self, config: Config, engine: Engine, sessions: list[Session]) -> None:
        config.set([(b"maxmemory-clients", b"400000")])
        engine.cron(0)
        assert self.aborted(sessions) == [False, True, False]
        assert engine.stats.evicted_clients == 1

    def test_no_evict_exempts(self, config: Config, engine: Engine, sessions: list[Session]) -> None:
        config.set([(b"maxmemory-clients", b"200000")])
        sessions[1].no_evict = True
        engine.cron(0)
        assert self.aborted(sessions) == [False, False, True]

    def test_a_percentage_is_of_maxmemory(
        self, config: Config, engine: Engine, sessions: list[Session]
    ) -> None:
        config.set([(b"maxmemory-clients", b"5%")])
        engine.cron(0)
        assert self.aborted(sessions) == [False, False, False]
        config.set([(b"maxmemory", b"8000000")])
        engine.cron(0)
        assert self.aborted(sessions) == [False, True, False]

    def test_without_a_limit_nobody_goes(self, engine: Engine, sessions: list[Session]) -> None:
        engine.cron(0)
        assert self.aborted(sessions) == [False, False, False]


class SizedTransport:
    """A client with replies that it does not read."""

    address = "127.0.0.1:5000"

    def __init__(self, size: int) -> None:
        self.query_buffered = size // 2
        self.output_buffered = size // 2
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True
