"""cjson, cmsgpack, struct and bit, against Python's own modules for the same."""

import json
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scripting.conftest import Call
from vermilion import MemoryCacheBackend
from vermilion.session import Nowhere

_BACKEND = MemoryCacheBackend()
_SESSION = _BACKEND.engine.open_session(Nowhere("test:0"))
INT = st.integers(-(2**53), 2**53)
SMALL = st.integers(-(2**31), 2**31 - 1)
# Lua has one kind of table: an empty list and an empty object are the same, and null ends an array.
VALUES = st.recursive(
    st.booleans() | INT | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=5)
        | st.dictionaries(st.text(min_size=1, max_size=5), inner, min_size=1, max_size=5)
    ),
    max_leaves=15,
)


def evaluate(code: str, *arguments: bytes) -> Any:
    """Return what a script returns; strategies outlive fixtures, so it has an engine of its own."""
    reply = _BACKEND.engine.execute(_SESSION, [b"EVAL", code.encode(), b"0", *arguments])
    assert not isinstance(reply, Exception), reply
    return reply


@given(VALUES)
def test_json_survives(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False).encode()
    # Fourteen digits are what cjson writes of a number.
    kept = evaluate("return cjson.encode(cjson.decode(ARGV[1]))", text)
    assert _rounded(json.loads(kept)) == _rounded(value)


def _rounded(value: object) -> object:
    """Return a value with its numbers as cjson writes them."""
    if isinstance(value, dict):
        return {name: _rounded(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_rounded(member) for member in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.14g}"
    return value


@given(st.binary(max_size=40))
def test_strings_of_any_bytes_survive_json(text: bytes) -> None:
    assert evaluate("return cjson.decode(cjson.encode(ARGV[1]))", text.replace(b"\0", b"")) == text.replace(
        b"\0", b""
    )


@given(st.binary(max_size=30) | st.text('[]{},:"\\ 0123456789.eE+-truefalsn\n', max_size=30).map(str.encode))
def test_hostile_json_is_a_value_or_an_error(text: bytes) -> None:
    kind = evaluate("local ok, found = pcall(cjson.decode, ARGV[1]) return {tostring(ok), type(found)}", text)
    assert kind[0] == b"true" or kind[1] == b"string"


@given(VALUES)
def test_message_pack_is_what_others_read(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False).encode()
    packed = evaluate("return cmsgpack.pack(cjson.decode(ARGV[1]))", text)
    assert msgspec.msgpack.decode(packed) == value


@given(VALUES)
def test_message_pack_of_others_is_read(value: object) -> None:
    packed = msgspec.msgpack.encode(value)
    kept = evaluate("return cmsgpack.pack((cmsgpack.unpack(ARGV[1])))", packed)
    assert msgspec.msgpack.decode(kept) == value


@given(st.floats(allow_nan=False))
def test_floats_survive_message_pack(number: float) -> None:
    packed = msgspec.msgpack.encode(number)
    kept = evaluate("return cmsgpack.pack((cmsgpack.unpack(ARGV[1])))", packed)
    assert msgspec.msgpack.decode(kept) == number


@given(st.binary(max_size=30))
def test_hostile_message_pack_is_a_value_or_an_error(packed: bytes) -> None:
    kind = evaluate(
        "local ok, found = pcall(cmsgpack.unpack, ARGV[1]) return {tostring(ok), type(found)}", packed
    )
    assert kind[0] == b"true" or kind[1] == b"string"


LAYOUTS = {"b": "b", "B": "B", "h": "h", "H": "H", "i4": "i", "I4": "I"}


@given(st.sampled_from("<>"), st.lists(st.sampled_from(sorted(LAYOUTS)), min_size=1, max_size=5), st.data())
def test_struct_packs_as_others_do(order: str, options: list[str], data: st.DataObject) -> None:
    layout = order + "".join(LAYOUTS[option] for option in options)
    numbers = []
    for option in options:
        bits = 8 * struct.calcsize("=" + LAYOUTS[option])
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if option.islower() else (0, (1 << bits) - 1)
        numbers.append(data.draw(st.integers(low, high)))
    packed = struct.pack(layout, *numbers)
    lua = order + "".join(options)
    arguments = [b"%d" % number for number in numbers]
    assert evaluate(f"return struct.pack('{lua}', unpack(ARGV))", *arguments) == packed
    assert evaluate(f"return {{struct.unpack('{lua}', ARGV[1])}}", packed) == [*numbers, len(packed) + 1]
    assert evaluate(f"return struct.size('{lua}')") == len(packed)


@given(st.text("<>!bBhHlLTiIfdscx0123456789 ?", max_size=12), st.binary(max_size=24))
def test_any_layout_is_read_or_refused(layout: str, data: bytes) -> None:
    code = "local ok, found = pcall(struct.unpack, ARGV[1], ARGV[2]) return {tostring(ok), type(found)}"
    kind = evaluate(code, layout.encode(), data)
    assert kind[0] == b"true" or kind[1] == b"string"


def _signed(bits: int) -> int:
    bits &= 0xFFFFFFFF
    return bits - (1 << 32) if bits >> 31 else bits


@given(SMALL, SMALL, st.integers(0, 31))
def test_bits_are_those_of_other_machines(one: int, other: int, distance: int) -> None:
    unsigned = one & 0xFFFFFFFF
    code = (
        "local a, b, n = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]) return {bit.band(a, b),"
        " bit.bor(a, b), bit.bxor(a, b), bit.bnot(a), bit.lshift(a, n), bit.rshift(a, n), bit.arshift(a, n),"
        " bit.rol(a, n), bit.ror(a, n), bit.tohex(a), bit.bswap(a)}"
    )
    assert evaluate(code, b"%d" % one, b"%d" % other, b"%d" % distance) == [
        one & other,
        one | other,
        one ^ other,
        ~one,
        _signed(unsigned << distance),
        _signed(unsigned >> distance),
        one >> distance,
        _signed(unsigned << distance | unsigned >> (32 - distance)),
        _signed(unsigned >> distance | unsigned << (32 - distance)),
        b"%08x" % unsigned,
        _signed(int.from_bytes(unsigned.to_bytes(4, "little"), "big")),
    ]


@pytest.mark.parametrize("name", ["bit", "cjson", "cmsgpack", "struct"])
def test_a_library_lists_its_functions(call: Call, name: str) -> None:
    assert call("EVAL", f"local n = 0 for _ in pairs({name}) do n = n + 1 end return n", "0") > 2  # type: ignore[operator]
