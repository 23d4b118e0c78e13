"""A pytest plugin: runs a suite's selection, expects what its list says cannot pass to fail, and writes what happened.

Runs inside pytest, in the suite's folder: nothing but this package and pytest is imported.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from conformance.suites.suite import Part, Skip, read, wildcard

LISTED = "listed: "
"""What the reason of a skip begins with that comes from our list, not from the suite."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("published suites")
    group.addoption("--suite", type=Path, required=True, help="the suite's file")
    group.addoption("--suite-part", required=True, help="the name of the part")
    group.addoption("--suite-resp", type=int, required=True, help="the protocol: 2 or 3")
    group.addoption("--suite-report", type=Path, required=True, help="the file that is written at the end")


def pytest_configure(config: pytest.Config) -> None:
    """Start to listen."""
    suite = read(config.getoption("--suite"))
    [part] = (each for each in suite.parts if each.name == config.getoption("--suite-part"))
    resp, report = config.getoption("--suite-resp"), config.getoption("--suite-report")
    config.pluginmanager.register(Listener(suite.skips, part, resp, report))


class Listener:
    """Selects tests, and counts what became of them."""

    def __init__(self, skips: Sequence[Skip], part: Part, resp: int, report: Path) -> None:
        self._skips = skips
        self._part = part.name
        self._select = [wildcard(pattern.format(resp=resp)) for pattern in part.select]
        self._resp = resp
        self._report = report
        self._used: set[str] = set()
        self._outcomes: dict[str, str] = {}
        self._reasons: Counter[str] = Counter()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out what is not selected, and mark what cannot pass."""
        if self._select:
            chosen = [item for item in items if any(one.fullmatch(item.nodeid) for one in self._select)]
            config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
            items[:] = chosen
        for item in items:
            for skip in self._skips:
                pattern = skip.covering(item.nodeid, self._resp, self._part)
                if pattern is not None:
                    self._used.add(pattern)
                    item.add_marker(_mark(skip))
                    break

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count a file that cannot be imported, and one that skips itself."""
        if report.failed:
            self._outcomes[report.nodeid] = "failed"
        elif report.skipped:
            self._outcomes[report.nodeid] = "skipped"
            self._reasons[_reason(report)] += 1

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a step of a test ended; a failure of any step is the test's."""
        if report.failed:
            stale = isinstance(report.longrepr, str) and "[XPASS(strict)]" in report.longrepr
            self._outcomes[report.nodeid] = "stale" if stale else "failed"
        elif report.skipped:
            reason = _reason(report)
            listed = reason.startswith(LISTED)
            self._outcomes.setdefault(report.nodeid, "listed" if listed else "skipped")
            self._reasons[reason] += 1
        elif report.when == "call":
            self._outcomes.setdefault(report.nodeid, "passed")

    def pytest_sessionfinish(self) -> None:
        """Write the report."""
        document = {
            "outcomes": self._outcomes,
            "reasons": self._reasons,
            "used": sorted(self._used),
        }
        self._report.write_text(json.dumps(document, indent=1), "utf-8")


def _mark(skip: Skip) -> pytest.MarkDecorator:
    reason = f"{LISTED}{skip.reason}"
    if skip.run:
        return pytest.mark.xfail(reason=reason, strict=True)
    return pytest.mark.skip(reason=reason)


def _reason(report: pytest.CollectReport | pytest.TestReport) -> str:
    expected = getattr(report, "wasxfail", None)
    if expected is not None:
        return str(expected)
    where = report.longrepr
    return where[2].removeprefix("Skipped: ") if isinstance(where, tuple) else ""


def unused(skips: Iterable[Skip], used: Iterable[str]) -> list[str]:
    """Return the patterns that covered no test."""
    known = set(used)
    return [pattern for skip in skips for pattern in skip.tests if pattern not in known]
