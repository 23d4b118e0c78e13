"""A hash: fields and values, and the times at which some of the fields fall due.

    fields      field -> value, in order of creation
    deadlines   field -> milliseconds since the epoch, for the fields that have one, set last comes last
    _due        the same by time, made with the first deadline: see `deadlines.py`
    _order      the fields of a hashtable by position, for scans and random choices: see `scan_order.py`

The order is made by the first scan or choice, or when the fields reach a few thousand. From then on it catches up
every so many new fields, so that no scan ever has to catch up with all of them.

A field whose deadline has passed is still there until it is reclaimed: whoever reads says what time it is. A hash
is a `listpack` while it is small, a `listpackex` from the first time a deadline is spoken of, and a `hashtable`
once it has outgrown them; it never goes back. A listpackex is read by deadline, the fields without one at the end.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from operator import sub
from random import Random
from typing import Final, Self

from vermilion.structures.deadlines import BUCKET_BITS, Deadlines
from vermilion.structures.scan_order import TAG_BITS, ScanOrder
from vermilion.structures.structure import Structure

LISTPACK: Final = "listpack"
LISTPACK_EX: Final = "listpackex"
HASHTABLE: Final = "hashtable"

_SAMPLE_BY_DRAWING: Final = 3
"""Up to this fraction of all fields are drawn one by one; for more, drawing would repeat itself too often."""

_CATCH_UP_MASK: Final = 2**12 - 1
"""The order catches up whenever the number of fields becomes a multiple of 4096."""

_BEGINNING: Final = -(2**63)
"""Earlier than every deadline: nothing has fallen due."""


class Hash(Structure):
    """A mapping of byte strings, whose fields may each have a deadline.

    Example:
        >>> hash = Hash()
        >>> hash.set(b"field", b"value"), hash.set(b"field", b"other")
        (True, False)
        >>> hash.expire_at(b"field", 1000)
        >>> hash.live(1000), hash.live(1001)
        ([b'field'], [])

    See Also:
        `Database.fall_due`, which reclaims fields that nobody touches.

    LLM Context:
        - `fields` is read directly by who knows that no deadline matters: `hash.fields.get(field)`.
        - Writing goes through the methods: `deadlines`, the order and the encoding follow.
        - A deadline that has passed shows nowhere by itself: `live`, `reclaim` and `reclaim_some` are told the time.
        - Whoever writes calls `fit` with the configured limits, while `encoding` is not `HASHTABLE`.
    """

    __slots__ = ("_due", "_order", "deadlines", "encoding", "fields")

    type_name = "hash"
    encoding: str  # a slot where the base class has a property: every change reads it

    def __init__(self) -> None:
        self.fields: dict[bytes, bytes] = {}
        self.deadlines: dict[bytes, int] | None = None
        self._due: Deadlines | None = None
        self._order: ScanOrder | None = None
        self.encoding = LISTPACK

    def __len__(self) -> int:
        """Return how many fields there are, those that were not reclaimed yet included."""
        return len(self.fields)

    def copy(self) -> Self:
        """Return a hash of its own, with the same deadlines."""
        other = type(self)()
        other.fields = dict(self.fields)
        other.encoding = self.encoding
        for field, deadline in (self.deadlines or {}).items():
            other.expire_at(field, deadline)
        other.grown(0)
        return other

    # Writing ----------------------------------------------------------------------------------------------

    def set(self, field: bytes, value: bytes) -> bool:
        """Set the value of a field, without a deadline; return whether the field is new."""
        fields = self.fields
        size = len(fields)
        fields[field] = value
        if self.deadlines:
            self.persist(field)
        if len(fields) == size:
            return False
        if not len(fields) & _CATCH_UP_MASK:
            self.grown(size)
        return True

    def update(self, pairs: Sequence[bytes]) -> int:
        """Set fields and values, given in turn, without deadlines; return how many of the fields are new."""
        fields = self.fields
        size = len(fields)
        new = zip(pairs[::2], pairs[1::2], strict=True)
        if self.deadlines:
            for field, value in new:
                self.set(field, value)
        else:
            fields.update(new)
        self.grown(size)
        return len(fields) - size

    def set_many(self, fields: Sequence[bytes], values: Sequence[bytes]) -> list[int]:
        """Set fields of a hash without deadlines; return for each 1 when it is new, 0 when not."""
        held = self.fields
        if held.keys() >= set(fields):
            held.update(zip(fields, values, strict=True))
            return [0] * len(fields)
        sizes = [len(held)]
        for field, value in zip(fields, values, strict=True):
            held[field] = value
            sizes.append(len(held))
        self.grown(sizes[0])
        return list(map(sub, sizes[1:], sizes))

    def put(self, field: bytes, value: bytes) -> None:
        """Set the value of a field; it keeps its deadline, if it has one."""
        size = len(self.fields)
        self.fields[field] = value
        self.grown(size)

    def grown(self, size: int) -> None:
        """Let the order catch up, when enough fields have come since there were `size` of them."""
        if (len(self.fields) ^ size) > _CATCH_UP_MASK and self.encoding is HASHTABLE:
            self._catch_up()

    def fit(self, words: Sequence[bytes], entries: int, size: int) -> None:
        """Become a hashtable when a listpack would be too large.

        Args:
            words: the fields and values that were written last, in turn.
            entries: how many fields a listpack may have.
            size: how many bytes a field or a value in it may have.
        """
        # More pairs at once than there may be fields are too many for Redis, though some of them be the same.
        if len(self.fields) <= entries and len(words) <= 2 * entries:
            for word in words:
                if len(word) > size:
                    break
            else:
                return
        self.encoding = HASHTABLE
        self.grown(0)

    def outdoes(self, fields: Sequence[bytes], values: Sequence[bytes]) -> bool:
        """Return whether fields are all there with values that are longer than these new ones, or as long.

        Such a change leaves a listpack what it is, whatever the limits are.
        """
        held = self.fields
        return held.keys() >= set(fields) and max(map(len, values)) <= min(
            map(len, map(held.__getitem__, fields))
        )

    def remove(self, field: bytes) -> bool:
        """Delete a field, whether it has fallen due or not; return whether it was there."""
        fields = self.fields
        if field not in fields:
            return False
        if self._order is not None:
            self._order.follow(fields)
            self._order.discard(field)
        del fields[field]
        if self.deadlines:
            self.deadlines.pop(field, None)
        return True

    # Deadlines --------------------------------------------------------------------------------------------

    def expect_deadlines(self) -> None:
        """Be a listpackex from now on, if a listpack until now: deadlines have been spoken of."""
        if self.encoding is LISTPACK:
            self.encoding = LISTPACK_EX

    def expire_at(self, field: bytes, deadline_ms: int) -> None:
        """Let an existing field fall due after a time."""
        deadlines = self.deadlines
        if deadlines is None or self._due is None:
            deadlines = self.deadlines = {}
            self._due = Deadlines(deadlines)
        old = deadlines.pop(field, None)
        deadlines[field] = deadline_ms
        if old is None or old >> BUCKET_BITS != deadline_ms >> BUCKET_BITS:
            self._due.add(field, deadline_ms)

    def deadline(self, field: bytes) -> int | None:
        """Return after which time a field falls due; None when it never does."""
        return self.deadlines.get(field) if self.deadlines else None

    def persist(self, field: bytes) -> bool:
        """Take the deadline off a field; return whether it had one."""
        if not self.deadlines or self.deadlines.pop(field, None) is None:
            return False
        if self.encoding is LISTPACK_EX:
            self.fields[field] = self.fields.pop(field)  # behind the other fields without one
        return True

    @property
    def earliest(self) -> int | None:
        """A time, in milliseconds, before which no field falls due; None when none ever does."""
        return self._due.earliest if self.deadlines and self._due is not None else None

    def reclaim(self, now_ms: int, limit: int) -> int:
        """Delete fields that have fallen due, up to a limit; return how many."""
        count = 0
        if self.deadlines and self._due is not None:
            for field in self._due.due(now_ms):
                self.remove(field)
                count += 1
                if count >= limit:
                    break
        return count

    def reclaim_some(self, fields: Iterable[bytes], now_ms: int) -> int:
        """Delete those of some fields that have fallen due; return how many."""
        deadlines = self.deadlines or {}
        due = [field for field in fields if deadlines.get(field, now_ms) < now_ms]
        return sum(map(self.remove, due))

    # Reading ----------------------------------------------------------------------------------------------

    def live(self, now_ms: int) -> list[bytes]:
        """Return the fields that have not fallen due, in order."""
        deadlines = self.deadlines
        if not deadlines:
            return list(self.fields)
        return [field for field in self.in_order() if deadlines.get(field, now_ms) >= now_ms]

    def in_order(self) -> Iterator[bytes]:
        """Return all fields, due or not: in a listpackex by deadline, the one set last first among equals."""
        deadlines = self.deadlines
        if not deadlines or self.encoding is HASHTABLE:
            return iter(self.fields)
        newest_first = list(reversed(deadlines))
        by_time = sorted(newest_first, key=deadlines.__getitem__)
        return chain(by_time, (field for field in self.fields if field not in deadlines))

    def value_of(self, field: bytes, now_ms: int) -> bytes | None:
        """Return the value of a field, None when it is not there or has fallen due: what SORT's patterns find."""
        if self.deadlines and self.deadlines.get(field, now_ms) < now_ms:
            return None
        return self.fields.get(field)

    def items(self, now_ms: int) -> dict[bytes, bytes]:
        """Return the fields that have not fallen due, in order, with their values."""
        if not self.deadlines:
            return dict(self.fields)
        fields = self.fields
        return {field: fields[field] for field in self.live(now_ms)}

    def scan(
        self, cursor: int, count: int, matches: Callable[[bytes], bool] | None, random: Random, now_ms: int
    ) -> tuple[int, list[bytes]]:
        """Return the next cursor, 0 at the end, and some fields that have not fallen due.

        A small hash is returned at once. For a large one, `scan_order.py` says what an iteration is sure to return.

        Args:
            cursor: 0 to begin, else what the call before returned; one of another hash begins again.
            count: how many positions to look at, 1 or more.
            matches: which fields to return.
            random: names the order, when this is the first scan.
            now_ms: the time.
        """
        if self.encoding is not HASHTABLE:
            cursor, page = 0, self.live(now_ms)
        else:
            fields, deadlines = self.fields, self.deadlines or {}
            cursor, entries = self._ordered(random).scan(cursor, count)
            page = [field for field in entries if field in fields and deadlines.get(field, now_ms) >= now_ms]
        return cursor, page if matches is None else list(filter(matches, page))

    def pick(self, random: Random) -> bytes:
        """Return one of the fields, each as likely as any other; there must be one, and none that is due."""
        if self.encoding is not HASHTABLE:
            return random.choice(list(self.fields))
        order = self._ordered(random)
        fields = self.fields
        while (field := order.pick(random)) not in fields:
            pass
        return field

    def pick_many(self, random: Random, count: int) -> list[bytes]:
        """Return so many fields, of which some may be the same; there must be one, and none that is due."""
        if self.encoding is HASHTABLE and count * _SAMPLE_BY_DRAWING < len(self.fields):
            return [self.pick(random) for _ in range(count)]
        return random.choices(list(self.fields), k=count)

    def sample(self, random: Random, count: int) -> list[bytes]:
        """Return so many different fields, all of them when there are no more; none may be due."""
        fields = self.fields
        if count >= len(fields):
            return self.live(_BEGINNING)
        if self.encoding is not HASHTABLE or count * _SAMPLE_BY_DRAWING > len(fields):
            return random.sample(list(fields), count)
        drawn: dict[bytes, None] = {}
        while len(drawn) < count:
            drawn[self.pick(random)] = None
        return list(drawn)

    def _ordered(self, random: Random) -> ScanOrder:
        """Return the order, up to date, with a tag by chance."""
        order = self._catch_up()
        if not order.tag:
            order.tag = random.randrange(1, 1 << TAG_BITS)
        return order

    def _catch_up(self) -> ScanOrder:
        """Return the order, up to date, without a tag at first."""
        if self._order is None:
            self._order = ScanOrder()
        self._order.follow(self.fields)
        return self._order
