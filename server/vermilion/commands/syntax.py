"""The words a command's signature is written in: argument kinds, option tokens, key roles.

A command's parameters are `Annotated` with these; `compiler.py` reads them once, at import, and makes of them
the parser, the arity, the key positions and the documentation that COMMAND INFO and COMMAND DOCS give.

    def copy(db: Database, source: ReadKey, destination: OverwriteKey, *,
             destination_db: Annotated[int | None, Token("DB", INTEGER)] = None,
             replace: Annotated[bool, Token("REPLACE")] = False) -> int: ...

- positional parameters are fixed arguments, `*rest` is one or more of its kind;
- keyword-only parameters are options: a `Token` without operand is a flag (True when given), one with an
  operand passes the converted operand, one with several passes a tuple; `OneOf` passes the name of the token
  that was given, or `(name, operand)` where any of its tokens has an operand; `AnyOf` passes the set of those
  that were given;
- a parameter's name is the argument's name in the documentation, `_` written as `-`.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, Literal, TypeAlias

from vermilion import errors
from vermilion.errors import RespError
from vermilion.protocol.numbers import parse_int64

# Command flags, in the order in which COMMAND INFO prints them -------------------------------------------

WRITE: Final = 1 << 0
READONLY: Final = 1 << 1
DENYOOM: Final = 1 << 2
MODULE: Final = 1 << 3
ADMIN: Final = 1 << 4
PUBSUB: Final = 1 << 5
NOSCRIPT: Final = 1 << 6
BLOCKING: Final = 1 << 7
LOADING: Final = 1 << 8
STALE: Final = 1 << 9
SKIP_MONITOR: Final = 1 << 10
SKIP_SLOWLOG: Final = 1 << 11
ASKING: Final = 1 << 12
FAST: Final = 1 << 13
NO_AUTH: Final = 1 << 14
NO_ASYNC_LOADING: Final = 1 << 15
NO_MULTI: Final = 1 << 16
ALLOW_BUSY: Final = 1 << 17
NO_MANDATORY_KEYS: Final = 1 << 18
MOVABLEKEYS: Final = 1 << 19

FLAG_NAMES: Final = (
    "write", "readonly", "denyoom", "module", "admin", "pubsub", "noscript", "blocking", "loading",
    "stale", "skip_monitor", "skip_slowlog", "asking", "fast", "no_auth", "no_async_loading", "no_multi",
    "allow_busy", "no_mandatory_keys", "movablekeys",
)  # fmt: skip

KeyFlag: TypeAlias = Literal[
    "RW", "RO", "OW", "RM", "access", "update", "insert", "delete", "not_key", "incomplete", "variable_flags"
]


class Kind:
    """A kind of argument.

    Args:
        name: the type that COMMAND DOCS shows.
        parse: bytes to value, None when they do not spell one; None for arguments that stay bytes. It may raise
            RespError itself, where there is more than one way to be wrong.
        error: the text for bytes for which `parse` returns None.
        since: the Redis version that brought the argument, where it is younger than the command.
    """

    __slots__ = ("error", "name", "parse", "since")

    def __init__(
        self,
        name: str,
        parse: Callable[[bytes], object] | None = None,
        error: str = errors.NOT_AN_INTEGER,
        since: str = "",
    ) -> None:
        self.since = since
        self.name = name
        self.parse = parse
        self.error = error


class KeyRole(Kind):
    """A key, and what the command does to it.

    Args:
        flags: as COMMAND INFO's key specifications have them: the access (RO, RW, OW, RM), then what it is for.
    """

    __slots__ = ("flags",)

    def __init__(self, *flags: KeyFlag) -> None:
        super().__init__("key")
        self.flags = flags


class OneWord(Kind):
    """A fixed argument that is one of several words, in any case; the command receives it in upper case.

    Args:
        words: upper case.
        error: the text for any other word.
    """

    __slots__ = ("words",)

    def __init__(self, *words: str, error: str = errors.SYNTAX) -> None:
        known = {word.encode(): word for word in words}
        super().__init__("oneof", lambda text: known.get(text.upper()), error)
        self.words = words


def unsigned(text: bytes) -> int | None:
    """Return the integer of 0 or more that text spells, or None."""
    number = parse_int64(text)
    return None if number is None or number < 0 else number


def bounded(low: int, high: int) -> Callable[[bytes], int | None]:
    """Return a parser of the integers from low to high: None for what is no integer, an error for one outside."""

    def parse(text: bytes) -> int | None:
        number = parse_int64(text)
        if number is None or low <= number <= high:
            return number
        raise RespError(errors.not_between(low, high))

    return parse


STRING: Final = Kind("string")
PATTERN: Final = Kind("pattern")
INTEGER: Final = Kind("integer", parse_int64)
POSITIVE: Final = Kind("integer", unsigned, errors.OUT_OF_RANGE_POSITIVE)
UNIX_TIME: Final = Kind("unix-time", parse_int64)

Value: TypeAlias = Annotated[bytes, STRING]
Pattern: TypeAlias = Annotated[bytes, PATTERN]
Integer: TypeAlias = Annotated[int, INTEGER]
Positive: TypeAlias = Annotated[int, POSITIVE]
UnixTime: TypeAlias = Annotated[int, UNIX_TIME]

ReadKey: TypeAlias = Annotated[bytes, KeyRole("RO", "access")]
PeekKey: TypeAlias = Annotated[bytes, KeyRole("RO")]
UpdateKey: TypeAlias = Annotated[bytes, KeyRole("RW", "update")]
AccessUpdateKey: TypeAlias = Annotated[bytes, KeyRole("RW", "access", "update")]
AccessDeleteKey: TypeAlias = Annotated[bytes, KeyRole("RW", "access", "delete")]
InsertKey: TypeAlias = Annotated[bytes, KeyRole("RW", "insert")]
OverwriteKey: TypeAlias = Annotated[bytes, KeyRole("OW", "update")]
CreateKey: TypeAlias = Annotated[bytes, KeyRole("OW", "insert")]
ShrinkKey: TypeAlias = Annotated[bytes, KeyRole("RW", "delete")]
DeleteKey: TypeAlias = Annotated[bytes, KeyRole("RM", "delete")]


class Operand:
    """A value behind a token.

    Args:
        kind: what it is.
        name: its name in the documentation; the parameter's own name when empty.
    """

    __slots__ = ("kind", "name")

    def __init__(self, kind: Kind, name: str = "") -> None:
        self.kind = kind
        self.name = name


class Token:
    """An option's word, and the values that follow it.

    Args:
        word: upper case; clients may write it in any case.
        operands: a `Kind`, or an `Operand` where the documentation names it otherwise than the parameter.
        since: the Redis version that brought the option, where it is younger than the command.
    """

    __slots__ = ("operands", "since", "word")

    def __init__(self, word: str, *operands: Kind | Operand, since: str = "") -> None:
        self.word = word
        self.operands = tuple(item if isinstance(item, Operand) else Operand(item) for item in operands)
        self.since = since


class OneOf:
    """Tokens that exclude each other; the same one twice is legal, and the last value wins, as in Redis.

    Args:
        tokens: each with one operand or none.
        conflict: the error text for two different ones.
        since: the Redis version that brought the group.
    """

    __slots__ = ("conflict", "since", "tokens")

    def __init__(self, *tokens: Token, conflict: str = errors.SYNTAX, since: str = "") -> None:
        self.tokens = tokens
        self.conflict = conflict
        self.since = since

    @property
    def valued(self) -> bool:
        """True when any of the tokens has an operand."""
        return any(token.operands for token in self.tokens)


class AnyOf:
    """Tokens without operands that may stand together, though the documentation shows them as alternatives.

    The command receives the set of the words that were given.

    Args:
        tokens: the words.
        conflict: the error text for a set that contradicts itself, None for one that does not. It is asked before
            any argument is converted.
        since: the Redis version that brought the group.
    """

    __slots__ = ("conflict", "since", "tokens")

    def __init__(
        self, *tokens: Token, conflict: Callable[[frozenset[str]], str | None], since: str = ""
    ) -> None:
        self.tokens = tokens
        self.conflict = conflict
        self.since = since


Choice: TypeAlias = tuple[str, int]
"""What a `OneOf` with operands passes: the token's word, and its operand (0 where it has none)."""


