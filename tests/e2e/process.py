"""The installed command as a process: started with arguments, ready when its log says so, ended with a signal."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

WAIT: Final = 20
"""The most seconds that a test waits for a process."""

READY_TCP: Final = "Ready to accept connections tcp"
READY_UNIX: Final = "Ready to accept connections unix"


def command() -> list[str]:
    """Return the console script next to this interpreter, or the module where it is not installed."""
    script = Path(sys.executable).with_name("vermilion")
    return [str(script)] if script.exists() else [sys.executable, "-m", "vermilion"]


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without directives of the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VERMILION_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **extra}


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_for_the_end(pidfile: Path) -> None:
    """Return when a process that is nobody's child has removed its pid file, which is the last thing it does."""
    deadline = time.monotonic() + WAIT
    while pidfile.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not pidfile.exists()


class Process:
    """A server of one test.

    Args:
        folder: its working directory.
        arguments: those of the command line.
        stdin: what it reads.
        env: added to the environment.
    """

    def __init__(
        self, folder: Path, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.log: list[str] = []
        self._popen = subprocess.Popen(
            [*command(), *arguments], cwd=folder, env=environment(env or {}), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self._popen.stdin is not None
        self._popen.stdin.write(stdin)
        self._popen.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._popen.poll() is None:
            self._popen.kill()
        self._popen.wait(WAIT)
        for stream in (self._popen.stdout, self._popen.stderr):
            assert stream is not None
            stream.close()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def ready(self, line: str = READY_TCP) -> Self:
        """Wait until the log says so."""
        assert self._popen.stdout is not None
        for written in self._popen.stdout:
            self.log.append(written.decode().rstrip("\n"))
            if line in self.log[-1]:
                return self
        raise AssertionError(f"it ended before it was ready: {self.log} {self.errors()}")

    def errors(self) -> str:
        """Return everything on the standard error, once the process has ended."""
        assert self._popen.stderr is not None
        return self._popen.stderr.read().decode()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._popen.send_signal(number)

    def end(self, within: float = WAIT) -> int:
        """Wait for the end, and return the exit status; a child of it may still have the log open."""
        return self._popen.wait(within)

    def status(self, within: float = WAIT) -> int:
        """Wait for the end, and return the exit status; the rest of the log goes to `log`."""
        status = self.end(within)
        assert self._popen.stdout is not None
        self.log += self._popen.stdout.read().decode().splitlines()
        return status
