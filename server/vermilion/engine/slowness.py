"""Which calls are slow enough for SLOWLOG and LATENCY, at no cost for those that are not.

A pipeline is timed once for each run of calls to one command, not call by call. Calls that may be slow, those of
commands without Redis's flag `fast`, time themselves: 0.1 µs, for what takes microseconds at least. Of a run of
quick ones only the sum is known. When it is over the threshold, one of two things has happened: the command is slow
as a rule, and then each call was; or one of them hit something rare (a table that grew), and then what the run took
beyond the usual time of the others is that call's, and the run's first call stands for it.

Below a threshold of a millisecond, a gate has every call timed by itself.
"""

import sys
from collections.abc import Iterable
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from vermilion.commands.syntax import FAST, SKIP_SLOWLOG
from vermilion.diagnostics import SlowEvents, SlowLog
from vermilion.engine.bound import BoundCommand
from vermilion.engine.redaction import redacted

if TYPE_CHECKING:
    from vermilion.clock import Clock
    from vermilion.commands.registry import Call
    from vermilion.pending import Answer
    from vermilion.session import Session
    from vermilion.settings import Settings

NEVER: Final = sys.maxsize

_SINGLE_CALLS: Final = 1_000_000
"""A threshold below this many nanoseconds is below what a run of quick calls takes."""


class Slowness:
    """The thresholds of one engine, and what was over them.

    Args:
        settings: of the engine.
        clock: what says the time.

    LLM Context:
        - `threshold_ns` is what a measured time is compared with; `NEVER` when nobody is interested.
        - `log` is SLOWLOG's, `events` are LATENCY's.
    """

    __slots__ = ("_clock", "_event_ms", "_log_us", "events", "log", "threshold_ns", "times_all")

    def __init__(self, settings: "Settings", clock: "Clock") -> None:
        self._clock = clock
        self.log = SlowLog(settings.slowlog_max_len)
        self.events = SlowEvents()
        self.configure(settings)

    def configure(self, settings: "Settings") -> None:
        """Follow the settings."""
        self._log_us = settings.slowlog_log_slower_than if settings.slowlog_max_len else -1
        self._event_ms = settings.latency_monitor_threshold
        self.threshold_ns = min(
            self._log_us * 1000 if self._log_us >= 0 else NEVER,
            self._event_ms * 1_000_000 if self._event_ms else NEVER,
        )
        self.times_all = self.threshold_ns < _SINGLE_CALLS
        self.log.size = settings.slowlog_max_len

    def judge(self, session: "Session", command: BoundCommand, argv: list[bytes], nanoseconds: int) -> None:
        """Keep a call that took so long, where it is interesting; its time is over the threshold."""
        self.took("fast-command" if command.declared.flags & FAST else "command", nanoseconds)
        microseconds = nanoseconds // 1000
        if 0 <= self._log_us <= microseconds and not command.declared.flags & SKIP_SLOWLOG:
            self.log.add(
                self._clock.now_ms() // 1000,
                microseconds,
                redacted(command.name, argv),
                session.transport.address,
                session.name,
            )

    def judge_run(
        self, session: "Session", command: BoundCommand, argv: list[bytes], calls: int, nanoseconds: int
    ) -> None:
        """Keep what was slow of a run of calls which took so long together.

        Args:
            session: whose calls they were.
            command: what they called.
            argv: the first of them.
            calls: how many they were.
            nanoseconds: how long all took, over the threshold.
        """
        if command.run is not command.call:
            return  # each has timed itself
        average = nanoseconds // calls
        usual = command.nanoseconds // command.calls if command.calls else average
        if usual >= self.threshold_ns:
            for _ in range(calls):
                self.judge(session, command, argv, average)
            return
        excess = nanoseconds - (calls - 1) * usual
        if excess >= self.threshold_ns:
            self.judge(session, command, argv, excess)

    def took(self, event: str, nanoseconds: int) -> None:
        """Note how long something took, if that is long enough for LATENCY."""
        milliseconds = nanoseconds // 1_000_000
        if 0 < self._event_ms <= milliseconds:
            self.events.add(event, self._clock.now_ms() // 1000, milliseconds)


def time_calls(commands: Iterable[BoundCommand], slowness: Slowness) -> None:
    """Let the calls of commands that may be slow time themselves when they run in a pipeline."""
    for command in commands:
        if not command.declared.flags & FAST and command.many is None:
            command.run = _timed(command, command.call, slowness)


def _timed(command: BoundCommand, call: "Call", slowness: Slowness) -> "Call":
    """Return a call that looks at the clock before and after."""

    def run(session: "Session", argv: list[bytes]) -> "Answer":
        mark = perf_counter_ns()
        try:
            return call(session, argv)
        finally:
            elapsed = perf_counter_ns() - mark
            if elapsed >= slowness.threshold_ns:
                slowness.judge(session, command, argv, elapsed)

    return run
