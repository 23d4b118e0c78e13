"""What an instance was, to go back to: its keys, directives, users, scripts and functions, and the course of chance."""

from typing import TYPE_CHECKING, Any, Final

from vermilion.keyspace.recording import RecordingDatabase
from vermilion.scripting.scripts import Scripts
from vermilion.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vermilion.testing.shared import SharedBackend

_WHERE_IT_LISTENS: Final = frozenset({"bind", "port", "tls-port", "unixsocket"})
"""A server writes these when it begins to listen; to change them would be to move it."""


class Snapshot:
    """A state of an instance.

    Args:
        backend: whose it is.
        identifier: which of its snapshots it is.

    LLM Context:
        - Nothing is copied when it is made: what changes later is kept then, once; see `keyspace/recording.py`.
        - To go back to an earlier one is to lose those that came after it.
    """

    __slots__ = ("chance", "directives", "identifier", "libraries", "scripts", "unix_ms", "users")

    def __init__(self, backend: "SharedBackend", identifier: int) -> None:
        self.identifier = identifier
        self.unix_ms = backend.moving.now_ms()
        self.chance = backend.engine.random.getstate()
        self.directives: dict[str, Any] = {
            one.attribute: getattr(backend.config.settings, one.attribute) for one in Settings.directives
        }
        self.libraries = _code(backend)
        self.scripts = _scripts(backend).cached()
        self.users = backend.engine.acl.lines()


class Snapshots:
    """The snapshots of one instance.

    Args:
        backend: whose they are.
    """

    def __init__(self, backend: "SharedBackend") -> None:
        self._backend: Final = backend
        self._next_identifier = 1
        self.taken: list[Snapshot] = []
        """Those that one can go back to, oldest first."""

    def take(self) -> Snapshot:
        """Take a snapshot; the lock is held."""
        for db in self._databases():
            db.begin_stretch()
        snapshot = Snapshot(self._backend, self._next_identifier)
        self._next_identifier += 1
        self.taken.append(snapshot)
        return snapshot

    def restore(self, snapshot: Snapshot | None) -> None:
        """Go back to a snapshot, to the latest one when None; the lock is held.

        Raises:
            ValueError: when it was not taken here, or an earlier one was gone back to meanwhile.
        """
        if snapshot is None and self.taken:
            snapshot = self.taken[-1]
        if snapshot is None or snapshot not in self.taken:
            raise ValueError("there is no such snapshot of this instance, or no longer")
        backend = self._backend
        number = self.taken.index(snapshot)
        del self.taken[number + 1 :]
        self._restore_directives(snapshot)
        if backend.engine.acl.lines() != snapshot.users:
            backend.engine.acl.restore(snapshot.users)
        self._restore_libraries(snapshot)
        _scripts(backend).restore(snapshot.scripts)
        for db in self._databases():
            db.go_back(number)
        backend.engine.random.setstate(snapshot.chance)
        backend.engine.waiting.serve()
        backend.engine.tracking.flush()
        backend.finish()

    def drop(self, snapshot: Snapshot) -> None:
        """Forget a snapshot, and what was kept for it alone; the lock is held."""
        number = self.taken.index(snapshot)
        del self.taken[number]
        for db in self._databases():
            db.drop_stretch(number)

    def _databases(self) -> "Iterator[RecordingDatabase]":
        """Yield the databases, all of which record here."""
        for db in self._backend.engine.databases:
            assert isinstance(db, RecordingDatabase)  # noqa: S101  # the backend has made the engine so
            yield db

    def _restore_directives(self, snapshot: Snapshot) -> None:
        """Give the directives that were changed their old values, as CONFIG SET would."""
        config = self._backend.config
        old = [
            (one.name.encode(), one.kind.text(value).encode())
            for one in Settings.directives
            if (value := snapshot.directives[one.attribute]) != getattr(config.settings, one.attribute)
            and one.name not in _WHERE_IT_LISTENS
        ]
        if old:
            config.set(old, local=True)

    def _restore_libraries(self, snapshot: Snapshot) -> None:
        """Load the libraries of functions that there were, if there are others."""
        libraries = _scripts(self._backend).libraries
        if _code(self._backend) != snapshot.libraries:
            libraries.flush()
            for code in snapshot.libraries:
                libraries.load(code, replace=False)


def _scripts(backend: "SharedBackend") -> Scripts:
    """Return the scripts and functions."""
    scripting = backend.engine.scripting
    assert isinstance(scripting, Scripts)  # noqa: S101  # the backend has made them
    return scripting


def _code(backend: "SharedBackend") -> list[bytes]:
    """Return the code of each library of functions."""
    return [code for _, _, code in _scripts(backend).libraries.listed()]
