"""What the hash group's commands share: the words of their calls, and hashes whose fields may have fallen due."""

from collections.abc import Sequence
from typing import Final

from vermilion import errors
from vermilion.commands.expiration import moment_of
from vermilion.commands.syntax import (
    Argument,
    KeySpec,
)  # fmt: skip
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.ports import Server
from vermilion.protocol.numbers import parse_int64
from vermilion.protocol.reply import Reply
from vermilion.structures.hash import Hash

LAST_MOMENT: Final = 2**46 - 1
"""The latest deadline of a field, in milliseconds since the epoch: Redis keeps it in 46 bits."""

READ: Final = KeySpec(("RO", "access"), 1)
UPDATE: Final = KeySpec(("RW", "update"), 1)
KEY: Final = Argument("key", "key", key_spec=0)
PAIRS: Final = Argument(
    "data", "block", multiple=True, arguments=[Argument("field", "string"), Argument("value", "string")]
)
FIELDS: Final = Argument(
    "fields",
    "block",
    token="FIELDS",
    arguments=[Argument("numfields", "integer"), Argument("field", "string", multiple=True)],
)
UNITS: Final = (
    Argument("seconds", "integer", token="EX"),
    Argument("milliseconds", "integer", token="PX"),
    Argument("unix-time-seconds", "unix-time", token="EXAT"),
    Argument("unix-time-milliseconds", "unix-time", token="PXAT"),
)
UNIT_WORDS: Final = {b"EX": "EX", b"PX": "PX", b"EXAT": "EXAT", b"PXAT": "PXAT"}


def one_of(name: str, *members: Argument) -> Argument:
    """Describe an optional choice."""
    return Argument(name, "oneof", optional=True, arguments=members)


def words(*words: str) -> list[Argument]:
    """Describe words that stand for themselves."""
    return [Argument(word.lower(), "pure-token", token=word) for word in words]


def fields_behind(argv: Sequence[bytes], at: int, not_positive: str) -> list[bytes]:
    """Return the fields of `FIELDS numfields field …`, with which a call ends.

    Args:
        argv: the call.
        at: where FIELDS stands.
        not_positive: the error text for a number that is none, or less than one.
    """
    if argv[at].upper() != b"FIELDS":
        raise RespError(errors.FIELDS_MISSING)
    count = parse_int64(argv[at + 1])
    if count is None or count < 1:
        raise RespError(not_positive)
    fields = list(argv[at + 2 :])
    if count != len(fields):
        raise RespError(errors.NUMFIELDS_MISMATCH)
    return fields


def field_deadline(unit: str, text: bytes, now_ms: int, name: str) -> int:
    """Return the deadline that a client gave for fields; it may have passed."""
    amount = parse_int64(text)
    if amount is None:
        raise RespError(errors.NOT_AN_INTEGER)
    if amount < 0:
        raise RespError(errors.FIELD_EXPIRE_NEGATIVE)
    deadline = moment_of(unit, amount, now_ms, name)
    if deadline > LAST_MOMENT:
        raise RespError(errors.invalid_expire(name))
    return deadline


def reclaim(db: Database, key: bytes, held: Hash, fields: Sequence[bytes], *, keep: bool = False) -> bool:
    """Delete those of some fields that have fallen due; return whether the hash is still there.

    With `keep` it is, though it be empty: the caller is about to fill it.
    """
    count = held.reclaim_some(fields, db.clock.now_ms())
    return not count or db.fields_expired(key, held, count, keep=keep)


def find_hash(db: Database, key: bytes, fields: Sequence[bytes]) -> Hash | None:
    """Return the hash at key, for a command that reads some of its fields: none of them has fallen due."""
    held = db.find(key, Hash)
    if held is not None and held.deadlines:
        reclaim(db, key, held, fields)
    return held


def edit_hash(db: Database, key: bytes, fields: Sequence[bytes]) -> Hash | None:
    """Return the hash at key, for a command that changes some of its fields: none of them has fallen due."""
    held = db.edit(key, Hash)
    if held is not None and held.deadlines and not reclaim(db, key, held, fields):
        return None
    return held


def fit(server: Server, held: Hash, words: Sequence[bytes]) -> None:
    """Let a hash outgrow its listpack, by the configured limits; words were written last."""
    settings = server.settings
    held.fit(words, settings.hash_max_listpack_entries, settings.hash_max_listpack_value)


def deleted(db: Database, key: bytes, held: Hash, count: int) -> None:
    """Announce that fields were deleted, and delete the hash with the last of them."""
    db.changed(key, "hdel", count)
    if not held.fields:
        db.remove(key)
        db.changed(key, "del", 0)


def take(db: Database, key: bytes, held: Hash, fields: Sequence[bytes]) -> list[Reply]:
    """Delete fields of a hash one after the other, and return what their values were."""
    values: list[Reply] = []
    count = 0
    for field in fields:
        values.append(held.fields.get(field))
        count += held.remove(field)
    if count:
        deleted(db, key, held, count)
    return values


def let_expire(db: Database, key: bytes, held: Hash, fields: Sequence[bytes], deadline: int) -> None:
    """Let existing fields of a hash fall due."""
    for field in fields:
        held.expire_at(field, deadline)
    db.fall_due(key, held)
