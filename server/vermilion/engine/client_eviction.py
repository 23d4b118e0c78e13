"""Keeping all clients together within `maxmemory-clients`: the largest ones are closed first."""

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vermilion.engine.stats import EngineStats
    from vermilion.session import Session
    from vermilion.settings import Settings

LOGGER: Final = logging.getLogger("vermilion")


def limit_of(settings: "Settings") -> int:
    """Return the most bytes that all clients together may take; 0 for no limit."""
    limit = settings.maxmemory_clients
    return limit if limit >= 0 else -limit * settings.maxmemory // 100


def evict_clients(sessions: "Iterable[Session]", settings: "Settings", stats: "EngineStats") -> None:
    """Close the largest clients until the others are within the limit.

    Args:
        sessions: all clients; those that CLIENT NO-EVICT exempts neither count nor go.
        settings: the limit.
        stats: counts those that were closed.
    """
    limit = limit_of(settings)
    if not limit:
        return
    sizes = {session: session.memory for session in sessions if not session.no_evict}
    total = sum(sizes.values())
    if total <= limit:
        return
    for session in sorted(sizes, key=sizes.__getitem__, reverse=True):
        LOGGER.warning(
            "Evicting client id=%d addr=%s tot-mem=%d to keep within maxmemory-clients.",
            session.id,
            session.transport.address,
            sizes[session],
        )
        stats.evicted_clients += 1
        total -= sizes[session]
        session.transport.abort()
        if total <= limit:
            return
