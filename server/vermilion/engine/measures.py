"""What an engine has counted, as measures; INFO's own numbers where INFO has them."""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Final, Literal, cast

from vermilion.engine.bound import BoundCommand
from vermilion.engine.info import SECTIONS
from vermilion.measures import Distribution, Histogram, Measure
from vermilion.version import REDIS_VERSION, __version__

if TYPE_CHECKING:
    from vermilion.engine.engine import Engine

BOUNDS_US: Final = (
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000,
)  # fmt: skip
"""Bounds of the latency histogram, in microseconds, at which BoundCommand's own counters have theirs, too."""

_OTHER: Final = "other"

_COUNTERS: Final = {
    "stats": (
        ("connections_received", "total_connections_received", "Clients that have connected."),
        ("connections_rejected", "rejected_connections", "Clients that were turned away."),
        ("network_received_bytes", "total_net_input_bytes", "Bytes that clients have sent."),
        ("network_sent_bytes", "total_net_output_bytes", "Bytes that were sent to clients."),
        ("keyspace_hits", "keyspace_hits", "Reads that have found their key."),
        ("keyspace_misses", "keyspace_misses", "Reads that have not found their key."),
        ("keys_expired", "expired_keys", "Keys whose time was over."),
        ("hash_fields_expired", "expired_subkeys", "Fields of hashes whose time was over."),
        ("keys_evicted", "evicted_keys", "Keys that were removed to make room."),
    ),
}
_GAUGES: Final = {
    "server": (("uptime_seconds", "uptime_in_seconds", "Seconds since the start."),),
    "clients": (
        ("clients", "connected_clients", "Clients that are connected."),
        ("clients_limit", "maxclients", "The directive maxclients."),
        ("clients_blocked", "blocked_clients", "Clients that wait in a blocking command."),
    ),
    "memory": (
        ("memory_used_bytes", "used_memory", "Memory in use."),
        ("memory_used_peak_bytes", "used_memory_peak", "The most memory that was in use."),
        ("memory_resident_bytes", "used_memory_rss", "Memory that the system has given the process."),
        ("memory_limit_bytes", "maxmemory", "The directive maxmemory; 0 for no limit."),
    ),
}


def measures(engine: "Engine") -> Iterator[Measure | Histogram]:
    """Return what an engine has counted.

    Args:
        engine: whose.

    Returns:
        In any order. Commands that were not called have no values.

    LLM Context:
        - Nothing is counted for this: whatever it costs, it costs while somebody asks.
    """
    yield Measure(
        "info", "gauge", "Always 1, labelled with the versions.", {(__version__, REDIS_VERSION): 1},
        ("version", "redis_version"),
    )  # fmt: skip
    for kind, table in (("counter", _COUNTERS), ("gauge", _GAUGES)):
        for section, rows in table.items():
            fields = SECTIONS[section](engine)
            for name, field, doc in rows:
                number = cast("int", fields[field])
                yield Measure(name, cast("Literal['counter', 'gauge']", kind), doc, {(): number})
    yield from _keys(engine)
    yield from _commands(engine)
    stats = engine.stats
    codes: dict[tuple[str, ...], float] = {(code,): count for code, count in stats.errors.items()}
    others = stats.error_replies - sum(stats.errors.values())
    if others:
        codes[_OTHER,] = codes.get((_OTHER,), 0) + others
    yield Measure("error_replies", "counter", "Error replies, by their first word.", codes, ("code",))
    yield Measure(
        "protocol_errors", "counter", "Requests that were no RESP.", {(): engine.stats.protocol_errors}
    )


def _keys(engine: "Engine") -> Iterator[Measure]:
    """Return how many keys there are, in the first database and in every other that has some."""
    shown = [db for db in engine.databases if db.index == 0 or len(db)]
    yield Measure("keys", "gauge", "Keys.", {(str(db.index),): len(db) for db in shown}, ("db",))
    yield Measure(
        "keys_expiring", "gauge", "Keys with a time to live.",
        {(str(db.index),): len(db.expires) for db in shown}, ("db",),
    )  # fmt: skip


def _commands(engine: "Engine") -> Iterator[Measure | Histogram]:
    """Return what commands have counted."""
    records = list(engine.command_records())
    yield Histogram(
        "command_duration_seconds",
        "How long calls took to run, without the time that they were blocked.",
        [bound / 1_000_000 for bound in BOUNDS_US],
        {(command.name,): _latencies(command) for command in records if command.calls},
        ("command",),
    )
    yield Measure(
        "commands_failed", "counter", "Calls that have failed while they ran.",
        {(command.name,): command.failed for command in records if command.failed}, ("command",),
    )  # fmt: skip
    yield Measure(
        "commands_rejected", "counter", "Calls that were refused before they ran.",
        {(command.name,): command.rejected for command in records if command.rejected}, ("command",),
    )  # fmt: skip


def _latencies(command: BoundCommand) -> Distribution:
    """Return how many calls took less than each of the bounds."""
    counted = [0] * (len(BOUNDS_US) + 1)
    for microseconds, calls in command.latencies.items():
        # It is rounded down: what has a bound's own value took longer, and belongs to the next.
        counted[bisect_left(BOUNDS_US, microseconds + 1)] += calls
    *within, count = accumulate(counted)
    return Distribution(within, count, command.nanoseconds / 1e9)
