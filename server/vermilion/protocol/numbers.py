"""Numbers as the wire writes them: strict parsers, and doubles printed as Redis prints them."""

import math
import re
from functools import lru_cache
from typing import Final

from vermilion.protocol import grisu

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
UINT64_MAX: Final = 2**64 - 1

_INTEGER_MAX: Final = 2.0**62
"""Up to this, Redis prints a double that is an integer with all its digits."""

_FINITE_DIGITS: Final = 300
"""Fewer digits than these never spell more than a double holds."""

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
    if text.isdigit() and len(text) < _FINITE_DIGITS:
        return float(text)
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


def parse_bound(text: bytes) -> float | None:
    """Return the double that text spells as Redis reads the ends of a range of scores, or None.

    It is another parser there: no hexadecimal digits, but nothing at all is 0, and what is too large is infinite.
    """
    if text.isdigit() and len(text) < _FINITE_DIGITS:
        return float(text)
    if not text:
        return 0.0
    if _DOUBLE.fullmatch(text) is None or b"x" in text or b"X" in text:
        return None
    return float(text)


def format_double(number: float) -> bytes:
    """Return number as Redis prints doubles: integers of up to 62 bits in full, others by Grisu2.

    Example:
        >>> format_double(3.0), format_double(0.1), format_double(1e-7), format_double(float("-inf"))
        (b'3', b'0.1', b'1e-7', b'-inf')
    """
    if number.is_integer() and -_INTEGER_MAX <= number <= _INTEGER_MAX:
        return b"%d" % int(number) if number or math.copysign(1, number) > 0 else b"-0"
    return _format_other(number)


@lru_cache(maxsize=4096)
def _format_other(number: float) -> bytes:
    """Return a number that is no short integer; 0 does not come here, whose signs the cache could not tell."""
    if math.isinf(number):
        return b"inf" if number > 0 else b"-inf"
    if math.isnan(number):
        return b"nan"
    digits, power = grisu.digits(abs(number))
    sign = "-" if number < 0 else ""
    count = len(digits)
    exponent = power + count - 1
    if power >= 0 and exponent < count + 7:
        text = digits + "0" * power
    elif power < 0 and (power > -7 or abs(exponent) < 4):
        text = f"{digits[:power]}.{digits[power:]}" if count > -power else "0." + digits.rjust(-power, "0")
    else:
        tail = f".{digits[1:]}" if count > 1 else ""
        text = f"{digits[0]}{tail}e{exponent:+d}"
    return (sign + text).encode("ascii")
