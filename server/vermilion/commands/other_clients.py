"""What one client may see and do of others: CLIENT LIST, INFO, KILL and UNBLOCK."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from vermilion import errors
from vermilion.commands.client_line import describe
from vermilion.commands.registry import command
from vermilion.commands.syntax import ADMIN, LOADING, NOSCRIPT, STALE, Argument
from vermilion.errors import RespError
from vermilion.ports import Server
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import OK, Reply, Verbatim
from vermilion.session import GATE_SUBSCRIBED, Session

Filter: TypeAlias = Callable[[Session], bool]

_FLAGS: Final = NOSCRIPT | LOADING | STALE


def _utf8(value: str) -> bytes:
    """Return text as the wire carries it."""
    return value.encode("utf-8", "surrogateescape")


def _lines(sessions: Iterable[Session], caller: Session, argv: list[bytes]) -> Verbatim:
    """Return the lines of CLIENT LIST: of these clients, for the one that calls."""
    now_ms = caller.server.clock.monotonic_ms()
    size = sum(map(len, argv))
    lines = (describe(session, now_ms, size if session is caller else 0) for session in sessions)
    listed = "".join(f"{line}\n" for line in lines)
    return Verbatim(listed.encode("utf-8", "surrogateescape"))


@command(
    "CLIENT|INFO", _FLAGS, since="6.2.0", group="connection", complexity="O(1)", tips=["nondeterministic_output"],
    raw=True, arity=2,
)  # fmt: skip
def client_info(session: Session, argv: list[bytes]) -> Verbatim:
    """Return what CLIENT LIST says of this connection."""
    # Raw, as CLIENT LIST: it tells of its own arguments, too.
    return _lines([session], session, argv)


_TYPES: Final = (b"normal", b"master", b"replica", b"slave", b"pubsub")


def _of_type(word: bytes) -> Filter:
    """Return what a type asks of a client: there are normal ones and subscribers here."""
    kind = word.lower()
    if kind not in _TYPES:
        raise RespError(errors.unknown_client_type(word))
    return lambda other: kind == (b"pubsub" if other.gates & GATE_SUBSCRIBED else b"normal")


def _type_tokens(*names: str) -> list[Argument]:
    """Document the words of TYPE."""
    return [Argument(name, "pure-token", token=name.upper()) for name in names]


@command(
    "CLIENT|LIST", ADMIN | _FLAGS, since="2.4.0", group="connection", raw=True, arity=-2,
    complexity="O(N) where N is the number of client connections", tips=["nondeterministic_output"],
    arguments=[
        Argument(
            "client-type", "oneof", token="TYPE", since="5.0.0", optional=True,
            arguments=_type_tokens("normal", "master", "replica", "pubsub"),
        ),
        Argument("client-id", "integer", token="ID", since="6.2.0", optional=True, multiple=True),
    ],
)  # fmt: skip
def client_list(session: Session, argv: list[bytes]) -> Verbatim:
    """Return a line about each connection."""
    server = session.server
    options = argv[2:]
    if not options:
        return _lines(server.sessions.values(), session, argv)
    word = options[0].upper()
    if word == b"TYPE" and len(options) == 2:
        return _lines(filter(_of_type(options[1]), server.sessions.values()), session, argv)
    if word == b"ID" and len(options) > 1:
        wanted: list[Session] = []
        for raw in options[1:]:
            number = parse_int64(raw)
            if number is None:
                raise RespError(errors.INVALID_CLIENT_ID)
            if number in server.sessions:
                wanted.append(server.sessions[number])
        return _lines(wanted, session, argv)
    raise RespError(errors.SYNTAX)


@command(
    "CLIENT|KILL", ADMIN | _FLAGS, since="2.4.0", group="connection", raw=True, arity=-3,
    complexity="O(N) where N is the number of client connections",
    arguments=[Argument("filter", "oneof", arguments=[
        Argument("old-format", "string", display="ip:port", deprecated_since="2.8.12"),
        Argument("new-format", "oneof", multiple=True, arguments=[
            Argument("client-id", "integer", token="ID", since="2.8.12", optional=True),
            Argument(
                "client-type", "oneof", token="TYPE", since="2.8.12", optional=True,
                arguments=[
                    Argument("normal", "pure-token", token="NORMAL"),
                    Argument("master", "pure-token", token="MASTER", since="3.2.0"),
                    Argument("slave", "pure-token", token="SLAVE"),
                    Argument("replica", "pure-token", token="REPLICA", since="5.0.0"),
                    Argument("pubsub", "pure-token", token="PUBSUB"),
                ],
            ),
            Argument("username", "string", token="USER", optional=True),
            Argument("addr", "string", display="ip:port", token="ADDR", optional=True),
            Argument("laddr", "string", display="ip:port", token="LADDR", since="6.2.0", optional=True),
            Argument("skipme", "oneof", token="SKIPME", optional=True, arguments=_type_tokens("yes", "no")),
            Argument("maxage", "integer", token="MAXAGE", since="7.4.0", optional=True),
        ]),
    ])],
)  # fmt: skip
def client_kill(session: Session, argv: list[bytes]) -> Reply:
    """Close connections; return OK, or with filters how many were closed."""
    server = session.server
    if len(argv) == 3:
        wanted = [other for other in server.sessions.values() if _utf8(other.transport.address) == argv[2]]
        if not wanted:
            raise RespError(errors.NO_SUCH_CLIENT)
        _close(session, wanted[0])
        return OK
    filters, skip_me = _kill_filters(server, argv[2:])
    killed = 0
    for other in list(server.sessions.values()):
        if not (skip_me and other is session) and all(matches(other) for matches in filters):
            _close(session, other)
            killed += 1
    return killed


def _close(session: Session, other: Session) -> None:
    """Close a connection: one's own only after the reply."""
    if other is session:
        other.transport.close_after_reply()
    else:
        other.transport.abort()


