"""A vector set: elements with a vector each, found by how near they are, and with an attribute, perhaps.

    _rows        element -> its row                _table       row -> its vector, see `vectors.py`
    _elements    row -> the element                _levels      row -> how many layers of a graph it is in, less one
    attributes   element -> its attribute          _numbers     row -> how many were added up to it, itself included

Redis has a graph in place of the table, an HNSW (Malkov and Yashunin, 2016): each element is in layer 0, a quarter of
them in layer 1, a quarter of those in layer 2, and is linked with elements near it in each of its layers. Here there
are no links to follow, as every search looks at every vector. What VLINKS shows are the links that a graph without
fault would have: those to the M nearest elements of each layer. In layer 0 there is room for twice as many, but only
what comes later fills it: an element chooses M of those that it finds, in the order of the rows. So EF, the effort of
a search, changes nothing: each finds what Redis finds with TRUTH. Links that a Redis can search by are made for a file
only: see `vector_graph.py`.
"""

from array import array
from collections.abc import Iterator, Sequence
from random import Random
from typing import ClassVar, Final, NamedTuple

from vermilion.structures.structure import Structure
from vermilion.structures.vector_graph import Graph
from vermilion.structures.vectors import Floats, Packed, Quantization, multiplied, projected, table

DEFAULT_LINKS: Final = 16

HIGHEST_LEVEL: Final = 16
"""No element is in more layers above the lowest one."""

_RISING: Final = 0.25
"""How likely an element of a layer is in the next one, too."""


class Similar(NamedTuple):
    """An element that was found."""

    element: bytes
    score: float
    """From 0, the opposite direction, to 1, the same one."""


class Node(NamedTuple):
    """An element as it is kept."""

    element: bytes
    packed: Packed
    level: int
    """The highest layer that it is in."""
    number: int
    """How many elements had been added when it was, itself included."""


