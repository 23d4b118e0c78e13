"""The journal, as tests ask it."""

from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import pytest
import redis

from tests.testing.waiting import wait_until_blocked
from vermilion import Vermilion
from vermilion.testing.journal import CallJournal


@pytest.fixture
def client(instance: Vermilion) -> Any:
    client = instance.connect(decode_responses=True)
    client.ping()  # what a connection begins with is done
    return client


@pytest.fixture
def journal(instance: Vermilion, client: Any) -> CallJournal:
    instance.journal.start()
    return instance.journal


def message(error: pytest.ExceptionInfo[AssertionError]) -> str:
    return str(error.value)


def test_what_was_called_is_found(journal: CallJournal, client: Any) -> None:
    client.set("user:1", "ann", ex=10)
    client.incrby("visits", 3)
    client.config_get("port")
    (found,) = journal.assert_called("SET", "user:1", "ann", "EX", 10)
    assert (found.keys, found.db, found.error) == ((b"user:1",), 0, None)
    assert found.duration_ns is not None
    journal.assert_called("set user:*", key="user:?", db=0, times=1)
    journal.assert_called("SET", "user:1", ANY, b"EX", ANY)
    journal.assert_called("incr*", "visits", 3)
    journal.assert_called("CONFIG GET", "port")
    journal.assert_called("config get port")
    journal.assert_not_called("SET", "user:1", "ann")
    journal.assert_not_called("SET", key="other:*")
    journal.assert_not_called("SET", db=1)
    journal.assert_not_called("CONFIG SET")


def test_who_called_is_told(instance: Vermilion, journal: CallJournal, client: Any) -> None:
    web: Any = instance.connect(client_name="web", db=2)
    web.get("key")
    client.get("key")
    (call,) = journal.calls("GET", client="we*")
    assert (call.client_name, call.db) == ("web", 2)
    assert journal.calls("GET", client=call.client_id) == [call]
    assert journal.calls("GET", client=call.address) == [call]
    assert len(journal.calls("GET")) == 2
    assert "GET key    (client web, db 2)" in str(journal)


def test_a_limit_is_positive(journal: CallJournal) -> None:
    with pytest.raises(ValueError, match="positive"):
        journal.start(limit=0)


def test_a_message_says_how_often_it_was(journal: CallJournal, client: Any) -> None:
    client.get("a")
    client.get("a")
    with pytest.raises(AssertionError, match="GET a was called 2 times, and was to be called 1 time"):
        journal.assert_called("GET a", times=1)
    with pytest.raises(AssertionError, match="SET was not called, and was to be called 1 time"):
        journal.assert_called("SET", times=1)
    journal.assert_called("SET", times=0)
    with pytest.raises(AssertionError, match="GET with key a was not to be called, and was called 2 times"):
        journal.assert_not_called("GET", key="a")


def test_nothing_at_all_is_said_so(instance: Vermilion) -> None:
    with pytest.raises(AssertionError, match=r"Nothing was called. The journal is off."):
        instance.journal.assert_called("GET")
    instance.journal.start()
    with pytest.raises(AssertionError, match=r"Nothing was called.$"):
        instance.journal.assert_called("GET")


def test_the_order_of_calls(journal: CallJournal, client: Any) -> None:
    client.get("a")
    client.set("b", 1)
    client.get("c")
    journal.assert_order("GET a", "GET c")
    journal.assert_order(("GET", "a"), ("SET", "b", 1), "GET")
    journal.assert_calls("GET a", ("SET", "b", ANY), "GET c")
    with pytest.raises(AssertionError) as error:
        journal.assert_order("GET c", "SET b", "GET a")
    assert message(error).splitlines()[0] == "SET b was not called behind GET c."
    with pytest.raises(AssertionError) as error:
        journal.assert_calls("GET a", "SET x", "GET c")
    assert message(error).splitlines() == [
        "The calls were others.",
        "(- expected, + called)",
        "      GET a",
        "    - SET x",
        "    + SET b 1",
        "      GET c",
    ]
    with pytest.raises(AssertionError, match="The calls were others"):
        journal.assert_calls("GET a")


def test_a_pipeline_and_a_transaction(journal: CallJournal, client: Any) -> None:
    with client.pipeline() as pipeline:
        pipeline.set("a", 1).lpush("a", 1)
        with pytest.raises(redis.ResponseError):
            pipeline.execute()
    journal.assert_calls("MULTI", "SET a 1", "LPUSH a 1", "EXEC")
    (failed,) = journal.calls("LPUSH")
    assert (failed.inside, failed.error) == (
        "multi",
        "WRONGTYPE Operation against a key holding the wrong kind of value",
    )
    journal.clear()
    with client.pipeline(transaction=False) as pipeline:  # long enough to be run in columns
        for number in range(50):
            pipeline.set(f"key:{number}", number)
        pipeline.execute()
    assert len(journal.calls("SET", key="key:*")) == 50


