"""The journal: the calls that clients have made, kept for whoever asks which, by whom and in which order.

    call -> enter -> runs, or is refused -> leave: kept, the oldest make room

A call of a transaction is kept when EXEC runs it, ahead of EXEC, as MONITOR shows it. What a script calls is kept
behind the call of the script, if that is wanted. A call that CLIENT PAUSE postpones is kept when it runs.
"""

from collections import deque
from collections.abc import Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from vermilion.commands.registry import Command
from vermilion.engine.bound import RUN_SCRIPTS
from vermilion.engine.redaction import redacted
from vermilion.errors import RespError
from vermilion.pending import Answer, Pending
from vermilion.protocol.reply import QUEUED, Messages, Reply
from vermilion.session import GATE_JOURNAL, Session

if TYPE_CHECKING:
    from vermilion.engine.engine import Engine

CALLS_LIMIT: Final = 10_000
BYTES_LIMIT: Final = 64 * 1024 * 1024

Inside: TypeAlias = Literal["", "multi", "script"]
"""What a call was a part of."""

_OVERHEAD: Final = 500
"""Bytes of a kept call beside its arguments, about."""

_NEVER_KEPT: Final = "vermilion"
"""The command that reads the journal."""


class RecordedCall:
    """One call, as the journal has kept it.

    Args:
        number: its place among all that were made, from 1 on.
        declared: the command, or the subcommand, that it is of; None for one that does not exist.
        argv: the name and the arguments, without secrets.
        session: who made it.
        inside: what it was a part of.
        trip: the number of the round trip in which it came; calls of a pipeline share theirs.
        began_us: when it was made, in microseconds since the epoch, by the engine's clock.

    LLM Context:
        - `name` is the full one in lower case: `config|get`. `keys` are the arguments that are names of keys.
        - `error` is the text of an error reply, None for any other. `size` is how many elements the reply has, None for
          a single value.
        - `duration_ns` is None while the call waits for its reply.
    """

    __slots__ = (
        "address", "argv", "began_us", "client_id", "client_name", "db", "declared", "duration_ns", "error", "inside",
        "keys", "name", "number", "size", "trip",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        declared: Command | None,
        argv: Sequence[bytes],
        session: Session,
        *,
        db: int,
        inside: Inside,
        trip: int,
        began_us: int,
    ) -> None:
        self.number = number
        self.declared = declared
        self.name = argv[0].decode(errors="replace").lower() if declared is None else declared.name.lower()
        self.argv = tuple(argv)
        fits = declared is not None and declared.accepts(len(argv))  # keys of others cannot be told
        self.keys: tuple[bytes, ...] = tuple(declared.keys(argv)) if declared is not None and fits else ()
        self.db = db
        self.client_id = session.id
        self.client_name = session.name.decode(errors="replace")
        self.address = session.transport.address
        self.inside: Inside = inside
        self.trip = trip
        self.began_us = began_us
        self.duration_ns: int | None = None
        self.error: str | None = None
        self.size: int | None = None

    @property
    def weight(self) -> int:
        """How many bytes it takes, about."""
        return _OVERHEAD + sum(map(len, self.argv))


