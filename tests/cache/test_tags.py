"""Tags: stale in one step, in every place where an entry is looked at, and never fresh again."""

from datetime import timedelta

import pytest

from tests.cache.backends import DictBackend, config
from vermilion import (
    BytesSerializer,
    CacheKeyError,
    CacheOperationError,
    CacheService,
    CommandBackend,
    cache_service,
)
from vermilion.backends.memory_backend import MemoryCacheBackend
from vermilion.cache.tags import MARK, Envelope, Stamp
from vermilion.clock import ManualClock
from vermilion.protocol.reply import Reply

MINUTE = timedelta(minutes=1)


async def test_a_tag_makes_its_entries_stale_and_no_others(cache: CacheService) -> None:
    await cache.set("a", 1, tags=["x"])
    await cache.set("b", 2, tags=["x", "y", "x"])
    await cache.set("c", 3, tags=["y"])
    await cache.set("d", 4)
    assert await cache.get_many(["a", "b", "c", "d"]) == {"a": 1, "b": 2, "c": 3, "d": 4}
    await cache.invalidate_tag("x")
    assert await cache.get_many(["a", "b", "c", "d"]) == {"c": 3, "d": 4}
    assert await cache.get("a", default="miss") == "miss"
    assert await cache.get("c") == 3


async def test_a_stale_entry_is_nowhere_to_be_seen(cache: CacheService) -> None:
    await cache.set("a", 1, tags=["x"])
    assert await cache.exists("a") is True
    assert await cache.ttl("a") is not None
    await cache.invalidate_tag("x")
    assert await cache.exists("a") is False
    assert await cache.ttl("a") is None
    assert await cache.expire("a", MINUTE) is False
    assert await cache.get_or_set("a", lambda: 2) == 2


async def test_invalidating_an_unknown_tag_is_fine(cache: CacheService) -> None:
    await cache.invalidate_tag("nobody")


async def test_an_entry_written_after_the_invalidation_is_fresh(cache: CacheService) -> None:
    await cache.set("a", 1, tags=["x"])
    await cache.invalidate_tag("x")
    await cache.set("b", 2, tags=["x"])
    assert await cache.get_many(["a", "b"]) == {"b": 2}


async def test_every_way_to_store_takes_tags(cache: CacheService) -> None:
    await cache.set_many({"a": 1, "b": 2}, tags=["x"])
    assert await cache.add("c", 3, tags=["x"]) is True
    assert await cache.get_or_set("d", lambda: 4, tags=["x"]) == 4
    assert await cache.get_many(["a", "b", "c", "d"]) == {"a": 1, "b": 2, "c": 3, "d": 4}
    await cache.invalidate_tag("x")
    assert await cache.get_many(["a", "b", "c", "d"]) == {}


async def test_add_replaces_a_stale_entry_and_no_other(cache: CacheService) -> None:
    await cache.set("a", 1, tags=["x"])
    assert await cache.add("a", 2) is False
    await cache.invalidate_tag("x")
    assert await cache.add("a", 2) is True
    assert await cache.get("a") == 2


async def test_a_plain_set_takes_an_entry_out_of_its_tags(cache: CacheService) -> None:
    await cache.set("a", 1, tags=["x"])
    await cache.set("a", 2)
    await cache.invalidate_tag("x")
    assert await cache.get("a") == 2


async def test_services_on_one_store_see_each_others_tags(commands: CommandBackend) -> None:
    async with (
        cache_service(config(), backend=commands) as first,
        cache_service(config(), backend=commands) as second,
    ):
        await first.set("a", 1, tags=["x"])
        assert await second.get("a") == 1
        await second.invalidate_tag("x")
        assert await first.get("a") is None


async def test_a_namespace_has_tags_of_its_own(commands: CommandBackend) -> None:
    async with (
        cache_service(config(namespace="one"), backend=commands) as one,
        cache_service(config(namespace="two"), backend=commands) as two,
    ):
        await one.set("a", 1, tags=["x"])
        await two.set("a", 2, tags=["x"])
        await one.invalidate_tag("x")
        assert await one.get("a") is None
        assert await two.get("a") == 2
        await two.clear()
        assert await commands.call(b"DBSIZE") == 1  # the stale entry of the other namespace


async def test_losing_a_token_makes_entries_stale_and_never_brings_old_ones_back(
    commands: CommandBackend, cache: CacheService
) -> None:
    await cache.set("a", 1, tags=["x"])
    await cache.invalidate_tag("x")
    await cache.set("b", 2, tags=["x"])
    await commands.call(b"UNLINK", b"\0tag:x")
    await cache.set("c", 3, tags=["x"])
    assert await cache.get_many(["a", "b", "c"]) == {"c": 3}


async def test_a_token_lives_as_long_as_its_longest_entry(
    timed_cache: CacheService, clock: ManualClock
) -> None:
    await timed_cache.set("long", 1, timedelta(hours=1), tags=["x"])
    await timed_cache.set("short", 2, MINUTE, tags=["x"])
    clock.advance(ms=59 * 60_000)
    assert await timed_cache.get("long") == 1
    clock.advance(ms=60_001)
    # Nothing is left for ever: the token has gone with its last entry.
    assert await timed_cache.ttl("long") is None
    assert await timed_cache.incr("probe") == 1
    assert await timed_cache.exists("long") is False


