"""Writes docs/commands.md: every command of Redis 8.0, and whether it is there.

    python -m conformance.compatibility

The rows come from the declarations in `vermilion.commands` and from the names that a real Redis lists in COMMAND
DOCS; a test holds the page against them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import vermilion.commands.groups  # noqa: F401  # importing the groups is what declares the commands
from vermilion.commands.registry import COMMANDS

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "commands.md"
RECORDED: Final = Path(__file__).parent / "redis-8.0.6-commands.txt"

_HEAD: Final = """# Commands

<!-- Written by `make docs` from the declarations of the commands; a test holds it against them. -->

Every command of Redis 8.0.6, by group. What is there answers as Redis does: `make conformance` compares it with
transcripts of a real one. What is not there is refused as an unknown command.
"""


def recorded() -> dict[str, list[str]]:
    """Return the groups of a real Redis, and the names of the commands in each; `container|sub` for subcommands."""
    groups: dict[str, list[str]] = {}
    for line in RECORDED.read_text().splitlines():
        if not line.startswith("#"):
            group, name = line.split()
            groups.setdefault(group, []).append(name)
    return groups


def _rows(names: list[str]) -> Iterator[str]:
    """Yield the rows of one group's table."""
    for name in names:
        shown = name.upper().replace("|", " ")
        declared = COMMANDS.get(name.lower())
        yield f"| {shown} | {declared.summary if declared else '*not yet*'} |"


def page() -> str:
    """Return the text of docs/commands.md."""
    sections = [_HEAD]
    for group, names in recorded().items():
        there = sum(name.lower() in COMMANDS for name in names)
        sections.append(
            f"## {group.capitalize().replace('-', ' ')}: {there} of {len(names)}\n\n"
            "| command | what it does |\n|---|---|\n" + "\n".join(_rows(names)) + "\n"
        )
    return "\n".join(sections)


if __name__ == "__main__":
    PAGE.write_text(page())
