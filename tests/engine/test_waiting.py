"""Calls that wait: who is served, when, with what, and at whose expense."""

from collections.abc import Callable

import pytest

from tests.engine.conftest import FakeTransport
from vermilion import errors
from vermilion.clock import ManualClock
from vermilion.commands.blocking import wait_for
from vermilion.engine.engine import Engine
from vermilion.errors import RespError
from vermilion.pending import Pending
from vermilion.protocol.encode import encode_resp2
from vermilion.protocol.reply import NO_REPLY, NULL_ARRAY, Reply
from vermilion.session import Session

Run = Callable[[str], object]


class Waiter:
    """A client that notes the replies that come later."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        transport = FakeTransport()
        self.replies = transport.replies
        self.session = engine.open_session(transport)

    def wait(self, line: str) -> "Waiter":
        """Make a call that has to wait."""
        assert type(self.engine.execute(self.session, line.encode().split())) is Pending
        return self


@pytest.fixture
def waits(engine: Engine) -> Callable[[str], Waiter]:
    """Open a client and make a call that has to wait."""
    return lambda line: Waiter(engine).wait(line)


Waits = Callable[[str], Waiter]


def test_first_come_first_served_one_element_each(run: Run, waits: Waits) -> None:
    first, second, third = waits("BLPOP l 0"), waits("BRPOP l 0"), waits("BLPOP l 0")
    assert run("RPUSH l a b") == 2
    assert (first.replies, second.replies, third.replies) == ([[b"l", b"a"]], [[b"l", b"b"]], [])
    assert run("EXISTS l") == 0
    run("RPUSH l c")
    assert third.replies == [[b"l", b"c"]]


def test_a_chain_of_moves(run: Run, waits: Waits) -> None:
    last = waits("BLPOP c 0")
    second = waits("BLMOVE b c LEFT RIGHT 0")
    first = waits("BLMOVE a b LEFT RIGHT 0")
    run("RPUSH a x")
    assert (first.replies, second.replies, last.replies) == ([b"x"], [b"x"], [[b"c", b"x"]])
    assert run("EXISTS a b c") == 0


def test_another_kind_of_value_does_not_wake(run: Run, waits: Waits) -> None:
    waiter = waits("BLPOP k 0")
    run("SADD k a")
    run("DEL k")
    run("SET k 1")
    run("MSET k 2 x 3")
    run("SETEX k 10 3")
    run("DEL k")
    assert waiter.replies == []
    run("RPUSH k a")
    assert waiter.replies == [[b"k", b"a"]]


def test_a_pipeline_meets_the_waiter_between_its_calls(
    engine: Engine, session: Session, waits: Waits
) -> None:
    waiter = waits("BLPOP l 0")
    out: list[bytes] = []
    calls = [b"RPUSH l a", b"LPOP l", b"RPUSH l b", b"LLEN l"]
    assert engine.batches.execute(session, [call.split() for call in calls], encode_resp2, out) == []
    assert b"".join(out) == b":1\r\n$-1\r\n:1\r\n:1\r\n"
    assert waiter.replies == [[b"l", b"a"]]


def test_a_batch_stops_at_the_call_that_waits(engine: Engine, session: Session) -> None:
    out: list[bytes] = []
    calls = [b"PING", b"BLPOP l 0", b"SET k v", b"GET k"]
    rest = engine.batches.execute(session, [call.split() for call in calls], encode_resp2, out)
    assert rest == [[b"SET", b"k", b"v"], [b"GET", b"k"]]
    assert out == [b"+PONG\r\n"]
    assert session.pending is not None
    assert not session.db.data


@pytest.mark.parametrize("pushing", [b"LPUSH l a", b"lpush l a"])
def test_a_run_of_one_command_wakes(engine: Engine, session: Session, waits: Waits, pushing: bytes) -> None:
    waiter = waits("BLMPOP 0 1 l LEFT COUNT 10")
    engine.batches.execute(session, [pushing.split()] * 5, encode_resp2, [])
    assert waiter.replies == [[b"l", [b"a"]]]


def test_timeouts_come_from_the_clock(engine: Engine, clock: ManualClock, run: Run, waits: Waits) -> None:
    late, early = waits("BLPOP l 10"), waits("BLMOVE l m LEFT RIGHT 2.5")
    for_ever = waits("BLPOP l 0")
    assert engine.end_waits() == 2500
    clock.advance(ms=2499)
    assert engine.end_waits() == 1
    assert early.replies == []
    clock.advance(ms=1)
    assert engine.end_waits() == 7500
    assert early.replies == [NULL_ARRAY]
    run("RPUSH l a")
    assert late.replies == [[b"l", b"a"]]
    assert engine.end_waits() is None
    clock.advance(ms=10**9)
    engine.cron(10**6)
    assert for_ever.replies == []


def test_deadlines_of_answered_calls_do_not_pile_up(engine: Engine, session: Session) -> None:
    waiter = Waiter(engine)
    for _ in range(1000):
        waiter.wait("BLPOP l 1000")
        engine.execute(session, [b"RPUSH", b"l", b"a"])
    assert len(waiter.replies) == 1000
    assert len(engine.waiting._deadlines) < 100
    assert not engine.waiting._queues
    assert not session.db.awaited


def test_who_leaves_consumes_nothing(engine: Engine, run: Run, waits: Waits) -> None:
    first, second = waits("BLPOP l 0"), waits("BLPOP l 0")
    engine.close_session(first.session)
    run("RPUSH l a b")
    assert (first.replies, second.replies) == ([], [[b"l", b"a"]])
    assert run("LLEN l") == 1
    assert len(engine.waiting) == 0


@pytest.mark.parametrize(
    ("reason", "reply"), [("", NULL_ARRAY), (" TIMEOUT", NULL_ARRAY), (" ERROR", errors.UNBLOCKED)]
)
def test_client_unblock(run: Run, waits: Waits, reason: str, reply: object) -> None:
    waiter = waits("BLMOVE l m LEFT RIGHT 0")
    assert run(f"CLIENT UNBLOCK {waiter.session.id}{reason}") == 1
    assert run(f"CLIENT UNBLOCK {waiter.session.id}{reason}") == 0
    [got] = waiter.replies
    assert (got.message if isinstance(got, RespError) else got) == reply
    run("RPUSH l a")
    assert run("LLEN l") == 1


def test_client_list_and_info_show_who_waits(
    run: Run, waits: Waits, info: Callable[[str], dict[str, str]]
) -> None:
    waiter = waits("BLPOP l l m 5")
    assert run(f"CLIENT LIST ID {waiter.session.id}").text.find(b" flags=b ") > 0  # type: ignore[attr-defined]
    fields = info("clients")
    assert (fields["blocked_clients"], fields["total_blocking_keys"]) == ("1", "2")
    assert (fields["clients_in_timeout_table"], fields["total_blocking_keys_on_nokey"]) == ("1", "0")
    run("RPUSH m a")
    assert (info("clients")["blocked_clients"], info("clients")["total_blocking_keys"]) == ("0", "0")


def test_a_silenced_client_gets_no_reply_and_the_element_is_gone(engine: Engine, run: Run) -> None:
    waiter = Waiter(engine)
    engine.execute(waiter.session, [b"CLIENT", b"REPLY", b"SKIP"])
    waiter.wait("BLPOP l 0")
    run("RPUSH l a")
    assert waiter.replies == [NO_REPLY]
    waiter.wait("BLPOP l 0")
    run("RPUSH l b")
    assert waiter.replies == [NO_REPLY, [b"l", b"b"]]


def test_a_refusal_at_the_retry_is_the_reply_and_is_counted(engine: Engine, run: Run, waits: Waits) -> None:
    waiter = waits("BLMOVE a b LEFT RIGHT 0")
    run("SET b 1")
    run("RPUSH a x")
    [got] = waiter.replies
    assert isinstance(got, RespError)
    assert got.message == errors.WRONG_TYPE
    assert run("LLEN a") == 1
    assert engine.commands[b"blmove"].failed == 1
    assert engine.stats.errors["WRONGTYPE"] == 1


def test_a_bug_in_a_retry_is_an_error_reply(engine: Engine, session: Session, run: Run) -> None:
    waiter = Waiter(engine).wait("BLPOP l 0")
    assert waiter.session.pending is not None

    def fail() -> Reply:
        raise ZeroDivisionError

    waiter.session.pending.retry = fail
    run("RPUSH l a")
    assert [str(reply) for reply in waiter.replies] == [errors.INTERNAL]
    assert run("LLEN l") == 1


@pytest.mark.parametrize(
    "change", ["DEL l", "SET l 1", "MSET l 1", "FLUSHALL", "RENAME l m", "SETEX l 9 1", "SWAPDB 0 1"]
)
def test_a_call_may_ask_for_every_change_of_its_keys(engine: Engine, run: Run, change: str) -> None:
    run("SET l 0")
    waiter = Waiter(engine)
    session = waiter.session
    seen: list[object] = []

    def attempt() -> Reply:
        seen.append(session.db.peek(b"l"))
        return None

    pending = wait_for(session, (b"l",), object, 0, attempt)
    assert type(pending) is Pending
    engine.waiting.suspend(session, pending, [b"BLPOP", b"l", b"0"])
    assert engine.waiting.keys_minding_absence == 1
    run("PING")
    assert len(seen) == 1
    run(change)
    assert len(seen) == 2
    engine.close_session(session)
    run("SET l 2")
    assert len(seen) == 2


def test_databases_are_kept_apart(engine: Engine, run: Run) -> None:
    waiter = Waiter(engine)
    engine.execute(waiter.session, [b"SELECT", b"1"])
    waiter.wait("BLPOP l 0")
    run("RPUSH l a")
    assert waiter.replies == []
    run("SWAPDB 0 1")
    assert waiter.replies == [[b"l", b"a"]]


def test_waiters_in_front_who_want_another_kind_are_passed_over(engine: Engine, run: Run) -> None:
    front = Waiter(engine)
    engine.waiting.suspend(front.session, Pending((b"l",), set, 0, lambda: 1), [b"SPOP", b"l"])
    behind = Waiter(engine).wait("BLPOP l 0")
    run("RPUSH l a")
    assert (front.replies, behind.replies) == ([], [[b"l", b"a"]])


def test_those_behind_one_who_stays_are_asked_once(
    engine: Engine, run: Run, waits: Callable[[str], Waiter]
) -> None:
    asked = []

    def wait(number: int) -> Session:
        waiter = Waiter(engine)
        engine.execute(waiter.session, b"BLPOP l 0".split())
        pending = waiter.session.pending
        assert pending is not None
        pending.retry = lambda: asked.append(number)
        return waiter.session

    sessions = [wait(number) for number in range(50)]
    run("RPUSH l a")
    assert asked == list(range(50))
    last = waits("BZPOPMIN z 0")
    assert engine.waiting.keys == 2
    for session in (*sessions, last.session):
        engine.close_session(session)
    assert (len(engine.waiting), engine.waiting.keys) == (0, 0)
