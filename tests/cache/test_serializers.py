"""Serializers: what they take comes back exactly; what would not is refused, with its place."""

import math
import warnings
from collections import OrderedDict
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.cache.serializers import (
    MAX_DEPTH,
    BytesSerializer,
    JsonSerializer,
    MsgpackSerializer,
    PickleSerializer,
)

JSON = JsonSerializer()
MSGPACK = MsgpackSerializer()


class Color(IntEnum):
    RED = 1


class Word(StrEnum):
    YES = "yes"


class Text(str):
    __slots__ = ()


def same(left: Any, right: Any) -> bool:
    """Tell whether two values are equal, and of equal types, all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(
            same(key, other) and same(left[key], right[other]) for key, other in zip(left, right, strict=True)
        )
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float):
        return math.copysign(1, left) == math.copysign(1, right) and (
            left == right or (math.isnan(left) and math.isnan(right))
        )
    return bool(left == right)


atoms: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text()
    | st.text(st.characters())
    | st.binary(max_size=8)
    | st.sampled_from(
        [
            Color.RED,
            Word.YES,
            Text("x"),
            "\ud800",
            Decimal(1),
            datetime(2020, 1, 1, tzinfo=UTC),
            frozenset({1}),
            bytearray(b"x"),
            object,
            1j,
            OrderedDict(a=1),
        ]
    )
)
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(max_size=5), inner, max_size=5)
        | st.dictionaries(st.integers() | st.none() | st.booleans() | st.binary(), inner, max_size=2)
        | st.tuples(inner)
    ),
    max_leaves=20,
)


@given(values)
def test_json_gives_back_exactly_what_it_takes(value: Any) -> None:
    try:
        data = JSON.dumps(value)
    except (TypeError, ValueError):
        return
    assert same(JSON.loads(data), value)


@given(values)
def test_msgpack_gives_back_exactly_what_it_takes(value: Any) -> None:
    try:
        data = MSGPACK.dumps(value)
    except (TypeError, ValueError, OverflowError):
        return
    assert same(MSGPACK.loads(data), value)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)


@given(plain)
def test_json_takes_all_that_json_has(value: Any) -> None:
    assert same(JSON.loads(JSON.dumps(value)), value)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ((1, 2), TypeError, "JSON cannot give a tuple back (at $)"),
        ({"a": [1, {2}]}, TypeError, "JSON cannot give a set back (at $['a'][1])"),
        ([{"a": {1: 2}}], TypeError, "JSON cannot give a key of type int back (at $[0]['a'])"),
        ({Text("a"): 1}, TypeError, "JSON cannot give a key of type Text back (at $)"),
        ({"a": math.nan}, ValueError, "JSON cannot give nan back (at $['a'])"),
        ([-math.inf], ValueError, "JSON cannot give -inf back (at $[0])"),
        (math.inf, ValueError, "JSON cannot give inf back (at $)"),
        (Color.RED, TypeError, "JSON cannot give a Color back (at $)"),
        ([Word.YES], TypeError, "JSON cannot give a Word back (at $[0])"),
        (OrderedDict(a=1), TypeError, "JSON cannot give a OrderedDict back (at $)"),
        (b"bytes", TypeError, "JSON cannot give a bytes back (at $)"),
        (object(), TypeError, "JSON cannot give a object back (at $)"),
        ([1, [math.nan], {1}], ValueError, "JSON cannot give nan back (at $[1][0])"),
    ],
)
def test_json_says_what_it_refuses_and_where(value: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        JSON.dumps(value)
    assert str(caught.value) == message


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 1}, 10**5000], ids=["value", "key", "integer"])
def test_json_refuses_what_its_encoder_refuses(value: Any) -> None:
    with pytest.raises(ValueError, match=r"surrogates not allowed|Exceeds the limit"):
        JSON.dumps(value)


@pytest.mark.parametrize("value", [(1,), {1.5: 1}, {None: 1}, {"a": [{1}]}, bytearray(b"x"), Color.RED])
def test_msgpack_refuses_other_types(value: Any) -> None:
    with pytest.raises(TypeError, match="MessagePack cannot give a"):
        MSGPACK.dumps(value)


def test_msgpack_takes_nan_bytes_and_integer_keys() -> None:
    value = {1: math.nan, "raw": b"\0\xff", b"key": [math.inf]}
    assert same(MSGPACK.loads(MSGPACK.dumps(value)), value)


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1])
def test_msgpack_refuses_integers_beyond_64_bits(value: int) -> None:
    with pytest.raises(OverflowError):
        MSGPACK.dumps(value)


@pytest.mark.parametrize("serializer", [JSON, MSGPACK])
def test_depth_is_limited(serializer: JsonSerializer | MsgpackSerializer) -> None:
    def nested(depth: int, leaf: Any = None) -> Any:
        for level in range(depth):
            leaf = [leaf] if level % 2 else {"a": leaf}
        return leaf

    deepest = nested(MAX_DEPTH)
    assert serializer.loads(serializer.dumps(deepest)) == deepest
    with pytest.raises(ValueError, match="more than 128 deep"):
        serializer.dumps(nested(MAX_DEPTH + 1))
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="more than 128 deep"):
        serializer.dumps(endless)


@pytest.mark.parametrize("data", [b"", b"{", b"[1] x", b"NaN", b'"\xff"', b"\x00vtagged"])
def test_json_refuses_what_is_no_json(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        JSON.loads(data)


def test_raw_bytes_are_bytes_only() -> None:
    raw = BytesSerializer()
    assert raw.loads(raw.dumps(b"\0\xff")) == b"\0\xff"
    for value in ("text", bytearray(b"x"), None):
        with pytest.raises(TypeError, match="raw bytes cannot give"):
            raw.dumps(value)


def test_pickle_warns_unless_the_store_is_trusted() -> None:
    with pytest.warns(RuntimeWarning, match="can run code"):
        PickleSerializer()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pickler = PickleSerializer(trust_store=True)
    assert pickler.loads(pickler.dumps({(1, 2): Color.RED})) == {(1, 2): Color.RED}
