"""The digits of a double, by Grisu2: what Redis prints, to the last one.

Grisu2 (F. Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with Integers", PLDI 2010) works in 64
bits of mantissa and keeps a safe distance from the ends of the interval in which every decimal reads back the same.
In one of about a thousand doubles it therefore misses the shortest text, or the nearest of the shortest, which are
what `repr` prints; the reply of a Redis server has its digits, not those of `repr`.

    interval    lower = (m - 1/2) * 2^e  …  upper = (m + 1/2) * 2^e, as integers of 64 bits with one exponent
    scaled      by a power of ten 10^k, rounded to 64 bits, so that upper has an exponent from -60 to -32
    digits      of upper, until what is left is less than upper - lower; then the last one is moved towards m
"""

import math
from functools import cache
from typing import Final

_MANTISSA_BITS: Final = 52
_HIDDEN_BIT: Final = 1 << _MANTISSA_BITS
_LEAST_EXPONENT: Final = -1074
_HALF: Final = 1 << 63

_FIRST_POWER: Final = -348
_POWER_STEP: Final = 8
_POWERS: Final = 87
_LOG_2: Final = 0.30102999566398114
_LEAST_SCALED, _MOST_SCALED = -60, -32


@cache
def _power_of_ten(index: int) -> tuple[int, int]:
    """Return 10 ** (8 * index - 348) as a mantissa of 64 bits, rounded, and an exponent of two."""
    power = _FIRST_POWER + _POWER_STEP * index
    numerator, denominator = (10**power, 1) if power >= 0 else (1, 10**-power)
    exponent = numerator.bit_length() - denominator.bit_length() - 64
    while True:
        if exponent >= 0:
            mantissa = (2 * numerator + (denominator << exponent)) // (denominator << exponent + 1)
        else:
            mantissa = ((numerator << 1 - exponent) + denominator) // (2 * denominator)
        if mantissa.bit_length() == 64:
            return mantissa, exponent
        exponent += 1 if mantissa.bit_length() > 64 else -1


def _scaling(exponent: int) -> tuple[int, int, int]:
    """Return the power of ten that brings an exponent into the range of the algorithm: k, mantissa, exponent."""
    index = int((-(exponent + _POWERS) * _LOG_2 - _FIRST_POWER) / _POWER_STEP)
    while True:
        mantissa, power_exponent = _power_of_ten(index)
        scaled = exponent + power_exponent + 64
        if scaled < _LEAST_SCALED:
            index += 1
        elif scaled > _MOST_SCALED:
            index -= 1
        else:
            return _FIRST_POWER + _POWER_STEP * index, mantissa, power_exponent


def digits(number: float) -> tuple[str, int]:
    """Return the digits of a double, and the power of ten of the last one.

    Args:
        number: positive and finite.

    Example:
        >>> digits(0.25), digits(1e23)
        (('25', -2), ('9999999999999999', 7))
    """
    fraction, binary = math.frexp(number)
    exponent = max(binary - _MANTISSA_BITS - 1, _LEAST_EXPONENT)
    mantissa = int(math.ldexp(fraction, binary - exponent))
    upper = 2 * mantissa + 1
    shift = 64 - upper.bit_length()
    upper <<= shift
    upper_exponent = exponent - 1 - shift
    # Below a power of two the doubles are twice as dense.
    lower = 4 * mantissa - 1 if mantissa == _HIDDEN_BIT else 2 * (2 * mantissa - 1)
    lower = (lower << shift) >> 1
    middle = mantissa << shift + 1
    power, scale, scale_exponent = _scaling(upper_exponent)
    upper = (upper * scale + _HALF >> 64) - 1
    lower = (lower * scale + _HALF >> 64) + 1
    middle = middle * scale + _HALF >> 64
    return _generate(middle, upper, lower, -(upper_exponent + scale_exponent + 64), -power)


def _generate(middle: int, upper: int, lower: int, point: int, power: int) -> tuple[str, int]:
    """Return the shortest digits between lower and upper, near middle, all with the binary point at a bit."""
    one = 1 << point
    distance = upper - middle
    delta = upper - lower
    whole, rest = upper >> point, upper & one - 1
    text = str(whole)
    count = len(text)
    for kept in range(1, count + 1):
        unit = 10 ** (count - kept)
        left = (whole % unit << point) + rest
        if left <= delta:
            last = whole // unit
            return str(_nearer(last, delta, left, unit << point, distance)), power + count - kept
    value = whole
    while True:
        rest *= 10
        delta *= 10
        distance *= 10
        power -= 1
        value = 10 * value + (rest >> point)
        rest &= one - 1
        if rest < delta:
            return str(_nearer(value, delta, rest, one, distance)), power


def _nearer(value: int, delta: int, left: int, unit: int, distance: int) -> int:
    """Return value with its last digit lowered for as long as that brings it nearer and stays inside."""
    while (
        left < distance
        and delta - left >= unit
        and (left + unit < distance or distance - left > left + unit - distance)
    ):
        value -= 1
        left += unit
    return value
