"""The system's limit of open files, raised for as many clients as `maxclients` allows."""

import logging
import sys
from typing import Final

from vermilion import errors
from vermilion.settings import Settings

if sys.platform != "win32":
    import resource

LOGGER: Final = logging.getLogger("vermilion")

RESERVED: Final = 32
"""Files that are no clients: listeners, the log, snapshots, the event loop's own."""


def fit_clients(settings: Settings) -> None:
    """Raise the limit, or lower `maxclients` to what it allows; for the start of a process.

    Args:
        settings: `maxclients` is read, and changed where it cannot be.
    """
    possible = _raise_limit(settings.maxclients)
    if possible < settings.maxclients:
        LOGGER.warning(
            "You requested maxclients of %d, which takes %d open files; the system allows %d."
            " maxclients has been reduced to %d. Increase 'ulimit -n' for more.",
            settings.maxclients,
            settings.maxclients + RESERVED,
            possible + RESERVED,
            possible,
        )
        settings.maxclients = possible


def check_clients(settings: Settings) -> None:
    """Raise the limit for a new `maxclients`.

    Args:
        settings: with the new value.

    Raises:
        ValueError: when the system does not allow as many; the value is to be set back.
    """
    possible = _raise_limit(settings.maxclients)
    if possible < settings.maxclients:
        raise ValueError(errors.too_many_clients(possible))


def _raise_limit(clients: int) -> int:
    """Raise the limit of this process for so many clients, as far as may be; return how many fit."""
    if sys.platform == "win32":
        return clients
    wanted = clients + RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return clients
    within = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    for soft_limit, hard_limit in ((wanted, max(wanted, hard)), (within, hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft_limit, hard_limit))
        except (ValueError, OSError):
            continue  # only the superuser passes the hard limit, and nobody the system's
        return min(clients, soft_limit - RESERVED)
    return max(1, soft - RESERVED)
