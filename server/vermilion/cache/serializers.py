"""Values to bytes and back, exactly: JSON by default; MessagePack, raw bytes and pickle by choice.

A cache that answers `[1, 2]` where `(1, 2)` was stored breaks its user on a hit and not on a miss, which no
test of his finds. So JSON and MessagePack look at every value before they write it, by exact type: what would
come back as something else (a tuple, a set, an IntEnum, a subclass of dict, a NaN in JSON) is refused.
"""

import pickle
import warnings
from typing import Any, Final, Protocol

import msgspec

MAX_DEPTH: Final = 128
"""How deep containers may nest: far from where any decoder, on any stack, gives up."""

_JSON_ATOMS: Final[frozenset[type]] = frozenset({str, int, bool, type(None)})
_MSGPACK_ATOMS: Final[frozenset[type]] = frozenset({str, bool, bytes, int, type(None)})
_MSGPACK_KEYS: Final[frozenset[type]] = frozenset({str, int, bytes})


class Serializer(Protocol):
    """What turns values into the bytes that a backend stores, and back.

    Example:
        A serializer for text:

        >>> class Text:
        ...     def dumps(self, value):
        ...         return value.encode()
        ...     def loads(self, data):
        ...         return data.decode()

        It is passed as `CacheService(config, serializer=Text())`.

    See Also:
        `JsonSerializer`, `MsgpackSerializer`, `BytesSerializer`, `PickleSerializer`.

    LLM Context:
        - `loads(dumps(value))` must equal value, types included; dumps refuses what it cannot give back.
        - Whatever dumps raises becomes CacheOperationError NOT_SERIALIZABLE, and what loads raises
          NOT_DESERIALIZABLE, the exception chained.
        - Everyone who shares keys must use the same serializer: the bytes do not say which it was.
    """

    def dumps(self, value: Any, /) -> bytes:
        """Turn a value into bytes.

        Args:
            value: any value.

        Returns:
            The bytes to store.

        Raises:
            Exception: for a value that `loads` could not give back exactly.

        Example:
            `JsonSerializer().dumps({"a": 1})` answers `b'{"a":1}'`.

        See Also:
            `loads`.
        """

    def loads(self, data: bytes, /) -> Any:
        """Turn bytes back into the value.

        Args:
            data: what `dumps` returned, or what someone else stored.

        Returns:
            The value.

        Raises:
            Exception: for bytes that `dumps` does not write.

        Example:
            `JsonSerializer().loads(b'{"a":1}')` answers `{"a": 1}`.

        See Also:
            `dumps`.
        """


class JsonSerializer:
    """JSON: the default, readable by every language and by `redis-cli GET`.

    Takes None, bool, int, finite float, str, list, and dict with str keys: these types themselves, not
    subclasses, nested at most 128 deep.

    Example:
        >>> JsonSerializer().dumps({"name": "Ada", "langs": ["en", "fr"]})
        b'{"name":"Ada","langs":["en","fr"]}'
        >>> JsonSerializer().dumps({"at": (1, 2)})
        Traceback (most recent call last):
        ...
        TypeError: JSON cannot give a tuple back (at $['at'])

    See Also:
        `MsgpackSerializer`, for bytes and more compact entries.

    LLM Context:
        - UTF-8, no white space, keys in the order of the dict.
        - Integers of any size up to the interpreter's limit of digits (4300 by default).
        - Turn a tuple or a set into a list, a datetime into `.isoformat()`, before you store it.
    """

    __slots__ = ("_decode", "_encode")

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder().decode

    def dumps(self, value: Any, /) -> bytes:
        r"""Turn a value into JSON.

        Args:
            value: made of what JSON has.

        Returns:
            The JSON, in UTF-8.

        Raises:
            TypeError: for a type that JSON does not have.
            ValueError: for NaN, an infinity, invalid Unicode, or too deep a nesting.

        Example:
            >>> JsonSerializer().dumps([1, None, "é"])
            b'[1,null,"\xc3\xa9"]'

        See Also:
            `loads`.
        """
        if not _is_json(value, MAX_DEPTH):
            raise _refusal("JSON", value, _JSON_ATOMS, frozenset({str}), finite=True)
        return self._encode(value)

    def loads(self, data: bytes, /) -> Any:
        """Turn JSON into a value.

        Args:
            data: the JSON.

        Returns:
            The value.

        Raises:
            ValueError: for anything else than one JSON document in UTF-8.

        Example:
            >>> JsonSerializer().loads(b'[1, null]')
            [1, None]

        See Also:
            `dumps`.
        """
        return self._decode(data)


