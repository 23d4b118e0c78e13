"""Messages on the wire: to thousands at once, to those who do not read, and to those who say nothing."""

import asyncio

import pytest

from tests.network.conftest import Connect, Start
from tests.network.test_connection import until
from tests.network.wire import Wire, call
from vermilion import Server
from vermilion.clock import ManualClock

MESSAGE = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n"


async def subscribe(wire: Wire, channel: bytes = b"c") -> None:
    await wire.send(call(b"SUBSCRIBE", channel))
    await wire.read(len(b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"))


async def test_many_subscribers_hear_a_message(connect: Connect, wire: Wire) -> None:
    subscribers = [await connect() for _ in range(200)]
    for subscriber in subscribers:
        await subscribe(subscriber)
    assert await wire.ask(b"PUBLISH", b"c", b"m") == b":200"
    for subscriber in subscribers:
        assert await subscriber.read(len(MESSAGE)) == MESSAGE


async def test_messages_come_before_later_replies_of_their_receiver(connect: Connect, wire: Wire) -> None:
    subscriber = await connect()
    await subscriber.send(call(b"HELLO", b"3") + call(b"SUBSCRIBE", b"c") + call(b"PING"))
    assert (await subscriber.reader.readuntil(b"+PONG\r\n")).endswith(b":1\r\n+PONG\r\n")
    assert await wire.ask(b"PUBLISH", b"c", b"m") == b":1"
    assert await subscriber.ask(b"ECHO", b"x") == b">3"
    assert await subscriber.read(len(MESSAGE) - 4) == MESSAGE[4:]
    assert await subscriber.reply() == b"x"


async def test_one_that_does_not_read_is_cut_off_and_others_are_not(
    start: Start, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    server = await start("--client-output-buffer-limit", "pubsub 1mb 0 0")
    async with Wire(server) as slow, Wire(server) as quick, Wire(server) as publisher:
        await subscribe(slow)
        await subscribe(quick)
        slow.reader._transport.pause_reading()  # type: ignore[attr-defined]  # as one that hangs
        payload = b"x" * 100_000
        count = 0
        while len(server.backend.engine.sessions) == 3:
            count += 1
            assert count < 1000
            await publisher.ask(b"PUBLISH", b"c", payload)
            head = await quick.line()
            assert head == b"*3"
            await quick.read(len(payload) + len(b"$7\r\nmessage\r\n$1\r\nc\r\n$100000\r\n\r\n"))
        assert await publisher.ask(b"PUBLISH", b"c", b"m") == b":1"
        assert await quick.read(len(MESSAGE)) == MESSAGE
        assert server.backend.engine.stats.output_limit_disconnections == 1
    assert "closed for overcoming of output buffer limits" in caplog.text


async def test_what_waits_to_be_sent_is_limited(start: Start) -> None:
    server = await start("--client-output-buffer-limit", "pubsub 1mb 0 0")
    async with Wire(server) as slow:
        await subscribe(slow)
        # At once: the subscriber has no turn in which to be sent anything.
        sent = [server.backend.engine.pubsub.publish(b"c", b"x" * 60_000) for _ in range(40)]
        assert (sent[0], sent[-1]) == (1, 0)
        assert sum(sent) == 18
        assert await slow.rest() == b""


async def test_the_soft_limit_of_a_subscriber_counts_seconds(start: Start, clock: ManualClock) -> None:
    server = await start("--client-output-buffer-limit", "pubsub 0 1mb 5", "--hz", "100")
    async with Wire(server) as slow, Wire(server) as publisher:
        await subscribe(slow)
        slow.reader._transport.pause_reading()  # type: ignore[attr-defined]  # as one that hangs
        sessions = server.backend.engine.sessions
        subscriber = next(iter(sessions.values()))
        while subscriber.transport.output_buffered <= 1 << 20:
            await publisher.ask(b"PUBLISH", b"c", b"x" * 500_000)
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        assert len(sessions) == 2
        clock.advance(ms=6000)
        await until(lambda: len(sessions) == 1)


async def test_what_waits_to_be_sent_is_shown(server: Server, connect: Connect, wire: Wire) -> None:
    subscriber = await connect()
    await subscribe(subscriber)
    number = max(server.backend.engine.sessions)
    await wire.send(
        call(b"PUBLISH", b"c", b"x" * 1000) + call(b"CLIENT", b"LIST", b"ID", str(number).encode())
    )
    assert await wire.reply() == b":1"
    listed = dict(field.split(b"=", 1) for field in (await wire.reply()).split())
    assert listed[b"flags"] == b"P"
    assert int(listed[b"omem"]) > 1000


async def test_a_silent_subscriber_is_not_idle(start: Start, clock: ManualClock) -> None:
    server = await start("--timeout", "10", "--hz", "100")
    async with Wire(server) as subscriber, Wire(server) as idle:
        await subscribe(subscriber)
        await idle.ask(b"PING")
        clock.advance(ms=60_000)
        await until(lambda: len(server.backend.engine.sessions) == 1)
        server.backend.engine.pubsub.publish(b"c", b"m")
        assert await subscriber.read(len(MESSAGE)) == MESSAGE


async def test_a_blocked_client_hears_invalidations(connect: Connect, wire: Wire) -> None:
    blocked = await connect()
    await blocked.send(call(b"HELLO", b"3") + call(b"CLIENT", b"TRACKING", b"ON") + call(b"GET", b"k"))
    await blocked.reader.readuntil(b"_\r\n")
    await blocked.send(call(b"BLPOP", b"l", b"0"))
    await wire.ask(b"PING")
    await wire.ask(b"SET", b"k", b"v")
    expected = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"
    assert await blocked.read(len(expected)) == expected
    await wire.ask(b"RPUSH", b"l", b"a")
    expected = b"*2\r\n$1\r\nl\r\n$1\r\na\r\n"
    assert await blocked.read(len(expected)) == expected
