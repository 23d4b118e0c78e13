"""Files, arguments and the environment: what a server starts with, and what it refuses to."""

import io
import os
from pathlib import Path

import pytest

from vermilion.compound_kinds import BufferLimit, Primary, SavePoint
from vermilion.config import Config, ConfigError
from vermilion.settings import Settings

DEBIAN = Path(__file__).with_name("debian.conf")


def load(*argv: str, stdin: str = "", environ: dict[str, str] | None = None) -> Settings:
    return Config.from_arguments(argv, environ or {}, io.StringIO(stdin)).settings


def refusal(*argv: str, stdin: str = "") -> tuple[int | None, str | None, str]:
    with pytest.raises(ConfigError) as caught:
        load(*argv, stdin=stdin)
    return caught.value.line_number, caught.value.line, caught.value.reason


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_anything_the_defaults_hold() -> None:
    assert load().port == 6379


def test_a_file(folder: Path) -> None:
    (folder / "redis.conf").write_bytes(
        b"# comment\r\n  PORT 7000\r\n\nsave 900 1\nsave 300 10\nbind 127.0.0.1 -::1\n"
        b'requirepass "a \\xff"\nreplicaof localhost 6380\nunixsocketperm 770\n'
        b"client-output-buffer-limit replica 1mb 1kb 1\nuser alice on >secret ~*\nuser bob off\n"
    )
    settings = load("redis.conf")
    assert settings.port == 7000
    assert settings.save == (SavePoint(900, 1), SavePoint(300, 10))
    assert settings.bind == ("127.0.0.1", "-::1")
    assert settings.requirepass == b"a \xff"
    assert settings.replicaof == Primary("localhost", 6380)
    assert settings.unixsocketperm == 0o770
    assert settings.client_output_buffer_limit["slave"] == BufferLimit(1 << 20, 1 << 10, 1)
    assert settings.client_output_buffer_limit["pubsub"] == BufferLimit(32 << 20, 8 << 20, 60)
    assert settings.user == (("alice", "on", ">secret", "~*"), ("bob", "off"))


@pytest.mark.parametrize("where", [("-",), ("-", "--hz", "20"), ("--hz", "20", "-")])
def test_standard_input(where: tuple[str, ...]) -> None:
    assert load(*where, stdin="port 7001\nhz 5\n").port == 7001


def test_standard_input_is_left_alone_unless_asked_for() -> None:
    assert load("--hz", "20", stdin="port 7001").port == 6379


def test_the_later_source_wins(folder: Path) -> None:
    (folder / "redis.conf").write_text("hz 20\ntimeout 20\ndatabases 20\n", encoding="utf-8")
    environ = dict.fromkeys(
        ("VERMILION_HZ", "VERMILION_TIMEOUT", "VERMILION_DATABASES", "VERMILION_PORT"), "10"
    )
    settings = load("redis.conf", "--hz", "40", "-", stdin="hz 30\ntimeout 30\n", environ=environ)
    assert (settings.hz, settings.timeout, settings.databases, settings.port) == (40, 30, 20, 10)


def test_the_last_of_equal_arguments_wins() -> None:
    assert load("--port", "7379", "--port", "7380").port == 7380


@pytest.mark.parametrize(
    ("argv", "save"),
    [
        (["--save", ""], ()),
        (["--save"], ()),
        (["--save", "--hz", "20"], ()),
        (["--save", "900", "1", "300", "10"], ((900, 1), (300, 10))),
        (["--save", "900 1 300 10"], ((900, 1), (300, 10))),
        (["--save", "900", "1", "--save", "300", "10"], ((900, 1), (300, 10))),
        (["--save 900 1", "--save 300 10"], ((900, 1), (300, 10))),
        (["--save", "900", "1", "--save", ""], ()),
        (["--save", "", "--save", "900", "1"], ((900, 1),)),
    ],
)
def test_save_in_all_its_shapes(argv: list[str], save: tuple[tuple[int, int], ...]) -> None:
    assert load(*argv).save == save


@pytest.mark.parametrize(
    ("directive", "value", "answer"),
    [
        ("bind", "127.0.0.1  -::1", "127.0.0.1 -::1"),
        ("oom-score-adj-values", "1 2 3", "1 2 3"),
        ("shutdown-on-sigint", "save now", "save now"),
        ("latency-tracking-info-percentiles", "50  99", "50 99"),
        ("replicaof", "127.0.0.1 1", "127.0.0.1 1"),
    ],
)
def test_several_words_may_come_in_one(directive: str, value: str, answer: str) -> None:
    name = directive.encode()
    assert Config.from_arguments([f"--{directive}", value], {}).get([name]) == {name: answer.encode()}


