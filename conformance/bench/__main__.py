"""`python -m conformance.bench`: takes the figures, prints them, and keeps them in build/bench.json."""

import argparse
import json
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from conformance.bench import (
    clients,
    connections,
    embedded,
    growth,
    in_process,
    machine,
    memory,
    proxy,
    report,
    scripts,
    startup,
    throughput,
)
from conformance.bench.result import BenchError, Section
from conformance.bench.servers import OWN_COMMAND, Contender, find_command, version_of

SECTIONS = (
    "throughput",
    "proxy",
    "scripts",
    "growth",
    "memory",
    "startup",
    "connections",
    "cache",
    "in-process",
    "clients",
)
_BESIDE_REDIS = {"throughput", "proxy", "scripts", "growth", "memory", "startup", "connections", "clients"}


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured.

    Args:
        requests: requests per redis-benchmark test without a pipeline.
        rounds: how often each test runs on each server.
        keys: keys loaded to measure their memory.
        starts: starts of each server.
        calls: in-process calls per run.
        idle: connections that are open at a time.
        cycles: connections that send garbage and close.
        sizes: elements of the structures whose cost is followed as they grow.
    """

    requests: int
    rounds: int
    keys: int
    starts: int
    calls: int
    idle: int
    cycles: int
    sizes: Sequence[int] = growth.SIZES


FULL = Scale(requests=100_000, rounds=3, keys=1_000_000, starts=7, calls=50_000, idle=9_900, cycles=100_000)
QUICK = Scale(
    requests=10_000, rounds=1, keys=100_000, starts=3, calls=5_000, idle=500, cycles=2_000,
    sizes=growth.SIZES[:2],
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Take the figures.

    Args:
        argv: the arguments; those of the process by default.

    Returns:
        The exit status: 0 when every figure was taken, whatever it says; 2 when one could not be.
    """
    options = _parser().parse_args(argv)
    # an exception, so that the servers' blocks end them; the default would leave them behind
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        _take(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _take(options: argparse.Namespace) -> None:
    scale = QUICK if options.quick else FULL
    given = {
        name: getattr(options, name) for name in ("requests", "rounds", "keys") if getattr(options, name)
    }
    scale = replace(scale, **given)
    versions, measurements = _plan(options, scale)
    host = machine.describe()
    print(machine.line(host))
    for name, version in versions.items():
        print(f"{name}: {version}")
    sections: list[Section] = []
    for measure in measurements:
        for section in measure():
            print(f"\n{report.render(section)}", flush=True)
            sections.append(section)
    document = {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": host,
        "versions": versions,
        "scale": asdict(scale),
        "sections": [section.as_json() for section in sections],
    }
    output: Path = options.output
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(document, indent=2) + "\n")
    print(f"\nwritten to {output}")


def _plan(
    options: argparse.Namespace, scale: Scale
) -> tuple[dict[str, str], list[Callable[[], Iterable[Section]]]]:
    """Return the versions of the programs that take part, and the measurements, cheap checks made."""
    wanted: Sequence[str] = options.sections
    versions: dict[str, str] = {}
    plan: dict[str, Callable[[], Iterable[Section]]] = {}
    if _BESIDE_REDIS.intersection(wanted):
        baseline = Contender("redis", find_command("REDIS_SERVER", "redis-server", os.environ))
        subject = Contender("vermilion", OWN_COMMAND)
        if options.server:
            subject = Contender("server", shlex.split(options.server))
        versions |= {contender.name: version_of(contender.command) for contender in (baseline, subject)}
        plan["growth"] = lambda: [growth.measure(baseline, subject, scale.sizes)]
        plan["memory"] = lambda: [memory.measure(baseline, subject, scale.keys)]
        plan["startup"] = lambda: [startup.measure(baseline, subject, scale.starts)]
        plan["connections"] = lambda: [connections.measure(baseline, subject, scale.idle, scale.cycles)]
        plan["clients"] = lambda: [clients.measure(baseline, subject, scale.calls // 10)]
        if {"throughput", "proxy", "scripts"}.intersection(wanted):
            benchmark = find_command("REDIS_BENCHMARK", "redis-benchmark", os.environ)
            versions["redis-benchmark"] = version_of(benchmark)
            load = throughput.Load(benchmark, scale.requests, scale.rounds, options.keyspace)
            tests = throughput.named(options.tests) if options.tests else throughput.TESTS
            plan["proxy"] = partial(proxy.measure, baseline, subject, load)
            plan["scripts"] = partial(scripts.measure, baseline, subject, load)
            plan["throughput"] = partial(throughput.measure, baseline, subject, load, tests)
    plan["cache"] = lambda: [embedded.measure(scale.calls)]
    plan["in-process"] = lambda: [in_process.measure(scale.calls)]
    return versions, [plan[name] for name in SECTIONS if name in wanted]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance.bench",
        description="Measure Vermilion beside a real Redis and beside other caches.",
        epilog="REDIS_SERVER and REDIS_BENCHMARK name the commands where they are not on the PATH; "
        "they may hold arguments.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="smaller loads, one round: to see that all works"
    )
    parser.add_argument(
        "--sections",
        type=_sections,
        default=SECTIONS,
        metavar="LIST",
        help=f"only these of {','.join(SECTIONS)}",
    )
    parser.add_argument("--tests", metavar="LIST", help="only these of redis-benchmark's tests: set,get,mset")
    parser.add_argument(
        "--requests",
        type=_count,
        metavar="N",
        help=f"requests per test ({FULL.requests}; 8 times that at -P 16)",
    )
    parser.add_argument(
        "--rounds", type=_count, metavar="N", help=f"runs of each test on each server ({FULL.rounds})"
    )
    parser.add_argument(
        "--keyspace",
        type=_count,
        default=0,
        metavar="N",
        help="redis-benchmark's -r: spread over N random keys",
    )
    parser.add_argument("--keys", type=_count, metavar="N", help=f"keys of the memory figure ({FULL.keys})")
    parser.add_argument("--server", metavar="COMMAND", help="measure this server in Vermilion's place")
    parser.add_argument(
        "--output", type=Path, default=Path("build/bench.json"), metavar="FILE", help="default: %(default)s"
    )
    return parser


def _sections(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no such section: {','.join(unknown)}")
    return names


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
