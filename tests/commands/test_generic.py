"""The generic group, against what a real server answered."""

from collections.abc import Callable
from typing import Self

import pytest

from vermilion import errors
from vermilion.clock import ManualClock
from vermilion.commands.registry import COMMANDS
from vermilion.config import Config
from vermilion.engine.engine import Engine
from vermilion.pending import Pending
from vermilion.protocol.reply import OK, Status
from vermilion.session import Session
from vermilion.structures.structure import Structure

Run = Callable[..., object]
INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)
NOW_MS = 1_700_000_000_000


class Pair(Structure):
    """A structure as later groups bring them."""

    type_name = "pair"

    def __init__(self, *items: bytes) -> None:
        self.items = list(items)

    @property
    def encoding(self) -> str:
        return "pairpack"

    def copy(self) -> Self:
        return type(self)(*self.items)


class TestExistence:
    def test_del_and_unlink_count_what_existed(self, run: Run) -> None:
        run("MSET", "a", 1, "b", 2, "c", 3)
        assert run("DEL", "a", "a", "nope") == 1
        assert run("UNLINK", "b", "c") == 2
        assert run("EXISTS", "a", "b", "c") == 0

    def test_exists_and_touch_count_a_key_as_often_as_it_is_named(self, run: Run) -> None:
        run("SET", "a", 1)
        assert run("EXISTS", "a", "a", "nope") == 2
        assert run("TOUCH", "a", "a", "nope") == 2

    def test_an_expired_key_does_not_exist(self, run: Run, clock: ManualClock) -> None:
        for name in ("DEL", "UNLINK", "EXISTS", "TOUCH", "PERSIST"):
            run("SET", "a", 1, "PX", 1)
            clock.advance(ms=2)
            assert run(name, "a") == 0

    def test_type(self, run: Run, session: Session) -> None:
        session.db.store(b"p", Pair())
        run("SET", "s", 1)
        assert [run("TYPE", key) for key in ("p", "s", "nope")] == [
            Status("pair"), Status("string"), Status("none"),
        ]  # fmt: skip

    def test_reading_counts_hits_and_misses_and_writing_neither(self, run: Run, engine: Engine) -> None:
        run("SET", "a", 1)
        for name in ("EXISTS", "TOUCH", "TYPE", "TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"):
            run(name, "a")
            run(name, "nope")
        assert (engine.keyspace.hits, engine.keyspace.misses) == (7, 7)
        for words in (
            ("PERSIST", "a"),
            ("EXPIRE", "a", 9),
            ("RENAME", "a", "b"),
            ("MOVE", "b", 1),
            ("DEL", "b"),
        ):
            run(*words)
        assert (engine.keyspace.hits, engine.keyspace.misses) == (7, 7)


