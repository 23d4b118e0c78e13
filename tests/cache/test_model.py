"""CacheService beside a model of a few lines, under any sequence of calls while time goes on."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.cache.backends import config
from vermilion import CacheService
from vermilion.backends.memory_backend import MemoryCacheBackend
from vermilion.clock import ManualClock

KEYS = st.sampled_from(["a", "b", "c"])
TAGS = st.frozensets(st.sampled_from(["x", "y"]))
VALUES = st.sampled_from([None, 0, "text", [1, 2.5], {"deep": {"er": True}}])
SECONDS = st.integers(1, 5)


@dataclass
class Entry:
    value: object
    dies: int
    tags: frozenset[str]


class Model(RuleBasedStateMachine):
    """What the service must answer, from a dict, a clock and the tags that each entry was stored with."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.cache = CacheService(
            config(namespace="model", default_ttl=3), backend=MemoryCacheBackend(clock=self.clock)
        )
        self.runner.run(self.cache.initialize())
        self.entries: dict[str, Entry] = {}

    def teardown(self) -> None:
        self.runner.run(self.cache.close())
        self.runner.close()

    def live(self, key: str) -> Entry | None:
        entry = self.entries.get(key)
        return entry if entry is not None and entry.dies > self.clock.now_ms() else None

    def dies(self, seconds: int) -> int:
        return self.clock.now_ms() + seconds * 1000

    @rule(key=KEYS, value=VALUES, seconds=SECONDS, tags=TAGS)
    def set(self, key: str, value: object, seconds: int, tags: frozenset[str]) -> None:
        self.runner.run(self.cache.set(key, value, timedelta(seconds=seconds), tags=tags))
        self.entries[key] = Entry(value, self.dies(seconds), tags)

    @rule(keys=st.lists(KEYS), value=VALUES, tags=TAGS)
    def set_many(self, keys: list[str], value: object, tags: frozenset[str]) -> None:
        self.runner.run(self.cache.set_many(dict.fromkeys(keys, value), tags=tags))
        self.entries |= {key: Entry(value, self.dies(3), tags) for key in keys}

    @rule(key=KEYS, value=VALUES, seconds=SECONDS, tags=TAGS)
    def add(self, key: str, value: object, seconds: int, tags: frozenset[str]) -> None:
        added = self.runner.run(self.cache.add(key, value, timedelta(seconds=seconds), tags=tags))
        assert added is (self.live(key) is None)
        if added:
            self.entries[key] = Entry(value, self.dies(seconds), tags)

    @rule(key=KEYS, value=VALUES, tags=TAGS)
    def get_or_set(self, key: str, value: object, tags: frozenset[str]) -> None:
        entry = self.live(key)
        got = self.runner.run(self.cache.get_or_set(key, lambda: value, tags=tags))
        if entry is None:
            entry = self.entries[key] = Entry(value, self.dies(3), tags)
        assert got == entry.value

    @rule(key=KEYS, seconds=SECONDS)
    def expire(self, key: str, seconds: int) -> None:
        entry = self.live(key)
        assert self.runner.run(self.cache.expire(key, timedelta(seconds=seconds))) is (entry is not None)
        if entry is not None:
            entry.dies = self.dies(seconds)

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        deleted = self.runner.run(self.cache.delete(key))
        # An entry that is only stale by its tags may still be counted.
        assert deleted or self.live(key) is None
        self.entries.pop(key, None)

    @rule(tag=st.sampled_from(["x", "y"]))
    def invalidate_tag(self, tag: str) -> None:
        self.runner.run(self.cache.invalidate_tag(tag))
        self.entries = {key: entry for key, entry in self.entries.items() if tag not in entry.tags}

    @rule()
    def clear(self) -> None:
        self.runner.run(self.cache.clear())
        self.entries.clear()

    @rule(ms=st.integers(1, 4000))
    def advance(self, ms: int) -> None:
        self.clock.advance(ms=ms)

    @invariant()
    def every_way_to_look_agrees(self) -> None:
        live = {key: entry for key in "abc" if (entry := self.live(key)) is not None}
        values = {key: entry.value for key, entry in live.items()}
        assert self.runner.run(self.cache.get_many(["a", "b", "c"])) == values
        for key in "abc":
            entry = live.get(key)
            default = object()
            got = self.runner.run(self.cache.get(key, default))
            assert got == (default if entry is None else entry.value)
            assert self.runner.run(self.cache.exists(key)) is (entry is not None)
            left = None if entry is None else timedelta(milliseconds=entry.dies - self.clock.now_ms())
            assert self.runner.run(self.cache.ttl(key)) == left


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=40, stateful_step_count=25)
