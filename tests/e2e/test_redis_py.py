"""What redis-py does beside calls: its client-side cache, and its Pub/Sub, as its users run them."""

import time
from collections.abc import Iterator

import pytest
import redis
from redis.cache import CacheConfig

from tests.e2e.process import WAIT


@pytest.fixture
def client(port: int) -> Iterator[redis.Redis]:
    with redis.Redis(port=port, decode_responses=True) as plain:
        plain.flushall()
        yield plain


@pytest.fixture
def caching(port: int) -> Iterator[redis.Redis]:
    """A client that caches what it reads."""
    with redis.Redis(port=port, protocol=3, cache_config=CacheConfig(), decode_responses=True) as cached:
        yield cached


def gets(client: redis.Redis) -> int:
    """Return how many GETs the server has run."""
    stats = client.info("commandstats")
    return int(stats["cmdstat_get"]["calls"]) if "cmdstat_get" in stats else 0


def await_value(caching: redis.Redis, key: str, expected: str | None) -> None:
    """Read a key until what it holds has come through: an invalidation is on its way."""
    deadline = time.monotonic() + WAIT
    while caching.get(key) != expected:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_cached_value_is_not_asked_for_again(client: redis.Redis, caching: redis.Redis) -> None:
    client.set("k", "1")
    assert caching.get("k") == "1"
    before = gets(client)
    assert [caching.get("k") for _ in range(10)] == ["1"] * 10
    assert gets(client) == before


@pytest.mark.parametrize("change", ["set", "delete", "flush", "expire"])
def test_a_change_reaches_the_cache(client: redis.Redis, caching: redis.Redis, change: str) -> None:
    client.set("k", "1")
    assert caching.get("k") == "1"
    if change == "set":
        client.set("k", "2")
    elif change == "delete":
        client.delete("k")
    elif change == "flush":
        client.flushall()
    else:
        client.pexpire("k", 1)
    await_value(caching, "k", "2" if change == "set" else None)


def test_ones_own_change_reaches_the_cache(client: redis.Redis, caching: redis.Redis) -> None:
    assert caching.get("k") is None
    caching.set("k", "1")
    await_value(caching, "k", "1")
    caching.mset({"k": "2", "l": "3"})
    await_value(caching, "k", "2")


@pytest.mark.parametrize("protocol", [2, 3])
def test_messages_reach_channels_patterns_and_keyspace_events(
    port: int, client: redis.Redis, protocol: int
) -> None:
    client.config_set("notify-keyspace-events", "KEA")
    with redis.Redis(port=port, protocol=protocol, decode_responses=True) as subscriber:
        pubsub = subscriber.pubsub(ignore_subscribe_messages=True)
        with pubsub:
            pubsub.subscribe("news")
            pubsub.psubscribe("__keyevent@0__:*")
            heard: list[tuple[str, str]] = []
            assert client.ping()
            deadline = time.monotonic() + WAIT
            while client.pubsub_numsub("news") != [("news", 1)] or not client.pubsub_numpat():
                assert time.monotonic() < deadline
            client.publish("news", "hello")
            client.set("k", "v")
            client.delete("k")
            while len(heard) < 3 and time.monotonic() < deadline:
                message = pubsub.get_message(timeout=1)
                if message is not None:
                    heard.append((message["channel"], message["data"]))
    client.config_set("notify-keyspace-events", "")
    assert heard == [("news", "hello"), ("__keyevent@0__:set", "k"), ("__keyevent@0__:del", "k")]
