"""A database that goes back to what it was, whatever was done to it meanwhile."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from conformance.corpus import Step, load
from vermilion import Vermilion
from vermilion.keyspace.digest import digest_of_databases
from vermilion.keyspace.recording import ORDER_LIMIT
from vermilion.keyspace.value import encoding
from vermilion.structures.hash import Hash
from vermilion.testing.link import Link

FILES = load()
GROUPS = sorted({file.group for file in FILES} - {"vector-set"})  # which have no digest
EVERY = 20
"""Of so many cases one is tried: all of them take minutes."""

LEFT_OUT = {b"shutdown", b"debug", b"quit", b"acl", b"config", b"migrate", b"sync", b"psync", b"vadd"}
"""What ends the client or the server, sleeps, or is about something else than keys."""


@pytest.fixture
def instance() -> Vermilion:
    return Vermilion()


def state(instance: Vermilion) -> tuple[Any, ...]:
    """Return all there is to know of the keys."""
    databases = [db for db in instance.backend.engine.databases if db.data]
    return (
        digest_of_databases(databases),
        [
            (
                db.index,
                [(key, encoding(value)) for key, value in db.data.items()],
                sorted(db.expires.items()),
                [dict(value.deadlines or {}) for value in db.data.values() if isinstance(value, Hash)],
                db.scan(0, 1_000_000),
            )
            for db in databases
        ],
    )


def calls(steps: tuple[Step, ...]) -> Iterator[list[bytes]]:
    """Yield the plain calls of a case."""
    for step in steps:
        argv = [word.data for word in step.words]
        if argv and step.verb not in {"raw", "sleep", "recv", "let"} and argv[0].lower() not in LEFT_OUT:
            yield argv


@pytest.mark.parametrize("group", GROUPS)
def test_every_call_of_the_corpus_can_be_undone(group: str) -> None:
    instance = Vermilion()
    instance.clock.freeze()
    backend = instance.backend
    files = [file for file in FILES if file.group == group]
    for case in [case for file in files for case in file.cases][::EVERY]:
        for db in backend.engine.databases:
            db.clear()
            while db._stretches:  # type: ignore[attr-defined]  # they record, all of them
                db.drop_stretch(0)  # type: ignore[attr-defined]  # the same
        link = Link(backend)
        seen = []
        for argv in calls(case.steps):
            state(instance)  # to look is to expire what is due
            before = state(instance)
            for db in backend.engine.databases:
                db.begin_stretch()  # type: ignore[attr-defined]  # the same
            seen.append((argv, before))
            link.call(argv)
            if link.session.pending is not None or link.ended:
                link.close()
                link = Link(backend)
        for number, (argv, before) in reversed(list(enumerate(seen))):
            for db in backend.engine.databases:
                db.go_back(number)  # type: ignore[attr-defined]  # the same
            assert state(instance) == before, (case.title, argv)
        link.close()


def test_nothing_is_copied_until_it_changes(instance: Vermilion) -> None:
    client: Any = instance.connect()
    client.rpush("list", 1, 2)
    db = instance.backend.engine.databases[0]
    held = db.data[b"list"]
    instance.snapshot()
    client.lrange("list", 0, -1)
    assert db.data[b"list"] is held
    assert db._keys == {}  # type: ignore[attr-defined]  # it records


def test_an_empty_database_records_nothing(instance: Vermilion) -> None:
    client: Any = instance.connect()
    instance.snapshot()
    client.set("key", 1)
    assert instance.backend.engine.databases[0]._keys is None  # type: ignore[attr-defined]  # it records
    instance.restore()
    assert client.dbsize() == 0


def test_what_expires_is_put_back_with_its_deadline(instance: Vermilion) -> None:
    instance.clock.freeze()
    client: Any = instance.connect()
    client.set("key", 1, ex=100)
    client.hset("hash", mapping={"a": 1, "b": 2})
    client.hexpire("hash", 50, "a")
    instance.snapshot()
    client.persist("key")
    client.hpersist("hash", "a")
    instance.restore()
    assert client.ttl("key") == 100
    assert client.httl("hash", "a") == [50]
    instance.clock.advance(60)
    assert client.hgetall("hash") == {b"b": b"2"}
    instance.clock.advance(60)
    assert client.exists("key") == 0


def test_flushing_keeps_the_tables(instance: Vermilion) -> None:
    client: Any = instance.connect()
    client.mset({f"key:{number}": number for number in range(100)})
    table = instance.backend.engine.databases[0].data
    instance.snapshot()
    client.set("key:1", "changed")
    client.flushall()
    client.set("key:2", "new")
    instance.restore()
    assert instance.backend.engine.databases[0].data is table
    assert client.mget("key:1", "key:2") == [b"1", b"2"]
    assert client.dbsize() == 100


def test_databases_that_were_swapped_are_themselves_again(instance: Vermilion) -> None:
    first, second = instance.connect(db=0), instance.connect(db=1)
    first.rpush("list", "first")
    second.rpush("list", "second")
    instance.snapshot()
    first.rpush("list", "more")
    first.swapdb(0, 1)
    first.rpush("list", "most")
    instance.restore()
    assert [client.lrange("list", 0, -1) for client in (first, second)] == [[b"first"], [b"second"]]


def test_the_order_of_keys_is_restored(instance: Vermilion) -> None:
    client: Any = instance.connect()
    client.mset({f"key:{number}": number for number in range(50)})
    instance.snapshot()
    client.set("new", 1)
    client.delete("key:7", "key:20", "new")
    instance.restore()
    before = client.keys(), client.scan(0, count=1000)
    client.delete("key:3")
    client.set("key:3", 3)
    instance.restore()
    assert (client.keys(), client.scan(0, count=1000)) == before


def test_very_many_keys_are_restored_without_their_order(instance: Vermilion) -> None:
    client: Any = instance.connect()
    client.mset({f"key:{number}": number for number in range(ORDER_LIMIT + 10)})
    instance.snapshot()
    client.delete("key:7")
    assert instance.backend.engine.databases[0]._stretches[-1].order is None  # type: ignore[attr-defined]
    instance.restore()
    assert client.get("key:7") == b"7"


def test_keys_deleted_before_their_order_was_written_down_come_back(instance: Vermilion) -> None:
    client = instance.connect()
    client.mset({f"key:{number}": 1 for number in range(ORDER_LIMIT + 1)})
    instance.snapshot()
    client.delete("key:0")  # there are too many to write their order down
    client.delete("key:1")  # and now there are not
    instance.restore()
    assert client.dbsize() == ORDER_LIMIT + 1
    assert client.get("key:0") == b"1"


CHANGES: list[tuple[Any, ...]] = [
    ("SET", "a", "1"), ("SET", "a", "2"), ("DEL", "a"), ("RPUSH", "list", "x"), ("LPOP", "list"), ("DEL", "list"),
    ("SET", "b", "1"), ("DEL", "b"), ("EXPIRE", "a", "100"), ("FLUSHALL",), ("RENAME", "a", "b"), ("SWAPDB", "0", "1"),
]  # fmt: skip


def keys_of(instance: Vermilion) -> tuple[Any, ...]:
    """Return all there is to know of the keys, but for the order in which SCAN goes over them."""
    digest, databases = state(instance)
    return digest, [database[:-1] for database in databases]


@pytest.mark.parametrize("seed", range(40))
def test_dropped_snapshots_leave_the_others_as_they_were(instance: Vermilion, seed: int) -> None:
    instance.clock.freeze()
    chance = Random(seed)
    link = Link(instance.backend)
    taken = []
    for _ in range(60):
        match chance.randrange(8):
            case 0:
                taken.append((instance.snapshot(), keys_of(instance)))
            case 1 if len(taken) > 1:
                dropped, _ = taken.pop(chance.randrange(len(taken)))
                instance.backend.states.drop(dropped)
            case 2 if taken and chance.random() < 0.3:
                number = chance.randrange(len(taken))
                del taken[number + 1 :]
                instance.restore(taken[number][0])
                assert keys_of(instance) == taken[number][1]
            case _:
                link.call([word.encode() for word in chance.choice(CHANGES)])
    for snapshot, expected in reversed(taken):
        instance.restore(snapshot)
        assert keys_of(instance) == expected
