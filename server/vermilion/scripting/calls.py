"""What `redis.call` does: one call of a script, through the gates of its session, as values.

A script has a session of its own, so that SELECT and the version of RESP end with it. Its gates hold back what scripts
may not do; every other call costs the same look at one integer as a client's.
"""

from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from vermilion import errors
from vermilion.engine import gatekeeping
from vermilion.engine.bound import BoundCommand
from vermilion.engine.engine import Engine
from vermilion.errors import RespError
from vermilion.pending import Pending
from vermilion.protocol.reply import OK, Push, Reply
from vermilion.scripting.conversion import Word, to_words
from vermilion.scripting.shebang import ALLOW_OOM
from vermilion.session import (
    GATE_MEMORY,
    GATE_READ_ONLY,
    GATE_RESOLVE,
    GATE_SCRIPT,
    Session,
)

if TYPE_CHECKING:
    from vermilion.scripting.lua import Runtime

PART: Final = 200
"""Words that are handed to Lua at once."""

_BYTES: Final = {bytes}


class _Nowhere:
    """The transport of a script's session: its replies are values, and nobody is connected."""

    address = "script:0"
    local_address = "script:0"
    fileno = -1
    query_buffered = 0
    output_buffered = 0

    def answer(self, reply: Reply) -> None:
        """No call of a script waits."""

    def push(self, message: Push) -> None:
        """Nobody is there to be told."""

    def use_resp(self, version: int) -> None:
        """Replies are values: there is no encoder."""

    def limit_requests(self, limited: bool) -> None:
        """Nothing is parsed."""

    def close_after_reply(self) -> None:
        """There is nothing to close."""

    def abort(self) -> None:
        """There is nothing to close."""


