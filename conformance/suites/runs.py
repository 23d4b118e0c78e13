"""One run of a suite's part in one protocol: a server of its own, pytest in a process of its own, and its figures."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from conformance.suites import sources
from conformance.suites.errors import SuiteError
from conformance.suites.servers import Endpoint, free_port, write_certificates
from conformance.suites.suite import Part, Suite

Serve: TypeAlias = Callable[[Path | None], AbstractContextManager[Endpoint]]

ROOT: Final = Path(__file__).parents[2]
_FINISHED: Final = {0, 1, 5}
"""Exit codes of a pytest that ran its tests: all passed, some failed, there were none."""


@dataclass(frozen=True, slots=True)
class Run:
    """What is run.

    Args:
        suite: the suite.
        part: which part of it.
        resp: the protocol.
    """

    suite: Suite
    part: Part
    resp: int

    @property
    def name(self) -> str:
        """What the tables and the folders call it."""
        return f"{self.suite.name}, {self.part.name}, RESP{self.resp}"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run.

    Args:
        run: the run.
        outcomes: of each test: `passed`, `failed`, `skipped` by the suite, `listed` as it cannot pass, `stale`
            where it is listed and passes.
        reasons: how many tests were skipped for which reason.
        used: the patterns of the list that covered a test.
        log: what pytest printed.
        seconds: how long it took.
    """

    run: Run
    outcomes: Mapping[str, str]
    reasons: Mapping[str, int]
    used: frozenset[str]
    log: Path
    seconds: float

    @property
    def figures(self) -> Counter[str]:
        """How many tests came to which outcome."""
        return Counter(self.outcomes.values())

    def tests(self, outcome: str) -> list[str]:
        """The tests of one outcome."""
        return sorted(test for test, came in self.outcomes.items() if came == outcome)


def execute(run: Run, serve: Serve, extra: Sequence[str]) -> Result:
    """Run a part of a suite in one protocol.

    Args:
        run: what.
        serve: starts the server, given the folder of its certificates.
        extra: more arguments for pytest.

    Returns:
        What came of it.

    Raises:
        SuiteError: the suite cannot be fetched, the server does not start, or pytest did not run its tests.
    """
    suite = run.suite
    folder = sources.BUILD / f"{suite.source.name}-{run.part.name}-resp{run.resp}"
    sources.unpack(sources.fetch(suite.source), folder)
    path = [str(folder), str(ROOT)]
    if suite.client:
        client = folder.with_name(f"{folder.name}-client")
        sources.unpack(sources.fetch(suite.client), client)
        path.insert(1, str(client))
    for pattern in suite.left_out:
        sources.remove(folder, pattern)
    certificates = folder / suite.certificates if suite.certificates else None
    if certificates:
        write_certificates(certificates)
    report, log = folder / "report.json", folder / "pytest.log"
    started = time.perf_counter()
    with serve(certificates) as endpoint:
        if suite.port:
            sources.write_port(folder, suite.port, endpoint.port)
        for written in suite.own_ports:
            sources.write_port(folder, written, free_port())
        stand_for = {"url": endpoint.url, "tls_url": endpoint.tls_url, "resp": run.resp}
        command = [sys.executable, "-m", "pytest", "-p", "conformance.suites.plugin"]
        # pytest reads the source of a test that failed, and a few of these break its reader
        command += ["--tb=native", "--continue-on-collection-errors", "-rfE"]
        # with `=`: pytest takes other words of options that it does not know yet for files, and looks beside them
        # for its own configuration
        command += [f"--suite={suite.file}", f"--suite-part={run.part.name}"]
        command += [f"--suite-resp={run.resp}", f"--suite-report={report}"]
        command += [word.format(**stand_for) for word in [*suite.arguments, *run.part.arguments]]
        command += [*run.part.files, *extra]
        with log.open("wb") as output:
            # the words are those of the suite's own file and of the person at the terminal
            code = subprocess.run(  # noqa: S603
                command,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
    if code not in _FINISHED or not report.exists():  # a test can end the process
        raise SuiteError(f"{run.name}: pytest ended with {code}, before it was done; see {log}")
    document = json.loads(report.read_text("utf-8"))
    seconds = time.perf_counter() - started
    return Result(run, document["outcomes"], document["reasons"], frozenset(document["used"]), log, seconds)
