"""The journal's own: what is kept, and what makes room."""

import pytest

from vermilion import MemoryCacheBackend
from vermilion.backends.memory_backend import Caller
from vermilion.engine.engine import Engine
from vermilion.session import GATE_JOURNAL, Session


@pytest.fixture
def engine() -> Engine:
    return MemoryCacheBackend().engine


@pytest.fixture
def session(engine: Engine) -> Session:
    return engine.open_session(Caller())


def names(engine: Engine) -> list[str]:
    return [call.name for call in engine.journal.calls]


def test_a_journal_that_is_off_has_no_gate(engine: Engine, session: Session) -> None:
    engine.execute(session, [b"SET", b"key", b"1"])
    engine.journal.start()
    assert session.gates & GATE_JOURNAL
    assert engine.open_session(Caller()).gates & GATE_JOURNAL
    engine.journal.stop()
    assert not any(one.gates & GATE_JOURNAL for one in engine.sessions.values())
    engine.execute(session, [b"GET", b"key"])
    assert names(engine) == []


def test_the_oldest_calls_make_room(engine: Engine, session: Session) -> None:
    engine.journal.start(limit=3)
    for number in range(5):
        engine.execute(session, [b"GET", b"key:%d" % number])
    journal = engine.journal
    assert [call.number for call in journal.calls] == [3, 4, 5]
    assert (journal.seen, journal.dropped) == (5, 2)
    journal.start(limit=1)
    assert [call.number for call in journal.calls] == [5]
    journal.clear()
    assert (len(journal.calls), journal.seen, journal.dropped) == (0, 0, 0)


def test_large_arguments_make_room_earlier(engine: Engine, session: Session) -> None:
    engine.journal.start(bytes_limit=10_000)
    for _ in range(20):
        engine.execute(session, [b"SET", b"key", b"x" * 2000])
    assert len(engine.journal.calls) == 3
    engine.execute(session, [b"SET", b"key", b"x" * 20_000])
    assert len(engine.journal.calls) == 0


def test_a_call_knows_its_command_and_its_keys(engine: Engine, session: Session) -> None:
    engine.journal.start()
    engine.execute(session, [b"mset", b"a", b"1", b"b", b"2"])
    engine.execute(session, [b"CONFIG", b"get", b"port"])
    engine.execute(session, [b"CONFIG", b"bogus"])
    engine.execute(session, [b"Bogus", b"a"])
    engine.execute(session, [b"EVAL", b"return 1", b"1", b"key"])
    engine.execute(session, [b"SET"])
    assert names(engine) == ["mset", "config|get", "config", "bogus", "eval", "set"]
    assert [call.keys for call in engine.journal.calls] == [(b"a", b"b"), (), (), (), (b"key",), ()]
    assert [call.error is None for call in engine.journal.calls] == [True, True, False, False, True, False]


def test_secrets_are_not_kept(engine: Engine, session: Session) -> None:
    engine.journal.start()
    for call in (
        [b"AUTH", b"SECRET"],
        [b"HELLO", b"3", b"AUTH", b"joe", b"SECRET"],
        [b"ACL", b"SETUSER", b"joe", b">SECRET"],
        [b"CONFIG", b"SET", b"requirepass", b"SECRET"],
    ):
        engine.execute(session, call)
    assert len(engine.journal.calls) == 4
    assert not [call for call in engine.journal.calls if any(b"SECRET" in word for word in call.argv)]


def test_queued_calls_are_kept_when_they_run(engine: Engine, session: Session) -> None:
    engine.journal.start()
    engine.execute(session, [b"MULTI"])
    engine.execute(session, [b"SET", b"key", b"1"])
    assert names(engine) == ["multi"]
    engine.execute(session, [b"EXEC"])
    assert names(engine) == ["multi", "set", "exec"]
    engine.journal.clear()
    engine.execute(session, [b"MULTI"])
    engine.execute(session, [b"SET", b"key"])
    engine.execute(session, [b"SET", b"key", b"1"])
    engine.execute(session, [b"EXEC"])
    assert names(engine) == ["multi", "set", "exec"]
    assert [call.error for call in engine.journal.calls] == [
        None,
        "ERR wrong number of arguments for 'set' command",
        "EXECABORT Transaction discarded because of previous errors.",
    ]


def test_a_queued_call_that_lost_its_permission_is_kept(engine: Engine, session: Session) -> None:
    engine.journal.start()
    engine.execute(session, [b"ACL", b"SETUSER", b"joe", b"on", b"nopass", b"+@all", b"~*"])
    engine.execute(session, [b"AUTH", b"joe", b"any"])
    engine.execute(session, [b"MULTI"])
    engine.execute(session, [b"SET", b"key", b"1"])
    engine.acl.set_user(b"joe", [b"-set"])
    engine.execute(session, [b"EXEC"])
    refused = engine.journal.calls[-2]
    assert refused.name == "set"
    assert refused.error is not None
    assert refused.error.startswith("NOPERM")


def test_a_call_that_waits_is_completed_by_its_reply(engine: Engine, session: Session) -> None:
    engine.journal.start()
    engine.execute(session, [b"BLPOP", b"queue", b"0"])
    (call,) = engine.journal.calls
    waits = call.duration_ns is None
    assert waits
    engine.execute(engine.open_session(Caller()), [b"RPUSH", b"queue", b"a"])
    assert call.duration_ns is not None
    assert call.size == 2
    assert names(engine) == ["blpop", "rpush"]


def test_a_call_that_is_unblocked_with_an_error_has_it(engine: Engine, session: Session) -> None:
    engine.journal.start()
    engine.execute(session, [b"BLPOP", b"queue", b"0"])
    engine.execute(engine.open_session(Caller()), [b"CLIENT", b"UNBLOCK", b"%d" % session.id, b"ERROR"])
    error = engine.journal.calls[0].error
    assert error is not None
    assert error.startswith("UNBLOCKED")


def test_a_postponed_call_is_kept_once(engine: Engine, session: Session) -> None:
    other = engine.open_session(Caller())
    engine.journal.start()
    engine.execute(other, [b"CLIENT", b"PAUSE", b"100000", b"WRITE"])
    engine.execute(session, [b"SET", b"key", b"1"])
    assert names(engine) == ["client|pause"]
    engine.execute(other, [b"CLIENT", b"UNPAUSE"])
    assert names(engine) == ["client|pause", "client|unpause", "set"]


@pytest.mark.parametrize("scripts", [True, False])
def test_calls_of_scripts_are_kept_if_wanted(engine: Engine, session: Session, scripts: bool) -> None:
    session.name = b"web"
    engine.journal.start(scripts=scripts)
    body = b"redis.pcall('GET'); return redis.call('SET', KEYS[1], 'v')"
    engine.execute(session, [b"EVAL", body, b"1", b"key"])
    inner = [(call.name, call.inside, call.client_name) for call in engine.journal.calls][1:]
    assert inner == ([("get", "script", "web"), ("set", "script", "web")] if scripts else [])
    assert engine.journal.calls[0].name == "eval"
