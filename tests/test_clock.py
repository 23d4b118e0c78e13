"""The machine's clock, held: the calendar stands where it stood when the hold began, whenever it is first read."""

import pytest

from vermilion import clock
from vermilion.clock import SystemClock


def test_a_held_calendar_shows_when_the_hold_began(monkeypatch: pytest.MonkeyPatch) -> None:
    now = {"calendar": 5_000_000_000, "monotonic": 70_000_000}
    monkeypatch.setattr(clock, "time_ns", lambda: now["calendar"])
    monkeypatch.setattr(clock, "monotonic_ns", lambda: now["monotonic"])

    def advance(ns: int) -> None:
        now["calendar"] += ns
        now["monotonic"] += ns

    system = SystemClock()
    assert system.hold() == 70
    advance(3_000_000)
    assert (system.now_ms(), system.now_us()) == (5_000, 5_000_000)
    assert system.hold() == 73
    system.release()
    advance(4_000_000)
    assert system.now_ms() == 5_000
    system.release()
    assert system.now_ms() == 5_007
    system.hold()
    assert system.now_ms() == 5_007
