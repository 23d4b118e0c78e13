"""The proxy behind Sentinels: it finds the primary, and follows when another server becomes it."""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tests.real_cluster import free_port
from tests.real_server import server_command
from vermilion.backends.proxy import Proxy
from vermilion.config import Config
from vermilion.network.server import Server
from vermilion.settings import Settings


class Watched:
    """A primary, a replica, and a Sentinel that watches them."""

    def __init__(self, folder: Path) -> None:
        self.ports = [free_port(), free_port()]
        self.sentinel = free_port()
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {self.sentinel}\n"
            f"sentinel monitor main 127.0.0.1 {self.ports[0]} 1\n"
            "sentinel down-after-milliseconds main 400\n"
            "sentinel failover-timeout main 2000\n"
        )
        common = ("--save", "", "--repl-diskless-sync-delay", "0", "--dir", str(folder))
        replica = ("--replicaof", "127.0.0.1", str(self.ports[0]))
        self._processes = [
            self._start("--port", str(self.ports[0]), *common),
            self._start("--port", str(self.ports[1]), *common, *replica),
            self._start(str(config), "--sentinel", "--dir", str(folder)),
        ]

    @staticmethod
    def _start(*arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([server_command(), *arguments], stdout=subprocess.DEVNULL)

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{self.sentinel}/main"

    def kill_primary(self) -> None:
        self._processes[0].kill()
        self._processes[0].wait(10)

    def pause_replica(self) -> None:
        self._processes[1].send_signal(signal.SIGSTOP)

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait(10)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    servers = Watched(tmp_path)
    try:
        yield servers
    finally:
        servers.stop()


async def _until_replica_is_known(watched: Watched) -> None:
    async with Redis(port=watched.sentinel) as sentinel:
        for _ in range(1000):
            with contextlib.suppress(ResponseError, ConnectionError):
                state = await cast("Any", sentinel).sentinel_master("main")
                if int(state["num-slaves"]) == 1:
                    return
            await asyncio.sleep(0.02)
    pytest.fail("the Sentinel does not know the replica")


async def test_wait_is_about_the_writes_of_the_client(watched: Watched) -> None:
    url = f"redis://127.0.0.1:{watched.ports[0]}"
    async with Server(Proxy(url), port=0) as server, Redis(port=server.port) as client:
        await _until_replica_is_known(watched)
        assert await client.set("a", "1")
        assert await client.wait(1, 5000) == 1
        watched.pause_replica()
        assert await client.set("a", "2")
        assert await client.wait(1, 50) == 0


async def test_the_primary_is_found_and_followed(watched: Watched) -> None:
    settings = Settings(upstream_timeout=2000)
    async with (
        Server(Proxy(watched.url, config=Config(settings)), port=0) as server,
        Redis(port=server.port) as client,
    ):
        assert await client.set("a", "1")
        report = await client.info("upstream")
        assert report["upstream_kind"] == "sentinel"
        assert report["upstream0"]["addr"] == f"127.0.0.1:{watched.ports[0]}"
        await _until_replica_is_known(watched)
        assert await client.wait(1, 5000) == 1
        watched.kill_primary()
        refused: list[str] = []
        for _ in range(1000):
            try:
                value = await client.incr("a")
                break
            except ResponseError as error:
                refused.append(str(error))
            await asyncio.sleep(0.02)
        else:
            pytest.fail("the proxy did not follow the failover")
        assert value == 2
        assert refused
        assert all("upstream" in text for text in refused)
        report = await client.info("upstream")
        assert report["upstream0"]["addr"] == f"127.0.0.1:{watched.ports[1]}"


async def test_a_service_that_nobody_knows(watched: Watched) -> None:
    settings = Settings(upstream_start_timeout=300)
    url = f"redis+sentinel://127.0.0.1:{watched.sentinel}/other"
    async with (
        Server(Proxy(url, config=Config(settings)), port=0) as server,
        Redis(port=server.port) as client,
    ):
        with pytest.raises(ResponseError, match=r"does not know other|does not answer"):
            await client.get("a")
