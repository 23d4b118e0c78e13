"""What the operating system says of this process: memory and processor time."""

import os
import sys
from typing import Final, NamedTuple

if sys.platform != "win32":
    import resource

_STATM_SIZE: Final = 256


class Memory(NamedTuple):
    """Bytes of this process.

    `used` is what it keeps for itself: resident, without the pages of libraries and files that it maps.
    CPython does not count the bytes that it has allocated, and adding up objects would stall the server.
    Where an engine is embedded in a program, that program's own memory is in both figures.
    """

    used: int
    resident: int


class Cpu(NamedTuple):
    """Seconds of processor time, in the kernel and in the program."""

    system: float
    user: float


def memory() -> Memory:
    """Return the memory of now, as far as the system tells; on others than Linux, the most there has been."""
    try:
        # A limit has this read often: without a file object it takes a third of the time.
        descriptor = os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        peak = _peak()
        return Memory(peak, peak)
    try:
        pages = os.read(descriptor, _STATM_SIZE).split()
    finally:
        os.close(descriptor)
    size = os.sysconf("SC_PAGE_SIZE")
    resident, shared = int(pages[1]) * size, int(pages[2]) * size
    return Memory(resident - shared, resident)


def _peak() -> int:
    """Return the most bytes that were ever resident, 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def system_memory() -> int:
    """Return the bytes of memory of the machine, 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def cpu() -> dict[str, Cpu]:
    """Return the processor time of the process, of its children and, on Linux, of this thread.

    Returns:
        By the suffix that INFO gives it: empty, `_children`, `_main_thread`.
    """
    if sys.platform == "win32":
        times = os.times()
        return {
            "": Cpu(times.system, times.user),
            "_children": Cpu(times.children_system, times.children_user),
        }
    who = {"": resource.RUSAGE_SELF, "_children": resource.RUSAGE_CHILDREN}
    if sys.platform == "linux":
        who["_main_thread"] = resource.RUSAGE_THREAD
    usage = {suffix: resource.getrusage(which) for suffix, which in who.items()}
    return {suffix: Cpu(used.ru_stime, used.ru_utime) for suffix, used in usage.items()}