class TestExpire:
    @pytest.mark.parametrize(
        ("words", "left"),
        [
            (("EXPIRE", "k", 10), 10_000),
            (("PEXPIRE", "k", 10), 10),
            (("EXPIREAT", "k", NOW_MS // 1000 + 10), 10_000),
            (("PEXPIREAT", "k", NOW_MS + 10), 10),
        ],
    )
    def test_sets_a_deadline(
        self, run: Run, clock: ManualClock, words: tuple[str | int, ...], left: int
    ) -> None:
        assert run(*words) == 0
        run("SET", "k", "v")
        assert run(*words) == 1
        assert run("PTTL", "k") == left
        clock.advance(ms=left)
        assert run("GET", "k") == b"v"
        clock.advance(ms=1)
        assert run("GET", "k") is None

    @pytest.mark.parametrize(
        "words",
        [
            ("EXPIRE", 0),
            ("EXPIRE", -1),
            ("PEXPIRE", 0),
            ("PEXPIRE", INT64_MIN),
            ("EXPIREAT", 1),
            ("PEXPIREAT", NOW_MS),
        ],
    )
    def test_a_deadline_in_the_past_deletes(self, run: Run, engine: Engine, words: tuple[str, int]) -> None:
        run("SET", "k", "v")
        assert run(words[0], "k", words[1]) == 1
        assert run("EXISTS", "k") == 0
        assert engine.keyspace.expired == 0

    @pytest.mark.parametrize(
        ("current", "condition", "seconds", "expected"),
        [
            (None, "NX", 10, 1), (20, "NX", 10, 0), (None, "XX", 10, 0), (20, "XX", 10, 1),
            (None, "GT", 10, 0), (20, "GT", 10, 0), (20, "GT", 20, 0), (20, "GT", 30, 1),
            (None, "LT", 10, 1), (20, "LT", 10, 1), (20, "LT", 20, 0), (20, "LT", 30, 0),
            (None, "XX LT", 10, 0), (20, "LT XX", 10, 1), (None, "XX GT", 10, 0), (20, "nx Nx", 10, 0),
            (None, "GT", -1, 0), (20, "LT", -1, 1), (20, "GT", -1, 0),
        ],
    )  # fmt: skip
    def test_conditions(
        self, run: Run, current: int | None, condition: str, seconds: int, expected: int
    ) -> None:
        run("SET", "k", "v")
        if current is not None:
            run("EXPIRE", "k", current)
        assert run("EXPIRE", "k", seconds, *condition.split()) == expected
        if seconds < 0:
            assert run("EXISTS", "k") == 1 - expected
        else:
            assert run("TTL", "k") == (seconds if expected else current or -1)

    @pytest.mark.parametrize(
        ("words", "text"),
        [
            (("EXPIRE", "k", "abc"), errors.NOT_AN_INTEGER),
            (("EXPIRE", "k", "1.5"), errors.NOT_AN_INTEGER),
            (("EXPIRE", "k", "abc", "Bogus"), "ERR Unsupported option Bogus"),
            (("EXPIRE", "k", "10", "NX", "XX", "b\0c"), "ERR Unsupported option b"),
            (("EXPIRE", "k", "abc", "NX", "XX"), errors.EXPIRE_NX_WITH_OTHERS),
            (("EXPIRE", "k", "10", "GT", "LT", "NX"), errors.EXPIRE_NX_WITH_OTHERS),
            (("EXPIRE", "k", "10", "XX", "GT", "LT"), errors.EXPIRE_GT_WITH_LT),
            (("EXPIRE", "k", INT64_MAX), errors.invalid_expire("expire")),
            (("EXPIRE", "k", INT64_MIN), errors.invalid_expire("expire")),
            (("EXPIRE", "k", INT64_MAX // 1000), errors.invalid_expire("expire")),
            (("EXPIREAT", "k", INT64_MAX // 1000 + 1), errors.invalid_expire("expireat")),
            (("PEXPIRE", "k", INT64_MAX), errors.invalid_expire("pexpire")),
            (("PEXPIREAT", "k", INT64_MAX + 1), errors.NOT_AN_INTEGER),
        ],
    )
    def test_errors_come_before_the_key_is_looked_up(
        self, run: Run, words: tuple[str | int, ...], text: str
    ) -> None:
        assert run(*words) == text
        run("SET", "k", "v")
        assert run(*words) == text

    def test_the_last_moment_there_is(self, run: Run) -> None:
        run("SET", "k", "v")
        assert run("PEXPIREAT", "k", INT64_MAX) == 1
        assert run("PEXPIRETIME", "k") == INT64_MAX
        assert run("EXPIRETIME", "k") == 9223372036854776

    def test_persist(self, run: Run) -> None:
        run("SET", "k", "v", "EX", 10)
        assert run("PERSIST", "k") == 1
        assert run("TTL", "k") == -1
        assert run("PERSIST", "k") == 0

    @pytest.mark.parametrize("name", ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"])
    def test_why_there_is_no_time(self, run: Run, name: str) -> None:
        run("SET", "k", "v")
        assert (run(name, "k"), run(name, "nope")) == (-1, -2)

    def test_seconds_are_rounded_to_the_nearest(self, run: Run) -> None:
        run("SET", "k", "v", "PX", 1499)
        assert run("TTL", "k") == 1
        run("SET", "k", "v", "PX", 1500)
        assert run("TTL", "k") == 2
        run("PEXPIREAT", "k", 33_177_117_420_499)
        assert run("EXPIRETIME", "k") == 33_177_117_420
        run("PEXPIREAT", "k", 33_177_117_420_500)
        assert run("EXPIRETIME", "k") == 33_177_117_421


class TestNamesAndDatabases:
    def test_rename_takes_value_and_time_along(self, run: Run) -> None:
        run("SET", "a", "x", "PX", 500)
        run("SET", "b", "y", "PX", 900)
        assert run("RENAME", "a", "b") == OK
        assert (run("GET", "b"), run("PTTL", "b"), run("EXISTS", "a")) == (b"x", 500, 0)
        run("SET", "c", "z")
        run("RENAME", "c", "b")
        assert run("PTTL", "b") == -1

    def test_rename_to_itself(self, run: Run) -> None:
        assert run("RENAME", "a", "a") == errors.NO_SUCH_KEY
        assert run("RENAMENX", "a", "a") == errors.NO_SUCH_KEY
        run("SET", "a", 1)
        assert (run("RENAME", "a", "a"), run("RENAMENX", "a", "a"), run("GET", "a")) == (OK, 0, b"1")

    def test_renamenx(self, run: Run, clock: ManualClock) -> None:
        run("SET", "a", 1)
        run("SET", "b", 2, "PX", 5)
        assert run("RENAMENX", "a", "b") == 0
        clock.advance(ms=6)
        assert run("RENAMENX", "a", "b") == 1
        assert (run("GET", "b"), run("PTTL", "b")) == (b"1", -1)

    def test_move(self, run: Run, engine: Engine) -> None:
        run("SET", "a", 1, "PX", 500)
        assert run("MOVE", "nope", 1) == 0
        assert run("MOVE", "a", 1) == 1
        assert run("EXISTS", "a") == 0
        other = engine.databases[1]
        assert (other.string(b"a"), other.deadline(b"a")) == (b"1", NOW_MS + 500)
        run("SET", "a", 2)
        assert run("MOVE", "a", 1) == 0
        assert run("GET", "a") == b"2"

    @pytest.mark.parametrize(
        ("number", "text"),
        [
            (0, errors.SAME_OBJECT),
            (-1, errors.DB_INDEX_OUT_OF_RANGE),
            (16, errors.DB_INDEX_OUT_OF_RANGE),
            ("x", errors.NOT_AN_INTEGER),
            (2**31, errors.not_between(-(2**31), 2**31 - 1)),
            (-(2**31) - 1, errors.not_between(-(2**31), 2**31 - 1)),
        ],
    )
    def test_numbers_of_databases(self, run: Run, number: int | str, text: str) -> None:
        assert run("MOVE", "nope", number) == text
        assert run("COPY", "nope", "nope", "DB", number) == text

    def test_copy(self, run: Run, engine: Engine) -> None:
        run("SET", "a", "x", "PX", 500)
        assert run("COPY", "a", "b") == 1
        assert (run("GET", "b"), run("PTTL", "b")) == (b"x", 500)
        assert run("COPY", "a", "b") == 0
        run("SET", "a", "y")
        assert run("COPY", "a", "b", "replace", "REPLACE") == 1
        assert (run("GET", "b"), run("PTTL", "b")) == (b"y", -1)
        assert run("COPY", "a", "a", "DB", 1, "DB", 2) == 1
        assert [len(db) for db in engine.databases[:3]] == [2, 0, 1]
        assert run("COPY", "nope", "b", "REPLACE") == 0

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ("BOGUS", errors.SYNTAX),
            ("DB", errors.SYNTAX),
            ("REPLACE DB", errors.SYNTAX),
            ("DB 99 BOGUS", errors.DB_INDEX_OUT_OF_RANGE),
            ("DB x BOGUS", errors.NOT_AN_INTEGER),
            ("DB 1 BOGUS", errors.SYNTAX),
            ("DB 1 DB 0 REPLACE", errors.SAME_OBJECT),
        ],
    )
    def test_copy_reads_its_options_in_order(self, run: Run, options: str, text: str) -> None:
        assert run("COPY", "a", "a", *options.split()) == text

    def test_a_copy_is_a_value_of_its_own(self, run: Run, session: Session) -> None:
        run("SETRANGE", "a", 0, "abc")
        session.db.store(b"p", Pair(b"x"))
        run("COPY", "a", "b")
        run("COPY", "p", "q")
        run("APPEND", "b", "d")
        pair = session.db.find(b"q", Pair)
        assert pair is not None
        pair.items.append(b"y")
        original = session.db.find(b"p", Pair)
        assert original is not None
        assert (run("GET", "a"), original.items) == (b"abc", [b"x"])


class TestGoingOverKeys:
    def test_keys(self, run: Run, clock: ManualClock) -> None:
        run("MSET", "one", 1, "two", 2, "three", 3)
        run("SET", "gone", 1, "PX", 1)
        clock.advance(ms=2)
        assert run("KEYS", "*") == [b"one", b"two", b"three"]
        assert run("KEYS", "t*") == [b"two", b"three"]
        assert run("KEYS", "[ot]??") == [b"one", b"two"]
        assert run("KEYS", "gone") == []

    def test_randomkey(self, run: Run, clock: ManualClock) -> None:
        assert run("RANDOMKEY") is None
        run("SET", "gone", 1, "PX", 1)
        clock.advance(ms=2)
        assert run("RANDOMKEY") is None
        run("MSET", "a", 1, "b", 2)
        assert {bytes_of(run("RANDOMKEY")) for _ in range(100)} == {b"a", b"b"}

    def test_scan_options(self, run: Run, session: Session) -> None:
        run("MSET", "a1", 1, "a2", 2, "b1", 3)
        session.db.store(b"a3", Pair())
        assert scanned(run("SCAN", 0)) == {b"a1", b"a2", b"a3", b"b1"}
        assert scanned(run("SCAN", 0, "match", "a*")) == {b"a1", b"a2", b"a3"}
        assert scanned(run("SCAN", 0, "MATCH", "b*", "MATCH", "a?", "TYPE", "STRING")) == {b"a1", b"a2"}
        assert scanned(run("SCAN", 0, "TYPE", "string", "TYPE", "pair", "COUNT", 2, "COUNT", 99)) == {b"a3"}
        assert scanned(run("SCAN", 0, "TYPE", "bogus", "COUNT", INT64_MAX)) == set()

    @pytest.mark.parametrize(
        "cursor", [b"+0", b"000", b" 0", b"\t\v\r\n0", b"-0", b"0\0x", b"18446744073709551615"]
    )
    def test_cursors_as_strtoull_reads_them(self, run: Run, cursor: bytes) -> None:
        run("SET", "a", 1)
        assert run("SCAN", cursor) == [b"0", [b"a"]]

    @pytest.mark.parametrize(
        "cursor",
        [
            b"",
            b"abc",
            b"-1",
            b"1 ",
            b"0x10",
            b"+",
            b"++1",
            b"- 1",
            b"\0",
            b"18446744073709551616",
            b"9" * 5000,
        ],
    )
    def test_cursors_that_are_none(self, run: Run, cursor: bytes) -> None:
        assert run("SCAN", cursor, "COUNT", "abc") == errors.INVALID_CURSOR

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ("COUNT", errors.SYNTAX),
            ("MATCH", errors.SYNTAX),
            ("TYPE", errors.SYNTAX),
            ("COUNT 0", errors.SYNTAX),
            ("COUNT -1", errors.SYNTAX),
            ("COUNT abc BOGUS x", errors.NOT_AN_INTEGER),
            ("COUNT 9223372036854775808", errors.NOT_AN_INTEGER),
            ("BOGUS x COUNT abc", errors.SYNTAX),
            ("novalues", errors.NOVALUES_OUTSIDE_HSCAN),
            ("COUNT 0 NOVALUES", errors.SYNTAX),
        ],
    )
    def test_scan_reads_its_options_in_order(self, run: Run, options: str, text: str) -> None:
        assert run("SCAN", 0, *options.split()) == text

    def test_scan_reclaims_what_it_looks_at_and_keys_does_not(
        self, run: Run, clock: ManualClock, session: Session
    ) -> None:
        for key in ("a", "b"):
            run("SET", key, 1, "PX", 1)
        clock.advance(ms=2)
        assert run("KEYS", "*") == []
        assert len(session.db) == 2
        assert run("SCAN", 0, "MATCH", "a") == [b"0", []]
        assert len(session.db) == 1
        assert run("SCAN", 0, "TYPE", "pair") == [b"0", []]
        assert len(session.db) == 0


def bytes_of(reply: object) -> bytes:
    assert isinstance(reply, bytes)
    return reply


def scanned(reply: object) -> set[object]:
    assert isinstance(reply, list)
    cursor, keys = reply
    assert cursor == b"0"
    assert isinstance(keys, list)
    return set(keys)


class TestObject:
    @pytest.mark.parametrize(
        ("value", "encoding"),
        [
            (b"1", b"int"), (b"-1", b"int"), (b"9223372036854775807", b"int"),
            (b"-9223372036854775808", b"int"),
            (b"9223372036854775808", b"embstr"), (b"01", b"embstr"), (b"-0", b"embstr"), (b"+1", b"embstr"),
            (b" 1", b"embstr"), (b"", b"embstr"), (b"a" * 44, b"embstr"), (b"a" * 45, b"raw"),
        ],
    )  # fmt: skip
    def test_encoding_of_what_was_set(self, run: Run, value: bytes, encoding: bytes) -> None:
        for words in (("SET", "k"), ("GETSET", "k"), ("MSET", "k"), ("PSETEX", "k", 100)):
            run(*words, value)
            assert run("OBJECT", "ENCODING", "k") == encoding

    @pytest.mark.parametrize(
        ("calls", "encoding"),
        [
            (["INCR k"], b"int"),
            (["SET k 7", "DECRBY k 2"], b"int"),
            (["APPEND k 12"], b"int"),
            (["APPEND k 12", "APPEND k 3"], b"raw"),
            (["APPEND k 12", "APPEND k 3", "INCR k"], b"int"),
            (["SETRANGE k 0 12"], b"raw"),
            (["SETRANGE c 0 12", "COPY c k"], b"raw"),
            (["SETRANGE c 0 12", "RENAME c k"], b"raw"),
            (["SET k 1", "INCRBYFLOAT k 1"], b"embstr"),
            (["SET c 1", "INCRBYFLOAT c 1", "COPY c k"], b"embstr"),
            (["SET k 1e60", "INCRBYFLOAT k 1"], b"raw"),
            (["SET k 1", "INCRBYFLOAT k 1", "INCR k"], b"int"),
            (["SET k 1", "INCRBYFLOAT k 1", "GETEX k EX 100"], b"embstr"),
        ],
    )
    def test_encoding_of_what_was_changed(self, run: Run, calls: list[str], encoding: bytes) -> None:
        for call in calls:
            assert not isinstance(run(*call.split()), str)
        assert run("OBJECT", "ENCODING", "k") == encoding

    def test_a_structure_says_its_own_encoding(self, run: Run, session: Session) -> None:
        session.db.store(b"p", Pair())
        assert run("OBJECT", "ENCODING", "p") == b"pairpack"

    def test_refcount(self, run: Run, config: Config) -> None:
        for value, count in ((0, 2**31 - 1), (9999, 2**31 - 1), (10_000, 1), (-1, 1), ("abc", 1), ("01", 1)):
            run("SET", "k", value)
            assert run("OBJECT", "REFCOUNT", "k") == count
        run("SET", "k", 5)
        config.set([(b"maxmemory", b"100mb"), (b"maxmemory-policy", b"allkeys-lru")])
        assert run("OBJECT", "REFCOUNT", "k") == 1
        config.set([(b"maxmemory-policy", b"volatile-ttl")])
        assert run("OBJECT", "REFCOUNT", "k") == 2**31 - 1

    def test_a_missing_key_is_nil_whatever_the_policy(self, run: Run) -> None:
        for name in ("ENCODING", "FREQ", "IDLETIME", "REFCOUNT"):
            assert run("OBJECT", name, "nope") is None

    def test_frequency_and_idle_time_depend_on_the_policy(self, run: Run, config: Config) -> None:
        run("SET", "k", "v")
        assert run("OBJECT", "IDLETIME", "k") == 0
        assert run("OBJECT", "FREQ", "k") == errors.FREQUENCY_NOT_TRACKED
        for policy in (b"allkeys-lfu", b"volatile-lfu"):
            config.set([(b"maxmemory-policy", policy)])
            assert run("OBJECT", "IDLETIME", "k") == errors.IDLE_TIME_NOT_TRACKED
            assert run("OBJECT", "FREQ", "k") == 5

    @pytest.mark.parametrize(
        ("call", "idle"),
        [
            ("TTL k", 3), ("PTTL k", 3), ("EXPIRETIME k", 3), ("TYPE k", 3), ("EXISTS k", 3), ("KEYS *", 3),
            ("OBJECT ENCODING k", 3), ("OBJECT REFCOUNT k", 3), ("SCAN 0", 3), ("RANDOMKEY", 3),
            ("COPY no k", 3),
            ("TOUCH k", 0), ("GET k", 0), ("STRLEN k", 0), ("EXPIRE k 100", 0), ("EXPIRE k 100 XX", 0),
            ("PERSIST k", 0), ("COPY k k2", 0), ("COPY src k", 0), ("RENAMENX src k", 0), ("RENAME src k", 0),
            ("SETNX k v", 0), ("MSETNX k v", 0), ("SET k v NX", 0), ("MOVE k 1", 0), ("GETEX k", 0),
        ],
    )  # fmt: skip
    def test_what_counts_as_an_access(
        self, run: Run, engine: Engine, clock: ManualClock, call: str, idle: int
    ) -> None:
        run("SET", "src", "v")
        run("SET", "k", "v")
        engine.databases[1].store(b"k", b"v")
        clock.advance(ms=3000)
        engine.cron(0)
        run(*call.split())
        assert run("OBJECT", "IDLETIME", "k") == idle

    def test_help(self, run: Run) -> None:
        lines = run("OBJECT", "HELP")
        assert isinstance(lines, list)
        assert lines[0] == Status("OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
        shown = {
            line.text.split()[0] for line in lines[1:] if isinstance(line, Status) and line.text[0] != " "
        }
        assert shown == {name.upper() for name in COMMANDS["object"].subcommands}


class TestWait:
    @pytest.mark.parametrize(
        ("call", "reply"),
        [
            ("WAIT 0 0", 0),
            ("WAIT -1 0", 0),
            ("WAIT a -1", errors.NOT_AN_INTEGER),
            ("WAIT 0 a", errors.TIMEOUT_NOT_AN_INTEGER),
            ("WAIT 0 1.5", errors.TIMEOUT_NOT_AN_INTEGER),
            ("WAIT 0 -1", errors.TIMEOUT_NEGATIVE),
            (f"WAIT 0 {INT64_MAX}", errors.TIMEOUT_OUT_OF_RANGE),
            ("WAITAOF 0 0 0", [0, 0]),
            ("WAITAOF 1 0 10", errors.WAITAOF_WITHOUT_JOURNAL),
            ("WAITAOF 2 a -1", errors.not_between(0, 1)),
            ("WAITAOF a 0 0", errors.NOT_AN_INTEGER),
            ("WAITAOF 0 a -1", errors.OUT_OF_RANGE_POSITIVE),
            ("WAITAOF 0 -1 0", errors.OUT_OF_RANGE_POSITIVE),
            ("WAITAOF 1 0 -1", errors.TIMEOUT_NEGATIVE),
            ("WAITAOF 0 0 a", errors.TIMEOUT_NOT_AN_INTEGER),
            (f"WAITAOF 1 0 {INT64_MAX}", errors.TIMEOUT_OUT_OF_RANGE),
        ],
    )
    def test_a_primary_without_replicas(self, run: Run, call: str, reply: object) -> None:
        assert run(*call.split()) == reply

    @pytest.mark.parametrize(("call", "reply"), [("WAIT 1 10", 0), ("WAITAOF 0 1 10", [0, 0])])
    def test_replicas_are_waited_for_to_the_end(self, run: Run, call: str, reply: object) -> None:
        pending = run(*call.split())
        assert isinstance(pending, Pending)
        assert (pending.timeout_ms, pending.at_timeout) == (10, reply)


class TestDeclarations:
    """What COMMAND INFO makes of the signatures, where it is not the plain case."""

    def test_the_key_of_a_subcommand_stands_behind_two_words(self) -> None:
        assert COMMANDS["object|encoding"].key_range == (2, 2, 1)

    def test_categories_that_the_group_does_not_give(self) -> None:
        assert COMMANDS["wait"].categories == ("slow", "blocking", "connection")
        assert COMMANDS["object"].categories == ("slow",)
        assert COMMANDS["keys"].categories == ("keyspace", "read", "slow", "dangerous")

    def test_conditions_are_documented_as_alternatives(self) -> None:
        condition = COMMANDS["expire"].arguments[2]
        assert (condition.name, condition.kind, condition.optional, condition.since) == (
            "condition", "oneof", True, "7.0.0",
        )  # fmt: skip
        assert [member.token for member in condition.arguments] == ["NX", "XX", "GT", "LT"]
