"""The string group, against what a real server answered."""

from collections.abc import Callable

import pytest

from vermilion import errors
from vermilion.clock import ManualClock
from vermilion.config import Config
from vermilion.engine.engine import Engine
from vermilion.protocol.reply import OK
from vermilion.session import Session
from vermilion.structures.structure import Structure

Run = Callable[..., object]
INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)
NOW_MS = 1_700_000_000_000


class Box(Structure):
    """A value that is no string."""

    type_name = "box"

    @property
    def encoding(self) -> str:
        return "cardboard"

    def copy(self) -> "Box":
        return Box()


class TestSet:
    def test_replaces_whatever_there_was(self, run: Run, session: Session) -> None:
        session.db.store(b"k", Box())
        session.db.expire_at(b"k", NOW_MS + 100)
        assert run("SET", "k", b"\0\xff") == OK
        assert (run("GET", "k"), run("PTTL", "k")) == (b"\0\xff", -1)

    @pytest.mark.parametrize(
        ("options", "left"),
        [
            ("EX 10", 10_000),
            ("px 10", 10),
            (f"EXAT {NOW_MS // 1000 + 10}", 10_000),
            (f"PXAT {NOW_MS + 10}", 10),
            ("EX 10 EX 20", 20_000),
            ("KEEPTTL", 777),
            ("XX KEEPTTL", 777),
            ("", -1),
        ],
    )
    def test_expiration(self, run: Run, options: str, left: int) -> None:
        run("SET", "k", "old", "PX", 777)
        assert run("SET", "k", "v", *options.split()) == OK
        assert run("PTTL", "k") == left

    def test_a_deadline_in_the_past(self, run: Run) -> None:
        assert run("SET", "k", "v", "PXAT", 1) == OK
        assert run("GET", "k") is None

    def test_conditions(self, run: Run) -> None:
        assert run("SET", "k", "v", "XX") is None
        assert run("SET", "k", "v", "nx", "NX") == OK
        assert run("SET", "k", "w", "NX") is None
        assert run("SET", "k", "w", "XX") == OK
        assert run("GET", "k") == b"w"

    def test_get(self, run: Run, session: Session) -> None:
        assert run("SET", "k", "1", "GET") is None
        assert run("SET", "k", "2", "GET") == b"1"
        assert run("SET", "k", "3", "NX", "GET") == b"2"
        assert run("SET", "new", "1", "NX", "GET") is None
        assert (run("GET", "k"), run("GET", "new")) == (b"2", b"1")
        session.db.store(b"box", Box())
        assert run("SET", "box", "1", "GET") == errors.WRONG_TYPE

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ("NX XX", errors.SYNTAX),
            ("EX 10 PX 10", errors.SYNTAX),
            ("EX 10 KEEPTTL", errors.SYNTAX),
            ("EX", errors.SYNTAX),
            ("BOGUS", errors.SYNTAX),
            ("EX abc BOGUS", errors.SYNTAX),
            ("EX abc", errors.NOT_AN_INTEGER),
            ("EX 0", errors.invalid_expire("set")),
            ("PX -1", errors.invalid_expire("set")),
            (f"EX {INT64_MAX}", errors.invalid_expire("set")),
            (f"PX {INT64_MAX}", errors.invalid_expire("set")),
        ],
    )
    def test_a_refused_set_sets_nothing(self, run: Run, options: str, text: str) -> None:
        assert run("SET", "k", "v", *options.split()) == text
        assert run("EXISTS", "k") == 0