class Argument:
    """One argument as COMMAND DOCS describes it.

    Args:
        name: as documented.
        kind: its type: `key`, `string`, `integer`, … or `oneof`, `block`, `pure-token`.
        token: the word in front of it.
        key_spec: for keys, which of the command's key specifications finds it.
        optional, multiple, multiple_token: its flags.
        arguments: the members of a `oneof` or a `block`.
        since: the Redis version that brought it.
        display: what a usage line shows, when it is not the name.
        deprecated_since: the Redis version that deprecated it.
    """

    __slots__ = (
        "arguments", "deprecated_since", "display", "key_spec", "kind", "multiple", "multiple_token", "name",
        "optional", "since", "token",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        kind: str,
        *,
        token: str | None = None,
        key_spec: int | None = None,
        optional: bool = False,
        multiple: bool = False,
        multiple_token: bool = False,
        arguments: Sequence["Argument"] = (),
        since: str = "",
        display: str = "",
        deprecated_since: str = "",
    ) -> None:
        self.name = name
        self.kind = kind
        self.display = display or name
        self.deprecated_since = deprecated_since
        self.token = token
        self.key_spec = key_spec
        self.optional = optional
        self.multiple = multiple
        self.multiple_token = multiple_token
        self.arguments = tuple(arguments)
        self.since = since


