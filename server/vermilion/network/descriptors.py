"""Room for clients: each takes a file descriptor, of which the system grants a process so many."""

import sys
from contextlib import suppress
from typing import Final

if sys.platform != "win32":
    import resource

RESERVED: Final = 32
"""Descriptors that are not for clients: listeners, the log, files."""


def room_for(clients: int) -> int:
    """Ask the system for as many descriptors as these clients take.

    Args:
        clients: how many there may be.

    Returns:
        How many there is room for: as many, or fewer where the system does not grant that.

    Example:
        >>> room_for(1)
        1
    """
    if sys.platform == "win32":
        return clients
    wanted = clients + RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or wanted <= soft:
        return clients
    # Everyone may raise the soft limit up to the hard one; who may raise that, too, gets all.
    enough = hard == resource.RLIM_INFINITY or wanted <= hard
    for limits in ((wanted, hard if enough else wanted), (hard, hard)):
        with suppress(ValueError, OSError, OverflowError):
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            break
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(clients, max(1, soft - RESERVED))
