"""The kinds of value that a directive of redis.conf may have: how each is read, answered and written.

A kind knows nothing of files or clients: words in, a value out, or ValueError with Redis's reason.
"""

import os
import re
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final, Generic, NamedTuple, TypeVar, cast

from vermilion import errors
from vermilion.words import quote

T = TypeVar("T")

INT_MAX: Final = 2**31 - 1
LONG_MAX: Final = 2**63 - 1
ULONG_MAX: Final = 2**64 - 1

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)
_LENIENT_INTEGER: Final = re.compile(r"\s*[+-]?[0-9]+", re.ASCII)
_OCTAL: Final = re.compile(r"\s*([+-]?[0-7]*)", re.ASCII)
_MEMORY: Final = re.compile(r"([0-9]*)(b|kb?|mb?|gb?|)", re.ASCII | re.IGNORECASE)
_PERCENT: Final = re.compile(r"(0|[1-9][0-9]{0,18})%", re.ASCII)
_FLOAT: Final = re.compile(
    r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?", re.ASCII | re.IGNORECASE
)
_ADDRESS: Final = re.compile(r"[\w.:*%-]+", re.ASCII)
_UNITS: Final = {
    "": 1, "b": 1, "k": 1000, "kb": 1 << 10, "m": 1000**2, "mb": 1 << 20, "g": 1000**3, "gb": 1 << 30,
}  # fmt: skip


def to_text(raw: bytes) -> str:
    """Return bytes as text without losing any: what is not UTF-8 becomes lone surrogates."""
    return raw.decode("utf-8", "surrogateescape")


def to_bytes(text: str) -> bytes:
    """Return the bytes that `to_text` made the text of."""
    return text.encode("utf-8", "surrogateescape")


def quoted(text: str) -> str:
    """Return a word as a configuration file shows it."""
    return quote(to_bytes(text)).decode("ascii")


class Kind(Generic[T]):
    """What a value may be.

    Class Attributes:
        arguments: how many words it has in a file, at least and at most (None: any number).
        ends_at_nul: whether Redis reads the value of CONFIG SET as a C string: what follows a NUL does not count.
        lines_stand_alone: whether `lines` that say what is the default may be left out one by one.

    LLM Context:
        - `parse` and `text` are each other's inverse on valid values.
        - Values are immutable, so that settings can be kept and put back.
    """

    arguments: ClassVar[tuple[int, int | None]] = (1, 1)
    ends_at_nul: ClassVar[bool] = True
    lines_stand_alone: ClassVar[bool] = False

    def parse(self, words: Sequence[str]) -> T:
        """Return the value that these words mean; ValueError carries Redis's reason."""
        raise NotImplementedError

    def text(self, value: T) -> str:
        """Return the value as CONFIG GET answers it."""
        return str(value)

    def lines(self, value: T) -> list[str]:
        """Return what follows the name in a file, line by line."""
        return [self.text(value)]

    def split(self, text: str) -> list[str]:
        """Return the words of a value that CONFIG SET gives as one text: one space between two."""
        if self.ends_at_nul:
            text = text.partition("\0")[0]
        if self.arguments == (1, 1):
            return [text]
        return text.split(" ") if text else []

    def merge(self, old: T, new: T, *, again: bool) -> T:
        """Return what holds after `new`: `again` says that the same source gave `old`."""
        del old, again
        return new


class Bool(Kind[bool]):
    """`yes` or `no`."""

    def parse(self, words: Sequence[str]) -> bool:
        """Read a word."""
        value = {"yes": True, "no": False}.get(words[0].lower())
        if value is None:
            raise ValueError("argument must be 'yes' or 'no'")
        return value

    def text(self, value: bool) -> str:
        """Answer a word."""
        return "yes" if value else "no"


class Integer(Kind[int]):
    """A decimal number in a range; what lies outside `clamp` is moved to its border silently."""

    ends_at_nul = False

    def __init__(self, least: int, most: int, *, clamp: tuple[int, int] | None = None) -> None:
        self.least, self.most, self.clamp = least, most, clamp

    def parse(self, words: Sequence[str]) -> int:
        """Read a number as strictly as Redis: no sign of plus, no zeros in front, no spaces."""
        if not _INTEGER.fullmatch(words[0]) or not -LONG_MAX - 1 <= (value := int(words[0])) <= LONG_MAX:
            raise ValueError("argument couldn't be parsed into an integer")
        return self.within(value)

    def within(self, value: int) -> int:
        """Return the value, clamped; ValueError when it is out of range."""
        if not self.least <= value <= self.most:
            raise ValueError(
                f"argument must be between {self.text(self.least)} and {self.text(self.most)} inclusive"
            )
        return min(max(value, self.clamp[0]), self.clamp[1]) if self.clamp else value


