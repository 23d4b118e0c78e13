"""Imports every group, so that the table of commands is complete."""

from vermilion.commands import (
    bitmap,
    connection,
    consumer_groups,
    generic,
    geo,
    hyperloglog,
    scripting,
    serialization,
    server,
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
    "connection",
    "consumer_groups",
    "generic",
    "geo",
    "hash_",
    "hyperloglog",
    "list_",
    "scripting",
    "serialization",
    "server",
    "set_",
    "sorted_set",
    "sorting",
    "stream",
    "stream_info",
    "string",
]
