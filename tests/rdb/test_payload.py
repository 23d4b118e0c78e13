"""Payloads of DUMP: those of a real server, ours, and mutilated ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.rdb import payload
from vermilion.rdb.crc64 import crc64
from vermilion.rdb.encoding import FormatError, Writer
from vermilion.settings import Settings
from vermilion.structures.list import List
from vermilion.structures.set import Set

LIMITS = Settings()


def write_string(text: bytes) -> bytes:
    out = Writer()
    out.string(text)
    return out.data()


def sealed(body: bytes, version: int = payload.VERSION) -> bytes:
    """A payload with the right footer."""
    body += version.to_bytes(2, "little")
    return body + crc64(body).to_bytes(8, "little")


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        (b"bc", b"\x00\x02bc\x0c\x00i\xc2\xabTG\xc9\x11\x16"),
        (b"-129", b"\x00\xc1\x7f\xff\x0c\x00\xdc\x16\xb6\xe8\xae\xaa\x1a\xc9"),
        (6, b"\x00\xc0\x06\x0c\x00\x01\x83<\xacP\xd0B/"),
        (bytearray(b"123"), b"\x00\xc0{\x0c\x00\x83\x94g!\xfaP\xf9\xf0"),
    ],
)
def test_payloads_of_a_real_server(value: object, recorded: bytes) -> None:
    assert payload.dump(value) == recorded


def test_a_compressed_payload_of_a_real_server() -> None:
    recorded = b"\x00\xc3\n@P\x02aba\xe0B\x01\x01ab\x0c\x00_\xebk\xceK\xf4:\x0c"
    assert payload.restore(recorded, LIMITS) == b"ab" * 40


@given(st.one_of(st.binary(max_size=100), st.integers(-(2**63), 2**63 - 1), st.binary().map(bytearray)))
def test_values_come_back(value: int | bytes | bytearray) -> None:
    text = b"%d" % value if isinstance(value, int) else value
    assert payload.restore(payload.dump(value), LIMITS) == text


@given(st.binary(max_size=30), st.integers(0, 1000), st.integers(1, 255))
def test_every_changed_byte_is_noticed(text: bytes, place: int, change: int) -> None:
    changed = bytearray(payload.dump(text))
    changed[place % len(changed)] ^= change
    with pytest.raises(payload.FooterError):
        payload.restore(bytes(changed), LIMITS)


def test_versions() -> None:
    for version in (0, 1, 9, payload.VERSION):
        assert payload.restore(sealed(b"\0\1x", version), LIMITS) == b"x"
    with pytest.raises(payload.FooterError):
        payload.restore(sealed(b"\0\1x", payload.VERSION + 1), LIMITS)


@given(st.binary(max_size=9))
def test_what_is_too_short(data: bytes) -> None:
    with pytest.raises(payload.FooterError):
        payload.restore(data, LIMITS)


@given(st.binary(max_size=40))
def test_any_bytes_with_a_right_footer_are_safe(body: bytes) -> None:
    try:
        value = payload.restore(sealed(body), LIMITS)
    except FormatError:
        return
    assert payload.restore(payload.dump(value), LIMITS) == value


@given(
    st.one_of(
        st.lists(
            st.integers(-(2**63), 2**63 - 1).map(lambda number: b"%d" % number), min_size=1, unique=True
        ),
        st.lists(
            st.one_of(st.binary(max_size=70), st.integers().map(lambda n: b"%d" % n)), min_size=1, unique=True
        ),
        st.sets(st.integers(0, 10_000), min_size=100, max_size=700).map(lambda ns: [b"%d" % n for n in ns]),
    )
)
def test_sets_come_back(members: list[bytes]) -> None:
    value = Set()
    value.add(members, LIMITS)
    found = payload.restore(payload.dump(value), LIMITS)
    assert isinstance(found, Set)
    assert found.encoding == value.encoding
    # A hash table promises no order.
    order = sorted if value.encoding == "hashtable" else list
    assert order(found.members()) == order(value.members())


@given(st.lists(st.one_of(st.binary(max_size=70), st.integers().map(lambda n: b"%d" % n)), min_size=1))
def test_lists_come_back(elements: list[bytes]) -> None:
    value = List()
    value.push_tail(elements, -2)
    found = payload.restore(payload.dump(value), LIMITS)
    assert isinstance(found, List)
    assert (found.elements(), found.encoding) == (elements, value.encoding)


@pytest.mark.parametrize(
    ("recorded", "encoding"),
    [
        ("120202050161020a0a0000000100816202ff", None),
        ("12020101610d02", None),
        ("120201016101 0162", "quicklist"),
        ("0102 0161 0162", "listpack"),
        ("0100", None),
        ("1200", None),
        ("1201 03 0161", None),
        ("0a 11 110000000d0000000200 000161 030162ff", "quicklist"),
        ("0e01 11 110000000d0000000200 000161 030162 ff", "listpack"),
        ("1201 02 07 070000000000ff", None),
        ("1201 01 4fff", None),
    ],
)
def test_forms_of_a_list(recorded: str, encoding: str | None) -> None:
    body = sealed(bytes.fromhex(recorded.replace(" ", "")))
    if encoding is None:
        with pytest.raises(FormatError):
            payload.restore(body, LIMITS)
    else:
        found = payload.restore(body, LIMITS)
        assert isinstance(found, List)
        assert (found.elements(), found.encoding) == ([b"a", b"b"], encoding)


def test_a_long_list_comes_back() -> None:
    value = List()
    value.push_tail([b"%d" % number for number in range(5000)], -2)
    found = payload.restore(payload.dump(value), LIMITS)
    assert isinstance(found, List)
    assert (found.elements(), found.encoding) == (value.elements(), "quicklist")


@pytest.mark.parametrize(
    ("recorded", "members", "encoding"),
    [
        (b"\x0b\x0e\x02\x00\x00\x00\x03\x00\x00\x00\x01\x00\x02\x00\x03\x00", [b"1", b"2", b"3"], "intset"),
        (b"\x14\x10\x10\x00\x00\x00\x03\x00\x81a\x02\x81b\x02\x81c\x02\xff", [b"a", b"b", b"c"], "listpack"),
        (b"\x02\x02\x01a\xc0\x05", [b"a", b"5"], "listpack"),
        (b"\x02\x02\xc0\x07\xc0\x05", [b"5", b"7"], "intset"),
    ],
)
def test_forms_of_a_set(recorded: bytes, members: list[bytes], encoding: str) -> None:
    found = payload.restore(sealed(recorded), LIMITS)
    assert isinstance(found, Set)
    assert (found.members(), found.encoding) == (members, encoding)


def test_limits_decide_the_form() -> None:
    limits = Settings()
    limits.set_max_intset_entries = limits.set_max_listpack_entries = 2
    for members in ([b"1", b"2", b"3"], [b"a", b"b", b"c"]):
        value = Set()
        value.add(members, LIMITS)
        found = payload.restore(payload.dump(value), limits)
        assert isinstance(found, Set)
        assert found.encoding == "hashtable"


@pytest.mark.parametrize(
    "body",
    [
        "0200", "020201610161", "0281ffffffffffffffff", "0b080200000000000000", "0b0c02000000020000000500050",
        "0b0a03000000010000000100", "0b0502000000", "140707000000000 0ff", "140d0d000000020081610281 6102ff",
        "140a0a0000000200816102ff", "14090a0000000100816102ff", "140a0a0000000100816103ff", "140a0a0000000100bf6102ff",
        "63",
    ],
)  # fmt: skip
def test_values_that_could_not_be(body: str) -> None:
    with pytest.raises(FormatError):
        payload.restore(
            sealed(bytes.fromhex(body.replace(" ", "").ljust(len(body) + len(body) % 2, "0"))), LIMITS
        )


@given(st.sampled_from([0, 1, 2, 11, 18, 20]), st.binary(max_size=40))
def test_any_value_with_a_right_footer_is_safe(kind: int, body: bytes) -> None:
    try:
        payload.restore(sealed(bytes([kind]) + write_string(body)), LIMITS)
        payload.restore(sealed(bytes([kind]) + body), LIMITS)
    except FormatError:
        return


def test_what_no_database_holds() -> None:
    with pytest.raises(TypeError):
        payload.dump(object())
