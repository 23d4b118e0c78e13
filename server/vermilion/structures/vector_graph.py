"""The links that a vector set needs to be searched by a real Redis: a graph over the rows of a table, in layers.

Redis begins a search at an element of the highest layer and goes on to whichever neighbour is nearer (HNSW: Malkov and
Yashunin, 2016). Here nothing is linked while elements come, as every search looks at all of them; so the graph is made
at once, when it is written down. In each layer every row is linked, both ways, with

    two others, so that all of them are one chain: nothing is out of reach
    a few by chance, so that the way from one heap of vectors to another one is short
    those nearest to it, as far as there is room: twice M in layer 0, M above

The nearest are looked for in groups of some hundred rows, which are halved out of all of them by planes between two
rows taken at random, several times over (random projection trees: Dasgupta and Freund, 2008). A few of the nearest are
missed by that, where comparing all with all would take hours. The same rows give the same graph every time.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

from vermilion.structures.vectors import Table

_TREES: Final = 3
"""How often all rows are divided; each time brings neighbours that the others have torn apart."""

_MOST_NEAREST: Final = 32
"""How many of the nearest a row looks for, however great M is: more would not help a search, but take long."""

_BATCH: Final = 256
"""Rows that are linked by chance between two rests."""


class Graph:
    """The links between the rows of a table.

    Args:
        table: the vectors; they must not change.
        levels: the highest layer that each row is in.
        links: how many links a row has in a layer, M; there is room for twice as many in layer 0.

    LLM Context:
        - `steps` makes the links, some milliseconds of work at a time; `layers` is empty before.

    Example:
        >>> from vermilion.structures.vectors import F32, table
        >>> rows = table(F32, 2)
        >>> for vector in ([1, 0], [0, 1], [1, 1]):
        ...     rows.append(F32.pack(vector))
        >>> graph = Graph(rows, bytes(3), 16)
        >>> for _ in graph.steps():
        ...     pass
        >>> sorted(graph.layers[0].links[2]), graph.layers[0].links[0][graph.layers[0].worst[0]]
        ([0, 1], 1)
    """

    __slots__ = ("_levels", "_links", "_table", "layers")

    def __init__(self, table: Table, levels: Sequence[int], links: int) -> None:
        self._table = table
        self._levels = levels
        self._links = links
        self.layers: list[Layer] = []

    def room(self, level: int) -> int:
        """Return how many links a row can have in a layer."""
        return self._links if level else 2 * self._links

    def steps(self) -> Iterator[None]:
        """Make the links; yield from time to time."""
        rows: Sequence[int] = range(len(self._levels))
        level = 0
        while rows:
            layer = Layer(rows, self.room(level))
            self.layers.append(layer)
            yield from layer.connect(self._table, self._links)
            level += 1
            rows = [row for row in rows if self._levels[row] >= level]


class Layer:
    """One layer of the graph.

    Args:
        rows: which are in it.
        room: how many links each of them can have.
    """

    __slots__ = ("_room", "distances", "links", "worst")

    def __init__(self, rows: Sequence[int], room: int) -> None:
        self._room = room
        self.links: dict[int, list[int]] = {row: [] for row in rows}
        self.worst = dict.fromkeys(rows, 0)
        """The place of the link that is farthest away."""
        self.distances = dict.fromkeys(rows, 0.0)
        """How far that is."""

    def connect(self, table: Table, nearest: int) -> Iterator[None]:
        """Link the rows of the layer; yield from time to time.

        Args:
            table: the vectors.
            nearest: how many near ones each row looks for.
        """
        random = Random(0)  # noqa: S311
        rows = list(self.links)
        most = min(nearest, _MOST_NEAREST)
        divided = len(rows) > table.group_size
        near: dict[int, list[tuple[float, int]]] = {row: [] for row in rows}
        for tree in range(_TREES if divided else 1):
            last: list[int] = []
            for group in _groups(table, rows, random):
                if not tree:
                    chain = [*last, *group]
                    self._link_all(table, chain[:-1], chain[1:])
                    last = chain[-1:]
                for row, (places, distances) in zip(group, table.nearby(group, most), strict=True):
                    others = [group[place] for place in places]
                    found = zip(distances, others, strict=True)
                    near[row] = sorted({*near[row], *found})[:most] if tree else list(found)
                yield
        if divided:
            few = max(1, nearest // 8)
            for start in range(0, len(rows), _BATCH):
                some = rows[start : start + _BATCH] * few
                self._link_all(table, some, random.choices(rows, k=len(some)))
                yield
        # All their nearest first, then all their second, so that nobody's room is full of others' sixteenths.
        for rank in range(most):
            for done, (row, entries) in enumerate(near.items()):
                if rank < len(entries):
                    distance, other = entries[rank]
                    self._link(row, other, distance)
                if not done % _BATCH:
                    yield

    def _link_all(self, table: Table, firsts: Sequence[int], seconds: Sequence[int]) -> None:
        """Link rows by pairs."""
        for first, second, distance in zip(firsts, seconds, table.between(firsts, seconds), strict=True):
            self._link(first, second, distance)

    def _link(self, first: int, second: int, distance: float) -> None:
        """Link two rows, both ways, if they are not, and both have room."""
        ours, theirs = self.links[first], self.links[second]
        if first == second or len(ours) >= self._room or len(theirs) >= self._room or second in ours:
            return
        ours.append(second)
        theirs.append(first)
        for row, links in ((first, ours), (second, theirs)):
            if distance > self.distances[row]:
                self.distances[row] = distance
                self.worst[row] = len(links) - 1


def _groups(table: Table, rows: Sequence[int], random: Random) -> Iterator[Sequence[int]]:
    """Yield rows in groups of such as are near each other, and groups near each other one after the other."""
    waiting = [rows]
    while waiting:
        group = waiting.pop()
        size = len(group)
        if size <= table.group_size:
            yield group
            continue
        first, second = random.sample(group, 2)
        to_first = table.between(group, [first] * size)
        to_second = table.between(group, [second] * size)
        nearer = [a - b for a, b in zip(to_first, to_second, strict=True)]
        # In halves, whatever the distances: the depth stays that of a balanced tree for equal vectors, too.
        order = sorted(range(size), key=nearer.__getitem__)
        waiting.append([group[place] for place in order[size // 2 :]])
        waiting.append([group[place] for place in order[: size // 2]])
