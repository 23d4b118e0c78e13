"""CLIENT PAUSE: calls are postponed until its time is over, or CLIENT UNPAUSE; no key expires or is evicted meanwhile.

A pause may be extended and may become stricter while it lasts, and neither shorter nor milder: as in Redis, the later
end and the stricter mode hold.
"""

from typing import TYPE_CHECKING

from vermilion.engine.bound import MAY_WRITE, BoundCommand
from vermilion.engine.effects import effects
from vermilion.engine.waiting import FAR_MS
from vermilion.pending import Pending
from vermilion.protocol.reply import NO_REPLY, Reply
from vermilion.session import GATE_PAUSE, Session

if TYPE_CHECKING:
    from vermilion.engine.engine import Engine


class Pause:
    """The pause of one engine.

    Args:
        engine: whose clients' calls are postponed.

    LLM Context:
        - While it lasts, all sessions have GATE_PAUSE; without, nobody pays for it.
        - A postponed call is the session's `pending`, so that its later calls wait behind it.
    """

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self.active = False
        self._everything = False
        self._until_ms = 0
        self.execute = engine.execute
        """Runs what was postponed; a proxy puts its own in place of the engine's."""
        self._postponed: list[tuple[Session, Pending, list[bytes]]] = []

    def begin(self, timeout_ms: int, *, everything: bool) -> None:
        """Postpone calls for a time: those that may write, or all of them."""
        engine = self._engine
        self.remaining()  # one that is over is not extended
        until_ms = engine.clock.monotonic_ms() + timeout_ms
        self._until_ms = max(until_ms, self._until_ms) if self.active else until_ms
        self._everything = everything or (self.active and self._everything)
        self._set(active=True)
        engine.waiting.set_alarm(min(timeout_ms, FAR_MS))

    def end(self) -> None:
        """Postpone nothing any more; `resume` runs what was postponed."""
        if self.active:
            self._everything = False
            self._set(active=False)

    def _set(self, *, active: bool) -> None:
        """Let all clients and all keys know."""
        self.active = active
        self._engine.set_gate(GATE_PAUSE, on=active)
        self._engine.eviction.hold(on=active)
        for db in self._engine.databases:
            db.keeps_expired = active

    def remaining(self) -> int | None:
        """End the pause if its time is over, else return the milliseconds until then; None without a pause."""
        if not self.active:
            return None
        left = self._until_ms - self._engine.clock.monotonic_ms()
        if left > 0:
            return min(left, FAR_MS)
        self.end()
        return None

    def postpones(self, session: Session, command: BoundCommand, argv: list[bytes]) -> bool:
        """Return whether a call has to wait; clients in MONITOR are not concerned."""
        if session.monitoring or self.remaining() is None:
            return False
        return self._everything or bool(effects(session, command, argv) & MAY_WRITE)

    def postpone(self, session: Session, argv: list[bytes]) -> Pending:
        """Return what a call that has to wait returns."""
        pending = Pending((), type(None), 0, _never, NO_REPLY, postponed=True)
        self._postponed.append((session, pending, argv))
        return pending

    @property
    def is_over(self) -> bool:
        """Whether there are postponed calls to be run."""
        return bool(self._postponed) and not self.active

    def resume(self) -> None:
        """Run the postponed calls, in the order in which they came; a pause that one of them begins postpones again."""
        engine = self._engine
        postponed, self._postponed = self._postponed, []
        for session, pending, argv in postponed:
            if session.pending is pending:  # it has not left
                engine.waiting.release(session)
                reply = self.execute(session, argv)
                if type(reply) is not Pending:
                    session.transport.answer(reply)

    def forget(self, session: Session) -> None:
        """Run no postponed call of a client that leaves."""
        if session.pending is not None and session.pending.postponed:
            self._postponed = [entry for entry in self._postponed if entry[0] is not session]


def _never() -> Reply:
    """Stand in for a retry: no key can bring the reply of a postponed call."""
    return None
