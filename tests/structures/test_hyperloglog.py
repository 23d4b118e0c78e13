"""HyperLogLogs against a model that is a list of registers."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.structures import hyperloglog as hll

UPDATES = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 20), st.integers(0, hll.REGISTERS - 1)),
        st.one_of(st.integers(1, 3), st.integers(1, 51)),
    ),
    max_size=60,
)


def filled(updates: list[tuple[int, int]], limit: int) -> tuple[bytearray, bytearray]:
    """A sketch after updates, and the registers that it should have."""
    sketch, model = hll.new(), bytearray(hll.REGISTERS)
    for index, value in updates:
        assert hll.put(sketch, index, value, limit) == (model[index] < value)
        model[index] = max(model[index], value)
    return sketch, model


@given(UPDATES, st.sampled_from([0, 20, 40, 3000]))
def test_registers_keep_their_greatest_value(updates: list[tuple[int, int]], limit: int) -> None:
    sketch, model = filled(updates, limit)
    assert hll.registers(sketch) == model
    assert hll.is_sketch(sketch)
    assert hll.is_dense(sketch) or len(sketch) <= max(limit, 18)


@given(UPDATES)
def test_sparse_and_dense_estimate_the_same(updates: list[tuple[int, int]]) -> None:
    sketch, model = filled(updates, 3000)
    expected = hll.count(sketch)
    assert hll.estimate(bytes(model)) == expected
    hll.make_dense(sketch)
    assert hll.registers(sketch) == model
    assert hll.count(sketch) == expected


@given(UPDATES, UPDATES)
def test_a_union_has_the_greater_registers(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    a, b = filled(one, 3000)[0], filled(other, 0)[0]
    assert hll.highest([a, b]) == filled(one + other, 3000)[1]
    assert hll.highest([]) == bytes(hll.REGISTERS)


@pytest.mark.parametrize("seed", range(5))
def test_registers_are_read_as_they_were_written(seed: int) -> None:
    random = Random(seed)
    registers = bytes(random.randrange(64) for _ in range(hll.REGISTERS))
    sketch = hll.new()
    hll.write_registers(sketch, registers)
    assert (len(sketch), hll.registers(sketch)) == (hll.DENSE_SIZE, registers)


def test_a_long_sparse_one() -> None:
    """Longer than the stretch whose registers are counted at once."""
    random = Random(4)
    updates = [(random.randrange(hll.REGISTERS), random.randint(1, 9)) for _ in range(3000)]
    sketch, model = filled(updates, 10_000)
    assert not hll.is_dense(sketch)
    assert hll.registers(sketch) == model


@pytest.mark.parametrize("added", [0, 1, 10, 100, 1000, 10_000, 50_000])
def test_the_estimate_is_near(added: int) -> None:
    sketch = hll.new()
    for number in range(added):
        hll.put(sketch, *hll.place(b"%d" % number), 3000)
    assert abs(hll.count(sketch) - added) <= added * 0.03


@given(st.binary(max_size=60))
def test_strings_that_are_none(text: bytes) -> None:
    assert not hll.is_sketch(text)
    assert not hll.is_sketch(b"HYLL\0" + text)


@given(st.binary(max_size=60), st.integers(0, hll.REGISTERS - 1))
def test_runs_of_any_bytes_are_safe(text: bytes, index: int) -> None:
    sketch = hll.new()[: hll.HEADER] + text
    try:
        hll.put(sketch, index, 2, 3000)
        registers = hll.registers(sketch)
        assert registers[index] >= 2
    except hll.CorruptError:
        return
    assert len(registers) == hll.REGISTERS


def test_the_estimate_in_the_header() -> None:
    sketch = hll.new()
    hll.forget(sketch)
    assert hll.remembered(sketch) is None
    hll.remember(sketch, 2**40 + 7)
    assert hll.remembered(sketch) == 2**40 + 7


@given(st.binary(max_size=40))
def test_elements_fall_into_registers(element: bytes) -> None:
    index, rank = hll.place(element)
    hashed = hll.murmur(element)
    assert index == hashed % hll.REGISTERS
    assert rank == 51 if hashed >> 14 == 0 else hashed >> 14 & (1 << rank) - 1 == 1 << rank - 1


def test_the_self_test_passes_and_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hll.self_test(Random(1)) is None
    monkeypatch.setattr(hll, "count", len)
    assert hll.self_test(Random(1)) is not None
