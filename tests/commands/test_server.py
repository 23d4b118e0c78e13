"""The server group, beyond what COMMAND reads from the declarations."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from vermilion import errors
from vermilion.clock import ManualClock
from vermilion.commands import lolwut
from vermilion.commands.registry import COMMANDS
from vermilion.engine.engine import Engine
from vermilion.protocol.reply import NO_REPLY, OK, Pairs, Status, Verbatim

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
    def asked(self, engine: Engine, tmp_path: Path) -> list[bool]:
        asked: list[bool] = []
        engine.settings.dir = str(tmp_path / "missing")
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
