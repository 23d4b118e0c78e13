"""The parts of the benchmark that do not measure: what is read, chosen, computed and printed."""

import doctest
import json
import shlex
from pathlib import Path
from types import ModuleType

import pytest

from conformance.bench import growth, memory, report, result, scripts, servers, throughput, wire
from conformance.bench.result import BenchError, Figure, Goal, Reading, Section

CSV = """\
"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
"PING_INLINE","56179.77","0.573","0.168","0.567","0.847","0.975","3.471"
"LPUSH (needed to benchmark LRANGE)","666666.69","0.877","0.304","0.863","1.375","1.575","1.959"
"LRANGE_100 (first 100 elements)","110497.24","5.149","1.104","4.839","9.607","10.151","14.079"
"MSET (10 keys)","47169.81","0.699","0.184","0.687","1.087","1.303","1.999"
"""


def figure(name: str, redis: float, vermilion: float) -> Figure:
    return Figure(name, "requests/s", {"redis": Reading(redis), "vermilion": Reading(vermilion)})


def executable(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


class TestReadingRedisBenchmark:
    def test_a_test_is_known_by_its_name_without_the_remark(self) -> None:
        assert list(throughput.parse_csv(CSV)) == ["PING_INLINE", "LRANGE_100", "MSET"]

    def test_a_reading_holds_the_rate_and_two_percentiles(self) -> None:
        reading = throughput.parse_csv(CSV)["MSET"]
        assert reading == Reading(47169.81, {"p50 ms": 0.687, "p99 ms": 1.303})

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("Could not connect\nto the server\n", id="not a table"),
            pytest.param('"test","rps"\n"SET","1.0"\n', id="the columns of an older version"),
            pytest.param(CSV.replace("56179.77", "fast"), id="no number"),
        ],
    )
    def test_other_output_is_refused_and_shown(self, text: str) -> None:
        with pytest.raises(BenchError, match="not the output of redis-benchmark"):
            throughput.parse_csv(text)

    def test_no_test_at_all_is_refused(self) -> None:
        with pytest.raises(BenchError, match="ran no test"):
            throughput.parse_csv(CSV.partition("\n")[0] + "\n")


class TestChoosingTests:
    def test_a_list_of_names_keeps_redis_benchmarks_order(self) -> None:
        assert [test.name for test in throughput.named("MSET, get,")] == ["get", "mset"]

    def test_an_unknown_name_is_told_with_those_that_exist(self) -> None:
        with pytest.raises(BenchError, match=r"no such test: gett; there are ping_inline,.*,xadd"):
            throughput.named("set,gett")

    def test_only_commands_that_exist_are_measured(self) -> None:
        chosen = throughput.choose(throughput.TESTS, {"PING", "GET"}.__contains__)
        assert [test.name for test in chosen] == ["ping_inline", "ping_mbulk", "get"]

    def test_every_filling_test_is_itself_a_test(self) -> None:
        names = {test.name for test in throughput.TESTS}
        assert {test.fill for test in throughput.TESTS if test.fill is not None} <= names


class TestLoad:
    load = throughput.Load(["wrapper", "redis-benchmark"], requests=1000, rounds=2)

    def test_the_command_line_without_a_pipeline(self) -> None:
        assert shlex.join(self.load.arguments(7000, "set", 1)) == (
            "wrapper redis-benchmark --csv -h 127.0.0.1 -p 7000 -c 50 -P 1 -n 1000 -t set"
        )

    def test_a_pipeline_gets_more_requests_and_a_large_reply_fewer(self) -> None:
        assert "-P 16 -n 800 -t lrange_100" in shlex.join(self.load.arguments(7000, "lrange_100", 16, 10))

    def test_a_key_space_is_passed_on(self) -> None:
        load = throughput.Load(["redis-benchmark"], requests=1, rounds=1, keyspace=5000)
        assert load.arguments(7000, "set", 1)[-2:] == ["-r", "5000"]


