"""DUMP and RESTORE: what the corpus cannot see; their replies are proved there."""

from collections.abc import Callable

import pytest

from vermilion import errors
from vermilion.clock import ManualClock
from vermilion.protocol.reply import OK
from vermilion.rdb import payload
from vermilion.session import Session

Run = Callable[..., object]
NOW_MS = 1_700_000_000_000
PAYLOAD = payload.dump(b"v")


@pytest.mark.parametrize(
    ("call", "changes"),
    [
        ("RESTORE new 0", 1),
        ("RESTORE k 0 REPLACE", 1),
        ("RESTORE k 0", 0),
        ("RESTORE new 1 ABSTTL", 0),
        ("RESTORE k 1 ABSTTL REPLACE", 1),
        ("DUMP k", 0),
    ],
)
def test_changes_are_counted_as_redis_counts_them(
    run: Run, session: Session, call: str, changes: int
) -> None:
    run("SET", "k", "a")
    before = session.db.dirty
    words: list[bytes | str] = list(call.split())
    run(*words[:3], *([PAYLOAD] if words[0] == "RESTORE" else []), *words[3:])
    assert session.db.dirty - before == changes


def test_dumping_counts_as_reading(run: Run, session: Session) -> None:
    run("SET", "k", "a")
    run("DUMP", "k")
    run("DUMP", "missing")
    assert (session.db.hits, session.db.misses) == (1, 1)


@pytest.mark.parametrize("bad", [PAYLOAD[:-1] + b"\0", b"", payload.dump(b"v" * 99)[50:]])
def test_a_corrupt_payload_changes_nothing(run: Run, bad: bytes) -> None:
    run("SET", "k", "old", "PX", 5000)
    assert run("RESTORE", "k", 0, bad, "REPLACE") == errors.BAD_PAYLOAD_FOOTER
    assert (run("GET", "k"), run("PTTL", "k")) == (b"old", 5000)


def test_times_to_live(run: Run, clock: ManualClock) -> None:
    assert run("RESTORE", "a", 1500, PAYLOAD) == OK
    assert run("RESTORE", "b", NOW_MS + 1500, PAYLOAD, "ABSTTL") == OK
    assert (run("PTTL", "a"), run("PTTL", "b")) == (1500, 1500)
    run("RESTORE", "c", 2**63 - 1, PAYLOAD)
    assert run("PEXPIRETIME", "c") == 2**63 - 1
    clock.advance(ms=1501)
    assert run("EXISTS", "a", "b") == 0
    assert run("RESTORE", "a", 0, PAYLOAD) == OK


def test_the_idle_time(run: Run) -> None:
    run("RESTORE", "k", 0, PAYLOAD, "IDLETIME", 1000)
    assert run("OBJECT", "IDLETIME", "k") == 1000
    run("TOUCH", "k")
    assert run("OBJECT", "IDLETIME", "k") == 0


@pytest.mark.parametrize(
    "fill",
    [
        "SET k v", "RPUSH k a b", "SADD k a b", "HSET k f v", "ZADD k 1 m", "XADD k 1-1 f v", "PFADD k a",
        "HSETEX k EX 100 FIELDS 1 f v",
    ],
)  # fmt: skip
def test_every_type_is_restored_with_all_options(run: Run, fill: str) -> None:
    run(*fill.split())
    dumped = run("DUMP", "k")
    assert isinstance(dumped, bytes)
    assert run("RESTORE", "new", NOW_MS + 1500, dumped, "ABSTTL", "IDLETIME", 50) == OK
    assert (run("DUMP", "new"), run("PTTL", "new")) == (dumped, 1500)
    assert run("RESTORE", "new", 0, dumped, "REPLACE", "FREQ", 5) == OK
    assert (run("TYPE", "new"), run("PTTL", "new")) == (run("TYPE", "k"), -1)
    run("COPY", "new", "other")
    assert run("DUMP", "other") == dumped


def test_a_restored_field_is_reclaimed_by_the_periodic_work(
    run: Run, session: Session, clock: ManualClock
) -> None:
    run("HSETEX", "k", "PX", 1000, "FIELDS", 1, "f", "v")
    run("RESTORE", "new", 0, run("DUMP", "k"))
    clock.advance(ms=1001)
    session.db.reclaim(100)
    assert run("EXISTS", "new", "k") == 0