class Octal(Integer):
    """A number in base eight: permissions."""

    def parse(self, words: Sequence[str]) -> int:
        """Read a number."""
        found = _OCTAL.fullmatch(words[0])
        if (
            found is None
            or abs(value := int(found[1] or "0", 8) if found[1] not in {"+", "-"} else 0) > LONG_MAX
        ):
            raise ValueError("argument couldn't be parsed as an octal number")
        return self.within(value)

    def text(self, value: int) -> str:
        """Answer a number."""
        return f"{value:o}"


def parse_memory(word: str) -> int | None:
    """Return a number of bytes with its unit, `1kb` being 1024 and `1k` 1000, or None if it is none."""
    found = _MEMORY.fullmatch(word)
    if found is None:
        return None
    return min(min(int(found[1] or "0"), ULONG_MAX) * _UNITS[found[2].lower()], ULONG_MAX)


def memory_text(value: int) -> str:
    """Return a number of bytes with the largest unit that divides it."""
    for unit in ("gb", "mb", "kb"):
        if value and value % _UNITS[unit] == 0:
            return f"{value // _UNITS[unit]}{unit}"
    return str(value)


class Memory(Integer):
    """A number of bytes, with or without a unit."""

    ends_at_nul = True

    def parse(self, words: Sequence[str]) -> int:
        """Read a number and its unit."""
        value = parse_memory(words[0])
        if value is None:
            raise ValueError("argument must be a memory value")
        return self.within(value)

    def lines(self, value: int) -> list[str]:
        """Write the largest unit."""
        return [memory_text(value)]


class MemoryOrPercent(Memory):
    """A number of bytes, or a percentage, which is kept as a negative number."""

    def parse(self, words: Sequence[str]) -> int:
        """Read either."""
        if words[0].endswith("%"):
            found = _PERCENT.fullmatch(words[0])
            if found is None:
                raise ValueError("argument must be a memory or percent value")
            if int(found[1]) > 100:
                raise ValueError("percentage argument must be less or equal to 100")
            return -int(found[1])
        value = parse_memory(words[0])
        if value is None:
            raise ValueError("argument must be a memory or percent value")
        return self.within(value)

    def text(self, value: int) -> str:
        """Answer either."""
        return f"{-value}%" if value < 0 else str(value)

    def lines(self, value: int) -> list[str]:
        """Write either."""
        return [self.text(value)] if value < 0 else super().lines(value)


class Choice(Kind[str]):
    """One of a list of words; `synonyms` are accepted and answered as another."""

    def __init__(self, *words: str, synonyms: Mapping[str, str] | None = None) -> None:
        self.words = {word: word for word in words} | dict(synonyms or {})

    def parse(self, words: Sequence[str]) -> str:
        """Read a word in any case."""
        value = self.words.get(words[0].lower())
        if value is None:
            raise ValueError(f"argument(s) must be one of the following: {', '.join(self.words)}")
        return value


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


class Text(Kind[str]):
    """Any text."""

    def parse(self, words: Sequence[str]) -> str:
        """Take the word."""
        return self.checked(words[0])

    def checked(self, value: str) -> str:
        """Return the value if it may be one; ValueError says why not."""
        return value

    def lines(self, value: str) -> list[str]:
        """Write it in quotes."""
        return [quoted(value)]


class Secret(Kind[bytes]):
    """A password: bytes, as clients send them."""

    ends_at_nul = False

    def parse(self, words: Sequence[str]) -> bytes:
        """Take the word."""
        return to_bytes(words[0])

    def text(self, value: bytes) -> str:
        """Answer it in clear, as Redis does."""
        return to_text(value)

    def lines(self, value: bytes) -> list[str]:
        """Write it in quotes."""
        return [quoted(to_text(value))]


