"""Keys and values as Python's own and as JSON, in and out."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion import Vermilion
from vermilion.testing.data import read, written


@pytest.fixture
def client(instance: Vermilion) -> Any:
    return instance.connect(decode_responses=True)


def test_pythons_own_values_are_loaded(instance: Vermilion, client: Any) -> None:
    instance.load(
        {
            "text": "café",
            "number": 7,
            "float": 1.5,
            b"\xff": b"\x00\x01",
            "list": ["a", b"b", 3],
            "tuple": ("a",),
            "set": {"a", "b"},
            "hash": {"field": "value", "number": 7},
            "empty": [],
            "zset": {"$zset": {"a": 1, "b": 2.5, "c": "inf"}},
            "stream": {"$stream": [["1-1", {"f": "v"}], ("2-1", [["f", "1"], ["f", "2"]])]},
        }
    )
    assert client.get("text") == "café"
    assert client.incr("number") == 8
    assert client.get("float") == "1.5"
    assert instance.connect().get(b"\xff") == b"\x00\x01"
    assert client.lrange("list", 0, -1) == ["a", "b", "3"]
    assert client.type("tuple") == "list"
    assert client.smembers("set") == {"a", "b"}
    assert client.hgetall("hash") == {"field": "value", "number": "7"}
    assert client.exists("empty") == 0
    assert client.zscore("zset", "c") == float("inf")
    assert client.xlen("stream") == 2
    assert client.execute_command("XRANGE", "stream", "2-1", "2-1")[0][0] == "2-1"


def test_a_value_takes_the_place_of_another(instance: Vermilion, client: Any) -> None:
    client.rpush("key", "old")
    client.set("other", "stays")
    instance.load({"key": {"field": "new"}})
    assert client.hgetall("key") == {"field": "new"}
    assert client.get("other") == "stays"


def test_times_to_live(instance: Vermilion, client: Any) -> None:
    instance.clock.freeze()
    instance.clock.set(datetime(2030, 1, 1, tzinfo=UTC))
    instance.load(
        {
            "seconds": {"$string": "v", "$ttl": 1.5},
            "delta": {"$list": ["v"], "$ttl": timedelta(minutes=1)},
            "time": {"$string": "v", "$expires_at": datetime(2030, 1, 1, 0, 0, 10, tzinfo=UTC)},
            "text": {"$set": ["v"], "$expires_at": "2030-01-01T00:00:20+00:00"},
            "milliseconds": {"$string": "v", "$expires_at": 1893456030000},
            "hash": {"$hash": {"a": 1, "b": 2}, "$field_expires_at": {"a": "2030-01-01T00:01:00+00:00"}},
        }
    )
    names = ["seconds", "delta", "time", "text", "milliseconds"]
    assert [client.pttl(name) for name in names] == [1500, 60_000, 10_000, 20_000, 30_000]
    assert client.execute_command("HPTTL", "hash", "FIELDS", 2, "a", "b") == [60_000, -1]


def fill(client: Any) -> None:
    """Make keys of all types."""
    client.execute_command("VADD", "vectors", "VALUES", 2, 1, 2, "a", "SETATTR", "x")
    client.set("text", "v")
    client.set(b"\xff", b"\xfe")
    client.set("$set", "$base64:")
    client.append("raw", "appended")
    client.incr("number")
    client.set("later", "v", pxat=4_102_444_800_123)
    client.set("$databases", "a key like any other")
    client.rpush("list", "a", b"\x00", "c")
    client.sadd("intset", 3, 1, 2)
    client.sadd("set", "b", "a")
    client.hset("hash", mapping={"f": "v", "$f": b"\xff"})
    client.hset("expiring", mapping={"f": "v", "g": "w"})
    client.execute_command("HPEXPIREAT", "expiring", 4_102_444_800_456, "FIELDS", 1, "f")
    client.zadd("zset", {"a": 1, "b": -2.5, "c": float("inf"), b"\xfd": 1e300})
    client.xadd("stream", {"f": "v"}, id="1-1")
    client.execute_command("XADD", "twice", "1-1", "f", "1", "f", "2")
    client.xadd("grouped", {"f": "v"}, id="1-1")
    client.xgroup_create("grouped", "group", id="0")
    client.xreadgroup("group", "consumer", {"grouped": ">"})
    client.xadd("emptied", {"f": "v"}, id="5-5")
    client.xdel("emptied", "5-5")
    client.pfadd("sketch", "a", "b")
    client.execute_command("SELECT", 3)
    client.set("elsewhere", 1)
    client.execute_command("SELECT", 0)


def test_what_was_dumped_is_loaded_as_it_was(instance: Vermilion) -> None:
    client: Any = instance.connect(single_connection_client=True)
    fill(client)
    other = Vermilion()
    other.load(json.loads(json.dumps(instance.dump())))
    twin: Any = other.connect()
    assert other.dump() == instance.dump()
    assert sorted(twin.keys()) == sorted(client.keys())
    for key in sorted(client.keys()):
        if client.type(key) != b"stream":
            assert twin.execute_command("PEXPIRETIME", key) == client.execute_command("PEXPIRETIME", key)
    assert twin.xpending("grouped", "group") == client.xpending("grouped", "group")
    assert twin.xinfo_stream("emptied") == client.xinfo_stream("emptied")
    assert other.connect(db=3).get("elsewhere") == b"1"


def test_a_dump_can_be_read(instance: Vermilion) -> None:
    client: Any = instance.connect(single_connection_client=True)
    fill(client)
    data = instance.dump()
    assert data["text"] == "v"
    assert data["$base64:/w=="] == "$base64:/g=="
    assert data["$set"] == "$$base64:"
    assert data["later"] == {"$string": "v", "$expires_at": "2100-01-01T00:00:00.123+00:00"}
    assert data["intset"] == {"$set": ["1", "2", "3"]}
    assert data["hash"] == {"$hash": {"f": "v", "$f": "$base64:/w=="}}
    assert data["expiring"] == {
        "$hash": {"f": "v", "g": "w"},
        "$field_expires_at": {"f": "2100-01-01T00:00:00.456+00:00"},
    }
    assert data["zset"] == {"$zset": {"b": -2.5, "a": 1, "$base64:/Q==": 1e300, "c": "inf"}}
    assert data["stream"] == {"$stream": [["1-1", {"f": "v"}]]}
    assert data["twice"] == {"$stream": [["1-1", [["f", "1"], ["f", "2"]]]]}
    assert set(data["grouped"]) == set(data["vectors"]) == {"$rdb"}
    assert data["$databases"] == {"3": {"elsewhere": "1"}}
    assert data["$base64:JGRhdGFiYXNlcw=="] == "a key like any other"


def test_a_file_of_json(instance: Vermilion, client: Any, tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    client.set("greeting", "café")
    instance.dump(file)
    assert file.read_text(encoding="utf-8") == '{\n  "greeting": "café"\n}\n'
    client.flushall()
    instance.load(str(file))
    assert client.get("greeting") == "café"
    file.write_text("[1, 2]")
    with pytest.raises(TypeError, match="a JSON object of keys is wanted"):
        instance.load(file)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (object(), TypeError, "key: object cannot be a value"),
        (True, TypeError, "key: bool cannot be a value"),
        ([None], TypeError, "key: None cannot be a value"),
        ({"$list": "abc"}, TypeError, "str cannot be a collection"),
        ({"$hash": ["a"]}, TypeError, "list cannot be a mapping"),
        ({"$zset": {"a": "high"}}, ValueError, "key: ERR value is not a valid float"),
        ({"$set": ["a"], "$tll": 5}, ValueError, r"key: \$tll means nothing beside \$set"),
        ({"$rdb": "AAAA"}, ValueError, "DUMP payload version or checksum are wrong"),
        ({"$string": "v", "$expires_at": "tomorrow"}, ValueError, "key: Invalid isoformat"),
    ],
)
def test_what_is_no_value(instance: Vermilion, value: object, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        instance.load({"key": value})


def test_a_database_that_does_not_exist(instance: Vermilion) -> None:
    with pytest.raises(ValueError, match="no database 99"):
        instance.load({"$databases": {"99": {"key": "v"}}})


def test_nothing_stands_in_the_way() -> None:
    instance = Vermilion(requirepass="secret")
    instance.connect(password="secret").client_pause(60_000, all=False)
    instance.load({"key": "v"})
    assert instance.dump() == {"key": "v"}
    assert len(instance.connect(password="secret").client_list()) == 1


@given(st.binary())
def test_text_stands_for_its_bytes(data: bytes) -> None:
    assert read(written(data)) == data


@given(st.integers(0, 3), st.text())
def test_text_like_the_mark_itself(dollars: int, rest: str) -> None:
    data = f"{'$' * dollars}base64:{rest}".encode()
    assert read(written(data)) == data
