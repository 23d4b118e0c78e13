"""The server: where it listens, whom it lets in, how it stops."""

import asyncio
import gc
import socket
import stat
import time
import warnings
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.network.conftest import Connect, Start
from tests.network.test_connection import connections, until
from tests.network.wire import Wire, call
from vermilion import MemoryCacheBackend, Server
from vermilion.clock import ManualClock
from vermilion.network import clients
from vermilion.network.listening import ListenError


@pytest.fixture
def socket_path() -> Iterator[str]:
    """A path short enough for a Unix socket."""
    with TemporaryDirectory(prefix="vm-") as folder:
        yield f"{folder}/s"


# Where it listens ---------------------------------------------------------------------------------------


async def test_two_servers_in_one_process_do_not_meet(start: Start, closing: AsyncExitStack) -> None:
    first, second = await start(), await start()
    assert first.port != second.port
    one = await closing.enter_async_context(Wire(first))
    other = await closing.enter_async_context(Wire(second))
    await one.ask(b"SET", b"a", b"1")
    assert await other.ask(b"GET", b"a") == b"$-1"
    assert await other.ask(b"CLIENT", b"ID") == b":1"
    await first.stop()
    assert await one.rest() == b""
    assert await other.ask(b"PING") == b"+PONG"


async def test_ipv6(closing: AsyncExitStack) -> None:
    server = await closing.enter_async_context(Server(host="::1", port=0))
    wire = await closing.enter_async_context(Wire(server))
    listed = (await wire.ask(b"CLIENT", b"LIST")).decode()
    assert " addr=[::1]:" in listed
    assert f" laddr=[::1]:{server.port} " in listed
    assert server.url == f"redis://[::1]:{server.port}"


async def test_several_addresses_share_a_port(closing: AsyncExitStack) -> None:
    server = await closing.enter_async_context(Server(host=("127.0.0.1", "::1", "-192.0.2.1"), port=0))
    for host in ("127.0.0.1", "::1"):
        _, writer = await asyncio.open_connection(host, server.port)
        writer.close()
        await writer.wait_closed()


async def test_a_unix_socket(start: Start, closing: AsyncExitStack, socket_path: str) -> None:
    server = await start("--unixsocketperm", "700", port=None, unixsocket=socket_path)
    assert server.port == 0
    assert stat.S_IMODE(Path(socket_path).stat().st_mode) == 0o700  # noqa: ASYNC240  # one system call
    wire = await closing.enter_async_context(Wire(server))
    listed = (await wire.ask(b"CLIENT", b"LIST")).decode()
    assert f" addr={socket_path}:0 laddr={socket_path}:0 " in listed
    await server.stop()
    assert not Path(socket_path).exists()  # noqa: ASYNC240


async def test_the_socket_of_a_dead_server_is_replaced(start: Start, socket_path: str) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(socket_path)
    server = await start(port=None, unixsocket=socket_path)
    async with Wire(server) as wire:
        assert await wire.ask(b"PING") == b"+PONG"


async def test_a_port_in_use(server: Server, socket_path: str) -> None:
    with socket.socket(socket.AF_UNIX) as foreign:
        foreign.bind(socket_path)
        second = Server(port=server.port, unixsocket=socket_path)
        expected = f"Could not create server TCP listening socket 127.0.0.1:{server.port}: bind: Address already in use"
        with pytest.raises(ListenError) as raised:
            await second.start()
        assert str(raised.value) == expected
        assert Path(socket_path).exists()  # noqa: ASYNC240  # it is not the second server's
    assert isinstance(second.backend, MemoryCacheBackend)
    assert second.backend._cron is None


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
async def test_an_address_that_is_not_of_this_machine(host: str) -> None:
    with pytest.raises(
        ListenError, match=f"Could not create server TCP listening socket {host}:0: bind: "
    ) as raised:
        await Server(host=host, port=0).start()
    assert "Unknown error" not in str(raised.value)
    with pytest.raises(ListenError, match=r"no address of -192\.0\.2\.1 is available"):
        await Server(host="-192.0.2.1", port=0).start()


async def test_a_unix_socket_where_none_can_be() -> None:
    with pytest.raises(ListenError, match="Failed opening Unix socket: bind: "):
        await Server(port=None, unixsocket="/nonexistent/folder/s").start()