class TestRatios:
    def test_the_best_round_counts_with_its_own_percentiles(self) -> None:
        slow, fast = Reading(10.0, {"p99 ms": 1.0}), Reading(20.0, {"p99 ms": 2.0})
        assert throughput.best([slow, fast, slow]) == Reading(20.0, {"p99 ms": 2.0}, (10.0, 20.0, 10.0))

    def test_a_ratio_needs_both(self) -> None:
        assert figure("SET", 200.0, 150.0).ratio("vermilion", "redis") == 0.75
        assert figure("SET", 200.0, 150.0).ratio("fakeredis", "redis") is None
        assert figure("SET", 0.0, 150.0).ratio("vermilion", "redis") is None

    def test_the_spread_pairs_the_runs_of_a_round(self) -> None:
        both = {"redis": Reading(9.0, samples=(10.0, 20.0)), "vermilion": Reading(9.0, samples=(9.0, 15.0))}
        assert Figure("SET", "", both).spread("vermilion", "redis") == (0.75, 0.9)

    def test_one_round_has_no_spread(self) -> None:
        both = {"redis": Reading(9.0, samples=(9.0,)), "vermilion": Reading(9.0, samples=(9.0,))}
        assert Figure("SET", "", both).spread("vermilion", "redis") is None

    def test_the_goal_is_the_geometric_mean_of_its_four_tests_only(self) -> None:
        figures = [figure(name, 100.0, 100.0) for name in ("SET", "GET", "INCR")]
        figures += [figure("MSET", 100.0, 1600.0), figure("XADD", 100.0, 1.0)]
        summary, (goal,) = throughput.summarize(figures, "vermilion", "redis", 16)
        assert goal.value == pytest.approx(2.0)
        assert (goal.bound, goal.met) == (0.9, True)
        assert summary == {"geometric mean of all 5 ratios": pytest.approx(0.16 ** (1 / 5))}

    def test_the_whole_suite_has_goals_of_its_own(self) -> None:
        figures = [figure(test.name.upper(), 100.0, 50.0) for test in throughput.TESTS]
        figures[3] = figure("GET", 100.0, 25.0)
        _, goals = throughput.summarize(figures, "vermilion", "redis", 16)
        assert [goal.name for goal in goals[1:]] == [
            "geometric mean of the whole suite at -P 16",
            "the least of the suite at -P 16, GET",
        ]
        assert (goals[2].value, goals[2].met) == (0.25, False)

    def test_no_verdict_without_all_four(self) -> None:
        summary, goals = throughput.summarize([figure("SET", 2.0, 1.0)], "vermilion", "redis", 1)
        assert summary == {"geometric mean of all 1 ratios": pytest.approx(0.5)}
        assert goals == []

    def test_nothing_measured_has_no_mean(self) -> None:
        assert throughput.summarize([], "vermilion", "redis", 1) == ({}, [])

    @pytest.mark.parametrize(
        ("value", "at_least", "at_most"), [(1.0, False, True), (2.0, True, True), (3.0, True, False)]
    )
    def test_a_goal_is_met_on_its_bound(self, value: float, at_least: bool, at_most: bool) -> None:
        assert Goal("", value, 2.0, "at least").met is at_least
        assert Goal("", value, 2.0, "at most").met is at_most


class TestChoosingTheServerCommand:
    def test_the_variable_wins_and_may_hold_arguments(self, tmp_path: Path) -> None:
        executable(tmp_path, "redis-server")
        environ = {"REDIS_SERVER": "'/opt/my tools/run' redis-server --hz 10", "PATH": str(tmp_path)}
        assert servers.find_command("REDIS_SERVER", "redis-server", environ) == [
            "/opt/my tools/run",
            "redis-server",
            "--hz",
            "10",
        ]

    @pytest.mark.parametrize("empty", [{}, {"REDIS_SERVER": ""}])
    def test_without_it_the_path_is_searched(self, tmp_path: Path, empty: dict[str, str]) -> None:
        path = executable(tmp_path, "redis-server")
        environ = empty | {"PATH": str(tmp_path)}
        assert servers.find_command("REDIS_SERVER", "redis-server", environ) == [str(path)]

    def test_with_neither_one_line_says_how_to_get_it(self, tmp_path: Path) -> None:
        with pytest.raises(
            BenchError, match=r"install Redis .* or name the command in REDIS_SERVER"
        ) as caught:
            servers.find_command("REDIS_SERVER", "redis-server", {"PATH": str(tmp_path)})
        assert "\n" not in str(caught.value)

    def test_a_command_that_cannot_start_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(BenchError, match="nothing-here --version"):
            servers.version_of([str(tmp_path / "nothing-here")])


