"""The server: listeners in front of a backend, and the assembly that the command line runs."""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from vermilion.backends.memory_backend import MemoryCacheBackend
from vermilion.config import Config
from vermilion.network.clients import Clients
from vermilion.network.connection import Connection

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
        backend: MemoryCacheBackend | None = None,
        *,
        host: str | tuple[str, ...] = "127.0.0.1",
        port: int | None = 6379,
        unixsocket: str = "",
    ) -> None:
        self.backend = backend or MemoryCacheBackend()
        self._hosts = (host,) if isinstance(host, str) else tuple(host)
        self._port = port
        self._unixsocket = unixsocket
        self._settings = self.backend.engine.settings
        self._clients = Clients(self.backend, unixsocket)
        self._listeners: list[asyncio.Server] = []
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
                name = listening.getsockname()
                if isinstance(name, tuple):
                    return int(name[1])
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

    async def __aenter__(self) -> "Server":
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
        await self.backend.initialize()
        try:
            if self._port is not None:
                await self._listen_tcp(self._port)
            if self._unixsocket:
                await self._listen_unix()
        except ListenError:
            await self.stop()
            raise
        self.backend.engine.on_shutdown = self._stop_wanted.set
        self._clients.look_after()

    async def stop(self) -> None:
        """Stop accepting, let clients take what was written for them, and close; twice does no harm.

        The backend ends its background work and keeps its keys.

        Example:
            See `start`.

        See Also:
            `start`.
        """
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        await self._clients.close()
        if self._unixsocket:
            Path(self._unixsocket).unlink(missing_ok=True)  # noqa: ASYNC240  # one system call
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

    async def _listen_tcp(self, port: int) -> None:
        """Open a listener for each address; one written with a `-` in front may be missing on this machine."""
        loop = asyncio.get_running_loop()
        for written in self._hosts:
            host = written.removeprefix("-")
            address = {"*": "0.0.0.0", "::*": "::"}.get(host, host)  # noqa: S104  # only where the user wrote `*`
            try:
                listener = await loop.create_server(
                    lambda: Connection(self._clients), address, port, backlog=self._settings.tcp_backlog
                )
            except OSError as error:
                if written.startswith("-") and error.errno in _NOT_AVAILABLE:
                    continue
                raise ListenError(
                    f"Could not create server TCP listening socket {host}:{port}: bind: {_reason(error)}"
                ) from error
            self._listeners.append(listener)
        if not self._listeners:
            raise ListenError(f"Failed listening on port {port} (tcp): no address is available")

    async def _listen_unix(self) -> None:
        """Open the Unix socket in place of one that a dead server left."""
        path = Path(self._unixsocket)
        path.unlink(missing_ok=True)
        try:
            listener = await asyncio.get_running_loop().create_unix_server(
                lambda: Connection(self._clients), self._unixsocket, backlog=self._settings.tcp_backlog
            )
        except OSError as error:
            raise ListenError(f"Failed opening Unix socket: bind: {_reason(error)}") from error
        self._listeners.append(listener)
        if self._settings.unixsocketperm:
            path.chmod(self._settings.unixsocketperm)


_NOT_AVAILABLE: Final = {97, 99}  # EAFNOSUPPORT, EADDRNOTAVAIL


def _reason(error: OSError) -> str:
    """Return what the system says, without the address that asyncio adds."""
    return os.strerror(error.errno) if error.errno else str(error)


def serve(config: Config, logger: logging.Logger) -> int:
    """Serve until SIGTERM, SIGINT or SHUTDOWN.

    Args:
        config: the configuration, read and checked.
        logger: where the log goes.

    Returns:
        The exit status of the process.

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
    server = Server(
        MemoryCacheBackend(config=config),
        host=settings.bind,
        port=settings.port or None,
        unixsocket=settings.unixsocket,
    )
    logger.info("Running mode=standalone, port=%d.", settings.port)
    try:
        await server.start()
    except ListenError as error:
        logger.warning("Warning: %s", error)
        if settings.port:
            logger.warning("Failed listening on port %d (tcp), aborting.", settings.port)
        return 1
    _stop_on_signals(server.backend.engine.on_shutdown, logger)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    if settings.port:
        logger.info("Ready to accept connections tcp")
    if settings.unixsocket:
        logger.info("Ready to accept connections unix")
    await server.wait()
    logger.info("User requested shutdown...")
    await server.stop()
    logger.warning("Redis is now ready to exit, bye bye...")
    return 0


def _stop_on_signals(stop_wanted: Callable[[], None], logger: logging.Logger) -> None:
    """Let SIGTERM and SIGINT end the server."""
    loop = asyncio.get_running_loop()

    def stop(name: str) -> None:
        logger.warning("Received %s scheduling shutdown...", name)
        stop_wanted()

    for number in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":
            signal.signal(
                number, lambda received, _: loop.call_soon_threadsafe(stop, signal.Signals(received).name)
            )
        else:
            loop.add_signal_handler(number, stop, number.name)
