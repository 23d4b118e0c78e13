"""MULTI, EXEC and WATCH through a proxy: upstream queues the calls, and the proxy those that are its own.

    MULTI -> a connection of the client's own -> +QUEUED ... -> EXEC -> replies of upstream, the proxy's own in between

Where the server of a transaction is known with its first keys only, in a cluster, MULTI is answered at once and sent
with the first call that has keys. A connection that is lost takes the transaction with it: EXEC says so.
"""

from collections.abc import Callable
from typing import cast

from vermilion import errors
from vermilion.backends import proxied
from vermilion.backends.fleet import Fleet
from vermilion.backends.lane import Lane, Queued
from vermilion.backends.link import Link
from vermilion.backends.mirrored import confirm
from vermilion.backends.passage import Passage
from vermilion.backends.takers import DISCARD, split_replies
from vermilion.commands.syntax import NO_MULTI
from vermilion.engine.engine import Engine
from vermilion.engine.transactions import Queue
from vermilion.errors import RespError
from vermilion.pending import Answer
from vermilion.protocol.encode import ENCODERS, joined
from vermilion.protocol.reply import OK, QUEUED, Encoded, Reply
from vermilion.protocol.request import write_calls
from vermilion.session import GATE_ACL, GATE_REPLY


def protocol_of(argv: list[bytes], admits: Callable[[bytes, bytes], bool]) -> int | None:
    """Return the protocol that a call switches to, None when it leaves it as it is: a HELLO that is refused does.

    Args:
        argv: the call.
        admits: whether a name and a password are right.
    """
    if argv[0].lower() != b"hello" or argv[1:2] not in ([b"2"], [b"3"]):
        return None
    options = iter(argv[2:])
    for option in options:
        match option.upper():
            case b"AUTH":
                name, password = next(options, None), next(options, None)
                if name is None or password is None or not admits(name, password):
                    return None
            case b"SETNAME":
                given = next(options, None)
                if given is None or not all(33 <= byte <= 126 for byte in given):
                    return None
            case _:
                return None
    return int(argv[1])


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
            lane.begin_queue()
            return OK
        if lane.in_multi:
            return self._refused_by_upstream(lane, argv)
        if self._fleet.defers_multi and lane.link is None and len(argv) == 1:
            lane.begin_queue()
            return OK
        link = self._passage.own_link(lane, argv)

        def after(wire: bytes) -> bytes:
            if wire.startswith(b"+OK"):
                lane.begin_queue()
            lane.let_go(clean=True)
            return wire

        return lane.forward(link, [argv], write_calls([argv]), 1, self._passage.deadline(lane), after)

    def _refused_by_upstream(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Pass a call on that cannot stand in a transaction, and that does not spoil it."""
        link = lane.link
        if link is None:
            return RespError(errors.NESTED_MULTI if argv[0].lower() == b"multi" else errors.WATCH_IN_MULTI)
        return lane.forward(link, [argv], write_calls([argv]), 1, self._passage.deadline(lane))

    def watch(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Watch keys upstream, over the connection that the transaction will come by."""
        if lane.in_multi:
            return self._refused_by_upstream(lane, argv)
        if lane.broken:
            return self.lost(lane, argv)
        link = self._passage.own_link(lane, argv)

        def after(wire: bytes) -> bytes:
            if wire.startswith(b"+OK"):
                lane.watching = True
                self._engine.transactions.watch(lane.session, argv[1:])
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
        self._engine.transactions.unwatch(lane.session)
        return self._last(lane, link, argv)

    def listen(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Queue a call that subscribes to something, or ends that.

        What comes ahead of the end of such a transaction is passed on as it comes, since nobody knows how much it is.
        So the proxy's own commands, whose replies would have to stand in between, cannot be queued beside it.
        """
        if argv[0].lower() != b"monitor":
            if lane.queued:
                return self.refuse(lane, errors.upstream_refused(argv))
            lane.listens = True
        return self._passage.pass_on(lane, [argv])

    def end(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Pass EXEC or DISCARD on, after which upstream queues and watches nothing any more."""
        link, queue = lane.link, lane.queue
        if not lane.in_multi or queue is None or len(argv) > 1:
            return self._passage.pass_on(lane, [argv])
        executes = argv[0].lower() == b"exec"
        refusal = self._refusal_of_exec(lane, queue) if executes else None
        if refusal is not None:
            self.abandon(lane)
            return RespError(refusal)
        if link is None:
            return self._end_deferred(lane, executes=executes)
        # From now on: what breaks the connection before the reply comes leaves no transaction.
        in_transaction = lane.listens and executes
        if in_transaction:
            lane.end_queue()
            link.listen()
            peek = _ExecReply(self._engine, lane, [words for _, words in queue.calls])
            link.send(write_calls([argv]), 1, peek, self._passage.deadline(lane))
            return self._passage.pass_until(lane, link, [argv], sent=True)
        lane.in_multi = lane.watching = False
        return self._last(lane, link, argv)

    def _refusal_of_exec(self, lane: Lane, queue: Queue) -> str | None:
        """Return why a transaction does not run: for a call that the proxy refused, or would refuse by now."""
        if queue.refused:
            return errors.TRANSACTION_REFUSED
        if lane.session.gates & GATE_ACL:
            for command, words in queue.calls:
                refusal = self._engine.acl.refusal_at_exec(lane.session, command.declared, words)
                if refusal is not None:
                    return errors.exec_refused(refusal)
        return None

    def abandon(self, lane: Lane) -> None:
        """Have upstream forget a transaction that is not to run."""
        lane.end_queue()
        lane.queued.clear()
        if lane.link is not None:
            lane.link.send(write_calls([[b"DISCARD"]]), 1, DISCARD, self._passage.deadline(lane))
            lane.let_go()

    def _end_deferred(self, lane: Lane, *, executes: bool) -> Answer:
        """End a transaction that has not begun upstream: it holds calls of the proxy's own at most."""
        wire = self._merged(lane, b"*0\r\n") if executes else OK.wire
        lane.end_queue()
        lane.queued.clear()
        return Encoded(wire)

    def _last(self, lane: Lane, link: Link, argv: list[bytes]) -> Answer:
        """Pass on what ends the client's claim to a connection of its own."""
        queued = lane.queued

        def after(wire: bytes) -> bytes:
            if queued:
                wire = self._merged(lane, wire)
                lane.silent = False  # it has left out what is not to be heard
                queued.clear()
            lane.end_queue()
            is_same = link.resp == lane.session.resp
            link.resp = lane.session.resp
            lane.let_go(clean=is_same)
            return wire

        return lane.forward(link, [argv], write_calls([argv]), 1, self._passage.deadline(lane), after)

    def _merged(self, lane: Lane, wire: bytes) -> bytes:
        """Put the replies of the proxy's own commands in their places among those of a transaction.

        HELLO and CLIENT REPLY take effect where they stand, in the midst of the replies.
        """
        head, _, body = wire.partition(b"\r\n")
        if not head.startswith(b"*") or head == b"*-1":
            return wire
        session = lane.session
        own = {queued.place: queued.argv for queued in lane.queued}
        mine = [queued.place for queued in lane.queued if not queued.goes_up]
        count = int(head[1:])
        replies = iter(split_replies(body, count))
        out = [] if session.reply_mode == "off" else [b"*%d\r\n" % (count + len(mine))]
        for place in range(count + len(mine)):
            argv = own.get(place)
            frame = b"" if place in mine else next(replies)
            if argv is not None and argv[0].lower() == b"select":
                if frame.startswith(b"+OK"):
                    lane.db = int(argv[1])
                    self._passage.show_db(lane)
            elif argv is not None:
                frame = joined(cast("Reply", self._engine.execute(session, argv)), ENCODERS[session.resp])
            if session.reply_mode != "off":
                out.append(frame)
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
        if not lane.in_multi or lane.broken or argv[0].lower() == b"quit":
            return self._engine.execute(lane.session, argv)
        refusal = errors.upstream_refused(argv) if lane.listens else self._refusal(argv)
        if refusal is not None:
            return self.refuse(lane, refusal)
        resp = protocol_of(argv, self._engine.acl.admits)
        goes_up = resp is not None and lane.link is not None
        lane.queued.append(Queued(lane.queued_count, argv, goes_up))
        if goes_up:
            # What upstream makes of it is what it then speaks; who the client is, it need not know.
            return self._passage.pass_on(lane, [argv[:2]])
        lane.next_resp = resp or lane.next_resp
        self._passage.note_queued(lane, [argv])
        if lane.session.gates & GATE_REPLY:
            return self._engine.silence(lane.session)
        return QUEUED

    def refuse(self, lane: Lane, refusal: str) -> RespError:
        """Refuse a call, and with it the transaction that it stands in."""
        if lane.queue is not None:
            lane.queue.refused = True
        return RespError(refusal)

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


class _ExecReply:
    """Takes the reply to EXEC ahead of messages, which may stand in the reply, too.

    Args:
        engine: whose sessions the clients are.
        lane: whose transaction it is.
        calls: what it holds.
    """

    def __init__(self, engine: Engine, lane: Lane, calls: list[list[bytes]]) -> None:
        self._engine = engine
        self._lane = lane
        self._calls = calls
        self._has_begun = False

    def complete(self, wire: bytes) -> None:
        """Pass the reply on, and learn what the client is subscribed to now."""
        self.part(wire)

    def part(self, wire: bytes) -> None:
        """Pass a part of it on."""
        if not self._has_begun and wire.startswith(b"*") and not wire.startswith(b"*-1"):
            for argv in self._calls:
                name = argv[0].lower()
                if name.endswith(b"subscribe") and name != b"ssubscribe":  # which EXEC does not run
                    confirm(self._engine, self._lane.session, argv)
        self._has_begun = True
        self._lane.stray(wire)

    def fail(self, wire: bytes, left: int, error: str, *, cut: bool) -> None:
        """Mind nothing: who waits for what follows tells the client."""
