"""VERMILION, which tests in other languages move a server with: what each action does, and what is refused."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import redis

from vermilion import Vermilion
from vermilion.commands import vermilion as group
from vermilion.commands.registry import COMMANDS, TEST_COMMANDS
from vermilion.testing.link import Link, Wire

NEW_YEAR_MS = 1_893_456_000_000


@pytest.fixture
def instance() -> Vermilion:
    return Vermilion(enable_test_commands=True)


@pytest.fixture
def client(instance: Vermilion) -> Any:
    return instance.connect(decode_responses=True, protocol=3)


@pytest.fixture
def run(client: Any) -> Callable[..., Any]:
    """Makes one call of VERMILION."""

    def call(*words: object) -> Any:
        return client.execute_command("VERMILION", *words)

    return call


class TestThere:
    def test_only_where_it_is_asked_for(self, client: Any) -> None:
        other: Any = Vermilion().connect(decode_responses=True)
        with pytest.raises(redis.ResponseError, match="unknown command 'VERMILION'"):
            other.execute_command("VERMILION", "HELP")
        assert client.command_count() == other.command_count() + 1
        added = set(client.command_list()) - set(other.command_list())
        assert added == set(TEST_COMMANDS)
        assert not added & set(COMMANDS)
        assert not other.execute_command("COMMAND DOCS", "vermilion")
        assert "vermilion|clock" not in other.acl_cat("dangerous")

    def test_it_is_described_like_the_others(self, client: Any) -> None:
        (described,) = client.execute_command("COMMAND DOCS", "vermilion").values()
        assert set(described["subcommands"]) == set(TEST_COMMANDS) - {"vermilion"}
        assert "vermilion|seed" in client.command_list(category="admin")
        assert "vermilion|clock" in client.acl_cat("dangerous")

    def test_rights_concern_it(self, instance: Vermilion, client: Any) -> None:
        client.acl_setuser("tester", enabled=True, nopass=True, commands=["+@all", "-vermilion|clock"])
        restricted: Any = instance.connect(username="tester", password="any")
        assert restricted.execute_command("VERMILION", "SEED", 1) == b"OK"
        with pytest.raises(redis.exceptions.NoPermissionError):
            restricted.execute_command("VERMILION", "CLOCK", "GET")

    def test_help_names_what_there_is(self, run: Callable[..., Any]) -> None:
        named = {line.split()[0] for line in run("HELP") if not line.startswith(" ")} - {"VERMILION"}
        assert {f"vermilion|{name.lower()}" for name in named} == set(TEST_COMMANDS) - {"vermilion"}

    @pytest.mark.parametrize("actions", [group._CLOCK, group._SNAPSHOT, group._FAULT])
    def test_help_names_every_action(self, run: Callable[..., Any], actions: dict[bytes, Any]) -> None:
        lines = run("HELP")
        assert all(any(f" {action.decode().upper()}" in line for line in lines) for action in actions)

    def test_neither_transactions_nor_scripts_have_it(self, client: Any) -> None:
        with client.pipeline() as pipeline:
            pipeline.execute_command("VERMILION", "CLOCK", "GET")
            with pytest.raises(redis.ResponseError, match="not allowed inside a transaction"):
                pipeline.execute()
        with pytest.raises(redis.ResponseError, match="not allowed from script"):
            client.eval("return redis.call('VERMILION', 'DUMP')", 0)

    def test_no_other_spelling_is_needed(self, client: Any) -> None:
        assert client.execute_command("vermilion", "clock", "get")["frozen"] == 0


class TestClock:
    def test_it_stands_and_moves(self, client: Any, run: Callable[..., Any]) -> None:
        now = run("CLOCK", "FREEZE")
        assert run("CLOCK", "ADVANCE", 1500) == now + 1500
        assert run("CLOCK", "ADVANCE", "1h30m") == now + 1500 + 5_400_000
        assert run("CLOCK", "SET", "2030-01-01T01:00:00+01:00") == NEW_YEAR_MS
        assert run("CLOCK", "GET") == {
            "unix-ms": NEW_YEAR_MS, "iso": "2030-01-01T00:00:00.000Z", "frozen": 1,
        }  # fmt: skip
        assert client.time() == (NEW_YEAR_MS // 1000, 0)
        assert run("CLOCK", "SET", NEW_YEAR_MS - 1) == NEW_YEAR_MS - 1
        assert run("CLOCK", "UNFREEZE") >= NEW_YEAR_MS - 1
        assert run("CLOCK", "GET")["frozen"] == 0

    @pytest.mark.parametrize(
        ("text", "distance"),
        [("0", 0), ("7ms", 7), ("2s", 2000), ("3M", 180_000), ("1d2h", 93_600_000), ("1s1s", 2000)],
    )
    def test_durations(self, run: Callable[..., Any], text: str, distance: int) -> None:
        now = run("CLOCK", "FREEZE")
        assert run("CLOCK", "ADVANCE", text) == now + distance

    @pytest.mark.parametrize("text", ["", "-1", "1.5s", "s", "1w", "1 s", "1s ", "9" * 16 + "s", "1_0"])
    def test_no_durations(self, run: Callable[..., Any], text: str) -> None:
        now = run("CLOCK", "FREEZE")
        with pytest.raises(redis.ResponseError, match=r"^a duration is milliseconds"):
            run("CLOCK", "ADVANCE", text)
        assert run("CLOCK", "GET")["unix-ms"] == now

    @pytest.mark.parametrize("text", ["", "tomorrow", "2030-13-01", "1.5", b"\xff"])
    def test_no_times(self, run: Callable[..., Any], text: object) -> None:
        with pytest.raises(redis.ResponseError, match=r"^a time is milliseconds"):
            run("CLOCK", "SET", text)

    @pytest.mark.parametrize(
        "words",
        [("SET", -1), ("SET", 2**62), ("SET", "0001-01-01"), ("ADVANCE", 2**62), ("ADVANCE", "9" * 15 + "d")],
    )
    def test_the_calendar_has_ends(self, run: Callable[..., Any], words: tuple[Any, ...]) -> None:
        with pytest.raises(redis.ResponseError, match="the years 1970 to 9999"):
            run("CLOCK", *words)

    def test_what_was_due_has_happened(
        self, instance: Vermilion, client: Any, run: Callable[..., Any], beside: Callable[..., Future[Any]]
    ) -> None:
        client.config_set("notify-keyspace-events", "Ex")
        run("CLOCK", "FREEZE")
        client.set("session", "ann", ex=30)
        listener = instance.connect(decode_responses=True).pubsub(ignore_subscribe_messages=True)
        listener.psubscribe("*")
        listener.get_message(timeout=5)
        blocked = beside(instance.connect().blpop, "queue", 60)
        while not client.info("clients")["blocked_clients"]:
            pass
        run("CLOCK", "ADVANCE", "2m")
        message = listener.get_message()
        assert message is not None
        assert message["data"] == "session"
        assert blocked.result(5) is None


class TestSnapshot:
    def test_there_and_back(self, client: Any, run: Callable[..., Any]) -> None:
        run("CLOCK", "SET", NEW_YEAR_MS)
        run("CLOCK", "FREEZE")
        client.set("key", 1)
        first = run("SNAPSHOT", "TAKE")
        client.set("key", 2)
        second = run("SNAPSHOT", "TAKE")
        client.flushall()
        now = run("CLOCK", "GET")["unix-ms"]
        assert run("SNAPSHOT", "LIST") == [{"id": first, "unix-ms": now}, {"id": second, "unix-ms": now}]
        assert run("SNAPSHOT", "RESTORE") == "OK"
        assert client.get("key") == "2"
        assert run("SNAPSHOT", "RESTORE", first) == "OK"
        assert client.get("key") == "1"
        assert [taken["id"] for taken in run("SNAPSHOT", "LIST")] == [first]
        assert run("SNAPSHOT", "TAKE") not in {first, second}

    @pytest.mark.parametrize("words", [(), (7,)])
    def test_where_there_is_none(self, client: Any, run: Callable[..., Any], words: tuple[Any, ...]) -> None:
        client.set("key", 1)
        with pytest.raises(redis.ResponseError, match=r"^there is no such snapshot, or no longer"):
            run("SNAPSHOT", "RESTORE", *words)
        assert client.get("key") == "1"

    def test_dropping(self, client: Any, run: Callable[..., Any]) -> None:
        taken = [run("SNAPSHOT", "TAKE") for _ in range(4)]
        assert run("SNAPSHOT", "DROP", taken[1], 99, taken[1]) == 1
        assert [each["id"] for each in run("SNAPSHOT", "LIST")] == [taken[0], taken[2], taken[3]]
        assert run("SNAPSHOT", "DROP", "all") == 3
        assert run("SNAPSHOT", "LIST") == []

    def test_a_word_is_no_id(self, run: Callable[..., Any]) -> None:
        taken = run("SNAPSHOT", "TAKE")
        for action in ("RESTORE", "DROP"):
            with pytest.raises(redis.ResponseError, match="not an integer"):
                run("SNAPSHOT", action, "first")
        assert [each["id"] for each in run("SNAPSHOT", "LIST")] == [taken]


class TestKeys:
    def test_what_is_dumped_can_be_loaded(self, client: Any, run: Callable[..., Any]) -> None:
        keys = {"text": "v", "list": ["a"], "set": {"$set": ["x"]}, "$databases": {"3": {"key": "v"}}}
        assert run("LOAD", json.dumps(keys)) == 4
        dumped = run("DUMP")
        assert json.loads(dumped) == keys
        client.flushall()
        assert run("LOAD", dumped) == 4
        assert run("DUMP") == dumped

    @pytest.mark.parametrize(
        "value",
        [
            "null", '{"$zset": [1]}', '{"$zset": {"m": "x"}}', '{"$zset": {"m": NaN}}', '{"$stream": [1]}',
            '{"$rdb": "AAAA"}', '{"$rdb": 5}', '{"$string": "v", "$ttl": 1e999}', '{"$string": "v", "$ttl": null}',
            '{"$string": "v", "$nothing": 1}', '{"$hash": {"f": "v"}, "$field_expires_at": 5}', '"\\ud800"',
            "[" * 20_000, '"$base64:?"', '{"$string": "v", "$expires_at": "x\\ny"}',
        ],
    )  # fmt: skip
    def test_all_or_nothing(self, client: Any, run: Callable[..., Any], value: str) -> None:
        client.set("first", "old")
        with pytest.raises(redis.ResponseError):
            run("LOAD", f'{{"first": "new", "second": {value}}}')
        assert run("DUMP") == '{\n  "first": "old"\n}'

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("[]", "a JSON object of keys is wanted"),
            ("{", "Expecting property name"),
            (b"\xff", "can't decode"),
            ('{"$databases": 5}', "int cannot be a mapping"),
            ('{"$databases": {"one": {}}}', "invalid literal"),
            ('{"$databases": {"16": {"key": 1}}}', "there is no database 16"),
        ],
    )
    def test_what_is_no_data(self, run: Callable[..., Any], text: object, reason: str) -> None:
        with pytest.raises(redis.ResponseError, match=reason):
            run("LOAD", text)

    def test_chance(self, client: Any, run: Callable[..., Any]) -> None:
        drawn = []
        for _ in range(2):
            client.delete("faces")
            client.sadd("faces", *"abcdefgh")
            assert run("SEED", 7) == "OK"
            drawn.append([client.srandmember("faces") for _ in range(10)])
        assert drawn[0] == drawn[1]
        with pytest.raises(redis.ResponseError, match="not an integer"):
            run("SEED", "seven")


LOADING = "LOADING Redis is loading the dataset in memory"


class TestFault:
    def test_calls_fail_until_the_fault_is_removed(self, client: Any, run: Callable[..., Any]) -> None:
        added = run("FAULT", "ADD", "ERROR", LOADING, "COMMAND", "GET", "command", "@hash", "KEY", "user:*")
        client.set("user:1", "ann")
        with pytest.raises(redis.exceptions.BusyLoadingError):
            client.get("user:1")
        with pytest.raises(redis.exceptions.BusyLoadingError):
            client.hget("user:2", "name")
        assert client.get("key") is None
        (listed,) = run("FAULT", "LIST")
        assert listed["id"] == added
        assert listed["rule"] == ["ERROR", LOADING, "COMMAND", "GET", "COMMAND", "@hash", "KEY", "user:*"]
        assert (listed["matched"], listed["hits"]) == (2, 2)
        assert run("FAULT", "REMOVE", added, 99, added) == 1
        assert run("FAULT", "LIST") == []
        assert client.get("user:1") == "ann"

    @pytest.mark.parametrize(
        ("words", "listed"),
        [
            (["delay", "1m30s", "nth", 3], ["DELAY", "90000", "COMMAND", "*", "NTH", "3"]),
            (["DELAY", 250, "EVERY", 2, "TIMES", 3], ["DELAY", "250", "COMMAND", "*", "EVERY", "2", "TIMES", "3"]),
            (["RESET", "COMMAND", "ping"], ["RESET", "COMMAND", "ping"]),
            (["RESET", "after", "CLIENT", "w*"], ["RESET", "AFTER", "COMMAND", "*", "CLIENT", "w*"]),
            (["PARTIAL", 0, "NTH", 1, "NTH", 2], ["PARTIAL", "0", "COMMAND", "*", "NTH", "2"]),
            (["SILENCE", "COMMAND", "GET", "COMMAND", "GET"], ["SILENCE", "COMMAND", "GET"]),
            (["SILENCE", "AFTER"], ["SILENCE", "AFTER", "COMMAND", "*"]),
            (["REFUSE", "PROBABILITY", "0.25", "SEED", 7], ["REFUSE", "PROBABILITY", "0.25", "SEED", "7"]),
            (["ERROR", b"ERR \xc3\xa9"], ["ERROR", "ERR é", "COMMAND", "*"]),
        ],
    )  # fmt: skip
    def test_what_is_listed_can_be_added(
        self, run: Callable[..., Any], words: list[object], listed: list[str]
    ) -> None:
        run("FAULT", "ADD", *words)
        assert run("FAULT", "LIST")[0]["rule"] == listed
        run("FAULT", "ADD", *listed)
        assert run("FAULT", "LIST")[1]["rule"] == listed
        assert run("FAULT", "CLEAR") == "OK"
        assert run("FAULT", "LIST") == []

    @pytest.mark.parametrize("protocol", [2, 3])
    def test_the_list_in_each_version(self, instance: Vermilion, protocol: int) -> None:
        client: Any = instance.connect(protocol=protocol, decode_responses=True)
        client.execute_command("VERMILION", "FAULT", "ADD", "REFUSE")
        (listed,) = client.execute_command("VERMILION", "FAULT", "LIST")
        if protocol == 2:
            listed = dict(zip(listed[::2], listed[1::2], strict=True))
        assert listed == {"id": 1, "rule": ["REFUSE"], "seen": 0, "matched": 0, "hits": 0}

    def test_it_is_never_hit_itself(self, client: Any, run: Callable[..., Any]) -> None:
        run("FAULT", "ADD", "ERROR", "ERR no")
        with pytest.raises(redis.ResponseError, match="no"):
            client.echo("hello")
        (listed,) = run("FAULT", "LIST")
        assert (listed["seen"], listed["hits"]) == (1, 1)
        assert run("FAULT", "CLEAR") == "OK"
        assert client.ping()

    def test_those_of_the_instance_are_the_same(self, instance: Vermilion, run: Callable[..., Any]) -> None:
        fault = instance.faults.error("GET", LOADING)
        assert [listed["id"] for listed in run("FAULT", "LIST")] == [fault.id]
        run("FAULT", "REMOVE", fault.id)
        fault.end()

    def test_a_delayed_call_in_the_midst_of_another(self, instance: Vermilion) -> None:
        def execute(link: Link, *words: str) -> None:
            link.call([word.encode() for word in words])

        tester, late = Link(instance.backend), Link(instance.backend)
        execute(tester, "HELLO", "3")
        execute(tester, "CONFIG", "SET", "notify-keyspace-events", "Ex")
        execute(tester, "SUBSCRIBE", "__keyevent@0__:expired")
        execute(tester, "VERMILION", "CLOCK", "FREEZE")
        execute(tester, "SET", "session", "ann", "EX", "10")
        execute(tester, "VERMILION", "FAULT", "ADD", "DELAY", "30s", "COMMAND", "INCR")
        execute(late, "INCR", "n")
        tester.inbox.clear()
        execute(tester, "VERMILION", "CLOCK", "ADVANCE", "1m")
        assert list(late.inbox) == [1]
        assert [type(item) for item in tester.inbox] == [int, Wire]  # the reply, and what it caused

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ([], "syntax error"),
            (["EXPLODE"], "syntax error"),
            (["ERROR"], "syntax error"),
            (["DELAY"], "syntax error"),
            (["PARTIAL"], "syntax error"),
            (["REFUSE", "AFTER"], "syntax error"),
            (["ERROR", "ERR no", "AFTER"], "syntax error"),
            (["RESET", "COMMAND"], "syntax error"),
            (["RESET", "KEYS", "a"], "syntax error"),
            (["RESET", "NTH", "one"], "not an integer"),
            (["RESET", "NTH", 2**70], "not an integer"),
            (["RESET", "TIMES", 0], "must be positive"),
            (["RESET", "NTH", 1, "EVERY", 1], "exclude each other"),
            (["RESET", "PROBABILITY", "often"], "not a valid float"),
            (["RESET", "PROBABILITY", "nan"], "between 0 and 1|not a valid float"),
            (["RESET", "PROBABILITY", "1.5"], "between 0 and 1"),
            (["RESET", "SEED", "x"], "not an integer"),
            (["RESET", "COMMAND", "GTE"], "there is no command or category 'GTE'"),
            (["RESET", "COMMAND", "VERMILION"], "there is no command or category 'VERMILION'"),
            (["RESET", "COMMAND", b"\xff\r\n"], "there is no command or category"),
            (["RESET", "COMMAND", "a" * 10_000], r"category 'a{128}'$"),
            (["REFUSE", "COMMAND", "GET"], "has no command, key or client"),
            (["DELAY", "soon"], "a duration is milliseconds"),
            (["DELAY", 0], "delay is out of range"),
            (["DELAY", 2**60], "delay is out of range"),
            (["PARTIAL", -1], "not negative"),
            (["PARTIAL", "x"], "not an integer"),
            (["ERROR", ""], "one line"),
            (["ERROR", "ERR a\r\n+OK"], "one line"),
        ],
    )
    def test_faults_that_cannot_be(
        self, client: Any, run: Callable[..., Any], words: list[object], reason: str
    ) -> None:
        with pytest.raises(redis.ResponseError, match=reason):
            run("FAULT", "ADD", *words)
        assert run("FAULT", "LIST") == []
        assert client.ping()

    def test_what_is_no_id(self, run: Callable[..., Any]) -> None:
        run("FAULT", "ADD", "RESET", "COMMAND", "GET")
        with pytest.raises(redis.ResponseError, match="not an integer"):
            run("FAULT", "REMOVE", 1, "x")
        assert len(run("FAULT", "LIST")) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("CLOCK", "STOP"), ("CLOCK", "GET", 1), ("CLOCK", "FREEZE", 1), ("CLOCK", "UNFREEZE", 1), ("CLOCK", "SET"),
        ("CLOCK", "ADVANCE", 1, 2), ("SNAPSHOT", "GIVE"), ("SNAPSHOT", "TAKE", 1), ("SNAPSHOT", "LIST", 1),
        ("SNAPSHOT", "RESTORE", 1, 2), ("SNAPSHOT", "DROP"),
        ("FAULT", "FIND"), ("FAULT", "LIST", 1), ("FAULT", "CLEAR", 1), ("FAULT", "REMOVE"),
    ],
)  # fmt: skip
def test_actions_that_are_none(run: Callable[..., Any], words: tuple[Any, ...]) -> None:
    with pytest.raises(
        redis.ResponseError,
        match=rf"^unknown subcommand or wrong number of arguments for '{words[1]}'\. Try VERMILION HELP\.",
    ):
        run(*words)


@pytest.fixture
def beside() -> Iterator[Callable[..., Future[Any]]]:
    """Runs something on another thread."""
    with ThreadPoolExecutor(2) as threads:
        yield threads.submit


class TestJournal:
    def test_calls_are_kept_and_told(self, client: Any, run: Callable[..., Any], instance: Vermilion) -> None:
        client.client_setname("web")
        assert run("JOURNAL", "START") == "OK"
        client.set("user:1", "ann")
        with pytest.raises(redis.ResponseError):
            client.lpush("user:1", 1)
        written, failed = run("JOURNAL", "GET")
        assert written["argv"] == ["SET", "user:1", "ann"]
        assert written.items() >= {
            "number": 1, "command": "set", "keys": ["user:1"], "db": 0, "client-name": "web", "inside": "",
            "error": None,
        }.items()  # fmt: skip
        assert written["client-id"] == client.client_id()
        assert written["duration-us"] >= 0
        assert abs(written["unix-us"] / 1e6 - instance.clock.now().timestamp()) < 60
        assert failed["error"] == "WRONGTYPE Operation against a key holding the wrong kind of value"
        assert run("JOURNAL", "GET", 1)[0]["argv"] == ["CLIENT", "ID"]
        assert run("JOURNAL", "GET", 0) == []
        assert len(run("JOURNAL", "GET", 100)) == 3
        assert run("JOURNAL", "STOP") == "OK"
        client.get("user:1")
        assert run("JOURNAL", "STATUS") == {"on": 0, "kept": 3, "seen": 3, "dropped": 0}
        assert run("JOURNAL", "CLEAR") == "OK"
        assert run("JOURNAL", "GET") == []

    def test_calls_are_chosen(self, client: Any, run: Callable[..., Any]) -> None:
        run("journal", "start")
        for number in range(3):
            client.get(f"user:{number}")
        client.mget("user:1", "other")
        client.config_get("port")
        client.client_setname("web")
        client.get("other")
        for expected, words in [
            (7, []),
            (4, ["COMMAND", "get"]),
            (5, ["command", "*GET", "KEY", "*"]),
            (4, ["KEY", "user:*"]),
            (1, ["KEY", "user:*", "COMMAND", "MGET"]),
            (1, ["COMMAND", "config"]),
            (1, ["COMMAND", "config get"]),
            (1, ["COMMAND", "config|get"]),
            (0, ["COMMAND", "config set"]),
            (1, ["CLIENT", "w*"]),
        ]:
            assert run("JOURNAL", "COUNT", *words) == expected
        (latest,) = run("JOURNAL", "GET", 1, "KEY", "other", "COMMAND", "get")
        assert latest["argv"] == ["GET", "other"]

    def test_scripts_and_a_limit(self, client: Any, run: Callable[..., Any]) -> None:
        run("JOURNAL", "START", "SCRIPTS", "LIMIT", 2)
        client.eval("redis.call('SET', KEYS[1], 'v'); return redis.call('GET', KEYS[1])", 1, "key")
        assert [call["inside"] for call in run("JOURNAL", "GET")] == ["script", "script"]
        assert run("JOURNAL", "STATUS") == {"on": 1, "kept": 2, "seen": 3, "dropped": 1}

    def test_secrets_are_not_told(self, client: Any, run: Callable[..., Any]) -> None:
        run("JOURNAL", "START")
        client.acl_setuser("ann", enabled=True, passwords=["+secret"])
        client.config_set("requirepass", "secret")
        assert "secret" not in str(run("JOURNAL", "GET"))

    @pytest.mark.parametrize("protocol", [2, 3])
    def test_the_calls_in_each_version(self, instance: Vermilion, protocol: int) -> None:
        client: Any = instance.connect(protocol=protocol, decode_responses=True)
        client.execute_command("VERMILION", "JOURNAL", "START")
        client.ping()
        (told,) = client.execute_command("VERMILION", "JOURNAL", "GET")
        if protocol == 2:
            told = dict(zip(told[::2], told[1::2], strict=True))
        assert (told["command"], told["argv"], told["error"]) == ("ping", ["PING"], None)

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            (["BOGUS"], "unknown subcommand or wrong number of arguments for 'BOGUS'"),
            (["STOP", "now"], "unknown subcommand or wrong number of arguments"),
            (["STATUS", "now"], "unknown subcommand or wrong number of arguments"),
            (["CLEAR", "all"], "unknown subcommand or wrong number of arguments"),
            (["START", "LIMIT"], "syntax error"),
            (["START", "LIMIT", "many"], "not an integer"),
            (["START", "LIMIT", "0"], "a limit is a positive number"),
            (["START", "NOW"], "syntax error"),
            (["GET", "many"], "not an integer"),
            (["GET", "-1"], "value is out of range, must be positive"),
            (["GET", "1", "KEY"], "syntax error"),
            (["COUNT", "KEY"], "syntax error"),
            (["COUNT", "DB", "0"], "syntax error"),
        ],
    )
    def test_what_is_refused(self, run: Callable[..., Any], words: list[str], error: str) -> None:
        with pytest.raises(redis.ResponseError, match=error):
            run("JOURNAL", *words)
        assert run("JOURNAL", "STATUS") == {"on": 0, "kept": 0, "seen": 0, "dropped": 0}
