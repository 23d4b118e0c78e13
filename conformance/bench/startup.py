"""How long a server takes from the start of its process to the first PONG."""

import statistics

from conformance.bench.result import Figure, Goal, Reading, Section
from conformance.bench.servers import Contender, running


def measure(baseline: Contender, subject: Contender, rounds: int) -> Section:
    """Start each server several times, in turns."""
    taken: dict[str, list[float]] = {baseline.name: [], subject.name: []}
    for _ in range(rounds):
        for contender in (baseline, subject):
            with running(contender) as server:
                taken[contender.name].append(server.seconds_to_pong * 1000)
    readings = {
        name: Reading(statistics.median(samples), {"best": min(samples)}, tuple(samples))
        for name, samples in taken.items()
    }
    goal = Goal("milliseconds to the first PONG", readings[subject.name].value, 250.0, "at most")
    notes = [f"median of {rounds} starts, polled every millisecond; a wrapper's own start counts"]
    return Section(
        "Start-up", [Figure("process start to first PONG", "ms", readings)], None, goals=[goal], notes=notes
    )
