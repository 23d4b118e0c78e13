"""LATENCY: when the server was slow, at what, and how long each command takes."""

from itertools import accumulate
from typing import Final

from vermilion import errors
from vermilion.commands.registry import command, container
from vermilion.commands.syntax import ADMIN, LOADING, NOSCRIPT, STALE, Argument, Value
from vermilion.diagnostics import Moment, SlowEvents
from vermilion.errors import RespError, text
from vermilion.ports import CommandRecord, Server
from vermilion.protocol.reply import Pairs, Reply, Status, Verbatim
from vermilion.session import Session

_FLAGS: Final = ADMIN | NOSCRIPT | LOADING | STALE
_EACH_NODE: Final = ("nondeterministic_output", "request_policy:all_nodes", "response_policy:special")

container("LATENCY", group="server", since="2.8.13", summary="Tells when the server was slow, and at what.")


@command("LATENCY|DOCTOR", _FLAGS, since="2.8.13", complexity="O(1)", tips=_EACH_NODE, group="server")
def latency_doctor(server: Server) -> Verbatim:
    """Return a report on what was slow, with advice."""
    settings, events = server.settings, server.slow_events
    if not settings.latency_monitor_threshold:
        return _report([
            "Latency monitoring is off in this server: nothing has been observed.",
            'To switch it on: "CONFIG SET latency-monitor-threshold <milliseconds>".',
        ])  # fmt: skip
    names = events.names()
    if not names:
        return _report(["No event has been slow so far: there is nothing to report."])
    now = server.clock.now_ms() // 1000
    lines = ["These events were slow:", ""]
    lines += [f"{number}. {_diagnosis(events, name, now)}" for number, name in enumerate(names, 1)]
    lines += ["", "What can be done:", ""]
    threshold_us = settings.latency_monitor_threshold * 1000
    advice = []
    if any(name in _COMMAND_EVENTS for name in names):
        if not 0 <= settings.slowlog_log_slower_than <= threshold_us:
            advice.append(
                "SLOWLOG does not see all of the slow calls. To have it keep them:"
                f" 'CONFIG SET slowlog-log-slower-than {threshold_us}'."
            )
        advice.append("SLOWLOG GET shows the slow calls with their arguments.")
        advice.append(
            "Calls that go over a whole collection (SMEMBERS, HGETALL, SORT, KEYS, a long LRANGE) take time for"
            " each of its members: SSCAN, HSCAN, SCAN and short ranges do not keep other clients waiting."
        )
    if "expire-cycle" in names:
        advice.append(
            "Many keys expire at once. Times to live that differ a little spread the work, and so does a higher"
            " 'hz'."
        )
    if "eviction-cycle" in names:
        advice.append(
            "Much has to be evicted at once. A lower 'maxmemory-eviction-tenacity' makes shorter pauses, a higher"
            " 'maxmemory' fewer."
        )
    lines += [f"- {line}" for line in advice]
    return _report(lines)


_COMMAND_EVENTS: Final = frozenset({"command", "fast-command"})


def _report(lines: list[str]) -> Verbatim:
    """Return lines as a reply."""
    return Verbatim("".join(f"{line}\n" for line in lines).encode())


def _diagnosis(events: SlowEvents, name: str, now: int) -> str:
    """Return one line on one event."""
    moments = events.history(name)
    times = [moment.milliseconds for moment in moments]
    mean = sum(times) / len(times)
    deviation = sum(abs(time - mean) for time in times) / len(times)
    period = max(1, now - moments[0].second) / len(moments)
    return (
        f"{name}: slow in {len(moments)} seconds (mean {mean:.0f} ms, mean deviation {deviation:.0f} ms,"
        f" one in {period:.2f} s). The longest ever took {events.worst(name)} ms."
    )


@command(
    "LATENCY|GRAPH", _FLAGS, since="2.8.13", complexity="O(1)", tips=_EACH_NODE, group="server",
)  # fmt: skip
def latency_graph(server: Server, event: Value) -> Verbatim:
    """Return a drawing of the slow moments of an event."""
    name = text(event)
    moments = server.slow_events.history(name)
    if not moments:
        raise RespError(errors.no_samples(event))
    times = [moment.milliseconds for moment in moments[-_COLUMNS:]]
    title = f"{name} - high {max(times)} ms, low {min(times)} ms (all time high {server.slow_events.worst(name)} ms)"
    now = server.clock.now_ms() // 1000
    drawn = [title, "-" * _COLUMNS, *_bars(times), *_ages(moments[-_COLUMNS:], now)]
    return _report(drawn)


_COLUMNS: Final = 80
_ROWS: Final = 4
_TIPS: Final = " _o#"
"""The top of a bar: by how much of a row it stands out."""


def _bars(times: list[int]) -> list[str]:
    """Return a bar for each time, from the lowest to the highest, in rows from the top."""
    low, high = min(times), max(times)
    steps = _ROWS * len(_TIPS) - 1
    heights = [round((time - low) * steps / (high - low)) if high > low else 1 for time in times]
    rows = []
    for row in reversed(range(_ROWS)):
        levels = [height - row * len(_TIPS) for height in heights]
        rows.append("".join("|" if level >= len(_TIPS) else _TIPS[max(0, level)] for level in levels))
    return rows


