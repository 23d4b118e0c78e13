"""Streams, against a list of entries; their nodes, against what a real server showed."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.structures.consumer_group import ConsumerGroup
from vermilion.structures.stream import Stream, Trim
from vermilion.structures.stream_id import GREATEST, LEAST, PART_MAX, join, text_of, texts_of

FIELDS = (b"field", b"value")
LIMITS = (4096, 100)


def stream_of(*ids: int, limits: tuple[int, int] = LIMITS) -> Stream:
    stream = Stream()
    for entry in ids:
        stream.append(entry, FIELDS, *limits)
    return stream


def ids_of(stream: Stream) -> list[int]:
    return [entry for entry, _ in stream.range()]


steps = st.lists(
    st.tuples(
        st.sampled_from(["append", "delete", "shorten", "from", "range"]), st.integers(0, 40), st.integers(0, 40)
    ),
    max_size=80,
)  # fmt: skip


words = st.sampled_from([b"a", b"-7", b"300", b"", b"v" * 90])
entries = st.tuples(st.sampled_from([b"n", b"m"]), words, words, words)
starts = st.one_of(
    st.integers(0, 2),
    st.builds(join, st.integers(1, 300), st.sampled_from([0, 100, 4000, PART_MAX - 4])),
)


@given(
    st.lists(st.tuples(starts, st.lists(entries, min_size=1, max_size=12)), max_size=6),
    st.sampled_from([0, 60, 200, 1000]),
    st.sampled_from([0, 1, 5, 100]),
)
def test_many_at_once_are_as_one_by_one(
    runs: list[tuple[int, list[tuple[bytes, ...]]]], max_bytes: int, max_entries: int
) -> None:
    at_once, one_by_one = Stream(), Stream()
    for after, rows in runs:
        first = at_once.last_id + 1 + after
        at_once.append_many(first, list(zip(*rows, strict=True)), max_bytes, max_entries)
        for entry, fields in enumerate(rows, first):
            one_by_one.append(entry, fields, max_bytes, max_entries)
        if len(rows) == 3:
            assert at_once.delete(first + 1) == one_by_one.delete(first + 1)
    assert list(at_once.contents()) == list(one_by_one.contents())
    assert len(at_once) == len(one_by_one)
    assert (at_once.last_id, at_once.entries_added) == (one_by_one.last_id, one_by_one.entries_added)


def test_successive_ids_as_text() -> None:
    for first in (0, join(5, 9), join(5, PART_MAX - 1)):
        assert texts_of(first, 4) == [text_of(entry) for entry in range(first, first + 4)]


@given(steps, st.integers(0, 4))
def test_agrees_with_a_list(calls: list[tuple[str, int, int]], max_entries: int) -> None:
    stream = Stream()
    model: list[tuple[int, tuple[bytes, ...]]] = []
    for call, a, b in calls:
        if call == "append":
            entry = stream.last_id + a % 3 + 1
            fields = (b"n", b"%d" % b)
            stream.append(entry, fields, 0, max_entries)
            model.append((entry, fields))
        elif call == "delete":
            assert stream.delete(a) == any(entry == a for entry, _ in model)
            model = [item for item in model if item[0] != a]
        elif call == "shorten":
            assert stream.trim(Trim(a)) == max(0, len(model) - a)
            model = model[max(0, len(model) - a) :]
        elif call == "from":
            kept = [item for item in model if item[0] >= a]
            assert stream.trim(Trim(None, a)) == len(model) - len(kept)
            model = kept
        else:
            for count in (0, 1, 3):
                inside = [item for item in model if a <= item[0] <= b]
                assert stream.range(a, b, count) == inside[: count or None]
                assert stream.reversed_range(a, b, count) == inside[::-1][: count or None]
        assert stream.range() == model
        assert len(stream) == len(model)
        assert stream.first_id == (model[0][0] if model else LEAST)
        assert stream.top_id == (model[-1][0] if model else LEAST)
        assert stream.find(a) == dict(model).get(a)


class TestIds:
    def test_as_the_wire_has_them(self) -> None:
        assert [text_of(entry) for entry in (LEAST, join(5, 1), GREATEST)] == [
            b"0-0", b"5-1", b"18446744073709551615-18446744073709551615",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("last", "now", "following"),
        [
            (LEAST, 5, join(5, 0)),
            (join(5, 0), 5, join(5, 1)),
            (join(9, 3), 5, join(9, 4)),
            (join(9, 2**64 - 1), 5, join(10, 0)),
            (GREATEST, 5, None),
        ],
    )
    def test_of_the_next_entry(self, last: int, now: int, following: int | None) -> None:
        stream = Stream()
        stream.last_id = last
        assert stream.next_id(now) == following


def cuts(*sizes: int, limits: tuple[int, int] = LIMITS) -> list[int]:
    """Which entries, counted from 1, begin a node when values have these sizes."""
    stream = Stream()
    keys = [0]
    for number, size in enumerate(sizes, 1):
        stream.append(join(number, 0), (b"a", b"x" * size), *limits)
        keys.append(stream.radix_keys)
    return [number for number, (before, after) in enumerate(pairwise(keys), 1) if after > before]


class TestNodes:
    @pytest.mark.parametrize(
        ("size", "expected"),
        [
            (1, [1, 101]),
            (10, [1, 101]),
            (50, [1, 69]),
            (100, [1, 37, 73, 109]),
            (500, [1, 8, 15, 22, 29, 36, 43, 50, 57, 64, 71, 78, 85, 92, 99, 106, 113, 120, 127]),
            (2000, list(range(1, 130, 2))),
            (4096, list(range(1, 130))),
        ],
    )
    def test_are_full_where_those_of_a_real_server_are(self, size: int, expected: list[int]) -> None:
        assert cuts(*[size] * 129) == expected

    def test_have_no_limit_of_zero(self) -> None:
        assert cuts(*[100] * 300, limits=(0, 0)) == [1]

    def test_count_deleted_entries(self) -> None:
        stream = stream_of(1, 2, limits=(0, 3))
        stream.delete(1)
        stream.append(3, FIELDS, 0, 3)
        stream.append(4, FIELDS, 0, 3)
        assert stream.radix_keys == 2

    def test_go_with_their_last_entry(self) -> None:
        stream = stream_of(1, 2, 3, limits=(0, 1))
        assert stream.radix_nodes == 5
        stream.delete(2)
        assert (stream.radix_keys, stream.radix_nodes) == (2, 4)


class TestTrimming:
    @pytest.mark.parametrize(
        ("to", "removed"),
        [
            (Trim(4), 6),
            (Trim(4, approximate=True), 6),
            (Trim(5, approximate=True), 3),
            (Trim(5, approximate=True, limit=2), 0),
            (Trim(1, approximate=True, limit=6), 6),
            (Trim(100), 0),
            (Trim(0), 10),
            (Trim(None, 5), 4),
            (Trim(None, 5, approximate=True), 3),
            (Trim(None, 1), 0),
            (Trim(None, 99), 10),
            (Trim(None, 99, approximate=True, limit=5), 3),
        ],
    )
    def test_removes_whole_nodes_where_that_is_enough(self, to: Trim, removed: int) -> None:
        stream = stream_of(*range(1, 11), limits=(0, 3))
        assert stream.trim(to) == removed
        assert ids_of(stream) == list(range(removed + 1, 11))
        assert stream.max_deleted_id == LEAST


class TestLag:
    def test_of_nothing_added(self) -> None:
        assert Stream().lag(ConsumerGroup(5, None)) == 0

    def test_of_an_empty_stream(self) -> None:
        stream = stream_of(1, 2)
        stream.trim(Trim(0))
        assert stream.lag(ConsumerGroup(0, None)) == 0

    def test_of_a_group_before_the_first_entry(self) -> None:
        assert stream_of(3, 4).lag(ConsumerGroup(1, None)) == 2

    def test_of_a_group_that_counts(self) -> None:
        assert stream_of(3, 4, 5).lag(ConsumerGroup(4, 2)) == 1

    @pytest.mark.parametrize(("last", "lag"), [(3, 2), (4, None), (5, 0), (9, None)])
    def test_of_a_group_that_does_not(self, last: int, lag: int | None) -> None:
        assert stream_of(3, 4, 5).lag(ConsumerGroup(last, None)) == lag

    @pytest.mark.parametrize(("last", "read", "lag"), [(2, 2, None), (4, 4, 1), (5, 5, 0), (0, None, None)])
    def test_behind_a_tombstone(self, last: int, read: int | None, lag: int | None) -> None:
        stream = stream_of(1, 2, 3, 4, 5)
        stream.delete(3)
        stream.delete(2)
        group = ConsumerGroup(last, read)
        assert stream.lag(group) == lag

    def test_advancing_counts_each_entry(self) -> None:
        stream = stream_of(1, 2, 3)
        group = ConsumerGroup(0, None)
        stream.advance(group, stream.range(count=2))
        assert (group.last_id, group.entries_read) == (2, 2)
        stream.advance(group, stream.range(3))
        assert (group.last_id, group.entries_read) == (3, 3)

    def test_advancing_over_a_tombstone_loses_count_until_the_end(self) -> None:
        stream = stream_of(1, 2, 3, 4, 5)
        stream.delete(3)
        group = ConsumerGroup(0, 0)
        stream.advance(group, stream.range(count=2))
        assert group.entries_read is None
        stream.advance(group, stream.range(4))
        assert [group.last_id, group.entries_read] == [5, 5]


def test_a_copy_is_its_own() -> None:
    stream = stream_of(1, 2, 3, limits=(0, 2))
    stream.groups[b"g"] = ConsumerGroup(1, 1)
    twin = stream.copy()
    twin.append(4, FIELDS)
    twin.delete(1)
    twin.groups[b"g"].last_id = 9
    assert ids_of(stream) == [1, 2, 3]
    assert ids_of(twin) == [2, 3, 4]
    assert (stream.groups[b"g"].last_id, stream.max_deleted_id, stream.entries_added) == (1, LEAST, 3)
    assert (stream.type_name, stream.encoding) == ("stream", "stream")
