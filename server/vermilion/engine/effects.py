"""What a call may do, as far as it is known before it runs: that of its command, of its script, of its transaction.

    command          -> its flags
    EVAL, FCALL      -> what the first line of the script, or the function, says; the command's flags without one
    EXEC             -> everything that its calls may do

It is asked only while something depends on it: in a pause, without memory, when saving fails.
"""

from collections.abc import Sequence
from typing import Final

from vermilion.engine.bound import MAY_WRITE, NEEDS_DISK, NEEDS_MEMORY, RUN_SCRIPTS, BoundCommand
from vermilion.engine.transactions import queued_calls
from vermilion.session import Session

_SCRIPT_WRITES: Final = MAY_WRITE | NEEDS_DISK


def effects(session: Session, command: BoundCommand, argv: Sequence[bytes]) -> int:
    """Return what a call may do, as a sum of MAY_WRITE, NEEDS_MEMORY and NEEDS_DISK.

    Args:
        session: whose call it is.
        command: what it calls.
        argv: the name and the arguments, of a number that the command accepts.
    """
    if command.name == "exec":
        together = 0
        for queued, words in queued_calls(session):
            together |= effects(session, queued, words)
        return together
    if command.name in RUN_SCRIPTS and session.server.scripting is not None:
        said = session.server.scripting.effects(command.name, argv)
        if said is not None:
            return _SCRIPT_WRITES * said.writes | NEEDS_MEMORY * said.needs_memory
    return command.effects
