"""The server: listeners in front of a backend, and the assembly that the command line runs."""

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Final, Self

from vermilion import errors
from vermilion.backends.memory_backend import MemoryCacheBackend
from vermilion.backends.server_backend import ServerBackend
from vermilion.config import Config, ConfigError
from vermilion.engine.acl import AclStartError
from vermilion.engine.engine import Engine
from vermilion.kinds import to_text
from vermilion.network.clients import Clients
from vermilion.network.connection import Connection
from vermilion.network.desk import Desk
from vermilion.network.supervision import notify
from vermilion.persistence.snapshots import LoadError
from vermilion.settings import Settings

GC_THRESHOLDS: Final = (50_000, 50, 100)
"""A server allocates containers for every call and frees them at once. CPython's default of 700 would look at the
young ones all the time, and walk through the whole keyspace every few seconds; values are acyclic, so that there
is next to nothing to find."""


class ListenError(Exception):
    """A listener could not be opened; the message is one line for the user."""


class Server:
    """Serves a backend over TCP and a Unix socket, to any Redis client.

    Args:
        backend: what executes the calls; a new `MemoryCacheBackend` when None.
        host: the address to listen on, or several; IPv4 or IPv6.
        port: the TCP port; 0 for any free one, None for no TCP.
        unixsocket: the path of a Unix socket, empty for none.

    Example:
        >>> import asyncio
        >>> async def main() -> bool:
        ...     async with Server(port=0) as server:
        ...         return server.port > 0
        >>> asyncio.run(main())
        True

    See Also:
        `MemoryCacheBackend`, to share with `CacheService`.

    LLM Context:
        - `async with` starts and stops it; `start` and `stop` do the same by hand.
        - It runs on the event loop that started it, and so does its backend.
        - `port` is the real one after the start, also when 0 was asked for.
        - Without a password it listens on the loopback only, by default.
    """

    def __init__(
        self,
        backend: ServerBackend | None = None,
        *,
        host: str | tuple[str, ...] = "127.0.0.1",
        port: int | None = 6379,
        unixsocket: str = "",
    ) -> None:
        self.backend: ServerBackend = backend or MemoryCacheBackend()
        self._hosts = (host,) if isinstance(host, str) else tuple(host)
        self._port = port
        self._unixsocket = unixsocket
        self._settings = self.backend.engine.settings
        self._clients = Clients(self.backend, unixsocket)
        self._listeners: list[asyncio.Server] = []
        self._unix_listener: asyncio.Server | None = None
        self._moving: asyncio.Task[None] | None = None
        self._stop_wanted = asyncio.Event()

    @property
    def host(self) -> str:
        """The first address that it listens on.

        Returns:
            An IPv4 or IPv6 address, as it was given.

        Example:
            >>> Server(port=0).host
            '127.0.0.1'

        See Also:
            `port`, `url`.
        """
        return self._hosts[0].removeprefix("-")

    @property
    def port(self) -> int:
        """The TCP port that it listens on.

        Returns:
            The real one once it listens, also when 0 was asked for; 0 without TCP.

        Example:
            >>> Server(port=7379).port
            7379

        See Also:
            `host`, `url`.
        """
        for listener in self._listeners:
            for listening in listener.sockets:
                return int(listening.getsockname()[1])
        return self._port or 0

    @property
    def url(self) -> str:
        """The address as clients take it.

        Returns:
            `redis://host:port`.

        Example:
            >>> Server(host="::1", port=7379).url
            'redis://[::1]:7379'

        See Also:
            `host`, `port`.
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, on the running event loop.

        Raises:
            ListenError: when an address cannot be listened on; nothing is left open then.

        Example:
            >>> async def main() -> str:
            ...     server = Server(port=0)
            ...     await server.start()
            ...     url = server.url
            ...     await server.stop()
            ...     return url[:18]
            >>> asyncio.run(main())
            'redis://127.0.0.1:'

        See Also:
            `stop`, `wait`.
        """
        self._stop_wanted.clear()
        await self.backend.initialize()
        try:
            if self._port is not None:
                await self._listen_tcp(self._hosts, self._port)
            if self._unixsocket:
                await self._listen_unix()
        except ListenError:
            await self.stop()
            raise
        # CONFIG GET and INFO tell where clients really are.
        self._settings.bind, self._settings.port = self._hosts, self.port
        self._settings.unixsocket = self._unixsocket
        self.backend.config.watch("bind", self._move)
        self.backend.config.watch("port", self._move)
        self.backend.engine.on_shutdown = self._stop_wanted.set
        self.backend.engine.while_busy = Desk(self._clients, self._listening_descriptors).serve
        self._clients.look_after()

    async def stop(self) -> None:
        """Stop accepting, let clients take what was written for them, and close; twice does no harm.

        The backend ends its background work and keeps its keys.

        Example:
            See `start`.

        See Also:
            `start`.
        """
        if self._moving is not None:
            await self._moving
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        if self._unix_listener is not None:
            self._unix_listener.close()
            self._unix_listener = None
            Path(self._unixsocket).unlink(missing_ok=True)  # noqa: ASYNC240  # one system call
        await self._clients.close()
        await self.backend.close()
        self._stop_wanted.set()

    async def wait(self) -> None:
        """Wait until something asks the server to stop: `SHUTDOWN`, or `stop`.

        Example:
            >>> async def main() -> None:
            ...     async with Server(port=0) as server:
            ...         await server.backend.call(b"SHUTDOWN", b"NOSAVE")
            ...         await server.wait()
            >>> asyncio.run(main())

        See Also:
            `stop`, which is still to be called.
        """
        await self._stop_wanted.wait()

    # Listening --------------------------------------------------------------------------------------------

    async def _listen_tcp(self, hosts: tuple[str, ...], port: int) -> None:
        """Listen on each of the addresses; all or none."""
        sockets = _bind(hosts, port)
        for bound in sockets:
            self._listeners.append(
                await asyncio.get_running_loop().create_server(
                    self._connect, sock=bound, backlog=self._settings.tcp_backlog
                )
            )

    async def _listen_unix(self) -> None:
        """Open the Unix socket in place of one that a dead server left."""
        path = Path(self._unixsocket)
        path.unlink(missing_ok=True)  # noqa: ASYNC240  # one system call
        try:
            listener = await asyncio.get_running_loop().create_unix_server(
                self._connect, self._unixsocket, backlog=self._settings.tcp_backlog
            )
        except OSError as error:
            raise ListenError(f"Failed opening Unix socket: bind: {_reason(error)}") from error
        self._unix_listener = listener
        if self._settings.unixsocketperm:
            path.chmod(self._settings.unixsocketperm)  # noqa: ASYNC240  # one system call

    def _listening_descriptors(self) -> list[int]:
        """Return the file descriptors that new clients come to."""
        listeners = [*self._listeners, *filter(None, [self._unix_listener])]
        return [listening.fileno() for listener in listeners for listening in listener.sockets]

    def _connect(self) -> Connection:
        """Return the protocol of a new connection."""
        return Connection(self._clients)

    def _move(self, settings: Settings) -> None:
        """Listen elsewhere after CONFIG SET of `port` or `bind`; ValueError when that cannot be."""
        if self._unix_listener is None and not self._listeners:
            return  # not started, or stopped
        if (settings.bind, settings.port) == (self._hosts, self.port):
            return
        old, before = self._listeners, (self._hosts, self.port)
        if settings.port == self.port:
            # The same port on other addresses: the old sockets would be in the way of the new ones.
            for listener in old:
                listener.close()
        try:
            sockets = _bind(settings.bind, settings.port) if settings.port else []
        except ListenError:
            if settings.port == before[1]:
                self._listeners = []
                self._serve_sockets(_bind(*before))
                raise ValueError(errors.CONFIG_BIND_FAILED) from None
            raise ValueError(errors.CONFIG_LISTEN_FAILED) from None
        for listener in old:
            listener.close()
        self._listeners = []
        self._hosts, self._port = settings.bind, settings.port or None
        self._serve_sockets(sockets)

    def _serve_sockets(self, sockets: list[socket.socket]) -> None:
        """Accept on sockets that listen already; clients that come before wait in their queues."""

        async def serve_all() -> None:
            loop = asyncio.get_running_loop()
            for bound in sockets:
                self._listeners.append(
                    await loop.create_server(self._connect, sock=bound, backlog=self._settings.tcp_backlog)
                )

        self._moving = asyncio.get_running_loop().create_task(serve_all())


