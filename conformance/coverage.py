"""Which commands the corpus has cases for."""

from collections.abc import Iterable

from conformance.corpus import CaseFile, load

__all__ = ["covered_commands", "uncovered_commands"]


def covered_commands(case_files: Iterable[CaseFile] | None = None) -> frozenset[str]:
    """Return the names of the commands whose replies the corpus compares, as COMMAND LIST spells them.

    Args:
        case_files: the files to look at; None means the whole corpus.

    Returns:
        Lower-case names. Whether a second word is a subcommand is not known here, so ``client|list`` stands
        beside ``client``, and a name that no server has beside ``get``.

    Example:
        >>> {"get", "client|id"} <= covered_commands()
        True
    """
    names: set[str] = set()
    for case_file in load() if case_files is None else case_files:
        for case in case_file.cases:
            for step in case.steps:
                if step.compared or step.verb == "send":
                    words = [word.data.decode("latin-1").lower() for word in step.words[:2]]
                    names.update({words[0], "|".join(words)} if words else ())
    return frozenset(names)


def uncovered_commands(registered: Iterable[str]) -> list[str]:
    """Return the commands of a server's COMMAND LIST that no case compares.

    Example:
        >>> uncovered_commands(["get", "client|id", "no|such"])
        ['no|such']
    """
    covered = covered_commands()
    return sorted(name for name in registered if name.lower() not in covered)
