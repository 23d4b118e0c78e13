"""Metrics and the health check: what they say, and what a client of theirs cannot do."""

import asyncio
import builtins
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Any

import pytest
from prometheus_client import parser

from tests.network.conftest import Start
from tests.network.test_connection import until
from tests.network.wire import WAIT, Wire, call
from vermilion import MemoryCacheBackend, Server
from vermilion.config import Config
from vermilion.measures import Histogram, Measure
from vermilion.network import http, metrics
from vermilion.network.listening import ListenError


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    monkeypatch.setattr(metrics, "REUSED_S", 0)
    async with Server(port=0, metrics_port=0) as started:
        yield started


async def ask(server: Server, data: bytes) -> tuple[bytes, bytes]:
    """Send bytes to the metrics port; return the head and the body of what comes before the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.metrics_port)
    try:
        writer.write(data)
        answer = await asyncio.wait_for(reader.read(), WAIT)
    except ConnectionResetError:
        answer = b""
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


async def get(server: Server, path: str) -> tuple[int, str]:
    head, body = await ask(server, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return int(head.split()[1]), body.decode()


async def scrape(server: Server) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the samples by name and labels, as Prometheus reads them."""
    status, page = await get(server, "/metrics")
    assert status == 200
    samples: dict[str, dict[tuple[str, ...], float]] = {}
    for family in parser.text_string_to_metric_families(page):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return samples


# What they say ------------------------------------------------------------------------------------------


async def test_what_prometheus_reads(server: Server) -> None:
    async with Wire(server) as wire:
        for _ in range(3):
            await wire.ask(b"SET", b"a", b"1")
        for key in (b"a", b"none"):
            await wire.ask(b"GET", key)
        await wire.ask(b"INCR")
        samples = await scrape(server)
        again = await scrape(server)
    assert samples["vermilion_command_duration_seconds_count"] == {("set",): 3, ("get",): 2}
    buckets = samples["vermilion_command_duration_seconds_bucket"]
    assert buckets["set", "+Inf"] == 3
    assert samples["vermilion_commands_rejected_total"] == {("incr",): 1}
    assert samples["vermilion_error_replies_total"] == {("ERR",): 1}
    assert samples["vermilion_keyspace_hits_total"] == samples["vermilion_keyspace_misses_total"] == {(): 1}
    assert samples["vermilion_keys"] == {("0",): 1}
    assert samples["vermilion_clients"] == {(): 1}
    assert samples["vermilion_network_received_bytes_total"][()] > 100
    assert samples["vermilion_tls_handshakes_failed_total"] == {(): 0}
    # To be asked is no call, and no client.
    same = "vermilion_command_duration_seconds_count", "vermilion_connections_received_total"
    assert [again[name] for name in same] == [samples[name] for name in same]


async def test_who_waits_is_counted(server: Server) -> None:
    async with Wire(server) as wire:
        await wire.send(call(b"BLPOP", b"list", b"0"))
        await until(lambda: len(server.backend.engine.waiting))
        assert (await scrape(server))["vermilion_clients_blocked"] == {(): 1}


async def test_error_codes_of_any_bytes(server: Server) -> None:
    for code in ('a"b\\c', "\udcff", "line\nfeed"):
        server.backend.engine.stats.count_error(code)
    codes = (await scrape(server))["vermilion_error_replies_total"]
    assert codes == {('a"b\\c',): 1, ("\\udcff",): 1, ("line\nfeed",): 1}


