"""Requests per second and latency, by redis-benchmark's own tests."""

import csv
import io
import shlex
import statistics
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from conformance.bench.result import BenchError, Figure, Goal, Reading, Section
from conformance.bench.servers import Contender, Server, running

CLIENTS = 50
_GOAL_TESTS = ("SET", "GET", "INCR", "MSET")
_GOALS = {1: 0.95, 16: 0.9}
"""The least geometric mean of the goal tests' ratios, by depth of the pipeline."""

_SUITE_MEAN = 0.9
_SUITE_LEAST = 0.6
"""The least geometric mean of all tests' ratios, and the least ratio of any, at every depth."""

_DEEP = 8
"""How many times more requests a pipelined test gets: it is that much sooner over."""


@dataclass(frozen=True, slots=True)
class BenchmarkTest:
    """One of redis-benchmark's tests.

    Args:
        name: as redis-benchmark's -t takes it.
        command: the command that must exist.
        fill: the test that runs first, unmeasured, on the emptied server: without it GET would measure
            misses and LPOP an empty list. redis-benchmark fills the lists of its LRANGE tests itself.
        share: the requests are divided by this: a reply of hundreds of elements takes that much longer.
    """

    name: str
    command: str
    fill: str | None = None
    share: int = 1


TESTS = (
    BenchmarkTest("ping_inline", "PING"),
    BenchmarkTest("ping_mbulk", "PING"),
    BenchmarkTest("set", "SET"),
    BenchmarkTest("get", "GET", fill="set"),
    BenchmarkTest("incr", "INCR"),
    BenchmarkTest("lpush", "LPUSH"),
    BenchmarkTest("rpush", "RPUSH"),
    BenchmarkTest("lpop", "LPOP", fill="lpush"),
    BenchmarkTest("rpop", "RPOP", fill="rpush"),
    BenchmarkTest("sadd", "SADD"),
    BenchmarkTest("hset", "HSET"),
    BenchmarkTest("spop", "SPOP", fill="sadd"),
    BenchmarkTest("zadd", "ZADD"),
    BenchmarkTest("zpopmin", "ZPOPMIN", fill="zadd"),
    BenchmarkTest("lrange_100", "LRANGE", share=10),
    BenchmarkTest("lrange_300", "LRANGE", share=10),
    BenchmarkTest("lrange_500", "LRANGE", share=10),
    BenchmarkTest("lrange_600", "LRANGE", share=10),
    BenchmarkTest("mset", "MSET"),
    BenchmarkTest("xadd", "XADD"),
)


