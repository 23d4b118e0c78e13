"""A server on a thread of its own: several at once, and nothing left behind."""

import threading
from contextlib import ExitStack
from typing import Any

import pytest
import redis

from vermilion import Server
from vermilion.network.listening import ListenError


def test_ten_at_once() -> None:
    before = threading.active_count()
    with ExitStack() as servers:
        clients: list[Any] = [servers.enter_context(Server(port=0)).connect() for _ in range(10)]
        for number, client in enumerate(clients):
            client.set("key", number)
        assert [client.get("key") for client in clients] == [b"%d" % number for number in range(10)]
    assert threading.active_count() == before


def test_its_clients_are_closed_with_it() -> None:
    with Server(port=0) as server:
        client: Any = server.connect(decode_responses=True, protocol=3)
        assert client.set("key", "v")
        url = server.url
    with pytest.raises(redis.ConnectionError):
        redis.Redis.from_url(url).ping()


def test_what_keeps_it_from_starting_is_raised() -> None:
    with Server(port=0) as server, pytest.raises(ListenError, match="bind"), Server(port=server.port):
        pass


def test_one_that_was_stopped_starts_again_with_its_keys() -> None:
    server = Server(port=0)
    with server:
        server.connect().set("key", "v")
    with server:
        assert server.connect().get("key") == b"v"


def test_one_that_listens_is_not_started_again() -> None:
    with Server(port=0) as server:
        with pytest.raises(RuntimeError, match="listens already"), server:
            pass
        assert server.connect().ping()


def test_a_server_that_was_shut_down_by_a_client() -> None:
    with Server(port=0) as server:
        client: Any = server.connect()
        client.shutdown(nosave=True)
    assert not any(thread.name == "vermilion-server" for thread in threading.enumerate())


async def test_on_a_running_loop() -> None:
    async with Server(port=0) as server, server.connect_async() as client:
        assert await client.set("key", "v")
