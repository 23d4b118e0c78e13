"""One engine for many threads and event loops: a lock around its calls, and its periodic work without a thread.

    call                  take the lock, do what is due, run, see to whoever is to go on
    wait for a reply      give the lock up, and come back when something has arrived or something falls due
    clock stands          nothing falls due until somebody moves it

There is no thread in the background: what is due is done by whoever calls next, or by whoever waits meanwhile. A
server that serves the engine, too, runs on an event loop of its own; what calls of other threads have for its clients
is handed over to that loop.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import RLock, get_ident
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakValueDictionary

from vermilion.backends.memory_backend import Caller, MemoryCacheBackend
from vermilion.clock import Clock
from vermilion.config import Config
from vermilion.engine.engine import Engine
from vermilion.errors import RespError
from vermilion.network.connection import Connection
from vermilion.session import GATE_RESOLVE
from vermilion.testing import data as data_forms
from vermilion.testing.clock import MovableClock
from vermilion.testing.harness import EngineHarness
from vermilion.testing.snapshots import Snapshots
from vermilion.testing.time_travel import TimeTravel

if TYPE_CHECKING:
    from vermilion.pending import Answer
    from vermilion.persistence.snapshots import Save
    from vermilion.protocol.encode import Encoder
    from vermilion.protocol.reply import Reply
    from vermilion.session import Session, Transport
    from vermilion.testing.link import Link

CRON_S: Final = 0.1
"""How often the periodic work is done while the clock runs, as in a server at its default `hz`."""

_CRON_BUDGET_NS: Final = 25_000_000
_SETTLING_S: Final = 5.0
_COURTESY_S: Final = 0.0005

_backends: Final["WeakValueDictionary[int, SharedBackend]"] = WeakValueDictionary()
"""Those of this process, which a fork takes along."""


class SharedBackend(MemoryCacheBackend):
    """A backend that threads and event loops share, in-process clients and servers.

    Args:
        config: the configuration of the engine.
        clock: what says the time.

    LLM Context:
        - `lock` is held around every call; it is one that its holder may take again, as a script that runs for long
          lets a server serve its clients meanwhile.
        - `next_cron` says when the periodic work is due, by the machine's monotonic clock in seconds.
        - `running` is True inside of a call: the garbage collector may end a client there, which then has to wait.
        - `to_go_on` holds the clients whose later calls wait for their turn; `left` those that have gone.
    """

    def __init__(self, config: Config, clock: MovableClock) -> None:
        super().__init__(config=config, clock=clock)
        self.lock = RLock()
        self.running = False
        self.moving = clock
        self.now_ms = clock.monotonic_ms()
        self.to_go_on: deque[Link] = deque()
        self.left: deque[Link] = deque()
        self.links: set[Link] = set()
        self.travel = TimeTravel(self)
        self.states = Snapshots(self)
        self.next_cron = monotonic() + CRON_S
        self._next_deadline: float | None = None
        self._loops: dict[int, asyncio.AbstractEventLoop] = {}
        self._remotes: set[RemoteTransport] = set()
        self._desks: dict[int, Callable[[Session], None]] = {}
        self.engine.while_busy = self._let_others_in
        self.execute_unlocked = self.engine.execute
        self.execute = self._execute_locked
        self.execute_batch = self._execute_batch_locked
        self.open_session = self._open_session_locked
        self.close_session = self._close_session_locked
        _backends[id(self)] = self

    def _make_engine(self, clock: Clock | None, max_keys: int) -> Engine:
        """Return an engine whose databases can go back to what they were, and that VERMILION may move."""
        settings = self.config.settings
        harness = EngineHarness(self) if settings.enable_test_commands else None
        return Engine(settings, self.config, clock=clock, max_keys=max_keys, recording=True, harness=harness)

    # In-process clients -----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Do what is due, before a call; the lock is held."""
        if self.left:
            self.bury()
        if monotonic() >= self.next_cron:
            self.do_what_is_due()

    def admit(self) -> None:
        """See whether a new client may come; the lock is held.

        Raises:
            ConnectionRefusedError: when a test wants none.
        """
        if not self.engine.faults.admits():
            raise ConnectionRefusedError(111, "Connection refused")

    def do_what_is_due(self) -> None:
        """Do the engine's periodic work, if the clock runs; the lock is held."""
        self.next_cron = monotonic() + CRON_S
        if not self.moving.stands:
            self.work()

    def work(self) -> None:
        """Do the engine's periodic work; the lock is held."""
        self.now_ms = self.moving.monotonic_ms()
        before, self.running = self.running, True
        try:
            self.engine.cron(_CRON_BUDGET_NS)
        finally:
            self.running = before
        self.finish()

    def finish(self) -> None:
        """Let clients go on whose calls have waited behind one that is answered now; the lock is held."""
        while self.to_go_on:
            self.to_go_on.popleft().go_on()

    def bury(self) -> None:
        """End the sessions of clients that have gone while the engine was busy; the lock is held."""
        while self.left:
            link = self.left.popleft()
            self.links.discard(link)
            self.engine.close_session(link.session)

    def patience(self) -> float | None:
        """Return for how many seconds a client may wait before it has to do what is due; None for ever.

        Whoever is blocked looks after the deadlines of all: there may be nobody else.
        """
        if self.moving.stands:
            return None
        patience = max(self.next_cron - monotonic(), 0.0)
        if self._next_deadline is not None:
            patience = min(patience, max(self._next_deadline - monotonic(), 0.0))
        return patience

    def end_waits(self) -> None:
        """Answer the calls that have waited for long enough; the lock is held."""
        delay_ms = self.engine.end_waits()
        self._next_deadline = None if delay_ms is None else monotonic() + delay_ms / 1000
        if monotonic() >= self.next_cron:
            self.do_what_is_due()
        self.finish()

    @contextmanager
    def calls(self, number: int) -> Iterator[Callable[..., Any]]:
        """Give a function that makes calls on a database, for what a test does from outside; the lock is held.

        It takes the words of a call and returns its plain reply, or raises its error. Nothing stands in its way: no
        password, no rights, no pause; and no client sees it.

        Args:
            number: the database's.

        Raises:
            ValueError: when there is no such database.
        """
        engine = self.engine
        if not 0 <= number < len(engine.databases):
            raise ValueError(f"there is no database {number}")
        session = engine.open_session(Caller())
        session.gates = GATE_RESOLVE
        session.may_wait = False
        session.resp = 3
        session.db = engine.databases[number]

        def call(*argv: bytes) -> Any:
            reply = engine.execute(session, list(argv))
            if isinstance(reply, RespError):
                raise reply
            return reply

        try:
            yield call
        finally:
            engine.close_session(session)
            self.finish()

    def load_keys(self, data: "Mapping[Any, Any]") -> int:
        """Set keys, and return how many they are; the lock is held.

        Args:
            data: names and values, as `testing/data.py` has them.

        Raises:
            TypeError, ValueError: for what cannot be; the keys before it are set.
        """
        count = 0
        for number, keys in data_forms.by_database(data).items():
            with self.calls(number) as call:
                now_ms = self.moving.now_ms()
                for name, value in keys.items():
                    data_forms.load_value(call, data_forms.read(name), value, now_ms)
                    count += 1
        return count

    def dump_keys(self) -> dict[str, Any]:
        """Return all keys and values, as `load_keys` takes them; the lock is held."""
        data: dict[str, Any] = {}
        for db in self.engine.databases:
            with self.calls(db.index) as call:
                keys = data_forms.dumped(call)
            if not db.index:
                data = keys
            elif keys:
                data.setdefault(data_forms.DATABASES, {})[str(db.index)] = keys
        return data

    def resume(self) -> None:
        """Let everyone who waits look anew when something falls due: the clock was moved; the lock is held."""
        delay_ms = self.engine.end_waits()
        self._next_deadline = None
        if delay_ms is not None:
            self._set_alarm(delay_ms)
        self.finish()
        for link in self.links:
            link.wake()

    def leave_to_child(self) -> None:
        """Be what a forked process has: the keys, and none of the clients, whose threads have stayed behind."""
        for link in list(self.links):
            link.abort()
        for session in list(self.engine.sessions.values()):
            self.engine.close_session(session)
        self._remotes.clear()
        self._loops.clear()

    # A server on an event loop of its own -----------------------------------------------------------------

    def _execute_locked(self, session: "Session", argv: list[bytes]) -> "Answer":
        """Run one call."""
        with self.lock:
            self.begin()
            reply = self.engine.execute(session, argv)
            self.finish()
        return reply

    def _execute_batch_locked(
        self, session: "Session", calls: list[list[bytes]], encode: "Encoder", out: list[bytes]
    ) -> list[list[bytes]]:
        """Run calls of a client of the server, after what others had for it."""
        transport = session.transport
        with self.lock:
            if isinstance(transport, RemoteTransport) and transport.parcels:
                transport.deliver()
            self.begin()
            self.engine.journal.begin_batch()
            try:
                rest = self.engine.batches.execute(session, calls, encode, out)
            finally:
                self.engine.journal.end_batch()
            self.finish()
        return rest

    def _open_session_locked(self, transport: "Transport") -> "Session":
        """Take in a client of a server, whose replies may be caused by other threads."""
        with self.lock:
            self.admit()
            remote = RemoteTransport(transport, asyncio.get_running_loop())
            self._remotes.add(remote)
            return self.engine.open_session(cast("Transport", remote))

    def _close_session_locked(self, session: "Session") -> None:
        """Forget a client of a server."""
        with self.lock:
            if isinstance(session.transport, RemoteTransport):
                self._remotes.discard(session.transport)
            self.engine.close_session(session)
            self.finish()

    def serve_while_busy(self, serve: "Callable[[Session], None]") -> None:
        """Have the clients of a server served while a script runs on its thread."""
        self._desks[get_ident()] = serve

    def _let_others_in(self, caller: "Session") -> None:
        """Let other threads have the lock for a moment, while a script runs on and on: they may end it."""
        desk = self._desks.get(get_ident())
        if desk is not None:
            desk(caller)
        self.lock.release()
        sleep(_COURTESY_S)
        self.lock.acquire()

    def end_script(self) -> None:
        """End the script that runs on another thread, if there is one; return when it has ended."""
        scripting = self.engine.scripting
        if scripting is None:
            return
        while scripting.running is not None:
            scripting.abandon()
            sleep(_COURTESY_S)

    def _write_in_background(self, save: "Save") -> None:
        """Write a background save at once: what a loop does between calls has no lock."""
        self.snapshots.write_out(save)

    async def initialize(self) -> None:
        """Begin the background work for a server on the running event loop."""
        await super().initialize()
        self._loops[get_ident()] = asyncio.get_running_loop()

    async def close(self) -> None:
        """End the background work of a server."""
        self._loops.pop(get_ident(), None)
        self._desks.pop(get_ident(), None)
        await super().close()

    def _run_cron(self, period: float) -> None:
        """Do what is due, and again."""
        with self.lock:
            self.begin()
        self._schedule()

    def _ring(self) -> None:
        """Answer the calls that have waited for long enough, and set the next alarm."""
        with self.lock:
            super()._ring()
            self.finish()

    def _evict_soon(self) -> None:
        """Leave it to the next call, or to the periodic work: they have the lock."""

    def _set_alarm(self, delay_ms: int) -> None:
        """Note when a deadline comes, and tell the servers' loops."""
        deadline = monotonic() + delay_ms / 1000
        if self._next_deadline is None or deadline < self._next_deadline:
            self._next_deadline = deadline
        for thread, loop in self._loops.items():
            if thread == get_ident():
                super()._set_alarm(delay_ms)
            else:
                loop.call_soon_threadsafe(super()._set_alarm, delay_ms)

    def hand_out(self) -> None:
        """Send the clients of this thread's server what there is for them; the lock is held."""
        for remote in list(self._remotes):
            remote.flush()

    def settle(self) -> None:
        """Return when the servers' loops have handed over what there was for their clients."""
        for thread, loop in list(self._loops.items()):
            if thread != get_ident():
                asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(_SETTLING_S)


