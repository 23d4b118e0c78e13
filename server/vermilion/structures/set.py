"""A set of strings: a dict that keeps the order of creation, and beside it, once needed, an order for random picks.

An encoding is what Redis would keep the members in, and decides here what is seen of it: an intset is gone over by
number, a listpack by age, and a hash table in no promised order, page by page.

    intset ──▶ listpack ──▶ hashtable      as members come that are no integers, too many, or too long;
       └───────────────────────▲           nothing but storing the outcome of an operation goes back

The dict alone answers most questions. `ScanOrder` is built at the first one for a random member or a page.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, filterfalse, islice
from random import Random
from typing import Final, Protocol, Self

from vermilion.structures.integer import is_integer
from vermilion.structures.scan_order import TAG_BITS, ScanOrder
from vermilion.structures.structure import Structure

INTSET: Final = "intset"
LISTPACK: Final = "listpack"
HASHTABLE: Final = "hashtable"

_FEW: Final = 5
"""A hash table that loses at least this many times what is left of it may become a listpack again."""


class SetLimits(Protocol):
    """Up to where a set is kept in a small form; the directives of these names."""

    @property
    def set_max_intset_entries(self) -> int:
        """Most members of an intset."""

    @property
    def set_max_listpack_entries(self) -> int:
        """Most members of a listpack."""

    @property
    def set_max_listpack_value(self) -> int:
        """Longest member of a listpack."""


class Set(Structure):
    """A set of strings; new, it is empty.

    Example:
        >>> class Limits:
        ...     set_max_intset_entries = 512
        ...     set_max_listpack_entries = 128
        ...     set_max_listpack_value = 64
        >>> numbers = Set()
        >>> numbers.add([b"30", b"4", b"30"], Limits())
        2
        >>> numbers.encoding, numbers.members()
        ('intset', [b'4', b'30'])

    See Also:
        `union`, `intersection` and `difference`, and their `_set` forms, which make a set.

    LLM Context:
        - No `__iter__`: `members()` gives the order that the encoding promises. `table` answers membership.
        - Whoever removes the last member removes the key, too; an empty set is never left in a database.
    """

    __slots__ = ("_order", "_sorted", "encoding", "table")

    type_name = "set"
    encoding: str  # a slot where the base class has a property: every change reads it

    def __init__(self) -> None:
        self.table: dict[bytes, None] = {}
        self.encoding = INTSET
        self._sorted = True
        self._order: ScanOrder | None = None

    @classmethod
    def of(cls, members: Iterable[bytes], encoding: str) -> Self:
        """Return a set of members in an encoding; those of an intset are given by number."""
        made = cls()
        made.table = dict.fromkeys(members)
        made.encoding = encoding
        return made

    def __len__(self) -> int:
        """Return how many members there are."""
        return len(self.table)

    def __contains__(self, member: bytes) -> bool:
        """Return whether a string is a member."""
        return member in self.table

    def copy(self) -> Self:
        """Return a set of its own with the same members and encoding."""
        self._sort()
        other = type(self)()
        other.table = self.table.copy()
        other.encoding = self.encoding
        return other

    # Members ----------------------------------------------------------------------------------------------

    def members(self) -> list[bytes]:
        """Return all members: those of an intset by number, others by age."""
        return list(self.in_order())

    def elements(self) -> list[bytes]:
        """Return all members: what SORT goes over."""
        return self.members()

    def in_order(self) -> dict[bytes, None]:
        """Return the table itself, in the order of `members`: to be gone over, as long as nothing is changed."""
        self._sort()
        return self.table

    def add(self, members: Sequence[bytes], limits: SetLimits) -> int:
        """Add members and return how many were new.

        As in Redis, a call with more members than a small form may have makes a larger one, whether or not they
        are all different.
        """
        table = self.table
        before = len(table)
        if self.encoding is not HASHTABLE:
            count = len(members)
            if not before:
                self.encoding = _first_encoding(members[0], count, limits)
            elif count > (
                limits.set_max_intset_entries if self.encoding is INTSET else limits.set_max_listpack_entries
            ):
                self._encode(HASHTABLE)
            self.extend(members, limits)
            table = self.table
        else:
            for member in members:
                table[member] = None
        return len(table) - before

    def add_each(self, members: Sequence[bytes]) -> list[int] | None:
        """Add members and return for each whether it was new, 1 or 0; None when new ones may not fit, to `add` them."""
        table = self.table
        if all(map(table.__contains__, members)):
            return [0] * len(members)
        if self.encoding is not HASHTABLE:
            return None
        added: list[int] = []
        append = added.append
        for member in members:
            if member in table:
                append(0)
            else:
                table[member] = None
                append(1)
        return added

    def extend(self, members: Iterable[bytes], limits: SetLimits) -> None:
        """Add members one by one, whatever their number; each takes the encoding as far as it must."""
        rest = iter(members)
        if self.encoding is not HASHTABLE:
            for member in rest:
                if member not in self.table:
                    self._admit(member, limits)
                    self.table[member] = None
                    if self.encoding is HASHTABLE:
                        break
        if self.encoding is HASHTABLE:
            self.table.update(dict.fromkeys(rest))

    def _admit(self, member: bytes, limits: SetLimits) -> None:
        """Choose the encoding in which a new member has a place."""
        size = len(self.table)
        fits = size < limits.set_max_listpack_entries and len(member) <= limits.set_max_listpack_value
        if self.encoding is INTSET:
            if is_integer(member):
                self._sorted = False
                if size >= limits.set_max_intset_entries:
                    self._encode(HASHTABLE)
            elif fits and all(len(number) <= limits.set_max_listpack_value for number in self.table):
                self._encode(LISTPACK)
            else:
                self._encode(HASHTABLE)
        elif not fits:
            self._encode(HASHTABLE)

    def _encode(self, encoding: str) -> None:
        """Change the encoding; the order of an intset stays for what it becomes."""
        self._sort()
        self.encoding = encoding

    def _sort(self) -> None:
        """Bring an intset in order, which adding to it does not."""
        if self._sorted:
            return
        if self._order is not None:
            self._order.follow(self.table)  # it finds what is new by its place in the dict
        self.table = dict.fromkeys(sorted(self.table, key=int))
        self._sorted = True

    def remove(self, members: Iterable[bytes]) -> int:
        """Remove members and return how many there were."""
        table, order = self.table, self._order
        if order is not None:
            order.follow(table)
        before = len(table)
        for member in members:
            if member in table:
                del table[member]
                if order is not None:
                    order.discard(member)
        return before - len(table)

    # Chance, and going over members -----------------------------------------------------------------------

    def _ordered(self, random: Random) -> ScanOrder:
        """Return the order of the members, up to date."""
        order = self._order
        if order is None:
            # By its tag, a cursor of a set that was here before begins again, and cannot skip what both have.
            order = self._order = ScanOrder(random.getrandbits(TAG_BITS))
        order.follow(self.table)
        return order

    def pick(self, random: Random) -> bytes:
        """Return a member by chance, each as likely as any other; there must be one."""
        return self._ordered(random).pick(random)

    def pop(self, random: Random) -> bytes:
        """Remove a member by chance, each as likely as any other, and return it; there must be one."""
        [member] = self._ordered(random).take(random)
        del self.table[member]
        return member

    def pop_each(self, count: int, random: Random) -> list[bytes]:
        """`pop` several times; there must be as many members."""
        members = self._ordered(random).take(random, count)
        table = self.table
        for member in members:
            del table[member]
        return members

    def pop_many(self, count: int, random: Random, limits: SetLimits) -> list[bytes]:
        """Remove different members by chance, all of them when there are no more than that, and return them.

        As in Redis, few that are left of many may go back to a small form.
        """
        left = len(self.table) - count
        if left > 0:
            members = self.pop_each(count, random)
            if self.encoding is HASHTABLE and left * _FEW <= count and self._is_small(limits):
                self.encoding = LISTPACK
        else:
            members = self.members()
            self.table = {}
            self._order = None
        return members

    def _is_small(self, limits: SetLimits) -> bool:
        """Return whether the members have a place in a listpack."""
        longest = limits.set_max_listpack_value
        return len(self.table) <= limits.set_max_listpack_entries and all(
            len(one) <= longest for one in self.table
        )

    def sample(self, count: int, random: Random) -> list[bytes]:
        """Return different members by chance, all of them when there are no more than that; O(count)."""
        return self.members() if count >= len(self.table) else self._ordered(random).sample(random, count)

    def choices(self, count: int, random: Random) -> list[bytes]:
        """Return members by chance, each anew among all; there must be one. O(count)."""
        return self._ordered(random).choices(random, count)

    def scan(self, cursor: int, count: int, random: Random) -> tuple[int, list[bytes]]:
        """Return the next cursor, 0 at the end, and some members: all of a small form, else of about count.

        Args:
            cursor: 0 to begin, else what the call before returned; one of another set begins again.
            count: how many positions to look at, 1 or more.
            random: names the order, when this is its first use.
        """
        if self.encoding is not HASHTABLE:
            return 0, self.members()
        following, page = self._ordered(random).scan(cursor, count)
        return following, list(filter(self.table.__contains__, page))

    # Operations on several sets ---------------------------------------------------------------------------
    # What a missing key holds is None: an empty set.

    @classmethod
    def union_set(cls, sets: Sequence["Set | None"], limits: SetLimits) -> Self:
        """Return the set of all members of any of the sets, in the encoding that Redis gives it."""
        result = cls()
        result.extend(chain.from_iterable(held.in_order() for held in sets if held is not None), limits)
        return result

    @classmethod
    def intersection_set(cls, sets: Sequence["Set | None"], limits: SetLimits) -> Self:
        """Return the set of the members that all of the sets have, in the encoding that Redis gives it."""
        result = cls()
        smallest = _by_size(sets)
        if smallest:
            # Redis collects in a listpack, unless the smallest set is an intset, and looks for integers at the end.
            result.encoding = INTSET if smallest[0].encoding is INTSET else LISTPACK
            result.extend(_common(smallest), limits)
            if (
                result.encoding is not INTSET
                and len(result) <= limits.set_max_intset_entries
                and all(map(is_integer, result.table))
            ):
                result.encoding = INTSET
                result._sorted = False
        return result

    @classmethod
    def difference_set(cls, sets: Sequence["Set | None"], limits: SetLimits) -> Self:
        """Return the set of the members of the first set that no other has, in the encoding that Redis gives it."""
        result = cls()
        first, others = sets[0], [held for held in sets[1:] if held is not None]
        if first is None or first in others:
            return result
        # Many small sets are taken out of a copy of the first, whose encoding then stays.
        if len(first) * (1 + len(others)) // 2 <= len(first) + sum(map(len, others)):
            result.extend(_rest(first, others), limits)
        else:
            result.extend(first.in_order(), limits)
            for held in others:
                result.remove(held.table)
        return result


def union(sets: Sequence[Set | None]) -> list[bytes]:
    """Return all members of any of the sets."""
    found: dict[bytes, None] = {}
    for held in sets:
        if held is not None:
            found.update(held.in_order())
    return list(found)


def intersection(sets: Sequence[Set | None], limit: int | None = None) -> list[bytes]:
    """Return the members that all of the sets have, in the order of the smallest; O(n * m) with its n members.

    Args:
        sets: one or more.
        limit: after how many to stop; None for not at all.
    """
    return list(islice(_common(_by_size(sets)), limit))


def difference(sets: Sequence[Set | None]) -> list[bytes]:
    """Return the members of the first set that no other has, in its order."""
    first = sets[0]
    if first is None:
        return []
    return list(_rest(first, [held for held in sets[1:] if held is not None]))


def _by_size(sets: Sequence[Set | None]) -> list[Set]:
    """Return sets, the smallest first; none when any is empty."""
    present = [held for held in sets if held is not None]
    return sorted(present, key=len) if len(present) == len(sets) else []


def _common(sets: list[Set]) -> Iterator[bytes]:
    """Yield what all of the sets have, in the order of the first."""
    found: Iterator[bytes] = iter(sets[0].in_order() if sets else ())
    for other in sets[1:]:
        found = filter(other.table.__contains__, found)
    return found


def _rest(first: Set, others: list[Set]) -> Iterator[bytes]:
    """Yield the members of a set that no other has."""
    found: Iterator[bytes] = iter(first.in_order())
    for other in others:
        found = filterfalse(other.table.__contains__, found)
    return found


def _first_encoding(member: bytes, count: int, limits: SetLimits) -> str:
    """Return the encoding in which Redis makes a set for count members, of which this is the first."""
    if count <= limits.set_max_intset_entries and is_integer(member):
        return INTSET
    return LISTPACK if count <= limits.set_max_listpack_entries else HASHTABLE
