"""Streams: what a real server writes is read and written again, and what could not be one is refused."""

import pytest

from vermilion.rdb import listpack, payload
from vermilion.rdb.encoding import FormatError, Reader, Writer, write_length
from vermilion.rdb.value import read_value, write_value
from vermilion.settings import Settings
from vermilion.structures.stream import Stream, Trim
from vermilion.structures.stream_id import join

LIMITS = Settings()
KEY = bytes.fromhex("0000000000000001") * 2
RECORDED = bytes.fromhex(
    "1501100000000000000001000000000000000140434300000019000201010102018166028167020001020100010001817602817702050103"
    "0100010101827632038177020501000104 01dfff0201018178028179020601ff0205000101010203020167000001020000000000000001"
    "00000000000000010068e5cf8b010000030000000000000005000000000000000000"
    "68e5cf8b010000030101630f00000000000000ffffffffffffffff020000000000000001000000000000000100000000000000050000000000"
    "000000016805 0081ffffffffffffffff0000".replace(" ", "")
)
"""XADD s 1-1 f v g w, 1-2 f v2 g w, 5-0 x y; XDEL s 1-2; two groups, one with a consumer that has two entries."""


def read(body: bytes) -> Stream:
    found = read_value(Reader(body), LIMITS)
    assert isinstance(found, Stream)
    return found


def test_a_recorded_stream() -> None:
    found = read(RECORDED)
    assert found.range() == [(join(1, 1), (b"f", b"v", b"g", b"w")), (join(5, 0), (b"x", b"y"))]
    assert (found.last_id, found.max_deleted_id, found.entries_added) == (join(5, 0), join(1, 2), 3)
    group, other = found.groups[b"g"], found.groups[b"h"]
    assert (group.last_id, group.entries_read, list(group.ids)) == (0, 1, [join(1, 1), join(5, 0)])
    assert (other.last_id, other.entries_read, other.consumers) == (join(5, 0), None, {})
    held = group.pending[join(1, 1)]
    assert (held.owner, held.delivered_ms, held.count) == (b"c", 1_700_000_000_000, 3)
    consumer = group.consumers[b"c"]
    assert (list(consumer.ids), consumer.seen_ms, consumer.active_ms) == (list(group.ids), 15, -1)


def test_what_was_read_is_written_again() -> None:
    for value in (read(RECORDED), read(RECORDED).copy()):
        out = Writer()
        write_value(value, out)
        assert out.data() == RECORDED


def test_a_restored_node_goes_on_as_the_one_that_was_dumped() -> None:
    value = Stream()
    for number in range(1, 100):
        value.append(join(1, number), (b"f", b"v" * (number % 7)), 4096, 10)
    for number in range(1, 100, 3):
        value.delete(join(1, number))
    value.trim(Trim(50))
    found = payload.restore(payload.dump(value), LIMITS)
    assert isinstance(found, Stream)
    for number in range(100, 150):
        for stream in (value, found):
            stream.append(join(1, number), (b"f", b"new"), 4096, 10)
    assert found.range() == value.range()
    assert payload.dump(found) == payload.dump(value)


def node(*words: bytes | int) -> bytes:
    """The listpack of a node in a string, behind its key."""
    out = Writer()
    out.string(KEY)
    out.string(listpack.pack([b"%d" % word if isinstance(word, int) else word for word in words]))
    return out.data()


ENTRY = (2, 0, 0, b"v", 4)
ONE = b"\x0f\x01" + node(1, 0, 1, b"f", 0, *ENTRY)
TAIL = b"\x01\x01\x01"
DELIVERY = KEY + bytes(8) + b"\x01"


def consumer(name: bytes, *entries: bytes) -> bytes:
    return bytes([len(name)]) + name + bytes(8) + bytes([len(entries)]) + b"".join(entries)


def test_the_form_of_redis_5() -> None:
    found = read(ONE + TAIL + b"\x01\x01g\x01\x01\x01" + DELIVERY + b"\x01" + consumer(b"c", KEY))
    assert found.range() == [(join(1, 1), (b"f", b"v"))]
    assert (found.entries_added, found.groups[b"g"].entries_read) == (1, 1)
    assert found.groups[b"g"].consumers[b"c"].active_ms == 0


