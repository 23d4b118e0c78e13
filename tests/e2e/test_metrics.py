"""The installed command with metrics: scraped while it is used, healthy until it ends, one line without the extra."""

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.e2e.process import WAIT, Process, free_port

READY = "Metrics at http://127.0.0.1:"
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture
def server(tmp_path: Path, ports: tuple[int, int]) -> Iterator[Process]:
    with Process(tmp_path, "--port", str(ports[0]), "--metrics-port", str(ports[1])) as process:
        yield process.ready(READY)


def page(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=WAIT) as answer:
        return str(answer.read().decode())


def test_a_server_in_use(server: Process, ports: tuple[int, int]) -> None:
    assert page(ports[1], "/healthz") == "ok\n"
    hostile = [socket.create_connection(("127.0.0.1", ports[1]), WAIT) for _ in range(20)]
    for number, one in enumerate(hostile):
        one.sendall((b"", b"GET /metr", b"\0" * 1000, b"GET /" + b"x" * 7000)[number % 4])
    with redis.Redis(port=ports[0]) as client:
        for number in range(100):
            client.set(f"key:{number}", "x")
        metrics = page(ports[1], "/metrics")
        assert client.ping()
    assert 'vermilion_command_duration_seconds_count{command="set"} 100.0\n' in metrics
    assert 'vermilion_keys{db="0"} 100.0\n' in metrics
    assert "\nprocess_cpu_seconds_total " in metrics
    for one in hostile:
        one.close()
    server.signal(signal.SIGTERM)
    assert server.status() == 0
    assert server.errors() == ""
    with pytest.raises(urllib.error.URLError):
        page(ports[1], "/healthz")


def test_without_the_extra(tmp_path: Path, ports: tuple[int, int]) -> None:
    package = tmp_path / "prometheus_client"
    package.mkdir()
    (package / "__init__.py").write_text("raise ModuleNotFoundError('No module', name='prometheus_client')\n")
    arguments = ("--port", str(ports[0]), "--metrics-port", str(ports[1]))
    with Process(tmp_path, *arguments, env={"PYTHONPATH": str(tmp_path)}) as process:
        assert process.status() == 1
        assert process.errors() == ""
        assert process.log[-1].endswith(
            "# metrics-port needs the package prometheus_client: pip install 'vermilion[metrics]', aborting."
        )


@pytest.mark.parametrize("with_metrics", [True, False])
def test_the_health_check_of_the_image(server: Process, ports: tuple[int, int], with_metrics: bool) -> None:
    line = next(
        line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("    CMD ")
    )
    program = json.loads(line.removeprefix("    CMD "))[2]

    def status() -> int:
        env = {"VERMILION_PORT": str(ports[0])} | (
            {"VERMILION_METRICS_PORT": str(ports[1])} if with_metrics else {}
        )
        done = subprocess.run(
            [sys.executable, "-c", program], env=env, capture_output=True, check=False, timeout=WAIT
        )
        return done.returncode

    assert status() == 0
    server.signal(signal.SIGTERM)
    server.status()
    assert status() == 1
