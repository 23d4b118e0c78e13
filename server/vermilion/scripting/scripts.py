"""Runs scripts: their cache, one run at a time, and what ends a run that does not end.

    EVAL, FCALL -> find or compile -> begin (clock held, session ready) -> Lua -> end -> reply

A script runs on the thread of the event loop, so nothing else does. Every `lua.PACE` instructions the interpreter asks
`_interrupted` whether to go on. Past `busy-reply-threshold` that lets the network serve the other clients, who get
BUSY for all but the few commands that can end the script.
"""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from vermilion import errors
from vermilion.commands.registry import Call
from vermilion.engine.bound import BoundCommand
from vermilion.engine.engine import Engine
from vermilion.errors import CountedError, RespError, text
from vermilion.pending import Answer
from vermilion.protocol.numbers import format_double
from vermilion.protocol.reply import Reply
from vermilion.scripting.calls import ScriptCalls
from vermilion.scripting.conversion import from_words, integer, plain_reply, uncounted_errors
from vermilion.scripting.functions import Libraries
from vermilion.scripting.lua import PACE, Entry, Program, Runtime
from vermilion.scripting.shebang import ALLOW_OOM, NO_WRITES, read_script
from vermilion.session import GATE_MEMORY, RunningScript, ScriptEffects, ScriptFigures, Session

LOGGER: Final = logging.getLogger("vermilion")

EVAL_SCRIPTS: Final = 500
"""How many scripts are kept that came with EVAL; those of SCRIPT LOAD stay until SCRIPT FLUSH."""

_LOG_LEVELS: Final = (logging.DEBUG, logging.INFO, logging.INFO, logging.WARNING)
_COUNTS: Final = {b"%d" % count: count for count in range(10)}


class Script:
    """One script, compiled.

    Args:
        name: its SHA1 in hexadecimal digits.
        body: its text.
        entry: what runs it.
        flags: what its first line says; None for one without.
        evaluated: whether it came with EVAL, and makes room for others.
    """

    __slots__ = ("body", "entry", "evaluated", "flags", "name")

    def __init__(self, name: bytes, body: bytes, entry: Entry, flags: int | None, *, evaluated: bool) -> None:
        self.name = name
        self.body = body
        self.entry = entry
        self.flags = flags
        self.evaluated = evaluated


class CachedScripts(NamedTuple):
    """What scripts were kept at one time.

    Args:
        by_digest: all of them.
        evaluated: those that came with EVAL, by their texts, the one first that was used least recently.
        runtime: where they were compiled.
    """

    by_digest: dict[bytes, Script]
    evaluated: OrderedDict[bytes, Script]
    runtime: Runtime | None


