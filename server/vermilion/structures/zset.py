"""A sorted set: members by score, and all entries in order, in blocks.

    scores    member -> score
    blocks    [ s s s … ] [ s s … ] [ s s … ]   scores in ascending order, up to 1024 in a block, as C doubles
              [ m m m … ] [ m m … ] [ m m … ]   the members beside them, in order where scores are equal
    tops      [ s       ,   s     ,   s     ]   the last score of each block
    counts    a Fenwick tree over the sizes of the blocks, while there is one

An entry is found by two binary searches, over `tops` and in its block, and by two more among equal scores. The
scores of a block lie side by side: with a million members it is the misses of the cache that cost, and tuples of
score and member have three of them at each step. Inserting moves half a block at most, a few kilobytes; a block
that grows too long is split, one that gets too short is merged with its neighbour. The position of an entry is the
size of the blocks before its own, which the Fenwick tree sums up in O(log n) (P. M. Fenwick, 1994). The tree is
made when a position is asked for, and thrown away when a block is split or merged, which happens every few hundred
changes at most: who never asks never pays.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from operator import itemgetter
from typing import ClassVar, Final, NamedTuple, Self, TypeAlias

from vermilion.structures.scan_order import ScanOrder
from vermilion.structures.structure import Structure

Entry: TypeAlias = tuple[float, bytes]
"""A score and its member, as they are ordered: by score, then by the bytes of the member."""

Span: TypeAlias = tuple[int, int]
"""Positions in ascending order: the first, and the one behind the last; empty when the first is not smaller."""

_LONGEST: Final = 1024
_SHORTEST: Final = 128

_last: Final[Callable[[list[bytes]], bytes]] = itemgetter(-1)


class ScoreCut(NamedTuple):
    """A place between scores: before all entries of a score, or after them."""

    score: float
    after: bool


class LexCut(NamedTuple):
    """A place between members: before or after one, or, with a side, before (-1) or after (1) them all."""

    member: bytes
    after: bool
    side: int = 0

    def precedes(self, member: bytes) -> bool:
        """Return whether a member lies behind this place."""
        if self.side:
            return self.side < 0
        return member > self.member if self.after else member >= self.member


class ZSet(Structure):
    """Members with scores, in order of score and then of member.

    Example:
        >>> board = ZSet.of({b"ann": 3.0, b"bob": 1.0})
        >>> board.add(b"cid", 2.0)
        >>> board.entries(0, 2), board.rank(b"ann")
        ([(1.0, b'bob'), (2.0, b'cid')], 2)

    LLM Context:
        - `scores` is for reading; every change goes through a method, or the order falls apart.
        - Scores are never NaN: commands refuse it.
        - `packed` says that Redis would keep a listpack; `outgrow` ends that, and nothing brings it back. In a
          listpack a score of -0 becomes 0, as Redis stores it as an integer there.
    """

    __slots__ = ("_counts", "_members", "_order", "_scores", "_tops", "packed", "scores")

    type_name: ClassVar[str] = "zset"

    def __init__(self) -> None:
        self.scores: dict[bytes, float] = {}
        self.packed = True
        self._scores: list[array[float]] = []
        self._members: list[list[bytes]] = []
        self._tops: array[float] = array("d")
        self._counts: list[int] | None = None
        self._order: ScanOrder | None = None

    @classmethod
    def of(cls, scores: Mapping[bytes, float]) -> Self:
        """Return a sorted set of these members, in one sort; it is packed until it outgrows that."""
        made = cls()
        made.scores = dict(scores)
        made._arrange()
        return made

    def _arrange(self) -> None:
        """Make the blocks anew from the scores."""
        entries = sorted(zip(self.scores.values(), self.scores, strict=True))
        half = _LONGEST // 2
        blocks = [entries[at : at + half] for at in range(0, len(entries), half)]
        self._scores = [array("d", [score for score, _ in block]) for block in blocks]
        self._members = [[member for _, member in block] for block in blocks]
        self._tops = array("d", [block[-1][0] for block in blocks])
        self._counts = None

    def __len__(self) -> int:
        """Return how many members there are."""
        return len(self.scores)

    @property
    def encoding(self) -> str:
        """`listpack` while packed, else `skiplist`."""
        return "listpack" if self.packed else "skiplist"

    def copy(self) -> Self:
        """Return a sorted set of its own with the same members."""
        made = type(self).of(self.scores)
        made.packed = self.packed
        return made

    def outgrow(self, entries: int, longest: int, most: int, most_bytes: int) -> None:
        """Stop being packed when something is too large for that.

        Args:
            entries: how many members there are, or are to be.
            longest: how many bytes the longest new member has.
            most: how many members a packed one may have.
            most_bytes: how long their names may be.
        """
        if entries > most or longest > most_bytes:
            self.packed = False

    # Changing ---------------------------------------------------------------------------------------------

    def add(self, member: bytes, score: float) -> None:
        """Add a member that is not there."""
        if self.packed:
            score += 0.0  # -0 becomes 0
        self.scores[member] = score
        self._insert(score, member)

    def update(self, member: bytes, score: float) -> None:
        """Give a member that is there another score."""
        scores = self.scores
        self._take(scores[member], member)
        if self.packed:
            score += 0.0
        scores[member] = score
        self._insert(score, member)

    def remove(self, member: bytes) -> bool:
        """Remove a member; return whether it was there."""
        score = self.scores.get(member)
        if score is None:
            return False
        self._forget(member)
        self._take(score, member)
        return True

    def remove_span(self, span: Span) -> list[Entry]:
        """Remove the entries of a span; return them in ascending order."""
        start, stop = span
        if stop - start == 1:
            score, member = self.entries(start, stop)[0]
            self._forget(member)
            self._take(score, member)
            return [(score, member)]
        removed = self.entries(start, stop)
        if removed:
            for _, member in removed:
                self._forget(member)
            self._cut(start, len(removed))
        return removed

    def _forget(self, member: bytes) -> None:
        """Take a member out of the scores, and out of the order of scans if there is one."""
        if self._order is not None:
            self._order.follow(self.scores)
            self._order.discard(member)
        del self.scores[member]

    def _find(self, score: float, member: bytes) -> tuple[int, int]:
        """Return the block of an entry and its offset there, or where it would stand; the block may be a new one."""
        tops = self._tops
        at = bisect_left(tops, score)
        if at == len(tops):
            return at, 0
        if tops[at] == score and self._members[at][-1] < member:
            at = bisect_left(self._members, member, at, bisect_right(tops, score, at), key=_last)
            if at == len(tops):
                return at, 0
        scores = self._scores[at]
        offset = bisect_left(scores, score)
        if scores[offset] == score:
            offset = bisect_left(self._members[at], member, offset, bisect_right(scores, score, offset))
        return at, offset

    def _insert(self, score: float, member: bytes) -> None:
        """Put an entry into its block."""
        tops = self._tops
        at, offset = self._find(score, member)
        if at == len(tops):
            if not at:
                self._scores.append(array("d", (score,)))
                self._members.append([member])
                tops.append(score)
                self._counts = None
                return
            at -= 1
            offset = len(self._scores[at])
            tops[at] = score
        scores = self._scores[at]
        scores.insert(offset, score)
        self._members[at].insert(offset, member)
        if len(scores) > _LONGEST:
            self._split(at)
        elif self._counts is not None:
            self._count(self._counts, at, 1)

    def _take(self, score: float, member: bytes) -> None:
        """Take an entry out of its block."""
        at, offset = self._find(score, member)
        scores = self._scores[at]
        del scores[offset], self._members[at][offset]
        if len(scores) < _SHORTEST:
            self._merge(at)
        else:
            self._tops[at] = scores[-1]
            if self._counts is not None:
                self._count(self._counts, at, -1)

    def _cut(self, start: int, count: int) -> None:
        """Take out count entries from a position on, which must be there."""
        at, offset = self._locate(start)
        first = at
        while count:
            there = len(self._scores[at]) - offset
            del self._scores[at][offset : offset + count], self._members[at][offset : offset + count]
            count -= min(count, there)
            offset = 0
            at += 1
        self._scores[first:at] = [scores for scores in self._scores[first:at] if scores]
        self._members[first:at] = [members for members in self._members[first:at] if members]
        self._tops = array("d", [scores[-1] for scores in self._scores])
        self._counts = None
        for near in (first, first - 1):
            if 0 <= near < len(self._scores) and len(self._scores[near]) < _SHORTEST:
                self._merge(near)

    def _split(self, at: int) -> None:
        """Halve a block."""
        scores, members = self._scores[at], self._members[at]
        half = len(scores) // 2
        self._scores.insert(at + 1, scores[half:])
        self._members.insert(at + 1, members[half:])
        del scores[half:], members[half:]
        self._tops[at] = scores[-1]
        self._tops.insert(at + 1, self._scores[at + 1][-1])
        self._counts = None

    def _merge(self, at: int) -> None:
        """Put a short block together with a neighbour; the only block may be short, but not empty."""
        if len(self._scores) > 1:
            at = min(at, len(self._scores) - 2)
            self._scores[at] += self._scores.pop(at + 1)
            self._members[at] += self._members.pop(at + 1)
            del self._tops[at + 1]
        self._counts = None
        scores = self._scores[at]
        if not scores:
            del self._scores[at], self._members[at], self._tops[at]
            return
        self._tops[at] = scores[-1]
        if len(scores) > _LONGEST:
            self._split(at)

    # Positions --------------------------------------------------------------------------------------------

    @staticmethod
    def _count(counts: list[int], at: int, by: int) -> None:
        """Note in the tree that a block has grown by so many entries."""
        at += 1
        size = len(counts)
        while at < size:
            counts[at] += by
            at += at & -at

    def _tree(self) -> list[int]:
        """Return the Fenwick tree; `tree[i]` sums up the `i & -i` blocks before block i."""
        if self._counts is None:
            counts = [0, *map(len, self._scores)]
            size = len(counts)
            for at in range(1, size):
                parent = at + (at & -at)
                if parent < size:
                    counts[parent] += counts[at]
            self._counts = counts
        return self._counts

    def _before(self, at: int) -> int:
        """Return how many entries the blocks before a block have."""
        if not at:
            return 0
        counts = self._tree()
        total = 0
        while at:
            total += counts[at]
            at &= at - 1
        return total

    def _locate(self, position: int) -> tuple[int, int]:
        """Return the block of an existing position, and the offset in it."""
        if position < len(self._scores[0]):
            return 0, position
        counts = self._tree()
        size = len(counts)
        at = 0
        step = 1 << (size - 1).bit_length() - 1
        while step:
            next_at = at + step
            if next_at < size and counts[next_at] <= position:
                at = next_at
                position -= counts[at]
            step >>= 1
        return at, position

    def rank(self, member: bytes) -> int | None:
        """Return the position of a member in ascending order, None when it is not there."""
        score = self.scores.get(member)
        if score is None:
            return None
        at, offset = self._find(score, member)
        return self._before(at) + offset

    def entries(self, start: int, stop: int) -> list[Entry]:
        """Return the entries from one position up to another, in ascending order."""
        stop = min(stop, len(self.scores))
        count = stop - start
        if count <= 0:
            return []
        at, offset = self._locate(start)
        found: list[Entry] = []
        while count:
            part = slice(offset, offset + count)
            scores = self._scores[at][part]
            found += zip(scores, self._members[at][part], strict=True)
            count -= len(scores)
            offset = 0
            at += 1
        return found

    def elements(self) -> list[bytes]:
        """Return all members by their scores: what SORT goes over."""
        return [member for _, member in self.entries(0, len(self))]

    def __iter__(self) -> Iterator[Entry]:
        """Return all entries in ascending order."""
        for scores, members in zip(self._scores, self._members, strict=True):
            yield from zip(scores, members, strict=True)

    # Ranges -----------------------------------------------------------------------------------------------

    def span_by_score(self, low: ScoreCut, high: ScoreCut) -> Span:
        """Return the span of the entries between two places."""
        if high.score < low.score:
            return 0, 0
        return self._score_position(low), self._score_position(high)

    def _score_position(self, cut: ScoreCut) -> int:
        """Return how many entries lie before a place."""
        search = bisect_right if cut.after else bisect_left
        at = search(self._tops, cut.score)
        if at == len(self._tops):
            return len(self.scores)
        return self._before(at) + search(self._scores[at], cut.score)

    def span_by_lex(self, low: LexCut, high: LexCut, *, reverse: bool = False) -> Span:
        """Return the span of the members between two places; it takes all to have one score.

        Where they do not, Redis has no promise, but a small sorted set has a behaviour, and this one has the
        same: it goes from the end where it begins, for as long as members lie between.

        Args:
            low: where the span begins.
            high: where it ends.
            reverse: whether Redis would begin at the upper end.
        """
        if not self.packed:
            return self._lex_position(low), self._lex_position(high)
        members = list(chain.from_iterable(self._members))
        size = len(members)
        if not size or not low.precedes(members[-1]) or high.precedes(members[0]):
            return 0, 0
        if reverse:
            stop = size
            while stop and high.precedes(members[stop - 1]):
                stop -= 1
            start = stop
            while start and low.precedes(members[start - 1]):
                start -= 1
            return start, stop
        start = 0
        while start < size and not low.precedes(members[start]):
            start += 1
        stop = start
        while stop < size and not high.precedes(members[stop]):
            stop += 1
        return start, stop

    def _lex_position(self, cut: LexCut) -> int:
        """Return how many members lie before a place."""
        if cut.side:
            return 0 if cut.side < 0 else len(self.scores)
        search = bisect_right if cut.after else bisect_left
        at = search(self._members, cut.member, key=_last)
        if at == len(self._members):
            return len(self.scores)
        return self._before(at) + search(self._members[at], cut.member)

    # Going over members -----------------------------------------------------------------------------------

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """Return the next cursor, 0 at the end, and some members; a packed one is given whole, in order.

        Args:
            cursor: 0 to begin, else what the call before returned.
            count: how many members to look at, about.
        """
        if self.packed:
            return 0, list(chain.from_iterable(self._members))
        if self._order is None:
            self._order = ScanOrder()
        self._order.follow(self.scores)
        following, page = self._order.page(cursor, count)
        return following, [member for member in page if member in self.scores]
