"""`Vermilion`: one private engine in this process, its clients, and what a test does with it."""

from typing import TYPE_CHECKING, Any

from vermilion.config import Config
from vermilion.network.server import Server
from vermilion.testing.clock import MovableClock
from vermilion.testing.shared import SharedBackend
from vermilion.testing.time_travel import TimeTravel

if TYPE_CHECKING:
    import redis
    import redis.asyncio


class Vermilion:
    """A Redis of its own in this process, without a socket.

    Args:
        directives: directives of redis.conf, with `_` for `-`: `maxmemory="100mb"`, `notify_keyspace_events="KEA"`.

    Raises:
        ConfigError: for a directive that does not exist, or a value that it does not take.

    Example:
        >>> instance = Vermilion()
        >>> client = instance.connect(decode_responses=True)
        >>> client.set("greeting", "hello"), client.get("greeting")
        (True, 'hello')

    See Also:
        `connect`, for a client of a new instance; `Server`, to serve one to programs of any language.

    LLM Context:
        - Two instances never meet; to share one is to pass it on.
        - Clients of threads and of event loops may use one instance at the same time.
        - There is no thread and no socket, so that nothing need be closed.
    """

    def __init__(self, **directives: object) -> None:
        arguments: list[str] = []
        for name, value in directives.items():
            arguments += [f"--{name.replace('_', '-')}", _text(value)]
        self.backend = SharedBackend(Config.from_arguments(arguments, {}), MovableClock())
        self.clock = TimeTravel(self.backend)

    def connect(self, **options: Any) -> "redis.Redis":
        """Return a client for programs without an event loop.

        Args:
            options: what redis-py's connections and pools take: `db`, `decode_responses`, `protocol`, `client_name`.

        Returns:
            An ordinary `redis.Redis`, which may be used by several threads.

        Example:
            >>> Vermilion().connect().incrby("visits", 3)
            3

        See Also:
            `connect_async`.
        """
        import redis  # noqa: PLC0415  # with its asyncio half it takes longer than everything else together

        from vermilion.testing.connection import InProcessConnection, InProcessPool  # noqa: PLC0415

        single = options.pop("single_connection_client", False)
        options.setdefault("socket_timeout", None)
        pool = InProcessPool(connection_class=InProcessConnection, vermilion=self, **options)
        client = redis.Redis(connection_pool=pool, single_connection_client=single)
        client.auto_close_connection_pool = True
        return client

    def connect_async(self, **options: Any) -> "redis.asyncio.Redis":
        """Return a client for programs with an event loop; it is bound to none.

        Args:
            options: what redis.asyncio's connections and pools take.

        Returns:
            An ordinary `redis.asyncio.Redis`.

        Example:
            >>> import asyncio
            >>> asyncio.run(Vermilion().connect_async().incrby("visits", 3))
            3

        See Also:
            `connect`.
        """
        import redis.asyncio  # noqa: PLC0415  # the same

        from vermilion.testing.async_connection import (  # noqa: PLC0415
            AsyncInProcessConnection,
            AsyncInProcessPool,
        )

        single = options.pop("single_connection_client", False)
        options.setdefault("socket_timeout", None)
        pool = AsyncInProcessPool(connection_class=AsyncInProcessConnection, vermilion=self, **options)
        client = redis.asyncio.Redis(connection_pool=pool, single_connection_client=single)
        client.auto_close_connection_pool = True
        return client

    def seed(self, number: int) -> None:
        """Let chance take the same course from here on, each time: SPOP, RANDOMKEY, SRANDMEMBER, eviction.

        Args:
            number: which course.

        Example:
            >>> instance = Vermilion()
            >>> client = instance.connect(decode_responses=True)
            >>> client.sadd("faces", *"abcdef")
            6
            >>> instance.seed(7)
            >>> first = client.srandmember("faces", 3)
            >>> instance.seed(7)
            >>> first == client.srandmember("faces", 3)
            True

        See Also:
            `snapshot`, which keeps the course, too.
        """
        with self.backend.lock:
            self.backend.engine.random.seed(number)

    def serve(self, *, host: str = "127.0.0.1", port: int | None = 0, unixsocket: str = "") -> Server:
        """Return a server of this instance, to be started: over TCP and in process there are the same keys.

        Args:
            host: the address to listen on.
            port: the TCP port; 0 for any free one, None for no TCP.
            unixsocket: the path of a Unix socket, empty for none.

        Returns:
            A server for `with`, or for `async with`.

        Example:
            >>> instance = Vermilion()
            >>> with instance.serve() as server:
            ...     server.connect().set("greeting", "hello")
            True
            >>> instance.connect().get("greeting")
            b'hello'

        See Also:
            `Server`.
        """
        return Server(self.backend, host=host, port=port, unixsocket=unixsocket)


def connect(**options: Any) -> "redis.Redis":
    """Return a client of a new, private instance.

    Args:
        options: as `Vermilion.connect` takes them.

    Returns:
        An ordinary `redis.Redis`.

    Example:
        >>> connect().set("greeting", "hello")
        True

    See Also:
        `Vermilion`, for several clients of one instance.
    """
    return Vermilion().connect(**options)


def connect_async(**options: Any) -> "redis.asyncio.Redis":
    """Return a client of a new, private instance, for programs with an event loop.

    Args:
        options: as `Vermilion.connect_async` takes them.

    Returns:
        An ordinary `redis.asyncio.Redis`.

    Example:
        >>> import asyncio
        >>> asyncio.run(connect_async().set("greeting", "hello"))
        True

    See Also:
        `Vermilion`, for several clients of one instance.
    """
    return Vermilion().connect_async(**options)


def _text(value: object) -> str:
    """Return the value of a directive as a configuration file has it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
