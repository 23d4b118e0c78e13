"""Imports every group, so that the table of commands is complete."""

from vermilion.commands import connection, generic, server, sorted_set, string
from vermilion.commands import set as set_

__all__ = ["connection", "generic", "server", "set_", "sorted_set", "string"]
