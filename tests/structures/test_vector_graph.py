"""The graph over a table: its links go both ways, reach everything, and lead a search to what is near."""

from array import array
from collections.abc import Sequence
from random import Random

import pytest

from vermilion.structures.numpy_vectors import NumpyTable
from vermilion.structures.vector_graph import Graph, Layer
from vermilion.structures.vectors import BIN, F32, INT8, Floats, PlainTable, Quantization, Table, floats

TABLES = [NumpyTable, PlainTable]
QUANTIZATIONS = pytest.mark.parametrize("quantization", [F32, INT8, BIN], ids=lambda kind: kind.name)


def heaps(count: int, dimensions: int, number: int) -> list[Floats]:
    """Vectors in heaps that are far from each other."""
    random = Random(4)
    centres = [[random.gauss(0, 1) for _ in range(dimensions)] for _ in range(number)]
    return [floats(random.gauss(value, 0.1) for value in random.choice(centres)) for _ in range(count)]


def filled(kind: type[Table], quantization: Quantization, vectors: Sequence[Sequence[float]]) -> Table:
    made = kind(quantization, len(vectors[0]))
    for vector in vectors:
        made.append(quantization.pack(vector))
    return made


def graph(table: Table, levels: Sequence[int], links: int) -> Graph:
    made = Graph(table, levels, links)
    for _ in made.steps():
        pass
    return made


def check(layer: Layer, table: Table, room: int) -> None:
    """What Redis asks of a layer, and that everything is reached."""
    for row, links in layer.links.items():
        assert len(set(links)) == len(links) <= room
        assert row not in links
        assert all(row in layer.links[other] for other in links)
        if links:
            distances = table.between([row] * len(links), links)
            assert distances[layer.worst[row]] == pytest.approx(max(distances), abs=1e-6)
            assert layer.distances[row] == pytest.approx(max(distances), abs=1e-6)
    reached, waiting = set(), [next(iter(layer.links))]
    while waiting:
        row = waiting.pop()
        if row not in reached:
            reached.add(row)
            waiting += layer.links[row]
    assert reached == set(layer.links)


@pytest.mark.parametrize("kind", TABLES)
@QUANTIZATIONS
@pytest.mark.parametrize(("count", "links"), [(1, 16), (2, 4), (33, 16), (40, 4), (700, 4), (700, 16)])
def test_links(kind: type[Table], quantization: Quantization, count: int, links: int) -> None:
    table = filled(kind, quantization, heaps(count, 12, 9))
    random = Random(8)
    levels = [random.choice((0, 0, 0, 1, 1, 3)) for _ in range(count)]
    made = graph(table, levels, links)
    assert len(made.layers) == max(levels) + 1
    for level, layer in enumerate(made.layers):
        assert sorted(layer.links) == [row for row in range(count) if levels[row] >= level]
        check(layer, table, links if level else 2 * links)


@pytest.mark.parametrize("kind", TABLES)
def test_the_same_vectors_give_the_same_links(kind: type[Table]) -> None:
    table = filled(kind, INT8, heaps(100, 8, 3))
    first, second = (graph(table, bytes(100), 4).layers[0] for _ in range(2))
    assert (first.links, first.worst, first.distances) == (second.links, second.worst, second.distances)


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("value", [0.0, 1.0, float("nan"), float("inf")])
def test_vectors_that_are_alike(kind: type[Table], value: float) -> None:
    table = filled(kind, F32, [floats([value, 1.0])] * 600)
    layer = graph(table, bytes(600), 4).layers[0]
    assert all(row in layer.links[other] for row, links in layer.links.items() for other in links)
    assert all(layer.links.values())


def test_everything_is_linked_with_everything_where_there_is_room() -> None:
    made = graph(filled(NumpyTable, F32, heaps(17, 5, 2)), bytes(17), 16)
    assert {len(links) for links in made.layers[0].links.values()} == {16}


@pytest.mark.parametrize("kind", TABLES)
def test_a_search_finds_what_is_near(kind: type[Table]) -> None:
    count = 1500 if kind is NumpyTable else 300
    table = filled(kind, F32, heaps(count, 16, 40))
    layer = graph(table, bytes(count), 16).layers[0]
    hits = 0
    for wanted in range(0, count, count // 30):
        exact = {row for row, _ in table.nearest(table[wanted], 5)}
        hits += len(exact & set(found(layer, table, wanted)[:5]))
    assert hits >= 0.9 * 150


def found(layer: Layer, table: Table, wanted: int, effort: int = 60) -> list[int]:
    """A search as in an HNSW: from row 0 on, always at what is nearest so far."""
    distance = {0: table.between([0], [wanted])[0]}
    seen: set[int] = set()
    while todo := [row for row in sorted(distance, key=distance.__getitem__)[:effort] if row not in seen]:
        seen.add(todo[0])
        new = [row for row in layer.links[todo[0]] if row not in distance]
        distance |= dict(zip(new, table.between(new, [wanted] * len(new)), strict=True))
    return sorted(distance, key=distance.__getitem__)


@pytest.mark.parametrize("kind", TABLES)
@QUANTIZATIONS
def test_what_is_near_among_some_rows(kind: type[Table], quantization: Quantization) -> None:
    table = filled(kind, quantization, heaps(40, 70, 3))
    rows = [7, 30, 2, 19, 33, 11]
    for place, (places, distances) in enumerate(table.nearby(rows, 3)):
        exact = dict(table.nearest(table[rows[place]], 40))
        assert distances == pytest.approx([exact[rows[other]] for other in places], abs=1e-6)
        others = sorted(exact[row] for row in rows if row != rows[place])
        assert distances == pytest.approx(others[:3], abs=1e-6)
        assert place not in places
    assert [len(places) for places, _ in table.nearby(rows, 100)] == [5] * 6
    assert table.nearby([4], 3) == [([], [])]


@pytest.mark.parametrize("kind", TABLES)
def test_a_copy_of_a_table_is_its_own(kind: type[Table]) -> None:
    table = filled(kind, INT8, heaps(20, 6, 3))
    before = [table[row] for row in range(20)]
    copy = table.copy()
    del table[3]
    table[0] = before[7]
    assert [copy[row] for row in range(20)] == before
    copy.append(before[1])
    assert (len(copy), copy[20], len(table)) == (21, before[1], 19)
    assert array("f", [packed.norm for packed in before]) == array("f", [copy[row].norm for row in range(20)])
