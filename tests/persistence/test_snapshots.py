"""Snapshots of an engine: written whole or not at all, in slices, by themselves, and loaded."""

import asyncio
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from vermilion import errors
from vermilion.backends.memory_backend import MemoryCacheBackend
from vermilion.clock import ManualClock
from vermilion.config import Config
from vermilion.errors import RespError
from vermilion.persistence.snapshots import LoadError, Save
from vermilion.protocol.reply import Reply
from vermilion.session import Nowhere
from vermilion.settings import Settings

NOW_MS = 1_795_000_000_000


class Server:
    """An engine that keeps its keys in a folder, and is a program's whole purpose.

    Args:
        folder: where its snapshot is.
        start: whether it loads it.
    """

    def __init__(self, folder: Path, *, start: bool = True, **settings: object) -> None:
        self.clock = ManualClock(NOW_MS)
        self.config = Config(Settings(dir=str(folder), **settings))  # type: ignore[arg-type]  # any directives
        self.backend = MemoryCacheBackend(config=self.config, clock=self.clock)
        self.engine = self.backend.engine
        self.snapshots = self.backend.snapshots
        self.file = folder / self.config.settings.dbfilename
        self.session = self.engine.open_session(Nowhere("test:0"))
        if start:
            self.snapshots.load_at_start()

    def run(self, line: str) -> Reply:
        """Call a command; an error comes back as its text."""
        reply = self.engine.execute(self.session, line.encode().split())
        return reply.message if isinstance(reply, RespError) else reply  # type: ignore[return-value]

    def info(self, field: str) -> str:
        """Return a field of INFO persistence."""
        lines = self.engine.info(["persistence"]).decode().splitlines()
        return dict(line.split(":", 1) for line in lines[1:])[field]


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logging.getLogger("vermilion"), "propagate", True)
    caplog.set_level(logging.INFO, "vermilion")
    return caplog


def break_disk(server: Server) -> None:
    """Have saving fail from now on."""
    server.config.settings.dir = str(server.file.parent / "missing")


def mend_disk(server: Server) -> None:
    """Have saving succeed again."""
    server.config.settings.dir = str(server.file.parent)


# Saving and loading ---------------------------------------------------------------------------------------


def test_what_was_saved_is_there_after_a_start(server: Server, tmp_path: Path) -> None:
    server.run("SET a 1")
    server.run("SET b 2 PX 5000")
    server.run("RPUSH l x y")
    assert server.run("SAVE") == b"OK" or server.file.exists()
    other = Server(tmp_path)
    assert (other.run("GET a"), other.run("PTTL b"), other.run("LRANGE l 0 -1")) == (b"1", 5000, [b"x", b"y"])
    assert other.info("rdb_last_load_keys_loaded") == "3"
    assert other.info("rdb_changes_since_last_save") == "0"


def test_a_start_without_a_file(server: Server, log: pytest.LogCaptureFixture) -> None:
    assert server.run("DBSIZE") == 0
    assert log.messages == []


def test_saving_leaves_one_file(server: Server) -> None:
    server.run("SET a 1")
    server.run("SAVE")
    server.run("BGSAVE")
    assert list(server.file.parent.iterdir()) == [server.file]


def test_a_failure_leaves_the_old_file(
    server: Server, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    server.run("SET a 1")
    server.run("SAVE")
    before = server.file.read_bytes()
    server.run("SET b 2")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    assert server.run("SAVE") == "ERR"
    assert server.run("BGSAVE") != "ERR"
    assert server.file.read_bytes() == before
    assert list(server.file.parent.iterdir()) == [server.file]
    assert server.info("rdb_changes_since_last_save") == "1"
    assert any("No space left on device" in message for message in log.messages)


def test_a_missing_folder(server: Server, log: pytest.LogCaptureFixture) -> None:
    break_disk(server)
    assert server.run("SAVE") == "ERR"
    assert log.messages[-1].startswith("Failed opening the temp RDB file temp-")
    assert log.messages[-1].endswith(" for saving: No such file or directory")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"hello", "The file is no snapshot"),
        (b"", "The file is no snapshot"),
        (b"REDIS0099" + bytes(9), "The file is of a version that cannot be read: 99"),
        (b"REDIS0012\xfa", "The file is damaged at byte 10 of 10"),
        (b"REDIS0012\xff" + b"\1" * 8, "The file is damaged: its checksum is another"),
        (
            b"REDIS0012\xfe\x10\x00\x01a\x01b\xff" + bytes(8),
            "The file has keys in database 16, and there are 16",
        ),
    ],
)
def test_a_start_from_what_is_no_snapshot(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "dump.rdb").write_bytes(data)
    with pytest.raises(LoadError) as refused:
        Server(tmp_path)
    assert str(refused.value) == reason


