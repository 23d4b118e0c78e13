"""One client in this process: calls in, replies out, and no wire in between.

    call -> engine.execute -> inbox -> whoever reads

What the commonest replies are in Python they are for redis-py, too: these go into the inbox as they are. Everything
else goes as the bytes that a server would have sent, one reply or push in each piece, for redis-py's own parser.
"""

from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeAlias

from vermilion.commands.registry import RUN_LEAST
from vermilion.errors import RespError
from vermilion.pending import Pending
from vermilion.protocol.encode import ENCODERS, error_line
from vermilion.protocol.reply import OK, QUEUED, Messages, NoReply, Reply, Status
from vermilion.protocol.request import RequestParser
from vermilion.testing.arguments import AlikeCalls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vermilion.pending import Answer
    from vermilion.testing.shared import SharedBackend

_PLAIN: Final = frozenset({bytes, int, type(None)})
_PLAIN_OR_STATUS: Final = _PLAIN | {Status}
_FIRST_PORT: Final = 32_768
_PORTS: Final = 28_232


class Wire(bytes):
    """Bytes of the wire: one reply, or one push."""

    __slots__ = ()


Item: TypeAlias = "Wire | bytes | int | list[bytes | int | None] | None"


class Link:
    """The transport of an in-process client, and its calls.

    Args:
        backend: what executes the calls.

    Raises:
        ConnectionRefusedError: when a test wants no new clients.

    LLM Context:
        - `inbox` holds what has not been read yet. The oldest item goes first; `Wire` items are bytes to be parsed.
        - `wake` is called, with the backend's lock held, whenever something has arrived or the link was closed.
        - `ended` says that the engine has ended the client, or that the client has gone: nothing will come any more.
    """

    local_address = "127.0.0.1:6379"
    fileno = -1
    query_buffered = 0

    def __init__(self, backend: "SharedBackend") -> None:
        self.backend = backend
        self.inbox: deque[Item] = deque()
        self.ended = False
        self._was_reset = False
        self._behind: deque[list[bytes]] = deque()
        self._closing = False
        self._parser: RequestParser | None = None
        with backend.lock:
            backend.begin()
            backend.admit()
            self.session = backend.engine.open_session(self)
            backend.links.add(self)

    def wake(self) -> None:
        """Tell whoever waits that something has come; a client that never waits needs none."""

    def at_end(self) -> bytes:
        """Return what is read at the end: nothing.

        Raises:
            ConnectionResetError: when the connection was lost.
        """
        if self._was_reset:
            raise ConnectionResetError(104, "Connection reset by peer")
        return b""

    # The client's side ------------------------------------------------------------------------------------

    def call(self, argv: list[bytes]) -> None:
        """Make a call; its reply is, or will be, in the inbox.

        Raises:
            BrokenPipeError: when the client was ended.
        """
        backend = self.backend
        with backend.lock:
            if backend.left or monotonic() >= backend.next_cron:
                backend.begin()
            if self._behind or self.session.pending is not None:
                self._behind.append(argv)
            else:
                self._run(argv)
                if backend.to_go_on:
                    backend.finish()

    def call_many(self, calls: "Sequence[list[bytes]] | AlikeCalls") -> None:
        """Make several calls.

        Raises:
            BrokenPipeError: when the client was ended.
        """
        backend = self.backend
        with backend.lock:
            backend.begin()
            waits = self._behind or self.session.pending is not None
            if isinstance(calls, AlikeCalls):
                calls = [] if not waits and self._run_at_once(calls) else calls.one_by_one()
            if waits:
                self._behind.extend(calls)
                return
            backend.engine.journal.begin_batch()
            try:
                self._run_many(calls)
            finally:
                backend.engine.journal.end_batch()
            if backend.to_go_on:
                backend.finish()

    def feed(self, data: bytes) -> None:
        """Make the calls that bytes of the wire complete.

        Raises:
            BrokenPipeError: when the client was ended.
        """
        if self._parser is None:
            self._parser = RequestParser(self.backend.engine.settings.proto_max_bulk_len)
        parser = self._parser
        calls = list(parser.feed(data))
        while parser.more:
            calls += parser.feed(b"")
        self.call_many(calls)
        if parser.error is not None:
            with self.backend.lock:
                self.inbox.append(Wire(error_line(RespError(parser.error))))
                self.close_after_reply()

    def close(self) -> None:
        """End the client; one that the garbage collector ends inside of a call goes after it."""
        self.ended = True
        backend = self.backend
        backend.left.append(self)
        if backend.lock.acquire(blocking=False):
            try:
                if not backend.running:
                    backend.bury()
                    backend.finish()
            finally:
                backend.lock.release()

    # Calls, with the lock held ----------------------------------------------------------------------------

    def _run(self, argv: list[bytes]) -> None:
        """Run one call."""
        if self._closing:
            raise BrokenPipeError(32, "Broken pipe")
        backend = self.backend
        session = self.session
        session.last_active_ms = backend.now_ms
        nested = backend.running
        backend.running = True  # whatever a command raises, `execute` returns it as a reply
        reply = backend.execute_unlocked(session, argv)
        backend.running = nested
        if type(reply) is bytes or reply is None:
            self.inbox.append(reply)
        else:
            self._take(reply)

    def _run_many(self, calls: "Sequence[list[bytes]]") -> None:
        """Run calls, those of one command together where that can be; one that ends the client is the last."""
        at = 0
        count = len(calls)
        while at < count and not (self._closing and at):
            if self.session.pending is not None:
                self._behind.extend(calls[at:])
                return
            end = at + 1
            name = calls[at][0]
            while end < count and calls[end][0] == name:
                end += 1
            if end - at < RUN_LEAST or not self._run_at_once(calls[at:end]):
                while at < end and not (self._closing and at) and self.session.pending is None:
                    self._run(calls[at])
                    at += 1
            else:
                at = end

    def _run_at_once(self, calls: "Sequence[list[bytes]] | AlikeCalls") -> bool:
        """Run calls of one command at once, if that can be; return whether they have run."""
        if self._closing:
            raise BrokenPipeError(32, "Broken pipe")
        backend, session, inbox = self.backend, self.session, self.inbox
        engine = backend.engine
        nested = backend.running
        backend.running = True
        try:
            if isinstance(calls, AlikeCalls):
                replies = engine.batches.execute_columns(session, calls.name, calls.columns)
            else:
                replies = engine.batches.execute_run(session, calls)
        finally:
            backend.running = nested
        if replies is None:
            return False
        session.last_active_ms = backend.now_ms
        if isinstance(replies, Status):
            inbox.extend([_text(replies)] * len(calls))
        elif _PLAIN.issuperset(map(type, replies)):
            inbox.extend(replies)  # type: ignore[arg-type]  # mypy does not narrow by the set, which is faster
        else:
            for reply in replies:
                self._take(reply)
        return True

    def go_on(self) -> None:
        """Run what has waited behind a call that is answered now."""
        while self._behind and self.session.pending is None and not self._closing:
            self._run(self._behind.popleft())

    def _take(self, reply: "Answer") -> None:
        """Put a reply into the inbox, in the form in which it is read."""
        kind = type(reply)
        if kind in _PLAIN:
            self.inbox.append(reply)  # type: ignore[arg-type]  # mypy does not narrow by the set, which is faster
        elif reply is OK or reply is QUEUED:
            self.inbox.append(_text(reply))
        elif type(reply) is list and _PLAIN_OR_STATUS.issuperset(map(type, reply)):
            self.inbox.append([_text(one) if type(one) is Status else one for one in reply])  # type: ignore[misc]
        elif isinstance(reply, Messages):
            for message in reply:
                self._take(message)
        elif not isinstance(reply, Pending | NoReply):
            self.inbox.append(Wire(encoded(reply, self.session.resp)))

    # The session's side -----------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """An address of the loopback that no other client of the engine has."""
        return f"127.0.0.1:{_FIRST_PORT + self.session.id % _PORTS}"

    @property
    def output_buffered(self) -> int:
        """Bytes of replies that the client has not read, where they are bytes."""
        return sum(len(item) for item in self.inbox if isinstance(item, bytes))

    def answer(self, reply: Reply) -> None:
        """Give the reply of the call that had to wait; those behind it come after the present one."""
        self._take(reply)
        if self._behind:
            self.backend.to_go_on.append(self)
        self.wake()

    def push(self, message: Reply) -> None:
        """Give a message that is no reply."""
        self.inbox.append(Wire(encoded(message, self.session.resp)))
        self.wake()

    def use_resp(self, version: int) -> None:
        """Do nothing: each reply is encoded in the version that the session has."""

    def limit_requests(self, limited: bool) -> None:
        """Do nothing: the calls are made by this program."""

    def close_after_reply(self) -> None:
        """Run no further call, and end what there is to read behind the present reply."""
        self._closing = self.ended = True
        self._behind.clear()
        self.backend.left.append(self)
        self.wake()

    def abort(self) -> None:
        """End the client at once; what has arrived it may still read, as from a socket."""
        self._closing = self.ended = True
        self._behind.clear()
        self.backend.engine.close_session(self.session)
        self.backend.links.discard(self)
        self.wake()

    def reset(self) -> None:
        """End the client at once, as a network does that breaks: what it has not read is lost."""
        self._was_reset = True
        self.inbox.clear()
        self.abort()


def encoded(reply: Reply, version: int) -> bytes:
    """Return the bytes of a reply in one version of RESP."""
    out: list[bytes] = []
    ENCODERS[version](reply, out.append)
    return b"".join(out)


def _text(status: Status) -> bytes:
    """Return a simple string as bytes."""
    return status.wire[1:-2]
