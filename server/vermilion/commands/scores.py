"""What the commands of sorted sets share: giving members scores, removing and showing them, storing what was found."""

from collections.abc import Sequence
from math import isnan
from typing import Final

from vermilion import errors
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.protocol.reply import Reply
from vermilion.session import Session
from vermilion.settings import Settings
from vermilion.structures.zset import Entry, ZSet
from vermilion.structures.zset_algebra import Scores

NX: Final = 1 << 0
XX: Final = 1 << 1
GT: Final = 1 << 2
LT: Final = 1 << 3
CH: Final = 1 << 4
INCR: Final = 1 << 5


def add_scores(
    session: Session, key: bytes, scores: Sequence[float], members: Sequence[bytes], flags: int
) -> int | float | None:
    """Give members of the sorted set at a key scores, as ZADD does.

    Args:
        session: whose call it is.
        key: the key; what does not exist is made.
        scores: as many as there are members.
        members: one or more; one with `INCR`.
        flags: ZADD's options.

    Returns:
        How many members were new, or with `CH` changed; with `INCR` the new score, None where an option forbade it.
    """
    db = session.db
    settings = session.server.settings
    zset = db.edit(key, ZSet)
    new = zset is None
    if zset is None:
        if flags & XX:
            return None if flags & INCR else 0
        zset = ZSet()
        zset.outgrow(
            len(members),
            len(members[0]),
            settings.zset_max_listpack_entries,
            settings.zset_max_listpack_value,
        )
    if flags & INCR:
        return _increase(session, key, zset, members[0], scores[0], flags)
    added = updated = 0
    held = zset.scores
    for score, member in zip(scores, members, strict=True):
        old = held.get(member)
        if old is None:
            if not flags & XX:
                if zset.packed:
                    _make_room(settings, zset, member)
                zset.add(member, score)
                added += 1
        elif score != old and (not flags or _permits(flags, old, score)):
            zset.update(member, score)
            updated += 1
    if added or updated:
        if new:
            db.put(key, zset)
        db.changed(key, "zadd", added + updated)
    return added + updated if flags & CH else added


def _permits(flags: int, old: float, score: float) -> bool:
    """Return whether the options let a score take the place of another."""
    if flags & GT:
        return score > old
    if flags & LT:
        return score < old
    return not flags & NX


def _make_room(settings: Settings, zset: ZSet, member: bytes) -> None:
    """Let a sorted set that is about to get a new member outgrow its packed form."""
    zset.outgrow(
        len(zset) + 1, len(member), settings.zset_max_listpack_entries, settings.zset_max_listpack_value
    )


def _increase(
    session: Session, key: bytes, zset: ZSet, member: bytes, increment: float, flags: int
) -> float | None:
    """Add to the score of a member; return the new score, None when the options forbade it."""
    old = zset.scores.get(member)
    if old is None:
        if flags & XX:
            return None
        score = increment
        if zset.packed:
            _make_room(session.server.settings, zset, member)
        zset.add(member, score)
        if len(zset) == 1:
            session.db.put(key, zset)
        session.db.changed(key, "zincr")
        return score
    score = old + increment
    if isnan(score):
        raise RespError(errors.SCORE_NOT_A_NUMBER)
    if flags & (NX | GT | LT) and not _permits(flags, old, score):
        return None
    if score != old:
        zset.update(member, score)
        session.db.changed(key, "zincr")
    return score


def store(session: Session, key: bytes, scores: Scores, event: str) -> int:
    """Make a sorted set the value of a key, or delete that when there are no members; return how many."""
    db = session.db
    if not scores:
        if db.remove(key):
            db.changed(key, "del")
        return 0
    settings = session.server.settings
    zset = ZSet.of(scores)
    zset.outgrow(
        len(scores), max(map(len, scores)),
        settings.zset_max_listpack_entries, settings.zset_max_listpack_value,
    )  # fmt: skip
    db.store(key, zset)
    db.changed(key, event)
    return len(scores)


def one_zset(db: Database, keys: tuple[bytes, ...]) -> ZSet | None:
    """Return the sorted set that a column of keys names, for calls that change it; None unless all name one."""
    key = keys[0]
    if keys.count(key) != len(keys):
        return None
    held = db.touch(key)
    return held if type(held) is ZSet else None


def members_removed(db: Database, key: bytes, zset: ZSet, event: str, count: int) -> None:
    """Announce that members were removed, and delete the key with the last of them."""
    db.changed(key, event, count)
    if not zset.scores:
        db.remove(key)
        db.changed(key, "del", 0)


def scored(session: Session, entries: Sequence[Entry]) -> list[Reply]:
    """Return members with their scores: flat in RESP2, in pairs in RESP3."""
    if session.resp > 2:
        return [[member, score] for score, member in entries]
    flat: list[Reply] = []
    for score, member in entries:
        flat += (member, score)
    return flat
