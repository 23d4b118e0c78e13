"""Imports every group, so that the table of commands is complete."""

from vermilion.commands import connection, generic, server, string
from vermilion.commands import hash as hash_
from vermilion.commands import set as set_

__all__ = ["connection", "generic", "hash_", "server", "set_", "string"]
