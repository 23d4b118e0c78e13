"""MULTI and EXEC: calls are queued as they come, and run as one.

    MULTI -> each call: queued, or refused, and EXEC will be, too
    EXEC  -> watched keys intact? -> run all, one after the other

What runs in EXEC sees one time, does not wait (BLPOP answers at once), and blocked clients are served behind all of
it. Runs of equal calls go to the columnar form of their command, as in a pipeline, where nobody listens.
"""

from collections.abc import Sequence
from itertools import chain
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, cast

from vermilion import errors
from vermilion.commands.registry import RUN_LEAST
from vermilion.engine.bound import BoundCommand
from vermilion.errors import RespError
from vermilion.keyspace.watching import WatchedKeys, Watching
from vermilion.protocol.encode import ENCODERS, Encoder
from vermilion.protocol.reply import NO_REPLY, NULL_ARRAY, QUEUED, Encoded, Messages, Reply, Status
from vermilion.session import GATE_ACL, GATE_JOURNAL, GATE_MULTI, GATE_REPLY, GATE_RESOLVE, Session

if TYPE_CHECKING:
    from vermilion.engine.engine import Engine

_POINTER: Final = 8


class Queue:
    """The calls of one client since MULTI.

    LLM Context:
        - `refused` says that one of the calls was refused: EXEC will be, too.
        - `memory` is what CLIENT LIST calls `multi-mem`: the bytes of the arguments, and a pointer to each.
    """

    __slots__ = ("calls", "memory", "refused")

    def __init__(self) -> None:
        self.calls: list[tuple[BoundCommand, list[bytes]]] = []
        self.memory = 0
        self.refused = False

    def __len__(self) -> int:
        """Return how many calls there are."""
        return len(self.calls)