def test_a_start_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "dump.rdb").mkdir()
    with pytest.raises(LoadError, match="Is a directory"):
        Server(tmp_path)


def test_without_checksums_they_are_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "dump.rdb").write_bytes(b"REDIS0012\x00\x01a\x01b\xff" + b"\1" * 8)
    server = Server(tmp_path, rdbchecksum=False)
    assert server.run("GET a") == b"b"
    server.run("SAVE")
    assert server.file.read_bytes()[-8:] == bytes(8)


def test_functions_survive(server: Server, tmp_path: Path) -> None:
    code = b"#!lua name=lib\nredis.register_function('f', function() return 'x' end)"
    server.engine.execute(server.session, [b"FUNCTION", b"LOAD", code])
    server.run("SAVE")
    other = Server(tmp_path)
    assert other.run("FCALL f 0") == b"x"
    server.run("FUNCTION FLUSH")
    server.run("SAVE")
    assert Server(tmp_path).run("FUNCTION LIST") == []


def test_a_file_with_functions_that_cannot_be_changes_nothing(server: Server, tmp_path: Path) -> None:
    server.config.settings.enable_debug_command = "yes"
    server.run("SET a 1")
    server.file.write_bytes(b"REDIS0012\xf5\x04code\xff" + bytes(8))
    assert server.run("DEBUG RELOAD NOSAVE") == errors.NOT_LOADED
    assert server.run("GET a") == b"1"
    with pytest.raises(LoadError):
        Server(tmp_path)


# Reloading ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["", "NOSAVE", "NOSAVE NOFLUSH MERGE"])
def test_a_file_that_is_gone(server: Server, options: str) -> None:
    server.config.settings.enable_debug_command = "yes"
    server.run("SET a 1")
    break_disk(server)
    expected = errors.NOT_LOADED if options else errors.NOT_SAVED
    assert server.run(f"DEBUG RELOAD {options}") == expected
    assert server.run("GET a") == b"1"


def test_a_key_that_is_there_twice(server: Server) -> None:
    server.config.settings.enable_debug_command = "yes"
    server.run("SET a 1")
    assert server.run("DEBUG RELOAD NOFLUSH") == errors.NOT_LOADED
    assert server.run("DEBUG RELOAD NOFLUSH MERGE") != errors.NOT_LOADED
    assert server.run("DBSIZE") == 1


# In the background ----------------------------------------------------------------------------------------


@pytest.fixture
def held(server: Server) -> Iterator[list[Save]]:
    """Background saves that wait until the test runs them."""
    saves: list[Save] = []
    server.snapshots.start_writing = saves.append
    yield saves
    server.snapshots.cancel()


def test_a_background_save_has_the_keys_of_its_beginning(
    server: Server, held: list[Save], tmp_path: Path
) -> None:
    for line in ("SET a old", "RPUSH l x", "SET gone v", "APPEND buffer one", "HSET h f v", "SET t v EX 100"):
        server.run(line)
    server.run("BGSAVE")
    for line in (
        "SET a new",
        "RPUSH l y",
        "DEL gone",
        "APPEND buffer two",
        "HSET h g v",
        "PERSIST t",
        "SET b 1",
    ):
        server.run(line)
    assert server.info("rdb_bgsave_in_progress") == "1"
    assert server.info("current_save_keys_total") == "6"
    server.snapshots.write_out(held[0])
    assert server.info("rdb_bgsave_in_progress") == "0"
    assert server.info("rdb_changes_since_last_save") == "7"
    other = Server(tmp_path)
    assert [other.run(f"GET {key}") for key in ("a", "gone", "buffer", "b")] == [b"old", b"v", b"one", None]
    assert (other.run("LRANGE l 0 -1"), other.run("HGETALL h")) == ([b"x"], {b"f": b"v"})
    assert other.run("TTL t") == 100


