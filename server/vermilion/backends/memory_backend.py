"""The in-memory backend: an engine in this process, under the cache API and under the server's command face."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from vermilion.clock import Clock
from vermilion.config import Config
from vermilion.engine.engine import Engine
from vermilion.engine.measures import measures
from vermilion.errors import RespError
from vermilion.measures import Histogram, Measure
from vermilion.pending import Pending
from vermilion.persistence.snapshots import Save, Snapshots
from vermilion.protocol.reply import Reply
from vermilion.scripting.scripts import Scripts

if TYPE_CHECKING:
    from vermilion.session import Session

SAVE_SLICE_S: Final = 0.002
"""Seconds that a background save takes before clients have their turn."""


class MemoryCacheBackend:
    """Keys and values in this process, with everything a Redis does to them.

    Args:
        max_size: how many keys are kept; beyond it the least recently used one is evicted. None for no limit.
        clock: what says the time; the system's clock when None.
        config: the configuration of the engine; the defaults when None.

    Example:
        >>> import asyncio
        >>> async def main() -> bytes | None:
        ...     backend = MemoryCacheBackend()
        ...     await backend.set("greeting", b"hello")
        ...     return await backend.get("greeting")
        >>> asyncio.run(main())
        b'hello'

    See Also:
        `RedisCacheBackend`, the same face in front of a real Redis; `Server`, which serves either over TCP.

    LLM Context:
        - Two faces: get, set, delete and clear for `CacheService`; `open_session` and `execute` for the server.
          Both work on the same keys, so one process may serve a backend over TCP and use it directly.
        - Keys are text here and UTF-8 bytes on the wire; values are bytes.
        - Expired keys are invisible at once. They are reclaimed in the background only between `initialize`
          and `close`, on the event loop that `initialize` was called on.
        - Nothing here is thread-safe: use it on one event loop.
    """

    def __init__(
        self, *, max_size: int | None = None, clock: Clock | None = None, config: Config | None = None
    ) -> None:
        self.config = config or Config()
        self.engine = self._make_engine(clock, max_size or 0)
        self.execute = self.engine.execute
        self.execute_batch = self.engine.batches.execute
        self.open_session = self.engine.open_session
        self.close_session = self.engine.close_session
        self._db = self.engine.databases[0]
        self._own_session: Session | None = None
        self._cron: asyncio.TimerHandle | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self.engine.waiting.set_alarm = self._set_alarm
        self.engine.eviction.resume = self._evict_soon
        self.engine.scripting = Scripts(self.engine)
        self.snapshots = Snapshots(self.engine)
        self.snapshots.start_writing = self._write_in_background
        self.engine.persistence = self.snapshots
        self._writing: asyncio.Task[None] | None = None

    def _make_engine(self, clock: Clock | None, max_keys: int) -> Engine:
        """Return the engine; other backends may want another one."""
        return Engine(self.config.settings, self.config, clock=clock, max_keys=max_keys)

    def load(self) -> None:
        """Read the snapshot, for a server that starts.

        Raises:
            LoadError: when it cannot be read.

        Example:
            `backend.load()` before `Server(backend).start()`.

        See Also:
            `end`.
        """
        self.snapshots.load_at_start()
        self.snapshots.forks = True

    def end(self) -> None:
        """Write a last snapshot where SHUTDOWN or the directives ask for one, for a server that has stopped.

        Example:
            `backend.end()` after `Server(backend).stop()`.

        See Also:
            `load`.
        """
        self.snapshots.end()

    # The cache API ----------------------------------------------------------------------------------------

    async def initialize(self) -> None:
        """Begin the background work on the running event loop; calling it again does no harm.

        Example:
            >>> asyncio.run(MemoryCacheBackend().initialize())

        See Also:
            `close`.
        """
        if self._cron is None:
            self._schedule()

    async def close(self) -> None:
        """End the background work; the keys stay.

        Example:
            >>> asyncio.run(MemoryCacheBackend().close())

        See Also:
            `initialize`.
        """
        if self._cron is not None:
            self._cron.cancel()
            self._cron = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self.snapshots.cancel()
        if self._writing is not None:
            await self._writing
            self._writing = None

    async def get(self, key: str) -> bytes | None:
        """Return the value of a key.

        Args:
            key: its name.

        Returns:
            The bytes, or None when the key does not exist or has expired.

        Raises:
            RespError: WRONGTYPE when the key holds something else than a string.

        Example:
            >>> asyncio.run(MemoryCacheBackend().get("missing")) is None
            True

        See Also:
            `set`.
        """
        return self._db.string(key.encode())

    async def set(self, key: str, value: bytes, ttl: timedelta | None = None) -> None:
        """Set the value of a key.

        Args:
            key: its name.
            value: the bytes.
            ttl: how long it lives, to the millisecond and positive; None for ever.

        Raises:
            ValueError: for a time to live of less than a millisecond.

        Example:
            >>> asyncio.run(MemoryCacheBackend().set("greeting", b"hello", timedelta(minutes=5)))

        See Also:
            `get`.
        """
        db = self._db
        if self.engine.eviction.limited:
            self.engine.eviction.before_calls()
        if ttl is None:
            db.assign(key.encode(), value)
            return
        # In whole numbers: dividing one timedelta by another costs three times as much.
        ttl_ms = (ttl.days * 86_400 + ttl.seconds) * 1000 + ttl.microseconds // 1000
        if ttl_ms <= 0:
            raise ValueError("a time to live is at least one millisecond")
        now_ms = db.clock.now_ms()
        db.assign_until(key.encode(), value, now_ms + ttl_ms, now_ms)

    async def delete(self, key: str) -> bool:
        """Delete a key.

        Args:
            key: its name.

        Returns:
            Whether it existed.

        Example:
            >>> asyncio.run(MemoryCacheBackend().delete("missing"))
            False

        See Also:
            `clear`.
        """
        name = key.encode()
        if not self._db.remove(name):
            return False
        self._db.changed(name, "del")
        return True

    async def clear(self) -> None:
        """Delete all keys of database 0.

        Example:
            >>> asyncio.run(MemoryCacheBackend().clear())

        See Also:
            `delete`.
        """
        self._db.clear()

    async def call(self, *argv: bytes) -> Reply:
        """Run one command, as a client of its own on database 0.

        Args:
            argv: its name and its arguments.

        Returns:
            The plain reply. A blocking command is awaited; to cancel it is to give up waiting, with nothing consumed.

        Raises:
            RespError: the error reply.
            ConnectionError: when CLIENT KILL ended the wait.

        Example:
            >>> asyncio.run(MemoryCacheBackend().call(b"INCRBY", b"visits", b"3"))
            3

        See Also:
            `execute`, which returns errors and takes a session.
        """
        if self._own_session is None:
            self._own_session = self.engine.open_session(Caller())
        reply = self.engine.execute(self._own_session, list(argv))
        if type(reply) is Pending:
            reply = await self._pending_reply(self._own_session)
        if isinstance(reply, RespError):
            raise reply
        return reply

    def measures(self) -> Iterable[Measure | Histogram]:
        """Return what the engine has counted, for whoever watches it.

        Returns:
            Measures of the moment.

        Example:
            >>> backend = MemoryCacheBackend()
            >>> asyncio.run(backend.set("greeting", b"hello"))
            >>> [measure.values for measure in backend.measures() if measure.name == "keys"]
            [{('0',): 1}]

        See Also:
            `trouble`.
        """
        return measures(self.engine)

    def trouble(self) -> str | None:
        """Return why a PING would not be answered with PONG.

        Returns:
            None: an engine in this process answers whenever the event loop does.

        Example:
            >>> MemoryCacheBackend().trouble() is None
            True

        See Also:
            `measures`.
        """
        return None

    async def _pending_reply(self, session: "Session") -> Reply:
        """Wait for the reply of a call of this process; calls that are made meanwhile have another session."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def resolve(reply: Reply) -> None:
            if not future.done():
                future.set_result(reply)

        def give_up() -> None:
            self.close_session(session)
            if not future.done():
                future.set_exception(ConnectionError("the client was killed"))

        session.transport = Caller(resolve, give_up)
        self._own_session = None
        try:
            return await future
        finally:
            self.close_session(session)

    def _set_alarm(self, delay_ms: int) -> None:
        """Have the engine look at the deadlines of pending calls; one that is set for earlier sets the next one."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # a program without an event loop calls the engine's periodic work itself
        if self._alarm is not None:
            if self._alarm.when() <= loop.time() + delay_ms / 1000:
                return
            self._alarm.cancel()
        self._alarm = loop.call_later(delay_ms / 1000, self._ring)

    def _ring(self) -> None:
        """Answer the calls that have waited for long enough."""
        self._alarm = None
        delay_ms = self.engine.end_waits()
        if delay_ms is not None:
            self._set_alarm(delay_ms)

    def _evict_soon(self) -> None:
        """Have the engine go on with evicting, after the calls that have arrived by now."""
        try:
            asyncio.get_running_loop().call_soon(self.engine.eviction.work_off)
        except RuntimeError:
            return  # without an event loop, the next call or the periodic work goes on

    def serve_while_busy(self, serve: "Callable[[Session], None]") -> None:
        """Have clients served while a script runs on and on.

        Args:
            serve: serves them, now and then, on the thread of the script; told whose script it is.

        Example:
            >>> MemoryCacheBackend().serve_while_busy(lambda caller: None)

        See Also:
            `Server`, which does it.
        """
        self.engine.while_busy = serve

    def _write_in_background(self, save: Save) -> None:
        """Run a background save between other work, or at once in a program without an event loop."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.snapshots.write_out(save)
        else:
            self._writing = loop.create_task(self._write(save))

    async def _write(self, save: Save) -> None:
        """Write a background save slice by slice, and wait for the disk in a thread."""
        written = False
        try:
            while not save.advance(SAVE_SLICE_S):  # noqa: ASYNC110  # this is the work, not a wait for it
                await asyncio.sleep(0)
            await asyncio.to_thread(save.settle)
            written = True
        except OSError:
            return  # the log says what it was
        finally:
            self.snapshots.finish(save, written=written)

    def _schedule(self) -> None:
        """Run the engine's periodic work `hz` times a second, for a quarter of the time at most."""
        period = 1 / self.config.settings.hz
        self._cron = asyncio.get_running_loop().call_later(period, self._run_cron, period)

    def _run_cron(self, period: float) -> None:
        """Do the periodic work, and again."""
        self.engine.cron(int(period * 250_000_000))
        self._schedule()


def _nothing(*_: object) -> None:
    """Stand in for what a caller does when its reply comes: it has it already."""


class Caller:
    """The transport of calls that come from this process: there is none.

    Args:
        answer: takes the reply of a call that had to wait.
        abort: told that the client was killed.
        push: takes messages that are no replies; they are dropped by default.
    """

    address = "internal:0"
    local_address = "internal:0"
    fileno = -1
    query_buffered = 0
    output_buffered = 0

    def __init__(
        self,
        answer: Callable[[Reply], None] = _nothing,
        abort: Callable[[], None] = _nothing,
        push: Callable[[Reply], None] = _nothing,
    ) -> None:
        self.answer = answer
        self.abort = self.reset = abort
        self.push = push

    def use_resp(self, version: int) -> None:
        """Replies are values here: nothing to encode."""

    def limit_requests(self, limited: bool) -> None:
        """Calls are made by this process: nothing to limit."""

    def close_after_reply(self) -> None:
        """There is nothing to close."""
