"""The proxy in front of one real server: what passes, what it answers itself, and what breaks."""

import asyncio
import contextlib

import pytest

from tests.backends.wire import Client, Connect, until
from tests.real_server import RealServer
from vermilion.backends.proxy import Proxy
from vermilion.config import Config
from vermilion.errors import RespError
from vermilion.network.server import Server
from vermilion.settings import Settings


async def test_ordinary_calls(client: Client) -> None:
    assert await client.call("SET a 1", "GET a", "INCR a", "GET none", "LPUSH a x") == (
        b"+OK\r\n$1\r\n1\r\n:2\r\n$-1\r\n"
        b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
    )


async def test_an_unknown_command_is_upstreams_to_refuse(client: Client) -> None:
    reply = await client.call("NO.SUCH x")
    assert reply.startswith(b"-ERR unknown command 'NO.SUCH'")


async def test_calls_in_resp3(client: Client) -> None:
    assert (await client.call("HELLO 3")).startswith(b"%7\r\n")
    assert await client.call("HSET h f v", "HGETALL h", "GET none") == (
        b":1\r\n%1\r\n$1\r\nf\r\n$1\r\nv\r\n_\r\n"
    )


async def test_the_order_of_own_and_passed_replies(client: Client) -> None:
    replies = await client.call(
        "SET a 1", "CLIENT GETNAME", "GET a", "CLIENT SETNAME me", "CLIENT GETNAME", "GET a"
    )
    assert replies == b"+OK\r\n$-1\r\n$1\r\n1\r\n+OK\r\n$2\r\nme\r\n$1\r\n1\r\n"


async def test_a_pipeline_longer_than_a_part(client: Client) -> None:
    calls = [f"SET key:{number} {number}" for number in range(3000)]
    assert await client.call(*calls) == b"+OK\r\n" * 3000
    assert await client.call(*[f"GET key:{number}" for number in range(3000)]) == b"".join(
        b"$%d\r\n%d\r\n" % (len(str(number)), number) for number in range(3000)
    )


async def test_a_reply_of_megabytes(client: Client) -> None:
    size = 5_000_000
    assert await client.call("SETRANGE big 4999999 x", "STRLEN big") == b":%d\r\n:%d\r\n" % (size, size)
    reply = await client.call("GET big")
    assert (reply[:10], len(reply)) == (b"$5000000\r\n", size + 12)
    assert await client.silent()


async def test_many_clients_get_their_own_replies(connect: Connect) -> None:
    clients = [await connect() for _ in range(20)]

    async def work(number: int, client: Client) -> None:
        for turn in range(50):
            value = f"{number}-{turn}"
            expected = b"+OK\r\n$%d\r\n%b\r\n" % (len(value), value.encode())
            assert await client.call(f"SET k{number} {value}", f"GET k{number}") == expected

    await asyncio.gather(*(work(number, client) for number, client in enumerate(clients)))


async def test_databases_are_a_clients_own(connect: Connect) -> None:
    one, other = await connect(), await connect()
    assert await one.call("SET a 0", "SELECT 3", "GET a", "SET a 3") == b"+OK\r\n+OK\r\n$-1\r\n+OK\r\n"
    assert await other.call("GET a", "SELECT 99") == b"$1\r\n0\r\n-ERR DB index is out of range\r\n"
    assert await one.call("GET a") == b"$1\r\n3\r\n"
    assert await other.call("GET a") == b"$1\r\n0\r\n"
    assert b" db=3 " in await one.call("CLIENT INFO")


async def test_a_transaction_as_a_whole(client: Client, server: Server) -> None:
    assert await client.call("MULTI", "SET a 1", "INCR a", "EXEC", "GET a") == (
        b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:2\r\n$1\r\n2\r\n"
    )
    assert _own_connections(await client.call("INFO upstream")) == 0


