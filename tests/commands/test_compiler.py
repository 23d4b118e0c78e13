"""The option grammar: what a signature says is what a call may look like."""

import linecache
import traceback
from collections.abc import Callable
from typing import Annotated, Any

import pytest

from vermilion import errors
from vermilion.commands import compiler
from vermilion.commands.syntax import (
    INTEGER,
    POSITIVE,
    STRING,
    UNIX_TIME,
    AnyOf,
    Choice,
    Integer,
    KeySpec,
    Kind,
    OneOf,
    OneWord,
    Operand,
    ReadKey,
    Token,
    UpdateKey,
    Value,
)  # fmt: skip
from vermilion.errors import RespError
from vermilion.keyspace.database import Database
from vermilion.ports import Server
from vermilion.protocol.numbers import parse_double
from vermilion.protocol.reply import Reply
from vermilion.session import Session

Call = Callable[[str], object]
DOUBLE = Kind("double", parse_double, errors.NOT_A_FLOAT)
ARITY = "ERR wrong number of arguments for 'sub' command"


class FakeSession:
    """What a caller reads of a session."""

    db = "the database"
    server = "the server"


def _caller(function: Callable[..., Any], **options: Any) -> Call:
    """Compile a function as a command of the name `sub`; errors come back as their texts."""
    shape = compiler.compile_signature("sub", function, None, options.pop("unknown_option", None), **options)

    def call(line: str) -> object:
        try:
            return shape.call(FakeSession(), line.encode().split(b" "))  # type: ignore[arg-type]  # a fake one
        except RespError as error:
            return error.message

    return call


class TestFixedArguments:
    def test_reach_the_function_by_position_behind_what_is_injected(self) -> None:
        def sub(session: Session, server: Server, db: Database, key: ReadKey, by: Integer) -> Reply:
            return [type(session).__name__.encode(), str(server).encode(), str(db).encode(), key, by]

        assert _caller(sub)("sub k 5") == [b"FakeSession", b"the server", b"the database", b"k", 5]

    @pytest.mark.parametrize("line", ["sub", "sub a b c"])
    def test_are_neither_fewer_nor_more(self, line: str) -> None:
        def sub(key: ReadKey, value: Value) -> Reply:
            return value

        assert _caller(sub)(line) == ARITY

    @pytest.mark.parametrize(
        ("line", "reply"),
        [("sub 5 1.5", [5, 1.5]), ("sub x 1.5", errors.NOT_AN_INTEGER), ("sub 5 x", errors.NOT_A_FLOAT)],
    )
    def test_are_converted_in_their_order(self, line: str, reply: object) -> None:
        def sub(count: Integer, weight: Annotated[float, DOUBLE]) -> Reply:
            return [count, weight]

        assert _caller(sub)(line) == reply

    def test_may_be_one_of_several_words(self) -> None:
        def sub(mode: Annotated[str, OneWord("ON", "OFF")]) -> Reply:
            return mode.encode()

        assert [_caller(sub)(f"sub {word}") for word in ("on", "OFF", "maybe")] == [
            b"ON",
            b"OFF",
            errors.SYNTAX,
        ]

    def test_of_a_subcommand_begin_behind_both_words(self) -> None:
        def sub(key: ReadKey) -> Reply:
            return key

        shape = compiler.compile_signature("container|sub", sub, None, None)
        assert shape.arity == 3
        assert shape.call(FakeSession(), [b"container", b"sub", b"k"]) == b"k"  # type: ignore[arg-type]  # a fake one
        assert shape.key_specs[0].positions([b"container", b"sub", b"k"]) == range(2, 3)


class TestVariadicArguments:
    def test_are_one_or_more(self) -> None:
        def sub(key: ReadKey, *member: Value) -> Reply:
            return [key, *member]

        call = _caller(sub)
        assert call("sub k a b") == [b"k", b"a", b"b"]
        assert call("sub k") == ARITY

    def test_are_converted_each(self) -> None:
        def sub(*number: Integer) -> Reply:
            return sum(number)

        call = _caller(sub)
        assert call("sub 1 2 3") == 6
        assert call("sub 1 x 3") == errors.NOT_AN_INTEGER


