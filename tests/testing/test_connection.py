"""redis-py's ordinary client on an engine in this process."""

import gc
import os
import signal
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event, Thread
from time import sleep
from typing import Any

import pytest
import redis
from redis._parsers import _RESP2Parser, _RESP3Parser
from redis.backoff import NoBackoff
from redis.retry import Retry

import vermilion
from tests.testing.versions import closes
from tests.testing.waiting import wait_until_blocked
from vermilion import Vermilion


@pytest.fixture
def client(instance: Vermilion, protocol: int) -> Any:
    return instance.connect(protocol=protocol)


def test_it_is_an_ordinary_client(client: Any) -> None:
    assert type(client) is redis.Redis


def test_replies_of_every_kind(client: Any) -> None:
    assert client.set("text", "v") is True
    assert client.get("text") == b"v"
    assert client.get("missing") is None
    assert client.incr("number") == 1
    assert client.rpush("list", "a", b"\xff", 3, 1.5) == 4
    assert client.lrange("list", 0, -1) == [b"a", b"\xff", b"3", b"1.5"]
    assert client.hset("hash", mapping={"f": "v"}) == 1
    assert client.hgetall("hash") == {b"f": b"v"}
    assert client.sadd("set", "a") == 1
    assert set(client.smembers("set")) == {b"a"}
    assert client.zadd("zset", {"a": 1.5}) == 1
    assert client.zscore("zset", "a") == 1.5
    assert client.config_get("port") == {"port": "6379"}
    assert client.ping() is True
    assert client.echo("") == b""
    assert client.mget("text", "missing") == [b"v", None]


def test_the_same_replies_as_over_a_socket(protocol: int) -> None:
    calls: list[tuple[Any, ...]] = [
        ("XADD", "s", "1-1", "f", "v"), ("XRANGE", "s", "-", "+"), ("XINFO STREAM", "s"), ("COMMAND COUNT",),
        ("GEOADD", "g", 13.361389, 38.115556, "Palermo"), ("GEOPOS", "g", "Palermo", "nobody"),
        ("ZADD", "z", 1.5, "a", "2", "b"), ("ZRANGE", "z", 0, -1, "WITHSCORES"), ("ZMSCORE", "z", "a", "x"),
        ("HSET", "h", "f", "v"), ("HRANDFIELD", "h", 1, "WITHVALUES"), ("OBJECT", "ENCODING", "h"),
        ("LPOS", "missing", "a"), ("DEBUG", "SLEEP"), ("CLIENT", "GETNAME"), ("DUMP", "z"), ("SCAN", 0),
        ("COMMAND DOCS", "GET"), ("INCRBYFLOAT", "f", "0.1"), ("MEMORY", "USAGE", "missing"), ("NOPE",),
    ]  # fmt: skip
    inside = vermilion.connect(protocol=protocol)
    with vermilion.Server(port=0) as server:
        outside = server.connect(protocol=protocol)
        for call in calls:
            assert outcome(inside, call) == outcome(outside, call), call


def outcome(client: Any, call: tuple[Any, ...]) -> Any:
    """Return the reply, or what is raised."""
    try:
        return client.execute_command(*call)
    except redis.RedisError as error:
        return type(error), str(error)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (("LPUSH", "text", "a"), redis.ResponseError, "WRONGTYPE Operation against"),
        (("GET",), redis.ResponseError, "wrong number of arguments for 'get' command"),
        (("AUTH", "x"), redis.AuthenticationError, "AUTH <password> called without any password"),
        (("EXEC",), redis.ResponseError, "EXEC without MULTI"),
    ],
)
def test_errors_are_the_exceptions_of_redis_py(
    client: Any, call: tuple[str, ...], error: type[Exception], text: str
) -> None:
    client.set("text", "v")
    with pytest.raises(error, match="^" + text.replace("<", "<")):
        client.execute_command(*call)
    assert client.get("text") == b"v"


def test_what_cannot_be_an_argument_is_refused_by_redis_py(client: Any) -> None:
    with pytest.raises(redis.DataError):
        client.set("key", {"no": "value"})
    assert client.exists("key") == 0


