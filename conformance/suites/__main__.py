"""`python -m conformance.suites`: runs the suites, and prints what passed, failed and was skipped."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from conformance.suites.errors import SuiteError
from conformance.suites.plugin import unused
from conformance.suites.runs import Result, Run, execute
from conformance.suites.servers import serving
from conformance.suites.suite import Suite, load, names

OUTCOMES = ("passed", "failed", "stale", "listed", "skipped")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: what follows the program's name; None takes the process's own.

    Returns:
        0 if every test passed that is not listed, 1 if one failed or the list is stale, 2 if a suite could not
        be run.

    Example:
        ``python -m conformance.suites redis-py --resp 3 --part asyncio -- -k pubsub``
    """
    options = _parser().parse_args(arguments)
    try:
        suites = [load(name) for name in options.suites or names()]
        runs = [
            Run(suite, part, resp)
            for suite in suites
            for part in suite.parts
            for resp in (2, 3)
            if options.part in {None, part.name} and options.resp in {None, resp}
        ]
    except SuiteError as error:
        sys.stderr.write(f"suites: {error}\n")
        return 2
    serve = partial(
        serving, shlex.split(options.server) if options.server else [sys.executable, "-m", "vermilion"]
    )
    results: list[Result] = []
    lost: list[SuiteError] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for future in [pool.submit(execute, run, serve, options.pytest) for run in runs]:
            try:
                results.append(future.result())
            except SuiteError as error:
                lost.append(error)
    whole = not (options.pytest or options.part or options.resp or lost)
    good = [
        report(suite, [one for one in results if one.run.suite is suite], whole=whole) for suite in suites
    ]
    for why in lost:
        sys.stderr.write(f"suites: {why}\n")
    return 2 if lost else 0 if all(good) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance.suites",
        description="Run published test-suites against Vermilion, each part in RESP2 and in RESP3.",
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(names())}; none means all")
    parser.add_argument("--part", help="only this part: the file of the suite names them")
    parser.add_argument("--resp", type=int, choices=(2, 3), help="only this protocol")
    parser.add_argument("--server", metavar="COMMAND", help="start this, with redis-server's arguments")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="so many runs at a time")
    parser.add_argument(
        "--pytest", type=shlex.split, default=[], metavar="WORDS", help="more for pytest: '-k lock'"
    )
    return parser


def report(suite: Suite, results: Sequence[Result], *, whole: bool) -> bool:
    """Print what came of a suite's runs.

    Args:
        suite: the suite.
        results: of its runs.
        whole: whether these are all runs of all its tests, so that an entry of the list that names none is stale.

    Returns:
        Whether it is as it should be.
    """
    lines = [f"{suite.name} ({suite.source.name})"]
    bad = 0
    for result in results:
        figures = result.figures
        text = ", ".join(f"{figures[outcome]} {outcome}" for outcome in OUTCOMES)
        lines.append(f"  {result.run.part.name:10} RESP{result.run.resp}  {text}  in {result.seconds:.0f} s")
        wrong = [
            f"    {outcome}: {test}" for outcome in ("failed", "stale") for test in result.tests(outcome)
        ]
        if wrong:
            lines += [*wrong, f"    see {result.log}"]
            bad += len(wrong)
    if whole:
        names_nothing = unused(suite.skips, frozenset().union(*(result.used for result in results)))
        lines += [f"  stale: {pattern} names no test" for pattern in names_nothing]
        bad += len(names_nothing)
    sys.stdout.write("\n".join(lines) + "\n\n")
    return not bad


if __name__ == "__main__":
    sys.exit(main())
