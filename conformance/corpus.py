r"""The corpus: readable case files, and what they say once parsed.

A line is a directive or a step; README.md tells what each may say.

    file    = { comment | "requires" NAME… | case }
    case    = "case" TITLE { directive | step }
    step    = [ "@" CLIENT ] VERB [ ":" PARAMETER ] WORD…
    word    = bare | "double quoted, with \xHH escapes" | 'single quoted' | @repeat:TEXT:N | @range:TEXT:A:B
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NoReturn

from conformance.verbs import TOLERANCES, Tolerance, VerbError

__all__ = ["CORPUS", "Case", "CaseFile", "CorpusError", "Step", "Word", "load", "parse", "split_words"]

CORPUS: Final = Path(__file__).parent / "corpus"
SUFFIX: Final = ".case"

ACTIONS: Final = frozenset({"run", "let", "silent", "send", "recv", "heard", "scan", "raw", "sleep"})
"""The verbs that do something else than send a command and compare its reply under a tolerance."""


class CorpusError(ValueError):
    """A case file breaks the format; the message begins with file and line."""


@dataclass(frozen=True, slots=True)
class Word:
    """One argument as written.

    Args:
        data: its bytes.
        expands: whether ``${name}`` in it stands for what a ``let`` step saved.
    """

    data: bytes
    expands: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a case that does something.

    Args:
        line: where it stands in its file.
        client: whose connection it uses; empty for the unnamed one.
        verb: the action or the tolerance.
        parameter: what stands behind the verb's colon.
        words: the command, or the bytes of a ``raw``.
        source: the line as text, which is what transcripts are matched by.
    """

    line: int
    client: str
    verb: str
    parameter: str
    words: tuple[Word, ...]
    source: str

    @property
    def compared(self) -> bool:
        """Whether there is anything to record."""
        return self.verb not in {"run", "let", "send", "sleep"}

    @property
    def tolerance(self) -> Tolerance:
        """What of the reply is compared."""
        if self.verb in TOLERANCES:
            return Tolerance(self.verb, self.parameter)
        return Tolerance.parse(self.parameter or "same") if self.verb == "recv" else Tolerance("same")


