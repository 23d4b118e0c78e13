"""What a caller passes to redis-py as the arguments of a call, as bytes."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from redis._parsers import Encoder


class Calls(list[list[bytes]]):
    """Calls on their way from `pack_commands` to `send_packed_command`, where redis-py has bytes."""

    __slots__ = ()


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
