"""VERMILION over TCP, on the installed command: for redis-py, for redis-cli as the documentation shows it."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.e2e.process import WAIT, Process, free_port

CLI = shutil.which("redis-cli") or shutil.which("valkey-cli")
PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of a server for tests."""
    chosen = free_port()
    with Process(tmp_path, "--port", str(chosen), "--enable-test-commands", "yes", "--save", "") as server:
        server.ready()
        yield chosen


def connect(port: int, **options: Any) -> Any:
    return redis.Redis(port=port, decode_responses=True, **options)


def test_a_server_is_for_tests_only_where_it_is_told_so(tmp_path: Path) -> None:
    port = free_port()
    with Process(tmp_path, "--port", str(port)) as server, connect(port) as client:
        server.ready()
        with pytest.raises(redis.ResponseError, match="unknown command 'VERMILION'"):
            client.execute_command("VERMILION", "CLOCK", "GET")
        with pytest.raises(redis.ResponseError, match="immutable"):
            client.config_set("enable-test-commands", "yes")
        assert client.config_get("enable-test-commands") == {"enable-test-commands": "no"}
        assert client.command_list("VERMILION*") == []


@pytest.mark.parametrize("protocol", [2, 3])
def test_what_was_due_has_happened_before_the_reply(port: int, protocol: int) -> None:
    with (
        connect(port, protocol=protocol) as client,
        connect(port, protocol=protocol) as listener,
        connect(port, single_connection_client=True) as blocked,
    ):
        client.execute_command("VERMILION", "CLOCK", "FREEZE")
        client.config_set("notify-keyspace-events", "Ex")
        messages = listener.pubsub(ignore_subscribe_messages=True)
        messages.psubscribe("*")
        messages.get_message(timeout=WAIT)
        client.set("session", "ann", ex=30)
        blocked.connection.send_command("BLPOP", "queue", 60)
        while not client.info("clients")["blocked_clients"]:
            pass
        client.execute_command("VERMILION", "CLOCK", "ADVANCE", "2m")
        # Whoever has the reply finds the others' news in their sockets already: nobody waits here.
        message = messages.get_message()
        assert message is not None
        assert message["data"] == "session"
        assert blocked.connection.can_read(0)
        assert blocked.connection.read_response() is None
        assert client.exists("session") == 0
        messages.close()


@pytest.mark.parametrize("protocol", [2, 3])
def test_faults_hit_any_client(port: int, protocol: int) -> None:
    retry = Retry(NoBackoff(), 0)
    with connect(port) as tester, connect(port, protocol=protocol, retry=retry, socket_timeout=0.1) as client:

        def fault(*words: object) -> None:
            tester.execute_command("VERMILION", "FAULT", "CLEAR")
            tester.execute_command("VERMILION", "FAULT", "ADD", *words)

        def hits() -> int:
            (listed,) = tester.execute_command("VERMILION", "FAULT", "LIST")
            fields = listed if isinstance(listed, dict) else dict(zip(listed[::2], listed[1::2], strict=True))
            return int(fields["hits"])

        fault(
            "ERROR",
            "READONLY You can't write against a read only replica.",
            "COMMAND",
            "@write",
            "KEY",
            "user:*",
        )
        assert client.set("key", "v")
        with pytest.raises(redis.ReadOnlyError):
            client.set("user:1", "ann")
        fault("RESET", "AFTER", "COMMAND", "INCRBY")
        with pytest.raises(redis.ConnectionError, match="reset by peer"):
            client.incr("visits")
        assert client.get("visits") == "1"
        fault("PARTIAL", 3, "COMMAND", "GET")
        with pytest.raises(redis.ConnectionError, match="closed by server"):
            client.get("visits")
        fault("SILENCE", "COMMAND", "GET", "TIMES", 1)
        with pytest.raises(redis.TimeoutError):
            client.get("visits")
        assert client.get("visits") == "1"
        tester.execute_command("VERMILION", "CLOCK", "FREEZE")
        fault("DELAY", "30s", "COMMAND", "GET")
        connection = client.connection_pool.get_connection()
        connection.send_command("GET", "visits")
        while not hits():
            pass
        assert not connection.can_read(0)
        tester.execute_command("VERMILION", "CLOCK", "ADVANCE", "30s")
        assert connection.can_read(0)
        assert connection.read_response() == "1"
        client.connection_pool.release(connection)
        fault("REFUSE")
        with connect(port, retry=retry) as late, pytest.raises(redis.ConnectionError):
            late.ping()
        assert hits() >= 1
        assert tester.execute_command("VERMILION", "FAULT", "CLEAR") == "OK"
        with connect(port) as late:
            assert late.ping()


def test_a_snapshot_outlives_its_client(port: int) -> None:
    with connect(port) as client:
        client.set("key", 1)
        taken = client.execute_command("VERMILION", "SNAPSHOT", "TAKE")
        client.set("key", 2)
    with connect(port) as client:
        assert client.execute_command("VERMILION", "SNAPSHOT", "RESTORE", taken) == "OK"
        assert client.get("key") == "1"


def test_a_server_for_tests_keeps_no_keys_of_another(tmp_path: Path) -> None:
    with Process(
        tmp_path, "--enable-test-commands", "yes", "--backend", "redis", "--upstream", "redis://127.0.0.1:1"
    ) as server:
        assert server.status() == 1
        assert "Test commands move an engine in this process" in server.errors()


def by_redis_cli(port: int, words: list[str]) -> str:
    """Return what redis-cli prints."""
    done = subprocess.run(
        [str(CLI), "-p", str(port), *words], capture_output=True, text=True, timeout=WAIT, check=True
    )
    return done.stdout


def by_redis_py(port: int, words: list[str]) -> str:
    """Return what redis-cli would print, where there is none: replies of one line, without a terminal."""
    with connect(port) as client:
        client.response_callbacks.clear()
        return f"{client.execute_command(*words)}\n"


@pytest.mark.parametrize(
    "ask",
    [
        by_redis_py,
        pytest.param(
            by_redis_cli,
            marks=pytest.mark.skipif(CLI is None, reason="neither redis-cli nor valkey-cli is on the PATH"),
        ),
    ],
)
def test_the_page_tells_the_truth_of_redis_cli(port: int, ask: Callable[[int, list[str]], str]) -> None:
    sessions = re.findall(r"^```console\n(\$ redis-cli .*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    calls = re.split(r"^\$ ", "".join(sessions), flags=re.MULTILINE)[1:]
    assert len(calls) > 10
    for call in calls:
        line, _, expected = call.partition("\n")
        words = [word for word in shlex.split(line) if word != ">/dev/null"]
        assert words[0] == "redis-cli"
        printed = ask(port, words[1:])
        assert ">/dev/null" in line or printed == expected
