"""The redis-py client on a Vermilion and on a Redis beside fakeredis: what a test suite pays per call."""

from collections.abc import Mapping
from typing import Any

from redis import Redis

from conformance.bench.result import Figure, Reading, Section
from conformance.bench.servers import Contender, Server, running
from conformance.bench.timing import RUNS, missing, optional, per_call

_KEY, _VALUE = "user:42", "0123456789abcdef"
_OPERATIONS: Mapping[str, tuple[str, ...]] = {"SET": ("set", _KEY, _VALUE), "GET": ("get", _KEY)}


def measure(baseline: Contender, subject: Contender, calls: int) -> Section:
    """Time GET and SET of one short string through every kind of client."""
    notes = [f"microseconds per call of redis-py's blocking client, best of {RUNS} runs of {calls:,} calls"]
    columns: dict[str, dict[str, Reading]] = {}
    fakeredis = optional("fakeredis")
    if fakeredis is None:
        notes.append(missing("fakeredis"))
    else:
        columns["fakeredis"] = _times(fakeredis.FakeRedis(), calls)
    for contender in (baseline, subject):
        with running(contender) as server:
            columns |= _server_times(server, calls)
    figures = [
        Figure(name, "µs", {column: readings[name] for column, readings in columns.items()})
        for name in _OPERATIONS
    ]
    return Section("redis-py clients", figures, notes=notes)


def _server_times(server: Server, calls: int) -> dict[str, dict[str, Reading]]:
    with Redis(port=server.port) as tcp, Redis(unix_socket_path=str(server.unixsocket)) as unix:
        return {f"{server.name} tcp": _times(tcp, calls), f"{server.name} unix": _times(unix, calls)}


def _times(client: Any, calls: int) -> dict[str, Reading]:
    times = {}
    for name, (method, *arguments) in _OPERATIONS.items():
        reading = per_call(getattr(client, method), *arguments, calls=calls)
        times[name] = Reading(reading.value / 1000, samples=tuple(ns / 1000 for ns in reading.samples))
    return times
