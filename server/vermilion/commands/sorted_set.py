"""The sorted-set group: members with scores, in order.

`sorted_set_algebra.py` has what combines several, and `sorted_set_pops.py` what takes from the ends.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, cast

from vermilion import errors
from vermilion.commands import sorted_set_arguments as arguments
from vermilion.commands.registry import Columns, command
from vermilion.commands.scanning import scan_cursor, scan_options
from vermilion.commands.scores import (
    CH,
    GT,
    INCR,
    LT,
    NX,
    XX,
    add_scores,
    members_removed,
    one_zset,
    scored,
    store,
)
from vermilion.commands.sorted_set_arguments import (
    HighLex,
    HighScore,
    LowLex,
    LowScore,
    RangeQuery,
    range_query,
    rank_span,
)
from vermilion.commands.syntax import (
    DENYOOM,
    FAST,
    READONLY,
    WRITE,
    AccessUpdateKey,
    Argument,
    Integer,
    KeySpec,
    Kind,
    PeekKey,
    ReadKey,
    ShrinkKey,
    Value,
    bounded,
)
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.protocol.numbers import INT64_MAX, format_double, parse_double
from vermilion.protocol.reply import NULL_ARRAY, Reply
from vermilion.session import Session
from vermilion.structures.zset import Span, ZSet

_ONE_KEY: Final = (KeySpec(("RO", "access"), 1),)

_RANGE_COST: Final = "O(log(N)+M) with N members, of which M are returned."
_REMOVE_COST: Final = "O(log(N)+M) with N members, of which M are removed."


# Changing scores ------------------------------------------------------------------------------------------

_ZADD_OPTIONS: Final = {b"NX": NX, b"XX": XX, b"GT": GT, b"LT": LT, b"CH": CH, b"INCR": INCR}


def _zadd_many(session: Session, columns: Columns) -> Sequence[Reply] | None:
    """Give a column of members their scores in one sorted set, when that cannot change its encoding."""
    if len(columns) != 3:
        return None
    db = session.db
    keys, texts, members = columns
    zset = one_zset(db, keys)
    scores = list(map(parse_double, texts))
    if zset is None or None in scores or (zset.packed and not zset.scores.keys() >= set(members)):
        return None
    held = zset.scores
    replies: list[Reply] = []
    for score, member in zip(cast("list[float]", scores), members, strict=True):
        old = held.get(member)
        replies.append(1 if old is None else 0)
        if old is None:
            zset.add(member, score)
        elif score != old:
            zset.update(member, score)
        else:
            continue
        db.changed(keys[0], "zadd")
    return replies


@command(
    "ZADD", WRITE | DENYOOM | FAST, since="1.2.0", complexity="O(log(N)) for each of the members.",
    raw=True, arity=-4,
    arguments=[
        Argument("key", "key", key_spec=0),
        Argument(
            "condition", "oneof", optional=True, since="3.0.2",
            arguments=[Argument("nx", "pure-token", token="NX"), Argument("xx", "pure-token", token="XX")],
        ),
        Argument(
            "comparison", "oneof", optional=True, since="6.2.0",
            arguments=[Argument("gt", "pure-token", token="GT"), Argument("lt", "pure-token", token="LT")],
        ),
        Argument("change", "pure-token", token="CH", optional=True, since="3.0.2"),
        Argument("increment", "pure-token", token="INCR", optional=True, since="3.0.2"),
        Argument(
            "data", "block", multiple=True,
            arguments=[Argument("score", "double"), Argument("member", "string")],
        ),
    ],
    keys=[KeySpec(("RW", "update"), 1)], many=_zadd_many,
)  # fmt: skip
def zadd(session: Session, argv: list[bytes]) -> int | float | None:
    """Add members or give them other scores; return how many were new, or with INCR the new score."""
    # Raw: the options stand before pairs that repeat.
    flags = 0
    at = 2
    size = len(argv)
    if size > 4 or parse_double(argv[2]) is None:
        while at < size and (flag := _ZADD_OPTIONS.get(argv[at].upper())):
            flags |= flag
            at += 1
        _check_zadd(flags, size - at)
    scores = [_score(text) for text in argv[at::2]]
    return add_scores(session, argv[1], scores, argv[at + 1 :: 2], flags)


def _check_zadd(flags: int, left: int) -> None:
    """Refuse options that exclude each other, and pairs that are none."""
    if left % 2 or not left:
        raise RespError(errors.SYNTAX)
    if flags & NX and flags & XX:
        raise RespError(errors.ZADD_XX_AND_NX)
    if (flags & GT and flags & (NX | LT)) or (flags & LT and flags & NX):
        raise RespError(errors.ZADD_GT_LT_NX)
    if flags & INCR and left > 2:
        raise RespError(errors.ZADD_INCR_PAIRS)


def _score(text: bytes) -> float:
    """Return a score."""
    score = parse_double(text)
    if score is None:
        raise RespError(errors.NOT_A_FLOAT)
    return score


@command("ZINCRBY", WRITE | DENYOOM | FAST, since="1.2.0", complexity="O(log(N)) with N members.")
def zincrby(
    session: Session,
    key: AccessUpdateKey,
    increment: Annotated[float, Kind("integer", parse_double, errors.NOT_A_FLOAT)],
    member: Value,
) -> float | None:
    """Add to the score of a member, which is 0 when it is not there; return the new score."""
    return add_scores(session, key, (increment,), (member,), INCR)


# Removing -------------------------------------------------------------------------------------------------


@command(
    "ZREM", WRITE | FAST, since="1.2.0", complexity="O(M*log(N)) with N members, of which M are removed."
)
def zrem(db: Database, key: ShrinkKey, *member: Value) -> int:
    """Remove members and return how many were there."""
    zset = db.edit(key, ZSet)
    if zset is None:
        return 0
    removed = sum(map(zset.remove, member))
    if removed:
        members_removed(db, key, zset, "zrem", removed)
    return removed


def _remove_span(db: Database, key: bytes, event: str, find: Callable[[ZSet], Span]) -> int:
    """Remove a span of a sorted set; return how many members were removed."""
    zset = db.edit(key, ZSet)
    if zset is None:
        return 0
    removed = len(zset.remove_span(find(zset)))
    if removed:
        members_removed(db, key, zset, event, removed)
    return removed


@command("ZREMRANGEBYRANK", WRITE, since="2.0.0", complexity=_REMOVE_COST)
def zremrangebyrank(db: Database, key: ShrinkKey, start: Integer, stop: Integer) -> int:
    """Remove members by a range of ranks and return how many."""
    return _remove_span(db, key, "zremrangebyrank", lambda zset: rank_span(start, stop, len(zset)))


@command("ZREMRANGEBYSCORE", WRITE, since="1.2.0", complexity=_REMOVE_COST)
def zremrangebyscore(db: Database, key: ShrinkKey, min_: LowScore, max_: HighScore) -> int:
    """Remove members by a range of scores and return how many."""
    return _remove_span(db, key, "zremrangebyscore", lambda zset: zset.span_by_score(min_, max_))


@command("ZREMRANGEBYLEX", WRITE, since="2.8.9", complexity=_REMOVE_COST)
def zremrangebylex(db: Database, key: ShrinkKey, min_: LowLex, max_: HighLex) -> int:
    """Remove members by a range of members and return how many."""
    return _remove_span(db, key, "zremrangebylex", lambda zset: zset.span_by_lex(min_, max_))


# Asking about members -------------------------------------------------------------------------------------


@command("ZCARD", READONLY | FAST, since="1.2.0", complexity="O(1)")
def zcard(db: Database, key: PeekKey) -> int:
    """Return the number of members."""
    zset = db.find(key, ZSet)
    return 0 if zset is None else len(zset)


@command("ZSCORE", READONLY | FAST, since="1.2.0", complexity="O(1)")
def zscore(db: Database, key: ReadKey, member: Value) -> float | None:
    """Return the score of a member, nil when it is not there."""
    zset = db.find(key, ZSet)
    return None if zset is None else zset.scores.get(member)


@command(
    "ZMSCORE", READONLY | FAST, since="6.2.0", complexity="O(N) where N is the number of members asked for."
)
def zmscore(db: Database, key: ReadKey, *member: Value) -> list[Reply]:
    """Return the scores of members, nil for each that is not there."""
    zset = db.find(key, ZSet)
    return [None] * len(member) if zset is None else list(map(zset.scores.get, member))


@command("ZCOUNT", READONLY | FAST, since="2.0.0", complexity="O(log(N)) with N members.")
def zcount(db: Database, key: ReadKey, min_: LowScore, max_: HighScore) -> int:
    """Return how many members have scores within a range."""
    zset = db.find(key, ZSet)
    return 0 if zset is None else _length(zset.span_by_score(min_, max_))


@command("ZLEXCOUNT", READONLY | FAST, since="2.8.9", complexity="O(log(N)) with N members.")
def zlexcount(db: Database, key: ReadKey, min_: LowLex, max_: HighLex) -> int:
    """Return how many members lie within a range of members."""
    zset = db.find(key, ZSet)
    return 0 if zset is None else _length(zset.span_by_lex(min_, max_))


def _length(span: Span) -> int:
    """Return how many entries a span has."""
    start, stop = span
    return max(0, stop - start)


_RANK_ARGUMENTS: Final = (
    *arguments.key_and("member", kind="string"),
    Argument("withscore", "pure-token", token="WITHSCORE", optional=True),
)


@command(
    "ZRANK", READONLY | FAST, since="2.0.0", complexity="O(log(N))",
    raw=True, arity=-3, arguments=_RANK_ARGUMENTS, keys=_ONE_KEY,
)  # fmt: skip
def zrank(session: Session, argv: list[bytes]) -> Reply:
    """Return the position of a member from the lowest score, nil when it is not there."""
    return _rank("zrank", session, argv, reverse=False)


@command(
    "ZREVRANK", READONLY | FAST, since="2.0.0", complexity="O(log(N))",
    raw=True, arity=-3, arguments=_RANK_ARGUMENTS, keys=_ONE_KEY,
)  # fmt: skip
def zrevrank(session: Session, argv: list[bytes]) -> Reply:
    """Return the position of a member from the highest score, nil when it is not there."""
    return _rank("zrevrank", session, argv, reverse=True)


def _rank(name: str, session: Session, argv: list[bytes], *, reverse: bool) -> Reply:
    """Return the position of a member, with its score if that is asked for."""
    # Raw: a word too many is a wrong number of arguments, one that is no option a syntax error.
    with_score = len(argv) > 3
    if len(argv) > 4:
        raise RespError(errors.wrong_arity(name))
    if with_score and argv[3].upper() != b"WITHSCORE":
        raise RespError(errors.SYNTAX)
    zset = session.db.find(argv[1], ZSet)
    rank = None if zset is None else zset.rank(argv[2])
    if zset is None or rank is None:
        return NULL_ARRAY if with_score else None
    if reverse:
        rank = len(zset) - 1 - rank
    return [rank, zset.scores[argv[2]]] if with_score else rank


# Ranges ---------------------------------------------------------------------------------------------------


def _range(session: Session, key: bytes, query: RangeQuery) -> list[Reply]:
    """Return the members of a range."""
    zset = session.db.find(key, ZSet)
    if zset is None:
        return []
    entries = query.select(zset)
    return scored(session, entries) if query.with_scores else [member for _, member in entries]


@command(
    "ZRANGE", READONLY, since="1.2.0", complexity=_RANGE_COST, raw=True, arity=-4, keys=_ONE_KEY,
    arguments=[
        *arguments.key_and("start", "stop", kind="string"), arguments.sort_by("6.2.0"),
        Argument("rev", "pure-token", token="REV", optional=True, since="6.2.0"),
        arguments.limit("6.2.0"), arguments.WITH_SCORES,
    ],
)  # fmt: skip
def zrange(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the members of a range of ranks, scores or members."""
    # Raw, as all of this family: what the ends are depends on the options behind them.
    return _range(session, argv[1], range_query(argv[2:]))