@dataclass(frozen=True, slots=True)
class Case:
    """What is played on a clean server, in one go.

    Args:
        title: its name, unique in its file.
        line: where it begins.
        steps: what it does, in order.
        configs: what CONFIG SET is given before the first step.
        cleanup: commands that undo what FLUSHALL and CONFIG SET do not.
        protocols: the RESP versions in which it is played.
        requires: commands without which it is skipped.
    """

    title: str
    line: int
    steps: tuple[Step, ...] = ()
    configs: tuple[tuple[bytes, ...], ...] = ()
    cleanup: tuple[tuple[bytes, ...], ...] = ()
    protocols: tuple[int, ...] = (2, 3)
    requires: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One file of the corpus.

    Args:
        topic: its path in the corpus without the suffix, such as ``string/append``.
        cases: its cases, variants of ``each`` multiplied out.
    """

    topic: str
    cases: tuple[Case, ...]

    @property
    def group(self) -> str:
        """The folder, which is a command group or ``protocol``."""
        return self.topic.partition("/")[0]


@dataclass(slots=True)
class _Draft:
    """A case while its lines are read."""

    title: str
    line: int
    variables: dict[str, list[str]] = field(default_factory=dict)
    lines: list[tuple[int, str]] = field(default_factory=list)


def load(paths: Iterable[Path] = ()) -> list[CaseFile]:
    """Return the case files under the paths, or the whole corpus, sorted by topic.

    Args:
        paths: case files or folders; none means the corpus of this project.

    Returns:
        The parsed files.

    Raises:
        CorpusError: a file breaks the format, a path holds no case, or lies outside the corpus.
        OSError: a file cannot be read.

    Example:
        >>> any(case_file.topic == "string/append" for case_file in load())
        True

    LLM Context:
        - A relative path starts in the corpus (``string/append.case``) or else in the working directory.
    """
    found: set[Path] = set()
    for path in paths or [CORPUS]:
        start = CORPUS / path if (CORPUS / path).exists() else path
        files = [start] if start.is_file() else list(start.rglob(f"*{SUFFIX}"))
        if not files:
            raise CorpusError(f"{path}: no case files")
        found.update(file.resolve() for file in files)
    root = CORPUS.resolve()
    topics = {(_topic(file, root), file) for file in found}
    return [parse(file.read_text("utf-8"), topic) for topic, file in sorted(topics)]


def _topic(file: Path, root: Path) -> str:
    if not file.is_relative_to(root):
        return f"{file.parent.name}/{file.stem}"
    return file.relative_to(root).with_suffix("").as_posix()


def parse(text: str, topic: str) -> CaseFile:
    r"""Return the case file that a text holds.

    Args:
        text: the file's content.
        topic: its name, for messages and transcripts.

    Returns:
        The cases, multiplied out.

    Raises:
        CorpusError: the text breaks the format.

    Example:
        >>> parse("case ping\n  same PING", "connection/ping").cases[0].steps[0].words
        (Word(data=b'PING', expands=False),)
    """
    requires: list[str] = []
    drafts: list[_Draft] = []
    cases: list[Case] = []
    for number, raw_line in enumerate(text.splitlines(), 1):
        line = raw_line.strip()
        keyword, _, rest = line.partition(" ")
        try:
            if not line or line.startswith("#"):
                continue
            if keyword == "case":
                drafts.append(_Draft(rest.strip(), number))
            elif drafts and keyword == "each":
                name, _, values = rest.strip().partition(" ")
                drafts[-1].variables[name] = _alternatives(values)
            elif drafts:
                drafts[-1].lines.append((number, line))
            elif keyword == "requires":
                requires += rest.split()
            else:
                _refuse_early(line)
        except CorpusError as error:
            raise CorpusError(f"{topic}:{number}: {error}") from None
    for draft in drafts:
        for title, lines in _variants(draft):
            cases.append(_case(title, draft.line, lines, requires, topic))
    titles = [case.title for case in cases]
    for case in cases:
        if titles.count(case.title) > 1:
            raise CorpusError(f"{topic}:{case.line}: two cases are called {case.title!r}")
    return CaseFile(topic, tuple(cases))


def _refuse_early(line: str) -> NoReturn:
    raise CorpusError(f"a step before the first case: {line}")


def _alternatives(text: str) -> list[str]:
    """Split an ``each`` at its lone bars, or at blanks where it has none."""
    if re.search(r"(^|\s)\|(\s|$)", text):
        return [value.strip() for value in re.split(r"(?:^|(?<=\s))\|(?=\s|$)", text)]
    values = [match[0] for match in _WORD.finditer(text)]
    if not values:
        raise CorpusError("each takes a name and values")
    return values


def _variants(draft: _Draft) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Yield title and lines of a case for every combination of its variables."""
    for combination in itertools.product(*draft.variables.values()):
        values = dict(zip(draft.variables, combination, strict=True))
        title = _substituted(draft.title, values)
        unnamed = [value for name, value in values.items() if f"{{{name}}}" not in draft.title]
        if unnamed:
            title += f" [{', '.join(unnamed)}]"
        yield title, [(number, _substituted(line, values).strip()) for number, line in draft.lines]


def _substituted(text: str, values: Mapping[str, str]) -> str:
    """Put the values in place of their {names}; ${name} is a let's and stays."""

    def value(match: re.Match[str]) -> str:
        return values.get(match[1], match[0])

    return re.sub(r"(?<!\$)\{(\w+)\}", value, text)


