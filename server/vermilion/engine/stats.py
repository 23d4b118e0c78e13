"""What an engine counts besides keys and calls: connections, bytes, errors, and recent rates."""

from collections import deque
from typing import Final, NamedTuple

from vermilion.clock import Clock

ERROR_CODES_LIMIT: Final = 128
"""Clients and scripts may make error codes up; beyond this many, new ones are not counted by name."""

_SAMPLES: Final = 16


class Sample(NamedTuple):
    """Where the counters stood at a time."""

    now_ms: int
    commands: int
    net_input: int
    net_output: int
    cycles: int
    busy_ns: int


class EngineStats:
    """The counters of one engine.

    Args:
        clock: what says the time.

    LLM Context:
        - A batch is what came with one read and is answered with one write, so that `batches` counts both.
        - A cycle is a turn of the event loop with something to do for this engine: a batch, or periodic work.
    """

    __slots__ = (
        "_clock", "_samples", "batches", "connections_received", "cron_ns", "crons", "error_replies",
        "errors", "evicted_clients", "largest_batch", "longest_cron_ns", "net_input_bytes", "net_output_bytes",
        "output_limit_disconnections", "protocol_errors", "query_limit_disconnections",
        "rejected_connections", "started_ms",
    )  # fmt: skip

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.started_ms = clock.monotonic_ms()
        self.reset()

    def reset(self) -> None:
        """Start counting anew (CONFIG RESETSTAT)."""
        self.connections_received = 0
        self.rejected_connections = 0
        self.net_input_bytes = 0
        self.net_output_bytes = 0
        self.evicted_clients = 0
        self.query_limit_disconnections = 0
        self.output_limit_disconnections = 0
        self.protocol_errors = 0
        self.error_replies = 0
        self.errors: dict[str, int] = {}
        self.batches = 0
        self.crons = 0
        self.cron_ns = 0
        self.longest_cron_ns = 0
        self.largest_batch = 0
        self._samples: deque[Sample] = deque(maxlen=_SAMPLES)

    @property
    def cycles(self) -> int:
        """How many turns of the event loop had something to do."""
        return self.batches + self.crons

    def count_error(self, code: str) -> None:
        """Count an error reply under its code."""
        self.error_replies += 1
        if code in self.errors or len(self.errors) < ERROR_CODES_LIMIT:
            self.errors[code] = self.errors.get(code, 0) + 1

    def count_cron(self, nanoseconds: int) -> None:
        """Count a turn of the periodic work."""
        self.crons += 1
        self.cron_ns += nanoseconds
        self.longest_cron_ns = max(self.longest_cron_ns, nanoseconds)

    def sample(self, commands: int, busy_ns: int) -> None:
        """Note where the counters stand, for `rate`.

        Args:
            commands: how many calls have run.
            busy_ns: how long they took.
        """
        self._samples.append(
            Sample(
                self._clock.monotonic_ms(), commands, self.net_input_bytes, self.net_output_bytes,
                self.cycles, busy_ns + self.cron_ns,
            )
        )  # fmt: skip

    def growth(self, name: str) -> int:
        """Return by how much a counter, a field of `Sample`, has grown recently: over about 1.6 seconds."""
        if not self._samples:
            return 0
        first, last = self._samples[0], self._samples[-1]
        return int(getattr(last, name)) - int(getattr(first, name))

    def rate(self, name: str) -> float:
        """Return the recent rate per second of a counter, a field of `Sample`."""
        elapsed = self.growth("now_ms")
        return self.growth(name) * 1000 / elapsed if elapsed > 0 else 0.0
