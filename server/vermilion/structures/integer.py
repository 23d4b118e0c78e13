"""Whether a string is what Redis would keep as an integer."""

from typing import Final

_MOST_DIGITS: Final = 19
_ZERO: Final = 48


def is_integer(text: bytes) -> bool:
    """Return whether text spells a 64-bit integer in the one way in which it is printed.

    Example:
        >>> is_integer(b"-12"), is_integer(b"012"), is_integer(b"9223372036854775808")
        (True, False, False)
    """
    digits = text[1:] if text[:1] == b"-" else text
    if not digits.isdigit() or len(digits) > _MOST_DIGITS:
        return False
    if digits[0] == _ZERO:
        return text == b"0"
    return len(digits) < _MOST_DIGITS or -(2**63) <= int(text) < 2**63
