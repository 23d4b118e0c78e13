"""MULTI and EXEC in the engine: what is counted, what is refused, and that a packet is no shorter way."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.conftest import FakeTransport
from vermilion import errors
from vermilion.clock import ManualClock, SystemClock
from vermilion.config import Config
from vermilion.engine.engine import Engine
from vermilion.errors import RespError
from vermilion.pending import Pending
from vermilion.protocol.encode import ENCODERS, encode_resp2
from vermilion.protocol.reply import NULL_ARRAY, OK, QUEUED, Reply
from vermilion.session import GATE_MULTI, Session

Run = Callable[[str], object]


def batch(engine: Engine, session: Session, *lines: str) -> bytes:
    """Run lines as one packet."""
    out: list[bytes] = []
    rest = engine.batches.execute(session, [line.encode().split() for line in lines], encode_resp2, out)
    assert rest == []
    return b"".join(out)


def one_by_one(engine: Engine, session: Session, *lines: str) -> bytes:
    """Run lines each by itself."""
    return b"".join(batch(engine, session, line) for line in lines)


def test_what_each_call_counts(run: Run, info: Callable[[str], dict[str, str]]) -> None:
    for line in ("MULTI", "SET a 1", "GET", "NOSUCH", "EXEC", "MULTI", "LPUSH a x", "LPUSH l x", "EXEC"):
        run(line)
    for line in ("EXEC", "MULTI", "MULTI", "WATCH a", "DISCARD"):
        run(line)
    counted = {
        name.removeprefix("cmdstat_"): tuple(
            int(field.partition("=")[2]) for field in shown.split(",") if "usec" not in field
        )
        for name, shown in info("commandstats").items()
    }
    assert counted == {  # calls, rejected, failed
        "multi": (4, 0, 1), "exec": (3, 0, 2), "get": (0, 1, 0), "lpush": (2, 0, 0), "watch": (1, 0, 1),
        "discard": (1, 0, 0),
    }  # fmt: skip
    assert info("errorstats")["errorstat_EXECABORT"] == "count=1"


def test_a_whole_transaction_in_a_packet_counts_the_same(
    engine: Engine, session: Session, info: Callable[[str], dict[str, str]]
) -> None:
    assert batch(engine, session, "MULTI", "SET a 1", "INCR a", "EXEC").endswith(b"*2\r\n+OK\r\n:2\r\n")
    calls = {name: shown.split(",")[0] for name, shown in info("commandstats").items()}
    assert set(calls.values()) == {"calls=1"}
    assert set(calls) == {"cmdstat_multi", "cmdstat_exec", "cmdstat_set", "cmdstat_incr"}
    assert session.last_command is not None
    assert session.last_command.name == "exec"


CALLS = st.sampled_from(
    [
        "SET a 1", "SET b 2", "INCR a", "INCR b", "GET a", "GET b", "LPUSH l x", "LPUSH a x", "LRANGE l 0 -1",
        "NOSUCH", "GET", "DEL a", "FLUSHALL", "SELECT 1", "SELECT 0", "get a", "CLIENT GETNAME", "MULTI",
        "WATCH a", "HSET h f 1", "HGETALL h", "BLPOP l 0", "HELLO 3", "HELLO 2", "SET a 1 BOGUS", "UNWATCH",
    ]
)  # fmt: skip


@given(
    calls=st.lists(CALLS | st.tuples(CALLS).map(lambda one: one[0]), max_size=12), repeat=st.integers(1, 6)
)
def test_a_packet_does_what_its_calls_do_one_by_one(calls: list[str], repeat: int) -> None:
    lines = ["MULTI", *[line for line in calls for _ in range(repeat)], "EXEC", "GET a", "EXEC"]
    written = []
    for split in (False, True):
        config = Config()
        engine = Engine(config.settings, config, clock=ManualClock())
        session = engine.open_session(FakeTransport())
        engine.execute(session, b"SET a 5".split())
        engine.execute(session, b"HELLO 2".split())
        out: list[bytes] = []
        argvs = [line.encode().split() for line in lines]
        end = len(argvs) - 2
        parts = [[argv] for argv in argvs] if split else [argvs[:end], *[[argv] for argv in argvs[end:]]]
        for part in parts:
            encode = ENCODERS[session.resp]
            assert engine.batches.execute(session, part, encode, out) == []
        data = b"".join(out)
        assert session.queue is None
        assert not session.gates & GATE_MULTI
        written.append(data)
    assert written[0] == written[1]


def test_an_exec_that_is_refused_for_memory(engine: Engine, config: Config, run: Run) -> None:
    run("MULTI")
    run("SET a 1")
    config.set([(b"maxmemory", b"1")])
    assert run("EXEC") == errors.exec_refused(errors.OUT_OF_MEMORY)
    assert run("EXEC") == errors.EXEC_WITHOUT_MULTI
    run("MULTI")
    run("DEL a")
    assert run("EXEC") == [0]
    run("MULTI")
    assert run("SET a 1") == errors.OUT_OF_MEMORY
    assert run("EXEC") == errors.TRANSACTION_REFUSED


def test_memory_that_ends_inside_does_not_stop_the_transaction(run: Run) -> None:
    for line in ("MULTI", "CONFIG SET maxmemory 1", "SET a 1", "CONFIG SET maxmemory 0", "GET a"):
        run(line)
    assert run("EXEC") == [OK, OK, OK, b"1"]


def test_a_transaction_sees_one_time(config: Config) -> None:
    engine = Engine(config.settings, config, clock=SystemClock())
    session = engine.open_session(FakeTransport())
    for _ in range(2):
        engine.execute(session, [b"MULTI"])
        for _ in range(2000):
            engine.execute(session, [b"TIME"])
        reply = engine.execute(session, [b"EXEC"])
        assert isinstance(reply, list)
        assert all(time == reply[0] for time in reply)
    assert engine.execute(session, [b"TIME"]) != engine.execute(session, [b"TIME"])


def test_a_bug_in_a_transaction_ends_it(
    engine: Engine, session: Session, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(engine.transactions, "_run_plain", fail)
    run("MULTI")
    run("PING")
    assert run("EXEC") == errors.INTERNAL
    assert session.may_wait
    assert run("EXEC") == errors.EXEC_WITHOUT_MULTI


def test_who_queues_without_end_is_cut_off(engine: Engine, config: Config) -> None:
    config.set([(b"client-query-buffer-limit", b"1mb")])
    transport = FakeTransport()
    session = engine.open_session(transport)
    engine.execute(session, [b"MULTI"])
    cut = []
    for _ in range(11):
        assert engine.execute(session, [b"SET", b"k", b"x" * 100_000]) is QUEUED
        cut.append(transport.aborted)
    assert cut == [False] * 10 + [True]
    assert engine.stats.query_limit_disconnections == 1


def test_who_leaves_watches_nothing(engine: Engine, session: Session, run: Run) -> None:
    run("WATCH a b")
    run("MULTI")
    engine.close_session(session)
    engine.close_session(session)
    assert engine.transactions.watching.keys == 0
    assert not engine.databases[0].listening


def test_access_times_within_a_transaction_of_no_touch(engine: Engine, clock: ManualClock, run: Run) -> None:
    run("SET a 1")
    clock.advance(ms=60_000)
    engine.cron(1)
    for line in ("CLIENT NO-TOUCH ON", "MULTI", "GET a", "OBJECT IDLETIME a", "TOUCH a", "OBJECT IDLETIME a"):
        run(line)
    assert run("EXEC") == [b"1", 60, 1, 0]


def test_a_lone_call_is_not_held_up_by_the_transaction_of_another(engine: Engine, run: Run) -> None:
    waiter = FakeTransport()
    other = engine.open_session(waiter)
    assert type(engine.execute(other, b"BLPOP l 0".split())) is Pending
    run("MULTI")
    run("RPUSH l a")
    run("LLEN l")
    assert waiter.replies == []
    assert run("EXEC") == [1, 1]
    assert waiter.replies == [[b"l", b"a"]]


# Two clients against a model ------------------------------------------------------------------------------

KEYS = ("a", "b")


class Model:
    """What two clients may expect: keys, and of each client its queue, and the values that it watches."""

    def __init__(self) -> None:
        self.data: dict[str, int] = {}
        self.queues: list[list[tuple[str, str]] | None] = [None, None]
        self.watched: list[dict[str, int]] = [{}, {}]
        self.versions = dict.fromkeys(KEYS, 0)

    def call(self, client: int, verb: str, key: str) -> object:
        queue = self.queues[client]
        if verb == "EXEC":
            return self.execute(client)
        if verb == "MULTI":
            if queue is not None:
                return errors.NESTED_MULTI
            self.queues[client] = []
            return OK
        if verb == "DISCARD":
            if queue is None:
                return errors.DISCARD_WITHOUT_MULTI
            self.queues[client] = None
            self.watched[client] = {}
            return OK
        if verb == "WATCH":
            if queue is not None:
                return errors.WATCH_IN_MULTI
            self.watched[client].setdefault(key, self.versions[key])
            return OK
        if queue is not None:
            queue.append((verb, key))
            return QUEUED
        return self.run(client, verb, key)

    def execute(self, client: int) -> object:
        queue, watched = self.queues[client], self.watched[client]
        if queue is None:
            return errors.EXEC_WITHOUT_MULTI
        self.queues[client], self.watched[client] = None, {}
        if any(self.versions[key] != version for key, version in watched.items()):
            return NULL_ARRAY
        return [self.run(client, verb, key) for verb, key in queue]

    def run(self, client: int, verb: str, key: str) -> object:
        if verb == "UNWATCH":
            self.watched[client] = {}
            return OK
        if verb == "GET":
            value = self.data.get(key)
            return None if value is None else b"%d" % value
        if verb == "DEL":
            existed = self.data.pop(key, None) is not None
            self.versions[key] += existed
            return int(existed)
        if verb == "FLUSHALL":
            for name in self.data:
                self.versions[name] += 1
            self.data.clear()
            return OK
        self.versions[key] += 1
        self.data[key] = self.data.get(key, 0) + 1
        return self.data[key]


STEPS = st.tuples(
    st.integers(0, 1),
    st.sampled_from(["MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH", "GET", "INCR", "DEL", "FLUSHALL"]),
    st.sampled_from(KEYS),
)
KEYLESS = frozenset({"MULTI", "EXEC", "DISCARD", "UNWATCH", "FLUSHALL"})


@given(st.lists(STEPS, max_size=60))
def test_two_clients_see_what_the_model_sees(steps: list[tuple[int, str, str]]) -> None:
    config = Config()
    engine = Engine(config.settings, config, clock=ManualClock())
    sessions = [engine.open_session(FakeTransport()) for _ in range(2)]
    model = Model()
    for client, verb, key in steps:
        argv = [verb.encode()] if verb in KEYLESS else [verb.encode(), key.encode()]
        reply: object = engine.execute(sessions[client], argv)
        if isinstance(reply, RespError):
            reply = reply.message
        assert reply == model.call(client, verb, key)
    for session in sessions:
        engine.close_session(session)
    assert engine.transactions.watching.keys == 0


def test_replies_of_several_protocols(engine: Engine, session: Session) -> None:
    lines = (
        "HSET h f 1",
        "MULTI",
        "HGETALL h",
        "GET nothing",
        "HELLO 3",
        "HGETALL h",
        "HELLO 2",
        "GET nothing",
    )
    one_by_one(engine, session, *lines)
    reply: Reply = engine.execute(session, [b"EXEC"])  # type: ignore[assignment]  # EXEC never waits
    out: list[bytes] = []
    encode_resp2(reply, out.append)
    data = b"".join(out)
    assert data.startswith(b"*6\r\n*2\r\n$1\r\nf\r\n$1\r\n1\r\n$-1\r\n%7\r\n")
    assert b"%1\r\n$1\r\nf\r\n$1\r\n1\r\n*14\r\n" in data
    assert data.endswith(b"$-1\r\n")
