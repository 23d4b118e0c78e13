"""MULTI, EXEC and WATCH through a proxy: upstream queues the calls, and the proxy those that are its own.

    MULTI -> a connection of the client's own -> +QUEUED ... -> EXEC -> replies of upstream, the proxy's own in between

Where the server of a transaction is known with its first keys only, in a cluster, MULTI is answered at once and sent
with the first call that has keys. A connection that is lost takes the transaction with it: EXEC says so.
"""

from vermilion import errors
from vermilion.backends import proxied
from vermilion.backends.fleet import Fleet
from vermilion.backends.lane import Lane
from vermilion.backends.link import Link, split_replies
from vermilion.backends.passage import Passage
from vermilion.commands.syntax import NO_MULTI
from vermilion.engine.engine import Engine
from vermilion.errors import RespError
from vermilion.pending import Answer, Pending
from vermilion.protocol.encode import ENCODERS, error_line
from vermilion.protocol.reply import OK, Encoded, Reply
from vermilion.protocol.request import write_calls


class Transactions:
    """What becomes of the calls that concern a transaction.

    Args:
        engine: runs the proxy's own commands.
        fleet: what is behind.
        passage: the way there.
    """

    def __init__(self, engine: Engine, fleet: Fleet, passage: Passage) -> None:
        self._engine = engine
        self._fleet = fleet
        self._passage = passage

    def multi(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Begin a transaction upstream: in a cluster, with its first keys."""
        if lane.broken:
            lane.in_multi = True
            return OK
        if lane.in_multi:
            lane.queued_count -= 1
            return self._passage.pass_on(lane, [argv])
        if self._fleet.defers_multi and lane.link is None and len(argv) == 1:
            lane.in_multi = True
            lane.queued.clear()
            lane.queued_count = 0
            return OK
        link = self._passage.own_link(lane, argv)

        def after(wire: bytes) -> bytes:
            lane.in_multi = wire.startswith(b"+OK")
            lane.queued.clear()
            lane.queued_count = 0
            lane.let_go(clean=True)
            return wire

        return lane.forward(link, [argv], write_calls([argv]), 1, self._passage.deadline(lane), after)

    def watch(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Watch keys upstream, over the connection that the transaction will come by."""
        if lane.in_multi:
            lane.queued_count -= 1
            return self._passage.pass_on(lane, [argv])
        if lane.broken:
            return self.lost(lane, argv)
        link = self._passage.own_link(lane, argv)

        def after(wire: bytes) -> bytes:
            lane.watching = lane.watching or wire.startswith(b"+OK")
            lane.let_go(clean=True)
            return wire

        return lane.forward(link, [argv], write_calls([argv]), 1, self._passage.deadline(lane), after)

    def unwatch(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Watch nothing any more."""
        if lane.in_multi or len(argv) > 1:
            return self._passage.pass_on(lane, [argv])
        if lane.broken:
            lane.forget()
            return OK
        link = lane.link
        if link is None:
            return self._passage.pass_on(lane, [argv])
        lane.watching = False
        return self._last(lane, link, argv)

    def end(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Pass EXEC or DISCARD on, after which upstream queues and watches nothing any more."""
        link = lane.link
        if lane.in_multi and link is None and len(argv) == 1:
            return self._end_deferred(lane, argv)
        if link is None or len(argv) > 1 or not lane.in_multi:
            return self._passage.pass_on(lane, [argv])
        # From now on: what breaks the connection before the reply comes leaves no transaction.
        lane.in_multi = lane.watching = False
        if lane.streaming:
            return self._passage.pass_on_heard(lane, link, [argv])
        return self._last(lane, link, argv)

    def _end_deferred(self, lane: Lane, argv: list[bytes]) -> Answer:
        """End a transaction that has not begun upstream: it holds calls of the proxy's own at most."""
        lane.in_multi = False
        wire = self._merged(lane, b"*0\r\n") if argv[0].lower() == b"exec" else OK.wire
        lane.queued.clear()
        return Encoded(wire)

    def _last(self, lane: Lane, link: Link, argv: list[bytes]) -> Answer:
        """Pass on what ends the client's claim to a connection of its own."""
        queued = lane.queued

        def after(wire: bytes) -> bytes:
            if queued:
                wire = self._merged(lane, wire)
                queued.clear()
            lane.let_go(clean=True)
            return wire

        return lane.forward(link, [argv], write_calls([argv]), 1, self._passage.deadline(lane), after)

    def _merged(self, lane: Lane, wire: bytes) -> bytes:
        """Put the replies of the proxy's own commands in their places among those of a transaction."""
        head, _, body = wire.partition(b"\r\n")
        if not head.startswith(b"*") or head == b"*-1":
            return wire
        own = dict(lane.queued)
        count = int(head[1:])
        replies = iter(split_replies(body, count))
        mine = {place: argv for place, argv in own.items() if argv[0].lower() != b"select"}
        out = [b"*%d\r\n" % (count + len(mine))]
        for place in range(count + len(mine)):
            if place in mine:
                reply = self._engine.execute(lane.session, mine[place])
                if not isinstance(reply, Pending):
                    ENCODERS[lane.session.resp](reply, out.append)
                continue
            frame = next(replies)
            out.append(frame)
            if place in own and frame.startswith(b"+OK"):
                lane.db = int(own[place][1])
                self._passage.show_db(lane)
        return b"".join(out)

    def lost(self, lane: Lane, argv: list[bytes]) -> Reply:
        """Answer a call of a transaction that was lost with its connection."""
        name = argv[0].lower()
        if name in proxied.ENDS:
            lane.forget()
            return OK if name == b"discard" else RespError(errors.UPSTREAM_EXEC_ABORT)
        return RespError(errors.UPSTREAM_TRANSACTION_LOST)

    def answer_here(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Run a command of the proxy's own engine: in a transaction, when EXEC comes to it."""
        if lane.in_multi and not lane.broken and argv[0].lower() != b"quit":
            refusal = self._refusal(argv)
            if refusal is not None:
                return self.refuse(lane, refusal)
            lane.queued.append((lane.queued_count, argv))
            lane.queued_count += 1
            return Encoded(b"+QUEUED\r\n")
        return self._engine.execute(lane.session, argv)

    def refuse(self, lane: Lane, refusal: str) -> Answer:
        """Refuse a call, and have upstream refuse the transaction: by a call that no server takes."""
        line = error_line(RespError(refusal))
        return self._passage.pass_on(lane, [[b"GET"]], lambda _: line)

    def _refusal(self, argv: list[bytes]) -> str | None:
        """Return why one of the proxy's own commands cannot be queued, None when it can."""
        command = self._engine.commands.get(argv[0].lower())
        if command is None:
            return errors.unknown_command(argv)  # `rename-command` has taken it away
        if command.subcommands and len(argv) > 1:
            found = command.subcommands.get(argv[1].lower())
            if found is None:
                return errors.unknown_subcommand(command.name, argv[1])
            command = found
        if not command.declared.accepts(len(argv)):
            return errors.wrong_arity(command.name)
        return errors.NOT_IN_MULTI if command.declared.flags & NO_MULTI else None
