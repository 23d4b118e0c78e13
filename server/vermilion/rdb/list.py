"""Lists as RDB has them.

1    elements: how many, and each
10   a ziplist in a string
14   nodes: how many, and each a ziplist in a string
18   nodes: how many, and each its kind and a string: 1 for a single element, 2 for a listpack
"""

from collections.abc import Callable, Iterator
from typing import Final

from vermilion.rdb import listpack, ziplist
from vermilion.rdb.encoding import FormatError, Reader, Writer
from vermilion.settings import Settings
from vermilion.structures.list import List
from vermilion.structures.listpack import FRAME, string_size

_ELEMENTS: Final = 1
_ZIPLIST: Final = 10
_ZIPLISTS: Final = 14
_NODES: Final = 18

_SINGLE: Final = 1
_PACKED: Final = 2

_NODE_BYTES: Final = 8192
"""What a node may have by the default of `list-max-listpack-size`; a reader divides elements anew."""
_ENTRY_OVERHEAD: Final = 8
"""What Redis adds to the bytes of an element before it has encoded it, to see whether it fits."""


def write(value: List, out: Writer) -> None:
    """Append a list: as one node while it is a listpack, else as nodes that are filled from the head on."""
    elements = value.elements()
    nodes = [elements] if value.encoding == "listpack" else list(_nodes(elements))
    out.raw(b"%c" % _NODES)
    out.length(len(nodes))
    for node in nodes:
        single = len(node) == 1 and len(node[0]) > _NODE_BYTES
        out.length(_SINGLE if single else _PACKED)
        out.string(node[0] if single else listpack.pack(node))


def _nodes(elements: list[bytes]) -> Iterator[list[bytes]]:
    """Yield elements, as many at a time as fit into a node."""
    node: list[bytes] = []
    size = FRAME
    for element in elements:
        if node and size + len(element) + _ENTRY_OVERHEAD > _NODE_BYTES:
            yield node
            node, size = [], FRAME
        node.append(element)
        size += string_size(element)
    yield node


def _list(nodes: list[list[bytes]], limits: Settings, *, packed: bool = True) -> List:
    """Return a list.

    Args:
        nodes: its elements; nodes may be empty, but not all of them.
        limits: up to where it is a listpack.
        packed: whether it may be one. As in Redis, it must be of one node, too.
    """
    nodes = [node for node in nodes if node]
    if not nodes:
        raise FormatError
    elements = [element for node in nodes for element in node]
    return List.of(elements, limits.list_max_listpack_size, packed=packed and len(nodes) == 1)


def _read(reader: Reader, limits: Settings) -> List:
    """Return a list of single elements."""
    return _list([[reader.string() for _ in range(reader.count())]], limits)


def _read_ziplist(reader: Reader, limits: Settings) -> List:
    """Return a list that was a ziplist; Redis makes no listpack of it."""
    return _list([ziplist.unpack(reader.string())], limits, packed=False)


def _read_ziplists(reader: Reader, limits: Settings) -> List:
    """Return a list of ziplists."""
    return _list([ziplist.unpack(reader.string()) for _ in range(reader.count())], limits)


def _read_nodes(reader: Reader, limits: Settings) -> List:
    """Return a list of nodes."""
    nodes: list[list[bytes]] = []
    packed = True
    for _ in range(reader.count()):
        kind = reader.length()
        if kind not in {_SINGLE, _PACKED}:
            raise FormatError
        text = reader.string()
        packed &= kind == _PACKED
        nodes.append(listpack.unpack(text) if kind == _PACKED else [text])
    return _list(nodes, limits, packed=packed)


READERS: Final[dict[int, Callable[[Reader, Settings], List]]] = {
    _ELEMENTS: _read,
    _ZIPLIST: _read_ziplist,
    _ZIPLISTS: _read_ziplists,
    _NODES: _read_nodes,
}
