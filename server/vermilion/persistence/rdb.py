"""A snapshot: all keys of all databases, in a file that Redis loads, and that it saved.

REDIS0012   AUX …   FUNCTION2 …   SELECTDB RESIZEDB key … SELECTDB RESIZEDB key …   EOF   checksum
9 bytes                                                                             1     CRC-64, 8 bytes

key = EXPIRETIME_MS, IDLE or FREQ, each where there is one; type, name, value

Strings are not compressed: that is a loop in Python, and a snapshot is to be quick. Files with compressed strings are
read. So are those of Redis since 2.6, and of Valkey, whose own version 80 says VALKEY instead of REDIS, and has a
form of hashes of its own.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO, Final, NamedTuple

from vermilion.keyspace.database import Database
from vermilion.rdb import hash as hashes
from vermilion.rdb import vector_set as vector_sets
from vermilion.rdb.crc64 import crc64
from vermilion.rdb.encoding import FormatError, Reader, Writer
from vermilion.rdb.value import read_content, write_value
from vermilion.settings import Settings
from vermilion.structures.vector_set import VectorSet
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

_PART: Final = 1 << 15
"""Bytes of keys that make a part: enough for a quick checksum, and few enough to be made within some milliseconds."""

_IMMUTABLE: Final = {bytes, int}


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

    def check(self, databases: Sequence[Database]) -> None:
        """See whether the keys can be put into databases.

        Raises:
            SnapshotError: when there are fewer databases than the keys need.
        """
        highest = max((entry.database for entry in self.entries), default=0)
        if highest >= len(databases):
            raise SnapshotError(f"The file has keys in database {highest}, and there are {len(databases)}")

    def load(self, databases: Sequence[Database], now_ms: int) -> Loaded:
        """Put the keys into databases, in the place of those of the same name.

        Args:
            databases: where to.
            now_ms: what has a deadline before this is left out.

        Raises:
            SnapshotError: when there are fewer databases than the keys need; nothing is changed then.
        """
        self.check(databases)
        expired = 0
        for entry in self.entries:
            if entry.deadline_ms is not None and entry.deadline_ms < now_ms:
                expired += 1
                continue
            db = databases[entry.database]
            db.remove(entry.key)
            if isinstance(entry.value, VectorSet):
                entry.value.uid = db.stats.next_vector_set()
            db.load(entry.key, entry.value, entry.deadline_ms)
            if entry.idle_s is not None:
                db.set_idle(entry.key, entry.idle_s)
        return Loaded(len(self.entries) - expired, expired)


# Writing --------------------------------------------------------------------------------------------------


class Content(bytes):
    """A value as it stands in a file already: its type and what follows its name."""

    __slots__ = ()


class Table(NamedTuple):
    """The keys of one database that are to be written.

    Args:
        number: which of the databases it is.
        data: key to value, as a database holds it or as `Content`; a vector set is not changed meanwhile.
        expires: key to deadline.
        idle_seconds: says for how long a key was not used; None where that is not to be written.
    """

    number: int
    data: Mapping[bytes, object]
    expires: Mapping[bytes, int]
    idle_seconds: Callable[[bytes], int] | None = None


class Part(NamedTuple):
    """Some of the bytes of a snapshot, and how many keys they hold."""

    data: bytes
    keys: int


def live(db: Database, *, idle_times: bool = False) -> Table:
    """Return the keys of a database, which must not change until they have been written."""
    return Table(db.index, db.data, db.expires, db.idle_seconds if idle_times else None)


def captured(db: Database, *, idle_times: bool = False) -> Table:
    """Return the keys of a database as they are now, whatever happens to it later.

    What can be changed in place is put into its final form here, which takes its time; strings are only copied by
    reference. The final form of a vector set takes far longer than a copy of it.
    """
    data: dict[bytes, object] = dict(db.data)
    if not set(map(type, data.values())) <= _IMMUTABLE:
        for key, value in data.items():
            if type(value) not in _IMMUTABLE:
                # No new key: the dict may be gone over meanwhile.
                data[key] = value.copy() if isinstance(value, VectorSet) else _content(value)
    return Table(db.index, data, dict(db.expires), db.idle_seconds if idle_times else None)


def _content(value: object) -> Content:
    """Return a value as it stands in a file."""
    out = Writer()
    write_value(value, out)
    return Content(out.data())


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
    tables = [live(db, idle_times=idle_times) for db in databases]
    keys = 0
    for part in parts(tables, functions=functions, aux=aux, checksum=checksum):
        stream.write(part.data)
        keys += part.keys
    return keys


def parts(
    tables: Iterable[Table],
    *,
    functions: Iterable[bytes] = (),
    aux: Iterable[tuple[bytes, bytes]] = (),
    checksum: bool = True,
) -> Iterator[Part]:
    """Yield a snapshot in parts, each a piece of work of some milliseconds, unless a single value takes longer.

    Args:
        tables: the keys; they must not change meanwhile.
        functions: the code of each library.
        aux: what the file is to say about itself besides the version.
        checksum: whether it is to have one; 0 stands in its place otherwise.
    """
    crc = 0
    for part in _contents(tables, functions, aux):
        if checksum:
            crc = crc64(part.data, crc)
        yield part
    yield Part(crc.to_bytes(8, "little"), 0)


def _contents(
    tables: Iterable[Table], functions: Iterable[bytes], aux: Iterable[tuple[bytes, bytes]]
) -> Iterator[Part]:
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
    for table in tables:
        if not table.data:
            continue
        out.raw(b"%c" % _DATABASE)
        out.length(table.number)
        out.raw(b"%c" % _SIZES)
        out.length(len(table.data))
        out.length(len(table.expires))
        keys = size = 0
        for key, value in table.data.items():
            if isinstance(value, VectorSet):
                made = Writer()
                for _ in vector_sets.written(value, made):
                    yield Part(b"", 0)
                content = Content(made.data())
            else:
                content = value if type(value) is Content else _content(value)
            size += _write_key(table, key, content, out)
            keys += 1
            if size >= _PART:
                yield Part(out.data(), keys)
                out = Writer()
                keys = size = 0
        yield Part(out.data(), keys)
        out = Writer()
    out.raw(b"%c" % _END)
    yield Part(out.data(), 0)


def _write_key(table: Table, key: bytes, content: Content, out: Writer) -> int:
    """Append one key; return how many bytes it takes, about."""
    deadline = table.expires.get(key)
    if deadline is not None:
        out.raw(b"%c%b" % (_DEADLINE_MS, deadline.to_bytes(8, "little", signed=True)))
    if table.idle_seconds is not None:
        out.raw(b"%c" % _IDLE)
        out.length(table.idle_seconds(key))
    # The type stands before the name, the rest of the content behind it.
    out.raw(content[:1])
    out.string(key)
    out.raw(content[1:])
    return len(key) + len(content)


# Reading --------------------------------------------------------------------------------------------------


def read(data: bytes, limits: Settings) -> Snapshot:
    """Return what a file holds.

    Args:
        data: all of its bytes, untrusted; more may stand behind them.
        limits: up to where values are kept in a small form, and whether checksums are looked at (`rdbchecksum`).

    Raises:
        SnapshotError: when it is no snapshot, or a damaged one, or has what is not known here: data of a module
            other than that of vector sets.
    """
    version = _version(data[:_MAGIC_SIZE])
    reader = Reader(data)
    reader.take(_MAGIC_SIZE)
    try:
        snapshot = _Reading(reader, limits, valkey=version == _VALKEY_VERSION).snapshot()
        if version < _CHECKSUM_SINCE:
            return snapshot
        checksum = reader.uint64()
    except vector_sets.OtherModuleError as error:
        raise SnapshotError(f"The file has {error}, which cannot be loaded here") from None
    except FormatError:
        raise SnapshotError(f"The file is damaged at byte {reader.place} of {len(data)}") from None
    if checksum and limits.rdbchecksum and checksum != crc64(data[: snapshot.end]):
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


_OF_MODULES: Final = frozenset({6, 247})
"""Values of modules as they once were, and what a module says beside its values: their forms are the module's own."""


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
        if kind in _OF_MODULES:
            raise SnapshotError("The file has data of a module other than that of vector sets")
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