@dataclass(frozen=True, slots=True)
class Load:
    """How hard redis-benchmark works.

    Args:
        command: redis-benchmark, in words.
        requests: requests per test without a pipeline.
        rounds: how often each test runs on each server.
        keyspace: its -r: how many keys the tests spread over; 0 for its default, one key per test.
        clients: its -c: how many call at the same time.
    """

    command: Sequence[str]
    requests: int
    rounds: int
    keyspace: int = 0
    clients: int = CLIENTS

    def arguments(self, port: int, test: str, depth: int, share: int = 1) -> list[str]:
        """Return the whole command for one test."""
        requests = max(1, self.requests // share) * (1 if depth == 1 else _DEEP)
        words = [*self.command, "--csv", "-h", "127.0.0.1", "-p", str(port), "-c", str(self.clients)]
        words += ["-P", str(depth), "-n", str(requests), "-t", test]
        return [*words, "-r", str(self.keyspace)] if self.keyspace else words


def parse_csv(text: str) -> dict[str, Reading]:
    """Read what `redis-benchmark --csv` prints.

    Args:
        text: its standard output.

    Returns:
        The reading of each test, by the test's name without its remark: "MSET (10 keys)" is "MSET". What it
        runs only to fill a list for another test is left out.

    Raises:
        BenchError: a column is missing, or there is no test at all.
    """
    readings: dict[str, Reading] = {}
    try:
        for row in csv.DictReader(io.StringIO(text)):
            name, _, remark = row["test"].partition(" (")
            if not remark.startswith("needed to"):
                details = {"p50 ms": float(row["p50_latency_ms"]), "p99 ms": float(row["p99_latency_ms"])}
                readings[name] = Reading(float(row["rps"]), details)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BenchError(
            f"this is not the output of redis-benchmark --csv: {text.strip()[:200]!r}"
        ) from error
    if not readings:
        raise BenchError(f"redis-benchmark ran no test: {text.strip()[:200]!r}")
    return readings


def best(rounds: Sequence[Reading]) -> Reading:
    """Choose the fastest round, and keep the others as its samples.

    The best and not the mean: whatever else the machine does only ever slows a run down, so the fastest
    round is the nearest to what the server can do. The same rule serves both servers.
    """
    fastest = max(rounds, key=lambda reading: reading.value)
    return Reading(fastest.value, fastest.details, tuple(reading.value for reading in rounds))


def choose(tests: Iterable[BenchmarkTest], supported: Callable[[str], bool]) -> list[BenchmarkTest]:
    """Return the tests whose command exists."""
    return [test for test in tests if supported(test.command)]


def named(names: str) -> list[BenchmarkTest]:
    """Return the tests of a comma-separated list of names, in redis-benchmark's order.

    Raises:
        BenchError: redis-benchmark has no such test.
    """
    wanted = {name.strip().lower() for name in names.split(",") if name.strip()}
    unknown = wanted - {test.name for test in TESTS}
    if unknown:
        known = ",".join(test.name for test in TESTS)
        raise BenchError(f"no such test: {','.join(sorted(unknown))}; there are {known}")
    return [test for test in TESTS if test.name in wanted]


def summarize(
    figures: Sequence[Figure], subject: str, baseline: str, depth: int
) -> tuple[dict[str, float], list[Goal]]:
    """Return the geometric means of the ratios, and the goal where all of its tests were run."""
    ratios = {figure.name: ratio for figure in figures if (ratio := figure.ratio(subject, baseline))}
    if not ratios:
        return {}, []
    summary = {f"geometric mean of all {len(ratios)} ratios": statistics.geometric_mean(ratios.values())}
    if not all(name in ratios for name in _GOAL_TESTS):
        return summary, []
    mean = statistics.geometric_mean(ratios[name] for name in _GOAL_TESTS)
    goals = [
        Goal(f"geometric mean of {', '.join(_GOAL_TESTS)} at -P {depth}", mean, _GOALS[depth], "at least")
    ]
    if all(test.name.upper() in ratios for test in TESTS):
        least = min(ratios, key=lambda name: ratios[name])
        whole = statistics.geometric_mean(ratios.values())
        goals += [
            Goal(f"geometric mean of the whole suite at -P {depth}", whole, _SUITE_MEAN, "at least"),
            Goal(f"the least of the suite at -P {depth}, {least}", ratios[least], _SUITE_LEAST, "at least"),
        ]
    return summary, goals


def measure(
    baseline: Contender, subject: Contender, load: Load, tests: Sequence[BenchmarkTest]
) -> Iterator[Section]:
    """Run the tests on both servers, one under load at a time; a section for each depth of pipeline."""
    with running(baseline) as first, running(subject) as second:
        runnable = choose(tests, lambda command: _exists(first, command) and _exists(second, command))
        left_out = [test.name for test in tests if test not in runnable]
        notes = [
            f"redis-benchmark, {CLIENTS} clients, {_key_remark(load.keyspace)}",
            f"the best of {load.rounds} rounds, taken in turns; 'rounds': the ratios of single rounds",
        ]
        if left_out:
            notes.append(f"not run, for want of the command: {', '.join(left_out)}")
        for depth in _GOALS:
            yield _at_depth(first, second, load, runnable, depth, notes)


def _at_depth(
    baseline: Server,
    subject: Server,
    load: Load,
    tests: Sequence[BenchmarkTest],
    depth: int,
    notes: Sequence[str],
) -> Section:
    figures = []
    for test in tests:
        rounds: Mapping[str, list[Reading]] = {baseline.name: [], subject.name: []}
        for number in range(load.rounds):
            # each goes first as often as the other: neither always finds the machine as the other left it
            turn = (baseline, subject) if number % 2 == 0 else (subject, baseline)
            for server in turn:
                rounds[server.name].append(run(server, load, test, depth))
        readings = {name: best(taken) for name, taken in rounds.items()}
        figures.append(Figure(test.name.upper(), "requests/s", readings))
    summary, goals = summarize(figures, subject.name, baseline.name, depth)
    return Section(f"Throughput at -P {depth}", figures, baseline.name, summary, goals, notes)


def run(
    server: Server, load: Load, test: BenchmarkTest, depth: int, *, store: Server | None = None
) -> Reading:
    """Run one test once.

    Args:
        server: what is under load.
        load: how hard.
        test: the test.
        depth: of the pipelines.
        store: the server that has the keys, and is emptied first; the one under load when None.
    """
    with (store or server).wire() as wire:
        wire.call(b"FLUSHALL")
    if test.fill is not None:
        run_benchmark(load.arguments(server.port, test.fill, depth), server.name)
    words = load.arguments(server.port, test.name, depth, test.share)
    (reading,) = parse_csv(run_benchmark(words, server.name)).values()
    return reading


def run_benchmark(words: Sequence[str], server: str) -> str:
    """Return what redis-benchmark prints.

    Raises:
        BenchError: when it fails.
    """
    try:
        finished = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BenchError(f"{shlex.join(words)}: {error}") from error
    if finished.returncode:
        said = (finished.stderr or finished.stdout).strip().rpartition("\n")[2]
        raise BenchError(f"redis-benchmark failed on {server} ({shlex.join(words)}): {said}")
    return finished.stdout


def _exists(server: Server, command: str) -> bool:
    with server.wire() as wire:
        return wire.call(b"COMMAND", b"INFO", command.encode()) != [None]


def _key_remark(keyspace: int) -> str:
    return f"random keys of {keyspace} (-r)" if keyspace else "one key per test (no -r)"
