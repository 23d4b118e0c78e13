"""SORT_RO: what the corpus cannot see; its replies are proved there."""

from collections.abc import Callable
from typing import Self

import pytest

from vermilion import errors
from vermilion.clock import ManualClock
from vermilion.session import Session
from vermilion.structures.structure import Structure

Run = Callable[..., object]


class Fields(Structure):
    """A structure with fields, one of which falls due."""

    type_name = "fields"
    encoding = "fields"

    def copy(self) -> Self:
        return self

    def value_of(self, field: bytes, now_ms: int) -> bytes | None:
        return b"%d" % now_ms if field == b"now" else None


def test_patterns_find_fields(run: Run, session: Session, clock: ManualClock) -> None:
    run("SADD", "s", 1, 2)
    session.db.store(b"f1", Fields())
    now = b"%d" % clock.now_ms()
    assert run("SORT_RO", "s", "GET", "f*->now", "GET", "f*->no", "GET", "f*") == [
        now,
        None,
        None,
        None,
        None,
        None,
    ]
    assert run("SORT_RO", "s", "BY", "f*->now") == [b"2", b"1"]


def test_only_what_has_elements_is_sorted(run: Run, session: Session) -> None:
    session.db.store(b"f", Fields())
    assert run("SORT_RO", "f") == errors.WRONG_TYPE


@pytest.mark.parametrize(
    ("options", "hits", "misses"), [("", 1, 0), ("BY w*", 2, 1), ("BY w* GET w* GET # LIMIT 0 1", 2, 2)]
)
def test_every_look_up_counts(run: Run, session: Session, options: str, hits: int, misses: int) -> None:
    run("SADD", "s", 1, 2)
    run("SET", "w1", 5)
    run("SORT_RO", "s", *options.split())
    assert (session.db.hits, session.db.misses) == (hits, misses)


@pytest.mark.parametrize(
    ("options", "changes"), [("", 0), ("STORE d", 3), ("GET # GET w* STORE d", 6), ("LIMIT 9 9 STORE l", 1)]
)
def test_every_stored_element_is_a_change(run: Run, session: Session, options: str, changes: int) -> None:
    run("RPUSH", "l", 3, 1, 2)
    before = session.db.dirty
    run("SORT", "l", *options.split())
    assert session.db.dirty - before == changes
