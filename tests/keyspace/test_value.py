"""What a key can hold: types, encodings, copies."""

import pytest

from tests.keyspace.test_database import Box
from vermilion import errors
from vermilion.errors import RespError
from vermilion.keyspace.value import Text, copied, encoding, integer, string_bytes, type_name


@pytest.mark.parametrize(
    ("value", "shown", "number"),
    [
        (5, "int", 5),
        (b"5", "int", 5),
        (Text(b"5"), "embstr", None),
        (bytearray(b"5"), "raw", None),
        (Text(b"x" * 45), "raw", None),
        (Box(b""), "cardboard", None),
    ],
)
def test_encodings(value: object, shown: str, number: int | None) -> None:
    assert (encoding(value), integer(value)) == (shown, number)


def test_type_names() -> None:
    assert {type_name(value) for value in (1, b"", Text(), bytearray())} == {"string"}
    assert type_name(Box(b"")) == "box"


def test_copies_share_nothing_that_changes() -> None:
    buffer, box = bytearray(b"x"), Box(b"x")
    assert copied(buffer) == buffer
    assert copied(buffer) is not buffer
    copy = copied(box)
    assert isinstance(copy, Box)
    assert copy is not box
    assert copied(text := Text(b"1")) is text


def test_every_form_of_a_string_has_its_bytes() -> None:
    assert [string_bytes(value) for value in (b"12", Text(b"12"), bytearray(b"12"), 12)] == [b"12"] * 4
    with pytest.raises(RespError, match=errors.WRONG_TYPE):
        string_bytes(Box(b""))
