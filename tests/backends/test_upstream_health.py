"""What a proxy says of an upstream that is there and refuses: in replies, in INFO, for a health check."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.backends.wire import Client, until
from tests.real_server import RealServer
from vermilion.backends.proxy import Proxy
from vermilion.config import Config
from vermilion.network.server import Server
from vermilion.settings import Settings


@asynccontextmanager
async def _behind(url: str) -> AsyncIterator[tuple[Proxy, Client]]:
    """Yield a proxy in front of a server, and a client of it."""
    proxy = Proxy(url, config=Config(Settings(upstream_start_timeout=100, upstream_timeout=400)))
    async with Server(proxy, port=0) as server:
        client = Client(*await asyncio.open_connection("127.0.0.1", server.port))
        try:
            yield proxy, client
        finally:
            client.close()


@pytest.fixture
async def admin(real_server: RealServer) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_unix_connection(real_server.socket))
    yield client
    await client.call("ACL SETUSER default on nopass", "ACL DELUSER mute", "CONFIG SET maxclients 10000")
    client.close()


async def test_a_password_that_is_missing(real_server: RealServer, admin: Client) -> None:
    await admin.call("ACL SETUSER default resetpass >secret")
    async with _behind(f"unix://{real_server.socket}") as (proxy, client):
        assert (await client.call("GET a")).startswith(b"-ERR upstream is not available: NOAUTH")
        assert "NOAUTH" in (proxy.trouble() or "")


async def test_a_database_that_is_not_there(real_server: RealServer) -> None:
    async with _behind(f"unix://{real_server.socket}?db=99") as (proxy, client):
        refusal = b"-ERR upstream is not available: ERR DB index is out of range; the call has not run\r\n"
        assert await client.call("PING", "GET a") == refusal * 2
        assert "DB index is out of range" in (proxy.trouble() or "")
        assert b"upstream_status:down\r\n" in await client.call("INFO upstream")


async def test_a_server_that_refuses_a_ping(real_server: RealServer, admin: Client) -> None:
    await admin.call("ACL SETUSER mute on >x ~* &* +@all -ping")
    async with _behind(f"unix://mute:x@{real_server.socket}") as (proxy, client):
        assert (await client.call("PING")).startswith(b"-NOPERM")
        assert (proxy.trouble() or "").startswith("upstream refuses calls ")
        report = await client.call("INFO upstream")
        assert b"upstream_status:refusing\r\n" in report
        assert b"state=refusing,reason=NOPERM" in report
        await admin.call("ACL SETUSER mute +ping")

        async def is_well() -> bool:
            return proxy.trouble() is None

        await until(is_well)
        assert b"upstream_status:up\r\n" in await client.call("INFO upstream")


async def test_a_server_that_takes_no_more_connections(real_server: RealServer, admin: Client) -> None:
    async with _behind(f"unix://{real_server.socket}") as (proxy, client):
        assert await client.call("PING") == b"+PONG\r\n"
        await admin.call("CONFIG SET maxclients 1")
        # It says so before it closes a connection, where that is still heard: no call goes there.
        refusal = await client.call("BLPOP none 1")
        assert refusal.startswith(b"-ERR upstream is not available: ")
        assert refusal.endswith(b"; the call has not run\r\n")
        assert await client.call("PING") == b"+PONG\r\n"
        assert proxy.trouble() is None
        await admin.call("CLIENT KILL SKIPME yes")

        async def is_down() -> bool:
            return proxy.trouble() is not None

        await until(is_down)
        # It is looked for again in its time, and not over and over.
        assert b"upstream_connections_opened:1\r\n" in await client.call("INFO upstream")


async def test_a_server_that_hangs_is_not_there_at_once(real_server: RealServer) -> None:
    async with _behind(f"unix://{real_server.socket}") as (proxy, client):
        assert await client.call("PING") == b"+PONG\r\n"
        real_server.pause()
        try:
            assert await client.call("PING") == (
                b"-ERR upstream did not answer in time; the call may have run\r\n"
            )
            assert proxy.trouble() is not None
        finally:
            real_server.resume()
