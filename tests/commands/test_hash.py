"""The hash group: what a transcript cannot show, such as chance, moved time, counters and events."""

from collections.abc import Callable

import pytest

from vermilion import errors
from vermilion.backends.memory_backend import MemoryCacheBackend
from vermilion.clock import ManualClock
from vermilion.engine.engine import Engine
from vermilion.keyspace.database import Database
from vermilion.protocol.encode import encode_resp2
from vermilion.protocol.reply import OK
from vermilion.session import Nowhere, Session

Run = Callable[..., object]
BUDGET_NS = 10**9


@pytest.fixture
def events(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The events of database 0 from now on, each with its key."""
    seen: list[str] = []
    announce = Database.changed

    def changed(db: Database, key: bytes, event: str, changes: int = 1) -> None:
        seen.append(f"{event} {key.decode()}")
        announce(db, key, event, changes)

    monkeypatch.setattr(Database, "changed", changed)
    return seen


class TestEvents:
    @pytest.mark.parametrize(
        ("words", "expected", "dirty"),
        [
            ("HSET h a 1 x 2", ["hset h"], 2),
            ("HMSET h a 1", ["hset h"], 1),
            ("HSETNX h x 1", ["hset h"], 1),
            ("HSETNX h a 1", [], 0),
            ("HINCRBY h a 1", ["hincrby h"], 1),
            ("HINCRBYFLOAT h a 1", ["hincrbyfloat h"], 1),
            ("HDEL h a x", ["hdel h"], 1),
            ("HDEL h a b", ["hdel h", "del h"], 2),
            ("HDEL h x", [], 0),
            ("HGETDEL h FIELDS 2 a b", ["hdel h", "del h"], 2),
            ("HGETDEL h FIELDS 1 x", [], 0),
            ("HEXPIRE h 10 FIELDS 2 a b", ["hexpire h"], 2),
            ("HEXPIRE h 10 XX FIELDS 1 a", [], 0),
            ("HEXPIRE h 0 FIELDS 2 a b", ["hdel h", "del h"], 2),
            ("HGETEX h EX 10 FIELDS 2 a x", ["hexpire h"], 1),
            ("HGETEX h EX 0 FIELDS 2 a a", ["hdel h"], 1),
            ("HGETEX h PERSIST FIELDS 1 a", [], 0),
            ("HGETEX h FIELDS 1 a", [], 0),
            ("HSETEX h FIELDS 2 a 1 b 2", ["hset h"], 2),
            ("HSETEX h EX 10 FIELDS 1 a 1", ["hset h", "hexpire h"], 1),
            ("HSETEX h EX 0 FIELDS 2 a 1 b 1", ["hset h", "hdel h", "del h"], 2),
            ("HSETEX h FNX FIELDS 1 a 1", [], 0),
        ],
    )
    def test_a_change_is_announced_and_counted(
        self, run: Run, engine: Engine, events: list[str], words: str, expected: list[str], dirty: int
    ) -> None:
        run("HSET", "h", "a", 1, "b", 2)
        events.clear()
        before = engine.keyspace.dirty
        run(*words.split())
        assert events == expected
        assert engine.keyspace.dirty - before == dirty

    def test_taking_a_deadline_off_is_announced(self, run: Run, events: list[str]) -> None:
        run("HSET", "h", "a", 1, "b", 2)
        run("HEXPIRE", "h", 10, "FIELDS", 2, "a", "b")
        events.clear()
        assert run("HPERSIST", "h", "FIELDS", 2, "a", "x") == [1, -2]
        run("HGETEX", "h", "PERSIST", "FIELDS", 1, "b")
        assert events == ["hpersist h", "hpersist h"]

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("HGET h a", ["hexpired h"]),
            ("HMGET h a b", ["hexpired h", "del h"]),
            ("HRANDFIELD h", ["hexpired h", "del h"]),
            ("HGETDEL h FIELDS 1 a", ["hexpired h"]),
            ("HSETNX h a 5", ["hexpired h", "hset h"]),
            ("HINCRBY h a 5", ["hexpired h", "hincrby h"]),
            ("HSETEX h FXX FIELDS 2 a 1 b 2", ["hexpired h", "del h"]),
            ("HSETEX h FNX FIELDS 2 a 1 b 2", ["hexpired h", "hset h"]),
            ("HGETALL h", []),
        ],
    )
    def test_a_field_that_is_found_expired(
        self, run: Run, engine: Engine, clock: ManualClock, events: list[str], words: str, expected: list[str]
    ) -> None:
        run("HSET", "h", "a", 1, "b", 2)
        run("HPEXPIRE", "h", 10, "FIELDS", 2, "a", "b")
        clock.advance(ms=11)
        events.clear()
        run(*words.split())
        assert events == expected
        assert bool(engine.keyspace.expired_fields) == bool(expected)


class TestRuns:
    """Pipelined HSETs of one hash run at once, and nobody can tell."""

    @staticmethod
    def batch(engine: Engine, session: Session, *calls: str) -> bytes:
        out: list[bytes] = []
        engine.batches.execute(session, [call.encode().split() for call in calls], encode_resp2, out)
        return b"".join(out)

    @pytest.mark.parametrize("entries", [0, 2, 512])
    @pytest.mark.parametrize(
        "calls",
        [
            ("HSET h a 1", "HSET h b 2", "HSET h a 3", "HSET h a 4"),
            ("HSET h x 1", "HSET h y 2", "HSET h x 3", "HSET h z 4"),
            ("HSET h a 1", "HSET h a @", "HSET h a 3", "HSET h b 4"),
            ("HSET h a 1", "HSET i a 2", "HSET h a 3", "HSET h b 4"),
            ("HSET h a 1", "HSET s a 2", "HSET h a 3", "HSET h b 4"),
            ("HSET s a 1", "HSET s a 2", "HSET s a 3", "HSET s b 4"),
            ("HSET h a 1 b 1", "HSET h a 2 b 2", "HSET h a 3 c 3", "HSET h b 4 c 4"),
            ("HSET new a 1", "HSET new a 2", "HSET new b 3", "HSET new b 4"),
            ("HSET ttl a 1", "HSET ttl b 2", "HSET ttl a 3", "HSET ttl b 4"),
        ],
    )
    def test_they_answer_and_do_what_single_calls_do(
        self, clock: ManualClock, calls: tuple[str, ...], entries: int
    ) -> None:
        long = "x" * 65
        outcomes = []
        for size in (1, len(calls)):
            engine = MemoryCacheBackend(clock=clock).engine
            session = engine.open_session(Nowhere("test:0"))
            self.batch(
                engine, session,
                f"CONFIG SET hash-max-listpack-entries {entries}", "HSET h a 1 b 2", "SET s x",
                "HSET ttl a 1 b 2", "HEXPIRE ttl 100 FIELDS 1 a",
            )  # fmt: skip
            out = b""
            for start in range(0, len(calls), size):
                out += self.batch(
                    engine, session, *(call.replace("@", long) for call in calls[start : start + size])
                )
            dirty = engine.keyspace.dirty
            keys = ("h", "i", "s", "new", "ttl")
            state = self.batch(engine, session, *(f"HGETALL {key}" for key in keys), "HTTL ttl FIELDS 2 a b")
            state += self.batch(engine, session, *(f"OBJECT ENCODING {key}" for key in keys))
            outcomes.append((out, dirty, state))
        assert outcomes[0] == outcomes[1]


class TestReclaiming:
    def test_fields_that_nobody_touches_are_reclaimed(
        self, run: Run, engine: Engine, clock: ManualClock, events: list[str]
    ) -> None:
        run("HSET", "h", "a", 1, "b", 2)
        run("HSET", "i", "a", 1)
        run("HPEXPIRE", "h", 10, "FIELDS", 1, "a")
        run("HPEXPIRE", "i", 500, "FIELDS", 1, "a")
        engine.cron(BUDGET_NS)
        assert run("HLEN", "h") == 2
        clock.advance(ms=200)
        events.clear()
        engine.cron(BUDGET_NS)
        assert events == ["hexpired h"]
        assert run("HLEN", "h") == 1
        clock.advance(ms=500)
        engine.cron(BUDGET_NS)
        assert events == ["hexpired h", "hexpired i", "del i"]
        assert run("DBSIZE") == 1
        assert engine.keyspace.expired_fields == 2

    def test_a_hash_of_many_fields_is_reclaimed_in_steps(
        self, run: Run, engine: Engine, clock: ManualClock
    ) -> None:
        fields = [b"%d" % number for number in range(1000)]
        run("HSET", "h", *(word for field in fields for word in (field, b"v")))
        run("HPEXPIRE", "h", 100, "FIELDS", 900, *fields[:900])
        clock.advance(ms=300)
        db = engine.databases[0]
        assert db.reclaim(400) == 400
        assert db.reclaim(400) == 400
        assert db.reclaim(400) == 100
        assert db.reclaim(400) == 0
        assert run("HLEN", "h") == 100

    def test_keys_and_fields_share_the_limit(self, run: Run, engine: Engine, clock: ManualClock) -> None:
        for number in range(3):
            run("SET", f"s{number}", 1, "PX", 10)
            run("HSET", f"h{number}", "a", 1, "b", 2)
            run("HPEXPIRE", f"h{number}", 10, "FIELDS", 2, "a", "b")
        clock.advance(ms=300)
        counts = []
        while count := engine.databases[0].reclaim(4):
            counts.append(count)
        assert counts == [4, 4, 1]
        assert run("DBSIZE") == 0

    def test_deadlines_go_where_the_hash_goes(self, run: Run, engine: Engine, clock: ManualClock) -> None:
        run("HSET", "h", "a", 1, "b", 2)
        run("HPEXPIRE", "h", 10, "FIELDS", 1, "a")
        assert run("COPY", "h", "copy") == 1
        assert run("COPY", "h", "moved") == 1
        assert run("MOVE", "moved", 1) == 1
        assert run("RENAME", "h", "renamed") == OK
        run("SWAPDB", 1, 2)
        clock.advance(ms=300)
        engine.cron(BUDGET_NS)
        assert [run("HLEN", key) for key in ("copy", "renamed")] == [1, 1]
        run("SELECT", 2)
        assert run("HLEN", "moved") == 1

    def test_what_was_deleted_or_replaced_is_left_alone(
        self, run: Run, engine: Engine, clock: ManualClock
    ) -> None:
        for key in ("deleted", "replaced", "again", "persisted"):
            run("HSET", key, "a", 1)
            run("HPEXPIRE", key, 10, "FIELDS", 1, "a")
        run("DEL", "deleted")
        run("SET", "replaced", 1)
        run("DEL", "again")
        run("HSET", "again", "a", 1)
        run("HPERSIST", "persisted", "FIELDS", 1, "a")
        clock.advance(ms=300)
        engine.cron(BUDGET_NS)
        assert run("DBSIZE") == 3
        assert engine.databases[0].field_expires == {}

    def test_a_nearer_deadline_is_kept(self, run: Run, engine: Engine, clock: ManualClock) -> None:
        run("HSET", "h", "a", 1, "b", 2)
        run("HEXPIRE", "h", 1000, "FIELDS", 1, "a")
        run("HPEXPIRE", "h", 10, "FIELDS", 1, "b")
        run("HEXPIRE", "h", 2000, "FIELDS", 1, "a")
        clock.advance(ms=300)
        engine.cron(BUDGET_NS)
        assert run("HLEN", "h") == 1

    def test_a_deadline_that_was_moved_away_and_back_is_met_once(
        self, run: Run, engine: Engine, clock: ManualClock
    ) -> None:
        run("HSET", "h", "a", 1, "b", 2)
        for milliseconds in (10_000, 5_000, 10_000):
            run("HPEXPIRE", "h", milliseconds, "FIELDS", 1, "a")
        for _ in range(2):
            assert run("HLEN", "h") == 2
            clock.advance(ms=5_200)
            engine.cron(BUDGET_NS)
        assert run("HLEN", "h") == 1
        assert engine.databases[0].field_expires == {}

    def test_flushing_forgets_them(self, run: Run, engine: Engine) -> None:
        run("HSET", "h", "a", 1)
        run("HEXPIRE", "h", 10, "FIELDS", 1, "a")
        run("FLUSHALL")
        assert engine.databases[0].field_expires == {}

    def test_nothing_is_reclaimed_while_that_is_switched_off(
        self, run: Run, engine: Engine, clock: ManualClock
    ) -> None:
        run("HSET", "h", "a", 1)
        run("HPEXPIRE", "h", 10, "FIELDS", 1, "a")
        clock.advance(ms=300)
        engine.active_expire = False
        engine.cron(BUDGET_NS)
        assert run("HLEN", "h") == 1
        assert run("HGETALL", "h") == {}


class TestTimes:
    @pytest.mark.parametrize(("left", "seconds"), [(1, 1), (999, 1), (1000, 1), (1001, 2), (1500, 2)])
    def test_seconds_are_rounded_up(self, run: Run, left: int, seconds: int) -> None:
        run("HSET", "h", "a", 1)
        run("HPEXPIRE", "h", left, "FIELDS", 1, "a")
        assert run("HTTL", "h", "FIELDS", 1, "a") == [seconds]
        assert run("HPTTL", "h", "FIELDS", 1, "a") == [left]

    def test_relative_times_count_from_the_clock(self, run: Run, clock: ManualClock) -> None:
        run("HSETEX", "h", "PX", 100, "FIELDS", 1, "a", 1)
        clock.advance(ms=40)
        run("HGETEX", "h", "PX", 100, "FIELDS", 1, "a")
        clock.advance(ms=100)
        assert run("HGET", "h", "a") == b"1"
        clock.advance(ms=1)
        assert run("HGET", "h", "a") is None
        assert run("EXISTS", "h") == 0


class TestReading:
    def test_hits_and_misses(self, run: Run, engine: Engine) -> None:
        run("HSET", "h", "a", 1)
        for words in (
            "HGET {} a", "HMGET {} a", "HGETALL {}", "HKEYS {}", "HVALS {}", "HLEN {}", "HEXISTS {} a",
            "HSTRLEN {} a", "HRANDFIELD {}", "HSCAN {} 0", "HTTL {} FIELDS 1 a",
        ):  # fmt: skip
            for key in ("h", "missing"):
                run(*words.format(key).split())
        assert (engine.keyspace.hits, engine.keyspace.misses) == (11, 11)
        for words in (
            "HDEL h x",
            "HSETNX h a 1",
            "HINCRBY h a 1",
            "HGETEX h FIELDS 1 a",
            "HPERSIST h FIELDS 1 a",
        ):
            run(*words.split())
        assert (engine.keyspace.hits, engine.keyspace.misses) == (11, 11)

    def test_a_reply_is_not_the_value_itself(self, run: Run) -> None:
        run("HSET", "h", "a", 1)
        reply = run("HGETALL", "h")
        run("HSET", "h", "b", 2)
        assert reply == {b"a": b"1"}

    def test_random_fields_with_values_are_pairs_in_resp3(self, run: Run, session: Session) -> None:
        run("HSET", "h", "a", 1, "b", 2)
        assert run("HRANDFIELD", "h", 2, "WITHVALUES") == [b"a", b"1", b"b", b"2"]
        session.resp = 3
        assert run("HRANDFIELD", "h", 2, "WITHVALUES") == [[b"a", b"1"], [b"b", b"2"]]
        assert run("HRANDFIELD", "h", 2) == [b"a", b"b"]

    def test_chance_is_among_live_fields_only(self, run: Run, clock: ManualClock) -> None:
        run("CONFIG", "SET", "hash-max-listpack-entries", 10)
        run("HSET", "h", *(word for number in range(60) for word in (number, "v")))
        run("HPEXPIRE", "h", 10, "FIELDS", 59, *range(59))
        clock.advance(ms=11)
        assert run("HRANDFIELD", "h") == b"59"
        assert run("HRANDFIELD", "h", -3) == [b"59"] * 3
        assert run("HRANDFIELD", "h", 3) == [b"59"]

    def test_a_scan_in_pages_meets_every_field(self, run: Run) -> None:
        run("CONFIG", "SET", "hash-max-listpack-entries", 10)
        run("HSET", "h", *(word for number in range(100) for word in (number, "v")))
        cursor: object = b"0"
        found: list[bytes] = []
        while not found or cursor != b"0":
            reply = run("HSCAN", "h", cursor, "COUNT", 7, "NOVALUES")
            assert isinstance(reply, list)
            cursor, page = reply
            assert len(page) <= 7
            found += page
        assert sorted(found, key=int) == [b"%d" % number for number in range(100)]


class TestRefusals:
    @pytest.mark.parametrize(
        "words",
        [
            "HINCRBY h a 9223372036854775807",
            "HINCRBYFLOAT h text 1",
            "HSETEX h EX -1 FIELDS 1 a 2",
            "HSET h a 2 b",
            "HSETEX h FIELDS 2 a 2",
            "HEXPIRE h 10 FIELDS 2 a",
            "HGETEX h EX 10 FIELDS 2 a",
            "HGETDEL h FIELDS 2 a",
        ],
    )
    def test_a_refused_call_changes_nothing(self, run: Run, events: list[str], words: str) -> None:
        run("HSET", "h", "a", 1, "text", "x")
        events.clear()
        assert isinstance(run(*words.split()), str)
        assert run("HGETALL", "h") == {b"a": b"1", b"text": b"x"}
        assert run("OBJECT", "ENCODING", "h") == b"listpack"
        assert events == []

    def test_a_refused_call_makes_no_key(self, run: Run) -> None:
        for words in ("HINCRBYFLOAT h a inf", "HSETEX h FXX FIELDS 1 a 1", "HINCRBY h a x", "HSET h a"):
            run(*words.split())
        assert run("EXISTS", "h") == 0

    def test_another_type(self, run: Run) -> None:
        run("SET", "s", "x")
        assert run("HGET", "s", "a") == run("HSET", "s", "a", 1) == errors.WRONG_TYPE


class TestKeyspace:
    def test_the_memory_of_a_hash_grows_with_its_fields(self, run: Run) -> None:
        run("HSET", "small", "a", 1)
        run("HSET", "large", *(word for number in range(1000) for word in (number, "v" * 50)))
        small, large = run("MEMORY", "USAGE", "small"), run("MEMORY", "USAGE", "large", "SAMPLES", 0)
        assert isinstance(small, int)
        assert isinstance(large, int)
        assert large > small + 1000 * 50

    def test_the_memory_of_a_hash_counts_each_field_once(self, run: Run) -> None:
        run("HSET", "h", *(word for number in range(1000) for word in (f"field:{number:050}", "v")))
        before = run("MEMORY", "USAGE", "h", "SAMPLES", 0)
        run("HEXPIRE", "h", 1000, "FIELDS", 1000, *(f"field:{number:050}" for number in range(1000)))
        run("HRANDFIELD", "h")
        after = run("MEMORY", "USAGE", "h", "SAMPLES", 0)
        assert isinstance(before, int)
        assert isinstance(after, int)
        deadlines, buckets, order = 250, 16, 16
        assert before < after < before + 1000 * (deadlines + buckets + order)
