"""What `redis.call` does: one call of a script, through the gates of its session, as values.

A script has a session of its own, so that SELECT and the version of RESP end with it. Its gates hold back what scripts
may not do; every other call costs the same look at one integer as a client's.
"""

from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, cast

from vermilion import errors
from vermilion.engine import gatekeeping
from vermilion.engine.bound import BoundCommand
from vermilion.engine.engine import Engine
from vermilion.errors import RespError
from vermilion.pending import Answer, Pending
from vermilion.protocol.reply import OK
from vermilion.scripting.conversion import Word, to_words
from vermilion.scripting.lua import SMALL
from vermilion.scripting.shebang import ALLOW_OOM
from vermilion.session import (
    GATE_ACL,
    GATE_JOURNAL,
    GATE_MEMORY,
    GATE_MONITOR,
    GATE_READ_ONLY,
    GATE_RESOLVE,
    GATE_SCRIPT,
    GATE_TIMED,
    GATE_TRACKING,
    Nowhere,
    Session,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from vermilion.scripting.lua import Runtime

PART: Final = 200
"""Words that are handed to Lua at once."""

_BYTES: Final = {bytes}
_OVERHEAD: Final = 64
"""Bytes that Lua spends on a value beside those of the value."""

_OWN: Final = GATE_RESOLVE | GATE_SCRIPT
_INHERITED: Final = GATE_MEMORY | GATE_ACL | GATE_MONITOR | GATE_JOURNAL | GATE_TIMED | GATE_TRACKING
"""What stands in the way of the client's calls, or looks at them, does so for those of its script."""


class ScriptCalls:
    """The calls of the scripts of one engine, of which one runs at a time.

    Args:
        engine: what executes them.
    """

    __slots__ = (
        "_began", "_caller", "_ceiling", "_commands", "_count", "_engine", "_last", "_mark", "_parts", "_runtime",
        "_session", "_used", "elapsed_ns", "interrupt", "wrote",
    )  # fmt: skip

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._commands = engine.commands
        self._session = Session(
            0,
            engine,
            engine.databases[0],
            Nowhere("script:0"),
            engine.clock.monotonic_ms(),
            engine.acl.default,
        )
        self._session.may_wait = False
        self._last: BoundCommand | None = None
        self._caller: Session | None = None
        self._count = 0
        self._mark = 0
        self._began = 0
        self.elapsed_ns = 0
        self._parts: list[list[Word]] = []
        self._runtime: Runtime | None = None
        self._used: Callable[[], int] = int
        self._ceiling = 0
        self.wrote = False
        self.interrupt: str | None = None

    @property
    def resp(self) -> int:
        """The version of RESP that the script has chosen."""
        return self._session.resp

    def begin(self, runtime: "Runtime", caller: Session, flags: int | None, *, read_only: bool) -> None:
        """Be ready for the calls of a script.

        Args:
            runtime: the interpreter that it runs in.
            caller: the client that runs it.
            flags: what its first line says; None for a script without flags.
            read_only: whether it may change nothing.
        """
        if runtime is not self._runtime:
            self._runtime = runtime
            self._used, self._ceiling = runtime.used, runtime.ceiling
        session = self._session
        self._caller = caller
        session.db = caller.db
        session.user = caller.user
        session.resp = 2
        session.gates = _OWN | caller.gates & _INHERITED
        if read_only:
            session.gates |= GATE_READ_ONLY
        if flags is not None and flags & ALLOW_OOM:
            session.gates &= ~GATE_MEMORY
        self.wrote = False
        self.interrupt = None
        self._began = self._mark = perf_counter_ns()

    def end(self) -> None:
        """Count the calls that have not been counted, and let the client go."""
        now = perf_counter_ns()
        if self._last is not None:
            self._last.count(self._count, now - self._mark)
            self._last = None
        self.elapsed_ns = now - self._began
        self._caller = None

    def call(self, *words: bytes) -> object:
        """Run one call of any command; return its reply as `lua/sandbox.lua` takes it."""
        argv = [*words]
        return self._handed(self._call_gated(self._commands.get(argv[0]), argv))

    def entrance(self, name: bytes) -> "Callable[..., object] | None":
        """Return what runs the calls of one command by their other words, as `call` does; None if it has to be found.

        Whoever calls it has made sure that a reply of `SMALL` bytes finds room.

        Args:
            name: the command, as scripts spell it.
        """
        found = self._commands.get(name)
        if found is None or found.subcommands:
            return None
        # This is the way of every redis.call: what `_run` says is said here again for the commonest case. A closure, as
        # neither the name has to be handed over each time nor the command to be found.
        command, session = found, self._session
        gated, run, writes = command.gated, command.run, command.writes

        def call(*words: bytes) -> object:
            reply: Answer
            if session.gates & gated:
                reply = self._call_gated(command, [name, *words])
            else:
                if self._last is not command:
                    self._turn_to(command)
                self._count += 1
                if writes and not self.wrote:
                    self._begin_to_write()
                try:
                    reply = run(session, [name, *words])
                except Exception as error:  # noqa: BLE001  # one bug must not stop the server
                    reply = self._failure(command, [name, *words], error)
            # The sandbox has seen to it that there is room for what is small.
            kind = type(reply)
            if kind is int or (kind is bytes and len(reply) <= SMALL):  # type: ignore[arg-type]  # see `kind`
                return reply
            return True if reply is OK else self._handed(reply)

        return call

    def _handed(self, reply: Answer) -> object:
        """Return a reply as Lua takes it."""
        if type(reply) is bytes:
            return reply if self._used() + len(reply) < self._ceiling else self._no_room()
        if self._used() > self._ceiling:
            return self._no_room()
        if type(reply) is int:
            return reply
        if reply is None:
            return False if self._session.resp == 2 else None
        if reply is OK:
            return True
        return self._in_words(reply)

    def _turn_to(self, command: BoundCommand) -> None:
        """Begin to count calls of another command: time is measured once for each run of calls to the same one."""
        # What a script does between its calls is counted as the time of the one before, and of the first.
        if self._last is not None:
            now = perf_counter_ns()
            self._last.count(self._count, now - self._mark)
            self._mark = now
        self._count = 0
        self._last = command

    def _begin_to_write(self) -> None:
        """Note the first call that may change something."""
        self.wrote = True
        # What has begun to write goes on: half of a script is worse than a bit more memory.
        self._session.gates &= ~GATE_MEMORY

    def _failure(self, command: BoundCommand, argv: list[bytes], exception: Exception) -> RespError:
        """Count a failure, and return the error reply."""
        error = self._engine.failed(command, argv, exception)
        return error if command.declared.accepts(len(argv)) else RespError(errors.WRONG_ARITY_IN_SCRIPT)

    def _run(self, command: BoundCommand, argv: list[bytes]) -> Answer:
        """Run a command that nothing stands in the way of."""
        if command is not self._last:
            self._turn_to(command)
        self._count += 1
        if command.writes and not self.wrote:
            self._begin_to_write()
        try:
            return command.call(self._session, argv)
        except Exception as error:  # noqa: BLE001  # one bug must not stop the server
            return self._failure(command, argv, error)

    def _call_gated(self, command: BoundCommand | None, argv: list[bytes]) -> Answer:
        """Run a call that is spelled unusually, has a subcommand to be found, or something in its way."""
        engine, caller = self._engine, self._caller
        if not self._session.gates & GATE_JOURNAL or caller is None or not engine.journal.scripts:
            return self._call_found(command, argv)
        entered = engine.journal.enter(self._session, argv, "script", caller)
        reply = self._call_found(command, argv)
        engine.journal.leave(caller, entered, reply)
        return reply

    def _call_found(self, command: BoundCommand | None, argv: list[bytes]) -> Answer:
        """Find the command, see what stands in its way, and run it."""
        engine, session = self._engine, self._session
        command = command or self._commands.get(argv[0].lower())
        if command is not None and command.subcommands and len(argv) > 1:
            command = command.subcommands.get(argv[1].lower())
        if command is None:
            return engine.reject(session, None, errors.UNKNOWN_IN_SCRIPT)
        if not command.declared.accepts(len(argv)):
            return engine.reject(session, command, errors.WRONG_ARITY_IN_SCRIPT)
        gates = session.gates & command.gated
        obstacle: str | None = None
        if gates & GATE_ACL and not gates & GATE_SCRIPT and self._caller is not None:
            obstacle = engine.acl.refusal_in_script(self._caller, command.declared, argv)
            gates &= ~GATE_ACL
        if gates and obstacle is None:
            obstacle = gatekeeping.obstacle(engine.acl, session, command, argv, gates)
        if obstacle is not None:
            return engine.reject(session, command, obstacle)
        if gates & GATE_MONITOR:
            engine.monitors.hear(session, command, argv)
        mark = perf_counter_ns()
        reply = self._run(command, argv)
        if gates & GATE_TIMED and (elapsed := perf_counter_ns() - mark) >= engine.slowness.threshold_ns:
            engine.slowness.judge(session, command, argv, elapsed)
        if gates & GATE_TRACKING and self._caller is not None:
            engine.tracking.remember(self._caller, command, argv)
        return reply

    def _in_words(self, reply: Answer) -> object:
        """Return a reply that Lua has no plain value for; what it is made of is fetched by `more`."""
        if isinstance(reply, RespError):
            return None, b"error", reply.message.encode("utf-8", "surrogateescape")
        assert not isinstance(reply, Pending)  # noqa: S101  # a session that may not wait gets an answer
        if type(reply) is list and set(map(type, reply)) == _BYTES:
            words = cast("list[Word]", reply)
            kind, size = b"flat", sum(map(len, cast("list[bytes]", reply)))
        else:
            words = []
            to_words(reply, self._session.resp, words)
            kind, size = b"words", sum(len(word) for word in words if type(word) is bytes)
        if self._used() + size + _OVERHEAD * len(words) > self._ceiling:
            return self._no_room()
        if len(words) <= PART:
            self._parts = [words]
            return None, kind, 1
        # The last part is taken first.
        self._parts = [words[at : at + PART] for at in range(0, len(words), PART)][::-1]
        return None, kind, len(self._parts)

    def more(self) -> object:
        """Return the next part of a long reply."""
        return tuple(self._parts.pop())

    @property
    def exhausted(self) -> bool:
        """Whether the script has used up its memory."""
        return self._runtime is not None and self._runtime.exhausted

    def make_headroom(self) -> None:
        """Let there be room for the error that ends the script."""
        if self._runtime is not None:
            self._runtime.make_headroom()

    def _no_room(self) -> object:
        """End the script that has used up its memory."""
        self.make_headroom()
        self.interrupt = errors.SCRIPT_OUT_OF_MEMORY
        return None, b"error", errors.SCRIPT_OUT_OF_MEMORY.encode()

    def setresp(self, version: int) -> None:
        """Let the replies of later calls be those of another version of RESP."""
        self._session.resp = version

    def permits(self, *words: bytes) -> object:
        """Return whether the user may make a call: `redis.acl_check_cmd`."""
        try:
            return self._engine.acl.permits(self._session, words)
        except RespError:
            return None, b"error", errors.INVALID_ACL_CHECK.encode()