def _bind(hosts: tuple[str, ...], port: int) -> list[socket.socket]:
    """Return listening sockets, one for each address; an address written with a `-` in front may be missing."""
    sockets: list[socket.socket] = []
    for written in hosts:
        host = written.removeprefix("-")
        try:
            sockets.append(_listening(host, port))
        except OSError as error:
            if written.startswith("-") and error.errno in _NOT_AVAILABLE:
                continue
            for bound in sockets:
                bound.close()
            raise ListenError(
                f"Could not create server TCP listening socket {host}:{port}: bind: {_reason(error)}"
            ) from error
        # The first socket chooses the port where any will do; the others follow it.
        port = port or sockets[0].getsockname()[1]
    if not sockets:
        raise ListenError(f"Could not listen on port {port}: no address of {' '.join(hosts)} is available")
    return sockets


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens on one address."""
    address = {"*": "0.0.0.0", "::*": "::"}.get(host, host)  # noqa: S104  # only where the user wrote `*`
    family, kind, protocol, _, name = socket.getaddrinfo(
        address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(name)
        bound.listen()
        bound.setblocking(False)
    except BaseException:
        bound.close()
        raise
    return bound


_NOT_AVAILABLE: Final = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}


def _reason(error: OSError) -> str:
    """Return what the system says, without the address that asyncio adds."""
    if isinstance(error, socket.gaierror) or not error.errno:
        return str(error.strerror or error)
    return os.strerror(error.errno)


def serve(config: Config, logger: logging.Logger) -> int:
    """Serve until SIGTERM, SIGINT or SHUTDOWN.

    Args:
        config: the configuration, read and checked.
        logger: where the log goes.

    Returns:
        The exit status of the process.

    Raises:
        ConfigError: for a `rename-command` that cannot be.

    See Also:
        `Server`, to do the same inside a program.
    """
    if sys.platform == "win32":
        return asyncio.run(_serve(config, logger))
    import uvloop  # noqa: PLC0415  # there is none on Windows

    return uvloop.run(_serve(config, logger))


async def _serve(config: Config, logger: logging.Logger) -> int:
    """Run the server of a process."""
    settings = config.settings
    try:
        backend = _backend(config)
    except ValueError as error:
        reason, *words = error.args
        line = " ".join(["rename-command", *(f'"{word}"' for word in words)])
        raise ConfigError(reason, line=line) from error
    except AclStartError as error:
        logger.warning("%s", error)
        return 1
    server = Server(
        backend,
        host=settings.bind,
        port=settings.port or None,
        unixsocket=settings.unixsocket,
    )
    logger.info("Running mode=standalone, port=%d.", settings.port)
    if settings.appendonly:
        logger.warning("appendonly yes has no effect: %s.", errors.NO_JOURNAL)
        settings.appendonly = False
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        backend.load()
    except LoadError as error:
        logger.warning("%s", error)
        logger.warning("Fatal error loading the DB, check server logs. Exiting.")
        return 1
    try:
        await server.start()
    except ListenError as error:
        logger.warning("%s, aborting.", error)
        return 1
    _stop_on_signals(server.backend.engine, logger)
    gc.collect()
    gc.freeze()
    backend.engine.eviction.settle()
    if settings.port:
        logger.info("Ready to accept connections tcp")
    if settings.unixsocket:
        logger.info("Ready to accept connections unix")
    notify(settings.supervised, "READY=1", os.environ)
    await server.wait()
    notify(settings.supervised, "STOPPING=1", os.environ)
    await server.stop()
    backend.end()
    logger.warning("Redis is now ready to exit, bye bye...")
    return 0


def _backend(config: Config) -> ServerBackend:
    """Return what executes the calls."""
    settings = config.settings
    if settings.backend == "memory":
        return MemoryCacheBackend(config=config)
    from vermilion.backends.proxy import Proxy  # noqa: PLC0415  # a store needs none of it
    from vermilion.backends.upstream_url import parse_upstream  # noqa: PLC0415

    try:
        url = parse_upstream(to_text(settings.upstream))
    except ValueError as error:
        raise ConfigError(str(error), source="Reading the upstream", line="upstream") from None
    try:
        return Proxy(url, config=config)
    except OSError as error:
        raise ConfigError(f"The TLS of the upstream cannot be spoken: {error}") from error


def _stop_on_signals(engine: Engine, logger: logging.Logger) -> None:
    """Let SIGTERM and SIGINT end the server, as `shutdown-on-sigterm` and `shutdown-on-sigint` say."""
    loop = asyncio.get_running_loop()
    settings = engine.settings

    def stop(name: str) -> None:
        logger.warning("Received %s scheduling shutdown...", name)
        how = settings.shutdown_on_sigterm if name == "SIGTERM" else settings.shutdown_on_sigint
        save = True if "save" in how else False if "nosave" in how else None
        if not engine.shut_down(save=save, force="force" in how):
            logger.warning("%s received but errors trying to shut down the server, see above", name)

    for number in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":
            signal.signal(
                number, lambda received, _: loop.call_soon_threadsafe(stop, signal.Signals(received).name)
            )
        else:
            loop.add_signal_handler(number, stop, number.name)
