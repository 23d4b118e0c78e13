"""The memory of a million small keys: the growth of a fresh server's resident set."""

import subprocess
from pathlib import Path

from conformance.bench.result import BenchError, Figure, Goal, Reading, Section
from conformance.bench.servers import Contender, Server, running

_BATCH = 1000
_MIB = 1 << 20


def measure(baseline: Contender, subject: Contender, keys: int) -> Section:
    """Load the same keys into a fresh server of each kind, one after the other."""
    readings = {contender.name: _load(contender, keys) for contender in (baseline, subject)}
    growth = Figure(
        "resident set, growth",
        "MiB",
        {
            name: Reading((after - before) / _MIB, {"bytes per key": (after - before) / keys})
            for name, (before, after) in readings.items()
        },
    )
    total = Figure(
        "resident set, loaded", "MiB", {n: Reading(after / _MIB) for n, (_, after) in readings.items()}
    )
    ratio = growth.ratio(subject.name, baseline.name)
    goals = [Goal(f"growth for {keys:,} keys beside {baseline.name}", ratio, 1.5, "at most")] if ratio else []
    notes = [
        f"exactly {keys:,} distinct 16-byte keys, each with its own 16-byte value, by raw pipelined SETs",
        "not by redis-benchmark -r, which draws at random and repeats keys",
    ]
    return Section("Memory", [growth, total], baseline.name, goals=goals, notes=notes)


def pipeline(start: int, count: int) -> bytes:
    r"""Return the SETs of a run of keys.

    Example:
        >>> pipeline(7, 1)
        b'*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000007\r\n$16\r\nvalue:0000000007\r\n'
    """
    form = b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$16\r\nvalue:%010d\r\n"
    return b"".join(form % (number, number) for number in range(start, start + count))


def _load(contender: Contender, keys: int) -> tuple[int, int]:
    with running(contender) as server, server.wire() as wire:
        before = resident(server)
        for start in range(0, keys, _BATCH):
            count = min(_BATCH, keys - start)
            wire.exchange(pipeline(start, count), count)
        after = resident(server)
        held = wire.call(b"DBSIZE")
    if held != keys:
        raise BenchError(f"{contender.name} holds {held} keys where {keys} were set")
    return before, after


def resident(server: Server) -> int:
    """Return the resident set of the serving process, in bytes.

    Raises:
        BenchError: there is neither a /proc nor a ps that knows the process.
    """
    status = Path(f"/proc/{server.pid}/status")
    if status.exists():
        text = status.read_text()
        return int(text.partition("VmRSS:")[2].split(maxsplit=1)[0]) * 1024
    # macOS has no /proc
    words = ["ps", "-o", "rss=", "-p", str(server.pid)]
    try:
        return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout) * 1024
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise BenchError(
            f"the memory of process {server.pid} ({server.name}) cannot be read: {error}"
        ) from error
