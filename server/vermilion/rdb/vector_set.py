"""Vector sets as RDB has them: the value of a module, made of words that say what they are.

7    the module: a length of 64 bits, of which 54 are its name, 9 characters, and 10 the version of its form, 0
     word …
     0

A word is 2 and an integer, which is a length, or 5 and a string. They are

     dimensions
     how many elements
     how they are quantised: 0 f32, 1 int8, 2 bin; M, moved up by 8 bits
     flags: 1 vectors are projected, 2 there are attributes
     1:   dimensions of vectors before that; the matrix, row by row, each cell 32 bits, in a string
     of each element, in whatever order:
          its name
     2:   its attribute, empty where there is none
          its vector, in a string
          how many integers follow, and these:
               its number: how many had been added when it was
               its level, and 1 moved up by 24 bits
               for each layer from 0 up to its level
                    how many links it has, and how many it has room for
                    the numbers of the elements that it is linked with
                    the place of that which is farthest away; moved up by 32 bits, how far, a float of 32 bits
               the length that its vector had; moved up by 32 bits, its range: both floats of 32 bits

What links there are is read for its faults only: a vector set has none here, and those that are written are made for
it, see `structures/vector_graph.py`.
"""

from collections.abc import Callable, Iterator
from struct import pack, unpack
from typing import Final

from vermilion.rdb.encoding import FormatError, Reader, Writer, write_length
from vermilion.settings import Settings
from vermilion.structures.vector_set import HIGHEST_LEVEL, Node, VectorSet
from vermilion.structures.vectors import (
    BIN,
    F32,
    INT8,
    Floats,
    Packed,
    Quantization,
    from_bytes,
    hadamard,
    to_bytes,
)

MODULE_TYPE: Final = 7

_CHARACTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _module(name: bytes, version: int) -> int:
    """Return the number of a module and the version of its form."""
    number = 0
    for character in name:
        number = number << 6 | _CHARACTERS.index(character)
    return number << 10 | version


MODULE: Final = _module(b"vectorset", 0)

_END: Final = 0
_INTEGER: Final = 2
_STRING: Final = 5

_QUANTIZATIONS: Final = (F32, INT8, BIN)
_PROJECTED: Final = 1
_DESCRIBED: Final = 2
_NODE_FORM: Final = 1 << 24
_LINKS: Final = range(4, 4097)
_NUMBER_MAX: Final = (1 << 62) - 1
"""So that the next ones are integers of 64 bits that a client can be shown, too."""

_BATCH: Final = 256
"""Elements that are written between two rests."""


# Writing --------------------------------------------------------------------------------------------------


def write(value: VectorSet, out: Writer) -> None:
    """Append a vector set."""
    for _ in written(value, out):
        pass


def written(value: VectorSet, out: Writer) -> Iterator[None]:
    """Append a vector set; yield from time to time, as its links take long to make: it must not change meanwhile."""
    graph = value.graph()
    yield from graph.steps()
    out.raw(b"%c" % MODULE_TYPE)
    out.length(MODULE)
    _write_integer(value.dimensions, out)
    _write_integer(len(value), out)
    _write_integer(_QUANTIZATIONS.index(value.quantization) | value.links << 8, out)
    described = bool(value.attributes)
    _write_integer(_PROJECTED * bool(value.input_dimensions) | _DESCRIBED * described, out)
    if value.input_dimensions:
        _write_integer(value.input_dimensions, out)
        _write_string(_matrix(value), out)
    nodes = list(enumerate(value.nodes()))
    numbers = [node.number for _, node in nodes]
    nodes.sort(key=lambda entry: entry[1].number, reverse=True)  # as Redis: the newest first
    for written_already, (row, node) in enumerate(nodes):
        _write_string(node.element, out)
        if described:
            _write_string(value.attributes.get(node.element, b""), out)
        _write_string(node.packed.data, out)
        integers = [node.number, _NODE_FORM | node.level]
        for level, layer in enumerate(graph.layers[: node.level + 1]):
            links = layer.links[row]
            integers += (len(links), graph.room(level), *[numbers[other] for other in links])
            integers.append(_two(layer.worst[row], layer.distances[row]))
        length = int.from_bytes(pack("<f", node.packed.norm), "little")
        integers.append(_two(length, node.packed.range))
        _write_integer(len(integers), out)
        out.raw(b"".join([b"\x02" + write_length(integer) for integer in integers]))
        if not written_already % _BATCH:
            yield
    out.length(_END)


def _write_integer(number: int, out: Writer) -> None:
    """Append an integer."""
    out.length(_INTEGER)
    out.length(number)


def _write_string(text: bytes, out: Writer) -> None:
    """Append a string."""
    out.length(_STRING)
    out.string(text)


def _matrix(value: VectorSet) -> bytes:
    """Return the matrix that projects the vectors of a vector set."""
    if value.matrix is not None:
        return to_bytes(value.matrix)
    return b"".join(hadamard(value.dimensions, value.input_dimensions))


