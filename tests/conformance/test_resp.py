"""The reader that keeps every type apart, and the text of a reply."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.resp import Reply, ReplyReader, ResponseError, command_bytes, escaped, quoted, render

WIRE = [
    (b"+OK\r\n", Reply("+", b"OK")),
    (b"-ERR no\r\n", Reply("-", b"ERR no")),
    (b":-42\r\n", Reply(":", b"-42")),
    (b"$5\r\na\r\nb\x00\r\n", Reply("$", b"a\r\nb\x00")),
    (b"$0\r\n\r\n", Reply("$", b"")),
    (b"$-1\r\n", Reply("$")),
    (b"*-1\r\n", Reply("*")),
    (b"*0\r\n", Reply("*", None, ())),
    (b"*2\r\n:1\r\n*1\r\n$-1\r\n", Reply("*", None, (Reply(":", b"1"), Reply("*", None, (Reply("$"),))))),
    (b"_\r\n", Reply("_", b"")),
    (b"#t\r\n", Reply("#", b"t")),
    (b",1.50\r\n", Reply(",", b"1.50")),
    (b",inf\r\n", Reply(",", b"inf")),
    (b"(123456789012345678901\r\n", Reply("(", b"123456789012345678901")),
    (b"!6\r\nERR no\r\n", Reply("!", b"ERR no")),
    (b"=6\r\ntxt:hi\r\n", Reply("=", b"txt:hi")),
    (b"%1\r\n+a\r\n:1\r\n", Reply("%", None, (Reply("+", b"a"), Reply(":", b"1")))),
    (b"~1\r\n+a\r\n", Reply("~", None, (Reply("+", b"a"),))),
    (b">1\r\n+a\r\n", Reply(">", None, (Reply("+", b"a"),))),
]


def read_all(reader: ReplyReader) -> list[Reply]:
    return list(iter(reader.get, None))


@pytest.mark.parametrize(("data", "reply"), WIRE, ids=[repr(data) for data, _ in WIRE])
class TestReading:
    def test_whole(self, data: bytes, reply: Reply) -> None:
        reader = ReplyReader()
        reader.feed(data)
        assert reader.get() == reply
        assert reader.get() is None
        assert reader.pending == b""

    def test_byte_by_byte(self, data: bytes, reply: Reply) -> None:
        reader = ReplyReader()
        for place in range(len(data) - 1):
            reader.feed(data[place : place + 1])
            assert reader.get() is None
        reader.feed(data[-1:])
        assert reader.get() == reply

    def test_with_a_tail(self, data: bytes, reply: Reply) -> None:
        reader = ReplyReader()
        reader.feed(data + b"+tail\r\n$3\r\nab")
        assert read_all(reader) == [reply, Reply("+", b"tail")]
        assert reader.pending == b"$3\r\nab"


def test_no_two_of_these_are_equal_or_look_alike() -> None:
    replies = [reply for _, reply in WIRE]
    assert len(set(replies)) == len({render(reply) for reply in replies}) == len(WIRE)


@pytest.mark.parametrize(
    "data", [b"what\r\n", b"$abc\r\n", b"$-2\r\n", b"%-1\r\n", b"*-2\r\n", b"$1\r\nabc\r\n", b"\r\n"]
)
def test_what_is_no_resp(data: bytes) -> None:
    reader = ReplyReader()
    reader.feed(data)
    with pytest.raises(ResponseError):
        reader.get()


def test_errors_are_told_apart() -> None:
    assert Reply("-", b"ERR").is_error
    assert Reply("!", b"ERR").is_error
    assert not Reply("+", b"ERR").is_error


def replies() -> st.SearchStrategy[Reply]:
    line = st.builds(Reply, st.sampled_from("+-:,(#"), st.binary().map(lambda data: data.replace(b"\r", b"")))
    bulk = st.builds(Reply, st.sampled_from("$!="), st.binary())
    null = st.sampled_from([Reply("$"), Reply("*"), Reply("_", b"")])

    def aggregates(children: st.SearchStrategy[Reply]) -> st.SearchStrategy[Reply]:
        items = st.lists(children, max_size=4).map(tuple)
        return st.one_of(
            st.builds(Reply, st.sampled_from("*~>"), st.none(), items),
            st.builds(Reply, st.just("%"), st.none(), items.map(lambda pair: pair + pair)),
        )

    return st.recursive(st.one_of(line, bulk, null), aggregates, max_leaves=8)


def wire(reply: Reply) -> bytes:
    """The bytes of a reply, written independently of the reader."""
    kind = reply.kind.encode()
    if reply.items is not None:
        count = len(reply.items) // 2 if reply.kind == "%" else len(reply.items)
        return kind + b"%d\r\n" % count + b"".join(map(wire, reply.items))
    if reply.data is None:
        return kind + b"-1\r\n"
    if reply.kind in "$=!":
        return kind + b"%d\r\n%b\r\n" % (len(reply.data), reply.data)
    return kind + reply.data + b"\r\n"


@given(st.lists(replies(), max_size=4), st.lists(st.integers(0, 200), max_size=4))
def test_any_split_reads_the_same(expected: list[Reply], cuts: list[int]) -> None:
    data = b"".join(map(wire, expected))
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    reader, found = ReplyReader(), []
    for start, end in itertools.pairwise(places):
        reader.feed(data[start:end])
        found += read_all(reader)
    assert found == expected


@given(replies(), replies())
def test_equal_texts_mean_equal_replies(first: Reply, second: Reply) -> None:
    assert (render(first) == render(second)) is (first == second)


class TestText:
    def test_short_aggregates_stand_on_one_line(self) -> None:
        pair = (Reply("$", b"a"), Reply(":", b"1"))
        assert render(Reply("*", None, pair)) == '*2 [$"a", :1]'
        assert render(Reply("%", None, pair)) == '%1 [$"a", :1]'
        assert render(Reply("~", None, ())) == "~0"

    def test_long_ones_one_below_another(self) -> None:
        text = render(Reply("%", None, (Reply("+", b"k" * 60), Reply("*", None, (Reply("+", b"v" * 60),)))))
        assert text == f"%1\n  +{'k' * 60}\n    *1 [+{'v' * 60}]"

    def test_a_comma_in_a_simple_string_is_no_separator(self) -> None:
        one = render(Reply("*", None, (Reply("+", b"a, +b"), Reply("+", b"c"))))
        other = render(Reply("*", None, (Reply("+", b"a"), Reply("+", b"b, +c"))))
        assert one != other

    def test_bytes_are_printable(self) -> None:
        assert quoted(b'\x00\r\n\t"\\\xff~') == r'"\x00\r\n\t\"\\\xff~"'
        assert escaped(b'\x00"\\') == r'\x00"\\'

    def test_long_data_is_shown_in_short(self) -> None:
        assert quoted(b"x" * 400) == '"' + "x" * 400 + '"'
        shown = quoted(b"x" * 401)
        assert shown.startswith('"' + "x" * 40 + '"… (401 bytes, sha256 ')
        assert shown != quoted(b"x" * 400 + b"y")


def test_a_command_is_an_array_of_bulks() -> None:
    assert command_bytes([b"SET", b"k", b""]) == b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n"
