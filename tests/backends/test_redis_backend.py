"""RedisCacheBackend: the four methods, any command, pools, pipelines and failures, on a real server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast

import pytest
from redis.exceptions import ResponseError

from tests.real_server import RealServer
from vermilion.backends.redis_backend import RedisCacheBackend


@pytest.fixture
async def backend(real_server: RealServer) -> AsyncIterator[RedisCacheBackend]:
    backend = RedisCacheBackend(unix_socket=real_server.socket, db=1, max_connections=2)
    await backend.initialize()
    await backend.clear()
    yield backend
    await backend.close()


async def test_the_four_methods(backend: RedisCacheBackend) -> None:
    assert await backend.get("a") is None
    await backend.set("a", b"\0\xff\r\n")
    assert await backend.get("a") == b"\0\xff\r\n"
    assert await backend.call(b"PTTL", b"a") == -1
    assert await backend.delete("a") is True
    assert await backend.delete("a") is False
    await backend.set("b", b"")
    await backend.clear()
    assert await backend.get("b") is None


async def test_a_ttl_is_kept_to_the_millisecond(backend: RedisCacheBackend) -> None:
    await backend.set("a", b"1", timedelta(days=1, milliseconds=7))
    left = await backend.call(b"PTTL", b"a")
    assert isinstance(left, int)
    assert 86_390_000 < left <= 86_400_007
    await backend.set("a", b"1")
    assert await backend.call(b"PTTL", b"a") == -1


async def test_replies_are_plain(backend: RedisCacheBackend) -> None:
    assert await backend.call(b"SET", b"a", b"1") == b"OK"
    assert await backend.call(b"set", b"a", b"1", b"XX", b"GET") == b"1"
    assert await backend.call(b"INCRBYFLOAT", b"a", b"0.5") == b"1.5"
    assert await backend.call(b"MGET", b"a", b"b") == [b"1.5", None]
    assert await backend.call(b"EXISTS", b"a") == 1
    assert await backend.call(b"PING") == b"PONG"
    assert await backend.call(b"SCAN", b"0", b"COUNT", b"100") == [b"0", [b"a"]]


async def test_an_error_reply_is_raised_and_the_connection_goes_on(backend: RedisCacheBackend) -> None:
    await backend.set("a", b"text")
    with pytest.raises(ResponseError, match="not an integer"):
        await backend.call(b"INCR", b"a")
    assert await backend.get("a") == b"text"


async def test_a_pipeline_runs_everything_and_raises_the_first_error(backend: RedisCacheBackend) -> None:
    assert await backend.call_many([]) == []
    replies = await backend.call_many([(b"SET", b"a", b"1"), (b"INCR", b"a"), (b"GET", b"a")])
    assert replies == [b"OK", 2, b"2"]
    with pytest.raises(ResponseError, match="not an integer"):
        await backend.call_many([(b"SET", b"b", b"x"), (b"INCR", b"b"), (b"SET", b"c", b"3")])
    assert await backend.get("c") == b"3"


async def test_more_calls_than_connections_wait_for_one(
    backend: RedisCacheBackend, real_server: RealServer
) -> None:
    await asyncio.gather(*(backend.call(b"INCR", b"n") for _ in range(50)))
    assert await backend.get("n") == b"50"
    clients = await backend.call(b"CLIENT", b"LIST")
    assert isinstance(clients, bytes)
    assert clients.count(b" db=1 ") <= 2


async def test_a_cancelled_call_does_not_leave_its_reply_to_the_next(backend: RedisCacheBackend) -> None:
    await backend.set("a", b"mine")
    for _ in range(5):
        blocked = asyncio.create_task(backend.call(b"BLPOP", b"list", b"5"))
        await _until_blocked(backend, 1)
        blocked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await blocked
        await _until_blocked(backend, 0)
    assert await asyncio.gather(*(backend.get("a") for _ in range(10))) == [b"mine"] * 10


async def _until_blocked(backend: RedisCacheBackend, clients: int) -> None:
    # By the second time that the server says so, the client has come from writing to reading. asyncio.wait_for, in
    # which redis-py writes, loses a cancellation in Python 3.11 that comes just when it is done.
    told = 0
    while told < 2:
        told += b"blocked_clients:%d\r\n" % clients in cast("bytes", await backend.call(b"INFO", b"clients"))


async def test_a_reply_that_does_not_come_is_a_timeout_error(real_server: RealServer) -> None:
    backend = RedisCacheBackend(unix_socket=real_server.socket, timeout=0.02)
    with pytest.raises(TimeoutError):
        await backend.call(b"BLPOP", b"nothing", b"5")
    await backend.close()


async def test_no_server_is_a_connection_error() -> None:
    backend = RedisCacheBackend(unix_socket="/nonexistent/socket")
    assert (backend.host, backend.port) == ("/nonexistent/socket", None)
    with pytest.raises(ConnectionError):
        await backend.initialize()
    await backend.close()


async def test_a_connection_that_the_server_closed_is_replaced(backend: RedisCacheBackend) -> None:
    await backend.set("a", b"1")
    admin = RedisCacheBackend(unix_socket=backend.host)
    await admin.call(b"CLIENT", b"KILL", b"TYPE", b"normal", b"SKIPME", b"yes")
    assert await backend.get("a") == b"1"
    await admin.close()


async def test_a_command_that_failed_is_not_sent_again() -> None:
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            received.append(data)
            if b"INCR" in data:
                break
            writer.write(b"+OK\r\n" * data.count(b"*"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        backend = RedisCacheBackend("127.0.0.1", server.sockets[0].getsockname()[1])
        with pytest.raises(ConnectionError):
            await backend.call(b"INCR", b"n")
        await backend.close()
    assert b"".join(received).count(b"INCR") == 1


async def test_a_closed_backend_can_be_used_again(backend: RedisCacheBackend) -> None:
    await backend.close()
    await backend.close()
    await backend.set("a", b"1")
    assert await backend.get("a") == b"1"


def test_tls_is_asked_for() -> None:
    backend = RedisCacheBackend("cache.internal", tls=True)
    assert backend._redis.connection_pool.connection_class.__name__ == "SSLConnection"
