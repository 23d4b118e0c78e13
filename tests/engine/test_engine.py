"""The engine: what stands in a call's way, and what is counted of it."""

from collections.abc import Callable
from random import Random
from typing import Protocol

import pytest

from vermilion import errors
from vermilion.clock import ManualClock
from vermilion.config import Config
from vermilion.engine.engine import Engine
from vermilion.engine.stats import ERROR_CODES_LIMIT
from vermilion.pending import Pending
from vermilion.protocol.encode import encode_resp2
from vermilion.protocol.reply import NO_REPLY, OK, PONG, Push, Reply
from vermilion.session import GATE_REPLY, Session, Transport

Run = Callable[[str], object]
Info = Callable[[str], dict[str, str]]


class FakeTransport(Transport, Protocol):
    """The one of conftest.py, which remembers what it was sent."""

    replies: list[Reply]


@pytest.mark.parametrize("line", ["PING", "ping", "PiNg"])
def test_a_command_has_its_name_in_any_case(run: Run, line: str) -> None:
    assert run(line) == PONG


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("nosuch", "ERR unknown command 'nosuch', with args beginning with: "),
        ("nosuch a b", "ERR unknown command 'nosuch', with args beginning with: 'a' 'b' "),
        ("config", "ERR wrong number of arguments for 'config' command"),
        ("config nosuch", "ERR unknown subcommand 'nosuch'. Try CONFIG HELP."),
        ("config get", "ERR wrong number of arguments for 'config|get' command"),
        ("get", "ERR wrong number of arguments for 'get' command"),
        ("get a b", "ERR wrong number of arguments for 'get' command"),
        ("set a", "ERR wrong number of arguments for 'set' command"),
        ("command count x", "ERR wrong number of arguments for 'command|count' command"),
    ],
)
def test_calls_that_are_none_are_refused(run: Run, line: str, error: str) -> None:
    assert run(line) == error


def test_two_engines_never_meet(config: Config, transport: FakeTransport) -> None:
    first, second = (Engine(config.settings, config) for _ in range(2))
    first.execute(first.open_session(transport), [b"SET", b"k", b"v"])
    assert second.execute(second.open_session(transport), [b"DBSIZE"]) == 0
    assert [command.calls for command in second.command_records() if command.name == "set"] == [0]


class TestAPassword:
    @pytest.fixture
    def config(self) -> Config:
        config = Config()
        config.set([(b"requirepass", b"secret")])
        return config

    @pytest.mark.parametrize("line", ["ping", "GET k", "COMMAND", "command count", "info", "shutdown"])
    def test_stands_before_calls(self, run: Run, line: str) -> None:
        assert run(line) == errors.NO_AUTH

    @pytest.mark.parametrize(
        ("line", "error"),
        [
            ("get", "ERR wrong number of arguments for 'get' command"),
            ("config nosuch", "ERR unknown subcommand 'nosuch'. Try CONFIG HELP."),
            ("nosuch", "ERR unknown command 'nosuch', with args beginning with: "),
        ],
    )
    def test_stands_behind_the_syntax(self, run: Run, line: str, error: str) -> None:
        assert run(line) == error

    def test_lets_in_who_knows_it(self, run: Run) -> None:
        assert run("AUTH wrong") == errors.WRONG_PASSWORD
        assert run("AUTH secret") == OK
        assert run("PING") == PONG

    def test_counts_refusals_as_rejected(self, run: Run, info: Info) -> None:
        run("GET k")
        assert info("commandstats")["cmdstat_get"].endswith(
            "calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0"
        )
        assert info("errorstats") == {"errorstat_NOAUTH": "count=1"}


class TestMaxmemory:
    def test_stands_before_calls_that_need_memory(self, run: Run) -> None:
        assert run("SET k v") == OK
        assert run("CONFIG SET maxmemory 1") == OK
        assert run("SET k w") == errors.OUT_OF_MEMORY
        assert run("GET k") == b"v"
        assert run("DEL k") == 1
        assert run("CONFIG SET maxmemory 0") == OK
        assert run("SET k w") == OK

    def test_stands_before_new_clients_too(self, engine: Engine, run: Run, transport: FakeTransport) -> None:
        run("CONFIG SET maxmemory 1")
        reply = engine.execute(engine.open_session(transport), [b"APPEND", b"k", b"v"])
        assert str(reply) == errors.OUT_OF_MEMORY


class TestClientReply:
    @pytest.mark.parametrize("line", ["PING", "nosuch", "GET", "config nosuch", "INCR text"])
    def test_off_swallows_every_reply(self, run: Run, line: str) -> None:
        run("SET text abc")
        assert run("CLIENT REPLY OFF") is NO_REPLY
        assert run(line) is NO_REPLY
        assert run("CLIENT REPLY ON") == OK
        assert run("PING") == PONG

    @pytest.mark.parametrize("line", ["PING", "nosuch"])
    def test_skip_swallows_one_reply(self, run: Run, line: str) -> None:
        assert run("CLIENT REPLY SKIP") is NO_REPLY
        assert run(line) is NO_REPLY
        assert run("PING") == PONG


def test_no_touch_leaves_the_time_of_access_alone(run: Run, clock: ManualClock, engine: Engine) -> None:
    run("SET k v")
    clock.advance(ms=5_000)
    engine.cron(0)
    run("CLIENT NO-TOUCH ON")
    run("GET k")
    assert run("OBJECT IDLETIME k") == 5
    run("TOUCH k")
    assert run("OBJECT IDLETIME k") == 0


