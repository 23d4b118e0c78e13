"""The pubsub group: subscriptions, messages, and who listens.

Each name of a subscription is confirmed by a message of its own, so the reply of such a call is several messages.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from vermilion import errors
from vermilion.commands.registry import command, container
from vermilion.commands.syntax import FAST, LOADING, NOSCRIPT, STALE, Argument, KeySpec, Pattern, Value
from vermilion.commands.syntax import PUBSUB as PUBSUB_FLAG
from vermilion.errors import RespError
from vermilion.messaging import CHANNEL, PATTERN, SHARD, Topic, subscriptions
from vermilion.ports import Server
from vermilion.protocol.reply import Messages, Push, Reply, Status
from vermilion.session import Session
from vermilion.structures.glob import compile_glob

_SUBSCRIBING: Final = PUBSUB_FLAG | NOSCRIPT | LOADING | STALE
_ASKING: Final = PUBSUB_FLAG | LOADING | STALE
_SHARD_CHANNELS: Final = KeySpec(("not_key",), 1, last=-1)


def _subscribe(session: Session, topic: Topic, word: bytes, names: Iterable[bytes]) -> Messages:
    """Subscribe to each name, and confirm it."""
    hub = session.server.pubsub
    return Messages(Push([word, name, hub.subscribe(session, topic, name)]) for name in names)


def _unsubscribe(session: Session, topic: Topic, word: bytes, names: Sequence[bytes]) -> Messages:
    """Unsubscribe from each name, or from all when there are none, and confirm it."""
    hub = session.server.pubsub
    names = names or list(subscriptions(session, topic))
    if not names:
        held = session.subscriptions
        return Messages([Push([word, None, 0 if held is None else held.count(topic)])])
    return Messages(Push([word, name, hub.unsubscribe(session, topic, name)]) for name in names)


@command("SUBSCRIBE", _SUBSCRIBING, since="2.0.0", complexity="O(N) where N is the number of channels.")
def subscribe(session: Session, *channel: Value) -> Messages:
    """Listen to channels; each is confirmed with the number of subscriptions."""
    return _subscribe(session, CHANNEL, b"subscribe", channel)


@command("PSUBSCRIBE", _SUBSCRIBING, since="2.0.0", complexity="O(N) where N is the number of patterns.")
def psubscribe(session: Session, *pattern: Pattern) -> Messages:
    """Listen to the channels that match patterns; each is confirmed with the number of subscriptions."""
    return _subscribe(session, PATTERN, b"psubscribe", pattern)


@command(
    "SSUBSCRIBE", _SUBSCRIBING, since="7.0.0", keys=[_SHARD_CHANNELS],
    complexity="O(N) where N is the number of shard channels.",
)  # fmt: skip
def ssubscribe(session: Session, *shardchannel: Value) -> Messages:
    """Listen to shard channels; each is confirmed with the number of these subscriptions."""
    if not session.may_wait:  # in MULTI, too, where SUBSCRIBE and PSUBSCRIBE are allowed
        raise RespError(errors.SSUBSCRIBE_DENIED)
    return _subscribe(session, SHARD, b"ssubscribe", shardchannel)


@command(
    "UNSUBSCRIBE", _SUBSCRIBING, since="2.0.0", raw=True, arity=-1,
    complexity="O(N) where N is the number of channels.",
    arguments=[Argument("channel", "string", optional=True, multiple=True)],
)  # fmt: skip
def unsubscribe(session: Session, argv: list[bytes]) -> Messages:
    """Listen to channels no more, to none without arguments; each is confirmed with the number that is left."""
    # Raw, as its like: none of the arguments may be there.
    return _unsubscribe(session, CHANNEL, b"unsubscribe", argv[1:])


@command(
    "PUNSUBSCRIBE", _SUBSCRIBING, since="2.0.0", raw=True, arity=-1,
    complexity="O(N) where N is the number of patterns.",
    arguments=[Argument("pattern", "pattern", optional=True, multiple=True)],
)  # fmt: skip
def punsubscribe(session: Session, argv: list[bytes]) -> Messages:
    """Listen to patterns no more, to none without arguments; each is confirmed with the number that is left."""
    return _unsubscribe(session, PATTERN, b"punsubscribe", argv[1:])


@command(
    "SUNSUBSCRIBE", _SUBSCRIBING, since="7.0.0", raw=True, arity=-1,
    complexity="O(N) where N is the number of shard channels.",
    arguments=[Argument("shardchannel", "string", optional=True, multiple=True)], keys=[_SHARD_CHANNELS],
)  # fmt: skip
def sunsubscribe(session: Session, argv: list[bytes]) -> Messages:
    """Listen to shard channels no more, to none without arguments; each is confirmed with the number that is left."""
    return _unsubscribe(session, SHARD, b"sunsubscribe", argv[1:])


@command(
    "PUBLISH", _ASKING | FAST, since="2.0.0",
    complexity="O(N+M) where N is the number of subscribers of the channel and M that of all patterns.",
)  # fmt: skip
def publish(server: Server, channel: Value, message: Value) -> int:
    """Send a message to the subscribers of a channel; return how many were sent."""
    return server.pubsub.publish(channel, message)


@command(
    "SPUBLISH", _ASKING | FAST, since="7.0.0", keys=[KeySpec(("not_key",), 1)],
    complexity="O(N) where N is the number of subscribers of the shard channel.",
)  # fmt: skip
def spublish(server: Server, shardchannel: Value, message: Value) -> int:
    """Send a message to the subscribers of a shard channel; return how many were sent."""
    return server.pubsub.spublish(shardchannel, message)


# PUBSUB ---------------------------------------------------------------------------------------------------

container("PUBSUB", group="pubsub", since="2.8.0", summary="A container for commands about Pub/Sub.")


def _active(session: Session, topic: Topic, argv: list[bytes]) -> list[Reply]:
    """Return what somebody is subscribed to, or that of it which matches a pattern."""
    if len(argv) > 3:
        raise RespError(errors.wrong_subcommand("PUBSUB", argv[1]))
    names = session.server.pubsub.names(topic)
    if len(argv) == 2:
        return list[Reply](names)
    matches = compile_glob(argv[2])
    return [name for name in names if matches(name)]


def _counts(session: Session, topic: Topic, names: Sequence[bytes]) -> list[Reply]:
    """Return each name with the number of its subscribers."""
    hub = session.server.pubsub
    counts: list[Reply] = []
    for name in names:
        counts += (name, hub.subscribers(topic, name))
    return counts


@command(
    "PUBSUB|CHANNELS", _ASKING, since="2.8.0", raw=True, arity=-2,
    complexity="O(N) where N is the number of active channels.",
    arguments=[Argument("pattern", "pattern", optional=True)],
)  # fmt: skip
def pubsub_channels(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the channels that have subscribers, all or those that match a pattern."""
    # Raw, as its like: one argument too many is refused as a subcommand that does not exist.
    return _active(session, CHANNEL, argv)


