"""The log in Redis's format, `PID:M 22 Nov 2026 07:11:46.123 * message`, through the logging module."""

import logging
import re
import sys
import time
from typing import Final

VERBOSE: Final = 15
"""Between debug and notice: for `logger.log(VERBOSE, ...)`."""

LEVELS: Final = {
    "debug": logging.DEBUG,
    "verbose": VERBOSE,
    "notice": logging.INFO,
    "warning": logging.WARNING,
    "nothing": logging.CRITICAL + 1,
}
"""The threshold of each value of `loglevel`."""

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def escaped(text: str) -> str:
    r"""Return a text on one line, with nothing in it that a terminal would obey.

    Args:
        text: from anywhere; bytes that are not UTF-8 are lone surrogates, as `surrogateescape` makes them.

    Returns:
        The text with control characters and such bytes as `\xHH`.

    Example:
        >>> escaped("user\n\x1b[2J\udcff")
        'user\\x0a\\x1b[2J\\xff'

    LLM Context:
        - The formatter does it to every message: whoever logs need not.
    """
    return _UNPRINTABLE.sub(lambda found: _escape(ord(found[0])), text)


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class RedisFormatter(logging.Formatter):
    r"""Writes records as Redis writes its log.

    Attributes:
        role: `M` for a primary, `S` for a replica, `C` for a child.

    Example:
        >>> record = logging.LogRecord("vermilion", logging.WARNING, "", 0, "Bad %s", ("\n",), None)
        >>> record.process, record.created = 42, time.mktime((2026, 11, 22, 7, 11, 46, 0, 0, -1))
        >>> record.msecs = 7.0
        >>> RedisFormatter().format(record)
        '42:M 22 Nov 2026 07:11:46.007 # Bad \\x0a'

    LLM Context:
        - The levels are `.` debug, `-` verbose, `*` notice (INFO), `#` warning and above.
        - A traceback follows its message on lines of its own.
    """

    def __init__(self, role: str = "M") -> None:
        super().__init__()
        self.role = role

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line."""
        level = record.levelno
        mark = (
            "#" if level > logging.INFO else "*" if level > VERBOSE else "-" if level > logging.DEBUG else "."
        )
        now = time.localtime(record.created)
        line = (
            f"{record.process}:{self.role} {now.tm_mday:02} {_MONTHS[now.tm_mon - 1]} {now.tm_year} "
            f"{now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02}.{int(record.msecs):03} "
            f"{mark} {escaped(record.getMessage())}"
        )
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def open_log(logfile: str, loglevel: str) -> logging.Logger:
    """Return the logger of the server, writing to a file or to the standard output.

    Args:
        logfile: the path, or empty for the standard output.
        loglevel: a value of the directive `loglevel`.

    Returns:
        The logger `vermilion`; what it had written to before is closed.

    Raises:
        OSError: if the file cannot be opened.

    LLM Context:
        - A file that was renamed is opened anew, so that it can be rotated.
        - To change the level later: `logger.setLevel(LEVELS[settings.loglevel])`.
    """
    handler: logging.Handler
    if logfile:
        from logging.handlers import WatchedFileHandler  # noqa: PLC0415  # it brings sockets and queues along

        handler = WatchedFileHandler(logfile, encoding="utf-8", errors="backslashreplace")
    else:
        handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(RedisFormatter())
    logger = logging.getLogger("vermilion")
    for old in logger.handlers[:]:
        logger.removeHandler(old)
        old.close()
    logger.addHandler(handler)
    logger.setLevel(LEVELS[loglevel])
    logger.propagate = False
    return logger
