"""What a client's session shows of what upstream knows of the client: what it is subscribed to, and how it is tracked.

Upstream has the subscriptions, and what is here is their mirror image: CLIENT LIST shows it, and a user who loses a
channel takes its clients along. Nothing is published here, so nobody hears anything twice.
"""

import re
from collections.abc import Sequence
from typing import Final

from vermilion.engine.engine import Engine
from vermilion.messaging import CHANNEL, PATTERN, SHARD, Topic, subscriptions
from vermilion.session import Session

_CONFIRMATION: Final = re.compile(
    rb"[>*]3\r\n\$\d+\r\n(?P<kind>[ps]?)(?P<un>(?:un)?)subscribe\r\n\$\d+\r\n(?P<name>.*)\r\n:\d+\r\n",
    re.DOTALL,
)
_BROKEN: Final = b">2\r\n$21\r\ntracking-redir-broken\r\n"
_REDIRECT: Final = re.compile(rb"(\$8\r\nredirect\r\n:)\d+")
_KINDS: Final[dict[bytes, Topic]] = {b"": CHANNEL, b"p": PATTERN, b"s": SHARD}


def notice(engine: Engine, session: Session, frame: bytes) -> bytes:
    """Learn from a message about the client itself.

    Args:
        engine: whose session it is.
        session: the client's.
        frame: the confirmation of a subscription, or the news that invalidations go nowhere any more.

    Returns:
        What the client is to get: ids in it are those of this server.
    """
    if frame.startswith(_BROKEN):
        caching = session.caching
        if caching is None:
            return frame
        caching.broken = True
        return _BROKEN + b":%d\r\n" % caching.redirect
    found = _CONFIRMATION.fullmatch(frame)
    if found is not None:
        _change(engine, session, _KINDS[found["kind"]], [found["name"]], ends=bool(found["un"]))
    return frame


def confirm(engine: Engine, session: Session, argv: Sequence[bytes]) -> None:
    """Learn from a call that has run in a transaction, where confirmations are part of the reply to EXEC."""
    name = argv[0].lower()
    stem = name.removesuffix(b"subscribe")
    ends = stem.endswith(b"un")
    topic = _KINDS[stem.removesuffix(b"un")]
    names = argv[1:] or list(subscriptions(session, topic))
    _change(engine, session, topic, names, ends=ends)


def _change(engine: Engine, session: Session, topic: Topic, names: Sequence[bytes], *, ends: bool) -> None:
    for name in names:
        if ends:
            engine.pubsub.unsubscribe(session, topic, name)
        else:
            engine.pubsub.subscribe(session, topic, name)


def with_redirect(wire: bytes, session: Session) -> bytes:
    """Return the reply to CLIENT TRACKINGINFO with the id of this server in place of upstream's."""
    caching = session.caching
    if caching is None or not caching.redirect:
        return wire
    return _REDIRECT.sub(rb"\g<1>%d" % caching.redirect, wire, count=1)
