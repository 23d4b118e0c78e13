"""The sorted-set group: taking members from the ends, and waiting for some."""

from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

from vermilion import errors
from vermilion.commands import sorted_set_arguments as arguments
from vermilion.commands.blocking import read_timeout, wait_for
from vermilion.commands.registry import Columns, command
from vermilion.commands.scores import members_removed, one_zset, scored
from vermilion.commands.syntax import (
    BLOCKING,
    FAST,
    WRITE,
    AccessDeleteKey,
    Argument,
    KeySpec,
    Positive,
)
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.pending import Answer
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import NULL_ARRAY, Reply
from vermilion.session import Session
from vermilion.structures.zset import Entry, ZSet

_POPPED_KEYS: Final = (KeySpec(("RW", "access", "delete"), 1, numkeys=(0, 1)),)


def _pop(db: Database, key: bytes, zset: ZSet, count: int, *, highest: bool) -> list[Entry]:
    """Remove members from one end; return them from that end on."""
    size = len(zset)
    count = min(count, size)
    entries = zset.remove_span((size - count, size) if highest else (0, count))
    if highest:
        entries.reverse()
    if entries:
        members_removed(db, key, zset, "zpopmax" if highest else "zpopmin", len(entries))
    return entries


def _zpop(session: Session, key: bytes, count: int | None, *, highest: bool) -> list[Reply]:
    """Remove members from one end; return them with their scores."""
    zset = session.db.edit(key, ZSet)
    if zset is None:
        return []
    if count is None:
        [(score, member)] = _pop(session.db, key, zset, 1, highest=highest)
        return [member, score]
    return scored(session, _pop(session.db, key, zset, count, highest=highest))


_POP_COST: Final = "O(log(N)*M) with N members, of which M are popped."


def _too_many(_: bytes) -> str:
    """Return what a word behind the count is answered with."""
    return errors.SYNTAX


def _zpopmin_many(session: Session, columns: Columns) -> Sequence[Reply] | None:
    """Pop once for each key of a column, when all are of one sorted set that has more members, or of none."""
    if len(columns) != 1:
        return None
    db = session.db
    keys = columns[0]
    key, count = keys[0], len(keys)
    zset = one_zset(db, keys)
    if zset is None:
        return [[] for _ in keys] if db.peek(key) is None and keys.count(key) == count else None
    if len(zset) <= count:
        return None
    popped = zset.remove_span((0, count))
    for _ in keys:
        db.changed(key, "zpopmin")
    return [[member, score] for score, member in popped]


@command(
    "ZPOPMIN",
    WRITE | FAST,
    group="sorted-set",
    since="5.0.0",
    complexity=_POP_COST,
    unknown_option=_too_many,
    many=_zpopmin_many,
)
def zpopmin(session: Session, key: AccessDeleteKey, count: Positive | None = None) -> list[Reply]:
    """Remove the members with the lowest scores and return them."""
    return _zpop(session, key, count, highest=False)


@command(
    "ZPOPMAX", WRITE | FAST, group="sorted-set", since="5.0.0", complexity=_POP_COST, unknown_option=_too_many
)
def zpopmax(session: Session, key: AccessDeleteKey, count: Positive | None = None) -> list[Reply]:
    """Remove the members with the highest scores and return them."""
    return _zpop(session, key, count, highest=True)


@command(
    "ZMPOP", WRITE, group="sorted-set", since="7.0.0",
    complexity="O(K) + O(M*log(N)) with K keys, and N members in the first one that has any, of which M are popped.",
    raw=True, arity=-4, keys=_POPPED_KEYS,
    arguments=[
        *arguments.KEYS, arguments.LOWEST_OR_HIGHEST,
        Argument("count", "integer", token="COUNT", optional=True),
    ],
)  # fmt: skip
def zmpop(session: Session, argv: list[bytes]) -> Reply:
    """Remove members from one end of the first sorted set that is not empty, and return its key and them."""
    # Raw: the word behind the keys is found by their number.
    found = _popped(session, _read_pops(argv[1:]))
    return NULL_ARRAY if found is None else found


class _Pops(NamedTuple):
    """What ZMPOP and BZMPOP were asked for."""

    keys: Sequence[bytes]
    highest: bool
    most: int


