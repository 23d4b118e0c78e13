"""Packed vectors, and tables of them: both searches against the definition of a distance."""

import math
import sys
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vermilion.structures import vectors
from vermilion.structures.numpy_vectors import NumpyTable
from vermilion.structures.vectors import (
    BIN,
    F32,
    INT8,
    Packed,
    PlainTable,
    Quantization,
    Table,
    floats,
    projected,
)

finite = st.floats(-1e6, 1e6, width=32)
EVERY_QUANTIZATION = pytest.mark.parametrize("quantization", [F32, INT8, BIN], ids=lambda each: each.name)
EVERY_TABLE = pytest.mark.parametrize("kind", [PlainTable, NumpyTable])


def gauss(random: Random, dimensions: int) -> list[float]:
    return [random.gauss(0, 1) for _ in range(dimensions)]


def distance(quantization: Quantization, left: Packed, right: Packed, dimensions: int) -> float:
    """The distance of two vectors as they are kept: of their approximations, each divided by its length."""
    scale = math.sqrt(dimensions)
    one, other = (
        [
            value / (scale if quantization is BIN else packed.norm)
            for value in quantization.unpack(packed, dimensions)
        ]
        for packed in (left, right)
    )
    return min(max(1 - sum(a * b for a, b in zip(one, other, strict=True)), 0), 2)


@EVERY_QUANTIZATION
@EVERY_TABLE
@pytest.mark.parametrize("dimensions", [1, 3, 64, 65, 130])
def test_the_nearest_are_the_nearest(kind: type[Table], quantization: Quantization, dimensions: int) -> None:
    random = Random(dimensions)
    packed = [quantization.pack(gauss(random, dimensions)) for _ in range(60)]
    table = kind(quantization, dimensions)
    for each in packed:
        table.append(each)
    wanted = quantization.pack(gauss(random, dimensions))
    expected = sorted(distance(quantization, wanted, each, dimensions) for each in packed)
    for most in (1, 7, 60, 100):
        found = table.nearest(wanted, most)
        assert [each for _, each in found] == pytest.approx(expected[:most], abs=1e-5)
        for row, how_far in found:
            assert how_far == pytest.approx(distance(quantization, wanted, packed[row], dimensions), abs=1e-5)


@EVERY_QUANTIZATION
@EVERY_TABLE
@settings(max_examples=25)
@given(changes=st.lists(st.tuples(st.sampled_from("addx"), st.integers(0, 99)), max_size=60))
def test_a_table_is_a_list_whose_last_row_fills_gaps(
    kind: type[Table], quantization: Quantization, changes: list[tuple[str, int]]
) -> None:
    table, model = kind(quantization, 3), list[Packed]()
    for what, number in changes:
        packed = quantization.pack([1.0, number, -number])
        if what == "a" or not model:
            table.append(packed)
            model.append(packed)
        elif what == "d":
            row = number % len(model)
            del table[row]
            last = model.pop()
            if row < len(model):
                model[row] = last
        else:
            table[number % len(model)] = model[number % len(model)] = packed
    copy = table.copy()
    for each in (table, copy):
        assert [each[row] for row in range(len(each))] == model
    if model:
        del copy[0]
        assert len(table) == len(model)


@EVERY_TABLE
def test_a_table_that_shrinks_gives_memory_back(kind: type[Table]) -> None:
    table = kind(F32, 50)
    for number in range(400):
        table.append(F32.pack([number, *[1.0] * 49]))
    full = sys.getsizeof(table)
    assert full > 400 * 50 * 4
    for _ in range(390):
        del table[0]
    assert sys.getsizeof(table) < full / 4
    assert len(table.nearest(table[0], 20)) == 10


@EVERY_TABLE
def test_what_is_no_number_comes_first(kind: type[Table]) -> None:
    table = kind(F32, 2)
    for vector in ([1.0, 0.0], [math.inf, 1.0], [1.0, 1.0]):
        table.append(F32.pack(vector))
    rows = [row for row, _ in table.nearest(F32.pack([0.0, 1.0]), 3)]
    assert rows == [1, 2, 0]
    assert [row for row, _ in table.nearest(F32.pack([0.0, 1.0]), 2)] == [1, 2]


@EVERY_TABLE
def test_rows_as_near_as_each_other_keep_their_order(kind: type[Table]) -> None:
    table = kind(INT8, 2)
    for _ in range(5):
        table.append(INT8.pack([3.0, 4.0]))
    assert [row for row, _ in table.nearest(INT8.pack([1.0, 0.0]), 5)] == [0, 1, 2, 3, 4]


@given(st.lists(finite, min_size=1, max_size=20))
def test_unpacking_gives_about_what_was_packed(vector: list[float]) -> None:
    longest = max(map(abs, vector))
    exact = F32.pack(vector)
    assert list(F32.unpack(exact, len(vector))) == pytest.approx(vector, rel=1e-5, abs=longest * 1e-6 + 1e-30)
    packed = INT8.pack(vector)
    assert len(packed.data) == len(vector)
    if packed.range:
        assert list(INT8.unpack(packed, len(vector))) == pytest.approx(vector, abs=longest / 200 + 1e-20)
        again = INT8.pack(INT8.unpack(packed, len(vector)))
        assert again.data == packed.data
    signs = [1.0 if value > 0 else -1.0 for value in F32.unpack(exact, len(vector))]
    assert list(BIN.unpack(BIN.pack(vector), len(vector))) == signs
    assert len(BIN.pack(vector).data) % 8 == 0


@given(st.lists(st.floats(width=32), min_size=1, max_size=5))
@EVERY_QUANTIZATION
def test_any_floats_can_be_packed(quantization: Quantization, vector: list[float]) -> None:
    packed = quantization.pack(vector)
    assert len(list(quantization.unpack(packed, len(vector)))) == len(vector)


def hadamard(vector: Sequence[float], dimensions: int) -> list[float]:
    """The projection by its definition."""
    scale = 1 / math.sqrt(len(vector))
    return [
        scale * sum(-value if (i & j).bit_count() % 2 else value for j, value in enumerate(vector))
        for i in range(dimensions)
    ]


@given(st.lists(st.integers(-100, 100), min_size=1, max_size=33), st.integers(1, 70))
def test_a_projection_is_a_product_with_a_hadamard_matrix(vector: list[int], dimensions: int) -> None:
    assert list(projected(vector, dimensions)) == pytest.approx(hadamard(vector, dimensions), abs=1e-3)


def test_bytes_are_little_endian() -> None:
    assert F32.pack([1.0, 0.0]).data == b"\x00\x00\x80?\x00\x00\x00\x00"
    assert list(vectors.from_bytes(b"\x00\x00\x80?\x00\x00\x00@")) == [1.0, 2.0]
    assert floats([0.1])[0] == pytest.approx(0.1)


def test_without_numpy_python_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(vectors.table(F32, 2), NumpyTable)
    monkeypatch.setitem(sys.modules, "vermilion.structures.numpy_vectors", None)
    assert isinstance(vectors.table(F32, 2), PlainTable)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 3), (9, 2), (7, 7), (20, 300), (5, 64)])
def test_the_matrix_is_that_of_the_projection(rows: int, columns: int) -> None:
    random = Random(2)
    vector = floats(random.uniform(-5, 5) for _ in range(columns))
    matrix = vectors.from_bytes(b"".join(vectors.hadamard(rows, columns)))
    assert len(matrix) == rows * columns
    assert vectors.multiplied(matrix, vector) == pytest.approx(projected(vector, rows), abs=1e-4)
