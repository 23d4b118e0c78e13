"""What stands behind a proxy: one server, a primary that Sentinels know, or a cluster."""

import asyncio
from collections.abc import Callable, Iterator
from random import Random
from typing import Final, Protocol

from vermilion.backends.lane import Lane
from vermilion.backends.link import Login
from vermilion.backends.upstream import Limits, Tally, Upstream
from vermilion.backends.upstream_url import Address, UpstreamUrl
from vermilion.pending import Pending
from vermilion.protocol.request import write_calls

LARGE: Final = 1024 * 1024
"""Calls of so many bytes have a connection of their own: a server that finds an argument too long closes the
connection, and it may find so from here on (`proto-max-bulk-len`). Nor do others wait until they have gone out."""


class Fleet(Protocol):
    """The servers behind, as the proxy sees them.

    LLM Context:
        - What raises RespError says so to the client: nothing has been sent then.
    """

    tally: Tally
    defers_multi: bool
    """Whether the server of a transaction is known with its first keys only."""

    @property
    def is_up(self) -> bool:
        """Whether calls can be passed on."""

    @property
    def servers(self) -> Iterator[Upstream]:
        """Every server that is known."""

    async def open(self) -> None:
        """Begin to connect."""

    async def close(self) -> None:
        """Close everything."""

    async def wait(self) -> None:
        """Wait until calls can be passed on."""

    def forward(
        self, lane: Lane, calls: list[list[bytes]], after: Callable[[bytes], bytes] | None = None
    ) -> Pending:
        """Pass plain calls on, all at once; `after` makes of their replies what the client gets."""

    def server_for(self, lane: Lane, argv: list[bytes] | None = None) -> Upstream:
        """Return the server that a connection of the client's own goes to, for a call."""

    def learn(self, line: bytes, link_address: Address) -> None:
        """Learn from a redirection that came over a connection of a client's own."""


class Single:
    """One server.

    Args:
        url: where it is.
        limits: what is allowed of it.
        connect_timeout: seconds until it must have taken a connection.
        random: the source of chance.
    """

    defers_multi = False

    def __init__(self, url: UpstreamUrl, limits: Limits, connect_timeout: float, random: Random) -> None:
        self.tally = Tally()
        self._url = url
        self._limits = limits
        self._connect_timeout = connect_timeout
        self._random = random
        self._tls = url.tls.context() if url.tls else None
        self._server: Upstream | None = None
        self._is_up = asyncio.Event()

    @property
    def is_up(self) -> bool:
        """Whether the server is there."""
        return self._server is not None and self._server.up

    @property
    def servers(self) -> Iterator[Upstream]:
        """The server."""
        if self._server is not None:
            yield self._server

    @property
    def server(self) -> Upstream:
        """The server, once opened."""
        assert self._server is not None  # noqa: S101  # no client comes before the start
        return self._server

    async def open(self) -> None:
        """Begin to connect."""
        self._server = self._connect(self._url.addresses[0])

    def _login(self, address: Address) -> Login:
        """Return who we are to a server."""
        url = self._url
        return Login(address, url.username, url.password, self._tls, self._connect_timeout, url.db)

    def _connect(self, address: Address) -> Upstream:
        """Return the server at an address, connecting."""
        server = Upstream(self._login(address), self._limits, self.tally, self._random, self._note)
        server.open()
        return server

    def _note(self, server: Upstream) -> None:
        if server is not self._server:
            return
        if server.up:
            self._is_up.set()
        else:
            self._is_up.clear()

    async def close(self) -> None:
        """Close all connections."""
        if self._server is not None:
            self._server.close()

    async def wait(self) -> None:
        """Wait until it is there."""
        await self._is_up.wait()

    def forward(
        self, lane: Lane, calls: list[list[bytes]], after: Callable[[bytes], bytes] | None = None
    ) -> Pending:
        """Pass plain calls on, over the connection that all clients share."""
        session = lane.session
        server = self.server
        wire = lane.arrived(calls) or write_calls(calls)
        if len(wire) < LARGE:
            link = server.shared(lane.db, session.resp)
        else:
            server.admit_large(len(wire))
            link = lane.link = server.own(lane.db, session.resp)
            link.listener = lane
            lane.blocking = True
        return lane.forward(link, calls, wire, len(calls), server.deadline, after)

    def server_for(self, lane: Lane, argv: list[bytes] | None = None) -> Upstream:  # a Fleet's
        """Return the server."""
        return self.server

    def learn(self, line: bytes, link_address: Address) -> None:
        """A server that stands alone redirects nobody: what looks like it is its own affair."""
