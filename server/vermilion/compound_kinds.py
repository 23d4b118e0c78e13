"""The kinds of value that have several words, or several lines of a file: addresses, pairs, limits, users."""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, NamedTuple, cast

from vermilion import errors
from vermilion.kinds import INT_MAX, Kind, memory_text, parse_memory, quoted

_LENIENT_INTEGER: Final = re.compile(r"\s*[+-]?[0-9]+", re.ASCII)
_FLOAT: Final = re.compile(
    r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?", re.ASCII | re.IGNORECASE
)
_ADDRESS: Final = re.compile(r"[\w.:*%-]+", re.ASCII)


class Choices(Kind[tuple[str, ...]]):
    """Several of a list of words, the first of which stands for none of the others."""

    arguments = (0, None)

    def __init__(self, *words: str) -> None:
        self.words = words

    def parse(self, words: Sequence[str]) -> tuple[str, ...]:
        """Read the words in any order and case."""
        given = {word.lower() for word in words}
        if not given or not given <= set(self.words):
            raise ValueError(f"argument(s) must be one of the following: {', '.join(self.words)}")
        if {"save", "nosave"} <= given:
            raise ValueError("shutdown options SAVE and NOSAVE can't be used simultaneously")
        return tuple(word for word in self.words[1:] if word in given)

    def text(self, value: tuple[str, ...]) -> str:
        """Answer the words in the order of the list."""
        return " ".join(value) or self.words[0]


class Addresses(Kind[tuple[str, ...]]):
    """The addresses to listen on; a leading `-` excuses one that is not there."""

    arguments = (0, None)

    def parse(self, words: Sequence[str]) -> tuple[str, ...]:
        """Read the addresses; a lone empty one means none."""
        if len(words) > 16:
            raise ValueError("Too many bind addresses specified.")
        return () if list(words) == [""] else tuple(words)

    def text(self, value: tuple[str, ...]) -> str:
        """Answer the addresses."""
        return " ".join(value)

    def lines(self, value: tuple[str, ...]) -> list[str]:
        """Write the addresses, with quotes around what is none, so that no value begins another line."""
        return [" ".join(one if _ADDRESS.fullmatch(one) else quoted(one) for one in value or ("",))]


class Primary(NamedTuple):
    """The server to replicate from."""

    host: str
    port: int


class ReplicaOf(Kind[Primary | None]):
    """A host and a port, or `no one`."""

    arguments = (2, 2)

    def parse(self, words: Sequence[str]) -> Primary | None:
        """Read the pair."""
        if not words:
            return None
        host, port = words
        if (host.lower(), port.lower()) == ("no", "one"):
            return None
        if not _LENIENT_INTEGER.fullmatch(port) or not 0 <= int(port) <= 65535:
            raise ValueError("Invalid master port")
        return Primary(host, int(port))

    def text(self, value: Primary | None) -> str:
        """Answer the pair."""
        return f"{value.host} {value.port}" if value else ""

    def lines(self, value: Primary | None) -> list[str]:
        """Write the pair, if there is one."""
        return [self.text(value)] if value else []


class SavePoint(NamedTuple):
    """Save after this many seconds if this many keys changed."""

    seconds: int
    changes: int


class SavePoints(Kind[tuple[SavePoint, ...]]):
    """Pairs of seconds and changes; later lines of a file add to earlier ones, `""` takes all back."""

    arguments = (0, None)

    def parse(self, words: Sequence[str]) -> tuple[SavePoint, ...]:
        """Read the pairs."""
        if list(words) == [""]:
            return ()
        numbers = [int(word) if _LENIENT_INTEGER.fullmatch(word) else -1 for word in words]
        points = tuple(map(SavePoint, numbers[::2], numbers[1::2]))
        if len(numbers) % 2 or any(
            point.seconds < 1 or not 0 <= point.changes <= INT_MAX for point in points
        ):
            raise ValueError("Invalid save parameters")
        return points

    def text(self, value: tuple[SavePoint, ...]) -> str:
        """Answer the pairs."""
        return " ".join(f"{point.seconds} {point.changes}" for point in value)

    def lines(self, value: tuple[SavePoint, ...]) -> list[str]:
        """Write a line per pair."""
        return [self.text((point,)) for point in value] or ['""']

    def merge(
        self, old: tuple[SavePoint, ...], new: tuple[SavePoint, ...], *, again: bool
    ) -> tuple[SavePoint, ...]:
        """Add to what the same source said before."""
        return old + new if again and new else new


class BufferLimit(NamedTuple):
    """When a client that does not read is closed: above `hard`, or above `soft` for `seconds`; 0 is never."""

    hard: int
    soft: int
    seconds: int


