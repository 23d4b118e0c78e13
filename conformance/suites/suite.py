"""A suite as its TOML file declares it: where it comes from, what is run, and what is left out, each with a reason."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from conformance.suites.errors import SuiteError

HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Source:
    """A source distribution on PyPI.

    Args:
        package: its name there.
        version: the one version that is used.
        sha256: of the file.
    """

    package: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        """Its name and version, which is also the folder in the file."""
        return f"{self.package}-{self.version}"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a suite, which is run by itself.

    Args:
        name: of the part.
        files: what pytest collects.
        arguments: more for pytest.
        select: patterns of ids of the tests that are run, with `{resp}`; none selects all.
    """

    name: str
    files: Sequence[str]
    arguments: Sequence[str] = ()
    select: Sequence[str] = ()


@dataclass(frozen=True)
class Skip:
    """Tests that cannot pass.

    Args:
        tests: patterns of test ids, in which only `*` is special.
        reason: why they cannot.
        run: whether they are run nevertheless, so that one that passes is noticed. Not where a test would wait
            for long, or passes by chance.
        resp: the protocol in which they cannot; 0 for both.
        part: the part in which they cannot; empty for all.
    """

    tests: Sequence[str]
    reason: str
    run: bool = True
    resp: int = 0
    part: str = ""

    def covering(self, test: str, resp: int, part: str) -> str | None:
        """Return the pattern that covers a test of a run, if one does.

        Example:
            >>> Skip(["tests/test_a.py::*", "*[x]"], "why").covering("tests/test_b.py::test[x]", 3, "sync")
            '*[x]'
        """
        if self.resp not in {0, resp} or self.part not in {"", part}:
            return None
        return next((pattern for pattern, regex in self._regexes.items() if regex.fullmatch(test)), None)

    @cached_property
    def _regexes(self) -> dict[str, re.Pattern[str]]:
        return {pattern: wildcard(pattern) for pattern in self.tests}


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite.

    Args:
        file: the TOML file that declares it.
        source: the distribution that holds it.
        client: the distribution of redis-py that it tests with, where that is another.
        parts: its parts, each for a run of its own.
        arguments: what pytest is given in all of them; `{url}`, `{tls_url}` and `{resp}` stand for the
            server and the protocol.
        port: the server's port as the tests have it written down, None where they take it as an argument.
        own_ports: ports that the tests themselves listen at, as they are written; each run takes others.
        certificates: the folder where the tests look for certificates; empty for those that speak no TLS.
        left_out: globs of files and folders that are not even unpacked, with the reason.
        skips: the tests that cannot pass.
    """

    file: Path
    source: Source
    parts: Sequence[Part]
    client: Source | None = None
    arguments: Sequence[str] = ()
    port: int | None = None
    own_ports: Sequence[int] = ()
    certificates: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    skips: Sequence[Skip] = ()

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.file.stem


def wildcard(pattern: str) -> re.Pattern[str]:
    """Compile a pattern of test ids: the brackets of ids are no sets of characters, so it is no glob.

    Example:
        >>> bool(wildcard("*[RESP*]").fullmatch("test_x.py::test[RESP3]"))
        True
    """
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def names() -> list[str]:
    """Return the names of the suites there are."""
    return sorted(path.stem for path in HERE.glob("*.toml"))


def load(name: str) -> Suite:
    """Read the file of one of the suites here.

    Raises:
        SuiteError: there is none of this name, or its file breaks the format.

    Example:
        >>> load("redis-py").source.package
        'redis'
    """
    if name not in names():
        raise SuiteError(f"there is no suite {name!r}, but {', '.join(names())}")
    return read(HERE / f"{name}.toml")


def read(file: Path) -> Suite:
    """Read the file of a suite; SuiteError says how it breaks the format."""
    try:
        return _suite(file, tomllib.loads(file.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise SuiteError(f"{file.name}: {error}") from None


def _suite(file: Path, document: dict[str, Any]) -> Suite:
    skips = [Skip(**entry) for entry in document.pop("skip", [])]
    left_out: dict[str, str] = {}
    for entry in document.pop("left-out", []):
        left_out |= dict.fromkeys(entry["files"], entry["reason"])
    if not all(reason.strip() for reason in [*left_out.values(), *(skip.reason for skip in skips)]):
        raise TypeError("an entry gives no reason")
    source = Source(**document.pop("source"))
    client = Source(**document.pop("client")) if "client" in document else None
    parts = [Part(**entry) for entry in document.pop("part")]
    return Suite(file, source, parts, client, left_out=left_out, skips=skips, **document)
