"""The stream group where time or counters matter; its replies are compared with Redis's in conformance/."""

from collections.abc import Callable

import pytest

from vermilion import errors
from vermilion.clock import ManualClock
from vermilion.engine.engine import Engine
from vermilion.pending import Pending
from vermilion.protocol.encode import encode_resp2, encode_resp3
from vermilion.protocol.reply import NULL_ARRAY, Reply
from vermilion.session import Session
from vermilion.structures.stream import Stream

Run = Callable[..., object]
NOW_MS = 1_700_000_000_000


def now_id(sequence: int = 0, *, ms: int = NOW_MS) -> bytes:
    return b"%d-%d" % (ms, sequence)


class TestIds:
    def test_follow_the_clock(self, run: Run, clock: ManualClock) -> None:
        assert run("XADD", "k", "*", "a", 1) == now_id()
        assert run("XADD", "k", "*", "a", 1) == now_id(1)
        clock.advance(ms=5)
        assert run("XADD", "k", "*", "a", 1) == now_id(ms=NOW_MS + 5)

    def test_never_fall_behind_the_last_one(self, run: Run) -> None:
        run("XADD", "k", f"{NOW_MS + 9}-3", "a", 1)
        assert run("XADD", "k", "*", "a", 1) == now_id(4, ms=NOW_MS + 9)

    def test_stay_ahead_of_deleted_ones(self, run: Run) -> None:
        run("XADD", "k", "*", "a", 1)
        run("XDEL", "k", now_id())
        assert run("XADD", "k", "*", "a", 1) == now_id(1)


class TestTrimming:
    def test_without_a_limit_goes_over_a_hundred_nodes_at_most(self, run: Run) -> None:
        run("CONFIG", "SET", "stream-node-max-entries", 2)
        for number in range(1, 401):
            run("XADD", "k", number, "a", 1)
        assert run("XTRIM", "k", "MAXLEN", "~", 0) == 200
        assert run("XTRIM", "k", "MAXLEN", "~", 0, "LIMIT", 0) == 200

    def test_keeps_a_stream_short_as_it_grows(self, run: Run, session: Session) -> None:
        for number in range(1, 1001):
            run("XADD", "k", "MAXLEN", "~", 100, number, "a", 1)
        stream = session.db.find(b"k", Stream)
        assert stream is not None
        assert 100 <= len(stream) < 200


@pytest.fixture
def group(run: Run) -> None:
    """Three entries that consumer a of group g was given."""
    for number in (1, 2, 3):
        run("XADD", "k", number, "a", number)
    run("XGROUP", "CREATE", "k", "g", 0)
    run("XREADGROUP", "GROUP", "g", "a", "STREAMS", "k", ">")


