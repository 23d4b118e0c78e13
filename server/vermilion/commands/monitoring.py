"""MONITOR and CLIENT PAUSE: what one client sees of all others, and how it holds them up."""

from typing import Final

from vermilion import errors
from vermilion.commands.registry import command
from vermilion.commands.syntax import ADMIN, LOADING, NOSCRIPT, STALE, Argument
from vermilion.errors import RespError
from vermilion.ports import Server
from vermilion.protocol.numbers import INT64_MAX, parse_int64
from vermilion.protocol.reply import NO_REPLY, OK, Reply, Status
from vermilion.session import Session

_FLAGS: Final = ADMIN | NOSCRIPT | LOADING | STALE


@command("MONITOR", _FLAGS, since="1.0.0", group="server")
def monitor(session: Session) -> Reply:
    """Return every call of every client, as it comes."""
    if not session.may_wait:
        raise RespError(errors.MONITOR_CANNOT_WAIT)
    if session.monitoring:
        return NO_REPLY  # as in Redis
    session.server.monitors.add(session)
    return OK


@command(
    "CLIENT|PAUSE", _FLAGS, since="3.0.0", complexity="O(1)", group="connection", raw=True, arity=-3,
    arguments=[
        Argument("timeout", "integer"),
        Argument("mode", "oneof", optional=True, since="6.2.0", arguments=[
            Argument("write", "pure-token", token="WRITE"), Argument("all", "pure-token", token="ALL"),
        ]),
    ],
)  # fmt: skip
def client_pause(session: Session, argv: list[bytes]) -> Status:
    """Postpone the calls of all clients, or those that write, for some milliseconds."""
    # Raw: one argument too many is refused as a subcommand that does not exist.
    if len(argv) > 4:
        raise RespError(errors.wrong_subcommand("CLIENT", argv[1]))
    mode = argv[3].upper() if len(argv) == 4 else b"ALL"
    if mode not in {b"WRITE", b"ALL"}:
        raise RespError(errors.BAD_PAUSE_MODE)
    server = session.server
    timeout_ms = parse_int64(argv[2])
    if timeout_ms is None:
        raise RespError(errors.TIMEOUT_NOT_AN_INTEGER)
    if timeout_ms < 0:
        raise RespError(errors.TIMEOUT_NEGATIVE)
    if timeout_ms > INT64_MAX - server.clock.now_ms():
        raise RespError(errors.TIMEOUT_OUT_OF_RANGE)
    server.pause.begin(timeout_ms, everything=mode == b"ALL")
    return OK


@command(
    "CLIENT|UNPAUSE",
    _FLAGS,
    since="6.2.0",
    complexity="O(N) where N is the number of paused clients",
    group="connection",
)
def client_unpause(server: Server) -> Status:
    """Postpone no calls any more, and run those that were."""
    server.pause.end()
    return OK
