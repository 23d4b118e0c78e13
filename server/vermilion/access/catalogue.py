"""The commands as access rules name them: families of a command with its subcommands, and categories."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Catalogue(NamedTuple):
    """What rules may speak of; every command by its full name (`config|get`).

    Args:
        families: each command with its subcommands, under its name; a subcommand is a family of its own.
        categories: what `@category` stands for.
    """

    families: Mapping[str, frozenset[str]]
    categories: Mapping[str, frozenset[str]]

    @property
    def everything(self) -> frozenset[str]:
        """All commands."""
        return frozenset(self.families)


def catalogue(commands: Iterable[tuple[str, Iterable[str]]], categories: Iterable[str]) -> Catalogue:
    """Return the catalogue of some commands.

    Args:
        commands: full names, and the categories of each.
        categories: all that there are; one may be without commands.
    """
    known = dict(commands)
    members: dict[str, set[str]] = {name: {name} for name in known}
    for name in known:
        parent, bar, _ = name.partition("|")
        if bar:
            members[parent].add(name)
    families = {name: frozenset(family) for name, family in members.items()}
    found: dict[str, set[str]] = {category: set() for category in categories}
    for name, its in known.items():
        for category in its:
            found[category] |= families[name]  # a container brings its subcommands, of whatever category
    return Catalogue(families, {category: frozenset(names) for category, names in found.items()})
