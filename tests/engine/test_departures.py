"""What a client leaves behind when it goes: nothing, in whatever state it was."""

import gc
from collections.abc import Callable

import pytest

from tests.engine.conftest import FakeTransport
from vermilion.clock import ManualClock
from vermilion.engine.engine import Engine
from vermilion.scripting.scripts import Scripts
from vermilion.session import GATE_RESOLVE, Session

STATES = {
    "subscribed": ["SUBSCRIBE a b", "PSUBSCRIBE a*", "SSUBSCRIBE a"],
    "watching": ["WATCH a b", "SELECT 1", "WATCH a"],
    "watching in vain": ["WATCH a", "SET a 2"],
    "in MULTI": ["WATCH a", "MULTI", "SET a 1"],
    "caching": ["HELLO 3", "CLIENT TRACKING ON", "GET nothing"],
    "caching prefixes": ["HELLO 3", "CLIENT TRACKING ON BCAST PREFIX a PREFIX b"],
    "in MONITOR": ["MONITOR"],
    "waiting for keys": ["BLPOP l m l 0"],
    "waiting for a time": ["BLPOP l 100"],
    "waiting for a stream": ["XREADGROUP GROUP g c BLOCK 0 STREAMS s >"],
    "held up": ["CLIENT PAUSE 100000 WRITE", "SET a 1"],
    "another user": ["ACL SETUSER u on nopass ~* +@all", "AUTH u x", "NOSUCH"],
    "silent": ["CLIENT REPLY OFF", "GET a"],
    "untouching": ["CLIENT NO-TOUCH ON", "GET a"],
    "after a script": ["EVAL return(1) 0"],
    "after a failure": ["LPUSH a x", "NOSUCH", "GET"],
    "served": ["CLIENT TRACKING ON BCAST", "SUBSCRIBE a", "RESET", "MULTI", "DISCARD"],
}


def sessions_of(engine: Engine) -> int:
    """Return how many sessions something still holds, that of the scripts aside."""
    gc.collect()
    return sum(type(one) is Session and one.server is engine and one.id > 0 for one in gc.get_objects())


@pytest.mark.parametrize("lines", STATES.values(), ids=STATES)
def test_nothing_stays(
    engine: Engine, clock: ManualClock, run: Callable[[str], object], lines: list[str]
) -> None:
    engine.scripting = Scripts(engine)
    for line in ("SET a 1", "XGROUP CREATE s g $ MKSTREAM"):
        run(line)
    for _ in range(3):
        session = engine.open_session(FakeTransport())
        for line in lines:
            engine.execute(session, line.encode().split())
        engine.close_session(session)
        engine.close_session(session)
        del session
    run("CLIENT UNPAUSE")
    run("SET nothing 1")
    clock.advance(ms=200_000)
    engine.cron(0)
    assert sessions_of(engine) == 1
    assert (len(engine.waiting), engine.waiting.keys, engine.waiting.timed) == (0, 0, 0)
    assert (engine.transactions.watching.clients, engine.transactions.watching.keys) == (0, 0)
    assert engine.pubsub.clients == 0
    assert engine.pubsub.idle
    assert (engine.tracking.clients, engine.tracking.prefixes, engine.tracking.keys) == (0, 0, 0)
    assert [db.listening for db in engine.databases] == [0] * len(engine.databases)
    assert not any(db.awaited or db.watched for db in engine.databases)
    assert engine.open_session(FakeTransport()).gates == GATE_RESOLVE
