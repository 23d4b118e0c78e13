"""A command as one engine runs it: the declaration, its gates, and what it has counted."""

from collections.abc import Callable, Iterable
from typing import Final

from vermilion.commands.registry import COMMANDS, Command
from vermilion.commands.syntax import NO_AUTH
from vermilion.protocol.reply import Reply
from vermilion.session import GATE_AUTH, GATE_NO_TOUCH, GATE_REPLY, GATE_RESOLVE, Session

ALL_GATES: Final = GATE_AUTH | GATE_NO_TOUCH | GATE_REPLY


class BoundCommand:
    """One command of one engine.

    Args:
        declared: the declaration, shared by all engines.

    LLM Context:
        - `calls`, `nanoseconds`, `rejected` and `failed` are what INFO commandstats shows.
        - A container has `subcommands` and no call of its own; it is gated always, so that the slow path resolves it.
    """

    __slots__ = (
        "call", "calls", "declared", "failed", "gated", "many", "name", "nanoseconds", "rejected", "subcommands",
    )  # fmt: skip

    def __init__(self, declared: Command) -> None:
        self.declared = declared
        self.name = declared.name
        self.subcommands = {
            name.encode(): BoundCommand(subcommand) for name, subcommand in declared.subcommands.items()
        }
        self.call: Callable[[Session, list[bytes]], Reply] = declared.call or _is_resolved
        self.many = declared.many
        self.gated = GATE_RESOLVE if declared.call is None else ALL_GATES
        if declared.flags & NO_AUTH:
            self.gated &= ~GATE_AUTH
        self.reset()

    def reset(self) -> None:
        """Start counting anew."""
        self.calls = 0
        self.nanoseconds = 0
        self.rejected = 0
        self.failed = 0
        for subcommand in self.subcommands.values():
            subcommand.reset()


def _is_resolved(session: Session, argv: list[bytes]) -> Reply:
    """Stand in for a container's call, which the slow path replaces by a subcommand's."""
    raise AssertionError("a container was called")


def bind_all(renames: Iterable[tuple[str, ...]]) -> dict[bytes, BoundCommand]:
    """Return all commands for one engine, each under its name in lower and in upper case.

    Clients write either; other spellings are folded on the slow path.

    Args:
        renames: of `rename-command`: a command and its new name, an empty one to take it away.

    Raises:
        ValueError: for a command that does not exist, or a new name that does: the reason and both names.
    """
    names = {name: name for name in COMMANDS if "|" not in name}
    for old, new in renames:
        if names.pop(old.lower(), None) is None:
            raise ValueError("No such command in rename-command", old, new)
        if new.lower() in names:
            raise ValueError("Target command name already exists", old, new)
        if new:
            names[new.lower()] = old.lower()
    table: dict[bytes, BoundCommand] = {}
    for name, declared in names.items():
        bound = BoundCommand(COMMANDS[declared])
        table[name.encode()] = bound
        table[name.upper().encode()] = bound
    return table
