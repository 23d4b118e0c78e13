"""Golden transcripts: what a real Redis answered to each case, as text files that a person can read and diff.

    # string/append: replies of Redis 8.0.6. Written by `python -m conformance record`; not to be edited.

    case APPEND creates a missing key
      same APPEND k abc
        :3
      same GET nothing
       resp2
        $nil
       resp3
        _

A reply that both protocols give alike stands once. Two columns are a step, three a protocol, four its reply.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from conformance.corpus import Case, CaseFile
from conformance.resp import indented

__all__ = ["GOLDEN", "GoldenError", "Transcript", "golden_path", "read", "write"]

NOTICE: Final = "Written by `python -m conformance record`; not to be edited."
GOLDEN: Final = Path(__file__).parent / "golden"


class GoldenError(ValueError):
    """A transcript is missing or does not belong to its corpus file."""


@dataclass(slots=True)
class Transcript:
    """The replies to the cases of one file.

    Args:
        version: the version of the server that gave them.
        cases: per case title its compared steps, each with the reply's text per protocol.
    """

    version: str
    cases: dict[str, list[tuple[str, dict[int, str]]]] = field(default_factory=dict)

    def add(self, case: Case, replies: Mapping[int, Sequence[str]]) -> None:
        """Add a case's replies, given per protocol, one per compared step."""
        compared = [step for step in case.steps if step.compared]
        self.cases[case.title] = [
            (step.source, {protocol: texts[place] for protocol, texts in replies.items()})
            for place, step in enumerate(compared)
        ]

    def expected(self, case: Case, protocol: int) -> list[str] | None:
        """Return the texts for a case, or None if it was recorded otherwise than it now stands."""
        recorded = self.cases.get(case.title)
        sources = [step.source for step in case.steps if step.compared]
        if recorded is None or [source for source, _ in recorded] != sources:
            return None
        if any(protocol not in texts for _, texts in recorded):
            return None
        return [texts[protocol] for _, texts in recorded]


def golden_path(topic: str, root: Path = GOLDEN) -> Path:
    """Return where the transcript of a topic is kept."""
    return root / f"{topic}.golden"


def write(transcript: Transcript, topic: str, root: Path = GOLDEN) -> None:
    """Write a transcript; the same replies give the same bytes."""
    lines = [f"# {topic}: replies of Redis {transcript.version}. {NOTICE}"]
    for title, steps in transcript.cases.items():
        lines += ["", f"case {title}"]
        for source, texts in steps:
            lines.append(f"  {source}")
            if len(set(texts.values())) == 1 and len(texts) == 2:
                lines.append(indented(next(iter(texts.values())), 4))
                continue
            for protocol, text in sorted(texts.items()):
                lines += [f"   resp{protocol}", indented(text, 4)]
    path = golden_path(topic, root)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", "utf-8")


def read(case_file: CaseFile, root: Path = GOLDEN) -> Transcript:
    """Return the transcript of a case file.

    Args:
        case_file: the file whose replies are wanted.
        root: the folder of transcripts.

    Returns:
        The transcript.

    Raises:
        GoldenError: none was recorded.

    LLM Context:
        - Lines end with a newline character only: a reply's text holds no raw control characters.
    """
    path = golden_path(case_file.topic, root)
    if not path.exists():
        raise GoldenError(f"{case_file.topic} was never recorded: python -m conformance record --help")
    head, *lines = path.read_text("utf-8").split("\n")
    transcript = Transcript(head.partition(" of Redis ")[2].partition(". ")[0])
    steps: list[tuple[str, dict[int, str]]] = []
    protocols: tuple[int, ...] = (2, 3)
    for line in lines:
        if line.startswith("case "):
            steps = transcript.cases[line.removeprefix("case ")] = []
        elif line.startswith("    "):
            texts = steps[-1][1]
            for protocol in protocols:
                known = texts.get(protocol)
                texts[protocol] = line[4:] if known is None else f"{known}\n{line[4:]}"
        elif line.startswith("   resp"):
            protocols = (int(line.removeprefix("   resp")),)
        elif line.startswith("  "):
            steps.append((line[2:], {}))
            protocols = (2, 3)
    return transcript
