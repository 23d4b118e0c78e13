"""What the libraries of scripts cannot do in Lua 5.1: bits of numbers, and numbers as bytes.

`bit` follows Lua BitOp 1.0.2, `struct` follows lua-struct 0.2; the tables of `lua/*.lua` call what is here. Nothing
here raises: what is wrong is returned, and raised in Lua.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

Number: TypeAlias = "int | float"
Wrong: TypeAlias = "tuple[object, ...]"
"""None, then `error` and a text, or `argument`, its place, and what was expected of it."""

_ROUNDING: Final = 6755399441055744.0
"""2^52 + 2^51: added to a number, its integer part is in the low bits of the sum."""

_EXACT: Final = 1 << 51
_MASK: Final = 0xFFFFFFFF


def _bits(number: Number) -> int:
    """Return the 32 bits of a number, rounded to an integer."""
    if type(number) is int and -_EXACT < number < _EXACT:
        return number & _MASK
    return int.from_bytes(struct.pack("<d", float(number) + _ROUNDING)[:4], "little")


def _signed(bits: int) -> int:
    """Return 32 bits as a signed integer."""
    return bits - (1 << 32) if bits & 0x80000000 else bits


def _band(*numbers: Number) -> int:
    bits = _MASK
    for number in numbers:
        bits &= _bits(number)
    return _signed(bits)


def _bor(*numbers: Number) -> int:
    bits = 0
    for number in numbers:
        bits |= _bits(number)
    return _signed(bits)


def _bxor(*numbers: Number) -> int:
    bits = 0
    for number in numbers:
        bits ^= _bits(number)
    return _signed(bits)


def _rotated(number: Number, distance: int) -> int:
    """Return the bits of a number, moved to the left in a circle."""
    bits, distance = _bits(number), distance & 31
    return _signed((bits << distance | bits >> (32 - distance)) & _MASK)


def _distance(number: Number) -> int:
    """Return how far to shift: 31 at most."""
    return _bits(number) & 31


def pack_float(number: Number) -> bytes:
    """Return a number as MessagePack has it: in 4 bytes where they are enough."""
    try:
        short = struct.pack(">f", number)
    except OverflowError:
        return b"\xcb" + struct.pack(">d", number)
    if struct.unpack(">f", short)[0] == number:
        return b"\xca" + short
    return b"\xcb" + struct.pack(">d", number)


def unpack_float(octets: bytes) -> float:
    """Return the number that 4 or 8 bytes hold, the highest first."""
    return float(struct.unpack(">f" if len(octets) == 4 else ">d", octets)[0])


# struct ---------------------------------------------------------------------------------------------------

_SIZES: Final = {"b": 1, "h": 2, "l": 8, "t": 8, "f": 4, "d": 8, "x": 1}
_MAX_INTEGER: Final = 32
_MAX_ALIGNMENT: Final = 8
_UINT64: Final = (1 << 64) - 1
_EXACT_FLOAT: Final = 1 << 53
_MAX_COUNT: Final = (1 << 31) - 1


class _StructError(Exception):
    """What is wrong with a call; never leaves this module."""

    def __init__(self, *wrong: object) -> None:
        super().__init__(*wrong)
        self.wrong: Wrong = (None, *wrong)


class _Layout:
    """Reads a format: its options, one after the other, each with its size and what goes before it.

    Args:
        text: the format.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.little = True
        self._alignment = 1

    def _count(self, default: int) -> int:
        """Return the number that stands next, or the default."""
        start = self._at
        while self._at < len(self._text) and "0" <= self._text[self._at] <= "9":
            self._at += 1
        if start == self._at:
            return default
        count = int(self._text[start : self._at][:20])
        if count > _MAX_COUNT:
            raise _StructError(b"error", b"integral size overflow")
        return count

    def options(self) -> Iterator[tuple[str, int]]:
        """Return the options that stand for bytes, with their sizes."""
        while self._at < len(self._text):
            option = self._text[self._at]
            self._at += 1
            if option in "bBhHlLTfdx":
                yield option, _SIZES[option.lower()]
            elif option in "iI":
                size = self._count(4)
                if size > _MAX_INTEGER:
                    raise _StructError(
                        b"error", b"integral size %d is larger than limit of %d" % (size, _MAX_INTEGER)
                    )
                yield option, size
            elif option == "c":
                yield option, self._count(1)
            elif option == "s":
                yield option, 0
            else:
                self._control(option)

    def _control(self, option: str) -> None:
        """Take an option that says how the others are meant."""
        if option == ">":
            self.little = False
        elif option == "<":
            self.little = True
        elif option == "!":
            alignment = self._count(_MAX_ALIGNMENT)
            if not alignment or alignment & (alignment - 1):
                raise _StructError(b"error", b"alignment %d is not a power of 2" % alignment)
            self._alignment = alignment
        elif option != " ":
            shown = option.encode("latin-1")
            raise _StructError(b"argument", 1, b"invalid format option '%b'" % shown)

    def padding(self, place: int, option: str, size: int) -> int:
        """Return how many bytes stand before an option, for it to be aligned."""
        if not size or option == "c":
            return 0
        size = min(size, self._alignment)
        return (size - (place & (size - 1))) & (size - 1) if size > 1 else 0


def _format(arguments: tuple[object, ...]) -> _Layout:
    """Return the format, the first argument."""
    if not arguments:
        raise _StructError(b"argument", 1, b"string")
    return _Layout(_text(arguments, 1).decode("latin-1"))


