"""What stands between a session and a command: the refusals of the slow path, in Redis's order.

authentication -> memory -> disk
"""

from vermilion import errors
from vermilion.engine.bound import BoundCommand
from vermilion.session import GATE_AUTH, GATE_MEMORY, GATE_UNSAVED, Session


def obstacle(session: Session, command: BoundCommand, argv: list[bytes], gates: int) -> str | None:
    """Return the error text with which a call is refused, or None to let it pass.

    Args:
        session: whose call it is.
        command: what it calls; a subcommand, where there are any.
        argv: the name and the arguments, of a number that the command accepts.
        gates: those of the session that concern the command.
    """
    if gates & GATE_AUTH:
        return errors.NO_AUTH
    if gates & GATE_MEMORY:
        return errors.OUT_OF_MEMORY
    if gates & GATE_UNSAVED:
        return errors.NOT_PERSISTED
    return None
