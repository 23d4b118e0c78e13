"""The hash group; `hash_expiration.py` has the deadlines of fields."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Final, TypeAlias, cast

from vermilion import errors
from vermilion.commands.hash_fields import (
    FIELDS,
    KEY,
    PAIRS,
    READ,
    UNIT_WORDS,
    UNITS,
    UPDATE,
    deleted,
    edit_hash,
    field_deadline,
    fields_behind,
    find_hash,
    fit,
    let_expire,
    one_of,
    reclaim,
    take,
    words,
)
from vermilion.commands.registry import Columns, command
from vermilion.commands.scanning import scan_cursor, scan_options
from vermilion.commands.syntax import (
    DENYOOM,
    FAST,
    READONLY,
    WRITE,
    AccessUpdateKey,
    Argument,
    InsertKey,
    Integer,
    KeySpec,
    Kind,
    PeekKey,
    ReadKey,
    ShrinkKey,
    Value,
    bounded,
)  # fmt: skip
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.ports import Server
from vermilion.protocol.numbers import INT64_MAX, INT64_MIN, parse_int64
from vermilion.protocol.reply import OK, Reply, Status
from vermilion.session import Session
from vermilion.structures import long_double
from vermilion.structures.hash import HASHTABLE, Hash

LongDouble: TypeAlias = Annotated[Fraction | float, Kind("double", long_double.parse, errors.NOT_A_FLOAT)]

# Writing --------------------------------------------------------------------------------------------------


def _hset_many(session: Session, columns: Columns) -> Sequence[Reply] | None:
    """Set one field for each call of a run that is all about one hash, when that cannot change its encoding."""
    if len(columns) != 3:
        return None
    db = session.db
    keys, fields, values = columns
    key = keys[0]
    if keys.count(key) != len(keys):
        return None
    held = db.touch(key)
    if type(held) is not Hash or held.deadlines:
        return None
    if held.encoding is not HASHTABLE and not held.outdoes(fields, values):
        return None
    new = held.set_many(fields, values)
    db.changed(key, "hset", len(fields))
    return new


@command(
    "HSET", WRITE | DENYOOM | FAST, since="2.0.0", complexity="O(N) where N is the number of fields that are set.",
    raw=True, arity=-4, arguments=[KEY, PAIRS], keys=[UPDATE], many=_hset_many,
)  # fmt: skip
def hset(session: Session, argv: list[bytes]) -> int:
    """Set fields of a hash, and return how many of them are new."""
    size = len(argv)
    if size & 1:
        raise RespError(errors.wrong_arity("hset"))
    db = session.db
    key = argv[1]
    held = db.touch(key)
    if type(held) is not Hash:
        held = db.obtain(key, Hash)
    pairs = argv[2:]
    new = int(held.set(argv[2], argv[3])) if size == 4 else held.update(pairs)
    if held.encoding is not HASHTABLE:
        fit(session.server, held, pairs)
    db.changed(key, "hset", size - 2 >> 1)
    return new


@command(
    "HMSET", WRITE | DENYOOM | FAST, since="2.0.0", complexity="O(N) where N is the number of fields that are set.",
    raw=True, arity=-4, arguments=[KEY, PAIRS], keys=[UPDATE],
    deprecated=("4.0.0", "`HSET` with multiple field-value pairs"),
)  # fmt: skip
def hmset(session: Session, argv: list[bytes]) -> Status:
    """Set fields of a hash."""
    if len(argv) & 1:
        raise RespError(errors.wrong_arity("hmset"))
    hset(session, argv)
    return OK


@command("HSETNX", WRITE | DENYOOM | FAST, since="2.0.0", complexity="O(1)")
def hsetnx(server: Server, db: Database, key: InsertKey, field: Value, value: Value) -> int:
    """Set a field of a hash only when it does not exist; return 1 when it was set, 0 when not."""
    held = edit_hash(db, key, (field,))
    if held is not None and field in held.fields:
        return 0
    held = db.obtain(key, Hash)
    held.set(field, value)
    if held.encoding is not HASHTABLE:
        fit(server, held, (field, value))
    db.changed(key, "hset")
    return 1


_MOST_FIELDS: Final = 2**31 - 1


def _pairs_behind(argv: list[bytes], at: int) -> list[bytes]:
    """Return the fields and values of HSETEX's `FIELDS numfields field value …`, with which the call ends."""
    if at + 3 >= len(argv):
        raise RespError(errors.wrong_arity("hsetex"))
    count = parse_int64(argv[at + 1])
    if count is None or not 1 <= count <= _MOST_FIELDS:
        raise RespError(errors.NUMFIELDS_INVALID)
    pairs = argv[at + 2 :]
    if len(pairs) != 2 * count:
        raise RespError(errors.wrong_arity("hsetex"))
    return pairs


