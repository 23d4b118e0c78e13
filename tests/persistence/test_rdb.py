"""Snapshots: those of real servers, ours, and damaged ones."""

import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from tests.real_server import RealServer, server_command
from vermilion.clock import ManualClock
from vermilion.keyspace.database import Database
from vermilion.keyspace.stats import KeyspaceStats
from vermilion.persistence import rdb
from vermilion.persistence.rdb import Loaded, Snapshot, SnapshotError
from vermilion.rdb.crc64 import crc64
from vermilion.settings import Settings
from vermilion.structures.hash import Hash
from vermilion.structures.list import List
from vermilion.structures.set import Set
from vermilion.structures.stream import Stream
from vermilion.structures.vector_set import VectorSet
from vermilion.structures.vectors import F32, INT8
from vermilion.structures.zset import ZSet

LIMITS = Settings()
NOW_MS = 1_700_000_000_000
FAR_MS = 4_102_444_800_000

RECORDED = bytes.fromhex(
    "524544495330303132"
    "fa09 72656469732d766572 05 382e302e36 fa0a 72656469732d62697473 c040 fa05 6374696d65 c275c5026b"
    "fa08 757365642d6d656d c280220d00 fa08 616f662d62617365 c000"
    "f5 4044 23216c7561206e616d653d6c69620a72656469732e72656769737465725f66756e6374696f6e282766272c2066756e6374696f6e"
    "28292072657475726e203120656e6429"
    "fe00 fb0301 fc00d8c32cbb030000 f905 00 0162 c002"
    "f906 19 0168 00d8c32cbb030000 1f 1f0000000600816602817602f400d8c32cbb030000098178028179020001ff"
    "f905 00 0161 c001"
    "fe02 fb0201 fcaf51d302a2010000 f905 00 036f6c64 0176"
    "f905 15 0173 01 10 00000000000000010000000000000001 1d 1d0000000a00010100010101816602000102010001000181760204"
    "01ff 01 01 01 01 01 00 00 01 00"
    "ff 9a6cbf97e7704837"
)
"""What Redis 8.0.6 saved: keys with deadlines and frequencies, in databases 0 and 2, and a library."""


VECTORS = bytes.fromhex(
    "524544495330303132fa0972656469732d76657205382e302e36fa0a72656469732d62697473c040fa056374696d65c253f5026bfa08"
    "757365642d6d656dc2087a0d00fa08616f662d62617365c000fe00fb0201fc00d8c32cbb03000007086578706972696e6781bde72da2"
    "bb1eb400020202010250000201020305c30f18043acd133f3ae0050300bf200f003f0501610508e8dc723f9be8a13e020c0201028001"
    "00000202000220020002000210020002000210020002804069b1e9000705706c61696e81bde72da2bb1eb40002020202025001020205"
    "0162050005023f7f0207020202800100000002010220020102813c9b2ba00000000002813f64f92e400f1bbd05016105017805025f7f"
    "0207020102800100000002010220020202813c9b2ba00000000002813f4ccccd40a0000000ff93a98bc7727cbacf"
)
"""What Redis 8.0.6 saved: two vector sets, one of them with a deadline."""

JSON = b"\x81" + bytes.fromhex("45e25238df912c03")


def databases(count: int = 16) -> list[Database]:
    """Empty databases at a fixed time."""
    clock, stats = ManualClock(NOW_MS), KeyspaceStats()
    return [Database(index, clock, stats, Random(1)) for index in range(count)]


def filled() -> list[Database]:
    """Databases with a value of each type."""
    dbs = databases()
    db = dbs[0]
    db.place(b"text", b"some text " * 10, None)
    db.place(b"number", 12, FAR_MS)
    db.place(b"buffer", bytearray(b"buffer"), None)
    words = List()
    words.push_tail([b"a", b"b"], -2)
    db.place(b"list", words, None)
    members = Set()
    members.add([b"1", b"b"], LIMITS)
    db.place(b"set", members, None)
    pairs = Hash()
    pairs.update([b"f", b"v", b"g", b"w"])
    db.place(b"hash", pairs.copy(), None)
    pairs.expect_deadlines()
    pairs.expire_at(b"f", FAR_MS)
    db.place(b"expiring", pairs, None)
    dbs[9].place(b"zset", ZSet.of({b"a": 1.5}), FAR_MS + 1)
    stream = Stream()
    stream.append(1 << 64 | 1, (b"f", b"v"))
    dbs[9].place(b"stream", stream, None)
    return dbs


