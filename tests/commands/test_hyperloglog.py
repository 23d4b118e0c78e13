"""The hyperloglog group: what the corpus cannot see; its replies are proved there."""

from collections.abc import Callable

import pytest

from vermilion import errors
from vermilion.config import Config
from vermilion.session import Session
from vermilion.structures import hyperloglog

Run = Callable[..., object]


@pytest.mark.parametrize(
    ("call", "changes"),
    [
        ("PFADD h a b", 0),
        ("PFADD h a b d e", 2),
        ("PFADD new", 1),
        ("PFADD new a b c", 4),
        ("PFCOUNT h", 1),
        ("PFCOUNT h h", 0),
        ("PFCOUNT missing", 0),
        ("PFMERGE h", 1),
        ("PFMERGE new h missing", 1),
        ("PFDEBUG ENCODING h", 0),
        ("PFDEBUG TODENSE h", 1),
        ("PFDEBUG GETREG h", 1),
    ],
)
def test_changes_are_counted_as_redis_counts_them(
    run: Run, session: Session, call: str, changes: int
) -> None:
    run("PFADD", "h", "a", "b")
    before = session.db.dirty
    run(*call.split())
    assert session.db.dirty - before == changes


@pytest.mark.parametrize(
    ("call", "hits", "misses"),
    [
        ("PFADD h a", 0, 0),
        ("PFCOUNT h", 1, 0),
        ("PFCOUNT h missing", 1, 1),
        ("PFMERGE m h missing", 1, 2),
        ("PFDEBUG ENCODING h", 0, 0),
    ],
)
def test_reading_counts_hits_and_misses(
    run: Run, session: Session, call: str, hits: int, misses: int
) -> None:
    run("PFADD", "h", "a")
    run(*call.split())
    assert (session.db.hits, session.db.misses) == (hits, misses)


def test_a_remembered_count_is_not_counted_again(run: Run, session: Session) -> None:
    run("PFADD", "h", "a", "b")
    assert run("PFCOUNT", "h") == 2
    before = session.db.dirty
    assert run("PFCOUNT", "h") == 2
    assert session.db.dirty == before


def test_a_corrupt_one_among_the_sources_changes_nothing(run: Run, session: Session) -> None:
    run("PFADD", "h", "a")
    run("SET", "bad", bytes(hyperloglog.new())[:-1])
    before = run("GET", "h")
    assert run("PFMERGE", "h", "h", "bad") == errors.CORRUPT_HYPERLOGLOG
    assert run("PFMERGE", "new", "bad") == errors.CORRUPT_HYPERLOGLOG
    assert (run("GET", "h"), run("EXISTS", "new")) == (before, 0)


def test_it_becomes_dense_at_the_directive(run: Run, config: Config) -> None:
    config.set([(b"hll-sparse-max-bytes", b"20")])
    run("PFADD", "h", "a")
    run("PFADD", "h", "b")
    assert run("STRLEN", "h") == hyperloglog.DENSE_SIZE
    assert run("PFCOUNT", "h") == 2


def test_an_integer_is_none(run: Run) -> None:
    run("INCR", "n")
    for call in ("PFADD n a", "PFCOUNT n", "PFMERGE n", "PFDEBUG ENCODING n"):
        assert run(*call.split()) == errors.NOT_A_HYPERLOGLOG


def test_the_self_test_tells_what_it_found(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hyperloglog, "self_test", lambda random: "it is wrong")
    assert run("PFSELFTEST") == "TESTFAILED it is wrong"
