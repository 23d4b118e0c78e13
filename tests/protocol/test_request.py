"""Requests from bytes: the table of what Redis 8.0 made of them, at every split, and a fuzzer.

The fuzzer's invariant: whatever the bytes and however they are split, the fast parser and the exact parser
give the same calls and the same error, nothing is allocated by a length from the wire, and no exception
escapes.
"""

import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vermilion import errors
from vermilion.protocol.request import Argv, ExactParser, RequestParser

BULK_LIMIT = 512 * 1024 * 1024
PING = b"*1\r\n$4\r\nPING\r\n"


class Outcome(NamedTuple):
    """What a stream comes to."""

    calls: list[Argv]
    error: str | None = None


Read: TypeAlias = Callable[[Iterable[bytes]], Outcome]


def read_fast(chunks: Iterable[bytes], bulk_limit: int = BULK_LIMIT, *, limited: bool = False) -> Outcome:
    """Feed the parser of a connection, as a connection does."""
    parser = RequestParser(bulk_limit)
    if limited:
        parser.limited = True
    calls: list[Argv] = []
    for chunk in chunks:
        calls += parser.feed(chunk)
        while parser.more:
            calls += parser.feed(b"")
        if parser.error is not None:
            break
    return Outcome(calls, parser.error)


def read_exactly(chunks: Iterable[bytes], bulk_limit: int = BULK_LIMIT, *, limited: bool = False) -> Outcome:
    """Feed the reference parser."""
    parser = ExactParser(bulk_limit)
    parser.limited = limited
    calls: list[Argv] = []
    for chunk in chunks:
        parser.feed(chunk)
        while (argv := parser.next_call()) is not None:
            calls.append(argv)
        if parser.error is not None:
            break
    return Outcome(calls, parser.error)


