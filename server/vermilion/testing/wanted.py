"""The calls that a test expects: how they are described, and how what was called differs from them."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher, ndiff

from vermilion.engine.journal import RecordedCall
from vermilion.structures.glob import compile_glob
from vermilion.testing.call_text import call_text, word_text
from vermilion.words import split_words


class Wanted:
    """A description of calls.

    Args:
        command: globs for the first words; None for any call.
        arguments: what must stand behind them, all of it; empty for anything.
        key: a glob for one of the keys.
        client: a glob for the name or the address of the client, or its id.
        db: the database.

    Raises:
        ValueError: for a command whose quotes do not end, or that is empty.
    """

    def __init__(
        self,
        command: str | None,
        arguments: Sequence[object],
        *,
        key: str | bytes | None = None,
        client: str | int | None = None,
        db: int | None = None,
    ) -> None:
        words = [] if command is None else split_words(command.encode())
        if words is None or (command is not None and not words):
            raise ValueError(f"{command!r} is no command")
        self._words = words
        self._arguments = [_comparable(argument) for argument in arguments]
        self._key = key.encode() if isinstance(key, str) else key
        self._client = client
        self._db = db
        self._globs = [compile_glob(word, ignore_case=not number) for number, word in enumerate(words)]
        self._key_glob = None if self._key is None else compile_glob(self._key)
        self._client_glob = compile_glob(client.encode()) if isinstance(client, str) else None

    @classmethod
    def of(cls, command: "str | Sequence[object]") -> "Wanted":
        """Return what a step of an order describes: text, or a tuple of the name and all arguments."""
        if isinstance(command, str):
            return cls(command, ())
        name, *arguments = command
        if not isinstance(name, str):
            raise TypeError("a step is text, or a tuple that begins with the name of a command")
        return cls(name, arguments)

    def matches(self, call: RecordedCall) -> bool:
        """Return whether a call is one of those that are described."""
        argv = call.argv
        count = len(self._words)
        if len(argv) < count or (self._arguments and len(argv) != count + len(self._arguments)):
            return False
        if not all(glob(word) for glob, word in zip(self._globs, self._cased(call), strict=False)):
            return False
        if any(
            not _equal(wanted, given) for wanted, given in zip(self._arguments, argv[count:], strict=False)
        ):
            return False
        if self._key_glob is not None and not any(map(self._key_glob, call.keys)):
            return False
        if self._db is not None and call.db != self._db:
            return False
        return self._is_client(call)

    def _cased(self, call: RecordedCall) -> Iterator[bytes]:
        """Yield the words of a call that globs are for, those of its name as they are described."""
        depth = call.name.count("|") + 1
        for number, (word, wanted) in enumerate(zip(call.argv, self._words, strict=False)):
            if 0 < number < depth and word.lower() == wanted.lower():
                yield wanted
            else:
                yield word

    def _is_client(self, call: RecordedCall) -> bool:
        """Return whether the client of a call is the one that is described."""
        if self._client is None:
            return True
        if self._client_glob is None:
            return call.client_id == self._client
        return self._client_glob(call.client_name.encode()) or self._client_glob(call.address.encode())

    def __str__(self) -> str:
        words = [*map(word_text, self._words)]
        words += (
            word_text(argument) if isinstance(argument, bytes) else repr(argument)
            for argument in self._arguments
        )
        text = " ".join(words) or "A command"
        if self._key is not None:
            text += f" with key {word_text(self._key)}"
        if self._client is not None:
            text += f" by client {self._client}"
        return text if self._db is None else f"{text} in db {self._db}"


def _comparable(argument: object) -> object:
    """Return an argument as the wire has it; what is neither text, bytes nor a number compares itself."""
    if isinstance(argument, str):
        return argument.encode()
    if isinstance(argument, bool):
        raise TypeError("True and False are no arguments of a command")
    if isinstance(argument, int | float):
        return repr(argument).encode()
    return bytes(argument) if isinstance(argument, bytearray | memoryview) else argument


def _equal(wanted: object, given: bytes) -> bool:
    """Return whether an argument is the wanted one."""
    return wanted == given if isinstance(wanted, bytes) else bool(wanted == given.decode(errors="replace"))


def closest_to(wanted: Wanted, calls: Iterable[RecordedCall]) -> str | None:
    """Return the call that is most like what was expected, and of the same command; None when there is none."""
    text = str(wanted)
    best, found = 1.0, None
    for line in dict.fromkeys(map(call_text, calls)):
        likeness = SequenceMatcher(None, text, line).ratio()
        if line.partition(" ")[0] == text.partition(" ")[0].upper():
            likeness += 1
        if likeness > best:
            best, found = likeness, line
    return found


def compared(expected: Sequence[str], called: Sequence[str]) -> list[str]:
    """Return the lines of a difference."""
    return [f"    {line.rstrip()}" for line in ndiff(expected, called)]


def difference(steps: Sequence[Wanted], called: Sequence[RecordedCall]) -> str:
    """Return how what was called differs from what was expected."""
    expected: list[str] = []
    lines: list[str] = []
    rest = list(steps)
    called = of_interest(steps, called)
    for call in called:  # a call that is as expected is written in the same words on both sides
        at = next((number for number, step in enumerate(rest) if step.matches(call)), None)
        lines.append(call_text(call))
        if at is not None:
            expected += [str(step) for step in rest[:at]] + [lines[-1]]
            del rest[: at + 1]
    expected += [str(step) for step in rest]
    return (
        "\n".join(["(- expected, + called)", *compared(expected, lines)]) if called else "Nothing was called."
    )


def of_interest(steps: Sequence[Wanted], calls: Iterable[RecordedCall]) -> list[RecordedCall]:
    """Return calls without those that are about their connections and that nobody has asked for."""
    return [
        call for call in calls if not is_about_connection(call) or any(one.matches(call) for one in steps)
    ]


def is_about_connection(call: RecordedCall) -> bool:
    """Return whether a call is about its connection alone, as those are with which a client begins."""
    return call.declared is not None and call.declared.group == "connection"
