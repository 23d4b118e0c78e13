"""The server group, beyond what COMMAND reads from the declarations."""

import sys
import time
from collections.abc import Callable
from random import Random

import pytest

from vermilion import errors
from vermilion.clock import ManualClock
from vermilion.commands import lolwut
from vermilion.commands.registry import COMMANDS
from vermilion.engine.engine import Engine
from vermilion.keyspace.footprint import footprint
from vermilion.protocol.reply import NO_REPLY, OK, Pairs, Status, Verbatim
from vermilion.session import Session
from vermilion.structures.set import Set

Run = Callable[..., object]


def _names(reply: object) -> set[str]:
    assert isinstance(reply, list)
    return {name.decode() for name in reply}


class TestCommand:
    def test_alone_describes_every_command(self, run: Run) -> None:
        reply = run("COMMAND")
        assert isinstance(reply, list)
        assert len(reply) == run("COMMAND", "COUNT")
        assert run("COMMAND", "INFO") == reply

    def test_info_has_nil_for_what_does_not_exist(self, run: Run) -> None:
        reply = run("COMMAND", "INFO", "nosuch", "GET", "config|GET", "get|set", "")
        assert isinstance(reply, list)
        assert [described and described[0] for described in reply] == [
            None,
            b"get",
            b"config|get",
            None,
            None,
        ]

    def test_docs_leaves_out_what_does_not_exist(self, run: Run) -> None:
        reply = run("COMMAND", "DOCS", "get", "nosuch", "GET")
        assert isinstance(reply, Pairs)
        assert [name for name, _ in reply.items()] == [b"get", b"get"]
        assert len(run("COMMAND", "DOCS")) == run("COMMAND", "COUNT")  # type: ignore[arg-type]  # Pairs

    def test_getkeys_and_flags(self, run: Run) -> None:
        assert run("COMMAND", "GETKEYS", "MSET", "a", "1", "b", "2") == [b"a", b"b"]
        assert run("COMMAND", "GETKEYSANDFLAGS", "STRLEN", "a") == [[b"a", [Status("RO")]]]
        assert run("COMMAND", "GETKEYS", "PING") == errors.NO_KEY_ARGUMENTS

    def test_list_has_subcommands_too(self, run: Run) -> None:
        assert _names(run("COMMAND", "LIST")) == set(COMMANDS)

    @pytest.mark.parametrize(
        ("by", "wanted", "names"),
        [
            ("PATTERN", "getr*", {"getrange"}),
            ("pattern", "GETR*", {"getrange"}),
            ("PATTERN", "config|re*", {"config|resetstat", "config|rewrite"}),
            ("PATTERN", "nosuch", set()),
            ("MODULE", "nosuch", set()),
            ("ACLCAT", "nosuch", set()),
        ],
    )
    def test_list_filters(self, run: Run, by: str, wanted: str, names: set[str]) -> None:
        assert _names(run("COMMAND", "LIST", "FILTERBY", by, wanted)) == names

    def test_list_filters_by_category(self, run: Run) -> None:
        connection = _names(run("COMMAND", "LIST", "FILTERBY", "aclcat", "CONNECTION"))
        assert {"ping", "command", "command|docs", "wait"} <= connection
        assert "get" not in connection

    @pytest.mark.parametrize(
        "words",
        [["FILTERBY"], ["FILTERBY", "PATTERN"], ["FILTERBY", "BOGUS", "x"], ["x", "PATTERN", "a"],
         ["FILTERBY", "PATTERN", "a", "b"]],
    )  # fmt: skip
    def test_list_refuses_other_words(self, run: Run, words: list[str]) -> None:
        assert run("COMMAND", "LIST", *words) == errors.SYNTAX


