"""The bitmap group: what the corpus cannot see; its replies are proved there."""

from collections.abc import Callable

import pytest

from vermilion import errors
from vermilion.config import Config
from vermilion.session import Session

Run = Callable[..., object]


@pytest.mark.parametrize(
    ("call", "changes"),
    [
        ("SETBIT k 1 1", 0),
        ("SETBIT k 1 0", 1),
        ("SETBIT k 8 0", 1),
        ("SETBIT new 0 0", 1),
        ("BITFIELD k GET u8 0", 0),
        ("BITFIELD k SET u8 0 97", 0),
        ("BITFIELD k SET u8 0 98 SET u8 0 98 INCRBY u8 0 1", 2),
        ("BITFIELD new OVERFLOW FAIL SET u8 0 256", 0),
        ("BITFIELD new SET u8 0 0 SET u8 8 0", 2),
        ("BITOP AND new missing", 0),
        ("BITOP AND k missing", 1),
        ("BITOP OR new k", 1),
        ("BITCOUNT k", 0),
        ("BITPOS k 1", 0),
    ],
)
def test_changes_are_counted_as_redis_counts_them(
    run: Run, session: Session, call: str, changes: int
) -> None:
    run("SET", "k", "a")
    before = session.db.dirty
    run(*call.split())
    assert session.db.dirty - before == changes


@pytest.mark.parametrize(
    ("call", "hits", "misses"),
    [
        ("GETBIT k 1", 1, 0),
        ("BITFIELD k GET u8 0", 1, 0),
        ("BITFIELD_RO missing GET u8 0", 0, 1),
        ("BITFIELD missing", 0, 1),
        ("BITFIELD k GET u8 0 SET u8 0 1", 0, 0),
        ("SETBIT k 0 1", 0, 0),
        ("BITOP AND d k missing", 1, 1),
        ("BITCOUNT missing", 0, 1),
        ("BITPOS k 0", 1, 0),
    ],
)
def test_reading_counts_hits_and_misses(
    run: Run, session: Session, call: str, hits: int, misses: int
) -> None:
    run("SET", "k", "a")
    run(*call.split())
    assert (session.db.hits, session.db.misses) == (hits, misses)


def test_reading_a_bitmap_copies_nothing(run: Run, session: Session) -> None:
    run("SETBIT", "k", 8, 1)
    assert session.db.octets(b"k") is session.db.data[b"k"]


def test_a_string_ends_at_the_directive(run: Run, config: Config) -> None:
    config.set([(b"proto-max-bulk-len", b"1mb")])
    assert run("SETBIT", "k", 2**23 - 1, 1) == 0
    assert run("SETBIT", "k", 2**23, 1) == errors.BIT_OFFSET
    assert run("BITFIELD", "k", "SET", "u8", f"#{2**20}", 1) == errors.BIT_OFFSET
    assert run("STRLEN", "k") == 2**20