def _text(arguments: tuple[object, ...], place: int) -> bytes:
    """Return an argument that is a string, or is one for C."""
    value = arguments[place - 1] if place <= len(arguments) else None
    if isinstance(value, bytes):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return b"%.14g" % value
    raise _StructError(b"argument", place, b"string")


def _number(arguments: tuple[object, ...], place: int) -> Number:
    """Return an argument that is a number, or spells one."""
    value = arguments[place - 1] if place <= len(arguments) else None
    if isinstance(value, bytes):
        try:
            return float(value)
        except ValueError:
            raise _StructError(b"argument", place, b"number") from None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise _StructError(b"argument", place, b"number")


def _integer(number: Number) -> int:
    """Return a number as C makes 64 bits of it."""
    if number != number or abs(number) >= 1 << 64:  # noqa: PLR0124  # not a number
        return 1 << 63
    return int(number) & _UINT64


def _pack(*arguments: object) -> bytes:
    layout = _format(arguments)
    packed = bytearray()
    place = 2
    for option, size in layout.options():
        packed += bytes(layout.padding(len(packed), option, size))
        if option == "x":
            packed.append(0)
            continue
        if option in "fd":
            number = _number(arguments, place)
            packed += _float_bytes(number, option, little=layout.little)
        elif option in "sc":
            text = _text(arguments, place)
            wanted = size or len(text)
            if len(text) < wanted:
                raise _StructError(b"argument", place + 1, b"string too short")  # sic
            packed += text[:wanted]
            if option == "s":
                packed.append(0)
        else:
            octets = _integer(_number(arguments, place)).to_bytes(max(size, 8), "little")[:size]
            packed += octets if layout.little else octets[::-1]
        place += 1
    return bytes(packed)


def _float_bytes(number: Number, option: str, *, little: bool) -> bytes:
    """Return a number in 4 or 8 bytes."""
    order = "<" if little else ">"
    try:
        return struct.pack(order + option, number)
    except OverflowError:
        return struct.pack(order + option, float("inf") if number > 0 else float("-inf"))


def _unpack(*arguments: object) -> object:
    layout = _format(arguments)
    data = _text(arguments, 2)
    at = int(_number(arguments, 3)) - 1 if len(arguments) > 2 else 0
    if at == -1:
        raise _StructError(b"argument", 3, b"offset must be 1 or greater")
    found: list[bytes | int | float] = []
    for option, size in layout.options():
        at += layout.padding(at, option, size)
        if option == "c" and not size:
            previous = found.pop() if found else b""
            if isinstance(previous, bytes):
                raise _StructError(b"error", b"format 'c0' needs a previous size")
            size = int(previous)  # noqa: PLW2901  # what `c0` says is: as many as these
        if size < 0 or at < 0 or at + size > len(data):
            raise _StructError(b"argument", 2, b"data string too short")
        if option == "s":
            end = data.find(b"\0", at)
            if end < 0:
                raise _StructError(b"error", b"unfinished string in data")
            found.append(data[at:end])
            at = end + 1
            continue
        octets = data[at : at + size]
        at += size
        if option == "c":
            found.append(octets)
        elif option in "fd":
            found.append(struct.unpack(("<" if layout.little else ">") + option, octets)[0])
        elif option != "x":
            found.append(_integer_of(octets, signed=option.islower(), little=layout.little))
    return (None, b"values", *found, at + 1)


def _integer_of(octets: bytes, *, signed: bool, little: bool) -> Number:
    """Return the integer that bytes hold, the lower 64 bits of it."""
    octets = (octets if little else octets[::-1])[:8]
    number = int.from_bytes(octets, "little", signed=signed)
    return number if abs(number) <= _EXACT_FLOAT else float(number)


def _size(*arguments: object) -> int:
    layout = _format(arguments)
    total = 0
    for option, size in layout.options():
        if option == "s" or (option == "c" and not size):
            raise _StructError(
                b"argument", 1, b"option '%b' has no fixed size" % (b"s" if option == "s" else b"c0")
            )
        total += layout.padding(total, option, size) + size
    return total


def _told(operate: Callable[..., object]) -> Callable[..., object]:
    """Return a function that returns what is wrong instead of raising it."""

    def call(*arguments: object) -> object:
        try:
            return operate(*arguments)
        except _StructError as error:
            return error.wrong

    return call


PRIMITIVES: Final[dict[str, Callable[..., object]]] = {
    "tobit": lambda number: _signed(_bits(number)),
    "bnot": lambda number: _signed(~_bits(number) & _MASK),
    "band": _band,
    "bor": _bor,
    "bxor": _bxor,
    "lshift": lambda number, by: _signed(_bits(number) << _distance(by) & _MASK),
    "rshift": lambda number, by: _signed(_bits(number) >> _distance(by)),
    "arshift": lambda number, by: _signed(_bits(number)) >> _distance(by),
    "rol": lambda number, by: _rotated(number, _distance(by)),
    "ror": lambda number, by: _rotated(number, -_distance(by)),
    "bswap": lambda number: _signed(int.from_bytes(_bits(number).to_bytes(4, "little"), "big")),
    "pack_float": pack_float,
    "unpack_float": unpack_float,
    "struct_pack": _told(_pack),
    "struct_unpack": _told(_unpack),
    "struct_size": _told(_size),
}
"""What the sandbox hands to the libraries."""
