"""What comes without a call: Pub/Sub, keyspace events, invalidations of client-side caches."""

import asyncio
import threading
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.testing.versions import needs_6, reconnects
from vermilion import Vermilion


def test_messages_are_received(instance: Vermilion, protocol: int) -> None:
    client: Any = instance.connect(protocol=protocol)
    with client.pubsub() as listener:
        listener.subscribe("news")
        listener.psubscribe("n*")
        assert [listener.get_message(timeout=1)["type"] for _ in range(2)] == ["subscribe", "psubscribe"]
        assert listener.get_message() is None
        assert listener.get_message(timeout=0.01) is None
        assert client.publish("news", "hello") == 2
        messages = [listener.get_message(timeout=1) for _ in range(2)]
        assert [(message["type"], message["data"]) for message in messages] == [
            ("message", b"hello"),
            ("pmessage", b"hello"),
        ]
        listener.unsubscribe()
        listener.punsubscribe()


def test_a_listener_is_woken(instance: Vermilion, protocol: int) -> None:
    client: Any = instance.connect(protocol=protocol, decode_responses=True)
    listener = client.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("news")
    heard: list[str] = []

    def listen() -> None:
        for message in listener.listen():
            heard.append(message["data"])
            if message["data"] == "end":
                return

    thread = threading.Thread(target=listen)
    thread.start()
    while client.pubsub_numsub("news") != [("news", 1)]:
        threading.Event().wait(0.001)
    client.publish("news", "hello")
    client.publish("news", "end")
    thread.join(timeout=5)
    assert heard == ["hello", "end"]
    listener.close()


def test_a_listener_runs_in_a_thread(instance: Vermilion, protocol: int) -> None:
    client: Any = instance.connect(protocol=protocol)
    heard: list[bytes] = []
    arrived = threading.Event()

    def hear(message: dict[str, Any]) -> None:
        heard.append(message["data"])
        arrived.set()

    listener = client.pubsub()
    listener.subscribe(news=hear)
    thread = listener.run_in_thread(sleep_time=0.01)
    client.publish("news", "hello")
    assert arrived.wait(5)
    thread.stop()
    thread.join(timeout=5)
    assert heard == [b"hello"]


@reconnects
def test_a_listener_that_is_killed_subscribes_again(instance: Vermilion, protocol: int) -> None:
    client: Any = instance.connect(protocol=protocol, retry=Retry(NoBackoff(), 1))
    listener = client.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("news")
    listener.get_message(timeout=1)
    instance.connect().client_kill_filter(_type="pubsub")
    listener.get_message(timeout=0.01)
    assert client.publish("news", "hello") == 1
    while (message := listener.get_message(timeout=1)) is None:
        pass
    assert message["data"] == b"hello"


def test_a_listener_that_is_killed_hears_what_had_come_before(instance: Vermilion, protocol: int) -> None:
    listener: Any = instance.connect(protocol=protocol).pubsub(ignore_subscribe_messages=True)
    listener.subscribe("news")
    client = instance.connect()
    client.publish("news", "hello")
    client.client_kill_filter(_type="pubsub")
    client.publish("news", "too late")
    assert listener.get_message(timeout=1) is None
    assert listener.get_message(timeout=1)["data"] == b"hello"
    with pytest.raises(redis.ConnectionError, match="closed by server"):
        listener.connection.read_response(push_request=True)


async def test_messages_are_received_on_a_loop(instance: Vermilion, protocol: int) -> None:
    client: Any = instance.connect_async(protocol=protocol)
    async with client.pubsub(ignore_subscribe_messages=True) as listener:
        await listener.subscribe("news")
        assert await listener.get_message(timeout=1) is None
        assert await listener.get_message(timeout=0.01) is None
        message = asyncio.create_task(listener.get_message(ignore_subscribe_messages=True, timeout=5))
        await asyncio.sleep(0)
        instance.connect().publish("news", "hello")
        assert (await message)["data"] == b"hello"


def test_keyspace_events(protocol: int) -> None:
    instance = Vermilion(notify_keyspace_events="KEA")
    client: Any = instance.connect(protocol=protocol)
    listener = client.pubsub(ignore_subscribe_messages=True)
    listener.psubscribe("__key*__:*")
    listener.get_message(timeout=1)
    client.set("key", "value")
    events = [listener.get_message(timeout=1) for _ in range(2)]
    assert [(event["channel"], event["data"]) for event in events] == [
        (b"__keyspace@0__:key", b"set"),
        (b"__keyevent@0__:set", b"key"),
    ]


@needs_6
def test_a_client_that_caches_is_told_of_changes(instance: Vermilion) -> None:
    cache = pytest.importorskip("redis.cache")
    client: Any = instance.connect(protocol=3, cache_config=cache.CacheConfig())
    other = instance.connect()
    other.set("key", "old")
    assert client.get("key") == b"old"
    before = other.info("commandstats")["cmdstat_get"]["calls"]
    assert client.get("key") == b"old"
    assert other.info("commandstats")["cmdstat_get"]["calls"] == before
    other.set("key", "new")
    assert client.get("key") == b"new"


@needs_6
def test_an_open_connection_reads_pushes_between_replies(instance: Vermilion) -> None:
    client: Any = instance.connect(protocol=3, single_connection_client=True)
    client.execute_command("CLIENT TRACKING", "ON")
    client.get("key")
    instance.connect().set("key", 1)
    assert client.get("key") == b"1"


def test_an_expired_key_is_told_of_while_somebody_listens() -> None:
    instance = Vermilion(notify_keyspace_events="Ex")
    client: Any = instance.connect()
    listener = client.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("__keyevent@0__:expired")
    listener.get_message(timeout=1)
    client.set("key", "value", px=1)
    message = None
    while message is None:
        message = listener.get_message(timeout=5)
    assert message["data"] == b"key"


@pytest.mark.parametrize("version", [2, 3])
def test_a_subscriber_may_not_read_keys_in_resp2(instance: Vermilion, version: int) -> None:
    client: Any = instance.connect(protocol=version)
    listener = client.pubsub()
    listener.subscribe("news")
    listener.get_message(timeout=1)
    listener.connection.send_command("GET", "key")
    if version == 2:
        with pytest.raises(redis.ResponseError, match="Can't execute 'get'"):
            listener.connection.read_response()
    else:
        assert listener.connection.read_response() is None
