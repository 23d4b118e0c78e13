"""The installed command as a whole: real clients, real sockets, ended with a signal."""

import asyncio
import os
import re
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
import redis
import redis.asyncio
from redis.exceptions import ResponseError

from tests.e2e.process import READY_UNIX, WAIT, Process, free_port, wait_for_the_end


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a Unix socket."""
    with TemporaryDirectory(prefix="vm-") as path:
        yield Path(path)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(folder: Path, port: int) -> Iterator[Process]:
    """A server on TCP and on a Unix socket `s` in its folder."""
    with Process(
        folder, "--port", str(port), "--unixsocket", "s", "--enable-debug-command", "yes"
    ) as process:
        yield process.ready(READY_UNIX)


def connect(port: int) -> socket.socket:
    connected = socket.create_connection(("127.0.0.1", port), WAIT)
    connected.sendall(b"PING\r\n")
    assert connected.recv(7) == b"+PONG\r\n"
    return connected


# Starting -----------------------------------------------------------------------------------------------


def test_the_log_is_redis_s(server: Process) -> None:
    line = re.compile(rf"{server.pid}:M \d\d [A-Z][a-z][a-z] \d{{4}} \d\d:\d\d:\d\d\.\d\d\d [.\-*#] .+")
    assert [entry for entry in server.log if not line.fullmatch(entry)] == []
    assert server.log[-2].endswith("* Ready to accept connections tcp")
    assert server.log[-1].endswith("* Ready to accept connections unix")


def test_the_version(folder: Path) -> None:
    with Process(folder, "--version") as process:
        assert process.status() == 0
        assert process.log[0].startswith("Redis server v=8.0.6 ")
        assert process.errors() == ""


def test_a_unix_socket_only(folder: Path) -> None:
    path = folder / "s"
    arguments = ("--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700")
    with Process(folder, *arguments) as process:
        process.ready(READY_UNIX)
        assert not [line for line in process.log if "tcp" in line]
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        with redis.Redis(unix_socket_path=str(path)) as client:
            assert client.ping()
        process.signal(signal.SIGTERM)
        assert process.status() == 0
        assert not path.exists()


def test_a_port_in_use(server: Process, folder: Path, port: int) -> None:
    with Process(folder, "--port", str(port)) as second:
        assert second.status() == 1
        assert second.errors() == ""
        assert [line for line in second.log if " # " in line] == [second.log[-1]]
        expected = (
            f"# Could not create server TCP listening socket 127.0.0.1:{port}: bind: Address already in use"
        )
        assert expected in second.log[-1]
        assert not [line for line in second.log if "Ready" in line]
    connect(port).close()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--nosuch", "1"), "\n*** FATAL CONFIG FILE ERROR (Redis 8.0.6) ***\n"),
        (("--port", "x"), "Reading the configuration file, at line 2\n>>> 'port \"x\"'\n"),
        (("none.conf",), "none.conf': No such file or directory\n"),
    ],
)
def test_a_configuration_that_cannot_be(folder: Path, arguments: tuple[str, ...], error: str) -> None:
    with Process(folder, *arguments) as process:
        assert process.status() == 1
        assert error in process.errors()
        assert "Traceback" not in process.errors()
        assert process.log == []


def test_environment_file_standard_input_and_arguments(folder: Path, port: int) -> None:
    (folder / "redis.conf").write_text("databases 7\nmaxclients 50\ntimeout 5\nhz 20\n", encoding="utf-8")
    env = {"VERMILION_DATABASES": "3", "VERMILION_MAXMEMORY_POLICY": "allkeys-lru"}
    arguments = ("redis.conf", "--port", str(port), "--hz", "30", "-")
    with Process(folder, *arguments, stdin=b"timeout 9\n", env=env) as process:
        process.ready()
        with redis.Redis(port=port) as client:
            names = ("databases", "maxclients", "timeout", "hz", "maxmemory-policy")
            assert client.config_get(*names) == {
                "databases": "7", "maxclients": "50", "timeout": "9", "hz": "30", "maxmemory-policy": "allkeys-lru",
            }  # fmt: skip


def test_a_daemon(folder: Path, port: int) -> None:
    pidfile, log = folder / "server.pid", folder / "log"
    arguments = ("--port", str(port), "--daemonize", "yes", "--pidfile", str(pidfile), "--logfile", str(log))
    with Process(folder, *arguments) as parent:
        assert parent.status() == 0
        assert (parent.log, parent.errors()) == ([], "")
    with redis.Redis(port=port, retry=redis.retry.Retry(redis.backoff.ConstantBackoff(0.02), 500)) as client:
        pid = int(client.info("server")["process_id"])
        assert pidfile.read_text(encoding="ascii") == f"{pid}\n"
        assert pid != parent.pid
        os.kill(pid, signal.SIGTERM)
    wait_for_the_end(pidfile)
    assert "bye bye" in log.read_text(encoding="utf-8")


# Ending -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_a_second(server: Process, port: int, number: signal.Signals) -> None:
    idle = [connect(port) for _ in range(5)]
    began = time.monotonic()
    server.signal(number)
    assert server.status(within=5) == 0
    assert time.monotonic() - began < 1
    assert [connected.recv(1) for connected in idle] == [b""] * 5
    for connected in idle:
        connected.close()
    assert f"Received {number.name} scheduling shutdown..." in "\n".join(server.log)
    assert server.log[-1].endswith("# Redis is now ready to exit, bye bye...")
    assert server.errors() == ""
    assert not (server.folder / "s").exists()


def test_a_client_that_does_not_read_does_not_keep_it(server: Process, port: int) -> None:
    with connect(port) as greedy:
        value = b"x" * 1_000_000
        greedy.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1000000\r\n" + value + b"\r\n" + b"GET a\r\n" * 100)
        connect(port).close()
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.status(within=5) == 0
        assert time.monotonic() - began < 1
        assert server.errors() == ""


def test_shutdown_ends_it(server: Process, port: int) -> None:
    with connect(port) as client:
        client.sendall(b"SHUTDOWN NOSAVE\r\n")
        assert client.recv(100) == b""
    assert server.status() == 0
    assert server.errors() == ""


# Clients ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py(server: Process, port: int, protocol: int) -> None:
    for client in (
        redis.Redis(port=port, protocol=protocol),
        redis.Redis(unix_socket_path=str(server.folder / "s"), protocol=protocol),
    ):
        with client:
            client.flushall()
            assert client.set("a", "1", ex=100, nx=True)
            assert client.set("a", "2", nx=True) is None
            assert client.incr("a") == 2
            client.set("text", "x")
            assert client.mget("a", "none") == [b"2", None]
            assert client.config_get("port") == {"port": str(port)}
            assert client.info("server")["redis_version"] == "8.0.6"
            assert client.client_list()[0]["resp"] == str(protocol)
            assert set(client.scan_iter()) == {b"a", b"text"}
            with pytest.raises(ResponseError, match="not an integer"):
                client.incr("text")
            pipeline = client.pipeline(transaction=False)
            for number in range(1000):
                pipeline.set(f"k{number}", number)
            assert pipeline.execute() == [True] * 1000
            assert client.dbsize() == 1002


@pytest.mark.parametrize("protocol", [2, 3])
async def test_redis_py_asyncio(server: Process, port: int, protocol: int) -> None:
    async with redis.asyncio.Redis(port=port, protocol=protocol) as client:
        assert await client.set("a", b"\x00\xff")
        assert await client.get("a") == b"\x00\xff"
        counted = await asyncio.gather(*(client.incr("n") for _ in range(50)))
        assert sorted(counted) == list(range(1, 51))


async def test_sixty_four_clients_at_once(server: Process, port: int) -> None:
    async def hammer(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        value = b"%d" % number * 50
        size = len(value)
        asked = b"SET k%d %b\r\nGET k%d\r\nINCR total\r\nECHO %d\r\n" % (number, value, number, number)
        for _ in range(10):
            writer.write(asked * 20)
            for _ in range(20):
                assert await reader.readexactly(5) == b"+OK\r\n"
                assert await reader.readexactly(size + len(b"$%d\r\n\r\n" % size)) == b"$%d\r\n%b\r\n" % (
                    size,
                    value,
                )
                assert (await reader.readline()).startswith(b":")
                assert await reader.readline() == b"$%d\r\n" % len(str(number))
                assert await reader.readline() == b"%d\r\n" % number
        writer.close()
        await writer.wait_closed()

    await asyncio.wait_for(asyncio.gather(*(hammer(number) for number in range(64))), 60)
    async with redis.asyncio.Redis(port=port) as client:
        assert await client.get("total") == b"12800"


def test_garbage_beside_a_good_client(server: Process, port: int) -> None:
    random = Random(1)
    with redis.Redis(port=port) as good:
        for number in range(100):
            with socket.create_connection(("127.0.0.1", port), WAIT) as bad:
                shapes = (
                    random.randbytes(random.randint(1, 3000)),
                    b"*%d\r\n" % random.choice([-1, 0, 3, 10**9, 10**10]) + random.randbytes(30),
                    b"*2\r\n$4\r\nECHO\r\n"
                    + bytes((random.choice(b"+:_,(#!=%~>|*$-"),))
                    + b"%d\r\n" % number,
                    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.randbytes(200),
                )
                bad.sendall(shapes[number % len(shapes)])
                if number % 3:
                    bad.shutdown(socket.SHUT_WR)
            assert good.incr("n") == number + 1
    server.signal(signal.SIGTERM)
    assert server.status() == 0
    assert server.errors() == ""
    assert "Traceback" not in "\n".join(server.log)


# What stays ---------------------------------------------------------------------------------------------


def serve(folder: Path, port: int, *arguments: str) -> Process:
    return Process(folder, "--port", str(port), *arguments)


def test_what_was_saved_is_there_after_a_kill(folder: Path, port: int) -> None:
    with serve(folder, port).ready() as server, redis.Redis(port=port) as client:
        client.set("a", "1", ex=1000)
        client.rpush("l", "x", "y")
        assert client.save()
        client.set("unsaved", "1")
        server.signal(signal.SIGKILL)
        assert server.status() == -signal.SIGKILL
    with serve(folder, port).ready() as server, redis.Redis(port=port) as client:
        assert (client.get("a"), client.lrange("l", 0, -1), client.get("unsaved")) == (
            b"1",
            [b"x", b"y"],
            None,
        )
        assert 900 < client.ttl("a") <= 1000
        assert any("Done loading RDB, keys loaded: 2, keys expired: 0." in line for line in server.log)


def test_a_background_save_of_a_server(folder: Path, port: int) -> None:
    with serve(folder, port).ready() as server, redis.Redis(port=port) as client:
        client.mset({str(number): "x" * 100 for number in range(5000)})
        assert client.bgsave()
        deadline = time.monotonic() + WAIT
        while client.info("persistence")["rdb_bgsave_in_progress"]:
            assert time.monotonic() < deadline
        server.signal(signal.SIGKILL)
        server.status()
    assert [file.name for file in folder.iterdir()] == ["dump.rdb"]
    with serve(folder, port).ready(), redis.Redis(port=port) as client:
        assert client.dbsize() == 5000


@pytest.mark.parametrize("how", ["SHUTDOWN", "SIGTERM", "SIGINT"])
def test_with_save_points_the_end_saves(folder: Path, port: int, how: str) -> None:
    with serve(folder, port, "--save", "3600 1").ready() as server, redis.Redis(port=port) as client:
        client.set("a", "1")
        if how == "SHUTDOWN":
            client.shutdown()
        else:
            server.signal(signal.Signals[how])
        assert server.status() == 0
        assert any("DB saved on disk" in line for line in server.log)
    assert (folder / "dump.rdb").exists()


@pytest.mark.parametrize("arguments", [["--save", ""], ["--shutdown-on-sigterm", "nosave"]])
def test_without_save_points_it_does_not(folder: Path, port: int, arguments: list[str]) -> None:
    with serve(folder, port, *arguments).ready() as server, redis.Redis(port=port) as client:
        client.set("a", "1")
        server.signal(signal.SIGTERM)
        assert server.status() == 0
    assert not (folder / "dump.rdb").exists()


def test_a_signal_does_not_end_what_cannot_be_saved(folder: Path, port: int) -> None:
    files = folder / "files"
    files.mkdir()
    with serve(folder, port, "--save", "3600 1", "--dir", "files").ready() as server:
        with redis.Redis(port=port) as client:
            client.set("a", "1")
            files.rmdir()
            server.signal(signal.SIGTERM)
            server.ready("SIGTERM received but errors trying to shut down the server")
            with pytest.raises(ResponseError, match="Errors trying to SHUTDOWN"):
                client.execute_command("SHUTDOWN")
            assert client.get("a") == b"1"
        server.signal(signal.SIGKILL)


def test_a_damaged_file_stops_the_start(folder: Path, port: int) -> None:
    (folder / "dump.rdb").write_bytes(b"REDIS0012\xfa\x09redis-ver\x058.0")
    with serve(folder, port) as server:
        assert server.status() == 1
        assert server.log[-2].endswith("# The file is damaged at byte 21 of 24")
        assert server.log[-1].endswith("# Fatal error loading the DB, check server logs. Exiting.")
    assert (folder / "dump.rdb").exists()


def test_a_journal_is_not_promised(folder: Path, port: int) -> None:
    with serve(folder, port, "--appendonly", "yes").ready() as server, redis.Redis(port=port) as client:
        assert client.config_get("appendonly") == {"appendonly": "no"}
        assert any(
            "# appendonly yes has no effect: this server keeps no journal" in line for line in server.log
        )
        with pytest.raises(ResponseError, match="keeps no journal"):
            client.config_set("appendonly", "yes")
