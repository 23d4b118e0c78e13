"""The snapshot file of one engine: when it is written, what happens when that fails, and how it is loaded.

    SAVE       parts, one after the other, fsync, rename: at once
    BGSAVE     the same in a process of its own (`child.py`), where one can be had: on a server with one thread
    BGSAVE     else: capture, parts of a few milliseconds between the calls of clients, fsync and rename in a thread

A program with several threads must not fork: an engine inside of another program captures the keys when a background
save begins. Strings are immutable, so that capturing them is copying a table; what changes in place is serialised
there and then, which stops everybody for about a microsecond per element. Everything else is done in slices.

The file is written beside the old one and takes its place when the disk has it, or not at all.
"""

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Lock, active_count
from time import perf_counter
from typing import Final

from vermilion import errors
from vermilion.engine.engine import Engine
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.persistence import rdb
from vermilion.persistence.child import Child
from vermilion.persistence.rdb import SnapshotError
from vermilion.session import SnapshotFigures
from vermilion.settings import Settings

LOGGER: Final = logging.getLogger("vermilion")

RETRY_MS: Final = 5000
"""Milliseconds after a failed background save before a save point begins another."""

_NUMBERS: Final = count(1)
"""Tells the temporary files of the engines of one process apart."""


class LoadError(Exception):
    """A snapshot that a server cannot start from; its text says why."""