def written(dbs: list[Database], **options: bool) -> bytes:
    out = io.BytesIO()
    rdb.write(out, dbs, **options)  # type: ignore[arg-type]  # the options that are flags
    return out.getvalue()


def resealed(data: bytes) -> bytes:
    """A file with the right checksum."""
    return data[:-8] + crc64(data[:-8]).to_bytes(8, "little")


def test_a_recorded_file() -> None:
    found = rdb.read(RECORDED, LIMITS)
    assert (found.end, found.aux[b"redis-ver"], found.aux[b"redis-bits"]) == (len(RECORDED), b"8.0.6", b"64")
    assert [code[:14] for code in found.functions] == [b"#!lua name=lib"]
    dbs = databases()
    assert found.load(dbs, 1_795_343_800_000) == Loaded(4, 1)
    assert list(dbs[0].data) == [b"b", b"h", b"a"]
    assert (dbs[0].peek(b"b"), dbs[0].deadline(b"b")) == (b"2", FAR_MS)
    held = dbs[0].peek(b"h")
    assert isinstance(held, Hash)
    assert held.deadline(b"f") == FAR_MS
    assert dbs[0].field_expires
    assert list(dbs[2].data) == [b"s"]


def test_a_recorded_file_of_vector_sets() -> None:
    dbs = databases(1)
    assert rdb.read(VECTORS, LIMITS).load(dbs, NOW_MS) == Loaded(2, 0)
    plain, reduced = dbs[0].peek(b"plain"), dbs[0].peek(b"expiring")
    assert isinstance(plain, VectorSet)
    assert isinstance(reduced, VectorSet)
    assert (plain.packed(b"a"), plain.attributes) == (INT8.pack([3, 4]), {b"a": b"x"})
    assert reduced.packed(b"a") == F32.pack(reduced.project([1, 2, 3]))
    assert dbs[0].expires == {b"expiring": FAR_MS}
    assert {plain.uid, reduced.uid} == {0, 1}
    assert dbs[0].stats.next_vector_set() == 2
    found = databases(1)
    rdb.read(written(dbs), LIMITS).load(found, NOW_MS)
    again = found[0].peek(b"plain")
    assert isinstance(again, VectorSet)
    assert list(again.nodes()) == list(plain.nodes())


def test_a_vector_set_is_captured_as_it_is() -> None:
    dbs = databases(1)
    rdb.read(VECTORS, LIMITS).load(dbs, NOW_MS)
    before = written(dbs)
    table = rdb.captured(dbs[0])
    held = dbs[0].peek(b"plain")
    assert isinstance(held, VectorSet)
    held.add(b"c", [1, 1], Random(1))
    held.remove(b"a")
    assert b"".join(part.data for part in rdb.parts([table])) == before


def test_what_is_written_is_read() -> None:
    dbs, found = filled(), databases()
    out = io.BytesIO()
    assert rdb.write(out, dbs, functions=[b"code"], aux=[(b"ctime", b"5")]) == 9
    snapshot = rdb.read(out.getvalue() + b"behind", LIMITS)
    assert (snapshot.functions, snapshot.aux[b"ctime"], snapshot.end) == (
        [b"code"],
        b"5",
        len(out.getvalue()),
    )
    assert snapshot.load(found, NOW_MS) == Loaded(9, 0)
    assert written(found) == written(dbs)
    assert found[0].expires == {b"number": FAR_MS}


def test_nothing_makes_a_file_too() -> None:
    snapshot = rdb.read(written(databases()), LIMITS)
    assert (snapshot.entries, snapshot.functions) == ([], [])