@pytest.mark.usefixtures("group")
class TestIdleTimes:
    def test_are_those_of_the_clock(self, run: Run, clock: ManualClock) -> None:
        clock.advance(ms=250)
        assert run("XPENDING", "k", "g", "-", "+", 1) == [[b"1-0", b"a", 250, 1]]
        run("XREADGROUP", "GROUP", "g", "a", "COUNT", 1, "STREAMS", "k", 0)
        assert run("XPENDING", "k", "g", "-", "+", 2) == [[b"1-0", b"a", 0, 2], [b"2-0", b"a", 250, 1]]

    @pytest.mark.parametrize(("idle", "shown"), [(249, 3), (250, 3), (251, 0)])
    def test_filter_what_is_shown(self, run: Run, clock: ManualClock, idle: int, shown: int) -> None:
        clock.advance(ms=250)
        found = run("XPENDING", "k", "g", "IDLE", idle, "-", "+", 9)
        assert isinstance(found, list)
        assert len(found) == shown

    @pytest.mark.parametrize(("idle", "claimed"), [(250, [b"1-0"]), (251, [])])
    def test_decide_what_is_claimed(
        self, run: Run, clock: ManualClock, idle: int, claimed: list[bytes]
    ) -> None:
        clock.advance(ms=250)
        assert run("XCLAIM", "k", "g", "b", idle, 1, "JUSTID") == claimed

    def test_decide_what_is_claimed_without_being_named(self, run: Run, clock: ManualClock) -> None:
        clock.advance(ms=250)
        run("XCLAIM", "k", "g", "b", 0, 2)
        assert run("XAUTOCLAIM", "k", "g", "c", 250, 0, "JUSTID") == [b"0-0", [b"1-0", b"3-0"], []]

    @pytest.mark.parametrize(
        ("option", "value", "idle"), [("IDLE", 70, 70), ("TIME", NOW_MS, 250), ("TIME", NOW_MS + 999, 0)]
    )
    def test_are_set_by_a_claim(
        self, run: Run, clock: ManualClock, option: str, value: int, idle: int
    ) -> None:
        clock.advance(ms=250)
        run("XCLAIM", "k", "g", "b", 0, 1, option, value)
        assert run("XPENDING", "k", "g", "-", "+", 1) == [[b"1-0", b"b", idle, 2]]

    def test_of_consumers(self, run: Run, clock: ManualClock) -> None:
        run("XGROUP", "CREATECONSUMER", "k", "g", "b")
        clock.advance(ms=100)
        run("XREADGROUP", "GROUP", "g", "a", "STREAMS", "k", ">")
        clock.advance(ms=10)
        assert run("XINFO", "CONSUMERS", "k", "g") == [
            {b"name": b"a", b"pending": 3, b"idle": 10, b"inactive": 110},
            {b"name": b"b", b"pending": 0, b"idle": 110, b"inactive": -1},
        ]

    def test_do_not_become_negative_when_the_clock_goes_back(self, run: Run, session: Session) -> None:
        session.db.clock = ManualClock(NOW_MS - 500)
        assert run("XPENDING", "k", "g", "-", "+", 1) == [[b"1-0", b"a", 0, 1]]
        assert run("XINFO", "CONSUMERS", "k", "g") == [
            {b"name": b"a", b"pending": 3, b"idle": 0, b"inactive": 0}
        ]


class TestHitsAndMisses:
    @pytest.mark.parametrize(
        "words",
        [
            ("XLEN", "k"), ("XRANGE", "k", "-", "+"), ("XREVRANGE", "k", "+", "-"), ("XINFO", "STREAM", "k"),
            ("XINFO", "GROUPS", "k"), ("XINFO", "CONSUMERS", "k", "g"), ("XPENDING", "k", "g"),
            ("XACK", "k", "g", "1"), ("XCLAIM", "k", "g", "a", 0, 1), ("XAUTOCLAIM", "k", "g", "a", 0, 0),
        ],
    )  # fmt: skip
    @pytest.mark.usefixtures("group")
    def test_are_counted_by_what_looks(self, run: Run, engine: Engine, words: tuple[str, ...]) -> None:
        before = engine.keyspace.hits, engine.keyspace.misses
        run(*words)
        run(*("missing" if word == "k" else word for word in words))
        assert (engine.keyspace.hits - before[0], engine.keyspace.misses - before[1]) == (1, 1)

    @pytest.mark.parametrize(
        "words",
        [
            ("XDEL", "k", 1), ("XTRIM", "k", "MAXLEN", 0), ("XSETID", "k", 9), ("XGROUP", "SETID", "k", "g", 0),
            ("XGROUP", "DESTROY", "k", "g"), ("XGROUP", "CREATE", "k", "h", 0), ("XADD", "k", "NOMKSTREAM", 9, "a", 1),
        ],
    )  # fmt: skip
    @pytest.mark.usefixtures("group")
    def test_are_not_counted_by_what_changes(
        self, run: Run, engine: Engine, words: tuple[str | int, ...]
    ) -> None:
        before = engine.keyspace.hits, engine.keyspace.misses
        run(*words)
        run(*("missing" if word == "k" else word for word in words))
        assert (engine.keyspace.hits, engine.keyspace.misses) == before


