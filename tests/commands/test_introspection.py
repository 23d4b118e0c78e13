"""COMMAND INFO, COMMAND DOCS and the keys of calls, against what Redis said of the same commands."""

import json
from pathlib import Path
from typing import Any

import hiredis
import pytest

import vermilion.commands.groups  # noqa: F401  # declares the commands
from vermilion.commands import introspection
from vermilion.commands.registry import COMMANDS
from vermilion.errors import RespError
from vermilion.protocol.encode import encode_resp2, encode_resp3
from vermilion.protocol.reply import Reply

FIXTURE = Path(__file__).with_name("commands.txt")
RECORDED: dict[str, tuple[list[Any], list[Any]]] = {
    info[0].lower(): (info, docs)  # Redis spells the commands of modules in upper case
    for info, docs in map(
        json.loads, (line for line in FIXTURE.read_text().splitlines() if not line.startswith("#"))
    )
}
TOP_LEVEL = sorted(name for name in COMMANDS if "|" not in name)
EVERY_COMMAND = pytest.mark.parametrize("name", TOP_LEVEL)


def _resp2(reply: Reply) -> Any:
    """What a RESP2 client reads of a reply."""
    out: list[bytes] = []
    encode_resp2(reply, out.append)
    reader = hiredis.Reader(encoding="utf-8")
    reader.feed(b"".join(out))
    return reader.gets()


def _facts(docs: list[Any]) -> list[Any]:
    """Documentation without its sentences, subcommands by name."""
    facts = []
    for name, value in zip(docs[::2], docs[1::2], strict=True):
        if name == "subcommands":
            named = zip(value[::2], value[1::2], strict=True)
            facts.append([name, sorted([sub, _facts(described)] for sub, described in named)])
        elif name not in {"summary", "complexity"}:
            facts.append([name, value])
    return facts


def _existing(recorded: list[Any], place: int = 0) -> list[Any]:
    """Of recorded subcommands those that exist here."""
    return [sub for sub in recorded if sub[place] in COMMANDS]


@EVERY_COMMAND
def test_info_is_what_redis_says(name: str) -> None:
    ours = _resp2(introspection.info(COMMANDS[name]))
    theirs = RECORDED[name][0]
    ours[9].sort(key=lambda sub: sub[0])
    assert ours == [*theirs[:9], _existing(theirs[9])]


@EVERY_COMMAND
def test_docs_are_what_redis_says(name: str) -> None:
    ours = _facts(_resp2(introspection.document(COMMANDS[name])))
    theirs = [
        [field, _existing(value) if field == "subcommands" else value] for field, value in RECORDED[name][1]
    ]
    assert ours == theirs


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_says_what_it_does(name: str) -> None:
    summary = COMMANDS[name].summary
    assert summary[0].isupper()
    assert summary.endswith(".")


def test_flags_are_sets_of_simple_strings_in_resp3() -> None:
    out: list[bytes] = []
    encode_resp3(introspection.info(COMMANDS["strlen"]), out.append)
    assert b"".join(out) == (
        b"*10\r\n$6\r\nstrlen\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"
        b"~3\r\n+@read\r\n+@string\r\n+@fast\r\n~0\r\n~1\r\n%3\r\n$5\r\nflags\r\n~1\r\n+RO\r\n"
        b"$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n%1\r\n$5\r\nindex\r\n:1\r\n"
        b"$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n%3\r\n"
        b"$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n~0\r\n"
    )


@pytest.mark.parametrize(
    ("call", "keys"),
    [
        ("GET k", ["k"]),
        ("get k", ["k"]),
        ("MSET a 1 b 2", ["a", "b"]),
        ("MSET a 1 b", ["a", "b"]),
        ("DEL a a", ["a", "a"]),
        ("LCS a b IDX", ["a", "b"]),
        ("RENAME a b", ["a", "b"]),
        ("OBJECT freq k", ["k"]),
        ("memory usage k", ["k"]),
    ],
)
def test_keys_stand_where_redis_finds_them(call: str, keys: list[str]) -> None:
    assert [key.name.decode() for key in introspection.keys_of(COMMANDS, call.encode().split())] == keys


@pytest.mark.parametrize(
    ("call", "flags"),
    [
        ("SET k v", ("OW", "update")),
        ("SET k v get", ("RW", "access", "update")),
        ("SET get get", ("OW", "update")),
        ("GETEX k", ("RW", "access", "update")),
        ("STRLEN k", ("RO",)),
    ],
)
def test_what_a_call_does_to_its_key_may_depend_on_its_options(call: str, flags: tuple[str, ...]) -> None:
    assert tuple(introspection.keys_of(COMMANDS, call.encode().split())[0].flags) == flags


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("nosuch k", "ERR Invalid command specified"),
        ("OBJECT nosuch k", "ERR Invalid command specified"),
        ("OBJECT|FREQ k", "ERR Invalid command specified"),
        ("PING", "ERR The command has no key arguments"),
        ("OBJECT", "ERR The command has no key arguments"),
        ("GET", "ERR Invalid number of arguments specified for command"),
        ("GET a b", "ERR Invalid number of arguments specified for command"),
    ],
)
def test_calls_without_keys_are_refused(call: str, error: str) -> None:
    with pytest.raises(RespError) as refusal:
        introspection.keys_of(COMMANDS, call.encode().split())
    assert refusal.value.message == error
