"""SLOWLOG: the calls that took long, without the time that they waited."""

from typing import Final

from vermilion import errors
from vermilion.commands.registry import command, container
from vermilion.commands.syntax import ADMIN, LOADING, STALE, Argument
from vermilion.errors import RespError
from vermilion.ports import Server
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import OK, Reply, Status
from vermilion.session import Session

_FLAGS: Final = ADMIN | LOADING | STALE
_SHOWN: Final = 10

container("SLOWLOG", group="server", since="2.2.12", summary="Keeps the calls that took long.")


@command(
    "SLOWLOG|GET", _FLAGS, since="2.2.12", complexity="O(N) where N is the number of calls returned.",
    tips=["request_policy:all_nodes", "nondeterministic_output"], group="server",
    raw=True, arity=-2, arguments=[Argument("count", "integer", optional=True)],
)  # fmt: skip
def slowlog_get(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the last slow calls, newest first: ten, or as many as asked for."""
    # Raw: too many arguments have an error of their own, and any wrong count has the same one.
    if len(argv) > 3:
        raise RespError(errors.wrong_subcommand("SLOWLOG", argv[1]))
    count = parse_int64(argv[2]) if len(argv) == 3 else _SHOWN
    if count is None or count < -1:
        raise RespError(errors.SLOWLOG_COUNT)
    return [
        [
            call.identifier,
            call.second,
            call.microseconds,
            list[Reply](call.arguments),
            call.address.encode(),
            call.client_name,
        ]
        for call in session.server.slow_log.latest(count)
    ]


@command(
    "SLOWLOG|LEN", _FLAGS, since="2.2.12", complexity="O(1)", group="server",
    tips=["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
)  # fmt: skip
def slowlog_len(server: Server) -> int:
    """Return how many slow calls are kept."""
    return len(server.slow_log)


@command(
    "SLOWLOG|RESET", _FLAGS, since="2.2.12", complexity="O(N) where N is the number of calls kept.",
    tips=["request_policy:all_nodes", "response_policy:all_succeeded"], group="server",
)  # fmt: skip
def slowlog_reset(server: Server) -> Status:
    """Forget all slow calls."""
    server.slow_log.clear()
    return OK


@command("SLOWLOG|HELP", LOADING | STALE, since="6.2.0", complexity="O(1)", group="server")
def slowlog_help() -> list[Reply]:
    """Return what the subcommands do."""
    return [Status(line) for line in _HELP]


_HELP: Final = (
    "SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET [<count>]",
    "    Return the last <count> slow calls (10 if not given, all for -1). Each has",
    "    its id, when it ran, how many microseconds it took, its arguments, and",
    "    the address and the name of its client.",
    "LEN",
    "    Return how many slow calls are kept.",
    "RESET",
    "    Forget them.",
    "HELP",
    "    Print this help.",
)
