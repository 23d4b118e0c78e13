"""Which strings are keys, and how a namespace writes them."""

from collections.abc import Iterable
from typing import Final

from vermilion.cache.errors import CacheKeyError, ErrorCode
from vermilion.cache.types import CacheKey

RESERVED: Final = "\0"
"""What no key of a user begins with: the service's own keys, the tokens of tags, do."""

FIRST_FREE: Final = "\x01"


def validate_key(key: object, what: str = "key") -> CacheKey:
    """Make sure that something can be a key.

    Args:
        key: the candidate.
        what: what the error calls it.

    Returns:
        The key itself.

    Raises:
        CacheKeyError: INVALID_KEY_TYPE, EMPTY_KEY or INVALID_KEY.

    Example:
        >>> validate_key("user:1")
        'user:1'
        >>> validate_key(b"user:1")
        Traceback (most recent call last):
        ...
        vermilion.cache.errors.CacheKeyError: a key is a str, not bytes

    See Also:
        `CacheKey`.
    """
    if not isinstance(key, str):
        name = type(key).__name__
        raise CacheKeyError(
            f"a {what} is a str, not {name}", ErrorCode.INVALID_KEY_TYPE, {"type": name, "key": repr(key)}
        )
    # Only the empty string and what begins with a NUL sort before U+0001: one comparison for both.
    if key < FIRST_FREE:
        if not key:
            raise CacheKeyError(f"a {what} is not empty", ErrorCode.EMPTY_KEY, {"key": key})
        raise CacheKeyError(
            f"a {what} does not begin with a NUL: those are reserved", ErrorCode.INVALID_KEY, {"key": key}
        )
    if not key.isascii():
        try:
            key.encode()
        except UnicodeEncodeError as error:
            raise CacheKeyError(
                f"a {what} is valid Unicode: {error.reason}", ErrorCode.INVALID_KEY, {"key": ascii(key)}
            ) from error
    return key


def validate_keys(keys: Iterable[object]) -> list[CacheKey]:
    """Make sure that some things can be keys.

    Args:
        keys: the candidates.

    Returns:
        Each once, in their order.

    Raises:
        CacheKeyError: for one that cannot; INVALID_KEY_TYPE for one str in the place of several.

    Example:
        >>> validate_keys(["b", "a", "b"])
        ['b', 'a']

    See Also:
        `validate_key`.
    """
    if isinstance(keys, str):
        raise CacheKeyError(
            "keys are a collection of str, not one str", ErrorCode.INVALID_KEY_TYPE, {"key": keys}
        )
    return list(dict.fromkeys(validate_key(key) for key in keys))


class Namespace:
    r"""Turns a service's keys into the backend's, and back into a pattern for SCAN.

    Args:
        name: the namespace; "" for none.

    Example:
        >>> Namespace("app").key("user:1"), Namespace("a*b").pattern
        ('app:user:1', b'a\\*b:*')
    """

    __slots__ = ("pattern", "prefix")

    def __init__(self, name: str) -> None:
        self.prefix: Final = f"{name}:" if name else ""
        escaped = "".join(f"\\{char}" if char in "*?[]\\^" else char for char in self.prefix)
        self.pattern: Final = f"{escaped}*".encode()

    def key(self, key: CacheKey) -> CacheKey:
        """Return the backend's key for a key of the user."""
        return self.prefix + key

    def tag_key(self, tag: str) -> bytes:
        """Return the backend's key for the token of a tag."""
        return f"{self.prefix}{RESERVED}tag:{tag}".encode()