class Transactions:
    """The transactions of one engine.

    Args:
        engine: what runs the calls.
    """

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self.watching = Watching(engine.audience)

    # What the commands ask for ----------------------------------------------------------------------------

    def begin(self, session: Session) -> None:
        """Queue the client's calls from now on."""
        if session.queue is not None:
            raise RespError(errors.NESTED_MULTI)
        session.queue = Queue()
        session.gates |= GATE_MULTI

    def discard(self, session: Session) -> None:
        """Forget what is queued, and watch nothing any more."""
        session.queue = None
        session.gates &= ~GATE_MULTI
        self.unwatch(session)

    def watch(self, session: Session, keys: Sequence[bytes]) -> None:
        """Let changes of these keys keep the client's next transaction from running."""
        watched = session.watched
        if watched is None:
            watched = session.watched = WatchedKeys()
        if not watched.broken:  # nothing can mend it
            for key in keys:
                self.watching.watch(watched, session.db, key)

    def unwatch(self, session: Session) -> None:
        """Watch nothing any more."""
        if session.watched is not None:
            self.watching.unwatch(session.watched)
            session.watched = None

    def execute(self, session: Session) -> Reply:
        """Run what is queued, unless a call was refused or a watched key has changed.

        Returns:
            The replies, an error of a call among them; the null array when a watched key has changed.

        Raises:
            RespError: outside of MULTI, or when a call was refused.
        """
        queue = _queue(session)
        if queue is None:
            raise RespError(errors.EXEC_WITHOUT_MULTI)
        intact = self._intact(session)
        silent = session.gates & GATE_REPLY and session.reply_mode == "off"
        session.gates &= ~GATE_MULTI
        self.unwatch(session)
        try:
            if queue.refused:
                raise RespError(errors.TRANSACTION_REFUSED)
            if not intact:
                return NULL_ARRAY
            replies = self._run(session, queue.calls)
        finally:
            session.queue = None
        # Where CLIENT REPLY ON stands in the transaction, the head of the array has been swallowed.
        return Messages(replies) if silent else replies

    def _intact(self, session: Session) -> bool:
        """Return whether no watched key has changed."""
        return session.watched is None or self.watching.intact(session.watched)

    # What the engine asks for -----------------------------------------------------------------------------

    def add(self, session: Session, command: BoundCommand, argv: list[bytes]) -> Status:
        """Queue a call; a client that queues more than `client-query-buffer-limit` is cut off."""
        queue = _queue(session)
        assert queue is not None  # noqa: S101  # the gate says so
        session.last_command = command
        queue.calls.append((command, argv))
        self._grow(session, queue, sum(map(len, argv)) + _POINTER * len(argv))
        return QUEUED

    def refuse(self, session: Session, command: BoundCommand | None, text: str) -> str:
        """Note that a call was refused; return the error text, which for EXEC itself is another one."""
        queue = _queue(session)
        if command is not None and command.name == "exec":
            self.discard(session)
            return errors.exec_refused(text)
        if queue is not None:
            queue.refused = True
        return text

    def plain_commands(self, calls: Sequence[list[bytes]]) -> list[BoundCommand] | None:
        """Return the commands of calls that can be queued at once, None when one needs a closer look."""
        commands = self._engine.commands
        found: list[BoundCommand] = []
        append = found.append
        for argv in calls:
            command = commands.get(argv[0])
            if command is None or not command.plain or not command.declared.accepts(len(argv)):
                return None
            append(command)
        return found

    def add_all(
        self, session: Session, commands: Sequence[BoundCommand], calls: Sequence[list[bytes]]
    ) -> None:
        """`add` for several calls."""
        queue = _queue(session)
        assert queue is not None  # noqa: S101  # the gate says so
        queue.calls += zip(commands, calls, strict=True)
        if commands:
            session.last_command = commands[-1]
        bytes_, words = sum(map(len, chain.from_iterable(calls))), sum(map(len, calls))
        self._grow(session, queue, bytes_ + _POINTER * words)

    def _grow(self, session: Session, queue: Queue, size: int) -> None:
        """Count the bytes of queued calls, and cut off a client that has too many."""
        queue.memory += size
        if queue.memory > self._engine.settings.client_query_buffer_limit:
            self._engine.stats.query_limit_disconnections += 1
            session.transport.abort()

    # Running ----------------------------------------------------------------------------------------------

    def _run(self, session: Session, calls: Sequence[tuple[BoundCommand, list[bytes]]]) -> list[Reply]:
        """Run calls as one, and return their replies."""
        engine = self._engine
        may_wait, session.may_wait = session.may_wait, False
        engine.clock.hold()
        replies: list[Reply] = []
        try:
            at, size = 0, len(calls)
            while at < size:
                command = calls[at][0]
                end = at + 1
                while end < size and calls[end][0] is command:
                    end += 1
                run = [argv for _, argv in calls[at:end]]
                at = end
                if len(run) >= RUN_LEAST:
                    columns = engine.batches.run_columns(session, command, run)
                    if columns is not None:
                        replies += [columns] * len(run) if isinstance(columns, Status) else columns
                        continue
                if session.gates == GATE_RESOLVE and command.plain:
                    self._run_plain(session, command, run, replies)
                else:
                    for argv in run:
                        self._run_one(session, command, argv, replies)
        finally:
            engine.clock.release()
            session.may_wait = may_wait
        return replies

    def _run_plain(
        self, session: Session, command: BoundCommand, run: list[list[bytes]], replies: list[Reply]
    ) -> None:
        """Run calls of one command that change nothing about replies, and append theirs."""
        mark = perf_counter_ns()
        for argv in run:
            try:
                replies.append(cast("Reply", command.run(session, argv)))
            except Exception as error:  # noqa: BLE001  # one bug must not stop the server
                replies.append(self._engine.failed(command, argv, error))
        elapsed = perf_counter_ns() - mark
        slowness = self._engine.slowness
        if elapsed >= slowness.threshold_ns:
            slowness.judge_run(session, command, run[0], len(run), elapsed)
        command.count(len(run), elapsed)

    def _run_one(
        self, session: Session, command: BoundCommand, argv: list[bytes], replies: list[Reply]
    ) -> None:
        """Run one call, and append its reply as the client is to see it."""
        engine, resp = self._engine, session.resp
        entered = engine.journal.enter(session, argv, "multi") if session.gates & GATE_JOURNAL else None
        refusal = None
        if session.gates & GATE_ACL:  # what the user may do can have changed since the call was queued
            refusal = engine.acl.refusal_at_exec(session, command.declared, argv)
        reply: Reply
        if refusal is None:
            reply = cast("Reply", engine.run(session, command, argv, session.gates & command.gated))
        else:
            reply = engine.reject(session, command, refusal)
        if entered is not None:
            engine.journal.leave(session, entered, reply)
        if session.resp != resp:
            encode = ENCODERS[resp]
            replies[:] = [_encoded(earlier, encode) for earlier in replies]
        if session.gates & GATE_REPLY and session.reply_mode == "off":
            reply = NO_REPLY
        replies.append(reply)


def queued_calls(session: Session) -> Sequence[tuple[BoundCommand, list[bytes]]]:
    """Return the commands and the words of the calls that a client has queued."""
    queue = _queue(session)
    return () if queue is None else queue.calls


def _queue(session: Session) -> Queue | None:
    """Return the queue of a session, as the one class that fills it."""
    return cast("Queue | None", session.queue)


def _encoded(reply: Reply, encode: Encoder) -> Encoded:
    """Return the bytes of a reply, in the protocol in which it was made."""
    pieces: list[bytes] = []
    encode(reply, pieces.append)
    return Encoded(b"".join(pieces))
