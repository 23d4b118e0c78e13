"""The transactions group: calls that are queued and run as one, unless a watched key has changed."""

from typing import Final

from vermilion import errors
from vermilion.commands.registry import command
from vermilion.commands.syntax import ALLOW_BUSY, FAST, LOADING, NOSCRIPT, SKIP_SLOWLOG, STALE, PeekKey
from vermilion.errors import RespError
from vermilion.protocol.reply import OK, Reply, Status
from vermilion.session import Session

_ALWAYS: Final = NOSCRIPT | LOADING | STALE
_FLAGS: Final = _ALWAYS | FAST | ALLOW_BUSY


@command("MULTI", _FLAGS, since="1.2.0", complexity="O(1)")
def multi(session: Session) -> Status:
    """Queue the calls that follow, until EXEC."""
    session.server.transactions.begin(session)
    return OK


@command("EXEC", _ALWAYS | SKIP_SLOWLOG, since="1.2.0", complexity="Depends on the queued commands")
def exec_(session: Session) -> Reply:
    """Run the queued calls as one and return their replies, or nil when a watched key has changed."""
    return session.server.transactions.execute(session)


@command("DISCARD", _FLAGS, since="2.0.0", complexity="O(N) where N is the number of queued calls")
def discard(session: Session) -> Status:
    """Forget the queued calls, and watch no key any more."""
    if session.queue is None:
        raise RespError(errors.DISCARD_WITHOUT_MULTI)
    session.server.transactions.discard(session)
    return OK


@command("WATCH", _FLAGS, since="2.2.0", complexity="O(1) for each key.")
def watch(session: Session, *key: PeekKey) -> Status:
    """Let the next transaction run only if none of the keys has changed until then."""
    if session.queue is not None:
        raise RespError(errors.WATCH_IN_MULTI)
    session.server.transactions.watch(session, key)
    return OK


@command("UNWATCH", _FLAGS, since="2.2.0", complexity="O(1)")
def unwatch(session: Session) -> Status:
    """Watch no key any more."""
    session.server.transactions.unwatch(session)
    return OK
