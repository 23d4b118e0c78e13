"""Values to bytes and back, and what is said of those that cannot be."""

from typing import Any

import pytest

from vermilion import CacheOperationError
from vermilion.cache.payloads import Payloads
from vermilion.cache.serializers import JsonSerializer


class Text:
    """A serializer that makes no bytes."""

    def dumps(self, value: Any) -> Any:
        return str(value)

    def loads(self, data: bytes) -> Any:
        return data


def test_what_the_serializer_refuses_is_said_with_its_type() -> None:
    with pytest.raises(CacheOperationError, match="cannot be stored exactly") as caught:
        Payloads(JsonSerializer()).dumps("a", (2,))
    assert (caught.value.code, caught.value.details) == ("NOT_SERIALIZABLE", {"key": "a", "type": "tuple"})
    assert caught.value.__cause__ is not None


def test_a_serializer_that_makes_no_bytes_is_refused() -> None:
    with pytest.raises(CacheOperationError, match="made a str, not bytes"):
        Payloads(Text()).dumps("a", 1)


def test_what_no_serializer_wrote_is_not_read() -> None:
    with pytest.raises(CacheOperationError, match="not what the serializer writes") as caught:
        Payloads(JsonSerializer()).loads("a", b"not json")
    assert (caught.value.code, caught.value.details) == ("NOT_DESERIALIZABLE", {"key": "a"})
