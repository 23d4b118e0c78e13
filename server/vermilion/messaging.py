"""The ports through which commands subscribe clients, publish, and let clients cache what they read.

The engine implements them; commands reach them by `session.server`. What a client is subscribed to stands in its
session.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from vermilion.session import Session

Topic: TypeAlias = Literal[0, 1, 2]
"""What a subscription names: an index into `Subscriptions.names`."""

CHANNEL: Final = 0
PATTERN: Final = 1
SHARD: Final = 2


class Subscriptions:
    """What one client is subscribed to: the names of channels, of patterns, and of shard channels, in order."""

    __slots__ = ("names",)

    def __init__(self) -> None:
        self.names: tuple[dict[bytes, None], dict[bytes, None], dict[bytes, None]] = ({}, {}, {})

    def count(self, topic: Topic) -> int:
        """Return what a confirmation says: channels and patterns count together, shard channels by themselves."""
        channels, patterns, shards = self.names
        return len(shards) if topic == SHARD else len(channels) + len(patterns)


class PubSub(Protocol):
    """Channels, and who listens to them."""

    def subscribe(self, session: "Session", topic: Topic, name: bytes) -> int:
        """Let a client hear what is published there; return how many subscriptions of the kind it has now."""

    def unsubscribe(self, session: "Session", topic: Topic, name: bytes) -> int:
        """Let it hear that no more, whether it did or not; return how many subscriptions of the kind it has now."""

    def leave(self, session: "Session") -> None:
        """End all subscriptions of a client, without a word."""

    def publish(self, channel: bytes, message: bytes) -> int:
        """Send a message to the subscribers of a channel and of patterns; return how many were sent."""

    def spublish(self, channel: bytes, message: bytes) -> int:
        """Send a message to the subscribers of a shard channel; return how many were sent."""

    def names(self, topic: Topic) -> Collection[bytes]:
        """Return what somebody is subscribed to."""

    def subscribers(self, topic: Topic, name: bytes) -> int:
        """Return how many clients are subscribed to a name."""


class Caching:
    """How the reads of one client are tracked (CLIENT TRACKING).

    LLM Context:
        - `redirect` is the id of the client that is told instead, 0 for none; `broken` says that it was missed.
        - `given` says that CLIENT CACHING was called: with `opt_in` the next call is tracked, with `opt_out` it is not.
        - `prefixes` are those of `broadcast`, the empty one for all keys.
    """

    __slots__ = ("broadcast", "broken", "given", "no_loop", "opt_in", "opt_out", "prefixes", "redirect")

    def __init__(self) -> None:
        self.broadcast = False
        self.opt_in = False
        self.opt_out = False
        self.no_loop = False
        self.redirect = 0
        self.broken = False
        self.given = False
        self.prefixes: set[bytes] = set()


class Tracking(Protocol):
    """What clients cache, and are told of."""

    def enable(self, session: "Session", caching: Caching) -> None:
        """Tell a client of changes of what it reads, or of prefixes; those it had already stay."""

    def disable(self, session: "Session") -> None:
        """Tell a client of changes no more, if it was told of any."""

    def tell_flushed(self, caller: "Session | None" = None) -> None:
        """Tell all clients that all keys have gone, if they have: `caller` hears of it ahead of its reply."""


def subscriptions(session: "Session", topic: Topic) -> Collection[bytes]:
    """Return the names of one kind that a client is subscribed to; they change with its subscriptions."""
    held = session.subscriptions
    return () if held is None else held.names[topic]
