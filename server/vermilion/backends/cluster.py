"""A Redis or Valkey Cluster behind a proxy: which node has which slots, and how a client's calls get there.

The map comes from CLUSTER SLOTS of any node. It is asked for again when a node redirects a call or is lost, twice a
second while a primary is missing, and now and then besides.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from random import Random
from typing import Final, cast

from vermilion import errors
from vermilion.backends import proxied
from vermilion.backends.gather import Gather, Unit, cross_slot_transaction
from vermilion.backends.lane import FORWARDED, Lane
from vermilion.backends.link import Login
from vermilion.backends.slots import SLOTS, Combine, find_command, plan, slot_of_call
from vermilion.backends.takers import Answers, split_replies
from vermilion.backends.upstream import Limits, Tally, Upstream
from vermilion.backends.upstream_url import Address, UpstreamUrl
from vermilion.errors import RespError
from vermilion.pending import Pending
from vermilion.protocol.decode import decode_reply
from vermilion.protocol.encode import error_line
from vermilion.protocol.reply import Reply
from vermilion.protocol.request import write_calls

LOGGER: Final = logging.getLogger("vermilion")

PERIOD_S: Final = 15.0
PERIOD_DOWN_S: Final = 0.5
PERIOD_LEAST_S: Final = 0.1
LEAVE_S: Final = 5.0
"""How long the connections to a node that is no primary any more stay, for the replies that are on their way."""


class Cluster:
    """The nodes of a cluster.

    Args:
        url: some of its nodes.
        limits: what is allowed of each.
        connect_timeout: seconds until a node must have taken a connection.
        random: the source of chance.
    """

    defers_multi = True

    def __init__(self, url: UpstreamUrl, limits: Limits, connect_timeout: float, random: Random) -> None:
        self.tally = Tally()
        self._url = url
        self._limits = limits
        self._connect_timeout = connect_timeout
        self._random = random
        self._tls = url.tls.context() if url.tls else None
        self._nodes: dict[Address, Upstream] = {}
        self._primaries: list[Upstream] = []
        self._slots: list[Upstream | None] = [None] * SLOTS
        self._stale = asyncio.Event()
        self._is_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # The fleet --------------------------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """Whether every slot has a node that is there."""
        return bool(self._primaries) and None not in self._slots and all(node.up for node in self._primaries)

    @property
    def servers(self) -> Iterator[Upstream]:
        """The primaries; before these are known, the nodes of the URL."""
        yield from self._primaries or self._nodes.values()

    async def open(self) -> None:
        """Begin to look for the cluster."""
        for address in self._url.addresses:
            self._node(address)
        self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Close all connections."""
        if self._task is not None:
            self._task.cancel()
        for node in self._nodes.values():
            node.close()

    async def wait(self) -> None:
        """Wait until the map is there."""
        await self._is_up.wait()

    def forward(
        self, lane: Lane, calls: list[list[bytes]], after: Callable[[bytes], bytes] | None = None
    ) -> Pending:
        """Pass plain calls on, each to the nodes of its keys."""
        unknown = [place for place, argv in enumerate(calls) if find_command(argv) is None]
        if unknown:
            _Enquiry(self, lane, calls, unknown, after).begin()
            return FORWARDED
        return self.forward_known(lane, calls, after, {})

    def forward_known(
        self,
        lane: Lane,
        calls: list[list[bytes]],
        after: Callable[[bytes], bytes] | None,
        keys: dict[int, list[bytes]],
    ) -> Pending:
        """Pass calls on; `keys` has those of commands that are not known here, by the places of their calls."""
        units: list[Unit] = []
        joints: list[tuple[int, Combine | None]] = []
        at = 0
        while at < len(calls):
            if calls[at][0].lower() == b"multi" and len(calls) > at + 1:
                end = (
                    next(place for place in range(at, len(calls)) if calls[place][0].lower() in proxied.ENDS)
                    + 1
                )
                before = len(units)
                combine = self._plan_transaction(units, calls[at:end])
                joints.append((len(units) - before, combine))
                at = end
                continue
            try:
                shares, combine = plan(calls[at], len(self._primaries), keys.get(at))
            except RespError as error:
                shares, combine = [], _always(error_line(error))
            units += [
                Unit(len(units) + number, [share.argv], share.slot, share.node)
                for number, share in enumerate(shares)
            ]
            joints.append((len(shares), combine))
            at += 1
        lane.begin(calls, after)
        gather = Gather(lane, self, joints, len(units))
        if not units:
            gather.finish()
        self._send(gather, units)
        return FORWARDED

    def _plan_transaction(self, units: list[Unit], calls: list[list[bytes]]) -> Combine | None:
        """Make a unit of a whole transaction; return what answers one whose keys are in several slots."""
        slots: set[int | None] = set()
        try:
            slots = {slot_of_call(argv) for argv in calls} - {None}
        except RespError:
            slots = {0, 1}
        if len(slots) > 1:
            return _always(cross_slot_transaction(len(calls)))
        units.append(Unit(len(units), calls, slots.pop() if slots else None, None))
        return None

    def _send(self, gather: Gather, units: list[Unit]) -> None:
        """Send units to their nodes: at once to each."""
        groups: dict[Upstream, list[Unit]] = {}
        refused: list[tuple[Unit, RespError]] = []
        for unit in units:
            try:
                groups.setdefault(self.holder(unit), []).append(unit)
            except RespError as error:
                refused.append((unit, error))
        for node, together in groups.items():
            gather.send(node, together)
        for unit, refusal in refused:
            gather.land(unit, error_line(refusal) * len(unit.calls))

    def server_for(self, lane: Lane, argv: list[bytes] | None = None) -> Upstream:
        """Return the node of a call's keys, the first primary for one without."""
        slot = slot_of_call(argv) if argv is not None else None
        if lane.link is not None and slot is None:
            return self._nodes.get(lane.link.login.address) or self._home
        return self._home if slot is None else self._of_slot(slot)

    # Nodes ------------------------------------------------------------------------------------------------

    @property
    def _home(self) -> Upstream:
        """The node for calls that could go to any."""
        for node in self._primaries:
            if node.up:
                return node
        if self._primaries:
            return self._primaries[0]
        raise RespError(errors.upstream_unavailable("the nodes of the cluster are not known yet"))

    def _of_slot(self, slot: int) -> Upstream:
        node = self._slots[slot]
        if node is None:
            if not self._primaries:
                return self._home
            raise RespError(errors.UPSTREAM_NO_NODE)
        return node

    def holder(self, unit: Unit) -> Upstream:
        """Return the node that a unit belongs to."""
        if unit.number is not None and unit.number < len(self._primaries):
            return self._primaries[unit.number]
        return self._home if unit.slot is None else self._of_slot(unit.slot)

    def moved(self, line: bytes, source: Upstream) -> Upstream:
        """Learn that a slot is elsewhere."""
        node = self.asked(line, source)
        self._slots[int(line.split()[1])] = node
        self._stale.set()
        return node

    def asked(self, line: bytes, source: Upstream) -> Upstream:
        """Return the node that a redirection names."""
        self.tally.retries += 1
        host, _, port = line.split()[2].decode("ascii", "replace").rpartition(":")
        return self._node(Address(host or source.login.address.host, int(port)))

    def learn(self, line: bytes, link_address: Address) -> None:
        """Learn from a redirection that a connection of a client's own has got."""
        source = self._nodes.get(link_address)
        if source is not None and line.startswith(b"-MOVED "):
            self.moved(line, source)

    def _node(self, address: Address) -> Upstream:
        """Return the node at an address, a new one when it is not known."""
        node = self._nodes.get(address)
        if node is None:
            login = Login(address, self._url.username, self._url.password, self._tls, self._connect_timeout)
            node = Upstream(login, self._limits, self.tally, self._random, self._note)
            self._nodes[address] = node
            node.open()
        return node

    def _note(self, node: Upstream) -> None:
        """Look at the map again when a node comes or goes."""
        if node in self._primaries or not self._primaries:
            self._stale.set()

    # The map ----------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Keep the map as the cluster has it."""
        while True:
            await self._refresh()
            try:
                async with asyncio.timeout(PERIOD_S if self.is_up else PERIOD_DOWN_S):
                    await self._stale.wait()
            except TimeoutError:
                pass
            await asyncio.sleep(PERIOD_LEAST_S)
            self._stale.clear()

    async def _refresh(self) -> None:
        """Ask nodes, those that are there first, until one knows."""
        for node in sorted(self._nodes.values(), key=lambda node: not node.up):
            try:
                reply = decode_reply(await self._ask(node, b"CLUSTER", b"SLOTS"))
            except (ConnectionError, ValueError):
                continue
            if isinstance(reply, list) and reply:
                self._adopt(node, cast("list[list[Reply]]", reply))
                return
            if isinstance(reply, RespError):
                LOGGER.warning("Upstream %s has no cluster to tell of: %s", node.login.address, reply)

    async def _ask(self, node: Upstream, *argv: bytes) -> bytes:
        """Return a node's reply."""
        answers = Answers(asyncio.get_running_loop())
        try:
            link = node.shared(0, 2)
        except RespError as error:
            raise ConnectionError(str(error)) from None
        link.send(write_calls([list(argv)]), 1, answers, node.deadline)
        return await answers.future

    def _adopt(self, source: Upstream, ranges: list[list[Reply]]) -> None:
        """Take a map."""
        slots: list[Upstream | None] = [None] * SLOTS
        primaries: dict[Address, Upstream] = {}
        for first, last, primary, *_ in ranges:
            name, port = cast("list[Reply]", primary)[:2]
            host = name.decode() if isinstance(name, bytes) and name not in {b"", b"?"} else ""
            address = Address(host or source.login.address.host, cast("int", port))
            node = primaries[address] = self._node(address)
            start, end = cast("int", first), cast("int", last)
            slots[start : end + 1] = [node] * (end + 1 - start)
        self._slots = slots
        self._primaries = [primaries[address] for address in sorted(primaries)]
        for address, node in list(self._nodes.items()):
            if node not in self._primaries and address not in self._url.addresses:
                del self._nodes[address]
                asyncio.get_running_loop().call_later(LEAVE_S, node.close)
        if self.is_up:
            self._is_up.set()


