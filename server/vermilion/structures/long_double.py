"""Sums in x87 extended precision, printed with 17 decimals: the arithmetic of INCRBYFLOAT and HINCRBYFLOAT.

Redis adds in C's `long double`, 64 bits of mantissa on x86, and prints `%.17Lf` without trailing zeros. A Python
float has 53 bits and would print other digits, so the values here are exact fractions, rounded to 64 bits of
mantissa (half to even) after reading and after adding, as the hardware does.
"""

import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Final

_MANTISSA_BITS: Final = 64
_DECIMALS: Final = 17
_LARGEST: Final = Fraction(2**64 - 1) * 2 ** (16383 - 63)
_DECIMAL: Final = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d{1,6}))?")
_HEXADECIMAL: Final = re.compile(
    rb"([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)(?:[pP]([+-]?\d{1,6}))?(?<![xX.])"
)
_INFINITY: Final = re.compile(rb"([+-]?)inf(?:inity)?", re.IGNORECASE)
_MAX_TEXT: Final = 5 * 1024
_MAX_EXPONENT: Final = 20_000


def parse(text: bytes) -> Fraction | float | None:
    """Return the extended-precision value that text spells.

    Returns:
        A Fraction, a float for an infinity that was spelled out, or None for text that is no number, NaN, or
        beyond the largest finite value.
    """
    if len(text) > _MAX_TEXT:
        return None
    if match := _DECIMAL.fullmatch(text):
        if abs(int(match[1] or 0)) > _MAX_EXPONENT:
            return None
        # By way of Decimal: Python refuses to turn more than 4300 digits into an int, or an int into them.
        exact = Fraction(Decimal(text.decode("ascii")))
    elif (match := _HEXADECIMAL.fullmatch(text)) and (match[2] or match[3]):
        exponent = int(match[4] or 0)
        if abs(exponent) > _MAX_EXPONENT:
            return None
        exact = int(match[2] + match[3], 16) * Fraction(2) ** (exponent - 4 * len(match[3]))
        exact = -exact if match[1] == b"-" else exact
    elif match := _INFINITY.fullmatch(text):
        return -math.inf if match[1] == b"-" else math.inf
    else:
        return None
    value = _round(exact)
    return value if abs(value) <= _LARGEST else None


def add(left: Fraction | float, right: Fraction | float) -> Fraction | None:
    """Return the rounded sum, or None when it is not finite."""
    if isinstance(left, float) or isinstance(right, float):
        return None
    total = _round(left + right)
    return total if abs(total) <= _LARGEST else None


def format_fixed(value: Fraction) -> bytes:
    """Return value with up to 17 decimals, without trailing zeros."""
    scaled = round(abs(value) * 10**_DECIMALS)
    whole, decimals = divmod(scaled, 10**_DECIMALS)
    sign = "-" if value < 0 and scaled else ""
    tail = f"{decimals:017d}".rstrip("0")
    return f"{sign}{Decimal(whole):f}{'.' if tail else ''}{tail}".encode("ascii")


def _round(value: Fraction) -> Fraction:
    """Round to 64 bits of mantissa, half to even."""
    if not value:
        return value
    numerator, denominator = abs(value.numerator), value.denominator
    exponent = numerator.bit_length() - denominator.bit_length() - _MANTISSA_BITS
    mantissa = round(abs(value) / Fraction(2) ** exponent)
    if mantissa.bit_length() > _MANTISSA_BITS:
        exponent += 1
        mantissa = round(abs(value) / Fraction(2) ** exponent)
    rounded = Fraction(mantissa) * Fraction(2) ** exponent
    return -rounded if value < 0 else rounded