def test_a_web_page_that_was_tricked_into_calling_is_cut_off(
    engine: Engine, session: Session, transport: FakeTransport
) -> None:
    assert engine.execute(session, [b"POST", b"/", b"HTTP/1.1"]) is NO_REPLY
    assert transport.aborted  # type: ignore[attr-defined]  # of the fake one


class TestStatistics:
    def test_count_calls_failures_and_refusals_apart(self, run: Run, info: Info) -> None:
        for line in ("INCR n", "INCR n", "GET", "SET k v BOGUS", "SET s text", "INCR s", "MSET a 1 b"):
            run(line)
        counted = {
            name: value.partition(",")[0] + "," + value.partition("rejected")[2]
            for name, value in info("commandstats").items()
        }
        assert counted == {
            "cmdstat_incr": "calls=3,_calls=0,failed_calls=1",
            "cmdstat_get": "calls=0,_calls=1,failed_calls=0",
            "cmdstat_set": "calls=2,_calls=0,failed_calls=1",
            "cmdstat_mset": "calls=1,_calls=0,failed_calls=1",
        }
        assert info("errorstats") == {"errorstat_ERR": "count=4"}

    def test_count_unknown_subcommands_as_errors_only(self, run: Run, info: Info) -> None:
        run("config nosuch")
        assert info("commandstats") == {}
        run("config")
        assert list(info("commandstats")) == ["cmdstat_config"]

    def test_begin_anew_with_resetstat(self, run: Run, info: Info) -> None:
        for line in ("GET missing", "nosuch", "CONFIG RESETSTAT"):
            run(line)
        assert list(info("commandstats")) == ["cmdstat_config|resetstat"]
        assert info("errorstats") == {}
        assert info("stats")["keyspace_misses"] == "0"

    def test_keep_error_codes_within_bounds(self, engine: Engine) -> None:
        for number in range(ERROR_CODES_LIMIT + 5):
            engine.stats.count_error(f"CODE{number}")
        assert len(engine.stats.errors) == ERROR_CODES_LIMIT
        assert engine.stats.error_replies == ERROR_CODES_LIMIT + 5

    def test_rates_are_those_of_the_last_moments(
        self, engine: Engine, run: Run, clock: ManualClock, info: Info
    ) -> None:
        for _ in range(20):
            clock.advance(ms=100)
            run("PING")
            engine.stats.net_input_bytes += 1024
            engine.cron(0)
        assert info("stats")["instantaneous_ops_per_sec"] == "10"
        assert info("stats")["instantaneous_input_kbps"] == "10.00"

    def test_latencies_are_exact_below_a_hundred_microseconds(self, engine: Engine) -> None:
        ping = engine.commands[b"ping"]
        ping.count(98, 98 * 7_000)
        ping.count(1, 50_900)
        ping.count(1, 12_345_678)
        assert ping.percentiles([0, 50, 98, 99, 100]) == [7, 7, 7, 50, 12_000]


def test_a_pipeline_answers_as_single_calls_do(engine: Engine, session: Session) -> None:
    calls = [b"SET a 1", b"SET b 2", b"GET a", b"nosuch", b"INCR a", b"config get hz", b"GET b", b"GET"]
    together: list[bytes] = []
    engine.batches.execute(session, [call.split() for call in calls], encode_resp2, together)
    engine.execute(session, [b"FLUSHALL"])
    apart: list[bytes] = []
    for call in calls:
        reply = engine.execute(session, call.split())
        assert not isinstance(reply, Pending)
        encode_resp2(reply, apart.append)
    assert b"".join(together) == b"".join(apart)


def test_a_bug_in_a_command_is_an_error_reply(
    engine: Engine,
    session: Session,
    run: Run,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(session: Session, argv: list[bytes]) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(engine.commands[b"echo"], "call", broken)
    assert run("echo x") == errors.INTERNAL
    assert "echo failed" in caplog.text


def test_the_periodic_work_reclaims_within_its_budget(config: Config, clock: ManualClock) -> None:
    engine = Engine(config.settings, config, clock=clock, random=Random(1))
    db = engine.databases[3]
    for number in range(1000):
        key = b"%d" % number
        db.store(key, b"v")
        db.expire_at(key, clock.now_ms() + 10)
    clock.advance(ms=1_000)
    engine.active_expire = False
    engine.cron(10**9)
    assert len(db) == 1000
    engine.active_expire = True
    engine.cron(0)
    assert 0 < len(db) < 1000
    assert engine.keyspace.time_cap_reached == 1
    engine.cron(10**9)
    assert len(db) == 0
    assert engine.keyspace.expired == 1000


def test_shutdown_is_the_assemblys(engine: Engine, run: Run) -> None:
    asked: list[bool] = []
    engine.on_shutdown = lambda: asked.append(True)
    assert run("SHUTDOWN NOW") is NO_REPLY
    assert asked == [True]


class TestPushes:
    def test_go_to_the_transport_of_others(
        self, engine: Engine, session: Session, transport: FakeTransport
    ) -> None:
        message = Push([b"message", b"news"])
        engine.push(session, message)
        assert transport.replies == [message]

    def test_follow_the_reply_of_the_call_that_caused_them(
        self, engine: Engine, session: Session, transport: FakeTransport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def push(caller: Session, argv: list[bytes]) -> bytes:
            engine.push(caller, Push([b"to", b"itself"]))
            return b"reply"

        session.gates |= GATE_REPLY
        monkeypatch.setattr(engine.commands[b"ECHO"], "call", push)
        assert engine.execute(session, [b"ECHO", b"x"]) == [b"reply", [b"to", b"itself"]]
        assert engine.execute(session, [b"PING"]) == PONG
        assert transport.replies == []
