"""DEBUG, of the server group: what tests and the curious need, where the configuration allows it.

Redis's own test tools call it. A subcommand is here if it does what it says; those that look into structures which
Python hides (hash tables, listpacks), crash the server or reach into its allocator are unknown.
"""

import logging
import re
import time as system_time
from collections.abc import Callable, Mapping
from typing import Final

from vermilion import errors
from vermilion.commands.registry import command
from vermilion.commands.syntax import ADMIN, LOADING, NOSCRIPT, STALE, unsigned
from vermilion.errors import RespError
from vermilion.keyspace import digest as digests
from vermilion.keyspace import value as values
from vermilion.keyspace.database import Database
from vermilion.kinds import parse_memory
from vermilion.protocol.reply import OK, Attributed, BigNumber, Messages, Push, Reply, Status, Verbatim
from vermilion.rdb.payload import serialized_length
from vermilion.session import Server, Session
from vermilion.structures.vector_set import VectorSet

LOGGER: Final = logging.getLogger("vermilion")

_NUMBER_PREFIX: Final = re.compile(rb"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_PACKED_MAX: Final = (1 << 32) - (1 << 20)


@command(
    "DEBUG",
    ADMIN | NOSCRIPT | LOADING | STALE,
    since="1.0.0",
    complexity="Depends on subcommand.",
    raw=True,
    arity=-2,
    doc_flags=["syscmd"],
    group="server",
)
def debug(session: Session, argv: list[bytes]) -> Reply:
    """Do what tests and the curious need, where the configuration allows it."""
    # Raw, and no container: a wrong number of arguments and an unknown subcommand are one error.
    if not session.may_use(session.server.settings.enable_debug_command):
        raise RespError(errors.DEBUG_NOT_ALLOWED)
    arguments = argv[2:]
    known = _SUBCOMMANDS.get(argv[1].lower())
    if known is None or not known[0] <= len(arguments) <= known[1]:
        raise RespError(errors.wrong_subcommand("DEBUG", argv[1]))
    return known[2](session, arguments)


# Time and periodic work -----------------------------------------------------------------------------------


def _sleep(session: Session, arguments: list[bytes]) -> Status:
    # The whole server stands still, which is what this is for.
    system_time.sleep(_leading_number(arguments[0]))
    return OK


def _set_active_expire(session: Session, arguments: list[bytes]) -> Status:
    session.server.active_expire = _leading_number(arguments[0]) >= 1
    return OK


def _pause_cron(session: Session, arguments: list[bytes]) -> Status:
    session.server.cron_paused = _leading_number(arguments[0]) >= 1
    return OK


def _leading_number(text: bytes) -> float:
    """Return the number that a text begins with, as C reads it; 0 without one, and for a negative one."""
    found = _NUMBER_PREFIX.match(text)
    return max(0.0, float(found[0])) if found else 0.0


# Keys and values ------------------------------------------------------------------------------------------


def _held(session: Session, key: bytes) -> object:
    """Return the value at a key, which must be there."""
    held = session.db.peek(key)
    if held is None:
        raise RespError(errors.NO_SUCH_KEY)
    return held


def _object(session: Session, arguments: list[bytes]) -> Status:
    db, key = session.db, arguments[0]
    held = _held(session, key)
    settings = session.server.settings
    sharing = not (settings.maxmemory and settings.maxmemory_policy.endswith(("lru", "lfu")))
    length = 0 if isinstance(held, VectorSet) else serialized_length(held)  # it has no form in a file
    idle = db.idle_seconds(key)
    used = (db.clock.now_ms() // 1000 - idle) & 0xFFFFFF
    return Status(
        f"Value at:{id(held):#x} refcount:{values.references(held, sharing=sharing)}"
        f" encoding:{values.encoding(held)} serializedlength:{length}"
        f" lru:{used} lru_seconds_idle:{idle}"
    )


def _digest(session: Session, arguments: list[bytes]) -> Status:
    return _shown(digests.digest_of_databases(session.server.databases))


def _digest_value(session: Session, arguments: list[bytes]) -> list[Reply]:
    return [_shown(digests.digest_of_value(session.db, key)) for key in arguments]


def _shown(digest: int) -> Status:
    """Return a digest as clients see it."""
    return Status(digests.shown(digest).decode())


def _positive(text: bytes) -> int:
    """Return an integer of 0 or more."""
    number = unsigned(text)
    if number is None:
        raise RespError(errors.OUT_OF_RANGE_POSITIVE)
    return number


def _populate(session: Session, arguments: list[bytes]) -> Status:
    count = _positive(arguments[0])
    # Redis prints the prefix: as a C string, it ends at a NUL.
    prefix = arguments[1].partition(b"\0")[0] if len(arguments) > 1 else b"key"
    size = _positive(arguments[2]) if len(arguments) > 2 else 0
    _create(session.db, prefix, count, size)
    return OK


def _create(db: Database, prefix: bytes, count: int, size: int) -> None:
    """Create keys that do not exist yet, each with a value of this size, or one as long as its text."""
    for number in range(count):
        key, value = b"%b:%d" % (prefix, number), b"value:%d" % number
        if db.peek(key) is None:
            db.store(key, value[:size].ljust(size, b"\0") if size else value)
            db.changed(key, "")


def _packed_threshold(session: Session, arguments: list[bytes]) -> Status:
    # Nothing to set: every element of a list stands by itself here, whatever its size.
    size = parse_memory(errors.text(arguments[0]))
    if size is None or size > _PACKED_MAX:
        raise RespError(errors.PACKED_THRESHOLD)
    return OK


# The server -----------------------------------------------------------------------------------------------


def _change_replication_id(session: Session, arguments: list[bytes]) -> Status:
    server = session.server
    server.replication_id = server.random.randbytes(20).hex()
    return OK


def _log(session: Session, arguments: list[bytes]) -> Status:
    LOGGER.warning("DEBUG LOG: %s", errors.text(arguments[0]))
    return OK


def _rewrite_all(session: Session, arguments: list[bytes]) -> Status:
    session.server.configuration.rewrite(everything=True)
    return OK


_EVICTION_POOLS: Final = (15, 32)
"""The powers of two between which Redis keeps a pool of clients each, by the memory that they take."""


def _client_eviction(session: Session, arguments: list[bytes]) -> Verbatim:
    if not session.server.settings.maxmemory_clients:
        raise RespError(errors.CLIENT_EVICTION_OFF)
    return Verbatim("".join(_pools(session.server)).encode())


def _pools(server: Server) -> list[str]:
    """Return how much memory clients take, and how many they are, by how much each takes."""
    first, last = _EVICTION_POOLS
    pools = [[0, 0] for _ in range(first, last + 2)]
    for session in server.sessions.values():
        memory = session.memory
        pool = pools[min(max(memory.bit_length(), first) - first, last + 1 - first)]
        pool[0] += memory
        pool[1] += 1
    lines = []
    for power, (memory, clients) in enumerate(pools, first):
        low = 0 if power == first else 1 << power - 1
        span = f"{low:10d} - {(1 << power) - 1:10d}" if power <= last else f"{low:10d}+            "
        lines.append(f"bucket {span}: tot-mem: {memory:10d}, clients: {clients}\n")
    return lines


# Replies --------------------------------------------------------------------------------------------------


def _error(session: Session, arguments: list[bytes]) -> RespError:
    # Returned, not raised: it is nobody's failure, and not counted as one.
    return RespError(errors.text(arguments[0]).translate({ord("\r"): " ", ord("\n"): " "}))


def _protocol(session: Session, arguments: list[bytes]) -> Reply:
    name = arguments[0].lower()
    if name == b"push" and session.resp == 2:
        raise RespError(errors.NOT_IN_RESP2)
    if name not in _REPLIES:
        raise RespError(errors.NOT_A_PROTOCOL_TYPE)
    return _REPLIES[name]


_REPLIES: Final[Mapping[bytes, Reply]] = {
    b"string": b"Hello World",
    b"integer": 12345,
    b"double": 3.141,
    b"bignum": BigNumber(1234567999999999999999999999999999999),
    b"null": None,
    b"array": [0, 1, 2],
    b"set": {0, 1, 2},
    b"map": {0: False, 1: True, 2: False},
    b"attrib": Attributed({b"key-popularity": [b"key:123", 90]}, b"Some real reply following the attribute"),
    b"push": Messages([b"Some real reply following the push reply", Push([b"server-cpu-usage", 42])]),
    b"verbatim": Verbatim(b"This is a verbatim\nstring"),
    b"true": True,
    b"false": False,
}
"""The replies that Redis has its clients tested with."""


def _help(session: Session, arguments: list[bytes]) -> list[Reply]:
    return [Status(line) for line in _HELP]


_HELP: Final = (
    "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CHANGE-REPL-ID",
    "    Give the server another replication id.",
    "CLIENT-EVICTION",
    "    Show how much memory clients take, where maxmemory-clients limits it.",
    "CONFIG-REWRITE-FORCE-ALL",
    "    Write the configuration file with all directives, those of defaults included.",
    "DIGEST",
    "    Return a signature of all keys and values: the same as a Redis has of them.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Return the signatures of the values at these keys.",
    "ERROR <string>",
    "    Return <string> as an error.",
    "LOG <message>",
    "    Write <message> into the log.",
    "OBJECT <key>",
    "    Show how <key> is stored.",
    "PAUSE-CRON <0|1>",
    "    With 1, let the periodic work rest.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Create <count> strings named <prefix>:<number>, or key:<number>, of <size> bytes.",
    "PROTOCOL <type>",
    "    Return a reply of a type: string, integer, double, bignum, null, array, set,",
    "    map, attrib, push, verbatim, true, false.",
    "QUICKLIST-PACKED-THRESHOLD <size>",
    "    Accepted: long elements of lists stand by themselves anyway.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    With 0, expired keys are reclaimed only when they are looked at; 1 goes",
    "    back to reclaiming them in the background, too.",
    "SLEEP <seconds>",
    "    Let the server stand still for <seconds>, which may be a fraction.",
    "HELP",
    "    Print this help.",
)

_MANY: Final = 2**31
_SUBCOMMANDS: Final[Mapping[bytes, tuple[int, int, Callable[[Session, list[bytes]], Reply]]]] = {
    b"change-repl-id": (0, 0, _change_replication_id),
    b"client-eviction": (0, 0, _client_eviction),
    b"config-rewrite-force-all": (0, 0, _rewrite_all),
    b"digest": (0, 0, _digest),
    b"digest-value": (0, _MANY, _digest_value),
    b"error": (1, 1, _error),
    b"help": (0, 0, _help),
    b"log": (1, 1, _log),
    b"object": (1, 1, _object),
    b"pause-cron": (1, 1, _pause_cron),
    b"populate": (1, 3, _populate),
    b"protocol": (1, 1, _protocol),
    b"quicklist-packed-threshold": (1, 1, _packed_threshold),
    b"set-active-expire": (1, 1, _set_active_expire),
    b"sleep": (1, 1, _sleep),
}
"""Every subcommand: how many arguments it takes, at least and at most, and what it does."""