class TestOlderSets:
    def test_setnx(self, run: Run) -> None:
        assert (run("SETNX", "k", 1), run("SETNX", "k", 2), run("GET", "k")) == (1, 0, b"1")

    @pytest.mark.parametrize(("name", "left"), [("SETEX", 10_000), ("PSETEX", 10)])
    def test_setex(self, run: Run, name: str, left: int) -> None:
        assert run(name, "k", 10, "v") == OK
        assert (run("GET", "k"), run("PTTL", "k")) == (b"v", left)
        assert run(name, "k", "x", "v") == errors.NOT_AN_INTEGER
        assert run(name, "k", 0, "v") == errors.invalid_expire(name.lower())
        assert run(name, "k", INT64_MAX, "v") == errors.invalid_expire(name.lower())

    def test_getset_and_getdel(self, run: Run, session: Session) -> None:
        assert run("GETSET", "k", 1) is None
        assert run("GETSET", "k", 2) == b"1"
        assert run("GETDEL", "k") == b"2"
        assert run("GETDEL", "k") is None
        session.db.store(b"box", Box())
        assert run("GETSET", "box", 1) == errors.WRONG_TYPE
        assert run("GETDEL", "box") == errors.WRONG_TYPE
        assert run("EXISTS", "box") == 1


class TestGetEx:
    def test_options(self, run: Run) -> None:
        run("SET", "k", "v")
        assert run("GETEX", "k") == b"v"
        assert run("GETEX", "k", "EX", 10) == b"v"
        assert run("PTTL", "k") == 10_000
        run("GETEX", "k", "PXAT", NOW_MS + 5)
        assert run("PTTL", "k") == 5
        run("GETEX", "k", "PERSIST")
        assert run("PTTL", "k") == -1
        assert run("GETEX", "k", "EXAT", 1) == b"v"
        assert run("EXISTS", "k") == 0

    @pytest.mark.parametrize(
        ("options", "missing", "present"),
        [
            ("EX abc", None, errors.NOT_AN_INTEGER),
            ("EX 0", None, errors.invalid_expire("getex")),
            (f"PX {INT64_MAX}", None, errors.invalid_expire("getex")),
            ("EX abc BOGUS", errors.SYNTAX, errors.SYNTAX),
            ("EX", errors.SYNTAX, errors.SYNTAX),
            ("EX 1 PERSIST", errors.SYNTAX, errors.SYNTAX),
            ("KEEPTTL", errors.SYNTAX, errors.SYNTAX),
        ],
    )
    def test_the_number_is_read_after_the_key(
        self, run: Run, session: Session, options: str, missing: str | None, present: str
    ) -> None:
        assert run("GETEX", "k", *options.split()) == missing
        run("SET", "k", "v")
        assert run("GETEX", "k", *options.split()) == present
        session.db.store(b"k", Box())
        assert run("GETEX", "k", *options.split()) == (missing or errors.WRONG_TYPE)


class TestSeveralKeys:
    def test_mget_answers_nil_for_what_is_no_string(self, run: Run, session: Session) -> None:
        run("MSET", "a", 1, "b", 2, "a", 3)
        run("INCR", "n")
        run("SETRANGE", "r", 0, "x")
        session.db.store(b"box", Box())
        assert run("MGET", "a", "b", "n", "r", "box", "nope") == [b"3", b"2", b"1", b"x", None, None]

    def test_msetnx_sets_all_or_none(self, run: Run) -> None:
        assert run("MSETNX", "a", 1, "b", 2) == 1
        assert run("MSETNX", "c", 3, "b", 4) == 0
        assert run("MGET", "a", "b", "c") == [b"1", b"2", None]

    @pytest.mark.parametrize("name", ["MSET", "MSETNX"])
    def test_a_key_without_a_value(self, run: Run, name: str) -> None:
        assert run(name, "a", 1, "b") == errors.wrong_arity(name.lower())
        assert run("EXISTS", "a") == 0

    def test_mset_takes_times_to_live_off(self, run: Run) -> None:
        run("SET", "a", 1, "EX", 10)
        run("MSET", "a", 2, "b", 3)
        assert run("TTL", "a") == -1


