"""Whether a proxy's client may make a call: its password, its user's permissions, pauses, and CLIENT REPLY."""

from collections.abc import Callable
from typing import Final

from vermilion import errors
from vermilion.backends.lane import Lane
from vermilion.engine import gatekeeping
from vermilion.engine.bound import RUN_SCRIPTS, BoundCommand
from vermilion.engine.engine import Engine
from vermilion.errors import RespError, text
from vermilion.pending import Answer
from vermilion.session import GATE_ACL, GATE_AUTH, GATE_PAUSE, GATE_REPLY, Session

GATES: Final = GATE_AUTH | GATE_ACL | GATE_REPLY | GATE_PAUSE
"""What may stand in the way of a call that is passed on; the other gates concern what upstream does."""


_SORTS: Final = frozenset({"sort", "sort_ro"})


def find_command(engine: Engine, argv: list[bytes]) -> BoundCommand | None:
    """Return what a call calls, a subcommand where there are any; None for what is not known here."""
    command: BoundCommand | None = engine.commands.get(argv[0].lower())
    if command is not None and command.subcommands and len(argv) > 1:
        return command.subcommands.get(argv[1].lower(), command)
    return command


class Admission:
    """The gates in front of what is passed on.

    Args:
        engine: whose sessions, users and pauses they are.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def stopped(self, lane: Lane, argv: list[bytes], gates: int) -> "Answer | None":
        """Return why a call is not passed on, None to pass it on."""
        session = lane.session
        command = find_command(self._engine, argv)
        lane.silent = False
        if gates & GATE_REPLY:
            lane.silent = session.reply_mode != "on"
            self._engine.silence(session)
        if command is None:
            # Which keys it has is not known here: it is for those who may do everything.
            if gates & GATE_AUTH:
                return RespError(errors.NO_AUTH)
            if gates & GATE_ACL:
                return RespError(errors.no_command_permission(session.user.name, text(argv[0])))
        else:
            if gates & command.gated and not command.declared.accepts(len(argv)) and not command.subcommands:
                return RespError(errors.wrong_arity(command.name))
            refusal = gatekeeping.obstacle(self._engine.acl, session, command, argv, gates & command.gated)
            if refusal is None and gates & GATE_ACL:
                refusal = self._hidden_keys(session, command, argv)
            if refusal is not None:
                return self._engine.reject(session, command, refusal)
            session.last_command = command
            if gates & GATE_PAUSE and self._engine.pause.postpones(session, command, argv):
                pending = self._engine.pause.postpone(session, argv)
                self._engine.waiting.suspend(session, pending, argv)
                return pending
        return None

    def _hidden_keys(self, session: Session, command: BoundCommand, argv: list[bytes]) -> str | None:
        """Return why a restricted user may not make a call that may use keys that it does not name.

        Upstream does not know the user, and so could not look at the calls of a script one by one.
        """
        if command.name in RUN_SCRIPTS:
            return errors.UPSTREAM_SCRIPT_RESTRICTED
        if command.name in _SORTS and not self._engine.acl.reads_any_key(session, argv):
            words = iter(argv[2:])
            for word in words:
                match word.upper():
                    case b"BY":
                        if b"*" in next(words, b""):
                            return errors.sort_permission("BY")
                    case b"GET":
                        return errors.sort_permission("GET")
                    case b"STORE":
                        next(words, None)
                    case b"LIMIT":
                        next(words, None)
                        next(words, None)
        return None

    def unless_stopped(self, lane: Lane, argv: list[bytes], act: Callable[[], Answer]) -> Answer:
        """Do something unless the gates stop the call."""
        gates = lane.session.gates & GATES
        stopped = self.stopped(lane, argv, gates) if gates else None
        return act() if stopped is None else stopped