class MsgpackSerializer:
    r"""MessagePack: like JSON with bytes, NaN and integer keys, and shorter; not readable by eye.

    Takes None, bool, int of 64 bits, float, str, bytes, list, and dict with str, int or bytes keys: these
    types themselves, not subclasses, nested at most 128 deep.

    Example:
        >>> packer = MsgpackSerializer()
        >>> packer.loads(packer.dumps({"id": 7, "raw": b"\x00"}))
        {'id': 7, 'raw': b'\x00'}

    See Also:
        `JsonSerializer`.

    LLM Context:
        - Integers from -2**63 to 2**64 - 1, the format's own limits.
        - A counter made by `incr` is text, not MessagePack: read it with `incr(key, 0)`.
    """

    __slots__ = ("_decode", "_encode")

    def __init__(self) -> None:
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder().decode

    def dumps(self, value: Any, /) -> bytes:
        r"""Turn a value into MessagePack.

        Args:
            value: made of what the format has.

        Returns:
            The packed bytes.

        Raises:
            TypeError: for a type that the format does not have.
            ValueError: for invalid Unicode, or too deep a nesting.
            OverflowError: for an integer beyond 64 bits.

        Example:
            >>> MsgpackSerializer().dumps([1, 2])
            b'\x92\x01\x02'

        See Also:
            `loads`.
        """
        if not _is_msgpack(value, MAX_DEPTH):
            raise _refusal("MessagePack", value, _MSGPACK_ATOMS, _MSGPACK_KEYS, finite=False)
        return self._encode(value)

    def loads(self, data: bytes, /) -> Any:
        r"""Turn MessagePack into a value.

        Args:
            data: the packed bytes.

        Returns:
            The value.

        Raises:
            ValueError: for anything else than one MessagePack document.

        Example:
            >>> MsgpackSerializer().loads(b'\x92\x01\x02')
            [1, 2]

        See Also:
            `dumps`.
        """
        return self._decode(data)


class BytesSerializer:
    """Raw bytes, as they are: for pages, images, and what is serialised already.

    Example:
        >>> BytesSerializer().dumps(b"<html>")
        b'<html>'

    See Also:
        `JsonSerializer`.

    LLM Context:
        - Takes bytes only: a str, a bytearray or a memoryview would come back as bytes, so it is refused.
    """

    __slots__ = ()

    def dumps(self, value: Any, /) -> bytes:
        """Return the bytes.

        Args:
            value: bytes.

        Returns:
            The same bytes.

        Raises:
            TypeError: for anything that is not bytes itself.

        Example:
            >>> BytesSerializer().dumps("text")
            Traceback (most recent call last):
            ...
            TypeError: raw bytes cannot give a str back

        See Also:
            `loads`.
        """
        if type(value) is not bytes:
            raise TypeError(f"raw bytes cannot give a {type(value).__name__} back")
        return value

    def loads(self, data: bytes, /) -> bytes:
        """Return the bytes.

        Args:
            data: what is stored.

        Returns:
            The same bytes.

        Example:
            >>> BytesSerializer().loads(b"<html>")
            b'<html>'

        See Also:
            `dumps`.
        """
        return data


