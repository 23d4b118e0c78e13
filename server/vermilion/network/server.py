"""The server: listeners in front of a backend."""

import asyncio
import logging
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from vermilion import errors
from vermilion.backends.memory_backend import MemoryCacheBackend
from vermilion.backends.server_backend import ServerBackend
from vermilion.network.background import Background
from vermilion.network.clients import Clients
from vermilion.network.connection import Connection
from vermilion.network.desk import Desk
from vermilion.network.listening import Listener, ListenError, Port, reason
from vermilion.network.tls import RELOADING, VERIFY_MODES, TlsError, TlsListener, server_context
from vermilion.settings import Settings

if TYPE_CHECKING:
    import redis
    import redis.asyncio

LOGGER: Final = logging.getLogger("vermilion")


class Server:
    """Serves a backend over TCP, TLS and a Unix socket, to any Redis client.

    Args:
        backend: what executes the calls; a new `MemoryCacheBackend` when None.
        host: the address to listen on, or several; IPv4 or IPv6.
        port: the TCP port; 0 for any free one, None for no plain TCP.
        tls_port: the TCP port for TLS; 0 for any free one, None for none. Certificate and key are those of the
            backend's configuration.
        unixsocket: the path of a Unix socket, empty for none.
        metrics_port: the TCP port for `/metrics` and `/healthz`; 0 for any free one, None for none. It listens on
            the addresses of the directive `metrics-bind`, and needs the extra `vermilion[metrics]`.

    Example:
        >>> import asyncio
        >>> async def main() -> bool:
        ...     async with Server(port=0) as server:
        ...         return server.port > 0
        >>> asyncio.run(main())
        True
        >>> with Server(port=0) as server:
        ...     server.connect().ping()
        True

    See Also:
        `MemoryCacheBackend`, to share with `CacheService`; `Vermilion`, for the clock and the snapshots of tests.

    LLM Context:
        - `async with` starts and stops it on the running event loop; `start` and `stop` do the same by hand.
        - `with` does it on a thread of its own, for programs without an event loop. `stop` is not for these.
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
        tls_port: int | None = None,
        unixsocket: str = "",
        metrics_port: int | None = None,
    ) -> None:
        self.backend: ServerBackend = backend or MemoryCacheBackend()
        self._hosts = (host,) if isinstance(host, str) else tuple(host)
        self._port = port
        self._tls_port = tls_port
        self._unixsocket = unixsocket
        self._metrics_port = metrics_port
        self._settings = self.backend.engine.settings
        self._clients = Clients(self.backend, unixsocket)
        self._plain = Port(self._serve_plain)
        self._tls = Port(self._serve_tls)
        self._tls_context: ssl.SSLContext | None = None
        self._metrics: Port | None = None
        self._unix_listener: asyncio.Server | None = None
        self._stop_wanted = asyncio.Event()
        self._made: list[redis.Redis] = []
        self._background: Background | None = None
        self._listening = False
        self._follows = False

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
            The real one once it listens, also when 0 was asked for; 0 without plain TCP.

        Example:
            >>> Server(port=7379).port
            7379

        See Also:
            `host`, `tls_port`, `url`.
        """
        return self._plain.number or self._port or 0

    @property
    def tls_port(self) -> int:
        """The TCP port that it speaks TLS on.

        Returns:
            The real one once it listens, also when 0 was asked for; 0 without TLS.

        Example:
            >>> Server(port=None, tls_port=7380).tls_port
            7380

        See Also:
            `port`, `url`.
        """
        return self._tls.number or self._tls_port or 0

    @property
    def metrics_port(self) -> int:
        """The TCP port of the metrics and the health check.

        Returns:
            The real one once it listens, also when 0 was asked for; 0 without metrics.

        Example:
            >>> Server(port=7379, metrics_port=9121).metrics_port
            9121

        See Also:
            `port`.
        """
        return (self._metrics.number if self._metrics else 0) or self._metrics_port or 0

    @property
    def url(self) -> str:
        """The address as clients take it.

        Returns:
            `redis://host:port`, or `rediss://host:port` where only TLS is spoken.

        Example:
            >>> Server(host="::1", port=7379).url
            'redis://[::1]:7379'

        See Also:
            `host`, `port`, `tls_port`.
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self._port is None and self._tls_port is not None:
            return f"rediss://{host}:{self.tls_port}"
        return f"redis://{host}:{self.port}"

    def connect(self, **options: Any) -> "redis.Redis":
        """Return a client for programs without an event loop; the server's end closes it.

        Args:
            options: what `redis.Redis.from_url` takes: `db`, `decode_responses`, `protocol`.

        Returns:
            An ordinary `redis.Redis`, over TCP.

        Example:
            >>> with Server(port=0) as server:
            ...     server.connect().set("greeting", "hello")
            True

        See Also:
            `connect_async`; `Vermilion.connect`, without a socket.
        """
        import redis  # noqa: PLC0415  # a server needs no client

        client: redis.Redis = redis.Redis.from_url(self.url, **options)
        self._made.append(client)
        return client

    def connect_async(self, **options: Any) -> "redis.asyncio.Redis":
        """Return a client for programs with an event loop, who close it themselves.

        Args:
            options: what `redis.asyncio.Redis.from_url` takes.

        Returns:
            An ordinary `redis.asyncio.Redis`, over TCP.

        Example:
            >>> async def main() -> None:
            ...     async with Server(port=0) as server, server.connect_async() as client:
            ...         print(await client.set("greeting", "hello"))
            >>> asyncio.run(main())
            True

        See Also:
            `connect`.
        """
        import redis.asyncio  # noqa: PLC0415  # the same

        client: redis.asyncio.Redis = redis.asyncio.Redis.from_url(self.url, **options)
        return client

    def __enter__(self) -> Self:
        self._background = Background(self)
        self._background.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._background is not None:
            self._background.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, on the running event loop.

        Raises:
            ListenError: when an address cannot be listened on, or TLS cannot be spoken; nothing is left open then.

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
            if self._tls_port is not None:
                self._tls_context = server_context(self._settings)
            if self._port is not None:
                await self._plain.open(self._hosts, self._port)
            if self._tls_port is not None:
                await self._tls.open(self._hosts, self._tls_port)
            if self._metrics_port is not None:
                await self._open_metrics(self._metrics_port)
            if self._unixsocket:
                await self._listen_unix()
        except TlsError as error:
            await self.stop()
            raise ListenError(f"Failed to configure TLS: {error}") from error
        except ListenError:
            await self.stop()
            raise
        # CONFIG GET and INFO tell where clients really are.
        self._settings.bind, self._settings.unixsocket = self._hosts, self._unixsocket
        self._settings.port, self._settings.tls_port = self.port, self.tls_port
        self._settings.metrics_port = self.metrics_port
        self._listening = True
        self._follow_configuration()
        self.backend.engine.on_shutdown = self._stop_wanted.set
        self.backend.serve_while_busy(Desk(self._clients, self._listening_descriptors).serve)
        self._clients.look_after()

    async def stop(self) -> None:
        """Stop accepting, let clients take what was written for them, and close; twice does no harm.

        The backend ends its background work and keeps its keys.

        Example:
            See `start`.

        See Also:
            `start`.
        """
        self._listening = False
        await self._plain.close()
        await self._tls.close()
        if self._metrics is not None:
            await self._metrics.close()
        if self._unix_listener is not None:
            self._unix_listener.close()
            self._unix_listener = None
            Path(self._unixsocket).unlink(missing_ok=True)  # noqa: ASYNC240  # one system call
        while self._made:
            self._made.pop().close()
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

    async def _serve_plain(self, listening: socket.socket) -> Listener:
        """Take clients from a socket."""
        return await asyncio.get_running_loop().create_server(
            self._connect, sock=listening, backlog=self._settings.tcp_backlog
        )

    async def _serve_tls(self, listening: socket.socket) -> Listener:
        """Take clients that speak TLS from a socket."""
        listening.listen(self._settings.tcp_backlog)
        return TlsListener(listening, self._clients, self._current_tls_context, self._connect)

    def _current_tls_context(self) -> ssl.SSLContext:
        """Return the context for the next handshake."""
        assert self._tls_context is not None  # noqa: S101  # nothing listens before there is one
        return self._tls_context

    async def _open_metrics(self, port: int) -> None:
        """Serve metrics and the health check."""
        try:
            from vermilion.network.metrics import metrics_site  # noqa: PLC0415  # an extra, which few have
        except ImportError as error:
            raise ListenError(
                f"metrics-port needs the package {error.name}: pip install 'vermilion[metrics]'"
            ) from error
        site = metrics_site(self.backend, self._clients.measures)
        self._metrics = Port(site.serve)
        await self._metrics.open(self._settings.metrics_bind, port)

    async def _listen_unix(self) -> None:
        """Open the Unix socket in place of one that a dead server left."""
        path = Path(self._unixsocket)
        path.unlink(missing_ok=True)  # noqa: ASYNC240  # one system call
        try:
            listener = await asyncio.get_running_loop().create_unix_server(
                self._connect, self._unixsocket, backlog=self._settings.tcp_backlog
            )
        except OSError as error:
            raise ListenError(f"Failed opening Unix socket: bind: {reason(error)}") from error
        self._unix_listener = listener
        if self._settings.unixsocketperm:
            path.chmod(self._settings.unixsocketperm)  # noqa: ASYNC240  # one system call

    def _listening_descriptors(self) -> list[int]:
        """Return the file descriptors that new clients come to, those of TLS aside: a busy script shakes no hands."""
        unix = self._unix_listener.sockets if self._unix_listener is not None else ()
        return [*self._plain.descriptors, *(listening.fileno() for listening in unix)]

    def _connect(self) -> Connection:
        """Return the protocol of a new connection."""
        return Connection(self._clients)

    # CONFIG SET -------------------------------------------------------------------------------------------

    def _follow_configuration(self) -> None:
        """Be told what CONFIG SET changes; once, however often the server is started."""
        if self._follows:
            return
        self._follows = True
        watch = self.backend.config.watch
        # Contexts first: a new `tls-port` needs one.
        for name in RELOADING:
            watch(name, self._reload_tls)
        watch("tls-auth-clients", self._ask_for_certificates)
        for name in ("bind", "port", "tls-port"):
            watch(name, self._move)

    def _move(self, settings: Settings) -> None:
        """Listen elsewhere after CONFIG SET of `port`, `tls-port` or `bind`; ValueError when that cannot be."""
        if not self._listening:
            return
        if settings.tls_port and self._tls_context is None:
            self._reload_tls(settings)
        refusal = errors.CONFIG_LISTEN_FAILED if settings.bind == self._hosts else errors.CONFIG_BIND_FAILED
        before = self._hosts, self.port, self.tls_port
        try:
            self._plain.move(settings.bind, settings.port)
            try:
                self._tls.move(settings.bind, settings.tls_port)
            except ListenError:
                self._plain.move(before[0], before[1])
                raise
        except ListenError as error:
            LOGGER.warning("%s", error)
            raise ValueError(refusal) from None
        self._hosts, self._port, self._tls_port = (
            settings.bind,
            settings.port or None,
            settings.tls_port or None,
        )

    def _reload_tls(self, settings: Settings) -> None:
        """Read certificates and ciphers anew, for the connections to come; ValueError when they are no good."""
        if not settings.tls_port or not self._listening:
            self._tls_context = None  # made when the port is opened
            return
        try:
            self._tls_context = server_context(settings)
        except TlsError as error:
            LOGGER.warning("Failed applying new TLS configuration: %s", error)
            raise ValueError(errors.CONFIG_TLS_FAILED) from None

    def _ask_for_certificates(self, settings: Settings) -> None:
        """Ask the clients to come for a certificate, or do not; without authorities none is good, as in Redis."""
        if self._tls_context is not None:
            self._tls_context.verify_mode = VERIFY_MODES[settings.tls_auth_clients]
