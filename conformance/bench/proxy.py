"""What a proxy costs: a Redis through Vermilion, and through nutcracker where there is one, beside the Redis itself."""

import contextlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from conformance.bench import throughput
from conformance.bench.result import BenchError, Figure, Goal, Reading, Section
from conformance.bench.servers import Contender, Server, free_port, running
from conformance.bench.throughput import Load

DEPTHS = (1, 16)
FEW_CLIENTS = 5
_TESTS = "set,get,incr,mset"
_RATIO = 0.5
"""The least geometric mean of the ratios, at every depth."""
_ADDED_MS = 1.0
"""The most milliseconds that may be added to the 99th percentile when few clients call."""

_NUTCRACKER = """\
all:
  listen: 127.0.0.1:{port}
  redis: true
  hash: fnv1a_64
  distribution: ketama
  timeout: 5000
  servers:
   - 127.0.0.1:{upstream}:1
"""


def measure(baseline: Contender, subject: Contender, load: Load) -> Iterator[Section]:
    """Run the tests on a Redis and through proxies to it, one under load at a time."""
    with running(baseline) as upstream, contextlib.ExitStack() as stack:
        command = [*subject.command, "--backend", "redis", "--upstream", f"redis://127.0.0.1:{upstream.port}"]
        proxies = [stack.enter_context(running(Contender("proxy", command)))]
        notes = [
            f"{baseline.name} direct and through each proxy, the best of {load.rounds} rounds, taken in turns",
            "on two cores redis-benchmark, the proxy and the Redis are three processes that want one each",
        ]
        program = shutil.which("nutcracker")
        if program is None:
            notes.append("nutcracker (twemproxy) is not on the PATH: apt-get install nutcracker")
        else:
            proxies.append(stack.enter_context(_nutcracker(program, upstream)))
        for depth in DEPTHS:
            yield _at_depth(upstream, proxies, load, depth, notes)
        yield _latency(upstream, proxies, load)


def _at_depth(
    upstream: Server, proxies: Sequence[Server], load: Load, depth: int, notes: Sequence[str]
) -> Section:
    figures = [
        Figure(test.name.upper(), "requests/s", _readings(upstream, proxies, load, test, depth))
        for test in throughput.named(_TESTS)
    ]
    mean = statistics.geometric_mean(figure.ratio("proxy", upstream.name) or 0.0 for figure in figures)
    goal = Goal(f"geometric mean of the proxy's ratios at -P {depth}", mean, _RATIO, "at least")
    return Section(f"Through a proxy at -P {depth}", figures, upstream.name, goals=[goal], notes=notes)


def _latency(upstream: Server, proxies: Sequence[Server], load: Load) -> Section:
    """Take the 99th percentile with few clients, who leave the proxy time to spare."""
    few = replace(load, clients=FEW_CLIENTS)
    figures = []
    for test in throughput.named("set,get"):
        readings = _readings(upstream, proxies, few, test, 1)
        tails = {name: Reading(reading.details["p99 ms"]) for name, reading in readings.items()}
        figures.append(Figure(test.name.upper(), "p99 ms", tails))
    added = max(figure.readings["proxy"].value - figure.readings[upstream.name].value for figure in figures)
    goal = Goal("milliseconds that the proxy adds to p99", added, _ADDED_MS, "at most")
    return Section(f"Latency through a proxy, {FEW_CLIENTS} clients", figures, goals=[goal])


def _readings(
    upstream: Server, proxies: Sequence[Server], load: Load, test: throughput.BenchmarkTest, depth: int
) -> Mapping[str, Reading]:
    """Run a test on all, in turns that begin elsewhere in each round."""
    servers = [upstream, *proxies]
    rounds: dict[str, list[Reading]] = {server.name: [] for server in servers}
    for number in range(load.rounds):
        first = number % len(servers)
        for server in servers[first:] + servers[:first]:
            rounds[server.name].append(throughput.run(server, load, test, depth, store=upstream))
    return {name: throughput.best(taken) for name, taken in rounds.items()}


@contextlib.contextmanager
def _nutcracker(program: str, upstream: Server) -> Iterator[Server]:
    """Start nutcracker in front of a Redis, and end it with the block."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        port = free_port()
        config = Path(folder) / "nutcracker.yml"
        config.write_text(_NUTCRACKER.format(port=port, upstream=upstream.port))
        command = [program, "-c", str(config), "-s", str(free_port()), "-o", str(Path(folder) / "log")]
        with subprocess.Popen(command) as process:
            try:
                _wait_for(port)
                yield Server("nutcracker", port, Path(folder), process.pid, 0.0)
            finally:
                process.terminate()


def _wait_for(port: int) -> None:
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.01)
    raise BenchError("nutcracker did not start")
