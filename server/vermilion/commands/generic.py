"""The generic group: commands that work on a key whatever it holds."""

from typing import Annotated, Final, TypeAlias

from vermilion import errors
from vermilion.commands.blocking import wait_for
from vermilion.commands.expiration import moment_of, permits
from vermilion.commands.registry import command, container
from vermilion.commands.scanning import scan_cursor, scan_options
from vermilion.commands.syntax import (
    BLOCKING,
    DENYOOM,
    FAST,
    LOADING,
    READONLY,
    STALE,
    WRITE,
    AccessDeleteKey,
    AccessUpdateKey,
    AnyOf,
    Argument,
    CreateKey,
    DeleteKey,
    Integer,
    KeySpec,
    Kind,
    OverwriteKey,
    Pattern,
    PeekKey,
    Positive,
    ReadKey,
    Token,
    UnixTime,
    UpdateKey,
    bounded,
)
from vermilion.errors import RespError
from vermilion.keyspace import value
from vermilion.keyspace.database import Database
from vermilion.pending import Answer
from vermilion.ports import Server
from vermilion.protocol.numbers import INT64_MAX, parse_int64
from vermilion.protocol.reply import OK, Reply, Status
from vermilion.session import Session
from vermilion.structures.glob import compile_glob
from vermilion.structures.vector_set import VectorSet

_MULTI_SHARD: Final = ("request_policy:multi_shard", "response_policy:agg_sum")
_NO_EXPIRY: Final = -1
_NO_KEY: Final = -2


# Whether keys exist ---------------------------------------------------------------------------------------


@command(
    "DEL",
    WRITE,
    since="1.0.0",
    complexity="O(N) where N is the number of keys, and of elements in those that are no strings.",
    tips=_MULTI_SHARD,
)
def del_(db: Database, *key: DeleteKey) -> int:
    """Delete keys and return how many existed."""
    deleted = 0
    for name in key:
        if db.remove(name):
            db.changed(name, "del")
            deleted += 1
    return deleted


@command(
    "UNLINK",
    WRITE | FAST,
    since="4.0.0",
    complexity="O(1) for each key; the memory is reclaimed as Python reclaims it.",
    tips=_MULTI_SHARD,
)
def unlink(db: Database, *key: DeleteKey) -> int:
    """Delete keys and return how many existed; the same as `DEL`."""
    return del_(db, *key)


@command(
    "EXISTS",
    READONLY | FAST,
    since="1.0.0",
    complexity="O(N) where N is the number of keys.",
    tips=_MULTI_SHARD,
)
def exists(db: Database, *key: PeekKey) -> int:
    """Return how many of the keys exist; one that is named twice counts twice."""
    return sum(db.inspect(name) is not None for name in key)


@command(
    "TOUCH",
    READONLY | FAST,
    since="3.2.1",
    complexity="O(N) where N is the number of keys.",
    tips=_MULTI_SHARD,
)
def touch(db: Database, *key: PeekKey) -> int:
    """Count as an access to each of the keys, and return how many exist."""
    return sum(db.lookup(name) is not None for name in key)


@command("TYPE", READONLY | FAST, since="1.0.0", complexity="O(1)")
def type_(db: Database, key: PeekKey) -> Status:
    """Return the type of the value at a key, `none` when the key does not exist."""
    held = db.inspect(key)
    return Status("none" if held is None else value.type_name(held))


# Time to live ---------------------------------------------------------------------------------------------


def _expire_conflict(words: frozenset[str]) -> str | None:
    """Return the error text for conditions that exclude each other."""
    if "NX" in words and len(words) > 1:
        return errors.EXPIRE_NX_WITH_OTHERS
    if {"GT", "LT"} <= words:
        return errors.EXPIRE_GT_WITH_LT
    return None


ExpireCondition: TypeAlias = Annotated[
    frozenset[str],
    AnyOf(Token("NX"), Token("XX"), Token("GT"), Token("LT"), conflict=_expire_conflict, since="7.0.0"),
]
ALWAYS: Final = frozenset[str]()


