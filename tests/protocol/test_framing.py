"""Where replies end: whole, byte by byte, at any split, in batches of one shape and of many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.protocol.framing import FramingError, ReplyFramer

ONE_REPLY = [
    b"+OK\r\n",
    b"-ERR no\r\n",
    b":-12\r\n",
    b"$-1\r\n",
    b"$0\r\n\r\n",
    b"$5\r\na\r\nbc\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
    b"_\r\n",
    b"#t\r\n",
    b",1.5\r\n",
    b"(12345678901234567890\r\n",
    b"=7\r\ntxt:abc\r\n",
    b"!5\r\nERR x\r\n",
    b"~2\r\n+a\r\n+b\r\n",
    b"%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n",
    b"%0\r\n",
    b"|1\r\n+ttl\r\n:5\r\n$1\r\nv\r\n",
    b"*12\r\n" + b"$3\r\nabc\r\n" * 12,
    b"*12\r\n" + b"$3\r\nabc\r\n" * 6 + b"$-1\r\n" + b"$4\r\nabcd\r\n" * 5,
    b"*2\r\n*10\r\n" + b"$1\r\n*\r\n" * 10 + b":1\r\n",
]
PUSH = b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n"


@pytest.mark.parametrize("reply", ONE_REPLY)
def test_a_reply_ends_where_it_ends(reply: bytes) -> None:
    assert ReplyFramer().advance(reply + b"+next\r\n", 0, 1) == (len(reply), 1)


@pytest.mark.parametrize("reply", ONE_REPLY)
def test_a_reply_that_comes_byte_by_byte(reply: bytes) -> None:
    framer = ReplyFramer()
    rest = b""
    ended = []
    for at in range(len(reply)):
        rest += reply[at : at + 1]
        end, whole = framer.advance(rest, 0, 1)
        rest = rest[end:]
        ended.append(whole)
    assert ended == [0] * (len(reply) - 1) + [1]
    assert framer.between
    assert rest == b""


@given(st.lists(st.sampled_from(ONE_REPLY), min_size=1, max_size=20), st.data())
def test_many_replies_in_two_reads(replies: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(replies)
    split = data.draw(st.integers(0, len(wire)))
    framer = ReplyFramer()
    end, whole = framer.advance(wire[:split], 0, len(replies)) if split else (0, 0)
    assert wire[: framer.boundary] == b"".join(replies[:whole])
    if whole < len(replies):
        rest = wire[end:]
        assert framer.advance(rest, 0, len(replies) - whole) == (len(rest), len(replies) - whole)
    assert framer.between


@pytest.mark.parametrize("reply", [b"+OK\r\n", b":12\r\n", b"$3\r\nabc\r\n", b"$-1\r\n"])
def test_batches_of_one_shape_are_as_long_as_one_by_one(reply: bytes) -> None:
    wire = reply * 16 + b"+behind\r\n"
    framer = ReplyFramer()
    for _ in range(40):  # from the 16th on by a pattern
        assert framer.advance(wire, 0, 16) == (len(reply) * 16, 16)
        assert framer.boundary == len(reply) * 16


def test_a_batch_that_only_looks_like_one_of_one_shape() -> None:
    wire = b"$3\r\nabc\r\n$4\r\nabcd\r\n" * 8
    framer = ReplyFramer()
    for _ in range(40):
        assert framer.advance(wire, 0, 16) == (len(wire), 16)


def test_a_push_is_no_reply() -> None:
    framer = ReplyFramer()
    wire = PUSH + b":1\r\n" + PUSH
    assert framer.advance(wire, 0, 1) == (len(PUSH) + 4, 1)
    assert framer.advance(PUSH, 0, 1) == (len(PUSH), 0)


def test_a_push_counts_for_who_asks_for_frames() -> None:
    assert ReplyFramer().advance(PUSH + PUSH, 0, 1, pushes=True) == (len(PUSH), 1)


@pytest.mark.parametrize("wire", [b"HTTP/1.1 200 OK\r\n", b"$x\r\n", b"*1x\r\n", b"\r\n", b"a" * 1_100_000])
def test_what_is_no_resp(wire: bytes) -> None:
    with pytest.raises(FramingError):
        ReplyFramer().advance(wire, 0, 1)