@command(
    "ZREVRANGE", READONLY, since="1.2.0", complexity=_RANGE_COST, raw=True, arity=-4, keys=_ONE_KEY,
    deprecated=("6.2.0", "`ZRANGE` with the `REV` argument"),
    arguments=[*arguments.key_and("start", "stop", kind="integer"), arguments.WITH_SCORES],
)  # fmt: skip
def zrevrange(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the members of a range of ranks, from the highest score."""
    return _range(session, argv[1], range_query(argv[2:], by="rank", reverse=True))


@command(
    "ZRANGEBYSCORE", READONLY, since="1.0.5", complexity=_RANGE_COST, raw=True, arity=-4, keys=_ONE_KEY,
    deprecated=("6.2.0", "`ZRANGE` with the `BYSCORE` argument"),
    arguments=[
        *arguments.key_and("min", "max", kind="double"),
        Argument("withscores", "pure-token", token="WITHSCORES", optional=True, since="2.0.0"),
        arguments.limit(),
    ],
)  # fmt: skip
def zrangebyscore(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the members of a range of scores."""
    return _range(session, argv[1], range_query(argv[2:], by="score", reverse=False))


@command(
    "ZREVRANGEBYSCORE", READONLY, since="2.2.0", complexity=_RANGE_COST, raw=True, arity=-4, keys=_ONE_KEY,
    deprecated=("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments"),
    arguments=[
        *arguments.key_and("max", "min", kind="double"), arguments.WITH_SCORES, arguments.limit(),
    ],
)  # fmt: skip
def zrevrangebyscore(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the members of a range of scores, from the highest."""
    return _range(session, argv[1], range_query(argv[2:], by="score", reverse=True))


@command(
    "ZRANGEBYLEX", READONLY, since="2.8.9", complexity=_RANGE_COST, raw=True, arity=-4, keys=_ONE_KEY,
    deprecated=("6.2.0", "`ZRANGE` with the `BYLEX` argument"),
    arguments=[*arguments.key_and("min", "max", kind="string"), arguments.limit()],
)  # fmt: skip
def zrangebylex(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the members of a range of members."""
    return _range(session, argv[1], range_query(argv[2:], by="lex", reverse=False))


@command(
    "ZREVRANGEBYLEX", READONLY, since="2.8.9", complexity=_RANGE_COST, raw=True, arity=-4, keys=_ONE_KEY,
    deprecated=("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments"),
    arguments=[*arguments.key_and("max", "min", kind="string"), arguments.limit()],
)  # fmt: skip
def zrevrangebylex(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the members of a range of members, from the last."""
    return _range(session, argv[1], range_query(argv[2:], by="lex", reverse=True))


@command(
    "ZRANGESTORE", WRITE | DENYOOM, since="6.2.0", complexity=_RANGE_COST, raw=True, arity=-5,
    keys=[KeySpec(("OW", "update"), 1), KeySpec(("RO", "access"), 2)],
    arguments=[
        Argument("dst", "key", key_spec=0), Argument("src", "key", key_spec=1),
        Argument("min", "string"), Argument("max", "string"), arguments.sort_by(),
        Argument("rev", "pure-token", token="REV", optional=True), arguments.limit(),
    ],
)  # fmt: skip
def zrangestore(session: Session, argv: list[bytes]) -> int:
    """Store the members of a range in another key and return how many they are."""
    query = range_query(argv[3:], storing=True)
    zset = session.db.find(argv[2], ZSet)
    entries = [] if zset is None else query.select(zset)
    return store(session, argv[1], {member: score for score, member in entries}, "zrangestore")


# By chance, and one after another -------------------------------------------------------------------------

_MOST_PICKS: Final = 1 << 27
"""Redis would send billions of members until someone stops it; here the reply has to fit into memory."""

_parse_picks: Final = bounded(-INT64_MAX, INT64_MAX)


@command(
    "ZRANDMEMBER", READONLY, since="6.2.0", complexity="O(M*log(N)) with N members, of which M are returned.",
    tips=["nondeterministic_output"], raw=True, arity=-2, keys=_ONE_KEY,
    arguments=[
        Argument("key", "key", key_spec=0),
        Argument(
            "options", "block", optional=True,
            arguments=[Argument("count", "integer"), arguments.WITH_SCORES],
        ),
    ],
)  # fmt: skip
def zrandmember(session: Session, argv: list[bytes]) -> Reply:
    """Return members by chance: different ones, or for a negative count each for itself."""
    # Raw: WITHSCORES needs a count in front of it.
    random = session.server.random
    if len(argv) == 2:
        zset = session.db.find(argv[1], ZSet)
        if zset is None:
            return None
        at = int(random.random() * len(zset))
        return zset.entries(at, at + 1)[0][1]
    count, with_scores = _picks(argv[2:])
    zset = session.db.find(argv[1], ZSet)
    if zset is None or not count:
        return []
    size = len(zset)
    if count < 0:
        positions = [int(random.random() * size) for _ in range(-count)]
    else:
        positions = random.sample(range(size), min(count, size))
    entries = [zset.entries(at, at + 1)[0] for at in positions]
    return scored(session, entries) if with_scores else [member for _, member in entries]


def _picks(words: Sequence[bytes]) -> tuple[int, bool]:
    """Read how many members ZRANDMEMBER is to return, and whether with scores."""
    count = _parse_picks(words[0])
    if count is None:
        raise RespError(errors.NOT_AN_INTEGER)
    with_scores = len(words) > 1
    if len(words) > 2 or (with_scores and words[1].upper() != b"WITHSCORES"):
        raise RespError(errors.SYNTAX)
    if (with_scores and abs(count) > INT64_MAX // 2) or count < -_MOST_PICKS:
        raise RespError(errors.OUT_OF_RANGE)
    return count, with_scores


@command(
    "ZSCAN", READONLY, since="2.8.0", complexity="O(COUNT) for every call, O(N) for an iteration over N members.",
    tips=["nondeterministic_output"], raw=True, arity=-3, keys=_ONE_KEY,
    arguments=[
        Argument("key", "key", key_spec=0),
        Argument("cursor", "integer"),
        Argument("pattern", "pattern", token="MATCH", optional=True),
        Argument("count", "integer", token="COUNT", optional=True),
    ],
)  # fmt: skip
def zscan(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the next cursor, 0 at the end, and some of the members with their scores."""
    # Raw: the cursor is judged before the key, and the key before the options.
    cursor = scan_cursor(argv[2])
    zset = session.db.find(argv[1], ZSet)
    if zset is None:
        return [b"0", []]
    options = scan_options(argv[3:])
    following, members = zset.scan(cursor, options.size)
    matches = options.matches
    # Redis prints the scores of a skiplist by another function here than everywhere else.
    written = format_double if zset.packed else b"%.17g".__mod__
    found: list[Reply] = []
    for member in members:
        if matches is None or matches(member):
            found += (member, written(zset.scores[member]))
    return [b"%d" % following, found]
