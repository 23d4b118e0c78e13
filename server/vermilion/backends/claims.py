"""Calls that need a connection of their client's own: they wait, bring messages, or leave something behind in it."""

from os import urandom

from vermilion import errors
from vermilion.backends import proxied
from vermilion.backends.lane import Lane
from vermilion.backends.link import split_replies
from vermilion.backends.passage import Passage
from vermilion.errors import RespError
from vermilion.pending import Answer
from vermilion.protocol.encode import error_line
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import OK
from vermilion.protocol.request import write_calls
from vermilion.session import GATE_NO_TOUCH


class Claims:
    """Gives calls a connection of their client's own, and takes it back.

    Args:
        passage: the way to what is behind.
        is_cluster: whether the writes of a client may be on any of several nodes.
    """

    def __init__(self, passage: Passage, *, is_cluster: bool) -> None:
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
        ends = argv[-1].upper() == b"OFF" or argv[0].lower() == b"readwrite"

        def after(wire: bytes) -> bytes:
            if wire.startswith(b"+OK"):
                lane.sticky = not ends
                if argv[1:2] and argv[1].lower() == b"no-touch":
                    # For CLIENT LIST: the proxy has no keys to touch.
                    session.gates = session.gates & ~GATE_NO_TOUCH if ends else session.gates | GATE_NO_TOUCH
            lane.let_go()
            return wire

        if lane.in_multi:
            lane.sticky = True
            return self._passage.pass_on(lane, [argv])
        return lane.forward(link, [argv], write_calls([argv]), 1, self._passage.deadline(lane), after)

    def select(self, lane: Lane, argv: list[bytes]) -> Answer:
        """Select a database upstream: over a connection of its own, for the shared ones stay where they are."""
        number = parse_int64(argv[1]) if len(argv) == 2 else None
        if number is None:
            return self._passage.pass_on(lane, [argv])  # upstream says what is wrong with it
        if lane.in_multi:
            lane.queued.append((lane.queued_count, argv))
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
        lane.streaming = True
        return self._passage.pass_on_heard(lane, link, [argv])
