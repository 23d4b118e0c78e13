"""A client of a proxy that sees bytes."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from vermilion.protocol.framing import ReplyFramer
from vermilion.protocol.request import write_calls


class Client:
    """A client that sees bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._rest = b""

    def send(self, *calls: str) -> None:
        self._writer.write(write_calls([[word.encode() for word in call.split()] for call in calls]))

    async def receive(self) -> bytes:
        """Return the next reply, or message."""
        while True:
            end, whole = ReplyFramer().advance(self._rest, 0, 1, pushes=True)
            if whole:
                reply, self._rest = self._rest[:end], self._rest[end:]
                return reply
            data = await asyncio.wait_for(self._reader.read(65536), 10)
            if not data:
                raise ConnectionError("closed")
            self._rest += data

    async def receive_raw(self, size: int) -> bytes:
        """Return so many bytes."""
        while len(self._rest) < size:
            data = await asyncio.wait_for(self._reader.read(65536), 10)
            if not data:
                raise ConnectionError("closed")
            self._rest += data
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    async def call(self, *calls: str) -> bytes:
        """Send calls at once, and return their replies as they came."""
        self.send(*calls)
        return b"".join([await self.receive() for _ in calls])

    async def silent(self) -> bool:
        """Whether nothing comes that was not asked for: a PING's reply is the next."""
        return await self.call("PING") == b"+PONG\r\n"

    def close(self) -> None:
        self._writer.close()


Connect = Callable[[], Coroutine[Any, Any, Client]]


async def until(true: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Wait for what another process comes to by itself."""
    for _ in range(1000):
        if await true():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not come to that")
