"""Instances by URL."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.asyncio

from vermilion import Vermilion
from vermilion.testing import register_url, unregister_url


@pytest.fixture
def url(instance: Vermilion) -> Iterator[str]:
    yield register_url(instance, "cache-1")
    unregister_url("cache-1")


def test_a_url_leads_to_its_instance(instance: Vermilion, url: str) -> None:
    assert url == "vermilion://cache-1"
    client: Any = redis.Redis.from_url(url, decode_responses=True)
    client.set("key", "v")
    assert instance.connect().get("key") == b"v"
    assert client.get("key") == "v"


def test_it_takes_a_database_and_options(instance: Vermilion, url: str) -> None:
    client: Any = redis.Redis.from_url(f"{url}/3?protocol=3&client_name=web")
    client.set("key", "v")
    assert instance.connect(db=3).get("key") == b"v"
    assert client.client_getname() == b"web"


def test_on_an_event_loop(instance: Vermilion, url: str) -> None:
    async def main() -> None:
        async with redis.asyncio.Redis.from_url(url) as client:
            await client.set("key", "v")

    asyncio.run(main())
    assert instance.connect().get("key") == b"v"


def test_other_urls_are_what_they_were(url: str) -> None:
    kwargs = redis.ConnectionPool.from_url("redis://example:7000/2").connection_kwargs
    assert (kwargs["host"], kwargs["port"], kwargs["db"]) == ("example", 7000, 2)


def test_names(url: str) -> None:
    with pytest.raises(ValueError, match="the name of another instance"):
        register_url(Vermilion(), "cache-1")
    with pytest.raises(ValueError, match="cannot be a name"):
        register_url(Vermilion(), "a b/c")
    with pytest.raises(ValueError, match="there is no instance 'other'"):
        redis.Redis.from_url("vermilion://other")


def test_nothing_is_left_behind() -> None:
    before = redis.connection.parse_url, redis.asyncio.connection.parse_url
    register_url(Vermilion(), "gone")
    unregister_url("gone")
    assert (redis.connection.parse_url, redis.asyncio.connection.parse_url) == before
    with pytest.raises(ValueError, match="must specify one of the following schemes"):
        redis.Redis.from_url("vermilion://gone")
    with pytest.raises(KeyError):
        unregister_url("gone")
