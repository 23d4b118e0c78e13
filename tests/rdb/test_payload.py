"""Payloads of DUMP: those of a real server, ours, and mutilated ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.rdb import payload
from vermilion.rdb.crc64 import crc64
from vermilion.rdb.encoding import FormatError


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
    assert payload.restore(recorded) == b"ab" * 40


@given(st.one_of(st.binary(max_size=100), st.integers(-(2**63), 2**63 - 1), st.binary().map(bytearray)))
def test_values_come_back(value: int | bytes | bytearray) -> None:
    text = b"%d" % value if isinstance(value, int) else value
    assert payload.restore(payload.dump(value)) == text


@given(st.binary(max_size=30), st.integers(0, 1000), st.integers(1, 255))
def test_every_changed_byte_is_noticed(text: bytes, place: int, change: int) -> None:
    changed = bytearray(payload.dump(text))
    changed[place % len(changed)] ^= change
    with pytest.raises(payload.FooterError):
        payload.restore(bytes(changed))


def test_versions() -> None:
    for version in (0, 1, 9, payload.VERSION):
        assert payload.restore(sealed(b"\0\1x", version)) == b"x"
    with pytest.raises(payload.FooterError):
        payload.restore(sealed(b"\0\1x", payload.VERSION + 1))


@given(st.binary(max_size=9))
def test_what_is_too_short(data: bytes) -> None:
    with pytest.raises(payload.FooterError):
        payload.restore(data)


@given(st.binary(max_size=40))
def test_any_bytes_with_a_right_footer_are_safe(body: bytes) -> None:
    try:
        value = payload.restore(sealed(body))
    except FormatError:
        return
    assert payload.restore(payload.dump(value)) == value


def test_what_no_database_holds() -> None:
    with pytest.raises(TypeError):
        payload.dump(object())
