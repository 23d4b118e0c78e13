"""The cache of scripts, the time that they see, their figures, and the end of those that do not end."""

import subprocess
import sys

import pytest

from tests.scripting.conftest import Call
from vermilion import MemoryCacheBackend
from vermilion.clock import ManualClock
from vermilion.engine.engine import Engine
from vermilion.errors import RespError
from vermilion.protocol.reply import OK, Pairs, Reply, Verbatim
from vermilion.scripting.bytecode import without_tail_calls
from vermilion.scripting.scripts import EVAL_SCRIPTS, Scripts
from vermilion.session import Nowhere, Session


class RunningClock(ManualClock):
    """A clock that goes on by a second whenever it is looked at."""

    def monotonic_ms(self) -> int:
        self.advance(ms=1000)
        return super().monotonic_ms()


@pytest.fixture
def scripts(engine: Engine) -> Scripts:
    assert isinstance(engine.scripting, Scripts)
    return engine.scripting


def test_scripts_of_eval_make_room_for_others(call: Call, scripts: Scripts) -> None:
    kept = call("SCRIPT", "LOAD", "return 'kept'")
    for number in range(EVAL_SCRIPTS + 10):
        assert call("EVAL", f"return {number}", "0") == number
    assert scripts.evicted == 10
    assert scripts.figures.scripts == EVAL_SCRIPTS + 1
    assert isinstance(kept, bytes)
    assert call("EVALSHA", kept, "0") == b"kept"


def test_a_script_that_is_used_stays(call: Call, scripts: Scripts) -> None:
    first = "return 'first'"
    call("EVAL", first, "0")
    for number in range(EVAL_SCRIPTS):
        call("EVAL", f"return {number}", "0")
        call("EVAL", first, "0")
    assert scripts.figures.scripts == EVAL_SCRIPTS
    assert scripts.evicted == 1


def test_a_loaded_script_is_not_one_of_eval_any_more(call: Call) -> None:
    body = "return 'loaded'"
    call("EVAL", body, "0")
    digest = call("SCRIPT", "LOAD", body)
    for number in range(EVAL_SCRIPTS + 1):
        call("EVAL", f"return {number}", "0")
    assert call("SCRIPT", "EXISTS", digest) == [1]


def test_flush_forgets_scripts(call: Call, scripts: Scripts) -> None:
    digest = call("SCRIPT", "LOAD", "return 1")
    assert isinstance(digest, bytes)
    assert call("SCRIPT", "FLUSH") is OK
    assert call("SCRIPT", "EXISTS", digest) == [0]
    assert scripts.figures.runtime_memory == 0


def test_a_script_ends_before_its_keys_do() -> None:
    engine = MemoryCacheBackend().engine  # with the system's clock
    session = engine.open_session(Nowhere("test:0"))
    wait = b"for i = 1, 500000 do local s = tostring(i) end"
    code = b"redis.call('set', 'k', 'v', 'px', 1) %b return redis.call('get', 'k')" % wait
    assert engine.execute(session, [b"EVAL", code, b"0"]) == b"v"
    assert engine.execute(session, [b"GET", b"k"]) is None


def test_info_counts(call: Call) -> None:
    call("EVAL", "return 1", "0")
    call("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() end)")
    info = call("INFO", "memory")
    assert isinstance(info, Verbatim)
    fields = dict(line.split(b":", 1) for line in info.text.splitlines() if b":" in line)
    assert fields[b"number_of_cached_scripts"] == b"1"
    assert fields[b"number_of_functions"] == b"1"
    assert fields[b"number_of_libraries"] == b"1"
    assert int(fields[b"used_memory_vm_eval"]) > 0
    assert int(fields[b"used_memory_vm_functions"]) > 0


