"""kombu's queues on our server, by themselves: what is handed out again, bindings that expire, priorities."""

import queue as queues
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from kombu.connection import Connection
from kombu.entity import Exchange, Queue

if TYPE_CHECKING:
    import redis

WAIT = 5
"""The most seconds that a test waits for a message."""


@pytest.fixture
def connection(port: int, client: "redis.Redis") -> Iterator[Connection]:
    """A connection of kombu's, to whose keys it gives a prefix of its own."""
    options = {"visibility_timeout": 0.05, "unacked_mutex_expire": 10, "global_keyprefix": "app:"}
    with Connection(f"redis://127.0.0.1:{port}", transport_options=options) as ours:
        yield ours


def test_what_nobody_acknowledged_is_handed_out_again(connection: Connection, client: "redis.Redis") -> None:
    queue = connection.SimpleQueue("jobs")
    queue.put({"job": 1})
    first = queue.get(timeout=WAIT)
    channel = queue.channel
    assert client.zcard("app:unacked_index") == 1

    held = client.lock("app:unacked_mutex", timeout=10)
    assert held.acquire(blocking=False)
    channel.qos.restore_visible(interval=1)
    assert client.zcard("app:unacked_index") == 1  # another one restores at the moment
    held.release()

    until = time.monotonic() + WAIT
    while not client.llen("app:jobs"):
        assert time.monotonic() < until
        channel.qos.restore_visible(interval=1)
    assert not client.exists("app:unacked_mutex", "app:unacked", "app:unacked_index")
    again = queue.get(timeout=WAIT)
    assert again.payload == first.payload == {"job": 1}
    assert again.headers.get("redelivered") or again.delivery_info["redelivered"]
    again.ack()
    with pytest.raises(queues.Empty):
        queue.get(block=False)
    queue.close()


def test_bindings_of_expiring_queues_are_swept(connection: Connection, client: "redis.Redis") -> None:
    channel: Any = connection.default_channel
    exchange = Exchange("news", type="topic")
    brief = Queue("brief", exchange, routing_key="sport.#", expires=60)
    lasting = Queue("lasting", Exchange("other"), routing_key="all")
    brief(channel).declare()
    lasting(channel).declare()
    producer = connection.Producer(channel)
    producer.publish({"goal": 1}, exchange=exchange, routing_key="sport.football")
    message = brief(channel).get()
    assert message is not None
    assert message.payload == {"goal": 1}
    message.ack()
    assert channel.sweep_bindings() == 0
    [deadlines] = client.keys("app:*deadline*")
    assert client.zcount(deadlines, time.time() * 1000, "+inf") == 1
    assert client.exists("app:_kombu.binding.news")
    client.zadd(deadlines, {"news": 1})
    assert channel.sweep_bindings() == 1
    assert not client.exists("app:_kombu.binding.news", deadlines)
    assert client.exists("app:_kombu.binding.other")


def test_a_queue_by_priority(connection: Connection) -> None:
    queue = connection.SimpleQueue("ranked")
    for priority, word in ((9, "last"), (0, "first"), (5, "second")):
        queue.put(word, priority=priority)
    words = []
    for _ in range(3):
        message = queue.get(timeout=WAIT)
        words.append(message.payload)
        message.ack()
    assert words == ["first", "second", "last"]
    queue.put("more")
    assert queue.clear() == 1
    queue.close()
