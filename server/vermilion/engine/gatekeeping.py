"""What stands between a session and a command: the refusals of the slow path, in Redis's order.

authentication -> what scripts may not do -> transactions -> permissions -> memory -> disk -> subscriptions -> MONITOR
-> a busy script
"""

from typing import Final

from vermilion import errors
from vermilion.commands.syntax import NO_MULTI
from vermilion.engine.acl import AccessControl
from vermilion.engine.bound import NEEDS_DISK, NEEDS_MEMORY, BoundCommand
from vermilion.engine.effects import effects
from vermilion.session import (
    GATE_ACL,
    GATE_AUTH,
    GATE_BUSY,
    GATE_MEMORY,
    GATE_MONITOR,
    GATE_MULTI,
    GATE_READ_ONLY,
    GATE_SCRIPT,
    GATE_SUBSCRIBED,
    GATE_UNSAVED,
    Session,
)

_WHILE_SUBSCRIBED: Final = frozenset({
    "ping", "psubscribe", "punsubscribe", "quit", "reset", "ssubscribe", "subscribe", "sunsubscribe", "unsubscribe",
})  # fmt: skip
"""What a subscribed client may call in RESP2, which cannot tell messages from replies."""


def obstacle(
    acl: AccessControl, session: Session, command: BoundCommand, argv: list[bytes], gates: int
) -> str | None:
    """Return the error text with which a call is refused, or None to let it pass.

    Args:
        acl: what users may do.
        session: whose call it is.
        command: what it calls; a subcommand, where there are any.
        argv: the name and the arguments, of a number that the command accepts.
        gates: those of the session that concern the command.
    """
    if gates & GATE_AUTH:
        return errors.NO_AUTH
    if gates & GATE_SCRIPT:
        return errors.NOT_ALLOWED_IN_SCRIPT
    if gates & GATE_READ_ONLY:
        return errors.WRITE_IN_READ_ONLY_SCRIPT
    if gates & GATE_MULTI and command.declared.flags & NO_MULTI:
        return errors.NOT_IN_MULTI
    if gates & GATE_ACL:
        refusal = acl.refusal(session, command.declared, argv)
        if refusal is not None:
            return refusal
    if gates & GATE_MEMORY and effects(session, command, argv) & NEEDS_MEMORY:
        return errors.OUT_OF_MEMORY
    if gates & GATE_UNSAVED and effects(session, command, argv) & NEEDS_DISK:
        return errors.NOT_PERSISTED
    if gates & GATE_SUBSCRIBED and session.resp == 2 and command.name not in _WHILE_SUBSCRIBED:
        return errors.only_while_unsubscribed(command.name)
    if gates & GATE_MONITOR and session.monitoring and command.uses_keys:
        return errors.MONITOR_USES_NO_KEYS
    if gates & GATE_BUSY:
        return session.server.busy_reply
    return None
