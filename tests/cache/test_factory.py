"""The backend factory: from each section of a config to its backend."""

import pytest

from vermilion import CacheConfig, MemoryConfig, RedisConfig
from vermilion.backends.memory_backend import MemoryCacheBackend
from vermilion.backends.redis_backend import RedisCacheBackend
from vermilion.cache.factory import create_backend


def test_memory() -> None:
    assert isinstance(create_backend(CacheConfig(memory=MemoryConfig())), MemoryCacheBackend)


def test_redis() -> None:
    section = RedisConfig.model_validate(
        {"host": "cache.internal", "port": 6380, "db": 3, "username": "app", "password": "swordfish"}
    )
    backend = create_backend(CacheConfig(backend_type="redis", redis=section))
    assert isinstance(backend, RedisCacheBackend)
    assert (backend.host, backend.port) == ("cache.internal", 6380)
    settings = backend._redis.connection_pool.connection_kwargs
    assert {name: settings[name] for name in ("db", "username", "password")} == {
        "db": 3,
        "username": "app",
        "password": "swordfish",
    }


def test_a_missing_section() -> None:
    with pytest.raises(ValueError, match="there is no redis section"):
        create_backend(CacheConfig.model_construct(backend_type="redis", redis=None))
