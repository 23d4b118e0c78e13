"""The list group."""

from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from itertools import islice
from typing import Annotated, Final, NamedTuple, TypeAlias, cast

from vermilion import errors
from vermilion.commands.blocking import Seconds, milliseconds, read_timeout, wait_for
from vermilion.commands.registry import Columns, command
from vermilion.commands.syntax import (
    BLOCKING,
    DENYOOM,
    FAST,
    READONLY,
    WRITE,
    AccessDeleteKey,
    Argument,
    InsertKey,
    Integer,
    KeyRole,
    KeySpec,
    Kind,
    OneWord,
    PeekKey,
    ReadKey,
    UpdateKey,
    Value,
    bounded,
    unsigned,
)
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.pending import Answer
from vermilion.ports import Server
from vermilion.protocol.numbers import INT64_MAX, parse_int64
from vermilion.protocol.reply import NULL_ARRAY, OK, Reply, Status
from vermilion.session import Session
from vermilion.structures.list import List

DeleteFromKey: TypeAlias = Annotated[bytes, KeyRole("RW", "delete")]
End: TypeAlias = Annotated[str, OneWord("LEFT", "RIGHT")]
Where: TypeAlias = Annotated[str, OneWord("BEFORE", "AFTER")]

RemoveCount: TypeAlias = Annotated[int, Kind("integer", bounded(-INT64_MAX, INT64_MAX))]
PopCount: TypeAlias = Annotated[
    int | None, Kind("integer", unsigned, errors.OUT_OF_RANGE_POSITIVE, since="6.2.0")
]

_POP_KEYS: Final = ("RW", "access", "delete")


# Pushing --------------------------------------------------------------------------------------------------


def _one_long_list(db: Database, keys: tuple[bytes, ...]) -> List | None:
    """Return the list that a column of keys names; None unless all name one, and no change can pack it soon."""
    key = keys[0]
    if keys.count(key) != len(keys):
        return None
    held = db.touch(key)
    return held if type(held) is List and held.is_long else None


def _push_many(session: Session, columns: Columns, event: str) -> Sequence[Reply] | None:
    """Push a column of elements at one end of one list."""
    if len(columns) != 2:
        return None
    keys, elements = columns
    db = session.db
    held = _one_long_list(db, keys)
    if held is None:
        return None
    length = len(held)
    limit = session.server.settings.list_max_listpack_size
    if event == "lpush":
        held.push_head(elements, limit)
    else:
        held.push_tail(elements, limit)
    db.changed(keys[0], event, len(elements))
    return range(length + 1, length + len(elements) + 1)


def _lpush_many(session: Session, columns: Columns) -> Sequence[Reply] | None:
    """Push a column of elements in front of one list."""
    return _push_many(session, columns, "lpush")


def _rpush_many(session: Session, columns: Columns) -> Sequence[Reply] | None:
    """Append a column of elements to one list."""
    return _push_many(session, columns, "rpush")


def _pop_each(session: Session, columns: Columns, event: str) -> Sequence[Reply] | None:
    """Pop once for each key of a column, when all are of one list that has more elements."""
    if len(columns) != 1:
        return None
    (keys,) = columns
    db = session.db
    held = _one_long_list(db, keys)
    if held is None or len(held) <= len(keys):
        return None
    limit = session.server.settings.list_max_listpack_size
    taken = held.take_head(len(keys), limit) if event == "lpop" else held.take_tail(len(keys), limit)
    db.changed(keys[0], event, len(keys))
    return taken


def _lpop_many(session: Session, columns: Columns) -> Sequence[Reply] | None:
    """Pop the first elements of one list, one for each call."""
    return _pop_each(session, columns, "lpop")


def _rpop_many(session: Session, columns: Columns) -> Sequence[Reply] | None:
    """Pop the last elements of one list, one for each call."""
    return _pop_each(session, columns, "rpop")


@command(
    "LPUSH", WRITE | DENYOOM | FAST, since="1.0.0",
    complexity="O(N) where N is the number of elements added.", many=_lpush_many,
)  # fmt: skip
def lpush(server: Server, db: Database, key: InsertKey, *element: Value) -> int:
    """Put elements in front of a list, and return its new length; a missing key counts as empty."""
    held = db.obtain(key, List)
    held.push_head(element, server.settings.list_max_listpack_size)
    db.changed(key, "lpush", len(element))
    return len(held)


