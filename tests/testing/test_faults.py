"""Faults as redis-py's clients meet them: in process and over TCP, with and without an event loop."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.testing.versions import comes_again, reconnects
from tests.testing.waiting import wait_until_blocked
from vermilion import Vermilion

LOADING = "LOADING Redis is loading the dataset in memory"  # redis-py connects anew after it
READONLY = "READONLY You can't write against a read only replica."

Connect = Callable[..., Any]


@pytest.fixture(params=["in process", "over TCP"])
def place(request: pytest.FixtureRequest, instance: Vermilion) -> Iterator[Any]:
    """What makes clients of the instance: itself, and a server of it."""
    if request.param == "in process":
        yield instance
    else:
        with instance.serve() as server:
            yield server


@pytest.fixture
def connect(place: Any) -> Iterator[Connect]:
    """Makes clients that try once."""
    made = []

    def connect(**options: Any) -> Any:
        client = place.connect(**{"retry": Retry(NoBackoff(), 0), **options})
        made.append(client)
        return client

    yield connect
    for client in made:
        client.close()


@pytest.fixture
def client(connect: Connect, protocol: int) -> Any:
    return connect(protocol=protocol, decode_responses=True)


# Errors ---------------------------------------------------------------------------------------------------


def test_an_error(instance: Vermilion, client: Any) -> None:
    client.set("user:1", "Ann")
    with instance.faults.error("GET", LOADING, key="user:*", nth=2) as fault:
        assert client.get("user:1") == "Ann"
        assert client.get("other") is None
        with pytest.raises(redis.BusyLoadingError, match=r"^Redis is loading the dataset in memory$"):
            client.get("user:1")
        assert client.get("user:1") == "Ann"
    assert client.get("user:1") == "Ann"
    assert (fault.matched, fault.hits) == (3, 1)  # it has ended
    assert fault.seen > 3


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (READONLY, redis.ReadOnlyError),
        ("OOM command not allowed when used memory > 'maxmemory'.", redis.ResponseError),
        ("CLUSTERDOWN The cluster is down", redis.ResponseError),
        ("ERR é", redis.ResponseError),
    ],
)
def test_errors_of_every_kind(instance: Vermilion, client: Any, text: str, error: type[Exception]) -> None:
    with instance.faults.error(("SET", "@hash"), text):
        for call in (("SET", "k", "v"), ("HSET", "h", "f", "v")):
            with pytest.raises(error):
                client.execute_command(*call)
        assert client.exists("k", "h") == 0


def test_an_error_in_a_pipeline(instance: Vermilion, client: Any) -> None:
    with instance.faults.error("SET", READONLY, key="k5"):
        pipeline = client.pipeline(transaction=False)
        for number in range(10):
            pipeline.set(f"k{number}", number)
        replies = pipeline.execute(raise_on_error=False)
        assert [type(reply) is bool for reply in replies] == [number != 5 for number in range(10)]
        with pytest.raises(redis.ReadOnlyError):
            client.pipeline().set("a", 1).set("k5", 1).execute()
        assert client.exists("a") == 0


def test_scripts_are_called_by_nobody_but_their_client(instance: Vermilion, client: Any) -> None:
    with instance.faults.error("SET", LOADING):
        assert client.eval("return redis.call('SET', KEYS[1], 'v')", 1, "k") == "OK"
    with instance.faults.error("@scripting", LOADING), pytest.raises(redis.BusyLoadingError):
        client.eval("return 1", 0)


# Delays ---------------------------------------------------------------------------------------------------


def test_a_delayed_call_is_made_when_the_clock_says_so(
    instance: Vermilion, connect: Connect, client: Any, beside: Callable[..., Future[Any]]
) -> None:
    instance.clock.freeze()
    other = connect()
    with instance.faults.delay("SET", timedelta(seconds=30)):
        written = beside(client.set, "k", "late")
        wait_until_blocked(instance)
        assert other.get("k") is None
        instance.clock.advance(29.9)
        assert not written.done()
        instance.clock.advance(0.2)
        assert written.result(5) is True
    assert other.get("k") == b"late"


def test_a_delayed_call_is_made_when_time_has_passed(instance: Vermilion, client: Any) -> None:
    with instance.faults.delay("SET", 0.002, every=3) as fault:
        pipeline = client.pipeline(transaction=False)
        for number in range(10):
            pipeline.set(f"k{number}", number)
        pipeline.get("k9")
        assert pipeline.execute() == [True] * 10 + ["9"]
    assert fault.hits == 3


@pytest.mark.parametrize("fault", ["reset", "partial"])
def test_a_delayed_call_that_is_lost_in_the_end(
    instance: Vermilion, client: Any, beside: Callable[..., Future[Any]], fault: str
) -> None:
    instance.clock.freeze()
    instance.faults.delay("INCRBY", 30)
    if fault == "reset":
        instance.faults.reset("INCRBY", after=True)
    else:
        instance.faults.partial("INCRBY", 2)
    counted = beside(client.incr, "n")
    wait_until_blocked(instance)
    instance.clock.advance(30)
    with pytest.raises(redis.ConnectionError):
        counted.result(5)
    instance.faults.clear()
    assert client.get("n") == "1"


def test_a_client_that_is_impatient(instance: Vermilion, connect: Connect) -> None:
    instance.clock.freeze()
    client = connect(socket_timeout=0.01)
    with instance.faults.delay("SET", 30), pytest.raises(redis.TimeoutError):
        client.set("k", "v")
    assert client.get("k") is None
    instance.clock.advance(31)
    assert client.get("k") is None  # it took its call along


# Connections that break -----------------------------------------------------------------------------------


def test_a_connection_that_is_reset(instance: Vermilion, client: Any) -> None:
    with instance.faults.reset("INCRBY", nth=2) as fault:
        assert client.incr("n") == 1
        with pytest.raises(redis.ConnectionError, match="Connection reset by peer"):
            client.incr("n")
        assert client.incr("n") == 2  # on another connection
    assert fault.hits == 1


def test_a_call_that_is_made_and_lost(instance: Vermilion, client: Any) -> None:
    with instance.faults.reset("INCRBY", after=True, times=1), pytest.raises(redis.ConnectionError):
        client.incr("n")
    assert client.get("n") == "1"


def test_a_client_that_tries_again(instance: Vermilion, connect: Connect, protocol: int) -> None:
    errors = [redis.ConnectionError]  # which redis-py 5 wants to be told
    client = connect(retry=Retry(NoBackoff(), 2), retry_on_error=errors, protocol=protocol)
    with instance.faults.reset("INCRBY", after=True, times=2) as fault:
        assert client.incr("n") == 3
    assert (fault.matched, fault.hits) == (3, 2)


def test_a_pipeline_that_is_reset(instance: Vermilion, client: Any) -> None:
    with instance.faults.reset("SET", nth=5):
        pipeline = client.pipeline(transaction=False)
        for number in range(10):
            pipeline.set(f"k{number}", number)
        with pytest.raises(redis.ConnectionError):
            pipeline.execute()
    assert sorted(client.keys()) == ["k0", "k1", "k2", "k3"]


@pytest.mark.parametrize("size", [0, 1, 5, 100])
def test_a_part_of_a_reply(instance: Vermilion, client: Any, size: int) -> None:
    client.set("k", "value")
    pipeline = client.pipeline(transaction=False).set("a", 1).get("k").set("b", 1)
    with instance.faults.partial("GET", size) as fault, pytest.raises(redis.ConnectionError, match="closed"):
        pipeline.execute()
    assert fault.hits == 1
    assert client.exists("a", "b") == 1
    assert client.get("k") == "value"


@pytest.mark.parametrize("after", [False, True])
def test_silence(instance: Vermilion, connect: Connect, *, after: bool) -> None:
    client = connect(socket_timeout=0.01)
    with instance.faults.silence("SET", after=after), pytest.raises(redis.TimeoutError):
        client.pipeline(transaction=False).set("k", "v").get("k").execute()
    assert client.exists("k") == after


def test_a_blocked_call_that_is_lost(
    instance: Vermilion, client: Any, connect: Connect, beside: Callable[..., Future[Any]]
) -> None:
    with instance.faults.reset("BLPOP", after=True):
        popped = beside(client.blpop, "queue")
        wait_until_blocked(instance)
        connect().rpush("queue", "job")
        with pytest.raises(redis.ConnectionError):
            popped.result(5)
    assert client.exists("queue") == 0


@reconnects
def test_a_subscriber_whose_connection_is_reset(instance: Vermilion, connect: Connect, protocol: int) -> None:
    client = connect(protocol=protocol, retry=Retry(NoBackoff(), 1))
    listener = client.pubsub(ignore_subscribe_messages=True)
    with instance.faults.reset("SUBSCRIBE", times=1) as fault:
        listener.subscribe("news")
        listener.get_message(timeout=1)
    assert fault.matched == 2
    assert connect().publish("news", "hello") == 1
    assert listener.get_message(timeout=1)["data"] == b"hello"
    listener.close()


def test_calls_of_one_client(instance: Vermilion, connect: Connect) -> None:
    worker, web = connect(client_name="worker-1"), connect(client_name="web-1")
    with instance.faults.error("*", LOADING, client="worker-*"):
        assert web.ping()
        with pytest.raises(redis.BusyLoadingError):
            worker.ping()


# New connections ------------------------------------------------------------------------------------------


def test_connections_are_refused(instance: Vermilion, connect: Connect, client: Any) -> None:
    client.ping()
    with instance.faults.refuse() as fault:
        assert client.ping()  # it is connected
        with pytest.raises(redis.ConnectionError):
            connect().ping()
    assert fault.hits >= 1
    assert connect().ping()
    assert len(client.client_list()) == 2


@comes_again
def test_a_client_that_comes_again(instance: Vermilion, connect: Connect) -> None:
    client = connect(retry=Retry(NoBackoff(), 3))
    with instance.faults.refuse(times=1):
        assert client.ping()


def test_a_client_that_is_not_greeted(instance: Vermilion, connect: Connect) -> None:
    with instance.faults.error("HELLO", "NOPROTO no"), pytest.raises(redis.RedisError):
        connect(protocol=3).ping()


@pytest.mark.parametrize("fault", ["reset", "refuse"])
def test_a_unix_socket(instance: Vermilion, tmp_path: Path, fault: str) -> None:
    path = str(tmp_path / "redis.sock")
    with instance.serve(port=None, unixsocket=path):
        client = redis.Redis(unix_socket_path=path, retry=Retry(NoBackoff(), 0))
        made = instance.faults.refuse() if fault == "refuse" else instance.faults.reset("PING")
        with made, pytest.raises(redis.ConnectionError):
            client.ping()
        assert client.ping()
        client.close()


def test_what_a_test_does_itself_is_not_refused(instance: Vermilion) -> None:
    with instance.faults.refuse() as connections, instance.faults.error("*", LOADING) as calls:
        instance.load({"k": "v"})
        assert instance.dump() == {"k": "v"}
    assert (connections.seen, calls.seen) == (0, 0)


# With an event loop ---------------------------------------------------------------------------------------


@pytest.fixture
def connect_async(place: Any) -> Connect:
    """Makes clients that try once."""

    def connect(**options: Any) -> Any:
        return place.connect_async(**{"retry": AsyncRetry(NoBackoff(), 0), **options})

    return connect


async def test_errors_and_breaks_on_a_loop(
    instance: Vermilion, connect_async: Connect, protocol: int
) -> None:
    async with connect_async(protocol=protocol) as client:
        with instance.faults.error("GET", LOADING), pytest.raises(redis.BusyLoadingError):
            await client.get("k")
        with (
            instance.faults.reset("GET"),
            pytest.raises(redis.ConnectionError, match="Connection reset by peer"),
        ):
            await client.get("k")
        with instance.faults.partial("GET", 2), pytest.raises(redis.ConnectionError, match="closed"):
            await client.get("k")
        pipeline = client.pipeline(transaction=False)
        for number in range(10):
            pipeline.set(f"k{number}", number)
        with instance.faults.reset("SET", nth=5), pytest.raises(redis.ConnectionError):
            await pipeline.execute()
        assert await client.dbsize() == 4


async def test_a_clock_that_is_moved_on_a_loop(instance: Vermilion, connect_async: Connect) -> None:
    instance.clock.freeze()
    async with connect_async() as client, connect_async() as other:
        with instance.faults.delay("SET", 30):
            written = asyncio.create_task(client.set("k", "late"))
            while not len(instance.backend.engine.waiting):  # noqa: ASYNC110  # it does not tell
                await asyncio.sleep(0)
            assert await other.get("k") is None
            instance.clock.advance(30)
            assert await written is True
        assert await other.get("k") == b"late"


async def test_time_on_a_loop(instance: Vermilion, connect_async: Connect) -> None:
    async with connect_async(socket_timeout=0.02) as client:
        with instance.faults.delay("SET", 0.002):
            assert await client.set("k", "v") is True
        with instance.faults.silence("SET"), pytest.raises(redis.TimeoutError):
            await client.set("k", "w")
        assert await client.get("k") == b"v"


async def test_new_connections_on_a_loop(instance: Vermilion, connect_async: Connect) -> None:
    async with connect_async() as client:
        with instance.faults.refuse(), pytest.raises(redis.ConnectionError):
            await client.ping()
        assert await client.ping()


# The faults themselves ------------------------------------------------------------------------------------


def test_a_fault_without_with(instance: Vermilion) -> None:
    client = instance.connect()
    first, second = instance.faults.error("GET", LOADING), instance.faults.error("SET", LOADING)
    first.end()
    first.end()
    assert client.get("k") is None
    with pytest.raises(redis.BusyLoadingError):
        client.set("k", "v")
    instance.faults.clear()
    assert client.set("k", "v") is True
    assert (first.hits, second.hits) == (0, 1)


def test_how_a_fault_shows_itself(instance: Vermilion) -> None:
    fault = instance.faults.error(["GET", "MGET"], "LOADING x", key="user:*", nth=2)
    assert repr(fault) == "<Fault 1: ERROR LOADING x COMMAND GET COMMAND MGET KEY user:* NTH 2; 0 of 0 hit>"


def test_chance_is_the_same_in_each_run(instance: Vermilion) -> None:
    client: Any = instance.connect()

    def lost() -> list[int]:
        with instance.faults.error("ECHO", READONLY, probability=0.3, seed=3):
            replies = [
                client.pipeline(transaction=False).echo("x").execute(raise_on_error=False) for _ in range(40)
            ]
        return [number for number, (reply,) in enumerate(replies) if isinstance(reply, Exception)]

    assert lost() == lost()
    assert 4 < len(lost()) < 25


@pytest.mark.parametrize(
    "make",
    [
        lambda faults: faults.error("GTE", LOADING),
        lambda faults: faults.error([], LOADING),
        lambda faults: faults.error("GET", "ERR a\r\n+OK"),
        lambda faults: faults.delay("GET", 0),
        lambda faults: faults.delay("GET", timedelta(microseconds=1)),
        lambda faults: faults.partial("GET", -1),
        lambda faults: faults.reset("GET", nth=0),
        lambda faults: faults.refuse(probability=2),
    ],
)
def test_a_fault_that_cannot_be(instance: Vermilion, make: Callable[[Any], object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        make(instance.faults)
    assert instance.backend.engine.faults.rules == []
