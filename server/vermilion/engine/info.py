"""INFO: what an engine says of itself, section by section, with Redis's fields in Redis's order.

A field of something that does not exist here has the value that a Redis has without it: replicas and their
backlog, a journal, threads for input and output, modules, defragmentation, reply
buffers of a fixed size, incremental rehashing. Where Redis tells of its allocator, the answers are those of a
Redis that was built without one that keeps books: all that is known is what the process uses.
"""

import hashlib
import itertools
import math
import os
import platform
import re
import select
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Sized
from typing import TYPE_CHECKING, Final, TypeAlias

from vermilion.engine import process
from vermilion.engine.eviction import EMPTY_SERVER
from vermilion.keyspace.database import Database
from vermilion.keyspace.value import type_name
from vermilion.messaging import CHANNEL, PATTERN, SHARD
from vermilion.session import ScriptFigures
from vermilion.version import REDIS_MODULE, REDIS_MODULE_VERSION, REDIS_VERSION, __version__

if TYPE_CHECKING:
    from vermilion.engine.engine import Engine

Fields: TypeAlias = Mapping[str, object]

_TTL_SAMPLES: Final = 1000
"""So many keys stand for all when the average time to live is taken: INFO must not grow with the keyspace."""

_SIZED_KEYS: Final = 10_000
"""The sizes of more keys than this are counted only for who asks for that section by its name."""

_SIZES_OF: Final = {
    "string": "strings_sizes",
    "list": "lists_items",
    "set": "sets_items",
    "zset": "zsets_items",
    "hash": "hashes_items",
}


def render(engine: "Engine", wanted: Sequence[str]) -> bytes:
    """Return the text of INFO.

    Args:
        engine: whose.
        wanted: names of sections in lower case, or `default`, `all`, `everything`; none for the default ones.

    Returns:
        Sections in Redis's order, whatever the order of their names; nothing for names that are none.
    """
    names = set(wanted) or {"default"}
    if names & {"all", "everything"}:
        names |= SECTIONS.keys() - _BY_NAME_ONLY
    if "default" in names:
        names |= SECTIONS.keys() - _NOT_BY_DEFAULT
    if "keysizes" in names and "keysizes" not in wanted and sum(map(len, engine.databases)) > _SIZED_KEYS:
        names.remove("keysizes")
    texts = []
    for name, section in SECTIONS.items():
        if name in names:
            lines = [f"# {_TITLES.get(name, name.title())}"]
            lines += [f"{field}:{value}" for field, value in section(engine).items()]
            texts.append("".join(f"{line}\r\n" for line in lines))
    return "\r\n".join(texts).encode("utf-8", "surrogateescape")


