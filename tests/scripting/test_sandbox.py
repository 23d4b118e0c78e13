"""The ways out of the sandbox that Redis's history lists, and those that this one could have of its own."""

import pytest

from tests.scripting.conftest import Call
from vermilion.engine.engine import Engine
from vermilion.errors import RespError
from vermilion.protocol.reply import Reply
from vermilion.scripting.lua import Runtime


def refusal(reply: Reply) -> str:
    assert isinstance(reply, RespError)
    return reply.message


@pytest.mark.parametrize(
    "name",
    [
        "io",
        "debug",
        "package",
        "require",
        "python",
        "dofile",
        "loadfile",
        "getfenv",
        "setfenv",
        "newproxy",
        "print",
    ],
)
def test_is_not_there(call: Call, name: str) -> None:
    assert f"nonexistent global variable '{name}'" in refusal(call("EVAL", f"return {name}", "0"))


def test_os_has_a_clock_only(call: Call) -> None:
    assert call("EVAL", "local t = {} for k in pairs(os) do t[#t + 1] = k end return t", "0") == [b"clock"]


@pytest.mark.parametrize(
    "attempt",
    [
        "string.x = 1",
        "rawset(string, 'x', 1)",
        "setmetatable(string, {})",
        "getmetatable('').__index = nil",
        "rawset(getmetatable(''), '__index', nil)",
        "table.insert(string, 1)",
        "_G.x = 1",
        "_G._G = nil",
        "getmetatable(_G).__index = nil",
        "cjson.encode = nil",
        "redis.call = nil",
        "loadstring('x = 1')()",
        "load(coroutine.wrap(function() coroutine.yield('x = 1') end))()",
    ],
)
def test_nothing_shared_can_be_changed(call: Call, attempt: str) -> None:
    assert "readonly table" in refusal(call("EVAL", attempt, "0"))
    assert call("EVAL", "return {('a'):upper(), string.x or 0, #string}", "0") == [b"A", 0, 0]


def test_a_script_leaves_nothing_to_the_next(call: Call) -> None:
    call("EVAL", "KEYS.secret = ARGV[1]", "1", "k", "hidden")
    assert call("EVAL", "return KEYS.secret", "1", "k") is None


@pytest.mark.parametrize(
    "loader", ["loadstring(code)", "load(function() local c = code code = nil return c end)"]
)
def test_bytecode_is_not_loaded(call: Call, loader: str) -> None:
    code = f"local code = string.dump(function() return 1 end) return (select(2, {loader}))"
    assert b"unexpected symbol" in call("EVAL", code, "0")  # type: ignore[operator]


def test_a_long_pattern_does_not_overflow_the_stack(call: Call) -> None:
    for search in ("find", "match", "gmatch", "gsub"):
        code = f"return string.{search}(('x'):rep(400000), ('x?'):rep(400000) .. 'y', '')"
        assert "pattern too complex" in refusal(call("EVAL", code, "0"))


def test_an_overflowing_range_is_not_unpacked(call: Call) -> None:
    for first, last in ((0, 2147483647), (-2147483648, 2147483647), (1, 100000)):
        assert "too many results" in refusal(call("EVAL", f"return unpack({{}}, {first}, {last})", "0"))


def test_deep_input_is_refused(call: Call) -> None:
    assert "nested data" in refusal(call("EVAL", "return cjson.decode(('['):rep(100000))", "0"))
    assert "Bad data format" in refusal(call("EVAL", "return cmsgpack.unpack(('\\145'):rep(100000))", "0"))


def test_a_table_in_itself_is_a_reply_with_an_end(call: Call) -> None:
    reply = call("EVAL", "local t = {} t[1] = t return t", "0")
    depth = 0
    while isinstance(reply, list):
        [reply] = reply
        depth += 1
    assert depth > 100
    assert refusal(reply) == "ERR reached lua stack limit"


def test_an_error_of_python_is_no_object_in_lua(call: Call) -> None:
    # Nothing that a script calls raises; what it catches is text, whatever happens.
    code = (
        "local kinds = {} for _, f in ipairs({redis.call, redis.sha1hex, cjson.decode, cmsgpack.unpack, struct.pack,"
        " struct.unpack, bit.band, bit.tohex}) do kinds[#kinds + 1] = type(select(2, pcall(f, {}, {}))) end"
        " return kinds"
    )
    assert set(call("EVAL", code, "0")) == {b"string"}  # type: ignore[arg-type]


class TestMemory:
    """One script has so much memory, and no more; what it had is free afterwards."""

    @pytest.fixture
    def limited(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Runtime.__init__, "__kwdefaults__", {"functions": False, "memory_limit": 8 << 20})

    @pytest.mark.parametrize(
        "code",
        [
            "return #('x'):rep(100000000)",
            "local s = 'x' while true do s = s .. s end",
            "local t = {} while true do t[#t + 1] = {} end",
            "local t = {} while true do t[#t + 1] = redis.call('get', KEYS[1]) .. #t end",
            "local t = {} while true do pcall(function() t[#t + 1] = redis.call('get', KEYS[1]) .. #t end) end",
            "local t = {} while true do pcall(function() t[#t + 1] = redis.call('lrange', 'list', 0, -1) end) end",
            "local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(9999) .. #t end) redis.call('ping') end",
            "local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(99) .. #t end) redis.sha1hex('') end",
            "local t = {} while true do pcall(function() t[#t + 1] = struct.pack('c9999', ('x'):rep(9999)) end) end",
            "local t = {} while true do pcall(function() t[#t + 1] = cmsgpack.pack(0.1) .. #t end) end",
        ],
    )
    def test_is_limited(self, limited: None, call: Call, code: str) -> None:
        call("SET", "k", "v" * 50_000)
        call("RPUSH", "list", *(["element"] * 1000))
        assert "not enough memory" in refusal(call("EVAL", code, "1", "k"))
        assert call("EVAL", "return {#('x'):rep(1000000), redis.call('get', KEYS[1])}", "1", "k") == [
            1_000_000,
            b"v" * 50_000,
        ]

    def test_arguments_have_to_fit(self, limited: None, call: Call) -> None:
        call("EVAL", "return 1", "0")
        assert (
            refusal(call("EVAL", "return #ARGV[1]", "0", "v" * 20_000_000))
            == "ERR not enough memory for scripts"
        )
        assert call("EVAL", "return #ARGV[1]", "0", "v" * 1_000_000) == 1_000_000

    def test_replies_have_to_fit(self, limited: None, call: Call) -> None:
        call("SET", "k", "v" * 20_000_000)
        assert "not enough memory" in refusal(call("EVAL", "return redis.call('get', KEYS[1])", "1", "k"))
        assert call("EVAL", "return redis.call('strlen', KEYS[1])", "1", "k") == 20_000_000
