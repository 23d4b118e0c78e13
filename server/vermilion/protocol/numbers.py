"""Numbers as the wire writes them: strict parsers, and doubles printed as Redis prints them."""

import math
import re
from typing import Final

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
UINT64_MAX: Final = 2**64 - 1

_DOUBLE = re.compile(
    rb"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?\d+)?"
    rb"|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)"
)

_UNSIGNED = re.compile(rb"[ \t-\r]*([+-]?)0*(\d{1,20})")


def parse_int64(text: bytes) -> int | None:
    """Return the integer that text spells canonically, or None.

    Canonical is what Redis accepts: an optional minus sign and digits without leading zeros, within 64 bits;
    so no `+5`, `007`, ` 12`, `1_000` or `-0`, all of which `int()` would take.
    """
    if text.isdigit():
        if text[0] == 48 and len(text) > 1:
            return None
        number = int(text) if len(text) < 20 else INT64_MAX + 1
        return number if number <= INT64_MAX else None
    if text[:1] != b"-" or not text[1:].isdigit() or text[1] == 48 or len(text) > 20:
        return None
    number = int(text)
    return number if number >= INT64_MIN else None


def parse_cursor(text: bytes) -> int | None:
    """Return the cursor that text spells, or None.

    Redis reads one as C's strtoull does: behind white space, with a sign, with leading zeros, up to a NUL,
    and negative ones modulo 2**64. Only a canonical negative number is refused.
    """
    number = parse_int64(text)
    if number is not None:
        return number if number >= 0 else None
    match = _UNSIGNED.fullmatch(text.partition(b"\0")[0])
    if match is None or int(match[2]) > UINT64_MAX:
        return None
    return int(match[1] + match[2]) % (UINT64_MAX + 1)


def parse_double(text: bytes) -> float | None:
    """Return the double that text spells as C's strtod reads it, or None; NaN and surrounding space are refused."""
    if _DOUBLE.fullmatch(text) is None:
        return None
    if b"x" in text or b"X" in text:
        return float.fromhex(text.decode("ascii"))
    return float(text)


def format_double(number: float) -> bytes:
    """Return number as Redis prints doubles: the shortest text that reads back the same, integers without a dot.

    Example:
        >>> format_double(3.0), format_double(0.1), format_double(1e21), format_double(float("-inf"))
        (b'3', b'0.1', b'1e+21', b'-inf')
    """
    if math.isinf(number):
        return b"inf" if number > 0 else b"-inf"
    if math.isnan(number):
        return b"nan"
    if number.is_integer() and abs(number) < 1e17:
        return b"-0" if number == 0 and math.copysign(1, number) < 0 else b"%d" % int(number)
    return repr(number).encode("ascii")
