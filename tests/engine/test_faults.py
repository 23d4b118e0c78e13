"""Faults in the engine: which calls they hit, what becomes of these, and what they leave alone."""

from collections.abc import Callable

import pytest

from tests.engine.conftest import FakeTransport
from vermilion import errors
from vermilion.clock import ManualClock
from vermilion.engine.engine import Engine
from vermilion.errors import RespError
from vermilion.faults import Act, Conditions, Delay, Error, Partial, Refuse, Reset, Rule, Silence
from vermilion.pending import Pending
from vermilion.protocol.encode import encode_resp2
from vermilion.protocol.reply import NO_REPLY, NULL_ARRAY, OK, QUEUED, Encoded
from vermilion.session import GATE_FAULT, Session

Run = Callable[[str], object]
Make = Callable[..., Rule]

LOADING = Error("LOADING Redis is loading the dataset in memory")


@pytest.fixture
def fault(engine: Engine) -> Make:
    """Make a fault of commands."""

    def make(act: Act, *commands: str, **conditions: object) -> Rule:
        return engine.faults.add(act, Conditions(commands or ("*",), **conditions))  # type: ignore[arg-type]  # of all kinds

    return make


def client(engine: Engine) -> tuple[FakeTransport, Run]:
    """Return another client: its connection, and what makes its calls."""
    transport = FakeTransport()
    session = engine.open_session(transport)

    def call(line: str) -> object:
        reply = engine.execute(session, line.encode().split())
        return reply.message if isinstance(reply, RespError) else reply

    return transport, call


# Which calls ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("GET", "get k"),
        ("get", "GeT k"),
        ("CONFIG GET", "config GET port"),
        ("config|get", "CONFIG get port"),
        ("CONFIG", "CONFIG GET port"),
        ("@read", "GET k"),
        ("@READ", "GET k"),
        ("@all", "PING"),
        ("*", "PING"),
        ("VADD", "vadd k VALUES 1 1 a"),
    ],
)
def test_commands_by_name_and_category(run: Run, fault: Make, word: str, line: str) -> None:
    made = fault(LOADING, word)
    assert run(line) == LOADING.text
    assert (made.seen, made.matched, made.hits) == (1, 1, 1)


@pytest.mark.parametrize(
    ("word", "line"), [("GET", "GETEX k"), ("CONFIG GET", "CONFIG RESETSTAT"), ("@write", "GET k")]
)
def test_other_commands_are_left_alone(run: Run, fault: Make, word: str, line: str) -> None:
    made = fault(LOADING, word)
    assert run(line) != LOADING.text
    assert (made.seen, made.matched) == (1, 0)


@pytest.mark.parametrize("word", ["GTE", "@raed", "CONFIG GTE", "", "@", "config|"])
def test_a_command_that_there_is_not(engine: Engine, fault: Make, word: str) -> None:
    with pytest.raises(ValueError, match="there is no command or category"):
        fault(LOADING, word)
    assert engine.faults.rules == []


@pytest.mark.parametrize(
    ("line", "hit"),
    [
        ("GET user:1", True),
        ("MSET a 1 user:1 2", True),
        ("MSET a user:1", False),
        ("EVAL code 0 user:1", False),
        ("EVAL code 1 user:1", True),
        ("PUBLISH user:1 a", False),
        ("OBJECT ENCODING user:1", True),
        ("XREAD STREAMS user:1 0", True),
        ("XREAD STREAMS user:1", False),
        ("PING", False),
    ],
)
def test_calls_by_their_keys(run: Run, fault: Make, line: str, *, hit: bool) -> None:
    fault(LOADING, key=b"user:*")
    assert (run(line) == LOADING.text) is hit


def test_calls_by_the_name_of_the_client(engine: Engine, run: Run, fault: Make) -> None:
    fault(LOADING, client=b"worker-*")
    _, other = client(engine)
    assert other("CLIENT SETNAME worker-1") == OK
    assert other("PING") == LOADING.text
    assert run("GET k") is None


def test_calls_that_are_refused_anyway_are_not_seen(run: Run, fault: Make) -> None:
    made = fault(LOADING)
    assert run("GET") == errors.wrong_arity("get")
    assert str(run("NONE")).startswith("ERR unknown command")
    assert str(run("CONFIG NONE")).startswith("ERR unknown subcommand")
    assert made.seen == 0


