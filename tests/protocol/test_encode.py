"""Replies to bytes: every kind in RESP2 and RESP3, and several at once."""

from typing import NoReturn

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.errors import RespError
from vermilion.protocol.encode import ENCODERS, Encoder, encode_all, encode_resp2, encode_resp3, error_line
from vermilion.protocol.reply import (
    NO_REPLY,
    NULL_ARRAY,
    OK,
    PONG,
    QUEUED,
    Attributed,
    BigNumber,
    Messages,
    NullArray,
    Push,
    Reply,
    Status,
    Verbatim,
)  # fmt: skip


def encoded(encode: Encoder, reply: Reply) -> bytes:
    pieces: list[bytes] = []
    encode(reply, pieces.append)
    return b"".join(pieces)


SAME_IN_BOTH: list[tuple[Reply, bytes]] = [
    (b"", b"$0\r\n\r\n"),
    (b"abc", b"$3\r\nabc\r\n"),
    (b"\r\n\0\xff", b"$4\r\n\r\n\0\xff\r\n"),
    (b"x" * 1023, b"$1023\r\n" + b"x" * 1023 + b"\r\n"),
    (b"x" * 1024, b"$1024\r\n" + b"x" * 1024 + b"\r\n"),
    (0, b":0\r\n"),
    (1023, b":1023\r\n"),
    (1024, b":1024\r\n"),
    (-1, b":-1\r\n"),
    (2**63 - 1, b":9223372036854775807\r\n"),
    (-(2**63), b":-9223372036854775808\r\n"),
    (OK, b"+OK\r\n"),
    (PONG, b"+PONG\r\n"),
    (QUEUED, b"+QUEUED\r\n"),
    (Status("caf\u00e9 \udcff"), b"+caf\xc3\xa9 \xff\r\n"),
    ([], b"*0\r\n"),
    ((), b"*0\r\n"),
    ([1, [b"a", ()], (OK,)], b"*3\r\n:1\r\n*2\r\n$1\r\na\r\n*0\r\n*1\r\n+OK\r\n"),
    (RespError("ERR syntax error"), b"-ERR syntax error\r\n"),
    ([1, RespError("WRONGTYPE no")], b"*2\r\n:1\r\n-WRONGTYPE no\r\n"),
    (NO_REPLY, b""),
]

DIFFERENT: list[tuple[Reply, bytes, bytes]] = [
    (None, b"$-1\r\n", b"_\r\n"),
    (NULL_ARRAY, b"*-1\r\n", b"_\r\n"),
    ([None, NULL_ARRAY], b"*2\r\n$-1\r\n*-1\r\n", b"*2\r\n_\r\n_\r\n"),
    (True, b":1\r\n", b"#t\r\n"),
    (False, b":0\r\n", b"#f\r\n"),
    (0.1, b"$3\r\n0.1\r\n", b",0.1\r\n"),
    (3.0, b"$1\r\n3\r\n", b",3\r\n"),
    (float("-inf"), b"$4\r\n-inf\r\n", b",-inf\r\n"),
    ({}, b"*0\r\n", b"%0\r\n"),
    ({b"a": 1, b"b": {b"c": None}}, b"*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*2\r\n$1\r\nc\r\n$-1\r\n",
     b"%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n%1\r\n$1\r\nc\r\n_\r\n"),
    (set(), b"*0\r\n", b"~0\r\n"),
    ({b"a"}, b"*1\r\n$1\r\na\r\n", b"~1\r\n$1\r\na\r\n"),
    (Push([b"message", b"a"]), b"*2\r\n$7\r\nmessage\r\n$1\r\na\r\n", b">2\r\n$7\r\nmessage\r\n$1\r\na\r\n"),
    (Verbatim(b"some text"), b"$9\r\nsome text\r\n", b"=13\r\ntxt:some text\r\n"),
    (Verbatim(b"# x", b"mkd"), b"$3\r\n# x\r\n", b"=7\r\nmkd:# x\r\n"),
    (BigNumber(2**70), b"$22\r\n1180591620717411303424\r\n", b"(1180591620717411303424\r\n"),
    (BigNumber(-(2**64)), b"$21\r\n-18446744073709551616\r\n", b"(-18446744073709551616\r\n"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "wire"), SAME_IN_BOTH, ids=lambda value: repr(value)[:30])
def test_what_both_versions_spell_alike(reply: Reply, wire: bytes) -> None:
    assert encoded(encode_resp2, reply) == wire
    assert encoded(encode_resp3, reply) == wire


@pytest.mark.parametrize(("reply", "resp2", "resp3"), DIFFERENT, ids=lambda value: repr(value)[:30])
def test_what_they_spell_differently(reply: Reply, resp2: bytes, resp3: bytes) -> None:
    assert encoded(encode_resp2, reply) == resp2
    assert encoded(encode_resp3, reply) == resp3


