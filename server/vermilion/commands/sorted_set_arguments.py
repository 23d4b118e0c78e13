"""The arguments that sorted-set commands share: ends of ranges, ZRANGE's options, sources and how to combine them."""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias

from vermilion import errors
from vermilion.commands.syntax import Argument, Kind
from vermilion.errors import RespError
from vermilion.protocol.numbers import parse_bound, parse_double, parse_int64
from vermilion.structures.zset import Entry, LexCut, ScoreCut, Span, ZSet
from vermilion.structures.zset_algebra import AGGREGATES, Aggregate

# Ends of ranges -------------------------------------------------------------------------------------------


def low_score(text: bytes) -> ScoreCut | None:
    """Return where a range of scores begins, None for what is no number; `(` leaves the score itself out."""
    after = text[:1] == b"("
    score = parse_bound(text[1:] if after else text)
    return None if score is None else ScoreCut(score, after)


def high_score(text: bytes) -> ScoreCut | None:
    """Return where a range of scores ends."""
    before = text[:1] == b"("
    score = parse_bound(text[1:] if before else text)
    return None if score is None else ScoreCut(score, not before)


_LEX_ENDS: Final = {b"-": LexCut(b"", after=False, side=-1), b"+": LexCut(b"", after=True, side=1)}


def low_lex(text: bytes) -> LexCut | None:
    """Return where a range of members begins: `[` with the member, `(` behind it, `-` and `+` at the ends."""
    if text[:1] in {b"[", b"("}:
        return LexCut(text[1:], after=text[:1] == b"(")
    return _LEX_ENDS.get(text)


def high_lex(text: bytes) -> LexCut | None:
    """Return where a range of members ends."""
    if text[:1] in {b"[", b"("}:
        return LexCut(text[1:], after=text[:1] == b"[")
    return _LEX_ENDS.get(text)


LowScore: TypeAlias = Annotated[ScoreCut, Kind("double", low_score, errors.NOT_A_SCORE_RANGE)]
HighScore: TypeAlias = Annotated[ScoreCut, Kind("double", high_score, errors.NOT_A_SCORE_RANGE)]
LowLex: TypeAlias = Annotated[LexCut, Kind("string", low_lex, errors.NOT_A_LEX_RANGE)]
HighLex: TypeAlias = Annotated[LexCut, Kind("string", high_lex, errors.NOT_A_LEX_RANGE)]


def integer(text: bytes) -> int:
    """Return the integer that text spells.

    Raises:
        RespError: when it spells none.
    """
    number = parse_int64(text)
    if number is None:
        raise RespError(errors.NOT_AN_INTEGER)
    return number


def rank_span(start: int, stop: int, size: int, *, reverse: bool = False) -> Span:
    """Return the span of a range of ranks, both ends included, where negative ones count from the end."""
    first = max(0, start + size if start < 0 else start)
    behind = min(size, (stop + size if stop < 0 else stop) + 1)
    if first >= behind:
        return 0, 0
    return (size - behind, size - first) if reverse else (first, behind)


# The ZRANGE family ----------------------------------------------------------------------------------------

By: TypeAlias = Literal["rank", "score", "lex"]

_BY: Final[dict[bytes, By]] = {b"BYSCORE": "score", b"BYLEX": "lex"}
_NO_LIMIT: Final = -1


class RangeQuery(NamedTuple):
    """Which entries of a sorted set are asked for, in which order."""

    span: Callable[[ZSet], Span]
    reverse: bool
    offset: int
    most: int
    with_scores: bool

    def select(self, zset: ZSet) -> list[Entry]:
        """Return the entries of the range in the order asked for."""
        start, stop = self.span(zset)
        offset = self.offset
        if offset < 0:
            # Redis goes off the end of a listpack, but in a skiplist it counts from the end of the range
            offset += stop - start
            if zset.packed or offset < 0:
                return []
        if self.reverse:
            stop -= offset
            if self.most >= 0:
                start = max(start, stop - self.most)
            return zset.entries(start, stop)[::-1]
        start += offset
        if self.most >= 0:
            stop = min(stop, start + self.most)
        return zset.entries(start, stop)


def range_query(
    words: Sequence[bytes], *, by: By | None = None, reverse: bool | None = None, storing: bool = False
) -> RangeQuery:
    """Read the ends of a range and the options behind them.

    Args:
        words: all that stands behind the key.
        by: what the range goes by, where the command and not an option says it.
        reverse: its direction, likewise.
        storing: whether the result is stored, so that WITHSCORES has no place.

    Raises:
        RespError: for the first option that is out of place, then for options that exclude each other, then for
            ends that are none.
    """
    with_scores = False
    offset, count = 0, _NO_LIMIT
    at, size = 2, len(words)
    while at < size:
        word = words[at].upper()
        if word == b"WITHSCORES" and not storing:
            with_scores = True
        elif word == b"LIMIT" and at + 2 < size:
            offset, count = integer(words[at + 1]), integer(words[at + 2])
            at += 2
        elif word == b"REV" and reverse is None:
            reverse = True
        elif by is None and word in _BY:
            by = _BY[word]
        else:
            raise RespError(errors.SYNTAX)
        at += 1
    by = by or "rank"
    if by == "rank" and count != _NO_LIMIT:
        raise RespError(errors.LIMIT_WITHOUT_BY)
    if by == "lex" and with_scores:
        raise RespError(errors.WITHSCORES_WITH_BYLEX)
    low, high = words[:2]
    reverse = bool(reverse)
    if reverse and by != "rank":
        low, high = high, low
    if by == "rank":
        offset = 0
    return RangeQuery(_span_of(by, low, high, reverse=reverse), reverse, offset, count, with_scores)