@pytest.mark.parametrize("container", ["COMMAND", "CONFIG", "MEMORY"])
def test_help_names_every_subcommand(run: Run, container: str) -> None:
    first, *lines = (status.text for status in run(container, "HELP"))  # type: ignore[attr-defined]  # a list
    assert first == f"{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    named = {line.split()[0].lower() for line in lines if not line.startswith((" ", "("))}
    assert named == set(COMMANDS[container.lower()].subcommands)


class TestConfig:
    def test_get_and_set(self, run: Run) -> None:
        assert run("CONFIG", "SET", "maxmemory", "1gb", "hz", "20") == OK
        assert run("CONFIG", "GET", "maxmemory", "hz") == {b"maxmemory": b"1073741824", b"hz": b"20"}

    def test_set_needs_pairs(self, run: Run) -> None:
        assert run("CONFIG", "SET", "maxmemory", "1", "hz") == errors.SYNTAX

    def test_rewrite_needs_a_file(self, run: Run) -> None:
        assert run("CONFIG", "REWRITE") == errors.NO_CONFIG_FILE

    @pytest.mark.parametrize(("allowed", "ok"), [("no", False), ("local", True), ("yes", True)])
    def test_protected_directives_are_for_whom_they_are(
        self, run: Run, engine: Engine, allowed: str, ok: bool
    ) -> None:
        engine.settings.enable_protected_configs = allowed
        assert (run("CONFIG", "SET", "dbfilename", "x.rdb") == OK) is ok


class TestWholeDatabases:
    @pytest.mark.parametrize("option", [[], ["ASYNC"], ["sync"]])
    def test_flushdb_empties_one_and_flushall_all(self, run: Run, option: list[str]) -> None:
        run("MSET", "a", 1, "b", 2)
        run("SELECT", 1)
        run("SET", "c", 3, "EX", 100)
        assert run("FLUSHDB", *option) == OK
        assert run("DBSIZE") == 0
        run("SELECT", 0)
        assert run("DBSIZE") == 2
        run("SELECT", 1)
        assert run("FLUSHALL", *option) == OK
        run("SELECT", 0)
        assert run("DBSIZE") == 0

    @pytest.mark.parametrize("name", ["FLUSHDB", "FLUSHALL"])
    @pytest.mark.parametrize("option", [["bogus"], [""], ["ASYNC", "SYNC"], ["ASYNC", "ASYNC"]])
    def test_flushing_refuses_other_words(self, run: Run, name: str, option: list[str]) -> None:
        run("SET", "a", 1)
        assert run(name, *option) == errors.SYNTAX
        assert run("DBSIZE") == 1

    def test_swapdb(self, run: Run, engine: Engine) -> None:
        run("SET", "k", "zero", "EXAT", 4102444800)
        assert run("SWAPDB", 0, 15) == OK
        assert run("DBSIZE") == 0
        run("SELECT", 15)
        assert run("GET", "k") == b"zero"
        assert run("EXPIRETIME", "k") == 4102444800
        assert run("SWAPDB", 15, 15) == OK
        assert run("DBSIZE") == 1
        assert engine.keyspace.dirty == 3

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            (["abc", "1"], errors.INVALID_FIRST_DB),
            (["0", "abc"], errors.INVALID_SECOND_DB),
            (["abc", "def"], errors.INVALID_FIRST_DB),
            (["4294967296", "0"], errors.INVALID_FIRST_DB),
            (["0", "16"], errors.DB_INDEX_OUT_OF_RANGE),
            (["-1", "0"], errors.DB_INDEX_OUT_OF_RANGE),
        ],
    )
    def test_swapdb_refuses_what_is_no_database(self, run: Run, words: list[str], error: str) -> None:
        assert run("SWAPDB", *words) == error


def test_time_is_the_clocks(run: Run, clock: ManualClock) -> None:
    clock.advance(ms=1_250)
    assert run("TIME") == [b"1700000001", b"250000"]


def test_role_is_a_primarys(run: Run) -> None:
    assert run("ROLE") == [b"master", 0, []]


class TestLolwut:
    @pytest.mark.parametrize(
        "words", [[], ["x"], ["VERSION"], ["VERSION", 5], ["version", 6, 7, 3], ["VERSION", 8, "x"]]
    )
    def test_paints_and_says_the_version(self, run: Run, words: list[object]) -> None:
        reply = run("LOLWUT", *words)
        assert isinstance(reply, Verbatim)
        *picture, _, signature = reply.text.decode().splitlines()
        assert signature.endswith("Redis ver. 8.0.6")
        assert all("⠀" <= dots <= "⣿" for line in picture for dots in line)
        assert (len(picture[0]), len(picture)) == ((7, 3) if 7 in words else lolwut.DEFAULT_SIZE)

    @pytest.mark.parametrize("version", [-1, 0, 4, 7, 99])
    def test_has_one_line_for_other_versions(self, run: Run, version: int) -> None:
        reply = run("LOLWUT", "VERSION", version)
        assert isinstance(reply, Verbatim)
        assert reply.text == b"Redis ver. 8.0.6\n"

    @pytest.mark.parametrize("words", [["abc"], ["5", "abc"], ["6", "1", "x"], ["5", "1", "1", "x"]])
    def test_wants_integers(self, run: Run, words: list[str]) -> None:
        assert run("LOLWUT", "VERSION", *words) == errors.NOT_AN_INTEGER

    def test_the_same_chance_paints_the_same_picture(self) -> None:
        assert lolwut.pond(9, 4, Random(1)) == lolwut.pond(9, 4, Random(1)) != lolwut.pond(9, 4, Random(2))

    def test_a_picture_has_bounds(self) -> None:
        assert lolwut.pond(-5, 0, Random(1)).count("\n") == 1
        assert lolwut.pond(1, 10**9, Random(1)).count("\n") == 40


