"""The line that CLIENT LIST has about a client, which ACL LOG shows too."""

from vermilion.errors import text
from vermilion.messaging import CHANNEL, PATTERN, SHARD, subscriptions
from vermilion.session import GATE_NO_TOUCH, GATE_SUBSCRIBED, Session


def describe(session: Session, now_ms: int, arguments: int = 0) -> str:
    """Return one line of CLIENT LIST, without its line end; arguments are the bytes of the call that runs."""
    transport = session.transport
    flags = "O" if session.monitoring else ""
    flags += "P" if session.gates & GATE_SUBSCRIBED else ""
    flags += "x" if session.queue is not None else ""
    flags += "b" if session.pending is not None else ""
    caching = session.caching
    if caching is not None:
        flags += f"t{'R' * caching.broken}{'B' * caching.broadcast}"
    flags += "d" if session.watched is not None and session.watched.broken else ""
    flags += "U" if session.is_on_unix_socket else ""
    flags += "e" if session.no_evict else ""
    flags += "T" if session.gates & GATE_NO_TOUCH else ""
    queued, unsent = transport.query_buffered, transport.output_buffered
    fields = {
        "id": session.id,
        "addr": transport.address,
        "laddr": transport.local_address,
        "fd": transport.fileno,
        "name": text(shown(session.name)),
        "age": (now_ms - session.created_ms) // 1000,
        "idle": (now_ms - session.last_active_ms) // 1000,
        "flags": flags or "N",
        "db": session.db.index,
        "sub": len(subscriptions(session, CHANNEL)),
        "psub": len(subscriptions(session, PATTERN)),
        "ssub": len(subscriptions(session, SHARD)),
        "multi": -1 if session.queue is None else len(session.queue),
        "watch": 0 if session.watched is None else len(session.watched),
        "qbuf": queued,
        "qbuf-free": 0,
        "argv-mem": arguments,
        "multi-mem": 0 if session.queue is None else session.queue.memory,
        "rbs": 0,
        "rbp": 0,
        "obl": 0,
        "oll": 1 if unsent else 0,
        "omem": unsent,
        "tot-mem": session.memory + arguments,
        "events": "rw" if unsent else "r",
        "cmd": session.last_command.name if session.last_command is not None else "NULL",
        "user": text(session.user.name),
        "redir": -1 if caching is None else caching.redirect,
        "resp": session.resp,
        "lib-name": text(shown(session.lib_name)),
        "lib-ver": text(shown(session.lib_version)),
        "io-thread": 0,
    }
    return " ".join(f"{name}={value}" for name, value in fields.items())


def shown(name: bytes) -> bytes:
    """Return the part of a name that CLIENT LIST shows: Redis prints C strings."""
    return name.partition(b"\0")[0]