class PickleSerializer:
    """Pickle: any Python object, at the price that who can write to the store can run code here.

    Args:
        trust_store: say True once you know who can write to the store; without it, a RuntimeWarning.

    Example:
        >>> pickler = PickleSerializer(trust_store=True)
        >>> pickler.loads(pickler.dumps({1, 2}))
        {1, 2}

    See Also:
        `MsgpackSerializer`, which runs nothing.

    LLM Context:
        - WARNING: unpickling runs whatever the bytes say. Never use it on a store that others reach.
        - Never the default, and never chosen by a config or an environment variable: only in code.
        - Equality after the round trip is up to the objects' own classes.
    """

    __slots__ = ()

    def __init__(self, *, trust_store: bool = False) -> None:
        if not trust_store:
            warnings.warn(
                "whoever can write to the store of a PickleSerializer can run code in this process; "
                "pass trust_store=True if that is nobody else",
                RuntimeWarning,
                stacklevel=2,
            )

    def dumps(self, value: Any, /) -> bytes:
        r"""Pickle a value.

        Args:
            value: any object that pickle takes.

        Returns:
            The pickle.

        Raises:
            Exception: whatever the object's own pickling raises.

        Example:
            >>> PickleSerializer(trust_store=True).dumps(None)[:2]
            b'\x80\x05'

        See Also:
            `loads`.
        """
        return pickle.dumps(value, protocol=5)

    def loads(self, data: bytes, /) -> Any:
        """Unpickle a value, running what the bytes say.

        Args:
            data: a pickle from a trusted store.

        Returns:
            The value.

        Raises:
            Exception: whatever unpickling raises.

        Example:
            >>> PickleSerializer(trust_store=True).loads(b'N.') is None
            True

        See Also:
            `dumps`.
        """
        return pickle.loads(data)  # noqa: S301 - the class exists for it, and warns


def _is_json(value: Any, room: int) -> bool:
    """Tell whether JSON gives a value back exactly.

    The two walkers are on the path of every `set`: plain loops, exact types first, no path kept. Where and
    why something is refused, `_refusal` finds out afterwards.
    """
    kind = type(value)
    if kind is dict:
        if not room:
            return False
        for key, item in value.items():
            if type(key) is not str:
                return False
            kind = type(item)
            if kind not in _JSON_ATOMS and not (
                item - item == 0.0 if kind is float else _is_json(item, room - 1)
            ):
                return False
        return True
    if kind is list:
        if not room:
            return False
        for item in value:
            kind = type(item)
            if kind not in _JSON_ATOMS and not (
                item - item == 0.0 if kind is float else _is_json(item, room - 1)
            ):
                return False
        return True
    # The difference of a finite number and itself is 0; of an infinity or a NaN it is a NaN.
    return kind in _JSON_ATOMS or (kind is float and value - value == 0.0)


def _is_msgpack(value: Any, room: int) -> bool:
    """Tell whether MessagePack gives a value back exactly."""
    kind = type(value)
    if kind is dict:
        return room > 0 and all(
            type(key) in _MSGPACK_KEYS and _is_msgpack(item, room - 1) for key, item in value.items()
        )
    if kind is list:
        return room > 0 and all(_is_msgpack(item, room - 1) for item in value)
    return kind in _MSGPACK_ATOMS or kind is float


def _refusal(
    name: str, value: Any, atoms: frozenset[type], keys: frozenset[type], *, finite: bool
) -> TypeError | ValueError:
    """Return the exception that says what in a refused value is the matter, and where."""
    pending: list[tuple[Any, str, int]] = [(value, "$", MAX_DEPTH)]
    while pending:
        item, path, room = pending.pop()
        kind = type(item)
        if kind in atoms:
            continue
        if kind is float:
            if finite and item - item != 0.0:
                return ValueError(f"{name} cannot give {item} back (at {path})")
        elif kind is not dict and kind is not list:
            return TypeError(f"{name} cannot give a {kind.__name__} back (at {path})")
        elif not room:
            return ValueError(f"{name} is nested more than {MAX_DEPTH} deep")
        elif kind is dict:
            for key in item:
                if type(key) not in keys:
                    return TypeError(
                        f"{name} cannot give a key of type {type(key).__name__} back (at {path})"
                    )
            pending.extend((child, f"{path}[{key!r}]", room - 1) for key, child in reversed(item.items()))
        else:
            pending.extend(
                (child, f"{path}[{index}]", room - 1) for index, child in reversed(list(enumerate(item)))
            )
    raise AssertionError("the value was refused, and has nothing to refuse")
