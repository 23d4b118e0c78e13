"""A clock that can be frozen, moved and set, and otherwise runs as the machine's does."""

from datetime import UTC, datetime, timedelta
from time import monotonic_ns, time_ns
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class MovableClock:
    """The machine's clock, unless somebody moves it.

    Both of its times are the machine's plus a distance; while it stands, the machine's are those of when it stopped.

    LLM Context:
        - It only tells the time: `TestClock.advance` of `instance.py` also lets happen what falls due on the way.
        - The calendar can be set back; the monotonic time never goes back.
    """

    __slots__ = ("_ahead_ns", "_held_ns", "_holds", "_monotonic_ahead_ns", "_stood_ns")

    def __init__(self) -> None:
        self._ahead_ns = 0
        self._monotonic_ahead_ns = 0
        self._stood_ns: tuple[int, int] | None = None
        self._held_ns = 0
        self._holds = 0

    @property
    def stands(self) -> bool:
        """Whether it is frozen."""
        return self._stood_ns is not None

    def now_ns(self) -> int:
        """Return the nanoseconds since the Unix epoch."""
        if self._held_ns:
            return self._held_ns
        return (time_ns() if self._stood_ns is None else self._stood_ns[0]) + self._ahead_ns

    def now_ms(self) -> int:
        """Return the milliseconds since the Unix epoch."""
        return self.now_ns() // 1_000_000

    def now_us(self) -> int:
        """Return the microseconds since the Unix epoch."""
        return self.now_ns() // 1_000

    def monotonic_ms(self) -> int:
        """Return milliseconds that never go back, since an arbitrary start."""
        machine_ns = monotonic_ns() if self._stood_ns is None else self._stood_ns[1]
        return (machine_ns + self._monotonic_ahead_ns) // 1_000_000

    def hold(self) -> int:
        """Let the calendar stand still: what runs as one (EXEC) sees one time."""
        if not self._holds:
            self._held_ns = self.now_ns()
        self._holds += 1
        return self.monotonic_ms()

    def release(self) -> None:
        """End the latest `hold`."""
        self._holds -= 1
        if not self._holds:
            self._held_ns = 0

    def stop(self) -> None:
        """Stand still from now on; one that stands already stays where it is."""
        if self._stood_ns is None:
            self._stood_ns = (time_ns(), monotonic_ns())

    def go(self) -> None:
        """Go on from where it stood; one that runs is left alone."""
        if self._stood_ns is not None:
            calendar_ns, machine_ns = self._stood_ns
            self._ahead_ns += calendar_ns - time_ns()
            self._monotonic_ahead_ns += machine_ns - monotonic_ns()
            self._stood_ns = None

    def follow(self) -> None:
        """Be the machine's clock again: the calendar is the machine's, and the monotonic time goes on."""
        self.go()
        self._ahead_ns = 0

    def move(self, distance_ns: int) -> None:
        """Move the calendar; the monotonic time follows it forward, and not back."""
        self._ahead_ns += distance_ns
        self._monotonic_ahead_ns += max(distance_ns, 0)


def epoch_ns(moment: datetime) -> int:
    """Return the nanoseconds from the Unix epoch to a moment, to the microsecond; a naive one is local time."""
    return (moment.astimezone(UTC) - _EPOCH) // _MICROSECOND * 1_000


def nanoseconds(distance: timedelta | float) -> int:
    """Return a distance in nanoseconds; a number is seconds.

    Raises:
        ValueError: for a number that is no distance, such as infinity.
    """
    if not isinstance(distance, timedelta):
        try:
            distance = timedelta(seconds=distance)
        except OverflowError as error:
            raise ValueError(f"{distance} seconds are no distance for a calendar") from error
    return distance // _MICROSECOND * 1_000


def moment(now_ns: int) -> datetime:
    """Return a moment in UTC, to the microsecond."""
    return _EPOCH + timedelta(microseconds=now_ns // 1_000)
