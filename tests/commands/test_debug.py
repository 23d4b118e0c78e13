"""DEBUG: what each subcommand does, beyond what the corpus shows on the wire."""

import logging
import time
from collections.abc import Callable

import pytest

from vermilion import errors
from vermilion.clock import ManualClock
from vermilion.commands import debug
from vermilion.engine.engine import Engine
from vermilion.protocol.reply import OK, Status, Verbatim
from vermilion.session import CLIENT_SIZE, Session

Run = Callable[..., object]


@pytest.fixture(autouse=True)
def _allowed(engine: Engine) -> None:
    engine.settings.enable_debug_command = "yes"


@pytest.mark.parametrize(
    ("allowed", "address", "ok"),
    [
        ("no", "127.0.0.1:5000", False),
        ("local", "127.0.0.1:5000", True),
        ("local", "[::1]:5000", True),
        ("local", "/run/socket:0", True),
        ("local", "10.1.2.3:5000", False),
        ("local", "[fe80::1]:5000", False),
        ("yes", "10.1.2.3:5000", True),
    ],
)
def test_is_for_whom_the_configuration_says(
    run: Run, engine: Engine, session: Session, allowed: str, address: str, ok: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    engine.settings.enable_debug_command = allowed
    monkeypatch.setattr(session.transport, "address", address)
    assert run("DEBUG", "SLEEP", 0) == (OK if ok else errors.DEBUG_NOT_ALLOWED)


@pytest.mark.parametrize(
    ("seconds", "slept"),
    [("0.25", 0.25), ("1e-3", 0.001), (".5x", 0.5), (" 2", 2.0), ("abc", 0.0), ("", 0.0), ("-1", 0.0)],
)
def test_sleep_reads_numbers_as_c_does(
    run: Run, monkeypatch: pytest.MonkeyPatch, seconds: str, slept: float
) -> None:
    asked: list[float] = []
    monkeypatch.setattr(time, "sleep", asked.append)
    assert run("DEBUG", "SLEEP", seconds) == OK
    assert asked == [slept]


@pytest.mark.parametrize(("flag", "active"), [("0", False), ("1", True), ("2", True), ("abc", False)])
def test_set_active_expire(run: Run, engine: Engine, flag: str, active: bool) -> None:
    engine.active_expire = not active
    assert run("debug", "Set-Active-Expire", flag) == OK
    assert engine.active_expire is active


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"1", "refcount:2147483647 encoding:int serializedlength:2"),
        (b"1000", "refcount:2147483647 encoding:int serializedlength:3"),
        (b"100000", "refcount:1 encoding:int serializedlength:5"),
        (b"10000000000", "refcount:1 encoding:int serializedlength:12"),
        (b"hello", "refcount:1 encoding:embstr serializedlength:6"),
        (b"x" * 100, "refcount:1 encoding:raw serializedlength:13"),
        (b"x" * 20000, "refcount:1 encoding:raw serializedlength:242"),
    ],
)
def test_object_shows_how_a_value_is_stored(
    run: Run, engine: Engine, clock: ManualClock, value: bytes, shown: str
) -> None:
    run("SET", "k", value)
    lru = clock.now_ms() // 1000 % 2**24
    clock.advance(ms=3_000)
    engine.cron(0)
    reply = run("DEBUG", "OBJECT", "k")
    assert isinstance(reply, Status)
    assert reply.text.startswith("Value at:0x")
    assert reply.text.endswith(f" {shown} lru:{lru} lru_seconds_idle:3")


def test_object_of_a_missing_key(run: Run) -> None:
    assert run("DEBUG", "OBJECT", "missing") == errors.NO_SUCH_KEY


def test_help_names_what_there_is(run: Run) -> None:
    lines = run("DEBUG", "HELP")
    assert isinstance(lines, list)
    named = {line.text.split()[0].lower().encode() for line in lines if not line.text.startswith(" ")}
    assert named - {b"debug"} == set(debug._SUBCOMMANDS)


@pytest.mark.parametrize(
    "words", [["nosuch"], ["SLEEP"], ["sleep", "0", "x"], ["OBJECT", "a", "b"], ["HELP", "x"], [""]]
)
def test_refuses_other_words(run: Run, words: list[str]) -> None:
    assert run("DEBUG", *words) == (
        f"ERR unknown subcommand or wrong number of arguments for '{words[0]}'. Try DEBUG HELP."
    )


def test_pause_cron_lets_the_periodic_work_rest(run: Run, engine: Engine, clock: ManualClock) -> None:
    run("SET", "k", "v", "PX", 10)
    clock.advance(ms=100)
    assert run("DEBUG", "PAUSE-CRON", 1) == OK
    engine.cron(1_000_000)
    assert run("DBSIZE") == 1
    assert run("DEBUG", "PAUSE-CRON", 0) == OK
    engine.cron(1_000_000)
    assert run("DBSIZE") == 0


def test_another_replication_id_is_one(run: Run, engine: Engine) -> None:
    before = engine.replication_id
    assert run("DEBUG", "CHANGE-REPL-ID") == OK
    assert engine.replication_id != before
    assert len(bytes.fromhex(engine.replication_id)) == 20


def test_log_writes_into_the_log(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="vermilion"):
        assert run("DEBUG", "LOG", "hello") == OK
    assert caplog.messages == ["DEBUG LOG: hello"]


def test_populate_announces_what_it_makes(run: Run, engine: Engine) -> None:
    before = engine.keyspace.dirty
    run("DEBUG", "POPULATE", 3, "p", 10)
    assert engine.keyspace.dirty == before + 3
    assert run("GET", "p:2") == b"value:2\0\0\0"


def test_an_error_for_clients_is_nobodys_failure(run: Run, engine: Engine) -> None:
    assert run("DEBUG", "ERROR", "MY own") == "MY own"
    assert engine.stats.errors == {}


def test_clients_are_shown_by_the_memory_that_they_take(
    run: Run, engine: Engine, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.settings.maxmemory_clients = 1 << 30
    other = engine.open_session(session.transport)
    monkeypatch.setattr(session.transport, "query_buffered", 1 << 20)
    reply = run("DEBUG", "CLIENT-EVICTION")
    assert isinstance(reply, Verbatim)
    lines = reply.text.decode().splitlines()
    engine.close_session(other)
    assert len(lines) == 19
    assert lines[0] == "bucket          0 -      32767: tot-mem:          0, clients: 0"
    assert (
        lines[6]
        == f"bucket    1048576 -    2097151: tot-mem: {2 * (CLIENT_SIZE + (1 << 20)):10d}, clients: 2"
    )
    assert lines[18] == "bucket 4294967296+            : tot-mem:          0, clients: 0"
