"""One connection: what comes back for the bytes that went in, whatever their size, order and split."""

import asyncio
import gc
import logging
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from tests.network.conftest import Connect, Start
from tests.network.wire import WAIT, Wire, call
from vermilion import Server
from vermilion.network.connection import Connection
from vermilion.protocol.reply import Reply
from vermilion.session import Session

PONG = b"+PONG\r\n"


def connections(server: Server) -> list[Connection]:
    return list(server._clients.connections)


async def until(true: Callable[[], object]) -> None:
    """Wait for something that takes the event loop a few turns."""

    async def look() -> None:
        while not true():  # noqa: ASYNC110  # what tests wait for has no event
            await asyncio.sleep(0.001)

    await asyncio.wait_for(look(), WAIT)


HELLO_LINES = 23
"""What follows the head of HELLO's reply: 7 names and values, the last of which is a list of a module's 4."""


async def test_a_pipeline_of_ten_thousand_calls(wire: Wire) -> None:
    await wire.send(b"".join(call(b"SET", b"k%d" % i, b"v%d" % i) for i in range(10_000)))
    assert await wire.read(50_000) == b"+OK\r\n" * 10_000
    await wire.send(b"".join(call(b"GET", b"k%d" % i) + call(b"STRLEN", b"k%d" % i) for i in range(10_000)))
    for i in range(10_000):
        assert await wire.reply() == b"v%d" % i
        assert await wire.reply() == b":%d" % len(b"v%d" % i)


