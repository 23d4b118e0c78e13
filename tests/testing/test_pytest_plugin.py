"""The pytest plugin, in runs of pytest of its own."""

import subprocess
import sys
from collections.abc import Callable
from textwrap import dedent
from time import perf_counter

import pytest
import redis.asyncio  # what a run imports is forgotten behind it, unless it was there before
from _pytest.assertion.rewrite import AssertionRewritingHook

import vermilion.testing.clean_state
import vermilion.testing.journal
import vermilion.testing.patching
from vermilion import Vermilion
from vermilion.testing.pytest_plugin import leave_sources_alone

LOADED = (redis.asyncio, vermilion.testing.clean_state, vermilion.testing.journal, vermilion.testing.patching)


@pytest.fixture(name="run")
def run_tests(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Run tests with the plugin; all but those that are named have to pass."""

    def run(tests: str, *arguments: str, ini: str = "", **outcomes: int) -> pytest.RunResult:
        pytester.makeini(
            f"[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n{ini}"
        )
        pytester.makepyfile(f"import pytest, redis\n{dedent(tests)}")
        result = pytester.runpytest(
            "-p",
            "no:vermilion",
            "-p",
            "vermilion.testing.pytest_plugin",
            "-p",
            "no:cacheprovider",
            *arguments,
        )
        found = {name: count for name, count in result.parseoutcomes().items() if name != "passed"}
        assert found == outcomes, result.stdout.str()
        return result

    return run


def test_every_fixture_is_there(run: Callable[..., pytest.RunResult]) -> None:
    run(
        """
        from datetime import timedelta

        def test_all(vermilion, vermilion_server, vermilion_url, redis_client, async_redis_client, vermilion_clock,
                     vermilion_faults, vermilion_journal, vermilion_patch):
            redis_client.set("key", "value", ex=30)
            assert redis.Redis.from_url(vermilion_url).get("key") == b"value"
            assert vermilion_url == vermilion_server.url
            vermilion_journal.assert_called("SET", key="key")
            with vermilion_faults.error("GET", "LOADING Redis is loading the dataset in memory", times=1):
                with pytest.raises(redis.BusyLoadingError):
                    vermilion_server.connect(retry=None).get("key")
            vermilion_clock.advance(timedelta(seconds=31))
            assert redis_client.get("key") is None
            vermilion_patch(host="cache")
            assert redis.Redis("cache").set("key", "patched")
            assert vermilion.connect(decode_responses=True).get("key") == "patched"
        """
    )


def test_each_test_begins_as_new(run: Callable[..., pytest.RunResult]) -> None:
    run(
        """
        from datetime import UTC, datetime, timedelta

        def is_new(vermilion):
            client = vermilion.connect(decode_responses=True)
            assert client.dbsize() == 0
            assert client.config_get("maxmemory") == {"maxmemory": "0"}
            assert client.acl_users() == ["default"]
            assert len(client.client_list()) == 1
            assert client.pubsub_channels() == []
            assert abs(vermilion.clock.now() - datetime.now(UTC)) < timedelta(seconds=60)
            assert not vermilion.journal.on

        def test_leaves_everything_behind(vermilion, redis_client, vermilion_journal, vermilion_faults):
            redis_client.set("key", 1)
            redis_client.config_set("maxmemory", "1mb")
            redis_client.execute_command("ACL SETUSER", "ann", "on")
            redis_client.script_load("return 1")
            vermilion.connect().pubsub().subscribe("news")
            pipeline = redis_client.pipeline()
            pipeline.watch("key")
            pipeline.multi()
            vermilion.connect(single_connection_client=True).execute_command("MULTI")
            vermilion.clock.freeze()
            vermilion.clock.advance(timedelta(days=1))
            vermilion_faults.refuse()

        def test_is_new(vermilion, redis_client):
            redis_client.close()
            is_new(vermilion)

        def test_fails_and_leaves_a_key(redis_client):
            redis_client.set("key", 1)
            assert False

        def test_is_new_behind_a_failure(vermilion):
            is_new(vermilion)

        def test_closes_its_clients(redis_client, vermilion):
            redis_client.close()
            redis_client.connection_pool.disconnect()
            redis_client.execute_command("CLIENT KILL", "TYPE", "normal", "SKIPME", "no")

        @pytest.mark.parametrize("number", range(5))
        def test_is_new_each_time(vermilion, redis_client, number):
            assert redis_client.incr("key") == 1

        def test_by_url(vermilion_url):
            with redis.Redis.from_url(vermilion_url) as client:
                client.set("key", 1)

        def test_is_new_by_url(vermilion_url):
            with redis.Redis.from_url(vermilion_url) as client:
                assert client.dbsize() == 0
                assert len(client.client_list()) == 1
        """,
        failed=1,
    )


def test_a_thread_that_still_waits_takes_nothing_from_the_next_test(
    run: Callable[..., pytest.RunResult],
) -> None:
    run(
        """
        import threading, time

        def wait(client):
            try:
                client.blpop("queue")
            except redis.ConnectionError:
                pass

        def test_leaves_a_thread(redis_client, vermilion):
            threading.Thread(target=wait, args=(redis_client,), daemon=True).start()
            while not len(vermilion.backend.engine.waiting):
                time.sleep(0.001)

        def test_has_its_queue_for_itself(redis_client, vermilion):
            assert len(vermilion.backend.engine.waiting) == 0
            redis_client.rpush("queue", "a")
            assert redis_client.llen("queue") == 1
        """
    )


def test_fixtures_of_wider_scopes_keep_what_they_set_up(run: Callable[..., pytest.RunResult]) -> None:
    run(
        """
        @pytest.fixture(scope="class")
        def users(vermilion_server):
            with vermilion_server.connect(decode_responses=True) as client:
                client.set("user:1", "ann")
                yield client
                client.delete("user:1")

        @pytest.fixture
        def own(vermilion_url):
            with redis.Redis.from_url(vermilion_url) as client:
                client.set("own", 1)
                yield client

        class TestUsers:
            def test_changes(self, users, redis_client, own):
                assert users.ping()
                redis_client.flushall()

            def test_finds_it_again(self, users, redis_client):
                assert users.get("user:1") == "ann"
                assert redis_client.keys() == [b"user:1"]

            @pytest.mark.vermilion(data={"user:2": "bob"})
            def test_adds(self, users):
                assert users.mget("user:1", "user:2") == ["ann", "bob"]

        def test_is_new(redis_client):
            assert redis_client.keys() == []
        """
    )


def test_the_marker_says_what_there_is(run: Callable[..., pytest.RunResult]) -> None:
    run(
        """
        from datetime import UTC, datetime

        pytestmark = pytest.mark.vermilion(data={"by": "module"}, decode_responses=True)

        @pytest.mark.vermilion(data={"user:1": {"name": "ann"}}, maxmemory="1mb", notify_keyspace_events="KEA")
        def test_data_and_directives(redis_client):
            assert redis_client.hgetall("user:1") == {"name": "ann"}
            assert redis_client.get("by") == "module"
            assert redis_client.config_get("maxmemory") == {"maxmemory": "1048576"}

        def test_nothing_of_it_is_left(redis_client):
            assert redis_client.keys() == ["by"]
            assert redis_client.config_get("maxmemory") == {"maxmemory": "0"}

        @pytest.mark.parametrize("round", [1, 2])
        @pytest.mark.vermilion(seed=7, data={"faces": {"$set": list("abcdef")}})
        def test_seed(redis_client, round):
            assert redis_client.srandmember("faces", 3) == EXPECTED
        EXPECTED = DRAWN

        @pytest.mark.vermilion(time=datetime(2030, 1, 1, tzinfo=UTC))
        def test_time(redis_client, async_redis_client):
            assert redis_client.time() == (1893456000, 0)

        @pytest.mark.vermilion(time="2030-01-01T00:00:00+00:00", frozen=False)
        def test_a_time_that_goes_on(redis_client):
            assert redis_client.time() > (1893456000, 0)

        @pytest.mark.vermilion(frozen=True)
        def test_frozen(redis_client):
            assert redis_client.time() == redis_client.time()

        @pytest.mark.vermilion(decode_responses=False, protocol=2)
        def test_bytes(redis_client):
            assert redis_client.get("by") == b"module"
            assert redis_client.client_info()["resp"] == "2"

        @pytest.mark.vermilion(data={"only": "marked"})
        def test_without_a_fixture(request):
            assert request.getfixturevalue("vermilion").dump() == {"by": "module", "only": "marked"}
        """.replace("DRAWN", repr(drawn()))
    )


def drawn() -> list[str]:
    """Return what chance draws with this seed."""
    instance = Vermilion()
    instance.seed(7)
    instance.load({"faces": {"$set": list("abcdef")}})
    found: list[str] = instance.connect(decode_responses=True).srandmember("faces", 3)  # type: ignore[assignment]
    return found


def test_a_marker_that_cannot_be_is_refused(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
        @pytest.mark.vermilion(maxmemori="1mb")
        def test_no_such_directive(redis_client):
            pass

        @pytest.mark.vermilion({"key": 1})
        def test_by_position(redis_client):
            pass

        @pytest.mark.vermilion(data={"key": object()})
        def test_no_value(redis_client):
            pass

        def test_is_new(redis_client):
            assert redis_client.keys() == []
        """,
        errors=3,
    )
    result.stdout.fnmatch_lines_random([
        "*test_no_such_directive: ERR Unknown option or number of arguments for CONFIG SET - 'maxmemori'",
        "*test_by_position: the marker vermilion takes its arguments by name",
    ])  # fmt: skip


