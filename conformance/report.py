"""What a run found: one verdict per reply, known differences, the diff of each failure and the table."""

import difflib
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Final

from conformance.resp import indented

__all__ = [
    "KNOWN",
    "Known",
    "KnownError",
    "Outcome",
    "Verdict",
    "differences",
    "judged",
    "load_known",
    "table",
]

KNOWN: Final = Path(__file__).parent / "known.toml"


class KnownError(ValueError):
    """The list of known differences breaks its format."""


class Verdict(Enum):
    """What became of a reply."""

    PASSED = "passed"
    FAILED = "failed"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class Known:
    """A difference that is known and has a reason.

    Args:
        file: the topic, such as ``string/append``.
        case: the case's title; with `…` at its end, all that begin so.
        reason: why it differs.
        step: the line of the case; empty for all of its replies.
        resp: the protocol; 0 for both.
    """

    file: str
    case: str
    reason: str
    step: str = ""
    resp: int = 0

    def covers(self, outcome: "Outcome") -> bool:
        """Whether the outcome is a reply that this entry speaks of."""
        begins = self.case.endswith("…") and outcome.case.startswith(self.case[:-1])
        return (
            self.file == outcome.topic
            and (begins or self.case == outcome.case)
            and self.step in {"", outcome.step}
            and self.resp in {0, outcome.protocol}
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """One compared reply.

    Args:
        topic: the case file.
        line: the step's line in it.
        case: the case's title.
        step: the step as it stands in the file.
        protocol: the RESP version.
        expected: the text that the transcript or the oracle gives.
        got: the text that the server under test gave.
        verdict: what follows from them.
    """

    topic: str
    line: int
    case: str
    step: str
    protocol: int
    expected: str
    got: str
    verdict: Verdict


def load_known(path: Path = KNOWN) -> list[Known]:
    """Return the known differences that a file lists; KnownError if an entry is not complete."""
    entries = tomllib.loads(path.read_text("utf-8")).get("known", [])
    try:
        known = [Known(**entry) for entry in entries]
    except TypeError as error:
        raise KnownError(f"{path.name}: {error}") from None
    for entry in known:
        if not entry.reason.strip():
            raise KnownError(f"{path.name}: {entry.file}, {entry.case!r} gives no reason")
    return known


def judged(
    topic: str,
    steps: Iterable[tuple[int, str]],
    case: str,
    protocol: int,
    expected: Sequence[str],
    got: Sequence[str],
    known: Sequence[Known],
) -> Iterator[Outcome]:
    """Yield one outcome per compared step, given as line and source."""
    for (line, step), wanted, actual in zip(steps, expected, got, strict=True):
        outcome = Outcome(topic, line, case, step, protocol, wanted, actual, Verdict.PASSED)
        if wanted != actual:
            verdict = Verdict.KNOWN if any(entry.covers(outcome) for entry in known) else Verdict.FAILED
            outcome = replace(outcome, verdict=verdict)
        yield outcome


def differences(outcomes: Iterable[Outcome]) -> list[str]:
    """Return each failed reply as a person reads it, once if both protocols fail alike.

    Example:
        >>> failed = Outcome("string/get", 3, "GET", "same GET k", 2, ":1", ":2", Verdict.FAILED)
        >>> print(differences([failed, replace(failed, protocol=3)])[0])
        string/get.case:3  resp2+3  GET
            same GET k
            expected  :1
            got       :2
    """
    alike: dict[Outcome, list[int]] = {}
    for outcome in outcomes:
        if outcome.verdict is Verdict.FAILED:
            alike.setdefault(replace(outcome, protocol=0), []).append(outcome.protocol)
    return [_rendered(outcome, "+".join(map(str, protocols))) for outcome, protocols in alike.items()]


def _rendered(outcome: Outcome, protocols: str) -> str:
    head = f"{outcome.topic}.case:{outcome.line}  resp{protocols}  {outcome.case}\n    {outcome.step}"
    if "\n" not in outcome.expected + outcome.got:
        return f"{head}\n    expected  {outcome.expected}\n    got       {outcome.got}"
    lines = difflib.unified_diff(outcome.expected.split("\n"), outcome.got.split("\n"), n=2, lineterm="")
    diff = "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))
    return f"{head}\n    - expected, + got\n{indented(diff, 4)}"


def table(outcomes: Sequence[Outcome], skipped: Counter[str]) -> str:
    """Return the count of cases and replies per group; a case plays once per protocol."""
    groups = sorted({outcome.topic.partition("/")[0] for outcome in outcomes} | skipped.keys())
    rows: list[tuple[str, ...]] = [("group", "cases", "failed", "skipped", "replies", "failed", "known")]
    for group in [*groups, "all"]:
        here = [outcome for outcome in outcomes if group in {outcome.topic.partition("/")[0], "all"}]
        failed = [outcome for outcome in here if outcome.verdict is Verdict.FAILED]
        counts = (
            len({(outcome.topic, outcome.case, outcome.protocol) for outcome in here}),
            len({(outcome.topic, outcome.case, outcome.protocol) for outcome in failed}),
            skipped.total() if group == "all" else skipped[group],
            len(here),
            len(failed),
            sum(outcome.verdict is Verdict.KNOWN for outcome in here),
        )
        rows.append((group, *map(str, counts)))
    return "\n".join(f"{row[0]:<14}" + "".join(f"{cell:>9}" for cell in row[1:]) for row in rows)