class TestPrinting:
    def test_a_table_sets_words_left_and_numbers_right(self) -> None:
        assert report.table([["", "rps"], ["SET", "1,000"], ["PING_INLINE", "9"]]) == (
            "               rps\nSET          1,000\nPING_INLINE      9"
        )

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (123456.7, "123,457"),
            (1000.0, "1,000"),
            (999.94, "999.9"),
            (10.0, "10.0"),
            (0.98765, "0.988"),
            (-12.0, "-12.0"),
        ],
    )
    def test_a_number_has_the_digits_that_mean_something(self, value: float, text: str) -> None:
        assert report.number(value) == text

    def test_a_section_shows_details_ratios_rounds_goals_and_notes(self) -> None:
        readings = {
            "redis": Reading(2000.0, {"p50 ms": 0.25}, (1000.0, 2000.0)),
            "vermilion": Reading(1500.0, {"p50 ms": 0.5}, (900.0, 1500.0)),
        }
        section = Section(
            "Throughput",
            [Figure("SET", "requests/s", readings), figure("GET", 100.0, 50.0)],
            "redis",
            {"mean": 0.6124},
            [Goal("mean", 0.6124, 0.95, "at least")],
            ["50 clients"],
        )
        assert report.render(section).splitlines() == [
            "Throughput",
            "==========",
            "           unit  redis  p50 ms  vermilion  p50 ms  vermilion/redis        rounds",
            "SET  requests/s  2,000   0.250      1,500   0.500            0.750  0.750..0.900",
            "GET  requests/s  100.0       -       50.0       -            0.500             -",
            "mean: 0.612",
            "goal: mean: 0.612, at least 0.950: NOT MET",
            "(50 clients)",
        ]

    def test_a_contender_that_was_not_measured_leaves_a_dash(self) -> None:
        section = Section("Caches", [figure("get", 1.0, 2.0), Figure("set", "ns", {"redis": Reading(3.0)})])
        assert report.render(section).splitlines()[-1].split() == ["set", "ns", "3.000", "-"]

    def test_a_section_without_figures_still_says_why(self) -> None:
        assert report.render(Section("Caches", [], notes=["nothing installed"])).splitlines()[-1] == (
            "(nothing installed)"
        )

    def test_the_json_form_holds_ratios_and_verdicts(self) -> None:
        section = Section("T", [figure("SET", 4.0, 3.0)], "redis", goals=[Goal("g", 1.0, 2.0, "at most")])
        document = json.loads(json.dumps(section.as_json()))
        assert document["figures"][0]["ratios"] == {"vermilion": 0.75}
        assert document["figures"][0]["readings"]["redis"]["value"] == 4.0
        assert document["goals"][0]["met"] is True


class TestLoadingMemory:
    def test_keys_and_values_have_sixteen_bytes_and_are_distinct(self) -> None:
        words = memory.pipeline(999_999, 2).split(b"\r\n")
        assert words[4::7] == [b"key:000000999999", b"key:000001000000"]
        assert words[6::7] == [b"value:0000999999", b"value:0001000000"]
        assert {len(word) for word in words[4::7] + words[6::7]} == {16}

    def test_a_pipeline_is_the_calls_one_after_the_other(self) -> None:
        assert memory.pipeline(1, 2) == wire.pack(
            b"SET", b"key:000000000001", b"value:0000000001"
        ) + wire.pack(b"SET", b"key:000000000002", b"value:0000000002")


class TestGrowth:
    def test_a_command_that_info_does_not_mention_is_named(self) -> None:
        with pytest.raises(BenchError, match="does not mention zadd"):
            growth.microseconds(b"cmdstat_zadd2:calls=1,usec=1", "zadd")

    def test_the_command_is_the_one_that_is_called(self) -> None:
        assert [each.command for each in growth.GROWTHS][:3] == ["zadd", "zrank", "zrangebyscore"]

    def test_each_runs_on_a_server(self) -> None:
        itself = servers.Contender("vermilion", servers.OWN_COMMAND)
        section = growth.measure(itself, itself, [100, 200])
        assert [figure.name for figure in section.figures] == [each.name for each in growth.GROWTHS]
        assert all(reading.value > 0 for figure in section.figures for reading in figure.readings.values())
        assert section.summary.keys() == {each.name for each in growth.GROWTHS}


@pytest.mark.parametrize("module", [growth, memory, report, result, servers, wire])
def test_the_examples_in_docstrings_hold(module: ModuleType) -> None:
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_a_script_is_run_by_its_digest() -> None:
    load = throughput.Load(["redis-benchmark"], requests=1000, rounds=1)
    words = scripts.arguments(load, 7000, scripts.SCRIPTS[-1], "digest")
    assert words[-8:] == ["-P", "1", "-n", "10", "evalsha", "digest", "1", "key"]
