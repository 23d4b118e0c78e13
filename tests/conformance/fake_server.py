"""A server of a few commands on a Unix socket, for the runner's own tests: its replies can be bent."""

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from conformance.connection import Address
from conformance.resp import ReplyReader


class FakeServer:
    """State of the server, and what its tests bend.

    Args:
        version: what INFO says.
        value: what GET answers.
    """

    def __init__(self, version: str = "8.0.6", value: bytes = b"$1\r\nv\r\n") -> None:
        self.version = version
        self.value = value
        self.config = {b"maxmemory": b"0"}
        self.flushed = 0
        self.calls: list[list[bytes]] = []
        self.transports: list[asyncio.WriteTransport] = []

    def reply(self, arguments: list[bytes], protocol: int) -> bytes:
        """Return the bytes that answer a command."""
        self.calls.append(arguments)
        match [arguments[0].upper(), *arguments[1:]]:
            case [b"COMMAND", b"LIST"]:
                return b"*2\r\n$3\r\nget\r\n$4\r\nping\r\n"
            case [b"INFO", *_]:
                return _bulk(f"redis_version:{self.version}\r\n".encode())
            case [b"CONFIG", b"GET", name]:
                pairs = [name, self.config[name]] if name in self.config else []
                return b"*%d\r\n" % len(pairs) + b"".join(map(_bulk, pairs))
            case [b"CONFIG", b"SET", name, value] if name in self.config:
                self.config[name] = value
                return b"+OK\r\n"
            case [b"FLUSHALL"]:
                self.flushed += 1
                return b"+OK\r\n"
            case [b"PING" | b"AUTH" | b"HELLO", *_]:
                return b"+OK\r\n"
            case [b"GET", _]:
                return self.value
            case [b"GET3", _]:
                return b"_\r\n" if protocol == 3 else b"$-1\r\n"
            case [b"ID"]:
                return b"=10\r\ntxt:id=7 x\r\n"
            case [b"ECHO", text]:
                return _bulk(text)
            case [b"COUNT"]:
                return b":%d\r\n" % len(self.calls)
            case [b"STRAY"]:
                return b"+one\r\n+two\r\n"
            case [b"SCAN", cursor, *_]:
                return b"*2\r\n" + (
                    b"$1\r\n7\r\n*2\r\n$1\r\nb\r\n$1\r\na\r\n"
                    if cursor == b"0"
                    else b"$1\r\n0\r\n*1\r\n$1\r\na\r\n"
                )
            case [b"SILENCE"]:
                return b""
            case [b"GARBAGE"]:
                return b"what\r\n"
            case _:
                return b"-ERR no\r\n"


def _bulk(data: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(data), data)


class _Connection(asyncio.Protocol):
    def __init__(self, server: FakeServer) -> None:
        self._server = server
        self._reader = ReplyReader()
        self._protocol = 2
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._server.transports.append(transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._reader.feed(data)
        while (request := self._reader.get()) is not None:
            arguments = [item.data or b"" for item in request.items or ()]
            if not arguments or arguments[0].upper() == b"QUIT":
                self._transport.write(b"+OK\r\n" if arguments else b"-ERR Protocol error\r\n")
                self._transport.close()
                return
            if arguments == [b"HELLO", b"3"]:
                self._protocol = 3
            if arguments == [b"LATE"]:
                asyncio.get_running_loop().call_later(0.1, self._transport.write, b"+late\r\n")
            else:
                self._transport.write(self._server.reply(arguments, self._protocol))


@contextlib.contextmanager
def serving(server: FakeServer) -> Iterator[Address]:
    """Serve from a thread; yield the address."""
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory(prefix="fake-") as directory:
        path = str(Path(directory, "s"))
        listener = loop.run_until_complete(loop.create_unix_server(lambda: _Connection(server), path))
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            yield Address("", 0, path)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            # the loop's own objects are touched only while no other thread runs it
            listener.close()
            for transport in server.transports:
                transport.abort()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
