"""Vermilion: a Redis-protocol-compatible in-memory server, test double and embedded cache.

Everything public is here, and is loaded when it is first used: `python -m vermilion` starts without
CacheService's serializers, and a cache in memory without redis-py.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from vermilion.version import __version__

if TYPE_CHECKING:
    from vermilion.backends.memory_backend import MemoryCacheBackend
    from vermilion.backends.redis_backend import RedisCacheBackend
    from vermilion.cache.config import CacheConfig, MemoryConfig, RedisConfig, RetryConfig
    from vermilion.cache.decorators import cached
    from vermilion.cache.errors import (
        CacheConnectionError,
        CacheError,
        CacheKeyError,
        CacheOperationError,
        ErrorCode,
    )
    from vermilion.cache.factory import create_backend
    from vermilion.cache.keys import validate_key
    from vermilion.cache.serializers import (
        BytesSerializer,
        JsonSerializer,
        MsgpackSerializer,
        PickleSerializer,
        Serializer,
    )
    from vermilion.cache.service import CacheService, cache_service
    from vermilion.cache.statistics import Statistics, counted
    from vermilion.cache.types import CacheBackend, CacheKey, CacheStats, CacheValue, CommandBackend
    from vermilion.network.server import Server
    from vermilion.testing.instance import Vermilion, connect, connect_async

__all__ = [
    "BytesSerializer",
    "CacheBackend",
    "CacheConfig",
    "CacheConnectionError",
    "CacheError",
    "CacheKey",
    "CacheKeyError",
    "CacheOperationError",
    "CacheService",
    "CacheStats",
    "CacheValue",
    "CommandBackend",
    "ErrorCode",
    "JsonSerializer",
    "MemoryCacheBackend",
    "MemoryConfig",
    "MsgpackSerializer",
    "PickleSerializer",
    "RedisCacheBackend",
    "RedisConfig",
    "RetryConfig",
    "Serializer",
    "Server",
    "Statistics",
    "Vermilion",
    "__version__",
    "cache_service",
    "cached",
    "connect",
    "connect_async",
    "counted",
    "create_backend",
    "validate_key",
]

_HOMES: Final = {
    "vermilion.backends.memory_backend": ("MemoryCacheBackend",),
    "vermilion.backends.redis_backend": ("RedisCacheBackend",),
    "vermilion.cache.config": ("CacheConfig", "MemoryConfig", "RedisConfig", "RetryConfig"),
    "vermilion.cache.decorators": ("cached",),
    "vermilion.cache.errors": (
        "CacheConnectionError",
        "CacheError",
        "CacheKeyError",
        "CacheOperationError",
        "ErrorCode",
    ),
    "vermilion.cache.factory": ("create_backend",),
    "vermilion.cache.keys": ("validate_key",),
    "vermilion.cache.serializers": (
        "BytesSerializer",
        "JsonSerializer",
        "MsgpackSerializer",
        "PickleSerializer",
        "Serializer",
    ),
    "vermilion.cache.service": ("CacheService", "cache_service"),
    "vermilion.cache.statistics": ("Statistics", "counted"),
    "vermilion.cache.types": ("CacheBackend", "CacheKey", "CacheStats", "CacheValue", "CommandBackend"),
    "vermilion.network.server": ("Server",),
    "vermilion.testing.instance": ("Vermilion", "connect", "connect_async"),
}
_HOME_OF: Final = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a public name's module when the name is first used (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
