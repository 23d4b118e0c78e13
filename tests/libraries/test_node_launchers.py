"""npm's packages that start a redis-server, given ours: redis-memory-server and redis-server."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.process import WAIT, command, environment, free_port

MODULES: Final = Path(__file__).parents[2] / "build" / "node" / "node_modules"
"""Where `make test-libraries` installs them."""

NODE: Final = shutil.which("node")

MEMORY_SERVER: Final = """
const { RedisMemoryServer } = require("redis-memory-server");
const Redis = require("ioredis");
(async () => {
  const server = new RedisMemoryServer({ instance: { args: ["--enable-test-commands", "yes"] } });
  const redis = new Redis(await server.getPort(), await server.getHost());
  console.log(await redis.set("key", "value"), await redis.call("VERMILION", "SEED", 7));
  redis.disconnect();
  console.log(await server.stop());
})();
"""

SERVER: Final = """
const RedisServer = require("redis-server");
const [bin, port] = process.argv.slice(2);
(async () => {
  const server = new RedisServer({ bin, port });
  await server.open();
  await new RedisServer({ bin, port }).open().catch((error) => console.log(error.message));
  await server.close();
  console.log("closed");
})();
"""

pytestmark = pytest.mark.skipif(
    NODE is None or not (MODULES / "redis-memory-server").is_dir(),
    reason="`make test-libraries` installs them, from the network, where there is npm",
)


def node(program: str, *arguments: str) -> list[str]:
    """Run a program in JavaScript; return the lines that it prints."""
    done = subprocess.run(
        [str(NODE), "-", *arguments], input=program, capture_output=True, text=True, timeout=WAIT, check=False,
        env=environment({"NODE_PATH": str(MODULES), "REDISMS_SYSTEM_BINARY": command()[0], "PATH": os.environ["PATH"]}),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_redis_memory_server() -> None:
    assert node(MEMORY_SERVER) == ["OK OK", "true"]


def test_redis_server() -> None:
    assert node(SERVER, command()[0], str(free_port())) == ["Address already in use", "closed"]