def test_a_query_in_a_loop_is_caught(instance: Vermilion, client: Any) -> None:
    def load_profiles() -> None:
        client.smembers("users")
        for number in range(50):
            client.get(f"user:{number}:name")
        for name in ("ann", "bob", "eve"):
            client.hgetall(f"profile:{name}")

    with pytest.raises(AssertionError) as error, instance.journal.max_commands(3):
        load_profiles()
    assert message(error).splitlines() == [
        "54 commands were called, and at most 3 were expected:",
        "    50 × GET user:*:name    user:0:name, user:1:name, user:2:name, …",
        "     3 × HGETALL profile:*    profile:ann, profile:bob, profile:eve",
        "     1 × SMEMBERS users",
    ]
    assert not instance.journal.on
    with (
        instance.journal.max_commands(0, "SET"),
        instance.journal.max_commands(3, "HGETALL", key="profile:*"),
    ):
        load_profiles()
    none = pytest.raises(AssertionError, match="1 command was called, and none was expected")
    with none, instance.journal.max_commands(0):
        client.get("key")


def test_what_is_about_connections_does_not_count(instance: Vermilion) -> None:
    journal, client = instance.journal, instance.connect()
    with journal.max_commands(2), journal.max_round_trips(1), client.pipeline() as pipeline:
        pipeline.get("a")
        pipeline.get("b")
        pipeline.execute()


def both(client: Any) -> None:
    client.get("a")
    client.get("b")


def test_round_trips_are_counted(instance: Vermilion, client: Any) -> None:
    with instance.journal.max_round_trips(2), client.pipeline() as pipeline:
        for number in range(50):
            pipeline.get(f"user:{number}")
        pipeline.execute()
        client.get("other")
    two = pytest.raises(AssertionError, match="2 round trips were made, and at most 1 was expected")
    with two, instance.journal.max_round_trips(1):
        both(client)


def test_round_trips_over_tcp_are_counted(instance: Vermilion) -> None:
    with instance.serve() as server:
        client: Any = server.connect()
        with instance.journal.max_round_trips(1), client.pipeline() as pipeline:
            for number in range(50):
                pipeline.get(f"user:{number}")
            pipeline.execute()
        two = pytest.raises(AssertionError, match="2 round trips were made, and at most 1 was expected")
        with two, instance.journal.max_round_trips(1):
            both(client)
        instance.journal.start()
        client.set("user:1", "ann")
        instance.journal.assert_called("SET", "user:1", "ann", times=1)


def test_an_error_inside_is_not_hidden(instance: Vermilion, client: Any) -> None:
    with pytest.raises(redis.ResponseError), instance.journal.max_commands(0):
        client.execute_command("NOPE")
    assert not instance.journal.on


def test_scripts_do_not_count(instance: Vermilion, client: Any) -> None:
    journal = instance.journal
    journal.start(scripts=True)
    with journal.max_commands(1):
        client.eval("for _ = 1, 5 do redis.call('GET', KEYS[1]) end", 1, "key")
    assert len(journal.calls("GET")) == 5
    assert journal.calls("GET")[0].client_id == journal.calls("EVAL")[0].client_id
    assert "(by a script)" in str(journal)


def test_what_was_dropped_is_not_sworn_to(instance: Vermilion, client: Any) -> None:
    journal = instance.journal
    journal.start(limit=2)
    for _ in range(5):
        client.get("key")
    assert (len(journal), journal.dropped) == (2, 3)
    for ask in (
        lambda: journal.assert_not_called("SET"),
        lambda: journal.assert_called("GET", times=2),
        lambda: journal.assert_calls("GET", "GET"),
    ):
        with pytest.raises(AssertionError, match="3 calls had to make room"):
            ask()
    journal.assert_called("GET")
    with pytest.raises(AssertionError, match="… 3 earlier calls"):
        journal.assert_called("SET")


def test_recording_begins_anew(instance: Vermilion, client: Any) -> None:
    instance.journal.start()
    client.get("before")
    with instance.journal.recording() as journal:
        client.get("inside")
    client.get("after")
    assert [call.keys for call in journal] == [(b"inside",)]


def test_a_call_that_waits_is_shown_so(instance: Vermilion, journal: CallJournal, beside: Any) -> None:
    waiting = beside(instance.connect().blpop, "queue", 1)
    wait_until_blocked(instance)
    assert "BLPOP queue 1    (waits)" in str(journal)
    instance.clock.advance(timedelta(seconds=2))
    assert waiting.result() is None
    assert "waits" not in str(journal)


def test_any_bytes_can_be_shown(journal: CallJournal, client: Any) -> None:
    with pytest.raises(redis.ResponseError):
        client.execute_command(b"NO\xff", b"\x00")
    client.set(b"\xff key", b"x" * 100)
    shown = str(journal).encode().decode()
    assert 'SET "\\xff key" ' + "x" * 60 + "… (100 bytes)" in shown
    assert "\\udcff" in shown
    journal.assert_called("SET", b"\xff key", b"x" * 100)
