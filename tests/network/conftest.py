"""Servers for the tests of the network: in this process, on both event loops, with a clock that is moved."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

import pytest
import uvloop

from tests.network.wire import Wire
from vermilion import MemoryCacheBackend, Server
from vermilion.clock import ManualClock
from vermilion.config import Config

Connect = Callable[[], Awaitable[Wire]]
Start = Callable[..., Awaitable[Server]]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run each test on the event loop of the standard library and on that of the command line."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def closing() -> AsyncIterator[AsyncExitStack]:
    """What a test opened, closed in reverse order."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def start(closing: AsyncExitStack, clock: ManualClock) -> Start:
    """Start a server with directives, as on a command line."""

    async def start_server(
        *arguments: str, port: int | None = 0, tls_port: int | None = None, unixsocket: str = ""
    ) -> Server:
        config = Config.from_arguments(list(arguments), {})
        backend = MemoryCacheBackend(config=config, clock=clock)
        return await closing.enter_async_context(
            Server(backend, port=port, tls_port=tls_port, unixsocket=unixsocket)
        )

    return start_server


@pytest.fixture
async def server(start: Start) -> Server:
    """A server with the defaults."""
    return await start()


@pytest.fixture
def connect(closing: AsyncExitStack, server: Server) -> Connect:
    """Connect to the server with the defaults."""

    async def connect_wire() -> Wire:
        return await closing.enter_async_context(Wire(server))

    return connect_wire


@pytest.fixture
async def wire(connect: Connect) -> Wire:
    """One client of the server with the defaults."""
    return await connect()