async def test_it_can_be_started_again(server: Server) -> None:
    await server.backend.set("a", b"1")
    await server.stop()
    await server.stop()
    await server.start()
    waiting = asyncio.ensure_future(server.wait())
    async with Wire(server) as wire:
        assert await wire.ask(b"GET", b"a") == b"1"
        assert not waiting.done()
    await server.stop()
    await waiting


async def test_it_moves_to_another_port(server: Server, wire: Wire) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
    assert await wire.ask(b"CONFIG", b"SET", b"port", b"%d" % free) == b"+OK"
    await until(lambda: server.port == free and server._plain.listeners)
    async with Wire(server) as other:
        assert await other.ask(b"PING") == b"+PONG"
    assert await wire.ask(b"PING") == b"+PONG"


async def test_it_moves_to_other_addresses(server: Server, wire: Wire) -> None:
    port = server.port
    assert await wire.ask(b"CONFIG", b"SET", b"bind", b"127.0.0.1 ::1") == b"+OK"
    await until(lambda: len(server._plain.listeners) == 2)
    for host in ("127.0.0.1", "::1"):
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        await writer.wait_closed()
    refusal = b"-ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to specified addresses."
    assert await wire.ask(b"CONFIG", b"SET", b"bind", b"192.0.2.1") == refusal
    await until(lambda: len(server._plain.listeners) == 2)
    async with Wire(server) as other:
        assert await other.ask(b"PING") == b"+PONG"


async def test_a_port_in_use_is_not_moved_to(server: Server, wire: Wire, start: Start) -> None:
    taken = (await start()).port
    refusal = (
        b"-ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port."
        b" Check server logs."
    )
    assert await wire.ask(b"CONFIG", b"SET", b"port", b"%d" % taken) == refusal
    async with Wire(server) as other:
        assert await other.ask(b"PING") == b"+PONG"


