"""The list group: what the conformance corpus does not see."""

from collections.abc import Callable

import pytest

from vermilion import errors
from vermilion.engine.engine import Engine
from vermilion.protocol.reply import NULL_ARRAY, OK
from vermilion.session import Session

Run = Callable[..., object]


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("RPUSH l x y", 2), ("LPUSH l x", 1), ("LPUSHX l x y z", 3), ("RPUSHX none x", 0), ("LPOP l", 1),
        ("LPOP l 3", 3), ("LPOP l 0", 0), ("RPOP none", 0), ("LMOVE l l LEFT RIGHT", 1), ("LMOVE l m LEFT RIGHT", 1),
        ("RPOPLPUSH none m", 0), ("LREM l 0 a", 2), ("LREM l 0 none", 0), ("LSET l 0 z", 1),
        ("LINSERT l BEFORE b z", 1), ("LINSERT l BEFORE none z", 0), ("LTRIM l 0 1", 3), ("LTRIM l 0 -1", 0),
        ("LTRIM l 9 9", 5), ("LMPOP 1 l LEFT COUNT 2", 2), ("BLPOP l 0", 1), ("BLMPOP 0 1 l LEFT COUNT 9", 5),
    ],
)  # fmt: skip
def test_changes_are_counted_as_redis_counts_them(
    run: Run, session: Session, words: str, changes: int
) -> None:
    run("RPUSH", "l", "a", "b", "c", "d", "a")
    before = session.db.dirty
    run(*words.split())
    assert session.db.dirty - before == changes


def test_only_reading_counts_hits_and_misses(run: Run, engine: Engine) -> None:
    run("RPUSH", "l", "a")
    for words in ("LLEN", "LRANGE 0 1", "LINDEX 0", "LPOS a"):
        name, *rest = words.split()
        run(name, "l", *rest)
        run(name, "none", *rest)
    assert (engine.keyspace.hits, engine.keyspace.misses) == (4, 4)
    for words in ("LPOP none", "LREM none 0 a", "LTRIM none 0 1", "LSET none 0 a", "LMOVE none l LEFT LEFT"):
        run(*words.split())
    assert (engine.keyspace.hits, engine.keyspace.misses) == (4, 4)


def test_a_list_that_has_become_empty_is_no_key(run: Run, session: Session) -> None:
    for words in (
        "LPOP l",
        "RPOP l 5",
        "LTRIM l 1 0",
        "LREM l 0 a",
        "RPOPLPUSH l m",
        "LMPOP 1 l LEFT",
        "BRPOP l 0",
    ):
        run("RPUSH", "l", "a")
        run("EXPIRE", "l", 100)
        run(*words.split())
        assert run("EXISTS", "l") == 0
        assert b"l" not in session.db.expires


def test_nothing_is_changed_by_a_refusal(run: Run) -> None:
    run("SET", "s", 1)
    run("RPUSH", "l", "a", "b")
    assert run("LMOVE", "l", "s", "LEFT", "RIGHT") == errors.WRONG_TYPE
    assert run("LSET", "l", 2, "x") == errors.INDEX_OUT_OF_RANGE
    assert run("LPUSH", "s", "x") == errors.WRONG_TYPE
    assert run("LRANGE", "l", 0, -1) == [b"a", b"b"]


def test_a_session_that_may_not_wait_is_answered_at_once(run: Run, session: Session) -> None:
    session.may_wait = False
    for words in (
        "BLPOP l 0",
        "BRPOP l m 10",
        "BLMPOP 0 1 l LEFT",
    ):
        assert run(*words.split()) is NULL_ARRAY
    for words in ("BLMOVE l m LEFT RIGHT 0", "BRPOPLPUSH l m 0"):
        assert run(*words.split()) is None
    assert session.pending is None


def test_memory_usage_grows_with_the_list(run: Run) -> None:
    run("RPUSH", "l", "a")
    small = run("MEMORY", "USAGE", "l")
    run("RPUSH", "l", *("x" * 100 for _ in range(100)))
    large = run("MEMORY", "USAGE", "l", "SAMPLES", 0)
    assert isinstance(small, int)
    assert isinstance(large, int)
    assert large > small + 10_000


def test_a_copy_is_independent(run: Run) -> None:
    run("RPUSH", "l", "a", "b")
    assert run("COPY", "l", "m") == 1
    run("LPOP", "l")
    run("LPUSH", "m", "z")
    assert run("LRANGE", "l", 0, -1) == [b"b"]
    assert run("LRANGE", "m", 0, -1) == [b"z", b"a", b"b"]
    assert run("LTRIM", "m", 0, 0) is OK
