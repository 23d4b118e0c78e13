"""The kinds of value that a directive of redis.conf may have: how each is read, answered and written.

A kind knows nothing of files or clients: words in, a value out, or ValueError with Redis's reason. Those that have one
word are here, those of several in `compound_kinds.py`.
"""

import os
import re
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final, Generic, TypeVar

from vermilion.words import quote

T = TypeVar("T")

INT_MAX: Final = 2**31 - 1
LONG_MAX: Final = 2**63 - 1
ULONG_MAX: Final = 2**64 - 1

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)
_OCTAL: Final = re.compile(r"\s*([+-]?[0-7]*)", re.ASCII)
_MEMORY: Final = re.compile(r"([0-9]*)(b|kb?|mb?|gb?|)", re.ASCII | re.IGNORECASE)
_PERCENT: Final = re.compile(r"(0|[1-9][0-9]{0,18})%", re.ASCII)
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
