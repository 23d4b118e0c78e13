"""The connection group: who a client is, and how it talks."""

from typing import Annotated, Final, TypeAlias

from vermilion import errors
from vermilion.access.user import DEFAULT
from vermilion.commands.client_line import shown
from vermilion.commands.introspection import loaded_modules
from vermilion.commands.registry import command, container
from vermilion.commands.syntax import (
    ADMIN,
    ALLOW_BUSY,
    FAST,
    LOADING,
    NO_AUTH,
    NOSCRIPT,
    STALE,
    STRING,
    Argument,
    Kind,
    OneWord,
    Value,
    bounded,
)
from vermilion.errors import RespError, text
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import NO_REPLY, OK, PONG, Reply, Status
from vermilion.session import GATE_AUTH, GATE_NO_TOUCH, GATE_REPLY, GATE_SUBSCRIBED, Session
from vermilion.version import REDIS_VERSION

OnOff: TypeAlias = Annotated[str, OneWord("ON", "OFF")]

_CLIENT_FLAGS: Final = NOSCRIPT | LOADING | STALE
_INT32: Final = Kind("integer", bounded(-(2**31), 2**31 - 1))
_RESET: Final = Status("RESET")


@command(
    "PING",
    FAST,
    since="1.0.0",
    complexity="O(1)",
    tips=["request_policy:all_shards", "response_policy:all_succeeded"],
)
def ping(session: Session, message: Annotated[bytes | None, STRING] = None) -> Reply:
    """Return PONG, or the message."""
    if session.gates & GATE_SUBSCRIBED and session.resp == 2:
        return [b"pong", message or b""]  # in the form of a message, which a subscribed client can read
    return PONG if message is None else message


@command("ECHO", LOADING | STALE | FAST, since="1.0.0", complexity="O(1)")
def echo(message: Value) -> bytes:
    """Return the message."""
    return message


@command(
    "QUIT",
    NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY,
    since="1.0.0",
    complexity="O(1)",
    deprecated=("7.2.0", "just closing the connection"),
    raw=True,
    arity=-1,
)
def quit_(session: Session, argv: list[bytes]) -> Status:
    """Close the connection; return OK first."""
    session.transport.close_after_reply()
    return OK


@command("SELECT", LOADING | STALE | FAST, since="1.0.0", complexity="O(1)")
def select(session: Session, index: Annotated[int, _INT32]) -> Status:
    """Select the database that the client's later calls work on."""
    if not 0 <= index < len(session.server.databases):
        raise RespError(errors.DB_INDEX_OUT_OF_RANGE)
    session.db = session.server.databases[index]
    return OK


# Who it is ------------------------------------------------------------------------------------------------


@command(
    "AUTH", NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY, since="1.0.0",
    complexity="O(N) where N is the number of passwords defined for the user", raw=True, arity=-2,
    arguments=[Argument("username", "string", optional=True, since="6.0.0"), Argument("password", "string")],
)  # fmt: skip
def auth(session: Session, argv: list[bytes]) -> Status:
    """Authenticate the connection."""
    # Raw: the optional argument is the first one.
    if len(argv) > 3:
        raise RespError(errors.SYNTAX)
    acl = session.server.acl
    if len(argv) == 3:
        acl.authenticate(session, argv[1], argv[2], argv[0])
    elif acl.default.nopass:
        raise RespError(errors.NO_PASSWORD_SET)
    else:
        acl.authenticate(session, DEFAULT, argv[1], argv[0])
    return OK


def _check_name(name: bytes, what: str) -> bytes:
    """Refuse a name that would break the lines of CLIENT LIST, which shows what stands before a NUL."""
    if any(not 33 <= byte <= 126 for byte in shown(name)):
        raise RespError(errors.bad_client_name(what))
    return name


@command(
    "HELLO", NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY, since="6.0.0", complexity="O(1)",
    raw=True, arity=-1,
    arguments=[
        Argument("arguments", "block", optional=True, arguments=[
            Argument("protover", "integer"),
            Argument("auth", "block", token="AUTH", optional=True, arguments=[
                Argument("username", "string"), Argument("password", "string"),
            ]),
            Argument("clientname", "string", token="SETNAME", optional=True),
        ]),
    ],
)  # fmt: skip
def hello(session: Session, argv: list[bytes]) -> Reply:
    """Switch the protocol, authenticate and name the connection; return what the server is."""
    # Raw: its options have error texts of their own, and are all read before any takes effect.
    version = session.resp
    if len(argv) > 1:
        number = parse_int64(argv[1])
        if number is None:
            raise RespError(errors.PROTOCOL_NOT_AN_INTEGER)
        if number not in {2, 3}:
            raise RespError(errors.UNSUPPORTED_PROTOCOL)
        version = number
    credentials: tuple[bytes, bytes] | None = None
    name: bytes | None = None
    at = 2
    while at < len(argv):
        word = argv[at].upper()
        if word == b"AUTH" and at + 2 < len(argv):
            credentials = (argv[at + 1], argv[at + 2])
            at += 3
        elif word == b"SETNAME" and at + 1 < len(argv):
            name = _check_name(argv[at + 1], "Client names")
            at += 2
        else:
            raise RespError(errors.hello_option(argv[at]))
    if credentials is not None:
        session.server.acl.authenticate(session, *credentials, argv[0])
    if session.gates & GATE_AUTH:
        raise RespError(errors.HELLO_NEEDS_AUTH)
    if name is not None:
        session.name = name
    if version != session.resp:
        session.resp = version
        session.transport.use_resp(version)
    return {
        b"server": b"redis",
        b"version": REDIS_VERSION.encode(),
        b"proto": session.resp,
        b"id": session.id,
        b"mode": b"standalone",
        b"role": b"master",
        b"modules": loaded_modules(),
    }