class TestShutdown:
    @pytest.fixture
    def asked(self, engine: Engine) -> list[bool]:
        asked: list[bool] = []
        engine.on_shutdown = lambda: asked.append(True)
        return asked

    @pytest.mark.parametrize(
        "words", [[], ["NOSAVE"], ["now", "Force"], ["SAVE", "FORCE"], ["NOSAVE", "NOSAVE", "NOW"]]
    )
    def test_asks_the_assembly_to_stop(self, run: Run, asked: list[bool], words: list[str]) -> None:
        assert run("SHUTDOWN", *words) is NO_REPLY
        assert asked == [True]

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            (["bogus"], errors.SYNTAX),
            (["SAVE", "NOSAVE"], errors.SYNTAX),
            (["ABORT", "NOW"], errors.SYNTAX),
            (["NOSAVE", "ABORT"], errors.SYNTAX),
            (["ABORT"], errors.NO_SHUTDOWN),
            (["abort", "ABORT"], errors.NO_SHUTDOWN),
            (["SAVE"], errors.SHUTDOWN_FAILED),
        ],
    )
    def test_refusals_stop_nothing(self, run: Run, asked: list[bool], words: list[str], error: str) -> None:
        assert run("SHUTDOWN", *words) == error
        assert asked == []


class TestMemoryUsage:
    def test_is_nil_without_a_key(self, run: Run) -> None:
        assert run("MEMORY", "USAGE", "missing") is None

    def test_grows_with_the_value_and_with_a_deadline(self, run: Run) -> None:
        run("SET", "small", b"x" * 10)
        run("SET", "large", b"x" * 1010)
        small, large = run("MEMORY", "USAGE", "small"), run("MEMORY", "USAGE", "large", "SAMPLES", 0)
        assert isinstance(small, int)
        assert large == small + 1000
        run("EXPIRE", "small", 100)
        expiring = run("MEMORY", "USAGE", "small")
        assert isinstance(expiring, int)
        assert expiring > small

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            (["x"], errors.SYNTAX),
            (["SAMPLES"], errors.SYNTAX),
            (["SAMPLES", "-1"], errors.SYNTAX),
            (["SAMPLES", "x"], errors.NOT_AN_INTEGER),
        ],
    )
    def test_refuses_other_words(self, run: Run, words: list[str], error: str) -> None:
        assert run("MEMORY", "USAGE", "missing", *words) == error

    def test_looks_at_some_members_and_multiplies(self) -> None:
        members = [b"x" * 100] * 1000
        table = sys.getsizeof(members)
        empty = footprint(b"k", [], expires=False, samples=5) - sys.getsizeof([])
        expected = empty + table + 1000 * sys.getsizeof(members[0])
        assert footprint(b"k", members, expires=False, samples=5) == expected
        assert footprint(b"k", members, expires=False, samples=0) == expected

    def test_looks_into_maps_and_objects(self) -> None:
        class Node:
            __slots__ = ("value",)

            def __init__(self, value: bytes) -> None:
                self.value = value

        node = Node(b"x" * 100)
        plain = footprint(b"k", b"x" * 100, expires=False, samples=5)
        assert footprint(b"k", node, expires=False, samples=5) == plain + sys.getsizeof(node)
        pair = {b"a": b"x" * 100}
        held = sys.getsizeof(pair) + sys.getsizeof(b"a")
        assert footprint(b"k", pair, expires=False, samples=5) == plain + held

    def test_counts_each_member_of_a_set_once(self, run: Run, session: Session) -> None:
        run("SADD", "s", *(f"member:{number:050}" for number in range(200)))
        before = run("MEMORY", "USAGE", "s", "SAMPLES", 0)
        held = session.db.find(b"s", Set)
        assert held is not None
        assert held.scan(0, 10, session.db.random)[0]
        after = run("MEMORY", "USAGE", "s", "SAMPLES", 0)
        assert isinstance(before, int)
        assert isinstance(after, int)
        assert 200 * sys.getsizeof(b"x" * 57) < before < after < before + 200 * 16 + 500


