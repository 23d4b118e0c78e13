"""`Vermilion`: one private engine in this process, its clients, and what a test does with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vermilion.config import Config
from vermilion.network.server import Server
from vermilion.testing import data as data_forms
from vermilion.testing.clock import MovableClock
from vermilion.testing.door import Door
from vermilion.testing.faults import Faults
from vermilion.testing.journal import CallJournal
from vermilion.testing.shared import SharedBackend
from vermilion.testing.snapshots import Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        - `clock` moves its time, `faults` lets calls of its clients go wrong.
    """

    def __init__(self, **directives: object) -> None:
        arguments = [
            "--save",
            "",
        ]  # what is in memory for a test or a program is not to be left in its directory
        for name, value in directives.items():
            arguments += [f"--{name.replace('_', '-')}", _text(value)]
        self.backend = SharedBackend(Config.from_arguments(arguments, {}), MovableClock())
        self.clock = self.backend.travel
        self.faults = Faults(self.backend)
        self.journal = CallJournal(self.backend)
        self.door = Door(self.backend)

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
        pool = InProcessPool(connection_class=InProcessConnection, vermilion=self.door, **options)
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
        pool = AsyncInProcessPool(connection_class=AsyncInProcessConnection, vermilion=self.door, **options)
        client = redis.asyncio.Redis(connection_pool=pool, single_connection_client=single)
        client.auto_close_connection_pool = True
        return client

    def snapshot(self) -> Snapshot:
        """Note what the instance is, to go back to: keys, directives, users, scripts, functions, the course of chance.

        Nothing is copied now: it costs microseconds, however many keys there are. What changes later is kept then.
        Clients and the clock are no part of it.

        Returns:
            What `restore` takes.

        Example:
            >>> instance = Vermilion()
            >>> client = instance.connect(decode_responses=True)
            >>> client.rpush("queue", "first")
            1
            >>> snapshot = instance.snapshot()
            >>> client.rpush("queue", "second"), client.set("other", 1)
            (2, True)
            >>> instance.restore(snapshot)
            >>> client.lrange("queue", 0, -1), client.dbsize()
            (['first'], 1)

        See Also:
            `restore`; `dump`, to keep what there is in a file.
        """
        with self.backend.lock:
            return self.backend.states.take()

    def restore(self, snapshot: Snapshot | None = None) -> None:
        """Become again what the instance was; as often as wanted.

        Args:
            snapshot: when; the latest snapshot if None. Later ones are forgotten.

        Raises:
            ValueError: when there is no such snapshot, or no longer.

        Example:
            See `snapshot`.

        See Also:
            `snapshot`.
        """
        with self.backend.lock:
            self.backend.states.restore(snapshot)

    def load(self, data: "Mapping[Any, Any] | str | Path") -> None:
        """Set keys, and leave the others as they are.

        Args:
            data: names and values: text, bytes and numbers are strings, a list is a list, a set is a set, a dict is a
                hash, `{"$zset": {...}}` a sorted set; or the path of a JSON file of the same. See docs/testing.md.

        Raises:
            TypeError: for what cannot be a value.
            ValueError: for a form that is not complete, or a value that is refused.

        Example:
            >>> instance = Vermilion()
            >>> instance.load({"greeting": "hello", "queue": ["a", "b"], "user:1": {"name": "Ann"}})
            >>> instance.load({"scores": {"$zset": {"ann": 1.5}}, "session": {"$string": "x", "$ttl": 30}})
            >>> client = instance.connect(decode_responses=True)
            >>> client.hget("user:1", "name"), client.zscore("scores", "ann"), client.ttl("session")
            ('Ann', 1.5, 30)

        See Also:
            `dump`, which gives the same form.
        """
        with self.backend.lock:
            self.backend.load_keys(data_forms.parsed(data))

    def dump(self, path: "str | Path | None" = None) -> dict[str, Any]:
        r"""Return all keys and values, in the form that `load` takes.

        Args:
            path: the JSON file to be written, too; none if None.

        Returns:
            Names and values, of which `json` makes text that people can read.

        Example:
            >>> instance = Vermilion()
            >>> client = instance.connect()
            >>> client.set("greeting", "hello"), client.sadd("tags", "b", "a"), client.set("raw", b"\xff")
            (True, 2, True)
            >>> instance.dump()
            {'greeting': 'hello', 'raw': '$base64:/w==', 'tags': {'$set': ['a', 'b']}}

        See Also:
            `load`; `snapshot`, to go back quickly.
        """
        with self.backend.lock:
            data = self.backend.dump_keys()
        if path is not None:
            Path(path).write_text(f"{data_forms.as_json(data)}\n", encoding="utf-8")
        return data

    def configure(self, **directives: object) -> None:
        """Change directives, as CONFIG SET does: all of them, or none.

        Args:
            directives: as `Vermilion` takes them.

        Raises:
            RespError: for one that does not exist, or that is fixed from the start, or a value that it does not take.

        Example:
            >>> instance = Vermilion()
            >>> instance.configure(maxmemory="100mb", notify_keyspace_events="KEA")
            >>> instance.connect(decode_responses=True).config_get("maxmemory")
            {'maxmemory': '104857600'}

        See Also:
            `snapshot`, which keeps them.
        """
        pairs = [
            (name.replace("_", "-").encode(), _text(value).encode()) for name, value in directives.items()
        ]
        with self.backend.lock:
            self.backend.config.set(pairs, local=True)

    def seed(self, number: int) -> None:
        """Let chance take the same course from here on, whenever the keys are the same: SPOP, RANDOMKEY, eviction.

        Args:
            number: which course.

        Example:
            >>> def draw() -> list[str]:
            ...     instance = Vermilion()
            ...     instance.seed(7)
            ...     instance.load({"faces": {"$set": list("abcdef")}})
            ...     return instance.connect(decode_responses=True).srandmember("faces", 3)
            >>> draw() == draw()
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
