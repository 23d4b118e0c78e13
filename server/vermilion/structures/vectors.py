"""Vectors as a vector set keeps them: of length one, quantised; and the tables of them that are searched.

    f32    4 bytes for each dimension, little-endian                       NOQUANT
    int8   a signed byte for each, of which 127 stands for the range       Q8
    bin    a bit for each, set where it is positive, in words of 64        BIN

All arithmetic is rounded to 32 bits, step by step, where Redis's is: the bytes and the approximations of VEMB are
Redis's own, and so are scores to the last digits but one, which hang on the order in which a processor adds.

A table is searched exactly, all of it, by numpy if that is installed (`vermilion[vectors]`), else by Python. An index
such as HNSW would look at fewer rows, but one hop of it costs about as much here as numpy takes for a thousand rows:
up to some 100,000 vectors of 128 dimensions the scan is the faster one, finds what there is, and makes adding a
vector a copy of its bytes.
"""

import heapq
import math
import sys
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import mul
from typing import ClassVar, Final, NamedTuple, Self, TypeAlias

Floats: TypeAlias = "array[float]"
"""32-bit floats."""


def floats(values: Iterable[float]) -> Floats:
    """Return numbers, each rounded to 32 bits."""
    return array("f", values)


def from_bytes(data: bytes) -> Floats:
    """Return the 32-bit floats that are written, little-endian, in some bytes."""
    found = array("f")
    found.frombytes(data)
    if sys.byteorder == "big":
        found.byteswap()
    return found


def to_bytes(values: Floats) -> bytes:
    """Return 32-bit floats as they are written, little-endian."""
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def _single(value: float) -> float:
    """Return a number rounded to 32 bits."""
    return array("f", (value,))[0]