def _expire(db: Database, key: bytes, deadline: int, condition: frozenset[str]) -> int:
    """Let a key expire at a time; at once, when that has passed."""
    if db.touch(key) is None or not permits(condition, db.deadline(key), deadline):
        return 0
    if deadline <= db.clock.now_ms():
        db.remove(key)
        db.changed(key, "del")
    else:
        db.expire_at(key, deadline)
        db.changed(key, "expire")
    return 1


@command("EXPIRE", WRITE | FAST, since="1.0.0", complexity="O(1)", unknown_option=errors.unsupported_option)
def expire(db: Database, key: UpdateKey, seconds: Integer, *, condition: ExpireCondition = ALWAYS) -> int:
    """Set the time to live of a key in seconds; return 1 when it was set, 0 when not."""
    return _expire(db, key, moment_of("EX", seconds, db.clock.now_ms(), "expire"), condition)


@command("PEXPIRE", WRITE | FAST, since="2.6.0", complexity="O(1)", unknown_option=errors.unsupported_option)
def pexpire(
    db: Database, key: UpdateKey, milliseconds: Integer, *, condition: ExpireCondition = ALWAYS
) -> int:
    """Set the time to live of a key in milliseconds; return 1 when it was set, 0 when not."""
    return _expire(db, key, moment_of("PX", milliseconds, db.clock.now_ms(), "pexpire"), condition)


@command("EXPIREAT", WRITE | FAST, since="1.2.0", complexity="O(1)", unknown_option=errors.unsupported_option)
def expireat(
    db: Database, key: UpdateKey, unix_time_seconds: UnixTime, *, condition: ExpireCondition = ALWAYS
) -> int:
    """Let a key expire at a Unix time in seconds; return 1 when that was set, 0 when not."""
    return _expire(db, key, moment_of("EXAT", unix_time_seconds, db.clock.now_ms(), "expireat"), condition)


@command(
    "PEXPIREAT", WRITE | FAST, since="2.6.0", complexity="O(1)", unknown_option=errors.unsupported_option
)
def pexpireat(
    db: Database, key: UpdateKey, unix_time_milliseconds: UnixTime, *, condition: ExpireCondition = ALWAYS
) -> int:
    """Let a key expire at a Unix time in milliseconds; return 1 when that was set, 0 when not."""
    return _expire(
        db, key, moment_of("PXAT", unix_time_milliseconds, db.clock.now_ms(), "pexpireat"), condition
    )


@command("PERSIST", WRITE | FAST, since="2.2.0", complexity="O(1)")
def persist(db: Database, key: UpdateKey) -> int:
    """Take the time to live off a key; return 1 when it had one, 0 when not."""
    if db.touch(key) is None or not db.persist(key):
        return 0
    db.changed(key, "persist")
    return 1


def _deadline(db: Database, key: bytes) -> int:
    """Return when a key expires, in milliseconds, or the negative number that says why it does not."""
    if db.inspect(key) is None:
        return _NO_KEY
    deadline = db.deadline(key)
    return _NO_EXPIRY if deadline is None else deadline


def _seconds(milliseconds: int) -> int:
    """Return the nearest whole number of seconds."""
    return (milliseconds + 500) // 1000


@command("TTL", READONLY | FAST, since="1.0.0", complexity="O(1)", tips=["nondeterministic_output"])
def ttl(db: Database, key: ReadKey) -> int:
    """Return the time to live of a key in seconds, -1 when it has none, -2 when it does not exist."""
    deadline = _deadline(db, key)
    return deadline if deadline < 0 else _seconds(deadline - db.clock.now_ms())


@command("PTTL", READONLY | FAST, since="2.6.0", complexity="O(1)", tips=["nondeterministic_output"])
def pttl(db: Database, key: ReadKey) -> int:
    """Return the time to live of a key in milliseconds, -1 when it has none, -2 when it does not exist."""
    deadline = _deadline(db, key)
    return deadline if deadline < 0 else deadline - db.clock.now_ms()


