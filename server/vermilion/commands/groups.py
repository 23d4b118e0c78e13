"""Imports every group, so that the table of commands is complete."""

from vermilion.commands import (
    bitmap,
    connection,
    generic,
    geo,
    hyperloglog,
    serialization,
    server,
    sorted_set,
    sorting,
    stream,
    string,
)
from vermilion.commands import list as list_
from vermilion.commands import set as set_

__all__ = [
    "bitmap",
    "connection",
    "generic",
    "geo",
    "hyperloglog",
    "list_",
    "serialization",
    "server",
    "set_",
    "sorted_set",
    "sorting",
    "stream",
    "string",
]
