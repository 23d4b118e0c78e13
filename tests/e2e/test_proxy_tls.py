"""The installed command in front of a real server that is reached over TLS: who is let in, and what is said else."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tests.certificates import Certificates
from tests.e2e.process import Process, free_port
from tests.real_server import RealServer
from tests.tls_relay import relay
from vermilion import CacheConfig, CacheConnectionError, CacheService, RedisConfig


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def tls_port(certificates: Certificates, real_server: RealServer) -> Iterator[int]:
    with relay(certificates, real_server.socket) as port:
        yield port


def url(port: int, host: str = "localhost", **options: Any) -> str:
    words = "&".join(f"{name}={value}" for name, value in options.items())
    return f"rediss://{host}:{port}/3?{words}"


def own(certificates: Certificates) -> dict[str, Any]:
    return {
        "ssl_ca_certs": certificates.ca,
        "ssl_certfile": certificates.crt("client"),
        "ssl_keyfile": certificates.key("client"),
    }


@asynccontextmanager
async def proxied(
    folder: Path, upstream: str, *words: str, resp: int = 2
) -> AsyncIterator[tuple[Process, Redis]]:
    """A proxy in front of a server, and a client of it."""
    port = free_port()
    with Process(
        folder, "--port", str(port), "--backend", "redis", "--upstream", upstream, *words
    ) as process:
        process.ready()
        async with Redis(port=port, protocol=resp) as client:
            yield process, client


@pytest.mark.parametrize("resp", [2, 3])
async def test_with_the_authority_and_a_certificate(
    certificates: Certificates, tls_port: int, tmp_path: Path, resp: int
) -> None:
    async with proxied(tmp_path, url(tls_port, **own(certificates)), resp=resp) as (_, client):
        large = b"x" * 3_000_000
        assert await client.set("a", large)
        assert await client.get("a") == large
        async with client.pipeline(transaction=True) as pipeline:
            pipeline.delete("a")
            pipeline.incr("n")
            assert await pipeline.execute() == [1, 1]
        assert await client.delete("n") == 1
        assert (await client.info("upstream"))["upstream_status"] == "up"


@pytest.mark.parametrize(
    ("host", "changes", "reason"),
    [
        ("localhost", {"ssl_ca_certs": "stranger"}, "certificate verify failed"),
        ("localhost", {"ssl_ca_certs": None}, "certificate verify failed"),
        ("127.0.0.2", {}, "certificate is not valid for '127.0.0.2'|IP address mismatch"),
        (
            "localhost",
            {"ssl_certfile": None, "ssl_keyfile": None},
            "alert certificate required|closed the conn",
        ),
        (
            "localhost",
            {"ssl_certfile": "stranger", "ssl_keyfile": "stranger"},
            "alert unknown ca|closed the conn",
        ),
    ],
)
async def test_who_is_not_believed_or_not_let_in(
    certificates: Certificates,
    tls_port: int,
    tmp_path: Path,
    host: str,
    changes: dict[str, str | None],
    reason: str,
) -> None:
    options = own(certificates)
    for name, whose in changes.items():
        del options[name]
        if whose is not None:
            options[name] = certificates.key(whose) if name == "ssl_keyfile" else certificates.crt(whose)
    upstream = url(tls_port, host, **options)
    async with proxied(tmp_path, upstream, "--upstream-start-timeout", "300") as (process, client):
        with pytest.raises(ResponseError, match=f"upstream is not available: .*({reason})"):
            await client.get("a")
        assert any("is not there" in line for line in process.log)


async def test_no_tls_where_tls_is_spoken(tls_port: int, tmp_path: Path) -> None:
    upstream = f"redis://localhost:{tls_port}"
    async with proxied(tmp_path, upstream, "--upstream-start-timeout", "300") as (_, client):
        with pytest.raises(ResponseError, match="upstream is not available"):
            await client.get("a")


async def test_the_authority_may_be_left_unasked(
    certificates: Certificates, tls_port: int, tmp_path: Path
) -> None:
    options = own(certificates) | {"ssl_cert_reqs": "none"}
    del options["ssl_ca_certs"]
    async with proxied(tmp_path, url(tls_port, "127.0.0.2", **options)) as (_, client):
        assert await client.ping()


def test_a_certificate_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    upstream = "rediss://localhost?ssl_ca_certs=/no/such/file"
    words = ("--port", str(free_port()), "--backend", "redis", "--upstream", upstream)
    with Process(tmp_path, *words) as process:
        assert process.status() == 1
        assert "TLS of the upstream" in (text := process.errors())
        assert "/no/such/file" in text


async def test_the_cache_service(certificates: Certificates, tls_port: int) -> None:
    config = CacheConfig(
        backend_type="redis", redis=RedisConfig(url=SecretStr(url(tls_port, **own(certificates))), timeout=3)
    )
    cache = CacheService(config)
    await cache.initialize()
    try:
        await cache.set("user:1", {"name": "Ada"})
        assert await cache.get("user:1") == {"name": "Ada"}
        assert await cache.delete("user:1")
    finally:
        await cache.close()


async def test_the_cache_service_believes_no_stranger(certificates: Certificates, tls_port: int) -> None:
    options = own(certificates) | {"ssl_ca_certs": certificates.crt("stranger")}
    redis = RedisConfig(url=SecretStr(url(tls_port, **options)), timeout=1)
    cache = CacheService(CacheConfig.model_validate({
        "backend_type": "redis", "redis": redis, "retry": {"attempts": 1},
    }))  # fmt: skip
    with pytest.raises(CacheConnectionError, match="certificate verify failed"):
        await cache.initialize()
    await cache.close()
