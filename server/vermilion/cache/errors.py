"""What a CacheService raises: one base, three kinds, and a code for each cause."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class ErrorCode(StrEnum):
    """The causes, as words that a program may compare with and that do not change.

    Example:
        >>> ErrorCode.NOT_INITIALIZED == "NOT_INITIALIZED"
        True

    See Also:
        `CacheError.code`.

    LLM Context:
        - Compare codes, never messages: messages may be reworded.
    """

    INVALID_KEY_TYPE = "INVALID_KEY_TYPE"
    """The key is not a str."""
    EMPTY_KEY = "EMPTY_KEY"
    """The key is the empty string."""
    INVALID_KEY = "INVALID_KEY"
    """The key begins with a NUL, which is reserved, or is no valid Unicode."""
    UNCACHEABLE_ARGUMENTS = "UNCACHEABLE_ARGUMENTS"
    """A cached function's arguments make no key; its decorator needs `key=`."""
    CONNECTION_FAILED = "CONNECTION_FAILED"
    """The backend cannot be reached."""
    AUTHENTICATION_FAILED = "AUTHENTICATION_FAILED"
    """The backend refuses the user or the password."""
    NOT_INITIALIZED = "NOT_INITIALIZED"
    """The service is used before `initialize()` or after `close()`."""
    NOT_SERIALIZABLE = "NOT_SERIALIZABLE"
    """The serializer cannot give the value back exactly as it is."""
    NOT_DESERIALIZABLE = "NOT_DESERIALIZABLE"
    """The stored bytes are not what the serializer writes."""
    INVALID_TTL = "INVALID_TTL"
    """The TTL is no timedelta, or not above zero."""
    UNSUPPORTED = "UNSUPPORTED"
    """The backend has just the four methods, and the operation needs commands."""
    BACKEND_ERROR = "BACKEND_ERROR"
    """The backend failed; the cause is chained."""
    FACTORY_CANCELLED = "FACTORY_CANCELLED"
    """The computation of a value was cancelled, and not by who waits for it."""
    FACTORY_RECURSION = "FACTORY_RECURSION"
    """The computation of a value asks for the very key that it computes."""


class CacheError(Exception):
    """The base of every error that a CacheService raises on purpose.

    Args:
        message: one sentence for a human.
        code: the cause, an `ErrorCode`, or a word of your own in your own subclasses.
        details: what the sentence is about, by name.

    Example:
        >>> error = CacheError("the key is empty", "EMPTY_KEY", {"key": ""})
        >>> error.code, dict(error.details), str(error)
        ('EMPTY_KEY', {'key': ''}, 'the key is empty')

    See Also:
        `ErrorCode`, `CacheKeyError`, `CacheConnectionError`, `CacheOperationError`.

    LLM Context:
        - Attributes: `message`, `code`, `details` (read-only). The cause, if any, is `__cause__`.
        - Catch CacheConnectionError to go on without a cache; the other two are usually a bug.
        - Values and passwords never appear in messages or details; keys do.
    """

    def __init__(self, message: str, code: str, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.details: Mapping[str, object] = MappingProxyType(dict(details or {}))

    def __reduce__(self) -> tuple[type["CacheError"], tuple[str, str, dict[str, object]]]:
        # Exception's own would call the class with the message alone, in another process, and fail.
        return type(self), (self.message, self.code, dict(self.details))


class CacheKeyError(CacheError):
    """A key, a tag or a namespace that cannot be one; raised before the backend is asked.

    Example:
        >>> raise CacheKeyError("a key is a str, not int", "INVALID_KEY_TYPE", {"type": "int"})
        Traceback (most recent call last):
        ...
        vermilion.cache.errors.CacheKeyError: a key is a str, not int

    See Also:
        `CacheKey`.

    LLM Context:
        - Codes: INVALID_KEY_TYPE, EMPTY_KEY, INVALID_KEY, UNCACHEABLE_ARGUMENTS.
        - It is no KeyError: a missing key is never an error here.
    """


class CacheConnectionError(CacheError):
    """The backend cannot be reached, or does not let this client in.

    Example:
        >>> error = CacheConnectionError("no answer", "CONNECTION_FAILED", {"attempts": 5})
        >>> error.details["attempts"]
        5

    See Also:
        `RetryConfig`, which says how often `initialize()` tries.

    LLM Context:
        - Codes: CONNECTION_FAILED, AUTHENTICATION_FAILED.
        - details: host, port, attempts, retry_hint; `operation` and `key` where a call failed.
        - The service stays usable: the next call tries again, on a new connection if need be.
    """


class CacheOperationError(CacheError):
    """An operation that cannot be done as it was asked for, or that the backend refused.

    Example:
        >>> error = CacheOperationError("a TTL is above zero", "INVALID_TTL", {"ttl": "0:00:00"})
        >>> error.code
        'INVALID_TTL'

    See Also:
        `ErrorCode`.

    LLM Context:
        - Codes: NOT_INITIALIZED, NOT_SERIALIZABLE, NOT_DESERIALIZABLE, INVALID_TTL, UNSUPPORTED,
          BACKEND_ERROR, FACTORY_CANCELLED, FACTORY_RECURSION.
        - For BACKEND_ERROR the backend's own exception is `__cause__`.
    """