async def test_a_transaction_call_by_call(connect: Connect) -> None:
    client, other = await connect(), await connect()
    assert await client.call("MULTI") == b"+OK\r\n"
    assert await client.call("SET a 1") == b"+QUEUED\r\n"
    assert await other.call("GET a") == b"$-1\r\n"
    assert _own_connections(await other.call("INFO upstream")) == 1
    assert await client.call("EXEC") == b"*1\r\n+OK\r\n"
    assert await other.call("GET a") == b"$1\r\n1\r\n"
    assert _own_connections(await other.call("INFO upstream")) == 0


async def test_own_commands_in_a_transaction_have_their_places(client: Client) -> None:
    await client.call("CLIENT SETNAME me")
    for call in ("MULTI", "SET a 1", "CLIENT GETNAME", "GET a", "SELECT 2", "CLIENT GETNAME"):
        await client.call(call)
    assert await client.call("EXEC") == b"*5\r\n+OK\r\n$2\r\nme\r\n$1\r\n1\r\n+OK\r\n$2\r\nme\r\n"
    assert await client.call("GET a", "SELECT 0", "GET a") == b"$-1\r\n+OK\r\n$1\r\n1\r\n"


async def test_watch(connect: Connect) -> None:
    client, other = await connect(), await connect()
    assert await client.call("WATCH a") == b"+OK\r\n"
    await other.call("SET a other")
    assert await client.call("MULTI", "SET a mine", "EXEC") == b"+OK\r\n+QUEUED\r\n*-1\r\n"
    assert await client.call("WATCH a", "UNWATCH") == b"+OK\r\n+OK\r\n"
    await other.call("SET a again")
    assert await client.call("MULTI", "SET a mine", "EXEC") == b"+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n"


async def test_discard_and_a_refused_transaction(client: Client) -> None:
    assert await client.call("MULTI", "SET a") == (
        b"+OK\r\n-ERR wrong number of arguments for 'set' command\r\n"
    )
    assert (await client.call("EXEC")).startswith(b"-EXECABORT")
    await client.call("MULTI")
    assert await client.call("SET a 1", "DISCARD", "GET a") == b"+QUEUED\r\n+OK\r\n$-1\r\n"


async def test_a_blocking_call_holds_up_nobody(connect: Connect) -> None:
    client, other = await connect(), await connect()
    client.send("BLPOP jobs 0", "GET a")
    assert await other.call("SET a 1", "RPUSH jobs x") == b"+OK\r\n:1\r\n"
    assert await client.receive() == b"*2\r\n$4\r\njobs\r\n$1\r\nx\r\n"
    assert await client.receive() == b"$1\r\n1\r\n"


async def test_a_client_that_leaves_consumes_nothing(connect: Connect) -> None:
    client, other = await connect(), await connect()
    client.send("BLPOP jobs 0")

    async def waits_upstream() -> bool:
        return b"blocked_clients:1" in await other.call("INFO clients")

    async def waits_nowhere() -> bool:
        return b"blocked_clients:0" in await other.call("INFO clients")

    await until(waits_upstream)
    assert _own_connections(await other.call("INFO upstream")) == 1
    client.close()
    await until(waits_nowhere)
    assert _own_connections(await other.call("INFO upstream")) == 0
    assert await other.call("RPUSH jobs x", "LLEN jobs") == b":1\r\n:1\r\n"


async def test_unblock_finds_the_client_upstream(connect: Connect) -> None:
    client, other = await connect(), await connect()
    number = int((await client.call("CLIENT ID"))[1:])
    client.send("BLPOP jobs 0")

    async def unblocked() -> bool:
        return await other.call(f"CLIENT UNBLOCK {number} ERROR") == b":1\r\n"

    await until(unblocked)
    assert (await client.receive()).startswith(b"-UNBLOCKED")


async def test_scripts(client: Client) -> None:
    client.send("EVAL return{1,2} 0", "PING")
    assert await client.receive() == b"*2\r\n:1\r\n:2\r\n"
    assert await client.receive() == b"+PONG\r\n"


