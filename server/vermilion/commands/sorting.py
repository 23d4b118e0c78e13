"""SORT and SORT_RO, of the generic group: the elements of a value in order, or what they lead to."""

from collections.abc import Sequence
from typing import Final

from vermilion import errors
from vermilion.commands.registry import command
from vermilion.commands.syntax import DENYOOM, READONLY, WRITE, Argument, KeySpec
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.keyspace.value import STRING_TYPES, string_bytes, type_name
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import Reply
from vermilion.session import GATE_SCRIPT, Session
from vermilion.structures import sorting
from vermilion.structures.list import List
from vermilion.structures.sorting import Fielded, Pattern, Sortable
from vermilion.structures.zset import ZSet


class _Options:
    """What a SORT was asked for.

    Args:
        session: whose call it is; without the right to read all keys there are no patterns.
        argv: the call.
        storing: whether STORE is one of them.
    """

    __slots__ = (
        "alpha", "by", "count", "descending", "destination", "gets", "offset", "scripted", "unsorted",
    )  # fmt: skip

    def __init__(self, session: Session, argv: Sequence[bytes], *, storing: bool = False) -> None:
        self.destination: bytes | None = None
        self.by: Pattern | None = None
        self.unsorted = False
        self.scripted = bool(session.gates & GATE_SCRIPT)
        self.gets: list[Pattern] = []
        self.alpha = self.descending = False
        self.offset, self.count = 0, -1
        rest = iter(argv[2:])
        for word in map(bytes.upper, rest):
            if word in {b"ASC", b"DESC"}:
                self.descending = word == b"DESC"
            elif word == b"ALPHA":
                self.alpha = True
            elif (operand := next(rest, None)) is None:
                raise RespError(errors.SYNTAX)
            elif word == b"LIMIT" and (count := next(rest, None)) is not None:
                self.offset, self.count = _integer(operand), _integer(count)
            elif word == b"BY":
                self.by = Pattern(operand)
                if not (self.by.constant or session.server.acl.reads_any_key(session, argv)):
                    raise RespError(errors.sort_permission("BY"))
                self.unsorted |= self.by.constant  # a pattern that is behind it does not bring the order back
            elif word == b"GET":
                if not session.server.acl.reads_any_key(session, argv):
                    raise RespError(errors.sort_permission("GET"))
                self.gets.append(Pattern(operand))
            elif word == b"STORE" and storing:
                self.destination = operand
            else:
                raise RespError(errors.SYNTAX)


def _integer(text: bytes) -> int:
    """Return the integer that an option is given."""
    number = parse_int64(text)
    if number is None:
        raise RespError(errors.NOT_AN_INTEGER)
    return number


def _nowhere(_: Sequence[bytes]) -> range:
    """Return where the keys of patterns stand: nowhere in the call."""
    return range(0)


_OPERANDS: Final = {b"LIMIT": 2, b"BY": 1, b"GET": 1, b"STORE": 1}


def _destination(argv: Sequence[bytes]) -> range:
    """Return where the key behind STORE stands, the last one of several."""
    found = range(0)
    at = 2
    while at < len(argv):
        word = argv[at].upper()
        if word == b"STORE" and at + 1 < len(argv):
            found = range(at + 1, at + 2)
        at += 1 + _OPERANDS.get(word, 0)
    return found


_ARGUMENTS: Final = (
    Argument("key", "key", key_spec=0),
    Argument("by-pattern", "pattern", token="BY", optional=True, display="pattern", key_spec=1),
    Argument("limit", "block", token="LIMIT", optional=True, arguments=[
        Argument("offset", "integer"), Argument("count", "integer"),
    ]),
    Argument(
        "get-pattern", "pattern", token="GET", optional=True, multiple=True, multiple_token=True,
        display="pattern", key_spec=1,
    ),
    Argument("order", "oneof", optional=True, arguments=[
        Argument("asc", "pure-token", token="ASC"), Argument("desc", "pure-token", token="DESC"),
    ]),
    Argument("sorting", "pure-token", token="ALPHA", optional=True),
)  # fmt: skip
_KEYS: Final = (
    KeySpec(("RO", "access"), 1),
    KeySpec(
        ("RO", "access"), _nowhere,
        notes="For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content"
        " of the key we sort",
    ),
)  # fmt: skip
_COMPLEXITY: Final = (
    "O(N+M*log(M)) where N is the number of elements and M the number of returned ones;"
    " O(N) when they are not sorted."
)
_CATEGORIES: Final = ("set", "sortedset", "list", "dangerous")


