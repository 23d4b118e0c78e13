"""Values to the bytes that are stored, and back: what a serializer raises becomes the service's own errors."""

from typing import Any, Final

from vermilion.cache.errors import CacheOperationError, ErrorCode
from vermilion.cache.serializers import Serializer
from vermilion.cache.types import CacheKey, CacheValue


class Payloads:
    """A serializer, as the service calls it.

    Args:
        serializer: how values become bytes.

    Example:
        >>> from vermilion.cache.serializers import JsonSerializer
        >>> payloads = Payloads(JsonSerializer())
        >>> payloads.loads("answer", payloads.dumps("answer", 42))
        42
    """

    __slots__ = ("_dump", "_load")

    def __init__(self, serializer: Serializer) -> None:
        self._dump: Final = serializer.dumps
        self._load: Final = serializer.loads

    def dumps(self, key: CacheKey, value: CacheValue) -> bytes:
        """Return the bytes of the value that is to be stored under a key.

        Raises:
            CacheOperationError: NOT_SERIALIZABLE.
        """
        try:
            data = self._dump(value)
            if type(data) is not bytes:
                raise TypeError(f"the serializer made a {type(data).__name__}, not bytes")  # noqa: TRY301
        except Exception as error:
            raise CacheOperationError(
                f"the value cannot be stored exactly: {error}",
                ErrorCode.NOT_SERIALIZABLE,
                {"key": key, "type": type(value).__name__},
            ) from error
        return data

    def loads(self, key: CacheKey, data: bytes) -> Any:
        """Return the value whose bytes are stored under a key.

        Raises:
            CacheOperationError: NOT_DESERIALIZABLE.
        """
        try:
            return self._load(data)
        except Exception as error:
            raise CacheOperationError(
                f"the stored bytes are not what the serializer writes: {error}",
                ErrorCode.NOT_DESERIALIZABLE,
                {"key": key},
            ) from error
