"""Writes docs/directives.md: every directive of redis.conf, and whether it means something here.

    python -m conformance.directives

The rows come from the declarations in `vermilion.settings`; a test holds the page against them.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from vermilion.directives import Directive
from vermilion.settings import Settings

PAGE: Final = Path(__file__).parent.parent / "docs" / "directives.md"

_HEAD: Final = """# Directives

<!-- Written by `make docs` from the declarations of the directives; a test holds it against them. -->

Every directive of Redis 8.0.6, with its default. All are read from files, arguments and the environment, checked as
Redis checks them, and answered by CONFIG GET. CONFIG SET changes those that are *live*; *protected* ones only as
`enable-protected-configs` allows, *fixed* ones never; those of a *file* stand in files only.

`backend` and those that begin with `upstream` are Vermilion's own: see [proxy.md](proxy.md).
`metrics-port` and `metrics-bind` are Vermilion's own, and so is `enable-test-commands`: see [testing.md](testing.md).
"""
_MEANINGFUL: Final = "## What they do"
_IGNORED: Final = """## Accepted and shown, without a meaning here

A configuration made for Redis works as it stands; the server's log names those of these that it was given. They
change nothing: what they tune does not exist here, or not yet."""
_TABLE: Final = "| directive | default | changed by CONFIG SET | meaning |\n|---|---|---|---|"


def _row(directive: Directive) -> str:
    """Return the row of one directive."""
    name = f"{directive.name}, {directive.alias}" if directive.alias else directive.name
    default = f"`{directive.default}`" if directive.default else ""
    return f"| {name} | {default} | {directive.access} | {directive.doc} |"


def _section(head: str, directives: Iterable[Directive]) -> str:
    """Return a section with its table."""
    return "\n".join([head, "", _TABLE, *map(_row, directives), ""])


def page() -> str:
    """Return the text of docs/directives.md."""
    return "\n".join(
        [
            _HEAD,
            _section(_MEANINGFUL, (one for one in Settings.directives if not one.ignored)),
            _section(_IGNORED, (one for one in Settings.directives if one.ignored)),
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page())
