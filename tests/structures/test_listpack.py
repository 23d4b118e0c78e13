"""The bytes that a listpack takes, which say when Redis converts a value or begins another node."""

import pytest

from vermilion.structures.listpack import string_size


@pytest.mark.parametrize(
    ("element", "size"),
    [
        (b"", 2), (b"a", 3), (b"x" * 63, 65), (b"x" * 64, 67), (b"x" * 4095, 4099), (b"x" * 4096, 4103),
        (b"0", 2), (b"127", 2), (b"128", 3), (b"-1", 3), (b"4095", 3), (b"4096", 4), (b"-4096", 3),
        (b"-4097", 4), (b"32767", 4), (b"32768", 5), (b"8388608", 6), (b"2147483648", 10),
        (b"9223372036854775807", 10), (b"9223372036854775808", 21), (b"007", 5), (b"-0", 4), (b"+1", 4),
    ],
)  # fmt: skip
def test_a_string_takes_what_redis_documents(element: bytes, size: int) -> None:
    assert string_size(element) == size
