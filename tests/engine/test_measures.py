"""Measures: INFO's own numbers, and what commands have counted, in buckets."""

from collections.abc import Callable

from vermilion.engine.engine import Engine
from vermilion.engine.measures import BOUNDS_US, measures
from vermilion.measures import Distribution, Histogram, Labels, Measure
from vermilion.session import Session

Info = Callable[[str], dict[str, str]]
Run = Callable[[str], object]


def measured(engine: Engine, name: str) -> dict[Labels, float]:
    (found,) = [one for one in measures(engine) if one.name == name]
    assert isinstance(found, Measure)
    return dict(found.values)


def durations(engine: Engine) -> dict[Labels, Distribution]:
    (found,) = [one for one in measures(engine) if isinstance(one, Histogram)]
    assert [bound * 1_000_000 for bound in found.bounds] == list(BOUNDS_US)
    return dict(found.values)


def test_names_are_those_of_one_measure_each(engine: Engine) -> None:
    names = [one.name for one in measures(engine)]
    assert len(names) == len(set(names))
    assert all(one.doc.endswith(".") for one in measures(engine))


def test_the_numbers_are_info_s(engine: Engine, run: Run, info: Info) -> None:
    for line in ("SET a 1", "GET a", "GET b", "GET c"):
        run(line)
    engine.stats.net_input_bytes, engine.stats.net_output_bytes = 11, 22
    engine.settings.maxmemory = 10**9
    stats, memory, clients = info("stats"), info("memory"), info("clients")
    for name, field in (
        ("keyspace_hits", stats["keyspace_hits"]),
        ("keyspace_misses", stats["keyspace_misses"]),
        ("network_received_bytes", "11"),
        ("network_sent_bytes", "22"),
        ("memory_limit_bytes", memory["maxmemory"]),
        ("clients", clients["connected_clients"]),
        ("clients_blocked", "0"),
    ):
        assert measured(engine, name) == {(): int(field)}, name
    assert measured(engine, "keyspace_misses") == {(): 2}


def test_keys_by_database(engine: Engine, run: Run) -> None:
    assert measured(engine, "keys") == {("0",): 0}
    for line in ("SELECT 3", "SET a 1", "SET b 1 EX 100"):
        run(line)
    assert measured(engine, "keys") == {("0",): 0, ("3",): 2}
    assert measured(engine, "keys_expiring") == {("0",): 0, ("3",): 1}


def test_calls_and_failures_by_command(engine: Engine, run: Run) -> None:
    for line in ("SET a x", "INCR a", "GET", "CLIENT ID", "NOSUCH", "CONFIG SET hz x"):
        run(line)
    assert {name: each.size for name, each in durations(engine).items()} == {
        ("set",): 1, ("incr",): 1, ("client|id",): 1, ("config|set",): 1,
    }  # fmt: skip
    assert measured(engine, "commands_failed") == {("incr",): 1, ("config|set",): 1}
    assert measured(engine, "commands_rejected") == {("get",): 1}
    assert measured(engine, "error_replies") == {("ERR",): 4}
    run("CONFIG RESETSTAT")
    assert measured(engine, "commands_failed") == {}


def test_latencies_are_under_the_bound_that_they_did_not_reach(engine: Engine) -> None:
    command = engine.commands[b"get"]
    for nanoseconds in (0, 999, 1_000, 1_999, 2_000, 99_999, 100_000, 1_234_567, 5_000_000_000):
        command.count(1, nanoseconds)
    within, size, total = durations(engine)["get",]
    reached = dict(zip(BOUNDS_US, within, strict=True))
    assert (reached[1], reached[2], reached[5], reached[50]) == (2, 4, 5, 5)
    assert (reached[100], reached[200], reached[1_000], reached[2_000]) == (6, 7, 7, 8)
    assert (reached[1_000_000], size) == (8, 9)
    assert round(total, 6) == 5.001441


def test_errors_beyond_those_counted_by_name(engine: Engine, session: Session) -> None:
    for number in range(200):
        engine.stats.count_error(f"CODE{number}")
    counted = measured(engine, "error_replies")
    assert counted["other",] == 72
    assert sum(counted.values()) == 200
