"""A snapshot: all keys of all databases, in a file that Redis loads, and that it saved.

REDIS0012   AUX …   FUNCTION2 …   SELECTDB RESIZEDB key … SELECTDB RESIZEDB key …   EOF   checksum
9 bytes                                                                             1     CRC-64, 8 bytes

key = EXPIRETIME_MS, IDLE or FREQ, each where there is one; type, name, value

Strings are not compressed: that is a loop in Python, and a snapshot is to be quick. Files with compressed strings are
read. So are those of Redis since 2.6, and of Valkey, whose own version 80 says VALKEY instead of REDIS, and has a
form of hashes of its own.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO, Final, NamedTuple

from vermilion.keyspace.database import Database
from vermilion.rdb import hash as hashes
from vermilion.rdb.crc64 import crc64
from vermilion.rdb.encoding import FormatError, Reader, Writer
from vermilion.rdb.value import read_content, write_value
from vermilion.settings import Settings
from vermilion.version import REDIS_VERSION

VERSION: Final = 12
"""What Redis 8.0 writes, and the newest of its versions that it reads."""

_VALKEY_VERSION: Final = 80
_CHECKSUM_SINCE: Final = 5
_MAGIC_SIZE: Final = 9

_SLOT_INFO: Final = 0xF4
_FUNCTION: Final = 0xF5
_IDLE: Final = 0xF8
_FREQUENCY: Final = 0xF9
_AUX: Final = 0xFA
_SIZES: Final = 0xFB
_DEADLINE_MS: Final = 0xFC
_DEADLINE_S: Final = 0xFD
_DATABASE: Final = 0xFE
_END: Final = 0xFF

_BATCH: Final = 256
"""Keys that are written at once."""


class SnapshotError(ValueError):
    """What cannot be loaded; its text says why."""


class Entry(NamedTuple):
    """One key of a snapshot.

    Args:
        database: its number.
        key: its name.
        value: as a database holds it.
        deadline_ms: when it expires, None for never.
        idle_s: for how many seconds nobody had used it, None where that is not known.
    """

    database: int
    key: bytes
    value: object
    deadline_ms: int | None
    idle_s: int | None


class Loaded(NamedTuple):
    """How many keys were loaded, and how many were not, as they had expired."""

    keys: int
    expired: int


class Snapshot(NamedTuple):
    """What a file holds: read whole before a database is touched.

    Args:
        entries: the keys.
        functions: the code of each library.
        aux: what the file says about itself: `redis-ver`, `ctime` and others.
        end: how many bytes it has; what stands behind them is none of it.

    LLM Context:
        - `read` makes it; `load` changes databases, or nothing at all.
    """

    entries: list[Entry]
    functions: list[bytes]
    aux: dict[bytes, bytes]
    end: int

    def load(self, databases: Sequence[Database], now_ms: int) -> Loaded:
        """Put the keys into databases that do not have them.

        Args:
            databases: where to.
            now_ms: what has a deadline before this is left out.

        Raises:
            SnapshotError: when there are fewer databases than the keys need; nothing is changed then.
        """
        highest = max((entry.database for entry in self.entries), default=0)
        if highest >= len(databases):
            raise SnapshotError(f"The file has keys in database {highest}, and there are {len(databases)}")
        expired = 0
        for entry in self.entries:
            if entry.deadline_ms is not None and entry.deadline_ms < now_ms:
                expired += 1
                continue
            db = databases[entry.database]
            db.load(entry.key, entry.value, entry.deadline_ms)
            if entry.idle_s is not None:
                db.set_idle(entry.key, entry.idle_s)
        return Loaded(len(self.entries) - expired, expired)


# Writing --------------------------------------------------------------------------------------------------


def write(
    stream: BinaryIO,
    databases: Sequence[Database],
    *,
    functions: Iterable[bytes] = (),
    aux: Iterable[tuple[bytes, bytes]] = (),
    idle_times: bool = False,
    checksum: bool = True,
) -> int:
    """Write a snapshot.

    Args:
        stream: where to.
        databases: whose keys; they must not change meanwhile.
        functions: the code of each library.
        aux: what the file is to say about itself besides the version.
        idle_times: whether it is to say how long keys were not used.
        checksum: whether it is to have one; 0 stands in its place otherwise.

    Returns:
        How many keys it has. Those that have expired are among them, as in Redis: the clock may go back.
    """
    crc = 0
    for part in _parts(databases, functions, aux, idle_times=idle_times):
        if checksum:
            crc = crc64(part, crc)
        stream.write(part)
    stream.write(crc.to_bytes(8, "little"))
    return sum(map(len, databases))


def _parts(
    databases: Sequence[Database],
    functions: Iterable[bytes],
    aux: Iterable[tuple[bytes, bytes]],
    *,
    idle_times: bool,
) -> Iterator[bytes]:
    """Yield a snapshot in parts, without its checksum."""
    out = Writer()
    out.raw(b"REDIS%04d" % VERSION)
    bits = b"64" if sys.maxsize > 2**32 else b"32"
    for name, text in ((b"redis-ver", REDIS_VERSION.encode()), (b"redis-bits", bits), *aux):
        out.raw(b"%c" % _AUX)
        out.string(name)
        out.string(text)
    for code in functions:
        out.raw(b"%c" % _FUNCTION)
        out.string(code)
    yield out.data()
    for db in databases:
        if db.data:
            out = Writer()
            out.raw(b"%c" % _DATABASE)
            out.length(db.index)
            out.raw(b"%c" % _SIZES)
            out.length(len(db.data))
            out.length(len(db.expires))
            yield out.data()
            keys = iter(db.data)
            while batch := list(islice(keys, _BATCH)):
                out = Writer()
                for key in batch:
                    _write_key(db, key, out, idle_times=idle_times)
                yield out.data()
    yield b"%c" % _END


def _write_key(db: Database, key: bytes, out: Writer, *, idle_times: bool) -> None:
    """Append one key."""
    deadline = db.expires.get(key)
    if deadline is not None:
        out.raw(b"%c%b" % (_DEADLINE_MS, deadline.to_bytes(8, "little", signed=True)))
    if idle_times:
        out.raw(b"%c" % _IDLE)
        out.length(db.idle_seconds(key))
    # The type stands before the name, the content behind it.
    value = Writer()
    write_value(db.data[key], value)
    written = value.data()
    out.raw(written[:1])
    out.string(key)
    out.raw(written[1:])


# Reading --------------------------------------------------------------------------------------------------


def read(data: bytes, limits: Settings) -> Snapshot:
    """Return what a file holds.

    Args:
        data: all of its bytes, untrusted; more may stand behind them.
        limits: up to where values are kept in a small form.

    Raises:
        SnapshotError: when it is no snapshot, or a damaged one, or has what is not known here: a module's data.
    """
    version = _version(data[:_MAGIC_SIZE])
    reader = Reader(data)
    reader.take(_MAGIC_SIZE)
    try:
        snapshot = _Reading(reader, limits, valkey=version == _VALKEY_VERSION).snapshot()
        if version < _CHECKSUM_SINCE:
            return snapshot
        checksum = reader.uint64()
    except FormatError:
        raise SnapshotError(f"The file is damaged at byte {reader.place} of {len(data)}") from None
    if checksum and checksum != crc64(data[: snapshot.end]):
        raise SnapshotError("The file is damaged: its checksum is another")
    return snapshot._replace(end=reader.place)


def _version(magic: bytes) -> int:
    """Return the version of a file."""
    for name, digits, versions in (
        (b"REDIS", magic[5:], range(1, VERSION + 1)),
        (b"VALKEY", magic[6:], range(_VALKEY_VERSION, _VALKEY_VERSION + 1)),
    ):
        if magic.startswith(name) and digits.isdigit() and len(magic) == _MAGIC_SIZE:
            if int(digits) not in versions:
                raise SnapshotError(f"The file is of a version that cannot be read: {int(digits)}")
            return int(digits)
    raise SnapshotError("The file is no snapshot")


class _Reading:
    """One file while it is read.

    Args:
        reader: behind the version.
        limits: up to where values are kept in a small form.
        valkey: whether it is of Valkey's own version.
    """

    def __init__(self, reader: Reader, limits: Settings, *, valkey: bool) -> None:
        self._reader = reader
        self._limits = limits
        self._valkey = valkey
        self._database = 0
        self._deadline: int | None = None
        self._idle: int | None = None
        self._entries: list[Entry] = []
        self._keys: dict[int, set[bytes]] = {}
        self._functions: list[bytes] = []
        self._aux: dict[bytes, bytes] = {}
        self._marks: Final[dict[int, Callable[[], None]]] = {
            _SLOT_INFO: self._read_slot_info,
            _FUNCTION: self._read_function,
            _IDLE: self._read_idle,
            _FREQUENCY: self._read_frequency,
            _AUX: self._read_aux,
            _SIZES: self._read_sizes,
            _DEADLINE_MS: self._read_deadline_ms,
            _DEADLINE_S: self._read_deadline_s,
            _DATABASE: self._read_database,
        }

    def snapshot(self) -> Snapshot:
        """Return what the file holds, up to its end mark."""
        reader = self._reader
        while (mark := reader.byte()) != _END:
            read_mark = self._marks.get(mark)
            if read_mark is None:
                self._read_key(mark)
            else:
                read_mark()
        return Snapshot(self._entries, self._functions, self._aux, reader.place)

    def _read_key(self, kind: int) -> None:
        """Read a key and its value."""
        key = self._reader.string()
        keys = self._keys.setdefault(self._database, set())
        if key in keys:
            raise FormatError
        keys.add(key)
        if self._valkey and kind == hashes.VALKEY:
            value: object = hashes.read_valkey(self._reader, self._limits)
        else:
            value = read_content(kind, self._reader, self._limits)
        self._entries.append(Entry(self._database, key, value, self._deadline, self._idle))
        self._deadline = self._idle = None

    def _read_slot_info(self) -> None:
        """Read over what a cluster's node says of the keys of a slot: its number and two sizes."""
        for _ in range(3):
            self._reader.length()

    def _read_function(self) -> None:
        """Read a library."""
        self._functions.append(self._reader.string())

    def _read_idle(self) -> None:
        """Read how long the next key was not used."""
        self._idle = self._reader.length()

    def _read_frequency(self) -> None:
        """Read over how often the next key was used, which nothing here counts."""
        self._reader.byte()

    def _read_aux(self) -> None:
        """Read what the file says about itself."""
        name = self._reader.string()
        self._aux[name] = self._reader.string()

    def _read_sizes(self) -> None:
        """Read over how many keys follow, and how many of them expire."""
        self._reader.length()
        self._reader.length()

    def _read_deadline_ms(self) -> None:
        """Read when the next key expires."""
        self._deadline = self._reader.int64()

    def _read_deadline_s(self) -> None:
        """Read when the next key expires, as Redis wrote it before 2.6."""
        self._deadline = int.from_bytes(self._reader.take(4), "little", signed=True) * 1000

    def _read_database(self) -> None:
        """Read which database the next keys are of."""
        self._database = self._reader.length()