@command(
    "RPUSH", WRITE | DENYOOM | FAST, since="1.0.0",
    complexity="O(N) where N is the number of elements added.", many=_rpush_many,
)  # fmt: skip
def rpush(server: Server, db: Database, key: InsertKey, *element: Value) -> int:
    """Append elements to a list, and return its new length; a missing key counts as empty."""
    held = db.obtain(key, List)
    held.push_tail(element, server.settings.list_max_listpack_size)
    db.changed(key, "rpush", len(element))
    return len(held)


@command(
    "LPUSHX",
    WRITE | DENYOOM | FAST,
    since="2.2.0",
    complexity="O(N) where N is the number of elements added.",
)
def lpushx(server: Server, db: Database, key: InsertKey, *element: Value) -> int:
    """Put elements in front of a list only when it exists, and return its new length, else 0."""
    return lpush(server, db, key, *element) if db.edit(key, List) is not None else 0


@command(
    "RPUSHX",
    WRITE | DENYOOM | FAST,
    since="2.2.0",
    complexity="O(N) where N is the number of elements added.",
)
def rpushx(server: Server, db: Database, key: InsertKey, *element: Value) -> int:
    """Append elements to a list only when it exists, and return its new length, else 0."""
    return rpush(server, db, key, *element) if db.edit(key, List) is not None else 0


@command(
    "LINSERT", WRITE | DENYOOM, since="2.2.0",
    complexity="O(N) where N is the number of elements in front of the pivot.",
)  # fmt: skip
def linsert(server: Server, db: Database, key: InsertKey, where: Where, pivot: Value, element: Value) -> int:
    """Insert an element next to another; return the new length, -1 without that one, 0 without a list."""
    held = db.edit(key, List)
    if held is None:
        return 0
    place = next(held.find(pivot), None)
    if place is None:
        return -1
    held.insert(place + (where == "AFTER"), element, server.settings.list_max_listpack_size)
    db.changed(key, "linsert")
    return len(held)


# Popping --------------------------------------------------------------------------------------------------


def _close(db: Database, key: bytes, held: List, event: str, changes: int = 1) -> None:
    """Announce that elements were removed, and delete the key when none is left."""
    db.changed(key, event, changes)
    if not len(held):
        db.remove(key)
        db.changed(key, "del", 0)


def _pop(session: Session, key: bytes, end: str) -> bytes | None:
    """Pop one element at one end, None when there is no list."""
    db = session.db
    held = db.edit(key, List)
    if held is None:
        return None
    limit = session.server.settings.list_max_listpack_size
    if end == "LEFT":
        element, event = held.pop_head(limit), "lpop"
    else:
        element, event = held.pop_tail(limit), "rpop"
    _close(db, key, held, event)
    return element


def _pop_many(session: Session, key: bytes, held: List, end: str, count: int) -> list[Reply]:
    """Pop elements at one end, as many as there are up to count."""
    limit = session.server.settings.list_max_listpack_size
    taken = held.take_head(count, limit) if end == "LEFT" else held.take_tail(count, limit)
    _close(session.db, key, held, "lpop" if end == "LEFT" else "rpop", len(taken))
    return cast("list[Reply]", taken)


def _pop_counted(session: Session, key: bytes, end: str, count: int | None) -> Reply:
    """LPOP and RPOP."""
    if count is None:
        return _pop(session, key, end)
    held = session.db.edit(key, List)
    if held is None:
        return NULL_ARRAY
    return _pop_many(session, key, held, end, count) if count else []


@command(
    "LPOP", WRITE | FAST, since="1.0.0", complexity="O(N) where N is the number of elements returned.",
    many=_lpop_many,
)  # fmt: skip
def lpop(session: Session, key: AccessDeleteKey, count: PopCount = None) -> Reply:
    """Remove and return the first element of a list, or up to count of them, nil without a list."""
    return _pop_counted(session, key, "LEFT", count)


@command(
    "RPOP", WRITE | FAST, since="1.0.0", complexity="O(N) where N is the number of elements returned.",
    many=_rpop_many,
)  # fmt: skip
def rpop(session: Session, key: AccessDeleteKey, count: PopCount = None) -> Reply:
    """Remove and return the last element of a list, or up to count of them, nil without a list."""
    return _pop_counted(session, key, "RIGHT", count)


class _Pops(NamedTuple):
    """What LMPOP and BLMPOP were asked for."""

    keys: list[bytes]
    end: str
    most: int