class TestNumbers:
    def test_arithmetic(self, run: Run) -> None:
        assert [run("INCR", "k"), run("INCRBY", "k", 10), run("DECR", "k"), run("DECRBY", "k", -5)] == [
            1,
            11,
            10,
            15,
        ]
        run("SET", "k", "7", "PX", 50)
        assert (run("INCR", "k"), run("GET", "k"), run("PTTL", "k")) == (8, b"8", 50)

    @pytest.mark.parametrize("value", ["abc", "1.5", "", " 1", "01", "9223372036854775808"])
    def test_what_is_no_integer(self, run: Run, value: str) -> None:
        run("SET", "k", value)
        assert run("INCR", "k") == errors.NOT_AN_INTEGER
        assert run("GET", "k") == value.encode()

    @pytest.mark.parametrize(
        ("start", "words", "text"),
        [
            (INT64_MAX, ("INCR", "k"), errors.INCREMENT_OVERFLOW),
            (INT64_MIN, ("DECR", "k"), errors.INCREMENT_OVERFLOW),
            (-2, ("INCRBY", "k", INT64_MIN), errors.INCREMENT_OVERFLOW),
            (0, ("DECRBY", "k", INT64_MIN), errors.DECREMENT_OVERFLOW),
            (0, ("INCRBY", "k", INT64_MAX + 1), errors.NOT_AN_INTEGER),
        ],
    )
    def test_overflow_changes_nothing(
        self, run: Run, start: int, words: tuple[str | int, ...], text: str
    ) -> None:
        run("SET", "k", start)
        assert run(*words) == text
        run("INCRBY", "k", 0)
        assert run(*words) == text
        assert run("GET", "k") == b"%d" % start

    def test_incrbyfloat(self, run: Run) -> None:
        assert run("INCRBYFLOAT", "k", "10.5") == b"10.5"
        assert run("INCRBYFLOAT", "k", "0.1") == b"10.6"
        assert run("INCRBYFLOAT", "k", "-5.6") == b"5"
        assert run("INCR", "k") == 6
        assert run("INCRBYFLOAT", "k", "inf") == errors.INCREMENT_NOT_FINITE
        assert run("INCRBYFLOAT", "k", "x") == errors.NOT_A_FLOAT
        run("SET", "k", "x")
        assert run("INCRBYFLOAT", "k", "1") == errors.NOT_A_FLOAT

    def test_a_sum_of_incrbyfloat_is_a_string_like_any_other(self, run: Run) -> None:
        for call, reply in (
            ("GET k", b"12"), ("STRLEN k", 2), ("GETRANGE k 0 0", b"1"), ("MGET k", [b"12"]),
            ("LCS k k", b"12"), ("GETSET k x", b"12"),
        ):  # fmt: skip
            run("SET", "k", "11")
            run("INCRBYFLOAT", "k", "1")
            answer = run(*call.split())
            assert answer == reply
            assert type(answer) is type(reply)


class TestParts:
    def test_append(self, run: Run) -> None:
        assert [run("APPEND", "k", part) for part in ("ab", "", "c")] == [2, 2, 3]
        assert run("GET", "k") == b"abc"
        run("INCR", "n")
        assert (run("APPEND", "n", "0"), run("INCR", "n")) == (2, 11)
        assert (run("APPEND", "empty", ""), run("EXISTS", "empty")) == (0, 1)

    def test_setrange(self, run: Run) -> None:
        assert run("SETRANGE", "k", 5, "") == 0
        assert run("EXISTS", "k") == 0
        assert run("SETRANGE", "k", 2, "ab") == 4
        assert run("GET", "k") == b"\0\0ab"
        assert run("SETRANGE", "k", 1, "xy") == 4
        assert run("GET", "k") == b"\0xyb"
        assert run("SETRANGE", "k", -1, "x") == errors.OFFSET_OUT_OF_RANGE

    def test_a_value_that_was_read_does_not_change(self, run: Run) -> None:
        run("SETRANGE", "k", 0, "abc")
        before = run("GET", "k")
        run("SETRANGE", "k", 0, "xyz")
        run("APPEND", "k", "!")
        assert before == b"abc"

    def test_strings_do_not_grow_beyond_the_limit(self, run: Run, config: Config) -> None:
        config.set([(b"proto-max-bulk-len", b"1mb")])
        run("SET", "k", "abc")
        limit = 1024 * 1024
        assert run("SETRANGE", "k", limit - 1, "xy") == errors.STRING_TOO_LONG
        assert run("SETRANGE", "k", limit - 1, "x") == limit
        assert run("APPEND", "k", "y") == errors.STRING_TOO_LONG
        assert run("STRLEN", "k") == limit

    @pytest.mark.parametrize(
        ("start", "end", "part"),
        [
            (0, 3, b"This"), (-3, -1, b"ing"), (0, -1, b"This is a string"), (10, 100, b"string"),
            (5, 3, b""),
            (-1, -5, b""), (-100, 1, b"Th"), (-100, -200, b""), (0, -100, b"T"), (99, 100, b""),
            (INT64_MIN, INT64_MAX, b"This is a string"), (INT64_MAX, INT64_MAX, b""),
        ],
    )  # fmt: skip
    def test_getrange(self, run: Run, start: int, end: int, part: bytes) -> None:
        run("SET", "k", "This is a string")
        assert run("GETRANGE", "k", start, end) == part
        assert run("SUBSTR", "k", start, end) == part
        assert run("GETRANGE", "nope", start, end) == b""

    def test_strlen(self, run: Run, session: Session) -> None:
        run("SET", "k", "abc")
        run("INCRBY", "n", -10)
        session.db.store(b"box", Box())
        assert [run("STRLEN", key) for key in ("k", "n", "nope", "box")] == [3, 3, 0, errors.WRONG_TYPE]


