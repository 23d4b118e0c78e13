"""The hash group: fields that expire."""

from collections.abc import Callable
from typing import Final

from vermilion import errors
from vermilion.commands.expiration import permits
from vermilion.commands.hash_fields import (
    FIELDS,
    KEY,
    READ,
    UNIT_WORDS,
    UNITS,
    UPDATE,
    deleted,
    field_deadline,
    fields_behind,
    let_expire,
    one_of,
    reclaim,
    take,
    words,
)
from vermilion.commands.registry import command
from vermilion.commands.syntax import (
    FAST,
    READONLY,
    WRITE,
    Argument,
    KeySpec,
)  # fmt: skip
from vermilion.errors import RespError
from vermilion.protocol.reply import Reply
from vermilion.session import Session
from vermilion.structures.hash import Hash

_NO_FIELD: Final = -2
_NO_EXPIRY: Final = -1
_REFUSED: Final = 0
_DONE: Final = 1
_DELETED: Final = 2


def _expire_arguments(amount: Argument) -> list[Argument]:
    """Describe the arguments of HEXPIRE and its like."""
    return [KEY, amount, one_of("condition", *words("NX", "XX", "GT", "LT")), FIELDS]


_CONDITIONS: Final = {b"NX": ("NX",), b"XX": ("XX",), b"GT": ("GT",), b"LT": ("LT",)}
_PER_FIELD: Final = "O(N) where N is the number of fields."


def _expire(session: Session, argv: list[bytes], unit: str, name: str) -> list[Reply]:
    """Let fields expire at a time; at once, when that has passed."""
    # Raw: the type of the key is checked before the words behind it.
    db = session.db
    key = argv[1]
    held = db.edit(key, Hash)
    now = db.clock.now_ms()
    deadline = field_deadline(unit, argv[2], now, name)
    condition = _CONDITIONS.get(argv[3].upper(), ())
    fields = fields_behind(argv, 4 if condition else 3, errors.NUMFIELDS_TOO_SMALL)
    if held is None:
        return [_NO_FIELD] * len(fields)
    held.expect_deadlines()
    outcomes: list[Reply] = []
    for field in fields:
        if field not in held.fields:
            outcomes.append(_NO_FIELD)
        elif not permits(condition, held.deadline(field), deadline):
            outcomes.append(_REFUSED)
        elif deadline > now:
            held.expire_at(field, deadline)
            outcomes.append(_DONE)
        else:
            held.remove(field)
            outcomes.append(_DELETED)
    if _DONE in outcomes:
        db.fall_due(key, held)
        db.changed(key, "hexpire", outcomes.count(_DONE))
    elif _DELETED in outcomes:
        deleted(db, key, held, outcomes.count(_DELETED))
    return outcomes


@command(
    "HEXPIRE", WRITE | FAST, since="7.4.0", complexity=_PER_FIELD, raw=True, group="hash", arity=-6, keys=[UPDATE],
    arguments=_expire_arguments(Argument("seconds", "integer")),
)  # fmt: skip
def hexpire(session: Session, argv: list[bytes]) -> list[Reply]:
    """Set the time to live of fields in seconds.

    For each field: 1 when it was set, 2 when the field was deleted, 0 when the condition was not met, -2 when there
    is no such field.
    """
    return _expire(session, argv, "EX", "hexpire")


@command(
    "HPEXPIRE", WRITE | FAST, since="7.4.0", complexity=_PER_FIELD, raw=True, group="hash", arity=-6, keys=[UPDATE],
    arguments=_expire_arguments(Argument("milliseconds", "integer")),
)  # fmt: skip
def hpexpire(session: Session, argv: list[bytes]) -> list[Reply]:
    """Set the time to live of fields in milliseconds; the reply is that of `HEXPIRE`."""
    return _expire(session, argv, "PX", "hpexpire")


@command(
    "HEXPIREAT", WRITE | FAST, since="7.4.0", complexity=_PER_FIELD, raw=True, group="hash", arity=-6, keys=[UPDATE],
    arguments=_expire_arguments(Argument("unix-time-seconds", "unix-time")),
)  # fmt: skip
def hexpireat(session: Session, argv: list[bytes]) -> list[Reply]:
    """Let fields expire at a Unix time in seconds; the reply is that of `HEXPIRE`."""
    return _expire(session, argv, "EXAT", "hexpireat")


@command(
    "HPEXPIREAT", WRITE | FAST, since="7.4.0", complexity=_PER_FIELD, raw=True, group="hash", arity=-6, keys=[UPDATE],
    arguments=_expire_arguments(Argument("unix-time-milliseconds", "unix-time")),
)  # fmt: skip
def hpexpireat(session: Session, argv: list[bytes]) -> list[Reply]:
    """Let fields expire at a Unix time in milliseconds; the reply is that of `HEXPIRE`."""
    return _expire(session, argv, "PXAT", "hpexpireat")


