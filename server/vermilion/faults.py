"""A fault as a test declares it: what happens, to which calls, and how often; it counts what it has hit.

fits?    the command, a key, the client's name        -> matched
strikes? the nth, every nth, a chance, the first few  -> hit
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final, NamedTuple, TypeAlias, final

from vermilion.structures.glob import compile_glob

LONGEST_DELAY_MS: Final = 2**48
"""More than any clock is moved by, and far from where 64 bits end."""


class Error(NamedTuple):
    """The call is refused: `text` is the whole line after the `-`."""

    text: str


class Delay(NamedTuple):
    """The call is made so many milliseconds later."""

    ms: int


class Reset(NamedTuple):
    """The connection is lost: before the call is made, or `after`."""

    after: bool = False


class Partial(NamedTuple):
    """The call is made; so many bytes of its reply are sent, and the connection is closed."""

    size: int


class Silence(NamedTuple):
    """The connection says nothing any more: the call is not made, or made, and not answered (`after`)."""

    after: bool = False


class Refuse(NamedTuple):
    """A new connection is refused."""


Act: TypeAlias = Error | Delay | Reset | Partial | Silence | Refuse


class Conditions(NamedTuple):
    """What a fault hits.

    Args:
        commands: names, of subcommands too (`config|get`), categories (`@write`), or `*`.
        key: the glob that one of the call's keys matches.
        client: the glob that the name of the client matches.
        nth: the one call, of those that match so far, that is hit.
        every: hits each call whose number among them is a multiple.
        times: how many calls are hit at most.
        probability: with what chance a call is hit that could be.
        seed: which course that chance takes.
    """

    commands: tuple[str, ...] = ("*",)
    key: bytes | None = None
    client: bytes | None = None
    nth: int | None = None
    every: int | None = None
    times: int | None = None
    probability: float = 1.0
    seed: int = 0


@final
class Rule:
    """One fault, and what it has counted.

    Args:
        identifier: its number; a later rule has a higher one.
        act: what happens.
        conditions: to what.
        names: the full names of the commands that `conditions` speaks of; None for all.

    Raises:
        ValueError: for what can never happen, or is no line of RESP.

    LLM Context:
        - `seen` calls were looked at, `matched` fitted command, key and client, `hits` were struck.
    """

    __slots__ = (
        "_chance", "_client", "_key", "_names", "act", "conditions", "hits", "identifier", "matched", "seen",
    )  # fmt: skip

    def __init__(
        self, identifier: int, act: Act, conditions: Conditions, names: frozenset[str] | None
    ) -> None:
        _check(act, conditions)
        self.identifier = identifier
        self.act = act
        self.conditions = conditions
        self.seen = 0
        self.matched = 0
        self.hits = 0
        self._names = names
        self._key = _glob(conditions.key)
        self._client = _glob(conditions.client)
        self._chance = Random(conditions.seed)  # noqa: S311  # to be repeatable is its purpose

    def hits_call(self, name: str, keys: Sequence[bytes], client: bytes) -> bool:
        """Look at a call; return whether it is hit.

        Args:
            name: the full name of the command.
            keys: the keys of the call.
            client: the name of the client.
        """
        self.seen += 1
        if self._names is not None and name not in self._names:
            return False
        if self._client is not None and not self._client(client):
            return False
        if self._key is not None and not any(map(self._key, keys)):
            return False
        return self._strikes()

    def hits_connection(self) -> bool:
        """Look at a new connection; return whether it is hit."""
        self.seen += 1
        return self._strikes()

    def _strikes(self) -> bool:
        """Count what matches; return whether this one is hit."""
        self.matched += 1
        _, _, _, nth, every, times, probability, _ = self.conditions
        if nth is not None and self.matched != nth:
            return False
        if every is not None and self.matched % every:
            return False
        if times is not None and self.hits >= times:
            return False
        if probability < 1 and self._chance.random() >= probability:
            return False
        self.hits += 1
        return True

    def words(self) -> list[bytes]:
        """Return the rule as VERMILION FAULT ADD takes it."""
        act, conditions = self.act, self.conditions
        words: list[str | bytes] = [type(act).__name__.upper()]
        if isinstance(act, Reset | Silence):
            words += ["AFTER"] if act.after else []
        else:
            words += map(str, act)
        if not isinstance(act, Refuse):
            for name in conditions.commands:
                words += ["COMMAND", name]
        for token, value in zip(("KEY", "CLIENT"), conditions[1:3], strict=True):
            words += [token, value] if isinstance(value, bytes) else []
        for token, number in zip(("NTH", "EVERY", "TIMES"), conditions[3:6], strict=True):
            words += [token, str(number)] if number is not None else []
        if conditions.probability < 1:
            words += ["PROBABILITY", repr(conditions.probability), "SEED", str(conditions.seed)]
        return [
            word if isinstance(word, bytes) else word.encode("utf-8", "surrogateescape") for word in words
        ]


def _glob(pattern: bytes | None) -> Callable[[bytes], bool] | None:
    """Return what says whether a name matches; None without a pattern."""
    return None if pattern is None else compile_glob(pattern)


def _check(act: Act, conditions: Conditions) -> None:
    """Raise ValueError for a fault that cannot be."""
    if isinstance(act, Error):
        _check_line(act.text)
    elif isinstance(act, Delay) and not 0 < act.ms <= LONGEST_DELAY_MS:
        raise ValueError("the delay is out of range")
    elif isinstance(act, Partial) and act.size < 0:
        raise ValueError("the size of a part is not negative")
    elif isinstance(act, Refuse) and conditions[:3] != Conditions()[:3]:
        raise ValueError("a connection that is refused has no command, key or client yet")
    commands, _, _, nth, every, times, probability, _ = conditions
    if not commands:
        raise ValueError("a fault needs a command, or * for all")
    if any(number is not None and number < 1 for number in (nth, every, times)):
        raise ValueError("nth, every and times must be positive")
    if nth is not None and every is not None:
        raise ValueError("nth and every exclude each other")
    if not 0 <= probability <= 1:
        raise ValueError("the probability is between 0 and 1")


def _check_line(text: str) -> None:
    """Raise ValueError for a text that no error reply can have."""
    try:
        line = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ValueError("the error is no text that can be sent") from error
    if not line.strip() or b"\r" in line or b"\n" in line:
        raise ValueError("the error is one line, and not empty")