async def test_it_stops_while_it_moves(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
    server.backend.config.set([(b"port", b"%d" % free)])
    await server.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", free)


# Whom it lets in ----------------------------------------------------------------------------------------


async def test_the_number_of_clients_is_limited(start: Start, closing: AsyncExitStack) -> None:
    server = await start("--maxclients", "3")
    wires = [await closing.enter_async_context(Wire(server)) for _ in range(3)]
    for wire in wires:
        await wire.ask(b"PING")
    refused = await closing.enter_async_context(Wire(server))
    assert await refused.rest() == b"-ERR max number of clients reached\r\n"
    assert server.backend.engine.stats.rejected_connections == 1
    await wires[0].ask(b"QUIT")
    await until(lambda: len(connections(server)) == 2)
    welcome = await closing.enter_async_context(Wire(server))
    assert await welcome.ask(b"PING") == b"+PONG"


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every client seem to come from another machine."""
    monkeypatch.setattr(clients, "_is_loopback", lambda host: False)


@pytest.mark.usefixtures("foreign")
async def test_protected_mode_turns_other_machines_away(start: Start, closing: AsyncExitStack) -> None:
    server = await start()
    wire = await closing.enter_async_context(Wire(server))
    refusal = await wire.rest()
    assert refusal.startswith(
        b"-DENIED Redis is running in protected mode because protected mode is enabled and no "
    )
    assert refusal.endswith(b" for the server to start accepting connections from the outside.\r\n")
    assert not connections(server)


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize("arguments", [("--protected-mode", "no"), ("--requirepass", "secret")])
async def test_without_protected_mode_or_with_a_password_they_are_let_in(
    start: Start, closing: AsyncExitStack, arguments: tuple[str, ...]
) -> None:
    wire = await closing.enter_async_context(Wire(await start(*arguments)))
    assert await wire.ask(b"HELLO", b"9") == b"-NOPROTO unsupported protocol version"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True), ("10.0.0.1", False),
     ("::2", False), ("::ffff:10.0.0.1", False), ("128.0.0.1", False)],
)  # fmt: skip
def test_what_is_of_this_machine(host: str, loopback: bool) -> None:
    assert clients._is_loopback(host) is loopback


async def test_silent_clients_are_closed(start: Start, closing: AsyncExitStack, clock: ManualClock) -> None:
    server = await start("--timeout", "10")
    silent = await closing.enter_async_context(Wire(server))
    busy = await closing.enter_async_context(Wire(server))
    await silent.ask(b"PING")
    for _ in range(3):
        clock.advance(ms=5_000)
        server._clients.look_after()
        assert await busy.ask(b"PING") == b"+PONG"
    assert await silent.rest() == b""
    assert len(connections(server)) == 1


async def test_a_silent_client_that_does_not_read_is_closed(
    start: Start, closing: AsyncExitStack, clock: ManualClock
) -> None:
    server = await start("--timeout", "10")
    await server.backend.set("a", b"x" * 1_000_000)
    wire = await closing.enter_async_context(Wire(server))
    await wire.send(call(b"GET", b"a") * 30)
    await until(lambda: any(connection._paused for connection in connections(server)))
    for _ in range(3):
        clock.advance(ms=11_000)
        server._clients.look_after()
        await asyncio.sleep(0.01)
    assert not connections(server)


async def test_a_client_that_still_reads_is_not_silent(
    start: Start, closing: AsyncExitStack, clock: ManualClock
) -> None:
    server = await start("--timeout", "10")
    await server.backend.set("a", b"x" * 30_000_000)
    wire = await closing.enter_async_context(Wire(server))
    await wire.send(call(b"GET", b"a"))
    for size in (10, 10_000_000, 10_000_000):
        await wire.read(size)
        server._clients.look_after()
        clock.advance(ms=6_000)
    await wire.read(10_000_003)
    assert await wire.ask(b"PING") == b"+PONG"


async def test_nobody_is_closed_without_a_timeout(server: Server, wire: Wire, clock: ManualClock) -> None:
    await wire.ask(b"PING")
    clock.advance(ms=10**9)
    server._clients.look_after()
    assert await wire.ask(b"PING") == b"+PONG"


@pytest.mark.parametrize(("seconds", "kept"), [("60", 1), ("0", 0)])
async def test_silent_connections_are_probed_by_the_system(
    start: Start, closing: AsyncExitStack, seconds: str, kept: int
) -> None:
    server = await start("--tcp-keepalive", seconds)
    wire = await closing.enter_async_context(Wire(server))
    await wire.ask(b"PING")
    connected = connections(server)[0]._transport.get_extra_info("socket")
    assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == kept
    if kept and hasattr(socket, "TCP_KEEPIDLE"):
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
        assert connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 20


# How it stops -------------------------------------------------------------------------------------------


async def test_shutdown_ends_the_wait(server: Server, wire: Wire) -> None:
    waiting = asyncio.ensure_future(server.wait())
    await wire.send(call(b"SHUTDOWN", b"NOSAVE"))
    await asyncio.wait_for(waiting, 10)


async def test_clients_get_what_was_written_for_them(server: Server, connect: Connect) -> None:
    wire = await connect()
    await server.backend.set("a", b"x" * 3_000_000)
    await wire.send(call(b"GET", b"a"))
    await until(lambda: server.backend.engine.stats.net_output_bytes > 3_000_000)
    stopping = asyncio.ensure_future(server.stop())
    assert len(await wire.rest()) == len(b"$3000000\r\n\r\n") + 3_000_000
    await stopping


async def test_stop_does_not_wait_for_those_who_do_not_read(server: Server, connect: Connect) -> None:
    idle = await connect()
    await idle.ask(b"PING")
    slow = await connect()
    await server.backend.set("a", b"x" * 1_000_000)
    await slow.send(call(b"GET", b"a") * 50)
    await until(lambda: any(connection._paused for connection in connections(server)))
    began = time.monotonic()
    await server.stop()
    assert time.monotonic() - began < 1
    assert not connections(server)
    assert not server.backend.engine.sessions
    assert await idle.rest() == b""


@pytest.mark.parametrize("clients_left", [0, 3])
def test_nothing_is_left_of_a_server(clients_left: int) -> None:
    """No task, no socket and no warning, whether clients were connected or not."""

    async def main() -> tuple[Server, list[socket.socket]]:
        server = Server(MemoryCacheBackend(), port=0)
        await server.start()
        sockets = [socket.create_connection((server.host, server.port)) for _ in range(clients_left)]
        await until(lambda: len(connections(server)) == clients_left)
        await server.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return server, sockets

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        server, sockets = asyncio.run(main())
        for connected in sockets:
            assert connected.recv(10) == b""
            connected.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server._port or server.port or 1))
        del server
        gc.collect()
