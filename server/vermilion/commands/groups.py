"""Imports every group, so that the table of commands is complete."""

from vermilion.commands import (
    bitmap,
    cluster,
    connection,
    consumer_groups,
    debug,
    generic,
    geo,
    hyperloglog,
    memory,
    migration,
    modules,
    replication,
    serialization,
    server,
    snapshots,
    sorted_set,
    sorting,
    stream,
    stream_info,
    string,
)
from vermilion.commands import hash as hash_
from vermilion.commands import list as list_
from vermilion.commands import set as set_

__all__ = [
    "bitmap",
    "cluster",
    "connection",
    "consumer_groups",
    "debug",
    "generic",
    "geo",
    "hash_",
    "hyperloglog",
    "list_",
    "memory",
    "migration",
    "modules",
    "replication",
    "serialization",
    "server",
    "set_",
    "snapshots",
    "sorted_set",
    "sorting",
    "stream",
    "stream_info",
    "string",
]