@command("EXPIRETIME", READONLY | FAST, since="7.0.0", complexity="O(1)")
def expiretime(db: Database, key: ReadKey) -> int:
    """Return when a key expires in Unix seconds, -1 when it does not, -2 when it does not exist."""
    deadline = _deadline(db, key)
    return deadline if deadline < 0 else _seconds(deadline)


@command("PEXPIRETIME", READONLY | FAST, since="7.0.0", complexity="O(1)")
def pexpiretime(db: Database, key: ReadKey) -> int:
    """Return when a key expires in Unix milliseconds, -1 when it does not, -2 when it does not exist."""
    return _deadline(db, key)


# Other names and other databases --------------------------------------------------------------------------

_parse_index: Final = bounded(-(2**31), 2**31 - 1)
DatabaseIndex: TypeAlias = Annotated[int, Kind("integer", _parse_index)]


def _database(server: Server, index: int) -> Database:
    """Return a database by its number."""
    if not 0 <= index < len(server.databases):
        raise RespError(errors.DB_INDEX_OUT_OF_RANGE)
    return server.databases[index]


@command("RENAME", WRITE, since="1.0.0", complexity="O(1)")
def rename(db: Database, key: AccessDeleteKey, newkey: OverwriteKey) -> Status:
    """Give a key another name, whatever had it before."""
    if db.touch(key) is None:
        raise RespError(errors.NO_SUCH_KEY)
    if key != newkey:
        _rename(db, key, newkey)
    return OK


@command("RENAMENX", WRITE | FAST, since="1.0.0", complexity="O(1)")
def renamenx(db: Database, key: AccessDeleteKey, newkey: CreateKey) -> int:
    """Give a key another name when no key has it; return 1 when it was given, 0 when not."""
    if db.touch(key) is None:
        raise RespError(errors.NO_SUCH_KEY)
    if key == newkey or db.touch(newkey) is not None:
        return 0
    _rename(db, key, newkey)
    return 1


def _rename(db: Database, key: bytes, newkey: bytes) -> None:
    """Give an existing key another name."""
    db.transfer(key, db, newkey)
    db.changed(key, "rename_from", 0)
    db.changed(newkey, "rename_to")


@command("MOVE", WRITE | FAST, since="1.0.0", complexity="O(1)")
def move(server: Server, source: Database, key: AccessUpdateKey, db: DatabaseIndex) -> int:
    """Move a key to another database that has none of its name; return 1 when it was moved, 0 when not."""
    target = _database(server, db)
    if target is source:
        raise RespError(errors.SAME_OBJECT)
    if source.touch(key) is None or target.touch(key) is not None:
        return 0
    source.transfer(key, target, key)
    source.changed(key, "move_from", 0)
    target.changed(key, "move_to")
    return 1


@command(
    "COPY", WRITE | DENYOOM, since="6.2.0", complexity="O(1) for strings, O(N) for N nested elements.",
    raw=True, arity=-3,
    arguments=[
        Argument("source", "key", key_spec=0),
        Argument("destination", "key", key_spec=1),
        Argument("destination-db", "integer", token="DB", optional=True),
        Argument("replace", "pure-token", token="REPLACE", optional=True),
    ],
    keys=[KeySpec(("RO", "access"), 1), KeySpec(("OW", "update"), 2)],
)  # fmt: skip
def copy(session: Session, argv: list[bytes]) -> int:
    """Copy a key, value and time to live, to another key; return 1 when it was copied, 0 when not."""
    # Raw: the number behind DB is judged before the word behind it is read.
    source, destination = argv[1:3]
    db = target = session.db
    replace = False
    words = iter(argv[3:])
    for word in map(bytes.upper, words):
        if word == b"REPLACE":
            replace = True
        elif word == b"DB" and (operand := next(words, None)) is not None:
            index = _parse_index(operand)
            if index is None:
                raise RespError(errors.NOT_AN_INTEGER)
            target = _database(session.server, index)
        else:
            raise RespError(errors.SYNTAX)
    if target is db and source == destination:
        raise RespError(errors.SAME_OBJECT)
    held = db.lookup(source)
    if held is None or (target.touch(destination) is not None and not replace):
        return 0
    if isinstance(held, VectorSet):  # a module's value in Redis, which gives it no way to be copied
        raise RespError(errors.NOT_COPYABLE)
    target.remove(destination)
    target.place(destination, value.copied(held), db.deadline(source))
    target.changed(destination, "copy_to")
    return 1