class ScriptCalls:
    """The calls of the scripts of one engine, of which one runs at a time.

    Args:
        engine: what executes them.
        runtime: the interpreter that they come from; set before the first one.
    """

    __slots__ = (
        "_commands", "_count", "_engine", "_last", "_mark", "_parts", "_session", "interrupt", "runtime",
        "wrote",
    )  # fmt: skip

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._commands = engine.commands
        self._session = Session(0, engine, engine.databases[0], _Nowhere(), engine.clock.monotonic_ms())
        self._session.may_wait = False
        self._last: BoundCommand | None = None
        self._count = 0
        self._mark = 0
        self._parts: list[list[Word]] = []
        self.runtime: Runtime
        self.wrote = False
        self.interrupt: str | None = None

    @property
    def resp(self) -> int:
        """The version of RESP that the script has chosen."""
        return self._session.resp

    def begin(self, caller: Session, flags: int | None, *, read_only: bool) -> None:
        """Be ready for the calls of a script.

        Args:
            caller: the client that runs it.
            flags: what its first line says; None for a script without flags.
            read_only: whether it may change nothing.
        """
        session = self._session
        session.db = caller.db
        session.user = caller.user
        session.resp = 2
        session.gates = GATE_RESOLVE | GATE_SCRIPT | caller.gates & GATE_MEMORY
        if read_only:
            session.gates |= GATE_READ_ONLY
        if flags is not None and flags & ALLOW_OOM:
            session.gates &= ~GATE_MEMORY
        self.wrote = False
        self.interrupt = None
        self._last = None
        self._mark = perf_counter_ns()

    def end(self) -> None:
        """Count the calls that have not been counted."""
        if self._last is not None:
            self._last.count(self._count, perf_counter_ns() - self._mark)
            self._last = None

    def call(self, *words: bytes) -> object:
        """Run one call; return its reply as `lua/sandbox.lua` takes it."""
        argv = list(words)
        session = self._session
        command = self._commands.get(argv[0])
        reply: object
        if command is None or session.gates & command.gated:
            reply = self._call_gated(command, argv)
        else:
            reply = self._call(command, session, argv)
        kind = type(reply)
        if kind is bytes:
            return reply if self.runtime.has_room(len(reply)) else self._no_room()  # type: ignore[arg-type]
        if kind is int:
            return reply if self.runtime.has_room(0) else self._no_room()
        if reply is None:
            reply = False if session.resp == 2 else None
            return reply if self.runtime.has_room(0) else self._no_room()
        if reply is OK:
            return True if self.runtime.has_room(0) else self._no_room()
        return self._in_words(reply)  # type: ignore[arg-type]  # mypy does not follow `kind`

    def _call(self, command: BoundCommand, session: Session, argv: list[bytes]) -> object:
        """Run a command; time is measured once for each run of calls to the same one."""
        if command is not self._last:
            now = perf_counter_ns()
            if self._last is not None:
                self._last.count(self._count, now - self._mark)
            self._mark = now
            self._count = 0
            self._last = command
        self._count += 1
        if command.writes and not self.wrote:
            self.wrote = True
            # What has begun to write goes on: half of a script is worse than a bit more memory.
            session.gates &= ~GATE_MEMORY
        try:
            return command.call(session, argv)
        except Exception as error:  # noqa: BLE001  # one bug must not stop the server
            failure = self._engine.failed(command, argv, error)
            return failure if command.declared.accepts(len(argv)) else RespError(errors.WRONG_ARITY_IN_SCRIPT)

    def _call_gated(self, command: BoundCommand | None, argv: list[bytes]) -> object:
        """Run a call that is spelled unusually, has a subcommand to be found, or something in its way."""
        engine, session = self._engine, self._session
        command = command or self._commands.get(argv[0].lower())
        if command is not None and command.subcommands and len(argv) > 1:
            command = command.subcommands.get(argv[1].lower())
        if command is None:
            return engine.reject(None, errors.UNKNOWN_IN_SCRIPT)
        if not command.declared.accepts(len(argv)):
            return engine.reject(command, errors.WRONG_ARITY_IN_SCRIPT)
        gates = session.gates & command.gated
        obstacle = gatekeeping.obstacle(session, command, argv, gates) if gates else None
        if obstacle is not None:
            return engine.reject(command, obstacle)
        return self._call(command, session, argv)

    def _in_words(self, reply: Reply) -> object:
        """Return a reply that Lua has no plain value for."""
        if type(reply) is list and len(reply) <= PART and set(map(type, reply)) == _BYTES:
            if self.runtime.has_room(sum(map(len, reply))):  # type: ignore[arg-type]  # all are bytes
                return (None, b"flat", *reply)
            return self._no_room()
        if isinstance(reply, RespError):
            self.runtime.has_room(0)
            return None, b"error", reply.message.encode("utf-8", "surrogateescape")
        assert not isinstance(reply, Pending)  # noqa: S101  # a session that may not wait gets an answer
        words: list[Word] = []
        to_words(reply, self._session.resp, words)
        if not self.runtime.has_room(
            sum(len(word) for word in words if type(word) is bytes) + 32 * len(words)
        ):
            return self._no_room()
        if len(words) <= PART:
            return (None, b"words", *words)
        # The last part is taken first.
        self._parts = [words[at : at + PART] for at in range(0, len(words), PART)][::-1]
        return None, b"long", len(self._parts)

    def more(self) -> object:
        """Return the next part of a long reply."""
        return tuple(self._parts.pop())

    def _no_room(self) -> object:
        """End the script that has used up its memory."""
        self.interrupt = errors.SCRIPT_OUT_OF_MEMORY
        return None, b"error", errors.SCRIPT_OUT_OF_MEMORY.encode()

    def setresp(self, version: int) -> None:
        """Let the replies of later calls be those of another version of RESP."""
        self._session.resp = version

    def permits(self, *words: bytes) -> object:
        """Return whether the user may make a call: `redis.acl_check_cmd`."""
        command = self._commands.get(words[0].lower())
        if command is not None and command.subcommands and len(words) > 1:
            command = command.subcommands.get(words[1].lower())
        if command is None or not command.declared.accepts(len(words)):
            return None, b"error", errors.INVALID_ACL_CHECK.encode()
        return True