def test_one_background_save_at_a_time(server: Server, held: list[Save]) -> None:
    server.run("BGSAVE")
    for line in ("BGSAVE", "BGSAVE SCHEDULE", "SAVE"):
        assert server.run(line) == errors.SAVE_IN_PROGRESS
    server.snapshots.write_out(held[0])
    server.run("BGSAVE")
    assert len(held) == 2
    assert server.info("rdb_saves") == "2"


@pytest.mark.parametrize("keys", [0, 3000])
def test_slices(server: Server, held: list[Save], keys: int) -> None:
    for number in range(keys):
        server.engine.databases[0].store(b"%d" % number, b"x" * 100)
    server.run("BGSAVE")
    slices = 0
    while not held[0].advance(0):
        slices += 1
        assert held[0].keys_done <= keys
    assert slices >= keys // 300
    assert held[0].keys_done == keys


@pytest.mark.parametrize("change", ["VADD v VALUES 2 1 1 new M 4", "VREM v e1", "DEL v"])
def test_a_vector_set_is_written_in_slices(
    server: Server, held: list[Save], tmp_path: Path, change: str
) -> None:
    for number in range(600):
        server.run(f"VADD v VALUES 2 {number % 7} {number} e{number} M 4 SETATTR {number}")
    server.run("BGSAVE")
    slices = 1
    while not held[0].advance(0):
        slices += 1
        if slices == 3:
            reply = server.run(change)
    assert reply == 1
    assert slices > 5
    held[0].settle()
    other = Server(tmp_path)
    assert other.run("VCARD v") == 600
    assert other.run("VGETATTR v e599") == b"599"


def test_what_is_given_up_changes_nothing(server: Server, held: list[Save]) -> None:
    server.run("SET a 1")
    server.run("SAVE")
    server.run("SET a 2")
    server.run("BGSAVE")
    server.run("FLUSHALL")
    before = server.file.read_bytes()
    assert server.info("rdb_bgsave_in_progress") == "0"
    assert held[0].advance(0)
    held[0].settle()
    server.snapshots.finish(held[0], written=True)
    assert server.file.read_bytes() == before
    assert list(server.file.parent.iterdir()) == [server.file]


def test_a_save_meanwhile_counts_its_changes_once(server: Server, held: list[Save]) -> None:
    server.run("SET a 1")
    server.run("BGSAVE")
    assert server.snapshots.save()
    server.snapshots.write_out(held[0])
    assert server.info("rdb_changes_since_last_save") == "0"


async def test_clients_are_served_between_slices(tmp_path: Path) -> None:
    server = Server(tmp_path)
    for number in range(20_000):
        server.engine.databases[0].store(b"%d" % number, b"x" * 100)
    server.run("BGSAVE")
    turns = 0
    while server.info("rdb_bgsave_in_progress") == "1":
        turns += 1
        await asyncio.sleep(0)
    assert turns > 3
    assert server.info("rdb_last_bgsave_status") == "ok"
    assert server.file.stat().st_size > 2_000_000
    await server.backend.close()


def test_closing_gives_a_background_save_up(server: Server) -> None:
    async def save_and_close() -> None:
        server.run("SET a 1")
        server.run("BGSAVE")
        await server.backend.close()

    asyncio.run(save_and_close())
    assert list(server.file.parent.iterdir()) == []


# Save points ----------------------------------------------------------------------------------------------


def test_save_points(server: Server, log: pytest.LogCaptureFixture) -> None:
    server.config.set([(b"save", b"60 2")])
    server.run("SET a 1")
    server.clock.advance(ms=61_000)
    server.engine.cron(0)
    assert not server.file.exists()
    server.run("SET a 2")
    server.engine.cron(0)
    assert server.file.exists()
    assert "2 changes in 60 seconds. Saving..." in log.messages
    assert server.run("LASTSAVE") == (NOW_MS + 61_000) // 1000
    server.file.unlink()
    server.run("MSET a 1 b 2")
    server.engine.cron(0)
    assert not server.file.exists()


