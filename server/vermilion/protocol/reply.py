"""The reply values that Python has no type for; everything else a command returns is a plain value."""

from typing import TYPE_CHECKING, Final, TypeAlias

from vermilion.errors import RespError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Status:
    """A simple string, such as `+OK`.

    Args:
        text: what stands on the line, without `+` and without line ends.
    """

    __slots__ = ("text", "wire")

    def __init__(self, text: str) -> None:
        self.text = text
        self.wire = b"+%b\r\n" % text.encode("utf-8", "surrogateescape")

    def __repr__(self) -> str:
        return f"Status({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Status) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class NullArray:
    """The null array: `*-1` in RESP2, null in RESP3. `NULL_ARRAY` is the one instance."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NULL_ARRAY"


class Verbatim:
    """Text with a format of three letters: a bulk string in RESP2, a verbatim string in RESP3."""

    __slots__ = ("kind", "text")

    def __init__(self, text: bytes, kind: bytes = b"txt") -> None:
        self.text = text
        self.kind = kind


class BigNumber:
    """An integer beyond 64 bits: a bulk string in RESP2, a big number in RESP3."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class Push(list["Reply"]):
    """An out-of-band message: an array in RESP2, a push in RESP3."""

    __slots__ = ()


class Broadcast(Push):
    """A message for many clients: its bytes are made once for each version of RESP, and kept."""

    __slots__ = ("resp2", "resp3")

    def __init__(self, items: "Iterable[Reply]") -> None:
        super().__init__(items)
        self.resp2 = b""
        """The bytes of it once it has been encoded, and `resp3`; empty before."""
        self.resp3 = b""


class Messages(list["Reply"]):
    """Several replies or pushes one after the other, for one call: what stands behind the first are messages.

    An empty one is no reply.
    """

    __slots__ = ()


class OrderedSet(list["Reply"]):
    """An array in RESP2, a set in RESP3, for members that have an order or cannot be hashed."""

    __slots__ = ()


class Pairs:
    """A map whose names may repeat: a flat array in RESP2, a map in RESP3.

    Args:
        pairs: names and values.
    """

    __slots__ = ("_pairs",)

    def __init__(self, pairs: "Sequence[tuple[Reply, Reply]]") -> None:
        self._pairs = pairs

    def __len__(self) -> int:
        """Return how many pairs there are."""
        return len(self._pairs)

    def items(self) -> "Sequence[tuple[Reply, Reply]]":
        """Return the pairs, as a dict would."""
        return self._pairs


class Attributed:
    """A reply with a map of attributes in front of it, which RESP2 leaves out.

    Args:
        attributes: what is said besides.
        reply: the reply.
    """

    __slots__ = ("attributes", "reply")

    def __init__(self, attributes: "dict[Reply, Reply]", reply: "Reply") -> None:
        self.attributes = attributes
        self.reply = reply


class Encoded:
    """Bytes of the wire: a reply inside EXEC's that was made before HELLO changed the protocol there.

    Args:
        wire: one reply, or several.
    """

    __slots__ = ("wire",)

    def __init__(self, wire: bytes) -> None:
        self.wire = wire


class NoReply:
    """Nothing goes back to the client for this call. `NO_REPLY` is the one instance."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NO_REPLY"


OK: Final = Status("OK")
PONG: Final = Status("PONG")
QUEUED: Final = Status("QUEUED")
NULL_ARRAY: Final = NullArray()
NO_REPLY: Final = NoReply()

Scalar: TypeAlias = (
    bytes
    | int
    | float
    | bool
    | Status
    | NullArray
    | NoReply
    | Verbatim
    | BigNumber
    | RespError
    | Attributed
    | Encoded
    | None
)
Reply: TypeAlias = "Scalar | list[Reply] | tuple[Reply, ...] | dict[Reply, Reply] | set[Reply] | Pairs"
"""Push, Messages and OrderedSet are lists."""