class TestOptionalArguments:
    @pytest.mark.parametrize(
        ("line", "reply"),
        [("sub", [None, 7]), ("sub a", [b"a", 7]), ("sub a 3", [b"a", 3]), ("sub a 3 b", ARITY),
         ("sub a x", errors.NOT_AN_INTEGER)],
    )  # fmt: skip
    def test_are_given_from_left_to_right(self, line: str, reply: object) -> None:
        def sub(message: Annotated[bytes | None, STRING] = None, count: Integer = 7) -> Reply:
            return [message, count]

        assert _caller(sub)(line) == reply


class TestOptions:
    @pytest.fixture
    def call(self) -> Call:
        def sub(
            key: ReadKey,
            *,
            condition: Annotated[str | None, OneOf(Token("NX"), Token("XX"))] = None,
            expiration: Annotated[
                Choice | None,
                OneOf(Token("EX", Operand(INTEGER, "seconds")), Token("EXAT", UNIX_TIME), Token("KEEPTTL")),
            ] = None,
            get: Annotated[bool, Token("GET")] = False,
            count: Annotated[int | None, Token("COUNT", POSITIVE)] = None,
            limit: Annotated[tuple[int, float] | None, Token("LIMIT", INTEGER, DOUBLE)] = None,
            match: Annotated[bytes | None, Token("MATCH", STRING)] = None,
        ) -> Reply:
            given: dict[str, object] = {"condition": condition, "expiration": expiration, "get": get}
            given |= {"count": count, "limit": limit, "match": match}
            return repr({name: value for name, value in given.items() if value}).encode()

        return _caller(sub)

    @pytest.mark.parametrize(
        ("line", "given"),
        [
            ("sub k", {}),
            ("sub k NX", {"condition": "NX"}),
            ("sub k xX", {"condition": "XX"}),
            ("sub k GET", {"get": True}),
            ("sub k EX 10", {"expiration": ("EX", 10)}),
            ("sub k KEEPTTL", {"expiration": ("KEEPTTL", 0)}),
            ("sub k COUNT 3 GET NX", {"condition": "NX", "get": True, "count": 3}),
            ("sub k LIMIT 1 2.5", {"limit": (1, 2.5)}),
            ("sub k MATCH NX", {"match": b"NX"}),
            (
                "sub k MATCH a EXAT 5 LIMIT -1 0.5",
                {"expiration": ("EXAT", 5), "limit": (-1, 0.5), "match": b"a"},
            ),
        ],
    )
    def test_stand_in_any_order_and_any_case(self, call: Call, line: str, given: dict[str, object]) -> None:
        assert call(line) == repr(given).encode()

    @pytest.mark.parametrize(
        ("line", "given"),
        [
            ("sub k NX NX", {"condition": "NX"}),
            ("sub k EX 10 EX 20", {"expiration": ("EX", 20)}),
            ("sub k EX abc EX 20", {"expiration": ("EX", 20)}),
            ("sub k GET GET", {"get": True}),
            ("sub k COUNT 1 COUNT 2", {"count": 2}),
        ],
    )
    def test_may_be_repeated_and_the_last_value_wins(
        self, call: Call, line: str, given: dict[str, object]
    ) -> None:
        assert call(line) == repr(given).encode()

    @pytest.mark.parametrize(
        "line", ["sub k NX XX", "sub k EX 10 EXAT 10", "sub k KEEPTTL EX 10", "sub k EX 1 KEEPTTL"]
    )
    def test_that_exclude_each_other_are_a_syntax_error(self, call: Call, line: str) -> None:
        assert call(line) == errors.SYNTAX

    @pytest.mark.parametrize("line", ["sub k BOGUS", "sub k NX BOGUS", "sub k GETX", "sub k 5"])
    def test_that_are_unknown_are_a_syntax_error(self, call: Call, line: str) -> None:
        assert call(line) == errors.SYNTAX

    @pytest.mark.parametrize(
        "line", ["sub k EX", "sub k COUNT", "sub k LIMIT", "sub k LIMIT 1", "sub k NX MATCH"]
    )
    def test_without_their_value_are_a_syntax_error(self, call: Call, line: str) -> None:
        assert call(line) == errors.SYNTAX

    @pytest.mark.parametrize(
        ("line", "error"),
        [
            ("sub k EX abc", errors.NOT_AN_INTEGER),
            ("sub k COUNT -1", errors.OUT_OF_RANGE_POSITIVE),
            ("sub k LIMIT 1 x", errors.NOT_A_FLOAT),
            ("sub k EX abc BOGUS", errors.SYNTAX),
            ("sub k EX abc NX XX", errors.SYNTAX),
        ],
    )
    def test_are_converted_only_when_all_have_been_read(self, call: Call, line: str, error: str) -> None:
        assert call(line) == error

    def test_do_not_replace_fixed_arguments(self, call: Call) -> None:
        assert call("sub") == ARITY

    def test_are_read_before_fixed_arguments_are_converted(self) -> None:
        def sub(number: Integer, *, flag: Annotated[bool, Token("FLAG")] = False) -> Reply:
            return [number, flag]

        call = _caller(sub)
        assert call("sub x BOGUS") == errors.SYNTAX
        assert call("sub x FLAG") == errors.NOT_AN_INTEGER
        assert call("sub 1 FLAG") == [1, True]
        assert call("sub x") == errors.NOT_AN_INTEGER

    def test_may_have_error_texts_of_their_own(self) -> None:
        def sub(
            *,
            condition: Annotated[str | None, OneOf(Token("NX"), Token("XX"), conflict="ERR not both")] = None,
        ) -> Reply:
            return (condition or "").encode()

        call = _caller(sub, unknown_option=lambda word: f"ERR Unsupported option {word.decode()}")
        assert call("sub NX XX") == "ERR not both"
        assert call("sub what") == "ERR Unsupported option what"

    def test_may_stand_together(self) -> None:
        def conflict(given: frozenset[str]) -> str | None:
            return "ERR not both" if len(given) > 1 and "NX" in given else None

        def sub(
            *,
            given: Annotated[
                frozenset[str], AnyOf(Token("NX"), Token("XX"), Token("GT"), conflict=conflict)
            ] = frozenset(),
        ) -> Reply:
            return " ".join(sorted(given)).encode()

        call = _caller(sub)
        assert [call(line) for line in ("sub", "sub gt XX", "sub nx", "sub NX GT")] == [
            b"",
            b"GT XX",
            b"NX",
            "ERR not both",
        ]

    def test_may_be_left_to_a_plainer_function(self) -> None:
        def plain(key: bytes) -> Reply:
            return b"plain"

        def sub(key: ReadKey, *, flag: Annotated[bool, Token("FLAG")] = False) -> Reply:
            return b"with options"

        call = _caller(sub, plain=plain)
        assert [call("sub k"), call("sub k FLAG")] == [b"plain", b"with options"]