def _span_of(by: By, low: bytes, high: bytes, *, reverse: bool) -> Callable[[ZSet], Span]:
    """Return what finds the span of a range."""
    if by == "rank":
        start, stop = integer(low), integer(high)
        return lambda zset: rank_span(start, stop, len(zset), reverse=reverse)
    if by == "score":
        least, most = low_score(low), high_score(high)
        if least is None or most is None:
            raise RespError(errors.NOT_A_SCORE_RANGE)
        return lambda zset: zset.span_by_score(least, most)
    first, last = low_lex(low), high_lex(high)
    if first is None or last is None:
        raise RespError(errors.NOT_A_LEX_RANGE)
    return lambda zset: zset.span_by_lex(first, last, reverse=reverse)


# Combining sorted sets ------------------------------------------------------------------------------------


class Combination(NamedTuple):
    """What ZUNION and its like were asked for."""

    weights: Sequence[float]
    aggregate: Aggregate
    with_scores: bool


def counted_keys(name: str, words: Sequence[bytes]) -> tuple[list[bytes], Sequence[bytes]]:
    """Return the keys behind a count of them, and the words behind the keys.

    Args:
        name: the command's, for its errors.
        words: the count and all behind it.
    """
    count = integer(words[0])
    if count < 1:
        raise RespError(errors.no_input_key(name))
    if count > len(words) - 1:
        raise RespError(errors.SYNTAX)
    return list(words[1 : count + 1]), words[count + 1 :]


def combination(words: Sequence[bytes], keys: int, *, weighing: bool, storing: bool) -> Combination:
    """Read the options behind the keys.

    Args:
        words: the options.
        keys: how many keys there are, and so weights.
        weighing: whether WEIGHTS and AGGREGATE have a place.
        storing: whether the result is stored, so that WITHSCORES has none.
    """
    weights: Sequence[float] = (1.0,) * keys
    aggregate = AGGREGATES[b"SUM"]
    with_scores = False
    at = 0
    while at < len(words):
        word = words[at].upper()
        if word == b"WEIGHTS" and weighing and at + keys < len(words):
            weights = [_weight(text) for text in words[at + 1 : at + 1 + keys]]
            at += keys
        elif word == b"AGGREGATE" and weighing and at + 1 < len(words):
            chosen = AGGREGATES.get(words[at + 1].upper())
            if chosen is None:
                raise RespError(errors.SYNTAX)
            aggregate = chosen
            at += 1
        elif word == b"WITHSCORES" and not storing:
            with_scores = True
        else:
            raise RespError(errors.SYNTAX)
        at += 1
    return Combination(weights, aggregate, with_scores)


def _weight(text: bytes) -> float:
    """Return a weight."""
    weight = parse_double(text)
    if weight is None:
        raise RespError(errors.WEIGHT_NOT_A_FLOAT)
    return weight


# As COMMAND DOCS describes them ---------------------------------------------------------------------------

KEYS: Final = (Argument("numkeys", "integer"), Argument("key", "key", key_spec=0, multiple=True))
STORED_KEYS: Final = (
    Argument("destination", "key", key_spec=0),
    Argument("numkeys", "integer"),
    Argument("key", "key", key_spec=1, multiple=True),
)
WEIGHTS: Final = (
    Argument("weight", "integer", token="WEIGHTS", optional=True, multiple=True),
    Argument(
        "aggregate", "oneof", token="AGGREGATE", optional=True,
        arguments=[
            Argument("sum", "pure-token", token="SUM"),
            Argument("min", "pure-token", token="MIN"),
            Argument("max", "pure-token", token="MAX"),
        ],
    ),
)  # fmt: skip
WITH_SCORES: Final = Argument("withscores", "pure-token", token="WITHSCORES", optional=True)


def limit(since: str = "") -> Argument:
    """Return the argument LIMIT, which came in some version where it is younger than the command."""
    return Argument(
        "limit", "block", token="LIMIT", optional=True, since=since,
        arguments=[Argument("offset", "integer"), Argument("count", "integer")],
    )  # fmt: skip


def sort_by(since: str = "") -> Argument:
    """Return the argument BYSCORE or BYLEX."""
    return Argument(
        "sortby", "oneof", optional=True, since=since,
        arguments=[
            Argument("byscore", "pure-token", token="BYSCORE"),
            Argument("bylex", "pure-token", token="BYLEX"),
        ],
    )  # fmt: skip


def key_and(*names: str, kind: str) -> list[Argument]:
    """Return a key and fixed arguments of one kind behind it."""
    return [Argument("key", "key", key_spec=0), *(Argument(name, kind) for name in names)]


LOWEST_OR_HIGHEST: Final = Argument(
    "where", "oneof",
    arguments=[Argument("min", "pure-token", token="MIN"), Argument("max", "pure-token", token="MAX")],
)  # fmt: skip
