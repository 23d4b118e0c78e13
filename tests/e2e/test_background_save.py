"""BGSAVE of a server: the process that writes, what it sees, and what becomes of it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.e2e.process import WAIT, Process, free_port

KEYS = 2000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(folder: Path, port: int) -> Iterator[Process]:
    with Process(folder, "--port", str(port), "--enable-debug-command", "yes").ready() as process:
        yield process


@pytest.fixture
def client(server: Process, port: int) -> Iterator["redis.Redis"]:
    with redis.Redis(port=port, decode_responses=True) as client:
        yield client


def wait_until(happened: Callable[[], Any]) -> None:
    deadline = time.monotonic() + WAIT
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def persistence(client: "redis.Redis", field: str) -> Any:
    return client.info("persistence")[field]


def child_of(server: Process) -> int:
    """Return the process of the latest background save."""
    server.ready("Background saving started")
    return int(server.log[-1].rpartition(" ")[2])


def exists(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


@pytest.fixture
def writing(server: Process, client: "redis.Redis") -> Iterator[int]:
    """A process that writes, for longer than anything here takes."""
    client.execute_command("DEBUG", "POPULATE", KEYS)
    client.config_set("rdb-key-save-delay", 1_000_000)
    client.bgsave()
    pid = child_of(server)
    wait_until(lambda: persistence(client, "current_save_keys_processed"))
    yield pid
    if exists(pid):
        os.kill(pid, signal.SIGKILL)


def test_it_sees_the_keys_as_they_were(
    server: Process, client: "redis.Redis", folder: Path, port: int
) -> None:
    client.rpush("list", "a")
    client.hset("hash", "field", "a")
    client.execute_command("DEBUG", "POPULATE", 1000)
    pipeline = client.pipeline(transaction=False)
    pipeline.bgsave()
    pipeline.rpush("list", "late")
    pipeline.hset("hash", "field", "late")
    pipeline.mset({"key:1": "late", "late": 1})
    pipeline.execute()
    assert child_of(server) != server.pid
    wait_until(lambda: not persistence(client, "rdb_bgsave_in_progress"))
    assert persistence(client, "rdb_changes_since_last_save") == 4
    assert persistence(client, "rdb_last_bgsave_status") == "ok"
    assert persistence(client, "rdb_last_cow_size") > 0
    assert [file.name for file in folder.iterdir()] == ["dump.rdb"]
    figures = client.info("stats")
    assert figures["total_forks"] == 1
    assert figures["latest_fork_usec"] > 0
    server.signal(signal.SIGKILL)
    server.status()
    with Process(folder, "--port", str(port)).ready():
        assert client.lrange("list", 0, -1) == ["a"]
        assert client.hget("hash", "field") == "a"
        assert client.get("key:1") == "value:1"
        assert not client.exists("late")


def test_clients_are_served_meanwhile(client: "redis.Redis", writing: int, folder: Path) -> None:
    assert persistence(client, "rdb_bgsave_in_progress") == 1
    assert persistence(client, "current_save_keys_total") == KEYS
    assert client.set("a", "1")
    with pytest.raises(redis.ResponseError, match="Background save already in progress"):
        client.bgsave()
    assert [file.name for file in folder.iterdir()] != ["dump.rdb"]
    assert exists(writing)


def test_one_that_is_killed_has_failed(
    server: Process, client: "redis.Redis", writing: int, folder: Path
) -> None:
    client.config_set("save", "3600 1")
    os.kill(writing, signal.SIGKILL)
    wait_until(lambda: not persistence(client, "rdb_bgsave_in_progress"))
    assert persistence(client, "rdb_last_bgsave_status") == "err"
    server.ready("Background saving terminated by signal 9")
    with pytest.raises(redis.ResponseError, match="MISCONF"):
        client.set("a", "1")
    assert list(folder.iterdir()) == []


def test_flushall_gives_it_up(client: "redis.Redis", writing: int, folder: Path) -> None:
    client.flushall()
    assert persistence(client, "rdb_bgsave_in_progress") == 0
    assert not exists(writing)
    assert not list(folder.glob("temp*"))


@pytest.mark.parametrize("how", ["SHUTDOWN NOSAVE", "SIGTERM"])
def test_the_end_of_the_server_is_its_end(
    server: Process, client: "redis.Redis", writing: int, folder: Path, how: str
) -> None:
    if how == "SIGTERM":
        server.signal(signal.SIGTERM)
    else:
        client.shutdown(nosave=True)
    assert server.status() == 0
    assert not exists(writing)
    assert not list(folder.glob("temp*"))


def test_a_server_that_was_killed_leaves_its_port(
    server: Process, client: "redis.Redis", writing: int, folder: Path, port: int
) -> None:
    server.signal(signal.SIGKILL)
    server.end()
    client.connection_pool.disconnect()
    assert exists(writing)
    with Process(folder, "--port", str(port)).ready():
        assert client.dbsize() == 0