class TestEndless:
    """A script that does not end, and another client, which is served from within it."""

    @pytest.fixture
    def engine(self) -> Engine:
        return MemoryCacheBackend(clock=RunningClock()).engine

    @pytest.fixture
    def other(self, engine: Engine) -> Session:
        return engine.open_session(Nowhere("test:0"))

    def meanwhile(self, engine: Engine, other: Session, *calls: list[bytes]) -> list[Reply]:
        """Have the other client make these calls, one at each look."""
        left, replies = list(calls), list[Reply]()

        def serve(caller: Session) -> None:
            assert caller is not other
            if left:
                replies.append(engine.execute(other, left.pop(0)))  # type: ignore[arg-type]  # none waits

        engine.while_busy = serve
        return replies

    @pytest.mark.parametrize(
        "code",
        [
            "while true do end",
            "while true do pcall(function() while true do end end) end",
            "local co = coroutine.wrap(function() while true do end end) co()",
            "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
            "while true do pcall(redis.call, 'nope') end",
        ],
    )
    def test_is_killed(self, engine: Engine, other: Session, call: Call, code: str) -> None:
        replies = self.meanwhile(engine, other, [b"PING"], [b"FUNCTION", b"KILL"], [b"SCRIPT", b"KILL"])
        reply = call("EVAL", code, "0")
        assert isinstance(reply, RespError)
        assert "killed by user" in reply.message
        refused = [found.message[:5] for found in replies[:2] if isinstance(found, RespError)]
        assert refused == ["BUSY ", "BUSY "]
        assert replies[2] is OK
        assert engine.execute(other, [b"EVAL", b"return 'again'", b"0"]) == b"again"

    def test_is_not_killed_once_it_has_written(self, engine: Engine, other: Session, call: Call) -> None:
        replies = self.meanwhile(engine, other, [b"SCRIPT", b"KILL"], [b"SHUTDOWN"], [b"SHUTDOWN", b"NOSAVE"])
        stopped = []
        engine.on_shutdown = lambda: stopped.append(True)
        call("EVAL", "redis.call('set', 'k', 'v') while true do end", "0")
        assert [str(reply).split()[0] for reply in replies[:2]] == ["UNKILLABLE", "BUSY"]
        assert stopped == [True]

    def test_is_shown_and_killed_as_a_function(self, engine: Engine, other: Session, call: Call) -> None:
        call(
            "FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() while true do end end)"
        )
        replies = self.meanwhile(
            engine, other, [b"SCRIPT", b"KILL"], [b"FUNCTION", b"STATS"], [b"FUNCTION", b"KILL"]
        )
        reply = call("FCALL", "f", "0")
        assert isinstance(reply, RespError)
        assert reply.message.endswith("script: f, on @user_function:2.")
        assert "FUNCTION KILL" in str(replies[0])
        assert isinstance(replies[1], dict | Pairs)
        running = dict(replies[1].items())[b"running_script"]
        assert isinstance(running, dict)
        assert running[b"command"] == [b"FCALL", b"f", b"0"]


def test_a_failed_restore_leaves_everything_as_it_was(call: Call) -> None:
    call("FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 1 end)")
    payload = call("FUNCTION", "DUMP")
    call("FUNCTION", "FLUSH")
    call("FUNCTION", "LOAD", "#!lua name=other\nredis.register_function('f', function() return 2 end)")
    assert isinstance(call("FUNCTION", "RESTORE", payload), RespError)
    assert call("FCALL", "f", "0") == 2


def test_a_function_that_calls_itself_last_has_no_end_of_stack(call: Call) -> None:
    code = "local function count(n) if n == 0 then return 'done' end return count(n - 1) end return count(100000)"
    assert call("EVAL", code, "0") == b"done"


def test_the_line_of_a_last_call_is_known(call: Call) -> None:
    reply = call(
        "EVAL", "local function f()\n  return redis.call('incr', KEYS[1])\nend\nreturn f()", "1", "k"
    )
    assert reply == 1
    call("SET", "k", "x")
    reply = call(
        "EVAL", "local function f()\n  return redis.call('incr', KEYS[1])\nend\nreturn f()", "1", "k"
    )
    assert str(reply).endswith("on @user_script:2.")


def test_only_tail_calls_change_in_bytecode(call: Call) -> None:
    code = "return string.dump(loadstring('local a = KEYS[1] return a'))"
    chunk = call("EVAL", code, "0")
    assert isinstance(chunk, bytes)
    assert without_tail_calls(chunk) == chunk
    chunk = call("EVAL", "return string.dump(loadstring('return f(1)'))", "0")
    assert isinstance(chunk, bytes)
    assert sum(a != b for a, b in zip(without_tail_calls(chunk), chunk, strict=True)) == 1


def test_a_server_that_runs_no_script_does_not_import_lua() -> None:
    code = "import sys, vermilion; vermilion.MemoryCacheBackend(); print('lupa' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
