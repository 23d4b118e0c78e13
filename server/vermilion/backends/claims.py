"""Calls that need a connection of their client's own: they wait, bring messages, or leave something behind in it."""

from collections.abc import Iterable
from os import urandom

from vermilion import errors
from vermilion.backends import proxied
from vermilion.backends.admission import find_command
from vermilion.backends.lane import FORWARDED, Lane, Queued
from vermilion.backends.link import CLOSED
from vermilion.backends.passage import Passage
from vermilion.backends.takers import split_replies
from vermilion.engine.engine import Engine
from vermilion.errors import RespError
from vermilion.pending import Answer
from vermilion.protocol.encode import error_line
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import OK
from vermilion.protocol.request import write_calls
from vermilion.session import GATE_ACL, GATE_NO_TOUCH


class Claims:
    """Gives calls a connection of their client's own, and takes it back.

    Args:
        engine: whose sessions the clients are.
        passage: the way to what is behind.
        is_cluster: whether the writes of a client may be on any of several nodes.
    """

    def __init__(self, engine: Engine, passage: Passage, *, is_cluster: bool) -> None:
        self._engine = engine
        self._passage = passage
        self._is_cluster = is_cluster

    def block(self, lane: Lane, name: bytes, argv: list[bytes]) -> Answer:
        """Pass a call on that may take its time, over a connection of its own."""
        wait_s = proxied.wait_of(name, argv)
        if wait_s is None:
            return self._passage.pass_on(lane, [argv])
        link = self._passage.own_link(lane, argv)
        lane.blocking = True
        return lane.forward(link, [argv], write_calls([argv]), 1, self._passage.deadline(lane) + wait_s)

    def wait(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Pass WAIT or WAITAOF on: over a connection of its own, which has to write something first.

        What they wait for is the latest write of their own connection. SPUBLISH to a channel of no one is replicated as
        a write, and nobody sees it: patterns do not hear shard channels.
        """
        if lane.in_multi:
            return self._passage.pass_on(lane, [argv])
        if self._is_cluster:
            return RespError(errors.upstream_refused(argv))
        link = self._passage.own_link(lane, argv)
        lane.blocking = True
        calls = [[b"SPUBLISH", b"vermilion:%b" % urandom(12).hex().encode(), b""], argv]

        def after(wire: bytes) -> bytes:
            written, reply = split_replies(wire, 2)
            return error_line(RespError(errors.upstream_refused(argv))) if written.startswith(b"-") else reply

        deadline = self._passage.deadline(lane) + proxied.of_wait(argv)
        return lane.forward(link, [argv], write_calls(calls), 2, deadline, after)

    def stick(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Pass a call on after which upstream keeps something for the client."""
        link = self._passage.own_link(lane, argv)
        session = lane.session
        word = argv[1].lower() if len(argv) > 1 else b""
        if lane.in_multi:
            lane.sticky = True
            if word == b"tracking":
                link.listen()
            return self._passage.pass_on(lane, [argv])
        ends = argv[-1].upper() == b"OFF" or argv[0].lower() == b"readwrite"
        if word == b"tracking":
            link.listen()

        def after(wire: bytes) -> bytes:
            if wire.startswith(b"+OK"):
                if word == b"no-touch":
                    session.gates = session.gates & ~GATE_NO_TOUCH if ends else session.gates | GATE_NO_TOUCH
                elif word != b"tracking":
                    lane.sticky = not ends
            elif word == b"tracking":
                self.undo_tracking(lane)
            link.hears = lane.streaming or session.caching is not None
            lane.let_go()
            return wire

        return lane.forward(link, [argv], write_calls([argv]), 1, self._passage.deadline(lane), after)

    def undo_tracking(self, lane: Lane) -> None:
        """Show no tracking that upstream does not do."""
        self._engine.tracking.disable(lane.session)

    def select(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Select a database upstream: over a connection of its own, for the shared ones stay where they are."""
        number = parse_int64(argv[1]) if len(argv) == 2 else None
        if number is None:
            return self._passage.pass_on(lane, [argv])  # upstream says what is wrong with it
        if lane.in_multi and lane.listens:
            return RespError(errors.upstream_refused(argv))
        if lane.in_multi:
            lane.queued.append(Queued(lane.queued_count, argv, goes_up=True))
            return self._passage.pass_on(lane, [argv])
        if number == lane.db:
            return OK
        link = self._passage.own_link(lane, argv)

        def after(wire: bytes) -> bytes:
            if wire.startswith(b"+OK"):
                lane.db = number
                self._passage.show_db(lane)
            lane.let_go(clean=True)
            return wire

        return lane.forward(link, [argv], write_calls([argv]), 1, self._passage.deadline(lane), after)

    def listen(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Pass a call on after which messages come, or which ends them."""
        link = self._passage.own_link(lane, argv)
        if argv[0].lower() != b"monitor" or lane.session.monitoring:
            return self._passage.pass_until(lane, link, [argv])
        link.listen()

        def after(wire: bytes) -> bytes:
            if wire.startswith(b"+OK"):
                # It sees what the proxy answers itself, too.
                self._engine.monitors.add(lane.session)
            link.hears = lane.streaming or lane.session.caching is not None
            lane.let_go(clean=True)
            return wire

        return lane.forward(link, [argv], write_calls([argv]), 1, self._passage.deadline(lane), after)

    def redirect(self, lane: Lane, argv: list[bytes], target: Lane) -> Answer:
        """Pass CLIENT TRACKING on that has another client told: upstream knows that one by another id.

        Args:
            lane: whose reads are to be tracked.
            argv: the call.
            target: who is to be told; it needs a connection of its own for that.
        """
        link = self._passage.own_link(target, argv)
        link.listen()
        target.sticky = True
        if link.client_id:
            return self.stick(lane, with_receiver(argv, link.client_id))
        lane.begin([argv])
        link.send(
            write_calls([[b"CLIENT", b"ID"]]), 1, _Identity(self, lane, argv), self._passage.deadline(target)
        )
        return FORWARDED

    def forget_forbidden(self, lanes: Iterable[Lane]) -> None:
        """Let nobody wait for what its user may not ask for any more."""
        for lane in lanes:
            session, link = lane.session, lane.link
            if lane.blocking and link is not None and session.gates & GATE_ACL:
                command = find_command(self._engine, lane.calls[0])
                refusal = command and self._engine.acl.refusal(session, command.declared, lane.calls[0])
                if refusal:
                    link.abort(CLOSED, refusal)


def with_receiver(argv: list[bytes], number: bytes) -> list[bytes]:
    """Return a call of CLIENT TRACKING whose REDIRECT names another id."""
    at = [word.upper() for word in argv].index(b"REDIRECT", 3) + 1
    return [*argv[:at], number, *argv[at + 1 :]]


class _Identity:
    """Takes the id by which upstream knows a client, and goes on with the call that names the client."""

    def __init__(self, claims: Claims, lane: Lane, argv: list[bytes]) -> None:
        self._claims = claims
        self._lane = lane
        self._argv = argv

    def complete(self, wire: bytes) -> None:
        """Put the id in its place."""
        argv = with_receiver(self._argv, wire[1:-2])
        if not self._lane.closed:
            self._lane.session.pending = None
            try:
                self._claims.stick(self._lane, argv)
            except RespError as error:
                self._lane.fail(b"", 1, error.message, cut=False)

    def part(self, wire: bytes) -> None:
        """Mind nothing: the reply is short."""

    def fail(self, wire: bytes, left: int, error: str, *, cut: bool) -> None:  # a Taker's
        """Tell the client: nothing has been changed."""
        self._claims.undo_tracking(self._lane)
        self._lane.fail(b"", 1, error, cut=False)
