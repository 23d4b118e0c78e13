"""The command line: what is answered at once, and what a process does before it serves.

Everything heavier than the standard library's core is imported where it is needed: `--version` is asked by
launchers that wait for it.
"""

import os
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TextIO

from vermilion.version import REDIS_VERSION, __version__

if TYPE_CHECKING:
    import logging

    from vermilion.config import Config
    from vermilion.settings import Settings

USAGE: Final = """\
Usage: vermilion [/path/to/redis.conf] [options] [-]
       vermilion - (read config from stdin)
       vermilion -v or --version
       vermilion -h or --help

Examples:
       vermilion (run the server with default conf)
       echo 'maxmemory 128mb' | vermilion -
       vermilion /etc/redis/6379.conf
       vermilion --port 7777
       vermilion --port 7777 --requirepass "a secret"
       vermilion /etc/myredis.conf --loglevel verbose -

Every directive of redis.conf is an option, and VERMILION_<DIRECTIVE> in the environment, which options and
files override: VERMILION_MAXMEMORY_POLICY=allkeys-lru.
"""

_REFUSED: Final = {
    "--check-system": "the checks of this option are for Redis's own memory allocator",
    "--test-memory": "this option tests the machine, not a server: use memtest86",
    "--sentinel": "Sentinel is another program: use redis-sentinel",
}

DAEMON_PIDFILE: Final = "/var/run/redis.pid"
"""Where the number of a process in the background is when nothing else is said, as Redis has it: scripts look there."""


class Answer(NamedTuple):
    """What to print instead of serving, and the exit status."""

    text: str
    status: int


def version_text() -> str:
    """Return what `--version` prints.

    Returns:
        Redis's line first, which launchers parse for `v=`, and our own version after it.

    Example:
        >>> version_text().startswith("Redis server v=8.")
        True

    LLM Context:
        - pytest-redis and others refuse to start a server whose first line they cannot parse.
    """
    bits = 64 if sys.maxsize > 2**32 else 32
    return (
        f"Redis server v={REDIS_VERSION} sha=00000000:0 malloc=libc bits={bits} build=0\n"
        f"Vermilion {__version__} ({platform.python_implementation()} {platform.python_version()})\n"
    )


def immediate_answer(argv: Sequence[str]) -> Answer | None:
    """Return what to print for arguments that start no server.

    Args:
        argv: without the program's name.

    Returns:
        The answer, or None when the arguments are for a server: only the first one counts, as in Redis.

    Example:
        >>> immediate_answer(["--port", "7379"]) is None
        True
        >>> immediate_answer(["--check-system"]).status
        1

    See Also:
        `vermilion.config.Config.from_arguments`, for the others.
    """
    first = argv[0] if argv else ""
    if first in {"-v", "--version"}:
        return Answer(version_text(), 0)
    if first in {"-h", "--help"}:
        return Answer(USAGE, 0)
    if first in _REFUSED:
        return Answer(f"vermilion: {first}: {_REFUSED[first]}\n", 1)
    return None


def standard_input(argv: Sequence[str]) -> TextIO | None:
    """Return the standard input, every byte of it readable as text, if the arguments ask for it.

    Args:
        argv: without the program's name.
    """
    if "-" not in argv:
        return None
    return os.fdopen(0, encoding="utf-8", errors="surrogateescape", closefd=False)


@contextmanager
def process(config: "Config") -> Iterator["logging.Logger"]:
    """Make this process the server's: its directory, its log, the background, its pid file.

    Args:
        config: from the command line. Its `dir` and `loglevel` are followed from now on.

    Yields:
        The logger of the server. Afterwards the pid file is removed.

    Raises:
        ConfigError: if the directory cannot be entered or the log cannot be opened.

    LLM Context:
        - Call it before anything starts a thread or an event loop: it may fork.
        - A process that is supervised stays in the foreground, whatever `daemonize` says.
    """
    from vermilion.config import ConfigError  # noqa: PLC0415  # not for --version
    from vermilion.log import LEVELS, open_log  # noqa: PLC0415

    settings = config.settings
    try:
        _enter(settings)
        if settings.daemonize and not is_supervised(settings.supervised):
            _go_into_background()
            settings.pidfile = settings.pidfile or DAEMON_PIDFILE
        logger = open_log(settings.logfile, settings.loglevel)
    except OSError as error:
        raise ConfigError(f"Can't open {error.filename}: {error.strerror}") from None
    config.watch("dir", _enter)
    config.watch("maxclients", _make_room)
    config.watch("loglevel", lambda now: logger.setLevel(LEVELS[now.loglevel]))
    logger.info("Vermilion %s is starting, compatible with Redis version=%s", __version__, REDIS_VERSION)
    if config.ignored:
        logger.info("Directives without a meaning here: %s", ", ".join(config.ignored))
    _reduce_clients(settings, logger)
    pidfile = Path(settings.pidfile).absolute() if settings.pidfile else None
    if pidfile:
        try:
            pidfile.write_text(f"{os.getpid()}\n", encoding="ascii")
        except OSError as error:
            logger.warning("Failed to write PID file: %s", error.strerror)
            pidfile = None
    try:
        yield logger
    finally:
        if pidfile:
            pidfile.unlink(missing_ok=True)


def is_supervised(mode: str) -> bool:
    """Return whether something waits to be told that the server is ready.

    Args:
        mode: a value of the directive `supervised`.
    """
    if mode == "auto":
        return "NOTIFY_SOCKET" in os.environ or "UPSTART_JOB" in os.environ
    return mode != "no"


def _enter(settings: "Settings") -> None:
    os.chdir(settings.dir)


def _make_room(settings: "Settings") -> None:
    """Have descriptors for all clients, or refuse."""
    from vermilion.errors import too_many_clients  # noqa: PLC0415  # not for --version
    from vermilion.network.descriptors import room_for  # noqa: PLC0415

    room = room_for(settings.maxclients)
    if room < settings.maxclients:
        raise ValueError(too_many_clients(room))


def _reduce_clients(settings: "Settings", logger: "logging.Logger") -> None:
    """Start with fewer clients than were asked for, where there are not descriptors for all of them."""
    from vermilion.network.descriptors import room_for  # noqa: PLC0415  # not for --version

    room = room_for(settings.maxclients)
    if room < settings.maxclients:
        logger.warning(
            "maxclients has been reduced from %d to %d: the system grants no more file descriptors;"
            " 'ulimit -n' raises them.",
            settings.maxclients,
            room,
        )
        settings.maxclients = room


def _go_into_background() -> None:
    """Leave the terminal: go on in a child of a session of its own, while the parent exits."""
    if os.fork():
        os._exit(0)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    if null > 2:
        os.close(null)
