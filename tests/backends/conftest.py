"""A proxy in front of the real server, and clients of it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.backends.wire import Client, Connect
from tests.real_server import RealServer
from vermilion.backends.proxy import Proxy
from vermilion.config import Config
from vermilion.network.server import Server
from vermilion.settings import Settings


@pytest.fixture
async def server(real_server: RealServer) -> AsyncIterator[Server]:
    backend = Proxy(f"unix://{real_server.socket}", config=Config(Settings(upstream_timeout=3000)))
    async with Server(backend, port=0) as running:
        await backend.call(b"FLUSHALL")
        yield running


@pytest.fixture
async def connect(server: Server) -> AsyncIterator[Connect]:
    clients: list[Client] = []

    async def connect() -> Client:
        clients.append(Client(*await asyncio.open_connection("127.0.0.1", server.port)))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
async def client(connect: Connect) -> Client:
    return await connect()
