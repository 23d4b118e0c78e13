"""The versions of redis-py that `make test-matrix` goes through, and what the older ones cannot do by themselves."""

from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

REDIS_PY = tuple(map(int, redis.__version__.split(".")[:2]))

needs_6 = pytest.mark.skipif(REDIS_PY < (6, 0), reason="redis-py reads pushes with hiredis from version 6 on")
reconnects = pytest.mark.skipif(REDIS_PY < (6, 0), reason="redis-py's listeners reconnect from version 6 on")
closes = pytest.mark.skipif(REDIS_PY < (5, 1), reason="redis-py 5.0 closes no pool that it was given")
comes_again = pytest.mark.skipif(
    REDIS_PY < (7, 0), reason="redis-py tries to connect again from version 7 on"
)

tidies_up = pytest.mark.skipif(REDIS_PY < (5, 1), reason="redis-py 5.0 forgets sockets that did not connect")


def once() -> Retry:
    """Return what has a client try once: from version 6 on redis-py tries again by itself."""
    return Retry(NoBackoff(), 0)


async def close(client: Any) -> None:
    """Close what is redis.asyncio's: `aclose` is the name from version 5.0.1 on."""
    await getattr(client, "aclose", client.close)()