@command("RESET", NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY, since="6.2.0", complexity="O(1)")
def reset(session: Session) -> Status:
    """Give the connection the state of a new one."""
    server = session.server
    server.pubsub.leave(session)
    server.tracking.disable(session)
    session.db = server.databases[0]
    session.name = b""
    server.acl.greet(session)
    session.no_evict = False
    session.gates &= ~GATE_NO_TOUCH
    if session.reply_mode != "skip":  # the reply that is skipped is this one
        session.reply_mode = "on"
        session.gates &= ~GATE_REPLY
    server.transactions.discard(session)
    server.monitors.remove(session)
    if session.resp != 2:
        session.resp = 2
        session.transport.use_resp(2)
    return _RESET


# CLIENT ---------------------------------------------------------------------------------------------------

container("CLIENT", group="connection", since="2.4.0", summary="A container for client connection commands.")


@command("CLIENT|ID", _CLIENT_FLAGS, since="5.0.0", complexity="O(1)")
def client_id(session: Session) -> int:
    """Return the unique id of the connection."""
    return session.id


@command("CLIENT|GETNAME", _CLIENT_FLAGS, since="2.6.9", complexity="O(1)")
def client_getname(session: Session) -> bytes | None:
    """Return the name of the connection, or nil."""
    return session.name or None


@command(
    "CLIENT|SETNAME",
    _CLIENT_FLAGS,
    since="2.6.9",
    complexity="O(1)",
    tips=["request_policy:all_nodes", "response_policy:all_succeeded"],
)
def client_setname(session: Session, connection_name: Value) -> Status:
    """Name the connection; an empty name takes the name away."""
    session.name = _check_name(connection_name, "Client names")
    return OK


@command(
    "CLIENT|SETINFO", _CLIENT_FLAGS, since="7.2.0", complexity="O(1)",
    tips=["request_policy:all_nodes", "response_policy:all_succeeded"], raw=True, arity=4,
    arguments=[Argument("attr", "oneof", arguments=[
        Argument("libname", "string", token="LIB-NAME"), Argument("libver", "string", token="LIB-VER"),
    ])],
)  # fmt: skip
def client_setinfo(session: Session, argv: list[bytes]) -> Status:
    """Say which library the client is."""
    attribute = argv[2].lower()
    if attribute == b"lib-name":
        session.lib_name = _check_name(argv[3], text(argv[2]))
    elif attribute == b"lib-ver":
        session.lib_version = _check_name(argv[3], text(argv[2]))
    else:
        raise RespError(errors.unrecognized_option(argv[2]))
    return OK


@command("CLIENT|REPLY", _CLIENT_FLAGS, since="3.2.0", complexity="O(1)")
def client_reply(session: Session, action: Annotated[str, OneWord("ON", "OFF", "SKIP")]) -> Reply:
    """Turn replies on or off, or skip the next one; only ON is answered."""
    if action == "ON":
        session.reply_mode = "on"
        session.gates &= ~GATE_REPLY
        return OK
    if action == "OFF" or session.reply_mode != "off":
        # A SKIP inside a skipped call must outlive that call.
        skip = "skip-next" if session.reply_mode == "skip" else "skip"
        session.reply_mode = "off" if action == "OFF" else skip
        session.gates |= GATE_REPLY
    return NO_REPLY


@command("CLIENT|NO-EVICT", ADMIN | _CLIENT_FLAGS, since="7.0.0", complexity="O(1)")
def client_no_evict(session: Session, enabled: OnOff) -> Status:
    """Exempt the connection from eviction of clients, or not."""
    session.no_evict = enabled == "ON"
    return OK


@command("CLIENT|NO-TOUCH", _CLIENT_FLAGS, since="7.2.0", complexity="O(1)")
def client_no_touch(session: Session, enabled: OnOff) -> Status:
    """Let the connection's calls leave the access times of keys alone, or not."""
    if enabled == "ON":
        session.gates |= GATE_NO_TOUCH
    else:
        session.gates &= ~GATE_NO_TOUCH
    return OK


@command("CLIENT|HELP", LOADING | STALE, since="5.0.0", complexity="O(1)")
def client_help() -> list[Reply]:
    """Return what the subcommands do."""
    return [Status(line) for line in _HELP]


_HELP: Final = (
    "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CACHING (YES|NO)",
    "    Say whether the keys of the next call are tracked, with OPTIN and OPTOUT.",
    "GETREDIR",
    "    Return the id of the client that is told instead of this one.",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made from the specified address",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made to specified local address",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Kill connections by type.",
    "    * USER <username>",
    "      Kill connections authenticated by <username>.",
    "    * SKIPME (YES|NO)",
    "      Skip killing current connection (default: yes).",
    "    * ID <client-id>",
    "      Kill connections by client id.",
    "    * MAXAGE <maxage>",
    "      Kill connections older than the specified age.",
    "LIST [options ...]",
    "    Return information about client connections. Options:",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Return clients of specified type.",
    "UNPAUSE",
    "    End the pause, and run what was postponed.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Postpone all calls, or those that write, for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "SETINFO <option> <value>",
    "    Set client meta attr. Options are:",
    "    * LIB-NAME: the client lib name.",
    "    * LIB-VER: the client lib version.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Unblock the specified blocked client.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
    "         [OPTIN] [OPTOUT] [NOLOOP]",
    "    Have changes of keys that were read, or of prefixes, told.",
    "TRACKINGINFO",
    "    Return how the reads of the current connection are tracked.",
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction.",
    "NO-TOUCH (ON|OFF)",
    "    Will not touch LRU/LFU stats when this mode is on.",
    "HELP",
    "    Print this help.",
)
"""Redis's text for the subcommands that exist here."""
