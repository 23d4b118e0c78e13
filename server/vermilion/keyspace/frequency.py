"""How often keys are used: one counter of 8 bits a key, that rises by chance and falls with time (LFU).

    stamp = minute of the last access << 8 | counter

The counter begins at 5, so that a new key is not the first to go. An access raises it with a probability of
1 / ((counter - 5) * log-factor + 1): the more it has, the less likely is one more, and 255 stands for about a
million accesses with the usual factor of 10. Each `decay-time` minutes without access take one off. The idea is
Redis's, after Morris, "Counting large numbers of events in small registers", CACM 21 (10), 1978.
"""

from random import Random
from typing import Final

NEW: Final = 5
"""The counter of a new key."""

HIGHEST: Final = 255
"""The largest counter."""


class FrequencyRule:
    """How counters rise and fall, for all databases of an engine.

    Args:
        random: the engine's source of chance.
        log_factor: how slowly counters rise (`lfu-log-factor`).
        decay_minutes: after how many minutes one falls by one; 0 for never (`lfu-decay-time`).
    """

    __slots__ = ("_minute", "_stamps", "decay_minutes", "log_factor", "random")

    def __init__(self, random: Random, log_factor: int, decay_minutes: int) -> None:
        self.random = random
        self.log_factor = log_factor
        self.decay_minutes = decay_minutes
        self._minute = -1
        self._stamps: list[int] = []

    def stamp(self, counter: int, tick: int) -> int:
        """Return the stamp of an access in a second; keys of one minute and counter share the object."""
        minute = tick // 60
        if minute != self._minute:
            self._minute = minute
            self._stamps = [minute << 8 | counter for counter in range(HIGHEST + 1)]
        return self._stamps[counter]

    def counter(self, stamp: int, tick: int) -> int:
        """Return the counter of a stamp, as it has fallen until a second."""
        counter = stamp & HIGHEST
        if self.decay_minutes:
            return max(0, counter - (tick // 60 - (stamp >> 8)) // self.decay_minutes)
        return counter

    def raised(self, counter: int) -> int:
        """Return the counter after one more access."""
        if counter >= HIGHEST:
            return counter
        if counter > NEW and self.random.random() * ((counter - NEW) * self.log_factor + 1) >= 1:
            return counter
        return counter + 1


class Frequencies(dict[bytes, int]):
    """A table of access times that counts accesses instead: key to stamp.

    It takes the place of `Database.accessed` under the LFU policies, and is written like it: to note the second of an
    access is to count one. So nothing else needs to know, and nothing is slower while no LFU policy is chosen.

    Args:
        rule: how counters rise and fall.
    """

    __slots__ = ("rule",)

    def __init__(self, rule: FrequencyRule) -> None:
        super().__init__()
        self.rule = rule

    def __setitem__(self, key: bytes, tick: int) -> None:
        """Count an access in a second."""
        rule = self.rule
        stamp = self.get(key)
        counter = NEW if stamp is None else rule.raised(rule.counter(stamp, tick))
        dict.__setitem__(self, key, rule.stamp(counter, tick))

    def setdefault(self, key: bytes, tick: int) -> int:
        """Begin to count for a new key; its value was looked up before, which has counted if it is none."""
        stamp = self.get(key)
        if stamp is None:
            stamp = self.rule.stamp(NEW, tick)
            dict.__setitem__(self, key, stamp)
        return stamp

    def counter(self, key: bytes, tick: int) -> int:
        """Return how often a key has been used, 0 to 255."""
        stamp = self.get(key)
        return NEW if stamp is None else self.rule.counter(stamp, tick)

    def assign(self, key: bytes, counter: int, tick: int) -> None:
        """Let a key count as used so often (RESTORE FREQ)."""
        dict.__setitem__(self, key, self.rule.stamp(counter, tick))