def test_more_keys_than_are_written_at_once() -> None:
    dbs, found = databases(1), databases(1)
    for number in range(1000):
        dbs[0].place(b"key:%d" % number, b"v%d" % number, None)
    rdb.read(written(dbs), LIMITS).load(found, NOW_MS)
    assert found[0].data == dbs[0].data


def test_idle_times() -> None:
    dbs, found = databases(1), databases(1)
    dbs[0].place(b"k", b"v", None)
    dbs[0].set_idle(b"k", 70)
    rdb.read(written(dbs, idle_times=True), LIMITS).load(found, NOW_MS)
    assert found[0].idle_seconds(b"k") == 70


def test_a_file_without_a_checksum_is_not_checked() -> None:
    data = written(filled(), checksum=False)
    assert data.endswith(bytes(8))
    assert len(rdb.read(data, LIMITS).entries) == 9


@pytest.mark.parametrize(
    "data",
    [
        b"REDIS0001\xfe\x00\x00\x01k\x01v\xff",
        b"REDIS0003\xfe\x00\xfd\x00\x00\x00\x7f\x00\x01k\x01v\xff",
        b"REDIS0012\xfa\x01a\x01b\xf4\x05\x01\x01\x00\x01k\x01v\xff" + bytes(8),
        b"VALKEY080\x16\x01k\x02\x01a\x01b"
        + FAR_MS.to_bytes(8, "little")
        + b"\x01c\x01d"
        + b"\xff" * 9
        + bytes(8),
    ],
)
def test_other_versions(data: bytes) -> None:
    (entry,) = rdb.read(data, LIMITS).entries
    assert (entry.database, entry.key) == (0, b"k")
    assert entry.deadline_ms == (0x7F000000 * 1000 if b"REDIS0003" in data else None)
    if isinstance(entry.value, Hash):
        assert (entry.value.fields, entry.value.deadlines) == ({b"a": b"b", b"c": b"d"}, {b"a": FAR_MS})
    else:
        assert entry.value == b"v"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no snapshot"), (b"REDIS", "no snapshot"), (b"REDIS00x2" + bytes(9), "no snapshot"),
        (b"REDIS0013" + bytes(9), "version that cannot be read: 13"), (b"REDIS0000", "cannot be read: 0"),
        (b"VALKEY081", "cannot be read: 81"), (b"REDIS0012", "damaged at byte 9 of 9"),
        (b"REDIS0012\xff", "damaged"), (b"REDIS0012\xff" + b"x" * 8, "checksum"),
        (b"REDIS0012\x00\x01k\x01v\x00\x01k\x01v\xff" + bytes(8), "damaged"),
        (b"REDIS0012\xf6\x01x\xff" + bytes(8), "damaged"), (b"REDIS0012\xf7\x01x\xff" + bytes(8), "of a module"),
        (b"REDIS0012\x06\x01k\x01v\xff" + bytes(8), "of a module other than that of vector sets"),
        (b"REDIS0012\x07\x01k" + JSON + b"\x02\x01\x00\xff" + bytes(8), "a value of the module ReJSON-RL, version 3"),
    ],
)  # fmt: skip
def test_what_cannot_be_read(data: bytes, reason: str) -> None:
    with pytest.raises(SnapshotError, match=reason):
        rdb.read(data, LIMITS)


def test_a_database_that_does_not_exist() -> None:
    few = databases(9)
    with pytest.raises(SnapshotError, match="database 9, and there are 9"):
        rdb.read(written(filled()), LIMITS).load(few, NOW_MS)
    assert not any(map(len, few))


def test_a_file_that_ends_early() -> None:
    data = written(filled())
    for size in range(len(data)):
        with pytest.raises(SnapshotError):
            rdb.read(data[:size], LIMITS)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_every_changed_byte_is_noticed(place: int, change: int) -> None:
    changed = bytearray(written(filled()))
    changed[place % len(changed)] ^= change
    if changed[-8:] != bytes(8):
        with pytest.raises(SnapshotError):
            rdb.read(bytes(changed), LIMITS)


