"""A cluster of real servers, for tests: three primaries, and a replica of the first where one is wanted."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

from redis import Redis
from redis._parsers.helpers import parse_info
from redis.exceptions import RedisError

from tests.real_server import server_command

SLOTS = 16384
NODE_TIMEOUT_MS = 1000


class Node:
    """One node."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                server_command(), "--port", str(self.port), "--cluster-enabled", "yes", "--save", "",
                "--cluster-node-timeout", str(NODE_TIMEOUT_MS), "--dir", str(self.folder),
                "--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0",
                "--appendonly", "yes",
            ],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def client(self) -> Redis:
        client = Redis(port=self.port, decode_responses=True, protocol=2)
        client.response_callbacks.clear()  # replies as they come
        client.set_response_callback("INFO", parse_info)
        return client

    def ask(self, *words: str | int) -> object:
        with self.client() as client:
            return client.execute_command(*words)


class RealCluster:
    """Three primaries with a third of the slots each, on ports of their own; `replicas` of the first."""

    def __init__(self, replicas: int = 0) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vm-"))
        self.nodes = [Node(self.folder / str(number)) for number in range(3 + replicas)]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[:2])

    def start(self) -> None:
        """Start the nodes, have them meet, and wait until all agree."""
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            _until(partial(_answers, node))
        first = self.nodes[0]
        for number, node in enumerate(self.nodes[:3]):
            ends = SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1
            node.ask("CLUSTER", "ADDSLOTSRANGE", *ends)
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            first.ask("CLUSTER", "MEET", "127.0.0.1", node.port)
        _until(lambda: all(self._knows_all(node) for node in self.nodes))
        for node in self.nodes[3:]:
            node.ask("CLUSTER", "REPLICATE", str(first.ask("CLUSTER", "MYID")))
        _until(lambda: all(self._is_well(node) for node in self.nodes))
        for node in self.nodes[3:]:
            self.wait_for_replica(node)

    def _knows_all(self, node: Node) -> bool:
        return f"cluster_known_nodes:{len(self.nodes)}" in _report(node)

    def _is_well(self, node: Node) -> bool:
        report = _report(node)
        return "cluster_state:ok" in report and "cluster_slots_ok:16384" in report

    def holder(self, slot: int) -> Node:
        """Return the primary of a slot."""
        with self.nodes[1].client() as client:
            ranges = cast("list[list[Any]]", client.execute_command("CLUSTER", "SLOTS"))
        port = next(primary[1] for start, end, primary, *_ in ranges if start <= slot <= end)
        return next(node for node in self.nodes if node.port == port)

    def wait_for_replica(self, node: Node) -> None:
        """Wait until a replica has all that its primary has."""

        def follows() -> bool:
            with contextlib.suppress(RedisError), node.client() as client:
                return bool(client.info("replication").get("master_link_status") == "up")
            return False

        _until(follows)

    def move(self, slot: int, source: Node, target: Node) -> None:
        """Give a slot with its keys to another node."""
        source_id, target_id = (str(node.ask("CLUSTER", "MYID")) for node in (source, target))
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
        with source.client() as client:
            keys = client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1000)
            if keys:
                client.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        for node in (target, source):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", target_id)

    def remove(self) -> None:
        """Stop all nodes and remove their folders."""
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _report(node: Node) -> str:
    with node.client() as client:
        info = client.execute_command("CLUSTER", "INFO")
    return (
        "\n".join(f"{name}:{value}" for name, value in info.items()) if isinstance(info, dict) else str(info)
    )


def _answers(node: Node) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", node.port), 1):
            return True
    except OSError:
        return False


def _until(true: Callable[[], bool]) -> None:
    """Wait for what other processes come to by themselves."""
    for _ in range(1500):
        if true():
            return
        time.sleep(0.02)
    raise RuntimeError("the cluster did not come to be")


def free_port() -> int:
    """Return a port that is free together with that of the cluster's bus, 10,000 above."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
        port = 10000 + port % 40000
        try:
            with (
                socket.create_server(("127.0.0.1", port)),
                socket.create_server(("127.0.0.1", port + 10000)),
            ):
                return port
        except OSError:
            continue