def _case(title: str, start: int, lines: list[tuple[int, str]], requires: list[str], topic: str) -> Case:
    case = Case(title, start, requires=frozenset(name.lower() for name in requires))
    if not title:
        raise CorpusError(f"{topic}:{start}: a case needs a title")
    for number, line in lines:
        keyword, _, rest = line.partition(" ")
        try:
            match keyword:
                case "config":
                    case = replace(case, configs=(*case.configs, _plain(rest)))
                case "cleanup":
                    case = replace(case, cleanup=(*case.cleanup, _plain(rest)))
                case "requires":
                    case = replace(case, requires=case.requires | set(rest.lower().split()))
                case "resp":
                    case = replace(case, protocols=tuple(int(version) for version in rest.split()))
                case _:
                    case = replace(case, steps=(*case.steps, _step(number, line)))
        except (CorpusError, VerbError, ValueError) as error:
            raise CorpusError(f"{topic}:{number}: {error}") from None
    if not case.steps:
        raise CorpusError(f"{topic}:{start}: a case without steps")
    return case


def _plain(text: str) -> tuple[bytes, ...]:
    return tuple(word.data for word in split_words(text))


def _step(number: int, line: str) -> Step:
    client, rest = "", line
    if line.startswith("@"):
        client, _, rest = line[1:].partition(" ")
    head, _, rest = rest.strip().partition(" ")
    verb, _, parameter = head.partition(":")
    if verb not in ACTIONS and verb not in TOLERANCES:
        raise CorpusError(f"unknown verb {verb!r}")
    step = Step(number, client, verb, parameter, tuple(split_words(rest)), line)
    if verb == "let" and not re.fullmatch(r"\w+", parameter):
        raise CorpusError("let takes the name that it gives: let:NAME")
    if verb == "sleep":
        int(rest)
    listens = verb in {"recv", "heard"}
    if bool(step.words) is listens:
        raise CorpusError(f"{verb} takes {'no' if listens else 'a'} command")
    # a bad parameter is found now rather than at the first reply
    _ = step.tolerance
    return step


_WORD: Final = re.compile(
    r'"(?P<double>(?:[^"\\]|\\.)*)"(?!\S)|\'(?P<single>(?:[^\'\\]|\\.)*)\'(?!\S)|(?P<bare>\S+)'
)
_ESCAPE: Final = re.compile(rb"\\(x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_ESCAPED: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}


def split_words(text: str) -> Iterator[Word]:
    r"""Yield the words of a line, quoted as redis-cli quotes them.

    Args:
        text: the line behind its verb.

    Yields:
        One word each; ``@range`` yields several.

    Raises:
        CorpusError: a quote does not end, or something follows it directly.

    Example:
        >>> [word.data for word in split_words(r'SET "a\x00b" @repeat:xy:2 @range:k:1:2')]
        [b'SET', b'a\x00b', b'xyxy', b'k1', b'k2']
    """
    for match in _WORD.finditer(text):
        if match["single"] is not None:
            yield Word(match["single"].replace("\\'", "'").encode())
        elif match["double"] is not None:
            data = _ESCAPE.sub(_unescaped, match["double"].encode())
            yield Word(data, b"${" in data)
        else:
            yield from _bare_words(match["bare"])


def _bare_words(token: str) -> Iterator[Word]:
    if token[0] in "\"'":
        raise CorpusError(f"unbalanced quotes at {token}")
    if not token.startswith(("@repeat:", "@range:")):
        yield Word(token.encode(), "${" in token)
        return
    kind, *parts = token[1:].split(":")
    if kind == "repeat" and len(parts) == 2:
        yield Word(_ESCAPE.sub(_unescaped, parts[0].encode()) * int(parts[1]))
    elif kind == "range" and len(parts) == 3:
        yield from (Word(f"{parts[0]}{i}".encode()) for i in range(int(parts[1]), int(parts[2]) + 1))
    else:
        raise CorpusError(f"bad generator {token}: @repeat:TEXT:TIMES or @range:PREFIX:FIRST:LAST")


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if len(code) == 3:
        return bytes([int(code[1:], 16)])
    return _ESCAPED.get(code, code)