@given(st.lists(st.tuples(st.integers(9, 10_000), st.integers(0, 255)), min_size=1, max_size=3))
def test_changed_bytes_under_a_right_checksum_are_safe(changes: list[tuple[int, int]]) -> None:
    changed = bytearray(RECORDED)
    for place, byte in changes:
        changed[9 + place % (len(changed) - 17)] = byte
    try:
        found = rdb.read(resealed(bytes(changed)), LIMITS)
    except SnapshotError:
        return
    assert isinstance(found, Snapshot)


# A real server --------------------------------------------------------------------------------------------


@pytest.fixture
def saver() -> Iterator[RealServer]:
    """A real server of its own, not started: it loads the file that is put into its folder."""
    server = RealServer()
    yield server
    server.remove()


def test_what_a_real_server_saved_is_loaded(saver: RealServer) -> None:
    saver.start()
    with Redis(unix_socket_path=saver.socket) as client:
        client.set("text", "abc" * 40, pxat=FAR_MS)
        client.rpush("list", *range(3000))
        client.sadd("set", "a", "1")
        client.zadd("zset", {"a": 1.5, "b": -2})
        client.hset("hash", mapping={"a": "1", "b": "2"})
        client.execute_command("HPEXPIREAT", "hash", FAR_MS, "FIELDS", 1, "a")
        client.xadd("stream", {"f": "v"}, id="1-1")
        client.xgroup_create("stream", "g", "0")
        client.save()
    found = databases()
    data = (saver.folder / "dump.rdb").read_bytes()
    assert rdb.read(data, LIMITS).load(found, NOW_MS) == Loaded(6, 0)
    db = found[0]
    assert (db.peek(b"text"), db.deadline(b"text")) == (b"abc" * 40, FAR_MS)
    words, pairs, stream = db.peek(b"list"), db.peek(b"hash"), db.peek(b"stream")
    assert isinstance(words, List)
    assert words.elements() == [b"%d" % number for number in range(3000)]
    assert isinstance(pairs, Hash)
    assert (pairs.fields, pairs.deadlines) == ({b"a": b"1", b"b": b"2"}, {b"a": FAR_MS})
    assert isinstance(stream, Stream)
    assert (len(stream), list(stream.groups)) == (1, [b"g"])


def test_a_real_server_loads_what_we_wrote(saver: RealServer) -> None:
    dbs = filled()
    dbs[0].remove(b"expiring")  # Valkey has a form of its own
    data = written(dbs)
    # Version 11 is what Valkey reads of Redis, too; nothing in the file is newer.
    (saver.folder / "dump.rdb").write_bytes(resealed(data.replace(b"REDIS0012", b"REDIS0011", 1)))
    saver.start()
    with Redis(unix_socket_path=saver.socket) as client:
        assert client.dbsize() == 6
        assert (client.get("text"), client.get("buffer")) == (b"some text " * 10, b"buffer")
        assert client.execute_command("PEXPIRETIME", "number") == FAR_MS
        assert client.lrange("list", 0, -1) == [b"a", b"b"]
        assert client.hgetall("hash") == {b"f": b"v", b"g": b"w"}
        client.select(9)
        assert client.zrange("zset", 0, -1, withscores=True) == [(b"a", 1.5)]
        assert client.xrange("stream") == [(b"1-1", {b"f": b"v"})]


def test_the_real_server_s_checker_finds_nothing(tmp_path: Path) -> None:
    file = tmp_path / "dump.rdb"
    dbs = filled()
    dbs[0].remove(b"expiring")
    file.write_bytes(resealed(written(dbs).replace(b"REDIS0012", b"REDIS0011", 1)))
    # Server and checker are one binary, whose name says which it is.
    checker = Path(shutil.which("redis-check-rdb") or tmp_path / "redis-check-rdb")
    if not checker.exists():
        checker.symlink_to(server_command())
    done = subprocess.run([checker, file], capture_output=True, check=False, timeout=20)
    assert done.returncode == 0, done.stdout
