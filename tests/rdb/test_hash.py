"""Hashes: every form that RDB has had for them, and what could not be one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.rdb import payload
from vermilion.rdb.encoding import FormatError, Reader, Writer
from vermilion.rdb.value import read_value, write_value
from vermilion.settings import Settings
from vermilion.structures.hash import Hash

LIMITS = Settings()
DEADLINE = 4_102_444_800_000
WORD = st.one_of(st.binary(max_size=70), st.integers(-(2**63), 2**63 - 1).map(lambda n: b"%d" % n))


def read(body: str | bytes) -> Hash:
    """The hash that bytes are."""
    found = read_value(Reader(bytes.fromhex(body) if isinstance(body, str) else body), LIMITS)
    assert isinstance(found, Hash)
    return found


def written(value: Hash) -> bytes:
    out = Writer()
    write_value(value, out)
    return out.data()


@pytest.mark.parametrize(
    ("body", "encoding", "deadlines"),
    [
        ("04 02 0161 c001 0162 0374776f", "listpack", {}),
        ("09 0f 02 01 61 01 00 31 01 62 03 01 74776f 5f ff", "listpack", {}),
        ("0d 18 18000000 12000000 0400 000161 03f2 020162 0303 74776f ff", "listpack", {}),
        ("10 14 140000000400816102010181620283 74776f 04ff", "listpack", {}),
        ("16 02 81000003bb2cc3d800 0161 c001 00 0162 0374776f", "listpackex", {b"a": DEADLINE}),
        ("18 00d8c32cbb030000 02 01 0161 c001 00 0162 0374776f", "listpackex", {b"a": DEADLINE}),
        ("18 0000000000000000 02 00 0161 c001 00 0162 0374776f", "listpackex", {}),
        (
            "17 20 20000000 0600 8161020101f400d8c32cbb03000009 8162028374776f040001 ff",
            "listpackex",
            {b"a": DEADLINE},
        ),
        (
            "19 00d8c32cbb030000 20 20000000 0600 8161020101f400d8c32cbb03000009 8162028374776f040001 ff",
            "listpackex",
            {b"a": DEADLINE},
        ),
    ],
)
def test_forms(body: str, encoding: str, deadlines: dict[bytes, int]) -> None:
    found = read(body)
    assert (found.fields, found.encoding) == ({b"a": b"1", b"b": b"two"}, encoding)
    assert (found.deadlines or {}) == deadlines


def test_a_real_server_s_bytes_are_written() -> None:
    value = Hash()
    value.update([b"a", b"1", b"b", b"2", b"c", b"3"])
    assert written(value).hex() == "1016160000000600816102010181620202018163020301ff"
    value.expect_deadlines()
    value.expire_at(b"a", DEADLINE)
    value.expire_at(b"b", DEADLINE + 100_000)
    assert written(value).hex() == (
        "1900d8c32cbb0300002c2c00000009008161020101f400d8c32cbb030000098162020201f4a05ec52cbb0300000981630203010001ff"
    )
    value.fit((), 2, 64)
    assert written(value).hex() == "1800d8c32cbb03000003010161c00180000186a10162c002000163c003"
    value.persist(b"a")
    value.persist(b"b")
    assert written(value).hex() == "04030161c0010162c0020163c003"


@given(st.dictionaries(WORD, WORD, min_size=1, max_size=30), st.data(), st.booleans())
def test_hashes_come_back(pairs: dict[bytes, bytes], data: st.DataObject, large: bool) -> None:
    value = Hash()
    words = [word for pair in pairs.items() for word in pair]
    value.update(words)
    value.fit(words, 0 if large else 512, 64)
    for field in data.draw(st.lists(st.sampled_from(list(pairs)))):
        value.expect_deadlines()
        value.expire_at(field, data.draw(st.integers(1, 2**48 - 1)))
    limits = Settings()
    limits.hash_max_listpack_entries = 0 if large else 512
    found = payload.restore(payload.dump(value), limits)
    assert isinstance(found, Hash)
    assert (found.fields, found.deadlines or {}) == (value.fields, value.deadlines or {})
    assert found.encoding == value.encoding
    assert list(found.in_order()) == list(value.in_order())


def test_fields_that_have_fallen_due_are_kept_until_they_are_reclaimed() -> None:
    found = read("18 e803000000000000 02 05 0161 c001 00 0162 c002")
    assert found.live(2000) == [b"b"]
    assert found.reclaim(2000, 10) == 1


def test_many_fields_make_a_hashtable() -> None:
    value = Hash()
    value.update([b"%d" % number for number in range(1026)])
    assert read(written(value)).encoding == "hashtable"


@pytest.mark.parametrize(
    "body",
    [
        "0400", "04 02 0161 c001 0161 c002", "04 01 0161", "04 81ffffffffffffffff 0161",
        "10 07 070000000000ff", "10 0a 0a0000000100 816102 ff", "10 12 120000000400 8161020101 8161020101 ff",
        "18 00d8c32cbb030000 00", "18 00d8c32cbb030000 02 01 0161 c001 00 0161 c001", "18 00",
        "18 ffffffffffff0000 01 02 0161 c001", "18 feffffffffffffff 01 02 0161 c001",
        "17 10 100000000400 8161020101 0001 816202 ff", "17 0f 0f0000000300 8161020101 817802 ff",
        "17 0f 0f0000000300 8161020101 dffb02 ff", "17 07 070000000000ff",
        "17 17 170000000600 8161020101 0001 8162020101 c3e802 ff",
        "17 19 190000000600 8161020101 c3e802 8162020101 c3e702 ff",
        "09 02 00ff", "09 04 01 0161ff", "09 07 01 fe 01000000ff", "09 08 02 0161 01 00 31 ff", "09 00", "09 01 ff",
        "09 05 01 ff616161", "1a00", "0600", "0700",
    ],
)  # fmt: skip
def test_hashes_that_could_not_be(body: str) -> None:
    with pytest.raises(FormatError):
        read(body)