def test_a_file_replaces_the_save_points_of_the_environment() -> None:
    environ = {"VERMILION_SAVE": "900 1"}
    assert load(environ=environ).save == ((900, 1),)
    assert load("--save", "1", "1", environ=environ).save == ((1, 1),)


@pytest.mark.parametrize(
    ("argv", "password"),
    [
        (["--requirepass", "--port"], b"--port"),
        (["--requirepass", "-"], b""),  # the last word alone means standard input, as in Redis
        (["--requirepass", 'a"b\\n \n'], b'a"b\\n \n'),
        (["--requirepass", "\udcff"], b"\xff"),
        (["--requirepass"], None),
    ],
)
def test_values_of_any_shape(argv: list[str], password: bytes | None) -> None:
    if password:
        assert load(*argv).requirepass == password
    else:
        assert refusal(*argv) == (2, "requirepass", "wrong number of arguments")


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--port", "abc"], (2, 'port "abc"', "argument couldn't be parsed into an integer")),
        (["--port", ""], (2, 'port ""', "argument couldn't be parsed into an integer")),
        (["--port"], (2, "port", "wrong number of arguments")),
        (["--port", "1", "2"], (2, 'port "1" "2"', "wrong number of arguments")),
        (["--port", "1", "--loglevel"], (3, "loglevel", "wrong number of arguments")),
        (["--port", "--port", "1"], (2, 'port "--port" "1"', "wrong number of arguments")),
        (["--port 7431 --loglevel foo"], (2, "port 7431 --loglevel foo", "wrong number of arguments")),
        (["--hz 10", "--port", "x"], (3, 'port "x"', "argument couldn't be parsed into an integer")),
        (["--hz 10", "5"], (2, 'hz 10 "5"', "wrong number of arguments")),
        (["--port=7431"], (2, "port=7431", "Bad directive or wrong number of arguments")),
        (["-x"], (2, '"-x"', "Bad directive or wrong number of arguments")),
        (["--nope"], (2, "nope", "Bad directive or wrong number of arguments")),
        (["--nope", "1"], (2, 'nope "1"', "Bad directive or wrong number of arguments")),
        (["--bind", 'a"b', "--port", "x"], (3, 'port "x"', "argument couldn't be parsed into an integer")),
        (["", "--port", "x"], (2, 'port "x"', "argument couldn't be parsed into an integer")),
    ],
)
def test_refused_arguments(argv: list[str], expected: tuple[int, str, str]) -> None:
    assert refusal(*argv) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("port 1\n\n  port abc\t\r\n", (3, "port abc", "argument couldn't be parsed into an integer")),
        ('port "1', (1, 'port "1', "Unbalanced quotes in configuration line")),
        ("port 1 # no comment", (1, "port 1 # no comment", "wrong number of arguments")),
        ('""', (1, '""', "Bad directive or wrong number of arguments")),
        ("include", (1, "include", "Bad directive or wrong number of arguments")),
        ("rename-command get", (1, "rename-command get", "Bad directive or wrong number of arguments")),
        ("sentinel x", (1, "sentinel x", "sentinel directive while not in sentinel mode")),
        ("slaveof a b c", (1, "slaveof a b c", "wrong number of arguments")),
        ("replicaof a 65536", (1, "replicaof a 65536", "Invalid master port")),
        ("appendfilename a/b", (1, "appendfilename a/b", "appendfilename can't be a path, just a filename")),
        ("appenddirname ''", (1, "appenddirname ''", "appenddirname can't be empty")),
        ("dir nowhere", (1, "dir nowhere", "No such file or directory")),
        ("logfile no/where", (1, "logfile no/where", "Can't open the log file: No such file or directory")),
        ("unixsocketperm 8", (1, "unixsocketperm 8", "argument couldn't be parsed as an octal number")),
        ("unixsocketperm 1777", (1, "unixsocketperm 1777", "argument must be between 0 and 777 inclusive")),
        ("save 900 1 5", (1, "save 900 1 5", "Invalid save parameters")),
    ],
)
def test_refused_lines(text: str, expected: tuple[int, str, str]) -> None:
    assert refusal("-", stdin=text) == expected


