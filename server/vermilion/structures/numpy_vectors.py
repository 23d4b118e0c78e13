"""A table of vectors that numpy searches: one matrix, whose rows are all compared for each question."""

from typing import TYPE_CHECKING, Any, Final, TypeAlias

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
        with np.errstate(all="ignore"):  # vectors may hold infinities
            distances = self._distances(np.frombuffer(packed.data, self._kind), packed.range)
        order = np.nan_to_num(distances, nan=-1.0)
        if most < len(order):
            rows = np.argpartition(order, most - 1)[:most]
            rows = rows[np.lexsort((rows, order[rows]))]
        else:
            rows = np.argsort(order, kind="stable")
        return list(zip(rows.tolist(), distances[rows].tolist(), strict=True))

    def _distances(self, wanted: "Matrix", reach: float) -> "Matrix":
        """Return the distance of every row."""
        matrix = self._matrix[: len(self)]
        if self.quantization is BIN:
            different = bitwise_count(matrix ^ wanted).sum(axis=1, dtype=np.float32)
            return np.asarray(different * np.float32(2) / np.float32(self.dimensions))
        # Row by row: the matrix product takes several threads, which wait for each other where cores are shared.
        steps = wanted.astype(np.float32)
        products = np.empty(len(matrix), np.float32)
        for start in range(0, len(matrix), _BLOCK):
            block = matrix[start : start + _BLOCK]
            np.vecdot(block.astype(np.float32, copy=False), steps, out=products[start : start + _BLOCK])
        if self.quantization is F32:
            return np.asarray(np.float32(1) - products)
        ranges = np.frombuffer(self._ranges, np.float32)
        scales = np.float32(reach) / np.float32(127) * (ranges / np.float32(127))
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

    def _bytes(self) -> int:
        return self._matrix.nbytes
