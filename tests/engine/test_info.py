"""INFO: its sections, and that its figures are those of the engine."""

import os
from collections.abc import Callable

import pytest

from vermilion.clock import ManualClock
from vermilion.engine import info as report
from vermilion.engine import process
from vermilion.engine.engine import Engine
from vermilion.protocol.encode import encode_resp2
from vermilion.protocol.reply import Verbatim
from vermilion.session import Transport

Run = Callable[[str], object]
Info = Callable[[str], dict[str, str]]

DEFAULT = [
    "Server", "Clients", "Memory", "Persistence", "Threads", "Stats", "Replication", "CPU", "Modules",
    "Errorstats", "Cluster", "Keyspace", "Keysizes",
]  # fmt: skip
ALL = [*DEFAULT[:9], "Commandstats", "Errorstats", "Latencystats", *DEFAULT[10:]]


def _titles(run: Run, line: str) -> list[str]:
    reply = run(line)
    assert isinstance(reply, Verbatim)
    return [title[2:] for title in reply.text.decode().splitlines() if title.startswith("# ")]


@pytest.mark.parametrize(
    ("line", "titles"),
    [
        ("INFO", DEFAULT),
        ("INFO default", DEFAULT),
        ("INFO all", ALL),
        ("INFO EVERYTHING", ALL),
        ("INFO default commandstats", [*DEFAULT[:9], "Commandstats", *DEFAULT[9:]]),
        ("INFO server", ["Server"]),
        ("INFO keyspace SERVER cpu server", ["Server", "CPU", "Keyspace"]),
        ("INFO nosuch", []),
        ("INFO nosuch cluster", ["Cluster"]),
    ],
)
def test_sections_come_in_redis_order(run: Run, line: str, titles: list[str]) -> None:
    assert _titles(run, line) == titles


def test_sections_are_set_apart_by_an_empty_line(engine: Engine) -> None:
    assert engine.info(["cluster", "keyspace"]) == b"# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\n"
    assert engine.info(["nosuch"]) == b""


def test_every_line_is_a_field(engine: Engine, run: Run) -> None:
    run("SET k v")
    for line in engine.info(["everything"]).decode().split("\r\n"):
        assert not line or line.startswith("# ") or line.partition(":")[1]


def test_server_says_who_it_is(info: Info, clock: ManualClock) -> None:
    clock.advance(ms=86_400_000 + 2_500)
    fields = info("server")
    assert fields["redis_version"] == "8.0.6"
    assert fields["redis_mode"] == "standalone"
    assert fields["process_id"] == str(os.getpid())
    assert fields["uptime_in_seconds"] == "86402"
    assert fields["uptime_in_days"] == "1"
    assert fields["server_time_usec"] == str(clock.now_us())
    assert fields["lru_clock"] == str(clock.now_ms() // 1000 % 2**24)
    assert fields["config_file"] == ""
    assert len(fields["run_id"]) == 40
    assert "listener1" not in fields


def test_server_lists_the_listeners_of_the_configuration(engine: Engine, info: Info) -> None:
    engine.settings.bind = ("*", "-::*")
    assert info("server")["listener0"] == "name=tcp,bind=*,bind=-::*,port=6379"
    engine.settings.port = 0
    engine.settings.unixsocket = "/run/socket"
    assert info("server")["tcp_port"] == "0"
    assert "listener0" not in info("server")
    assert info("server")["listener1"] == "name=unix,bind=/run/socket"
    engine.settings.tls_port = 6380
    assert info("server")["tcp_port"] == "6380"
    assert info("server")["listener2"] == "name=tls,bind=*,bind=-::*,port=6380"


def test_clients_are_counted(engine: Engine, info: Info, transport: Transport) -> None:
    sessions = [engine.open_session(transport) for _ in range(3)]
    engine.close_session(sessions[0])
    fields = info("clients")
    assert fields["connected_clients"] == "2"
    assert fields["maxclients"] == "10000"
    assert fields["client_recent_max_input_buffer"] == "3"
    assert fields["client_recent_max_output_buffer"] == "4"


def test_memory_is_the_processs(engine: Engine, info: Info) -> None:
    ballast = bytearray(os.urandom(1 << 20) * 32)
    fields = info("memory")
    used, peak = int(fields["used_memory"]), int(fields["used_memory_peak"])
    assert len(ballast) < used <= int(fields["used_memory_rss"])
    assert peak >= used
    assert fields["used_memory_human"] == report.human(used)
    assert int(fields["used_memory_dataset"]) + int(fields["used_memory_overhead"]) == used
    assert int(fields["total_system_memory"]) > used


def test_the_peak_of_memory_stays(engine: Engine, info: Info) -> None:
    engine.used_memory_peak = 1 << 50
    fields = info("memory")
    assert fields["used_memory_peak_human"] == "1.00P"
    assert fields["used_memory_peak_perc"] == "0.00%"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1.00K"),
        (1536, "1.50K"),
        (104857600, "100.00M"),
        (3 << 30, "3.00G"),
        (1 << 60, "1024.00P"),
    ],
)
def test_sizes_are_readable(size: int, text: str) -> None:
    assert report.human(size) == text


