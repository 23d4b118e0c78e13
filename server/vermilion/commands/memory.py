"""MEMORY, of the server group: where the memory of this process goes.

The figures are true of this process, in the shapes that Redis gives them. It has no allocator that keeps books:
what Redis asks its allocator is answered by what the operating system and CPython say.
"""

import gc
import sys
from collections.abc import Iterator
from typing import Annotated, Final

from vermilion.commands.registry import command, container
from vermilion.commands.syntax import INTEGER, LOADING, READONLY, STALE, Operand, PeekKey, Token
from vermilion.errors import SYNTAX, RespError
from vermilion.keyspace.database import Database
from vermilion.keyspace.footprint import footprint
from vermilion.ports import MemoryFigures, Server
from vermilion.protocol.reply import OK, Reply, Status, Verbatim

_FIGURES: Final = ("nondeterministic_output", "request_policy:all_shards", "response_policy:special")

container(
    "MEMORY", group="server", since="4.0.0", summary="A container for the commands that diagnose memory."
)


@command(
    "MEMORY|USAGE",
    READONLY,
    since="4.0.0",
    complexity="O(N) where N is the number of samples.",
    group="server",
)
def memory_usage(
    db: Database, key: PeekKey, *, samples: Annotated[int, Token("SAMPLES", Operand(INTEGER, "count"))] = 5
) -> int | None:
    """Return how many bytes a key and its value take in this process, nil when the key does not exist."""
    if samples < 0:
        raise RespError(SYNTAX)
    held = db.inspect(key, quietly=True)
    if held is None:
        return None
    return footprint(key, held, expires=key in db.expires, samples=samples)


@command("MEMORY|STATS", since="4.0.0", complexity="O(1)", tips=_FIGURES, group="server")
def memory_stats(server: Server) -> dict[Reply, Reply]:
    """Return what takes how much memory."""
    memory = server.memory()
    grown = memory.used - memory.startup
    waste = memory.resident - memory.used
    per_database: dict[Reply, Reply] = {
        b"db.%d" % table.db: {
            b"overhead.hashtable.main": table.keys,
            b"overhead.hashtable.expires": table.expires,
        }
        for table in memory.tables
    }
    return {
        b"peak.allocated": memory.peak,
        b"total.allocated": memory.used,
        b"startup.allocated": memory.startup,
        # Nothing is replicated and no journal kept.
        b"replication.backlog": 0,
        b"replica.fullsync.buffer": 0,
        b"clients.slaves": 0,
        b"clients.normal": memory.clients,
        b"cluster.links": 0,
        b"aof.buffer": 0,
        b"lua.caches": 0,
        b"functions.caches": 0,
        b"script.VMs": 0,
        **per_database,
        b"overhead.db.hashtable.lut": sum(table.keys + table.expires for table in memory.tables),
        # A dict of Python grows in one step, never bit by bit.
        b"overhead.db.hashtable.rehashing": 0,
        b"overhead.total": memory.overhead,
        b"db.dict.rehashing.count": 0,
        b"keys.count": memory.keys,
        b"keys.bytes-per-key": memory.dataset // memory.keys if memory.keys else 0,
        b"dataset.bytes": memory.dataset,
        b"dataset.percentage": _percentage(memory.dataset, grown),
        b"peak.percentage": _percentage(memory.used, memory.peak),
        b"allocator.allocated": memory.used,
        b"allocator.active": memory.resident,
        b"allocator.resident": memory.resident,
        b"allocator.muzzy": 0,
        b"allocator-fragmentation.ratio": _ratio(memory.resident, memory.used),
        b"allocator-fragmentation.bytes": waste,
        b"allocator-rss.ratio": 1.0,
        b"allocator-rss.bytes": 0,
        b"rss-overhead.ratio": 1.0,
        b"rss-overhead.bytes": 0,
        b"fragmentation": _ratio(memory.resident, memory.used),
        b"fragmentation.bytes": waste,
    }


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _percentage(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


# What a doctor looks at -----------------------------------------------------------------------------------

_SMALL: Final = 5 << 20
"""Less data than this is not worth a diagnosis: what the process needs for itself outweighs it."""
_PEAK_RATIO: Final = 1.5
_RESIDENT_RATIO: Final = 1.4
_BIG_CLIENT: Final = 200_000


@command("MEMORY|DOCTOR", since="4.0.0", complexity="O(1)", tips=_FIGURES, group="server")
def memory_doctor(server: Server) -> Verbatim:
    """Return what may be wrong with the memory, in words."""
    memory = server.memory()
    if memory.used - memory.startup < _SMALL:
        found = ["There is too little data here to say anything about its memory."]
    else:
        found = list(_complaints(memory, len(server.sessions))) or ["The memory is in good health."]
    return Verbatim("".join(f"{line}\n" for line in found).encode())


def _complaints(memory: MemoryFigures, clients: int) -> Iterator[str]:
    """Yield what may be wrong."""
    if memory.peak > _PEAK_RATIO * memory.used:
        yield (
            f"Peak memory: {memory.peak} bytes were in use once, {memory.used} are now. Memory that was given back"
            " may still be resident in pieces; it is used again before the process asks for more."
        )
    if memory.resident > _RESIDENT_RATIO * memory.used:
        yield (
            f"Resident memory: {memory.resident} bytes are resident, {memory.used} of them the process's own. The"
            " others are libraries and mapped files, or pages of which parts are free: MEMORY PURGE may return some."
        )
    if clients and memory.clients // clients > _BIG_CLIENT:
        yield (
            f"Big clients: {clients} clients take {memory.clients} bytes. They send requests that are large, or do"
            " not read their replies: CLIENT LIST shows which, client-output-buffer-limit cuts them off."
        )


@command(
    "MEMORY|PURGE", since="4.0.0", group="server",
    complexity="O(N) where N is the number of objects",
    tips=["request_policy:all_shards", "response_policy:all_succeeded"],
)  # fmt: skip
def memory_purge() -> Status:
    """Collect garbage, which returns what is free to the system."""
    gc.collect()
    return OK


@command("MEMORY|MALLOC-STATS", since="4.0.0", complexity="O(1)", tips=_FIGURES, group="server")
def memory_malloc_stats() -> Verbatim:
    """Return what CPython knows of its allocations."""
    lines = ["___ Begin CPython statistics ___", f"Allocated blocks: {sys.getallocatedblocks()}"]
    for generation, figures in enumerate(gc.get_stats()):
        lines.append(
            f"Generation {generation}: {gc.get_count()[generation]} of {gc.get_threshold()[generation]},"
            f" collections: {figures['collections']}, collected: {figures['collected']}"
        )
    lines += [f"Frozen objects: {gc.get_freeze_count()}", "--- End CPython statistics ---"]
    return Verbatim("".join(f"{line}\n" for line in lines).encode())


@command("MEMORY|HELP", LOADING | STALE, since="4.0.0", complexity="O(1)", group="server")
def memory_help() -> list[Reply]:
    """Return what the subcommands do."""
    return [Status(line) for line in _HELP]


_HELP: Final = (
    "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Return what may be wrong with the memory.",
    "MALLOC-STATS",
    "    Return what CPython knows of its allocations.",
    "PURGE",
    "    Collect garbage; what is free goes back to the system.",
    "STATS",
    "    Return what takes how much memory.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return the bytes that <key> and its value take. Of a collection, <count>",
    "    members are looked at (default: 5, 0 means all).",
    "HELP",
    "    Print this help.",
)
