"""What upstream knows of a proxy's client, and the proxy with it: messages, transactions, permissions."""

import pytest

from tests.backends.wire import Client, Connect, until


async def _subscriber(connect: Connect, *names: str) -> Client:
    """Return a client of RESP3 that is subscribed."""
    client = await connect()
    await client.call("HELLO 3")
    client.send(f"SUBSCRIBE {' '.join(names)}")
    for _ in names:
        assert (await client.receive()).startswith(b">3\r\n$9\r\nsubscribe")
    return client


async def test_a_subscriber_of_resp3_may_call_anything(connect: Connect) -> None:
    client, other = await _subscriber(connect, "a"), await connect()
    assert await client.call("SET k 1", "SELECT 1", "GET k", "WATCH k", "PING") == (
        b"+OK\r\n+OK\r\n_\r\n+OK\r\n+PONG\r\n"
    )
    assert await client.call("MULTI") == b"+OK\r\n"
    assert await client.call("PING", "CLIENT GETNAME") == b"+QUEUED\r\n+QUEUED\r\n"
    assert await other.call("PUBLISH a hello") == b":1\r\n"
    assert await client.receive() == b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n"
    assert await client.call("EXEC") == b"*2\r\n+PONG\r\n_\r\n"


async def test_messages_come_while_a_subscriber_waits(connect: Connect) -> None:
    client, other = await _subscriber(connect, "a"), await connect()
    client.send("BLPOP jobs 0")
    assert await other.call("PUBLISH a hello") == b":1\r\n"
    assert (await client.receive()).startswith(b">3\r\n$7\r\nmessage")
    assert await other.call("RPUSH jobs x") == b":1\r\n"
    assert await client.receive() == b"*2\r\n$4\r\njobs\r\n$1\r\nx\r\n"


async def test_a_large_reply_between_messages(connect: Connect) -> None:
    client, other = await _subscriber(connect, "a"), await connect()
    await client.call("SETRANGE big 3999999 x")
    assert await other.call("PUBLISH a one") == b":1\r\n"
    client.send("GET big", "PING")
    assert (await client.receive()).startswith(b">3\r\n$7\r\nmessage")
    assert len(await client.receive()) == 4_000_012
    assert await client.receive() == b"+PONG\r\n"
    assert await other.call("PUBLISH a " + "x" * 100_000) == b":1\r\n"
    assert len(await client.receive()) > 100_000


