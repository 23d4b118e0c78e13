"""What a call costs on a thousand, a hundred thousand and a million elements, as the server itself counts it."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from conformance.bench.result import BenchError, Figure, Goal, Reading, Section
from conformance.bench.servers import Contender, running
from conformance.bench.wire import Wire, pack

SIZES = (1_000, 100_000, 1_000_000)
_CALLS = 400
"""Calls of a round: few enough to leave the smallest structure about as large as it was."""

_ROUNDS = 5
_LOADED_AT_ONCE = 1000
_RETURNED = 10
"""Elements that a call returns where it returns some."""

_BOUND = 3.0
"""The most that the largest structure may cost, as a multiple of the smallest."""

Call = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Growth:
    """One command on one structure.

    Args:
        name: what the table calls it.
        load: the call that adds elements, given their numbers.
        call: the measured call, given the number of elements and a source of chance.
        refill: what puts back what a measured call takes away, given one number.
        prepare: calls between the loading and the measuring.
    """

    name: str
    load: Callable[[range], Call]
    call: Callable[[int, random.Random], Call]
    refill: Callable[[int], Call] | None = None
    prepare: Sequence[Call] = ()

    @property
    def command(self) -> str:
        """The measured command, as INFO commandstats names it."""
        return self.call(SIZES[0], random.Random(0))[0].decode().lower()


def _members(numbers: range) -> list[bytes]:
    return [b"member:%d" % number for number in numbers]


def _load_zset(numbers: range) -> Call:
    return (b"ZADD", b"k", *(word for n in numbers for word in (b"%d" % n, b"member:%d" % n)))


def _load_set(numbers: range) -> Call:
    return (b"SADD", b"k", *_members(numbers))


def _load_list(numbers: range) -> Call:
    return (b"RPUSH", b"k", *_members(numbers))


def _load_hash(numbers: range) -> Call:
    return (b"HSET", b"k", *(word for n in numbers for word in (b"member:%d" % n, b"value")))


def _load_stream(_: range) -> Call:
    # One entry for a call: the loader pipelines as many calls as it has elements.
    return (b"XADD", b"k", b"*", b"field", b"value")


def _zrangebyscore(size: int, chance: random.Random) -> Call:
    start = chance.randrange(size - _RETURNED)
    return (b"ZRANGEBYSCORE", b"k", b"%d" % start, b"%d" % (start + _RETURNED - 1))


def _hscan(size: int, chance: random.Random) -> Call:
    # A cursor out of the blue is legal: it begins somewhere, or over.
    return (b"HSCAN", b"k", b"%d" % chance.randrange(size), b"COUNT", b"10")


def _xreadgroup(_: int, __: random.Random) -> Call:
    return (b"XREADGROUP", b"GROUP", b"g", b"c", b"COUNT", b"1", b"STREAMS", b"k", b">")


GROWTHS = (
    Growth(
        "ZADD", _load_zset, lambda n, r: (b"ZADD", b"k", b"%d" % r.randrange(n), b"member:%d" % r.randrange(n))
    ),
    Growth("ZRANK", _load_zset, lambda n, r: (b"ZRANK", b"k", b"member:%d" % r.randrange(n))),
    Growth("ZRANGEBYSCORE of 10", _load_zset, _zrangebyscore),
    Growth("LPOP", _load_list, lambda _, __: (b"LPOP", b"k"), lambda n: _load_list(range(n, n + 1))),
    Growth("LRANGE of the first 10", _load_list, lambda _, __: (b"LRANGE", b"k", b"0", b"9")),
    Growth("SPOP", _load_set, lambda _, __: (b"SPOP", b"k"), lambda n: _load_set(range(n, n + 1))),
    Growth("SRANDMEMBER", _load_set, lambda _, __: (b"SRANDMEMBER", b"k")),
    Growth(
        "SINTER with a set of 10", _load_set, lambda _, __: (b"SINTER", b"k", b"small"),
        prepare=[(b"SADD", b"small", *_members(range(_RETURNED)))],
    ),
    Growth("HSCAN", _load_hash, _hscan),
    Growth("XADD", _load_stream, lambda _, __: (b"XADD", b"k", b"*", b"field", b"value")),
    Growth(
        "XREADGROUP", _load_stream, _xreadgroup,
        refill=lambda _: (b"XADD", b"k", b"*", b"field", b"value"),
        prepare=[(b"XGROUP", b"CREATE", b"k", b"g", b"0")],
    ),
)  # fmt: skip


def measure(baseline: Contender, subject: Contender, sizes: Sequence[int]) -> Section:
    """Take the cost of each call at each size, on both servers, and the growth from the first to the last."""
    costs: dict[str, Mapping[str, list[float]]] = {}
    for contender in (baseline, subject):
        with running(contender) as server, server.wire() as wire:
            costs[contender.name] = {growth.name: _costs(wire, growth, sizes) for growth in GROWTHS}
    figures = [
        Figure(
            growth.name,
            "µs",
            {
                f"{name}, {size:,}": Reading(cost)
                for name, taken in costs.items()
                for size, cost in zip(sizes, taken[growth.name], strict=True)
            },
        )
        for growth in GROWTHS
    ]
    growths = {name: taken[-1] / taken[0] for name, taken in costs[subject.name].items() if taken[0]}
    worst = max(growths, key=lambda name: growths[name])
    goals = [Goal(f"growth of the one that grows most, {worst}", growths[worst], _BOUND, "at most")]
    notes = [
        f"microseconds per call in INFO commandstats, the best of {_ROUNDS} rounds of {_CALLS} calls",
        "growth: the cost on the largest structure divided by that on the smallest",
    ]
    return Section("Growth", figures, summary=growths, goals=goals, notes=notes)


def _costs(wire: Wire, growth: Growth, sizes: Sequence[int]) -> list[float]:
    """Return the microseconds of a call at each size."""
    wire.call(b"FLUSHALL")
    chance = random.Random(1)
    costs = []
    loaded = 0
    for size in sizes:
        _load(wire, growth, range(loaded, size))
        if not loaded:
            for call in growth.prepare:
                wire.call(*call)
        loaded = size
        costs.append(min(_cost(wire, growth, size, chance) for _ in range(_ROUNDS)))
    return costs


def _load(wire: Wire, growth: Growth, numbers: range) -> None:
    """Add elements, many in each exchange."""
    single = growth.load is _load_stream
    for start in range(numbers.start, numbers.stop, _LOADED_AT_ONCE):
        part = range(start, min(start + _LOADED_AT_ONCE, numbers.stop))
        calls = [growth.load(range(n, n + 1)) for n in part] if single else [growth.load(part)]
        wire.exchange(b"".join(pack(*call) for call in calls), len(calls))


def _cost(wire: Wire, growth: Growth, size: int, chance: random.Random) -> float:
    """Run a round of calls and return the microseconds of one, as the server has counted them."""
    wire.call(b"CONFIG", b"RESETSTAT")
    payload = b"".join(pack(*growth.call(size, chance)) for _ in range(_CALLS))
    wire.exchange(payload, _CALLS)
    spent = microseconds(wire.call(b"INFO", b"commandstats"), growth.command)
    if growth.refill is not None:
        refill = growth.refill
        wire.exchange(b"".join(pack(*refill(size + n)) for n in range(_CALLS)), _CALLS)
    return spent


def microseconds(info: object, command: str) -> float:
    r"""Return what a call of a command took on average, as INFO commandstats says.

    Raises:
        BenchError: INFO does not mention the command.

    Example:
        >>> microseconds(b"# Commandstats\r\ncmdstat_zadd:calls=2,usec=3,usec_per_call=1.50\r\n", "zadd")
        1.5
    """
    if isinstance(info, bytes):
        for line in info.decode().splitlines():
            name, _, fields = line.partition(":")
            if name == f"cmdstat_{command}":
                counted = dict(field.split("=", 1) for field in fields.split(","))
                return float(counted["usec"]) / float(counted["calls"])
    raise BenchError(f"INFO commandstats does not mention {command}")
