"""What VERMILION moves an engine with: the clock, the snapshots, the keys and the chance of one backend.

Everything here runs inside of a client's call, with the backend's lock held. So nothing waits for other threads: what
there is for the clients of the same server is sent before the call is answered, and for others is on its way.
"""

import json
from typing import TYPE_CHECKING, Any, Final

from vermilion.config import Config
from vermilion.harness import Taken
from vermilion.testing.clock import MovableClock
from vermilion.testing.data import as_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vermilion.testing.shared import SharedBackend
    from vermilion.testing.snapshots import Snapshot

_MS: Final = 1_000_000


class EngineHarness:
    """The harness of one backend's engine.

    Args:
        backend: whose it is; it may still be in the making.
    """

    __slots__ = ("_backend",)

    def __init__(self, backend: "SharedBackend") -> None:
        self._backend = backend

    # The clock --------------------------------------------------------------------------------------------

    @property
    def now_ms(self) -> int:
        """The time."""
        return self._backend.moving.now_ms()

    @property
    def is_frozen(self) -> bool:
        """Whether the clock stands."""
        return self._backend.moving.stands

    def freeze(self) -> None:
        """Let the clock stand still."""
        self._backend.travel.freeze()

    def unfreeze(self) -> None:
        """Let the clock run on from where it stands."""
        self._backend.travel.unfreeze()

    def advance(self, distance_ms: int) -> None:
        """Move the clock forward, and let everything happen that is due on the way."""
        self._backend.travel.travel(distance_ms * _MS)
        self._backend.hand_out()

    def go_to(self, unix_ms: int) -> None:
        """Set the clock: forward as `advance` does; back, the calendar alone."""
        self._backend.travel.travel_to(unix_ms * _MS)
        self._backend.hand_out()

    # Snapshots --------------------------------------------------------------------------------------------

    def take_snapshot(self) -> int:
        """Note what the server is, to go back to; return the snapshot's id."""
        return self._backend.states.take().identifier

    def restore_snapshot(self, identifier: int | None) -> None:
        """Become again what the server was: when a snapshot was taken, the latest one if None."""
        snapshot = None if identifier is None else self._find(identifier)
        if snapshot is None and (identifier is not None or not self._backend.states.taken):
            raise ValueError("there is no such snapshot, or no longer")
        self._backend.states.restore(snapshot)
        self._backend.hand_out()

    def snapshots(self) -> "Sequence[Taken]":
        """Return the snapshots that one can go back to, oldest first."""
        return [Taken(snapshot.identifier, snapshot.unix_ms) for snapshot in self._backend.states.taken]

    def drop_snapshots(self, identifiers: "Sequence[int]") -> int:
        """Forget snapshots, and return how many of these there were."""
        dropped = 0
        for identifier in identifiers:
            snapshot = self._find(identifier)
            if snapshot is not None:
                self._backend.states.drop(snapshot)
                dropped += 1
        return dropped

    def _find(self, identifier: int) -> "Snapshot | None":
        """Return the snapshot with an id."""
        taken = self._backend.states.taken
        return next((snapshot for snapshot in taken if snapshot.identifier == identifier), None)

    # Keys and chance --------------------------------------------------------------------------------------

    def seed(self, number: int) -> None:
        """Let chance take a certain course from here on."""
        self._backend.engine.random.seed(number)

    def load(self, text: bytes) -> int:
        """Set the keys that a JSON object describes, all or none, and return how many they are."""
        try:
            data = json.loads(text)
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None
        if not isinstance(data, dict):
            raise ValueError("a JSON object of keys is wanted")  # noqa: TRY004  # the port's only refusal
        try:
            self._rehearse(data)
            return self._backend.load_keys(data)
        except (TypeError, OverflowError) as error:
            raise ValueError(str(error)) from error

    def _rehearse(self, data: "dict[str, Any]") -> None:
        """Load keys into an engine that is thrown away, so that what cannot be is refused before anything is done."""
        # Only what decides on whether a value can be is as it is here.
        number = str(self._backend.config.settings.databases)
        config = Config.from_arguments(["--save", "", "--databases", number], {})
        type(self._backend)(config, MovableClock()).load_keys(data)

    def dump(self) -> bytes:
        """Return all keys as a JSON object."""
        return as_json(self._backend.dump_keys()).encode()
