"""CacheService on every backend."""

from collections.abc import AsyncIterator

import pytest

from tests.cache.backends import DictBackend, config
from tests.real_server import RealServer
from vermilion import CacheBackend, CacheService, CommandBackend, cache_service
from vermilion.backends.memory_backend import MemoryCacheBackend
from vermilion.backends.redis_backend import RedisCacheBackend
from vermilion.clock import ManualClock


@pytest.fixture
async def redis_backend(real_server: RealServer) -> AsyncIterator[RedisCacheBackend]:
    backend = RedisCacheBackend(unix_socket=real_server.socket, max_connections=4)
    await backend.clear()
    yield backend
    await backend.close()


@pytest.fixture(params=["memory", "redis"])
def commands(request: pytest.FixtureRequest) -> CommandBackend:
    """Each of our backends: they run commands."""
    if request.param == "memory":
        return MemoryCacheBackend()
    redis: RedisCacheBackend = request.getfixturevalue("redis_backend")
    return redis


@pytest.fixture(params=["dict", "memory", "redis"])
def backend(request: pytest.FixtureRequest) -> CacheBackend:
    """Each of our backends, and one with just the four methods."""
    if request.param == "dict":
        return DictBackend()
    if request.param == "memory":
        return MemoryCacheBackend()
    redis: RedisCacheBackend = request.getfixturevalue("redis_backend")
    return redis


@pytest.fixture
async def any_cache(backend: CacheBackend) -> AsyncIterator[CacheService]:
    """A service on each backend, one with just the four methods included."""
    async with cache_service(config(), backend=backend) as service:
        yield service


@pytest.fixture
async def cache(commands: CommandBackend) -> AsyncIterator[CacheService]:
    """A service on each of our backends."""
    async with cache_service(config(), backend=commands) as service:
        yield service


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def timed_cache(clock: ManualClock) -> AsyncIterator[CacheService]:
    """A service in memory, whose time stands still until `clock` is moved."""
    async with cache_service(config(), backend=MemoryCacheBackend(clock=clock)) as service:
        yield service
