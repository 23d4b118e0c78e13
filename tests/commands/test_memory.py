"""MEMORY: that its figures are those of this process."""

import gc
import sys
from collections.abc import Callable

import pytest

from vermilion import errors
from vermilion.engine.engine import Engine
from vermilion.keyspace.footprint import footprint
from vermilion.ports import MemoryFigures, TableFigures
from vermilion.protocol.reply import OK, Verbatim
from vermilion.session import CLIENT_SIZE, Session
from vermilion.structures.set import Set

Run = Callable[..., object]


class TestUsage:
    def test_is_nil_without_a_key(self, run: Run) -> None:
        assert run("MEMORY", "USAGE", "missing") is None

    def test_grows_with_the_value_and_with_a_deadline(self, run: Run) -> None:
        run("SET", "small", b"x" * 10)
        run("SET", "large", b"x" * 1010)
        small, large = run("MEMORY", "USAGE", "small"), run("MEMORY", "USAGE", "large", "SAMPLES", 0)
        assert isinstance(small, int)
        assert large == small + 1000
        run("EXPIRE", "small", 100)
        expiring = run("MEMORY", "USAGE", "small")
        assert isinstance(expiring, int)
        assert expiring > small

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            (["x"], errors.SYNTAX),
            (["SAMPLES"], errors.SYNTAX),
            (["SAMPLES", "-1"], errors.SYNTAX),
            (["SAMPLES", "x"], errors.NOT_AN_INTEGER),
        ],
    )
    def test_refuses_other_words(self, run: Run, words: list[str], error: str) -> None:
        assert run("MEMORY", "USAGE", "missing", *words) == error

    def test_looks_at_some_members_and_multiplies(self) -> None:
        members = [b"x" * 100] * 1000
        table = sys.getsizeof(members)
        empty = footprint(b"k", [], expires=False, samples=5) - sys.getsizeof([])
        expected = empty + table + 1000 * sys.getsizeof(members[0])
        assert footprint(b"k", members, expires=False, samples=5) == expected
        assert footprint(b"k", members, expires=False, samples=0) == expected

    def test_looks_into_maps_and_objects(self) -> None:
        class Node:
            __slots__ = ("value",)

            def __init__(self, value: bytes) -> None:
                self.value = value

        node = Node(b"x" * 100)
        plain = footprint(b"k", b"x" * 100, expires=False, samples=5)
        assert footprint(b"k", node, expires=False, samples=5) == plain + sys.getsizeof(node)
        pair = {b"a": b"x" * 100}
        held = sys.getsizeof(pair) + sys.getsizeof(b"a")
        assert footprint(b"k", pair, expires=False, samples=5) == plain + held

    def test_counts_each_member_of_a_set_once(self, run: Run, session: Session) -> None:
        run("SADD", "s", *(f"member:{number:050}" for number in range(200)))
        before = run("MEMORY", "USAGE", "s", "SAMPLES", 0)
        held = session.db.find(b"s", Set)
        assert held is not None
        assert held.scan(0, 10, session.db.random)[0]
        after = run("MEMORY", "USAGE", "s", "SAMPLES", 0)
        assert isinstance(before, int)
        assert isinstance(after, int)
        assert 200 * sys.getsizeof(b"x" * 57) < before < after < before + 200 * 16 + 500


class TestStats:
    @pytest.fixture
    def stats(self, run: Run) -> Callable[[], dict[bytes, object]]:
        def fields() -> dict[bytes, object]:
            reply = run("MEMORY", "STATS")
            assert isinstance(reply, dict)
            return reply

        return fields

    def test_adds_up(self, stats: Callable[[], dict[bytes, object]], run: Run) -> None:
        run("MSET", "a", 1, "b", 2)
        found = stats()
        total, overhead, data = (
            found[name] for name in (b"total.allocated", b"overhead.total", b"dataset.bytes")
        )
        assert isinstance(overhead, int)
        assert isinstance(data, int)
        assert total == overhead + data
        assert found[b"keys.count"] == 2
        assert found[b"keys.bytes-per-key"] == data // 2
        assert found[b"clients.normal"] == CLIENT_SIZE

    def test_has_the_tables_of_databases_with_keys(
        self, stats: Callable[[], dict[bytes, object]], run: Run, engine: Engine
    ) -> None:
        assert not [name for name in stats() if name.startswith(b"db.0")]
        run("SELECT", 3)
        run("SET", "k", "v", "EX", 100)
        db = engine.databases[3]
        assert stats()[b"db.3"] == {
            b"overhead.hashtable.main": sys.getsizeof(db.data) + sys.getsizeof(db.accessed),
            b"overhead.hashtable.expires": sys.getsizeof(db.expires),
        }


MIB = 1 << 20
HEALTHY = MemoryFigures(60 * MIB, 70 * MIB, 61 * MIB, 30 * MIB, 3300, [TableFigures(0, 100, 10)], 1000)


class TestDoctor:
    @pytest.mark.parametrize(
        ("figures", "beginning"),
        [
            (HEALTHY, "The memory is in good health."),
            (HEALTHY._replace(startup=58 * MIB), "There is too little data"),
            (HEALTHY._replace(peak=100 * MIB), "Peak memory: 104857600 bytes"),
            (HEALTHY._replace(resident=100 * MIB), "Resident memory: 104857600 bytes"),
            (HEALTHY._replace(clients=MIB), "Big clients: 1 clients take 1048576 bytes"),
        ],
    )
    def test_sees_what_is_wrong(
        self,
        run: Run,
        engine: Engine,
        monkeypatch: pytest.MonkeyPatch,
        figures: MemoryFigures,
        beginning: str,
    ) -> None:
        monkeypatch.setattr(engine, "memory", lambda: figures)
        reply = run("MEMORY", "DOCTOR")
        assert isinstance(reply, Verbatim)
        assert reply.text.decode().startswith(beginning)
        assert reply.text.count(b"\n") == 1


def test_overhead_is_what_is_no_data() -> None:
    assert HEALTHY.overhead == 30 * MIB + 3300 + 110
    assert HEALTHY.dataset == 30 * MIB - 3300 - 110


def test_purge_collects_garbage(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[bool] = []
    monkeypatch.setattr(gc, "collect", lambda: collected.append(True))
    assert run("MEMORY", "PURGE") == OK
    assert collected == [True]


def test_malloc_stats_says_what_cpython_knows(run: Run) -> None:
    reply = run("MEMORY", "MALLOC-STATS")
    assert isinstance(reply, Verbatim)
    lines = reply.text.decode().splitlines()
    assert lines[1].startswith("Allocated blocks: ")
    assert len([line for line in lines if line.startswith("Generation")]) == len(gc.get_stats())
