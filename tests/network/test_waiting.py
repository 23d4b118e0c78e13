"""Clients whose call waits: what they send meanwhile, what they get when, and what becomes of them."""

import asyncio
from collections.abc import Callable
from functools import partial

from tests.network.conftest import Connect, Start
from tests.network.test_connection import until
from tests.network.wire import Wire, call
from vermilion import Server
from vermilion.clock import ManualClock


def blocked(server: Server) -> Callable[[], bool]:
    return lambda: len(server.backend.engine.waiting) > 0


async def test_later_calls_wait_behind_it_in_order(server: Server, wire: Wire, connect: Connect) -> None:
    other = await connect()
    await wire.send(call(b"PING") + call(b"BLPOP", b"l", b"0") + call(b"SET", b"k", b"v"))
    assert await wire.reply() == b"+PONG"
    for at in range(0, 4 * 20, 7):
        await wire.send((call(b"GET", b"k") * 4)[at : at + 7])
    assert await other.ask(b"GET", b"k") == b"$-1"
    await other.ask(b"RPUSH", b"l", b"a")
    expected = b"*2\r\n$1\r\nl\r\n$1\r\na\r\n+OK\r\n" + b"$1\r\nv\r\n" * 4
    assert await wire.read(len(expected)) == expected


async def test_one_that_leaves_consumes_nothing(server: Server, wire: Wire, connect: Connect) -> None:
    leaving = await connect()
    await leaving.send(call(b"BLPOP", b"l", b"0") + call(b"PING"))
    await until(blocked(server))
    leaving.writer.close()
    await until(lambda: not blocked(server)())
    await wire.ask(b"RPUSH", b"l", b"a")
    assert await wire.ask(b"LLEN", b"l") == b":1"


async def test_one_that_is_killed_consumes_nothing(server: Server, wire: Wire, connect: Connect) -> None:
    victim = await connect()
    number = (await victim.ask(b"CLIENT", b"ID"))[1:]
    await victim.send(call(b"BLPOP", b"l", b"0"))
    await until(blocked(server))
    # In one batch: the connection has no turn between the two.
    await wire.send(
        call(b"CLIENT", b"KILL", b"ID", number) + call(b"RPUSH", b"l", b"a") + call(b"LLEN", b"l")
    )
    assert [await wire.reply() for _ in range(3)] == [b":1", b":1", b":1"]
    assert await victim.rest() == b""


async def test_what_waits_is_within_the_query_buffer_limit(start: Start, connect: Connect) -> None:
    server = await start("--client-query-buffer-limit", "1mb")
    async with Wire(server) as wire, Wire(server) as other:
        await wire.send(call(b"BLPOP", b"l", b"0"))
        await until(blocked(server))
        for _ in range(40):
            wire.writer.write(call(b"SET", b"k", b"x" * 50_000))
        assert await wire.rest() == b""
        assert await other.ask(b"RPUSH", b"l", b"a") == b":1"
        assert await other.ask(b"LLEN", b"l") == b":1"


async def test_a_protocol_error_behind_it_waits_as_well(server: Server, wire: Wire, connect: Connect) -> None:
    other = await connect()
    await wire.send(call(b"BLPOP", b"l", b"0") + b"*1\r\n$x\r\n")
    await until(blocked(server))
    await wire.send(b"more")
    await other.ask(b"RPUSH", b"l", b"a")
    assert await wire.rest() == (b"*2\r\n$1\r\nl\r\n$1\r\na\r\n-ERR Protocol error: invalid bulk length\r\n")


async def test_the_time_is_over_by_the_clock(server: Server, wire: Wire, clock: ManualClock) -> None:
    await wire.send(call(b"BLPOP", b"l", b"1000") + call(b"PING"))
    await until(blocked(server))
    clock.advance(ms=1_000_000)
    assert await wire.line() == b"*-1"
    assert await wire.reply() == b"+PONG"


async def test_the_reply_is_in_the_protocol_of_the_client(
    server: Server, wire: Wire, clock: ManualClock
) -> None:
    await wire.send(call(b"HELLO", b"3") + call(b"BLPOP", b"l", b"1"))
    await until(blocked(server))
    clock.advance(ms=1000)
    seen = await asyncio.wait_for(wire.reader.readuntil(b"_\r\n"), 10)
    assert seen.startswith(b"%7\r\n")


async def test_who_waits_is_not_idle(start: Start, clock: ManualClock) -> None:
    server = await start("--timeout", "10")
    async with Wire(server) as wire:
        await wire.send(call(b"BLPOP", b"l", b"0"))
        await until(blocked(server))
        clock.advance(ms=60_000)
        server._clients.look_after()
        await server.backend.call(b"RPUSH", b"l", b"a")
        assert await wire.line() == b"*2"


async def test_ten_clients_share_what_comes(server: Server, wire: Wire, connect: Connect) -> None:
    clients = [await connect() for _ in range(10)]
    waiting = server.backend.engine.waiting
    for client in clients:
        before = len(waiting)
        await client.send(call(b"BLPOP", b"l", b"0"))
        await until(partial(lambda size: len(waiting) > size, before))
    await wire.send(call(b"RPUSH", b"l", *(b"%d" % number for number in range(10))))
    for number, client in enumerate(clients):
        assert await client.read(18) == b"*2\r\n$1\r\nl\r\n$1\r\n%d\r\n" % number
