"""CLIENT PAUSE in the engine: who waits, until when, and what happens when it is over."""

from collections.abc import Callable

import pytest

from tests.engine.conftest import FakeTransport
from vermilion import errors
from vermilion.clock import ManualClock
from vermilion.engine.engine import Engine
from vermilion.pending import Pending
from vermilion.protocol.reply import NO_REPLY, OK, QUEUED
from vermilion.session import GATE_PAUSE, Session

Run = Callable[[str], object]


class Client:
    """A client whose calls may be postponed."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.transport = FakeTransport()
        self.session = engine.open_session(self.transport)

    def call(self, line: str) -> object:
        return self.engine.execute(self.session, line.encode().split())

    def waits(self, line: str) -> bool:
        """Make a call; return whether it has to wait."""
        return type(self.call(line)) is Pending


@pytest.fixture
def client(engine: Engine) -> Client:
    return Client(engine)


def test_the_time_is_over_at_the_alarm(engine: Engine, run: Run, client: Client, clock: ManualClock) -> None:
    alarms: list[int] = []
    engine.waiting.set_alarm = alarms.append
    run("CLIENT PAUSE 500 WRITE")
    assert alarms == [500]
    assert client.waits("SET a 1")
    clock.advance(ms=499)
    assert engine.end_waits() == 1
    assert client.transport.replies == []
    clock.advance(ms=1)
    assert engine.end_waits() is None
    assert client.transport.replies == [OK]
    assert not client.session.gates & GATE_PAUSE


def test_the_time_is_over_for_the_next_call(
    engine: Engine, run: Run, client: Client, clock: ManualClock
) -> None:
    run("CLIENT PAUSE 500 WRITE")
    assert client.waits("SET a 1")
    clock.advance(ms=500)
    assert run("APPEND a 2") == 1  # it came before the alarm
    assert client.transport.replies == [OK]


def test_the_alarm_of_who_is_blocked_stays(
    engine: Engine, run: Run, client: Client, clock: ManualClock
) -> None:
    assert client.waits("BLPOP l 0.25")
    run("CLIENT PAUSE 500")
    assert engine.end_waits() == 250
    clock.advance(ms=250)
    assert engine.end_waits() == 250
    assert len(client.transport.replies) == 1


def test_an_end_far_away_sets_an_alarm_within_reach(engine: Engine, run: Run) -> None:
    alarms: list[int] = []
    engine.waiting.set_alarm = alarms.append
    run(f"CLIENT PAUSE {10**15}")
    assert alarms == [86_400_000]
    assert engine.end_waits() == 86_400_000


def test_one_that_is_over_is_not_extended(run: Run, client: Client, clock: ManualClock) -> None:
    run("CLIENT PAUSE 500 ALL")
    clock.advance(ms=500)
    run("CLIENT PAUSE 100 WRITE")
    assert client.call("GET a") is None
    assert client.waits("SET a 1")


def test_what_is_counted(
    engine: Engine, run: Run, client: Client, info: Callable[[str], dict[str, str]]
) -> None:
    run("CLIENT PAUSE 500 WRITE")
    assert client.waits("SET a 1")
    assert info("clients")["blocked_clients"] == "1"
    assert "cmdstat_set" not in info("commandstats")
    run("CLIENT UNPAUSE")
    assert info("clients")["blocked_clients"] == "0"
    assert info("commandstats")["cmdstat_set"].startswith("calls=1,")


def test_who_leaves_is_forgotten(engine: Engine, run: Run, client: Client) -> None:
    run("CLIENT PAUSE 500 WRITE")
    assert client.waits("SET a 1")
    engine.close_session(client.session)
    run("CLIENT UNPAUSE")
    assert run("GET a") is None
    assert client.transport.replies == []
    assert not engine.pause.is_over


def test_who_comes_is_paused_too(engine: Engine, run: Run) -> None:
    run("CLIENT PAUSE 500 WRITE")
    assert Client(engine).waits("SET a 1")


def test_a_call_that_pauses_again_when_its_turn_comes(engine: Engine, run: Run, client: Client) -> None:
    last = Client(engine)
    run("CLIENT PAUSE 500 ALL")
    assert client.waits("CLIENT PAUSE 900 WRITE")
    assert last.waits("SET a 1")
    engine.pause.end()
    engine.end_waits()
    assert client.transport.replies == [OK]
    assert last.transport.replies == []
    run("CLIENT UNPAUSE")
    assert last.transport.replies == [OK]


def test_a_call_that_blocks_when_its_turn_comes(engine: Engine, run: Run, client: Client) -> None:
    run("CLIENT PAUSE 500 WRITE")
    assert client.waits("BLPOP l 0")
    assert run(f"CLIENT UNBLOCK {client.session.id}") == 0
    run("CLIENT UNPAUSE")
    assert client.transport.replies == []
    assert run("RPUSH l a") == 1
    assert client.transport.replies == [[b"l", b"a"]]


def test_a_skipped_reply_is_the_postponed_one(run: Run, client: Client) -> None:
    run("CLIENT PAUSE 500 WRITE")
    client.call("CLIENT REPLY SKIP")
    assert client.waits("SET a 1")
    run("CLIENT UNPAUSE")
    assert client.transport.replies == [NO_REPLY]
    assert client.call("GET a") == b"1"


def test_within_a_transaction(run: Run, client: Client) -> None:
    client.call("MULTI")
    run("CLIENT PAUSE 500 WRITE")
    assert client.waits("SET a 1")
    run("CLIENT UNPAUSE")
    assert client.transport.replies == [QUEUED]
    assert client.call("EXEC") == [OK]


def test_who_monitors_is_not_held_up(run: Run, client: Client) -> None:
    client.call("MONITOR")
    run("CLIENT PAUSE 500 ALL")
    assert not client.waits("ECHO hi")


def test_keys_that_expire_meanwhile(engine: Engine, session: Session, run: Run, clock: ManualClock) -> None:
    run("SET k v PX 10")
    run("CLIENT PAUSE 500 WRITE")
    clock.advance(ms=11)
    engine.cron(10**9)
    assert run("GET k") is None
    assert run("DBSIZE") == 1
    assert run("RANDOMKEY") == b"k"  # as in Redis, rather than to look for ever
    session.db.assign(b"k", b"w")  # what does not come from a client is not held up
    assert run("GET k") == b"w"
    assert run("TTL k") == -1


def test_a_pause_of_no_time(run: Run, client: Client) -> None:
    assert run("CLIENT PAUSE 0") == OK
    assert client.call("SET a 1") == OK


def test_the_limits_of_the_timeout(run: Run, clock: ManualClock) -> None:
    latest = 2**63 - 1 - clock.now_ms()
    assert run(f"CLIENT PAUSE {latest + 1}") == errors.TIMEOUT_OUT_OF_RANGE
    assert run(f"CLIENT PAUSE {latest} WRITE") == OK
