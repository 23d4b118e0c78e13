"""What a proxy counts for those who scrape metrics: errors of upstream's replies, and upstream's own figures."""

from collections.abc import AsyncIterator, Mapping

import pytest

from tests.backends.wire import Connect, until
from tests.real_server import RealServer
from vermilion.backends.proxy import Proxy
from vermilion.config import Config
from vermilion.measures import Labels, Measure
from vermilion.network.server import Server
from vermilion.settings import Settings


def _values(proxy: Proxy, name: str) -> Mapping[Labels, float]:
    return next(
        measure.values
        for measure in proxy.measures()
        if isinstance(measure, Measure) and measure.name == name
    )


async def test_errors_of_upstream(connect: Connect, server: Server) -> None:
    client, proxy = await connect(), server.backend
    assert isinstance(proxy, Proxy)
    await client.call("SET k x")
    await client.call("LPUSH k 1")
    await client.call("INCR k", "GET k", "LPUSH k 1", "NOSUCH")
    await client.call("OBJECT NOSUCH k")
    assert _values(proxy, "error_replies") == {("WRONGTYPE",): 2, ("ERR",): 3}
    assert _values(proxy, "commands_failed") == {("lpush",): 2, ("incr",): 1, ("object",): 1}


async def test_what_looks_like_an_error_within_a_value(connect: Connect, server: Server) -> None:
    client, proxy = await connect(), server.backend
    assert isinstance(proxy, Proxy)
    await client.call("EVAL return(redis.call('SET',KEYS[1],'\\r\\n-ERR\\r\\n-ERR')) 1 k")
    assert await client.call("GET k", "GET k") == b"$12\r\n\r\n-ERR\r\n-ERR\r\n" * 2
    assert _values(proxy, "error_replies") == {}


async def test_errors_behind_a_long_reply_do_not_take_others_for_errors(
    connect: Connect, server: Server
) -> None:
    client, proxy = await connect(), server.backend
    assert isinstance(proxy, Proxy)
    await client.call("SETRANGE long 200000 -")
    await client.call("GET long", "LPUSH long 1")
    await client.call("LPUSH long 1")
    assert _values(proxy, "error_replies")["WRONGTYPE",] >= 1
    assert set(_values(proxy, "error_replies")) == {("WRONGTYPE",)}


@pytest.fixture
async def measured(real_server: RealServer) -> AsyncIterator[Proxy]:
    filler = Proxy(f"unix://{real_server.socket}")
    await filler.initialize()
    await filler.call(b"FLUSHALL")
    await filler.call(b"CONFIG", b"RESETSTAT")
    await filler.call(b"MSET", b"a", b"1", b"b", b"2")
    await filler.call(b"EXPIRE", b"a", b"1000")
    await filler.call(b"MGET", b"a", b"b", b"none")
    proxy = Proxy(f"unix://{real_server.socket}", config=Config(Settings(metrics_port=9121)))
    await proxy.initialize()
    yield proxy
    await proxy.close()
    await filler.close()


async def test_figures_of_upstream(measured: Proxy) -> None:
    async def has_told() -> bool:
        return bool(_values(measured, "upstream_memory_used_bytes"))

    await until(has_told)
    assert _values(measured, "keys") == {("0",): 2}
    assert _values(measured, "keys_expiring") == {("0",): 1}
    assert _values(measured, "keyspace_hits") == {(): 2}
    assert _values(measured, "keyspace_misses") == {(): 1}
    assert _values(measured, "keys_evicted") == {(): 0}


async def test_what_upstream_has_not_told_is_left_out() -> None:
    proxy = Proxy("redis://cache.internal", config=Config(Settings(metrics_port=9121)))
    for name in ("keys", "keyspace_hits", "upstream_memory_used_bytes"):
        assert _values(proxy, name) == {}
