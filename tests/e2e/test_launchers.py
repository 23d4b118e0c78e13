"""What starts a redis-server by its path, and starts ours: pytest-redis, and scripts with the usual arguments."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from tests.e2e.process import WAIT, Process, command, free_port, wait_for_the_end

TESTS = """
from pytest_redis import factories

second = factories.redis_proc(port=None, save="60 1000", password="secret", db_count=20, syslog=True, loglevel="debug")
third = factories.redisdb("second", dbnum=17)


def test_a_key(redisdb):
    assert redisdb.set("key", "value")


def test_no_key(redisdb):
    assert redisdb.get("key") is None


def test_the_server(redis_proc, redisdb):
    assert redisdb.info("server")["redis_version"] == str(redis_proc.version)
    assert redisdb.config_get("unixsocket") == {"unixsocket": redis_proc.unixsocket}


def test_another_server(third):
    assert third.set("key", "value")
    assert third.config_get("databases", "save") == {"databases": "20", "save": "60 1000"}
"""


def test_pytest_redis(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(TESTS)
    words = ["-p", "no:cacheprovider", "-p", "no:asyncio", f"--redis-exec={command()[0]}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *words, str(tmp_path)],
        cwd=tmp_path, capture_output=True, text=True, timeout=4 * WAIT, check=False,
    )  # fmt: skip
    assert "4 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_script_as_redis_memory_server_is_one(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    arguments = ("--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", str(port))
    with Process(tmp_path, *arguments) as server:
        server.ready("Ready to accept connections")
        server.signal(number)
        assert server.status() == 0


def test_options_in_one_word_with_their_values(tmp_path: Path) -> None:
    port = free_port()
    with Process(tmp_path, f"--port {port}", "--save 60 1000", "--databases 3") as server:
        server.ready()
        with redis.Redis(port=port, decode_responses=True) as client:
            assert client.config_get("databases", "save") == {"databases": "3", "save": "60 1000"}


def test_a_configuration_on_standard_input_after_a_file(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "redis.conf").write_text("bind\t127.0.0.1\ndbfilename\tdump.rdb\nport\t1\n")
    with Process(tmp_path, "redis.conf", "-", stdin=f"port {port}\nsave ''\n".encode()) as server:
        server.ready()
        with redis.Redis(port=port, decode_responses=True) as client:
            assert client.config_get("port", "save") == {"port": str(port), "save": ""}


def test_a_service_as_init_scripts_start_one(tmp_path: Path) -> None:
    port = free_port()
    pidfile = tmp_path / "redis.pid"
    (tmp_path / "redis.conf").write_text(
        f"daemonize yes\npidfile {pidfile}\nlogfile {tmp_path}/log\nport {port}\nsave ''\nappendonly no\n"
    )
    done = subprocess.run(
        [*command(), "redis.conf"], cwd=tmp_path, capture_output=True, timeout=WAIT, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    with redis.Redis(port=port, retry=Retry(ConstantBackoff(0.02), 500)) as client:
        pid = client.info("server")["process_id"]
    assert pidfile.read_text() == f"{pid}\n"
    os.kill(pid, signal.SIGTERM)
    wait_for_the_end(pidfile)
    assert "bye bye" in (tmp_path / "log").read_text()