def _always(reply: bytes) -> Combine:
    """Return what answers a call that goes nowhere."""
    return lambda _: reply


class _Enquiry:
    """Asks the cluster for the keys of calls whose commands are not known here, then passes all on."""

    def __init__(
        self,
        cluster: Cluster,
        lane: Lane,
        calls: list[list[bytes]],
        unknown: list[int],
        after: Callable[[bytes], bytes] | None,
    ) -> None:
        self._cluster = cluster
        self._lane = lane
        self._calls = calls
        self._unknown = unknown
        self._after = after
        self._parts: list[bytes] = []

    def begin(self) -> None:
        """Ask any node."""
        node = self._cluster.server_for(self._lane)
        link = node.shared(0, 2)
        self._lane.begin(self._calls, self._after)
        questions = [[b"COMMAND", b"GETKEYS", *self._calls[place]] for place in self._unknown]
        link.send(write_calls(questions), len(questions), self, node.deadline)

    def complete(self, wire: bytes) -> None:
        """Pass the calls on; one that no node understands goes to any, which refuses it."""
        keys: dict[int, list[bytes]] = {}
        wire = b"".join([*self._parts, wire])
        for place, reply in zip(self._unknown, split_replies(wire, len(self._unknown)), strict=True):
            found = decode_reply(reply)
            keys[place] = [key for key in found if isinstance(key, bytes)] if isinstance(found, list) else []
        if not self._lane.closed:
            self._cluster.forward_known(self._lane, self._calls, self._after, keys)

    def part(self, wire: bytes) -> None:
        """Keep the first bytes."""
        self._parts.append(wire)

    def fail(self, wire: bytes, left: int, error: str, *, cut: bool) -> None:  # a Taker's
        """Refuse all calls: none has run."""
        self._lane.fail(b"", len(self._calls), errors.upstream_unavailable("it was lost"), cut=False)
