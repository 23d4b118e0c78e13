"""CacheService in process, beside other asyncio caches in process."""

import asyncio

import msgspec

import vermilion
from conformance.bench.result import Figure, Goal, Reading, Section
from conformance.bench.timing import RUNS, missing, optional, per_await, per_call

VALUE = {"id": 42, "name": "Ada", "tags": ["admin", "editor"], "active": True}
_KEY = "user:42"
_US = 1000.0


def measure(calls: int) -> Section:
    """Time `get` and `set` of a small dict on every cache that is installed."""
    return asyncio.run(_measure(calls))


async def _measure(calls: int) -> Section:
    encoded = msgspec.json.encode(VALUE)
    json = {
        "set": per_call(msgspec.json.encode, VALUE, calls=calls),
        "get": per_call(msgspec.json.decode, encoded, calls=calls),
    }
    notes = [
        f"nanoseconds per awaited call, best of {RUNS} runs of {calls:,}; one key, value {encoded.decode()}",
        "'json alone' is msgspec, which vermilion uses; aiocache and cashews are set to JSON",
    ]
    service = await _vermilion(calls)
    peers = {"aiocache": await _aiocache(calls), "cashews": await _cashews(calls)}
    notes += [missing(name) for name, readings in peers.items() if readings is None]
    figures = [
        Figure(
            name,
            "ns",
            {"json alone": json[name], "vermilion": service[name]}
            | {peer: readings[name] for peer, readings in peers.items() if readings is not None},
        )
        for name in ("get", "set")
    ]
    goals = [
        Goal(
            f"microseconds of an in-process {name} above the JSON library's",
            (service[name].value - json[name].value) / _US,
            2.0,
            "at most",
        )
        for name in ("get", "set")
    ]
    return Section("In-process caches", figures, goals=goals, notes=notes)


async def _vermilion(calls: int) -> dict[str, Reading]:
    service = vermilion.CacheService(
        vermilion.CacheConfig(backend_type="memory", memory=vermilion.MemoryConfig())
    )
    await service.initialize()
    try:
        return {
            "set": await per_await(service.set, _KEY, VALUE, calls=calls),
            "get": await per_await(service.get, _KEY, calls=calls),
        }
    finally:
        await service.close()


async def _aiocache(calls: int) -> dict[str, Reading] | None:
    aiocache = optional("aiocache")
    if aiocache is None:
        return None
    serializer = optional("aiocache.serializers").JsonSerializer()
    async with aiocache.SimpleMemoryCache(serializer=serializer, ttl=300) as cache:
        return {
            "set": await per_await(cache.set, _KEY, VALUE, calls=calls),
            "get": await per_await(cache.get, _KEY, calls=calls),
        }


async def _cashews(calls: int) -> dict[str, Reading] | None:
    cashews = optional("cashews")
    if cashews is None:
        return None
    cache = cashews.Cache()
    cache.setup("mem://", pickle_type="json")
    try:
        return {
            "set": await per_await(cache.set, _KEY, VALUE, 300, calls=calls),
            "get": await per_await(cache.get, _KEY, calls=calls),
        }
    finally:
        await cache.close()
