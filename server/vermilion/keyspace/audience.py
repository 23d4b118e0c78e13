"""Who hears of changes: blocked clients, watching ones, client-side caches, subscribers to keyspace events.

A database asks one integer, `listening`, whether anybody wants to hear of a change; each bit is an ear.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from vermilion.keyspace.database import Database

EAR_AWAITED: Final = 1 << 0  # a client is blocked on a key (`Database.awaited`)
EAR_WATCHED: Final = 1 << 1  # a client watches a key (`Database.watched`)
EAR_CACHES: Final = 1 << 2  # clients cache what they have read
EAR_EVENTS: Final = 1 << 3  # `notify-keyspace-events` asks for events


class Audience:
    """What the databases of one engine tell of changes, by ear.

    LLM Context:
        - `ready` collects the awaited keys that have changed; the waiting room serves those who wait for them.
        - `watched_changed` is told of a change of a watched key, with its database.
        - `modified` is told the name of each changed key, in whichever database; None for all keys at once.
        - `event` is told the database, the key, and the name of the keyspace event.
    """

    __slots__ = ("event", "modified", "ready", "watched_changed")

    def __init__(self) -> None:
        self.ready: dict[tuple[Database, bytes], None] = {}
        self.watched_changed: Callable[[Database, bytes], None] = _nobody
        self.modified: Callable[[bytes | None], None] = _nobody
        self.event: Callable[[Database, bytes, str], None] = _nobody


def _nobody(*told: object) -> None:
    """Stand in for those who have not come yet; their ear is closed."""