class Journal:
    """The journal of one engine.

    Args:
        engine: whose clients' calls are kept.

    LLM Context:
        - While it is on, all sessions have GATE_JOURNAL; without, nobody pays for it.
        - `seen` counts all calls since it was cleared, `dropped` those that have made room for later ones.
    """

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self.on = False
        self.scripts = False
        self.calls: deque[RecordedCall] = deque()
        self.seen = 0
        self.dropped = 0
        self.trips = 0
        self._limit = CALLS_LIMIT
        self._bytes_limit = BYTES_LIMIT
        self._bytes = 0
        self._in_batch = False
        self._waiting: dict[int, tuple[RecordedCall, int]] = {}

    def start(
        self, *, limit: int | None = None, bytes_limit: int | None = None, scripts: bool = False
    ) -> None:
        """Keep calls from now on, behind those that were kept before.

        Args:
            limit: how many are kept at most; `CALLS_LIMIT` if None.
            bytes_limit: how many bytes they may take; `BYTES_LIMIT` if None.
            scripts: whether the calls of scripts are kept, too.

        Raises:
            ValueError: for a limit that is not positive.
        """
        if limit is None:
            limit = CALLS_LIMIT
        if bytes_limit is None:
            bytes_limit = BYTES_LIMIT
        if min(limit, bytes_limit) <= 0:
            raise ValueError("a limit is a positive number")
        self._limit, self._bytes_limit = limit, bytes_limit
        self.scripts = scripts
        self.on = True
        self._engine.set_gate(GATE_JOURNAL, on=True)
        self._make_room()

    def stop(self) -> None:
        """Keep no further call; those that were kept stay."""
        self.on = False
        self._waiting.clear()
        self._engine.set_gate(GATE_JOURNAL, on=False)

    def clear(self) -> None:
        """Forget all calls."""
        self.calls.clear()
        self._waiting.clear()
        self.seen = self.dropped = self._bytes = self.trips = 0

    # What the engine asks for -----------------------------------------------------------------------------

    def enter(
        self, session: Session, argv: Sequence[bytes], inside: Inside = "", caller: Session | None = None
    ) -> tuple[RecordedCall, int]:
        """Note a call that is being made; what is returned is for `leave`.

        Args:
            session: in whose database.
            argv: the name and the arguments.
            inside: what it is a part of.
            caller: who made it, where that is another one.
        """
        declared = self._declared(argv)
        name = argv[0].decode(errors="replace").lower() if declared is None else declared.name
        if not (self._in_batch or inside):
            self.trips += 1
        call = RecordedCall(
            0,
            declared,
            redacted(name, argv),
            caller or session,
            db=session.db.index,
            inside=inside,
            trip=self.trips,
            began_us=self._engine.clock.now_us(),
        )
        if name in RUN_SCRIPTS:  # it goes ahead of what it calls
            self._keep(call)
        return call, perf_counter_ns()

    def leave(self, session: Session, entered: tuple[RecordedCall, int], reply: Answer) -> None:
        """Keep a call that was answered, or that waits; one that has not been made yet is forgotten."""
        if not self.on or reply is QUEUED or (type(reply) is Pending and reply.postponed):
            return
        call, mark = entered
        if type(reply) is Pending:
            self._waiting[session.id] = entered
        else:
            _complete(call, mark, reply)
        if not call.number:
            self._keep(call)

    def answered(self, session: Session, reply: Reply) -> None:
        """Note the reply of a call that had to wait."""
        entered = self._waiting.pop(session.id, None)
        if entered is not None:
            _complete(*entered, reply)

    def begin_batch(self) -> None:
        """Take the calls from now on for those of one pipeline."""
        if self.on:
            self.trips += 1
            self._in_batch = True

    def end_batch(self) -> None:
        """Take each call for a round trip of its own again."""
        self._in_batch = False

    # Keeping ----------------------------------------------------------------------------------------------

    def _declared(self, argv: Sequence[bytes]) -> Command | None:
        """Return the command, or the subcommand, that a call is of."""
        command = self._engine.commands.get(argv[0].lower())
        if command is not None and command.subcommands and len(argv) > 1:
            command = command.subcommands.get(argv[1].lower(), command)
        return None if command is None else command.declared

    def _keep(self, call: RecordedCall) -> None:
        """Keep a call; the oldest make room."""
        if call.name.partition("|")[0] == _NEVER_KEPT:
            return
        self.seen += 1
        call.number = self.seen
        self.calls.append(call)
        self._bytes += call.weight
        self._make_room()

    def _make_room(self) -> None:
        """Drop the oldest calls beyond the limits."""
        calls = self.calls
        while len(calls) > self._limit or (self._bytes > self._bytes_limit and calls):
            self._bytes -= calls.popleft().weight
            self.dropped += 1


def _complete(call: RecordedCall, mark: int, reply: Reply) -> None:
    """Note what a call was answered, and how long it took."""
    call.duration_ns = perf_counter_ns() - mark
    if isinstance(reply, RespError):
        call.error = reply.message
    elif isinstance(reply, list | tuple | dict | set) and not isinstance(reply, Messages):
        call.size = len(reply)
