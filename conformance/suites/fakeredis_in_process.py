"""A pytest plugin for fakeredis's tests: has them test Vermilion instances in their own process, and servers of these.

The suite's fixtures choose a client from a table of classes, start a server of a class, and hand both a
`FakeServer`, which stands for the instance here: while it is not `connected`, the instance is out of reach.
"""

import contextlib
import importlib
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import redis.asyncio

from vermilion import Server, Vermilion

if TYPE_CHECKING:
    from vermilion.testing.faults import Fault


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


class Instances:
    """The instances that a suite's `FakeServer` objects stand for; the descriptor of their `connected`, too.

    LLM Context:
        - A server that is not connected has lost its clients, and refuses others.
    """

    def __init__(self) -> None:
        self._instances: WeakKeyDictionary[Any, Vermilion] = WeakKeyDictionary()
        self._outages: WeakKeyDictionary[Any, Fault] = WeakKeyDictionary()

    def of(self, server: object) -> Vermilion:
        """Return the instance that a server stands for."""
        if server not in self._instances:
            self._instances[server] = Vermilion()
        return self._instances[server]

    def __get__(self, server: object, owner: type | None = None) -> bool:
        """Return whether a server can be reached."""
        return server not in self._outages

    def __set__(self, server: object, connected: bool) -> None:
        """Let a server go, or come back; it has its keys as before."""
        if connected and server in self._outages:
            self._outages.pop(server).end()
        elif not connected and server not in self._outages:
            instance = self.of(server)
            with instance.connect() as last:
                last.ping()
                self._outages[server] = instance.faults.refuse()
                last.client_kill_filter(skipme=True)


class PoolOptions(dict[str, Any]):
    """What a pool makes its connections with; asked for the `server` of fakeredis's pools, it has that, too."""

    def __init__(self, options: Mapping[str, Any], server: object) -> None:
        super().__init__(options)
        self._server = server

    def __missing__(self, name: str) -> object:
        """Return the server, which no connection takes."""
        if name != "server":
            raise KeyError(name)
        return self._server


def pytest_configure() -> None:
    """Replace fakeredis's server before the suite imports it."""
    servers: Any = importlib.import_module("fakeredis._clients._tcp_server")
    servers.TcpFakeServer = BackgroundServer


def pytest_sessionstart() -> None:
    """Replace fakeredis's clients, where the suite's fixtures choose from them and where tests name them."""
    instances = Instances()

    # `lua_modules`: which of Redis's Lua libraries fakeredis is to have: here are all of them
    def connect(server: object, lua_modules: object = None, **options: Any) -> object:
        del lua_modules
        client = instances.of(server).connect(**options)
        pool = client.connection_pool
        pool.connection_kwargs = PoolOptions(pool.connection_kwargs, server)
        return client

    def connect_async(server: object, lua_modules: object = None, **options: Any) -> object:
        del lua_modules
        return instances.of(server).connect_async(**options)

    # by what kind of client: of Valkey, of fakeredis, asynchronous
    chosen = importlib.import_module("test.conftest").CLIENT_CLASS_MAP
    chosen[False, True, False] = connect
    chosen[False, True, True] = connect_async
    fakeredis: Any = importlib.import_module("fakeredis")
    fakeredis.FakeServer.connected = instances
    fakeredis.FakeStrictRedis = connect
    # a test asks whether its client is one
    fakeredis.FakeAsyncRedis = redis.asyncio.Redis
