"""The command line: replay the corpus against a server, or record a real Redis's replies."""

import argparse
import contextlib
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conformance import golden
from conformance.connection import Address, ServerError, running
from conformance.corpus import Case, CaseFile, CorpusError, load
from conformance.player import Player
from conformance.report import (
    KNOWN,
    Known,
    KnownError,
    Outcome,
    Verdict,
    differences,
    judged,
    load_known,
    table,
)

__all__ = ["main"]

NOT_RECORDED = "(not recorded as it stands: python -m conformance record)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: what follows the program's name; None takes the process's own.

    Returns:
        0 if every reply conforms, 1 if one does not, 2 if the run could not be made.

    Example:
        ``python -m conformance --filter SETRANGE --resp 3``

    See Also:
        conformance/README.md: the corpus and its verbs.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["record"]:
            return _record(_record_parser().parse_args(words[1:]))
        return _compare(_compare_parser().parse_args(words))
    except (CorpusError, golden.GoldenError, KnownError, ServerError, ValueError) as error:
        sys.stderr.write(f"conformance: {error}\n")
        return 2


def _compare_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance",
        description="Replay the corpus and compare every reply with the transcripts of a real Redis, or live "
        "with any server. `python -m conformance record --help` tells how transcripts are recorded.",
    )
    _add_common(parser)
    parser.add_argument("--oracle", metavar="URL", help="compare live with this server, not with transcripts")
    parser.add_argument("--target", metavar="URL", help="test this server, and start none")
    parser.add_argument(
        "--known",
        type=Path,
        default=KNOWN,
        metavar="FILE",
        help="the differences that stay, with their reasons",
    )
    parser.add_argument("--filter", default="", metavar="TEXT", help="only cases with TEXT in topic or title")
    parser.add_argument("--resp", type=int, choices=(2, 3), help="only this protocol")
    parser.add_argument("--max-diffs", type=int, default=50, metavar="N", help="show N differences at most")
    return parser


def _record_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m conformance record",
        description="Write the transcripts anew from a Redis 8.0. Every case is played twice; a file whose "
        "replies differ between the two is not written.",
    )
    _add_common(parser)
    parser.add_argument("--oracle", metavar="URL", help="record from this server")
    parser.add_argument("--force", action="store_true", help="record although the server is no Redis 8.0")
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="*", type=Path, help="case files or folders; none means the whole corpus"
    )
    parser.add_argument(
        "--server",
        metavar="COMMAND",
        help="start this command, with redis-server's arguments, instead of `python -m vermilion`",
    )
    parser.add_argument("--golden", type=Path, default=golden.GOLDEN, metavar="DIR", help="the transcripts")


@contextlib.contextmanager
def _player(url: str | None, command: str | None) -> Iterator[Player]:
    """Yield the player of a running server, or of one started for the time."""
    with contextlib.ExitStack() as stack:
        if url:
            address = Address.parse(url)
        else:
            program = shlex.split(command) if command else [sys.executable, "-m", "vermilion"]
            address = stack.enter_context(running(program))
        player = Player(address)
        stack.callback(player.close)
        yield player


def _record(options: argparse.Namespace) -> int:
    if not options.oracle and not options.server:
        raise ValueError("record needs --oracle redis://host:port, a Redis 8.0, or --server its command")
    unstable = 0
    with _player(options.oracle, options.server) as player:
        version = player.info("redis_version")
        genuine = version.startswith("8.0.") and not player.info("valkey_version")
        if not genuine and not options.force:
            raise ValueError(f"the oracle is no Redis 8.0 but {version or 'unknown'}; --force records it")
        for case_file in load(options.paths):
            transcript = golden.Transcript(version)
            differences = [
                f"{case_file.topic}.case:{case.line}  {case.title}: the replies vary\n{difference}"
                for case in case_file.cases
                if (difference := _record_case(player, case, transcript))
            ]
            if differences:
                sys.stderr.write("\n".join(differences) + "\n")
                unstable += len(differences)
            else:
                golden.write(transcript, case_file.topic, options.golden)
                replies = sum(len(steps) for steps in transcript.cases.values())
                sys.stdout.write(f"{case_file.topic}: {len(transcript.cases)} cases, {replies} replies\n")
    return 1 if unstable else 0


