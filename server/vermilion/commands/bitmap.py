"""The bitmap group: strings as rows of bits."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, NamedTuple

from vermilion import errors
from vermilion.commands.registry import command
from vermilion.commands.syntax import (
    DENYOOM,
    FAST,
    READONLY,
    WRITE,
    AccessUpdateKey,
    Argument,
    KeyFlag,
    KeySpec,
    Kind,
    OneWord,
    OverwriteKey,
    ReadKey,
)
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.ports import Server
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import Reply
from vermilion.session import Session
from vermilion.structures import bitmap

UnreadInteger = Annotated[bytes, Kind("integer")]
"""An integer whose limit is a directive, or that is judged behind one of which it is: read by the function."""

_UNIT: Final = Argument(
    "unit", "oneof", optional=True, since="7.0.0",
    arguments=[Argument("byte", "pure-token", token="BYTE"), Argument("bit", "pure-token", token="BIT")],
)  # fmt: skip
_READ_KEY: Final = KeySpec(("RO", "access"), 1)


def _bit_offset(server: Server, text: bytes) -> int:
    """Return the offset of a bit in a string of legal size."""
    offset = parse_int64(text)
    if offset is None or offset < 0 or offset >> 3 >= server.settings.proto_max_bulk_len:
        raise RespError(errors.BIT_OFFSET)
    return offset


# Single bits ----------------------------------------------------------------------------------------------


@command("GETBIT", READONLY | FAST, since="2.2.0", complexity="O(1)")
def getbit(server: Server, db: Database, key: ReadKey, offset: UnreadInteger) -> int:
    """Return the bit at an offset of the string at a key, 0 behind its end."""
    at = _bit_offset(server, offset)
    bits = db.octets(key)
    return 0 if bits is None else bitmap.get(bits, at)


@command(
    "SETBIT", WRITE | DENYOOM, since="2.2.0",
    complexity="O(1), not counting what the string grows by.",
)  # fmt: skip
def setbit(
    server: Server, db: Database, key: AccessUpdateKey, offset: UnreadInteger, value: UnreadInteger
) -> int:
    """Set or clear the bit at an offset of the string at a key, which grows to hold it; return the old bit."""
    at = _bit_offset(server, offset)
    if value not in {b"0", b"1"}:
        raise RespError(errors.NOT_A_BIT)
    bits = db.edit_octets(key, db.edit_string(key))
    byte, mask = at >> 3, 0x80 >> (at & 7)
    missing = byte + 1 - len(bits)
    if missing > 0:
        bits.extend(bytes(missing))
    old = bits[byte] & mask
    if bool(old) is not (value == b"1"):
        bits[byte] ^= mask
    elif missing <= 0:
        return 1 if old else 0
    db.changed(key, "setbit")
    return 1 if old else 0


# Ranges of bits -------------------------------------------------------------------------------------------


def _integer(text: bytes) -> int:
    """Return the integer that an argument is."""
    number = parse_int64(text)
    if number is None:
        raise RespError(errors.NOT_AN_INTEGER)
    return number


def _unit(words: Sequence[bytes]) -> int:
    """Return how many bits the unit of a range has, which is its last and optional word."""
    if not words:
        return 8
    unit = words[0].upper()
    if len(words) > 1 or unit not in {b"BYTE", b"BIT"}:
        raise RespError(errors.SYNTAX)
    return 8 if unit == b"BYTE" else 1


def _range(start: int, end: int, unit: int, size: int) -> tuple[int, int] | None:
    """Return the first and the last bit of a range in a string of some bytes, None when there is none.

    Negative positions count from the end; what lies outside is cut off.
    """
    if start < 0 and end < 0 and start > end:
        return None
    total = 8 * size // unit
    first = max(0, start + total if start < 0 else start)
    last = min(max(0, end + total if end < 0 else end), total - 1)
    return (first * unit, last * unit + unit - 1) if first <= last else None


@command(
    "BITCOUNT", READONLY, since="2.6.0", complexity="O(N)", raw=True, arity=-2,
    arguments=[
        Argument("key", "key", key_spec=0),
        Argument("range", "block", optional=True, arguments=[
            Argument("start", "integer"), Argument("end", "integer"), _UNIT,
        ]),
    ],
    keys=[_READ_KEY],
)  # fmt: skip
def bitcount(session: Session, argv: list[bytes]) -> int:
    """Return how many bits are set in the string at a key, or in a part of it."""
    # Raw: the range is optional as a whole.
    start, end, unit = 0, -1, 8
    if len(argv) > 2:
        if len(argv) == 3 or len(argv) > 5:
            raise RespError(errors.SYNTAX)
        start, end = _integer(argv[2]), _integer(argv[3])
        unit = _unit(argv[4:])
    bits = session.db.octets(argv[1])
    if bits is None:
        return 0
    found = _range(start, end, unit, len(bits))
    return bitmap.count(bits, *found) if found else 0


@command(
    "BITPOS", READONLY, since="2.8.7", complexity="O(N)", raw=True, arity=-3,
    arguments=[
        Argument("key", "key", key_spec=0),
        Argument("bit", "integer"),
        Argument("range", "block", optional=True, arguments=[
            Argument("start", "integer"),
            Argument("end-unit-block", "block", optional=True, arguments=[Argument("end", "integer"), _UNIT]),
        ]),
    ],
    keys=[_READ_KEY],
)  # fmt: skip
def bitpos(session: Session, argv: list[bytes]) -> int:
    """Return the position of the first bit that is set, or clear, in the string at a key; -1 when there is none."""
    # Raw: the range is optional from its end, and its unit is judged before its end.
    bit = _integer(argv[2])
    if bit not in {0, 1}:
        raise RespError(errors.NOT_ZERO_OR_ONE)
    if len(argv) > 6:
        raise RespError(errors.SYNTAX)
    start = _integer(argv[3]) if len(argv) > 3 else 0
    unit = _unit(argv[5:])
    ended = len(argv) > 4
    end = _integer(argv[4]) if ended else -1
    bits = session.db.octets(argv[1])
    if bits is None:
        return -bit
    found = _range(start, end, unit, len(bits))
    if found is None:
        return -1
    at = bitmap.find(bits, bit, *found)
    # A string whose end nobody named goes on in zeros.
    return 8 * len(bits) if at < 0 and not bit and not ended else at


@command("BITOP", WRITE | DENYOOM, since="2.6.0", complexity="O(N)")
def bitop(
    db: Database,
    operation: Annotated[str, OneWord("AND", "OR", "XOR", "NOT")],
    destkey: OverwriteKey,
    *key: ReadKey,
) -> int:
    """Store AND, OR or XOR of strings, or NOT of one, at a key; return the size of the result."""
    if operation == "NOT" and len(key) > 1:
        raise RespError(errors.BITOP_NOT_OF_SEVERAL)
    result = bitmap.combine(operation, [db.octets(name) or b"" for name in key])
    if result:
        db.store(destkey, result)
        db.changed(destkey, "set")
    elif db.remove(destkey):
        db.changed(destkey, "del")
    return len(result)


# Integers in bitmaps --------------------------------------------------------------------------------------


class _Operation(NamedTuple):
    """One of the operations of a BITFIELD."""

    name: bytes
    field: bitmap.Field
    offset: int
    operand: int
    overflow: str


_OPERANDS: Final = {b"GET": 2, b"SET": 3, b"INCRBY": 3, b"OVERFLOW": 1}
_OVERFLOWS: Final = {b"WRAP": "WRAP", b"SAT": "SAT", b"FAIL": "FAIL"}


def _operations(server: Server, argv: list[bytes]) -> Iterator[_Operation]:
    """Read the operations of a BITFIELD."""
    overflow = "WRAP"
    at = 2
    while at < len(argv):
        name = argv[at].upper()
        operands = argv[at + 1 : at + 1 + _OPERANDS.get(name, 0)]
        if not operands or len(operands) < _OPERANDS[name]:
            raise RespError(errors.SYNTAX)
        at += 1 + len(operands)
        if name == b"OVERFLOW":
            if operands[0].upper() not in _OVERFLOWS:
                raise RespError(errors.BAD_OVERFLOW)
            overflow = _OVERFLOWS[operands[0].upper()]
            continue
        field = _field(operands[0])
        offset = _field_offset(server, operands[1], field)
        yield _Operation(name, field, offset, _integer(operands[2]) if name != b"GET" else 0, overflow)


def _field(text: bytes) -> bitmap.Field:
    """Return the type of an integer."""
    signed = text[:1] == b"i"
    width = parse_int64(text[1:])
    if not (signed or text[:1] == b"u") or width is None or not 1 <= width <= 63 + signed:
        raise RespError(errors.BAD_FIELD_TYPE)
    return bitmap.Field(signed, width)


def _field_offset(server: Server, text: bytes, field: bitmap.Field) -> int:
    """Return the offset of an integer, which is counted in its own size behind a `#`."""
    if text[:1] != b"#":
        return _bit_offset(server, text)
    index = parse_int64(text[1:])
    if index is None:
        raise RespError(errors.BIT_OFFSET)
    return _bit_offset(server, b"%d" % (index * field.width))


def _bitfield_flags(argv: Sequence[bytes]) -> Sequence[KeyFlag]:
    """Return what one BITFIELD does to its key: one that only gets changes nothing."""
    at = 2
    while at < len(argv):
        name = argv[at].upper()
        if name not in {b"GET", b"OVERFLOW"}:
            return ("RW", "access", "update")
        at += 1 + _OPERANDS[name]
    return ("RO", "access")


_ENCODING_AND_OFFSET: Final = (Argument("encoding", "string"), Argument("offset", "integer"))


@command(
    "BITFIELD", WRITE | DENYOOM, since="3.2.0", complexity="O(1) for each operation.",
    raw=True, arity=-2,
    arguments=[
        Argument("key", "key", key_spec=0),
        Argument("operation", "oneof", optional=True, multiple=True, arguments=[
            Argument("get-block", "block", token="GET", arguments=_ENCODING_AND_OFFSET),
            Argument("write", "block", arguments=[
                Argument("overflow-block", "oneof", token="OVERFLOW", optional=True, arguments=[
                    Argument("wrap", "pure-token", token="WRAP"),
                    Argument("sat", "pure-token", token="SAT"),
                    Argument("fail", "pure-token", token="FAIL"),
                ]),
                Argument("write-operation", "oneof", arguments=[
                    Argument("set-block", "block", token="SET", arguments=[
                        *_ENCODING_AND_OFFSET, Argument("value", "integer"),
                    ]),
                    Argument("incrby-block", "block", token="INCRBY", arguments=[
                        *_ENCODING_AND_OFFSET, Argument("increment", "integer"),
                    ]),
                ]),
            ]),
        ]),
    ],
    keys=[
        KeySpec(
            ("RW", "access", "update", "variable_flags"), 1,
            notes="This command allows both access and modification of the key",
        ),
    ],
    call_key_flags=_bitfield_flags,
)  # fmt: skip
def bitfield(session: Session, argv: list[bytes]) -> list[Reply]:
    """Read and change integers of any width in the string at a key; return what each operation found."""
    # Raw: a sequence of operations is no set of options.
    operations = list(_operations(session.server, argv))
    end = max((item.offset + item.field.width for item in operations if item.name != b"GET"), default=0)
    return (
        _write_fields(session.db, argv[1], operations, end)
        if end
        else _read_fields(session, argv[1], operations)
    )


@command(
    "BITFIELD_RO", READONLY | FAST, since="6.0.0", complexity="O(1) for each operation.",
    raw=True, arity=-2,
    arguments=[
        Argument("key", "key", key_spec=0),
        Argument(
            "get-block", "block", token="GET", optional=True, multiple=True, multiple_token=True,
            arguments=_ENCODING_AND_OFFSET,
        ),
    ],
    keys=[_READ_KEY],
)  # fmt: skip
def bitfield_ro(session: Session, argv: list[bytes]) -> list[Reply]:
    """Read integers of any width in the string at a key."""
    # Raw: as BITFIELD.
    operations = list(_operations(session.server, argv))
    if any(item.name != b"GET" for item in operations):
        raise RespError(errors.BITFIELD_READ_ONLY)
    return _read_fields(session, argv[1], operations)


def _read_fields(session: Session, key: bytes, operations: list[_Operation]) -> list[Reply]:
    """Return the integers that operations ask for."""
    bits = session.db.octets(key) or b""
    return [item.field.read(bits, item.offset) for item in operations]


def _unwrapped(field: bitmap.Field, value: int) -> int:
    """Return a value to set as Redis sees it when it asks whether it fits.

    It reads the value of an unsigned field as unsigned, and takes the distance from the greatest value of a signed
    one in 64 bits, so that the least integers look too great.
    """
    too_far = field.width < 64 and value + 2**63 <= field.high if field.signed else value < 0
    return value + 2**64 if too_far else value


def _write_fields(db: Database, key: bytes, operations: list[_Operation], end: int) -> list[Reply]:
    """Run operations in a string that has at least `end` bits by then."""
    bits = db.edit_octets(key, db.edit_string(key))
    missing = (end + 7 >> 3) - len(bits)
    if missing > 0:
        bits.extend(bytes(missing))
    found: list[Reply] = []
    changes = 0
    for name, field, offset, operand, overflow in operations:
        old = field.read(bits, offset)
        if name == b"GET":
            found.append(old)
            continue
        wanted = old + operand if name == b"INCRBY" else _unwrapped(field, operand)
        new = field.fit(wanted, overflow)
        if new is None:
            found.append(None)
            continue
        if new != old or missing > 0:
            changes += 1
            field.write(bits, offset, new)
        found.append(old if name == b"SET" else new)
    if changes:
        db.changed(key, "setbit", changes)
    return found
