"""What INFO counts about keys: found, missed, changed, expired, evicted."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vermilion.keyspace.database import Database


class KeyspaceStats:
    """What INFO counts about keys, over all databases of an engine.

    Hits, misses and changes are counted by each database, where they cost least, and summed up here.
    """

    __slots__ = (
        "cycle_ns", "databases", "evicted", "expired", "expired_fields", "time_cap_reached", "vector_sets",
    )  # fmt: skip

    def __init__(self) -> None:
        self.databases: list[Database] = []
        self.vector_sets = 0
        """How many vector sets were ever made: the next one's uid."""
        self.reset()

    def next_vector_set(self) -> int:
        """Return the uid of a new vector set."""
        self.vector_sets += 1
        return self.vector_sets - 1

    @property
    def hits(self) -> int:
        """Look-ups by reading commands that found their key."""
        return sum(db.hits for db in self.databases)

    @property
    def misses(self) -> int:
        """Look-ups by reading commands that did not."""
        return sum(db.misses for db in self.databases)

    @property
    def dirty(self) -> int:
        """Changes since the last save."""
        return sum(db.dirty for db in self.databases)

    def reset(self) -> None:
        """Start counting anew (CONFIG RESETSTAT); changes since the last save are no statistic and stay."""
        self.expired = 0
        self.expired_fields = 0
        self.evicted = 0
        self.time_cap_reached = 0
        self.cycle_ns = 0
        for db in self.databases:
            db.hits = 0
            db.misses = 0