def _two(lower: int, upper: float) -> int:
    """Return two values of 32 bits, of which the upper is a float."""
    return lower | int.from_bytes(pack("<f", upper), "little") << 32


# Reading --------------------------------------------------------------------------------------------------


class OtherModuleError(FormatError):
    """A value of a module other than that of vector sets.

    Args:
        number: of the module, and the version of its form.
    """

    def __init__(self, number: int) -> None:
        self.name = "".join(chr(_CHARACTERS[number >> 10 + 6 * place & 63]) for place in range(8, -1, -1))
        self.version = number & 1023
        super().__init__(f"a value of the module {self.name}, version {self.version}")


def _read(reader: Reader, _limits: Settings) -> VectorSet:
    """Return a vector set, of which the type has been read."""
    module = reader.length()
    if module != MODULE:
        raise OtherModuleError(module)
    dimensions, count, kind, flags = (_integer(reader) for _ in range(4))
    quantization, links = _kind(kind)
    if not dimensions or not 0 < count <= reader.left or flags & ~(_PROJECTED | _DESCRIBED):
        raise FormatError
    input_dimensions, matrix = _read_matrix(reader, dimensions) if flags & _PROJECTED else (0, None)
    size = quantization.size(dimensions)
    nodes, attributes = [], {}
    unanswered: set[tuple[int, int, int]] = set()
    for _ in range(count):
        name = _string(reader)
        attribute = _string(reader) if flags & _DESCRIBED else b""
        data = _string(reader)
        if len(data) != size:
            raise FormatError
        node = _node(name, data, _integers(reader), unanswered)
        nodes.append(node if quantization is INT8 else node._replace(packed=node.packed._replace(range=0.0)))
        if attribute:
            attributes[name] = attribute
        if 2 * len(unanswered) > reader.left:  # each answer has two bytes at least
            raise FormatError
    if reader.length() != _END or unanswered:
        raise FormatError
    found = VectorSet(dimensions, quantization, links, input_dimensions=input_dimensions, matrix=matrix)
    # In the order in which they came to be, whatever that of the file is: it is that of the rows.
    for node in sorted(nodes, key=_age):
        if node.number == found.added or not found.place(node):
            raise FormatError  # the number of another one, or its name
    found.attributes = attributes
    return found


def _age(node: Node) -> int:
    return node.number


def _integer(reader: Reader) -> int:
    """Return a word that is an integer."""
    if reader.length() != _INTEGER:
        raise FormatError
    return reader.length()


def _integers(reader: Reader) -> list[int]:
    """Return a word that says how many integers there are, and these."""
    return reader.marked(_INTEGER, _integer(reader))


def _string(reader: Reader) -> bytes:
    """Return a word that is a string."""
    if reader.length() != _STRING:
        raise FormatError
    return reader.string()


def _kind(number: int) -> tuple[Quantization, int]:
    """Return how vectors are quantised, and M."""
    kind, links = number & 0xFF, number >> 8
    if kind >= len(_QUANTIZATIONS) or links not in _LINKS:
        raise FormatError
    return _QUANTIZATIONS[kind], links


def _read_matrix(reader: Reader, rows: int) -> "tuple[int, Floats | None]":
    """Return how many columns a matrix has, and its cells, unless it is the one that Redis makes."""
    columns = _integer(reader)
    data = _string(reader)
    width = 4 * columns
    if not columns or len(data) != rows * width:
        raise FormatError
    places = range(0, len(data), width)
    if all(data[at : at + width] == row for at, row in zip(places, hadamard(rows, columns), strict=True)):
        return columns, None
    return columns, from_bytes(data)


def _node(name: bytes, data: bytes, integers: list[int], unanswered: set[tuple[int, int, int]]) -> Node:
    """Return an element.

    Args:
        name: of the element.
        data: its vector.
        integers: what follows.
        unanswered: of all links so far those that do not go both ways: layer, from, to. It is kept up.

    Raises:
        FormatError: when the integers are none that an element could have.
    """
    if len(integers) < 2:
        raise FormatError
    number, level = integers[0], integers[1] - _NODE_FORM
    if not 0 < number <= _NUMBER_MAX or not 0 <= level <= HIGHEST_LEVEL:
        raise FormatError
    at = 2
    for layer in range(level + 1):
        count, room = integers[at : at + 2] if at + 1 < len(integers) else (1, 0)
        end = at + 2 + count
        if count > room or end >= len(integers):
            raise FormatError
        links = set(integers[at + 2 : end])
        if len(links) != count or number in links or (count and integers[end] & 0xFFFFFFFF >= count):
            raise FormatError
        for other in links:
            answered = (layer, other, number)
            if answered in unanswered:
                unanswered.remove(answered)
            else:
                unanswered.add((layer, number, other))
        at = end + 1
    if at != len(integers) - 1:
        raise FormatError
    norm, reach = unpack("<2f", integers[at].to_bytes(8, "little"))
    return Node(name, Packed(data, norm, reach), level, number)


READERS: Final[dict[int, Callable[[Reader, Settings], VectorSet]]] = {MODULE_TYPE: _read}