class RemoteTransport:
    """The transport of a server's client, for an engine that other threads use, too.

    What its own loop does goes straight through. What others do becomes a parcel, which the loop delivers soon, or
    before the client's next call: in the order in which it came.

    Args:
        transport: the connection.
        loop: the event loop on which it lives.
    """

    __slots__ = ("_loop", "_thread", "_transport", "parcels")

    def __init__(self, transport: "Transport", loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._thread = get_ident()
        self.parcels: deque[Callable[[], None]] = deque()

    @property
    def address(self) -> str:
        """The client's address."""
        return self._transport.address

    @property
    def local_address(self) -> str:
        """The server's side of the connection."""
        return self._transport.local_address

    @property
    def fileno(self) -> int:
        """The file descriptor."""
        return self._transport.fileno

    @property
    def query_buffered(self) -> int:
        """Bytes that were not executed yet."""
        return self._transport.query_buffered

    @property
    def output_buffered(self) -> int:
        """Bytes of replies that the client has not taken yet."""
        return self._transport.output_buffered

    def answer(self, reply: "Reply") -> None:
        """Send the reply of the call that had to wait."""
        self._hand_over(lambda: self._transport.answer(reply))

    def push(self, message: "Reply") -> None:
        """Send a message that is no reply."""
        self._hand_over(lambda: self._transport.push(message))

    def use_resp(self, version: int) -> None:
        """Encode the replies from now on in this version of RESP."""
        self._hand_over(lambda: self._transport.use_resp(version))

    def limit_requests(self, limited: bool) -> None:
        """Hold the client to small requests, or not any more."""
        self._hand_over(lambda: self._transport.limit_requests(limited))

    def close_after_reply(self) -> None:
        """Close once everything written so far has been sent."""
        self._hand_over(self._transport.close_after_reply)

    def abort(self) -> None:
        """Close at once."""
        self._hand_over(self._transport.abort)

    def reset(self) -> None:
        """Close at once, as a network does that breaks."""
        self._hand_over(self._transport.reset)

    def _hand_over(self, parcel: Callable[[], None]) -> None:
        """Do something on the loop's thread, behind what is to be done there already."""
        if get_ident() == self._thread and not self.parcels:
            parcel()
            return
        self.parcels.append(parcel)
        try:
            self._loop.call_soon_threadsafe(self.deliver)
        except RuntimeError:  # the loop has been closed, and the connection with it
            self.parcels.clear()

    def flush(self) -> None:
        """Send what there is for the client at once, on the loop's thread; on others it is on its way."""
        if get_ident() == self._thread and isinstance(self._transport, Connection):
            self.deliver()
            self._transport.flush()

    def deliver(self) -> None:
        """Do what is to be done, on the loop's thread."""
        while self.parcels:
            self.parcels.popleft()()


# A process that forks ------------------------------------------------------------------------------------------
#
# A lock that another thread holds while the process forks is held for ever in the child, and what that thread was
# changing stays half done. So the thread that forks has all locks, and gives them back on both sides.

_held: Final[list[SharedBackend]] = []


def _before_fork() -> None:
    """Wait until no thread is inside of a call."""
    for reference in _backends.valuerefs():  # a list of its own, whatever other threads make meanwhile
        backend = reference()
        if backend is not None:
            backend.lock.acquire()
            _held.append(backend)


def _after_fork() -> None:
    """Let the other threads go on."""
    while _held:
        _held.pop().lock.release()


def _after_fork_in_child() -> None:
    """Begin anew, without the clients of the other process."""
    for backend in _held:
        backend.leave_to_child()
    _after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