def _record_case(player: Player, case: Case, transcript: golden.Transcript) -> str:
    """Add the case's replies to the transcript; return where two playings differ, if they do."""
    missing = case.requires - player.commands
    if missing:
        raise ValueError(f"the oracle has no {', '.join(sorted(missing))}, which {case.title!r} requires")
    replies = {protocol: player.play(case, protocol) for protocol in case.protocols}
    transcript.add(case, replies)
    for protocol, texts in replies.items():
        for first, second in zip(texts, player.play(case, protocol), strict=True):
            if first != second or "(no reply)" in first or "(unread" in first:
                return f"    first   {first}\n    second  {second}"
    return ""


def _compare(options: argparse.Namespace) -> int:
    started = time.perf_counter()
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(_player(options.target, options.server))
        oracle = stack.enter_context(_player(options.oracle, None)) if options.oracle else None
        comparison = _Comparison(target, oracle, options.golden, options.resp, load_known(options.known))
        comparison.run(load(options.paths), options.filter)
    if comparison.lost:
        sys.stderr.write(f"conformance: the run ends at {comparison.lost}\n")
    if not comparison.outcomes:
        raise ValueError("no case was played")
    whole = not (options.paths or options.filter or options.resp or options.oracle or comparison.lost)
    conforms = comparison.report(options.max_diffs, time.perf_counter() - started, stale_is_error=whole)
    return 2 if comparison.lost else 0 if conforms else 1


@dataclass(slots=True)
class _Comparison:
    """A run of the corpus: what is compared with what, and what came of it."""

    target: Player
    oracle: Player | None
    transcripts: Path
    only: int | None
    known: list[Known]
    outcomes: list[Outcome] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    missing: set[str] = field(default_factory=set)
    lost: str = ""

    def run(self, case_files: Sequence[CaseFile], text: str) -> None:
        """Play the cases with the text in topic or title, until a server goes away."""
        for case_file in case_files:
            transcript = None if self.oracle else golden.read(case_file, self.transcripts)
            for case in case_file.cases:
                if text.lower() not in f"{case_file.topic} {case.title}".lower():
                    continue
                try:
                    self._play(case_file, case, transcript)
                except ServerError as error:
                    self.lost = f"{case_file.topic}, {case.title!r}: {error}"
                    return

    def _play(self, case_file: CaseFile, case: Case, transcript: golden.Transcript | None) -> None:
        servers = [self.target, self.oracle] if self.oracle else [self.target]
        lacking = {name for server in servers for name in case.requires - server.commands}
        compared = [(step.line, step.source) for step in case.steps if step.compared]
        for protocol in case.protocols:
            if self.only not in {None, protocol}:
                continue
            if lacking:
                self.skipped[case_file.group] += 1
                self.missing |= lacking
                continue
            recorded = transcript.expected(case, protocol) if transcript else None
            if self.oracle:
                recorded = self.oracle.play(case, protocol)
            expected = recorded or [NOT_RECORDED] * len(compared)
            got = self.target.play(case, protocol, expected)
            self.outcomes += judged(
                case_file.topic, compared, case.title, protocol, expected, got, self.known
            )

    def report(self, max_diffs: int, seconds: float, *, stale_is_error: bool) -> bool:
        """Print what was found; return whether the target conforms."""
        write = sys.stdout.write
        shown = differences(self.outcomes)
        write("".join(f"{difference}\n\n" for difference in shown[:max_diffs]))
        if len(shown) > max_diffs:
            write(f"… and {len(shown) - max_diffs} more: --max-diffs N shows N\n\n")
        write(f"{table(self.outcomes, self.skipped)}\n\n")
        if self.missing:
            write(f"skipped for want of: {', '.join(sorted(self.missing))}\n")
        stale = False
        for entry in self.known:
            count = sum(
                entry.covers(outcome) for outcome in self.outcomes if outcome.verdict is Verdict.KNOWN
            )
            if count:
                write(f"known: {entry.file}, {entry.case}: {count} replies: {entry.reason}\n")
            elif stale_is_error:
                stale = True
                write(f"known.toml: {entry.file}, {entry.case!r} no longer differs: remove the entry\n")
        failed = sum(outcome.verdict is Verdict.FAILED for outcome in self.outcomes)
        passed = sum(outcome.verdict is Verdict.PASSED for outcome in self.outcomes)
        write(f"{len(self.outcomes)} replies in {seconds:.1f} s\n")
        write(f"{passed} passed, {failed} failed\n")
        return not failed and not stale


if __name__ == "__main__":
    sys.exit(main())
