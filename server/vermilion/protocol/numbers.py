"""Numbers as the wire writes them: strict parsers, and doubles printed as Redis prints them."""

import math
import re
from decimal import Decimal
from typing import Final

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
UINT64_MAX: Final = 2**64 - 1
_INTEGER_MAX: Final = 2**62

_DOUBLE: Final = re.compile(
    rb"[+-]?(?:(?P<decimal>\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
    rb"|0[xX](?P<hexadecimal>[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?\d+)?"
    rb"|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)"
)

_UNSIGNED: Final = re.compile(rb"[ \t-\r]*([+-]?)0*(\d{1,20})")


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
    """Return the double that text spells as C's strtod reads it, or None.

    Refused are NaN, white space, and what a double cannot hold: a finite number as large as infinity, or one
    so small that only zero is left of it.
    """
    match = _DOUBLE.fullmatch(text)
    if match is None:
        return None
    if match["hexadecimal"] is None:
        number = float(text)
        significant = match["decimal"]
    else:
        try:
            number = float.fromhex(text.decode("ascii"))
        except OverflowError:
            return None
        significant = match["hexadecimal"]
    if significant is not None and (math.isinf(number) or (number == 0 and significant.strip(b"0.") != b"")):
        return None
    return number


def format_double(number: float) -> bytes:
    """Return number as Redis prints doubles: the shortest text that reads back.

    Integers have no dot, all their digits up to 2**62 and up to seven zeros beyond that; small numbers have
    at most six decimals before an exponent is cheaper.

    Example:
        >>> format_double(3.0), format_double(0.1), format_double(1e21), format_double(float("-inf"))
        (b'3', b'0.1', b'1e+21', b'-inf')
        >>> format_double(1e17), format_double(0.00001), format_double(1e-7)
        (b'100000000000000000', b'0.00001', b'1e-7')
    """
    if math.isinf(number):
        return b"inf" if number > 0 else b"-inf"
    if math.isnan(number):
        return b"nan"
    if number.is_integer() and abs(number) <= _INTEGER_MAX:
        return b"-0" if number == 0 and math.copysign(1, number) < 0 else b"%d" % int(number)
    text = repr(number)
    if "e" not in text and (len(text) - text.index(".") <= 7 or 1e-3 <= abs(number) < 1e4):
        return text.encode("ascii")
    return _respell(text).encode("ascii")


def _respell(text: str) -> str:
    """Return a number with its point or exponent where Redis puts it; Python does so at other magnitudes."""
    sign, figures, scale = Decimal(text).normalize().as_tuple()
    digits = "".join(map(str, figures))
    scale = int(scale)  # a letter for infinities and NaN only
    magnitude = len(digits) + scale - 1
    if scale >= 0 and magnitude < len(digits) + 7:
        shown = digits + "0" * scale
    elif -7 < scale < 0 or (scale < 0 and abs(magnitude) < 4):
        shown = f"{digits[:scale]}.{digits[scale:]}" if magnitude >= 0 else f"0.{digits.zfill(-scale)}"
    else:
        point = "." if len(digits) > 1 else ""
        shown = f"{digits[0]}{point}{digits[1:]}e{magnitude:+}"
    return f"-{shown}" if sign else shown