async def test_a_subscription_in_a_transaction(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await client.call("MULTI")
    await client.call("SET k 1", "SUBSCRIBE a b")
    assert await client.call("CLIENT GETNAME") != b"+QUEUED\r\n"
    assert (await client.call("EXEC")).startswith(b"-EXECABORT")
    await client.call("MULTI")
    await client.call("SET k 1", "SUBSCRIBE a b")
    # As Redis does: two confirmations, and an array that counts them as one.
    assert await client.call("EXEC") == b"*2\r\n+OK\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
    assert await client.receive() == b"*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
    assert b" flags=P " in await other.call("CLIENT LIST TYPE pubsub")
    assert (await client.call("GET k")).startswith(b"-ERR Can't execute 'get'")
    assert await other.call("PUBLISH b hello") == b":1\r\n"
    assert (await client.receive()).startswith(b"*3\r\n$7\r\nmessage")


async def test_a_subscriber_of_resp2_may_not_change_its_protocol(connect: Connect) -> None:
    client, other = await connect(), await connect()
    client.send("SUBSCRIBE a")
    await client.receive()
    assert (await client.call("HELLO 3")).startswith(b"-ERR Can't execute 'hello'")
    assert (await client.call("AUTH x")).startswith(b"-ERR Can't execute 'auth'")
    assert await other.call("PUBLISH a hello") == b":1\r\n"
    assert (await client.receive()).startswith(b"*3\r\n$7\r\nmessage")


@pytest.mark.parametrize(
    ("calls", "shown"),
    [
        (("MULTI", "SET a 1"), b" flags=x .* multi=1 watch=0 "),
        (("WATCH a b",), b" watch=2 "),
        (("SUBSCRIBE a",), b" flags=P db=0 sub=1 psub=0 ssub=0 "),
        (("MONITOR",), b" flags=O "),
        (("CLIENT TRACKING ON",), b" flags=t .* redir=0 "),
        (("CLIENT NO-TOUCH ON",), b" flags=T "),
    ],
)
async def test_client_list_shows_it(connect: Connect, calls: tuple[str, ...], shown: bytes) -> None:
    client, other = await connect(), await connect()
    number = int((await client.call("CLIENT ID"))[1:])
    for call in calls:
        await client.call(call)
    line = await other.call(f"CLIENT LIST ID {number}")
    at = 0
    for part in shown.split(b".*"):
        at = line.find(part.rstrip() if part.startswith(b" flags") else part, at)
        assert at >= 0, line


async def test_hello_in_a_transaction_changes_what_follows(client: Client) -> None:
    await client.call("MULTI")
    assert await client.call("GET none", "HELLO 3", "GET none", "CLIENT GETNAME") == b"+QUEUED\r\n" * 4
    reply = await client.call("EXEC")
    assert reply.startswith(b"*4\r\n$-1\r\n%7\r\n")
    assert reply.endswith(b"_\r\n_\r\n")
    assert await client.call("GET none") == b"_\r\n"


@pytest.mark.parametrize(
    "options", ["AUTH default wrong SETNAME x", "AUTH nobody x", "SETNAME a\x01b", "AUTH x", "NO"]
)
async def test_a_hello_that_is_refused_in_a_transaction_changes_nothing(
    client: Client, connect: Connect, options: str
) -> None:
    admin = await connect()
    assert await admin.call("CONFIG SET requirepass right") == b"+OK\r\n"
    await client.call("MULTI")
    assert await client.call("GET none", f"HELLO 3 {options}", "GET none") == b"+QUEUED\r\n" * 3
    reply = await client.call("EXEC")
    assert reply.startswith(b"*3\r\n$-1\r\n-")
    assert reply.endswith(b"\r\n$-1\r\n")
    assert await client.call("GET none") == b"$-1\r\n"


async def test_a_hello_with_the_password_in_a_transaction(client: Client, connect: Connect) -> None:
    admin = await connect()
    assert await admin.call("CONFIG SET requirepass right") == b"+OK\r\n"
    await client.call("MULTI")
    await client.call("HELLO 3 AUTH default right SETNAME me", "GET none", "CLIENT GETNAME")
    reply = await client.call("EXEC")
    assert reply.startswith(b"*3\r\n%7\r\n")
    assert reply.endswith(b"_\r\n$2\r\nme\r\n")


async def test_client_reply_in_a_transaction(client: Client) -> None:
    await client.call("MULTI")
    await client.call("CLIENT REPLY OFF", "SET a 1", "CLIENT REPLY ON", "GET a")
    client.send("EXEC", "PING")
    # As in Redis, where the head of the array counts what is not sent.
    assert await client.receive_raw(len(b"*4\r\n+OK\r\n$1\r\n1\r\n+PONG\r\n")) == (
        b"*4\r\n+OK\r\n$1\r\n1\r\n+PONG\r\n"
    )


async def test_a_pause_holds_up_exec(connect: Connect) -> None:
    client, other = await connect(), await connect()
    await client.call("MULTI")
    await client.call("SET a 1")
    assert await other.call("CLIENT PAUSE 100000 WRITE") == b"+OK\r\n"
    client.send("EXEC")
    assert await other.call("GET a", "GET a") == b"$-1\r\n$-1\r\n"
    assert await other.call("CLIENT UNPAUSE") == b"+OK\r\n"
    assert await client.receive() == b"*1\r\n+OK\r\n"


@pytest.mark.parametrize("resp", [2, 3])
async def test_invalidations_for_another_client(connect: Connect, resp: int) -> None:
    client, told, other = await connect(), await connect(), await connect()
    await told.call(f"HELLO {resp}")
    number = int((await told.call("CLIENT ID"))[1:])
    if resp == 2:
        await told.call("SUBSCRIBE __redis__:invalidate")
    assert await client.call(f"CLIENT TRACKING ON REDIRECT {number}") == b"+OK\r\n"
    assert await client.call("CLIENT GETREDIR") == b":%d\r\n" % number
    assert b"redirect\r\n:%d\r\n" % number in await client.call("CLIENT TRACKINGINFO")
    await client.call("GET a")
    await other.call("SET a 1")
    assert (await told.receive()).endswith(b"*1\r\n$1\r\na\r\n")
    assert await client.silent()
    assert (await client.call("CLIENT TRACKING ON REDIRECT 999999")).startswith(b"-ERR The client ID")


async def test_a_receiver_of_invalidations_that_goes(connect: Connect) -> None:
    client, told, other = await connect(), await connect(), await connect()
    await client.call("HELLO 3")
    await told.call("HELLO 3")
    number = int((await told.call("CLIENT ID"))[1:])
    assert await client.call(f"CLIENT TRACKING ON REDIRECT {number}") == b"+OK\r\n"
    await client.call("GET a")
    told.close()

    async def is_gone() -> bool:
        return await other.call(f"CLIENT LIST ID {number}") == b"$0\r\n\r\n"

    await until(is_gone)
    await other.call("SET a 1")
    assert await client.receive() == b">2\r\n$21\r\ntracking-redir-broken\r\n:%d\r\n" % number


class TestPermissions:
    """A user of the proxy, whom upstream does not know."""

    async def user(self, client: Client, connect: Connect, rules: str) -> Client:
        assert await client.call(f"ACL SETUSER ada reset on >pw {rules}") == b"+OK\r\n"
        ada = await connect()
        assert await ada.call("AUTH ada pw") == b"+OK\r\n"
        return ada

    async def test_scripts_and_patterns_of_sort_are_refused(self, client: Client, connect: Connect) -> None:
        ada = await self.user(client, connect, "~app:* +@all")
        await client.call("SET secret x", "RPUSH app:list 1")
        for call in ("EVAL return{1} 0", "EVALSHA 0 0", "FCALL f 0", "EVAL_RO return{1} 0"):
            assert (await ada.call(call)).startswith(b"-NOPERM upstream")
        for call in (
            "SORT app:list BY w_*",
            "SORT app:list BY nosort GET #",
            "SORT app:list LIMIT 0 1 GET secret*",
            "SORT_RO app:list GET #",
        ):
            assert b"denied due to insufficient ACL" in await ada.call(call)
        assert await ada.call("SORT app:list BY nosort LIMIT 0 1") == b"*1\r\n$1\r\n1\r\n"

    async def test_a_refused_call_refuses_the_transaction(self, client: Client, connect: Connect) -> None:
        ada = await self.user(client, connect, "~app:* +@all")
        await ada.call("MULTI")
        assert await ada.call("SET app:a 1") == b"+QUEUED\r\n"
        assert (await ada.call("SET other 1")).startswith(b"-NOPERM")
        assert (await ada.call("EXEC")).startswith(b"-EXECABORT")
        assert await ada.call("GET app:a", "EXEC") == b"$-1\r\n-ERR EXEC without MULTI\r\n"

    async def test_exec_looks_again(self, client: Client, connect: Connect) -> None:
        ada = await self.user(client, connect, "~app:* +@all")
        await ada.call("MULTI")
        assert await ada.call("SET app:a 1") == b"+QUEUED\r\n"
        await client.call("ACL SETUSER ada -set")
        assert (await ada.call("EXEC")).startswith(b"-EXECABORT")
        await ada.call("MULTI")
        assert await ada.call("DEL app:a") == b"+QUEUED\r\n"
        await client.call("ACL SETUSER ada -exec")
        assert (await ada.call("EXEC")).startswith(b"-EXECABORT")
        assert await ada.call("GET app:a") == b"$-1\r\n"

    async def test_who_waits_may_lose_the_permission(self, client: Client, connect: Connect) -> None:
        ada = await self.user(client, connect, "~app:* +@all")
        ada.send("BLPOP app:jobs 0")

        async def waits() -> bool:
            return b"cmd=blpop" in await client.call("CLIENT LIST")

        await until(waits)
        await client.call("ACL SETUSER ada -blpop")
        assert (await ada.receive()).startswith(b"-NOPERM")
        assert await client.call("RPUSH app:jobs x", "LLEN app:jobs") == b":1\r\n:1\r\n"
        assert await ada.call("LLEN app:jobs") == b":1\r\n"

    async def test_who_loses_a_channel_is_disconnected(self, client: Client, connect: Connect) -> None:
        ada = await self.user(client, connect, "&news:* +@all")
        ada.send("SUBSCRIBE news:1")
        await ada.receive()
        await client.call("ACL SETUSER ada resetchannels")
        with pytest.raises(ConnectionError):
            await ada.receive()
