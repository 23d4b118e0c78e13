"""The set group."""

from collections.abc import Sequence
from typing import Final

from vermilion import errors
from vermilion.commands.registry import Columns, command
from vermilion.commands.scanning import scan_cursor, scan_options
from vermilion.commands.syntax import (
    DENYOOM,
    FAST,
    READONLY,
    WRITE,
    AccessDeleteKey,
    Argument,
    InsertKey,
    KeySpec,
    OverwriteKey,
    PeekKey,
    ReadKey,
    ShrinkKey,
    Value,
    unsigned,
)
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.ports import Server
from vermilion.protocol.numbers import INT64_MAX, INT64_MIN, parse_int64
from vermilion.protocol.reply import OrderedSet, Reply
from vermilion.session import Session
from vermilion.structures.set import Set, difference, intersection, union

_UNORDERED: Final = ("nondeterministic_output_order",)
_BY_CHANCE: Final = ("nondeterministic_output",)

MOST_CHOICES: Final = 1 << 24
"""The most members that one SRANDMEMBER repeats: Redis takes memory without end for this many times as many."""


# Members --------------------------------------------------------------------------------------------------


def _one_set(db: Database, keys: tuple[bytes, ...]) -> Set | None:
    """Return the set that a column of keys names, for calls that change it; None unless all name one that exists."""
    key = keys[0]
    if keys.count(key) != len(keys):
        return None
    held = db.touch(key)
    return held if type(held) is Set else None


def _sadd_many(session: Session, columns: Columns) -> Sequence[Reply] | None:
    """Add a column of members to one set, when none of them can change its encoding."""
    if len(columns) != 2:
        return None
    db = session.db
    held = _one_set(db, columns[0])
    if held is None:
        return None
    added = held.add_each(columns[1])
    if added is not None:
        for _ in range(added.count(1)):
            db.changed(columns[0][0], "sadd")
    return added


@command("SADD", WRITE | DENYOOM | FAST, since="1.0.0", complexity="O(1) for each member.", many=_sadd_many)
def sadd(server: Server, db: Database, key: InsertKey, *member: Value) -> int:
    """Add members to the set at a key and return how many were new; a missing key counts as empty."""
    added = db.obtain(key, Set).add(member, server.settings)
    if added:
        db.changed(key, "sadd", added)
    return added


@command("SREM", WRITE | FAST, since="1.0.0", complexity="O(N) where N is the number of members to remove.")
def srem(db: Database, key: ShrinkKey, *member: Value) -> int:
    """Remove members from the set at a key and return how many there were."""
    held = db.edit(key, Set)
    if held is None:
        return 0
    removed = held.remove(member)
    if removed:
        _diminished(db, key, held, "srem", removed)
    return removed


def _diminished(db: Database, key: bytes, held: Set, event: str, removed: int) -> None:
    """Announce that members were removed, and delete the key when none is left."""
    db.changed(key, event, removed)
    if not held:
        db.remove(key)
        db.changed(key, "del", 0)


@command("SMOVE", WRITE | FAST, since="1.0.0", complexity="O(1)")
def smove(
    server: Server, db: Database, source: AccessDeleteKey, destination: InsertKey, member: Value
) -> int:
    """Move a member from one set to another; return 1 when it was moved, 0 when the source did not have it."""
    held = db.edit(source, Set)
    if held is None:
        return 0
    if db.edit(destination, Set) is held:
        return int(member in held)
    if not held.remove((member,)):
        return 0
    _diminished(db, source, held, "srem", 1)
    if db.obtain(destination, Set).add((member,), server.settings):
        db.changed(destination, "sadd")
    return 1


@command("SCARD", READONLY | FAST, since="1.0.0", complexity="O(1)")
def scard(db: Database, key: PeekKey) -> int:
    """Return the number of members of the set at a key, 0 when it does not exist."""
    held = db.find(key, Set)
    return 0 if held is None else len(held)


@command("SISMEMBER", READONLY | FAST, since="1.0.0", complexity="O(1)")
def sismember(db: Database, key: PeekKey, member: Value) -> int:
    """Return 1 when a string is a member of the set at a key, 0 when not."""
    held = db.find(key, Set)
    return int(held is not None and member in held)


@command(
    "SMISMEMBER",
    READONLY | FAST,
    since="6.2.0",
    complexity="O(N) where N is the number of strings asked for.",
)
def smismember(db: Database, key: ReadKey, *member: Value) -> list[Reply]:
    """Return for each string whether it is a member of the set at a key: 1 or 0."""
    held = db.find(key, Set)
    return [int(held is not None and one in held) for one in member]