class TestDebug:
    @pytest.fixture(autouse=True)
    def _allowed(self, engine: Engine) -> None:
        engine.settings.enable_debug_command = "yes"

    @pytest.mark.parametrize(
        ("allowed", "address", "ok"),
        [
            ("no", "127.0.0.1:5000", False),
            ("local", "127.0.0.1:5000", True),
            ("local", "[::1]:5000", True),
            ("local", "/run/socket:0", True),
            ("local", "10.1.2.3:5000", False),
            ("local", "[fe80::1]:5000", False),
            ("yes", "10.1.2.3:5000", True),
        ],
    )
    def test_is_for_whom_the_configuration_says(
        self, run: Run, engine: Engine, session: Session, allowed: str, address: str, ok: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        engine.settings.enable_debug_command = allowed
        monkeypatch.setattr(session.transport, "address", address)
        assert run("DEBUG", "SLEEP", 0) == (OK if ok else errors.DEBUG_NOT_ALLOWED)

    @pytest.mark.parametrize(
        ("seconds", "slept"),
        [("0.25", 0.25), ("1e-3", 0.001), (".5x", 0.5), (" 2", 2.0), ("abc", 0.0), ("", 0.0), ("-1", 0.0)],
    )
    def test_sleep_reads_numbers_as_c_does(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, seconds: str, slept: float
    ) -> None:
        asked: list[float] = []
        monkeypatch.setattr(time, "sleep", asked.append)
        assert run("DEBUG", "SLEEP", seconds) == OK
        assert asked == [slept]

    @pytest.mark.parametrize(("flag", "active"), [("0", False), ("1", True), ("2", True), ("abc", False)])
    def test_set_active_expire(self, run: Run, engine: Engine, flag: str, active: bool) -> None:
        engine.active_expire = not active
        assert run("debug", "Set-Active-Expire", flag) == OK
        assert engine.active_expire is active

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (b"1", "refcount:2147483647 encoding:int serializedlength:2"),
            (b"1000", "refcount:2147483647 encoding:int serializedlength:3"),
            (b"100000", "refcount:1 encoding:int serializedlength:5"),
            (b"10000000000", "refcount:1 encoding:int serializedlength:12"),
            (b"hello", "refcount:1 encoding:embstr serializedlength:6"),
            (b"x" * 100, "refcount:1 encoding:raw serializedlength:13"),
            (b"x" * 20000, "refcount:1 encoding:raw serializedlength:242"),
        ],
    )
    def test_object_shows_how_a_value_is_stored(
        self, run: Run, engine: Engine, clock: ManualClock, value: bytes, shown: str
    ) -> None:
        run("SET", "k", value)
        lru = clock.now_ms() // 1000 % 2**24
        clock.advance(ms=3_000)
        engine.cron(0)
        reply = run("DEBUG", "OBJECT", "k")
        assert isinstance(reply, Status)
        assert reply.text.startswith("Value at:0x")
        assert reply.text.endswith(f" {shown} lru:{lru} lru_seconds_idle:3")

    def test_object_of_a_missing_key(self, run: Run) -> None:
        assert run("DEBUG", "OBJECT", "missing") == errors.NO_SUCH_KEY

    def test_help_names_what_there_is(self, run: Run) -> None:
        lines = run("DEBUG", "HELP")
        assert isinstance(lines, list)
        assert [line.text.split()[0] for line in lines if not line.text.startswith(" ")] == [
            "DEBUG", "OBJECT", "SET-ACTIVE-EXPIRE", "SLEEP", "HELP",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "words", [["nosuch"], ["SLEEP"], ["sleep", "0", "x"], ["OBJECT", "a", "b"], ["HELP", "x"], [""]]
    )
    def test_refuses_other_words(self, run: Run, words: list[str]) -> None:
        assert run("DEBUG", *words) == (
            f"ERR unknown subcommand or wrong number of arguments for '{words[0]}'. Try DEBUG HELP."
        )