def _read_pops(words: list[bytes]) -> _Pops:
    """Read `numkeys key [key ...] LEFT|RIGHT [COUNT count]`."""
    numkeys = parse_int64(words[0])
    if numkeys is None or numkeys < 1:
        raise RespError(errors.NUMKEYS_NOT_POSITIVE)
    keys, options = words[1 : 1 + numkeys], words[1 + numkeys :]
    end = options[0].upper().decode("latin-1") if options else ""
    if end not in {"LEFT", "RIGHT"}:
        raise RespError(errors.SYNTAX)
    if len(options) == 1:
        return _Pops(keys, end, 1)
    if options[1].upper() != b"COUNT" or len(options) == 2:
        raise RespError(errors.SYNTAX)
    count = parse_int64(options[2])
    if count is None or count < 1:
        raise RespError(errors.COUNT_NOT_POSITIVE)
    if len(options) > 3:
        raise RespError(errors.SYNTAX)
    return _Pops(keys, end, count)


def _pop_first(session: Session, pops: _Pops) -> Reply:
    """Pop from the first key that has a list; None when none has."""
    for key in pops.keys:
        held = session.db.edit(key, List)
        if held is not None:
            return [key, _pop_many(session, key, held, pops.end, pops.most)]
    return None


_POP_ARGUMENTS: Final = (
    Argument("numkeys", "integer"),
    Argument("key", "key", key_spec=0, multiple=True),
    Argument(
        "where",
        "oneof",
        arguments=[
            Argument("left", "pure-token", token="LEFT"),
            Argument("right", "pure-token", token="RIGHT"),
        ],
    ),
    Argument("count", "integer", token="COUNT", optional=True),
)
_POPS_COMPLEXITY: Final = (
    "O(N+M) where N is the number of provided keys and M is the number of elements returned."
)


@command(
    "LMPOP", WRITE, since="7.0.0", complexity=_POPS_COMPLEXITY,
    raw=True, arity=-4, arguments=_POP_ARGUMENTS, keys=[KeySpec(_POP_KEYS, 1, numkeys=(0, 1))],
)  # fmt: skip
def lmpop(session: Session, argv: list[bytes]) -> Reply:
    """Remove and return elements of the first of several lists that exists."""
    found = _pop_first(session, _read_pops(argv[1:]))
    return NULL_ARRAY if found is None else found


# Moving ---------------------------------------------------------------------------------------------------


def _move(session: Session, source: bytes, destination: bytes, ends: tuple[str, str]) -> bytes | None:
    """Move one element from an end of a list to an end of another; None when there is no first one."""
    db = session.db
    held = db.edit(source, List)
    if held is None:
        return None
    target = db.edit(destination, List)
    limit = session.server.settings.list_max_listpack_size
    wherefrom, whereto = ends
    element = held.pop_head(limit) if wherefrom == "LEFT" else held.pop_tail(limit)
    if target is None:
        target = db.obtain(destination, List)
    if whereto == "LEFT":
        target.push_head((element,), limit)
        db.changed(destination, "lpush")
    else:
        target.push_tail((element,), limit)
        db.changed(destination, "rpush")
    _close(db, source, held, "lpop" if wherefrom == "LEFT" else "rpop", 0)
    return element


@command("LMOVE", WRITE | DENYOOM, since="6.2.0", complexity="O(1)")
def lmove(
    session: Session, source: AccessDeleteKey, destination: InsertKey, wherefrom: End, whereto: End
) -> bytes | None:
    """Move an element from an end of a list to an end of another, and return it, nil without a list."""
    return _move(session, source, destination, (wherefrom, whereto))


@command(
    "RPOPLPUSH", WRITE | DENYOOM, since="1.2.0", complexity="O(1)",
    deprecated=("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments"),
)  # fmt: skip
def rpoplpush(session: Session, source: AccessDeleteKey, destination: InsertKey) -> bytes | None:
    """Move the last element of a list to the front of another, and return it, nil without a list."""
    return _move(session, source, destination, ("RIGHT", "LEFT"))


# Waiting for an element -----------------------------------------------------------------------------------


def _pop_waiting(session: Session, argv: list[bytes], end: str) -> Answer:
    """BLPOP and BRPOP."""
    timeout_ms = read_timeout(argv[-1], session.db.clock)
    keys = argv[1:-1]

    def attempt() -> Reply:
        for key in keys:
            element = _pop(session, key, end)
            if element is not None:
                return [key, element]
        return None

    return wait_for(session, keys, List, timeout_ms, attempt)


_BPOP_ARGUMENTS: Final = (Argument("key", "key", key_spec=0, multiple=True), Argument("timeout", "double"))


