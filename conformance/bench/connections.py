"""Many idle connections, and many short hostile ones: what they cost in memory, and what they do to others."""

import itertools
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from conformance.bench.memory import resident
from conformance.bench.result import BenchError, Figure, Goal, Reading, Section
from conformance.bench.servers import Contender, Server, running

if sys.platform != "win32":
    import resource

_PINGS = 3000
_WARM_UP = 500
_KIB = 1024

_GARBAGE = (
    b"\x00\xff\x00\xff\r\n",
    b"*3\r\n$-5\r\nfoo\r\n",
    b"*1\r\n$5\r\nab",
    b"GET /\r\n",
    b"*2\r\n$3\r\nGET\r\n$1000000\r\nabc",
    b"*1000000\r\n",
)
"""No calls, of every kind: not the grammar's, cut off, too large, and a line that is no command."""


def measure(baseline: Contender, subject: Contender, idle: int, cycles: int) -> Section:
    """Open idle connections to a fresh server of each kind, then many that send garbage and close.

    Args:
        baseline: what the other is divided by.
        subject: what is measured.
        idle: how many connections stay open.
        cycles: how many come and go, one after the other.

    Raises:
        BenchError: the system does not allow as many open files.
    """
    with _open_files(idle + 100):
        taken = {contender.name: _load(contender, idle, cycles) for contender in (baseline, subject)}
    figures = [
        Figure(name, unit, {contender: Reading(values[place]) for contender, values in taken.items()})
        for place, (name, unit) in enumerate(
            (
                (f"memory of each of {idle:,} idle", "kB"),
                ("PING beside them, p99", "ms"),
                (f"growth by {cycles:,} that send garbage", "kB"),
            )
        )
    ]
    each, ping, growth = taken[subject.name]
    goals = [
        Goal("kB for each idle connection", each, 20.0, "at most"),
        Goal("milliseconds for a PING beside them, p99", ping, 5.0, "at most"),
        Goal("kB that garbage leaves behind", growth, 1024.0, "at most"),
    ]
    notes = ["resident set of the serving process: what the system's kernel keeps for a socket is not in it"]
    return Section("Connections", figures, baseline.name, goals=goals, notes=notes)


def _load(contender: Contender, idle: int, cycles: int) -> tuple[float, float, float]:
    """Return the kB of an idle connection, the p99 of PING in milliseconds, and the kB that garbage leaves."""
    with running(contender) as server, ExitStack() as stack:
        probe = stack.enter_context(_connect(server))
        for _ in range(_WARM_UP):
            _ping(probe)
        before = resident(server)
        held = [stack.enter_context(_connect(server)) for _ in range(idle)]
        for connection in held:
            _ping(connection)
        each = (resident(server) - before) / idle / _KIB
        times = sorted(_ping(probe) for _ in range(_PINGS))
        for connection in held:
            connection.close()
        # A first tenth: what the first cycles take once and for all is no growth.
        _send_garbage(server, cycles // 10)
        _ping(probe)
        before = resident(server)
        _send_garbage(server, cycles)
        _ping(probe)
        growth = (resident(server) - before) / _KIB
    return each, times[_PINGS * 99 // 100] * 1000, max(0.0, growth)


def _connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def _ping(connection: socket.socket) -> float:
    """Return the seconds until the PONG."""
    start = time.perf_counter()
    connection.sendall(b"*1\r\n$4\r\nPING\r\n")
    if connection.recv(64) != b"+PONG\r\n":
        raise BenchError("a PING was not answered with a PONG")
    return time.perf_counter() - start


def _send_garbage(server: Server, cycles: int) -> None:
    for garbage in itertools.islice(itertools.cycle(_GARBAGE), cycles):
        with _connect(server) as connection:
            connection.sendall(garbage)


@contextmanager
def _open_files(count: int) -> Iterator[None]:
    """Allow this process, and those that it starts, so many open files."""
    if sys.platform == "win32":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise BenchError(
            f"{count} open files are needed, the system allows {hard}: ulimit -Hn, or --sections"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
