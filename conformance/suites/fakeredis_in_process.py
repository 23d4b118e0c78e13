"""A pytest plugin for fakeredis's tests: has them test Vermilion instances in their own process, and servers of these.

The suite's fixtures choose a client from a table of classes, start a server of a class, and hand both a
`FakeServer`, which stands for the instance here.
"""

import contextlib
import importlib
import threading
from typing import Any
from weakref import WeakKeyDictionary

import redis.asyncio

from vermilion import Server, Vermilion


class BackgroundServer:
    """A Vermilion server with the surface of fakeredis's, which is one of `socketserver`.

    Args:
        address: the host and the port.
        described: what fakeredis is to pretend to be.

    Example:
        ``server = BackgroundServer(("127.0.0.1", 19000)); Thread(target=server.serve_forever).start()``
    """

    def __init__(self, address: tuple[str, int], **described: object) -> None:
        del described
        self._shut_down = threading.Event()
        self._serving = contextlib.ExitStack()
        self._serving.enter_context(Server(host=address[0], port=address[1]))

    def serve_forever(self) -> None:
        """Return when it is shut down: it serves on a thread of its own."""
        self._shut_down.wait()

    def shutdown(self) -> None:
        """Stop to serve."""
        self._shut_down.set()
        self._serving.close()

    def server_close(self) -> None:
        """Do nothing: `shutdown` has closed the socket."""


def pytest_configure() -> None:
    """Replace fakeredis's server before the suite imports it."""
    servers: Any = importlib.import_module("fakeredis._clients._tcp_server")
    servers.TcpFakeServer = BackgroundServer


def pytest_sessionstart() -> None:
    """Replace fakeredis's clients, where the suite's fixtures choose from them and where tests name them."""
    instances: WeakKeyDictionary[Any, Vermilion] = WeakKeyDictionary()

    def instance(server: object) -> Vermilion:
        if server not in instances:
            instances[server] = Vermilion()
        return instances[server]

    # `lua_modules`: which of Redis's Lua libraries fakeredis is to have: here are all of them
    def connect(server: object, lua_modules: object = None, **options: Any) -> object:
        del lua_modules
        return instance(server).connect(**options)

    def connect_async(server: object, lua_modules: object = None, **options: Any) -> object:
        del lua_modules
        return instance(server).connect_async(**options)

    # by what kind of client: of Valkey, of fakeredis, asynchronous
    chosen = importlib.import_module("test.conftest").CLIENT_CLASS_MAP
    chosen[False, True, False] = connect
    chosen[False, True, True] = connect_async
    fakeredis: Any = importlib.import_module("fakeredis")
    fakeredis.FakeStrictRedis = connect
    # a test asks whether its client is one
    fakeredis.FakeAsyncRedis = redis.asyncio.Redis
