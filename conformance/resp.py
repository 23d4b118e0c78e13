"""RESP2 and RESP3 as they stand on the wire: an incremental reader that loses no type, and its plain text.

The reader is independent of the server's own parser and of hiredis on purpose: it keeps apart what a client
library folds together (simple string and bulk, null bulk and null array, integer and boolean), because these
are the differences that the corpus is there to show.

One reply is a kind, which is its first byte on the wire, and either data or items:

    +OK  -ERR …  :1  ,1.5  (123…  #t  _     one line: data
    $5 =9 !21                               counted bytes: data
    *2 ~2 >2 %1                             aggregates: items; a map has its keys and values in turn
    $-1 *-1                                 RESP2's two nulls: neither data nor items
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = [
    "Reply",
    "ReplyReader",
    "ResponseError",
    "command_bytes",
    "escaped",
    "indented",
    "quoted",
    "render",
    "render_items",
]

LINE_KINDS: Final = frozenset("+-:,(#_")
BULK_KINDS: Final = frozenset("$=!")
AGGREGATE_KINDS: Final = frozenset("*~>%")

SHOWN_WHOLE: Final = 400
"""Longer data is shown as its length, its beginning and a digest, so that transcripts stay readable."""

ONE_LINE: Final = 96
"""Aggregates up to this width stand on one line."""

_ESCAPES: Final = {0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}


class ResponseError(ValueError):
    """The server sent something that is not RESP."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, byte-typed.

    Args:
        kind: the first byte of the reply on the wire: one of ``+-:,(#_$=!*~>%``.
        data: the content of a line or of counted bytes; None for aggregates and nulls.
        items: the items of an aggregate; None for everything else and for RESP2's null array.

    Example:
        >>> Reply("$", b"a") == Reply("+", b"a")
        False
    """

    kind: str
    data: bytes | None = None
    items: "tuple[Reply, ...] | None" = None

    @property
    def is_error(self) -> bool:
        """Whether this is a simple or a bulk error."""
        return self.kind in {"-", "!"}

    def text(self) -> str:
        """Return the data as text, for what is known to be text: error words, field names, numbers."""
        return (self.data or b"").decode("latin-1")


class ReplyReader:
    r"""Bytes in, whole replies out; holds what is incomplete.

    Raises:
        ResponseError: `get` met bytes that no RESP reply begins with.

    Example:
        >>> reader = ReplyReader()
        >>> reader.feed(b"*1\r\n$1\r\n")
        >>> reader.get() is None
        True
        >>> reader.feed(b"a\r\n")
        >>> reader.get()
        Reply(kind='*', data=None, items=(Reply(kind='$', data=b'a', items=None),))

    See Also:
        render: the text of a reply.

    LLM Context:
        - An incomplete reply is parsed anew with the next feed: replies here are small, and this keeps the
          reader free of state.
        - Pushes are replies like others: whoever asks decides what they are.
    """

    def __init__(self) -> None:
        self._buffer = b""

    @property
    def pending(self) -> bytes:
        """What was fed and not yet returned."""
        return self._buffer

    def feed(self, data: bytes) -> None:
        """Add bytes as they came from the server."""
        self._buffer += data

    def get(self) -> Reply | None:
        """Return the next whole reply, or None if there is none yet."""
        try:
            reply, end = _parse(self._buffer, 0)
        except _IncompleteError:
            return None
        self._buffer = self._buffer[end:]
        return reply


class _IncompleteError(Exception):
    """More bytes are needed."""


def _parse(buffer: bytes, start: int) -> tuple[Reply, int]:
    line_end = buffer.find(b"\r\n", start)
    if line_end < 0:
        raise _IncompleteError
    kind, line, body = chr(buffer[start]), buffer[start + 1 : line_end], line_end + 2
    if kind in LINE_KINDS:
        return Reply(kind, line), body
    if kind not in BULK_KINDS and kind not in AGGREGATE_KINDS:
        raise ResponseError(f"no reply begins with {quoted(buffer[start : start + 20])}")
    try:
        count = int(line)
    except ValueError:
        raise ResponseError(f"bad length in {quoted(buffer[start : start + 20])}") from None
    if count == -1 and kind in {"$", "*"}:
        return Reply(kind), body
    if count < 0:
        raise ResponseError(f"bad length in {quoted(buffer[start : start + 20])}")
    if kind in BULK_KINDS:
        end = body + count
        if len(buffer) < end + 2:
            raise _IncompleteError
        if buffer[end : end + 2] != b"\r\n":
            raise ResponseError(f"no line end after {count} counted bytes")
        return Reply(kind, buffer[body:end]), end + 2
    items = []
    for _ in range(count * 2 if kind == "%" else count):
        if body >= len(buffer):
            raise _IncompleteError
        item, body = _parse(buffer, body)
        items.append(item)
    return Reply(kind, None, tuple(items)), body


def command_bytes(arguments: Sequence[bytes]) -> bytes:
    r"""Return a command as clients send it: an array of bulks.

    Example:
        >>> command_bytes([b"GET", b"k"])
        b'*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'
    """
    head = b"*%d\r\n" % len(arguments)
    return head + b"".join(b"$%d\r\n%b\r\n" % (len(argument), argument) for argument in arguments)


def escaped(data: bytes) -> str:
    r"""Return bytes as printable ASCII on one line; equal texts mean equal bytes.

    Example:
        >>> print(escaped(b"a\\\r\n\x00"))
        a\\\r\n\x00
    """
    return "".join(
        _ESCAPES.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}") for byte in data
    )


def quoted(data: bytes) -> str:
    r"""Return bytes between double quotes on one line; long ones as beginning, length and digest.

    Example:
        >>> print(quoted(b'a"\r\n\x00'))
        "a\"\r\n\x00"
    """
    if len(data) <= SHOWN_WHOLE:
        return '"' + escaped(data).replace('"', '\\"') + '"'
    digest = hashlib.sha256(data).hexdigest()[:16]
    return f"{quoted(data[:40])}… ({len(data)} bytes, sha256 {digest})"


def render(reply: Reply) -> str:
    """Return the text of a reply; equal texts mean equal replies.

    Example:
        >>> print(render(Reply("*", None, (Reply(":", b"1"), Reply("$")))))
        *2 [:1, $nil]
    """
    if reply.items is not None:
        return render_items(reply.kind, len(reply.items), [render(item) for item in reply.items])
    if reply.data is None:
        return f"{reply.kind}nil"
    if reply.kind in BULK_KINDS:
        return reply.kind + quoted(reply.data)
    return reply.kind + escaped(reply.data)


def render_items(kind: str, length: int, items: Sequence[str]) -> str:
    """Return an aggregate's text from its items' texts: on one line if short, else one below another.

    Args:
        kind: the aggregate's kind.
        length: how many items it has, keys and values of a map counted singly.
        items: the text of each.
    """
    head = f"{kind}{length // 2 if kind == '%' else length}"
    if not items:
        return head
    # a comma in a simple string is no separator: such items stand on lines of their own
    plain = not any("\n" in item or (item[0] in "+-" and "," in item) for item in items)
    if plain and sum(map(len, items)) + 2 * len(items) <= ONE_LINE:
        return f"{head} [{', '.join(items)}]"
    if kind != "%":
        return "\n".join([head, *(indented(item, 2) for item in items)])
    lines = [head]
    for key, value in zip(items[::2], items[1::2], strict=True):
        lines += [indented(key, 2), indented(value, 4)]
    return "\n".join(lines)


def indented(text: str, columns: int) -> str:
    """Return the text with each of its lines moved to the right."""
    margin = " " * columns
    return margin + text.replace("\n", "\n" + margin)
