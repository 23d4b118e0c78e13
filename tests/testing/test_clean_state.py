"""What a test has left behind is gone."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from tests.testing.versions import once
from tests.testing.waiting import wait_until_blocked
from vermilion import Vermilion
from vermilion.testing.clean_state import CleanState


@pytest.fixture
def clean(instance: Vermilion) -> CleanState:
    instance.load({"key": "value"})
    return CleanState(instance)


def test_keys_directives_users_scripts_and_chance(instance: Vermilion, clean: CleanState) -> None:
    client: Any = instance.connect(decode_responses=True)
    users, directives = client.acl_list(), client.config_get("*")
    client.flushall()
    client.config_set("maxmemory", "1mb")
    client.config_set("slowlog-log-slower-than", 0)
    client.execute_command("ACL SETUSER", "ann", "on")
    digest = client.script_load("return 1")
    client.function_load("#!lua name=one\nredis.register_function('one', function() return 1 end)")
    instance.seed(7)
    clean.restore()
    client = instance.connect(decode_responses=True)
    assert client.get("key") == "value"
    assert client.config_get("*") == directives
    assert client.acl_list() == users
    assert client.script_exists(digest) == [False]
    assert client.function_list() == []
    assert client.slowlog_get() == []


def test_clients_of_the_test_are_gone_and_stay_away(instance: Vermilion) -> None:
    before: Any = instance.connect(client_name="before")
    before.ping()
    clean = CleanState(instance)
    client: Any = instance.connect()
    subscriber = client.pubsub()
    subscriber.subscribe("news")
    watching = client.pipeline()
    watching.watch("key")
    client.execute_command("MONITOR")
    clean.restore()
    assert [one["name"] for one in before.client_list()] == ["before"]
    assert before.publish("news", "late") == 0
    assert subscriber.get_message()["type"] == "subscribe"  # it had come before
    with pytest.raises(redis.ConnectionError):
        subscriber.get_message()
    with pytest.raises(redis.ConnectionError, match="is over"):
        instance_of(client).ping()


def instance_of(client: Any) -> Any:
    """Return another client on the pool of one that may be in a state of its own."""
    return redis.Redis(connection_pool=client.connection_pool, retry=once())


def test_a_thread_that_waits_does_not_come_back(instance: Vermilion, clean: CleanState, beside: Any) -> None:
    client: Any = instance.connect(retry=once())
    waiting = beside(client.blpop, "queue")
    wait_until_blocked(instance)
    clean.restore()
    with pytest.raises(redis.ConnectionError):
        waiting.result()
    assert len(instance.backend.engine.waiting) == 0


def test_clients_of_a_server_are_gone(instance: Vermilion, beside: Any) -> None:
    with instance.serve() as server:
        before: Any = server.connect()
        before.ping()
        clean = CleanState(instance)
        client: Any = redis.Redis.from_url(server.url, retry=once())
        client.ping()
        waiting = beside(client.blpop, "queue")
        wait_until_blocked(instance)
        clean.restore()
        with pytest.raises(redis.ConnectionError):
            waiting.result()
        assert len(before.client_list()) == 1
        client.close()


def test_a_script_that_does_not_end_is_ended(instance: Vermilion, clean: CleanState, beside: Any) -> None:
    instance.configure(busy_reply_threshold=1)
    running = beside(instance.connect(retry=once()).eval, "while true do end", 0)
    while instance.backend.engine.scripting is None or instance.backend.engine.scripting.running is None:
        time.sleep(0.001)
    clean.restore()
    with pytest.raises(redis.RedisError):
        running.result()
    assert instance.connect().ping()


def test_the_clock_is_the_machines(instance: Vermilion) -> None:
    client: Any = instance.connect()
    client.set("session", "ann", ex=60)
    clean = CleanState(instance)
    instance.clock.freeze()
    instance.clock.advance(timedelta(days=1))
    assert client.get("session") is None
    clean.restore()
    assert abs(instance.clock.now() - datetime.now(UTC)) < timedelta(seconds=10)
    assert 50 < client.ttl("session") <= 60


def test_faults_pauses_and_the_journal_end(instance: Vermilion) -> None:
    before: Any = instance.connect()
    before.ping()
    clean = CleanState(instance)
    instance.journal.start()
    instance.faults.error("GET", "LOADING Redis is loading the dataset in memory")
    before.client_pause(100_000)
    clean.restore()
    assert before.get("key") is None
    assert (instance.journal.on, len(instance.journal)) == (False, 0)


def test_debug_settings_are_put_back(instance: Vermilion, clean: CleanState) -> None:
    engine = instance.backend.engine
    engine.active_expire, engine.cron_paused = False, True
    clean.restore()
    assert (engine.active_expire, engine.cron_paused) == (True, False)


def test_a_test_may_go_back_beyond_its_beginning(instance: Vermilion) -> None:
    earlier = instance.snapshot()
    instance.load({"key": 1})
    clean = CleanState(instance)
    instance.restore(earlier)
    clean.restore()
    assert instance.dump() == {}


def test_states_lie_within_each_other(instance: Vermilion) -> None:
    client: Any = instance.connect()
    outer = CleanState(instance)
    for number in range(3):
        client.set("outer", number)
        inner = CleanState(instance)
        client.set("inner", 1)
        client.delete("outer")
        inner.restore()
        assert client.keys() == [b"outer"]
    outer.restore()
    assert client.keys() == []
    assert instance.backend.states.taken == []