@command(
    "SORT", WRITE | DENYOOM, since="1.0.0", group="generic", complexity=_COMPLEXITY, categories=_CATEGORIES,
    group_category=False, raw=True, arity=-2,
    arguments=[*_ARGUMENTS, Argument("destination", "key", token="STORE", optional=True, key_spec=2)],
    keys=[
        *_KEYS,
        KeySpec(
            ("OW", "update"), _destination,
            notes="For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in"
            " the argument array",
        ),
    ],
)  # fmt: skip
def sort(session: Session, argv: list[bytes]) -> Reply:
    """Return the elements of a list, a set or a sorted set in order, or store them, or what patterns find for them."""
    # Raw: GET may be given several times.
    db, options = session.db, _Options(session, argv, storing=True)
    key = options.destination
    if key is None:
        return _sorted(db, argv[1], options)
    found = [item if isinstance(item, bytes) else b"" for item in _sorted(db, argv[1], options, binary=True)]
    if found:
        stored = List()
        stored.push_tail(found, session.server.settings.list_max_listpack_size)
        db.store(key, stored)
        db.changed(key, "sortstore", len(found))
    elif db.remove(key):
        db.changed(key, "del")
    return len(found)


@command(
    "SORT_RO", READONLY, since="7.0.0", group="generic", complexity=_COMPLEXITY, categories=_CATEGORIES,
    group_category=False, raw=True, arity=-2, arguments=_ARGUMENTS, keys=_KEYS,
)  # fmt: skip
def sort_ro(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the elements of a list, a set or a sorted set in order, or the values that patterns find for them."""
    # Raw: GET may be given several times.
    return _sorted(session.db, argv[1], _Options(session, argv))


def _sorted(db: Database, key: bytes, options: _Options, *, binary: bool = False) -> list[Reply]:
    """Return what a SORT finds.

    Args:
        db: where.
        key: what it sorts.
        options: how.
        binary: whether the result is stored: texts are then compared whole.
    """
    held = db.lookup(key)
    if held is None:
        return []
    if not isinstance(held, Sortable):
        raise RespError(errors.WRONG_TYPE)
    elements = held.elements()
    if isinstance(held, ZSet) and held.packed:
        db.put(key, held)  # who reads does not change in place what a database may want to go back to
        held.packed = False  # Redis sorts what it finds in a skiplist, and leaves it one
    if not options.unsorted:
        elements = _in_order(db, elements, options, binary=binary)
    elif type_name(held) == "set":
        if binary or options.scripted:  # a set has no order of its own that could be stored, or relied upon
            elements = sorting.by_text(elements, elements, descending=options.descending, binary=binary)
    elif options.descending:
        elements.reverse()
    shown = elements[sorting.window(len(elements), options.offset, options.count)]
    if not options.gets:
        return list[Reply](shown)
    return [_found(db, pattern, element) for element in shown for pattern in options.gets]


def _in_order(db: Database, elements: list[bytes], options: _Options, *, binary: bool) -> list[bytes]:
    """Return elements by what orders them."""
    weights: Sequence[bytes | None] = elements
    if options.by is not None:
        weights = [_found(db, options.by, element) for element in elements]
    if options.alpha:
        return sorting.by_text(elements, weights, descending=options.descending, binary=binary)
    scores = []
    for weight in weights:
        score = 0.0 if weight is None else sorting.score(weight)
        if score is None:
            raise RespError(errors.SCORE_NOT_A_DOUBLE)
        scores.append(score)
    return sorting.by_score(elements, scores, descending=options.descending)


def _found(db: Database, pattern: Pattern, element: bytes) -> bytes | None:
    """Return what a pattern finds for an element."""
    if pattern.itself:
        return element
    if pattern.constant:
        return None
    key, field = pattern.place(element)
    held = db.lookup(key)
    if field is not None:
        return held.value_of(field, db.clock.now_ms()) if isinstance(held, Fielded) else None
    return string_bytes(held) if type(held) in STRING_TYPES else None
