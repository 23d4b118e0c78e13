"""Damaged payloads: whatever bytes have a right footer, a value or one of two errors comes of them, at once."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vermilion.rdb import payload
from vermilion.rdb.crc64 import crc64
from vermilion.rdb.encoding import FormatError, Writer
from vermilion.rdb.value import write_value
from vermilion.settings import Settings
from vermilion.structures.consumer_group import ConsumerGroup
from vermilion.structures.hash import Hash
from vermilion.structures.list import List
from vermilion.structures.set import Set
from vermilion.structures.stream import Stream
from vermilion.structures.vector_set import VectorSet
from vermilion.structures.vectors import BIN, F32, INT8, Quantization
from vermilion.structures.zset import ZSet

LIMITS = Settings()


def _hash(*, large: bool, deadlines: bool) -> Hash:
    made = Hash()
    made.update([b"a", b"1", b"b", b"two", b"c", b"-70000"])
    if large:
        made.fit((), 0, 0)
    if deadlines:
        made.expect_deadlines()
        made.expire_at(b"a", 4_102_444_800_000)
        made.expire_at(b"b", 4_102_444_800_900)
    return made


def _zset(*, packed: bool) -> ZSet:
    made = ZSet.of({b"a": 1.0, b"b": 2.5, b"c": -1e300})
    made.packed = packed
    return made


def _stream() -> Stream:
    made = Stream()
    for number in range(1, 6):
        made.append(number << 64 | number, (b"f", b"v", b"g", b"%d" % number))
    made.append(9 << 64, (b"other", b""))
    made.delete(3 << 64 | 3)
    made.groups[b"g"] = group = ConsumerGroup(2 << 64 | 2, 2)
    group.join(b"c", 77)
    group.join(b"d", 78)
    group.deliver(1 << 64 | 1, group.consumers[b"c"], 79)
    group.deliver(2 << 64 | 2, group.consumers[b"d"], 79)
    return made


def _set(*members: bytes) -> Set:
    made = Set()
    made.add(members, LIMITS)
    return made


def _list() -> List:
    made = List()
    made.push_tail([b"a", b"x" * 5000, b"y" * 5000, b"12"], -2)
    return made


def _vector_set(quantization: Quantization, *, projected: bool) -> VectorSet:
    made = VectorSet(3, quantization, 4, input_dimensions=5 * projected)
    for number in range(5):
        made.add(b"e%d" % number, [1.0, number - 2.0, 3.0], Random(number))
    made.describe(b"e1", b"attribute")
    return made


def _body(value: object) -> bytes:
    """A value as RDB has it, uncompressed: a changed byte then changes what it says, not only how it is packed."""
    out = Writer()
    write_value(value, out)
    return out.data()


BODIES = [
    *(_body(_hash(large=large, deadlines=deadlines)) for large in (False, True) for deadlines in (False, True)),
    _body(_zset(packed=True)), _body(_zset(packed=False)), _body(_stream()), _body(_list()), _body(_set(b"1", b"9")),
    _body(_set(b"1", b"b")), _body(_set(b"x" * 70, b"b")), _body(b"text"),
    _body(_vector_set(F32, projected=True)), _body(_vector_set(INT8, projected=False)),
    _body(_vector_set(BIN, projected=False)),
]  # fmt: skip


def sealed(body: bytes) -> bytes:
    """A payload with the right footer."""
    body += payload.VERSION.to_bytes(2, "little")
    return body + crc64(body).to_bytes(8, "little")


def check(body: bytes) -> None:
    """Restore bytes: an error, or a value that is dumped and restored again."""
    try:
        value = payload.restore(sealed(body), LIMITS)
    except FormatError:
        return
    # What was small and has outgrown that may be small again when it is read once more; from then on it stays.
    written = payload.dump(payload.restore(payload.dump(value), LIMITS))
    assert payload.dump(payload.restore(written, LIMITS)) == written


@settings(max_examples=400)
@given(
    st.sampled_from(BODIES),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_changed_bytes(body: bytes, changes: list[tuple[int, int]]) -> None:
    changed = bytearray(body)
    for place, byte in changes:
        changed[place % len(changed)] = byte
    check(bytes(changed))


@given(st.sampled_from(BODIES), st.integers(0, 400), st.integers(0, 400), st.binary(max_size=9))
def test_parts_that_are_cut_out_or_put_in(body: bytes, start: int, size: int, new: bytes) -> None:
    start %= len(body)
    check(body[:start] + new + body[start + size :])


@pytest.mark.parametrize("kind", range(30))
def test_sizes_that_lie(kind: int) -> None:
    huge = b"\x81" + (1 << 60).to_bytes(8, "big")
    for head in (b"", b"\x01", b"\x01\x01a", bytes(8), bytes(9)):
        for body in (huge, huge + b"\x01a", b"\xc3\x05" + huge + b"\x00a\x20\x00\x00", b"\xf4" * 40):
            check(bytes([kind]) + head + body)
