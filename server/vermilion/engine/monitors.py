"""MONITOR: the clients that see all calls, and what they see of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vermilion.commands.syntax import ADMIN, SKIP_MONITOR
from vermilion.engine.bound import RUN_SCRIPTS, BoundCommand
from vermilion.engine.redaction import redacted
from vermilion.protocol.reply import Status
from vermilion.session import GATE_MONITOR, Session
from vermilion.words import quote

if TYPE_CHECKING:
    from vermilion.engine.engine import Engine


class Monitors:
    """The monitoring clients of one engine.

    Args:
        engine: whose calls they see.

    LLM Context:
        - While there is one, all sessions have GATE_MONITOR; without, nobody pays for it.
    """

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._sessions: dict[Session, None] = {}

    def add(self, session: Session) -> None:
        """Show a client all calls from now on."""
        session.monitoring = True
        self._sessions[session] = None
        self._engine.set_gate(GATE_MONITOR, on=True)

    def remove(self, session: Session) -> None:
        """Show a client calls no longer; one that saw none is left alone."""
        if session.monitoring:
            session.monitoring = False
            del self._sessions[session]
            self._engine.set_gate(GATE_MONITOR, on=bool(self._sessions))

    def foresee(self, session: Session, command: BoundCommand, argv: Sequence[bytes]) -> None:
        """Show the call of a script, which goes ahead of the calls that the script makes."""
        if command.name in RUN_SCRIPTS:
            self._show_client(session, argv)

    def see(self, session: Session, command: BoundCommand, argv: Sequence[bytes]) -> None:
        """Show a call that a client has made, unless it is one that monitors do not see."""
        if not command.declared.flags & (ADMIN | SKIP_MONITOR):
            self._show_client(session, redacted(command.name, argv))

    def hear(self, session: Session, command: BoundCommand, argv: Sequence[bytes]) -> None:
        """Show a call that a script has made."""
        if not command.declared.flags & (ADMIN | SKIP_MONITOR):
            self.show(session.db.index, "lua", redacted(command.name, argv))

    def _show_client(self, session: Session, argv: Sequence[bytes]) -> None:
        """Show a call under the address of its client."""
        address = session.transport.address
        path = self._engine.settings.unixsocket
        if path and address == f"{path}:0":
            address = f"unix:{path}"
        self.show(session.db.index, address, argv)

    def show(self, db: int, source: str, argv: Sequence[bytes]) -> None:
        """Show a call.

        Args:
            db: the number of the database.
            source: where it comes from: the address of a client, or `lua`.
            argv: the name and the arguments, without secrets.
        """
        seconds, microseconds = divmod(self._engine.clock.now_us(), 1_000_000)
        words = b" ".join(map(quote, argv)).decode("ascii")
        line = Status(f"{seconds}.{microseconds:06} [{db} {source}] {words}")
        for session in self._sessions:
            self._engine.push(session, line)
