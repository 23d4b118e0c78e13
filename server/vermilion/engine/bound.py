"""A command as one engine runs it: the declaration, its gates, and what it has counted.

Latencies are counted by microseconds: exactly up to 99, beyond that by their two leading digits, so that a
command has some hundreds of counters at most, whatever happens to it.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from vermilion.commands.registry import Command
from vermilion.commands.syntax import ALLOW_BUSY, DENYOOM, NO_AUTH, NO_MULTI, NOSCRIPT, READONLY, WRITE
from vermilion.protocol.reply import Reply
from vermilion.session import (
    GATE_ACL,
    GATE_AUTH,
    GATE_BUSY,
    GATE_FAULT,
    GATE_JOURNAL,
    GATE_MEMORY,
    GATE_MONITOR,
    GATE_MULTI,
    GATE_NO_TOUCH,
    GATE_PAUSE,
    GATE_READ_ONLY,
    GATE_REPLY,
    GATE_RESOLVE,
    GATE_SCRIPT,
    GATE_SUBSCRIBED,
    GATE_TIMED,
    GATE_TRACKING,
    GATE_UNSAVED,
    Session,
)

if TYPE_CHECKING:
    from vermilion.pending import Answer

ALL_GATES: Final = (
    GATE_ACL
    | GATE_AUTH
    | GATE_NO_TOUCH
    | GATE_REPLY
    | GATE_MULTI
    | GATE_SUBSCRIBED
    | GATE_TRACKING
    | GATE_MONITOR
    | GATE_JOURNAL
    | GATE_PAUSE
    | GATE_TIMED
    | GATE_FAULT
)

MAY_WRITE: Final = 1  # CLIENT PAUSE WRITE postpones it
NEEDS_MEMORY: Final = 2  # it is refused while there is none
NEEDS_DISK: Final = 4  # it is refused while saving fails

RUN_SCRIPTS: Final = frozenset({"eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro"})
_NEVER_QUEUED: Final = frozenset({"multi", "exec", "discard", "watch", "quit", "reset"})
_MAY_REPLICATE: Final = frozenset({"eval", "evalsha", "fcall", "pfcount", "publish", "spublish"})
"""Redis has a flag for them that it does not show: no writes by themselves, but what follows from them may be."""


class BoundCommand:
    """One command of one engine.

    Args:
        declared: the declaration, shared by all engines.

    LLM Context:
        - `calls`, `nanoseconds`, `rejected` and `failed` are what INFO commandstats shows.
        - `latencies` maps microseconds to calls.
        - `call` runs one call that the caller times; `run` is for pipelines, and may time slow commands itself.
        - A command with `subcommands` is gated always, so that the slow path resolves them.
        - `plain`: nothing about its queueing is special, so that a transaction of such calls can be run at once.
        - `effects` is what a call may do, as `effects.effects` sums it up for scripts and transactions, too.
        - `uses_keys` is what a client in MONITOR may not call.
    """

    __slots__ = (
        "call", "calls", "declared", "effects", "failed", "gated", "latencies", "many", "name",
        "nanoseconds", "plain", "rejected", "run", "subcommands", "uses_keys", "writes",
    )  # fmt: skip

    def __init__(self, declared: Command) -> None:
        self.declared = declared
        self.name = declared.name
        self.subcommands = {
            name.encode(): BoundCommand(subcommand) for name, subcommand in declared.subcommands.items()
        }
        self.call: Callable[[Session, list[bytes]], Answer] = declared.call or _is_resolved
        self.run = self.call
        self.many = declared.many
        self.gated = ALL_GATES | GATE_RESOLVE if declared.subcommands else ALL_GATES
        self.writes = bool(declared.flags & WRITE)
        self.effects = 0
        if self.writes or declared.name in _MAY_REPLICATE:
            self.effects |= MAY_WRITE
        if declared.flags & DENYOOM:
            self.effects |= NEEDS_MEMORY
        if self.writes or declared.name == "ping":  # health checks are to notice
            self.effects |= NEEDS_DISK
        if self.effects & NEEDS_MEMORY:
            self.gated |= GATE_MEMORY
        if self.effects & MAY_WRITE:
            self.gated |= GATE_READ_ONLY
        if declared.flags & NOSCRIPT:
            self.gated |= GATE_SCRIPT
        if not declared.flags & ALLOW_BUSY:
            self.gated |= GATE_BUSY
        if self.effects & NEEDS_DISK:
            self.gated |= GATE_UNSAVED
        if declared.flags & NO_AUTH:
            # HELLO and RESET are among these: the slow path is where a change of the protocol is noticed.
            self.gated = self.gated & ~GATE_AUTH | GATE_RESOLVE
        if declared.name in _NEVER_QUEUED:
            # The slow path sees to their arity, too: a call of a wrong one refuses the transaction.
            self.gated = self.gated & ~GATE_MULTI | GATE_RESOLVE
        if declared.name == "exec" or declared.name in RUN_SCRIPTS:  # it depends on what they run
            self.gated |= GATE_MEMORY | GATE_UNSAVED
        if declared.name.partition("|")[0] == "vermilion":
            self.gated &= ~GATE_FAULT  # what ends the faults is not hit by them
        self.plain = not (self.gated & GATE_RESOLVE or declared.flags & NO_MULTI)
        self.uses_keys = bool(self.effects & MAY_WRITE or declared.flags & READONLY)
        self.reset()

    def reset(self) -> None:
        """Start counting anew."""
        self.calls = 0
        self.nanoseconds = 0
        self.latencies: dict[int, int] = {}
        self.rejected = 0
        self.failed = 0
        for subcommand in self.subcommands.values():
            subcommand.reset()

    def count(self, calls: int, nanoseconds: int) -> None:
        """Count calls that ran one after the other, and the time that they took together."""
        self.calls += calls
        self.nanoseconds += nanoseconds
        latency = nanoseconds // (1000 * calls)
        try:
            self.latencies[latency] += calls
        except KeyError:
            if latency > 99:
                latency -= latency % 10 ** (len(str(latency)) - 2)
            self.latencies[latency] = self.latencies.get(latency, 0) + calls

    def percentiles(self, wanted: Sequence[float]) -> list[float]:
        """Return the latencies, in microseconds, within which these percentages of the calls have run.

        Args:
            wanted: percentages from 0 to 100; there has been a call.
        """
        latencies = sorted(self.latencies)
        reached = list(accumulate(self.latencies[latency] for latency in latencies))
        return [
            float(latencies[bisect_left(reached, reached[-1] * percentage / 100)]) for percentage in wanted
        ]


def _is_resolved(session: Session, argv: list[bytes]) -> Reply:
    """Stand in for a container's call, which the slow path replaces by a subcommand's."""
    raise AssertionError("a container was called")


def bind_all(
    commands: Mapping[str, Command], renames: Iterable[tuple[str, ...]]
) -> dict[bytes, BoundCommand]:
    """Return all commands for one engine, each under its name in lower and in upper case.

    Clients write either; other spellings are folded on the slow path.

    Args:
        commands: as they are declared, by name.
        renames: of `rename-command`: a command and its new name, an empty one to take it away.

    Raises:
        ValueError: for a command that does not exist, or a new name that does: the reason and both names.
    """
    names = {name: name for name in commands if "|" not in name}
    for old, new in renames:
        if names.pop(old.lower(), None) is None:
            raise ValueError("No such command in rename-command", old, new)
        if new.lower() in names:
            raise ValueError("Target command name already exists", old, new)
        if new:
            names[new.lower()] = old.lower()
    table: dict[bytes, BoundCommand] = {}
    for name, declared in names.items():
        bound = BoundCommand(commands[declared])
        table[name.encode()] = bound
        table[name.upper().encode()] = bound
    return table
