"""MONITOR in the engine: which lines, to whom, in what order, and at whose expense."""

import pytest

from tests.engine.conftest import FakeTransport
from vermilion.clock import ManualClock
from vermilion.config import Config
from vermilion.engine.engine import Engine
from vermilion.pending import Pending
from vermilion.protocol.encode import encode_resp2
from vermilion.protocol.reply import NO_REPLY, Status
from vermilion.session import GATE_MONITOR, Session


class Client:
    """A client that notes what it is sent."""

    def __init__(self, engine: Engine, address: str = "127.0.0.1:5000") -> None:
        self.engine = engine
        self.transport = FakeTransport(address)
        self.session = engine.open_session(self.transport)

    def call(self, *lines: str) -> bytes:
        """Run lines as one packet; return what is written."""
        out: list[bytes] = []
        calls = [line.encode().split() for line in lines]
        assert self.engine.batches.execute(self.session, calls, encode_resp2, out) == []
        return b"".join(out)

    @property
    def lines(self) -> list[str]:
        """The lines of MONITOR so far, without their times."""
        lines = [line.text for line in self.transport.replies if isinstance(line, Status)]
        return [line.partition(" ")[2] for line in lines]


@pytest.fixture
def monitor(engine: Engine) -> Client:
    client = Client(engine)
    client.call("MONITOR")
    return client


def test_the_time_to_the_microsecond(monitor: Client, session: Session, clock: ManualClock) -> None:
    clock.advance(ms=250)
    monitor.engine.execute(session, [b"PING"])
    assert monitor.transport.replies == [Status('1700000000.250000 [0 127.0.0.1:5000] "PING"')]


def test_packets_are_shown_call_by_call(engine: Engine, monitor: Client) -> None:
    client = Client(engine, "10.0.0.1:9")
    assert client.call("SET a 1", "SET b 1", "SET c 1", "SET d 1") == b"+OK\r\n" * 4
    client.call("MULTI", "SELECT 2", "GET a", "EXEC")
    assert monitor.lines == [
        '[0 10.0.0.1:9] "SET" "a" "1"',
        '[0 10.0.0.1:9] "SET" "b" "1"',
        '[0 10.0.0.1:9] "SET" "c" "1"',
        '[0 10.0.0.1:9] "SET" "d" "1"',
        '[0 10.0.0.1:9] "MULTI"',
        '[2 10.0.0.1:9] "SELECT" "2"',
        '[2 10.0.0.1:9] "GET" "a"',
        '[2 10.0.0.1:9] "EXEC"',
    ]


def test_what_it_calls_itself_follows_the_reply(monitor: Client) -> None:
    written = monitor.call("PING", "MULTI", "PING", "EXEC")
    lines = [line for line in written.split(b"\r\n") if line]
    shown = [line for line in lines if b'"' in line]
    assert lines[0] == b"+PONG"
    assert shown[0].endswith(b'"PING"')
    assert lines.index(shown[0]) == 1
    assert [line.rpartition(b" ")[2] for line in shown] == [b'"PING"', b'"MULTI"', b'"PING"', b'"EXEC"']
    assert lines[5:7] == [b"*1", b"+PONG"]


def test_a_second_monitor_has_no_reply(monitor: Client) -> None:
    assert monitor.call("MONITOR") == b""


def test_a_call_that_waits_is_shown_once(engine: Engine, monitor: Client, session: Session) -> None:
    waiter = Client(engine)
    assert type(engine.execute(waiter.session, b"BLPOP l 0".split())) is Pending
    engine.execute(session, b"RPUSH l a".split())
    assert [line.partition("] ")[2] for line in monitor.lines] == ['"BLPOP" "l" "0"', '"RPUSH" "l" "a"']


def test_the_silent_are_shown(engine: Engine, monitor: Client) -> None:
    client = Client(engine)
    assert client.call("CLIENT REPLY OFF", "SET a 1") == b""
    assert [line.partition("] ")[2] for line in monitor.lines] == ['"CLIENT" "REPLY" "OFF"', '"SET" "a" "1"']


def test_a_client_of_a_unix_socket(monitor: Client) -> None:
    engine = monitor.engine
    engine.settings.unixsocket = "/run/redis.sock"
    client = Client(engine, "/run/redis.sock:0")
    client.call("PING")
    assert monitor.lines == ['[0 unix:/run/redis.sock] "PING"']


def test_without_one_nobody_pays(engine: Engine, session: Session, monitor: Client) -> None:
    second = Client(engine)
    second.call("MONITOR")
    late = Client(engine)
    assert session.gates & late.session.gates & GATE_MONITOR
    engine.close_session(monitor.session)
    assert session.gates & GATE_MONITOR
    second.call("RESET")
    last = Client(engine)
    for one in (session, late.session, last.session):
        assert not one.gates & GATE_MONITOR


def test_a_script_is_shown_by_its_own_word(monitor: Client) -> None:
    monitor.engine.monitors.show(3, "lua", [b"set", b"k"])
    assert monitor.lines == ['[3 lua] "set" "k"']


def test_it_does_not_wait(engine: Engine, monitor: Client, config: Config) -> None:
    client = Client(engine)
    client.session.may_wait = False
    assert client.call("MONITOR").startswith(b"-ERR MONITOR isn't allowed")
    assert monitor.call("RESET") == b"+RESET\r\n"
    assert NO_REPLY not in monitor.transport.replies
