"""How long an entry lives: the default, what `set` was told, and a little chance."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from vermilion.cache.errors import CacheOperationError, ErrorCode

MILLISECOND: Final = timedelta(milliseconds=1)
_ZERO: Final = timedelta(0)


class Expiry:
    """Turns the TTL that a caller names into the one that the backend is given.

    Args:
        default_ttl: seconds for a caller who names none; 0 for no expiry.
        jitter: the part of a TTL, 0 to 1, of which a random share is taken off.
        random: a random number from 0.0 up to 1.0.

    Example:
        >>> Expiry(300).resolve(None)
        datetime.timedelta(seconds=300)
        >>> Expiry(300, jitter=0.5, random=lambda: 0.5).resolve(timedelta(seconds=4))
        datetime.timedelta(seconds=3)
    """

    __slots__ = ("_default", "_jitter", "_random")

    def __init__(
        self, default_ttl: float, jitter: float = 0.0, random: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._default: Final = max(timedelta(seconds=default_ttl), MILLISECOND) if default_ttl else None
        self._jitter: Final = jitter
        self._random: Final = random

    def resolve(self, ttl: timedelta | None) -> timedelta | None:
        """Return how long an entry shall live; None for ever.

        Args:
            ttl: what the caller says; None for the default.

        Raises:
            CacheOperationError: INVALID_TTL, for what is no timedelta or not above zero.
        """
        chosen = self._default if ttl is None else self.explicit(ttl)
        if chosen is None or not self._jitter:
            return chosen
        return max(chosen - chosen * (self._jitter * self._random()), MILLISECOND)

    @staticmethod
    def explicit(ttl: object) -> timedelta:
        """Return a TTL as it was named, a millisecond at least: the resolution of the backends.

        Raises:
            CacheOperationError: INVALID_TTL, for what is no timedelta or not above zero.
        """
        if isinstance(ttl, timedelta) and ttl >= MILLISECOND:
            return ttl
        if not isinstance(ttl, timedelta):
            name = type(ttl).__name__
            raise CacheOperationError(
                f"a TTL is a timedelta, not {name}", ErrorCode.INVALID_TTL, {"type": name}
            )
        if ttl <= _ZERO:
            raise CacheOperationError(
                "a TTL is above zero; to keep an entry for ever, set default_ttl=0 and name no TTL",
                ErrorCode.INVALID_TTL,
                {"ttl": str(ttl)},
            )
        return MILLISECOND


def milliseconds(ttl: timedelta) -> int:
    """Return a TTL in whole milliseconds, 1 at least.

    Example:
        >>> milliseconds(timedelta(seconds=1.5)), milliseconds(timedelta(microseconds=1))
        (1500, 1)
    """
    return max(ttl // MILLISECOND, 1)
