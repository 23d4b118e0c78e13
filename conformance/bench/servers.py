"""Finds the servers to compare, starts them on free ports, and ends them."""

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.bench.result import BenchError
from conformance.bench.wire import Wire

OWN_COMMAND = (sys.executable, "-m", "vermilion")
"""Vermilion as this interpreter imports it: the working copy, not whatever is on the PATH."""

_PATIENCE = 20.0
_POLL = 0.001


@dataclass(frozen=True, slots=True)
class Contender:
    """A server that can be started: its name in the tables, and the command without its options."""

    name: str
    command: Sequence[str]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs.

    Args:
        name: the contender's.
        port: where it listens on 127.0.0.1.
        unixsocket: its Unix socket.
        pid: the process that serves; not the one that was started, where the command is a wrapper.
        seconds_to_pong: from the start of the command to the first PONG.
    """

    name: str
    port: int
    unixsocket: Path
    pid: int
    seconds_to_pong: float

    def wire(self) -> Wire:
        """Open a connection to it."""
        return Wire(self.port)


def find_command(variable: str, program: str, environ: Mapping[str, str]) -> list[str]:
    """Choose the command that a variable names, or else the program on the PATH.

    Args:
        variable: the variable, whose value may hold arguments: `REDIS_SERVER="wrapper redis-server"`.
        program: the program to look for where the variable is unset or empty.
        environ: the environment.

    Returns:
        The words of the command.

    Raises:
        BenchError: there is neither; the message says how to get one.

    Example:
        >>> find_command("REDIS_SERVER", "redis-server", {"REDIS_SERVER": "'/opt/my redis' --io-threads 1"})
        ['/opt/my redis', '--io-threads', '1']
    """
    words = shlex.split(environ.get(variable, ""))
    if words:
        return words
    # an empty path rather than None, which would make shutil read the real environment
    found = shutil.which(program, path=environ.get("PATH", ""))
    if found is None:
        raise BenchError(
            f"{program} is not on the PATH: install Redis (apt-get install redis, brew install redis, "
            f"https://redis.io/downloads), or name the command in {variable}"
        )
    return [found]


def version_of(command: Sequence[str]) -> str:
    """Return what `command --version` prints, on one line.

    Raises:
        BenchError: the command cannot be started, or fails.
    """
    try:
        finished = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(f"{shlex.join(command)} --version: {error}") from error
    return "; ".join(line.strip() for line in finished.stdout.splitlines() if line.strip())


@contextlib.contextmanager
def running(contender: Contender) -> Iterator[Server]:
    """Start a server, wait until it answers, and end it with the block.

    It listens on 127.0.0.1 and on a Unix socket, and saves nothing.

    Raises:
        BenchError: the command cannot be started, or does not answer PING in time.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        port = free_port()
        unixsocket = home / "socket"
        log = home / "log"
        options = {
            "port": str(port),
            "bind": "127.0.0.1",
            "unixsocket": str(unixsocket),
            "save": "",
            "dir": folder,
        }
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        with log.open("wb") as sink:
            started = time.perf_counter()
            try:
                # a group of its own: a wrapper that does not exec would otherwise outlive its server or
                # leave it behind
                process = subprocess.Popen(
                    [*contender.command, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    process_group=0,
                )
            except OSError as error:
                raise BenchError(f"{shlex.join(contender.command)}: {error}") from error
        try:
            seconds = _wait_for_pong(contender, process, port, started, log)
            pid = _serving_pid(port, process.pid)
            yield Server(contender.name, port, unixsocket, pid, seconds)
        finally:
            _end(process)


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_pong(
    contender: Contender, process: subprocess.Popen[bytes], port: int, started: float, log: Path
) -> float:
    while time.perf_counter() - started < _PATIENCE and process.poll() is None:
        # a server may listen before it has loaded, and answer with an error until then
        with contextlib.suppress(OSError, BenchError), Wire(port) as wire:
            wire.call(b"PING")
            return time.perf_counter() - started
        time.sleep(_POLL)
    last = log.read_text(errors="replace").strip().rpartition("\n")[2]
    raise BenchError(
        f"{contender.name} did not start ({shlex.join(contender.command)}): {last or 'no output'}"
    )


def _serving_pid(port: int, started_pid: int) -> int:
    with Wire(port) as wire:
        info = wire.call(b"INFO", b"server")
    if isinstance(info, bytes):
        for line in info.splitlines():
            if line.startswith(b"process_id:"):
                return int(line.partition(b":")[2])
    return started_pid


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
            return
