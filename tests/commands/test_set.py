"""The set group: what the transcripts do not show, which are counters, events, access, chance and cost."""

from collections.abc import Callable
from time import perf_counter_ns

import pytest

from vermilion import errors
from vermilion.clock import ManualClock
from vermilion.commands.set import MOST_CHOICES
from vermilion.engine.engine import Engine
from vermilion.protocol.encode import encode_resp2
from vermilion.protocol.reply import OrderedSet
from vermilion.session import Session

Run = Callable[..., object]


@pytest.fixture
def changes(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is announced from now on: key and event."""
    told: list[tuple[str, str]] = []
    changed = type(session.db).changed

    def tell(db: object, key: bytes, event: str, count: int = 1) -> None:
        told.append((key.decode(), event))
        changed(session.db, key, event, count)

    monkeypatch.setattr(type(session.db), "changed", tell)
    return told


class TestChanges:
    """Keys, events and the count of changes, as a real server showed them."""

    @pytest.mark.parametrize(
        ("call", "count", "events"),
        [
            ("SADD k a", 0, []),
            ("SADD k a x y", 2, ["k sadd"]),
            ("SADD n a b", 2, ["n sadd"]),
            ("SREM k a nosuch", 1, ["k srem"]),
            ("SREM k a b c", 3, ["k srem", "k del"]),
            ("SREM k nosuch", 0, []),
            ("SPOP k", 1, ["k spop"]),
            ("SPOP one", 1, ["one spop", "one del"]),
            ("SPOP k 0", 0, []),
            ("SPOP k 2", 2, ["k spop"]),
            ("SPOP k 99", 3, ["k spop", "k del"]),
            ("SMOVE k o a", 2, ["k srem", "o sadd"]),
            ("SMOVE k o b", 1, ["k srem"]),
            ("SMOVE one n a", 2, ["one srem", "one del", "n sadd"]),
            ("SMOVE k k a", 0, []),
            ("SMOVE k o nosuch", 0, []),
            ("SINTERSTORE d k o", 1, ["d sinterstore"]),
            ("SINTERSTORE d k n", 0, []),
            ("SINTERSTORE k k n", 1, ["k del"]),
            ("SUNIONSTORE k k o", 1, ["k sunionstore"]),
            ("SDIFFSTORE k k k", 1, ["k del"]),
            ("SDIFFSTORE s k", 1, ["s sdiffstore"]),
            ("SMEMBERS k", 0, []),
        ],
    )
    def test_each_call_says_what_it_changed(
        self,
        run: Run,
        session: Session,
        changes: list[tuple[str, str]],
        call: str,
        count: int,
        events: list[str],
    ) -> None:
        for setup in ("SADD k a b c", "SADD o b c d", "SADD one a", "SET s v"):
            run(*setup.split())
        changes.clear()
        before = session.db.dirty
        run(*call.split())
        assert session.db.dirty - before == count
        assert [" ".join(change) for change in changes] == events

    @pytest.mark.parametrize("call", ["SREM k a", "SPOP k", "SPOP k 1", "SMOVE k o a", "SDIFFSTORE k k k"])
    def test_an_empty_set_is_no_key(self, run: Run, session: Session, call: str) -> None:
        run("SADD", "k", "a")
        run(*call.split())
        assert session.db.peek(b"k") is None


class TestAccess:
    @pytest.mark.parametrize(
        ("call", "hits", "misses"),
        [
            ("SADD k a", 0, 0), ("SREM k a", 0, 0), ("SPOP k", 0, 0), ("SPOP n", 0, 0), ("SMOVE k o a", 0, 0),
            ("SCARD k", 1, 0), ("SISMEMBER n a", 0, 1), ("SRANDMEMBER k 2", 1, 0), ("SSCAN n 0", 0, 1),
            ("SINTER k n o", 2, 1), ("SINTERCARD 2 n k", 1, 1), ("SUNIONSTORE d k o", 2, 0), ("SINTER s k", 1, 0),
        ],
    )  # fmt: skip
    def test_hits_and_misses(self, run: Run, engine: Engine, call: str, hits: int, misses: int) -> None:
        for setup in ("SADD k a b c", "SADD o b c d", "SET s v"):
            run(*setup.split())
        run(*call.split())
        assert (engine.keyspace.hits, engine.keyspace.misses) == (hits, misses)

    def test_an_expired_set_is_as_good_as_none(self, run: Run, clock: ManualClock) -> None:
        run("SADD", "k", "a")
        run("PEXPIRE", "k", 1)
        clock.advance(ms=2)
        assert run("SADD", "k", "b") == 1
        assert run("SMEMBERS", "k") == [b"b"]
        assert run("TTL", "k") == -1


class TestChance:
    def test_a_count_that_no_memory_holds_is_refused(self, run: Run) -> None:
        assert run("SRANDMEMBER", "k", -(2**63) + 1) == []
        run("SADD", "k", "a")
        assert run("SRANDMEMBER", "k", -(2**63) + 1) == errors.OUT_OF_RANGE
        assert run("SRANDMEMBER", "k", -MOST_CHOICES - 1) == errors.OUT_OF_RANGE
        assert run("SRANDMEMBER", "k", 2**63 - 1) == [b"a"]
        assert run("SPOP", "k", 2**63 - 1) == [b"a"]

    def test_popped_members_are_a_set_and_random_ones_an_array(self, run: Run) -> None:
        run("SADD", "k", "a", "b", "c")
        assert type(run("SRANDMEMBER", "k", 2)) is list
        assert type(run("SRANDMEMBER", "k", -2)) is list
        assert type(run("SPOP", "k", 2)) is OrderedSet
        assert type(run("SPOP", "n", 2)) is OrderedSet


class TestPipelines:
    """A run of calls of one command is executed at once, where that makes no difference."""

    @pytest.fixture
    def pipeline(self, engine: Engine, session: Session) -> Callable[..., bytes]:
        def call(*calls: str) -> bytes:
            out: list[bytes] = []
            engine.batches.execute(session, [call.encode().split() for call in calls], encode_resp2, out)
            return b"".join(out)

        return call

    def test_sadd(self, run: Run, pipeline: Callable[..., bytes], changes: list[tuple[str, str]]) -> None:
        for setup in ([], ["a"], ["a", "b", "c", "d"], [f"m{number}" for number in range(200)]):
            changes.clear()
            if setup:
                run("SADD", "k", *setup)
            assert pipeline(*(f"SADD k {member}" for member in "abcab")) == b"".join(
                b":0\r\n" if member in setup or at > 2 else b":1\r\n" for at, member in enumerate("abcab")
            )
            assert len(changes) == bool(setup) + len(set("abc").difference(setup))
            assert set(changes) == {("k", "sadd")}
            run("DEL", "k")

    def test_sadd_finds_its_encoding(self, run: Run, pipeline: Callable[..., bytes]) -> None:
        assert pipeline(*(f"SADD k {number}" for number in range(513))) == b":1\r\n" * 513
        assert run("OBJECT", "ENCODING", "k") == b"hashtable"
        run("SADD", "n", 1)
        pipeline("SADD n 2", "SADD n 3", "SADD n 4", "SADD n x")
        assert run("OBJECT", "ENCODING", "n") == b"listpack"

    def test_spop(self, run: Run, pipeline: Callable[..., bytes], changes: list[tuple[str, str]]) -> None:
        assert pipeline(*["SPOP k"] * 5) == b"$-1\r\n" * 5
        run("SADD", "k", *range(10, 22))
        changes.clear()
        replies = pipeline(*["SPOP k"] * 5) + pipeline(*["SPOP k"] * 10)
        assert sorted(replies.split()[1:24:2]) == [b"%d" % number for number in range(10, 22)]
        assert replies.endswith(b"\r\n" + b"$-1\r\n" * 3)
        assert changes == [("k", "spop")] * 12 + [("k", "del")]
        assert run("EXISTS", "k") == 0

    @pytest.mark.parametrize(
        "calls",
        [
            ["SADD s a"] * 4,
            ["SPOP s"] * 4,
            ["SADD k a", "SADD s a", "SADD k a", "SADD k b"],
            ["SPOP k", "SPOP nosuch", "SPOP s", "SPOP k"],
            ["SADD k a b", "SADD k c d", "SADD k a e", "SADD k f g"],
            ["SADD k"] * 4,
            ["SPOP"] * 4,
            ["SPOP k 0"] * 4,
        ],
    )
    def test_what_differs_is_executed_one_by_one(
        self, run: Run, pipeline: Callable[..., bytes], calls: list[str]
    ) -> None:
        def begin() -> None:
            run("DEL", "k")
            run("SADD", "k", "same")
            run("SET", "s", "v")

        begin()
        together = pipeline(*calls)
        begin()
        assert together == b"".join(pipeline(call) for call in calls)


class TestCost:
    """Operations on many members cost what they return: a hundred times the members, far less than that in time."""

    def best(self, run: Run, *words: bytes | str | int) -> int:
        times = []
        for _ in range(7):
            mark = perf_counter_ns()
            for _ in range(100):
                run(*words)
            times.append(perf_counter_ns() - mark)
        return min(times)

    @pytest.mark.parametrize(
        "words",
        [("SPOP", "{}"), ("SRANDMEMBER", "{}"), ("SRANDMEMBER", "{}", 10), ("SRANDMEMBER", "{}", -10),
         ("SSCAN", "{}", 50), ("SINTER", "{}", "few"), ("SINTERCARD", 2, "{}", "{}", "LIMIT", 3)],
    )  # fmt: skip
    def test_the_size_of_the_set_does_not_matter(self, run: Run, words: tuple[str | int, ...]) -> None:
        run("SADD", "few", "m1", "m2")
        for size in (1_000, 100_000):
            run("SADD", str(size), *(f"m{number}" for number in range(size)))
        small, large = (
            self.best(run, *(str(word).format(size) for word in words)) for size in (1_000, 100_000)
        )
        assert large < 20 * small