def test_persistence_counts_changes_since_the_start(run: Run, info: Info, clock: ManualClock) -> None:
    started = clock.now_ms() // 1000
    clock.advance(ms=9_000)
    for line in ("SET a 1", "MSET b 2 c 3", "FLUSHALL", "FLUSHALL"):
        run(line)
    assert info("persistence")["rdb_changes_since_last_save"] == "6"
    assert info("persistence")["rdb_last_save_time"] == str(started)


def test_stats_count_look_ups_and_expiries(run: Run, info: Info, clock: ManualClock) -> None:
    for line in ("SET a 1 PX 10", "GET a", "GET missing"):
        run(line)
    clock.advance(ms=11)
    run("GET a")
    fields = info("stats")
    assert (fields["keyspace_hits"], fields["keyspace_misses"], fields["expired_keys"]) == ("1", "2", "1")
    assert fields["total_commands_processed"] == "4"


def test_stats_count_batches_as_reads_and_writes(engine: Engine, transport: Transport, info: Info) -> None:
    session = engine.open_session(transport)
    for calls in ([[b"PING"]], [[b"SET", b"a", b"1"], [b"GET", b"a"]], [[b"GET", b"a"]] * 64):
        engine.batches.execute(session, calls, lambda reply, append: None, [])
    assert info("stats")["total_reads_processed"] == "3"
    assert info("stats")["eventloop_cycles"] == "3"
    assert info("threads") == {"io_thread_0": "clients=1,reads=3,writes=3"}


def test_stats_count_refused_passwords(run: Run, engine: Engine, info: Info) -> None:
    run("CONFIG SET requirepass secret")
    run("AUTH wrong")
    assert info("stats")["acl_access_denied_auth"] == "1"


def test_replication_is_a_primarys(info: Info) -> None:
    fields = info("replication")
    assert (fields["role"], fields["connected_slaves"]) == ("master", "0")
    assert len(fields["master_replid"]) == 40


def test_processor_time_grows(info: Info) -> None:
    def user() -> float:
        return float(info("cpu")["used_cpu_user"])

    start = user()
    while user() == start:
        pass
    assert user() > start


def test_commandstats_has_a_line_for_each_command_that_was_called(engine: Engine, info: Info) -> None:
    engine.commands[b"get"].count(4, 10_000)
    assert info("commandstats") == {
        "cmdstat_get": "calls=4,usec=10,usec_per_call=2.50,rejected_calls=0,failed_calls=0"
    }


def test_latencystats_has_the_percentiles_of_the_configuration(engine: Engine, run: Run, info: Info) -> None:
    engine.commands[b"get"].count(1000, 2_000_000)
    assert info("latencystats") == {"latency_percentiles_usec_get": "p50=2.000,p99=2.000,p99.9=2.000"}
    run("CONFIG SET latency-tracking no")
    assert info("latencystats") == {}


def test_errorstats_is_sorted(engine: Engine) -> None:
    for code in ("WRONGTYPE", "ERR", "NOAUTH", "ERR"):
        engine.stats.count_error(code)
    assert engine.info(["errorstats"]) == (
        b"# Errorstats\r\n"
        b"errorstat_ERR:count=2\r\nerrorstat_NOAUTH:count=1\r\nerrorstat_WRONGTYPE:count=1\r\n"
    )


def test_keyspace_lists_databases_that_have_keys(run: Run, info: Info) -> None:
    for line in ("SET a 1 PX 100", "SET b 1 PX 300", "SET c 1", "SELECT 9", "SET d 1"):
        run(line)
    assert info("keyspace") == {
        "db0": "keys=3,expires=2,avg_ttl=200,subexpiry=0",
        "db9": "keys=1,expires=0,avg_ttl=0,subexpiry=0",
    }


def test_keysizes_counts_lengths_by_powers_of_two(run: Run, info: Info) -> None:
    for line in (
        "SET empty ",
        "SET one 1",
        "INCR number",
        "SETRANGE a 99 x",
        "SETRANGE b 5000 x",
        "SETRANGE c 4999 x",
    ):
        run(line)
    assert info("keysizes") == {"db0_distrib_strings_sizes": "0=1,1=2,64=1,4K=2"}


def test_keysizes_of_many_keys_are_counted_only_when_asked_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "_SIZED_KEYS", 1)
    run("MSET a 1 b 2")
    assert "Keysizes" not in _titles(run, "INFO")
    assert "Keysizes" not in _titles(run, "INFO all")
    assert _titles(run, "INFO keysizes") == ["Keysizes"]


def test_without_a_system_that_tells_memory_is_the_most_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: object, flags: int) -> int:
        raise FileNotFoundError

    monkeypatch.setattr("os.open", missing)
    used, resident = process.memory()
    assert used == resident > 1 << 20


def test_debug_tells_of_the_event_loop(run: Run, info: Info, engine: Engine) -> None:
    run("PING")
    engine.cron(0)
    out: list[bytes] = []
    engine.batches.execute(engine.sessions[1], [[b"PING"], [b"GET", b"k"], [b"PING"]], encode_resp2, out)
    fields = info("debug")
    assert fields["eventloop_cmd_per_cycle_max"] == "3"
    assert int(fields["eventloop_duration_cron_sum"]) == engine.stats.cron_ns // 1000
    assert int(fields["eventloop_duration_max"]) >= engine.stats.longest_cron_ns // 1000
