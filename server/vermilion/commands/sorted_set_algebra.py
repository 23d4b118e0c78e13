"""The sorted-set group: unions, intersections and differences."""

from collections.abc import Sequence
from typing import Final

from vermilion import errors
from vermilion.commands import sorted_set_arguments as arguments
from vermilion.commands.registry import command
from vermilion.commands.scores import scored, store
from vermilion.commands.sorted_set_arguments import combination, counted_keys
from vermilion.commands.syntax import DENYOOM, READONLY, WRITE, Argument, KeySpec
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import Reply
from vermilion.session import Session
from vermilion.structures import zset_algebra as algebra
from vermilion.structures.set import Set
from vermilion.structures.zset import ZSet
from vermilion.structures.zset_algebra import Ones, Scores

_COUNTED_KEYS: Final = (KeySpec(("RO", "access"), 1, numkeys=(0, 1)),)
_STORED_KEYS: Final = (
    KeySpec(("OW", "update"), 1),
    KeySpec(("RO", "access"), 2, numkeys=(0, 1)),
)


def _sources(db: Database, keys: Sequence[bytes]) -> list[Scores]:
    """Return the scores at several keys; sets have scores of 1, and there are none where there is no key."""
    found: list[Scores] = []
    for held in map(db.lookup, keys):
        if isinstance(held, ZSet):
            found.append(held.scores)
        elif isinstance(held, Set):
            found.append(Ones(held.table))
        elif held is None:
            found.append({})
        else:
            raise RespError(errors.WRONG_TYPE)
    return found


def _combine(
    session: Session, name: str, words: Sequence[bytes], *, storing: bool = False
) -> tuple[Scores, bool]:
    """Return what a union, intersection or difference has, and whether its scores are asked for.

    Args:
        session: whose.
        name: the command's.
        words: the count of keys and all behind it.
        storing: whether the result is stored.
    """
    # The types of the keys are judged before the options behind them.
    keys, options = counted_keys(name, words)
    sources = _sources(session.db, keys)
    wanted = combination(options, len(keys), weighing=not name.startswith("zdiff"), storing=storing)
    if name.startswith("zdiff"):
        return algebra.difference(sources), wanted.with_scores
    combine = algebra.union if name.startswith("zunion") else algebra.intersection
    return combine(sources, wanted.weights, wanted.aggregate), wanted.with_scores


def _combined(session: Session, name: str, argv: list[bytes]) -> list[Reply]:
    """Return the members of a union, intersection or difference, in order."""
    scores, with_scores = _combine(session, name, argv[1:])
    entries = sorted(zip(scores.values(), scores, strict=True))
    return scored(session, entries) if with_scores else [member for _, member in entries]


def _combined_store(session: Session, name: str, argv: list[bytes]) -> int:
    """Store a union, intersection or difference."""
    scores, _ = _combine(session, name, argv[2:], storing=True)
    return store(session, argv[1], scores, name)


@command(
    "ZUNION", READONLY, group="sorted-set", since="6.2.0",
    complexity="O(N)+O(M*log(M)) with N members in all, M different ones.",
    raw=True, arity=-3, keys=_COUNTED_KEYS,
    arguments=[*arguments.KEYS, *arguments.WEIGHTS, arguments.WITH_SCORES],
)  # fmt: skip
def zunion(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the members that any of several sorted sets has."""
    return _combined(session, "zunion", argv)


@command(
    "ZINTER", READONLY, group="sorted-set", since="6.2.0",
    complexity="O(N*K)+O(M*log(M)) with N members in the smallest of K sorted sets, M of them returned.",
    raw=True, arity=-3, keys=_COUNTED_KEYS,
    arguments=[*arguments.KEYS, *arguments.WEIGHTS, arguments.WITH_SCORES],
)  # fmt: skip
def zinter(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the members that each of several sorted sets has."""
    return _combined(session, "zinter", argv)


@command(
    "ZDIFF", READONLY, group="sorted-set", since="6.2.0",
    complexity="O(N*K)+O(M*log(M)) with N members in the first of K sorted sets, M of them returned.",
    raw=True, arity=-3, keys=_COUNTED_KEYS, arguments=[*arguments.KEYS, arguments.WITH_SCORES],
)  # fmt: skip
def zdiff(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the members that the first of several sorted sets has alone."""
    return _combined(session, "zdiff", argv)


@command(
    "ZUNIONSTORE", WRITE | DENYOOM, group="sorted-set", since="2.0.0",
    complexity="O(N)+O(M*log(M)) with N members in all, M different ones.",
    raw=True, arity=-4, keys=_STORED_KEYS, arguments=[*arguments.STORED_KEYS, *arguments.WEIGHTS],
)  # fmt: skip
def zunionstore(session: Session, argv: list[bytes]) -> int:
    """Store the members that any of several sorted sets has, and return how many they are."""
    return _combined_store(session, "zunionstore", argv)


@command(
    "ZINTERSTORE", WRITE | DENYOOM, group="sorted-set", since="2.0.0",
    complexity="O(N*K)+O(M*log(M)) with N members in the smallest of K sorted sets, M of them stored.",
    raw=True, arity=-4, keys=_STORED_KEYS, arguments=[*arguments.STORED_KEYS, *arguments.WEIGHTS],
)  # fmt: skip
def zinterstore(session: Session, argv: list[bytes]) -> int:
    """Store the members that each of several sorted sets has, and return how many they are."""
    return _combined_store(session, "zinterstore", argv)


@command(
    "ZDIFFSTORE", WRITE | DENYOOM, group="sorted-set", since="6.2.0",
    complexity="O(N*K)+O(M*log(M)) with N members in the first of K sorted sets, M of them stored.",
    raw=True, arity=-4, keys=_STORED_KEYS, arguments=arguments.STORED_KEYS,
)  # fmt: skip
def zdiffstore(session: Session, argv: list[bytes]) -> int:
    """Store the members that the first of several sorted sets has alone, and return how many they are."""
    return _combined_store(session, "zdiffstore", argv)


@command(
    "ZINTERCARD", READONLY, group="sorted-set", since="7.0.0",
    complexity="O(N*K) with N members in the smallest of K sorted sets.",
    raw=True, arity=-3, keys=_COUNTED_KEYS,
    arguments=[*arguments.KEYS, Argument("limit", "integer", token="LIMIT", optional=True)],
)  # fmt: skip
def zintercard(session: Session, argv: list[bytes]) -> int:
    """Return how many members each of several sorted sets has, counting up to a limit."""
    # Raw: the types of the keys are judged before the options behind them, and LIMIT before the word behind it.
    keys, options = counted_keys("zintercard", argv[1:])
    sources = _sources(session.db, keys)
    limit = 0
    words = iter(options)
    for word in words:
        operand = next(words, None)
        if word.upper() != b"LIMIT" or operand is None:
            raise RespError(errors.SYNTAX)
        number = parse_int64(operand)
        if number is None or number < 0:
            raise RespError(errors.LIMIT_NEGATIVE)
        limit = number
    return algebra.count_intersection(sources, limit)
