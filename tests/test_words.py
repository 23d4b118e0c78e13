"""Redis's quoting, and that both ways meet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.words import quote, split_words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", []),
        (b"  \t ", []),
        (b"get key", [b"get", b"key"]),
        (b"  get\tkey  ", [b"get", b"key"]),
        (b'""', [b""]),
        (b"''", [b""]),
        (b'"a b" c', [b"a b", b"c"]),
        (rb'"\x41\n\r\t\b\a\"\\\q\xZZ"', [b'A\n\r\t\b\a"\\qxZZ']),
        (rb"'\x41\n\'\\'", [rb"\x41\n'\\"]),
        (b'ab"cd"', [b"abcd"]),
        (b"ab'c d' e", [b"abc d", b"e"]),
        (rb"a\nb", [rb"a\nb"]),
        (b"\xff\x00", [b"\xff\x00"]),
    ],
)
def test_splits(line: bytes, words: list[bytes]) -> None:
    assert split_words(line) == words


@pytest.mark.parametrize(
    "line", [b'"', b"'", b'"a', b"'a", b'"a"b', b"'a'b", rb'"a\"', rb"'a\'", b'a"b', b'"a""b"']
)
def test_refuses_what_is_not_closed(line: bytes) -> None:
    assert split_words(line) is None


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_reads_what_quote_wrote(words: list[bytes]) -> None:
    assert split_words(b" ".join(quote(word) for word in words)) == words


@given(st.binary(max_size=30))
def test_never_raises(line: bytes) -> None:
    words = split_words(line)
    assert words is None or all(isinstance(word, bytes) for word in words)
