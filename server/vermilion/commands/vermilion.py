"""VERMILION: what tests in any language do with a server that was started for them.

No Redis has these commands; a server has them with `enable-test-commands yes` only. None of them is for transactions
and scripts, for which time stands still.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from vermilion import errors
from vermilion.commands.registry import command, container
from vermilion.commands.syntax import ADMIN, LOADING, NO_MULTI, NOSCRIPT, STALE, Argument, Integer, Value
from vermilion.errors import RespError
from vermilion.faults import Act, Conditions, Delay, Error, Partial, Refuse, Reset, Silence
from vermilion.harness import Harness
from vermilion.protocol.numbers import parse_double, parse_int64
from vermilion.protocol.reply import OK, Reply, Status
from vermilion.session import Faults, Journal, JournalEntry, Server, Session
from vermilion.structures.glob import compile_glob

T = TypeVar("T")

_FLAGS: Final = ADMIN | NOSCRIPT | NO_MULTI | LOADING | STALE
_SINCE: Final = "0.1.0"
_GROUP: Final = "server"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LAST_MS: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND

container(
    "VERMILION", group=_GROUP, since=_SINCE, for_tests=True,
    summary="Moves a server for tests: clock, snapshots, keys, chance and faults; and tells what was called.",
)  # fmt: skip


def _harness(server: Server) -> Harness:
    """Return what moves the server."""
    assert server.harness is not None  # noqa: S101  # a server without one does not know these commands
    return server.harness


def _judge(argv: list[bytes], least: int, most: int) -> None:
    """Refuse a call with more or fewer words than its action takes."""
    if not least <= len(argv) <= most:
        raise RespError(errors.wrong_subcommand("VERMILION", argv[2]))


def _act(actions: Mapping[bytes, Callable[[T, list[bytes]], Reply]], what: T, argv: list[bytes]) -> Reply:
    """Do with something what the third word of a call says."""
    found = actions.get(argv[2].lower())
    if found is None:
        raise RespError(errors.wrong_subcommand("VERMILION", argv[2]))
    try:
        return found(what, argv)
    except ValueError as error:
        raise RespError(errors.harness_refused(error)) from None


# CLOCK ----------------------------------------------------------------------------------------------------


@command(
    "VERMILION|CLOCK", _FLAGS, since=_SINCE, group=_GROUP, raw=True, arity=-3,
    complexity="O(N) where N is the number of keys that expire and of calls that have waited for long enough.",
    arguments=[Argument("action", "oneof", arguments=[
        Argument("get", "pure-token", token="GET"),
        Argument("freeze", "pure-token", token="FREEZE"),
        Argument("unfreeze", "pure-token", token="UNFREEZE"),
        Argument("duration", "string", token="ADVANCE"),
        Argument("time", "string", token="SET"),
    ])],
)  # fmt: skip
def vermilion_clock(session: Session, argv: list[bytes]) -> Reply:
    """Move the clock; return what time it is then, in milliseconds since the Unix epoch."""
    # Raw: each action has arguments of its own.
    return _act(_CLOCK, _harness(session.server), argv)


def _clock_get(harness: Harness, argv: list[bytes]) -> Reply:
    _judge(argv, 3, 3)
    now_ms = harness.now_ms
    shown = (_EPOCH + now_ms * _MILLISECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {b"unix-ms": now_ms, b"iso": shown.encode(), b"frozen": int(harness.is_frozen)}


def _clock_freeze(harness: Harness, argv: list[bytes]) -> Reply:
    _judge(argv, 3, 3)
    harness.freeze()
    return harness.now_ms


def _clock_unfreeze(harness: Harness, argv: list[bytes]) -> Reply:
    _judge(argv, 3, 3)
    harness.unfreeze()
    return harness.now_ms


def _clock_advance(harness: Harness, argv: list[bytes]) -> Reply:
    _judge(argv, 4, 4)
    distance_ms = _duration(argv[3])
    if harness.now_ms + distance_ms > _LAST_MS:
        raise RespError(errors.BEYOND_THE_CALENDAR)
    harness.advance(distance_ms)
    return harness.now_ms


def _clock_set(harness: Harness, argv: list[bytes]) -> Reply:
    _judge(argv, 4, 4)
    harness.go_to(_time(argv[3]))
    return harness.now_ms


_CLOCK: Final[Mapping[bytes, Callable[[Harness, list[bytes]], Reply]]] = {
    b"advance": _clock_advance,
    b"freeze": _clock_freeze,
    b"get": _clock_get,
    b"set": _clock_set,
    b"unfreeze": _clock_unfreeze,
}

_DURATION: Final = re.compile(rb"(?:[0-9]{1,15}(?:ms|s|m|h|d))+", re.IGNORECASE)
_PART: Final = re.compile(rb"([0-9]+)(ms|s|m|h|d)", re.IGNORECASE)
_UNITS_MS: Final = {b"ms": 1, b"s": 1000, b"m": 60_000, b"h": 3_600_000, b"d": 86_400_000}


def _duration(text: bytes) -> int:
    """Return the milliseconds of a duration: `1500`, `90s`, `1h30m`."""
    number = parse_int64(text)
    if number is None and _DURATION.fullmatch(text):
        number = sum(int(count) * _UNITS_MS[unit.lower()] for count, unit in _PART.findall(text))
    if number is None or number < 0:
        raise RespError(errors.NOT_A_DURATION)
    return number


def _time(text: bytes) -> int:
    """Return a time in milliseconds since the epoch; a date without a zone is UTC."""
    unix_ms = parse_int64(text)
    if unix_ms is None:
        try:
            moment = datetime.fromisoformat(text.decode())
        except ValueError:
            raise RespError(errors.NOT_A_TIME) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        unix_ms = (moment - _EPOCH) // _MILLISECOND
    if not 0 <= unix_ms <= _LAST_MS:
        raise RespError(errors.BEYOND_THE_CALENDAR)
    return unix_ms


# SNAPSHOT -------------------------------------------------------------------------------------------------


@command(
    "VERMILION|SNAPSHOT", _FLAGS, since=_SINCE, group=_GROUP, raw=True, arity=-3,
    complexity="O(N) where N is the number of keys that have changed since; O(1) to take one.",
    arguments=[Argument("action", "oneof", arguments=[
        Argument("take", "pure-token", token="TAKE"),
        Argument("restore", "block", arguments=[
            Argument("restore", "pure-token", token="RESTORE"),
            Argument("id", "integer", optional=True),
        ]),
        Argument("list", "pure-token", token="LIST"),
        Argument("drop", "block", arguments=[
            Argument("drop", "pure-token", token="DROP"),
            Argument("which", "oneof", arguments=[
                Argument("all", "pure-token", token="ALL"),
                Argument("id", "integer", multiple=True),
            ]),
        ]),
    ])],
)  # fmt: skip
def vermilion_snapshot(session: Session, argv: list[bytes]) -> Reply:
    """Note what the server is, or become again what it was."""
    # Raw: each action has arguments of its own.
    return _act(_SNAPSHOT, _harness(session.server), argv)


def _snapshot_take(harness: Harness, argv: list[bytes]) -> Reply:
    _judge(argv, 3, 3)
    return harness.take_snapshot()


def _snapshot_restore(harness: Harness, argv: list[bytes]) -> Reply:
    _judge(argv, 3, 4)
    harness.restore_snapshot(_integer(argv[3]) if len(argv) == 4 else None)
    return OK


def _snapshot_list(harness: Harness, argv: list[bytes]) -> Reply:
    _judge(argv, 3, 3)
    return [{b"id": taken.identifier, b"unix-ms": taken.unix_ms} for taken in harness.snapshots()]


def _snapshot_drop(harness: Harness, argv: list[bytes]) -> Reply:
    if len(argv) == 4 and argv[3].upper() == b"ALL":
        return harness.drop_snapshots([taken.identifier for taken in harness.snapshots()])
    _judge(argv, 4, len(argv))
    return harness.drop_snapshots([_integer(word) for word in argv[3:]])


_SNAPSHOT: Final[Mapping[bytes, Callable[[Harness, list[bytes]], Reply]]] = {
    b"drop": _snapshot_drop,
    b"list": _snapshot_list,
    b"restore": _snapshot_restore,
    b"take": _snapshot_take,
}


def _integer(word: bytes) -> int:
    """Return a number, of a snapshot or of a fault, whether or not there is one."""
    number = parse_int64(word)
    if number is None:
        raise RespError(errors.NOT_AN_INTEGER)
    return number


# FAULT ----------------------------------------------------------------------------------------------------

_AFTER: Final = Argument("after", "pure-token", token="AFTER", optional=True)


@command(
    "VERMILION|FAULT", _FLAGS, since=_SINCE, group=_GROUP, raw=True, arity=-3,
    complexity="O(N) where N is the number of commands that a new fault names, or of faults.",
    arguments=[Argument("action", "oneof", arguments=[
        Argument("add", "block", arguments=[
            Argument("add", "pure-token", token="ADD"),
            Argument("act", "oneof", arguments=[
                Argument("error", "string", token="ERROR"),
                Argument("duration", "string", token="DELAY"),
                Argument("reset", "block", arguments=[
                    Argument("reset", "pure-token", token="RESET"), _AFTER,
                ]),
                Argument("bytes", "integer", token="PARTIAL"),
                Argument("silence", "block", arguments=[
                    Argument("silence", "pure-token", token="SILENCE"), _AFTER,
                ]),
                Argument("refuse", "pure-token", token="REFUSE"),
            ]),
            Argument("command", "string", token="COMMAND", optional=True, multiple=True, multiple_token=True),
            Argument("key-pattern", "pattern", token="KEY", optional=True),
            Argument("client-pattern", "pattern", token="CLIENT", optional=True),
            Argument("which", "oneof", optional=True, arguments=[
                Argument("nth", "integer", token="NTH"),
                Argument("every", "integer", token="EVERY"),
            ]),
            Argument("times", "integer", token="TIMES", optional=True),
            Argument("probability", "double", token="PROBABILITY", optional=True),
            Argument("seed", "integer", token="SEED", optional=True),
        ]),
        Argument("list", "pure-token", token="LIST"),
        Argument("remove", "block", arguments=[
            Argument("remove", "pure-token", token="REMOVE"),
            Argument("id", "integer", multiple=True),
        ]),
        Argument("clear", "pure-token", token="CLEAR"),
    ])],
)  # fmt: skip
def vermilion_fault(session: Session, argv: list[bytes]) -> Reply:
    """Let calls and connections go wrong, and say how often they did."""
    # Raw: each action has arguments of its own.
    return _act(_FAULT, session.server.faults, argv)


def _fault_add(faults: Faults, argv: list[bytes]) -> Reply:
    act, rest = _act_of_fault(argv[3:])
    return faults.add(act, _conditions(rest)).identifier


def _act_of_fault(words: list[bytes]) -> tuple[Act, list[bytes]]:
    """Return what a fault does, and the words behind that."""
    name = words[0].upper() if words else b""
    if name in {b"RESET", b"SILENCE"}:
        after = len(words) > 1 and words[1].upper() == b"AFTER"
        return (Reset(after) if name == b"RESET" else Silence(after)), words[1 + after :]
    if name == b"REFUSE":
        return Refuse(), words[1:]
    if len(words) < 2:
        raise RespError(errors.SYNTAX)
    if name == b"ERROR":
        return Error(errors.text(words[1])), words[2:]
    if name == b"DELAY":
        return Delay(_duration(words[1])), words[2:]
    if name == b"PARTIAL":
        return Partial(_integer(words[1])), words[2:]
    raise RespError(errors.SYNTAX)


def _conditions(words: list[bytes]) -> Conditions:
    """Return what a fault hits; of an option that is given twice the last one counts, but COMMAND."""
    if len(words) % 2:
        raise RespError(errors.SYNTAX)
    conditions = Conditions()
    commands: dict[str, None] = {}
    for token, word in zip(words[::2], words[1::2], strict=True):
        match token.upper():
            case b"COMMAND":
                commands[errors.text(word)] = None
                conditions = conditions._replace(commands=tuple(commands))
            case b"KEY":
                conditions = conditions._replace(key=word)
            case b"CLIENT":
                conditions = conditions._replace(client=word)
            case b"NTH":
                conditions = conditions._replace(nth=_integer(word))
            case b"EVERY":
                conditions = conditions._replace(every=_integer(word))
            case b"TIMES":
                conditions = conditions._replace(times=_integer(word))
            case b"SEED":
                conditions = conditions._replace(seed=_integer(word))
            case b"PROBABILITY":
                probability = parse_double(word)
                if probability is None:
                    raise RespError(errors.NOT_A_FLOAT)
                conditions = conditions._replace(probability=probability)
            case _:
                raise RespError(errors.SYNTAX)
    return conditions


def _fault_list(faults: Faults, argv: list[bytes]) -> Reply:
    _judge(argv, 3, 3)
    return [
        {
            b"id": rule.identifier,
            b"rule": [*rule.words()],
            b"seen": rule.seen,
            b"matched": rule.matched,
            b"hits": rule.hits,
        }
        for rule in faults.rules
    ]


def _fault_remove(faults: Faults, argv: list[bytes]) -> Reply:
    _judge(argv, 4, len(argv))
    return sum(map(faults.remove, [_integer(word) for word in argv[3:]]))


def _fault_clear(faults: Faults, argv: list[bytes]) -> Reply:
    _judge(argv, 3, 3)
    faults.clear()
    return OK


_FAULT: Final[Mapping[bytes, Callable[[Faults, list[bytes]], Reply]]] = {
    b"add": _fault_add,
    b"clear": _fault_clear,
    b"list": _fault_list,
    b"remove": _fault_remove,
}


# JOURNAL --------------------------------------------------------------------------------------------------

_WHICH: Final = (
    Argument("command-pattern", "pattern", token="COMMAND", optional=True),
    Argument("key-pattern", "pattern", token="KEY", optional=True),
    Argument("client-pattern", "pattern", token="CLIENT", optional=True),
)


@command(
    "VERMILION|JOURNAL", _FLAGS, since=_SINCE, group=_GROUP, raw=True, arity=-3,
    complexity="O(N) where N is the number of calls that are kept; O(1) to start and to stop.",
    arguments=[Argument("action", "oneof", arguments=[
        Argument("start", "block", arguments=[
            Argument("start", "pure-token", token="START"),
            Argument("limit", "integer", token="LIMIT", optional=True),
            Argument("scripts", "pure-token", token="SCRIPTS", optional=True),
        ]),
        Argument("stop", "pure-token", token="STOP"),
        Argument("get", "block", arguments=[
            Argument("get", "pure-token", token="GET"),
            Argument("count", "integer", optional=True),
            *_WHICH,
        ]),
        Argument("count", "block", arguments=[Argument("count", "pure-token", token="COUNT"), *_WHICH]),
        Argument("status", "pure-token", token="STATUS"),
        Argument("clear", "pure-token", token="CLEAR"),
    ])],
)  # fmt: skip
def vermilion_journal(session: Session, argv: list[bytes]) -> Reply:
    """Keep the calls of clients, and tell of them."""
    # Raw: each action has arguments of its own.
    return _act(_JOURNAL, session.server.journal, argv)


def _journal_start(journal: Journal, argv: list[bytes]) -> Reply:
    limit, scripts = None, False
    words = iter(argv[3:])
    for word in words:
        if word.upper() == b"SCRIPTS":
            scripts = True
        elif word.upper() == b"LIMIT" and (number := next(words, None)) is not None:
            limit = _integer(number)
        else:
            raise RespError(errors.SYNTAX)
    journal.start(limit=limit, scripts=scripts)
    return OK


def _journal_stop(journal: Journal, argv: list[bytes]) -> Reply:
    _judge(argv, 3, 3)
    journal.stop()
    return OK


def _journal_get(journal: Journal, argv: list[bytes]) -> Reply:
    counted = len(argv) % 2 == 0
    found = _selected(journal, argv[4 if counted else 3 :])
    if counted:
        count = _integer(argv[3])
        if count < 0:
            raise RespError(errors.OUT_OF_RANGE_POSITIVE)
        found = found[max(len(found) - count, 0) :]
    return [
        {
            b"number": call.number,
            b"command": call.name.encode(),
            b"argv": [*call.argv],
            b"keys": [*call.keys],
            b"db": call.db,
            b"client-id": call.client_id,
            b"client-name": call.client_name.encode(),
            b"client-address": call.address.encode(),
            b"inside": call.inside.encode(),
            b"trip": call.trip,
            b"unix-us": call.began_us,
            b"duration-us": None if call.duration_ns is None else call.duration_ns // 1000,
            b"error": None if call.error is None else call.error.encode(errors="surrogateescape"),
        }
        for call in found
    ]


def _journal_count(journal: Journal, argv: list[bytes]) -> Reply:
    return len(_selected(journal, argv[3:]))


def _selected(journal: Journal, words: list[bytes]) -> list[JournalEntry]:
    """Return the calls that options describe, in the order in which they were made."""
    if len(words) % 2:
        raise RespError(errors.SYNTAX)
    found = list(journal.calls)
    for token, pattern in zip(words[::2], words[1::2], strict=True):
        match token.upper():
            case b"COMMAND":  # a container stands for its subcommands: CONFIG, CONFIG GET, config|get
                fits = compile_glob(b"|".join(pattern.lower().split()))
                found = [
                    call
                    for call in found
                    if fits(call.name.encode()) or fits(call.name.split("|")[0].encode())
                ]
            case b"KEY":
                fits = compile_glob(pattern)
                found = [call for call in found if any(map(fits, call.keys))]
            case b"CLIENT":
                fits = compile_glob(pattern)
                found = [call for call in found if fits(call.client_name.encode())]
            case _:
                raise RespError(errors.SYNTAX)
    return found


def _journal_status(journal: Journal, argv: list[bytes]) -> Reply:
    _judge(argv, 3, 3)
    return {
        b"on": int(journal.on),
        b"kept": len(journal.calls),
        b"seen": journal.seen,
        b"dropped": journal.dropped,
    }


def _journal_clear(journal: Journal, argv: list[bytes]) -> Reply:
    _judge(argv, 3, 3)
    journal.clear()
    return OK


_JOURNAL: Final[Mapping[bytes, Callable[[Journal, list[bytes]], Reply]]] = {
    b"clear": _journal_clear,
    b"count": _journal_count,
    b"get": _journal_get,
    b"start": _journal_start,
    b"status": _journal_status,
    b"stop": _journal_stop,
}


# Keys and chance ------------------------------------------------------------------------------------------


@command("VERMILION|SEED", _FLAGS, since=_SINCE, group=_GROUP, complexity="O(1)")
def vermilion_seed(server: Server, number: Integer) -> Status:
    """Let SPOP, SRANDMEMBER, RANDOMKEY and eviction do the same in each run, from the same keys."""
    _harness(server).seed(number)
    return OK


@command(
    "VERMILION|LOAD", _FLAGS, since=_SINCE, group=_GROUP,
    complexity="O(N) where N is the number of keys.",
)  # fmt: skip
def vermilion_load(server: Server, json: Value) -> int:
    """Set the keys that a JSON object describes, and return how many they are."""
    try:
        return _harness(server).load(json)
    except ValueError as error:
        raise RespError(errors.harness_refused(error)) from None


@command(
    "VERMILION|DUMP", _FLAGS, since=_SINCE, group=_GROUP,
    complexity="O(N) where N is the number of keys.",
)  # fmt: skip
def vermilion_dump(server: Server) -> bytes:
    """Return all keys as a JSON object, as VERMILION LOAD takes it."""
    return _harness(server).dump()


@command("VERMILION|HELP", LOADING | STALE, since=_SINCE, group=_GROUP, complexity="O(1)")
def vermilion_help() -> list[Reply]:
    """Return what the subcommands do."""
    return [Status(line) for line in _HELP]


_HELP: Final = (
    "VERMILION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CLOCK GET",
    "    Return the time, and whether it stands.",
    "CLOCK FREEZE",
    "    Let the clock stand still.",
    "CLOCK UNFREEZE",
    "    Let the clock run on from where it stands.",
    "CLOCK ADVANCE <milliseconds|duration>",
    "    Move the clock forward, 1h30m say. Returns when everything that was due has",
    "    happened: keys have expired, blocked clients have given up.",
    "CLOCK SET <unix-time-milliseconds|date>",
    "    Set the clock: forward as ADVANCE does; back, the calendar alone.",
    "DUMP",
    "    Return all keys as a JSON object.",
    "FAULT ADD <act> [COMMAND <name>]... [KEY <pattern>] [CLIENT <pattern>]",
    "    [NTH <n> | EVERY <n>] [TIMES <n>] [PROBABILITY <p> [SEED <n>]]",
    "    Let calls go wrong from now on; return the fault's id. The act is one of",
    "    ERROR <text>, DELAY <milliseconds|duration>, RESET [AFTER], PARTIAL <bytes>,",
    "    SILENCE [AFTER], REFUSE. A command may be a category, @write, or *.",
    "FAULT LIST",
    "    Return the faults, and what each has seen, matched and hit.",
    "FAULT REMOVE <id> [<id> ...]",
    "    End faults; return how many of these there were.",
    "FAULT CLEAR",
    "    End all faults.",
    "JOURNAL START [LIMIT <calls>] [SCRIPTS]",
    "    Keep the calls of clients from now on, and those of scripts, too, if wanted.",
    "JOURNAL STOP",
    "    Keep no further calls.",
    "JOURNAL GET [<count>] [COMMAND <pattern>] [KEY <pattern>] [CLIENT <pattern>]",
    "    Return the calls that were kept, oldest first, or the latest of them.",
    "JOURNAL COUNT [COMMAND <pattern>] [KEY <pattern>] [CLIENT <pattern>]",
    "    Return how many they are.",
    "JOURNAL STATUS",
    "    Return whether calls are kept, and how many had to make room.",
    "JOURNAL CLEAR",
    "    Forget them all.",
    "LOAD <json>",
    "    Set the keys that a JSON object describes, and leave the others alone.",
    "SEED <number>",
    "    Let chance take the same course in each run.",
    "SNAPSHOT TAKE",
    "    Note what the server is now; return the snapshot's id.",
    "SNAPSHOT RESTORE [<id>]",
    "    Become again what the server was, by default at the latest snapshot.",
    "    Later snapshots are forgotten.",
    "SNAPSHOT LIST",
    "    Return the snapshots, oldest first.",
    "SNAPSHOT DROP <ALL | id [<id> ...]>",
    "    Forget snapshots; return how many of these there were.",
    "HELP",
    "    Print this help.",
)
