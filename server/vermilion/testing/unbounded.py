"""What a test gets away with and production does not: calls that go through all keys, or take all of a collection."""

from collections.abc import Callable, Sequence
from typing import Final

from vermilion.engine.journal import RecordedCall
from vermilion.testing.call_text import call_text

LARGE: Final = 100
"""From this many elements on, a reply that holds all there is is worth a warning."""

_LENGTHY: Final = frozenset({"0", "-1", "-inf", "+inf", "-", "+"})


class UnboundedReadWarning(UserWarning):
    """A call that goes through all keys, or takes all of a large collection: quick in a test, slow in production."""


def _always(argv: Sequence[bytes]) -> bool:
    """Say that such a call takes all there is."""
    return bool(argv)


def _from_end_to_end(argv: Sequence[bytes]) -> bool:
    """Return whether a range goes from the first to the last, and nothing limits it."""
    words = [word.decode(errors="replace").lower() for word in argv]
    return len(words) > 3 and _LENGTHY.issuperset(words[2:4]) and not {"limit", "count"} & set(words[4:])


def _without_limit(argv: Sequence[bytes]) -> bool:
    """Return whether nothing limits a sort."""
    return b"limit" not in [word.lower() for word in argv]


_TAKES_ALL: Final[dict[str, tuple[Callable[[Sequence[bytes]], bool], str]]] = {
    "smembers": (_always, "SSCAN"),
    "sunion": (_always, "SSCAN"),
    "sdiff": (_always, "SSCAN"),
    "sinter": (_always, "SSCAN"),
    "hgetall": (_always, "HSCAN"),
    "hkeys": (_always, "HSCAN"),
    "hvals": (_always, "HSCAN"),
    "lrange": (_from_end_to_end, "a range"),
    "zrange": (_from_end_to_end, "a range, or LIMIT,"),
    "zrevrange": (_from_end_to_end, "a range"),
    "zrangebyscore": (_from_end_to_end, "LIMIT"),
    "zrevrangebyscore": (_from_end_to_end, "LIMIT"),
    "zrangebylex": (_from_end_to_end, "LIMIT"),
    "zrevrangebylex": (_from_end_to_end, "LIMIT"),
    "xrange": (_from_end_to_end, "COUNT"),
    "xrevrange": (_from_end_to_end, "COUNT"),
    "sort": (_without_limit, "LIMIT"),
    "sort_ro": (_without_limit, "LIMIT"),
}
"""Calls that take all of a collection, and what takes a part of it."""


def advice_against(call: RecordedCall, large: int) -> str | None:
    """Return what is to be said against a call."""
    if call.error is not None:
        return None
    if call.name == "keys":
        return f"{call_text(call)} goes through all keys of the database; SCAN does it in steps"
    found = _TAKES_ALL.get(call.name)
    if found is None or call.size is None or call.size < large or not found[0](call.argv):
        return None
    return f"{call_text(call)} took all {call.size} elements at once; {found[1]} takes a part of them"
