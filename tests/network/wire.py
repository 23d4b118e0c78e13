"""A client made of a stream: it sends bytes and reads whole replies, so that tests see what is on the wire."""

import asyncio
import contextlib
import ssl
from types import TracebackType
from typing import Final, Self

from vermilion import Server

WAIT: Final = 10
"""The most seconds that a test waits for anything."""


def call(*argv: bytes) -> bytes:
    """Return a call as clients write it."""
    return b"*%d\r\n" % len(argv) + b"".join(b"$%d\r\n%b\r\n" % (len(arg), arg) for arg in argv)


class Wire:
    """A connection to a server in this process.

    Args:
        server: which one; over its Unix socket when it has no port.
        limit: the bytes that may be read ahead of the test.
        tls: the context of a client that speaks TLS.
    """

    def __init__(self, server: Server, *, limit: int = 2**16, tls: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._limit = limit
        self._tls = tls

    async def __aenter__(self) -> Self:
        if self._tls is not None:
            opened = asyncio.open_connection(
                self._server.host, self._server.tls_port, limit=self._limit, ssl=self._tls
            )
        elif self._server.port:
            opened = asyncio.open_connection(self._server.host, self._server.port, limit=self._limit)
        else:
            opened = asyncio.open_unix_connection(self._server._unixsocket, limit=self._limit)
        self.reader, self.writer = await asyncio.wait_for(opened, WAIT)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.transport.abort()
        with contextlib.suppress(ConnectionError, ssl.SSLError):  # the server was faster
            await self.writer.wait_closed()

    async def send(self, data: bytes) -> None:
        """Send bytes, and wait until the system has taken most of them."""
        self.writer.write(data)
        await asyncio.wait_for(self.writer.drain(), WAIT)

    async def read(self, size: int) -> bytes:
        """Read exactly so many bytes."""
        return await asyncio.wait_for(self.reader.readexactly(size), WAIT)

    async def rest(self) -> bytes:
        """Read until the server closes; a reset connection is closed, too."""
        try:
            return await asyncio.wait_for(self.reader.read(-1), WAIT)
        except ConnectionResetError:
            return b""

    async def line(self) -> bytes:
        """Read a line, without its end."""
        return (await asyncio.wait_for(self.reader.readuntil(b"\r\n"), WAIT))[:-2]

    async def reply(self) -> bytes:
        """Read one reply: a line, or what a bulk or verbatim string holds."""
        line = await self.line()
        if line[:1] in {b"$", b"="} and line != b"$-1":
            return (await self.read(int(line[1:]) + 2))[:-2]
        return line

    async def ask(self, *argv: bytes) -> bytes:
        """Send one call and read its reply."""
        await self.send(call(*argv))
        return await self.reply()
