"""The server: listeners in front of a backend, and the assembly that the command line runs."""

import asyncio
import gc
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Final

from vermilion import errors
from vermilion.backends.memory_backend import MemoryCacheBackend
from vermilion.config import Config
from vermilion.network.connection import Connection
from vermilion.session import Session

LOGGER: Final = logging.getLogger("vermilion")

GRACE_S: Final = 0.5
"""How long the end of the server waits for clients to take what was written for them."""

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
        self.hosts = (host,) if isinstance(host, str) else host
        self._port = port
        self.unixsocket = unixsocket
        self.connections: set[Connection] = set()
        engine = self.backend.engine
        self.settings = engine.settings
        self.stats = engine.stats
        self.now_ms = engine.clock.monotonic_ms()
        self._listeners: list[asyncio.Server] = []
        self._watch: asyncio.TimerHandle | None = None
        self.stopped = asyncio.Event()

    @property
    def host(self) -> str:
        """The first address that it listens on."""
        return self.hosts[0]

    @property
    def port(self) -> int:
        """The TCP port that it listens on, 0 without TCP."""
        for listener in self._listeners:
            for listening in listener.sockets:
                name = listening.getsockname()
                if isinstance(name, tuple):
                    return int(name[1])
        return self._port or 0

    @property
    def url(self) -> str:
        """The address as clients take it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis://{host}:{self.port}"

    async def __aenter__(self) -> "Server":
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen.

        Raises:
            ListenError: when an address cannot be listened on; nothing is left open then.

        See Also:
            `stop`.
        """
        await self.backend.initialize()
        try:
            if self._port is not None:
                await self._listen_tcp(self._port)
            if self.unixsocket:
                await self._listen_unix()
        except ListenError:
            await self.stop()
            raise
        self.backend.engine.on_shutdown = self.stopped.set
        self._look_after_clients()

    async def stop(self) -> None:
        """Stop accepting, let clients take what was written for them, and close; twice does no harm.

        See Also:
            `start`.
        """
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for connection in list(self.connections):
            connection.close()
        deadline = asyncio.get_running_loop().time() + GRACE_S
        while self.connections and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.005)
        for connection in list(self.connections):
            connection.abort()
        if self.unixsocket:
            Path(self.unixsocket).unlink(missing_ok=True)
        await self.backend.close()

    # Listening --------------------------------------------------------------------------------------------

    async def _listen_tcp(self, port: int) -> None:
        """Open a listener for each address; one written with a `-` in front may be missing on this machine."""
        loop = asyncio.get_running_loop()
        for written in self.hosts:
            host = written.removeprefix("-")
            address = {"*": "0.0.0.0", "::*": "::"}.get(host, host)  # noqa: S104  # only where the user wrote `*`
            try:
                listener = await loop.create_server(
                    lambda: Connection(self), address, port, backlog=self.settings.tcp_backlog
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
        path = Path(self.unixsocket)
        path.unlink(missing_ok=True)
        try:
            listener = await asyncio.get_running_loop().create_unix_server(
                lambda: Connection(self), self.unixsocket, backlog=self.settings.tcp_backlog
            )
        except OSError as error:
            raise ListenError(f"Failed opening Unix socket: bind: {_reason(error)}") from error
        self._listeners.append(listener)
        if self.settings.unixsocketperm:
            path.chmod(self.settings.unixsocketperm)

    # Clients ----------------------------------------------------------------------------------------------

    def refusal(self, transport: asyncio.Transport) -> str | None:
        """Return the error with which a new client is turned away, or None to take it in."""
        settings = self.settings
        if len(self.connections) >= settings.maxclients:
            self.stats.rejected_connections += 1
            return errors.MAX_CLIENTS
        if settings.protected_mode and not settings.requirepass:
            peer = transport.get_extra_info("peername")
            if isinstance(peer, tuple) and not _is_loopback(peer[0]):
                self.stats.rejected_connections += 1
                return errors.PROTECTED_MODE
        return None

    def _look_after_clients(self) -> None:
        """Once in a while: close idle clients, and those that have been over their soft limit for too long."""
        self.now_ms = self.backend.engine.clock.monotonic_ms()
        timeout = self.settings.timeout
        limits = self.settings.client_output_buffer_limit["normal"]
        if timeout or limits.hard or limits.soft:
            for connection in list(self.connections):
                connection.check_output_limit()
                if timeout:
                    connection.close_if_idle(self.now_ms, timeout)
        self._watch = asyncio.get_running_loop().call_later(1 / self.settings.hz, self._look_after_clients)

    def log_output_limit(self, session: Session) -> None:
        """Say that a client was cut off."""
        LOGGER.warning(
            "Client id=%d addr=%s closed for overcoming of output buffer limits.",
            session.id,
            session.transport.address,
        )


_NOT_AVAILABLE: Final = {97, 99}  # EAFNOSUPPORT, EADDRNOTAVAIL


def _is_loopback(host: str) -> bool:
    """Return whether an address is of this machine."""
    return host.startswith("127.") or host in {"::1", "::ffff:127.0.0.1"}


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
    _stop_on_signals(server, logger)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    if settings.port:
        logger.info("Ready to accept connections tcp")
    if settings.unixsocket:
        logger.info("Ready to accept connections unix")
    await server.stopped.wait()
    logger.info("User requested shutdown...")
    await server.stop()
    logger.warning("Redis is now ready to exit, bye bye...")
    return 0


def _stop_on_signals(server: Server, logger: logging.Logger) -> None:
    """Let SIGTERM and SIGINT end the server."""
    loop = asyncio.get_running_loop()

    def stop(name: str) -> None:
        logger.warning("Received %s scheduling shutdown...", name)
        server.stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        if sys.platform == "win32":
            signal.signal(
                number, lambda received, _: loop.call_soon_threadsafe(stop, signal.Signals(received).name)
            )
        else:
            loop.add_signal_handler(number, stop, number.name)