def _read_pops(words: Sequence[bytes]) -> _Pops:
    """Read the keys of ZMPOP, and what stands behind them."""
    numkeys = parse_int64(words[0])
    if numkeys is None or numkeys < 1:
        raise RespError(errors.NUMKEYS_NOT_POSITIVE)
    highest, most = _end_and_count(words[1 + numkeys :])
    return _Pops(words[1 : 1 + numkeys], highest, most)


def _pop_first(session: Session, pops: _Pops) -> tuple[bytes, list[Entry]] | None:
    """Pop from the first key that has a sorted set; None when none has."""
    for key in pops.keys:
        zset = session.db.edit(key, ZSet)
        if zset is not None:
            return key, _pop(session.db, key, zset, pops.most, highest=pops.highest)
    return None


def _popped(session: Session, pops: _Pops) -> Reply:
    """Pop from the first key that has a sorted set; return the key and members with scores, None for none."""
    found = _pop_first(session, pops)
    return None if found is None else [found[0], [[member, score] for score, member in found[1]]]


def _end_and_count(words: Sequence[bytes]) -> tuple[bool, int]:
    """Read what stands behind the keys of ZMPOP: whether the highest are popped, and how many."""
    if not words or words[0].upper() not in {b"MIN", b"MAX"}:
        raise RespError(errors.SYNTAX)
    count = None
    options = iter(words[1:])
    for word in options:
        operand = next(options, None)
        if word.upper() != b"COUNT" or operand is None or count is not None:
            raise RespError(errors.SYNTAX)
        count = parse_int64(operand)
        if count is None or count < 1:
            raise RespError(errors.COUNT_NOT_POSITIVE)
    return words[0].upper() == b"MAX", count or 1


# Waiting for a member ------------------------------------------------------------------------------------


def _pop_waiting(session: Session, argv: list[bytes], *, highest: bool) -> Answer:
    """Remove a member from one end of the first sorted set that has one; wait for one if need be."""
    timeout_ms = read_timeout(argv[-1], session.db.clock)
    keys = argv[1:-1]

    def attempt() -> Reply:
        found = _pop_first(session, _Pops(keys, highest, 1))
        if found is None:
            return None
        key, [(score, member)] = found
        return [key, member, score]

    return wait_for(session, keys, ZSet, timeout_ms, attempt)


_BZPOP_ARGUMENTS: Final = (Argument("key", "key", key_spec=0, multiple=True), Argument("timeout", "double"))
_BZPOP_KEYS: Final = (KeySpec(("RW", "access", "delete"), 1, last=-2),)


@command(
    "BZPOPMIN", WRITE | BLOCKING | FAST, group="sorted-set", since="5.0.0", complexity="O(log(N)) with N members.",
    raw=True, arity=-3, arguments=_BZPOP_ARGUMENTS, keys=_BZPOP_KEYS,
)  # fmt: skip
def bzpopmin(session: Session, argv: list[bytes]) -> Answer:
    """Remove the member with the lowest score from the first sorted set that has one; wait for one if need be."""
    return _pop_waiting(session, argv, highest=False)


@command(
    "BZPOPMAX", WRITE | BLOCKING | FAST, group="sorted-set", since="5.0.0", complexity="O(log(N)) with N members.",
    raw=True, arity=-3, arguments=_BZPOP_ARGUMENTS, keys=_BZPOP_KEYS,
)  # fmt: skip
def bzpopmax(session: Session, argv: list[bytes]) -> Answer:
    """Remove the member with the highest score from the first sorted set that has one; wait for one if need be."""
    return _pop_waiting(session, argv, highest=True)


@command(
    "BZMPOP", WRITE | BLOCKING, group="sorted-set", since="7.0.0",
    complexity="O(K) + O(M*log(N)) with K keys, and N members in the first one that has any, of which M are popped.",
    raw=True, arity=-5, keys=[KeySpec(("RW", "access", "delete"), 2, numkeys=(0, 1))],
    arguments=[
        Argument("timeout", "double"), *arguments.KEYS, arguments.LOWEST_OR_HIGHEST,
        Argument("count", "integer", token="COUNT", optional=True),
    ],
)  # fmt: skip
def bzmpop(session: Session, argv: list[bytes]) -> Answer:
    """Remove members from one end of the first sorted set that has any; wait for one if need be."""
    pops = _read_pops(argv[2:])
    timeout_ms = read_timeout(argv[1], session.db.clock)
    return wait_for(session, pops.keys, ZSet, timeout_ms, partial(_popped, session, pops))