# Going over keys ------------------------------------------------------------------------------------------


@command(
    "KEYS", READONLY, since="1.0.0", complexity="O(N) where N is the number of keys in the database.",
    tips=["request_policy:all_shards", "nondeterministic_output_order"], categories=["dangerous"],
)  # fmt: skip
def keys(db: Database, pattern: Pattern) -> Reply:
    """Return all keys that match a pattern."""
    return list[Reply](db.keys(None if pattern == b"*" else compile_glob(pattern)))


@command(
    "RANDOMKEY",
    READONLY,
    since="1.0.0",
    complexity="O(1)",
    tips=["request_policy:all_shards", "response_policy:special", "nondeterministic_output"],
)
def randomkey(db: Database) -> bytes | None:
    """Return a key by chance, nil when there is none."""
    return db.random_key()


@command(
    "SCAN", READONLY, since="2.8.0", complexity="O(COUNT) for every call, O(N) for an iteration over N keys.",
    tips=["nondeterministic_output", "request_policy:special", "response_policy:special"],
    raw=True, arity=-2,
    arguments=[
        Argument("cursor", "integer"),
        Argument("pattern", "pattern", token="MATCH", optional=True),
        Argument("count", "integer", token="COUNT", optional=True),
        Argument("type", "string", token="TYPE", optional=True, since="6.0.0"),
    ],
)  # fmt: skip
def scan(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the next cursor, 0 at the end, and some of the keys."""
    # Raw: the cursor is judged before the options, and COUNT before the word behind it is read.
    cursor = scan_cursor(argv[1])
    options = scan_options(argv[2:], of_keys=True)
    db = session.db
    following, names = db.scan(cursor, options.size, options.matches)
    if options.type_name is not None:
        names = [name for name in names if value.type_name(db.peek(name)) == options.type_name]
    return [b"%d" % following, list[Reply](names)]


# How a value is kept --------------------------------------------------------------------------------------

container("OBJECT", group="generic", since="2.2.3", summary="Tells how the value of a key is kept.")

_OBJECT_TIPS: Final = ("nondeterministic_output",)


@command("OBJECT|ENCODING", READONLY, since="2.2.3", complexity="O(1)", tips=_OBJECT_TIPS)
def object_encoding(db: Database, key: PeekKey) -> bytes | None:
    """Return the encoding of the value at a key, nil when the key does not exist."""
    held = db.inspect(key, quietly=True)
    return None if held is None else value.encoding(held).encode()


@command("OBJECT|FREQ", READONLY, since="4.0.0", complexity="O(1)", tips=_OBJECT_TIPS)
def object_freq(server: Server, db: Database, key: PeekKey) -> int | None:
    """Return the logarithm of how often the value at a key was used, nil when the key does not exist."""
    if db.inspect(key, quietly=True) is None:
        return None
    if not _lfu(server):
        raise RespError(errors.FREQUENCY_NOT_TRACKED)
    return db.frequency(key)


@command("OBJECT|HELP", LOADING | STALE, since="6.2.0", complexity="O(1)")
def object_help() -> list[Reply]:
    """Return what the subcommands do."""
    return [Status(line) for line in _OBJECT_HELP]


@command("OBJECT|IDLETIME", READONLY, since="2.2.3", complexity="O(1)", tips=_OBJECT_TIPS)
def object_idletime(server: Server, db: Database, key: PeekKey) -> int | None:
    """Return the seconds since the value at a key was last used, nil when the key does not exist."""
    if db.inspect(key, quietly=True) is None:
        return None
    if _lfu(server):
        raise RespError(errors.IDLE_TIME_NOT_TRACKED)
    return db.idle_seconds(key)


@command("OBJECT|REFCOUNT", READONLY, since="2.2.3", complexity="O(1)", tips=_OBJECT_TIPS)
def object_refcount(server: Server, db: Database, key: PeekKey) -> int | None:
    """Return how often the value at a key is referred to, nil when the key does not exist."""
    held = db.inspect(key, quietly=True)
    if held is None:
        return None
    settings = server.settings
    # Shared values have no access time of their own, which evicting by it needs.
    sharing = not (settings.maxmemory and settings.maxmemory_policy.endswith(("lru", "lfu")))
    return value.references(held, sharing=sharing)


def _lfu(server: Server) -> bool:
    """Return whether keys are evicted by frequency of use."""
    return server.settings.maxmemory_policy.endswith("lfu")


_OBJECT_HELP: Final = (
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Return how the value of <key> is represented in memory.",
    "FREQ <key>",
    "    Return how often <key> was accessed lately, as a logarithm. It takes a",
    "    maxmemory-policy that counts accesses.",
    "IDLETIME <key>",
    "    Return how many seconds ago <key> was accessed last, approximately.",
    "REFCOUNT <key>",
    "    Return how many references the value of <key> has.",
    "HELP",
    "    Print this help.",
)


# Replication: there are no replicas -----------------------------------------------------------------------


def _parse_timeout(text: bytes) -> int | None:
    """Return a timeout in milliseconds, 0 for none."""
    number = parse_int64(text)
    if number is not None and number < 0:
        raise RespError(errors.TIMEOUT_NEGATIVE)
    return number


Timeout: TypeAlias = Annotated[int, Kind("integer", _parse_timeout, errors.TIMEOUT_NOT_AN_INTEGER)]
ZeroOrOne: TypeAlias = Annotated[int, Kind("integer", bounded(0, 1))]


def _check_timeout(db: Database, timeout: int) -> None:
    """Refuse a timeout whose end is beyond 64 bits of milliseconds."""
    if timeout > INT64_MAX - db.clock.now_ms():
        raise RespError(errors.TIMEOUT_OUT_OF_RANGE)


@command(
    "WAIT", BLOCKING, since="3.0.0", complexity="O(1)", categories=["connection"], group_category=False,
    tips=["request_policy:all_shards", "response_policy:agg_min"],
)  # fmt: skip
def wait(session: Session, numreplicas: Integer, timeout: Timeout) -> Answer:
    """Wait until so many replicas have the client's writes, to the end, as there are none; return how many have."""
    _check_timeout(session.db, timeout)
    return _replicated(session, 0, timeout) if numreplicas > 0 else 0


@command(
    "WAITAOF", BLOCKING, since="7.2.0", complexity="O(1)", categories=["connection"], group_category=False,
    tips=["request_policy:all_shards", "response_policy:agg_min"],
)  # fmt: skip
def waitaof(session: Session, numlocal: ZeroOrOne, numreplicas: Positive, timeout: Timeout) -> Answer:
    """Wait until this server's journal and so many replicas' have the client's writes; return how many have."""
    _check_timeout(session.db, timeout)
    if numlocal and not session.server.settings.appendonly:
        raise RespError(errors.WAITAOF_WITHOUT_JOURNAL)
    return _replicated(session, [0, 0], timeout) if numreplicas else [0, 0]


def _replicated(session: Session, none: Reply, timeout_ms: int) -> Answer:
    """Wait for replicas: to the end, as there are none."""
    return wait_for(session, (), type(None), timeout_ms, _no_replica, none)


def _no_replica() -> Reply:
    """Try whether replicas have answered."""
    return None
