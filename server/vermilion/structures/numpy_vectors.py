"""A table of vectors that numpy searches: one matrix, whose rows are all compared for each question."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import numpy as np
from numpy import bitwise_count  # of numpy 2.0: an older one is as good as none

from vermilion.structures.vectors import BIN, F32, Packed, Quantization, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix: TypeAlias = NDArray[Any]

_BLOCK: Final = 512
"""Rows of bytes that are made floats at once: few enough for the processor's cache."""

_LEAST: Final = 16


class NumpyTable(Table):
    """A table that numpy searches.

    The matrix has more rows than vectors, and half as many again when they run out, so that adding one is O(1).
    """

    __slots__ = ("_kind", "_matrix", "_width")

    group_size = 512

    def __init__(self, quantization: Quantization, dimensions: int) -> None:
        super().__init__(quantization, dimensions)
        if quantization is BIN:
            self._kind: np.dtype[Any] = np.dtype("<u8")
            self._width = -(-dimensions // 64)
        else:
            self._kind = np.dtype("<f4" if quantization is F32 else "i1")
            self._width = dimensions
        self._matrix: Matrix = np.empty((0, self._width), self._kind)

    def nearest(self, packed: Packed, most: int) -> list[tuple[int, float]]:
        """Return the rows nearest to a vector."""
        wanted = np.frombuffer(packed.data, self._kind)
        with np.errstate(all="ignore"):  # vectors may hold infinities
            distances = self._distances(self._matrix[: len(self)], self._reaches, wanted, packed.range)
        order = np.nan_to_num(distances, nan=-1.0)
        if most < len(order):
            rows = np.argpartition(order, most - 1)[:most]
            rows = rows[np.lexsort((rows, order[rows]))]
        else:
            rows = np.argsort(order, kind="stable")
        return list(zip(rows.tolist(), distances[rows].tolist(), strict=True))

    def nearby(self, rows: Sequence[int], most: int) -> list[tuple[list[int], list[float]]]:
        """Return for each of some rows which others of them are nearest to it."""
        most = min(most, len(rows) - 1)
        if not most:
            return [([], [])] * len(rows)
        some, reaches = self._matrix[rows], self._reaches[rows]
        with np.errstate(all="ignore"):
            if self.quantization is BIN:
                distances = np.stack([self._distances(some, reaches, one, 0.0) for one in some])
            else:
                some = some.astype(np.float32)
                distances = self._scaled(some @ some.T, reaches[:, None], reaches)
        order = np.nan_to_num(distances, nan=-1.0)
        np.fill_diagonal(order, np.inf)
        nearest = np.argpartition(order, most - 1, axis=1)[:, :most]
        sorting = np.take_along_axis(order, nearest, axis=1).argsort(axis=1)
        nearest = np.take_along_axis(nearest, sorting, axis=1)
        near = np.take_along_axis(distances, nearest, axis=1)
        return list(zip(nearest.tolist(), near.tolist(), strict=True))

    def between(self, firsts: Sequence[int], seconds: Sequence[int]) -> list[float]:
        """Return the distances between rows, pair by pair."""
        matrix, reaches = self._matrix, self._reaches
        found: list[float] = []
        with np.errstate(all="ignore"):
            for start in range(0, len(firsts), _BLOCK):
                some, others = firsts[start : start + _BLOCK], seconds[start : start + _BLOCK]
                found += self._distances(
                    matrix[some], reaches[some], matrix[others], reaches[others]
                ).tolist()
        return found

    @property
    def _reaches(self) -> "Matrix":
        """The ranges of all vectors, without a copy."""
        return np.frombuffer(self._ranges, np.float32)

    def _distances(
        self, matrix: "Matrix", reaches: "Matrix", wanted: "Matrix", reach: "Matrix | float"
    ) -> "Matrix":
        """Return the distance of every row of a matrix from a vector.

        Args:
            matrix: the vectors.
            reaches: their ranges.
            wanted: the vector, or one for each row of a matrix of one block.
            reach: its range, or theirs.
        """
        if self.quantization is BIN:
            different = bitwise_count(matrix ^ wanted).sum(axis=1, dtype=np.float32)
            return np.asarray(different * np.float32(2) / np.float32(self.dimensions))
        # Row by row: the matrix product takes several threads, which wait for each other where cores are shared.
        steps = wanted.astype(np.float32, copy=False)
        products = np.empty(len(matrix), np.float32)
        for start in range(0, len(matrix), _BLOCK):
            block = matrix[start : start + _BLOCK]
            np.vecdot(block.astype(np.float32, copy=False), steps, out=products[start : start + _BLOCK])
        return self._scaled(products, np.asarray(reach, np.float32), reaches)

    def _scaled(self, products: "Matrix", first: "Matrix", second: "Matrix") -> "Matrix":
        """Return the distances of vectors whose products and ranges are given."""
        if self.quantization is F32:
            return np.asarray(np.float32(1) - products)
        scales = first / np.float32(127) * (second / np.float32(127))
        return np.asarray(np.clip(np.float32(1) - products * scales, 0, 2))

    def _data(self, row: int) -> bytes:
        return bytes(self._matrix[row].tobytes())

    def _put(self, row: int, packed: Packed) -> None:
        self._matrix[row] = np.frombuffer(packed.data, self._kind)

    def _grow(self, packed: Packed) -> None:
        size = len(self)
        if size > len(self._matrix):
            wider = np.empty((max(_LEAST, size + size // 2), self._width), self._kind)
            wider[: size - 1] = self._matrix
            self._matrix = wider
        self._put(size - 1, packed)

    def _shrink(self) -> None:
        size = len(self)
        if size < len(self._matrix) // 4 and len(self._matrix) > _LEAST:
            self._matrix = self._matrix[: size * 2 or _LEAST].copy()

    def take_over(self, other: Self) -> None:
        """Become a copy of another table."""
        super().take_over(other)
        self._matrix = other._matrix[: len(other)].copy()

    def _bytes(self) -> int:
        return self._matrix.nbytes