def test_the_first_that_hits_acts(run: Run, fault: Make) -> None:
    first, second = fault(Error("ERR first"), "GET", nth=1), fault(Error("ERR second"), "GET")
    assert [run("GET k"), run("GET k")] == ["ERR first", "ERR second"]
    assert (first.seen, second.seen) == (2, 1)


def test_what_scripts_and_transactions_call_is_not_seen(engine: Engine, run: Run, fault: Make) -> None:
    run("MULTI")
    run("SET k v")
    made = fault(LOADING, "SET")
    assert run("EXEC") == [OK]
    assert made.matched == 0


def test_without_a_rule_nobody_pays(engine: Engine, session: Session, fault: Make) -> None:
    assert not session.gates & GATE_FAULT
    first, second = fault(LOADING), fault(Reset())
    assert session.gates & GATE_FAULT
    assert engine.open_session(FakeTransport()).gates & GATE_FAULT
    assert engine.faults.remove(first.identifier)
    assert not engine.faults.remove(first.identifier)
    assert session.gates & GATE_FAULT
    assert engine.faults.rules == [second]
    engine.faults.clear()
    assert not session.gates & GATE_FAULT
    fault(Refuse())
    assert not session.gates & GATE_FAULT


def test_a_pipeline_of_equal_calls_is_looked_at_one_by_one(
    engine: Engine, session: Session, fault: Make
) -> None:
    fault(LOADING, "SET", nth=3)
    out: list[bytes] = []
    calls = [[b"SET", b"k%d" % number, b"v"] for number in range(6)]
    assert engine.batches.execute(session, calls, encode_resp2, out) == []
    assert b"".join(out) == b"+OK\r\n" * 2 + b"-%b\r\n" % LOADING.text.encode() + b"+OK\r\n" * 3
    assert engine.batches.execute_run(session, calls) is None


# Errors ---------------------------------------------------------------------------------------------------


def test_an_error_is_counted_as_a_refusal(
    run: Run, fault: Make, info: Callable[[str], dict[str, str]]
) -> None:
    fault(LOADING, "SET")
    assert run("SET k v") == LOADING.text
    assert run("EXISTS k") == 0
    assert "rejected_calls=1" in info("commandstats")["cmdstat_set"]
    assert info("errorstats")["errorstat_LOADING"] == "count=1"


def test_an_error_refuses_the_transaction(run: Run, fault: Make) -> None:
    fault(LOADING, "SET", nth=2)
    assert [run("MULTI"), run("SET a 1"), run("SET b 1")] == [OK, QUEUED, LOADING.text]
    assert run("EXEC") == errors.TRANSACTION_REFUSED
    assert run("EXISTS a b") == 0


def test_an_error_of_exec_discards_the_transaction(session: Session, run: Run, fault: Make) -> None:
    fault(Error("CLUSTERDOWN The cluster is down"), "EXEC", times=1)
    run("WATCH a")
    run("MULTI")
    run("SET a 1")
    assert run("EXEC") == "CLUSTERDOWN The cluster is down"
    assert session.queue is None
    assert run("EXEC") == errors.EXEC_WITHOUT_MULTI
    assert run("EXISTS a") == 0


def test_a_whole_transaction_in_one_packet(engine: Engine, session: Session, fault: Make) -> None:
    fault(LOADING, "INCR", nth=2)
    calls = [[b"MULTI"], *([b"INCR", b"n"] for _ in range(4)), [b"EXEC"]]
    out: list[bytes] = []
    engine.batches.execute(session, calls, encode_resp2, out)
    wire = b"".join(out)
    assert wire.count(b"+QUEUED") == 3
    assert wire.endswith(b"-%b\r\n" % errors.TRANSACTION_REFUSED.encode())


# Delays ---------------------------------------------------------------------------------------------------


def test_a_call_is_made_later(engine: Engine, run: Run, fault: Make, clock: ManualClock) -> None:
    alarms: list[int] = []
    engine.waiting.set_alarm = alarms.append
    fault(Delay(500), "SET")
    transport, other = client(engine)
    assert type(other("SET k late")) is Pending
    assert run("GET k") is None  # other clients go on
    assert alarms == [500]
    clock.advance(ms=499)
    assert engine.end_waits() == 1
    assert transport.replies == []
    clock.advance(ms=1)
    assert engine.end_waits() is None
    assert transport.replies == [OK]
    assert run("GET k") == b"late"


