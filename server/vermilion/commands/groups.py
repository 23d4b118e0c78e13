"""Imports every group, so that the table of commands is complete."""

from vermilion.commands import connection, generic, server, stream, string

__all__ = ["connection", "generic", "server", "stream", "string"]
