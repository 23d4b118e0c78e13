"""What an engine counts besides keys and calls: connections, bytes, errors, and recent rates."""

from collections import deque
from typing import Final

from vermilion.clock import Clock

ERROR_CODES_LIMIT: Final = 128
"""Clients and scripts may make error codes up; beyond this many, new ones are not counted by name."""

_SAMPLES: Final = 16


class EngineStats:
    """The counters of one engine.

    Args:
        clock: what says the time.
    """

    __slots__ = (
        "_clock", "_samples", "connections_received", "error_replies", "errors", "net_input_bytes",
        "net_output_bytes", "peak_clients", "protocol_errors", "rejected_connections", "started_ms",
    )  # fmt: skip

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.started_ms = clock.monotonic_ms()
        self.peak_clients = 0
        self.reset()

    def reset(self) -> None:
        """Start counting anew (CONFIG RESETSTAT)."""
        self.connections_received = 0
        self.rejected_connections = 0
        self.net_input_bytes = 0
        self.net_output_bytes = 0
        self.protocol_errors = 0
        self.error_replies = 0
        self.errors: dict[str, int] = {}
        self._samples: deque[tuple[int, int, int, int]] = deque(maxlen=_SAMPLES)

    def count_error(self, code: str) -> None:
        """Count an error reply under its code."""
        self.error_replies += 1
        if code in self.errors or len(self.errors) < ERROR_CODES_LIMIT:
            self.errors[code] = self.errors.get(code, 0) + 1

    def sample(self, now_ms: int, commands: int) -> None:
        """Note where the counters stand, for `rate`."""
        self._samples.append((now_ms, commands, self.net_input_bytes, self.net_output_bytes))

    def rate(self, name: str) -> float:
        """Return the recent rate per second of `commands`, `net_input` or `net_output`, over about 1.6 seconds."""
        if len(self._samples) < 2:
            return 0.0
        column = ("commands", "net_input", "net_output").index(name) + 1
        first, last = self._samples[0], self._samples[-1]
        elapsed = last[0] - first[0]
        return (last[column] - first[column]) * 1000 / elapsed if elapsed > 0 else 0.0