@pytest.mark.parametrize("resp", [2, 3])
async def test_messages(connect: Connect, resp: int) -> None:
    client, other = await connect(), await connect()
    await client.call(f"HELLO {resp}")
    head = b">" if resp == 3 else b"*"
    client.send("SUBSCRIBE a b")
    assert await client.receive() == head + b"3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
    assert await client.receive() == head + b"3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
    assert await other.call("PUBLISH b hello") == b":1\r\n"
    assert await client.receive() == head + b"3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$5\r\nhello\r\n"
    client.send("UNSUBSCRIBE")
    assert (await client.receive()).startswith(head + b"3\r\n$11\r\nunsubscribe\r\n")
    assert (await client.receive()).startswith(head + b"3\r\n$11\r\nunsubscribe\r\n")
    assert await client.call("SET a 1", "GET a") == b"+OK\r\n$1\r\n1\r\n"
    assert await other.call("PUBLISH b hello") == b":0\r\n"


async def test_a_subscriber_may_call_little_in_resp2(client: Client) -> None:
    client.send("SUBSCRIBE a", "GET a")
    await client.receive()
    assert (await client.receive()).startswith(b"-ERR Can't execute 'get'")
    assert await client.call("RESET", "GET a") == b"+RESET\r\n$-1\r\n"


async def test_a_message_of_megabytes(connect: Connect) -> None:
    client, other = await connect(), await connect()
    client.send("SUBSCRIBE a")
    await client.receive()
    assert await other.call("PUBLISH a " + "x" * 3_000_000) == b":1\r\n"
    assert len(await client.receive()) > 3_000_000
    assert await client.call("PING") == b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"


async def test_monitor(connect: Connect) -> None:
    client, other = await connect(), await connect()
    assert await client.call("MONITOR") == b"+OK\r\n"
    await other.call("SET a 1")
    assert b'"SET" "a" "1"' in await client.receive()
    client.send("RESET")
    while (await client.receive()) != b"+RESET\r\n":
        pass
    await other.call("SET a 1")
    assert await client.silent()


