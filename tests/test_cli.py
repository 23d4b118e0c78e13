"""The command line: answers without a server, and what a process does before and after one."""

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from vermilion import cli
from vermilion.__main__ import main
from vermilion.config import Config, ConfigError
from vermilion.errors import RespError
from vermilion.network.supervision import notify
from vermilion.version import __version__

Serve = Callable[[Config, logging.Logger], int]
PROCESS = "vermilion.network.process"


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("VERMILION_")]:
        monkeypatch.delenv(name)
    yield
    logger = logging.getLogger("vermilion")
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> Callable[[Serve], None]:
    """Put another server in the place of the real one."""

    def put(serve: Serve) -> None:
        module = types.ModuleType(PROCESS)
        module.serve = serve  # type: ignore[attr-defined]  # that is what a module is
        monkeypatch.setitem(sys.modules, PROCESS, module)

    return put


@pytest.mark.parametrize("argv", [["--version"], ["-v"], ["-v", "x"]])
def test_version(argv: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 0
    redis, own = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Redis server v=8\.0\.6 sha=00000000:0 malloc=libc bits=(32|64) build=0", redis)
    assert own.startswith(f"Vermilion {__version__} ")


def test_launchers_find_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--version"])
    found = re.search(r"\d+(?:\.\d+)+", capsys.readouterr().out)  # as pytest-redis does it
    assert found is not None
    assert found[0] == "8.0.6"


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([option]) == 0
    assert capsys.readouterr().out.startswith("Usage: vermilion [/path/to/redis.conf] [options] [-]\n")


@pytest.mark.parametrize("option", ["--check-system", "--test-memory", "--sentinel"])
def test_what_only_redis_can(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([option]) == 1
    assert capsys.readouterr().err.startswith(f"vermilion: {option}: ")


def test_only_the_first_argument_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "1", "--version"]) == 1
    assert ">>> 'version'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        (["--port", "x"], "at line 2\n>>> 'port \"x\"'\nargument couldn't be parsed into an integer\n"),
        (["no.conf"], "/no.conf': No such file or directory\n"),
    ],
)
def test_a_refused_configuration(argv: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 1
    captured = capsys.readouterr()
    assert captured.err.endswith(error)
    assert captured.out == ""


def test_serves_with_the_configuration(
    serving: Callable[[Serve], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()

    def serve(config: Config, logger: logging.Logger) -> int:
        logger.info("Ready to accept connections tcp")
        assert (config.settings.port, Path.cwd()) == (7000, data)
        assert (data / "server.pid").read_text(encoding="ascii") == f"{os.getpid()}\n"
        return 7

    serving(serve)
    argv = [
        "--port",
        "7000",
        "--dir",
        str(data),
        "--pidfile",
        "server.pid",
        "--tls-cluster",
        "no",
        "--repl-timeout",
        "5",
    ]
    assert main(argv) == 7
    assert list(data.iterdir()) == []
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ", 5)[5] for line in lines[1:]] == [
        "* Directives without a meaning here: tls-cluster, repl-timeout",
        "* Ready to accept connections tcp",
    ]


def test_loglevel_and_dir_are_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    data.mkdir()
    config = Config.from_arguments(["--loglevel", "warning", "--enable-protected-configs", "yes"], {})
    with cli.process(config) as logger:
        logger.info("unheard")
        config.set([(b"loglevel", b"notice"), (b"dir", b"data")])
        logger.info("heard")
        assert Path.cwd() == data
    out = capsys.readouterr().out
    assert "unheard" not in out
    assert out.endswith("* heard\n")


def test_a_pid_file_that_cannot_be_written_is_no_reason_to_stop(capsys: pytest.CaptureFixture[str]) -> None:
    with cli.process(Config.from_arguments(["--pidfile", "no/where"], {})):
        assert capsys.readouterr().out.endswith("# Failed to write PID file: No such file or directory\n")


def test_a_directory_that_is_gone_since(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    config = Config.from_arguments(["--dir", "data"], {})
    (tmp_path / "data").rmdir()
    with pytest.raises(ConfigError, match="No such file or directory"), cli.process(config):
        pytest.fail("it has no directory to be in")


@pytest.mark.parametrize(
    ("mode", "environ", "expected"),
    [
        ("no", {"NOTIFY_SOCKET": "x"}, False),
        ("systemd", {}, True),
        ("auto", {}, False),
        ("auto", {"NOTIFY_SOCKET": "x"}, True),
        ("auto", {"UPSTART_JOB": "x"}, True),
    ],
)
def test_supervision(
    mode: str, environ: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NOTIFY_SOCKET", "UPSTART_JOB"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert cli.is_supervised(mode) is expected


def test_systemd_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(10)
        systemd.bind(str(tmp_path / "notify"))
        assert notify("auto", "READY=1", {"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert systemd.recv(100) == b"READY=1"


def test_upstart_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *call: sent.append(call))
    assert notify("upstart", "READY=1", {"UPSTART_JOB": "x"})
    assert sent == [(os.getpid(), signal.SIGSTOP)]


def test_nobody_supervises() -> None:
    assert not notify("no", "READY=1", {"NOTIFY_SOCKET": "x", "UPSTART_JOB": "x"})
    assert not notify("systemd", "READY=1", {"NOTIFY_SOCKET": "/no/where"})
    assert not notify("upstart", "STOPPING=1", {"UPSTART_JOB": "x"})


# --- whole processes ---------------------------------------------------------------------------------

DAEMON = """\
import logging, os, sys, types
process = types.ModuleType("vermilion.network.process")
def serve(config, logger):
    logger.info("session %d is %s", os.getsid(0), "own" if os.getsid(0) == os.getpid() else "foreign")
    if os.path.exists(config.settings.pidfile):
        logger.info("daemon %d has %s", os.getpid(), open(config.settings.pidfile).read().strip())
    print("said to nobody")
    return 0
process.serve = serve
from vermilion import cli
cli.DAEMON_PIDFILE = os.path.abspath("daemon.pid")
sys.modules[process.__name__] = process
from vermilion.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def run(*argv: str, program: Sequence[str] = ("-m", "vermilion"), stdin: bytes = b"") -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, *program, *argv], input=stdin, capture_output=True, check=False, timeout=30
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_the_program_answers() -> None:
    status, out, err = run("--version")
    assert (status, err) == (0, "")
    assert out.startswith("Redis server v=8.0.6 ")


def test_the_program_reads_any_bytes_from_standard_input() -> None:
    status, out, err = run("-", stdin=b"requirepass \xff\nport x\n")
    assert (status, out) == (1, "")
    assert err.endswith("at line 2\n>>> 'port x'\nargument couldn't be parsed into an integer\n")


def test_the_version_costs_no_heavy_imports() -> None:
    probe = "import sys; from vermilion.__main__ import main; main(['-v']); print(*sys.modules)"
    status, out, _ = run(program=("-c", probe))
    assert status == 0
    assert {"asyncio", "pydantic", "logging", "dataclasses", "vermilion.settings"}.isdisjoint(out.split())


def test_configuration_costs_no_pydantic_and_no_event_loop() -> None:
    probe = "import sys, vermilion.config; print(*sys.modules)"
    status, out, _ = run(program=("-c", probe))
    assert status == 0
    assert {"asyncio", "pydantic", "socket", "redis"}.isdisjoint(out.split())


def test_a_daemon_has_a_session_of_its_own_and_says_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    reader, writer = os.pipe()
    command = (sys.executable, "-c", DAEMON, "--daemonize", "yes", "--logfile", str(log))
    done = subprocess.run(
        command, capture_output=True, check=False, timeout=30, pass_fds=(writer,), cwd=tmp_path
    )
    os.close(writer)
    with os.fdopen(reader, "rb") as until_the_daemon_ends:
        assert until_the_daemon_ends.read() == b""
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    text = log.read_text(encoding="utf-8")
    assert re.search(r"session \d+ is own\n", text)
    # Its number is in a file, though nobody asked for one, and not any more when it has ended.
    assert re.search(r"daemon (\d+) has \1\n", text)
    assert not (tmp_path / "daemon.pid").exists()


def test_a_supervised_process_stays(tmp_path: Path) -> None:
    arguments = ("--daemonize", "yes", "--supervised", "systemd", "--logfile", str(tmp_path / "log"))
    status, out, _ = run(*arguments, program=("-c", DAEMON))
    assert (status, out) == (0, "said to nobody\n")


def test_clients_for_whom_there_are_no_descriptors_are_not_promised(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("vermilion.network.descriptors.room_for", lambda clients: min(clients, 500))
    config = Config.from_arguments(["--maxclients", "1000"], {})
    with cli.process(config), caplog.at_level(logging.WARNING):
        assert config.settings.maxclients == 500
        with pytest.raises(RespError, match="try with 500"):
            config.set([(b"maxclients", b"501")])
        config.set([(b"maxclients", b"400")])
    assert config.settings.maxclients == 400