def test_the_journal_warns_of_what_is_slow(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
        def test_keys(redis_client, vermilion_journal):
            redis_client.keys("*")

        @pytest.mark.filterwarnings("ignore::vermilion.testing.UnboundedReadWarning")
        def test_keys_on_purpose(redis_client, vermilion_journal):
            redis_client.keys("*")
        """,
        errors=1,
    )
    result.stdout.fnmatch_lines(["*UnboundedReadWarning: KEYS ?* goes through all keys of the database*"])


def test_a_failure_shows_the_test_and_not_the_journal(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
        def test_order(redis_client, vermilion_journal):
            redis_client.get("a")
            vermilion_journal.assert_called("SET", "a")
        """,
        failed=1,
    )
    assert "testing/journal.py" not in result.stdout.str()
    result.stdout.fnmatch_lines(["E*SET a was not called.", "E*GET a"])


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_asynchronous_tests_of_pytest_asyncio(run: Callable[..., pytest.RunResult], mode: str) -> None:
    run(
        """
        import asyncio

        @pytest.mark.asyncio
        async def test_client(async_redis_client, vermilion_journal):
            await async_redis_client.set("key", 1)
            assert await async_redis_client.get("key") == b"1"
            async with async_redis_client.pipeline() as pipeline:
                assert await pipeline.incr("key").execute() == [2]
            vermilion_journal.assert_called("SET", "key", 1)

        @pytest.mark.asyncio
        async def test_is_new(async_redis_client):
            assert await async_redis_client.dbsize() == 0

        def test_loops_of_its_own(async_redis_client):
            assert asyncio.run(async_redis_client.incr("key")) == 1
            assert asyncio.run(async_redis_client.incr("key")) == 2

        @pytest.mark.asyncio
        async def test_patched(vermilion_patch):
            vermilion_patch()
            import redis.asyncio
            async with redis.asyncio.Redis(host="cache") as client:
                assert await client.set("key", 1)
        """,
        f"--asyncio-mode={mode}",
    )


