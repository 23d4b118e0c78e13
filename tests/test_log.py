"""The log's format, and that nothing in a message can leave its line."""

import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vermilion.log import LEVELS, VERBOSE, RedisFormatter, escaped, open_log

LINE = re.compile(
    r"\d+:M \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d\.\d{3} ([.*#-]) (.*)"
)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    logger = logging.getLogger("vermilion")
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()


@pytest.mark.parametrize(
    ("level", "mark"),
    [(logging.DEBUG, "."), (VERBOSE, "-"), (logging.INFO, "*"), (logging.WARNING, "#"), (logging.ERROR, "#")],
)
def test_a_line(level: int, mark: str, capsys: pytest.CaptureFixture[str]) -> None:
    open_log("", "debug").log(level, "Ready to accept connections %s", "tcp")
    found = LINE.fullmatch(capsys.readouterr().out.rstrip("\n"))
    assert found is not None
    assert found.groups()[1:] == (mark, "Ready to accept connections tcp")


@pytest.mark.parametrize(
    ("loglevel", "marks"),
    [("debug", ".-*#"), ("verbose", "-*#"), ("notice", "*#"), ("warning", "#"), ("nothing", "")],
)
def test_the_threshold(loglevel: str, marks: str, capsys: pytest.CaptureFixture[str]) -> None:
    logger = open_log("", loglevel)
    for level in (logging.DEBUG, VERBOSE, logging.INFO, logging.WARNING):
        logger.log(level, "x")
    lines = capsys.readouterr().out.splitlines()
    assert "".join(line.split()[5] for line in lines) == marks


def test_every_value_of_loglevel_has_a_threshold() -> None:
    assert list(LEVELS) == ["debug", "verbose", "notice", "warning", "nothing"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain é", "plain é"),
        ("a\r\nb", "a\\x0d\\x0ab"),
        ("\x1b[31m\x7f\x9b", "\\x1b[31m\\x7f\\x9b"),
        ("\udcff", "\\xff"),
        ("\ud800\u2028", "\\ud800\\u2028"),
    ],
)
def test_untrusted_text_is_escaped(text: str, expected: str) -> None:
    assert escaped(text) == expected


def test_messages_are_escaped_and_tracebacks_follow() -> None:
    try:
        int("bad")
    except ValueError:
        record = logging.LogRecord("x", logging.WARNING, "", 0, "from %s", ("a\nb",), sys.exc_info())
    first, *traceback = RedisFormatter().format(record).splitlines()
    assert first.endswith("# from a\\x0ab")
    assert traceback[-1].startswith("ValueError: invalid literal")


def test_a_file_that_is_rotated_is_opened_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "redis.log"
    logger = open_log(str(path), "notice")
    logger.info("one")
    path.rename(tmp_path / "redis.log.1")
    logger.info("two \udcff")
    assert path.read_text(encoding="utf-8").endswith("* two \\xff\n")
    assert capsys.readouterr().out == ""


def test_opening_again_writes_to_the_new_place_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_log(str(tmp_path / "redis.log"), "notice")
    open_log("", "notice").info("here")
    assert capsys.readouterr().out.count("here") == 1
    assert (tmp_path / "redis.log").read_bytes() == b""
