"""DUMP and RESTORE, of the generic group: values as the bytes that RDB files have."""

from typing import Final, NamedTuple

from vermilion import errors
from vermilion.commands.registry import command
from vermilion.commands.syntax import ASKING, DENYOOM, READONLY, WRITE, Argument, KeySpec, ReadKey
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.protocol.numbers import INT64_MAX, parse_int64
from vermilion.protocol.reply import OK, Status
from vermilion.rdb import payload
from vermilion.rdb.encoding import FormatError
from vermilion.session import Session
from vermilion.structures.vector_set import VectorSet


@command(
    "DUMP", READONLY, since="2.6.0", group="generic", tips=["nondeterministic_output"],
    complexity="O(N*M) where N is the number of elements and M their average size; O(M) for strings.",
)  # fmt: skip
def dump(db: Database, key: ReadKey) -> bytes | None:
    """Return the value at a key as bytes that RESTORE takes, nil when the key does not exist."""
    held = db.lookup(key)
    return None if held is None else payload.dump(held)


_RESTORE_ARGUMENTS: Final = (
    Argument("key", "key", key_spec=0),
    Argument("ttl", "integer"),
    Argument("serialized-value", "string"),
    Argument("replace", "pure-token", token="REPLACE", optional=True, since="3.0.0"),
    Argument("absttl", "pure-token", token="ABSTTL", optional=True, since="5.0.0"),
    Argument("seconds", "integer", token="IDLETIME", optional=True, since="5.0.0"),
    Argument("frequency", "integer", token="FREQ", optional=True, since="5.0.0"),
)


@command(
    "RESTORE", WRITE | DENYOOM, since="2.6.0", group="generic", categories=["dangerous"],
    complexity="O(N*M) where N is the number of elements and M their average size; O(M) for strings.",
    raw=True, arity=-4, arguments=_RESTORE_ARGUMENTS,
    keys=[KeySpec(("OW", "update"), 1)],
)  # fmt: skip
def restore(session: Session, argv: list[bytes]) -> Status:
    """Make what DUMP returned the value of a key."""
    # Raw: the key is looked up before its time to live is read, and an option is judged before the next is read.
    db, key = session.db, argv[1]
    options = _options(argv[4:])
    if not options.replace and db.touch(key) is not None:
        raise RespError(errors.BUSY_KEY)
    ttl = parse_int64(argv[2])
    if ttl is None:
        raise RespError(errors.NOT_AN_INTEGER)
    if ttl < 0:
        raise RespError(errors.INVALID_TTL)
    try:
        value = payload.restore(argv[3], session.server.settings)
    except payload.FooterError:
        raise RespError(errors.BAD_PAYLOAD_FOOTER) from None
    except FormatError:
        raise RespError(errors.BAD_PAYLOAD) from None
    now = db.clock.now_ms()
    deadline = ttl if options.absolute or not ttl else min(ttl + now, INT64_MAX)
    if 0 < deadline < now:
        if db.remove(key):
            db.changed(key, "del")
        return OK
    if isinstance(value, VectorSet):
        value.uid = db.stats.next_vector_set()
    db.place(key, value, deadline or None)
    if options.idle is not None:
        db.set_idle(key, options.idle)
    if options.frequency is not None:
        db.set_frequency(key, options.frequency)
    db.changed(key, "restore")
    return OK


@command(
    "RESTORE-ASKING", WRITE | DENYOOM | ASKING, since="3.0.0", group="server", doc_flags=["syscmd"],
    categories=["keyspace", "dangerous"],
    complexity="O(N*M) where N is the number of elements and M their average size; O(M) for strings.",
    raw=True, arity=-4, arguments=_RESTORE_ARGUMENTS, keys=[KeySpec(("OW", "update"), 1)],
)  # fmt: skip
def restore_asking(session: Session, argv: list[bytes]) -> Status:
    """Make what DUMP returned the value of a key: the same as `RESTORE`, where there is no cluster."""
    return restore(session, argv)


class _Options(NamedTuple):
    """What RESTORE was asked for."""

    replace: bool
    absolute: bool
    idle: int | None
    frequency: int | None


_IDLE_MAX: Final = (1 << 24) - 2
"""Redis keeps the time of an access in 24 bits."""


def _options(words: list[bytes]) -> _Options:
    """Read the options behind a payload."""
    flags: set[bytes] = set()
    idle: int | None = None
    frequency: int | None = None
    rest = iter(words)
    for word in map(bytes.upper, rest):
        if word in {b"REPLACE", b"ABSTTL"}:
            flags.add(word)
        elif word == b"IDLETIME" and frequency is None and (operand := next(rest, None)) is not None:
            idle = _number(operand)
            if idle < 0:
                raise RespError(errors.INVALID_IDLE_TIME)
        elif word == b"FREQ" and idle is None and (operand := next(rest, None)) is not None:
            frequency = _number(operand)
            if not 0 <= frequency <= 255:
                raise RespError(errors.INVALID_FREQUENCY)
        else:
            raise RespError(errors.SYNTAX)
    if idle is not None:
        idle = min(idle, _IDLE_MAX)
    return _Options(b"REPLACE" in flags, b"ABSTTL" in flags, idle, frequency)


def _number(text: bytes) -> int:
    """Return the integer that an option is given."""
    number = parse_int64(text)
    if number is None:
        raise RespError(errors.NOT_AN_INTEGER)
    return number
