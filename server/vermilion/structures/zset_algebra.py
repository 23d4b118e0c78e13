"""Unions, intersections and differences of sorted sets: members with the scores that aggregation gives them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import reduce
from typing import Final, TypeAlias

Scores: TypeAlias = Mapping[bytes, float]
Aggregate: TypeAlias = Callable[[float, float], float]


class Ones(Scores):
    """Members of a set as if they were of a sorted set: each has a score of 1.

    Args:
        members: looked at, not copied, so that the smallest source decides what an intersection costs.
    """

    __slots__ = ("_members",)

    def __init__(self, members: Collection[bytes]) -> None:
        self._members = members

    def __getitem__(self, member: bytes) -> float:
        """Return 1.

        Raises:
            KeyError: for what is no member.
        """
        if member in self._members:
            return 1.0
        raise KeyError(member)

    def __contains__(self, member: object) -> bool:
        """Return whether a string is a member."""
        return member in self._members

    def __iter__(self) -> Iterator[bytes]:
        """Return the members."""
        return iter(self._members)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._members)


def add(left: float, right: float) -> float:
    """Return the sum; of opposite infinities, 0."""
    return _number(left + right)


AGGREGATES: Final[dict[bytes, Aggregate]] = {b"SUM": add, b"MIN": min, b"MAX": max}
"""How the scores of one member become one, by the word that asks for it."""


def _number(result: float) -> float:
    """Return a result, 0 where it is NaN: the one number that is not itself."""
    return result if result == result else 0.0  # noqa: PLR0124


def _by_size(sources: Sequence[Scores], weights: Sequence[float]) -> list[tuple[Scores, float]]:
    """Return sources with their weights, the smallest first: sums of doubles depend on their order."""
    return sorted(zip(sources, weights, strict=True), key=lambda source: len(source[0]))


def union(sources: Sequence[Scores], weights: Sequence[float], aggregate: Aggregate) -> dict[bytes, float]:
    """Return every member of any source.

    Args:
        sources: one or more.
        weights: what the scores of each are multiplied by.
        aggregate: makes one score of two.
    """
    found: dict[bytes, float] = {}
    for scores, weight in _by_size(sources, weights):
        for member, score in scores.items():
            product = _number(score * weight)
            old = found.get(member)
            found[member] = product if old is None else aggregate(old, product)
    return found


def intersection(
    sources: Sequence[Scores], weights: Sequence[float], aggregate: Aggregate
) -> dict[bytes, float]:
    """Return the members that all sources have; it takes as long as the smallest one is.

    Args:
        sources: one or more.
        weights: what the scores of each are multiplied by.
        aggregate: makes one score of two.
    """
    (smallest, smallest_weight), *others = _by_size(sources, weights)
    # Infinity times 0 is 0 in the smallest source only: in the others it makes a sum 0, and is neither minimum nor
    # maximum, which both keep the left one of two that do not compare.
    return {
        member: reduce(
            aggregate,
            [scores[member] * weight for scores, weight in others],
            _number(score * smallest_weight),
        )
        for member, score in smallest.items()
        if all(member in scores for scores, _ in others)
    }


def difference(sources: Sequence[Scores]) -> dict[bytes, float]:
    """Return the members of the first source that no other one has."""
    first, *others = sources
    return {
        member: score for member, score in first.items() if not any(member in scores for scores in others)
    }


def count_intersection(sources: Sequence[Scores], limit: int) -> int:
    """Return how many members all sources have, counting up to limit; 0 for no limit."""
    smallest, *others = sorted(sources, key=len)
    count = 0
    for member in smallest:
        if all(member in scores for scores in others):
            count += 1
            if count == limit:
                break
    return count
