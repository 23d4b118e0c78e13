"""Calls of one client that go to several nodes of a cluster, until all replies are there.

    calls -> shares by node -> one send for each node -> replies -> those that were redirected go again -> in order

A call that a node redirects (MOVED, ASK, TRYAGAIN) has not run there, and only that makes it go again.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from vermilion import errors
from vermilion.backends.slots import Combine
from vermilion.backends.takers import split_replies
from vermilion.errors import RespError
from vermilion.protocol.encode import error_line
from vermilion.protocol.framing import ReplyFramer
from vermilion.protocol.request import write_calls

if TYPE_CHECKING:
    from vermilion.backends.lane import Lane
    from vermilion.backends.upstream import Upstream

MOST_REDIRECTIONS: Final = 8
RETRY_DELAY_S: Final = 0.03

_ASKING: Final = [b"ASKING"]


class Nodes(Protocol):
    """The cluster, as redirections see it."""

    def moved(self, line: bytes, source: "Upstream") -> "Upstream":
        """Learn from `-MOVED slot host:port`, and return the node; `source` said so."""

    def asked(self, line: bytes, source: "Upstream") -> "Upstream":
        """Return the node of `-ASK slot host:port`."""

    def holder(self, unit: "Unit") -> "Upstream":
        """Return the node that a unit belongs to by now; RespError when there is none."""


class Unit:
    """What goes to one node as a whole: a call, or a transaction.

    Args:
        place: where its replies stand among those of all units.
        calls: mostly one.
        slot: of its keys, None without.
        number: of the primary that it goes to, None for the slot's.
    """

    __slots__ = ("calls", "number", "place", "slot", "tries")

    def __init__(self, place: int, calls: list[list[bytes]], slot: int | None, number: int | None) -> None:
        self.place = place
        self.calls = calls
        self.slot = slot
        self.number = number
        self.tries = 0


class Gather:
    """Waits for the replies of all units.

    Args:
        lane: whose they are.
        nodes: the cluster.
        joints: for each of the client's replies how many units there are, and what makes one of them.
        units: how many there are in all.
    """

    def __init__(
        self,
        lane: "Lane",
        nodes: Nodes,
        joints: Sequence[tuple[int, Combine | None]],
        units: int,
    ) -> None:
        self._lane = lane
        self._nodes = nodes
        self._joints = joints
        self._replies: list[bytes] = [b""] * units
        self._left = units

    def send(self, node: "Upstream", units: list[Unit], *, asking: bool = False) -> None:
        """Send units to a node.

        Args:
            node: the node.
            units: what goes there.
            asking: whether the node has to be told that the keys are on their way to it.
        """
        lane = self._lane
        calls = [argv for unit in units for argv in unit.calls]
        try:
            link = node.shared(0, lane.session.resp)
        except RespError as error:
            for unit in units:
                self.land(unit, error_line(error) * len(unit.calls))
            return
        if asking:
            calls.insert(0, _ASKING)
        link.send(write_calls(calls), len(calls), _Part(self, node, units, asking=asking), node.deadline)

    def land(self, unit: Unit, reply: bytes) -> None:
        """Take the replies of a unit; give the client all of them when this was the last."""
        self._replies[unit.place] = reply
        self._left -= 1
        if not self._left:
            self.finish()

    def finish(self) -> None:
        """Give the client its replies."""
        if len(self._joints) == len(self._replies) and not any(combine for _, combine in self._joints):
            self._lane.complete(b"".join(self._replies))
            return
        out: list[bytes] = []
        at = 0
        for count, combine in self._joints:
            replies = self._replies[at : at + count]
            out.append(replies[0] if combine is None else combine(replies))
            at += count
        self._lane.complete(b"".join(out))

    def judge(self, node: "Upstream", unit: Unit, replies: Sequence[bytes]) -> None:
        """Take the replies of a unit, or send it where a node says."""
        line = next((reply for reply in replies if reply.startswith(_REDIRECTIONS)), None)
        # A node refuses a whole transaction for one call of it; what else it has said of it is void.
        void = len(replies) == 1 or replies[-1].startswith(b"-EXECABORT")
        if line is None or not void or unit.tries >= MOST_REDIRECTIONS or self._lane.closed:
            self.land(unit, b"".join(replies))
            return
        unit.tries += 1
        if line.startswith(b"-MOVED "):
            self.send(self._nodes.moved(line, node), [unit])
        elif line.startswith(b"-ASK ") and len(unit.calls) == 1:
            self.send(self._nodes.asked(line, node), [unit], asking=True)
        else:
            asyncio.get_running_loop().call_later(RETRY_DELAY_S, self._send_again, unit)

    def _send_again(self, unit: Unit) -> None:
        """Send a unit whose keys were between two nodes."""
        try:
            node = self._nodes.holder(unit)
        except RespError as error:
            self.land(unit, error_line(error) * len(unit.calls))
            return
        self.send(node, [unit])


_REDIRECTIONS: Final = (b"-MOVED ", b"-ASK ", b"-TRYAGAIN ")


class _Part:
    """What went to one node at once; takes its replies."""

    def __init__(self, gather: Gather, node: "Upstream", units: list[Unit], *, asking: bool) -> None:
        self._gather = gather
        self._node = node
        self._units = units
        self._asking = asking
        self._parts: list[bytes] = []

    def complete(self, wire: bytes) -> None:
        """Take all replies."""
        if self._parts:
            wire = b"".join([*self._parts, wire])
        count = sum(len(unit.calls) for unit in self._units) + self._asking
        replies = split_replies(wire, count)[self._asking :] if count > 1 else [wire]
        at = 0
        for unit in self._units:
            self._gather.judge(self._node, unit, replies[at : at + len(unit.calls)])
            at += len(unit.calls)

    def part(self, wire: bytes) -> None:
        """Keep the first bytes of long replies: others may have to stand in front of them."""
        self._parts.append(wire)

    def fail(self, wire: bytes, left: int, error: str, *, cut: bool) -> None:
        """Take what has come; the rest gets the error."""
        count = sum(len(unit.calls) for unit in self._units) + self._asking
        came = b"".join([*self._parts, wire])
        replies = _whole(came, count - left) if came else []  # what `part` was given may end within a reply
        replies += [error_line(RespError(error))] * (count - len(replies))
        replies = replies[self._asking :]
        at = 0
        for unit in self._units:
            self._gather.land(unit, b"".join(replies[at : at + len(unit.calls)]))
            at += len(unit.calls)


def _whole(wire: bytes, most: int) -> list[bytes]:
    """Return the replies that are whole."""
    framer = ReplyFramer()
    _, count = framer.advance(wire, 0, most)
    return list(split_replies(wire[: framer.boundary], count))


def cross_slot_transaction(calls: int) -> bytes:
    """Return what a transaction gets whose keys are in several slots."""
    queued = b"+QUEUED\r\n" * (calls - 2)
    return b"+OK\r\n" + queued + error_line(RespError(errors.CROSS_SLOT))
