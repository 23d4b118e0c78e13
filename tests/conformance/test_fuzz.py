"""Random calls: they follow the documented syntax, repeat by their seed, and what differs is shown."""

import random
import sys
from collections.abc import Iterator

import pytest

from conformance import fuzz
from conformance.connection import Connection, running
from conformance.resp import Reply

DOCS = {
    "lpop": {
        "group": b"list",
        "arguments": [
            [b"name", b"key", b"type", b"key"],
            [b"name", b"count", b"type", b"integer", b"flags", [b"optional"]],
        ],
    },
    "zunion": {
        "group": b"sorted-set",
        "arguments": [
            [b"name", b"numkeys", b"type", b"integer"],
            [b"name", b"key", b"type", b"key", b"flags", [b"multiple"]],
        ],
    },
    "object": {
        "group": b"generic",
        "subcommands": {"object|encoding": {"group": b"generic"}, "object|help": {"group": b"generic"}},
    },
}  # fmt: skip


def calls(seed: int, *groups: str) -> list[list[bytes]]:
    grammar = fuzz.Grammar(DOCS, groups, random.Random(seed))
    return [grammar.call() for _ in range(300)]


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    with running([sys.executable, "-m", "vermilion"]) as address:
        connection = Connection(address)
        yield connection
        connection.close()


def test_a_seed_repeats_a_run() -> None:
    assert calls(1, "list", "generic") == calls(1, "list", "generic") != calls(2, "list", "generic")


def test_only_commands_of_the_groups_are_called() -> None:
    assert {call[0] for call in calls(1, "list")} == {b"lpop"}
    assert {tuple(call[:2]) for call in calls(1, "generic") if len(call) > 1} >= {(b"object", b"encoding")}


def test_the_count_of_keys_is_right_most_of_the_time() -> None:
    made = calls(1, "sorted-set")
    right = [
        call for call in made if call[1:2] == [b"%d" % len(call[2:])] and set(call[2:]) <= fuzz.KEYS.keys()
    ]
    assert len(right) > len(made) / 2


def test_a_server_does_not_differ_from_itself(connection: Connection) -> None:
    docs = fuzz.named(fuzz.plain(connection.call(b"COMMAND", b"DOCS")))
    grammar = fuzz.Grammar(docs, fuzz.GROUPS, random.Random(1))
    assert not list(fuzz.differences(connection, connection, grammar, random.Random(2), 0))
    for _ in range(300):
        words = grammar.call()
        reply = connection.call(*words)
        assert "internal error" not in fuzz.shown(reply, words)


def test_what_differs_comes_with_the_calls_before_it() -> None:
    class Answering:
        def __init__(self, reply: bytes) -> None:
            self.reply = reply

        def call(self, *words: bytes) -> Reply:
            return Reply("$", self.reply if words[0] == b"lpop" else b"")

    grammar = fuzz.Grammar(DOCS, ["list"], random.Random(1))
    ours, theirs = Answering(b"a"), Answering(b"b")
    found = list(fuzz.differences(ours, theirs, grammar, random.Random(1), 3))  # type: ignore[arg-type]  # stand-ins
    assert [(len(history), history[-1][0], ours, theirs) for history, ours, theirs in found] == [
        (1, b"lpop", '$"a"', '$"b"')
    ] * 3


def test_sets_have_no_order() -> None:
    one, other = (Reply("*", items=(Reply("$", a), Reply("$", b))) for a, b in ((b"1", b"2"), (b"2", b"1")))
    assert fuzz.shown(one, [b"sinter"]) == fuzz.shown(other, [b"sinter"])
    assert fuzz.shown(one, [b"lrange"]) != fuzz.shown(other, [b"lrange"])


def test_a_server_that_cannot_be_reached_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    absent = f"unix://{tmp_path}/nobody"
    assert fuzz.main(["--oracle", absent, "--target", absent]) == 2
    assert capsys.readouterr().err.startswith("fuzz: ")
