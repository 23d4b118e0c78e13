"""The order under deletions and random picks; that iterations keep their promise is proved where orders are used."""

from collections import Counter
from random import Random

import pytest

from vermilion.structures import scan_order
from vermilion.structures.scan_order import ScanOrder


def name(number: int) -> bytes:
    return b"key:%d" % number


def filled(size: int) -> ScanOrder:
    order = ScanOrder()
    order.extend([name(number) for number in range(size)])
    return order


def test_compaction_gives_the_memory_back_in_small_steps() -> None:
    keys = filled(10_000)
    for number in range(9_990):
        before = keys._read
        keys.discard(name(number))
        assert keys._read - before <= 8
    assert len(keys) == 10
    assert len(keys._entries) < 100
    assert len(keys._ghosts) < 100


def test_it_learns_of_new_keys_from_the_table() -> None:
    table = dict.fromkeys([b"a", b"b"])
    order = ScanOrder()
    order.follow(table)
    order.discard(b"a")
    del table[b"a"]
    table |= dict.fromkeys([b"c", b"a"])
    order.follow(table)
    assert order.page(0, 10) == (0, [b"a", b"b", b"c"])
    assert len(order) == 3


@pytest.mark.parametrize("ghosts", [0, 10, 30])
def test_what_is_taken_is_any_key_and_no_longer_there(ghosts: int) -> None:
    random = Random(3)
    counts = Counter[bytes]()
    for _ in range(4000):
        order = filled(40)
        for number in range(ghosts):
            order.discard(name(number))
        taken = order.take(random, 3)
        assert len(set(taken)) == 3
        assert len(order) == 40 - ghosts - 3
        counts.update(taken)
    share = 3 * 4000 / (40 - ghosts)
    assert set(counts) == {name(number) for number in range(ghosts, 40)}
    assert all(0.5 * share < count < 1.5 * share for count in counts.values())


@pytest.mark.parametrize("ghosts", [0, 10, 22, 30])
@pytest.mark.parametrize("count", [1, 4, 10])
def test_what_is_picked_is_any_key(ghosts: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_order, "_SLACK", 0)  # at 22, a gap is on its way
    random = Random(5)
    order = filled(40)
    for number in range(ghosts):
        order.discard(name(number))
    picked, chosen, sampled = Counter[bytes](), Counter[bytes](), Counter[bytes]()
    for _ in range(1500):
        picked[order.pick(random)] += 1
        chosen.update(order.choices(random, count))
        sample = order.sample(random, count)
        assert len(set(sample)) == count
        sampled.update(sample)
    assert sampled.total() == chosen.total() == 1500 * count
    for counts in (picked, chosen, sampled):
        share = counts.total() / (40 - ghosts)
        assert set(counts) == {name(number) for number in range(ghosts, 40)}
        assert all(0.5 * share < number < 1.5 * share for number in counts.values())


@pytest.mark.parametrize("slack", [32, 0])
def test_all_can_be_taken(slack: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_order, "_SLACK", slack)
    random = Random(4)
    order = filled(500)
    left = {name(number) for number in range(500)}
    for number in range(0, 400, 2):
        order.discard(name(number))
        left.remove(name(number))
    while left:
        left.difference_update(order.take(random, min(len(left), 3)))
        assert len(order) == len(left)
        assert len(order._ghosts) <= len(left) + 32
    assert order.page(0, 10) == (0, [])


def test_its_size_is_without_the_keys() -> None:
    assert filled(1000).__sizeof__() < 10_000
    assert filled(1000).__sizeof__() > 8_000
