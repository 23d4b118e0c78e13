"""Pub/Sub: who listens to which channel, pattern or shard channel, and the way of a message to all of them.

    publish -> listeners[CHANNEL][channel]            -> push each, one message for all
            -> listeners[PATTERN]: those that match   -> push each, one message per pattern

A message is made once, and encoded once for each version of RESP, however many clients take it.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Final

from vermilion.messaging import CHANNEL, PATTERN, SHARD, Subscriptions, Topic, subscriptions
from vermilion.protocol.reply import Broadcast, Push
from vermilion.session import GATE_SUBSCRIBED, Session
from vermilion.structures.glob import compile_glob

_TOPICS: Final[tuple[Topic, Topic, Topic]] = (CHANNEL, PATTERN, SHARD)


class Exchange:
    """The subscriptions of one engine.

    Args:
        push: sends several clients a message.
    """

    def __init__(self, push: Callable[[Sequence[Session], Push], None]) -> None:
        self._push = push
        self._listeners: tuple[dict[bytes, dict[Session, None]], ...] = ({}, {}, {})
        self._matchers: dict[bytes, Callable[[bytes], bool]] = {}
        self.clients = 0
        """How many clients are subscribed to anything."""

    @property
    def idle(self) -> bool:
        """Whether nothing that is published now reaches anybody by a channel or a pattern."""
        return not (self._listeners[CHANNEL] or self._listeners[PATTERN])

    def subscribe(self, session: Session, topic: Topic, name: bytes) -> int:
        """Let a client hear what is published there; return how many subscriptions of the kind it has now."""
        held = session.subscriptions
        if held is None:
            held = session.subscriptions = Subscriptions()
            session.gates |= GATE_SUBSCRIBED
            self.clients += 1
        names = held.names[topic]
        if name not in names:
            names[name] = None
            listeners = self._listeners[topic]
            if name not in listeners:
                listeners[name] = {}
                if topic == PATTERN:
                    self._matchers[name] = compile_glob(name)
            listeners[name][session] = None
        return held.count(topic)

    def unsubscribe(self, session: Session, topic: Topic, name: bytes) -> int:
        """Let it hear that no more, whether it did or not; return how many subscriptions of the kind it has now."""
        held = session.subscriptions
        if held is None:
            return 0
        if name in held.names[topic]:
            del held.names[topic][name]
            self._forget(session, topic, name)
        count = held.count(topic)
        if not any(held.names):
            self._end(session)
        return count

    def leave(self, session: Session) -> None:
        """End all subscriptions of a client, without a word."""
        held = session.subscriptions
        if held is not None:
            for topic in _TOPICS:
                for name in held.names[topic]:
                    self._forget(session, topic, name)
            self._end(session)

    def _forget(self, session: Session, topic: Topic, name: bytes) -> None:
        """Take a client off the listeners to one name."""
        listeners = self._listeners[topic]
        del listeners[name][session]
        if not listeners[name]:
            del listeners[name]
            if topic == PATTERN:
                del self._matchers[name]

    def _end(self, session: Session) -> None:
        """Let a client without subscriptions be an ordinary one."""
        session.subscriptions = None
        session.gates &= ~GATE_SUBSCRIBED
        self.clients -= 1

    def publish(self, channel: bytes, message: bytes) -> int:
        """Send a message to the subscribers of a channel and of patterns; return how many were sent."""
        sent = 0
        listeners = self._listeners[CHANNEL].get(channel)
        if listeners is not None:
            sent = self._send(listeners, Broadcast([b"message", channel, message]))
        # Collected first: a subscriber that is cut off for being slow takes its patterns along.
        for pattern in [pattern for pattern, matches in self._matchers.items() if matches(channel)]:
            listeners = self._listeners[PATTERN].get(pattern)
            if listeners is not None:
                sent += self._send(listeners, Broadcast([b"pmessage", pattern, channel, message]))
        return sent

    def spublish(self, channel: bytes, message: bytes) -> int:
        """Send a message to the subscribers of a shard channel; return how many were sent."""
        listeners = self._listeners[SHARD].get(channel)
        return 0 if listeners is None else self._send(listeners, Broadcast([b"smessage", channel, message]))

    def _send(self, listeners: dict[Session, None], message: Broadcast) -> int:
        """Push a message to each of the listeners; return how many they are."""
        receivers = list(listeners)  # a copy: one that is cut off for being slow leaves
        self._push(receivers, message)
        return len(receivers)

    def names(self, topic: Topic) -> Collection[bytes]:
        """Return what somebody is subscribed to."""
        return self._listeners[topic].keys()

    def subscribers(self, topic: Topic, name: bytes) -> int:
        """Return how many clients are subscribed to a name."""
        return len(self._listeners[topic].get(name, ()))


def heard(session: Session) -> tuple[Collection[bytes], Collection[bytes]]:
    """Return the channels, those of shards among them, and the patterns that a client is subscribed to."""
    channels, shards = subscriptions(session, CHANNEL), subscriptions(session, SHARD)
    return [*channels, *shards], subscriptions(session, PATTERN)