async def test_one_read_is_answered_with_one_write(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    await wire.ask(b"PING")
    written: list[bytes] = []
    connection = connections(wire._server)[0]
    write = connection._write

    def note(data: bytes) -> None:
        written.append(data)
        write(data)

    monkeypatch.setattr(connection, "_write", note)
    await wire.send(call(b"PING") * 100)
    await wire.read(700)
    assert len(written) == 1


@pytest.mark.parametrize(
    "value", [b"", b"\0", b"\r\n", b"\xff\xfe", bytes(range(256)) * 8, b"*1\r\n$4\r\nPING\r\n"]
)
async def test_values_of_any_bytes(wire: Wire, value: bytes) -> None:
    assert await wire.ask(b"SET", value, value) == b"+OK"
    assert await wire.ask(b"GET", value) == value
    assert await wire.ask(b"PING") == b"+PONG"


async def test_a_large_value_in_many_pieces(wire: Wire) -> None:
    value = bytes(range(256)) * 4 * 4096
    data = call(b"SET", b"large", value)
    for at in range(0, len(data), 50_021):
        await wire.send(data[at : at + 50_021])
    assert await wire.reply() == b"+OK"
    assert await wire.ask(b"STRLEN", b"large") == b":%d" % len(value)
    assert await wire.ask(b"GET", b"large") == value


async def test_byte_by_byte(wire: Wire) -> None:
    wire.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in call(b"SET", b"a", b"b") + b"GET a\r\n" + call(b"GET", b"a"):
        await wire.send(bytes((byte,)))
        await asyncio.sleep(0)
    assert [await wire.reply() for _ in range(3)] == [b"+OK", b"b", b"b"]


async def test_inline_and_arrays_in_turn(wire: Wire) -> None:
    await wire.send(
        b"SET a 'x y'\r\n" + call(b"GET", b"a") + b"\r\nPING\n" + call(b"PING", b"+") + b"GET a\r\n"
    )
    assert [await wire.reply() for _ in range(5)] == [b"+OK", b"x y", b"+PONG", b"+", b"x y"]


# How it ends --------------------------------------------------------------------------------------------


async def test_a_protocol_error_is_answered_after_the_calls_before_it_and_closes(wire: Wire) -> None:
    await wire.send(call(b"PING") * 300 + b"*a\r\n" + call(b"PING"))
    assert await wire.rest() == PONG * 300 + b"-ERR Protocol error: invalid multibulk length\r\n"
    assert wire._server.backend.engine.stats.protocol_errors == 1


async def test_quit_ends_a_pipeline(wire: Wire) -> None:
    await wire.send(call(b"SET", b"a", b"1") + call(b"QUIT") + call(b"SET", b"a", b"2") + b"*a\r\n")
    assert await wire.rest() == b"+OK\r\n+OK\r\n"
    assert await wire._server.backend.get("a") == b"1"


async def test_quit_ends_a_pipeline_of_many_parts(wire: Wire) -> None:
    await wire.send(call(b"PING") * 300 + call(b"QUIT") + call(b"PING") * 300)
    assert await wire.rest() == PONG * 300 + b"+OK\r\n"


@pytest.mark.parametrize(
    "line", [b"POST / HTTP/1.1", b"Host: localhost", b"post x", b"GET / HTTP/1.1\r\nHost: x"]
)
async def test_a_browser_is_cut_off(wire: Wire, line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    await wire.send(line + b"\r\nSET a 1\r\n")
    assert await wire.rest() in {b"", b"-ERR wrong number of arguments for 'get' command\r\n"}
    assert await wire._server.backend.get("a") is None
    assert "Possible SECURITY ATTACK detected" in caplog.text


async def test_half_closed(wire: Wire) -> None:
    await wire.send(call(b"SET", b"a", b"x" * 1_000_000) + call(b"GET", b"a") * 3 + call(b"PING"))
    wire.writer.write_eof()
    replies = await wire.rest()
    assert replies == b"+OK\r\n" + (b"$1000000\r\n" + b"x" * 1_000_000 + b"\r\n") * 3 + PONG
    await until(lambda: not connections(wire._server))


async def test_an_abrupt_end_in_the_middle_of_a_call(server: Server, connect: Connect) -> None:
    for data in (b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nab", call(b"PING") * 5000, b"*1"):
        async with Wire(server) as other:
            await other.send(data)
    await until(lambda: not connections(server))
    assert not server.backend.engine.sessions
    assert await (await connect()).ask(b"GET", b"a") == b"$-1"


async def test_more_than_the_query_buffer_limit_is_cut_off(start: Start, closing: AsyncExitStack) -> None:
    server = await start("--client-query-buffer-limit", "1mb")
    wire = await closing.enter_async_context(Wire(server))
    wire.writer.write(b"*2\r\n$4\r\nECHO\r\n$3000000\r\n" + b"x" * 2_500_000)
    assert await wire.rest() == b""


async def test_kill_another(wire: Wire, connect: Connect) -> None:
    other = await connect()
    number = (await other.ask(b"CLIENT", b"ID"))[1:]
    assert await wire.ask(b"CLIENT", b"KILL", b"ID", number) == b":1"
    assert await other.rest() == b""
    assert await wire.ask(b"CLIENT", b"KILL", b"ID", number) == b":0"


async def test_kill_oneself(wire: Wire) -> None:
    await wire.send(
        call(b"PING") + call(b"CLIENT", b"KILL", b"SKIPME", b"no", b"TYPE", b"normal") + call(b"PING")
    )
    assert await wire.rest() == PONG + b":1\r\n"


async def test_kill_one_that_does_not_read(wire: Wire, connect: Connect) -> None:
    other = await connect()
    number = (await other.ask(b"CLIENT", b"ID"))[1:]
    await wire.ask(b"SET", b"a", b"x" * 1_000_000)
    await other.send(call(b"GET", b"a") * 20)
    await until(lambda: any(connection._paused for connection in connections(wire._server)))
    assert await wire.ask(b"CLIENT", b"KILL", b"ID", number) == b":1"
    await until(lambda: len(connections(wire._server)) == 1)


# Modes --------------------------------------------------------------------------------------------------


async def test_replies_off_on_and_skipped(wire: Wire) -> None:
    await wire.send(
        call(b"CLIENT", b"REPLY", b"OFF") + call(b"PING") + call(b"nosuch") + call(b"SET", b"a", b"1")
        + call(b"CLIENT", b"REPLY", b"ON") + call(b"GET", b"a")
        + call(b"CLIENT", b"REPLY", b"SKIP") + call(b"GET", b"a") + call(b"PING", b"next")
    )  # fmt: skip
    assert [await wire.reply() for _ in range(3)] == [b"+OK", b"1", b"next"]


async def test_hello_3_speaks_resp3_from_its_own_reply_on(wire: Wire) -> None:
    await wire.send(
        call(b"GET", b"none") + call(b"HELLO", b"3") + call(b"GET", b"none") * 2 + call(b"HELLO", b"2")
    )
    assert await wire.reply() == b"$-1"
    assert await wire.line() == b"%7"
    hello = [await wire.reply() for _ in range(HELLO_LINES)]
    assert hello[:6] == [b"server", b"redis", b"version", b"8.0.6", b"proto", b":3"]
    assert [await wire.reply(), await wire.reply()] == [b"_", b"_"]
    assert await wire.line() == b"*14"


async def test_a_run_of_calls_after_hello_is_in_resp3(wire: Wire) -> None:
    await wire.send(call(b"HELLO", b"3"))
    await wire.line()
    for _ in range(HELLO_LINES):
        await wire.reply()
    await wire.send(call(b"GET", b"none") * 10)
    assert [await wire.reply() for _ in range(10)] == [b"_"] * 10


async def test_reset_gives_the_state_of_a_new_connection(wire: Wire) -> None:
    await wire.send(call(b"HELLO", b"3", b"SETNAME", b"me") + call(b"SELECT", b"3") + call(b"RESET"))
    await wire.line()
    for _ in range(HELLO_LINES):
        await wire.reply()
    assert [await wire.reply(), await wire.reply()] == [b"+OK", b"+RESET"]
    assert await wire.ask(b"GET", b"none") == b"$-1"
    assert await wire.ask(b"CLIENT", b"GETNAME") == b"$-1"
    assert b" db=0 " in await wire.ask(b"CLIENT", b"INFO")


# Passwords ----------------------------------------------------------------------------------------------


@pytest.fixture
async def stranger(start: Start, closing: AsyncExitStack) -> Wire:
    """A client of a server that wants a password."""
    return await closing.enter_async_context(Wire(await start("--requirepass", "secret")))


LARGE = call(b"DEL", *[b"k%d" % i for i in range(20)])


async def test_nothing_without_the_password(stranger: Wire) -> None:
    for argv in ((b"GET", b"a"), (b"ping",), (b"CLIENT", b"ID"), (b"HELLO", b"3")):
        assert (await stranger.ask(*argv)).startswith(b"-NOAUTH ")
    assert await stranger.ask(b"AUTH", b"guess") == (
        b"-WRONGPASS invalid username-password pair or user is disabled."
    )
    assert await stranger.ask(b"AUTH", b"default", b"secret") == b"+OK"
    assert await stranger.ask(b"GET", b"a") == b"$-1"


async def test_auth_in_the_middle_of_a_pipeline_lifts_the_limits(stranger: Wire) -> None:
    await stranger.send(
        call(b"GET", b"a")
        + b"GET a\r\n"
        + call(b"AUTH", b"secret")
        + LARGE
        + call(b"SET", b"a", b"x" * 20_000)
    )
    refused = b"-NOAUTH Authentication required."
    assert [await stranger.reply() for _ in range(5)] == [refused, refused, b"+OK", b":0", b"+OK"]


async def test_a_large_call_without_the_password_closes(stranger: Wire) -> None:
    await stranger.send(call(b"AUTH", b"wrong") + LARGE + call(b"PING"))
    assert await stranger.rest() == (
        b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
        b"-ERR Protocol error: unauthenticated multibulk length\r\n"
    )


async def test_a_new_limit_of_arguments_holds_for_those_who_are_there(wire: Wire) -> None:
    assert await wire.ask(b"CONFIG", b"SET", b"proto-max-bulk-len", b"1mb") == b"+OK"
    await wire.send(b"*2\r\n$4\r\nECHO\r\n$1048577\r\n")
    assert await wire.rest() == b"-ERR Protocol error: invalid bulk length\r\n"


async def test_reset_brings_the_limits_back(stranger: Wire) -> None:
    assert await stranger.ask(b"AUTH", b"secret") == b"+OK"
    assert await stranger.ask(b"RESET") == b"+RESET"
    await stranger.send(LARGE)
    assert await stranger.rest() == b"-ERR Protocol error: unauthenticated multibulk length\r\n"


async def test_hello_authenticates(stranger: Wire) -> None:
    await stranger.send(call(b"HELLO", b"3", b"AUTH", b"default", b"secret") + LARGE)
    assert await stranger.line() == b"%7"
    for _ in range(HELLO_LINES):
        await stranger.reply()
    assert await stranger.reply() == b":0"


# Clients that do not read -------------------------------------------------------------------------------

VALUE = b"x" * 10_000
ASKED = 10_000


async def ask_without_reading(server: Server, closing: AsyncExitStack) -> Wire:
    """Return a client that has asked for a hundred megabytes and reads nothing."""
    await server.backend.set("a", VALUE)
    wire = await closing.enter_async_context(Wire(server))
    wire.writer.write(call(b"GET", b"a") * ASKED)
    await until(lambda: any(connection._paused for connection in connections(server)))
    return wire


async def test_a_slow_reader_costs_little_and_disturbs_nobody(
    server: Server, wire: Wire, closing: AsyncExitStack
) -> None:
    await wire.ask(b"PING")
    slow = await ask_without_reading(server, closing)
    for _ in range(50):
        assert await wire.ask(b"PING") == b"+PONG"
    assert sum(connection.output_buffered for connection in connections(server)) < 8_000_000
    expected = b"$10000\r\n" + VALUE + b"\r\n"
    for _ in range(ASKED):
        assert await slow.read(len(expected)) == expected
    assert await slow.ask(b"PING") == b"+PONG"


@pytest.mark.parametrize("mixed", [False, True], ids=["of one command", "of several"])
async def test_long_replies_of_one_pipeline_are_sent_in_parts(
    server: Server, closing: AsyncExitStack, mixed: bool
) -> None:
    value = b"x" * 1_000_000
    await server.backend.set("a", value)
    slow = await closing.enter_async_context(Wire(server))
    slow.writer.write((call(b"GET", b"a") + call(b"PING") * mixed) * 100)
    await until(lambda: any(connection._paused for connection in connections(server)))
    assert sum(connection.output_buffered for connection in connections(server)) < 8_000_000
    expected = b"$1000000\r\n" + value + b"\r\n" + b"+PONG\r\n" * mixed
    for _ in range(100):
        assert await slow.read(len(expected)) == expected
    assert await slow.ask(b"ECHO", b"on") == b"on"


async def test_a_stranger_that_logs_in_is_no_exception(stranger: Wire) -> None:
    server = stranger._server
    await server.backend.set("a", VALUE)
    stranger.writer.write(call(b"AUTH", b"secret") + call(b"GET", b"a") * 5_000)
    await until(lambda: connections(server)[0]._paused)
    assert connections(server)[0].output_buffered < 8_000_000
    assert len(await stranger.read(5 + 5_000 * 10_010)) == 50_050_005


async def test_the_hard_limit_cuts_off(
    start: Start, closing: AsyncExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    server = await start("--client-output-buffer-limit", "normal 1mb 0 0")
    await server.backend.set("a", VALUE)
    greedy = await closing.enter_async_context(Wire(server))
    await greedy.ask(b"PING")
    greedy.writer.write(call(b"GET", b"a") * ASKED)
    await until(lambda: not connections(server))
    assert "closed for overcoming of output buffer limits" in caplog.text


async def test_the_soft_limit_cuts_off_after_its_time(start: Start, closing: AsyncExitStack) -> None:
    server = await start("--client-output-buffer-limit", "normal 0 100kb 10")
    clock = server.backend.engine.clock
    await ask_without_reading(server, closing)
    server._clients.look_after()
    clock.advance(ms=10_000)  # type: ignore[attr-defined]  # it is the test's
    server._clients.look_after()
    await asyncio.sleep(0.01)
    assert len(connections(server)) == 1
    clock.advance(ms=1_000)  # type: ignore[attr-defined]
    server._clients.look_after()
    await until(lambda: not connections(server))


async def test_the_soft_limit_forgives_who_reads_in_time(start: Start, closing: AsyncExitStack) -> None:
    server = await start("--client-output-buffer-limit", "normal 0 100kb 10")
    slow = await ask_without_reading(server, closing)
    server._clients.look_after()
    await slow.read(ASKED * 10_010)
    server._clients.look_after()
    server.backend.engine.clock.advance(ms=60_000)  # type: ignore[attr-defined]
    server._clients.look_after()
    assert await slow.ask(b"PING") == b"+PONG"


# A bug in a command -------------------------------------------------------------------------------------


async def test_a_bug_is_an_error_reply_and_the_server_lives_on(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(session: Session, argv: list[bytes]) -> Reply:
        raise ZeroDivisionError(argv)

    for name in (b"ECHO", b"echo"):
        monkeypatch.setattr(wire._server.backend.engine.commands[name], "run", broken)
    await wire.send(call(b"PING") + call(b"ECHO", b"secret") + call(b"PING") + call(b"echo", b"x"))
    failed = b"-ERR internal error, see the server's log"
    assert [await wire.reply() for _ in range(4)] == [b"+PONG", failed, b"+PONG", failed]
    record = next(record for record in caplog.records if record.levelno == logging.ERROR)
    assert (
        record.getMessage() == "echo failed with 1 arguments; this is a bug"
        or "echo failed" in record.message
    )
    assert await wire.ask(b"PING") == b"+PONG"


@pytest.mark.parametrize(
    "sent", [b"PING\r\n", b"*1\r\n$5\r\nab", b"*3\r\n$-5\r\nfoo\r\n", b"SUBSCRIBE c\r\n", b""]
)
async def test_a_closed_connection_leaves_nothing_for_the_collector(server: Server, sent: bytes) -> None:
    def alive() -> int:
        return sum(type(held) is Connection for held in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = alive()
        async with Wire(server) as wire:
            await wire.send(sent)
            await until(lambda: server.backend.engine.stats.connections_received)
        await until(lambda: not server._clients.connections)
        await until(lambda: alive() == before)
    finally:
        gc.enable()