class KeySpec:
    """Where a command's keys stand: one of the key specifications of COMMAND INFO.

    Args:
        flags: what is done to these keys.
        begin: the index of the first one, or the word in front of it and the index to start searching from, or a
            function that finds them in a call, where the documentation knows no way (`unknown`).
        last: the last one, relative to the first; negative counts from the end of the call.
        step: the distance from one to the next.
        limit: for last == -1: 0 or 1 take all, 2 takes the first half, and so on.
        numkeys: for a counted list, the index of the count relative to `begin` and of its first key; then
            `last` and `limit` mean nothing.
        notes: what the documentation adds.
    """

    __slots__ = ("begin", "flags", "last", "limit", "notes", "numkeys", "step")

    def __init__(
        self,
        flags: Sequence[KeyFlag],
        begin: int | tuple[str, int] | Callable[[Sequence[bytes]], range],
        *,
        last: int = 0,
        step: int = 1,
        limit: int = 0,
        numkeys: tuple[int, int] | None = None,
        notes: str = "",
    ) -> None:
        self.flags = tuple(flags)
        self.begin = begin
        self.last = last
        self.step = step
        self.limit = limit
        self.numkeys = numkeys
        self.notes = notes

    @property
    def plain(self) -> bool:
        """True when the keys stand at fixed places, and at no others than these."""
        return isinstance(self.begin, int) and self.numkeys is None and "incomplete" not in self.flags

    def positions(self, argv: Sequence[bytes]) -> range:
        """Return the indexes of the keys of one call; empty when the call is too short for them."""
        if callable(self.begin):
            return self.begin(argv)
        if isinstance(self.begin, int):
            first = self.begin
        else:
            word, start = self.begin
            upper = [arg.upper() for arg in argv]
            if start >= 0:
                found = next((i for i in range(start, len(argv)) if upper[i] == word.encode()), -1)
            else:
                found = next((i for i in range(len(argv) + start, 0, -1) if upper[i] == word.encode()), -1)
            if found < 0:
                return range(0)
            first = found + 1
        if self.numkeys is not None:
            at, first_key = self.numkeys
            count = unsigned(argv[first + at]) if first + at < len(argv) else None
            start = first + first_key
            if count is None or start + count * self.step > len(argv) + self.step - 1:
                return range(0)
            return range(start, start + count * self.step, self.step)
        if self.last >= 0:
            last = first + self.last
        elif self.limit > 1:
            last = first + (len(argv) - first) // self.limit + self.last
        else:
            last = len(argv) + self.last
        return range(first, last + 1, self.step) if last < len(argv) else range(0)
