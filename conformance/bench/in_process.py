"""redis-py on an engine in this process, beside fakeredis: calls, pipelines, going back, and starting."""

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import vermilion
from conformance.bench.result import Figure, Goal, Reading, Section
from conformance.bench.timing import RUNS, missing, optional, per_call
from vermilion.testing.clean_state import CleanState

PIPELINE = 1000
KEYS = 100_000
STARTS = 7
_US, _MS = 1e3, 1e6


def measure(calls: int) -> Section:
    """Time what a test does with its stand-in for Redis.

    Args:
        calls: how many calls a run has.
    """
    ours = _client_readings(vermilion.connect(), calls)
    fakeredis = optional("fakeredis")
    theirs = {} if fakeredis is None else _client_readings(fakeredis.FakeRedis(), calls)
    figures = [
        Figure(name, "us", {"vermilion": reading} | ({"fakeredis": theirs[name]} if theirs else {}))
        for name, reading in ours.items()
    ]
    reset, renewed, started = _reset(), _renewed(), _start()
    figures += [
        Figure(f"go back, with {KEYS:,} keys", "us", {"vermilion": reset}),
        Figure(f"as new for the next test, with {KEYS:,} keys", "us", {"vermilion": renewed}),
        Figure("start a server", "us", {"vermilion": started}),
    ]
    goals = [
        Goal("milliseconds to go back to a snapshot", reset.value / _MS * _US, 1.0, "at most"),
        Goal("milliseconds to be as new for the next test", renewed.value / _MS * _US, 1.0, "at most"),
        Goal("milliseconds to start a server on a thread", started.value / _MS * _US, 10.0, "at most"),
    ]
    if theirs:
        bounds = {"GET": 4.0, "SET": 4.0, f"pipeline of {PIPELINE:,} SET": 10.0}
        goals += [
            Goal(
                f"times as fast as fakeredis: {name}",
                theirs[name].value / ours[name].value,
                bound,
                "at least",
            )
            for name, bound in bounds.items()
        ]
    notes = [
        f"microseconds, best of {RUNS} runs; the client is redis-py's, whose own part is in both columns",
        "a pipeline is timed from execute() to its replies, without the calls that fill it",
    ]
    if fakeredis is None:
        notes.append(missing("fakeredis"))
    return Section("In-process clients", figures, goals=goals, notes=notes)


def _client_readings(client: Any, calls: int) -> dict[str, Reading]:
    """Time one client."""
    client.set("key", "value")
    calls = max(1, calls // 10)
    return {
        "GET": _scaled(per_call(client.get, "key", calls=calls)),
        "SET": _scaled(per_call(client.set, "key", "value", calls=calls)),
        f"pipeline of {PIPELINE:,} SET": _best(lambda: _filled(client, transaction=False)),
        f"transaction of {PIPELINE:,} SET": _best(lambda: _filled(client, transaction=True)),
    }


def _filled(client: Any, *, transaction: bool) -> Callable[[], object]:
    """Return what executes a new pipeline."""
    pipeline = client.pipeline(transaction=transaction)
    for number in range(PIPELINE):
        pipeline.set(f"key:{number}", "value")
    execute: Callable[[], object] = pipeline.execute
    return execute


def _reset() -> Reading:
    """Time to go back to a snapshot of many keys, of which a test has changed some."""
    instance = vermilion.Vermilion()
    instance.load({f"key:{number}": "value" for number in range(KEYS)})
    client: Any = instance.connect()
    instance.snapshot()

    def changed() -> Callable[[], object]:
        client.mset({f"key:{number}": "changed" for number in range(20)})
        return instance.restore

    return _best(changed)


def _renewed() -> Reading:
    """Time what the pytest plugin does behind a test that has connected, and changed some of many keys."""
    instance = vermilion.Vermilion()
    instance.load({f"key:{number}": "value" for number in range(KEYS)})

    def tested() -> Callable[[], object]:
        clean = CleanState(instance)
        instance.connect().mset({f"key:{number}": "changed" for number in range(20)})
        return clean.restore

    return _best(tested)


def _start() -> Reading:
    """Time to start a server on a thread of its own."""
    servers: list[vermilion.Server] = []

    def made() -> Callable[[], object]:
        while servers:
            servers.pop().__exit__()
        servers.append(vermilion.Server(port=0))
        return servers[-1].__enter__

    reading = _best(made, STARTS)
    servers.pop().__exit__()
    return reading


def _best(prepare: Callable[[], Callable[[], object]], runs: int = RUNS) -> Reading:
    """Time what each preparation returns; microseconds of the best run."""
    samples = []
    for _ in range(runs):
        operation = prepare()
        started = perf_counter_ns()
        operation()
        samples.append((perf_counter_ns() - started) / _US)
    return Reading(min(samples), samples=tuple(samples))


def _scaled(reading: Reading) -> Reading:
    """Return nanoseconds as microseconds."""
    return Reading(reading.value / _US, samples=tuple(sample / _US for sample in reading.samples))
