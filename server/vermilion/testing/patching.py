"""Code that makes its own connections, on an instance: redis-py's classes ask here before they open a socket.

The seam is `_connect`, in which redis-py's classes say what they are connected to. While something is patched, it is
ours, for whoever connects to a host that is meant: pools that were made before and subclasses included. All others
connect as they always do. `can_read` is the one thing that redis-py asks of the operating system instead of its socket.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from vermilion.testing.link import Link

if TYPE_CHECKING:
    from vermilion.testing.instance import Vermilion

_patches: Final[list["Patch"]] = []
"""What is patched, the latest last: redis-py's classes are the same everywhere in the process."""

_replaced: Final[list[tuple[Any, str, Callable[..., Any]]]] = []
"""The classes of redis-py of which a method is ours for now, its name, and their own."""


class Patch:
    """Which connections go to an instance.

    Args:
        instance: where they go.
        host: a glob for the name of the host as the client has it; any if None.
        port: the port; any if None.
        path: a glob for the path of a Unix socket; any if None.
    """

    def __init__(self, instance: "Vermilion", host: str | None, port: int | None, path: str | None) -> None:
        self.door = instance.door
        self.connections: WeakSet[Any] = WeakSet()
        self._host = host
        self._port = port
        self._path = path

    def concerns(self, connection: Any) -> bool:
        """Return whether a connection goes to the instance."""
        path = getattr(connection, "path", None)
        if path is not None:
            if self._path is None:
                return self._host is None and self._port is None
            return fnmatchcase(str(path), self._path)
        host, port = str(connection.host), int(connection.port)
        return (
            (self._host is None or fnmatchcase(host, self._host))
            and self._port in {None, port}
            and (self._path is None or self._host is not None or self._port is not None)
        )

    def end(self) -> None:
        """Disconnect who came in this way."""
        for connection in list(self.connections):
            for name in ("_sock", "_reader"):
                link = getattr(connection, name, None)
                if isinstance(link, Link):
                    with link.backend.lock:
                        if not link.ended:
                            link.abort()
                    connection._parser.on_disconnect()  # noqa: SLF001  # as its own `disconnect` does
                    connection._sock = connection._reader = connection._writer = None  # noqa: SLF001  # the same


@contextmanager
def patch_redis(
    instance: "Vermilion", *, host: str | None = None, port: int | None = None, path: str | None = None
) -> Iterator[None]:
    """Let the connections that redis-py opens inside of `with` be connections to an instance, in this process.

    It concerns whoever makes a `redis.Redis`, a `redis.asyncio.Redis`, a pool or a connection by itself, also from
    URLs and before. What is connected already stays so; what was connected here is disconnected at the end.

    Args:
        instance: to which.
        host: only those to such a host, a glob; any if None.
        port: only those to this port; any if None.
        path: only those to such a Unix socket, a glob; any, if neither host nor port is given, if None.

    Yields:
        Nothing.

    Example:
        >>> import redis
        >>> from vermilion import Vermilion
        >>> instance = Vermilion()
        >>> with patch_redis(instance, host="cache.internal"):
        ...     redis.Redis("cache.internal").set("greeting", "hello")
        True
        >>> instance.connect().get("greeting")
        b'hello'

    See Also:
        `register_url`, for code that takes a URL.
    """
    patch = Patch(instance, host, port, path)
    if not _patches:
        _replace()
    _patches.append(patch)
    try:
        yield
    finally:
        _patches.remove(patch)
        if not _patches:
            for kind, name, own in _replaced:
                setattr(kind, name, own)
            _replaced.clear()
        patch.end()


def _replace() -> None:
    """Have redis-py's classes ask here before they connect."""
    import redis.asyncio.connection  # noqa: PLC0415  # with its asyncio half it takes longer than everything else
    import redis.connection  # noqa: PLC0415

    sync, asynchronous = redis.connection, redis.asyncio.connection
    methods: list[tuple[Any, str, Callable[..., Any]]] = [
        (sync.Connection, "_connect", _sync),
        (sync.SSLConnection, "_connect", _sync),
        (sync.UnixDomainSocketConnection, "_connect", _sync),
        (sync.AbstractConnection, "can_read", _readable),
        (asynchronous.Connection, "_connect", _async),
        (asynchronous.UnixDomainSocketConnection, "_connect", _async),
        (asynchronous.AbstractConnection, "can_read", _async_readable),  # its name from redis-py 8 on
        (asynchronous.AbstractConnection, "can_read_destructive", _async_readable),
    ]
    for kind, name, replacement in methods:
        own = getattr(kind, name, None)
        if own is not None:
            _replaced.append((kind, name, own))
            setattr(kind, name, replacement(own))


def _found(connection: Any) -> Patch | None:
    """Return the latest patch that concerns a connection."""
    return next((patch for patch in reversed(_patches) if patch.concerns(connection)), None)


def _sync(own: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a `_connect` for a class of programs without an event loop."""
    from vermilion.testing.connection import SocketLink  # noqa: PLC0415  # it needs redis-py

    def _connect(self: Any) -> Any:
        patch = _found(self)
        if patch is None:
            return own(self)
        patch.connections.add(self)
        return SocketLink(patch.door.backend, self.socket_timeout)

    return _connect


def _readable(own: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `can_read` that knows links, too."""
    from vermilion.testing.connection import InProcessConnection, SocketLink  # noqa: PLC0415  # the same

    def can_read(self: Any, *args: Any, **options: Any) -> Any:
        ours = isinstance(self._sock, SocketLink)  # which has no file descriptor to ask
        return (InProcessConnection.can_read if ours else own)(self, *args, **options)

    return can_read


def _async(own: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a `_connect` for a class of programs with an event loop."""
    from vermilion.testing.async_connection import StreamLink  # noqa: PLC0415  # the same

    async def _connect(self: Any) -> None:
        patch = _found(self)
        if patch is None:
            await own(self)
            return
        patch.connections.add(self)
        self._reader = self._writer = StreamLink(patch.door.backend)

    return _connect


def _async_readable(own: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `can_read` that knows links, too, which have no buffer to look into."""

    async def can_read(self: Any) -> bool:
        link = self._reader
        if isinstance(link, Link):
            return bool(link.inbox) or link.ended
        return bool(await own(self))

    return can_read
