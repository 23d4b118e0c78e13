"""A server process that many tests share, for clients and libraries that do their own connecting."""

from collections.abc import Iterator

import pytest
import redis

from tests.e2e.process import Process, free_port


@pytest.fixture(scope="session")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server; one per test process, and a test that uses it empties it first."""
    wanted = free_port()
    with Process(tmp_path_factory.mktemp("server"), "--port", str(wanted)) as server:
        server.ready()
        yield wanted


@pytest.fixture
def client(port: int) -> Iterator["redis.Redis"]:
    """A client of that server, which is empty."""
    with redis.Redis(port=port) as connected:
        connected.flushall()
        yield connected
