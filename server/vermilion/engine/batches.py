"""Several calls at once: pipelines, transactions that come in one packet, and runs of one command.

    pipeline ──▶ one by one, as `Engine.execute` does, in one loop
             ├─▶ all of one command: columns, all first arguments, all second ones …
             └─▶ MULTI … EXEC: queued at once, and run in columns where it can be

What a call costs is mostly what surrounds it, and Python goes over a column many times faster than over calls.
"""

from collections.abc import Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, cast

from vermilion.commands.registry import RUN_LEAST, Columns
from vermilion.keyspace.audience import EAR_AWAITED
from vermilion.pending import Pending
from vermilion.protocol.encode import BULK_HEADS, BULK_HEADS_SIZE, CRLF, ENCODERS, Encoder, encode_all
from vermilion.protocol.reply import OK, QUEUED, Reply, Status
from vermilion.session import GATE_MULTI, GATE_RESOLVE, Session

if TYPE_CHECKING:
    from vermilion.engine.bound import BoundCommand
    from vermilion.engine.engine import Engine

OK_LINE: Final = OK.wire
OUTPUT_PART: Final = 1024 * 1024
"""Bytes of long replies after which the rest of a pipeline waits until its client has taken them."""

QUEUEING: Final = GATE_RESOLVE | GATE_MULTI
"""The gates of a session that is in a transaction, and in nothing else."""