def test_a_subclass_is_its_kind() -> None:
    class Name(bytes):
        __slots__ = ()

    with pytest.raises(TypeError, match="no RESP2 form for Name"):
        encoded(encode_resp2, Name(b"a"))
    assert encoded(encode_resp2, NullArray()) == b"*-1\r\n"


@pytest.mark.parametrize("version", [2, 3])
def test_what_no_reply_may_hold(version: int) -> None:
    for value in ("text", object(), bytearray(b"x")):
        with pytest.raises(TypeError, match=f"no RESP{version} form for {type(value).__name__}"):
            ENCODERS[version](value, forget)  # type: ignore[arg-type]  # that is what is refused


def forget(piece: bytes) -> NoReturn:
    raise AssertionError(piece)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("ERR two\r\nlines", b"-ERR two  lines\r\n"),
        ("ERR '\udcff\u00e9'", b"-ERR '\xff\xc3\xa9'\r\n"),
        ("ERR nul \0", b"-ERR nul \0\r\n"),
    ],
)
def test_an_error_is_one_line(message: str, line: bytes) -> None:
    assert error_line(RespError(message)) == line


RUNS: list[list[Reply]] = [
    [],
    [b"abc", b"def"],
    [b"a", b"", b"long" * 20],
    [b"x" * 1024, b"y" * 1024],
    [b"x" * 2000, b"y"],
    [1, 2, -3, 10**18],
    [None, None, None],
    [None, b"a"],
    [True, False],
    [1, True],
    [1.5, 2.0],
    [OK, OK],
    [b"a", RespError("ERR x"), None, 1, NULL_ARRAY, {b"a": 1}],
    [NULL_ARRAY, NULL_ARRAY],
    [NO_REPLY, NO_REPLY],
]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("replies", RUNS, ids=lambda value: repr(value)[:30])
def test_several_at_once_are_what_they_are_one_by_one(replies: list[Reply], version: int) -> None:
    encode = ENCODERS[version]
    out = [b"+before\r\n"]
    encode_all(replies, encode, out)
    assert b"".join(out) == b"+before\r\n" + b"".join(encoded(encode, reply) for reply in replies)


plain = st.recursive(
    st.one_of(st.binary(), st.integers(-(2**63), 2**63 - 1), st.none(), st.booleans()),
    lambda inner: st.lists(inner, max_size=5),
)


@given(plain)
def test_a_client_reads_back_what_was_meant(reply: Reply) -> None:
    reader = hiredis.Reader()
    reader.feed(encoded(encode_resp3, reply))
    assert reader.gets() == reply
    assert not reader.has_data()


@given(st.lists(plain, max_size=6), st.sampled_from([2, 3]))
def test_any_several_at_once(replies: list[Reply], version: int) -> None:
    encode = ENCODERS[version]
    out: list[bytes] = []
    encode_all(replies, encode, out)
    assert b"".join(out) == b"".join(encoded(encode, reply) for reply in replies)


MANY: tuple[list[Reply], ...] = (
    [b"abc"] * 9,
    [b"x" * size for size in range(9)],
    [*[b"x" * 1023] * 8, b"x" * 1024],
    [*[b"a"] * 8, None],
    [*[b"a"] * 8, b"a" * 2000, 1],
    [*[b"a"] * 8, [b"b"]],
    [[]] * 9,
    [1] * 9,
    [b""] * 8,
)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("members", MANY, ids=lambda value: repr(value)[:30])
def test_a_long_array_is_its_members(members: list[Reply], version: int) -> None:
    encode = ENCODERS[version]
    apart = b"".join(encoded(encode, member) for member in members)
    assert encoded(encode, members) == b"*%d\r\n" % len(members) + apart


@pytest.mark.parametrize("version", [2, 3])
def test_messages_stand_one_after_the_other(version: int) -> None:
    out: list[bytes] = []
    ENCODERS[version](Messages([1, Push([b"m", None]), Messages([])]), out.append)
    assert b"".join(out) == (
        b":1\r\n*2\r\n$1\r\nm\r\n$-1\r\n" if version == 2 else b":1\r\n>2\r\n$1\r\nm\r\n_\r\n"
    )


@pytest.mark.parametrize("version", [2, 3])
def test_attributes_stand_before_a_reply_that_can_have_some(version: int) -> None:
    expected = b"$1\r\nr\r\n" if version == 2 else b"|1\r\n$1\r\na\r\n*1\r\n:1\r\n$1\r\nr\r\n"
    assert encoded(ENCODERS[version], Attributed({b"a": [1]}, b"r")) == expected
