"""What was refused lately, for ACL LOG: equal refusals within a minute are one entry."""

from itertools import islice
from typing import Final, Literal, NamedTuple, TypeAlias

from vermilion.clock import Clock

Reason: TypeAlias = Literal["auth", "command", "key", "channel"]
Context: TypeAlias = Literal["toplevel", "multi", "lua"]

_GROUPING_MS: Final = 60_000
_SEARCHED: Final = 10
"""Entries among which an equal one is looked for: a flood of different ones must not cost more."""


class Refusal(NamedTuple):
    """What tells entries apart.

    Args:
        reason: what was missing.
        context: where the call was made.
        object: the command, key or channel; for `auth` the command that was to authenticate.
        username: who was refused.
    """

    reason: Reason
    context: Context
    object: bytes
    username: bytes


class LogEntry:
    """A refusal, and how often it happened.

    Args:
        identifier: a serial number.
        refusal: what was refused.
        now_ms: when.
    """

    __slots__ = ("client", "count", "created_ms", "id", "refusal", "updated_ms")

    def __init__(self, identifier: int, refusal: Refusal, now_ms: int) -> None:
        self.id = identifier
        self.refusal = refusal
        self.count = 0
        self.client = b""
        self.created_ms = self.updated_ms = now_ms


class AccessLog:
    """The latest refusals of one server, the newest first.

    Args:
        clock: what says the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_id = 0
        self._entries: list[LogEntry] = []

    def add(self, refusal: Refusal, client: bytes, most: int) -> None:
        """Note a refusal.

        Args:
            refusal: what was refused.
            client: a description of whose call it was.
            most: how many entries are kept.
        """
        now = self._clock.now_ms()
        entries = self._entries
        for entry in islice(entries, _SEARCHED):
            if entry.refusal == refusal and now - entry.updated_ms <= _GROUPING_MS:
                entries.remove(entry)
                break
        else:
            entry = LogEntry(self._next_id, refusal, now)
            self._next_id += 1
        entry.count += 1
        entry.client = client
        entry.updated_ms = now
        entries.insert(0, entry)
        del entries[max(0, most) :]

    def latest(self, count: int) -> list[LogEntry]:
        """Return at most this many entries, the newest first."""
        return self._entries[: max(0, count)]

    def clear(self) -> None:
        """Forget everything; the serial numbers go on."""
        self._entries.clear()
