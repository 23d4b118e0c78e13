"""What a caller passes to redis-py as the arguments of calls, as bytes.

The calls of a pipeline are mostly alike, and Python encodes a column of all their first arguments many times faster
than it does so call by call. Where a pipeline is of one command, `packed` keeps it in columns.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from vermilion.commands.registry import RUN_LEAST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from redis._parsers import Encoder


class Calls(list[list[bytes]]):
    """Calls on their way from `pack_commands` to `send_packed_command`, where redis-py has bytes."""

    __slots__ = ()


class AlikeCalls:
    """Several calls of one command, with equally many arguments, on the same way.

    Args:
        name: the command's name.
        columns: all first arguments, all second ones, …; there is at least one column.
    """

    __slots__ = ("columns", "name")

    def __init__(self, name: bytes, columns: list[tuple[bytes, ...]]) -> None:
        self.name = name
        self.columns = columns

    def __len__(self) -> int:
        """Return how many calls they are."""
        return len(self.columns[0])

    def one_by_one(self) -> Calls:
        """Return each call by itself."""
        return Calls([[self.name, *row] for row in zip(*self.columns, strict=True)])


def packed(commands: "Iterable[Iterable[Any]]", encoder: "Encoder") -> Calls | AlikeCalls:
    """Return calls in the form in which they are made soonest.

    Args:
        commands: the name and the arguments of each.
        encoder: redis-py's own, which refuses what is neither text, bytes nor a number.

    Example:
        >>> from redis.connection import Encoder
        >>> alike = packed([("SET", f"key:{n}", n) for n in range(4)], Encoder("utf-8", "strict", False))
        >>> alike.name, alike.columns[1]
        (b'SET', (b'0', b'1', b'2', b'3'))
    """
    commands = list(commands)
    if len(commands) >= RUN_LEAST and commands[-1] and commands[0]:
        try:
            names, *columns = zip(*commands, strict=True)
        except ValueError:  # not all have equally many arguments
            columns = []
        if columns and type(names[0]) is str and names.count(names[0]) == len(names) and " " not in names[0]:
            return AlikeCalls(names[0].encode(), [_column(column, encoder) for column in columns])
    return Calls([argument_vector(command, encoder) for command in commands])


def _column(values: tuple[Any, ...], encoder: "Encoder") -> tuple[bytes, ...]:
    """Return arguments as bytes."""
    if encoder.encoding == "utf-8" and encoder.encoding_errors == "strict":
        try:
            return tuple(map(str.encode, values))
        except TypeError:  # not all are text
            pass
    encode: Callable[[Any], bytes] = encoder.encode
    return tuple([value if type(value) is bytes else bytes(encode(value)) for value in values])


def argument_vector(arguments: "Iterable[Any]", encoder: "Encoder") -> list[bytes]:
    """Return the name and the arguments of a call.

    Args:
        arguments: the name, of one word or of several (`CONFIG GET`), and the arguments.
        encoder: redis-py's own, which refuses what is neither text, bytes nor a number.

    Example:
        >>> from redis.connection import Encoder
        >>> argument_vector(["CONFIG GET", "port", 1], Encoder("utf-8", "strict", False))
        [b'CONFIG', b'GET', b'port', b'1']
    """
    rest = iter(arguments)
    name = next(rest)
    vector = list(_words(name)) if isinstance(name, str) else bytes(encoder.encode(name)).split()
    for argument in rest:
        kind = type(argument)
        if kind is bytes:
            vector.append(argument)
        elif kind is str:  # what the encoder does, without the way there
            vector.append(argument.encode(encoder.encoding, encoder.encoding_errors))
        else:
            vector.append(bytes(encoder.encode(argument)))
    return vector


@lru_cache(maxsize=1024)
def _words(name: str) -> tuple[bytes, ...]:
    """Return the words of a command's name; a program uses some dozens of them."""
    return tuple(name.encode().split())
