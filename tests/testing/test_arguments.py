"""The arguments of calls, on their way from redis-py to the engine."""

from typing import Any

import pytest
from redis._parsers import Encoder
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError

from vermilion import Vermilion
from vermilion.testing.arguments import AlikeCalls, Calls, argument_vector, packed

UTF_8 = Encoder("utf-8", "strict", False)
LATIN = Encoder("latin-1", "replace", False)


def calls(form: Calls | AlikeCalls) -> list[list[bytes]]:
    return list(form if isinstance(form, Calls) else form.one_by_one())


@pytest.mark.parametrize("encoder", [UTF_8, LATIN])
@pytest.mark.parametrize(
    ("commands", "alike"),
    [
        pytest.param([("SET", f"é{n}", n) for n in range(5)], True, id="text and numbers"),
        pytest.param([("SET", b"\xff", memoryview(b"raw")) for _ in range(5)], True, id="bytes"),
        pytest.param(
            [("SET", f"é{n}", (b"raw", "é", 1.5)[n % 3]) for n in range(5)], True, id="mixed values"
        ),
        pytest.param([("GET", "a")] * 3, False, id="few"),
        pytest.param([("GET", "a")] * 4 + [("MGET", "a")], False, id="two commands"),
        pytest.param([("DEL", *"abc"[: n % 3 + 1]) for n in range(5)], False, id="ragged"),
        pytest.param([("CONFIG GET", f"p{n}") for n in range(5)], False, id="a name of two words"),
        pytest.param([(b"GET", "a")] * 5, False, id="names of bytes"),
        pytest.param([("PING",)] * 5, False, id="no arguments"),
        pytest.param([], False, id="nothing"),
    ],
)
def test_a_pipeline_is_the_same_calls_in_either_form(
    encoder: Any, commands: list[tuple[Any, ...]], alike: bool
) -> None:
    form = packed(iter(commands), encoder)
    assert isinstance(form, AlikeCalls) is alike
    assert len(form) == len(commands)
    assert calls(form) == [argument_vector(command, encoder) for command in commands]


@pytest.mark.parametrize("wrong", [True, None, object()])
def test_what_is_no_argument_is_refused_before_anything_runs(wrong: object) -> None:
    client = Vermilion().connect()
    pipeline = client.pipeline(transaction=False)
    for number in range(5):
        pipeline.execute_command("SET", f"key:{number}", "value" if number < 4 else wrong)
    with pytest.raises(DataError):
        pipeline.execute()
    assert client.dbsize() == 0


def test_alike_calls_wait_behind_a_call_that_waits() -> None:
    instance = Vermilion()
    waiting, other = instance.connect(), instance.connect()
    connection = waiting.connection_pool.make_connection()
    connection.send_command("BLPOP", "queue", 0)
    connection.send_packed_command(connection.pack_commands([("INCR", "n")] * 5))
    assert other.exists("n") == 0
    other.rpush("queue", "go")
    assert [connection.read_response() for _ in range(6)] == [[b"queue", b"go"], 1, 2, 3, 4, 5]
    connection.disconnect()


def test_alike_calls_of_an_ended_client_fail() -> None:
    instance = Vermilion()
    client, other = instance.connect(), instance.connect()
    connection = client.connection_pool.make_connection()
    connection.connect()
    other.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(RedisConnectionError, match="while writing to socket"):
        connection.send_packed_command(connection.pack_commands([("INCR", "n")] * 5))
    assert other.exists("n") == 0
