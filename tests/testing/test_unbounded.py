"""Reads without a bound, of which tests are warned."""

from typing import Any

import pytest
import redis

from vermilion import Vermilion
from vermilion.testing import UnboundedReadWarning


def test_slow_reads_are_warned_of(instance: Vermilion) -> None:
    client: Any = instance.connect(decode_responses=True)
    journal = instance.journal
    journal.start()
    client.rpush("list", *range(200))
    client.zadd("zset", {str(number): number for number in range(200)})
    client.hset("hash", mapping={str(number): number for number in range(200)})
    client.sadd("small", 1)
    client.xadd("stream", {"a": 1})
    client.keys("user:*")
    client.lrange("list", 0, -1)
    client.lrange("list", 0, -1)
    client.hgetall("hash")
    client.zrangebyscore("zset", "-inf", "+inf")
    client.sort("list")
    expected = [
        "KEYS user:* goes through all keys of the database; SCAN does it in steps (once)",
        "LRANGE list 0 -1 took all 200 elements at once; a range takes a part of them (2 times)",
        "HGETALL hash took all 200 elements at once; HSCAN takes a part of them (once)",
        "ZRANGEBYSCORE zset -inf +inf took all 200 elements at once; LIMIT takes a part of them (once)",
        "SORT list took all 200 elements at once; LIMIT takes a part of them (once)",
    ]
    assert journal.warnings() == expected
    with pytest.warns(UnboundedReadWarning) as warned:
        journal.warn()
    assert [str(one.message) for one in warned] == expected
    assert len(journal.warnings(large=201)) == 1
    journal.clear()
    client.lrange("list", 0, 99)
    client.zrangebyscore("zset", "-inf", "+inf", start=0, num=150)
    client.smembers("small")
    client.sort("list", start=0, num=150)
    client.xrange("stream", count=1)
    with pytest.raises(redis.ResponseError):
        client.hgetall("list")
    assert journal.warnings() == []
