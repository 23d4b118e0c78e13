"""Consumer groups: who has what, and what follows when it goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.structures.consumer_group import NEVER, ConsumerGroup

names = st.sampled_from([b"a", b"b", b"c"])
steps = st.lists(
    st.tuples(st.sampled_from(["deliver", "acknowledge", "leave"]), names, st.integers(1, 9)), max_size=60
)


@given(steps)
def test_agrees_with_a_table_of_owners(calls: list[tuple[str, bytes, int]]) -> None:
    group = ConsumerGroup(0, None)
    owners: dict[int, bytes] = {}
    for call, name, entry in calls:
        if call == "deliver":
            group.join(name, 1)
            group.deliver(entry, group.consumers[name], 5)
            owners[entry] = name
        elif call == "acknowledge":
            assert group.acknowledge(entry) == (owners.pop(entry, None) is not None)
        else:
            had = [one for one, owner in owners.items() if owner == name]
            left = group.leave(name)
            assert left == (None if name not in group.consumers and left is None else len(had))
            owners = {one: owner for one, owner in owners.items() if owner != name}
        assert {one: held.owner for one, held in group.pending.items()} == owners
        assert list(group.ids) == sorted(owners)
        for consumer in group.consumers.values():
            assert list(consumer.ids) == sorted(
                one for one, owner in owners.items() if owner == consumer.name
            )


def test_a_second_delivery_counts_from_one_again() -> None:
    group = ConsumerGroup(0, None)
    for name, now in ((b"a", 10), (b"b", 20)):
        group.join(name, now)
        group.deliver(7, group.consumers[name], now)
        group.pending[7].count += 3
    group.deliver(7, group.consumers[b"a"], 30)
    held = group.pending[7]
    assert (held.owner, held.delivered_ms, held.count) == (b"a", 30, 1)


@pytest.mark.parametrize(("first", "second"), [(10, 20)])
def test_a_consumer_joins_once_and_is_seen_again(first: int, second: int) -> None:
    group = ConsumerGroup(0, None)
    assert [group.join(b"a", first), group.join(b"a", second)] == [True, False]
    assert (group.consumers[b"a"].seen_ms, group.consumers[b"a"].active_ms) == (second, NEVER)


def test_a_copy_is_its_own() -> None:
    group = ConsumerGroup(3, 2)
    group.join(b"a", 1)
    group.deliver(7, group.consumers[b"a"], 1)
    twin = group.copy()
    twin.pending[7].count = 9
    twin.acknowledge(7)
    twin.join(b"b", 1)
    assert (list(group.ids), group.pending[7].count, list(group.consumers)) == ([7], 1, [b"a"])
    assert list(group.consumers[b"a"].ids) == [7]
    assert (twin.last_id, twin.entries_read) == (3, 2)
