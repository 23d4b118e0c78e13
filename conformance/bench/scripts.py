"""Scripts per second: a short one by its digest, and one that makes a thousand calls."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from conformance.bench.result import BenchError, Figure, Goal, Reading, Section
from conformance.bench.servers import Contender, Server, running
from conformance.bench.throughput import CLIENTS, Load, best, parse_csv, run_benchmark


@dataclass(frozen=True, slots=True)
class Script:
    """A script that is measured.

    Args:
        name: as the table has it.
        code: what runs; it has one key.
        depth: of the pipeline.
        share: the requests are divided by this.
        goal: the least ratio.
    """

    name: str
    code: bytes
    depth: int
    share: int
    goal: float


_GET = b"return redis.call('get', KEYS[1])"
_LOOP = b"for i = 1, 1000 do redis.call('get', KEYS[1]) end return 1"
SCRIPTS = (
    Script("EVALSHA of one GET, -P 1", _GET, 1, 1, 0.4),
    Script("EVALSHA of one GET, -P 16", _GET, 16, 1, 0.4),
    Script("EVALSHA of 1,000 GETs", _LOOP, 1, 100, 0.3),
)


def measure(baseline: Contender, subject: Contender, load: Load) -> Iterator[Section]:
    """Run the scripts on both servers, one under load at a time."""
    figures, goals = [], []
    with running(baseline) as first, running(subject) as second:
        for script in SCRIPTS:
            rounds: dict[str, list[Reading]] = {first.name: [], second.name: []}
            for number in range(load.rounds):
                turn = (first, second) if number % 2 == 0 else (second, first)
                for server in turn:
                    rounds[server.name].append(_run(server, load, script))
            figure = Figure(script.name, "scripts/s", {name: best(taken) for name, taken in rounds.items()})
            figures.append(figure)
            ratio = figure.ratio(second.name, first.name)
            if ratio is not None:
                goals.append(Goal(script.name, ratio, script.goal, "at least"))
    notes = [f"redis-benchmark, {CLIENTS} clients, the best of {load.rounds} rounds, taken in turns"]
    yield Section("Scripts", figures, baseline.name, {}, goals, notes)


def arguments(load: Load, port: int, script: Script, digest: str) -> Sequence[str]:
    """Return the whole command for one script."""
    requests = max(1, load.requests // script.share)
    words = [*load.command, "--csv", "-h", "127.0.0.1", "-p", str(port), "-c", str(CLIENTS)]
    return [*words, "-P", str(script.depth), "-n", str(requests), "evalsha", digest, "1", "key"]


def _run(server: Server, load: Load, script: Script) -> Reading:
    with server.wire() as wire:
        wire.call(b"SET", b"key", b"value")
        digest = wire.call(b"SCRIPT", b"LOAD", script.code)
    if not isinstance(digest, bytes):
        raise BenchError(f"{server.name} does not load scripts: {digest!r}")
    words = arguments(load, server.port, script, digest.decode())
    (reading,) = parse_csv(run_benchmark(words, server.name)).values()
    return reading