@command(
    "BLPOP", WRITE | BLOCKING, since="2.0.0", complexity="O(N) where N is the number of provided keys.",
    raw=True, arity=-3, arguments=_BPOP_ARGUMENTS, keys=[KeySpec(_POP_KEYS, 1, last=-2)],
)  # fmt: skip
def blpop(session: Session, argv: list[bytes]) -> Answer:
    """Remove and return the first element of the first of several lists that has one; wait for one if need be."""
    return _pop_waiting(session, argv, "LEFT")


@command(
    "BRPOP", WRITE | BLOCKING, since="2.0.0", complexity="O(N) where N is the number of provided keys.",
    raw=True, arity=-3, arguments=_BPOP_ARGUMENTS, keys=[KeySpec(_POP_KEYS, 1, last=-2)],
)  # fmt: skip
def brpop(session: Session, argv: list[bytes]) -> Answer:
    """Remove and return the last element of the first of several lists that has one; wait for one if need be."""
    return _pop_waiting(session, argv, "RIGHT")


@command(
    "BLMPOP", WRITE | BLOCKING, since="7.0.0", complexity=_POPS_COMPLEXITY,
    raw=True, arity=-5, arguments=[Argument("timeout", "double"), *_POP_ARGUMENTS],
    keys=[KeySpec(_POP_KEYS, 2, numkeys=(0, 1))],
)  # fmt: skip
def blmpop(session: Session, argv: list[bytes]) -> Answer:
    """Remove and return elements of the first of several lists that has any; wait for one if need be."""
    pops = _read_pops(argv[2:])
    timeout_ms = read_timeout(argv[1], session.db.clock)
    return wait_for(session, pops.keys, List, timeout_ms, partial(_pop_first, session, pops))


def _move_waiting(
    session: Session, source: bytes, destination: bytes, ends: tuple[str, str], timeout: Fraction | float
) -> Answer:
    """BLMOVE and BRPOPLPUSH."""
    timeout_ms = milliseconds(timeout, session.db.clock)
    attempt = partial(_move, session, source, destination, ends)
    # Where it may not wait, the null is the one of LMOVE, and no null array.
    return wait_for(session, (source,), List, timeout_ms, attempt) if session.may_wait else attempt()


@command("BLMOVE", WRITE | DENYOOM | BLOCKING, since="6.2.0", complexity="O(1)")
def blmove(
    session: Session,
    source: AccessDeleteKey,
    destination: InsertKey,
    wherefrom: End,
    whereto: End,
    timeout: Seconds,
) -> Answer:
    """Move an element from an end of a list to an end of another, and return it; wait for one if need be."""
    return _move_waiting(session, source, destination, (wherefrom, whereto), timeout)


@command(
    "BRPOPLPUSH", WRITE | DENYOOM | BLOCKING, since="2.2.0", complexity="O(1)",
    deprecated=("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments"),
)  # fmt: skip
def brpoplpush(session: Session, source: AccessDeleteKey, destination: InsertKey, timeout: Seconds) -> Answer:
    """Move the last element of a list to the front of another, and return it; wait for one if need be."""
    return _move_waiting(session, source, destination, ("RIGHT", "LEFT"), timeout)


# Reading --------------------------------------------------------------------------------------------------


@command("LLEN", READONLY | FAST, since="1.0.0", complexity="O(1)")
def llen(db: Database, key: PeekKey) -> int:
    """Return the length of a list, 0 without one."""
    held = db.find(key, List)
    return 0 if held is None else len(held)


def _range(start: int, stop: int, size: int) -> tuple[int, int]:
    """Return an inclusive range, whose negative positions count from the end, as a half-open one that exists."""
    if start < 0:
        start = max(0, start + size)
    if stop < 0:
        stop += size
    stop = min(stop + 1, size)
    return (start, stop) if start < stop else (0, 0)


@command("LRANGE", READONLY, since="1.0.0", complexity="O(N) where N is the number of elements returned.")
def lrange(db: Database, key: ReadKey, start: Integer, stop: Integer) -> Reply:
    """Return a range of a list."""
    held = db.find(key, List)
    if held is None:
        return []
    return cast("list[Reply]", held.slice(*_range(start, stop, len(held))))


def _index(raw: bytes, size: int) -> int | None:
    """Return the position that an index names, None for one that does not exist."""
    index = parse_int64(raw)
    if index is None:
        raise RespError(errors.NOT_AN_INTEGER)
    if index < 0:
        index += size
    return index if 0 <= index < size else None


