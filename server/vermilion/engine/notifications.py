"""Keyspace notifications: events about keys, published as `notify-keyspace-events` asks.

    db.changed -> audience.event -> __keyspace@DB__:KEY  EVENT      (K)
                                    __keyevent@DB__:EVENT  KEY      (E)

As long as nothing is asked for, the databases do not even call.
"""

from collections.abc import Sequence

from vermilion.engine.pubsub import Exchange
from vermilion.keyspace.audience import EAR_EVENTS, Audience
from vermilion.keyspace.database import Database
from vermilion.keyspace.events import ALL, CLASSES
from vermilion.settings import Settings


class Notifications:
    """The keyspace events of one engine.

    Args:
        exchange: what publishes them.
        audience: what tells of them.
        databases: whose events.
    """

    def __init__(self, exchange: Exchange, audience: Audience, databases: Sequence[Database]) -> None:
        self._exchange = exchange
        self._databases = databases
        self._classes: frozenset[str] = frozenset()
        self._by_key = self._by_event = False
        audience.event = self._publish

    def configure(self, settings: Settings) -> None:
        """Take over `notify-keyspace-events`, and listen to events only if it asks for any."""
        letters = frozenset(settings.notify_keyspace_events)
        self._by_key, self._by_event = "K" in letters, "E" in letters
        self._classes = letters - {"A", "K", "E"} | (ALL if "A" in letters else frozenset())
        on = bool(self._classes) and (self._by_key or self._by_event)
        for db in self._databases:
            db.listen(EAR_EVENTS, on=on)

    def _publish(self, db: Database, key: bytes, event: str) -> None:
        """Publish an event, if its class is asked for."""
        if self._exchange.idle or CLASSES[event] not in self._classes:
            return
        name = event.encode()
        if self._by_key:
            self._exchange.publish(b"__keyspace@%d__:%b" % (db.index, key), name)
        if self._by_event:
            self._exchange.publish(b"__keyevent@%d__:%b" % (db.index, name), key)
