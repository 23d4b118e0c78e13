"""Watched keys: which transactions a change breaks.

WATCH:  live, absent, or expired but not reclaimed yet: what the key is when the watch begins
change: breaks every watch of the key; only that an expired key is reclaimed is no change
EXEC:   a key that was live and is due now breaks it, too, though nobody has looked at the key since
"""

from typing import Final

from vermilion.keyspace.audience import EAR_WATCHED, Audience
from vermilion.keyspace.database import Database

_LIVE: Final = 0
_ABSENT: Final = 1
_EXPIRED: Final = 2


class WatchedKeys:
    """The keys that one client watches.

    LLM Context:
        - `broken` says that one of them has changed; the next EXEC then runs nothing.
        - `states` says what each key was when its watch began.
    """

    __slots__ = ("broken", "states")

    def __init__(self) -> None:
        self.broken = False
        self.states: dict[tuple[Database, bytes], int] = {}

    def __len__(self) -> int:
        """Return how many keys are watched."""
        return len(self.states)


class Watching:
    """All watches of one engine.

    Args:
        audience: what tells of changes.

    LLM Context:
        - Nobody pays who does not watch: a database tells only of the keys in `Database.watched`.
    """

    def __init__(self, audience: Audience) -> None:
        audience.watched_changed = self._changed
        self._watchers: dict[tuple[Database, bytes], dict[WatchedKeys, None]] = {}
        self._clients = 0

    @property
    def clients(self) -> int:
        """How many clients watch keys."""
        return self._clients

    @property
    def keys(self) -> int:
        """How many keys are watched."""
        return len(self._watchers)

    def watch(self, watched: WatchedKeys, db: Database, key: bytes) -> None:
        """Begin to watch a key; one that is watched already stays as it is."""
        place = (db, key)
        if place in watched.states:
            return
        self._clients += not watched.states
        watched.states[place] = _ABSENT if key not in db.data else _EXPIRED if db.is_due(key) else _LIVE
        watchers = self._watchers.get(place)
        if watchers is None:
            watchers = self._watchers[place] = {}
            db.watched.add(key)
            db.listen(EAR_WATCHED, on=True)
        watchers[watched] = None

    def unwatch(self, watched: WatchedKeys) -> None:
        """Watch none of the keys any more; what is broken stays so."""
        if not watched.states:
            return
        self._clients -= 1
        for place in watched.states:
            watchers = self._watchers[place]
            del watchers[watched]
            if not watchers:
                del self._watchers[place]
                db, key = place
                db.watched.remove(key)
                db.listen(EAR_WATCHED, on=bool(db.watched))
        watched.states.clear()

    @staticmethod
    def intact(watched: WatchedKeys) -> bool:
        """Return whether all keys are what they were when their watches began."""
        return not watched.broken and not any(
            state == _LIVE and db.is_due(key) for (db, key), state in watched.states.items()
        )

    def _changed(self, db: Database, key: bytes) -> None:
        """Break the watches of a key that has changed."""
        place = (db, key)
        for watched in list(self._watchers[place]):
            if watched.states[place] == _EXPIRED:
                if key not in db.data:
                    watched.states[place] = _ABSENT
                    continue
                if db.is_due(key):
                    continue
            watched.broken = True
            self.unwatch(watched)  # nothing can mend it: no change of any key is news any more
