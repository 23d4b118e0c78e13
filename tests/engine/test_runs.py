"""Runs of equal calls, which go through columns: they answer and leave behind what the calls one by one do."""

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.conftest import FakeTransport
from vermilion.backends.memory_backend import MemoryCacheBackend
from vermilion.clock import ManualClock
from vermilion.commands.registry import RUN_LEAST
from vermilion.config import Config
from vermilion.engine.engine import Engine
from vermilion.protocol.encode import encode_resp2
from vermilion.session import Session

KEYS = [b"list", b"long", b"numbers", b"set", b"hash", b"zset", b"stream", b"string", b"n", b"missing"]
WORDS = st.sampled_from([b"1", b"2", b"-3", b"2.5", b"x", b"y" * 70, b"nan", b"*", b"", b"12"])
CALLS = {
    b"GET": 0, b"SET": 1, b"INCR": 0, b"LPUSH": 1, b"RPUSH": 1, b"LPOP": 0, b"RPOP": 0, b"SADD": 1, b"HSET": 2,
    b"ZADD": 2, b"ZPOPMIN": 0, b"XADD": 3, b"PING": -1, b"MSET": 3,
}  # fmt: skip
"""The commands that have a columnar form, and how many words follow the key, -1 for none: SPOP draws by chance."""

READS = [
    b"LRANGE list 0 -1", b"LLEN long", b"LINDEX long 0", b"LINDEX long -1", b"LRANGE numbers 0 -1", b"SMEMBERS set",
    b"HGETALL hash", b"ZRANGE zset 0 -1 WITHSCORES", b"XRANGE stream - +", b"GET string", b"GET n", b"TYPE missing",
]  # fmt: skip


def server() -> tuple[Engine, Session]:
    clock = ManualClock()
    engine = MemoryCacheBackend(clock=clock, config=Config()).engine
    engine.random.seed(1)
    session = engine.open_session(FakeTransport())
    for line in (
        b"RPUSH list a b c", b"SADD set 1 2 3 4 5", b"HSET hash a 1 b 2", b"ZADD zset 1 a 2 b 3 c 4 d 5 e 6 f",
        b"XADD stream 1-1 a b", b"SET string s", b"INCR n", b"RPUSH numbers 1 2 3",
    ):  # fmt: skip
        engine.execute(session, line.split())
    engine.execute(session, [b"RPUSH", b"long", *(b"e%d" % n for n in range(9000))])
    return engine, session


def answers(engine: Engine, session: Session, batches: list[list[list[bytes]]]) -> bytes:
    out: list[bytes] = []
    for batch in batches:
        assert engine.batches.execute(session, batch, encode_resp2, out) == []
    return b"".join(out)


def state(engine: Engine, session: Session) -> list[object]:
    seen: list[object] = [engine.execute(session, line.split()) for line in READS]
    seen += [engine.execute(session, [b"OBJECT", b"ENCODING", key]) for key in KEYS]
    seen += [engine.keyspace.dirty, engine.keyspace.hits, engine.keyspace.misses]
    return [str(each) for each in seen]


@st.composite
def runs(draw: st.DrawFn) -> list[list[bytes]]:
    name = draw(st.sampled_from(sorted(CALLS)))
    one_key = draw(st.sampled_from(KEYS))
    key = st.just(one_key) if draw(st.integers(0, 3)) else st.sampled_from(KEYS)
    words = st.just(b"*") if name == b"XADD" and draw(st.booleans()) else WORDS
    size = draw(st.integers(RUN_LEAST, 12))
    words_most = CALLS[name] + 1
    return [[name, *[draw(key), *(draw(words) for _ in range(3))][:words_most]] for _ in range(size)]


@given(st.lists(runs(), min_size=1, max_size=5))
def test_a_run_is_its_calls_one_by_one(batches: list[list[list[bytes]]]) -> None:
    at_once, one_by_one = server(), server()
    singles = [[call] for call in itertools.chain.from_iterable(batches)]
    assert answers(*at_once, batches) == answers(*one_by_one, singles)
    assert state(*at_once) == state(*one_by_one)


@pytest.mark.parametrize("name", [*CALLS, b"SPOP"])
def test_every_columnar_form_is_tried(engine: Engine, name: bytes) -> None:
    assert engine.commands[name].many is not None
    columnar = {command.name.upper().encode() for command in engine.command_records() if command.many}
    assert columnar == {*CALLS, b"SPOP"}


def test_a_pop_of_each_call_by_chance_takes_different_members() -> None:
    engine, session = server()
    engine.execute(session, [b"SADD", b"chance", *(b"m%d" % n for n in range(1000))])
    out: list[bytes] = []
    engine.random = Random(2)
    engine.batches.execute(session, [[b"SPOP", b"chance"] for _ in range(600)], encode_resp2, out)
    popped = b"".join(out).split(b"\r\n")[1::2]
    assert len(set(popped)) == 600
    assert engine.execute(session, [b"SCARD", b"chance"]) == 400


@pytest.mark.parametrize("name", [*CALLS, b"SPOP"])
@pytest.mark.parametrize("words", range(4))
def test_a_run_of_a_wrong_arity_is_refused_call_by_call(name: bytes, words: int) -> None:
    at_once, one_by_one = server(), server()
    call = [name, b"numbers", b"1", b"2", b"3"][: words + 1]
    assert answers(*at_once, [[call] * RUN_LEAST]) == answers(*one_by_one, [[call]] * RUN_LEAST)