def test_lines_are_counted_through_file_input_and_arguments(folder: Path) -> None:
    (folder / "a.conf").write_text("# comment\nport 7431\n", encoding="utf-8")
    assert refusal("a.conf", "--port", "x")[0] == 4
    assert refusal("a.conf", "-", stdin="port x")[0] == 3


def test_the_text_of_a_refusal() -> None:
    with pytest.raises(ConfigError) as caught:
        load("--port", "abc")
    assert str(caught.value) == (
        "\n*** FATAL CONFIG FILE ERROR (Redis 8.0.6) ***\n"
        "Reading the configuration file, at line 2\n"
        ">>> 'port \"abc\"'\n"
        "argument couldn't be parsed into an integer"
    )


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("VERMILION_PORT", "x", "argument couldn't be parsed into an integer"),
        ("VERMILION_NOPE", "1", "Bad directive or wrong number of arguments"),
        ("VERMILION_INCLUDE", "x", "Bad directive or wrong number of arguments"),
    ],
)
def test_refused_variables(variable: str, value: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(environ={variable: value})
    assert str(caught.value).splitlines()[2:] == [
        "Reading the environment",
        f">>> '{variable}={value}'",
        reason,
    ]


def test_variables_take_one_text_for_all_words() -> None:
    environ = {
        "VERMILION_BIND": "127.0.0.1 ::1",
        "VERMILION_REQUIREPASS": "a b",
        "VERMILION_SLAVE_PRIORITY": "5",
        "X": "y",
    }
    settings = load(environ=environ)
    assert (settings.bind, settings.requirepass, settings.replica_priority) == (
        ("127.0.0.1", "::1"),
        b"a b",
        5,
    )


def test_a_file_that_is_not_there(folder: Path) -> None:
    expected = f"Fatal error, can't open config file '{folder}/no.conf': No such file or directory"
    assert refusal("no.conf") == (None, None, expected)


def test_include(folder: Path) -> None:
    (folder / "main.conf").write_text(
        "hz 1\ninclude a.conf\ntimeout 5\ninclude conf.d/*.conf\n", encoding="utf-8"
    )
    (folder / "a.conf").write_text("hz 20\ntimeout 20\n", encoding="utf-8")
    settings = load("main.conf")
    assert (settings.hz, settings.timeout) == (20, 5)
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / "1.conf").write_text("hz 30\n", encoding="utf-8")
    (folder / "conf.d" / "2.conf").write_text("hz 40\n", encoding="utf-8")
    assert load("main.conf").hz == 40


def test_include_of_nothing_and_of_itself(folder: Path) -> None:
    (folder / "a.conf").write_text("include b.conf\n", encoding="utf-8")
    assert refusal("a.conf")[2] == "Fatal error, can't open config file 'b.conf': No such file or directory"
    (folder / "b.conf").write_text("# round\ninclude a.conf\n", encoding="utf-8")
    assert refusal("a.conf")[2] == "Too many levels of include"


def test_a_refusal_inside_an_included_file_counts_its_lines(folder: Path) -> None:
    (folder / "a.conf").write_text("include b.conf\n", encoding="utf-8")
    (folder / "b.conf").write_text("\n\nport x\n", encoding="utf-8")
    assert refusal("a.conf") == (3, "port x", "argument couldn't be parsed into an integer")


def test_dir_becomes_absolute_and_changes_nothing_in_the_process(folder: Path) -> None:
    (folder / "data").mkdir()
    assert load("--dir", "data").dir == str(folder / "data")
    assert Path.cwd() == folder


def test_the_directives_without_a_meaning_are_named_once() -> None:
    config = Config.from_arguments(["--activedefrag", "yes", "--port", "1", "--activedefrag", "no"], {})
    assert config.ignored == ["activedefrag"]


def test_words_of_repeated_directives_are_kept() -> None:
    text = 'rename-command GET ""\nrename-command set put\n'
    assert load("-", stdin=text).rename_command == (("GET", ""), ("set", "put"))


def test_a_distribution_s_file_loads(folder: Path) -> None:
    text = DEBIAN.read_text(encoding="utf-8").replace("@", os.fspath(folder))
    (folder / "redis.conf").write_text(text, encoding="utf-8")
    settings = load("redis.conf")
    assert (settings.daemonize, settings.dir, settings.bind) == (True, str(folder), ("127.0.0.1", "-::1"))
