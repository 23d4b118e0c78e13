"""The sorted-set group: what the corpus does not show, because no reply does."""

from collections import Counter
from collections.abc import Callable
from math import inf

import pytest

from vermilion import errors
from vermilion.engine.engine import Engine
from vermilion.protocol.encode import encode_resp2
from vermilion.session import Session
from vermilion.structures.zset import ZSet

Run = Callable[..., object]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch, session: Session) -> list[tuple[bytes, str, int]]:
    """What is announced, in order."""
    told: list[tuple[bytes, str, int]] = []

    def changed(_: object, key: bytes, event: str, changes: int = 1) -> None:
        told.append((key, event, changes))

    monkeypatch.setattr(type(session.db), "changed", changed)
    return told


class TestAnnouncements:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("ZADD z 5 a 6 b 7 new", [(b"z", "zadd", 3)]),
            ("ZADD z 1 a", []),
            ("ZADD z NX 5 a", []),
            ("ZADD missing XX 5 a", []),
            ("ZADD z INCR 1 a", [(b"z", "zincr", 1)]),
            ("ZADD z INCR 1 new", [(b"z", "zincr", 1)]),
            ("ZINCRBY z 1 a", [(b"z", "zincr", 1)]),
            ("ZREM z a b x", [(b"z", "zrem", 2)]),
            ("ZREM z x", []),
            ("ZREM z a b c", [(b"z", "zrem", 3), (b"z", "del", 0)]),
            ("ZREMRANGEBYRANK z 0 1", [(b"z", "zremrangebyrank", 2)]),
            ("ZREMRANGEBYSCORE z 1 1", [(b"z", "zremrangebyscore", 1)]),
            ("ZREMRANGEBYLEX z - +", [(b"z", "zremrangebylex", 3), (b"z", "del", 0)]),
            ("ZREMRANGEBYRANK z 9 9", []),
            ("ZPOPMIN z", [(b"z", "zpopmin", 1)]),
            ("ZPOPMAX z 9", [(b"z", "zpopmax", 3), (b"z", "del", 0)]),
            ("ZPOPMAX z 0", []),
            ("ZMPOP 2 missing z MAX COUNT 2", [(b"z", "zpopmax", 2)]),
            ("ZUNIONSTORE d 1 z", [(b"d", "zunionstore", 1)]),
            ("ZINTERSTORE z 1 missing", [(b"z", "del", 1)]),
            ("ZDIFFSTORE d 1 missing", []),
            ("ZRANGESTORE d z 0 1", [(b"d", "zrangestore", 1)]),
        ],
    )
    def test_a_change_is_told_once(
        self,
        run: Run,
        events: list[tuple[bytes, str, int]],
        words: str,
        expected: list[tuple[bytes, str, int]],
    ) -> None:
        run("ZADD", "z", 1, "a", 2, "b", 3, "c")
        events.clear()
        run(*words.split())
        assert events == expected


class TestScores:
    def test_an_increment_that_is_none_changes_nothing(self, run: Run, engine: Engine) -> None:
        run("ZADD", "z", "inf", "a")
        before = engine.keyspace.dirty
        assert run("ZINCRBY", "z", "-inf", "a") == errors.SCORE_NOT_A_NUMBER
        assert run("ZINCRBY", "z", 1, "a") == inf
        assert engine.keyspace.dirty == before

    def test_scores_are_doubles_for_the_encoder(self, run: Run) -> None:
        run("ZADD", "z", 1, "a")
        assert repr(run("ZSCORE", "z", "a")) == "1.0"
        assert run("ZRANGE", "z", 0, -1, "WITHSCORES") == [b"a", 1.0]

    def test_pairs_in_resp3(self, run: Run, session: Session) -> None:
        session.resp = 3
        run("ZADD", "z", 1, "a", 2, "b")
        assert run("ZRANGE", "z", 0, -1, "WITHSCORES") == [[b"a", 1.0], [b"b", 2.0]]
        assert run("ZPOPMIN", "z") == [b"a", 1.0]
        assert run("ZPOPMIN", "z", 1) == [[b"b", 2.0]]


class TestChance:
    def test_members_are_picked_alike(self, run: Run) -> None:
        run("ZADD", "z", *(word for number in range(5) for word in (number, f"m{number}")))
        for call in (("ZRANDMEMBER", "z"), ("ZRANDMEMBER", "z", 1)):
            picked = Counter(str(run(*call)) for _ in range(2000))
            assert len(picked) == 5
            assert all(300 < count < 500 for count in picked.values())

    def test_a_positive_count_gives_different_members(self, run: Run) -> None:
        run("ZADD", "z", *(word for number in range(9) for word in (number, f"m{number}")))
        picked = run("ZRANDMEMBER", "z", 8)
        assert isinstance(picked, list)
        assert len(set(picked)) == len(picked) == 8

    def test_a_reply_that_no_memory_holds_is_refused(self, run: Run) -> None:
        run("ZADD", "z", 1, "a")
        assert run("ZRANDMEMBER", "z", -(2**62)) == errors.OUT_OF_RANGE