@command("PUBSUB|NUMPAT", _ASKING, since="2.8.0", complexity="O(1)")
def pubsub_numpat(server: Server) -> int:
    """Return how many patterns have subscribers."""
    return len(server.pubsub.names(PATTERN))


@command(
    "PUBSUB|NUMSUB", _ASKING, since="2.8.0", raw=True, arity=-2,
    complexity="O(N) where N is the number of channels that are asked for.",
    arguments=[Argument("channel", "string", optional=True, multiple=True)],
)  # fmt: skip
def pubsub_numsub(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return channels, each with the number of its subscribers; those by a pattern are not counted."""
    return _counts(session, CHANNEL, argv[2:])


@command(
    "PUBSUB|SHARDCHANNELS", _ASKING, since="7.0.0", raw=True, arity=-2,
    complexity="O(N) where N is the number of active shard channels.",
    arguments=[Argument("pattern", "pattern", optional=True)],
)  # fmt: skip
def pubsub_shardchannels(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the shard channels that have subscribers, all or those that match a pattern."""
    return _active(session, SHARD, argv)


@command(
    "PUBSUB|SHARDNUMSUB", _ASKING, since="7.0.0", raw=True, arity=-2,
    complexity="O(N) where N is the number of shard channels that are asked for.",
    arguments=[Argument("shardchannel", "string", optional=True, multiple=True)],
)  # fmt: skip
def pubsub_shardnumsub(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return shard channels, each with the number of its subscribers."""
    return _counts(session, SHARD, argv[2:])


@command("PUBSUB|HELP", LOADING | STALE, since="6.2.0", complexity="O(1)")
def pubsub_help() -> list[Reply]:
    """Return what the subcommands do."""
    return [Status(line) for line in _HELP]


_HELP: Final = (
    "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CHANNELS [<pattern>]",
    "    Return the channels that have subscribers, or those that match <pattern>.",
    "NUMPAT",
    "    Return how many patterns have subscribers.",
    "NUMSUB [<channel> ...]",
    "    Return how many subscribers each channel has, those of patterns not counted.",
    "SHARDCHANNELS [<pattern>]",
    "    Return the shard channels that have subscribers, or those that match <pattern>.",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    Return how many subscribers each shard channel has.",
    "HELP",
    "    Print this help.",
)
