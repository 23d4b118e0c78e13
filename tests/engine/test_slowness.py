"""SLOWLOG and LATENCY: which calls of a pipeline count as slow; the stopwatch is moved by the calls themselves."""

from collections.abc import Callable

import pytest

from vermilion.config import Config
from vermilion.engine.engine import Engine
from vermilion.engine.redaction import redacted
from vermilion.protocol.encode import encode_resp2
from vermilion.session import GATE_TIMED, Session

MS = 1_000_000


class Stopwatch:
    """Time that passes only as the calls of the test say."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Stopwatch:
    watch = Stopwatch()
    for room in ("batches", "engine", "slowness"):
        monkeypatch.setattr(f"vermilion.engine.{room}.perf_counter_ns", watch)
    return watch


Pipeline = Callable[..., list[tuple[int, bytes]]]


@pytest.fixture
def pipeline(
    engine: Engine, session: Session, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
) -> Pipeline:
    """Run calls in one batch, each `NAME milliseconds`; return the microseconds and the operands in SLOWLOG."""

    def run(*lines: str) -> list[tuple[int, bytes]]:
        engine.slow_log.clear()
        calls = [line.encode().split() for line in lines]
        engine.batches.execute(session, calls, encode_resp2, [])
        return [(call.microseconds, call.arguments[-1]) for call in engine.slow_log.latest(-1)]

    return run


@pytest.fixture(autouse=True)
def slow_commands(engine: Engine, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ECHO (fast) and OBJECT-less KEYS (not fast) take as many milliseconds as their operand says."""

    def take(session: Session, argv: list[bytes]) -> bytes:
        stopwatch.now += int(float(argv[1]) * MS)
        return b"done"

    from vermilion.engine.slowness import time_calls  # noqa: PLC0415  # as the engine does when it starts

    for name in ("ECHO", "KEYS"):
        command = engine.commands[name.encode()]
        monkeypatch.setattr(command, "call", take)
        monkeypatch.setattr(command, "run", take)
        time_calls([command], engine.slowness)


class TestPipelines:
    def test_a_slow_call_of_a_slow_command_is_found_among_quick_ones(self, pipeline: Pipeline) -> None:
        assert pipeline("KEYS 1", "KEYS 12", "KEYS 2", "KEYS 10") == [(10_000, b"10"), (12_000, b"12")]

    def test_many_quick_calls_are_not_slow(self, pipeline: Pipeline) -> None:
        assert pipeline(*["KEYS 1"] * 50) == []
        assert pipeline(*["ECHO 1"] * 9) == []

    def test_a_single_fast_command_can_be_slow(self, pipeline: Pipeline) -> None:
        assert pipeline("ECHO 11") == [(11_000, b"11")]
        assert pipeline("KEYS 0", "ECHO 15", "KEYS 0") == [(15_000, b"15")]

    def test_of_a_run_the_excess_is_one_calls(self, pipeline: Pipeline) -> None:
        pipeline(*["ECHO 1"] * 9)
        assert pipeline("ECHO 1", "ECHO 1", "ECHO 50", "ECHO 1") == [(50_000, b"1")]

    def test_a_long_run_of_usual_calls_is_not_slow(self, pipeline: Pipeline) -> None:
        pipeline("ECHO 1")
        assert pipeline(*["ECHO 1"] * 40) == []

    def test_a_run_of_slow_calls_has_them_all(self, pipeline: Pipeline) -> None:
        assert [taken for taken, _ in pipeline("ECHO 20", "ECHO 10", "ECHO 30")] == [20_000] * 3

    def test_calls_at_once_are_a_run_too(
        self, engine: Engine, pipeline: Pipeline, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def take(session: object, columns: object) -> list[bytes]:
            stopwatch.now += 30 * MS
            return [b""] * 5

        monkeypatch.setattr(engine.commands[b"GET"], "many", take)
        assert pipeline("GET a", "GET b", "GET c", "GET d", "GET e") == []
        monkeypatch.setattr(engine.commands[b"GET"], "nanoseconds", 5)
        assert pipeline("GET a", "GET b", "GET c", "GET d", "GET e") == [(29_999, b"a")]


class TestThresholds:
    def test_off_is_off(self, config: Config, engine: Engine, pipeline: Pipeline) -> None:
        config.set([(b"slowlog-log-slower-than", b"-1")])
        assert pipeline("KEYS 100", "ECHO 100") == []
        assert engine.slow_events.names() == []

    def test_below_a_millisecond_every_call_is_timed_alone(
        self, config: Config, engine: Engine, session: Session, pipeline: Pipeline
    ) -> None:
        config.set([(b"slowlog-log-slower-than", b"500")])
        assert session.gates & GATE_TIMED
        assert pipeline("ECHO 0.4", "ECHO 0.6", "ECHO 0.1", "ECHO 0.5") == [(500, b"0.5"), (600, b"0.6")]
        config.set([(b"slowlog-log-slower-than", b"10000")])
        assert not session.gates & GATE_TIMED

    def test_new_clients_are_timed_too(self, config: Config, engine: Engine, session: Session) -> None:
        config.set([(b"slowlog-log-slower-than", b"0")])
        assert engine.open_session(session.transport).gates & GATE_TIMED

    def test_events_have_a_threshold_of_their_own(
        self, config: Config, engine: Engine, pipeline: Pipeline
    ) -> None:
        config.set([(b"latency-monitor-threshold", b"3")])
        assert pipeline("KEYS 2", "ECHO 4", "KEYS 5", "KEYS 7") == []
        assert engine.slow_events.names() == ["fast-command", "command"]
        assert [moment.milliseconds for moment in engine.slow_events.history("command")] == [7]

    def test_the_periodic_work_is_an_event(
        self, config: Config, engine: Engine, stopwatch: Stopwatch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def reclaim(limit: int) -> int:
            stopwatch.now += 2 * MS
            return 0

        for db in engine.databases:
            monkeypatch.setattr(type(db), "reclaim", lambda self, limit: reclaim(limit))
        config.set([(b"latency-monitor-threshold", b"20")])
        engine.cron(MS)
        assert engine.slow_events.worst("expire-cycle") == 32


@pytest.mark.parametrize(
    ("name", "line", "shown"),
    [
        ("auth", "AUTH secret", "AUTH (redacted)"),
        ("acl|setuser", "ACL SETUSER joe on >secret", "ACL SETUSER (redacted) (redacted) (redacted)"),
        ("config|set", "CONFIG SET hz 5 RequirePass secret", "CONFIG SET hz 5 RequirePass (redacted)"),
        ("migrate", "MIGRATE h 1 k 0 10 AUTH2 joe secret", "MIGRATE h 1 k 0 10 AUTH2 (redacted) (redacted)"),
        ("migrate", "MIGRATE h 1 k 0 10 AUTH", "MIGRATE h 1 k 0 10 AUTH"),
        ("set", "SET auth secret", "SET auth secret"),
    ],
)
def test_secrets_are_taken_out(name: str, line: str, shown: str) -> None:
    assert b" ".join(redacted(name, line.encode().split())) == shown.encode()