def test_replies_are_decoded(instance: Vermilion, protocol: int) -> None:
    client: Any = instance.connect(protocol=protocol, decode_responses=True, encoding="latin-1")
    client.set("key", "é")
    client.rpush("list", "é", "b")
    client.zadd("zset", {"é": 1})
    assert instance.connect().get("key") == b"\xe9"
    assert client.get("key") == "é"
    assert client.lrange("list", 0, -1) == ["é", "b"]
    assert [member for member, _ in client.zrange("zset", 0, -1, withscores=True)] == ["é"]
    assert client.type("list") == "list"


def test_one_reply_is_not_decoded(instance: Vermilion) -> None:
    client: Any = instance.connect(decode_responses=True)
    client.set("key", b"\xff")
    assert client.execute_command("GET", "key", **{redis.client.NEVER_DECODE: []}) == b"\xff"
    assert client.dump("key") is not None


def test_pipelines(client: Any) -> None:
    pipeline = client.pipeline(transaction=False)
    for number in range(20):
        pipeline.set(f"key:{number}", number)
    pipeline.lpush("key:0", "a").get("key:3").mget("key:1", "key:2")
    replies = pipeline.execute(raise_on_error=False)
    assert replies[:20] == [True] * 20
    assert isinstance(replies[20], redis.ResponseError)
    assert replies[21:] == [b"3", [b"1", b"2"]]
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        client.pipeline().lpush("key:0", "a").execute()


def test_transactions_and_watched_keys(client: Any) -> None:
    client.set("key", 1)
    with client.pipeline() as pipeline:
        pipeline.watch("key")
        client.set("key", 2)
        pipeline.multi()
        pipeline.incr("key")
        with pytest.raises(redis.WatchError):
            pipeline.execute()

    def double(pipeline: Any) -> None:
        value = int(pipeline.get("key"))
        pipeline.multi()
        pipeline.set("key", 2 * value).get("key")

    assert client.transaction(double, "key") == [True, b"4"]
    assert client.pipeline().set("key", 7).get("key").lrange("none", 0, -1).execute() == [True, b"7", []]


def test_a_client_in_a_thread_is_woken_by_another(
    instance: Vermilion, client: Any, beside: Callable[..., Future[Any]]
) -> None:
    popped = beside(client.blpop, "queue", timeout=0)
    wait_until_blocked(instance)
    client.rpush("queue", "job")
    assert list(popped.result(timeout=5)) == [b"queue", b"job"]


def test_a_blocked_client_gives_up_in_time(client: Any) -> None:
    assert client.blpop("queue", timeout=0.05) is None
    assert client.ping()


def test_the_timeout_of_the_socket_ends_a_wait(instance: Vermilion) -> None:
    client: Any = instance.connect(socket_timeout=0.05, retry=Retry(NoBackoff(), 0))
    with pytest.raises(redis.TimeoutError):
        client.blpop("queue", timeout=0)
    client.rpush("queue", "job")
    assert client.llen("queue") == 1


def test_calls_behind_a_blocked_one_wait_for_it(
    instance: Vermilion, client: Any, beside: Callable[..., Future[Any]]
) -> None:
    pipeline = client.pipeline(transaction=False).blpop("queue", 0)
    pipeline.get("key").set("key", "later").incr("n").incr("n").incr("n").incr("n").incr("n")
    replies = beside(pipeline.execute)
    wait_until_blocked(instance)
    client.set("key", "now")
    client.rpush("queue", "job")
    popped, *others = replies.result(timeout=5)
    assert list(popped) == [b"queue", b"job"]
    assert others == [b"now", True, 1, 2, 3, 4, 5]


@closes
def test_the_connections_of_a_pool_are_clients(
    instance: Vermilion, beside: Callable[..., Future[Any]]
) -> None:
    client: Any = instance.connect(max_connections=2, client_name="worker", db=3)
    waiting = beside(client.blpop, "queue", timeout=0)
    wait_until_blocked(instance)
    names = [(entry["name"], entry["db"]) for entry in client.client_list()]
    assert names == [("worker", "3")] * 2
    client.rpush("queue", "job")
    waiting.result(timeout=5)
    client.close()
    assert len(instance.connect().client_list()) == 1


def test_a_client_that_is_killed_connects_again(instance: Vermilion) -> None:
    client: Any = instance.connect()
    identifier = client.client_id()
    assert instance.connect().client_kill_filter(_id=str(identifier)) == 1
    assert client.client_id() > identifier


