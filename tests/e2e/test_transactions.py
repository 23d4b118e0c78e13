"""redis-py's transactions, pipelines, MONITOR and pauses against the installed command."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.e2e.process import WAIT

pytestmark = pytest.mark.usefixtures("_empty")


@pytest.fixture(params=[2, 3])
def client(port: int, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A redis-py client, of either protocol; its types are wider than what these tests ask for."""
    with redis.Redis(
        port=port, protocol=request.param, decode_responses=True, socket_timeout=WAIT
    ) as connected:
        yield connected


@pytest.fixture
def _empty(client: Any) -> None:
    client.flushall()


@pytest.mark.parametrize("size", [1, 2, 3, 200, 1000])
def test_pipeline(client: Any, size: int) -> None:
    pipe = client.pipeline(transaction=True)
    for number in range(size):
        pipe.set(f"k{number}", number)
    for number in range(size):
        pipe.get(f"k{number}")
    pipe.hset("h", "f", 1)
    pipe.hgetall("h")
    expected = [True] * size + [str(number) for number in range(size)] + [1, {"f": "1"}]
    assert pipe.execute() == expected


def test_an_error_inside(client: Any) -> None:
    pipe = client.pipeline(transaction=True)
    pipe.set("a", "x").incr("a").set("b", 1)
    with pytest.raises(redis.ResponseError, match="not an integer"):
        pipe.execute()
    assert client.mget("a", "b") == ["x", "1"]
    pipe.set("a", "y").execute_command("NOSUCH").set("b", 2)
    with pytest.raises(redis.ResponseError, match="unknown command 'NOSUCH'"):
        pipe.execute()
    assert client.mget("a", "b") == ["x", "1"]


def test_watch_error(client: Any) -> None:
    with client.pipeline() as pipe:
        pipe.watch("k")
        client.set("k", 1)
        pipe.multi()
        pipe.incr("k")
        with pytest.raises(redis.WatchError):
            pipe.execute()
    assert client.get("k") == "1"


def test_transaction_of_many_threads(client: Any) -> None:
    def step(pipe: Any) -> None:
        value = int(pipe.get("k") or 0)
        pipe.multi()
        pipe.set("k", value + 1)

    def work() -> None:
        for _ in range(50):
            client.transaction(step, "k")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert client.get("k") == "200"


def test_monitor(client: Any) -> None:
    with client.monitor() as monitor:
        client.execute_command("SET", "a", 'with "quotes"')
        seen = monitor.next_command()
        while not seen["command"].startswith("SET"):  # what the client says when it connects
            seen = monitor.next_command()
        assert seen["command"] == 'SET a with "quotes"'
        assert seen["db"] == 0


def test_a_monitor_that_does_not_read_is_cut_off(client: Any) -> None:
    client.config_set("client-output-buffer-limit", "normal 1mb 0 0")
    try:
        with client.monitor():
            limit = time.monotonic() + WAIT
            while client.info("stats")["client_output_buffer_limit_disconnections"] == 0:
                client.set("a", "x" * 100_000)
                assert time.monotonic() < limit
    finally:
        client.config_set("client-output-buffer-limit", "normal 0 0 0")
        client.config_resetstat()


def test_client_pause(client: Any) -> None:
    client.client_pause(60_000, all=False)
    writer = threading.Thread(target=client.set, args=("a", 1))
    writer.start()
    limit = time.monotonic() + WAIT
    while client.info("clients")["blocked_clients"] == 0:
        assert time.monotonic() < limit
    assert client.get("a") is None
    client.client_unpause()
    writer.join(WAIT)
    assert client.get("a") == "1"
    start = time.monotonic()
    client.client_pause(100)
    assert client.ping()
    assert 0.09 < time.monotonic() - start < WAIT
