"""Client-side caching in the engine: what is remembered, who is told, and what is forgotten in time."""

from collections.abc import Callable
from typing import Protocol

import pytest

from vermilion.clock import ManualClock
from vermilion.commands.tracking import overlapping
from vermilion.engine.engine import Engine
from vermilion.keyspace.audience import EAR_CACHES
from vermilion.protocol.encode import encode_resp3
from vermilion.protocol.reply import Broadcast, Messages, Push, Reply
from vermilion.session import GATE_TRACKING, Session, Transport

Run = Callable[[str], object]


class FakeTransport(Transport, Protocol):
    """The one of conftest.py, which remembers what it was sent."""

    replies: list[Reply]


@pytest.fixture
def other(engine: Engine, transport: FakeTransport) -> Session:
    return engine.open_session(transport)


@pytest.fixture(autouse=True)
def resp3(run: Run) -> None:
    run("HELLO 3")


def test_nothing_listens_once_nobody_tracks_and_nothing_is_remembered(engine: Engine, run: Run) -> None:
    def listens() -> bool:
        return any(db.listening & EAR_CACHES for db in engine.databases)

    assert not listens()
    run("CLIENT TRACKING ON")
    run("GET k")
    assert listens()
    run("CLIENT TRACKING OFF")
    assert listens(), "the table is kept right"
    run("SET k v")
    assert not listens()
    run("CLIENT TRACKING ON")
    run("RESET")
    assert not listens()


def test_a_closed_session_is_told_nothing(
    engine: Engine, session: Session, transport: FakeTransport, other: Session, run: Run
) -> None:
    run("CLIENT TRACKING ON")
    run("GET k")
    engine.close_session(session)
    engine.execute(other, [b"SET", b"k", b"v"])
    assert transport.replies == []
    assert (engine.tracking.clients, engine.tracking.keys, engine.tracking.items) == (0, 0, 0)


def test_prefixes_end_with_their_last_client(
    engine: Engine, session: Session, transport: FakeTransport, other: Session, run: Run
) -> None:
    run("CLIENT TRACKING ON BCAST PREFIX a PREFIX b")
    engine.execute(other, [b"CLIENT", b"TRACKING", b"ON", b"BCAST", b"PREFIX", b"a"])
    assert engine.tracking.prefixes == 2
    engine.close_session(session)
    assert engine.tracking.prefixes == 1
    engine.execute(other, [b"RESET"])
    assert engine.tracking.prefixes == 0


def test_many_prefixes_are_compared_with_their_neighbours_only() -> None:
    class Counted(bytes):
        compared = 0

        def startswith(self, *arguments: object) -> bool:
            Counted.compared += 1
            return bytes.startswith(self, *arguments)  # type: ignore[arg-type]

    prefixes = [Counted(b"%04d:" % number) for number in range(1000)]
    assert overlapping(prefixes) == set()
    assert Counted.compared < 2 * len(prefixes)
    assert overlapping([b"b", b"a", b"ab", b"abc", b"c", b"c"]) == {b"a", b"ab", b"abc", b"c"}


def test_the_table_keeps_its_limit_and_its_count(
    engine: Engine, transport: FakeTransport, other: Session, run: Run
) -> None:
    run("CONFIG SET tracking-table-max-keys 2")
    engine.execute(other, [b"HELLO", b"3"])
    engine.execute(other, [b"CLIENT", b"TRACKING", b"ON"])
    run("CLIENT TRACKING ON")
    for key in (b"a", b"a", b"b"):
        engine.execute(other, [b"GET", key])
    run("MGET a a b")
    assert (engine.tracking.keys, engine.tracking.items) == (2, 4)
    reply = run("GET c")
    assert reply == Messages([None, Broadcast([b"invalidate", [b"a"]])])
    assert transport.replies == [[b"invalidate", [b"a"]]]
    assert (engine.tracking.keys, engine.tracking.items) == (2, 3)
    engine.databases[0].clear()
    assert (engine.tracking.keys, engine.tracking.items) == (0, 0)


def test_a_flush_of_all_databases_is_told_once_and_ahead_of_the_reply(run: Run) -> None:
    run("CLIENT TRACKING ON")
    run("SET k v")
    reply = run("FLUSHALL")
    assert isinstance(reply, Messages)
    pieces: list[bytes] = []
    encode_resp3(reply, pieces.append)
    assert b"".join(pieces) == b">2\r\n$10\r\ninvalidate\r\n_\r\n+OK\r\n"


def test_broadcasts_of_a_batch_are_one_message(
    engine: Engine, transport: FakeTransport, other: Session, run: Run
) -> None:
    run("CLIENT TRACKING ON BCAST PREFIX k")
    calls = [[b"SET", b"k%d" % n, b"v"] for n in (3, 1, 2)] + [[b"DEL", b"k1"], [b"SET", b"x", b"v"]]
    engine.batches.execute(other, calls, encode_resp3, [])
    assert transport.replies == [[b"invalidate", [b"k1", b"k2", b"k3"]]]


def test_what_expires_by_itself_is_told(
    engine: Engine, clock: ManualClock, transport: FakeTransport, run: Run
) -> None:
    run("CLIENT TRACKING ON BCAST")
    run("SET k v PX 5")
    transport.replies.clear()
    clock.advance(ms=6)
    engine.cron(10**9)
    assert transport.replies == [[b"invalidate", [b"k"]]]


def test_who_is_redirected_to_a_client_that_has_gone_hears_so(
    engine: Engine, transport: FakeTransport, other: Session, run: Run
) -> None:
    run(f"CLIENT TRACKING ON REDIRECT {other.id}")
    run("GET k")
    engine.close_session(other)
    writer = engine.open_session(transport)
    engine.execute(writer, [b"SET", b"k", b"v"])
    assert transport.replies == [Push([b"tracking-redir-broken", other.id])]


def test_tracking_is_one_gate(session: Session, run: Run) -> None:
    assert not session.gates & GATE_TRACKING
    run("CLIENT TRACKING ON")
    assert session.gates & GATE_TRACKING
    run("CLIENT TRACKING OFF")
    assert not session.gates & GATE_TRACKING
