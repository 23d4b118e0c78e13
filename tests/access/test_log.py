"""The log of refusals: what is one entry, and how many are kept."""

from vermilion.access.log import AccessLog, Refusal
from vermilion.clock import ManualClock


def refusal(name: bytes) -> Refusal:
    return Refusal("key", "toplevel", name, b"u")


def test_equal_refusals_within_a_minute_are_one_entry() -> None:
    clock = ManualClock()
    log = AccessLog(clock)
    log.add(refusal(b"a"), b"first", 10)
    log.add(refusal(b"b"), b"", 10)
    clock.advance(ms=60_000)
    log.add(refusal(b"a"), b"second", 10)
    newest, other = log.latest(10)
    assert (newest.id, newest.count, newest.client) == (0, 2, b"second")
    assert newest.updated_ms - newest.created_ms == 60_000
    assert (other.id, other.count) == (1, 1)
    clock.advance(ms=60_001)
    log.add(refusal(b"a"), b"", 10)
    assert [entry.id for entry in log.latest(10)] == [2, 0, 1]


def test_as_many_are_kept_as_asked_for() -> None:
    log = AccessLog(ManualClock())
    for number in range(20):
        log.add(refusal(b"%d" % number), b"", 12)
    assert [entry.id for entry in log.latest(100)] == list(range(19, 7, -1))
    log.add(refusal(b"x"), b"", 0)
    assert log.latest(100) == []