@pytest.mark.parametrize(
    "body",
    [
        b"\x0f\x01" + node(),
        b"\x0f\x01" + node(1, 0, 1, b"f", 0),
        b"\x0f\x01" + node(1, 0, 1, b"f", 7, *ENTRY) + TAIL + b"\0",
        b"\x0f\x01" + node(1, 0, 9, b"f", 0, *ENTRY) + TAIL + b"\0",
        b"\x0f\x01" + node(-1, 2, 1, b"f", 0, *ENTRY) + TAIL + b"\0",
        b"\x0f\x01" + node(0, 1, 1, b"f", 0, *ENTRY) + TAIL + b"\0",
        b"\x0f\x01" + node(2, 0, 1, b"f", 0, *ENTRY, *ENTRY) + b"\x02\x01\x01\0",
        b"\x0f\x01" + node(1, 0, 1, b"f", 0, *ENTRY, 1) + TAIL + b"\0",
        b"\x0f\x01" + node(1, 0, 1, b"f", 0, 2, 0, 0, b"v", 5) + TAIL + b"\0",
        b"\x0f\x01" + node(1, 0, 1, b"f", 0, 6, 0, 0, b"v", 4) + TAIL + b"\0",
        b"\x0f\x01" + node(1, 0, 1, b"f", 0, 0, 0, 0, -1, 4) + TAIL + b"\0",
        b"\x0f\x01" + node(1, 0, 1, b"f", 0, 2, -5, 0, b"v", 4) + TAIL + b"\0",
        b"\x0f\x01" + node(1, 0, 1, b"f", 0, 2, b"x", 0, b"v", 4) + TAIL + b"\0",
        b"\x0f\x01" + node(1, 0, 1, b"f", 0, 2, 0, -1, b"v", 4) + TAIL + b"\0",
        b"\x0f\x01\x03abc" + node(1, 0, 1, b"f", 0, *ENTRY)[17:] + TAIL + b"\0",
        b"\x0f\x02" + node(1, 0, 1, b"f", 0, *ENTRY) * 2 + b"\x02\x01\x01\0",
        ONE + b"\x02\x01\x01\0",
        ONE + b"\x01\x01\x00\0",
        b"\x0f\x00" + b"\x01\x01\x01\0",
        ONE + TAIL + b"\x02" + b"\x01g\x01\x01\0\0" * 2,
        ONE + TAIL + b"\x01\x01g\x01\x01\x01" + DELIVERY + b"\0",
        ONE + TAIL + b"\x01\x01g\x01\x01\x02" + DELIVERY * 2 + b"\x01" + consumer(b"c", KEY, KEY),
        ONE
        + TAIL
        + b"\x01\x01g\x01\x01\x01"
        + DELIVERY
        + b"\x02"
        + consumer(b"c", KEY)
        + consumer(b"d", KEY),
        ONE + TAIL + b"\x01\x01g\x01\x01\x01" + DELIVERY + b"\x02" + consumer(b"c", KEY) + consumer(b"c"),
        ONE + TAIL + b"\x01\x01g\x01\x01\0\x01" + consumer(b"c", KEY),
        b"\x13" + ONE[1:] + TAIL + b"\x01\x01\x00\x00" + write_length(2**63) + b"\0",
        b"\x13" + ONE[1:] + TAIL + b"\x01\x01\x00\x00\x01\x01\x01g\x01\x01" + write_length(2**63) + b"\0\0",
    ],
)
def test_streams_that_could_not_be(body: bytes) -> None:
    with pytest.raises(FormatError):
        read(body)


def test_a_node_of_deleted_entries_is_dropped() -> None:
    found = read(b"\x0f\x01" + node(0, 1, 1, b"f", 0, 3, 0, 0, b"v", 4) + b"\x00\x05\x01\x00")
    assert (len(found), found.last_id, found.range()) == (0, join(5, 1), [])
