"""From a config to the backend that it describes."""

from typing import TYPE_CHECKING

from vermilion.cache.config import CacheConfig

if TYPE_CHECKING:
    from vermilion.cache.types import CommandBackend


def create_backend(config: CacheConfig) -> "CommandBackend":
    """Make the backend that a config chooses; nothing is connected yet.

    Args:
        config: which one, and how it is set up.

    Returns:
        A `MemoryCacheBackend`, a `RedisCacheBackend`, or a `UrlCacheBackend` where there is a URL.

    Raises:
        ValueError: when the section of the chosen backend is missing.

    Example:
        >>> from vermilion import CacheConfig, RedisConfig
        >>> backend = create_backend(CacheConfig(backend_type="redis", redis=RedisConfig(port=6380)))
        >>> type(backend).__name__, backend.port
        ('RedisCacheBackend', 6380)

    See Also:
        `CacheConfig`; `CacheService`, which calls it unless it is given a backend.
    """
    # Imported here, so that a cache in memory does not load redis-py, nor a cache in Redis the engine.
    match config:
        case CacheConfig(backend_type="redis", redis=redis) if redis is not None and redis.url is not None:
            from vermilion.backends.url_backend import UrlCacheBackend  # noqa: PLC0415

            return UrlCacheBackend(
                redis.url.get_secret_value(), max_connections=redis.max_connections, timeout=redis.timeout
            )
        case CacheConfig(backend_type="redis", redis=redis) if redis is not None:
            from vermilion.backends.redis_backend import RedisCacheBackend  # noqa: PLC0415

            return RedisCacheBackend(
                redis.host,
                redis.port,
                db=redis.db,
                username=redis.username,
                password=None if redis.password is None else redis.password.get_secret_value(),
                unix_socket=redis.unix_socket,
                tls=redis.tls,
                max_connections=redis.max_connections,
                timeout=redis.timeout,
            )
        case CacheConfig(backend_type="memory", memory=memory) if memory is not None:
            from vermilion.backends.memory_backend import MemoryCacheBackend  # noqa: PLC0415

            return MemoryCacheBackend(max_size=memory.max_size)
    raise ValueError(
        f"backend_type is {config.backend_type!r}, but there is no {config.backend_type} section"
    )
