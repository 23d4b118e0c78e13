"""redis.asyncio's connections, on a link instead of a socket; bound to an event loop only while they wait.

A connection may be made on one event loop and used on the next: nothing of it belongs to a loop but the future that
a read waits for, for as long as it waits. `connection.py` says how calls and replies go past the wire.
"""

import asyncio
from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, cast

from redis.asyncio.connection import Connection, ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError

from vermilion.testing.arguments import AlikeCalls, Calls, argument_vector, packed
from vermilion.testing.connection import decoded
from vermilion.testing.link import Link, Wire, encoded

if TYPE_CHECKING:
    from vermilion.testing.door import Door
    from vermilion.testing.shared import SharedBackend

_LOOK_AGAIN_S: Final = 0.001


class StreamLink(Link):
    """A link that is read as an `asyncio.StreamReader` is, and written to as a `StreamWriter`.

    Args:
        backend: what executes the calls.
    """

    def __init__(self, backend: "SharedBackend") -> None:
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]] | None = None
        self._rest = b""
        super().__init__(backend)

    def wake(self) -> None:
        """Wake the task that reads, on whichever loop it waits."""
        if self._waiter is not None:
            loop, future = self._waiter
            self._waiter = None
            try:
                loop.call_soon_threadsafe(_resolve, future)
            except RuntimeError:
                return  # the loop was closed, and nobody waits there any more

    async def wait(self) -> None:
        """Return when there is something to read, or nothing will come any more."""
        backend = self.backend
        loop = asyncio.get_running_loop()
        while True:
            with backend.lock:
                backend.end_waits()
                if self.inbox or self.ended:
                    return
                patience = backend.patience()
                future: asyncio.Future[None] = loop.create_future()
                self._waiter = (loop, future)
            alarm = None if patience is None else loop.call_later(patience, _resolve, future)
            try:
                await future
            finally:
                if alarm is not None:
                    alarm.cancel()

    # What redis-py asks of a reader -----------------------------------------------------------------------

    async def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most so many where that is no negative number; empty at the end."""
        data = await self._next()
        if 0 <= size < len(data):
            data, self._rest = data[:size], data[size:]
        return data

    async def readexactly(self, size: int) -> bytes:
        """Return so many bytes.

        Raises:
            asyncio.IncompleteReadError: when there are fewer to come.
        """
        data = b""
        while len(data) < size:
            more = await self._next()
            if not more:
                raise asyncio.IncompleteReadError(data, size)
            data += more
        self._rest = data[size:]
        return data[:size]

    async def readline(self) -> bytes:
        """Return the bytes up to the end of a line, or up to the end."""
        data = b""
        while b"\n" not in data:
            more = await self._next()
            if not more:
                return data
            data += more
        line, end, self._rest = data.partition(b"\n")
        return line + end

    def at_eof(self) -> bool:
        """Return whether everything has been read, and no more will come."""
        return self.ended and not (self._rest or self.inbox)

    async def _next(self) -> bytes:
        """Return some bytes; none at the end."""
        if self._rest:
            data, self._rest = self._rest, b""
            return data
        if not self.inbox:
            await self.wait()
        if not self.inbox:
            return self.at_end()
        item = self.inbox.popleft()
        return item if type(item) is Wire else encoded(item, self.session.resp)  # type: ignore[arg-type]

    # What redis-py asks of a writer -----------------------------------------------------------------------

    def writelines(self, data: "Iterable[bytes]") -> None:
        """Make calls that somebody has packed for the wire."""
        self.feed(b"".join(data))

    async def drain(self) -> None:
        """Do nothing: calls are made at once."""

    async def wait_closed(self) -> None:
        """Do nothing: it is closed at once."""

    def get_extra_info(self, name: str) -> object:
        """Return what a transport knows: the addresses."""
        return {"peername": ("127.0.0.1", 6379)}.get(name)


class AsyncInProcessConnection(Connection):
    """A connection of redis.asyncio to an engine in this process.

    Args:
        vermilion: the way to the engine.
        kwargs: what every connection of redis.asyncio takes.

    LLM Context:
        - It is a `connection_class` for redis.asyncio's pools; `Vermilion.connect_async` makes both.
        - `_reader` and `_writer` are the link, None while it is not connected.
    """

    def __init__(self, *, vermilion: "Door", **kwargs: Any) -> None:
        self._vermilion = vermilion
        super().__init__(**kwargs)

    def __del__(self, *_: Any) -> None:
        """Leave; there is no socket that could have been forgotten."""
        link = getattr(self, "_reader", None)
        if link is not None:
            self._reader = self._writer = None
            link.close()

    def repr_pieces(self) -> list[tuple[str, Any]]:
        """Return what its representation shows."""
        pieces = [("vermilion", self._vermilion), ("db", self.db)]
        return [*pieces, ("client_name", self.client_name)] if self.client_name else pieces

    @property
    def link(self) -> StreamLink | None:
        """What it is connected to."""
        return cast("StreamLink | None", self._reader)

    async def _connect(self) -> None:
        """Become a client of the engine."""
        link: Any = StreamLink(self._vermilion.backend)  # neither class of asyncio's, and as good as both
        self._reader = self._writer = link

    async def send_command(self, *args: Any, **kwargs: Any) -> None:
        """Make a call."""
        link = await self._ready(check_health=kwargs.get("check_health", True))
        try:
            link.call(argument_vector(args, self.encoder))
        except OSError as error:
            await self._broken(error)

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> Any:
        """Return calls in the form that `send_packed_command` takes."""
        return packed(commands, self.encoder)

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Make calls: those of `pack_commands`, or bytes that somebody else has packed."""
        if not isinstance(command, Calls | AlikeCalls):
            await super().send_packed_command(command, check_health)
            return
        link = await self._ready(check_health=check_health)
        try:
            link.call_many(command)
        except OSError as error:
            await self._broken(error)

    async def _ready(self, *, check_health: bool) -> StreamLink:
        """Return the link, once connected and found to be in good health."""
        if self.link is None:
            await self.connect()
        if check_health and self.health_check_interval:
            await self.check_health()
        if self.link is None:
            raise RedisConnectionError("Connection closed by server.")
        return self.link

    async def _broken(self, error: OSError) -> None:
        """Say what redis-py says when it cannot write."""
        await self.disconnect(nowait=True)
        raise RedisConnectionError(
            f"Error {error.errno} while writing to socket. {error.strerror}."
        ) from error

    async def can_read(self) -> bool:
        """Return whether there is something to read, be it the end."""
        link = self.link
        return link is not None and (bool(link.inbox) or link.ended)

    can_read_destructive = can_read

    async def read_response(self, disable_decoding: bool = False, *args: Any, **options: Any) -> Any:
        """Return the next reply: as it is where it needs no parsing, else through redis-py's parser."""
        link = self.link
        if link is not None and link.inbox and not self.health_check_interval:
            item = link.inbox[0]
            if type(item) is not Wire:
                link.inbox.popleft()
                encoder = self.encoder
                if encoder.decode_responses and not disable_decoding:
                    return decoded(item, encoder.encoding, encoder.encoding_errors)
                return item
        return await super().read_response(disable_decoding, *args, **options)


class PoolLock:
    """The lock of a pool, for event loops on any threads: asyncio's belongs to the first one on which somebody waits.

    It is held for no longer than it takes to become a client of the engine, unless a fault delays that, so that those
    who wait look again from time to time.
    """

    def __init__(self) -> None:
        self._lock = Lock()

    async def __aenter__(self) -> None:
        while not self._lock.acquire(blocking=False):  # noqa: ASYNC110  # an event of asyncio has a loop, too
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def __aexit__(self, *exception: object) -> None:
        self._lock.release()


class AsyncInProcessPool(ConnectionPool):
    """redis.asyncio's pool, for any number of event loops."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._lock: Any = PoolLock()


def _resolve(future: asyncio.Future[None]) -> None:
    """Let a task go on, unless it has been cancelled."""
    if not future.done():
        future.set_result(None)