class BufferLimits(Kind[Mapping[str, BufferLimit]]):
    """Limits for the classes of clients `normal`, `slave` and `pubsub`; those not named stay."""

    arguments = (0, None)
    lines_stand_alone = True
    _classes: ClassVar[Mapping[str, str]] = {
        "normal": "normal", "slave": "slave", "replica": "slave", "pubsub": "pubsub",
    }  # fmt: skip

    def parse(self, words: Sequence[str]) -> Mapping[str, BufferLimit]:
        """Read groups of four words."""
        if len(words) % 4:
            raise ValueError("Wrong number of arguments in buffer limit configuration.")
        limits = {}
        for name, hard, soft, seconds in zip(*(iter(words),) * 4, strict=True):
            client_class = self._classes.get(name.lower())
            if client_class is None:
                raise ValueError("Invalid client class specified in buffer limit configuration.")
            sizes = parse_memory(hard), parse_memory(soft)
            duration = int(seconds) if _LENIENT_INTEGER.fullmatch(seconds) else -1
            if None in sizes or not 0 <= duration <= INT_MAX:
                raise ValueError("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
            limits[client_class] = BufferLimit(*cast("tuple[int, int]", sizes), duration)
        return limits

    def text(self, value: Mapping[str, BufferLimit]) -> str:
        """Answer all classes."""
        return " ".join(f"{name} {limit.hard} {limit.soft} {limit.seconds}" for name, limit in value.items())

    def lines(self, value: Mapping[str, BufferLimit]) -> list[str]:
        """Write a line per class, replicas by the name of today."""
        named = {"replica" if name == "slave" else name: limit for name, limit in value.items()}
        return [
            f"{name} {memory_text(limit.hard)} {memory_text(limit.soft)} {limit.seconds}"
            for name, limit in named.items()
        ]

    def merge(
        self, old: Mapping[str, BufferLimit], new: Mapping[str, BufferLimit], *, again: bool
    ) -> Mapping[str, BufferLimit]:
        """Keep the classes that `new` does not name."""
        del again
        return {**old, **new}


class OomScores(Kind[tuple[int, ...]]):
    """Three numbers between -2000 and 2000."""

    arguments = (0, None)

    def parse(self, words: Sequence[str]) -> tuple[int, ...]:
        """Read the numbers."""
        if len(words) != 3:
            raise ValueError("wrong number of arguments")
        if any(not _LENIENT_INTEGER.fullmatch(word) or abs(int(word)) > 2000 for word in words):
            raise ValueError("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
        return tuple(map(int, words))

    def text(self, value: tuple[int, ...]) -> str:
        """Answer the numbers."""
        return " ".join(map(str, value))


class Percentiles(Kind[tuple[float, ...]]):
    """Percentiles from 0 to 100."""

    ends_at_nul = False

    arguments = (0, None)

    def parse(self, words: Sequence[str]) -> tuple[float, ...]:
        """Read the numbers."""
        if list(words) == [""]:
            return ()
        if not all(map(_FLOAT.fullmatch, words)):
            raise ValueError("Invalid latency-tracking-info-percentiles parameters")
        values = tuple(map(float, words))
        if any(not 0 <= value <= 100 for value in values):
            raise ValueError("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
        return values

    def text(self, value: tuple[float, ...]) -> str:
        """Answer the numbers with six digits behind the point at most."""
        return " ".join(f"{number:.6f}".rstrip("0").rstrip(".") for number in value)

    def lines(self, value: tuple[float, ...]) -> list[str]:
        """Write the numbers, or quotes for none."""
        return [self.text(value) or '""']


class Words(Kind[tuple[tuple[str, ...], ...]]):
    """A directive that files give again and again: each line is kept with its words."""

    def __init__(self, least: int, most: int | None) -> None:
        self.arguments = (least, most)  # type: ignore[misc]  # of this one only

    def parse(self, words: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """Keep the words."""
        return (tuple(words),) if words else ()

    def lines(self, value: tuple[tuple[str, ...], ...]) -> list[str]:
        """Write every line again."""
        return [" ".join(map(quoted, words)) for words in value]

    def merge(
        self, old: tuple[tuple[str, ...], ...], new: tuple[tuple[str, ...], ...], *, again: bool
    ) -> tuple[tuple[str, ...], ...]:
        """Add to what was said before."""
        del again
        return old + new


class Users(Words):
    """Users, each declared once, with their rules."""

    def merge(
        self, old: tuple[tuple[str, ...], ...], new: tuple[tuple[str, ...], ...], *, again: bool
    ) -> tuple[tuple[str, ...], ...]:
        """Add to those that were declared before; ValueError for one of them."""
        names = {words[0] for words in old}
        for name, *_ in new:
            if name in names:
                raise ValueError(errors.acl_user_declaration(name, errors.ACL_DUPLICATE))
        return super().merge(old, new, again=again)


class SentinelOnly(Words):
    """A directive of Redis Sentinel, which is another program."""

    def parse(self, words: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """Refuse any words."""
        if words:
            raise ValueError("sentinel directive while not in sentinel mode")
        return ()
