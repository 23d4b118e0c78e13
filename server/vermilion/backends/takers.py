"""Those who wait for the replies of a connection to the server behind: what a link tells them, and the simple ones."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from vermilion.protocol.framing import ReplyFramer


class Taker(Protocol):
    """Who waits for replies; it is told exactly once how that ended."""

    def complete(self, wire: bytes) -> None:
        """Take all replies, or what `part` has not been given of them."""

    def part(self, wire: bytes) -> None:
        """Take the first bytes of long replies."""

    def fail(self, wire: bytes, left: int, error: str, *, cut: bool) -> None:
        """Take what has come, and why no more will.

        Args:
            wire: whole replies that have come.
            left: how many have not.
            error: the text to give in their place.
            cut: whether `part` was given the beginning of a reply that has no end.
        """


class Answers:
    """Waits for replies on behalf of a coroutine.

    Args:
        loop: the event loop that it runs on.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[bytes] = loop.create_future()
        self._parts: list[bytes] = []

    def complete(self, wire: bytes) -> None:
        """Return all of them."""
        if not self.future.done():
            self.future.set_result(b"".join([*self._parts, wire]))

    def part(self, wire: bytes) -> None:
        """Keep the first bytes."""
        self._parts.append(wire)

    def fail(self, wire: bytes, left: int, error: str, *, cut: bool) -> None:  # a Taker's
        """Raise ConnectionError."""
        if not self.future.done():
            self.future.set_exception(ConnectionError(error))


class Discard:
    """Wants no replies: for calls that are made for their effect."""

    def complete(self, wire: bytes) -> None:
        """Drop them."""

    def part(self, wire: bytes) -> None:
        """Drop them."""

    def fail(self, wire: bytes, left: int, error: str, *, cut: bool) -> None:
        """Mind nothing."""


DISCARD: Final = Discard()


def split_replies(wire: bytes, replies: int) -> Sequence[bytes]:
    """Return each of several whole replies."""
    framer = ReplyFramer()
    found: list[bytes] = []
    at = 0
    for _ in range(replies):
        end, _ = framer.advance(wire, at, 1)
        found.append(wire[at:end])
        at = end
    return found