class TestLcs:
    def test_answers(self, run: Run) -> None:
        run("MSET", "a", "ohmytext", "b", "mynewtext")
        whole: dict[bytes, object] = {b"matches": [[[4, 7], [5, 8]], [[2, 3], [0, 1]]], b"len": 6}
        long: dict[bytes, object] = {b"matches": [[[4, 7], [5, 8], 4]], b"len": 6}
        assert run("LCS", "a", "b") == b"mytext"
        assert run("LCS", "a", "nope") == b""
        assert run("LCS", "a", "b", "LEN") == 6
        assert run("LCS", "a", "b", "IDX") == whole
        assert run("LCS", "a", "b", "idx", "minmatchlen", 4, "withmatchlen") == long
        assert run("LCS", "a", "b", "IDX", "MINMATCHLEN", -4) == whole

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ("LEN IDX", errors.LCS_LEN_AND_IDX),
            ("BOGUS", errors.SYNTAX),
            ("MINMATCHLEN", errors.SYNTAX),
            ("MINMATCHLEN x BOGUS", errors.NOT_AN_INTEGER),
        ],
    )
    def test_errors(self, run: Run, session: Session, options: str, text: str) -> None:
        assert run("LCS", "a", "b", *options.split()) == text
        session.db.store(b"b", Box())
        assert run("LCS", "a", "b", *options.split()) == errors.LCS_NEEDS_STRINGS

    def test_too_long(self, run: Run, config: Config) -> None:
        config.set([(b"proto-max-bulk-len", b"1mb")])
        run("MSET", "a", "x" * 600, "b", "x" * 600)
        assert run("LCS", "a", "b", "LEN") == errors.LCS_TOO_LONG


class TestWrongType:
    @pytest.mark.parametrize(
        "call",
        [
            "GET k", "GETEX k", "GETDEL k", "GETSET k v", "APPEND k v", "STRLEN k", "SETRANGE k 0 v",
            "SETRANGE k 0 ", "GETRANGE k 0 1", "SUBSTR k 0 1", "INCR k", "DECR k", "INCRBY k 1", "DECRBY k 1",
            "INCRBYFLOAT k 1",
        ],
    )  # fmt: skip
    def test_is_refused_and_changes_nothing(self, run: Run, session: Session, call: str) -> None:
        box = Box()
        session.db.store(b"k", box)
        assert run(*call.split(" ")) == errors.WRONG_TYPE
        assert session.db.peek(b"k") is box


def test_an_expired_string_does_not_exist(run: Run, clock: ManualClock, engine: Engine) -> None:
    for call, reply in (("GET k", None), ("INCR k", 1), ("APPEND k x", 1), ("SETNX k v", 1), ("STRLEN k", 0)):
        run("SET", "k", "99", "PX", 1)
        clock.advance(ms=2)
        assert run(*call.split()) == reply
    assert engine.keyspace.expired == 5