def test_asynchronous_tests_of_anyio(run: Callable[..., pytest.RunResult]) -> None:
    run(
        """
        pytestmark = pytest.mark.anyio

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        async def test_client(async_redis_client):
            assert await async_redis_client.set("key", 1)

        async def test_is_new(async_redis_client):
            assert await async_redis_client.dbsize() == 0
        """,
        "-p",
        "no:asyncio",
    )


def test_a_project_may_set_how_it_starts(run: Callable[..., pytest.RunResult]) -> None:
    run(
        """
        def test_text(redis_client):
            redis_client.set("key", "value")
            assert redis_client.get("key") == "value"
            assert redis_client.config_get("databases", "maxmemory-policy") == {
                "databases": "32", "maxmemory-policy": "allkeys-lru"
            }
        """,
        ini="vermilion_decode_responses = true\nvermilion_directives =\n    databases 32\n"
        "    maxmemory-policy allkeys-lru\n",
    )


def test_tests_in_parallel_have_a_server_each(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
        @pytest.mark.parametrize("number", range(20))
        def test_alone(vermilion_url, redis_client, number):
            with redis.Redis.from_url(vermilion_url) as client:
                assert client.incr("key") == 1
                assert redis_client.incr("key") == 2
        """,
        "-n",
        "2",
    )
    assert result.parseoutcomes() == {"passed": 20}


def test_tests_of_unittest(run: Callable[..., pytest.RunResult]) -> None:
    run(
        """
        import unittest

        class TestOld(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def client(self, vermilion_url):
                with redis.Redis.from_url(vermilion_url) as self.client:
                    yield

            def test_one(self):
                assert self.client.incr("key") == 1

            def test_another(self):
                assert self.client.incr("key") == 1
        """
    )


def test_it_is_installed_and_marked(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.vermilion(data={"key": "value"})
        def test_installed(redis_client):
            assert redis_client.get("key") == b"value"
        """
    )
    result = pytester.runpytest_subprocess("--strict-markers", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)


def test_a_run_without_it_loads_nothing_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing():
            loaded = {name for name in sys.modules if name.partition(".")[0] in {"redis", "vermilion", "asyncio"}}
            assert loaded <= {"vermilion", "vermilion.version", "vermilion.testing", "vermilion.testing.pytest_plugin"}
        """
    )
    arguments = [
        "-p",
        "no:asyncio",
        "-p",
        "no:anyio",
        "-p",
        "no:xdist",
        "-p",
        "no:cov",
        "-p",
        "no:cacheprovider",
    ]
    # Plugins of other projects load what they need: those are left out, and ours stays.
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "vermilion.testing.pytest_plugin", *arguments, str(pytester.path)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_pytest_leaves_the_sources_alone() -> None:
    hooks = [finder for finder in sys.meta_path if isinstance(finder, AssertionRewritingHook)]
    for hook in hooks:
        hook.mark_rewrite("vermilion", "vermilion_elsewhere")
    leave_sources_alone()
    assert [hook._must_rewrite & {"vermilion", "vermilion_elsewhere"} for hook in hooks] == [
        {"vermilion_elsewhere"} for _ in hooks
    ]
    assert hooks


def test_a_test_is_as_new_within_a_millisecond() -> None:
    instance = Vermilion()
    instance.load({f"key:{number}": number for number in range(1000)})
    best = 1.0
    for _ in range(20):
        start_s = perf_counter()
        clean = vermilion.testing.clean_state.CleanState(instance)
        before_s = perf_counter()
        client = instance.connect()
        client.set("key:1", "changed")
        client.delete("key:2")
        after_s = perf_counter()
        clean.restore()
        best = min(best, before_s - start_s + perf_counter() - after_s)
    assert best < 0.005  # the target is 1 ms, on a machine that has nothing else to do
