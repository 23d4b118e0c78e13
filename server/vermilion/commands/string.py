"""The string group."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Final, NamedTuple

from vermilion import errors
from vermilion.commands.expiration import Expiration, UnreadExpiration, deadline_of
from vermilion.commands.registry import Columns, command
from vermilion.commands.syntax import (
    DENYOOM,
    FAST,
    READONLY,
    WRITE,
    AccessDeleteKey,
    AccessUpdateKey,
    Argument,
    CreateKey,
    InsertKey,
    Integer,
    KeyFlag,
    KeyRole,
    KeySpec,
    Kind,
    OneOf,
    OverwriteKey,
    PeekKey,
    ReadKey,
    Token,
    UpdateKey,
    Value,
)  # fmt: skip
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.keyspace.value import Text, string_bytes
from vermilion.ports import Server
from vermilion.protocol.numbers import INT64_MAX, INT64_MIN, parse_int64
from vermilion.protocol.reply import OK, Reply, Status
from vermilion.session import Session
from vermilion.structures import lcs as subsequence
from vermilion.structures import long_double

SetKey = Annotated[bytes, KeyRole("RW", "access", "update", "variable_flags")]
UnreadDouble = Annotated[bytes, Kind("double")]
Condition = Annotated[str | None, OneOf(Token("NX"), Token("XX"), since="2.6.12")]

_PAIRS: Final = Argument(
    "data",
    "block",
    multiple=True,
    arguments=[Argument("key", "key", key_spec=0), Argument("value", "string")],
)


# Whole values ---------------------------------------------------------------------------------------------


def _get_many(session: Session, columns: Columns) -> Sequence[Reply] | None:
    """Look up a column of keys."""
    return session.db.lookup_many(columns[0]) if len(columns) == 1 else None


@command("GET", READONLY | FAST, since="1.0.0", complexity="O(1)", many=_get_many)
def get(db: Database, key: ReadKey) -> bytes | None:
    """Return the string value of a key."""
    value = db.lookup(key)
    return value if type(value) is bytes or value is None else string_bytes(value)


def _set_plain(db: Database, key: bytes, value: bytes) -> Status:
    """SET without options, most SETs there are."""
    db.assign(key, value)
    return OK


def _set_key_flags(argv: Sequence[bytes]) -> Sequence[KeyFlag]:
    """Return what one SET does to its key: with GET it reads it, too."""
    return (
        ("RW", "access", "update") if any(word.upper() == b"GET" for word in argv[3:]) else ("OW", "update")
    )


def _set_many(session: Session, columns: Columns) -> Status | None:
    """Assign a column of values to a column of keys."""
    if len(columns) != 2:
        return None
    session.db.assign_many(*columns)
    return OK


@command(
    "SET", WRITE | DENYOOM, since="1.0.0", complexity="O(1)", plain=_set_plain, many=_set_many,
    keys=[
        KeySpec(
            ("RW", "access", "update", "variable_flags"), 1,
            notes="RW and ACCESS due to the optional `GET` argument",
        ),
    ],
    call_key_flags=_set_key_flags,
)  # fmt: skip
def set_(
    db: Database,
    key: SetKey,
    value: Value,
    *,
    condition: Condition = None,
    get: Annotated[bool, Token("GET", since="6.2.0")] = False,
    expiration: Expiration = None,
) -> Reply:
    """Set the string value of a key, whatever it held before; return the old value with GET."""
    deadline, now = None, 0
    if expiration is not None and expiration[0] != "KEEPTTL":
        now = db.clock.now_ms()
        deadline = deadline_of(expiration[0], expiration[1], now, "set")
    old: bytes | None = None
    if get:
        old = db.string(key)
    if condition is not None:
        # With XX it is the assignment that counts as the access.
        exists = (db.touch(key) if condition == "NX" else db.peek(key)) is not None
        if exists == (condition == "NX"):
            return old
    if deadline is not None:
        db.assign_until(key, value, deadline, now)
    elif expiration is None:
        db.assign(key, value)
    else:
        db.touch(key)  # a time to live that has run out is not kept
        db.put(key, value)
        db.changed(key, "set")
    return old if get else OK


@command(
    "SETNX",
    WRITE | DENYOOM | FAST,
    since="1.0.0",
    complexity="O(1)",
    deprecated=("2.6.12", "`SET` with the `NX` argument"),
)
def setnx(db: Database, key: CreateKey, value: Value) -> int:
    """Set the string value of a key only when the key does not exist."""
    if db.touch(key) is not None:
        return 0
    db.store(key, value)
    db.changed(key, "set")
    return 1


def _set_expiring(db: Database, key: bytes, unit: str, amount: int, value: bytes, name: str) -> Status:
    """Set a value that expires."""
    now = db.clock.now_ms()
    db.assign_until(key, value, deadline_of(unit, amount, now, name), now)
    return OK


@command(
    "SETEX",
    WRITE | DENYOOM,
    since="2.0.0",
    complexity="O(1)",
    deprecated=("2.6.12", "`SET` with the `EX` argument"),
)
def setex(db: Database, key: OverwriteKey, seconds: Integer, value: Value) -> Status:
    """Set the string value and the time to live, in seconds, of a key."""
    return _set_expiring(db, key, "EX", seconds, value, "setex")


@command(
    "PSETEX",
    WRITE | DENYOOM,
    since="2.6.0",
    complexity="O(1)",
    deprecated=("2.6.12", "`SET` with the `PX` argument"),
)
def psetex(db: Database, key: OverwriteKey, milliseconds: Integer, value: Value) -> Status:
    """Set the string value and the time to live, in milliseconds, of a key."""
    return _set_expiring(db, key, "PX", milliseconds, value, "psetex")


@command(
    "GETSET",
    WRITE | DENYOOM | FAST,
    since="1.0.0",
    complexity="O(1)",
    deprecated=("6.2.0", "`SET` with the `!GET` argument"),
)
def getset(db: Database, key: AccessUpdateKey, value: Value) -> bytes | None:
    """Set the string value of a key and return the one before."""
    old = db.string(key)
    db.store(key, value)
    db.changed(key, "set")
    return old


@command("GETDEL", WRITE | FAST, since="6.2.0", complexity="O(1)")
def getdel(db: Database, key: AccessDeleteKey) -> bytes | None:
    """Return the string value of a key and delete the key."""
    old = db.string(key)
    if old is not None:
        db.remove(key)
        db.changed(key, "del")
    return old


@command(
    "GETEX", WRITE | FAST, since="6.2.0", complexity="O(1)",
    keys=[KeySpec(("RW", "access", "update"), 1, notes="RW and UPDATE because it changes the TTL")],
)  # fmt: skip
def getex(db: Database, key: AccessUpdateKey, *, expiration: UnreadExpiration = None) -> bytes | None:
    """Return the string value of a key and set or remove its time to live."""
    value = db.string(key)
    if value is None or expiration is None:
        return value
    unit, text = expiration
    if unit == "PERSIST":
        if db.persist(key):
            db.changed(key, "persist")
        return value
    amount = parse_int64(text)
    if amount is None:
        raise RespError(errors.NOT_AN_INTEGER)
    now = db.clock.now_ms()
    deadline = deadline_of(unit, amount, now, "getex")
    if deadline <= now:
        db.remove(key)
        db.changed(key, "del")
    else:
        db.expire_at(key, deadline)
        db.changed(key, "expire")
    return value


# Several keys ---------------------------------------------------------------------------------------------


@command(
    "MGET",
    READONLY | FAST,
    since="1.0.0",
    complexity="O(N) where N is the number of keys.",
    tips=["request_policy:multi_shard"],
)
def mget(db: Database, *key: ReadKey) -> list[Reply]:
    """Return the string values of keys, nil for each that does not exist or holds another type."""
    values: list[Reply] = []
    for name in key:
        value = db.lookup(name)
        values.append(string_bytes(value) if isinstance(value, bytes | bytearray | int) else None)
    return values


@command(
    "MSET", WRITE | DENYOOM, since="1.0.1", complexity="O(N) where N is the number of keys.",
    tips=["request_policy:multi_shard", "response_policy:all_succeeded"],
    raw=True, arity=-3, arguments=[_PAIRS], keys=[KeySpec(("OW", "update"), 1, last=-1, step=2)],
)  # fmt: skip
def mset(session: Session, argv: list[bytes]) -> Status:
    """Set the string values of several keys."""
    if not len(argv) & 1:
        raise RespError(errors.wrong_arity("mset"))
    session.db.assign_many(argv[1::2], argv[2::2])
    return OK


@command(
    "MSETNX", WRITE | DENYOOM, since="1.0.1", complexity="O(N) where N is the number of keys.",
    raw=True, arity=-3, arguments=[_PAIRS], keys=[KeySpec(("OW", "insert"), 1, last=-1, step=2)],
)  # fmt: skip
def msetnx(session: Session, argv: list[bytes]) -> int:
    """Set the string values of several keys only when none of them exists."""
    if not len(argv) & 1:
        raise RespError(errors.wrong_arity("msetnx"))
    db = session.db
    if any(db.touch(key) is not None for key in argv[1::2]):
        return 0
    mset(session, argv)
    return 1


# Numbers --------------------------------------------------------------------------------------------------


def _increment(db: Database, key: bytes, by: int) -> int:
    """Add to the integer at key and return the sum."""
    value = db.touch(key)
    if type(value) is int:
        total = value + by
        if not INT64_MIN <= total <= INT64_MAX:
            raise RespError(errors.INCREMENT_OVERFLOW)
        db.data[key] = total  # the key exists and has been touched: there is no more to a change of its value
    else:
        number = 0 if value is None else parse_int64(string_bytes(value))
        if number is None:
            raise RespError(errors.NOT_AN_INTEGER)
        total = number + by
        if not INT64_MIN <= total <= INT64_MAX:
            raise RespError(errors.INCREMENT_OVERFLOW)
        db.put(key, total)
    db.changed(key, "incrby")
    return total


def _incr_many(session: Session, columns: Columns) -> Sequence[Reply] | None:
    """Add one for each key of a column; only when all of them hold integers as arithmetic left them."""
    return session.db.add_many(columns[0], 1) if len(columns) == 1 else None


@command("INCR", WRITE | DENYOOM | FAST, since="1.0.0", complexity="O(1)", many=_incr_many)
def incr(db: Database, key: AccessUpdateKey) -> int:
    """Add one to the integer at a key and return the sum; a missing key counts as 0."""
    return _increment(db, key, 1)


@command("DECR", WRITE | DENYOOM | FAST, since="1.0.0", complexity="O(1)")
def decr(db: Database, key: AccessUpdateKey) -> int:
    """Take one from the integer at a key and return the difference; a missing key counts as 0."""
    return _increment(db, key, -1)


@command("INCRBY", WRITE | DENYOOM | FAST, since="1.0.0", complexity="O(1)")
def incrby(db: Database, key: AccessUpdateKey, increment: Integer) -> int:
    """Add to the integer at a key and return the sum; a missing key counts as 0."""
    return _increment(db, key, increment)


@command("DECRBY", WRITE | DENYOOM | FAST, since="1.0.0", complexity="O(1)")
def decrby(db: Database, key: AccessUpdateKey, decrement: Integer) -> int:
    """Take from the integer at a key and return the difference; a missing key counts as 0."""
    if decrement == INT64_MIN:
        raise RespError(errors.DECREMENT_OVERFLOW)
    return _increment(db, key, -decrement)


@command("INCRBYFLOAT", WRITE | DENYOOM | FAST, since="2.6.0", complexity="O(1)")
def incrbyfloat(db: Database, key: AccessUpdateKey, increment: UnreadDouble) -> bytes:
    """Add to the number at a key and return the sum; a missing key counts as 0."""
    value = db.edit_string(key)
    number = Fraction(0) if value is None else long_double.parse(string_bytes(value))
    amount = long_double.parse(increment)
    if number is None or amount is None:
        raise RespError(errors.NOT_A_FLOAT)
    total = long_double.add(number, amount)
    if total is None:
        raise RespError(errors.INCREMENT_NOT_FINITE)
    result = long_double.format_fixed(total)
    db.put(key, Text(result))
    db.changed(key, "incrbyfloat")
    return result


# Parts of a value -----------------------------------------------------------------------------------------


@command("STRLEN", READONLY | FAST, since="2.2.0", complexity="O(1)")
def strlen(db: Database, key: PeekKey) -> int:
    """Return the length of the string at a key, 0 when it does not exist."""
    value = db.lookup(key)
    if isinstance(value, bytes | bytearray):
        return len(value)
    return 0 if value is None else len(string_bytes(value))


def _check_size(server: Server, size: int) -> None:
    """Refuse a string that would grow beyond `proto-max-bulk-len`."""
    if size > server.settings.proto_max_bulk_len:
        raise RespError(errors.STRING_TOO_LONG)


@command(
    "APPEND",
    WRITE | DENYOOM | FAST,
    since="2.0.0",
    complexity="O(1) for each appended byte, whatever the size of the value.",
)
def append(server: Server, db: Database, key: InsertKey, value: Value) -> int:
    """Append to the string at a key and return its new length; a missing key counts as empty."""
    old = db.edit_string(key)
    if old is None:
        db.put(key, value)
        size = len(value)
    else:
        size = len(string_bytes(old)) if isinstance(old, int) else len(old)
        _check_size(server, size + len(value))
        db.edit_octets(key, old).extend(value)
        size += len(value)
    db.changed(key, "append")
    return size


@command(
    "SETRANGE",
    WRITE | DENYOOM,
    since="2.2.0",
    complexity="O(1), not counting the time taken to copy the new string in place.",
)
def setrange(server: Server, db: Database, key: UpdateKey, offset: Integer, value: Value) -> int:
    """Overwrite a part of the string at a key from an offset on, and return its new length."""
    if offset < 0:
        raise RespError(errors.OFFSET_OUT_OF_RANGE)
    old = db.edit_string(key)
    if not value:
        return 0 if old is None else len(string_bytes(old))
    _check_size(server, offset + len(value))
    buffer = db.edit_octets(key, old)
    if offset > len(buffer):
        buffer.extend(bytes(offset - len(buffer)))
    buffer[offset : offset + len(value)] = value
    db.changed(key, "setrange")
    return len(buffer)


def _slice(value: bytes | bytearray, start: int, end: int) -> bytes:
    """Return the inclusive range; negative positions count from the end."""
    size = len(value)
    if start < 0 and end < 0 and start > end:
        return b""
    first = max(0, start + size if start < 0 else start)
    last = max(0, end + size if end < 0 else end)
    return bytes(value[first : last + 1])


@command("GETRANGE", READONLY, since="2.4.0", complexity="O(N) where N is the length of the returned string.")
def getrange(db: Database, key: ReadKey, start: Integer, end: Integer) -> bytes:
    """Return a part of the string at a key."""
    value = db.octets(key)
    return b"" if value is None else _slice(value, start, end)


@command(
    "SUBSTR",
    READONLY,
    since="1.0.0",
    complexity="O(N) where N is the length of the returned string.",
    deprecated=("2.0.0", "`GETRANGE`"),
)
def substr(db: Database, key: ReadKey, start: Integer, end: Integer) -> bytes:
    """Return a part of the string at a key."""
    return getrange(db, key, start, end)


@command(
    "LCS", READONLY, since="7.0.0", complexity="O(N*M) where N and M are the lengths of s1 and s2, respectively",
    raw=True, arity=-3,
    arguments=[
        Argument("key1", "key", key_spec=0),
        Argument("key2", "key", key_spec=0),
        Argument("len", "pure-token", token="LEN", optional=True),
        Argument("idx", "pure-token", token="IDX", optional=True),
        Argument("min-match-len", "integer", token="MINMATCHLEN", optional=True),
        Argument("withmatchlen", "pure-token", token="WITHMATCHLEN", optional=True),
    ],
    keys=[KeySpec(("RO", "access"), 1, last=1)],
)  # fmt: skip
def lcs(session: Session, argv: list[bytes]) -> Reply:
    """Return the longest common subsequence of two strings, its length, or where it stands."""
    # Raw: the types of the keys are checked before the options are read.
    first, second = (session.db.lookup(key) for key in argv[1:3])
    for value in (first, second):
        if value is not None and not isinstance(value, bytes | bytearray | int):
            raise RespError(errors.LCS_NEEDS_STRINGS)
    options = _lcs_options(argv)
    a = b"" if first is None else string_bytes(first)
    b = b"" if second is None else string_bytes(second)
    if (len(a) + 1) * (len(b) + 1) * 4 > session.server.settings.proto_max_bulk_len:
        raise RespError(errors.LCS_TOO_LONG)
    rows = subsequence.table(a, b)
    if options.length:
        return subsequence.length(rows, b)
    found = subsequence.matches(rows, a, b)
    if not options.positions:
        return b"".join(a[match.first[0] : match.first[1] + 1] for match in reversed(found))
    shown: list[Reply] = []
    for match in found:
        if match.length >= options.least:
            ranges: list[Reply] = [list(match.first), list(match.second)]
            shown.append([*ranges, match.length] if options.with_length else ranges)
    return {b"matches": shown, b"len": subsequence.length(rows, b)}


class _LcsOptions(NamedTuple):
    """What LCS was asked for."""

    length: bool
    positions: bool
    least: int
    with_length: bool


def _lcs_options(argv: list[bytes]) -> _LcsOptions:
    """Read the options behind the two keys."""
    flags: set[bytes] = set()
    least = 0
    words = iter(argv[3:])
    for word in map(bytes.upper, words):
        if word == b"MINMATCHLEN":
            operand = next(words, None)
            if operand is None:
                raise RespError(errors.SYNTAX)
            number = parse_int64(operand)
            if number is None:
                raise RespError(errors.NOT_AN_INTEGER)
            least = max(0, number)
        elif word in {b"LEN", b"IDX", b"WITHMATCHLEN"}:
            flags.add(word)
        else:
            raise RespError(errors.SYNTAX)
    if b"LEN" in flags and b"IDX" in flags:
        raise RespError(errors.LCS_LEN_AND_IDX)
    return _LcsOptions(b"LEN" in flags, b"IDX" in flags, least, b"WITHMATCHLEN" in flags)
