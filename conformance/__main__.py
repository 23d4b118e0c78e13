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
from conformance.report import Known, KnownError, Outcome, Verdict, judged, load_known, rendered, table

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


@dataclass(slots=True)
class _Run:
    """A comparison as it goes."""

    known: list[Known]
    outcomes: list[Outcome] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)


def _compare(options: argparse.Namespace) -> int:
    started = time.perf_counter()
    run = _Run(load_known())
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(_player(options.target, options.server))
        oracle = stack.enter_context(_player(options.oracle, None)) if options.oracle else None
        for case_file in load(options.paths):
            transcript = None if oracle else golden.read(case_file, options.golden)
            for case in case_file.cases:
                if options.filter.lower() in f"{case_file.topic} {case.title}".lower():
                    _compare_case(run, case_file, case, options.resp, target, oracle or transcript)
    if not run.outcomes:
        raise ValueError("no case was played")
    whole = not (options.paths or options.filter or options.resp or options.oracle)
    return _report(run, options.max_diffs, time.perf_counter() - started, stale_is_error=whole)


def _compare_case(
    run: _Run,
    case_file: CaseFile,
    case: Case,
    only: int | None,
    target: Player,
    reference: Player | golden.Transcript | None,
) -> None:
    lacking = case.requires - target.commands
    if isinstance(reference, Player):
        lacking |= case.requires - reference.commands
    compared = [(step.line, step.source) for step in case.steps if step.compared]
    for protocol in case.protocols:
        if only not in {None, protocol}:
            continue
        if lacking:
            run.skipped[case_file.group] += 1
            run.missing.update(lacking)
            continue
        if isinstance(reference, golden.Transcript):
            recorded = reference.expected(case, protocol)
            expected = [NOT_RECORDED] * len(compared) if recorded is None else recorded
        elif reference is not None:
            expected = reference.play(case, protocol)
        got = target.play(case, protocol, expected)
        run.outcomes += judged(case_file.topic, compared, case.title, protocol, expected, got, run.known)


def _report(run: _Run, max_diffs: int, seconds: float, *, stale_is_error: bool) -> int:
    write = sys.stdout.write
    failed = [outcome for outcome in run.outcomes if outcome.verdict is Verdict.FAILED]
    known = [outcome for outcome in run.outcomes if outcome.verdict is Verdict.KNOWN]
    for outcome in failed[:max_diffs]:
        write(f"{rendered(outcome)}\n\n")
    if len(failed) > max_diffs:
        write(f"… and {len(failed) - max_diffs} more: --max-diffs N shows N\n\n")
    write(f"{table(run.outcomes, run.skipped)}\n\n")
    if run.missing:
        write(f"skipped for want of: {', '.join(sorted(run.missing))}\n")
    for entry in run.known:
        count = sum(entry.covers(outcome) for outcome in known)
        if count:
            write(f"known: {entry.file}, {entry.case}: {count} replies: {entry.reason}\n")
    stale = [entry for entry in run.known if not any(entry.covers(outcome) for outcome in known)]
    for entry in stale if stale_is_error else ():
        write(f"known.toml: {entry.file}, {entry.case!r} no longer differs: remove the entry\n")
    passed = sum(outcome.verdict is Verdict.PASSED for outcome in run.outcomes)
    write(f"{len(run.outcomes)} replies in {seconds:.1f} s\n")
    write(f"{passed} passed, {len(failed)} failed\n")
    return 1 if failed or (stale and stale_is_error) else 0


if __name__ == "__main__":
    sys.exit(main())
