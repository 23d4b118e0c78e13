"""How the calls of one client leave: over the connection that all share, its own, or one on which messages come."""

from collections.abc import Callable

from vermilion import errors
from vermilion.backends.admission import find_command
from vermilion.backends.fleet import Fleet
from vermilion.backends.lane import FORWARDED, Lane
from vermilion.backends.link import Link
from vermilion.backends.slots import slot_of_call
from vermilion.engine.engine import Engine
from vermilion.errors import RespError
from vermilion.pending import Pending
from vermilion.protocol.encode import error_line
from vermilion.protocol.request import write_calls


class Passage:
    """Sends calls of clients to what is behind.

    Args:
        engine: whose sessions the clients are.
        fleet: what is behind.
    """

    def __init__(self, engine: Engine, fleet: Fleet) -> None:
        self._engine = engine
        self._fleet = fleet

    def pass_on(
        self, lane: Lane, calls: list[list[bytes]], after: Callable[[bytes], bytes] | None = None
    ) -> Pending:
        """Pass calls on: over the client's own connection where it has one."""
        link = lane.link
        if link is None and lane.in_multi:
            return self._open_transaction(lane, calls)
        if link is None:
            return self._fleet.forward(lane, calls, after)
        if lane.in_multi:
            self.note_queued(lane, calls)
        elif lane.is_subscribed and lane.session.resp == 2:
            return self.pass_until(lane, link, calls)
        return lane.forward(link, calls, write_calls(calls), len(calls), self.deadline(lane), after)

    def note_queued(self, lane: Lane, calls: list[list[bytes]]) -> None:
        """Count calls that upstream queues, and keep what they are, for a pause or new permissions before EXEC."""
        lane.queued_count += len(calls)
        for argv in calls:
            command = find_command(self._engine, argv)
            if command is not None:
                self._engine.transactions.add(lane.session, command, argv)

    def _open_transaction(self, lane: Lane, calls: list[list[bytes]]) -> Pending:
        """Begin a transaction upstream, now that its first keys say where."""
        slotted = next((argv for argv in calls if slot_of_call(argv) is not None), None)
        link = self.own_link(lane, slotted or calls[0])
        self.note_queued(lane, calls)
        together = [[b"MULTI"], *calls]

        def after(wire: bytes) -> bytes:
            wire = wire.partition(b"\r\n")[2]
            if wire.startswith(b"-MOVED "):
                self._fleet.learn(wire, link.login.address)
                return error_line(RespError(errors.UPSTREAM_MOVED))
            return wire

        return lane.forward(link, calls, write_calls(together), len(together), self.deadline(lane), after)

    def pass_until(self, lane: Lane, link: Link, calls: list[list[bytes]], *, sent: bool = False) -> Pending:
        """Pass calls on of which nobody knows how many replies they have.

        What comes ahead of the end are replies and messages, in the order in which they came.

        Args:
            lane: whose they are.
            link: the client's own connection.
            calls: the calls.
            sent: whether they have gone out already.
        """
        link.listen()

        def after(_: bytes) -> bytes:
            if not lane.streaming:
                link.hears = lane.session.caching is not None
                lane.let_go(clean=True)
            return b""

        lane.begin(calls, after)
        link.send_until(b"" if sent else write_calls(calls), lane, self.deadline(lane))
        return FORWARDED

    def own_link(self, lane: Lane, argv: list[bytes]) -> Link:
        """Return the client's own connection, to the server that a call goes to."""
        if lane.link is None:
            resp = (lane.in_multi and lane.next_resp) or lane.session.resp
            lane.link = self._fleet.server_for(lane, argv).own(lane.db, resp)
            lane.link.listener = lane
        return lane.link

    def deadline(self, lane: Lane) -> float:
        """Return when the reply to a call that is made now must have come."""
        return self._fleet.server_for(lane).deadline

    def show_db(self, lane: Lane) -> None:
        """Let CLIENT LIST show the database, as far as the proxy's own engine has as many."""
        databases = self._engine.databases
        lane.session.db = databases[lane.db] if lane.db < len(databases) else databases[0]