class SecretUrl(Secret):
    """A URL that may hold a password, which only the configuration file shows."""

    def text(self, value: bytes) -> str:
        """Answer it without what stands in front of the host, and without options."""
        scheme, _, rest = to_text(value).partition("://")
        place = rest.partition("?")[0].rpartition("@")[2]
        return f"{scheme}://{place}" if rest else ""


class UserName(Secret):
    """A user's name, which ends at a NUL as a password does not."""

    ends_at_nul = True


class FileName(Text):
    """The name of a file inside `dir`, never a path."""

    def __init__(self, name: str, noun: str, *, required: bool) -> None:
        self.name, self.noun, self.required = name, noun, required

    def checked(self, value: str) -> str:
        """Refuse a path, and nothing where there must be something."""
        if self.required and not value:
            raise ValueError(f"{self.name} can't be empty")
        if "/" in value:
            raise ValueError(f"{self.name} can't be a path, just a {self.noun}")
        return value


class HostName(Text):
    """A host's name, or nothing."""

    def checked(self, value: str) -> str:
        """Refuse what no host is called."""
        if len(value) > 255:
            raise ValueError("Hostnames must be less than 256 characters")
        if not set(value) <= {*string.ascii_letters, *string.digits, "-", "."}:
            raise ValueError("Hostnames may only contain alphanumeric characters, hyphens or dots")
        return value


class NodeName(Text):
    """A cluster node's name for people."""

    ends_at_nul = False

    _refused = frozenset("!#$%&()*+:;<>?@[]^{|}~")

    def checked(self, value: str) -> str:
        """Refuse what would break CLUSTER NODES."""
        if not self._refused.isdisjoint(value) or not value.isprintable() or not value.isascii():
            raise ValueError("Announced human node name contained invalid character")
        return value


class Title(Text):
    """A template for the process title."""

    _variables = frozenset(
        ("title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file")
    )

    def checked(self, value: str) -> str:
        """Refuse unknown variables and what they leave open."""
        opened = value.split("{")[1:]
        if not value or any(
            part.partition("}")[::2][0] not in self._variables or "}" not in part for part in opened
        ):
            raise ValueError("template format is invalid or contains unknown variables")
        return value


class Locale(Text):
    """A collation locale of this machine, or nothing for the environment's."""

    def checked(self, value: str) -> str:
        """Refuse a locale that the machine does not have."""
        if value:
            import locale  # noqa: PLC0415  # few need it, and everyone would wait for it

            before = locale.setlocale(locale.LC_COLLATE)
            try:
                locale.setlocale(locale.LC_COLLATE, value)
            except locale.Error:
                raise ValueError("Invalid locale name") from None
            finally:
                locale.setlocale(locale.LC_COLLATE, before)
        return value


class Directory(Text):
    """A directory that exists, kept as an absolute path."""

    def checked(self, value: str) -> str:
        """Refuse what cannot be entered."""
        try:
            os.scandir(value).close()
        except OSError as error:
            raise ValueError(error.strerror) from None
        return str(Path(value).absolute())


class LogFile(Text):
    """A file that can be appended to, or nothing for the standard output."""

    def checked(self, value: str) -> str:
        """Refuse what cannot be opened, before the server starts."""
        if value:
            try:
                Path(value).open("ab").close()
            except OSError as error:
                raise ValueError(f"Can't open the log file: {error.strerror}") from None
        return value


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


class KeyspaceEvents(Kind[str]):
    """The classes of events to publish, kept in Redis's order: `A` stands for all but `m` and `n`.

    As in Redis, CONFIG GET does not show an `n` beside an `A`; files do.
    """

    _all = "g$lshzxetd"

    def parse(self, words: Sequence[str]) -> str:
        """Read letters in any order."""
        given = set(words[0])
        if not given <= {*self._all, *"AKEmn"}:
            raise ValueError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
        everything = "A" in given or given >= set(self._all)
        kept = "A" if everything else "".join(letter for letter in self._all if letter in given)
        return kept + "".join(letter for letter in "nKEm" if letter in given)

    def text(self, value: str) -> str:
        """Leave out what Redis does."""
        return value.replace("n", "") if "A" in value else value

    def lines(self, value: str) -> list[str]:
        """Write it in quotes."""
        return [quoted(value)]


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