Index: TypeAlias = Annotated[bytes, Kind("integer")]
"""An index that is judged only when there is a list."""


@command("LINDEX", READONLY, since="1.0.0", complexity="O(1)")
def lindex(db: Database, key: ReadKey, index: Index) -> bytes | None:
    """Return the element at an index of a list, nil when there is none; negative ones count from the end."""
    held = db.find(key, List)
    if held is None:
        return None
    place = _index(index, len(held))
    return None if place is None else held[place]


@command("LSET", WRITE | DENYOOM, since="1.0.0", complexity="O(1)")
def lset(server: Server, db: Database, key: UpdateKey, index: Index, element: Value) -> Status:
    """Replace the element at an index of a list; negative ones count from the end."""
    held = db.edit(key, List)
    if held is None:
        raise RespError(errors.NO_SUCH_KEY)
    place = _index(index, len(held))
    if place is None:
        raise RespError(errors.INDEX_OUT_OF_RANGE)
    held.replace(place, element, server.settings.list_max_listpack_size)
    db.changed(key, "lset")
    return OK


class _Search(NamedTuple):
    """What LPOS was asked for."""

    rank: int
    matches: int | None
    within: int


def _read_search(words: list[bytes]) -> _Search:
    """Read the options behind the element; each operand is judged before the next word is read."""
    rank, within = 1, 0
    count: int | None = None
    rest = iter(words)
    for word in map(bytes.upper, rest):
        operand = next(rest, None)
        if operand is None:
            raise RespError(errors.SYNTAX)
        number = parse_int64(operand)
        if word == b"RANK":
            if number is None:
                raise RespError(errors.NOT_AN_INTEGER)
            if number < -INT64_MAX:
                raise RespError(errors.not_between(-INT64_MAX, INT64_MAX))
            if number == 0:
                raise RespError(errors.RANK_ZERO)
            rank = number
        elif word == b"COUNT":
            if number is None or number < 0:
                raise RespError(errors.COUNT_NEGATIVE)
            count = number
        elif word == b"MAXLEN":
            if number is None or number < 0:
                raise RespError(errors.MAXLEN_NEGATIVE)
            within = number
        else:
            raise RespError(errors.SYNTAX)
    return _Search(rank, count, within)


@command(
    "LPOS", READONLY, since="6.0.6", complexity="O(N) where N is the number of elements looked at.",
    raw=True, arity=-3,
    arguments=[
        Argument("key", "key", key_spec=0),
        Argument("element", "string"),
        Argument("rank", "integer", token="RANK", optional=True),
        Argument("num-matches", "integer", token="COUNT", optional=True),
        Argument("len", "integer", token="MAXLEN", optional=True),
    ],
    keys=[KeySpec(("RO", "access"), 1)],
)  # fmt: skip
def lpos(session: Session, argv: list[bytes]) -> Reply:
    """Return the position of an element in a list, nil when it is not there, or positions with COUNT."""
    # Raw: each option has a text of its own for a bad operand, which is given before the next option is read.
    rank, count, within = _read_search(argv[3:])
    held = session.db.find(argv[1], List)
    if held is None:
        return None if count is None else []
    places = islice(held.find(argv[2], backwards=rank < 0, within=within), abs(rank) - 1, None)
    if count is None:
        return next(places, None)
    return list[Reply](islice(places, count or None))


# Removing -------------------------------------------------------------------------------------------------


@command("LREM", WRITE, since="1.0.0", complexity="O(N) where N is the length of the list.")
def lrem(server: Server, db: Database, key: DeleteFromKey, count: RemoveCount, element: Value) -> int:
    """Remove equal elements from a list, all or some of the first or last ones; return how many there were."""
    held = db.edit(key, List)
    if held is None:
        return 0
    removed = held.remove(element, count, server.settings.list_max_listpack_size)
    if removed:
        _close(db, key, held, "lrem", removed)
    return removed


@command("LTRIM", WRITE, since="1.0.0", complexity="O(N) where N is the number of elements removed.")
def ltrim(server: Server, db: Database, key: DeleteFromKey, start: Integer, stop: Integer) -> Status:
    """Remove all elements of a list outside of a range."""
    held = db.edit(key, List)
    if held is not None:
        size = len(held)
        held.keep(*_range(start, stop, size), server.settings.list_max_listpack_size)
        _close(db, key, held, "ltrim", size - len(held))
    return OK