class TestRawCommands:
    @pytest.mark.parametrize(("arity", "sizes"), [(2, {2}), (-2, {2, 3, 4}), (-1, {1, 2, 3, 4})])
    def test_check_the_arity_only(self, arity: int, sizes: set[int]) -> None:
        shape = compiler.raw_shape("sub", lambda session, argv: len(argv), arity, (), ())
        accepted = set()
        for size in range(1, 5):
            try:
                accepted.add(shape.call(FakeSession(), [b"x"] * size))  # type: ignore[arg-type]  # a fake one
            except RespError as error:
                assert error.message == ARITY  # noqa: PT017  # others are accepted
        assert accepted == sizes

    def test_say_their_arity(self) -> None:
        with pytest.raises(TypeError, match="sub: a raw command says its arity"):
            compiler.raw_shape("sub", lambda session, argv: None, 0, (), ())


class TestWhatASignatureSays:
    def test_arity(self) -> None:
        def exact(key: ReadKey) -> Reply: ...
        def variadic(key: ReadKey, *value: Value) -> Reply: ...
        def optional(message: Annotated[bytes | None, STRING] = None) -> Reply: ...
        def with_options(key: ReadKey, *, flag: Annotated[bool, Token("FLAG")] = False) -> Reply: ...

        functions: list[Callable[..., Reply]] = [exact, variadic, optional, with_options]
        shapes = [compiler.compile_signature("sub", function, None, None) for function in functions]
        assert [shape.arity for shape in shapes] == [2, -3, -1, -2]

    def test_keys(self) -> None:
        def sub(source: ReadKey, index: Integer, *destination: UpdateKey) -> Reply: ...

        shape = compiler.compile_signature("sub", sub, None, None)
        first, second = shape.key_specs
        assert (first.flags, first.begin, first.last) == (("RO", "access"), 1, 0)
        assert (second.flags, second.begin, second.last) == (("RW", "update"), 3, -1)
        assert [argument.key_spec for argument in shape.arguments] == [0, None, 1]

    def test_keys_may_be_said_otherwise(self) -> None:
        def sub(source: ReadKey) -> Reply: ...

        spec = KeySpec(("OW", "update"), 1)
        assert compiler.compile_signature("sub", sub, [spec], None).key_specs == (spec,)

    def test_documentation(self) -> None:
        def sub(
            min_idle: Integer,
            *,
            destination_db: Annotated[int | None, Token("DB", INTEGER)] = None,
            pair: Annotated[
                tuple[int, int] | None, Token("PAIR", Operand(INTEGER, "x"), Operand(INTEGER, "y"))
            ] = None,
        ) -> Reply: ...

        arguments = compiler.compile_signature("sub", sub, None, None).arguments
        assert [(one.name, one.kind, one.token, one.optional) for one in arguments] == [
            ("min-idle", "integer", None, False),
            ("destination-db", "integer", "DB", True),
            ("pair", "block", "PAIR", True),
        ]
        assert [member.name for member in arguments[2].arguments] == ["x", "y"]