class Batches:
    """The calls that come several at once.

    Args:
        engine: whose calls they are.

    LLM Context:
        - `execute` is for who wants bytes, `execute_run` and `execute_columns` for who takes values.
        - `run_columns` is for those who have seen to everything around the calls: the transactions.
    """

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def execute(
        self, session: Session, calls: list[list[bytes]], encode: Encoder, out: list[bytes]
    ) -> list[list[bytes]]:
        """Run calls for one session, in order, and encode their replies: `Engine.execute` for a pipeline.

        What a call costs is mostly what surrounds it, so this loop says again what `Engine.execute` and the encoders
        say for the commonest case, and leaves the others to them. Time is measured once for each run of calls
        to the same command.

        Args:
            session: whose calls they are.
            calls: the name and the arguments of each; a call may empty the list to end the batch after itself.
            encode: the encoder that the session begins with; a change of protocol is looked up.
            out: takes the bytes.

        Returns:
            The calls that have not run, mostly none. Either the replies have grown large, and the turn of these calls
            comes when the client has taken them; or the call before these has to wait for its own reply, which
            `session.pending` tells.
        """
        engine = self._engine
        stats = engine.stats
        stats.batches += 1
        if engine.eviction.limited:
            engine.eviction.before_calls()
        size = len(calls)
        if size > stats.largest_batch:  # noqa: PLR1730  # a call of max() for each call of a client
            stats.largest_batch = size
        ready = engine.waiting.ready
        if size >= RUN_LEAST and (
            self._execute_run(session, calls, encode, out)
            or self._execute_transaction(session, calls, encode, out)
        ):
            if ready:
                engine.waiting.serve()
            if engine.tracking.pending:
                engine.tracking.flush()
            return []
        append = out.append
        commands = engine.commands
        last: BoundCommand | None = None
        count = 0
        first: list[bytes] = []
        slow_ns = engine.slowness.threshold_ns
        mark = perf_counter_ns()
        room = OUTPUT_PART
        left: list[list[bytes]] = []
        rest = iter(calls)
        for argv in rest:
            try:
                command = commands[argv[0]]
            except KeyError:
                command = None
            if command is not last:
                if last is not None:
                    now = perf_counter_ns()
                    if now - mark >= slow_ns:
                        engine.slowness.judge_run(session, last, first, count, now - mark)
                    last.count(count, now - mark)
                    mark = now
                    count = 0
                last = command
                first = argv
            if command is None or session.gates & command.gated:
                reply = engine.call_gated(session, command, argv)
                encode = ENCODERS[session.resp]
                last = None
                mark = perf_counter_ns()
            else:
                count += 1
                try:
                    reply = command.run(session, argv)
                except Exception as error:  # noqa: BLE001  # one bug must not stop the server
                    reply = engine.failed(command, argv, error)
                    encode = ENCODERS[session.resp]
            if ready:
                engine.waiting.serve()
            if type(reply) is bytes:
                size = len(reply)
                if size < BULK_HEADS_SIZE:
                    append(BULK_HEADS[size])
                    append(reply)
                    append(CRLF)
                else:
                    out += (b"$%d\r\n" % size, reply, CRLF)
                    room -= size
                    # With a hard limit, it is the limit that a client runs into.
                    if room < 0 and not engine.settings.client_output_buffer_limit["normal"].hard:
                        left = list(rest)
                        break
            elif reply is OK:
                append(OK_LINE)
            elif type(reply) is int:
                append(b":%d\r\n" % reply)
            elif type(reply) is Pending:
                engine.waiting.suspend(session, reply, argv)
                left = list(rest)
                break
            else:
                encode(reply, append)
        if last is not None:
            elapsed = perf_counter_ns() - mark
            if elapsed >= slow_ns:
                engine.slowness.judge_run(session, last, first, count, elapsed)
            last.count(count, elapsed)
            session.last_command = last
        if engine.tracking.pending:
            engine.tracking.flush()
        return left

    def _execute_run(
        self, session: Session, calls: list[list[bytes]], encode: Encoder, out: list[bytes]
    ) -> bool:
        """Run calls at once that are all of one command which can; return whether they have run."""
        engine = self._engine
        command = engine.commands.get(calls[0][0])
        if command is None or command.many is None or session.gates & command.gated:
            return False
        replies = self.run_columns(session, command, calls)
        if replies is None:
            return False
        if isinstance(replies, Status):
            out.append(replies.wire * len(calls))
        else:
            encode_all(replies, encode, out)
        session.last_command = command
        return True

    def _execute_transaction(
        self, session: Session, calls: list[list[bytes]], encode: Encoder, out: list[bytes]
    ) -> bool:
        """Run calls at once that are a transaction or a part of one; return whether they have run."""
        engine = self._engine
        begin, end = engine.commands.get(calls[0][0]), engine.commands.get(calls[-1][0])
        begins = begin is not None and begin.name == "multi" and len(calls[0]) == 1
        if session.gates != (GATE_RESOLVE if begins else QUEUEING):
            return False
        ends = end is not None and end.name == "exec" and len(calls[-1]) == 1
        mark = perf_counter_ns()
        inside = calls[begins : len(calls) - ends]
        commands = engine.transactions.plain_commands(inside)
        if commands is None:
            return False
        if begin is not None and begins:
            engine.transactions.begin(session)
            out.append(OK_LINE)
            begin.count(1, perf_counter_ns() - mark)
        engine.transactions.add_all(session, commands, inside)
        out.append(QUEUED.wire * len(inside))
        if end is not None and ends:
            session.last_command = end
            reply = cast("Reply", engine.call(end, session, calls[-1]))
            if isinstance(reply, list):
                out.append(b"*%d\r\n" % len(reply))
                encode_all(reply, encode, out)
            else:
                encode(reply, out.append)
        return True

    # Runs of one command ---------------------------------------------------------------------------------------

    def execute_run(self, session: Session, calls: Sequence[list[bytes]]) -> Sequence[Reply] | Status | None:
        """Run calls of one command at once, if that can be: `execute` for several, for who takes values.

        Args:
            session: whose calls they are; it must not have a pending one.
            calls: the name, spelled alike, and the arguments of each.

        Returns:
            Their replies, or the one that all have; None, with nothing done, when they must be run one by one.
        """
        engine = self._engine
        command = engine.commands.get(calls[0][0])
        if command is None or command.many is None:
            return None
        columns = transposed(calls)
        return self.execute_columns(session, calls[0][0], columns) if columns else None

    def execute_columns(
        self, session: Session, name: bytes, columns: Columns
    ) -> Sequence[Reply] | Status | None:
        """Run calls of one command at once, if that can be, as `execute_run` does.

        Args:
            session: whose calls they are; it must not have a pending one.
            name: the command's.
            columns: all first arguments, all second ones, …; there is at least one column.

        Returns:
            Their replies, or the one that all have; None, with nothing done, when they must be run one by one.
        """
        engine = self._engine
        command = engine.commands.get(name)
        if command is None or command.many is None or session.gates & command.gated:
            return None
        if engine.eviction.limited:
            engine.eviction.before_calls()
        replies = self._run_many(session, command, name, columns, len(columns[0]))
        if replies is not None:
            session.last_command = command
        if engine.waiting.ready:
            engine.waiting.serve()
        if engine.tracking.pending:
            engine.tracking.flush()
        return replies

    def run_columns(
        self, session: Session, command: "BoundCommand", calls: Sequence[list[bytes]]
    ) -> Sequence[Reply] | Status | None:
        """Run calls of one command at once, in its columnar form.

        Returns:
            Their replies, or the one that all have; None, with nothing done, when they are spelled differently or
            must be run one by one.
        """
        if command.many is None or session.gates & command.gated or session.db.listening > EAR_AWAITED:
            return None
        columns = transposed(calls)
        return None if columns is None else self._run_many(session, command, calls[0][0], columns, len(calls))

    def _run_many(
        self, session: Session, command: "BoundCommand", name: bytes, columns: Columns, count: int
    ) -> Sequence[Reply] | Status | None:
        """Run so many calls of one command, whose arguments are given column by column."""
        engine = self._engine
        many = command.many
        # Who listens to changes wants to hear of each by itself, but for clients that are blocked.
        if many is None or session.db.listening > EAR_AWAITED:
            return None
        mark = perf_counter_ns()
        awaited = session.db.awaited
        if awaited and columns and not awaited.isdisjoint(columns[0]):
            return None  # whoever waits takes what the first call brings
        replies = many(session, columns)
        if replies is not None:
            elapsed = perf_counter_ns() - mark
            if elapsed >= engine.slowness.threshold_ns:
                first = [name, *(column[0] for column in columns)]
                engine.slowness.judge_run(session, command, first, count, elapsed)
            command.count(count, elapsed)
        return replies


def transposed(calls: Sequence[list[bytes]]) -> "Columns | None":
    """Return the arguments of calls column by column, or None where they differ in their name or in number."""
    try:
        names, *columns = zip(*calls, strict=True)
    except ValueError:
        return None
    return columns if names.count(names[0]) == len(calls) else None
