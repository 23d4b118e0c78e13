"""Imports every group, so that the table of commands is complete."""

from vermilion.commands import bitmap, connection, generic, hyperloglog, serialization, server, stream, string
from vermilion.commands import set as set_

__all__ = [
    "bitmap",
    "connection",
    "generic",
    "hyperloglog",
    "serialization",
    "server",
    "set_",
    "stream",
    "string",
]