def test_calls_are_made_when_they_are_due(engine: Engine, run: Run, fault: Make, clock: ManualClock) -> None:
    slow, quick = fault(Delay(500), "SET", nth=1), fault(Delay(100), "SET")
    (first, one), (second, two) = client(engine), client(engine)
    one("SET k 1")
    two("SET k 2")
    clock.advance(ms=100)
    assert engine.end_waits() == 400
    assert (first.replies, second.replies) == ([], [OK])
    clock.advance(ms=400)
    engine.end_waits()
    assert run("GET k") == b"2"  # the rule behind has held the first one up, too
    clock.advance(ms=100)
    engine.end_waits()
    assert run("GET k") == b"1"
    assert (slow.hits, quick.hits) == (1, 2)


def test_a_delay_of_a_delay_ends(engine: Engine, fault: Make, clock: ManualClock) -> None:
    made = fault(Delay(100), "SET")
    transport, other = client(engine)
    other("SET k v")
    for _ in range(3):
        clock.advance(ms=100)
        engine.end_waits()
    assert transport.replies == [OK]
    assert made.hits == 1


def test_a_delayed_call_that_blocks(engine: Engine, run: Run, fault: Make, clock: ManualClock) -> None:
    fault(Delay(100), "BLPOP")
    transport, other = client(engine)
    other("BLPOP l 0.25")
    clock.advance(ms=100)
    assert engine.end_waits() == 250
    clock.advance(ms=250)
    engine.end_waits()
    assert transport.replies == [NULL_ARRAY]


def test_a_delayed_call_of_a_client_that_leaves(
    engine: Engine, run: Run, fault: Make, clock: ManualClock
) -> None:
    fault(Delay(100), "SET")
    transport = FakeTransport()
    session = engine.open_session(transport)
    engine.execute(session, [b"SET", b"k", b"v"])
    engine.close_session(session)
    assert engine.end_waits() is None
    clock.advance(ms=100)
    engine.end_waits()
    assert run("EXISTS k") == 0
    assert transport.replies == []


def test_a_delayed_call_that_may_not_be_made_any_more(
    engine: Engine, run: Run, fault: Make, clock: ManualClock
) -> None:
    fault(Delay(100), "SET")
    transport, other = client(engine)
    other("SET k v")
    run("ACL SETUSER default -set")
    clock.advance(ms=100)
    engine.end_waits()
    (reply,) = transport.replies
    assert isinstance(reply, RespError)
    assert reply.code == "NOPERM"


def test_a_delay_whose_rule_has_ended_is_waited_for(
    engine: Engine, run: Run, fault: Make, clock: ManualClock
) -> None:
    fault(Delay(100), "SET")
    transport, other = client(engine)
    other("SET k v")
    engine.faults.clear()
    assert engine.end_waits() == 100
    clock.advance(ms=100)
    engine.end_waits()
    assert transport.replies == [OK]


def test_a_delay_and_a_pause(engine: Engine, run: Run, fault: Make, clock: ManualClock) -> None:
    made = fault(Delay(100), "SET")
    transport, other = client(engine)
    other("SET k v")
    run("CLIENT PAUSE 500 WRITE")
    clock.advance(ms=100)
    assert engine.end_waits() == 400
    assert transport.replies == []
    clock.advance(ms=400)
    engine.end_waits()
    assert transport.replies == [OK]
    assert made.hits == 1


def test_a_delay_far_away_sets_an_alarm_within_reach(engine: Engine, fault: Make) -> None:
    alarms: list[int] = []
    engine.waiting.set_alarm = alarms.append
    fault(Delay(2**40), "GET")
    client(engine)[1]("GET k")
    assert alarms == [86_400_000]
    assert engine.end_waits() == 86_400_000


# Connections that break -----------------------------------------------------------------------------------


def test_a_reset_before_the_call(engine: Engine, run: Run, fault: Make) -> None:
    fault(Reset(), "SET")
    transport, other = client(engine)
    assert other("SET k v") is NO_REPLY
    assert transport.was_reset
    assert run("EXISTS k") == 0


def test_a_reset_after_the_call(engine: Engine, run: Run, fault: Make) -> None:
    fault(Reset(after=True), "SET")
    transport, other = client(engine)
    assert other("SET k v") is NO_REPLY
    assert transport.was_reset
    assert run("GET k") == b"v"