def test_an_engine_inside_a_program_saves_when_asked(tmp_path: Path) -> None:
    server = Server(tmp_path, start=False)
    server.config.set([(b"save", b"1 1")])
    server.run("SET a 1")
    server.clock.advance(ms=5000)
    server.engine.cron(0)
    server.run("FLUSHALL")
    assert not server.file.exists()
    break_disk(server)
    server.run("BGSAVE")
    assert server.run("SET a 1") != errors.NOT_PERSISTED


def test_writing_is_refused_after_a_failure(server: Server) -> None:
    server.config.set([(b"save", b"3600 1")])
    server.run("SET a 1")
    break_disk(server)
    server.run("BGSAVE")
    assert server.info("rdb_last_bgsave_status") == "err"
    for line in ("SET a 2", "FLUSHALL", "LPUSH l x", "PING"):
        assert server.run(line) == errors.NOT_PERSISTED
    newcomer = server.engine.open_session(Nowhere("test:0"))
    assert str(server.engine.execute(newcomer, [b"DEL", b"a"])) == errors.NOT_PERSISTED
    for script, reply in ((b"return 1", 1), (b"#!lua flags=no-writes\nreturn 1", 1)):
        assert server.engine.execute(newcomer, [b"EVAL", script, b"0"]) == reply
    assert str(server.engine.execute(newcomer, [b"EVAL", b"#!lua\nreturn 1", b"0"])) == errors.NOT_PERSISTED
    assert server.run("GET a") == b"1"
    server.config.set([(b"stop-writes-on-bgsave-error", b"no")])
    assert server.run("INCR a") == 2
    server.config.set([(b"stop-writes-on-bgsave-error", b"yes")])
    assert server.run("INCR a") == errors.NOT_PERSISTED
    server.config.set([(b"save", b"")])
    assert server.run("INCR a") == 3
    server.config.set([(b"save", b"3600 1")])
    mend_disk(server)
    server.run("SAVE")
    assert server.run("INCR a") == 4


def test_a_failed_save_point_is_not_tried_at_once_again(server: Server) -> None:
    server.config.set([(b"save", b"1 1")])
    server.run("SET a 1")
    server.clock.advance(ms=2000)
    break_disk(server)
    for passed, saves in ((0, "1"), (5000, "1"), (1, "2")):
        server.clock.advance(ms=passed)
        server.engine.cron(0)
        assert server.info("rdb_saves") == saves


# The end --------------------------------------------------------------------------------------------------


def test_the_end_saves_what_came_after_the_decision(server: Server, tmp_path: Path) -> None:
    server.config.set([(b"save", b"3600 1")])
    server.run("SET a 1")
    server.run("SHUTDOWN")
    server.run("SET b 2")
    server.snapshots.end()
    assert Server(tmp_path).run("DBSIZE") == 2


def test_the_end_without_saving(server: Server) -> None:
    server.run("SET a 1")
    server.config.set([(b"save", b"")])
    server.run("SHUTDOWN")
    server.config.set([(b"save", b"3600 1")])
    server.run("SHUTDOWN NOSAVE")
    server.snapshots.end()
    assert not server.file.exists()


def test_an_end_that_cannot_save(server: Server, log: pytest.LogCaptureFixture) -> None:
    stopped: list[bool] = []
    server.engine.on_shutdown = lambda: stopped.append(True)
    break_disk(server)
    assert server.run("SHUTDOWN SAVE") == errors.SHUTDOWN_FAILED
    assert stopped == []
    assert "Error trying to save the DB, can't exit." in log.messages
    assert server.run("PING") != errors.SHUTDOWN_FAILED
    server.run("SHUTDOWN SAVE FORCE")
    assert stopped == [True]
    assert log.messages[-1] == "Error trying to save the DB. Exit anyway."


# The journal that there is not ----------------------------------------------------------------------------


def test_a_journal_is_refused(server: Server) -> None:
    reply = server.run("CONFIG SET appendonly yes")
    assert reply == errors.config_set_failed("appendonly", errors.NO_JOURNAL)
    assert server.run("CONFIG GET appendonly") == {b"appendonly": b"no"}
    server.run("CONFIG SET appendonly no")
    assert server.run("BGREWRITEAOF") == errors.NO_JOURNAL_TO_REWRITE