def _kill_filters(server: Server, options: list[bytes]) -> tuple[list[Filter], bool]:
    """Read the filters of CLIENT KILL; return what a client must match, and whether the caller is spared."""
    now = server.clock.monotonic_ms()
    filters: dict[bytes, Filter] = {}
    skip_me = True
    for word, raw in _pairs(options):
        if word == b"SKIPME" and raw.lower() in {b"yes", b"no"}:
            skip_me = raw.lower() == b"yes"
        else:
            # Of a filter that is given twice the last one counts.
            filters[word] = _kill_filter(server, word, raw, now)
    return list(filters.values()), skip_me


def _kill_filter(server: Server, word: bytes, raw: bytes, now_ms: int) -> Filter:
    """Return what one filter of CLIENT KILL asks of a client."""
    if word == b"ID":
        number = parse_int64(raw)
        if number is None or number < 1:
            raise RespError(errors.CLIENT_ID_NOT_POSITIVE)
        return lambda other: other.id == number
    if word == b"TYPE":
        return _of_type(raw)
    if word == b"USER":
        user = server.acl.find(raw)
        if user is None:
            raise RespError(errors.no_such_user(raw))
        return lambda other: other.user is user
    if word == b"ADDR":
        return lambda other: _utf8(other.transport.address) == raw
    if word == b"LADDR":
        return lambda other: _utf8(other.transport.local_address) == raw
    if word == b"MAXAGE":
        age = parse_int64(raw)
        if age is None:
            raise RespError(errors.MAXAGE_NOT_AN_INTEGER)
        if age <= 0:
            raise RespError(errors.MAXAGE_NOT_POSITIVE)
        oldest_ms = now_ms - age * 1000
        return lambda other: other.created_ms <= oldest_ms
    raise RespError(errors.SYNTAX)


def _pairs(options: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield each option with its value."""
    if len(options) % 2:
        raise RespError(errors.SYNTAX)
    words = iter(options)
    for word in words:
        yield word.upper(), next(words)


@command(
    "CLIENT|UNBLOCK", ADMIN | _FLAGS, since="5.0.0", group="connection",
    complexity="O(log N) where N is the number of client connections", raw=True, arity=-3,
    arguments=[
        Argument("client-id", "integer"),
        Argument("unblock-type", "oneof", optional=True, arguments=_type_tokens("timeout", "error")),
    ],
)  # fmt: skip
def client_unblock(session: Session, argv: list[bytes]) -> int:
    """Let a blocked client wait no longer, as if by timeout or with an error; return 1 when it was, 0 when not."""
    # Raw: one argument too many is refused as a subcommand that does not exist.
    if len(argv) > 4:
        raise RespError(errors.wrong_subcommand("CLIENT", argv[1]))
    reason = argv[3].upper() if len(argv) == 4 else b"TIMEOUT"
    if reason not in {b"TIMEOUT", b"ERROR"}:
        raise RespError(errors.BAD_UNBLOCK_REASON)
    number = parse_int64(argv[2])
    if number is None:
        raise RespError(errors.NOT_AN_INTEGER)
    other = session.server.sessions.get(number)
    if other is None or other.pending is None or other.pending.postponed:
        return 0
    reply = other.pending.at_timeout if reason == b"TIMEOUT" else RespError(errors.UNBLOCKED)
    session.server.unblock(other, reply)
    return 1