def test_a_client_that_is_killed_while_it_waits(
    instance: Vermilion, beside: Callable[..., Future[Any]]
) -> None:
    client: Any = instance.connect(retry=Retry(NoBackoff(), 0))
    waiting = beside(client.blpop, "queue", timeout=0)
    wait_until_blocked(instance)
    instance.connect().client_kill_filter(skipme=True, _type="normal")
    with pytest.raises(redis.ConnectionError):
        waiting.result(timeout=5)


def test_a_forgotten_client_leaves(instance: Vermilion) -> None:
    client: Any = instance.connect()
    client.ping()
    del client
    gc.collect()
    assert len(instance.connect().client_list()) == 1


def test_clients_in_many_threads(instance: Vermilion, beside: Callable[..., Future[Any]]) -> None:
    client: Any = instance.connect()

    def count() -> None:
        for _ in range(300):
            client.incr("shared")
            client.pipeline().incr("shared").incr("shared").execute()

    for done in [beside(count) for _ in range(4)]:
        done.result()
    assert client.get("shared") == b"3600"


def test_a_monitor_sees_what_others_call(instance: Vermilion, client: Any) -> None:
    client.ping()
    with instance.connect().monitor() as monitor:
        client.set("key", "value")
        assert monitor.next_command()["command"] == "SET key value"


def test_a_password(protocol: int) -> None:
    instance = Vermilion(requirepass="secret")
    with pytest.raises(redis.AuthenticationError):
        instance.connect(protocol=2).get("key")
    assert instance.connect(password="secret", protocol=protocol).get("key") is None


def test_bytes_that_somebody_else_has_packed(client: Any) -> None:
    connection = client.connection_pool.make_connection()
    connection.send_packed_command(connection.pack_command("SET", "key", "v"))
    assert connection.read_response() == b"OK"
    connection.send_packed_command([b"*1\r\n$4\r\nPI"])
    connection.send_packed_command([b"NG\r\nGET key\r\n"])
    assert [connection.read_response(), connection.read_response()] == [b"PONG", b"v"]
    connection.send_packed_command([b"*1\r\n+PING\r\n"])
    with pytest.raises(redis.ResponseError, match="Protocol error"):
        connection.read_response()
    with pytest.raises(redis.ConnectionError):
        connection.read_response()


def test_every_parser_of_redis_py_reads_the_link(instance: Vermilion, protocol: int) -> None:
    parser = {2: _RESP2Parser, 3: _RESP3Parser}[protocol]
    client: Any = instance.connect(protocol=protocol, parser_class=parser)
    client.zadd("zset", {"a" * 100_000: 1.5})
    assert [member for member, _ in client.zrange("zset", 0, -1, withscores=True)] == [b"a" * 100_000]
    assert client.type("zset") == b"zset"


def test_a_health_check_is_made(instance: Vermilion) -> None:
    client: Any = instance.connect(health_check_interval=1)
    client.ping()
    before = client.info("commandstats")["cmdstat_ping"]["calls"]
    client.connection_pool._available_connections[0].next_health_check = 0
    client.get("key")
    assert client.info("commandstats")["cmdstat_ping"]["calls"] > before


def test_a_client_of_one_connection() -> None:
    client: Any = vermilion.connect(single_connection_client=True)
    assert client.client_id() == client.client_id()
    client.close()


def test_two_instances_never_meet() -> None:
    first, second = vermilion.connect(), vermilion.connect()
    first.set("key", 1)
    assert second.get("key") is None


def test_a_large_reply_of_pieces(client: Any) -> None:
    client.zadd("zset", {f"member:{number}": number for number in range(20_000)})
    assert len(client.zrange("zset", 0, -1, withscores=True)) == 20_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_has_a_copy_without_the_clients_of_other_threads(instance: Vermilion) -> None:
    client: Any = instance.connect()
    client.set("key", "v")
    waiting = Thread(target=lambda: instance.connect().blpop("queue"), daemon=True)
    waiting.start()
    wait_until_blocked(instance)
    inside = Event()

    def hold() -> None:
        with instance.backend.lock:
            inside.set()
            sleep(0.02)

    holding = Thread(target=hold)
    holding.start()
    inside.wait()
    child = os.fork()
    if not child:
        signal.alarm(5)  # a child that hangs fails
        known = client.get("key") == b"v" and client.rpush("queue", "kept") == client.llen("queue") == 1
        os._exit(0 if known and client.delete("key") else 1)
    assert os.waitpid(child, 0)[1] == 0
    holding.join()
    assert client.get("key") == b"v"
    client.rpush("queue", "taken")
    waiting.join()