class TestReading:
    def test_streams_are_pairs_in_resp2_and_a_map_in_resp3(
        self, run: Callable[..., Reply], session: Session
    ) -> None:
        run("XADD", "k", 1, "a", 1)
        out: list[bytes] = []
        encode_resp2(run("XREAD", "STREAMS", "k", "k", 0, 0), out.append)
        assert b"".join(out).startswith(b"*2\r\n*2\r\n$1\r\nk\r\n*1\r\n")
        session.resp = 3
        out.clear()
        encode_resp3(run("XREAD", "STREAMS", "k", "k", 0, 0), out.append)
        assert b"".join(out).startswith(b"%2\r\n$1\r\nk\r\n*1\r\n")

    def test_nothing_new_is_no_array(self, run: Run) -> None:
        run("XADD", "k", 1, "a", 1)
        assert run("XREAD", "STREAMS", "k", "$") is NULL_ARRAY

    @pytest.mark.usefixtures("group")
    def test_a_group_that_lost_its_stream(self, run: Run) -> None:
        run("DEL", "k")
        assert run("XREADGROUP", "GROUP", "g", "a", "STREAMS", "k", ">") == errors.no_group(
            b"k", b"g", " in XREADGROUP with GROUP option"
        )


@pytest.mark.usefixtures("group")
class TestRefusals:
    @pytest.mark.parametrize(
        "words",
        [
            ("XADD", "k", "2-0", "a", 1),
            ("XADD", "k", "MAXLEN", 1, "2-0", "a", 1),
            ("XDEL", "k", 1, "abc"),
            ("XACK", "k", "g", 1, "abc"),
            ("XCLAIM", "k", "g", "new", 0, 1, "BOGUS"),
            ("XCLAIM", "k", "g", "new", 0, 1, "LASTID", "9-9", "IDLE", "abc"),
            ("XAUTOCLAIM", "k", "g", "new", 0, 0, "COUNT", 0),
            ("XREADGROUP", "GROUP", "g", "new", "STREAMS", "k", "k", ">", "abc"),
            ("XREADGROUP", "GROUP", "g", "new", "STREAMS", "k", "missing", ">", ">"),
            ("XSETID", "k", "9-9", "ENTRIESADDED", 1),
            ("XGROUP", "SETID", "k", "g", "abc"),
            ("XTRIM", "k", "MAXLEN", 0, "LIMIT", 5),
        ],
    )
    def test_change_nothing(self, run: Run, engine: Engine, words: tuple[str | int, ...]) -> None:
        def state() -> object:
            return run("XINFO", "STREAM", "k", "FULL"), engine.keyspace.dirty

        run("XADD", "k", "4-0", "a", 1)
        before = state()
        assert isinstance(run(*words), str)
        assert state() == before


def test_memory_usage_grows_with_what_is_pending(run: Callable[..., int]) -> None:
    for number in range(1, 1001):
        run("XADD", "k", number, "a", "x" * 50)
    bare = run("MEMORY", "USAGE", "k", "SAMPLES", 0)
    assert bare > 50_000
    run("XGROUP", "CREATE", "k", "g", 0)
    run("XREADGROUP", "GROUP", "g", "c", "STREAMS", "k", ">")
    assert run("MEMORY", "USAGE", "k", "SAMPLES", 0) > bare + 50_000


class TestWaiting:
    def test_ends_with_the_clock(
        self, run: Run, engine: Engine, session: Session, clock: ManualClock
    ) -> None:
        assert isinstance(run("XREAD", "BLOCK", 50, "STREAMS", "k", "$"), Pending)
        clock.advance(ms=49)
        engine.end_waits()
        assert session.pending is not None
        clock.advance(ms=1)
        engine.end_waits()
        assert session.pending is None

    @pytest.mark.usefixtures("group")
    def test_of_a_group_is_not_disturbed_by_what_others_read(
        self, run: Run, engine: Engine, session: Session
    ) -> None:
        run("XREADGROUP", "GROUP", "g", "a", "BLOCK", 0, "STREAMS", "k", ">")
        other = engine.open_session(session.transport)
        for words in (
            b"XREADGROUP GROUP g b STREAMS k 0",
            b"XGROUP SETID k g 0",
            b"XACK k g 1",
            b"XCLAIM k g b 0 2",
        ):
            engine.execute(other, words.split())
        assert session.pending is not None
        engine.execute(other, b"XADD k 9 a 1".split())
        assert session.pending is None