class VectorSet(Structure):
    """Elements by their vectors.

    Args:
        dimensions: of the vectors as they are kept.
        quantization: how they are kept.
        links: how many links an element would have in a layer: M.
        input_dimensions: of the vectors as they come, where they are projected; 0 where they are not.
        matrix: what projects them, of `dimensions` rows, where it is not what `vectors.projected` stands for.
        uid: tells the vector sets of a server apart.

    LLM Context:
        - `add` and `search` take vectors of `dimensions` numbers; a caller has those of `input_dimensions` made
          such ones by `project`.
        - `added` counts all that were ever added, an element's new vectors included.

    Example:
        >>> from random import Random
        >>> from vermilion.structures.vectors import F32
        >>> flat = VectorSet(2, F32)
        >>> flat.add(b"east", [1, 0], Random()), flat.add(b"north", [0, 3], Random())
        (True, True)
        >>> [(found.element, found.score) for found in flat.search([2, 0], 1)]
        [(b'east', 1.0)]
    """

    __slots__ = (
        "_elements", "_levels", "_numbers", "_rows", "_table", "added", "attributes", "dimensions",
        "input_dimensions", "links", "matrix", "quantization", "uid",
    )  # fmt: skip

    type_name: ClassVar[str] = "vectorset"

    def __init__(
        self,
        dimensions: int,
        quantization: Quantization,
        links: int = DEFAULT_LINKS,
        *,
        input_dimensions: int = 0,
        matrix: "Floats | None" = None,
        uid: int = 0,
    ) -> None:
        self.dimensions = dimensions
        self.quantization = quantization
        self.links = links
        self.input_dimensions = input_dimensions
        self.matrix = matrix
        self.uid = uid
        self.added = 0
        self.attributes: dict[bytes, bytes] = {}
        self._rows: dict[bytes, int] = {}
        self._elements: list[bytes] = []
        self._levels = bytearray()
        self._numbers = array("Q")
        self._table = table(quantization, dimensions)

    @property
    def encoding(self) -> str:
        """What OBJECT ENCODING answers."""
        return "raw"

    def __len__(self) -> int:
        """Return how many elements there are."""
        return len(self._elements)

    def __contains__(self, element: object) -> bool:
        """Return whether there is such an element."""
        return element in self._rows

    @property
    def highest_level(self) -> int:
        """The highest layer that an element is in."""
        return max(self._levels, default=0)

    def copy(self) -> "VectorSet":
        """Return a vector set of its own with the same elements."""
        other = VectorSet(
            self.dimensions,
            self.quantization,
            self.links,
            input_dimensions=self.input_dimensions,
            matrix=self.matrix,
            uid=self.uid,
        )
        other.added = self.added
        other.attributes = dict(self.attributes)
        other._rows = dict(self._rows)
        other._elements = list(self._elements)
        other._levels = bytearray(self._levels)
        other._numbers = self._numbers[:]
        other._table = self._table.copy()
        return other

    # Changing ---------------------------------------------------------------------------------------------

    def add(self, element: bytes, vector: Sequence[float], random: Random) -> bool:
        """Give an element a vector; return whether it is new. An old one keeps its attribute."""
        level = 0
        while level < HIGHEST_LEVEL and random.random() < _RISING:
            level += 1
        return self.place(Node(element, self.quantization.pack(vector), level, self.added + 1))

    def place(self, node: "Node") -> bool:
        """Give an element a vector that is packed; return whether it is new."""
        self.added = max(self.added, node.number)
        row = self._rows.get(node.element)
        if row is not None:
            self._table[row] = node.packed
            self._levels[row] = node.level
            self._numbers[row] = node.number
            return False
        self._rows[node.element] = len(self._elements)
        self._elements.append(node.element)
        self._levels.append(node.level)
        self._numbers.append(node.number)
        self._table.append(node.packed)
        return True

    def remove(self, element: bytes) -> bool:
        """Take an element away; return whether it was there."""
        row = self._rows.pop(element, None)
        if row is None:
            return False
        last, level, number = self._elements.pop(), self._levels.pop(), self._numbers.pop()
        if last != element:
            self._elements[row], self._levels[row], self._rows[last] = last, level, row
            self._numbers[row] = number
        del self._table[row]
        self.attributes.pop(element, None)
        return True

    def describe(self, element: bytes, attribute: bytes, *, keep_empty: bool = False) -> bool:
        """Give an element an attribute, or take it away with an empty one, and return whether there is the element.

        Args:
            element: whose.
            attribute: any bytes.
            keep_empty: whether an empty one is one, too.
        """
        if element not in self._rows:
            return False
        if attribute or keep_empty:
            self.attributes[element] = attribute
        else:
            self.attributes.pop(element, None)
        return True

    # Asking -----------------------------------------------------------------------------------------------

    def packed(self, element: bytes) -> Packed | None:
        """Return the vector of an element as it is kept, None when there is no such element."""
        row = self._rows.get(element)
        return None if row is None else self._table[row]

    def vector(self, element: bytes) -> Sequence[float] | None:
        """Return about the vector that an element was given, None when there is no such element."""
        packed = self.packed(element)
        return None if packed is None else self.quantization.unpack(packed, self.dimensions)

    def search(self, vector: Sequence[float], most: int) -> Iterator[Similar]:
        """Yield the elements whose vectors are nearest to a vector, the nearest first.

        Args:
            vector: whose direction is compared, not its length.
            most: how many at most, 1 or more.
        """
        for row, distance in self._table.nearest(self.quantization.pack(vector), most):
            yield Similar(self._elements[row], 1.0 - distance / 2)

    def neighbours(self, element: bytes) -> list[list[Similar]] | None:
        """Return the elements that one is linked with, in each of its layers, the highest first.

        Returns:
            Layer 0 is the last of them; None when there is no such element.
        """
        row = self._rows.get(element)
        if row is None:
            return None
        top = self._levels[row]
        found = min(self.links, row)
        wanted = [self.links] * top + [min(2 * self.links, found + len(self) - row - 1)]
        layers: list[list[Similar]] = [[] for _ in wanted]
        missing = sum(wanted)
        for other, distance in self._table.nearest(self._table[row], len(self)):
            if other == row:
                continue
            for layer in range(max(0, top - self._levels[other]), top + 1):
                if layer == top and other < row:
                    if not found:
                        continue
                    found -= 1
                if len(layers[layer]) < wanted[layer]:
                    layers[layer].append(Similar(self._elements[other], 1.0 - distance / 2))
                    missing -= 1
            if not missing:
                break
        return layers

    def project(self, vector: Sequence[float]) -> Floats:
        """Return a vector of `input_dimensions` numbers in the dimensions of those that are kept."""
        if self.matrix is not None:
            return multiplied(self.matrix, vector)
        return projected(vector, self.dimensions)

    def nodes(self) -> Iterator[Node]:
        """Yield all elements, row by row."""
        for row, element in enumerate(self._elements):
            yield Node(element, self._table[row], self._levels[row], self._numbers[row])

    def graph(self) -> Graph:
        """Return links between the rows, which are still to be made; the elements must not change meanwhile."""
        return Graph(self._table, self._levels, self.links)

    def pick(self, random: Random) -> bytes:
        """Return an element by chance; there is one."""
        return random.choice(self._elements)

    def sample(self, count: int, random: Random) -> list[bytes]:
        """Return up to count different elements by chance."""
        return random.sample(self._elements, min(count, len(self)))

    def choices(self, count: int, random: Random) -> list[bytes]:
        """Return count elements by chance, the same one again and again, perhaps; there is one."""
        return random.choices(self._elements, k=count)
