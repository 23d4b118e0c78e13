"""Keyspace notifications: published only when asked for, and each event under its class."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

import vermilion.commands
from vermilion.engine.engine import Engine
from vermilion.keyspace.audience import EAR_EVENTS
from vermilion.keyspace.events import CLASSES
from vermilion.protocol.reply import Reply
from vermilion.session import Session, Transport

Run = Callable[[str], object]


class FakeTransport(Transport, Protocol):
    """The one of conftest.py, which remembers what it was sent."""

    replies: list[Reply]


@pytest.fixture
def listener(engine: Engine, transport: FakeTransport) -> Session:
    session = engine.open_session(transport)
    engine.execute(session, [b"PSUBSCRIBE", b"__key*__:*"])
    return session


@pytest.mark.parametrize("classes", ["", "K", "E", "KE", "A", "g$"])
def test_databases_do_not_tell_unless_there_is_something_to_publish(
    engine: Engine, run: Run, classes: str
) -> None:
    engine.configuration.set([(b"notify-keyspace-events", classes.encode())])
    assert not any(db.listening & EAR_EVENTS for db in engine.databases)
    engine.configuration.set([(b"notify-keyspace-events", b"Kg")])
    assert all(db.listening & EAR_EVENTS for db in engine.databases)


def test_missed_and_new_keys_are_not_among_all(
    engine: Engine, transport: FakeTransport, listener: Session, run: Run
) -> None:
    run("CONFIG SET notify-keyspace-events EA")
    run("GET k")
    run("SET k v")
    assert transport.replies == [[b"pmessage", b"__key*__:*", b"__keyevent@0__:set", b"k"]]


def test_new_stays_beside_all_though_config_get_does_not_show_it(
    transport: FakeTransport, listener: Session, run: Run
) -> None:
    run("CONFIG SET notify-keyspace-events EAn")
    assert run("CONFIG GET notify-keyspace-events") == {b"notify-keyspace-events": b"AE"}
    run("SET k v")
    assert [message[2] for message in transport.replies if isinstance(message, list)] == [
        b"__keyevent@0__:new",
        b"__keyevent@0__:set",
    ]


def test_every_event_of_a_command_has_a_class() -> None:
    announced = re.compile(r"""\.(?:changed|noted)\([^"]*?"([a-z-_]+)\"""")
    root = Path(vermilion.commands.__file__).parent
    events = {
        event for file in root.glob("*.py") for event in announced.findall(file.read_text(encoding="utf-8"))
    }
    assert len(events) > 30
    assert events <= CLASSES.keys()


def test_a_snapshot_that_is_read_makes_no_events(
    engine: Engine, transport: FakeTransport, listener: Session, run: Run
) -> None:
    run("CONFIG SET notify-keyspace-events EAn")
    engine.databases[0].load(b"k", b"v", None)
    assert transport.replies == []
    run("DEL k")
    assert transport.replies == [[b"pmessage", b"__key*__:*", b"__keyevent@0__:del", b"k"]]


@pytest.mark.parametrize("max_keys", [0, 2])
def test_eviction_is_an_event(max_keys: int, transport: FakeTransport, engine: Engine) -> None:
    bounded = Engine(engine.settings, engine.configuration, clock=engine.clock, max_keys=max_keys)
    engine.configuration.set([(b"notify-keyspace-events", b"Ee")])
    listener = bounded.open_session(transport)
    bounded.execute(listener, [b"SUBSCRIBE", b"__keyevent@0__:evicted"])
    client = bounded.open_session(transport)
    for key in (b"a", b"b", b"c"):
        bounded.execute(client, [b"SET", key, b"v"])
    assert transport.replies == ([[b"message", b"__keyevent@0__:evicted", b"a"]] if max_keys else [])