def human(size: float) -> str:
    """Return a number of bytes as a person reads it.

    Example:
        >>> human(0), human(1536), human(3 << 30)
        ('0B', '1.50K', '3.00G')
    """
    if size < 1024:
        return f"{int(size)}B"
    power = min(int(math.log2(size)) // 10, 5)
    return f"{size / 1024**power:.2f}{'BKMGTP'[power]}"


def _ratio(part: float, whole: float) -> str:
    return f"{part / whole if whole else 0:.2f}"


def _percent(part: float, whole: float) -> str:
    return f"{part * 100 / whole if whole else 0:.2f}%"


# Sections, in Redis's order -------------------------------------------------------------------------------


def _server(engine: "Engine") -> Fields:
    settings = engine.settings
    system = platform.uname()
    uptime = (engine.clock.monotonic_ms() - engine.stats.started_ms) // 1000
    compiler = re.match(r"GCC (\S+)", platform.python_compiler())
    fields: dict[str, object] = {
        "redis_version": REDIS_VERSION,
        "redis_git_sha1": "00000000",
        "redis_git_dirty": 0,
        "redis_build_id": hashlib.sha256(__version__.encode()).hexdigest()[:16],
        "redis_mode": "standalone",
        "os": f"{system.system} {system.release} {system.machine}",
        "arch_bits": struct.calcsize("P") * 8,
        "monotonic_clock": time.get_clock_info("monotonic").implementation,
        "multiplexing_api": next((api for api in ("epoll", "kqueue") if hasattr(select, api)), "select"),
        "atomicvar_api": "none",
        "gcc_version": compiler[1] if compiler else "0.0.0",
        "process_id": os.getpid(),
        "process_supervised": settings.supervised,
        "run_id": engine.run_id,
        "tcp_port": settings.port or settings.tls_port,
        "server_time_usec": engine.clock.now_us(),
        "uptime_in_seconds": uptime,
        "uptime_in_days": uptime // 86_400,
        "hz": settings.hz,
        "configured_hz": settings.hz,
        "lru_clock": engine.clock.now_ms() // 1000 & 0xFFFFFF,
        "executable": sys.executable,
        "config_file": engine.configuration.path or "",
        "io_threads_active": 0,
    }
    bound = "".join(f",bind={address}" for address in settings.bind)
    if settings.port:
        fields["listener0"] = f"name=tcp{bound},port={settings.port}"
    if settings.unixsocket:
        fields["listener1"] = f"name=unix,bind={settings.unixsocket}"
    if settings.tls_port:
        fields["listener2"] = f"name=tls{bound},port={settings.tls_port}"
    return fields


def _clients(engine: "Engine") -> Fields:
    transports = [session.transport for session in engine.sessions.values()]
    return {
        "connected_clients": len(transports),
        "cluster_connections": 0,
        "maxclients": engine.settings.maxclients,
        "client_recent_max_input_buffer": max((one.query_buffered for one in transports), default=0),
        "client_recent_max_output_buffer": max((one.output_buffered for one in transports), default=0),
        "blocked_clients": len(engine.waiting),
        "tracking_clients": engine.tracking.clients,
        "pubsub_clients": engine.pubsub.clients,
        "watching_clients": engine.transactions.watching.clients,
        "clients_in_timeout_table": engine.waiting.timed,
        "total_watched_keys": engine.transactions.watching.keys,
        "total_blocking_keys": engine.waiting.keys,
        "total_blocking_keys_on_nokey": engine.waiting.keys_minding_absence,
    }


def _memory(engine: "Engine") -> Fields:
    memory = engine.memory()
    used, resident, peak, startup = memory.used, memory.resident, memory.peak, memory.startup
    dataset = memory.dataset
    total = process.system_memory()
    maxmemory = engine.settings.maxmemory
    scripts = _script_figures(engine)
    runtimes = scripts.runtime_memory + scripts.functions_runtime_memory
    script_texts = scripts.scripts_memory + scripts.libraries_memory
    return {
        "used_memory": used,
        "used_memory_human": human(used),
        "used_memory_rss": resident,
        "used_memory_rss_human": human(resident),
        "used_memory_peak": peak,
        "used_memory_peak_human": human(peak),
        "used_memory_peak_perc": _percent(used, peak),
        "used_memory_overhead": memory.overhead,
        "used_memory_startup": startup,
        "used_memory_dataset": dataset,
        "used_memory_dataset_perc": _percent(dataset, used - startup),
        "allocator_allocated": used,
        "allocator_active": resident,
        "allocator_resident": resident,
        "allocator_muzzy": 0,
        "total_system_memory": total,
        "total_system_memory_human": human(total),
        "used_memory_lua": scripts.runtime_memory,
        "used_memory_vm_eval": scripts.runtime_memory,
        "used_memory_lua_human": human(scripts.runtime_memory),
        "used_memory_scripts_eval": scripts.scripts_memory,
        "number_of_cached_scripts": scripts.scripts,
        "number_of_functions": scripts.functions,
        "number_of_libraries": scripts.libraries,
        "used_memory_vm_functions": scripts.functions_runtime_memory,
        "used_memory_vm_total": runtimes,
        "used_memory_vm_total_human": human(runtimes),
        "used_memory_functions": scripts.libraries_memory,
        "used_memory_scripts": script_texts,
        "used_memory_scripts_human": human(script_texts),
        "maxmemory": maxmemory,
        "maxmemory_human": human(maxmemory),
        "maxmemory_policy": engine.settings.maxmemory_policy,
        "allocator_frag_ratio": _ratio(resident, used),
        "allocator_frag_bytes": resident - used,
        "allocator_rss_ratio": "1.00",
        "allocator_rss_bytes": 0,
        "rss_overhead_ratio": "1.00",
        "rss_overhead_bytes": 0,
        "mem_fragmentation_ratio": _ratio(resident, used),
        "mem_fragmentation_bytes": resident - used,
        "mem_not_counted_for_evict": max(0, startup - EMPTY_SERVER),
        "mem_replication_backlog": 0,
        "mem_total_replication_buffers": 0,
        "mem_replica_full_sync_buffer": 0,
        "mem_clients_slaves": 0,
        "mem_clients_normal": memory.clients,
        "mem_cluster_links": 0,
        "mem_aof_buffer": 0,
        "mem_allocator": os.environ.get("PYTHONMALLOC", "pymalloc"),
        "mem_overhead_db_hashtable_rehashing": 0,
        "active_defrag_running": 0,
        "lazyfree_pending_objects": 0,
        "lazyfreed_objects": 0,
    }


def _script_figures(engine: "Engine") -> ScriptFigures:
    """Return the figures of scripts, zeros where there are none."""
    return ScriptFigures() if engine.scripting is None else engine.scripting.figures


def _persistence(engine: "Engine") -> Fields:
    figures = engine.persistence.figures()
    return {
        "loading": 0,
        "async_loading": 0,
        "current_cow_peak": figures.copied,  # it only grows
        "current_cow_size": figures.copied,
        "current_cow_size_age": figures.copied_age_s,
        "current_fork_perc": f"{100 * figures.keys_done / figures.keys_total:.2f}"
        if figures.keys_total
        else "0.00",
        "current_save_keys_processed": figures.keys_done,
        "current_save_keys_total": figures.keys_total,
        "rdb_changes_since_last_save": engine.keyspace.dirty,
        "rdb_bgsave_in_progress": int(figures.saving),
        "rdb_last_save_time": engine.persistence.last_save_ms // 1000,
        "rdb_last_bgsave_status": "ok" if figures.last_ok else "err",
        "rdb_last_bgsave_time_sec": figures.last_duration_s,
        "rdb_current_bgsave_time_sec": figures.current_duration_s,
        "rdb_saves": figures.saves,
        "rdb_last_cow_size": figures.last_copied,
        "rdb_last_load_keys_expired": figures.keys_expired,
        "rdb_last_load_keys_loaded": figures.keys_loaded,
        "aof_enabled": 0,
        "aof_rewrite_in_progress": 0,
        "aof_rewrite_scheduled": 0,
        "aof_last_rewrite_time_sec": -1,
        "aof_current_rewrite_time_sec": -1,
        "aof_last_bgrewrite_status": "ok",
        "aof_rewrites": 0,
        "aof_rewrites_consecutive_failures": 0,
        "aof_last_write_status": "ok",
        "aof_last_cow_size": 0,
        "module_fork_in_progress": 0,
        "module_fork_last_cow_size": 0,
    }


def _threads(engine: "Engine") -> Fields:
    batches = engine.stats.batches
    return {"io_thread_0": f"clients={len(engine.sessions)},reads={batches},writes={batches}"}


def _stats(engine: "Engine") -> Fields:
    stats, keyspace, eviction = engine.stats, engine.keyspace, engine.eviction
    saving = engine.persistence.figures()
    busy_ns = engine.busy_ns()
    recent_cycles = stats.growth("cycles")
    return {
        "total_connections_received": stats.connections_received,
        "total_commands_processed": engine.commands_processed(),
        "instantaneous_ops_per_sec": round(stats.rate("commands")),
        "total_net_input_bytes": stats.net_input_bytes,
        "total_net_output_bytes": stats.net_output_bytes,
        "total_net_repl_input_bytes": 0,
        "total_net_repl_output_bytes": 0,
        "instantaneous_input_kbps": f"{stats.rate('net_input') / 1024:.2f}",
        "instantaneous_output_kbps": f"{stats.rate('net_output') / 1024:.2f}",
        "instantaneous_input_repl_kbps": "0.00",
        "instantaneous_output_repl_kbps": "0.00",
        "rejected_connections": stats.rejected_connections,
        "sync_full": 0,
        "sync_partial_ok": 0,
        "sync_partial_err": 0,
        "expired_subkeys": keyspace.expired_fields,
        "expired_keys": keyspace.expired,
        # Reclaiming goes by the deadlines: it never finds out by samples how many keys are overdue.
        "expired_stale_perc": "0.00",
        "expired_time_cap_reached_count": keyspace.time_cap_reached,
        "expire_cycle_cpu_milliseconds": keyspace.cycle_ns // 1_000_000,
        "evicted_keys": keyspace.evicted,
        "evicted_clients": stats.evicted_clients,
        "evicted_scripts": _script_figures(engine).evicted,
        "total_eviction_exceeded_time": (eviction.exceeded_ns + eviction.current_excess_ns()) // 1_000_000,
        "current_eviction_exceeded_time": eviction.current_excess_ns() // 1_000_000,
        "keyspace_hits": keyspace.hits,
        "keyspace_misses": keyspace.misses,
        "pubsub_channels": len(engine.pubsub.names(CHANNEL)),
        "pubsub_patterns": len(engine.pubsub.names(PATTERN)),
        "pubsubshard_channels": len(engine.pubsub.names(SHARD)),
        "latest_fork_usec": saving.fork_us,
        "total_forks": saving.forks,
        "migrate_cached_sockets": 0,
        "slave_expires_tracked_keys": 0,
        "active_defrag_hits": 0,
        "active_defrag_misses": 0,
        "active_defrag_key_hits": 0,
        "active_defrag_key_misses": 0,
        "total_active_defrag_time": 0,
        "current_active_defrag_time": 0,
        "tracking_total_keys": engine.tracking.keys,
        "tracking_total_items": engine.tracking.items,
        "tracking_total_prefixes": engine.tracking.prefixes,
        "unexpected_error_replies": 0,
        "total_error_replies": stats.error_replies,
        "dump_payload_sanitizations": 0,
        "total_reads_processed": stats.batches,
        "total_writes_processed": stats.batches,
        "io_threaded_reads_processed": 0,
        "io_threaded_writes_processed": 0,
        "client_query_buffer_limit_disconnections": stats.query_limit_disconnections,
        "client_output_buffer_limit_disconnections": stats.output_limit_disconnections,
        "reply_buffer_shrinks": 0,
        "reply_buffer_expands": 0,
        "eventloop_cycles": stats.cycles,
        "eventloop_duration_sum": (busy_ns + stats.cron_ns) // 1000,
        "eventloop_duration_cmd_sum": busy_ns // 1000,
        "instantaneous_eventloop_cycles_per_sec": round(stats.rate("cycles")),
        "instantaneous_eventloop_duration_usec": (
            stats.growth("busy_ns") // recent_cycles // 1000 if recent_cycles else 0
        ),
        "acl_access_denied_auth": engine.acl.denied["auth"],
        "acl_access_denied_cmd": engine.acl.denied["command"],
        "acl_access_denied_key": engine.acl.denied["key"],
        "acl_access_denied_channel": engine.acl.denied["channel"],
    }


def _replication(engine: "Engine") -> Fields:
    return {
        "role": "master",
        "connected_slaves": 0,
        "master_failover_state": "no-failover",
        "master_replid": engine.replication_id,
        "master_replid2": "0" * 40,
        "master_repl_offset": 0,
        "second_repl_offset": -1,
        "repl_backlog_active": 0,
        "repl_backlog_size": engine.settings.repl_backlog_size,
        "repl_backlog_first_byte_offset": 0,
        "repl_backlog_histlen": 0,
    }


def _cpu(engine: "Engine") -> Fields:
    return {
        f"used_cpu_{name}{suffix}": f"{getattr(used, short):.6f}"
        for suffix, used in process.cpu().items()
        for name, short in (("sys", "system"), ("user", "user"))
    }


def _modules(engine: "Engine") -> Fields:
    about = f"name={REDIS_MODULE},ver={REDIS_MODULE_VERSION},api=1,filters=0,usedby=[],using=[]"
    return {"module": f"{about},options=[handle-io-errors|handle-repl-async-load]"}


def _commandstats(engine: "Engine") -> Fields:
    fields = {}
    for command in engine.command_records():
        if command.calls or command.rejected:
            microseconds = command.nanoseconds // 1000
            each = command.nanoseconds / command.calls / 1000 if command.calls else 0
            fields[f"cmdstat_{command.name}"] = (
                f"calls={command.calls},usec={microseconds},usec_per_call={each:.2f}"
                f",rejected_calls={command.rejected},failed_calls={command.failed}"
            )
    return fields


def _errorstats(engine: "Engine") -> Fields:
    return {f"errorstat_{code}": f"count={count}" for code, count in sorted(engine.stats.errors.items())}


def _latencystats(engine: "Engine") -> Fields:
    if not engine.settings.latency_tracking:
        return {}
    wanted = engine.settings.latency_tracking_info_percentiles
    return {
        f"latency_percentiles_usec_{command.name}": ",".join(
            f"p{percentage:g}={latency:.3f}"
            for percentage, latency in zip(wanted, command.percentiles(wanted), strict=True)
        )
        for command in engine.command_records()
        if command.calls
    }


def _cluster(engine: "Engine") -> Fields:
    return {"cluster_enabled": 0}


def _debug(engine: "Engine") -> Fields:
    stats = engine.stats
    return {
        "eventloop_duration_aof_sum": 0,
        "eventloop_duration_cron_sum": stats.cron_ns // 1000,
        # A turn of the loop is not timed as a whole: its longest part that is known is a call's, or cron's.
        "eventloop_duration_max": max(stats.longest_cron_ns // 1000, engine.longest_call_us()),
        "eventloop_cmd_per_cycle_max": stats.largest_batch,
        "allocator_allocated_lua": 0,
        "allocator_active_lua": 0,
        "allocator_resident_lua": 0,
        "allocator_frag_bytes_lua": 0,
    }


def _keyspace(engine: "Engine") -> Fields:
    return {
        f"db{db.index}": f"keys={len(db)},expires={len(db.expires)},avg_ttl={_average_ttl(db)}"
        f",subexpiry={len(db.field_expires)}"
        for db in engine.databases
        if len(db)
    }


def _average_ttl(db: Database) -> int:
    """Return the average time to live in milliseconds, of some keys if there are many."""
    deadlines = list(itertools.islice(db.expires.values(), _TTL_SAMPLES))
    return max(0, sum(deadlines) // len(deadlines) - db.clock.now_ms()) if deadlines else 0


def _keysizes(engine: "Engine") -> Fields:
    fields = {}
    for db in engine.databases:
        sizes: dict[str, Counter[int]] = {}
        for value in db.data.values():
            kind = _SIZES_OF.get(type_name(value))
            if kind is not None:
                sizes.setdefault(kind, Counter())[_size_class(value)] += 1
        for kind in _SIZES_OF.values():
            if kind in sizes:
                shown = ",".join(f"{_short(size)}={count}" for size, count in sorted(sizes[kind].items()))
                fields[f"db{db.index}_distrib_{kind}"] = shown
    return fields


def _size_class(value: object) -> int:
    """Return the largest power of two up to the size of a value, 0 for an empty one."""
    size = len(str(value)) if isinstance(value, int) else len(value) if isinstance(value, Sized) else 0
    return 1 << size.bit_length() - 1 if size else 0


def _short(size: int) -> str:
    """Return a power of two with its unit: `4K`."""
    for unit in ("", "K", "M", "G"):
        if size < 1024:
            return f"{size}{unit}"
        size //= 1024
    return f"{size}T"


SECTIONS: Final[Mapping[str, Callable[["Engine"], Fields]]] = {
    "server": _server,
    "clients": _clients,
    "memory": _memory,
    "persistence": _persistence,
    "threads": _threads,
    "stats": _stats,
    "replication": _replication,
    "cpu": _cpu,
    "modules": _modules,
    "commandstats": _commandstats,
    "errorstats": _errorstats,
    "latencystats": _latencystats,
    "cluster": _cluster,
    "keyspace": _keyspace,
    "keysizes": _keysizes,
    "debug": _debug,
}
"""Every section by its name, in the order in which INFO shows them."""

_TITLES: Final = {"cpu": "CPU"}
_BY_NAME_ONLY: Final = frozenset({"debug"})
_NOT_BY_DEFAULT: Final = frozenset({"commandstats", "latencystats"}) | _BY_NAME_ONLY