def test_a_part_of_a_reply(engine: Engine, run: Run, fault: Make) -> None:
    fault(Partial(6), "GET")
    run("SET k value")
    transport, other = client(engine)
    reply = other("GET k")
    assert isinstance(reply, Encoded)
    assert reply.wire == b"$5\r\nva"
    assert transport.was_closed


@pytest.mark.parametrize(("version", "wire"), [(2, b"*2\r\n"), (3, b"%1\r\n")])
def test_a_part_of_a_reply_in_each_version(engine: Engine, fault: Make, version: int, wire: bytes) -> None:
    fault(Partial(4), "HGETALL")
    _, other = client(engine)
    other(f"HELLO {version}")
    other("HSET h f v")
    reply = other("HGETALL h")
    assert isinstance(reply, Encoded)
    assert reply.wire == wire


def test_more_of_a_reply_than_there_is(engine: Engine, fault: Make) -> None:
    fault(Partial(1000), "SUBSCRIBE")
    reply = client(engine)[1]("SUBSCRIBE a")
    assert isinstance(reply, Encoded)
    assert reply.wire == b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"


def test_silence(engine: Engine, run: Run, fault: Make, clock: ManualClock) -> None:
    fault(Silence(), "SET")
    transport, other = client(engine)
    assert type(other("SET k v")) is Pending
    clock.advance(ms=10**9)
    assert engine.end_waits() is None
    assert transport.replies == []
    assert run("EXISTS k") == 0


def test_silence_after_the_call(engine: Engine, run: Run, fault: Make) -> None:
    fault(Silence(after=True), "SET")
    transport, other = client(engine)
    assert type(other("SET k v")) is Pending
    assert run("GET k") == b"v"
    assert transport.replies == []


def test_a_silent_client_can_be_killed_and_not_unblocked(engine: Engine, run: Run, fault: Make) -> None:
    fault(Silence(), "SET")
    transport = FakeTransport("127.0.0.1:7000")
    session = engine.open_session(transport)
    engine.execute(session, [b"SET", b"k", b"v"])
    assert run(f"CLIENT UNBLOCK {session.id}") == 0
    assert run("CLIENT KILL 127.0.0.1:7000") == OK
    assert transport.aborted


@pytest.mark.parametrize("act", [Reset(after=True), Partial(4), Silence(after=True)])
def test_the_reply_of_a_blocked_call(engine: Engine, run: Run, fault: Make, act: Act) -> None:
    fault(act, "BLPOP")
    transport, other = client(engine)
    assert type(other("BLPOP l 0")) is Pending
    assert (transport.was_reset, transport.was_closed) == (False, False)
    assert run("RPUSH l a") == 1
    assert run("EXISTS l") == 0  # it was taken, and is lost
    if isinstance(act, Partial):
        (reply,) = transport.replies
        assert isinstance(reply, Encoded)
        assert (reply.wire, transport.was_closed) == (b"*2\r\n", True)
    elif isinstance(act, Reset):
        assert transport.was_reset
    else:
        assert transport.replies == []
        assert engine.faults.owed == {}
        assert len(engine.waiting) == 1


def test_a_blocked_call_of_a_client_that_leaves(engine: Engine, fault: Make) -> None:
    fault(Reset(after=True), "BLPOP")
    transport = FakeTransport()
    session = engine.open_session(transport)
    engine.execute(session, [b"BLPOP", b"l", b"0"])
    engine.close_session(session)
    assert engine.faults.owed == {}


def test_a_reply_that_is_skipped_is_lost_too(engine: Engine, fault: Make) -> None:
    fault(Partial(3), "SET")
    transport, other = client(engine)
    other("CLIENT REPLY OFF")
    reply = other("SET k v")
    assert isinstance(reply, Encoded)
    assert (reply.wire, transport.was_closed) == (b"", True)


# New connections ------------------------------------------------------------------------------------------


def test_connections_are_refused(engine: Engine, fault: Make) -> None:
    made = fault(Refuse(), nth=2)
    assert [engine.faults.admits() for _ in range(3)] == [True, False, True]
    assert (made.seen, made.hits) == (3, 1)
    engine.faults.clear()
    assert engine.faults.admits()
