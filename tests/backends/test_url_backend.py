"""UrlCacheBackend on a real server: the same bytes and the same failures as RedisCacheBackend."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.exceptions import ResponseError

from tests.real_server import RealServer
from vermilion.backends.redis_backend import RedisCacheBackend
from vermilion.backends.url_backend import UrlCacheBackend


@pytest.fixture
async def backend(real_server: RealServer) -> AsyncIterator[UrlCacheBackend]:
    backend = UrlCacheBackend(f"unix://{real_server.socket}?db=1", timeout=3)
    await backend.initialize()
    await backend.clear()
    yield backend
    await backend.close()


async def test_the_four_methods(backend: UrlCacheBackend) -> None:
    assert await backend.get("a") is None
    await backend.set("a", b"\0\xff\r\n", timedelta(minutes=1))
    assert await backend.get("a") == b"\0\xff\r\n"
    assert await backend.delete("a") is True
    assert await backend.delete("a") is False
    await backend.set("b", b"")
    await backend.clear()
    assert await backend.get("b") is None


async def test_the_same_bytes_as_the_other_backend(backend: UrlCacheBackend, real_server: RealServer) -> None:
    other = RedisCacheBackend(unix_socket=real_server.socket, db=1)
    await backend.set("a", b"1")
    assert await other.get("a") == b"1"
    await other.close()


async def test_many_at_once_and_in_order(backend: UrlCacheBackend) -> None:
    calls = [(b"RPUSH", b"list", b"%d" % number) for number in range(50)]
    assert await backend.call_many(calls) == list(range(1, 51))
    assert await backend.call(b"LRANGE", b"list", b"0", b"-1") == [b"%d" % number for number in range(50)]
    assert await backend.call_many([]) == []


async def test_an_error_reply_is_raised(backend: UrlCacheBackend) -> None:
    await backend.set("a", b"text")
    with pytest.raises(ResponseError, match="not an integer"):
        await backend.call_many([(b"INCR", b"a"), (b"SET", b"b", b"1")])
    assert await backend.get("b") == b"1"


async def test_nobody_there() -> None:
    backend = UrlCacheBackend("unix:///nowhere/to/be/found", timeout=0.2)
    with pytest.raises(ConnectionError, match="No such file"):
        await backend.initialize()
    await backend.close()


async def test_a_wrong_password(real_server: RealServer) -> None:
    backend = UrlCacheBackend(f"unix://no:body@{real_server.socket}", timeout=0.2)
    with pytest.raises(PermissionError, match="WRONGPASS"):
        await backend.initialize()
    await backend.close()
