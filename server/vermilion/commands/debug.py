"""DEBUG, of the server group: what tests and the curious need, where the configuration allows it.

Redis's own test tools call it. A subcommand is here if it does what it says; those that crash the server or reach into
its allocator are unknown. A listpack is what a value would be in a snapshot, and a hash table is Python's own.
"""

import logging
import re
import time as system_time
from collections.abc import Callable, Mapping
from sys import getsizeof
from typing import Final

from vermilion import errors
from vermilion.commands.registry import command
from vermilion.commands.syntax import ADMIN, LOADING, NOSCRIPT, STALE, unsigned
from vermilion.errors import RespError
from vermilion.keyspace import digest as digests
from vermilion.keyspace import value as values
from vermilion.keyspace.database import Database
from vermilion.kinds import parse_memory
from vermilion.ports import Server
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import OK, Attributed, BigNumber, Messages, Push, Reply, Status, Verbatim
from vermilion.rdb.payload import serialized_length
from vermilion.session import Session
from vermilion.structures.hash import Hash
from vermilion.structures.list import List
from vermilion.structures.set import Set
from vermilion.structures.zset import ZSet

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
    length = serialized_length(held)
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


_LISTPACKS: Final = frozenset({"listpack", "listpackex"})


def _listpack(session: Session, arguments: list[bytes]) -> Status:
    held = _held(session, arguments[0])
    if not isinstance(held, Hash | List | Set | ZSet) or values.encoding(held) not in _LISTPACKS:
        raise RespError(errors.NOT_A_LISTPACK)
    LOGGER.warning(
        "DEBUG LISTPACK: a %s of %d, in %d bytes of a snapshot",
        held.type_name,
        len(held),
        serialized_length(held),
    )
    return Status("Listpack structure printed on stdout")


def _table_stats(session: Session, arguments: list[bytes]) -> Verbatim:
    number = parse_int64(arguments[0])
    if number is None:
        raise RespError(errors.NOT_AN_INTEGER)
    databases = session.server.databases
    if not 0 <= number < len(databases):
        raise RespError(errors.NO_SUCH_DATABASE)
    db = databases[number]
    return _table_text(
        f"[Dictionary HT]\n{_stats_of(db.data) if db.data else ''}"
        f"[Expires HT]\n{_stats_of(db.expires) if db.expires else ''}"
    )


def _table_stats_of_key(session: Session, arguments: list[bytes]) -> Verbatim:
    held = _held(session, arguments[0])
    table: Mapping[bytes, object] | None = None
    if isinstance(held, Hash) and held.encoding == "hashtable":
        table = held.fields
    elif isinstance(held, Set) and held.encoding == "hashtable":
        table = held.table
    elif isinstance(held, ZSet) and held.encoding == "skiplist":
        table = held.scores
    if table is None:
        raise RespError(errors.NOT_A_HASH_TABLE)
    return _table_text(_stats_of(table))


def _table_text(text: str) -> Verbatim:
    return Verbatim(text.encode())


def _stats_of(table: Mapping[bytes, object]) -> str:
    """Return what is known of a hash table: no lengths of chains, as a dict probes instead."""
    return (
        "Hash table 0 stats (main hash table):\n"
        f" table size: {_slots(table)}\n number of elements: {len(table)}\n"
    )


def _slots(table: Mapping[bytes, object]) -> int:
    """Return how many slots a dict has: a power of two, of which two thirds may be taken, each by an entry of 24 bytes.

    An index has 1, 2, 4 or 8 bytes, as many as the number of slots needs.
    """
    size = getsizeof(table) - getsizeof({})
    slots = 8
    while True:
        index = 1 if slots <= 1 << 7 else 2 if slots <= 1 << 15 else 4 if slots <= 1 << 31 else 8
        if slots * index + slots * 2 // 3 * 24 >= size - _KEYS_HEADER:
            return slots
        slots *= 2


_KEYS_HEADER: Final = 32
"""Bytes in front of the slots of a dict."""


# The server -----------------------------------------------------------------------------------------------


def _reload(session: Session, arguments: list[bytes]) -> Status:
    words = {word.upper() for word in arguments}
    if not words <= {b"MERGE", b"NOFLUSH", b"NOSAVE"}:
        raise RespError(errors.RELOAD_OPTIONS)
    session.server.persistence.reload(
        save=b"NOSAVE" not in words, flush=b"NOFLUSH" not in words, merge=b"MERGE" in words
    )
    return OK


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
    "HTSTATS <db> [FULL]",
    "    Show the sizes of the tables of a database.",
    "HTSTATS-KEY <key> [FULL]",
    "    Show the size of the table that holds <key>'s members or fields.",
    "LISTPACK <key>",
    "    Write into the log how large the listpack at <key> is.",
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
    "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
    "    Save all keys and load them again. With NOSAVE the file is loaded that is there,",
    "    with NOFLUSH the present keys stay, with MERGE those of the file replace them.",
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
    b"htstats": (1, _MANY, _table_stats),
    b"htstats-key": (1, _MANY, _table_stats_of_key),
    b"listpack": (1, 1, _listpack),
    b"log": (1, 1, _log),
    b"object": (1, 1, _object),
    b"pause-cron": (1, 1, _pause_cron),
    b"populate": (1, 3, _populate),
    b"protocol": (1, 1, _protocol),
    b"quicklist-packed-threshold": (1, 1, _packed_threshold),
    b"reload": (0, _MANY, _reload),
    b"set-active-expire": (1, 1, _set_active_expire),
    b"sleep": (1, 1, _sleep),
}
"""Every subcommand: how many arguments it takes, at least and at most, and what it does."""
