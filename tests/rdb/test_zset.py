"""Sorted sets: every form that RDB has had for them, and what could not be one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.rdb import payload
from vermilion.rdb.encoding import FormatError, Reader, Writer
from vermilion.rdb.value import read_value, write_value
from vermilion.settings import Settings
from vermilion.structures.zset import ZSet

LIMITS = Settings()


def read(body: str) -> ZSet:
    """The sorted set that bytes are."""
    found = read_value(Reader(bytes.fromhex(body)), LIMITS)
    assert isinstance(found, ZSet)
    return found


def written(value: ZSet) -> str:
    out = Writer(1000)
    write_value(value, out)
    return out.data().hex()


@pytest.mark.parametrize(
    "body",
    [
        "03 03 0162 03322e35 0161 0131 0163 ff",
        "05 03 0162 0000000000000440 0161 000000000000f03f 0163 000000000000f0ff",
        "0c 1e 1e000000 1b000000 0600 000163 03042d696e66 060161 03f2 020162 03f3 ff",
        "11 1d 1d0000000600 816302842d696e6605 8161020101 81620283322e3504 ff",
    ],
)
def test_forms(body: str) -> None:
    found = read(body)
    assert found.encoding == "listpack"
    assert found.entries(0, 2) == [(-math.inf, b"c"), (1.0, b"a")]
    assert found.scores[b"b"] in {2.0, 2.5}


def test_a_real_server_s_bytes_are_written() -> None:
    value = ZSet.of({b"a": 1.0, b"b": 2.5, b"c": -math.inf, b"d": 1e20, b"e": 5.0})
    small = "112c2c0000000a00816302842d696e6605816102010181620283322e350481650205018164028531652b323006ff"
    assert written(value) == small
    value = ZSet.of({b"x" * 65: 1.0, b"b": 2.0, b"c": 1.5, b"d": -math.inf, b"e": math.inf})
    value.packed = False
    assert written(value) == (
        "05050165000000000000f07f016200000000000000400163000000000000f83fc3094041017878e03400017878000000000000f03f"
        "0164000000000000f0ff"
    )


@given(
    st.dictionaries(st.binary(max_size=70), st.floats(allow_nan=False), min_size=1, max_size=200),
    st.booleans(),
)
def test_sorted_sets_come_back(scores: dict[bytes, float], packed: bool) -> None:
    limits = Settings()
    limits.zset_max_listpack_entries = 1000 if packed else 0
    limits.zset_max_listpack_value = 70
    value = ZSet.of({member: score + 0.0 for member, score in scores.items()})
    value.packed = packed
    found = payload.restore(payload.dump(value), limits)
    assert isinstance(found, ZSet)
    assert (list(found), found.encoding) == (list(value), value.encoding)


def test_minus_zero_is_lost_in_a_listpack_only() -> None:
    assert math.copysign(1, read("05 01 0161 0000000000000080").scores[b"a"]) == 1
    large = read("05 02 4041" + "61" * 65 + "0000000000000080 0161 0000000000000080")
    assert (large.encoding, math.copysign(1, large.scores[b"a"])) == ("skiplist", -1)


@pytest.mark.parametrize(
    "body",
    [
        "0500", "05 01 0161 000000000000f87f", "05 02 0161 000000000000f03f 0161 000000000000f03f",
        "05 01 0161 0000", "03 01 0161 fd", "03 01 0161 0178", "03 01 0161 00", "0300",
        "11 07 070000000000ff", "11 0a 0a0000000100 816102 ff", "11 0d 0d0000000200 816102 817802 ff",
        "11 0f 0f0000000200 816102 836e616e04 ff", "0c 0b 0b0000000a0000000000ff",
    ],
)  # fmt: skip
def test_sorted_sets_that_could_not_be(body: str) -> None:
    with pytest.raises(FormatError):
        read(body)