async def test_a_token_is_extended_with_its_entry(timed_cache: CacheService, clock: ManualClock) -> None:
    await timed_cache.set("a", 1, MINUTE, tags=["x"])
    assert await timed_cache.expire("a", timedelta(hours=1)) is True
    clock.advance(ms=30 * 60_000)
    assert await timed_cache.get("a") == 1


async def test_the_token_of_an_eternal_entry_is_eternal(clock: ManualClock) -> None:
    backend = MemoryCacheBackend(clock=clock)
    async with cache_service(config(default_ttl=0), backend=backend) as cache:
        await cache.set("short", 1, MINUTE, tags=["x"])
        await cache.set("eternal", 2, tags=["x"])
        clock.advance(ms=10**9)
        assert await cache.get_many(["short", "eternal"]) == {"eternal": 2}


async def test_an_untagged_value_is_stored_as_it_is_and_costs_one_command() -> None:
    class Counting(MemoryCacheBackend):
        calls = 0

        async def call(self, *argv: bytes) -> Reply:
            self.calls += 1
            return await super().call(*argv)

    backend = Counting()
    async with cache_service(config(), backend=backend) as cache:
        await cache.set("a", 1)
        await cache.get("a")
        assert backend.calls == 0
        await cache.set("a", 1, tags=["x", "y", "z"])
        backend.calls = 0
        await cache.get("a")
        await cache.get_many(["a"])
        assert backend.calls == 3  # an MGET of three tokens each, and the one for the value


@pytest.mark.parametrize("suffix", [b"", b"\0\0", b"\0\1\0\1x", b"\xff" * 40])
async def test_a_value_that_looks_like_an_envelope_comes_back(
    commands: CommandBackend, suffix: bytes
) -> None:
    value = MARK + suffix
    async with cache_service(config(), backend=commands, serializer=BytesSerializer()) as cache:
        await cache.set("a", value)
        await cache.set_many({"b": value})
        await cache.add("c", value)
        assert await cache.get_many(["a", "b", "c"]) == {"a": value, "b": value, "c": value}
        assert await cache.get("a") == value
        assert await cache.exists("a") is True
    async with cache_service(config(), backend=DictBackend(), serializer=BytesSerializer()) as four:
        await four.set("a", value)
        assert await four.get("a") == value


async def test_a_tagged_entry_on_four_methods_is_unsupported() -> None:
    backend = DictBackend()
    backend.items["a"] = Envelope((Stamp("x", b"t" * 16),), b"1").pack()
    async with cache_service(config(), backend=backend) as cache:
        with pytest.raises(CacheOperationError) as caught:
            await cache.get("a")
    assert caught.value.code == "UNSUPPORTED"


@pytest.mark.parametrize(
    "damaged",
    [
        MARK,
        MARK + b"\0",
        MARK + b"\0\1",
        MARK + b"\0\1\0\5ab",
        MARK + b"\0\1\0\1x" + b"t" * 15,
        MARK + b"\0\1\0\1\xff" + b"t" * 16,
    ],
)
async def test_a_damaged_envelope_is_an_error(
    commands: CommandBackend, cache: CacheService, damaged: bytes
) -> None:
    await commands.set("a", damaged)
    for call in (cache.get("a"), cache.get_many(["a"]), cache.exists("a")):
        with pytest.raises(CacheOperationError) as caught:
            await call
        assert caught.value.code == "NOT_DESERIALIZABLE"


def test_an_envelope_is_taken_apart_as_it_was_packed() -> None:
    envelope = Envelope((Stamp("x", b"0123456789abcdef"), Stamp("ключ", b"\0" * 16)), b"payload")
    assert envelope.pack() == (
        b"\0vtagged\0\2" + b"\0\1x0123456789abcdef" + b"\0\x08" + "ключ".encode() + b"\0" * 16 + b"payload"
    )
    assert Envelope.parse(envelope.pack()) == envelope


@pytest.mark.parametrize("tags", ["users", ["x" * 65536], [str(number) for number in range(65536)]])
async def test_too_much_is_refused(cache: CacheService, tags: list[str]) -> None:
    with pytest.raises(CacheKeyError):
        await cache.set("a", 1, tags=tags)


async def test_an_entry_that_changes_while_it_is_looked_at() -> None:
    class Racing(MemoryCacheBackend):
        """Shows a tagged entry to GETRANGE, and what came instead to MGET."""

        async def call(self, *argv: bytes) -> Reply:
            if argv[0] == b"MGET":
                return [self.instead]
            return await super().call(*argv)

        instead: bytes | None = None

    backend = Racing()
    async with cache_service(config(), backend=backend) as cache:
        await cache.set("a", 1, tags=["x"])
        assert await cache.exists("a") is False
        backend.instead = b"2"
        assert await cache.exists("a") is True