class TestSignaturesThatAreNone:
    def test_without_a_kind(self) -> None:
        def sub(value: bytes) -> Reply:
            return value

        with pytest.raises(TypeError, match="sub: parameter value has no kind"):
            compiler.compile_signature("sub", sub, None, None)

    def test_without_a_token(self) -> None:
        def sub(*, value: Value = b"") -> Reply:
            return value

        with pytest.raises(TypeError, match="sub: option value has no token"):
            compiler.compile_signature("sub", sub, None, None)

    def test_with_more_than_one_kind_of_open_end(self) -> None:
        def sub(*value: Value, flag: Annotated[bool, Token("FLAG")] = False) -> Reply:
            return list(value)

        with pytest.raises(TypeError, match="exclude each other; take raw=True"):
            compiler.compile_signature("sub", sub, None, None)


def test_a_traceback_shows_the_callers_source() -> None:
    def sub(count: Integer) -> Reply:
        raise ZeroDivisionError

    shape = compiler.compile_signature("sub", sub, None, None)
    with pytest.raises(ZeroDivisionError) as raised:
        shape.call(FakeSession(), [b"sub", b"1"])  # type: ignore[arg-type]  # a fake one
    frames = traceback.extract_tb(raised.tb)
    [caller] = [frame for frame in frames if frame.filename.startswith("<caller of sub")]
    assert caller.line == "return function(count)"
    linecache.checkcache(caller.filename)
    assert linecache.getline(caller.filename, 1) == "def call(session, argv):\n"
