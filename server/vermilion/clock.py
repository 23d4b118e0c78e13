"""Time, from one object: the system's clock, or a manual one that tests freeze and advance."""

from time import monotonic_ns, time_ns
from typing import Protocol


class Clock(Protocol):
    """What everything in an engine asks for the time.

    LLM Context:
        - Two times, as in every server: `now_ms` is the calendar (TTLs, stream ids, TIME), `monotonic_ms`
          never goes back (timeouts, idle times).
        - Nothing below `network/` reads the system's time in another way.
    """

    def now_ms(self) -> int:
        """Return the milliseconds since the Unix epoch."""

    def now_us(self) -> int:
        """Return the microseconds since the Unix epoch."""

    def monotonic_ms(self) -> int:
        """Return milliseconds that never go back, since an arbitrary start."""

    def hold(self) -> int:
        """Let the calendar stand still: what runs as one (EXEC) sees one time. Holds may nest.

        Returns:
            What `monotonic_ms` does.
        """

    def release(self) -> None:
        """End the latest `hold`."""


class SystemClock:
    """The machine's clock."""

    __slots__ = ("_held_at_ns", "_held_ns", "_holds")

    def __init__(self) -> None:
        self._held_at_ns = 0
        self._held_ns = 0
        self._holds = 0

    def now_ms(self) -> int:
        """Return the milliseconds since the Unix epoch."""
        return (self._standing_ns() if self._holds else time_ns()) // 1_000_000

    def now_us(self) -> int:
        """Return the microseconds since the Unix epoch."""
        return (self._standing_ns() if self._holds else time_ns()) // 1_000

    def hold(self) -> int:
        """Let the calendar stand still."""
        # Most of what is run as one never asks what time it is, so the calendar is read when somebody does.
        now_ns = monotonic_ns()
        if not self._holds:
            self._held_at_ns = now_ns
            self._held_ns = 0
        self._holds += 1
        return now_ns // 1_000_000

    def _standing_ns(self) -> int:
        """Return what the calendar said when the first of the holds began."""
        if not self._held_ns:
            self._held_ns = time_ns() - (monotonic_ns() - self._held_at_ns)
        return self._held_ns

    def release(self) -> None:
        """End the latest `hold`."""
        self._holds -= 1

    def monotonic_ms(self) -> int:
        """Return milliseconds that never go back, since an arbitrary start."""
        return monotonic_ns() // 1_000_000


class ManualClock:
    """A clock that stands still until it is moved.

    Args:
        now_ms: where it stands at first, in milliseconds since the Unix epoch.

    Example:
        >>> clock = ManualClock(now_ms=1_000)
        >>> clock.advance(ms=250)
        >>> clock.now_ms()
        1250
    """

    __slots__ = ("_now_us",)

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_us = now_ms * 1_000

    def now_ms(self) -> int:
        """Return the milliseconds since the Unix epoch."""
        return self._now_us // 1_000

    def now_us(self) -> int:
        """Return the microseconds since the Unix epoch."""
        return self._now_us

    def monotonic_ms(self) -> int:
        """Return the same milliseconds as `now_ms`: this clock only goes forward."""
        return self._now_us // 1_000

    def hold(self) -> int:
        """Return the time: this clock stands still unless a test moves it."""
        return self._now_us // 1_000

    def release(self) -> None:
        """Do nothing: there is nothing to end."""

    def advance(self, *, ms: int) -> None:
        """Move forward.

        Args:
            ms: how far, in milliseconds, 0 or more.

        Raises:
            ValueError: for a negative distance.
        """
        if ms < 0:
            raise ValueError("a clock is moved forward only")
        self._now_us += ms * 1_000
