"""Addresses, plain blocking connections to a server, and a server of our own started for a run."""

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from conformance.resp import Reply, ReplyReader, command_bytes

__all__ = ["Address", "ClosedError", "Connection", "ServerError", "running"]

REPLY_TIMEOUT: Final = 2.0
START_TIMEOUT: Final = 10.0


class ServerError(Exception):
    """A server could not be started or reached."""


class ClosedError(Exception):
    """The server closed the connection."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens.

    Args:
        host: name or address; empty for a Unix socket.
        port: TCP port.
        path: path of a Unix socket.
        username: whom to authenticate as, when there is a password.
        password: empty for none.

    Raises:
        ValueError: the URL is neither redis:// nor unix://.

    Example:
        >>> Address.parse("redis://:secret@localhost:7000").password
        'secret'
    """

    host: str = "127.0.0.1"
    port: int = 6379
    path: str = ""
    username: str = "default"
    password: str = ""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the address that a URL names."""
        parts = urlsplit(url)
        username, password = unquote(parts.username or "default"), unquote(parts.password or "")
        if parts.scheme == "unix" and parts.path:
            return cls("", 0, parts.path, username, password)
        if parts.scheme == "redis" and parts.hostname:
            return cls(parts.hostname, parts.port or 6379, "", username, password)
        raise ValueError(f"{url!r} is no address: redis://[:password@]host:port or unix:///path")

    def connect(self) -> socket.socket:
        """Return a connected socket; OSError if nobody listens."""
        if not self.path:
            connected = socket.create_connection((self.host, self.port), REPLY_TIMEOUT)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connected
        unconnected = socket.socket(socket.AF_UNIX)
        try:
            unconnected.settimeout(REPLY_TIMEOUT)
            unconnected.connect(self.path)
        except OSError:
            unconnected.close()
            raise
        return unconnected


class Connection:
    """A blocking connection that reads one reply at a time.

    Args:
        address: whom to connect to.

    Raises:
        OSError: nobody listens there.
        ClosedError: the server closed the connection, from any method.

    LLM Context:
        - Nothing is ever interpreted: an error reply is returned like any other.
    """

    def __init__(self, address: Address) -> None:
        self._reader = ReplyReader()
        self._socket = address.connect()
        if address.password:
            self.call(b"AUTH", address.username.encode(), address.password.encode())

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise ClosedError from None

    def receive(self) -> Reply:
        """Return the next reply; TimeoutError if none comes."""
        while (reply := self._reader.get()) is None:
            try:
                data = self._socket.recv(1 << 16)
            except ConnectionResetError:
                raise ClosedError from None
            if not data:
                raise ClosedError
            self._reader.feed(data)
        return reply

    def call(self, *arguments: bytes) -> Reply:
        """Send a command and return its reply."""
        self.send(command_bytes(arguments))
        return self.receive()

    def arrived(self) -> tuple[bytes, bool]:
        """Return, without waiting, the bytes that have come and whether the server closed after them."""
        data, closed = self._waiting()
        data, self._reader = self._reader.pending + data, ReplyReader()
        return data, closed

    def heard(self) -> tuple[list[Reply], bool]:
        """Return, without waiting, the replies that have come and whether the server closed after them."""
        data, closed = self._waiting()
        self._reader.feed(data)
        return list(iter(self._reader.get, None)), closed

    def _waiting(self) -> tuple[bytes, bool]:
        """Return the bytes that the socket has now, and whether it is closed behind them."""
        data, closed = b"", False
        self._socket.setblocking(False)
        try:
            while chunk := self._socket.recv(1 << 16):
                data += chunk
            closed = True
        except BlockingIOError:
            pass
        except ConnectionResetError:
            closed = True
        finally:
            self._socket.settimeout(REPLY_TIMEOUT)
        return data, closed


@contextlib.contextmanager
def running(command: Sequence[str]) -> Iterator[Address]:
    """Start a server of redis-server's kind on a Unix socket, and stop it at the end.

    Args:
        command: the program and its first arguments.

    Yields:
        Its address, once it answers PING.

    Raises:
        ServerError: it exited or stayed silent; the message holds what it printed.

    Example:
        ``with running([sys.executable, "-m", "vermilion"]) as address: Connection(address).call(b"PING")``
    """
    with tempfile.TemporaryDirectory(prefix="conformance-") as directory:
        address = Address("", 0, str(Path(directory, "server.sock")))
        arguments = ["--port", "0", "--unixsocket", address.path, "--dir", directory]
        arguments += ["--enable-debug-command", "yes", "--save", ""]
        log = Path(directory, "log")
        with log.open("wb") as output:
            try:
                # the command is the developer's own
                process = subprocess.Popen(  # noqa: S603
                    [*command, *arguments], stdout=output, stderr=subprocess.STDOUT
                )
            except OSError as error:
                raise ServerError(f"{command[0]} does not start: {error.strerror}") from None
        try:
            _await_first_pong(process, address, log)
            yield address
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_first_pong(process: subprocess.Popen[bytes], address: Address, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, ClosedError):
            connection = Connection(address)
            try:
                connection.call(b"PING")
            finally:
                connection.close()
            return
        time.sleep(0.01)
    state = "is silent" if process.poll() is None else f"exited with {process.returncode}"
    raise ServerError(
        f"the server {state}: {log.read_text('utf-8', 'replace')[-2000:].strip() or 'no output'}"
    )