class Save:
    """One snapshot on its way to the disk.

    Args:
        path: the file that it replaces.
        databases: whose keys; as they are now.
        capture: whether the keys may change before all is written.
        functions: the code of each library.
        aux: what the file is to say about itself.
        idle_times: whether it is to say for how long keys were not used.
        checksum: whether it is to have one.

    LLM Context:
        - `advance` until it returns True, then `settle`; both raise OSError, and then `abandon` is to be called.
        - `settle` may run in another thread; after `abandon` it does nothing.
    """

    def __init__(
        self,
        path: Path,
        databases: Sequence[Database],
        *,
        capture: bool,
        functions: Sequence[bytes],
        aux: Sequence[tuple[bytes, bytes]],
        idle_times: bool,
        checksum: bool,
    ) -> None:
        self._path = path
        self._temporary = path.with_name(f"temp-{os.getpid()}.{next(_NUMBERS)}.rdb")
        try:
            self._file = self._temporary.open("xb")
        except OSError as error:
            LOGGER.warning(
                "Failed opening the temp RDB file %s (in server root dir %s) for saving: %s",
                self._temporary.name,
                path.parent,
                error.strerror,
            )
            raise
        table = rdb.captured if capture else rdb.live
        self._parts = rdb.parts(
            [table(db, idle_times=idle_times) for db in databases],
            functions=functions,
            aux=aux,
            checksum=checksum,
        )
        self._lock = Lock()
        self._abandoned = False
        self.keys_total = sum(map(len, databases))
        self.keys_done = 0
        self.dirty = [db.dirty for db in databases]
        """The changes that this snapshot has, by database."""

    def advance(self, budget_s: float) -> bool:
        """Write for about so long; return whether everything has been written."""
        end = perf_counter() + budget_s
        while not self._abandoned:
            part = next(self._parts, None)
            if part is None:
                return True
            try:
                self._file.write(part.data)
            except OSError as error:
                LOGGER.warning("Write error while saving DB to the disk: %s", error.strerror)
                raise
            self.keys_done += part.keys
            if perf_counter() > end:
                return False
        return True

    @property
    def fileno(self) -> int:
        """The descriptor of the file on its way."""
        return self._file.fileno()

    def leave_file(self) -> None:
        """Leave the file to the process that writes it."""
        self._file.close()

    def settle(self) -> None:
        """Wait until the disk has it, and put it in the place of the old file, in one step."""
        with self._lock:
            if self._abandoned:
                return
            try:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()
                self._temporary.replace(self._path)
                _sync_folder(self._path.parent)
            except OSError as error:
                LOGGER.warning(
                    "Error moving the temp DB file into the place of %s: %s", self._path, error.strerror
                )
                raise

    def abandon(self) -> None:
        """Leave the old file as it is, and no other."""
        with self._lock:
            self._abandoned = True
            with suppress(OSError):
                self._file.close()
            self._temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Have the disk know the new name of a file; not every file system takes part."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Snapshots:
    """The snapshots of one engine: what SAVE, BGSAVE, DEBUG RELOAD and the end of a server ask for.

    Args:
        engine: whose keys.

    LLM Context:
        - It implements `session.Persistence`; the assembly makes it and gives it to the engine.
        - `automatic` is for a program that is a server: it saves at save points and at its end. An engine inside
          another program saves when it is asked to.
        - `forks` is for a server that is its process's one purpose: a background save is a process of its own.
        - `start_writing` is where the assembly says how slices are run, where there can be no child; without it a
          background save runs at once.
        - Nothing here raises for a disk that fails: the log says what happened, and what is returned that it did.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._settings = engine.settings
        self._save: Save | None = None
        self._child: Child | None = None
        self._forks_made = 0
        self._fork_ns = 0
        self._last_copied = 0
        self._began_ms = 0
        self._last_ok = True
        self._last_save_ms = engine.clock.now_ms()
        self._last_duration_s = -1
        self._saves = 0
        self._loaded = rdb.Loaded(0, 0)
        self._ends_saved = False
        self.automatic = False
        self.forks = False
        self.start_writing: Callable[[Save], None] = self.write_out
        engine.configuration.watch("appendonly", _refuse_journal)
        for directive in ("save", "stop-writes-on-bgsave-error"):
            engine.configuration.watch(directive, lambda _: engine.check_saving())

    # Saving -----------------------------------------------------------------------------------------------

    @property
    def is_saving(self) -> bool:
        """Whether a background save is under way."""
        return self._save is not None

    @property
    def is_failing(self) -> bool:
        """Whether writing is to be refused, as what is written would not be saved."""
        settings = self._settings
        return bool(
            self.automatic and not self._last_ok and settings.save and settings.stop_writes_on_bgsave_error
        )

    @property
    def last_save_ms(self) -> int:
        """When the last save succeeded; at first, when the engine started."""
        return self._last_save_ms

    def save(self) -> bool:
        """Write a snapshot now; return whether it was written."""
        save = self._new_save(capture=False)
        if save is None:
            return False
        try:
            save.advance(float("inf"))
            save.settle()
        except OSError:
            save.abandon()
            return False
        LOGGER.info("DB saved on disk")
        if self._save is not None:
            self._save.dirty = [0] * len(self._save.dirty)  # these changes are saved now
        self._succeed(save)
        return True

    def count_save(self) -> None:
        """Count a save that was asked for, in INFO."""
        self._saves += 1

    def save_in_background(self) -> None:
        """Begin to write a snapshot while clients are served; none may be under way."""
        self._saves += 1
        self._began_ms = self._engine.clock.monotonic_ms()
        forks = self.forks and hasattr(os, "fork") and active_count() == 1
        self._save = save = self._new_save(capture=not forks)
        if save is None:
            self._fail()
        elif forks:
            self._fork(save)
        else:
            LOGGER.info("Background saving started by pid %d", os.getpid())
            self.start_writing(save)

    def _fork(self, save: Save) -> None:
        """Let a process of its own write a snapshot."""
        try:
            self._child = child = Child(save, self._settings.rdb_key_save_delay)
        except OSError as error:
            LOGGER.warning("Can't save in background: fork: %s", error.strerror)
            self.finish(save, written=False)
            return
        self._forks_made += 1
        self._fork_ns = child.fork_ns
        self._engine.slowness.took("fork", child.fork_ns)
        LOGGER.info("Background saving started by pid %d", child.pid)

    def _look_after_child(self, child: Child) -> None:
        """Take note of the end of a process that writes, once it has come."""
        written = child.poll()
        if written is None or self._save is None:
            return
        self._save.keys_done = child.keys_done
        self._last_copied = child.copied
        self._child = None
        self.finish(self._save, written=written)

    def write_out(self, save: Save) -> None:
        """Write a background save to its end, at once."""
        try:
            save.advance(float("inf"))
            save.settle()
        except OSError:
            self.finish(save, written=False)
        else:
            self.finish(save, written=True)

    def finish(self, save: Save, *, written: bool) -> None:
        """Take note of the end of a background save."""
        if save is not self._save:
            return  # it was given up, and whoever did that has said so
        self._save = None
        self._last_duration_s = self._elapsed_ms() // 1000
        if written:
            LOGGER.info("DB saved on disk")
            LOGGER.info("Background saving terminated with success")
            self._succeed(save)
        else:
            save.abandon()
            self._fail()

    def cancel(self) -> None:
        """Give up the background save that is under way."""
        if self._save is not None:
            LOGGER.warning("There is a background save under way. Giving it up!")
            save, self._save = self._save, None
            child, self._child = self._child, None
            if child is not None:
                child.kill()
            save.abandon()

    def _new_save(self, *, capture: bool) -> Save | None:
        """Begin a snapshot of the keys as they are now; None when there is no file to write it to."""
        engine, settings = self._engine, self._settings
        try:
            return Save(
                self._path,
                engine.databases,
                capture=capture,
                functions=self._functions(),
                aux=[
                    (b"ctime", b"%d" % (engine.clock.now_ms() // 1000)),
                    (b"used-mem", b"%d" % engine.memory().used),
                    (b"aof-base", b"0"),
                ],
                idle_times=settings.maxmemory_policy.endswith("lru"),
                checksum=settings.rdbchecksum,
            )
        except OSError:
            return None

    @property
    def _path(self) -> Path:
        """The file."""
        return Path(self._settings.dir, self._settings.dbfilename)

    def _elapsed_ms(self) -> int:
        """Return how long ago the latest background save began."""
        return self._engine.clock.monotonic_ms() - self._began_ms

    def _succeed(self, save: Save) -> None:
        """Take note of a snapshot that is on the disk."""
        for db, dirty in zip(self._engine.databases, save.dirty, strict=True):
            db.dirty -= dirty
        self._last_save_ms = self._engine.clock.now_ms()
        self._last_ok = True
        self._engine.check_saving()

    def _fail(self) -> None:
        """Take note of a background save that came to nothing."""
        LOGGER.warning("Background saving error")
        self._last_ok = False
        self._engine.check_saving()

    # What happens by itself -------------------------------------------------------------------------------

    def cron(self) -> None:
        """See whether a background save has ended, and begin one when a save point says so."""
        if self._child is not None:
            self._look_after_child(self._child)
        if not self.automatic or self._save is not None:
            return
        changes = self._engine.keyspace.dirty
        if not changes or (not self._last_ok and self._elapsed_ms() <= RETRY_MS):
            return
        elapsed_ms = self._engine.clock.now_ms() - self._last_save_ms
        for point in self._settings.save:
            if changes >= point.changes and elapsed_ms > point.seconds * 1000:
                LOGGER.info("%d changes in %d seconds. Saving...", point.changes, point.seconds)
                self.save_in_background()
                return

    def emptied(self) -> None:
        """Let the file be as empty as the databases are (FLUSHALL), where there are save points."""
        self.cancel()
        if self.automatic and self._settings.save:
            self.save()

    def prepare_end(self, *, save: bool | None, force: bool) -> bool:
        """Save before a server ends; return whether it may end.

        Args:
            save: whether to; None to do so if there are save points.
            force: whether it may end though saving fails.
        """
        LOGGER.info("User requested shutdown...")
        self.cancel()
        if save is None:
            save = self.automatic and bool(self._settings.save)
        if not save:
            return True
        LOGGER.info("Saving the final RDB snapshot before exiting.")
        if self.save():
            self._ends_saved = True
            return True
        if force:
            LOGGER.warning("Error trying to save the DB. Exit anyway.")
            return True
        LOGGER.warning("Error trying to save the DB, can't exit.")
        return False

    def end(self) -> None:
        """Save again what clients changed between the decision to end and the end."""
        self.cancel()
        if self._ends_saved and self._engine.keyspace.dirty:
            self.save()

    # Loading ----------------------------------------------------------------------------------------------

    def load_at_start(self) -> None:
        """Load the file, if there is one, and save by itself from now on.

        Raises:
            LoadError: when the file cannot be read; no key has been loaded then.
        """
        began = perf_counter()
        try:
            loaded = self._load(flush=False)
        except FileNotFoundError:
            loaded = False
        except (OSError, SnapshotError) as error:
            raise LoadError(_reason(error)) from error
        if loaded:
            LOGGER.info("DB loaded from disk: %.3f seconds", perf_counter() - began)
        self.automatic = True
        self._last_save_ms = self._engine.clock.now_ms()

    def reload(self, *, save: bool, flush: bool, merge: bool) -> None:
        """Load the file into the databases as they are, for DEBUG RELOAD.

        Args:
            save: whether to write it before.
            flush: whether to delete all keys before; not before the file has turned out to be good.
            merge: whether keys of the file take the place of those that are there.

        Raises:
            RespError: when one of this cannot be done; no key has changed then.
        """
        if save and not self.save():
            raise RespError(errors.NOT_SAVED)
        try:
            self._load(flush=flush, merge=merge)
        except (OSError, SnapshotError) as error:
            LOGGER.warning("%s", _reason(error))
            raise RespError(errors.NOT_LOADED) from None
        LOGGER.warning("DB reloaded by DEBUG RELOAD")

    def _load(self, *, flush: bool, merge: bool = False) -> bool:
        """Load the file; return True."""
        databases = self._engine.databases
        snapshot = rdb.read(self._path.read_bytes(), self._settings)
        self._announce(snapshot.aux)
        snapshot.check(databases)
        if not flush and not merge:
            for entry in snapshot.entries:
                if databases[entry.database].peek(entry.key) is not None:
                    raise SnapshotError(f"RDB has a key that exists in DB {entry.database}")
        self._take_functions(snapshot.functions, flush=flush)
        # What is loaded is no change.
        dirty = [db.dirty for db in databases]
        if flush:
            for db in databases:
                db.clear()
        self._loaded = snapshot.load(databases, self._engine.clock.now_ms())
        for db, changes in zip(databases, dirty, strict=True):
            db.dirty = changes
        LOGGER.info("Done loading RDB, keys loaded: %d, keys expired: %d.", *self._loaded)
        return True

    def _functions(self) -> list[bytes]:
        """Return the code of the libraries of functions."""
        scripting = self._engine.scripting
        return [] if scripting is None else [code for _, _, code in scripting.libraries.listed()]

    def _take_functions(self, codes: list[bytes], *, flush: bool) -> None:
        """Take in the libraries of a file, in the place of those that are there, or of the same name."""
        scripting = self._engine.scripting
        if scripting is not None and (codes or len(scripting.libraries.listed())):
            try:
                scripting.libraries.take(codes, "FLUSH" if flush else "REPLACE")
            except RespError as error:
                raise SnapshotError(f"Failed creating the functions of the RDB: {error.message}") from None

    def _announce(self, aux: dict[bytes, bytes]) -> None:
        """Log what a file says of itself."""
        LOGGER.info("Loading RDB produced by version %s", errors.text(aux.get(b"redis-ver", b"unknown")))
        created, used = aux.get(b"ctime", b""), aux.get(b"used-mem", b"")
        if created.isdigit():
            LOGGER.info("RDB age %d seconds", max(0, self._engine.clock.now_ms() // 1000 - int(created)))
        if used.isdigit():
            LOGGER.info("RDB memory usage when created %.2f Mb", int(used) / (1 << 20))

    # INFO -------------------------------------------------------------------------------------------------

    def figures(self) -> SnapshotFigures:
        """Return what INFO says of saving."""
        save = self._save
        return SnapshotFigures(
            saving=save is not None,
            last_ok=self._last_ok,
            last_duration_s=self._last_duration_s,
            current_duration_s=-1 if save is None else self._elapsed_ms() // 1000,
            saves=self._saves,
            keys_done=self._keys_done(),
            keys_total=0 if save is None else save.keys_total,
            keys_loaded=self._loaded.keys,
            keys_expired=self._loaded.expired,
            copied=0 if self._child is None else self._child.copied,
            copied_age_s=0 if self._child is None else self._child.copied_age_s,
            last_copied=self._last_copied,
            forks=self._forks_made,
            fork_us=self._fork_ns // 1000,
        )

    def _keys_done(self) -> int:
        """Return how many keys the background save under way has written."""
        if self._child is not None:
            return self._child.keys_done
        return 0 if self._save is None else self._save.keys_done


def _refuse_journal(settings: Settings) -> None:
    """Refuse CONFIG SET appendonly yes."""
    if settings.appendonly:
        raise ValueError(errors.NO_JOURNAL)


def _reason(error: OSError | SnapshotError) -> str:
    """Return what is wrong with a file."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
