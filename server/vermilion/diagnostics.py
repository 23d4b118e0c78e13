"""What a server remembers of its slow moments: the calls of SLOWLOG, and the events of LATENCY.

Both are bounded, and both are plain values: the engine fills them, commands show them, and neither knows the other.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

ARGUMENTS_KEPT: Final = 32
"""Of a call with more arguments, the last place says how many there were besides."""

BYTES_KEPT: Final = 128
"""Of a longer argument, the rest is said in a number."""

SAMPLES_KEPT: Final = 160
"""Moments of each event: at one a second, the last minutes of a bad time, or the last weeks of a good one."""


class SlowCall(NamedTuple):
    """One call that took long."""

    identifier: int
    second: int
    microseconds: int
    arguments: list[bytes]
    address: str
    client_name: bytes


class SlowLog:
    """The last slow calls, newest first.

    Example:
        >>> log = SlowLog(2)
        >>> for size in range(3):
        ...     log.add(1_700_000_000, 12_000, [b"LPUSH", b"list", b"x" * 128 + b"y" * size], "1.2.3.4:5", b"")
        >>> len(log), [call.identifier for call in log.latest(10)], log.latest(1)[0].arguments[2][-18:]
        (2, [2, 1], b"... (2 more bytes)")
    """

    __slots__ = ("_calls", "_next", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        """How many calls are kept; those that are too many go when the next one comes."""
        self._calls: deque[SlowCall] = deque()
        self._next = 0

    def __len__(self) -> int:
        """Return how many calls are kept."""
        return len(self._calls)

    def add(
        self, second: int, microseconds: int, argv: Sequence[bytes], address: str, client_name: bytes
    ) -> None:
        """Keep a call, in place of the oldest one if there are too many.

        Args:
            second: when it ran, in seconds since the epoch.
            microseconds: how long it took.
            argv: the name and the arguments, secrets taken out.
            address: the client's.
            client_name: what the client calls itself.
        """
        arguments = [_cut(argument) for argument in argv[:ARGUMENTS_KEPT]]
        if len(argv) > ARGUMENTS_KEPT:
            arguments[-1] = b"... (%d more arguments)" % (len(argv) - ARGUMENTS_KEPT + 1)
        self._calls.appendleft(SlowCall(self._next, second, microseconds, arguments, address, client_name))
        self._next += 1
        while len(self._calls) > self.size:
            self._calls.pop()

    def latest(self, count: int) -> list[SlowCall]:
        """Return the last calls, newest first; all for -1."""
        return (
            [call for call, _ in zip(self._calls, range(count), strict=False)]
            if count >= 0
            else [*self._calls]
        )

    def clear(self) -> None:
        """Forget all calls; identifiers go on."""
        self._calls.clear()


def _cut(argument: bytes) -> bytes:
    """Return an argument as it is kept."""
    if len(argument) <= BYTES_KEPT:
        return argument
    return b"%b... (%d more bytes)" % (argument[:BYTES_KEPT], len(argument) - BYTES_KEPT)


class Moment(NamedTuple):
    """One second in which an event took long."""

    second: int
    milliseconds: int


class SlowEvents:
    """The slow moments of each kind of event: `command`, `fast-command`, `expire-cycle`, `eviction-cycle`.

    Several of one second are one moment, with the worst of their durations.

    Example:
        >>> events = SlowEvents()
        >>> for second, milliseconds in ((1, 20), (1, 30), (2, 10)):
        ...     events.add("command", second, milliseconds)
        >>> events.history("command"), events.worst("command")
        ([Moment(second=1, milliseconds=30), Moment(second=2, milliseconds=10)], 30)
    """

    __slots__ = ("_moments", "_worst")

    def __init__(self) -> None:
        self._moments: dict[str, deque[Moment]] = {}
        self._worst: dict[str, int] = {}

    def add(self, event: str, second: int, milliseconds: int) -> None:
        """Note that an event has taken long."""
        moments = self._moments.setdefault(event, deque(maxlen=SAMPLES_KEPT))
        self._worst[event] = max(milliseconds, self._worst.get(event, 0))
        if moments and moments[-1].second == second:
            milliseconds = max(milliseconds, moments.pop().milliseconds)
        moments.append(Moment(second, milliseconds))

    def names(self) -> list[str]:
        """Return the events that there have been."""
        return list(self._moments)

    def history(self, event: str) -> list[Moment]:
        """Return the moments of an event, oldest first; none for one that has not been."""
        return list(self._moments.get(event, ()))

    def worst(self, event: str) -> int:
        """Return the longest that an event ever took, in milliseconds; it has been."""
        return self._worst[event]

    def forget(self, events: Iterable[str]) -> int:
        """Forget all about some events; return how many of them there were."""
        count = 0
        for event in events:
            if self._moments.pop(event, None) is not None:
                del self._worst[event]
                count += 1
        return count