async def test_health(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await get(server, "/healthz") == (200, "ok\n")
    monkeypatch.setattr(server.backend, "trouble", lambda: "upstream 127.0.0.1:6379 does not answer")
    assert await get(server, "/healthz?verbose=1") == (503, "upstream 127.0.0.1:6379 does not answer\n")


async def test_a_backend_s_own_measures() -> None:
    class Pool(MemoryCacheBackend):
        def measures(self) -> Iterable[Measure | Histogram]:
            yield from super().measures()
            yield Measure(
                "upstream_connections", "gauge", "Connections.", {("idle",): 2, ("busy",): 1}, ("state",)
            )
            yield Measure("upstream_errors", "counter", "Errors.", {(): 4})

    async with Server(Pool(), port=0, metrics_port=0) as server:
        samples = await scrape(server)
    assert samples["vermilion_upstream_connections"] == {("idle",): 2, ("busy",): 1}
    assert samples["vermilion_upstream_errors_total"] == {(): 4}


async def test_a_page_is_written_a_few_times_a_second_at_most() -> None:
    async with Server(port=0, metrics_port=0) as server:
        before = await scrape(server)
        async with Wire(server) as wire:
            await wire.ask(b"PING")
        assert await scrape(server) == before


async def test_where_it_listens(start: Start) -> None:
    config = Config.from_arguments(["--metrics-bind", "127.0.0.1 -::1"], {})
    async with Server(MemoryCacheBackend(config=config), port=0, metrics_port=0) as server:
        assert config.get([b"metrics-port"]) == {b"metrics-port": b"%d" % server.metrics_port}
        with pytest.raises(
            ListenError, match=f"127.0.0.1:{server.metrics_port}: bind: Address already in use"
        ):
            await Server(port=0, metrics_port=server.metrics_port).start()
        assert (await get(server, "/healthz"))[0] == 200
        port = server.metrics_port
        await server.stop()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name for name in sys.modules if name.startswith(("vermilion.network.metrics", "prometheus_client"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def missing(name: str, *arguments: Any) -> Any:
        if name == "prometheus_client":
            raise ModuleNotFoundError("No module named 'prometheus_client'", name=name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ListenError) as raised:
        await Server(port=0, metrics_port=0).start()
    assert (
        str(raised.value)
        == "metrics-port needs the package prometheus_client: pip install 'vermilion[metrics]'"
    )


# What a client cannot do --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /metrics HTTP/1.0\r\n\r\n", b"200"),
        (b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"200"),
        (b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde", b"405"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"GET /../metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"GET /metrics HTTP/1.1\r\n\r\n", b"400"),
        (b"*1\r\n$4\r\nPING\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 20_000, b"431"),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nCookie: " + b"a" * 20_000 + b"\r\n\r\n", b"431"),
    ],
    ids=["1.0", "head", "post", "root", "dots", "no host", "redis", "tls", "long line", "long header"],
)
async def test_questions(server: Server, data: bytes, status: bytes) -> None:
    head, body = await ask(server, data)
    assert head.startswith(b"HTTP/1.1 " + status + b" ")
    assert (body == b"") is data.startswith(b"HEAD")
    await until(lambda: not questions(server))


def site(server: Server) -> http.Site:
    """Return what the metrics port serves."""
    assert server._metrics is not None
    listener = server._metrics.listeners[0]  # one for each address, of the same site
    assert isinstance(listener, http.SiteListener)
    return listener.site


def questions(server: Server) -> set[http.HttpConnection]:
    """Return the connections of the metrics port."""
    return site(server).connections


async def test_a_question_in_pieces(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.metrics_port)
    for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n":
        writer.write(bytes((byte,)))
        await asyncio.sleep(0)
    assert (await asyncio.wait_for(reader.read(), WAIT)).endswith(b"\r\n\r\nok\n")
    writer.close()


async def test_what_follows_a_question_is_not_read(server: Server) -> None:
    question = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    head, body = await ask(server, question * 3)
    assert (head.count(b"HTTP/1.1"), body) == (1, b"ok\n")


@pytest.mark.parametrize("data", [b"", b"GET /metr"])
async def test_who_is_slow_is_closed(server: Server, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "DEADLINE_S", 0.05)
    assert await ask(server, data) == (b"", b"")
    assert not questions(server)


async def test_who_does_not_read_is_closed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "DEADLINE_S", 0.2)
    site(server)._pages["/large"] = lambda: http.Answer(HTTPStatus.OK, "text/plain", b"x" * 2**26)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.metrics_port, limit=2**10)
    writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: questions(server))
    async with Wire(server) as wire:
        assert await wire.ask(b"PING") == b"+PONG"
    await until(lambda: not questions(server))
    writer.transport.abort()
    del reader


async def test_many_connections_at_once(server: Server, closing: AsyncExitStack) -> None:
    opened = [
        await asyncio.open_connection("127.0.0.1", server.metrics_port) for _ in range(http.CONNECTIONS)
    ]
    await until(lambda: len(questions(server)) == http.CONNECTIONS)
    assert await ask(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") == (b"", b"")
    opened[0][1].close()
    await until(lambda: len(questions(server)) < http.CONNECTIONS)
    assert await get(server, "/healthz") == (200, "ok\n")
    await server.stop()
    for reader, writer in opened[1:]:
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), WAIT)
        writer.close()
