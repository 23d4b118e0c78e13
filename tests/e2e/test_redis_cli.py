"""redis-cli in the modes that its users know, against the installed command."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.process import WAIT, Process, free_port

CLI = shutil.which("redis-cli") or shutil.which("valkey-cli")

pytestmark = pytest.mark.skipif(CLI is None, reason="neither redis-cli nor valkey-cli is on the PATH")


def cli(port: int, *arguments: str, stdin: bytes = b"") -> str:
    """Return what redis-cli prints."""
    done = subprocess.run(
        [str(CLI), "-p", str(port), *arguments], input=stdin, capture_output=True, check=False, timeout=WAIT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@pytest.fixture(autouse=True)
def _keys(port: int) -> None:
    """A few keys of known sizes."""
    cli(port, stdin=b"FLUSHALL\nSET small 1\nSET large xxxxxxxxxxxxxxxxxxxxxxxxx\nMSET user:1 a user:2 b\n")


def test_one_command(port: int) -> None:
    assert cli(port, "GET", "user:1") == "a\n"
    assert cli(port, "--no-raw", "GET", "none") == "(nil)\n"
    assert cli(port, "--no-raw", "STRLEN", "large") == "(integer) 25\n"
    assert cli(port, "--raw", "MGET", "user:1", "user:2") == "a\nb\n"


def test_scan(port: int) -> None:
    assert sorted(cli(port, "--scan").split()) == ["large", "small", "user:1", "user:2"]
    assert sorted(cli(port, "--scan", "--pattern", "user:*").split()) == ["user:1", "user:2"]


def test_pipe(port: int) -> None:
    mass = b"".join(b"*3\r\n$3\r\nSET\r\n$7\r\nk%06d\r\n$1\r\nv\r\n" % number for number in range(5000))
    assert "errors: 0, replies: 5000" in cli(port, "--pipe", stdin=mass)
    assert cli(port, "DBSIZE") == "5004\n"


def test_resp3(port: int) -> None:
    assert "1# " in cli(port, "-3", "--no-raw", "CONFIG", "GET", "port")
    assert cli(port, "-3", "--no-raw", "GET", "none") == "(nil)\n"


def test_json(port: int) -> None:
    assert json.loads(cli(port, "--json", "CONFIG", "GET", "port")) == {"port": str(port)}
    assert json.loads(cli(port, "--json", "MGET", "user:1", "none")) == ["a", None]


def test_another_database(port: int) -> None:
    assert cli(port, "-n", "5", "DBSIZE") == "0\n"
    cli(port, "-n", "5", "SET", "only-here", "1")
    assert cli(port, "EXISTS", "only-here") == "0\n"


def test_bigkeys(port: int) -> None:
    printed = cli(port, "--bigkeys")
    assert 'Biggest string found "large" has 25 bytes' in printed.replace("'", '"')
    assert "4 strings" in printed


def test_memkeys(port: int) -> None:
    printed = cli(port, "--memkeys")
    assert "Sampled 4 keys in the keyspace" in printed


def test_latency(port: int) -> None:
    least, most, average, samples = map(float, cli(port, "--raw", "-i", "1", "--latency").split())
    assert 0 <= least <= average <= most
    assert samples > 10


def test_stat(port: int) -> None:
    with subprocess.Popen(
        [str(CLI), "-p", str(port), "--stat", "-i", "0.05"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().split() for _ in range(5)]
        process.kill()
    assert lines[1][:2] == [b"keys", b"mem"]
    assert [line[0] for line in lines[2:]] == [b"4", b"4", b"4"]


def test_a_password(tmp_path: Path) -> None:
    port = free_port()
    with Process(tmp_path, "--port", str(port), "--requirepass", "secret") as process:
        process.ready()
        assert cli(port, "-a", "secret", "--no-auth-warning", "PING") == "PONG\n"
        assert cli(port, "PING") == "NOAUTH Authentication required.\n\n"


def test_the_completion_s_source(port: int) -> None:
    """The interactive mode asks for the documentation of all commands when it starts."""
    printed = cli(port, "--json", "-3", "COMMAND", "DOCS", "set")
    assert json.loads(printed)["set"]["group"] == "string"