@command(
    "HSETEX", WRITE | DENYOOM | FAST, since="8.0.0",
    complexity="O(N) where N is the number of fields that are set.",
    raw=True, arity=-6, keys=[UPDATE],
    arguments=[
        KEY,
        one_of("condition", *words("FNX", "FXX")),
        one_of("expiration", *UNITS, *words("KEEPTTL")),
        Argument("fields", "block", token="FIELDS", arguments=[Argument("numfields", "integer"), PAIRS]),
    ],
)  # fmt: skip
def hsetex(session: Session, argv: list[bytes]) -> int:
    """Set fields of a hash and when they expire; return 1 when they were set, 0 when the condition was not met."""
    # Raw: FIELDS ends the options, and each option is judged before the word behind it is read.
    db = session.db
    now = db.clock.now_ms()
    condition = b""
    deadline: int | None = None
    keep = False
    at = 2
    while (word := argv[at].upper()) != b"FIELDS":
        if word in {b"FNX", b"FXX"}:
            if condition:
                raise RespError(errors.FNX_WITH_FXX)
            condition = word
        elif word == b"KEEPTTL" or word in UNIT_WORDS:
            if keep or deadline is not None:
                raise RespError(errors.SEVERAL_EXPIRATIONS)
            if word == b"KEEPTTL":
                keep = True
            else:
                at += 1
                deadline = field_deadline(UNIT_WORDS[word], argv[at], now, "hsetex")
        else:
            raise RespError(errors.unknown_argument(argv[at]))
        at += 1
    pairs = _pairs_behind(argv, at)
    return _set_expiring(session, argv[1], pairs, condition, deadline, now, keep=keep)


def _set_expiring(
    session: Session,
    key: bytes,
    pairs: list[bytes],
    condition: bytes,
    deadline: int | None,
    now_ms: int,
    *,
    keep: bool,
) -> int:
    """Do what HSETEX was asked for."""
    db = session.db
    fields = pairs[::2]
    if condition:
        held = db.edit(key, Hash)
        if held is not None and held.deadlines:
            reclaim(db, key, held, fields, keep=condition == b"FNX")
        existing = 0 if held is None else sum(field in held.fields for field in fields)
        if existing != (len(fields) if condition == b"FXX" else 0):
            return 0
    held = db.obtain(key, Hash)
    gone = deadline is not None and deadline <= now_ms
    if gone:
        # Each comes and goes before the next one comes: that they do not stay does not keep a listpack from bursting.
        for field, value in zip(fields, pairs[1::2], strict=True):
            held.set(field, value)
            fit(session.server, held, (field, value))
            held.remove(field)
    elif keep:
        for field, value in zip(fields, pairs[1::2], strict=True):
            held.put(field, value)
    else:
        held.update(pairs)
    if deadline is not None:
        held.expect_deadlines()
    if held.encoding is not HASHTABLE:
        fit(session.server, held, pairs)
    db.changed(key, "hset", len(fields))
    if gone:
        deleted(db, key, held, 0)
    elif deadline is not None:
        let_expire(db, key, held, fields, deadline)
        db.changed(key, "hexpire", 0)
    return 1


@command("HDEL", WRITE | FAST, since="2.0.0", complexity="O(N) where N is the number of fields.")
def hdel(db: Database, key: ShrinkKey, *field: Value) -> int:
    """Delete fields of a hash, and the hash with the last of them; return how many existed."""
    held = db.edit(key, Hash)
    if held is None:
        return 0
    count = sum(map(held.remove, field))
    if count:
        deleted(db, key, held, count)
    return count


