"""Record what a Redis server says of the commands that exist here, into `commands.txt` beside this file.

Run as `PYTHONPATH=server python tests/commands/record_commands.py HOST PORT`, against a Redis 8.0.
"""

import json
import socket
import sys
from pathlib import Path
from typing import Any

import hiredis

import vermilion.commands.groups  # noqa: F401  # declares the commands
from vermilion.commands.registry import COMMANDS

TARGET = Path(__file__).with_name("commands.txt")
HEADER = """\
# The commands of Redis {version} that exist here, recorded in RESP2 by tests/commands/record_commands.py:
# one a line, its COMMAND INFO and its COMMAND DOCS as JSON, subcommands by name. Sentences are left out:
# summary, complexity and history are each project's own.
"""
SENTENCES = {"summary", "complexity", "history"}


def pairs(flat: list[Any]) -> list[tuple[Any, Any]]:
    """Return a flat array as pairs."""
    return list(zip(flat[::2], flat[1::2], strict=True))


def facts(docs: list[Any]) -> list[list[Any]]:
    """Return documentation without sentences, subcommands by name."""
    kept = [(name, value) for name, value in pairs(docs) if name not in SENTENCES]
    return [
        [name, sorted([sub, facts(described)] for sub, described in pairs(value))]
        if name == "subcommands"
        else [name, value]
        for name, value in kept
    ]


def record(host: str, port: int) -> str:
    """Return the text of the fixture."""
    reader = hiredis.Reader(encoding="utf-8")
    with socket.create_connection((host, port)) as connection:

        def call(*words: str) -> Any:
            connection.sendall(hiredis.pack_command(words))  # type: ignore[arg-type]  # the stub wants one word
            while (reply := reader.gets()) is False:
                reader.feed(connection.recv(1 << 16))
            return reply

        version = call("INFO", "server").split("redis_version:")[1].split()[0]
        lines = [HEADER.format(version=version)]
        for name in sorted(COMMANDS):
            if "|" not in name:
                info = call("COMMAND", "INFO", name)[0]
                info[9].sort(key=lambda sub: sub[0])
                [(_, docs)] = pairs(call("COMMAND", "DOCS", name))
                lines.append(json.dumps([info, facts(docs)]) + "\n")
    return "".join(lines)


if __name__ == "__main__":
    TARGET.write_text(record(sys.argv[1], int(sys.argv[2])), encoding="utf-8")
