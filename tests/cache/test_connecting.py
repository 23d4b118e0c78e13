"""initialize: how often it tries, how long it waits, and what it says when it gives up."""

import asyncio
import socket

import pytest

from tests.cache.backends import DictBackend, config
from tests.real_server import RealServer
from vermilion import (
    CacheConfig,
    CacheConnectionError,
    CacheOperationError,
    CacheService,
    RedisConfig,
    RetryConfig,
)


class Stubborn(DictBackend):
    """A backend that fails as often as it is told to."""

    host = "cache.internal"
    port: int | None = 6379

    def __init__(self, failures: int, error: Exception) -> None:
        super().__init__()
        self.failures = failures
        self.error = error
        self.attempts = 0

    async def initialize(self) -> None:
        self.attempts += 1
        if self.attempts <= self.failures:
            raise self.error

    async def close(self) -> None: ...


class Naps(list[float]):
    """A sleep that only writes down how long it would have been."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


RETRY = RetryConfig(attempts=6, base_delay=1, max_delay=6)


@pytest.mark.parametrize(
    ("chance", "naps"), [(1.0, [1, 2, 4, 6, 6]), (0.0, [0.5, 1, 2, 3, 3]), (0.5, [0.75, 1.5, 3, 4.5, 4.5])]
)
async def test_waits_grow_up_to_a_limit_with_jitter(chance: float, naps: list[float]) -> None:
    backend, sleep = Stubborn(5, ConnectionRefusedError("refused")), Naps()
    cache = CacheService(config(retry=RETRY), backend=backend, sleep=sleep, random=lambda: chance)
    await cache.initialize()
    assert backend.attempts == 6
    assert sleep == naps
    await cache.set("a", 1)


async def test_giving_up_says_where_how_often_and_what_to_do() -> None:
    backend, sleep = Stubborn(7, ConnectionRefusedError("refused")), Naps()
    cache = CacheService(config(retry=RETRY), backend=backend, sleep=sleep)
    with pytest.raises(
        CacheConnectionError, match=r"cache\.internal:6379 cannot be reached: refused"
    ) as caught:
        await cache.initialize()
    assert caught.value.code == "CONNECTION_FAILED"
    assert caught.value.__cause__ is backend.error
    details = caught.value.details
    assert (details["host"], details["port"], details["attempts"]) == ("cache.internal", 6379, 6)
    assert "tries again" in str(details["retry_hint"])
    assert len(sleep) == 5
    await cache.initialize()
    await cache.set("a", 1)


async def test_a_wrong_password_is_not_tried_twice() -> None:
    backend, sleep = Stubborn(1, PermissionError("WRONGPASS")), Naps()
    cache = CacheService(config(retry=RETRY), backend=backend, sleep=sleep)
    with pytest.raises(CacheConnectionError) as caught:
        await cache.initialize()
    assert caught.value.code == "AUTHENTICATION_FAILED"
    assert caught.value.details["attempts"] == 1
    assert sleep == []


async def test_an_error_that_is_no_connection_failure_is_not_retried() -> None:
    backend, sleep = Stubborn(1, RuntimeError("a bug")), Naps()
    cache = CacheService(config(retry=RETRY), backend=backend, sleep=sleep)
    with pytest.raises(CacheOperationError, match="a bug") as caught:
        await cache.initialize()
    assert caught.value.code == "BACKEND_ERROR"
    assert caught.value.__cause__ is backend.error
    assert backend.attempts == 1
    assert sleep == []


async def test_a_port_where_nobody_listens() -> None:
    with socket.socket() as reserved:
        # Bound and not listening: nobody else gets the port, and connections to it are refused.
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        sleep = Naps()
        cache = CacheService(
            CacheConfig(
                backend_type="redis",
                redis=RedisConfig(port=port),
                retry=RetryConfig(attempts=2),
            ),
            sleep=sleep,
        )
        with pytest.raises(CacheConnectionError) as caught:
            await cache.initialize()
    details = caught.value.details
    assert (details["host"], details["port"], details["attempts"]) == ("127.0.0.1", port, 2)
    assert len(sleep) == 1


async def test_a_server_that_goes_away_and_comes_back() -> None:
    server = RealServer()
    try:
        server.start()
        redis = RedisConfig(unix_socket=server.socket)
        cache = CacheService(CacheConfig(backend_type="redis", redis=redis))
        await cache.initialize()
        await cache.set("a", 1)
        server.stop()
        for call in (cache.get("a"), cache.set("a", 2), cache.incr("n"), cache.clear()):
            with pytest.raises(CacheConnectionError) as caught:
                await call
            assert caught.value.details["host"] == server.socket
        assert (await cache.get_stats()).size is None
        server.start()
        await cache.set("a", 3)
        assert await asyncio.gather(*(cache.get("a") for _ in range(5))) == [3] * 5
        await cache.close()
    finally:
        server.remove()


async def test_a_server_with_a_password() -> None:
    server = RealServer("--requirepass", "swordfish")
    try:
        server.start()
        for password in (None, "herring"):
            section = RedisConfig.model_validate({"unix_socket": server.socket, "password": password})
            cache = CacheService(CacheConfig(backend_type="redis", redis=section), sleep=Naps())
            with pytest.raises(CacheConnectionError) as caught:
                await cache.initialize()
            assert caught.value.code == "AUTHENTICATION_FAILED"
            assert "herring" not in f"{caught.value} {caught.value.details}"
        section = RedisConfig.model_validate({"unix_socket": server.socket, "password": "swordfish"})
        cache = CacheService(CacheConfig(backend_type="redis", redis=section))
        await cache.initialize()
        await cache.set("a", 1)
        await cache.close()
    finally:
        server.remove()
