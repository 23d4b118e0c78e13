"""Which commands a proxy does not simply pass on, and how long those may take that wait."""

from collections.abc import Callable
from typing import Final

import vermilion.commands.groups  # noqa: F401  # importing the groups is what declares the commands
from vermilion.backends.link import NO_DEADLINE
from vermilion.commands.registry import COMMANDS

PLAIN, LOCAL, BLOCKING, STICKY, HEARD, HANDLED, REFUSED = range(7)
"""What is done with a command: passed on with everybody's; answered here; passed on over a connection of its own until
it is answered, until the client leaves, or for messages; seen to by a function of its own; refused."""

ROUTES: Final[dict[bytes, int]] = {
    # A server closes the connection of who sends POST or Host: as a browser does; it must not be everybody's.
    **dict.fromkeys((b"auth", b"quit", b"shutdown", b"post", b"host:"), LOCAL),
    **dict.fromkeys(
        (
            b"blpop", b"brpop", b"blmove", b"brpoplpush", b"blmpop", b"bzpopmin", b"bzpopmax", b"bzmpop",
            b"xread", b"xreadgroup",
            # No key to wait for; but while they run, the calls behind them in their connection do not.
            b"eval", b"evalsha", b"eval_ro", b"evalsha_ro", b"fcall", b"fcall_ro",
        ),
        BLOCKING,
    ),
    **dict.fromkeys((b"readonly", b"readwrite", b"asking"), STICKY),
    **dict.fromkeys(
        (
            b"subscribe", b"unsubscribe", b"psubscribe", b"punsubscribe", b"ssubscribe", b"sunsubscribe",
            b"monitor",
        ),
        HEARD,
    ),
    **dict.fromkeys((b"sync", b"psync", b"replconf"), REFUSED),
    **dict.fromkeys(
        (
            b"acl", b"client", b"config", b"discard", b"exec", b"hello", b"info", b"multi", b"reset", b"script",
            b"select", b"unwatch", b"wait", b"waitaof", b"watch",
        ),
        HANDLED,
    ),
}  # fmt: skip
"""By the name in lower case; what is not here is plain, commands that this server does not know included."""

PLAIN_NAMES: Final = frozenset(
    spelling
    for name in COMMANDS
    if "|" not in name and name.encode() not in ROUTES
    for spelling in (name.encode(), name.upper().encode())
)
"""The plain commands in both usual spellings."""

IN_TRANSACTION: Final = frozenset({PLAIN, BLOCKING})
"""What may stand between MULTI and EXEC for a transaction to be passed on as one."""

ENDS: Final = frozenset({b"exec", b"discard"})
"""What ends a transaction."""

OWN_DIRECTIVES: Final = frozenset({
    "aclfile", "acllog-max-len", "acl-pubsub-default", "backend", "bind", "client-output-buffer-limit",
    "client-query-buffer-limit", "daemonize", "enable-protected-configs", "loglevel", "logfile", "maxclients",
    "metrics-bind", "metrics-port", "pidfile", "port", "protected-mode", "requirepass",
    "supervised", "tcp-backlog", "tcp-keepalive", "timeout", "unixsocket", "unixsocketperm", "upstream",
    "upstream-connections", "upstream-in-flight", "upstream-start-timeout", "upstream-timeout",
})  # fmt: skip
"""The directives that CONFIG answers for the proxy: its clients, its listeners, its log. All of TLS is its own, too."""

SHARED_DIRECTIVES: Final = frozenset({b"proto-max-bulk-len"})
"""Those of upstream that the proxy has to know, too."""

SECRET_DIRECTIVES: Final = frozenset({
    b"masterauth", b"masteruser", b"primaryauth", b"primaryuser", b"tls-key-file-pass",
    b"tls-client-key-file-pass",
})  # fmt: skip
"""Those of upstream that no client of the proxy is shown."""


def is_own_directive(name: str) -> bool:
    """Whether CONFIG answers a directive for the proxy, and not for what is behind."""
    return name in OWN_DIRECTIVES or name.startswith("tls-")


def may_name_secret(pattern: bytes) -> bool:
    """Whether a pattern of CONFIG GET may match a directive that only the proxy answers, or nobody.

    Example:
        >>> may_name_secret(b"maxmemory"), may_name_secret(b"*auth"), may_name_secret(b"RequirePass")
        (False, True, True)
    """
    name = pattern.lower()
    is_glob = not frozenset(b"*?[\\").isdisjoint(name)
    return is_glob or name in SECRET_DIRECTIVES or is_own_directive(name.decode("utf-8", "replace"))


def _seconds(raw: bytes) -> float:
    """Return a timeout in seconds; what is none is refused by upstream, at once."""
    try:
        return float(raw) or NO_DEADLINE
    except ValueError:
        return 0.0


def _milliseconds(raw: bytes) -> float:
    return _seconds(raw) / 1000


def _last(argv: list[bytes]) -> float:
    return _seconds(argv[-1])


def _first(argv: list[bytes]) -> float:
    return _seconds(argv[1]) if len(argv) > 1 else 0.0


def _of_block(argv: list[bytes]) -> float | None:
    """Return the milliseconds behind BLOCK, which stands in front of the names of the streams."""
    for at, word in enumerate(argv[1:-1], 1):
        option = word.upper()
        if option == b"STREAMS":
            return None
        if option == b"BLOCK":
            return _milliseconds(argv[at + 1])
    return None


def of_wait(argv: list[bytes]) -> float:
    """Return the seconds that WAIT or WAITAOF may wait for."""
    return _milliseconds(argv[-1])


_WAITS: Final[dict[bytes, Callable[[list[bytes]], float | None]]] = {
    b"blpop": _last,
    b"brpop": _last,
    b"blmove": _last,
    b"brpoplpush": _last,
    b"bzpopmin": _last,
    b"bzpopmax": _last,
    b"blmpop": _first,
    b"bzmpop": _first,
    b"xread": _of_block,
    b"xreadgroup": _of_block,
}


def wait_of(name: bytes, argv: list[bytes]) -> float | None:
    """Return how many seconds a call may wait beyond the time that any call may take.

    Args:
        name: the command, in lower case.
        argv: the call.

    Returns:
        The seconds, `NO_DEADLINE` for ever, 0 for a script; None for a call that does not wait at all.

    Example:
        >>> wait_of(b"blpop", [b"BLPOP", b"jobs", b"2.5"])
        2.5
        >>> wait_of(b"xread", [b"XREAD", b"STREAMS", b"s", b"0"]) is None
        True
    """
    seconds = _WAITS.get(name)
    return 0.0 if seconds is None else seconds(argv)