@command(
    "HGETDEL", WRITE | FAST, since="8.0.0", complexity="O(N) where N is the number of fields.",
    raw=True, arity=-5, arguments=[KEY, FIELDS], keys=[KeySpec(("RW", "access", "delete"), 1)],
)  # fmt: skip
def hgetdel(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the values of fields of a hash, nil for each that does not exist, and delete the fields."""
    # Raw: the type of the key is checked before the words behind it.
    db = session.db
    key = argv[1]
    held = db.edit(key, Hash)
    fields = fields_behind(argv, 2, errors.NUMFIELDS_NOT_POSITIVE)
    if held is None or (held.deadlines and not reclaim(db, key, held, fields)):
        return [None] * len(fields)
    return take(db, key, held, fields)


# Numbers --------------------------------------------------------------------------------------------------


def _put(
    server: Server, db: Database, key: bytes, held: Hash | None, field: bytes, value: bytes, event: str
) -> None:
    """Set a field to what arithmetic gave; a deadline stays."""
    if held is None:
        held = db.obtain(key, Hash)
    held.put(field, value)
    if held.encoding is not HASHTABLE:
        fit(server, held, (field, value))
    db.changed(key, event)


@command("HINCRBY", WRITE | DENYOOM | FAST, since="2.0.0", complexity="O(1)")
def hincrby(server: Server, db: Database, key: AccessUpdateKey, field: Value, increment: Integer) -> int:
    """Add to the integer in a field of a hash and return the sum; a missing field counts as 0."""
    held = edit_hash(db, key, (field,))
    value = None if held is None else held.fields.get(field)
    number = 0 if value is None else parse_int64(value)
    if number is None:
        raise RespError(errors.HASH_VALUE_NOT_AN_INTEGER)
    total = number + increment
    if not INT64_MIN <= total <= INT64_MAX:
        raise RespError(errors.INCREMENT_OVERFLOW)
    _put(server, db, key, held, field, b"%d" % total, "hincrby")
    return total


@command("HINCRBYFLOAT", WRITE | DENYOOM | FAST, since="2.6.0", complexity="O(1)")
def hincrbyfloat(
    server: Server, db: Database, key: AccessUpdateKey, field: Value, increment: LongDouble
) -> bytes:
    """Add to the number in a field of a hash and return the sum; a missing field counts as 0."""
    if isinstance(increment, float):
        raise RespError(errors.NOT_FINITE)
    held = edit_hash(db, key, (field,))
    value = None if held is None else held.fields.get(field)
    number = Fraction(0) if value is None else long_double.parse(value)
    if number is None:
        raise RespError(errors.HASH_VALUE_NOT_A_FLOAT)
    total = long_double.add(number, increment)
    if total is None:
        raise RespError(errors.INCREMENT_NOT_FINITE)
    result = long_double.format_fixed(total)
    _put(server, db, key, held, field, result, "hincrbyfloat")
    return result


# Reading --------------------------------------------------------------------------------------------------


@command("HGET", READONLY | FAST, since="2.0.0", complexity="O(1)")
def hget(db: Database, key: ReadKey, field: Value) -> bytes | None:
    """Return the value of a field of a hash."""
    held = db.find(key, Hash)
    if held is None:
        return None
    if held.deadlines:
        reclaim(db, key, held, (field,))
    return held.fields.get(field)


@command("HMGET", READONLY | FAST, since="2.0.0", complexity="O(N) where N is the number of fields.")
def hmget(db: Database, key: ReadKey, *field: Value) -> list[Reply]:
    """Return the values of fields of a hash, nil for each that does not exist."""
    held = find_hash(db, key, field)
    return [None] * len(field) if held is None else [held.fields.get(name) for name in field]


@command("HEXISTS", READONLY | FAST, since="2.0.0", complexity="O(1)")
def hexists(db: Database, key: PeekKey, field: Value) -> int:
    """Return 1 when a hash has a field, 0 when not."""
    held = find_hash(db, key, (field,))
    return 1 if held is not None and field in held.fields else 0


@command("HSTRLEN", READONLY | FAST, since="3.2.0", complexity="O(1)")
def hstrlen(db: Database, key: PeekKey, field: Value) -> int:
    """Return the length of the value of a field of a hash, 0 when it does not exist."""
    held = find_hash(db, key, (field,))
    return 0 if held is None else len(held.fields.get(field, b""))


@command("HLEN", READONLY | FAST, since="2.0.0", complexity="O(1)")
def hlen(db: Database, key: PeekKey) -> int:
    """Return how many fields a hash has, expired ones that were not reclaimed yet included."""
    held = db.find(key, Hash)
    return 0 if held is None else len(held)


_ANY_ORDER: Final = ("nondeterministic_output_order",)


@command(
    "HGETALL", READONLY, since="2.0.0", complexity="O(N) where N is the size of the hash.", tips=_ANY_ORDER
)
def hgetall(db: Database, key: ReadKey) -> Reply:
    """Return all fields of a hash with their values."""
    held = db.find(key, Hash)
    return {} if held is None else cast("dict[Reply, Reply]", held.items(db.clock.now_ms()))


@command(
    "HKEYS", READONLY, since="2.0.0", complexity="O(N) where N is the size of the hash.", tips=_ANY_ORDER
)
def hkeys(db: Database, key: ReadKey) -> Reply:
    """Return all fields of a hash."""
    held = db.find(key, Hash)
    return [] if held is None else list[Reply](held.live(db.clock.now_ms()))


@command(
    "HVALS", READONLY, since="2.0.0", complexity="O(N) where N is the size of the hash.", tips=_ANY_ORDER
)
def hvals(db: Database, key: ReadKey) -> Reply:
    """Return all values of a hash."""
    held = db.find(key, Hash)
    return [] if held is None else list[Reply](held.items(db.clock.now_ms()).values())


_parse_count: Final = bounded(-INT64_MAX, INT64_MAX)


@command(
    "HRANDFIELD", READONLY, since="6.2.0", complexity="O(N) where N is the number of returned fields.",
    tips=["nondeterministic_output"], raw=True, arity=-2, keys=[READ],
    arguments=[
        KEY,
        Argument(
            "options", "block", optional=True,
            arguments=[
                Argument("count", "integer"),
                Argument("withvalues", "pure-token", token="WITHVALUES", optional=True),
            ],
        ),
    ],
)  # fmt: skip
def hrandfield(session: Session, argv: list[bytes]) -> Reply:
    """Return a field of a hash by chance, or several."""
    # Raw: WITHVALUES stands behind a count only, and the count is judged first.
    count = None
    if len(argv) > 2:
        count = _parse_count(argv[2])
        if count is None:
            raise RespError(errors.NOT_AN_INTEGER)
        if len(argv) > 4 or (len(argv) == 4 and argv[3].upper() != b"WITHVALUES"):
            raise RespError(errors.SYNTAX)
        if len(argv) == 4 and abs(count) > INT64_MAX // 2:
            raise RespError(errors.OUT_OF_RANGE)
    db = session.db
    held = db.find(argv[1], Hash)
    if held is not None and held.deadlines:
        # Chance is even among fields that are there: what is due goes first.
        gone = held.reclaim(db.clock.now_ms(), len(held))
        if gone and not db.fields_expired(argv[1], held, gone):
            held = None
    if held is None:
        return None if count is None else []
    if count is None:
        return held.pick(db.random)
    draw = held.sample if count >= 0 else held.pick_many
    fields = draw(db.random, abs(count))
    if len(argv) == 3:
        return list[Reply](fields)
    values = held.fields
    if session.resp > 2:
        return [[field, values[field]] for field in fields]
    return [word for field in fields for word in (field, values[field])]


@command(
    "HSCAN", READONLY, since="2.8.0", complexity="O(COUNT) for every call, O(N) for an iteration over N fields.",
    tips=["nondeterministic_output"], raw=True, arity=-3, keys=[READ],
    arguments=[
        KEY,
        Argument("cursor", "integer"),
        Argument("pattern", "pattern", token="MATCH", optional=True),
        Argument("count", "integer", token="COUNT", optional=True),
        Argument("novalues", "pure-token", token="NOVALUES", optional=True),
    ],
)  # fmt: skip
def hscan(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the next cursor, 0 at the end, and some of the fields of a hash with their values."""
    # Raw: the cursor is judged before the key is looked up, and the options behind it only when there is a hash.
    cursor = scan_cursor(argv[2])
    db = session.db
    held = db.find(argv[1], Hash)
    if held is None:
        return [b"0", []]
    options = scan_options(argv[3:], of_fields=True)
    cursor, fields = held.scan(cursor, options.size, options.matches, db.random, db.clock.now_ms())
    if not options.values:
        return [b"%d" % cursor, list[Reply](fields)]
    values = held.fields
    return [b"%d" % cursor, [word for field in fields for word in (field, values[field])]]