def _ages(moments: list[Moment], now: int) -> list[str]:
    """Return how long ago each moment was, written from the top down."""
    labels = [_age(max(0, now - moment.second)) for moment in moments]
    height = max(map(len, labels))
    return ["".join(label.ljust(height)[row] for label in labels).rstrip() for row in range(height)]


def _age(seconds: int) -> str:
    """Return a time that has passed, in its largest unit."""
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


@command("LATENCY|HELP", LOADING | STALE, since="2.8.13", complexity="O(1)", group="server")
def latency_help() -> list[Reply]:
    """Return what the subcommands do."""
    return [Status(line) for line in _HELP]


_HELP: Final = (
    "LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Return a report on what was slow, with advice.",
    "GRAPH <event>",
    "    Return a drawing of the slow moments of <event>.",
    "HISTORY <event>",
    "    Return the slow moments of <event>, with the milliseconds that it took.",
    "LATEST",
    "    Return the last slow moment of each event.",
    "RESET [<event> ...]",
    "    Forget the slow moments of some events.",
    "    (default: those of all)",
    "HISTOGRAM [COMMAND ...]",
    "    Return how many calls of each command, or of some commands, took at most",
    "    1, 2, 4 ... microseconds.",
    "HELP",
    "    Print this help.",
)


# How long each command takes ------------------------------------------------------------------------------


@command(
    "LATENCY|HISTOGRAM", _FLAGS, since="7.0.0", tips=_EACH_NODE, group="server",
    complexity="O(N) where N is the number of commands whose latencies are returned.",
    raw=True, arity=-2, arguments=[Argument("command", "string", optional=True, multiple=True)],
)  # fmt: skip
def latency_histogram(session: Session, argv: list[bytes]) -> Pairs:
    """Return the distribution of the latencies of all commands, or of some."""
    # Raw: there may be no name at all.
    server = session.server
    if not server.settings.latency_tracking:
        return Pairs([])
    called = {record.name: record for record in server.command_records() if record.calls}
    if len(argv) == 2:
        return Pairs([(name.encode(), _distribution(record)) for name, record in called.items()])
    found: list[tuple[Reply, Reply]] = []
    for word in argv[2:]:
        wanted = text(word).lower()
        for name, record in called.items():
            if name == wanted or name.startswith(wanted + "|"):
                found.append((name.encode(), _distribution(record)))
    return Pairs(found)


def _distribution(record: CommandRecord) -> Reply:
    """Return how many calls took at most so long, wherever the number changes."""
    counts: dict[int, int] = {}
    for microseconds, calls in sorted(record.latencies.items()):
        level = _level(microseconds)
        counts[level] = counts.get(level, 0) + calls
    reached = zip(counts, accumulate(counts.values()), strict=True)
    return {b"calls": record.calls, b"histogram_usec": dict[Reply, Reply](reached)}


def _level(microseconds: int) -> int:
    """Return the end of the step that a latency falls into, in microseconds.

    Steps end at 1024 ns and double; as Redis's histogram has two digits of precision, each reaches a little
    further, which the larger ones show: 16, 33, 66, 132.
    """
    end = 1024
    while microseconds > _reach(end):
        end *= 2
    return _reach(end)


def _reach(end: int) -> int:
    """Return the microseconds up to which a step that ends at these nanoseconds reaches."""
    return (end + end // 128 - 1) // 1000


# The slow moments -----------------------------------------------------------------------------------------


@command("LATENCY|HISTORY", _FLAGS, since="2.8.13", complexity="O(1)", tips=_EACH_NODE, group="server")
def latency_history(server: Server, event: Value) -> list[Reply]:
    """Return the slow moments of an event, oldest first: when each was, and how many milliseconds it took."""
    return [list[Reply](moment) for moment in server.slow_events.history(text(event))]


@command("LATENCY|LATEST", _FLAGS, since="2.8.13", complexity="O(1)", tips=_EACH_NODE, group="server")
def latency_latest(server: Server) -> list[Reply]:
    """Return the last slow moment of each event: its name, when, how many milliseconds, and the longest ever."""
    events = server.slow_events
    return [
        [name.encode(), *events.history(name)[-1], events.worst(name)] for name in events.names()
    ]  # fmt: skip


@command(
    "LATENCY|RESET", _FLAGS, since="2.8.13", complexity="O(1)", group="server",
    tips=["request_policy:all_nodes", "response_policy:agg_sum"],
    raw=True, arity=-2, arguments=[Argument("event", "string", optional=True, multiple=True)],
)  # fmt: skip
def latency_reset(session: Session, argv: list[bytes]) -> int:
    """Forget the slow moments of these events, or of all, and return how many events that were."""
    # Raw: there may be no event at all.
    events = session.server.slow_events
    return events.forget(map(text, argv[2:]) if len(argv) > 2 else events.names())