async def test_tracking(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await client.call("HELLO 3")
    assert await client.call("CLIENT TRACKING ON", "GET a") == b"+OK\r\n_\r\n"
    await other.call("SET a 1")
    assert await client.receive() == b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n"
    assert await client.call("CLIENT TRACKING OFF", "GET a") == b"+OK\r\n$1\r\n1\r\n"
    await other.call("SET a 2")
    assert await client.silent()


async def test_client_reply(client: Client) -> None:
    client.send("CLIENT REPLY OFF", "SET a 1", "GET none", "CLIENT REPLY ON")
    assert await client.receive() == b"+OK\r\n"
    client.send("CLIENT REPLY SKIP", "SET a 2", "GET a")
    assert await client.receive() == b"$1\r\n2\r\n"


async def test_wait_is_about_the_clients_writes(client: Client) -> None:
    assert await client.call("SET a 1", "WAIT 0 100", "GET a") == b"+OK\r\n:0\r\n$1\r\n1\r\n"


async def test_info_says_how_upstream_stands(client: Client) -> None:
    report = await client.call("INFO")
    assert b"# Keyspace" in report
    assert b"# Upstream\r\nupstream_kind:single\r\nupstream_status:up\r\n" in report
    assert b"# Upstream" not in await client.call("INFO clients")


async def test_config_of_the_proxy_and_of_upstream(client: Client, server: Server) -> None:
    port = str(server.port)
    assert await client.call("CONFIG GET port") == f"*2\r\n$4\r\nport\r\n${len(port)}\r\n{port}\r\n".encode()
    assert await client.call(
        "CONFIG SET hash-max-listpack-entries 77", "CONFIG GET hash-max-listpack-entr*"
    ) == (b"+OK\r\n*2\r\n$25\r\nhash-max-listpack-entries\r\n$2\r\n77\r\n")
    assert (await client.call("CONFIG SET maxclients 99 hash-max-listpack-entries 78")).startswith(
        b"-ERR upstream"
    )
    assert await client.call("CONFIG SET hash-max-listpack-entries 128") == b"+OK\r\n"


async def test_the_proxys_password_is_its_own(real_server: RealServer) -> None:
    config = Config(Settings(requirepass=b"secret"))
    async with Server(Proxy(f"unix://{real_server.socket}", config=config), port=0) as server:
        client = Client(*await asyncio.open_connection("127.0.0.1", server.port))
        assert await client.call("GET a", "NO.SUCH x") == b"-NOAUTH Authentication required.\r\n" * 2
        assert await client.call("AUTH secret", "GET none") == b"+OK\r\n$-1\r\n"
        client.close()


async def test_users_of_the_proxy(client: Client, connect: Connect) -> None:
    assert await client.call("ACL SETUSER ada on >pw ~app:* +get +set") == b"+OK\r\n"
    ada = await connect()
    assert await ada.call("AUTH ada pw", "SET app:1 x", "GET app:1") == b"+OK\r\n+OK\r\n$1\r\nx\r\n"
    for call in ("GET other", "DEL app:1", "NO.SUCH x"):
        assert (await ada.call(call)).startswith(b"-NOPERM")


async def test_credentials_of_upstream_are_shown_to_nobody(real_server: RealServer, client: Client) -> None:
    admin = Client(*await asyncio.open_unix_connection(real_server.socket))
    await admin.call("ACL SETUSER proxy on >hidden ~* &* +@all")
    config = Config(Settings(backend="redis", upstream=b"redis://proxy:hidden@cache/0"))
    try:
        url = f"unix://proxy:hidden@{real_server.socket}"
        async with Server(Proxy(url, config=config), port=0) as server:
            other = Client(*await asyncio.open_connection("127.0.0.1", server.port))
            assert await other.call("SET a 1") == b"+OK\r\n"
            await other.call("MULTI")
            for call in ("CONFIG GET requirepass maxmemory", "CONFIG GET *", "CONFIG GET masterauth"):
                assert await other.call(call) != b"+QUEUED\r\n"
            assert (await other.call("EXEC")).startswith(b"-EXECABORT")
            for call in ("CONFIG GET *", "INFO everything", "CLIENT LIST", "ACL LIST", "CONFIG GET upstream"):
                assert b"hidden" not in await other.call(call)
            other.close()
    finally:
        await admin.call("ACL DELUSER proxy")
        admin.close()


async def test_a_wrong_password_for_upstream(real_server: RealServer) -> None:
    config = Config(Settings(upstream_start_timeout=100))
    async with Server(Proxy(f"unix://no:body@{real_server.socket}", config=config), port=0) as server:
        client = Client(*await asyncio.open_connection("127.0.0.1", server.port))
        assert (await client.call("GET a")).startswith(b"-ERR upstream is not available: WRONGPASS")
        client.close()


async def test_pause_is_the_proxys(client: Client, connect: Connect) -> None:
    other = await connect()
    assert await client.call("CLIENT PAUSE 100000 WRITE", "GET a") == b"+OK\r\n$-1\r\n"
    other.send("SET a 1")
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(other.receive(), 0.1)
        pytest.fail("a paused write was answered")
    assert b"\r\nblocked_clients:1\r\n" in await client.call("INFO clients")
    assert b"\r\nblocked_clients:1\r\n" in await client.call("INFO")
    assert await client.call("CLIENT UNPAUSE") == b"+OK\r\n"
    assert b"\r\nblocked_clients:0\r\n" in await client.call("INFO clients")
    assert await other.receive() == b"+OK\r\n"
    assert await client.call("GET a") == b"$1\r\n1\r\n"


@pytest.mark.parametrize("words", ["POST / HTTP/1.1", "host: localhost"])
async def test_a_browser_closes_its_own_connection_only(connect: Connect, words: str) -> None:
    client, other = await connect(), await connect()
    other.send("BLPOP none 0.2")
    client.send(words)
    with pytest.raises(ConnectionError):
        await client.receive()
    assert await other.receive() == b"*-1\r\n"
    assert b"upstream_connections_lost:0" in await other.call("INFO upstream")


async def test_an_argument_that_upstream_finds_too_long_costs_its_client_alone(
    real_server: RealServer, connect: Connect
) -> None:
    client, other = await connect(), await connect()
    admin = Client(*await asyncio.open_unix_connection(real_server.socket))
    assert await admin.call("CONFIG SET proto-max-bulk-len 1mb") == b"+OK\r\n"
    try:
        other.send("BLPOP none 0.2")
        assert (await client.call("SET a " + "x" * 1_100_000)).startswith(b"-ERR")
        assert await other.receive() == b"*-1\r\n"
        assert await client.call("SET a 1") == b"+OK\r\n"
        assert b"upstream_connections_lost:1\r\n" in await other.call("INFO upstream")
    finally:
        await admin.call("CONFIG SET proto-max-bulk-len 512mb")
        admin.close()


async def test_large_calls_in_flight_are_bounded(real_server: RealServer) -> None:
    config = Config(Settings(upstream_in_flight=3_000_000, upstream_timeout=3000))
    proxy = Proxy(f"unix://{real_server.socket}", config=config)
    async with Server(proxy, port=0) as server:
        one = Client(*await asyncio.open_connection("127.0.0.1", server.port))
        other = Client(*await asyncio.open_connection("127.0.0.1", server.port))
        # Alone, a call may be larger than the limit.
        assert await one.call("SET a " + "x" * 4_000_000) == b"+OK\r\n"
        real_server.pause()
        try:
            one.send("SET a " + "x" * 2_000_000)

            async def is_in_flight() -> bool:
                found = {measure.name: measure.values for measure in proxy.measures()}
                return found["upstream_in_flight_bytes"] != {(): 0}

            await until(is_in_flight)
            assert (await other.call("SET b " + "x" * 2_000_000)).startswith(b"-ERR upstream has too many")
        finally:
            real_server.resume()
        assert await one.receive() == b"+OK\r\n"
        one.close()
        other.close()


@pytest.mark.parametrize("resp", [2, 3])
async def test_a_killed_client_takes_nothing_any_more(connect: Connect, resp: int) -> None:
    client, waiting = await connect(), await connect()
    await client.call(f"HELLO {resp}")
    number = (await waiting.call("CLIENT ID"))[1:-2].decode()
    waiting.send("BLPOP jobs 0")

    async def waits() -> bool:
        return b"blocked_clients:1\r\n" in await client.call("INFO clients")

    await until(waits)
    assert await client.call("CONFIG RESETSTAT") == b"+OK\r\n"
    assert await client.call(f"CLIENT KILL ID {number}", "RPUSH jobs a", "LLEN jobs") == b":1\r\n" * 3
    # Nor by chance: upstream was told over the connection of the calls that follow, ahead of them.
    assert b"cmdstat_client|kill:calls=1," in await client.call("INFO commandstats")
    with pytest.raises(ConnectionError):
        await waiting.receive()


async def test_what_cannot_go_through(client: Client) -> None:
    assert (await client.call("PSYNC ? -1")).startswith(b"-ERR upstream is not given PSYNC")
    assert (await client.call("SCRIPT DEBUG YES")).startswith(b"-ERR upstream is not given SCRIPT")


async def test_a_call_from_the_program(server: Server) -> None:
    assert await server.backend.call(b"INCRBY", b"visits", b"3") == 3
    with pytest.raises(RespError, match="WRONGTYPE"):
        await server.backend.call(b"LPUSH", b"visits", b"x")


def _own_connections(report: bytes) -> int:
    return int(report.partition(b"upstream_own_connections:")[2].partition(b"\r\n")[0])
