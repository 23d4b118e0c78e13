"""Pub/Sub in the engine: who is sent what, what a subscriber may call, and what is left when it goes."""

from collections.abc import Callable
from typing import Protocol

from vermilion.engine.engine import Engine
from vermilion.messaging import CHANNEL, PATTERN, SHARD
from vermilion.protocol.encode import encode_resp2, encode_resp3
from vermilion.protocol.reply import Broadcast, Messages, Push, Reply
from vermilion.session import GATE_SUBSCRIBED, Session, Transport

Run = Callable[[str], object]
Info = Callable[[str], dict[str, str]]


class FakeTransport(Transport, Protocol):
    """The one of conftest.py, which remembers what it was sent."""

    replies: list[Reply]


def test_a_message_is_encoded_once_for_all_its_receivers() -> None:
    message = Broadcast([b"message", b"c", b"m"])
    for encode, kind in ((encode_resp2, b"*"), (encode_resp3, b">")):
        pieces: list[bytes] = []
        encode(message, pieces.append)
        encode(message, pieces.append)
        assert pieces[0] == kind + b"3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n"
        assert pieces[0] is pieces[1]


def test_all_subscribers_are_sent_the_same_message(
    engine: Engine, session: Session, transport: FakeTransport, run: Run
) -> None:
    other = engine.open_session(transport)
    engine.execute(session, [b"SUBSCRIBE", b"c"])
    engine.execute(other, [b"PSUBSCRIBE", b"c*", b"x*"])
    publisher = engine.open_session(transport)
    assert engine.execute(publisher, [b"PUBLISH", b"c", b"m"]) == 2
    assert transport.replies == [[b"message", b"c", b"m"], [b"pmessage", b"c*", b"c", b"m"]]


def test_a_closed_session_leaves_nothing(engine: Engine, session: Session, run: Run, info: Info) -> None:
    run("SUBSCRIBE a b")
    run("PSUBSCRIBE a*")
    run("SSUBSCRIBE s")
    assert info("clients")["pubsub_clients"] == "1"
    engine.close_session(session)
    engine.close_session(session)
    assert [list(engine.pubsub.names(topic)) for topic in (CHANNEL, PATTERN, SHARD)] == [[], [], []]
    assert info("clients")["pubsub_clients"] == "0"
    assert engine.pubsub.publish(b"a", b"m") == 0


def test_a_subscriber_that_is_cut_off_by_a_message_is_sent_no_more(
    engine: Engine, session: Session, transport: FakeTransport, run: Run
) -> None:
    run("SUBSCRIBE c")
    run("PSUBSCRIBE c*")

    def cut_off(message: Reply) -> None:
        engine.close_session(session)

    transport.push = cut_off  # type: ignore[method-assign]  # a slow client
    publisher = engine.open_session(transport)
    assert engine.execute(publisher, [b"PUBLISH", b"c", b"m"]) == 1


def test_reset_and_the_last_unsubscribe_open_the_gate(session: Session, run: Run) -> None:
    run("SUBSCRIBE a")
    assert run("GET k") == (
        "ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this"
        " context"
    )
    assert run("UNSUBSCRIBE") == Messages([Push([b"unsubscribe", b"a", 0])])
    assert not session.gates & GATE_SUBSCRIBED
    run("SSUBSCRIBE a")
    run("RESET")
    assert not session.gates & GATE_SUBSCRIBED
    assert run("GET k") is None


def test_shard_channels_are_not_for_who_may_not_wait(session: Session, run: Run) -> None:
    session.may_wait = False
    assert run("SSUBSCRIBE s") == "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"
    assert run("SUBSCRIBE c") == Messages([Push([b"subscribe", b"c", 1])])


def test_ones_own_message_follows_the_reply(session: Session, transport: FakeTransport, run: Run) -> None:
    run("HELLO 3")
    run("SUBSCRIBE c")
    assert run("PUBLISH c m") == Messages([1, Broadcast([b"message", b"c", b"m"])])
    assert transport.replies == []
