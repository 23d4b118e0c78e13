"""Reply values to bytes: one encoder per RESP version, appending to a batch that is joined and written once.

    value                          RESP2                         RESP3
    bytes, int, None               bulk, integer, null bulk      bulk, integer, null
    float                          bulk                          double
    bool                           integer 1 or 0                boolean
    list, tuple                    array                         array
    dict, Pairs                    flat array                    map
    set, OrderedSet                array                         set
    NULL_ARRAY                     null array                    null
    Verbatim, BigNumber, Push      bulk, bulk, array             verbatim, big number, push
    Status, RespError              simple string, error          simple string, error
    Broadcast                      as Push, encoded once
    Messages                       each of its values, one after the other
    Attributed                     its reply                     attributes, then its reply
    Encoded                        its bytes

Source: the RESP2 and RESP3 specifications of the Redis documentation.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Final, TypeAlias, cast

from vermilion.errors import RespError
from vermilion.protocol.numbers import format_double
from vermilion.protocol.reply import (
    Attributed,
    BigNumber,
    Broadcast,
    Encoded,
    Messages,
    NoReply,
    NullArray,
    OrderedSet,
    Pairs,
    Push,
    Reply,
    Status,
    Verbatim,
)

Append: TypeAlias = Callable[[bytes], None]
Encoder: TypeAlias = Callable[[Reply, Append], None]

CRLF: Final = b"\r\n"
# A table look-up costs half of formatting the head; replies are short most of the time.
BULK_HEADS: Final = tuple(b"$%d\r\n" % length for length in range(1024))
BULK_HEADS_SIZE: Final = len(BULK_HEADS)
INTEGERS: Final = tuple(b":%d\r\n" % number for number in range(1024))
INTEGERS_SIZE: Final = len(INTEGERS)
STRINGS_LEAST: Final = 8
"""From this many members on it pays to look whether all are short strings."""
_SETS: Final = frozenset({set, OrderedSet})
# Written out, `list | tuple | set` is made anew for every reply, which costs three times the question itself.
_ARRAYS: Final = (list, tuple, set)
_MAPS: Final = (dict, Pairs)


def error_line(error: RespError) -> bytes:
    """Return the error as a line; a line end inside the text would break the stream and becomes a space."""
    text = error.message.encode("utf-8", "surrogateescape").replace(b"\r", b" ").replace(b"\n", b" ")
    return b"-%b\r\n" % text


def encode_resp2(reply: Reply, append: Append) -> None:
    """Append the RESP2 bytes of a reply.

    Args:
        reply: what a command returned.
        append: takes each piece, in order.

    Raises:
        TypeError: for a value that no reply may hold.
    """
    # mypy and CPython prefer `type(x) is T` spelled out: the one narrows by it, the other specialises it.
    if type(reply) is bytes:
        size = len(reply)
        append(BULK_HEADS[size] if size < BULK_HEADS_SIZE else b"$%d\r\n" % size)
        append(reply)
        append(CRLF)
    elif type(reply) is int:
        append(INTEGERS[reply] if 0 <= reply < INTEGERS_SIZE else b":%d\r\n" % reply)
    elif type(reply) is Status:
        append(reply.wire)
    elif reply is None:
        append(b"$-1\r\n")
    elif type(reply) is Broadcast:
        if not reply.resp2:
            reply.resp2 = joined(list(reply), encode_resp2)
        append(reply.resp2)
    elif isinstance(reply, _ARRAYS):
        if type(reply) is not Messages:
            append(b"*%d\r\n" % len(reply))
        if len(reply) >= STRINGS_LEAST and (text := short_strings(reply)) is not None:
            append(text)
        else:
            for item in reply:
                encode_resp2(item, append)
    elif isinstance(reply, _MAPS):
        append(b"*%d\r\n" % (2 * len(reply)))
        for name, value in reply.items():
            encode_resp2(name, append)
            encode_resp2(value, append)
    elif isinstance(reply, RespError):
        append(error_line(reply))
    elif isinstance(reply, bool):
        append(b":1\r\n" if reply else b":0\r\n")
    elif isinstance(reply, float):
        encode_resp2(format_double(reply), append)
    elif isinstance(reply, NullArray):
        append(b"*-1\r\n")
    elif isinstance(reply, Verbatim):
        encode_resp2(reply.text, append)
    elif isinstance(reply, BigNumber):
        encode_resp2(b"%d" % reply.number, append)
    elif isinstance(reply, Attributed):
        encode_resp2(reply.reply, append)
    elif isinstance(reply, Encoded):
        append(reply.wire)
    elif not isinstance(reply, NoReply):
        raise TypeError(f"no RESP2 form for {type(reply).__name__}")


def encode_resp3(reply: Reply, append: Append) -> None:
    """Append the RESP3 bytes of a reply.

    Args:
        reply: what a command returned.
        append: takes each piece, in order.

    Raises:
        TypeError: for a value that no reply may hold.
    """
    if type(reply) is bytes:
        size = len(reply)
        append(BULK_HEADS[size] if size < BULK_HEADS_SIZE else b"$%d\r\n" % size)
        append(reply)
        append(CRLF)
    elif type(reply) is int:
        append(INTEGERS[reply] if 0 <= reply < INTEGERS_SIZE else b":%d\r\n" % reply)
    elif type(reply) is Status:
        append(reply.wire)
    elif reply is None or isinstance(reply, NullArray):
        append(b"_\r\n")
    elif type(reply) is Broadcast:
        if not reply.resp3:
            reply.resp3 = joined(Push(reply), encode_resp3)
        append(reply.resp3)
    elif isinstance(reply, _ARRAYS):
        kind = type(reply)
        head = b">%d\r\n" if kind is Push else b"~%d\r\n" if kind in _SETS else b"*%d\r\n"
        if kind is not Messages:
            append(head % len(reply))
        if len(reply) >= STRINGS_LEAST and (text := short_strings(reply)) is not None:
            append(text)
        else:
            for item in reply:
                encode_resp3(item, append)
    elif isinstance(reply, _MAPS):
        append(b"%%%d\r\n" % len(reply))
        for name, value in reply.items():
            encode_resp3(name, append)
            encode_resp3(value, append)
    elif isinstance(reply, RespError):
        append(error_line(reply))
    elif isinstance(reply, bool):
        append(b"#t\r\n" if reply else b"#f\r\n")
    elif isinstance(reply, float):
        append(b",%b\r\n" % format_double(reply))
    elif isinstance(reply, Verbatim):
        append(b"=%d\r\n%b:%b\r\n" % (len(reply.text) + 4, reply.kind, reply.text))
    elif isinstance(reply, BigNumber):
        append(b"(%d\r\n" % reply.number)
    elif isinstance(reply, Attributed):
        append(b"|%d\r\n" % len(reply.attributes))
        for name, value in reply.attributes.items():
            encode_resp3(name, append)
            encode_resp3(value, append)
        encode_resp3(reply.reply, append)
    elif isinstance(reply, Encoded):
        append(reply.wire)
    elif not isinstance(reply, NoReply):
        raise TypeError(f"no RESP3 form for {type(reply).__name__}")


def joined(reply: Reply, encode: Encoder) -> bytes:
    """Return the bytes of one reply or message in one piece."""
    pieces: list[bytes] = []
    encode(reply, pieces.append)
    return b"".join(pieces)


def short_strings(replies: Collection[Reply]) -> bytes | None:
    """Return the bytes of several replies that are all short bulk strings, None when they are not.

    Args:
        replies: one or more. Going over columns in C, it takes a fifth of the time of one by one.
    """
    strings = cast("Collection[bytes]", replies)
    try:
        sizes = set(map(len, strings))
        if max(sizes) >= BULK_HEADS_SIZE:
            return None
        if len(sizes) == 1:
            head = BULK_HEADS[sizes.pop()]
            return head + (CRLF + head).join(strings) + CRLF
        heads = BULK_HEADS
        return CRLF.join([heads[len(string)] + string for string in strings]) + CRLF
    except TypeError:  # numbers have no length, and what is no bytes cannot be joined
        return None


def encode_all(replies: Sequence[Reply], encode: Encoder, out: list[bytes]) -> None:
    """Append the bytes of several replies: at once where all are short bulk strings, or all integers."""
    kinds = set(map(type, replies))
    if kinds == {bytes}:
        text = short_strings(replies)
        if text is not None:
            out.append(text)
            return
    elif kinds == {type(None)}:
        encode(None, lambda null: out.append(null * len(replies)))
        return
    elif kinds == {int}:
        out.append(b":%d\r\n" * len(replies) % tuple(cast("Sequence[int]", replies)))
        return
    append = out.append
    for reply in replies:
        encode(reply, append)


ENCODERS: Final[dict[int, Encoder]] = {2: encode_resp2, 3: encode_resp3}
