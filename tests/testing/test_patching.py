"""Code that makes its own connections."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff

from tests.testing.versions import REDIS_PY, close, once, tidies_up
from vermilion import Vermilion
from vermilion.testing import patch_redis

URLS = ["redis://cache.example/0", "rediss://cache.example:77/0", "unix:///no/such.sock?db=0"]


@pytest.fixture
def patched(instance: Vermilion) -> Iterator[None]:
    with patch_redis(instance):
        yield


@pytest.mark.parametrize("url", URLS)
@pytest.mark.usefixtures("patched")
def test_all_of_a_client_works(instance: Vermilion, url: str, protocol: int) -> None:
    if REDIS_PY[0] == 7 and url.startswith("unix") and protocol == 3:
        pytest.skip("redis-py 7 cannot speak RESP3 on a Unix socket: it asks for its host")
    client: Any = redis.Redis.from_url(url, decode_responses=True, protocol=protocol)
    assert client.set("key", "value")
    assert instance.connect().get("key") == b"value"
    with client.pipeline() as pipeline:
        pipeline.set("a", 1).incr("a").hgetall("none")
        assert pipeline.execute() == [True, 2, {}]
    subscriber = client.pubsub(ignore_subscribe_messages=True)
    subscriber.subscribe("news")
    subscriber.get_message(timeout=1)
    client.publish("news", "hello")
    assert subscriber.get_message(timeout=1)["data"] == "hello"
    assert client.blpop("queue", 0.01) is None
    assert client.get("key") == "value"
    subscriber.close()
    client.close()


@pytest.mark.parametrize("url", URLS)
@pytest.mark.usefixtures("patched")
async def test_all_of_an_asynchronous_client_works(instance: Vermilion, url: str, protocol: int) -> None:
    client: Any = redis.asyncio.Redis.from_url(url, decode_responses=True, protocol=protocol)
    assert await client.set("key", "value")
    assert instance.connect().get("key") == b"value"
    async with client.pipeline() as pipeline:
        pipeline.set("a", 1).incr("a")
        assert await pipeline.execute() == [True, 2]
    subscriber = client.pubsub(ignore_subscribe_messages=True)
    await subscriber.subscribe("news")
    await subscriber.get_message(timeout=1)
    await client.publish("news", "hello")
    assert (await subscriber.get_message(timeout=1))["data"] == "hello"
    assert await client.blpop("queue", 0.01) is None
    assert await client.get("key") == "value"
    await close(subscriber)
    await close(client)


@tidies_up
def test_only_what_is_meant_is_patched(instance: Vermilion) -> None:
    other = Vermilion()
    with other.serve() as server, patch_redis(instance, host="*.example", port=6379):
        here: Any = redis.Redis("cache.example")
        there: Any = server.connect()
        assert here.set("key", "here")
        assert there.set("key", "there")
        elsewhere = redis.Redis("127.0.0.1", 1, retry=once())
        with pytest.raises(redis.ConnectionError):
            elsewhere.ping()
        with pytest.raises(redis.ConnectionError):
            redis.Redis(unix_socket_path="/no/such.sock", retry=once()).ping()
    assert instance.connect().get("key") == b"here"
    assert other.connect().get("key") == b"there"


@tidies_up
def test_unix_sockets_by_their_path(instance: Vermilion) -> None:
    with patch_redis(instance, path="/run/*.sock"):
        assert redis.Redis(unix_socket_path="/run/redis.sock").ping()
        with pytest.raises(redis.ConnectionError):
            redis.Redis(unix_socket_path="/tmp/redis.sock", retry=once()).ping()  # noqa: S108  # there is none
        with pytest.raises(redis.ConnectionError):
            redis.Redis("127.0.0.1", 1, retry=once()).ping()


def test_patches_lie_within_each_other(instance: Vermilion) -> None:
    inner = Vermilion()
    with patch_redis(instance), patch_redis(inner, host="inner"):
        redis.Redis("inner").set("key", "inner")
        redis.Redis("outer").set("key", "outer")
    assert (instance.dump(), inner.dump()) == ({"key": "outer"}, {"key": "inner"})


def test_afterwards_everything_is_as_it_was(instance: Vermilion) -> None:
    kinds: list[Any] = [
        redis.connection.Connection,
        redis.connection.SSLConnection,
        redis.connection.UnixDomainSocketConnection,
        redis.asyncio.connection.Connection,
        redis.asyncio.connection.UnixDomainSocketConnection,
    ]
    before = [kind._connect for kind in kinds]
    made_before: Any = redis.Redis("127.0.0.1", 1, retry=once())
    with patch_redis(instance):
        assert [kind._connect for kind in kinds] != before
        made_before.set("key", 1)
    assert [kind._connect for kind in kinds] == before
    with pytest.raises(redis.ConnectionError):
        made_before.get("key")
    assert instance.connect().client_list()[0]["name"] == ""
    with patch_redis(instance):
        assert made_before.get("key") == b"1"


def test_an_asynchronous_client_is_disconnected_afterwards(instance: Vermilion) -> None:
    client: Any = redis.asyncio.Redis(host="127.0.0.1", port=1, retry=AsyncRetry(NoBackoff(), 0))
    with patch_redis(instance):
        asyncio.run(client.set("key", 1))
    with pytest.raises(redis.ConnectionError):
        asyncio.run(client.get("key"))
    with patch_redis(instance):
        assert asyncio.run(client.get("key")) == b"1"
        asyncio.run(close(client))