def byte_by_byte(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def in_two(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    for at in range(1, len(data)):
        yield data[:at], data[at:]


both = pytest.mark.parametrize("read", [read_fast, read_exactly])

NOTHING = Outcome([])
PONGED = Outcome([[b"PING"]])

# Bytes, and what Redis 8.0.6 made of them: the calls that it ran and the error that it closed with.
CASES: dict[bytes, Outcome] = {
    PING: PONGED,
    b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n": Outcome([[b"GET", b""]]),
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$8\r\n\r\n*1\r\n$0\r\r\n": Outcome([[b"SET", b"k", b"\r\n*1\r\n$0"]]),
    # counts
    b"*0\r\n*-1\r\nPING\r\n": PONGED,
    b"*-5\r\nPING\r\n": PONGED,
    b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n": NOTHING,
    b"*1000000000\r\n": NOTHING,
    b"*2147483647\r\n": NOTHING,
    b"*2147483648\r\n": Outcome([], errors.INVALID_MULTIBULK),
    b"*99999999999999999999\r\n": Outcome([], errors.INVALID_MULTIBULK),
    b"*0001\r\n$4\r\nPING\r\n": Outcome([], errors.INVALID_MULTIBULK),
    b"*a\r\n": Outcome([], errors.INVALID_MULTIBULK),
    b"*\r\n": Outcome([], errors.INVALID_MULTIBULK),
    b"*+1\r\n$4\r\nPING\r\n": Outcome([], errors.INVALID_MULTIBULK),
    b"*-0\r\nPING\r\n": Outcome([], errors.INVALID_MULTIBULK),
    b"*1 \r\n": Outcome([], errors.INVALID_MULTIBULK),
    b"* 1\r\n": Outcome([], errors.INVALID_MULTIBULK),
    b"*1\nPING\r\n": Outcome([], errors.INVALID_MULTIBULK),
    # what an argument starts with
    b"*1\r\n+PING\r\n": Outcome([], errors.expected_dollar(b"+")),
    b"*1\r\n:5\r\n": Outcome([], errors.expected_dollar(b":")),
    b"*1\r\n*1\r\n$4\r\nPING\r\n": Outcome([], errors.expected_dollar(b"*")),
    b"*1\r\n\r\n": Outcome([], errors.expected_dollar(b"\r")),
    b"*1\r\r\n$4\r\nPING\r\n": Outcome([], errors.expected_dollar(b"\n")),
    b"*2\r\n$4\r\nECHO\r\n(12\r\n": Outcome([], errors.expected_dollar(b"(")),
    b"*2\r\n$4\r\nECHO\r\n=5\r\ntxt:a\r\n": Outcome([], errors.expected_dollar(b"=")),
    b"*2\r\n$4\r\nECHO\r\n#t\r\n": Outcome([], errors.expected_dollar(b"#")),
    b"*2\r\n$4\r\nECHO\r\n_\r\n": Outcome([], errors.expected_dollar(b"_")),
    b"*2\r\n$4\r\nECHO\r\n-ERR\r\n": Outcome([], errors.expected_dollar(b"-")),
    b"*2\r\n$4\r\nECHO\r\n,1.5\r\n": Outcome([], errors.expected_dollar(b",")),
    b"*1\r\n~1\r\n$4\r\nPING\r\n": Outcome([], errors.expected_dollar(b"~")),
    b"*1\r\n|1\r\n$1\r\na\r\n$1\r\nb\r\n$4\r\nPING\r\n": Outcome([], errors.expected_dollar(b"|")),
    # lengths
    b"*1\r\n$-1\r\n": Outcome([], errors.INVALID_BULK),
    b"*1\r\n$-0\r\n\r\n": Outcome([], errors.INVALID_BULK),
    b"*1\r\n$0004\r\nPING\r\n": Outcome([], errors.INVALID_BULK),
    b"*1\r\n$a\r\n": Outcome([], errors.INVALID_BULK),
    b"*1\r\n$+4\r\nPING\r\n": Outcome([], errors.INVALID_BULK),
    b"*1\r\n$ 4\r\nPING\r\n": Outcome([], errors.INVALID_BULK),
    b"*1\r\n$\r\n": Outcome([], errors.INVALID_BULK),
    b"*1\r\n$536870912\r\n": NOTHING,
    b"*1\r\n$536870913\r\n": Outcome([], errors.INVALID_BULK),
    b"*1\r\n$2000000000\r\n": Outcome([], errors.INVALID_BULK),
    b"*1\r\n$0\r\n\r\n": Outcome([[b""]]),
    # line ends that are none
    b"*1\rX$4\r\nPING\r\n": PONGED,
    b"*1\r\n$4\rXPING\r\n": PONGED,
    b"*1\r\n$4\r\nPINGxxPING\r\n": Outcome([[b"PING"], [b"PING"]]),
    b"*1\0\r\n$4\r\nPING\r\n": NOTHING,
    b"*1\r\n$4\0\r\nPING\r\n": NOTHING,
    # other types of RESP, between calls: words of an inline call
    b"$4\r\nPING\r\n": Outcome([[b"$4"], [b"PING"]]),
    b"+PING\r\n": Outcome([[b"+PING"]]),
    PING + b"$0\r\n\r\n": Outcome([[b"PING"], [b"$0"]]),
    PING + b"$-1\r\n": Outcome([[b"PING"], [b"$-1"]]),
    PING + b":0\r\n" + PING: Outcome([[b"PING"], [b":0"], [b"PING"]]),
    PING + b"#t\r\n" + PING: Outcome([[b"PING"], [b"#t"], [b"PING"]]),
    PING + b"#f\r\n" + PING: Outcome([[b"PING"], [b"#f"], [b"PING"]]),
    PING + b"_\r\n": Outcome([[b"PING"], [b"_"]]),
    PING + b"-ERR x\r\n": Outcome([[b"PING"], [b"-ERR", b"x"]]),
    PING + b"(12\r\n": Outcome([[b"PING"], [b"(12"]]),
    PING + b">0\r\n": Outcome([[b"PING"], [b">0"]]),
    PING + b">1\r\n$4\r\nPING\r\n": Outcome([[b"PING"], [b">1"], [b"$4"], [b"PING"]]),
    PING + b"~0\r\n": Outcome([[b"PING"], [b"~0"]]),
    PING + b"~1\r\n$4\r\nPING\r\n": Outcome([[b"PING"], [b"~1"], [b"$4"], [b"PING"]]),
    PING + b"%0\r\n": Outcome([[b"PING"], [b"%0"]]),
    PING + b"%1\r\n$1\r\na\r\n$1\r\nb\r\n": Outcome([[b"PING"], [b"%1"], [b"$1"], [b"a"], [b"$1"], [b"b"]]),
    PING + b"|1\r\n$1\r\na\r\n$1\r\nb\r\n": Outcome([[b"PING"], [b"|1"], [b"$1"], [b"a"], [b"$1"], [b"b"]]),
    PING + b"!3\r\nERR\r\n": Outcome([[b"PING"], [b"!3"], [b"ERR"]]),
    # payloads that look like something
    b"*2\r\n$4\r\nECHO\r\n$4\r\n#t\r\n\r\n": Outcome([[b"ECHO", b"#t\r\n"]]),
    b"*2\r\n$4\r\nECHO\r\n$1\r\n*\r\n": Outcome([[b"ECHO", b"*"]]),
    b"*2\r\n$4\r\nECHO\r\n$6\r\n*99999\r\n": Outcome([[b"ECHO", b"*99999"]]),
    b"*2\r\n$4\r\nECHO\r\n$8\r\n+=(~|:_,\r\n": Outcome([[b"ECHO", b"+=(~|:_,"]]),
    b"*2\r\n$4\r\nECHO\r\n$14\r\n*1\r\n$4\r\nPING\r\n\r\n": Outcome([[b"ECHO", PING]]),
    # inline
    b"PING\r\n" + PING: Outcome([[b"PING"], [b"PING"]]),
    b"PING\n": PONGED,
    b"   \r\n": NOTHING,
    b"\r\n\r\nPING\r\n": PONGED,
    b"\tPING\t \r\n": PONGED,
    b"PING": NOTHING,
    b"ECHO a b\r\n": Outcome([[b"ECHO", b"a", b"b"]]),
    b"ECHO \xff\r\n": Outcome([[b"ECHO", b"\xff"]]),
    b"ECHO a\\ b\r\n": Outcome([[b"ECHO", b"a\\", b"b"]]),
    b'ECHO "a\\x41\\n\\"b"\r\n': Outcome([[b"ECHO", b'aA\n"b']]),
    b"ECHO 'a\\'b\\n'\r\n": Outcome([[b"ECHO", b"a'b\\n"]]),
    b'ECHO ""\r\n': Outcome([[b"ECHO", b""]]),
    b'ECHO "\\xzz\\b\\a\\t\\r\\q"\r\n': Outcome([[b"ECHO", b"xzz\x08\x07\t\rq"]]),
    b"SET a 'b\r\n": Outcome([], errors.UNBALANCED_QUOTES),
    b'SET a "b\r\n': Outcome([], errors.UNBALANCED_QUOTES),
    b'SET a "b"c\r\n': Outcome([], errors.UNBALANCED_QUOTES),
    b"\0\0\r\nPING\r\n": NOTHING,
    b"PI\0NG\r\n": NOTHING,
    # calls before an error run
    PING + b"PING\r\n*a\r\n": Outcome([[b"PING"], [b"PING"]], errors.INVALID_MULTIBULK),
    PING + b"*1\r\n$-1\r\n" + PING: Outcome([[b"PING"]], errors.INVALID_BULK),
}

each_case = pytest.mark.parametrize("data", CASES, ids=repr)


@both
@each_case
def test_whole(read: Read, data: bytes) -> None:
    assert read([data]) == CASES[data]


@both
@each_case
def test_byte_by_byte(read: Read, data: bytes) -> None:
    assert read(byte_by_byte(data)) == CASES[data]


@both
@each_case
def test_at_every_split(read: Read, data: bytes) -> None:
    for chunks in in_two(data):
        assert read(chunks) == CASES[data], chunks


COMPLETE = [data for data in CASES if data.endswith(b"\n") and CASES[data] != NOTHING and b"\0" not in data]


@both
@pytest.mark.parametrize(
    "tail", [PING, b"PING\r\n", b"*2\r\n$4\r\nECHO\r\n$3\r\na+b\r\n", b"*1\r\n$4\r\nPI", b"*"]
)
@pytest.mark.parametrize("data", COMPLETE, ids=repr)
def test_with_a_tail(read: Read, data: bytes, tail: bytes) -> None:
    expected = CASES[data]
    if expected.error is None:
        expected = Outcome(expected.calls + read_exactly([tail]).calls)
    assert read([data + tail]) == expected
    assert read([data, tail]) == expected


@both
@each_case
def test_after_a_call(read: Read, data: bytes) -> None:
    expected = Outcome([[b"PING"], *CASES[data].calls], CASES[data].error)
    assert read([PING + data]) == expected


# Limits -------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("start", "error"),
    [
        (b"x", errors.TOO_BIG_INLINE),
        (b"*1", errors.TOO_BIG_MBULK_COUNT),
        (b"*1\r\n$1", errors.TOO_BIG_BULK_COUNT),
    ],
)
def test_a_line_that_does_not_end_has_64_kb(read: Read, start: bytes, error: str) -> None:
    line = start.rpartition(b"\n")[2]
    fits = start + b"1" * (65536 - len(line))
    assert read([fits]) == NOTHING
    assert read([fits, b"1"]) == Outcome([], error)
    assert read([fits + b"1" * 5000]) == Outcome([], error)


@both
def test_an_inline_call_of_64_kb(read: Read) -> None:
    argument = b"x" * 65000
    data = b"ECHO " + argument + b"\r\n"
    assert read([data]) == Outcome([[b"ECHO", argument]])
    assert read([data[:30000], data[30000:]]) == Outcome([[b"ECHO", argument]])


@pytest.mark.parametrize("read", [read_fast, read_exactly])
def test_the_bulk_limit(read: Callable[[Iterable[bytes], int], Outcome]) -> None:
    fits, too_long = (b"*1\r\n$%d\r\n%b\r\n" % (size, b"x" * size) for size in (1000, 1001))
    for data in (fits, PING + fits):
        assert read([data], 1000).error is None
        assert read([data, fits], 1000).calls[-1] == [b"x" * 1000]
    for data in (too_long, fits + too_long, too_long[:11], b"PING\r\n" + too_long):
        assert read([data], 1000).error == errors.INVALID_BULK


@pytest.mark.parametrize(
    "data",
    [
        b"*1000000000\r\n", b"*1\r\n$500000000\r\n", b"*1\r\n$2000000000\r\n", b"*1\r\n~1000000000\r\n",
        b"*1\r\n>1000000000\r\n", b"*1\r\n|1000000000\r\n", b"*1\r\n%1000000000\r\n", b"*2\r\n~9999\r\n" * 4,
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", [b"", PING, b"PING\r\n", b"*9999\r\n" * 3])
def test_a_length_from_the_wire_costs_nothing(data: bytes, before: bytes) -> None:
    stream = before + data
    tracemalloc.start()
    began = time.process_time()
    for chunks in (*in_two(stream), [stream], byte_by_byte(stream)):
        read_fast(chunks)
    spent = time.process_time() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
    assert spent < 1


@both
def test_many_arguments_that_trickle_in_are_not_added_up_at_each_read(read: Read) -> None:
    size = 20_000
    data = b"*%d\r\n" % size + b"$1\r\nx\r\n" * size
    chunks = [data[at : at + 40] for at in range(0, len(data), 40)]
    began = time.process_time()
    assert read(chunks) == Outcome([[b"x"] * size])
    assert time.process_time() - began < 2


def test_what_is_buffered() -> None:
    parser = RequestParser()
    assert parser.feed(PING + b"*2\r\n$3\r\nGET\r\n$5\r\nab") == [[b"PING"]]
    assert parser.buffered == len(b"GET" + b"ab")
    assert parser.feed(b"cde\r\nPI") == [[b"GET", b"abcde"]]
    assert parser.buffered == len(b"PI")
    assert parser.feed(b"NG\r\n") == [[b"PING"]]
    assert parser.buffered == 0


@pytest.mark.parametrize(
    ("data", "verbatim"),
    [
        (PING, True),
        (b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n", True),
        (b"*2\r\n$3\r\nGET\r\n$2\r\n\r\n\r\n", True),
        (b"*02\r\n$3\r\nGET\r\n$1\r\na\r\n", False),
        (b"*2\r\n$3\r\nGET\r\n$01\r\na\r\n", False),
        (b"PING\r\n", False),
    ],
)
def test_one_short_call(data: bytes, verbatim: bool) -> None:
    parser = RequestParser()
    assert Outcome(parser.feed(data), parser.error) == read_exactly([data])
    assert parser.verbatim == verbatim
    for head, tail in in_two(data):
        parser = RequestParser()
        assert parser.feed(head) == []
        assert not parser.verbatim
        assert read_fast([head, tail]) == read_exactly([data])


@both
def test_an_error_is_for_ever(read: Read) -> None:
    assert read([b"*a\r\n", PING, PING]) == Outcome([], errors.INVALID_MULTIBULK)
    parser = RequestParser()
    parser.feed(b"*a\r\n")
    assert parser.feed(PING) == []
    assert parser.error == errors.INVALID_MULTIBULK


# Clients that have not authenticated --------------------------------------------------------------------


def call(*argv: bytes) -> bytes:
    return b"*%d\r\n" % len(argv) + b"".join(b"$%d\r\n%b\r\n" % (len(arg), arg) for arg in argv)


@pytest.mark.parametrize("chunked", [lambda data: [data], byte_by_byte])
@pytest.mark.parametrize(
    ("data", "error"),
    [
        (call(*[b"x"] * 10), None),
        (call(*[b"x"] * 11), errors.UNAUTHENTICATED_MULTIBULK),
        (b"*11\r\n", errors.UNAUTHENTICATED_MULTIBULK),
        (b"*1\r\n$16384\r\n", None),
        (b"*1\r\n$16385\r\n", errors.UNAUTHENTICATED_BULK),
        (PING + call(*[b"x"] * 11), errors.UNAUTHENTICATED_MULTIBULK),
        (b"PING\r\n" * 3 + b"*1\r\n$16385\r\n", errors.UNAUTHENTICATED_BULK),
        (b"ECHO" + b" x" * 20 + b"\r\n", None),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_small_limits(chunked: Callable[[bytes], Sequence[bytes]], data: bytes, error: str | None) -> None:
    fast = read_fast(chunked(data), limited=True)
    assert fast == read_exactly(chunked(data), limited=True)
    assert fast.error == error


def test_calls_come_one_by_one_until_the_limits_are_lifted() -> None:
    parser = RequestParser()
    parser.limited = True
    large = call(*[b"x"] * 11)
    calls = parser.feed(PING + call(b"AUTH", b"secret") + large + PING + b"*1\r\n$4\r\nPI")
    assert (calls, parser.more) == ([[b"PING"]], True)
    calls = parser.feed(b"")
    assert (calls, parser.more) == ([[b"AUTH", b"secret"]], True)
    parser.limited = False
    calls = parser.feed(b"")
    assert (calls, parser.more) == ([[b"x"] * 11, [b"PING"]], False)
    assert parser.feed(b"NG\r\n" + large) == [[b"PING"], [b"x"] * 11]


def test_lifting_takes_effect_in_the_middle_of_a_call() -> None:
    parser = RequestParser()
    parser.limited = True
    assert parser.feed(b"*2\r\n$3\r\nGET\r\n$1") == []
    parser.limited = False
    assert parser.feed(b"6385\r\n" + b"x" * 16385 + b"\r\n") == [[b"GET", b"x" * 16385]]


def test_limits_can_come_back() -> None:
    parser = RequestParser()
    assert parser.feed(PING) == [[b"PING"]]
    parser.limited = True
    assert parser.feed(PING + PING) == [[b"PING"]]
    assert parser.feed(b"") == [[b"PING"]]
    assert parser.feed(b"*11\r\n") == []
    assert parser.error == errors.UNAUTHENTICATED_MULTIBULK


# The fuzzer ---------------------------------------------------------------------------------------------

ODD = [
    b"", b"\r\n", b"\n", b"\r", b"\0", b"*", b"+", b"=", b"$", b"#t\r\n", b"#f\r\n", b":0\r\n", b"*1\r\n",
    b"$4\r\n", PING, b"#t", b"PI#t\r\n", b"*99999\r\n", b"'", b'"',
]  # fmt: skip
payloads = st.one_of(
    st.sampled_from(ODD), st.binary(max_size=12), st.lists(st.sampled_from(ODD)).map(b"".join)
)
calls_on_the_wire = st.lists(payloads, min_size=1, max_size=4).map(lambda argv: call(*argv))
numbers = st.one_of(
    st.integers(-2, 12).map(lambda number: b"%d" % number),
    st.sampled_from([b"", b"a", b"00", b"01", b"+1", b"-0", b"1_0", b" 1", b"10000", b"2147483647",
                     b"2147483648", b"1000000000", b"536870912", b"536870913", b"9" * 30, b"1.5",
                     b"t", b"f", b"?"]),
)  # fmt: skip
hostile = st.builds(
    lambda kind, number, end: kind + number + end,
    st.sampled_from([bytes((byte,)) for byte in b"*$+-:_,(#!=%~>|.;"]),
    numbers,
    st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"", b"\rX", b"\0\r\n"]),
)
inline = st.lists(
    st.sampled_from([b"PING", b"ECHO", b" ", b"\t", b'"a b"', b"'x'", b'"', b"\\x41", b"\xff"])
).map(lambda words: b" ".join(words) + b"\r\n")


@st.composite
def mutated(draw: st.DrawFn, original: st.SearchStrategy[bytes]) -> bytes:
    """Return bytes that are nearly right: some taken away, put in or replaced."""
    data = draw(original)
    at = draw(st.integers(0, len(data)))
    gone = draw(st.integers(0, 3))
    return data[:at] + draw(st.one_of(hostile, st.binary(max_size=3))) + data[at + gone :]


fragments = st.one_of(
    calls_on_the_wire, calls_on_the_wire, hostile, inline, payloads, mutated(calls_on_the_wire)
)
streams = st.lists(fragments, max_size=8).map(b"".join)


@st.composite
def split_streams(draw: st.DrawFn) -> list[bytes]:
    """Return a stream in chunks."""
    data = draw(streams)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@settings(max_examples=600)
@given(split_streams(), st.sampled_from([BULK_LIMIT, 8]))
@example([PING + b"$0\r\n\r\n"], BULK_LIMIT)
@example([b"*2\r\n$4\r\nECHO\r\n(12\r\n"], BULK_LIMIT)
@example([b"*1\r\n$4\r\nPI", b"NG\r\n"], BULK_LIMIT)
def test_fuzz_both_parsers_agree(chunks: list[bytes], bulk_limit: int) -> None:
    expected = read_exactly([b"".join(chunks)], bulk_limit)
    assert read_exactly(chunks, bulk_limit) == expected
    assert read_fast(chunks, bulk_limit) == expected
    assert read_fast([b"".join(chunks)], bulk_limit) == expected


@settings(max_examples=200)
@given(split_streams())
def test_fuzz_limited_clients(chunks: list[bytes]) -> None:
    expected = read_exactly([b"".join(chunks)], limited=True)
    assert read_fast(chunks, limited=True) == expected


@settings(max_examples=100)
@given(split_streams())
def test_fuzz_nothing_is_allocated_by_a_length(chunks: list[bytes]) -> None:
    tracemalloc.start()
    read_fast(chunks)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Nine arrays of 9,999 may stand in one another before hiredis gives up.
    assert peak < 1_000_000


@settings(max_examples=200)
@given(st.lists(st.lists(payloads, min_size=1, max_size=5), max_size=8), st.integers(1, 40))
def test_what_was_written_is_what_is_read(calls: list[Argv], size: int) -> None:
    data = b"".join(call(*argv) for argv in calls)
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert read_fast(chunks) == Outcome(calls)
    assert read_fast([data]) == Outcome(calls)
