"""The glob matcher, against the answers of a real server and against a simple model."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vermilion.structures.glob import compile_glob


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        (b"*", b"", True),
        (b"**", b"", False),  # Redis's own: an empty key is matched by `*` only
        (b"**", b"a", True),
        (b"", b"", True),
        (b"", b"a", False),
        (b"h?llo", b"hello", True),
        (b"h?llo", b"hllo", False),
        (b"?", b"\n", True),
        (b"h*llo", b"heeeello", True),
        (b"h*llo", b"hello!", False),
        (b"h[ae]llo", b"hallo", True),
        (b"h[^e]llo", b"hello", False),
        (b"h[a-c]llo", b"hbllo", True),
        (b"h[c-a]llo", b"hbllo", True),
        (b"h\\*llo", b"h*llo", True),
        (b"h\\*llo", b"hello", False),
        (b"[ab", b"b", True),
        (b"[ab", b"[ab", False),
        (b"[]", b"]", False),
        (b"[]]", b"]]", False),
        (b"[^]", b"x", True),
        (b"[^", b"x", True),
        (b"[\\]]", b"]", True),
        (b"[a-]", b"`", True),  # the bracket ends the range, not the class
        (b"a[", b"a", False),
        (b"\\", b"\\", True),
        (b"a\\", b"a\\", True),
        (b"[\xc3-A]", b"\x00", True),  # a range of signed bytes
        (b"[\xc3-A]", b"\x80", False),
        (b"user:*", b"user:", True),
        (b"*:*:*", b"a:b", False),
        (b"A", b"a", False),
    ],
)
def test_answers_of_a_real_server(pattern: bytes, subject: bytes, expected: bool) -> None:
    assert compile_glob(pattern)(subject) is expected


@pytest.mark.parametrize("pattern", [b"max*", b"MAX*", b"[L-N]ax*", b"ma?-", b"max-"])
def test_ignoring_case(pattern: bytes) -> None:
    assert compile_glob(pattern, ignore_case=True)(b"MaX-")


def test_a_pattern_of_many_stars_takes_linear_time() -> None:
    matches = compile_glob(b"a*" * 40 + b"b")
    start = time.process_time()
    assert not matches(b"a" * 20_000)
    assert time.process_time() - start < 1


def test_long_patterns_work() -> None:
    pattern = b"?" * 2000 + b"*x"
    assert compile_glob(pattern)(b"y" * 2000 + b"x")
    assert not compile_glob(pattern)(b"y" * 1999 + b"x")


def model(pattern: bytes, subject: bytes) -> bool:
    """Match `*`, `?` and literals by trying every split."""
    if not pattern:
        return not subject
    if pattern.startswith(b"*"):
        return model(pattern[1:], subject) or (bool(subject) and model(pattern, subject[1:]))
    return bool(subject) and pattern[0] in {subject[0], ord("?")} and model(pattern[1:], subject[1:])


@given(
    st.text("ab*?", max_size=8).map(str.encode).filter(lambda pattern: len(set(pattern)) > 1),
    st.text("ab", max_size=10).map(str.encode),
)
def test_agrees_with_a_simple_model(pattern: bytes, subject: bytes) -> None:
    if set(pattern) == {ord("*")} and not subject:
        return
    assert compile_glob(pattern)(subject) is model(pattern, subject)


@given(st.binary(max_size=12), st.binary(max_size=12), st.booleans())
def test_every_byte_string_is_a_pattern(pattern: bytes, subject: bytes, ignore_case: bool) -> None:
    assert compile_glob(pattern, ignore_case=ignore_case)(subject) in {True, False}


@given(st.binary(max_size=12))
def test_an_escaped_pattern_matches_itself_only(subject: bytes) -> None:
    escaped = b"".join(b"\\" + bytes((byte,)) for byte in subject)
    assert compile_glob(escaped)(subject)
    assert not compile_glob(escaped)(subject + b"x")
