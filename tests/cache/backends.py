"""Backends for the tests of CacheService, and the config that goes with a backend of one's own."""

from datetime import timedelta

from vermilion import CacheConfig, MemoryConfig


class DictBackend:
    """A user's own backend: the four methods and nothing else. It keeps TTLs for the tests to look at."""

    def __init__(self) -> None:
        self.items: dict[str, bytes] = {}
        self.ttls: dict[str, timedelta | None] = {}

    async def get(self, key: str) -> bytes | None:
        return self.items.get(key)

    async def set(self, key: str, value: bytes, ttl: timedelta | None = None) -> None:
        self.items[key], self.ttls[key] = value, ttl

    async def delete(self, key: str) -> bool:
        return self.items.pop(key, None) is not None

    async def clear(self) -> None:
        self.items.clear()


class BrokenBackend(DictBackend):
    """A backend that raises what it is given, until it is given None."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error

    async def get(self, key: str) -> bytes | None:
        if self.error:
            raise self.error
        return await super().get(key)

    async def set(self, key: str, value: bytes, ttl: timedelta | None = None) -> None:
        if self.error:
            raise self.error
        await super().set(key, value, ttl)


def config(**fields: object) -> CacheConfig:
    """Return a config for a backend that is passed in."""
    return CacheConfig.model_validate({"memory": MemoryConfig(), **fields})