class TestScan:
    def test_a_large_one_is_scanned_in_pages(self, run: Run) -> None:
        run("ZADD", "z", *(word for number in range(300) for word in (number, f"m{number}")))
        seen: list[object] = []
        cursor: object = b"0"
        calls = 0
        while calls == 0 or cursor != b"0":
            reply = run("ZSCAN", "z", cursor, "COUNT", 50)
            assert isinstance(reply, list)
            cursor, page = reply
            seen += page[::2]
            calls += 1
        assert (calls, len(seen), len(set(seen))) == (6, 300, 300)


class TestDatabase:
    def test_reading_counts_hits_and_writing_does_not(self, run: Run, engine: Engine) -> None:
        run("ZADD", "z", 1, "a")
        run("ZINCRBY", "z", 1, "a")
        run("ZREM", "z", "x")
        assert (engine.keyspace.hits, engine.keyspace.misses) == (0, 0)
        run("ZSCORE", "z", "a")
        run("ZUNION", 2, "z", "missing")
        assert (engine.keyspace.hits, engine.keyspace.misses) == (2, 1)

    def test_what_is_stored_is_independent_of_its_source(self, run: Run, session: Session) -> None:
        run("ZADD", "z", 1, "a")
        run("ZUNIONSTORE", "d", 1, "z")
        run("ZADD", "d", 2, "b")
        assert run("ZCARD", "z") == 1
        assert isinstance(session.db.find(b"d", ZSet), ZSet)

    def test_a_refused_zadd_leaves_no_empty_key(self, run: Run) -> None:
        assert run("ZADD", "z", 1, "a", "x", "b") == errors.NOT_A_FLOAT
        assert run("ZADD", "z", "XX", 1, "a") == 0
        assert run("EXISTS", "z") == 0

    def test_memory_usage_grows_with_the_members(self, run: Run) -> None:
        run("ZADD", "z", 1, "a")
        small = run("MEMORY", "USAGE", "z")
        run("ZADD", "z", *(word for number in range(300) for word in (number, f"m{number}")))
        large = run("MEMORY", "USAGE", "z")
        assert isinstance(small, int)
        assert isinstance(large, int)
        assert large > small + 300 * 100


class TestRuns:
    """Calls of one pipeline that are run at once must do what they do one by one."""

    @pytest.mark.parametrize("size", [3, 200])
    @pytest.mark.parametrize(
        "calls",
        [
            [("ZADD", "z", score, f"m{score % 5}") for score in range(20)],
            [("ZADD", "z", 1, f"new{number}") for number in range(20)],
            [("ZADD", "z", score, "m1") for score in ("1", "2", "x", "2", "-0", "nan")],
            [("ZADD", "z", "NX", "5")] * 5,
            [("ZADD", key, 1, "a") for key in "zzyz"],
            [("ZADD", "text", 1, "a")] * 4,
            [("ZPOPMIN", "z")] * 7,
            [("ZPOPMIN", "missing")] * 5,
            [("ZPOPMIN", "text")] * 5,
            [("ZPOPMIN", key) for key in "zzyz"],
            [("ZPOPMIN", "z", "2")] * 5,
        ],
    )
    def test_as_one_by_one(
        self, run: Run, engine: Engine, session: Session, size: int, calls: list[tuple[object, ...]]
    ) -> None:
        def prepare() -> None:
            run("FLUSHALL")
            run("SET", "text", "x")
            run("ZADD", "z", *(word for number in range(size) for word in (number, f"m{number}")))

        def outcome() -> object:
            return run("ZRANGE", "z", 0, -1, "WITHSCORES"), run("DBSIZE"), engine.keyspace.dirty - before

        prepare()
        before = engine.keyspace.dirty
        expected: list[bytes] = []
        for call in calls:
            argv = [str(word).encode() for word in call]
            engine.batches.execute(session, [argv], encode_resp2, expected)
        after = outcome()
        prepare()
        before = engine.keyspace.dirty
        got: list[bytes] = []
        batch = [[str(word).encode() for word in call] for call in calls]
        engine.batches.execute(session, batch, encode_resp2, got)
        assert b"".join(got) == b"".join(expected)
        assert outcome() == after
