"""A process of its own that writes one snapshot: a fork, which has the keys as they were when it began.

    server                      child
    fork ───────────────────▶   closes what is the server's: its clients, its listeners
    serves on                   parts -> file -> fsync -> rename
    looks after it (cron)  ◀──  a page that both see: keys written, bytes copied; then the exit status

The memory of the two is one until either writes to it, and Python writes to whatever it looks at: it counts references
there. What the child goes over is therefore copied, page by page, as it goes along, up to all of the keys at its end.
"""

import gc
import logging
import mmap
import os
import signal
import struct
from contextlib import suppress
from pathlib import Path
from time import monotonic, perf_counter_ns, sleep
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from vermilion.persistence.snapshots import Save

LOGGER: Final = logging.getLogger("vermilion")

_SLICE_S: Final = 0.05
_COPIED_EVERY_S: Final = 1.0
_PAGE: Final = struct.Struct("=qqd")  # keys written, bytes copied, when that was
_OWN_MEMORY: Final = Path("/proc/self/smaps_rollup")


class Child:
    """The process that writes a snapshot, as its parent sees it.

    Args:
        save: the snapshot; nothing of it is written yet. The parent's hold of its file is given up.
        delay_us: for how many microseconds it is to wait after each key; a negative number is that of keys after
            which it waits for one microsecond.

    Raises:
        OSError: when the system refuses to fork.

    LLM Context:
        - The caller has one thread: a fork takes along the locks of all others, and nobody to open them.
        - `poll` from time to time, or `kill`: one of the two collects the process when it has ended.
    """

    def __init__(self, save: "Save", delay_us: int) -> None:
        self._page = mmap.mmap(-1, _PAGE.size)
        mark = perf_counter_ns()
        self.pid = os.fork()
        if not self.pid:
            _write(save, self._page, delay_us if delay_us >= 0 else -1 / delay_us)
        self.fork_ns = perf_counter_ns() - mark
        save.leave_file()

    @property
    def keys_done(self) -> int:
        """How many keys it has written."""
        return int(_PAGE.unpack(self._page)[0])

    @property
    def copied(self) -> int:
        """How many bytes of memory it no longer shares, as far as the system tells."""
        return int(_PAGE.unpack(self._page)[1])

    @property
    def copied_age_s(self) -> int:
        """How many seconds ago that was so; 0 when it has not looked yet."""
        looked_at = _PAGE.unpack(self._page)[2]
        return int(monotonic() - looked_at) if looked_at else 0

    def poll(self) -> bool | None:
        """Return whether it has written the snapshot, or None while it is at it."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return None
        if os.WIFSIGNALED(status):
            LOGGER.warning("Background saving terminated by signal %d", os.WTERMSIG(status))
        return status == 0

    def kill(self) -> None:
        """End it, wherever it is."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _write(save: "Save", page: mmap.mmap, delay_us: float) -> NoReturn:
    """Write the snapshot, and end the process; runs in the child."""
    status = 1
    try:
        gc.disable()  # a collection would look at everything, and so copy it
        signal.set_wakeup_fd(-1)  # else a signal to this process would wake the event loop of the other
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # Ctrl-C is meant for the server, which ends its children
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _close_all_but({0, 1, 2, save.fileno, *_log_files()})
        copied, looked_at = 0, 0.0
        done = False
        while not done:
            before = save.keys_done
            done = save.advance(0 if delay_us else _SLICE_S)
            if done or monotonic() > looked_at + _COPIED_EVERY_S:
                copied, looked_at = _copied(), monotonic()
            page[:] = _PAGE.pack(save.keys_done, copied, looked_at)
            sleep(delay_us * (save.keys_done - before) / 1e6)
        save.settle()
        LOGGER.info("Fork CoW for RDB: current %d MB", copied >> 20)
        status = 0
    except OSError:
        pass  # `save` has said what it was
    except Exception:
        LOGGER.exception("The process that writes a snapshot failed")
    finally:
        os._exit(status)


def _log_files() -> list[int]:
    """Return the descriptors of the log, which has the same form here but for its role; as in Redis, C is a child's."""
    found = []
    for handler in LOGGER.handlers:
        if handler.formatter is not None and hasattr(handler.formatter, "role"):
            handler.formatter.role = "C"
        if isinstance(handler, logging.StreamHandler):
            with suppress(OSError):  # a stream of a test has none
                found.append(handler.stream.fileno())
    return found


def _close_all_but(kept: set[int]) -> None:
    """Close the descriptors that the child does not need: a listener left open would keep the server's port."""
    at = 0
    for descriptor in sorted(kept):
        if at < descriptor:  # CPython 3.11 takes an empty range that begins at 0 for all there are
            os.closerange(at, descriptor)
        at = descriptor + 1
    os.closerange(at, os.sysconf("SC_OPEN_MAX"))


def _copied() -> int:
    """Return the bytes of memory that are this process's alone; 0 where the system does not tell."""
    try:
        lines = _OWN_MEMORY.read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_Dirty:"))
