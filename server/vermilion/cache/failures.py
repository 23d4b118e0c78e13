"""What a failed operation raises: what a backend's own exception becomes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from vermilion.cache.errors import CacheConnectionError, CacheError, CacheOperationError, ErrorCode
from vermilion.cache.types import CacheKey, RemoteBackend

_RETRY_HINT: Final = "the service stays usable: the next call tries again"
_PASSWORD_HINT: Final = "trying again does not help: check username and password"


def connection_error(
    backend: object, error: OSError, *, attempts: int = 1, details: Mapping[str, str] = MappingProxyType({})
) -> CacheConnectionError:
    """Return what to raise, from a backend's own exception, when it was not reached."""
    host, port = (backend.host, backend.port) if isinstance(backend, RemoteBackend) else (None, None)
    place = "the backend" if host is None else host if port is None else f"{host}:{port}"
    refused = isinstance(error, PermissionError)
    return CacheConnectionError(
        f"{place} {'refuses this client' if refused else 'cannot be reached'}: {error}",
        ErrorCode.AUTHENTICATION_FAILED if refused else ErrorCode.CONNECTION_FAILED,
        {
            "host": host,
            "port": port,
            "attempts": attempts,
            "retry_hint": _PASSWORD_HINT if refused else _RETRY_HINT,
            **details,
        },
    )


def operation_error(backend: object, operation: str, key: CacheKey | None, error: Exception) -> CacheError:
    """Return what to raise, from a backend's own exception, when an operation failed."""
    where = {"operation": operation} if key is None else {"operation": operation, "key": key}
    if isinstance(error, OSError):
        return connection_error(backend, error, details=where)
    return CacheOperationError(f"{operation} failed: {error}", ErrorCode.BACKEND_ERROR, where)


def not_initialized(operation: str) -> CacheOperationError:
    """Return what to raise when the service is used before it is initialized."""
    return CacheOperationError(
        f"{operation} on a cache that is not initialized: call initialize(), or use cache_service()",
        ErrorCode.NOT_INITIALIZED,
        {"operation": operation},
    )
