"""Replication, of the server group: there are no replicas here, and no primary above.

What asks after replication is answered as by a primary without replicas. What would begin it is refused in plain
words: a client that takes a reply for the beginning of a stream would wait for ever.
"""

from collections.abc import Callable, Mapping
from typing import Final

from vermilion import errors
from vermilion.commands.registry import command
from vermilion.commands.syntax import (
    ADMIN,
    ALLOW_BUSY,
    FAST,
    LOADING,
    NO_ASYNC_LOADING,
    NO_MULTI,
    NOSCRIPT,
    STALE,
    Argument,
    bounded,
)
from vermilion.errors import RespError
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import NO_REPLY, OK, Reply, Status
from vermilion.session import Session

_STREAM: Final = ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI
_PORT_MAX: Final = 65535


@command(
    "ROLE",
    NOSCRIPT | LOADING | STALE | FAST,
    since="2.8.12",
    complexity="O(1)",
    categories=["admin", "dangerous"],
    group="server",
)
def role() -> list[Reply]:
    """Return the part that the server plays in replication: a primary's, its offset, and its replicas."""
    return [b"master", 0, []]


# To be a replica ------------------------------------------------------------------------------------------

_PRIMARY: Final = Argument("args", "oneof", arguments=[
    Argument("host-port", "block", arguments=[Argument("host", "string"), Argument("port", "integer")]),
    Argument("no-one", "block", arguments=[
        Argument("no", "pure-token", token="NO"), Argument("one", "pure-token", token="ONE"),
    ]),
])  # fmt: skip


@command(
    "REPLICAOF", ADMIN | NOSCRIPT | STALE | NO_ASYNC_LOADING, since="5.0.0", complexity="O(1)", group="server",
    raw=True, arity=3, arguments=[_PRIMARY],
)  # fmt: skip
def replicaof(session: Session, argv: list[bytes]) -> Status:
    """Accept NO ONE, which is what the server is; refuse to replicate from another."""
    # Raw, as SLAVEOF: NO ONE are words in the places of a host and a port.
    if [word.upper() for word in argv[1:]] == [b"NO", b"ONE"]:
        return OK
    port = parse_int64(argv[2])
    if port is None or not 0 <= port <= _PORT_MAX:
        raise RespError(errors.INVALID_PRIMARY_PORT)
    raise RespError(errors.NOT_A_REPLICA)


@command(
    "SLAVEOF", ADMIN | NOSCRIPT | STALE | NO_ASYNC_LOADING, since="1.0.0", complexity="O(1)", group="server",
    deprecated=("5.0.0", "`REPLICAOF`"), raw=True, arity=3, arguments=[_PRIMARY],
)  # fmt: skip
def slaveof(session: Session, argv: list[bytes]) -> Status:
    """Accept NO ONE, refuse another server: the same as `REPLICAOF`."""
    return replicaof(session, argv)


# To have replicas -----------------------------------------------------------------------------------------


@command("SYNC", _STREAM, since="1.0.0", group="server")
def sync() -> Reply:
    """Refuse to send a snapshot and what follows it."""
    raise RespError(errors.NO_REPLICATION_STREAM)


@command(
    "PSYNC", _STREAM, since="2.8.0", group="server", raw=True, arity=-3,
    arguments=[Argument("replicationid", "string"), Argument("offset", "integer")],
)  # fmt: skip
def psync(session: Session, argv: list[bytes]) -> Reply:
    """Refuse to send what a replica has missed."""
    # Raw: words behind the offset are ignored.
    _integer(argv[2])
    raise RespError(errors.NO_REPLICATION_STREAM)


def _integer(text: bytes) -> int:
    """Return an integer."""
    number = parse_int64(text)
    if number is None:
        raise RespError(errors.NOT_AN_INTEGER)
    return number


def _check_flag(text: bytes) -> None:
    """Refuse what is neither 0 nor 1."""
    if bounded(0, 1)(text) is None:
        raise RespError(errors.NOT_AN_INTEGER)


def _check_filter(text: bytes) -> None:
    """Refuse kinds of contents that no replica can ask for."""
    for word in text.split():
        if word.lower() != b"functions":
            raise RespError(errors.unsupported_rdb_filter(word))


def _check_rdb_client(text: bytes) -> None:
    """Refuse every client: none receives a snapshot."""
    _integer(text)
    raise RespError(errors.unknown_rdb_client(text))


def _check_nothing(text: bytes) -> None:
    """Accept anything."""


_REPLCONF: Final[Mapping[bytes, Callable[[bytes], object]]] = {
    b"listening-port": _integer,
    b"ip-address": _check_nothing,
    b"capa": _check_nothing,
    b"rdb-only": _check_flag,
    b"rdb-channel": _check_flag,
    b"rdb-filter-only": _check_filter,
    b"main-ch-client-id": _check_rdb_client,
}
"""What a replica says of itself before it asks for the stream, and what is wrong with it."""

_FROM_REPLICAS: Final = frozenset({b"ack", b"getack"})


@command(
    "REPLCONF", ADMIN | NOSCRIPT | LOADING | STALE | ALLOW_BUSY, since="3.0.0", complexity="O(1)",
    group="server", doc_flags=["syscmd"], raw=True, arity=-1,
)  # fmt: skip
def replconf(session: Session, argv: list[bytes]) -> Reply:
    """Take note of what a replica says of itself; SYNC will refuse it."""
    # Raw: options are judged one after the other, and some are not answered at all.
    if len(argv) % 2 == 0:
        raise RespError(errors.SYNTAX)
    for option, operand in zip(argv[1::2], argv[2::2], strict=True):
        name = option.lower()
        if name in _FROM_REPLICAS:
            return NO_REPLY
        check = _REPLCONF.get(name)
        if check is None:
            raise RespError(errors.unknown_replconf_option(option))
        check(operand)
    return OK


@command(
    "FAILOVER", ADMIN | NOSCRIPT | STALE, since="6.2.0", complexity="O(1)", group="server", raw=True, arity=-1,
    arguments=[
        Argument("target", "block", token="TO", optional=True, arguments=[
            Argument("host", "string"),
            Argument("port", "integer"),
            Argument("force", "pure-token", token="FORCE", optional=True),
        ]),
        Argument("abort", "pure-token", token="ABORT", optional=True),
        Argument("milliseconds", "integer", token="TIMEOUT", optional=True),
    ],
)  # fmt: skip
def failover(session: Session, argv: list[bytes]) -> Reply:
    """Refuse to hand the server's part over: there is no replica that could take it."""
    # Raw: an option given twice is a syntax error, and each is judged before the next is read.
    words = [word.upper() for word in argv[1:]]
    if words == [b"ABORT"]:
        raise RespError(errors.NO_FAILOVER)
    seen: set[bytes] = set()
    at = 0
    while at < len(words):
        word, left = words[at], len(words) - at - 1
        operands = {b"FORCE": 0, b"TIMEOUT": 1, b"TO": 2}.get(word)
        if operands is None or operands > left or word in seen:
            raise RespError(errors.SYNTAX)
        seen.add(word)
        if operands and _integer(words[at + operands]) <= 0 and word == b"TIMEOUT":
            raise RespError(errors.FAILOVER_TIMEOUT)
        at += 1 + operands
    raise RespError(errors.NO_REPLICAS)
