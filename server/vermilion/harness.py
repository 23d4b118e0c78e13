"""The port through which VERMILION moves a server for tests: its clock, its snapshots, its keys, its chance."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Taken(NamedTuple):
    """One snapshot: its id, and what time the clock said, in milliseconds since the Unix epoch."""

    identifier: int
    unix_ms: int


class Harness(Protocol):
    """What moves one server, between the calls of its clients.

    LLM Context:
        - The floor of tests implements it; a server that is not for tests has none, and no VERMILION.
        - What refuses raises ValueError with a sentence that says why, and changes nothing.
        - Times and distances are milliseconds; times are since the Unix epoch.
    """

    @property
    def now_ms(self) -> int:
        """The time."""

    @property
    def is_frozen(self) -> bool:
        """Whether the clock stands."""

    def freeze(self) -> None:
        """Let the clock stand still."""

    def unfreeze(self) -> None:
        """Let the clock run on from where it stands."""

    def advance(self, distance_ms: int) -> None:
        """Move the clock forward, and let everything happen that is due on the way."""

    def go_to(self, unix_ms: int) -> None:
        """Set the clock: forward as `advance` does; back, the calendar alone."""

    def take_snapshot(self) -> int:
        """Note what the server is, to go back to; return the snapshot's id."""

    def restore_snapshot(self, identifier: int | None) -> None:
        """Become again what the server was: when a snapshot was taken, the latest one if None."""

    def snapshots(self) -> Sequence[Taken]:
        """Return the snapshots that one can go back to, oldest first."""

    def drop_snapshots(self, identifiers: Sequence[int]) -> int:
        """Forget snapshots, and return how many of these there were."""

    def seed(self, number: int) -> None:
        """Let chance take a certain course from here on."""

    def load(self, text: bytes) -> int:
        """Set the keys that a JSON object describes, all or none, and return how many they are."""

    def dump(self) -> bytes:
        """Return all keys as a JSON object."""