@command(
    "SMEMBERS", READONLY, since="1.0.0", complexity="O(N) where N is the number of members.", tips=_UNORDERED
)
def smembers(db: Database, key: ReadKey) -> OrderedSet:
    """Return all members of the set at a key."""
    held = db.find(key, Set)
    return OrderedSet() if held is None else OrderedSet(held.members())


@command(
    "SSCAN", READONLY, since="2.8.0", complexity="O(COUNT) for every call, O(N) for an iteration over N members.",
    tips=_BY_CHANCE, raw=True, arity=-3,
    arguments=[
        Argument("key", "key", key_spec=0),
        Argument("cursor", "integer"),
        Argument("pattern", "pattern", token="MATCH", optional=True),
        Argument("count", "integer", token="COUNT", optional=True),
    ],
    keys=[KeySpec(("RO", "access"), 1)],
)  # fmt: skip
def sscan(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the next cursor, 0 at the end, and some members of the set at a key."""
    # Raw: the cursor is judged before the key is looked up, and the options only when there is a set.
    cursor = scan_cursor(argv[2])
    db = session.db
    held = db.find(argv[1], Set)
    if held is None:
        return [b"0", []]
    options = scan_options(argv[3:])
    following, members = held.scan(cursor, options.size, db.random)
    return [
        b"%d" % following,
        list[Reply](members if options.matches is None else filter(options.matches, members)),
    ]


# Members by chance ----------------------------------------------------------------------------------------


def _spop_many(session: Session, columns: Columns) -> Sequence[Reply] | None:
    """Pop once for each key of a column, when all are of one set that has more members, or of none at all."""
    if len(columns) != 1:
        return None
    db = session.db
    keys = columns[0]
    key = keys[0]
    held = _one_set(db, keys)
    if held is None:
        return [None] * len(keys) if db.peek(key) is None and keys.count(key) == len(keys) else None
    if len(held) <= len(keys):
        return None
    popped = held.pop_each(len(keys), db.random)
    for _ in keys:
        db.changed(key, "spop")
    return popped


@command(
    "SPOP", WRITE | FAST, since="1.0.0", complexity="O(1) for each member.", tips=_BY_CHANCE,
    raw=True, arity=-2, many=_spop_many,
    arguments=[
        Argument("key", "key", key_spec=0),
        Argument("count", "integer", optional=True, since="3.2.0"),
    ],
    keys=[KeySpec(("RW", "access", "delete"), 1)],
)  # fmt: skip
def spop(session: Session, argv: list[bytes]) -> Reply:
    """Remove a member by chance, or several, from the set at a key and return them."""
    # Raw: an argument too many is a syntax error, and the reply has another shape with a count.
    db = session.db
    key = argv[1]
    if len(argv) == 2:
        held = db.edit(key, Set)
        if held is None:
            return None
        member = held.pop(db.random)
        _diminished(db, key, held, "spop", 1)
        return member
    if len(argv) > 3:
        raise RespError(errors.SYNTAX)
    count = unsigned(argv[2])
    if count is None:
        raise RespError(errors.OUT_OF_RANGE_POSITIVE)
    held = db.edit(key, Set)
    if held is None or not count:
        return OrderedSet()
    members = held.pop_many(count, db.random, session.server.settings)
    _diminished(db, key, held, "spop", len(members))
    return OrderedSet(members)


@command(
    "SRANDMEMBER", READONLY, since="1.0.0", complexity="O(1) for each member.", tips=_BY_CHANCE, raw=True, arity=-2,
    arguments=[
        Argument("key", "key", key_spec=0),
        Argument("count", "integer", optional=True, since="2.6.0"),
    ],
    keys=[KeySpec(("RO", "access"), 1)],
)  # fmt: skip
def srandmember(session: Session, argv: list[bytes]) -> Reply:
    """Return a member by chance, or several, of the set at a key; a negative count allows repetitions."""
    # Raw: an argument too many is a syntax error, and the reply has another shape with a count.
    db = session.db
    key = argv[1]
    if len(argv) == 2:
        held = db.find(key, Set)
        return None if held is None else held.pick(db.random)
    if len(argv) > 3:
        raise RespError(errors.SYNTAX)
    count = parse_int64(argv[2])
    if count is None:
        raise RespError(errors.NOT_AN_INTEGER)
    if count == INT64_MIN:
        raise RespError(errors.not_between(-INT64_MAX, INT64_MAX))
    held = db.find(key, Set)
    if held is None:
        return []
    if count >= 0:
        return list[Reply](held.sample(count, db.random))
    if -count > MOST_CHOICES:
        raise RespError(errors.OUT_OF_RANGE)
    return list[Reply](held.choices(-count, db.random))


# Several sets ---------------------------------------------------------------------------------------------


def _sets(db: Database, keys: tuple[bytes, ...] | list[bytes]) -> list[Set | None]:
    """Return what the keys hold; all of them are looked at, whatever the first ones say of the outcome."""
    return [db.find(key, Set) for key in keys]


def _store(db: Database, destination: bytes, result: Set, event: str) -> int:
    """Make a set the value of a key, an empty one none, and return how many members it has."""
    if result:
        db.store(destination, result)
        db.changed(destination, event)
    elif db.remove(destination):
        db.changed(destination, "del")
    return len(result)


@command(
    "SINTER", READONLY, since="1.0.0",
    complexity="O(N*M) where N is the size of the smallest set and M the number of sets.", tips=_UNORDERED,
)  # fmt: skip
def sinter(db: Database, *key: ReadKey) -> OrderedSet:
    """Return the members that all of the sets have."""
    return OrderedSet(intersection(_sets(db, key)))


@command(
    "SINTERSTORE", WRITE | DENYOOM, since="1.0.0",
    complexity="O(N*M) where N is the size of the smallest set and M the number of sets.",
)  # fmt: skip
def sinterstore(server: Server, db: Database, destination: OverwriteKey, *key: ReadKey) -> int:
    """Store the members that all of the sets have at a key, and return how many they are."""
    return _store(db, destination, Set.intersection_set(_sets(db, key), server.settings), "sinterstore")


@command(
    "SINTERCARD", READONLY, since="7.0.0",
    complexity="O(N*M) where N is the size of the smallest set and M the number of sets.",
    raw=True, arity=-3,
    arguments=[
        Argument("numkeys", "integer"),
        Argument("key", "key", key_spec=0, multiple=True),
        Argument("limit", "integer", token="LIMIT", optional=True),
    ],
    keys=[KeySpec(("RO", "access"), 1, numkeys=(0, 1))],
)  # fmt: skip
def sintercard(session: Session, argv: list[bytes]) -> int:
    """Return how many members all of the sets have, counted up to a limit."""
    # Raw: a counted list of keys, with options behind it.
    count = unsigned(argv[1])
    if not count:
        raise RespError(errors.NUMKEYS_NOT_POSITIVE)
    if count > len(argv) - 2:
        raise RespError(errors.MORE_KEYS_THAN_ARGUMENTS)
    limit: int | None = 0
    words = iter(argv[2 + count :])
    for word in words:
        operand = next(words, None)
        if word.upper() != b"LIMIT" or operand is None:
            raise RespError(errors.SYNTAX)
        limit = unsigned(operand)
        if limit is None:
            raise RespError(errors.LIMIT_NEGATIVE)
    return len(intersection(_sets(session.db, argv[2 : 2 + count]), limit or None))


@command(
    "SUNION", READONLY, since="1.0.0", complexity="O(N) where N is the number of members of all sets.",
    tips=_UNORDERED,
)  # fmt: skip
def sunion(db: Database, *key: ReadKey) -> OrderedSet:
    """Return the members that any of the sets has."""
    return OrderedSet(union(_sets(db, key)))


@command(
    "SUNIONSTORE",
    WRITE | DENYOOM,
    since="1.0.0",
    complexity="O(N) where N is the number of members of all sets.",
)
def sunionstore(server: Server, db: Database, destination: OverwriteKey, *key: ReadKey) -> int:
    """Store the members that any of the sets has at a key, and return how many they are."""
    return _store(db, destination, Set.union_set(_sets(db, key), server.settings), "sunionstore")


@command(
    "SDIFF", READONLY, since="1.0.0", complexity="O(N) where N is the number of members of all sets.",
    tips=_UNORDERED,
)  # fmt: skip
def sdiff(db: Database, *key: ReadKey) -> OrderedSet:
    """Return the members of the first set that none of the others has."""
    return OrderedSet(difference(_sets(db, key)))


@command(
    "SDIFFSTORE",
    WRITE | DENYOOM,
    since="1.0.0",
    complexity="O(N) where N is the number of members of all sets.",
)
def sdiffstore(server: Server, db: Database, destination: OverwriteKey, *key: ReadKey) -> int:
    """Store the members of the first set that none of the others has at a key, and return how many they are."""
    return _store(db, destination, Set.difference_set(_sets(db, key), server.settings), "sdiffstore")