@command(
    "HPERSIST", WRITE | FAST, since="7.4.0", complexity=_PER_FIELD,
    raw=True, group="hash", arity=-5, arguments=[KEY, FIELDS], keys=[UPDATE],
)  # fmt: skip
def hpersist(session: Session, argv: list[bytes]) -> list[Reply]:
    """Take the time to live off fields; for each, 1 when it had one, -1 when not, -2 when there is no such field."""
    db = session.db
    key = argv[1]
    held = db.edit(key, Hash)
    fields = fields_behind(argv, 2, errors.NUMFIELDS_NOT_POSITIVE)
    if held is None:
        return [_NO_FIELD] * len(fields)
    now = db.clock.now_ms()
    outcomes: list[Reply] = []
    for field in fields:
        if field not in held.fields or (held.deadline(field) or now) < now:
            outcomes.append(_NO_FIELD)
        else:
            outcomes.append(_DONE if held.persist(field) else _NO_EXPIRY)
    if _DONE in outcomes:
        db.changed(key, "hpersist", outcomes.count(_DONE))
    return outcomes


@command(
    "HGETEX", WRITE | FAST, since="8.0.0", complexity=_PER_FIELD, raw=True, group="hash", arity=-5,
    keys=[KeySpec(("RW", "access", "update"), 1, notes="RW and UPDATE because it changes the TTL")],
    arguments=[KEY, one_of("expiration", *UNITS, *words("PERSIST")), FIELDS],
)  # fmt: skip
def hgetex(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the values of fields of a hash, nil for each that does not exist, and set when they expire."""
    # Raw: the type of the key is checked before the words behind it.
    db = session.db
    key = argv[1]
    held = db.edit(key, Hash)
    now = db.clock.now_ms()
    word = argv[2].upper()
    persist = word == b"PERSIST"
    deadline: int | None = None
    at = 3 if persist else 2
    if word in UNIT_WORDS:
        deadline = field_deadline(UNIT_WORDS[word], argv[3], now, "hgetex")
        at = 4
        if len(argv) < 6:
            raise RespError(errors.wrong_arity("hgetex"))
    fields = fields_behind(argv, at, errors.NUMFIELDS_NOT_POSITIVE)
    if held is None or (held.deadlines and not reclaim(db, key, held, fields)):
        return [None] * len(fields)
    if persist or deadline is not None:
        held.expect_deadlines()
    if deadline is not None and deadline <= now:
        return take(db, key, held, fields)
    values: list[Reply] = [held.fields.get(field) for field in fields]
    if persist:
        count = sum(map(held.persist, fields))
        if count:
            db.changed(key, "hpersist", count)
    elif deadline is not None:
        existing = [field for field in fields if field in held.fields]
        if existing:
            let_expire(db, key, held, existing, deadline)
            db.changed(key, "hexpire", len(existing))
    return values


def _times(session: Session, argv: list[bytes], show: Callable[[int, int], int]) -> list[Reply]:
    """Return what to show of the deadlines of fields, which it is told with the present time."""
    db = session.db
    held = db.find(argv[1], Hash)
    fields = fields_behind(argv, 2, errors.NUMFIELDS_NOT_POSITIVE)
    if held is None:
        return [_NO_FIELD] * len(fields)
    now = db.clock.now_ms()
    times: list[Reply] = []
    for field in fields:
        deadline = held.deadline(field)
        if field not in held.fields or (deadline or now) < now:
            times.append(_NO_FIELD)
        else:
            times.append(_NO_EXPIRY if deadline is None else show(deadline, now))
    return times


@command(
    "HTTL", READONLY | FAST, since="7.4.0", complexity=_PER_FIELD, tips=["nondeterministic_output"],
    raw=True, group="hash", arity=-5, arguments=[KEY, FIELDS], keys=[READ],
)  # fmt: skip
def httl(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the time to live of fields in seconds, -1 for one that has none, -2 for one that does not exist."""
    return _times(session, argv, lambda deadline, now: (deadline - now + 999) // 1000)


@command(
    "HPTTL", READONLY | FAST, since="7.4.0", complexity=_PER_FIELD, tips=["nondeterministic_output"],
    raw=True, group="hash", arity=-5, arguments=[KEY, FIELDS], keys=[READ],
)  # fmt: skip
def hpttl(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return the time to live of fields in milliseconds, -1 for one that has none, -2 for one that does not exist."""
    return _times(session, argv, lambda deadline, now: deadline - now)


@command(
    "HEXPIRETIME", READONLY | FAST, since="7.4.0", complexity=_PER_FIELD,
    raw=True, group="hash", arity=-5, arguments=[KEY, FIELDS], keys=[READ],
)  # fmt: skip
def hexpiretime(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return when fields expire in Unix seconds, -1 for one that does not, -2 for one that does not exist."""
    return _times(session, argv, lambda deadline, _: (deadline + 999) // 1000)


@command(
    "HPEXPIRETIME", READONLY | FAST, since="7.4.0", complexity=_PER_FIELD,
    raw=True, group="hash", arity=-5, arguments=[KEY, FIELDS], keys=[READ],
)  # fmt: skip
def hpexpiretime(session: Session, argv: list[bytes]) -> list[Reply]:
    """Return when fields expire in Unix milliseconds, -1 for one that does not, -2 for one that does not exist."""
    return _times(session, argv, lambda deadline, _: deadline)
