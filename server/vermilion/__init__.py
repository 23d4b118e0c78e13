"""Vermilion: a Redis-protocol-compatible in-memory server, test double and embedded cache."""

from vermilion.version import __version__

__all__ = ["__version__"]