class Scripts:
    """The scripts and functions of one engine.

    Args:
        engine: what executes their calls.

    See Also:
        `session.Scripting`, the port that this stands behind.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._calls = ScriptCalls(engine)
        self._runtime: Runtime | None = None
        self._by_digest: dict[bytes, Script] = {}
        self._evaluated: OrderedDict[bytes, Script] = OrderedDict()
        self.evicted = 0
        self._running: tuple[bytes, Sequence[bytes], int, bool, Session] | None = None
        self.busy = False
        self.libraries = Libraries(self._callables(), self._run)
        for command in set(engine.commands.values()):
            if command.name == "evalsha":
                command.run = self._short_cut(command)

    def _callables(self) -> dict[str, Callable[..., object]]:
        """Return what the sandbox may call."""
        calls = self._calls
        return {
            "call": calls.call,
            "entrance": calls.entrance,
            "more": calls.more,
            "setresp": calls.setresp,
            "permits": calls.permits,
            "number_text": lambda number: format_double(float(number)),
            "sha1hex": _sha1,
            "log": _log,
            "interrupted": self._interrupted,
        }

    # The cache --------------------------------------------------------------------------------------------

    def _compile(self, body: bytes, digest: bytes, *, evaluated: bool = False) -> Script:
        """Return a new script."""
        shebang = read_script(body)
        if self._runtime is None:
            self._runtime = Runtime(self._callables())
        entry = self._runtime.compile_script(body if shebang is None else shebang.code)
        flags = None if shebang is None else shebang.flags
        return Script(digest, body, entry, flags, evaluated=evaluated)

    def load(self, body: bytes) -> bytes:
        """Keep a script until SCRIPT FLUSH; return its digest."""
        digest = _sha1(body)
        script = self._by_digest.get(digest)
        if script is None:
            self._by_digest[digest] = self._compile(body, digest)
        elif script.evaluated:
            script.evaluated = False
            del self._evaluated[body]
        return digest

    def exists(self, digest: bytes) -> bool:
        """Return whether the script with a digest is there."""
        return digest.lower() in self._by_digest

    def flush(self) -> None:
        """Forget all scripts."""
        self._by_digest.clear()
        self._evaluated.clear()
        self._runtime = None

    def cached(self) -> CachedScripts:
        """Return what scripts are kept, to be put back by `restore`."""
        return CachedScripts(self._by_digest.copy(), self._evaluated.copy(), self._runtime)

    def restore(self, cached: CachedScripts) -> None:
        """Keep the scripts again that were kept, and no others."""
        if (
            cached.by_digest.keys() == self._by_digest.keys()
            and cached.evaluated.keys() == self._evaluated.keys()
            and cached.runtime is self._runtime
        ):
            return
        # In place: `_short_cut` has the tables.
        self._by_digest.clear()
        self._by_digest.update(cached.by_digest)
        self._evaluated.clear()
        self._evaluated.update(cached.evaluated)
        for script in self._evaluated.values():
            script.evaluated = True
        if (
            cached.runtime is not None
        ):  # a new one takes milliseconds to make; nothing of a script stays in it
            self._runtime = cached.runtime

    def _evaluated_script(self, body: bytes) -> Script:
        """Return the script of an EVAL; the one that was used least recently makes room for a new one."""
        script = self._evaluated.get(body)
        if script is not None:
            self._evaluated.move_to_end(body)
            return script
        digest = _sha1(body)
        script = self._by_digest.get(digest)
        if script is None:
            script = self._by_digest[digest] = self._evaluated[body] = self._compile(
                body, digest, evaluated=True
            )
            if len(self._evaluated) > EVAL_SCRIPTS:
                _, oldest = self._evaluated.popitem(last=False)
                del self._by_digest[oldest.name]
                self.evicted += 1
        return script

    # Running ----------------------------------------------------------------------------------------------

    def eval(self, session: Session, argv: list[bytes], count: int, *, read_only: bool) -> Reply:
        """Run the script that a call brings.

        Args:
            session: whose call it is.
            argv: the call: its name, the script, the number of keys, the keys, the arguments.
            count: how many of them are keys.
            read_only: whether the script may change nothing.
        """
        script = self._evaluated_script(argv[1])
        assert self._runtime is not None  # noqa: S101  # it has compiled the script
        return self._run(session, self._runtime, script, argv, count, read_only=read_only)

    def evalsha(self, session: Session, argv: list[bytes], count: int, *, read_only: bool) -> Reply:
        """Run the script whose digest a call brings: see `eval`."""
        script = self._by_digest.get(argv[1]) or self._by_digest.get(argv[1].lower())
        if script is None:
            raise RespError(errors.NO_SCRIPT)
        if script.evaluated:
            self._evaluated.move_to_end(script.body)
        assert self._runtime is not None  # noqa: S101  # it has compiled the script
        return self._run(session, self._runtime, script, argv, count, read_only=read_only)

    def effects(self, name: str, argv: Sequence[bytes]) -> ScriptEffects | None:
        """Return what the script of a call may do: None for one that says nothing, or is not there.

        Args:
            name: of the command, in lower case.
            argv: the call.
        """
        flags = self._flags(name, argv[1])
        if flags is None:
            return None
        writes = not flags & NO_WRITES
        return ScriptEffects(writes, needs_memory=writes and not flags & ALLOW_OOM)

    def _flags(self, name: str, word: bytes) -> int | None:
        """Return the flags of the script that is meant by the second word of a call."""
        if name.startswith("fcall"):
            return self.libraries.flags(word)
        if name.startswith("evalsha"):
            script = self._by_digest.get(word.lower())
            return None if script is None else script.flags
        try:
            shebang = read_script(word)
        except RespError:  # the call itself will say so
            return None
        return None if shebang is None else shebang.flags

    def _short_cut(self, command: BoundCommand) -> Call:
        """Return what runs an EVALSHA in a pipeline, with less around it where nothing about the call is unusual.

        What surrounds a short script takes as long as the script. So this says in one place what the caller of the
        command, the command, `evalsha` and the timing of slow commands say.
        """
        usual, scripts, calls, slowness = command.run, self._by_digest, self._calls, self._engine.slowness

        def run(session: Session, argv: list[bytes]) -> Answer:
            try:
                script, count = scripts[argv[1]], _COUNTS[argv[2]]
            except (KeyError, IndexError):
                return usual(session, argv)
            runtime = self._runtime
            if count > len(argv) - 3 or script.evaluated or script.flags is not None or runtime is None:
                return usual(session, argv)
            try:
                return self._run(session, runtime, script, argv, count, read_only=False)
            finally:
                if calls.elapsed_ns >= slowness.threshold_ns:
                    slowness.judge(session, command, argv, calls.elapsed_ns)

        return run

    def _run(
        self,
        session: Session,
        runtime: Runtime,
        program: Program,
        argv: list[bytes],
        count: int,
        *,
        read_only: bool,
        function: bool = False,
    ) -> Reply:
        """Run a script or a function.

        Args:
            session: whose call it is.
            runtime: where.
            program: what.
            argv: the call; behind its third word are the keys, then the arguments.
            count: how many keys.
            read_only: whether the command is one that runs nothing that writes.
            function: whether it is a function.
        """
        flags = program.flags
        if flags is not None:
            if flags & NO_WRITES:
                read_only = True
            elif read_only:
                raise RespError(errors.NOT_A_READ_ONLY_SCRIPT)
            elif session.gates & GATE_MEMORY and not flags & ALLOW_OOM:
                raise RespError(errors.OUT_OF_MEMORY)
        calls, clock = self._calls, self._engine.clock
        calls.begin(runtime, session, flags, read_only=read_only)
        self._running = (program.name, argv, clock.hold(), function, session)
        try:
            found = runtime.invoke(program.entry, count, argv[3:])
        finally:
            clock.release()
            calls.end()
            self._running = None
            if self.busy:
                self.busy = False
                self._engine.end_busy()
            if calls.interrupt is not None:
                runtime.set_pace(PACE)
        if type(found) is bytes or found is None:
            return found
        if not isinstance(found, tuple):
            return plain_reply(found, calls.resp)
        words = found[2:]
        if found[1] == b"flat":
            return [word if type(word) is bytes else integer(word) for word in words]
        reply = from_words(words, calls.resp) if found[1] == b"words" else _failure(program.name, *words)
        if isinstance(reply, RespError):
            raise reply
        if b"err" in words:  # seldom, so that most replies need not be searched
            for error in uncounted_errors(reply):
                self._engine.stats.count_error(error.code)
        return reply

    # Runs that do not end ---------------------------------------------------------------------------------

    def _interrupted(self) -> bytes | None:
        """Return why the running script must end now, None to let it go on."""
        calls, running = self._calls, self._running
        if calls.exhausted and calls.interrupt is None:
            calls.interrupt = errors.SCRIPT_OUT_OF_MEMORY
        if calls.interrupt is None and running is not None:
            threshold = self._engine.settings.busy_reply_threshold
            if 0 < threshold <= self._engine.clock.monotonic_ms() - running[2]:
                if not self.busy:
                    self.busy = True
                    LOGGER.warning(
                        "Slow script detected: still in execution after %d milliseconds. You can try killing the"
                        " script using the %s command. Script name is: %s.",
                        threshold,
                        "FUNCTION KILL" if running[3] else "SCRIPT KILL",
                        text(running[0]),
                    )
                    self._engine.begin_busy(errors.BUSY_FUNCTION if running[3] else errors.BUSY_SCRIPT)
                self._engine.while_busy(running[4])
        if calls.interrupt is None:
            return None
        calls.make_headroom()  # for the text
        return calls.interrupt.encode()

    def kill(self, *, function: bool) -> None:
        """End the running script, or the running function.

        Raises:
            RespError: when there is none, or it has written already.
        """
        running = self._running
        if running is None:
            raise RespError(errors.NOT_BUSY)
        if running[3] is not function:
            raise RespError(errors.BUSY_FUNCTION if running[3] else errors.BUSY_SCRIPT)
        if self._calls.wrote:
            raise RespError(errors.UNKILLABLE)
        self._calls.interrupt = errors.KILLED_SCRIPT

    def abandon(self) -> None:
        """End the running script whatever it has done: the server stops."""
        if self._running is not None:
            self._calls.interrupt = errors.SCRIPT_ABANDONED

    # What is asked of it ----------------------------------------------------------------------------------

    @property
    def running(self) -> RunningScript | None:
        """The script that runs."""
        if self._running is None:
            return None
        name, argv, started, function, _ = self._running
        elapsed = self._engine.clock.monotonic_ms() - started
        return RunningScript(name, argv, elapsed, function)

    @property
    def figures(self) -> ScriptFigures:
        """What INFO says of scripts and functions."""
        return ScriptFigures(
            scripts=len(self._by_digest),
            scripts_memory=sum(len(script.body) for script in self._by_digest.values()),
            evicted=self.evicted,
            runtime_memory=0 if self._runtime is None else self._runtime.used(),
            libraries=len(self.libraries),
            functions=self.libraries.functions_count,
            libraries_memory=self.libraries.code_size,
            functions_runtime_memory=self.libraries.runtime_memory,
        )


def _failure(name: bytes, message: bytes | None, source: Any, line: Any, counted: Any) -> RespError:
    """Return the error of a script that raised one."""
    reason = errors.SCRIPT_FAILED if message is None else text(message)
    if source is not None and line is not None:
        shown = source if isinstance(source, bytes) else b"%d" % integer(source)
        reason = f"{reason} script: {text(name)}, on {text(shown)}:{text(line) if isinstance(line, bytes) else line}."
    return CountedError(reason) if counted else RespError(reason)


def _sha1(body: bytes) -> bytes:
    """Return the digest of a text in hexadecimal digits."""
    return hashlib.sha1(body, usedforsecurity=False).hexdigest().encode()


def _log(level: int, message: bytes) -> None:
    """Write what a script says to the server's log."""
    LOGGER.log(_LOG_LEVELS[level], "%s", text(message).encode("unicode_escape").decode("ascii"))