def projected(vector: Sequence[float], dimensions: int) -> Floats:
    """Return a vector in another number of dimensions, in which distances are about the same.

    It is multiplied by a Hadamard matrix, whose element i, j is -1 where i & j has an odd number of bits and 1 where
    it has not, and divided by the root of its own dimensions. The fast Walsh-Hadamard transform does that without the
    matrix, in O(n log n).

    Example:
        >>> [round(value, 3) for value in projected([1, 0, 0], 2)], [round(x, 3) for x in projected([0, 1, 0], 2)]
        ([0.577, 0.577], [0.577, -0.577])
    """
    size = 1 << (len(vector) - 1).bit_length()
    sums = [*vector, *[0.0] * (size - len(vector))]
    half = 1
    while half < size:
        # Neighbours become sum and difference; taking them apart like this is half of a perfect shuffle.
        first, second = sums[0::2], sums[1::2]
        sums = [a + b for a, b in zip(first, second, strict=True)]
        sums += [a - b for a, b in zip(first, second, strict=True)]
        half *= 2
    scale = _single(1 / math.sqrt(len(vector)))
    shuffled = floats(value * scale for value in sums)
    repeats = -(-dimensions // size)
    return (shuffled * repeats)[:dimensions]


def hadamard(rows: int, columns: int) -> Iterator[bytes]:
    """Yield the rows of the matrix that `projected` stands for, as 32-bit floats, little-endian.

    Example:
        >>> [[round(value, 3) for value in from_bytes(row)] for row in hadamard(2, 3)]
        [[0.577, 0.577, 0.577], [0.577, -0.577, 0.577]]
    """
    scale = _single(1 / math.sqrt(columns))
    plus, minus = to_bytes(floats([scale])), to_bytes(floats([-scale]))
    bits = (columns - 1).bit_length()
    for row in range(rows):
        # The columns with another bit set repeat those without it, negated where the row has that bit, too.
        part, negated = plus, minus
        for bit in range(bits):
            if row >> bit & 1:
                part, negated = part + negated, negated + part
            else:
                part, negated = part * 2, negated * 2
        yield part[: 4 * columns]


def multiplied(matrix: Floats, vector: Sequence[float]) -> Floats:
    """Return a vector multiplied by a matrix, which is written row by row.

    Example:
        >>> list(multiplied(floats([1, 2, 3, 4]), [10, 1]))
        [12.0, 34.0]
    """
    size = len(vector)
    return floats(sum(map(mul, matrix[at : at + size], vector)) for at in range(0, len(matrix), size))


# Quantisation ---------------------------------------------------------------------------------------------


class Packed(NamedTuple):
    """A vector: its direction, quantised, and how long it is."""

    data: bytes
    norm: float
    range: float
    """What the largest byte stands for; only int8 has it."""


def _normalized(vector: Sequence[float]) -> tuple[Floats, float]:
    """Return a vector of length one, and how long it was; one without length stays, as if it had one."""
    norm = _single(math.sqrt(_single(sum(map(mul, vector, vector)))))
    return (floats([value / norm for value in vector]), norm) if norm else (floats(vector), 1.0)


class Quantization(NamedTuple):
    """How the numbers of a vector are kept."""

    name: str
    pack: Callable[[Sequence[float]], Packed]
    unpack: Callable[[Packed, int], Sequence[float]]
    """Takes a vector and its dimensions, returns about the vector that was packed."""
    size: Callable[[int], int]
    """Takes the dimensions of a vector, returns how many bytes it has when it is packed."""


def _pack_f32(vector: Sequence[float]) -> Packed:
    direction, norm = _normalized(vector)
    return Packed(to_bytes(direction), norm, 0.0)


def _unpack_f32(packed: Packed, _: int) -> Floats:
    return floats([value * packed.norm for value in from_bytes(packed.data)])


def _pack_int8(vector: Sequence[float]) -> Packed:
    direction, norm = _normalized(vector)
    peak = max(map(abs, direction)) if math.isfinite(norm) else 0.0
    scale = _single(127 / peak) if peak else math.inf
    if math.isinf(scale):  # nothing there, or nothing that bytes could tell from it
        return Packed(bytes(len(vector)), norm, 0.0)
    steps = floats([value * scale for value in direction])
    data = array("b", [int(step + math.copysign(0.5, step)) for step in steps])
    return Packed(data.tobytes(), norm, peak)


def _unpack_int8(packed: Packed, _: int) -> Floats:
    steps = floats([step * packed.range for step in array("b", packed.data)])
    direction = floats([step / 127 for step in steps])
    return floats([value * packed.norm for value in direction])


def _pack_bin(vector: Sequence[float]) -> Packed:
    direction, norm = _normalized(vector)
    bits = "".join(["1" if value > 0 else "0" for value in reversed(direction)])
    return Packed(int(bits, 2).to_bytes(_words(len(vector)), "little"), norm, 0.0)


def _unpack_bin(packed: Packed, dimensions: int) -> Floats:
    bits = int.from_bytes(packed.data, "little")
    return floats([1.0 if bits >> place & 1 else -1.0 for place in range(dimensions)])


def _words(dimensions: int) -> int:
    """Return how many bytes words of 64 bits take that have a bit for each dimension."""
    return -(-dimensions // 64) * 8


F32: Final = Quantization("f32", _pack_f32, _unpack_f32, (4).__mul__)
INT8: Final = Quantization("int8", _pack_int8, _unpack_int8, int)
BIN: Final = Quantization("bin", _pack_bin, _unpack_bin, _words)


# Tables ---------------------------------------------------------------------------------------------------


class Table(ABC):
    """Packed vectors by row; a row that is deleted is filled by the last one.

    Args:
        quantization: of all of them.
        dimensions: of all of them.
    """

    __slots__ = ("_norms", "_ranges", "dimensions", "quantization")

    group_size: ClassVar[int]
    """How many rows are compared with each other within some milliseconds."""

    def __init__(self, quantization: Quantization, dimensions: int) -> None:
        self.quantization = quantization
        self.dimensions = dimensions
        self._norms = array("f")
        self._ranges = array("f")

    def __len__(self) -> int:
        """Return how many vectors there are."""
        return len(self._norms)

    def __getitem__(self, row: int) -> Packed:
        """Return a vector."""
        return Packed(self._data(row), self._norms[row], self._ranges[row])

    def __setitem__(self, row: int, packed: Packed) -> None:
        """Put another vector into a row."""
        self._norms[row], self._ranges[row] = packed.norm, packed.range
        self._put(row, packed)

    def append(self, packed: Packed) -> None:
        """Add a vector as the last row."""
        self._norms.append(packed.norm)
        self._ranges.append(packed.range)
        self._grow(packed)

    def __delitem__(self, row: int) -> None:
        """Delete a row: the last one takes its place."""
        last = len(self) - 1
        if row != last:
            self[row] = self[last]
        self._norms.pop()
        self._ranges.pop()
        self._shrink()

    def copy(self) -> Self:
        """Return a table of its own with the same vectors."""
        table = type(self)(self.quantization, self.dimensions)
        table.take_over(self)
        return table

    def take_over(self, other: Self) -> None:
        """Become a copy of another table."""
        self._norms = other._norms[:]
        self._ranges = other._ranges[:]

    def __sizeof__(self) -> int:
        """Return its bytes, the vectors' included."""
        return (
            object.__sizeof__(self) + sys.getsizeof(self._norms) + sys.getsizeof(self._ranges) + self._bytes()
        )

    @abstractmethod
    def nearest(self, packed: Packed, most: int) -> list[tuple[int, float]]:
        """Return the rows nearest to a vector and their distances, the nearest first.

        Args:
            packed: of the same quantisation and dimensions.
            most: how many at most, 1 or more.

        Returns:
            Distances are 0 for the same direction and 2 for the opposite one; those that are no number come first.
        """

    @abstractmethod
    def nearby(self, rows: Sequence[int], most: int) -> list[tuple[list[int], list[float]]]:
        """Return for each of some rows which others of them are nearest to it.

        Args:
            rows: up to `group_size` of them, each once.
            most: how many others at most, 1 or more.

        Returns:
            Their places among the rows and their distances, the nearest first.
        """

    @abstractmethod
    def between(self, firsts: Sequence[int], seconds: Sequence[int]) -> list[float]:
        """Return the distances between rows, pair by pair."""

    @abstractmethod
    def _data(self, row: int) -> bytes:
        """Return the bytes of a vector."""

    @abstractmethod
    def _put(self, row: int, packed: Packed) -> None:
        """Replace the bytes of a vector."""

    @abstractmethod
    def _grow(self, packed: Packed) -> None:
        """Add a vector."""

    @abstractmethod
    def _shrink(self) -> None:
        """Take the last vector away."""

    @abstractmethod
    def _bytes(self) -> int:
        """Return how many bytes the vectors take."""


class PlainTable(Table):
    """A table that Python searches."""

    __slots__ = ("_rows",)

    group_size = 32

    def __init__(self, quantization: Quantization, dimensions: int) -> None:
        super().__init__(quantization, dimensions)
        self._rows: list[bytes] = []

    def nearest(self, packed: Packed, most: int) -> list[tuple[int, float]]:
        """Return the rows nearest to a vector."""
        return _nearest(self._distances(packed, self._rows, self._ranges), most)

    def nearby(self, rows: Sequence[int], most: int) -> list[tuple[list[int], list[float]]]:
        """Return for each of some rows which others of them are nearest to it."""
        vectors, ranges = [self._rows[row] for row in rows], [self._ranges[row] for row in rows]
        found = []
        for place, row in enumerate(rows):
            others = _nearest(self._distances(self[row], vectors, ranges), most + 1)
            kept = [other for other in others if other[0] != place][:most]
            found.append(([other for other, _ in kept], [distance for _, distance in kept]))
        return found

    def between(self, firsts: Sequence[int], seconds: Sequence[int]) -> list[float]:
        """Return the distances between rows, pair by pair."""
        return [
            self._distances(self[first], [self._rows[second]], [self._ranges[second]])[0]
            for first, second in zip(firsts, seconds, strict=True)
        ]

    def _distances(self, packed: Packed, rows: Sequence[bytes], ranges: Sequence[float]) -> Floats:
        """Return the distances of vectors from one."""
        if self.quantization is BIN:
            bits = int.from_bytes(packed.data, "little")
            different = [(int.from_bytes(row, "little") ^ bits).bit_count() for row in rows]
            return floats([2 * count / self.dimensions for count in different])
        if self.quantization is F32:
            wanted = from_bytes(packed.data)
            return floats([1 - sum(map(mul, from_bytes(row), wanted)) for row in rows])
        steps = array("b", packed.data)
        scale = packed.range / (127 * 127)
        return floats(
            [
                min(max(1 - sum(map(mul, array("b", row), steps)) * scale * reach, 0.0), 2.0)
                for row, reach in zip(rows, ranges, strict=True)
            ]
        )

    def _data(self, row: int) -> bytes:
        return self._rows[row]

    def _put(self, row: int, packed: Packed) -> None:
        self._rows[row] = packed.data

    def _grow(self, packed: Packed) -> None:
        self._rows.append(packed.data)

    def _shrink(self) -> None:
        self._rows.pop()

    def take_over(self, other: Self) -> None:
        """Become a copy of another table."""
        super().take_over(other)
        self._rows = list(other._rows)

    def _bytes(self) -> int:
        each = sys.getsizeof(self._rows[0]) if self._rows else 0
        return sys.getsizeof(self._rows) + len(self._rows) * each


def _nearest(distances: Sequence[float], most: int) -> list[tuple[int, float]]:
    """Return the places of the least distances and what they are, the least first."""
    entries = list(enumerate(distances))
    if most >= len(entries):
        return sorted(entries, key=_closeness)
    return heapq.nsmallest(most, entries, key=_closeness)


def _closeness(entry: tuple[int, float]) -> float:
    """Return what rows are ordered by."""
    distance = entry[1]
    return -1.0 if math.isnan(distance) else distance


def table(quantization: Quantization, dimensions: int) -> Table:
    """Return an empty table: one that numpy searches, where it is installed."""
    # numpy takes a tenth of a second to import, which a server without vector sets need not spend.
    try:
        from vermilion.structures.numpy_vectors import NumpyTable  # noqa: PLC0415
    except ImportError:
        return PlainTable(quantization, dimensions)
    return NumpyTable(quantization, dimensions)
