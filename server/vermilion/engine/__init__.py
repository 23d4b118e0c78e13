"""Executes one call for one session: gates, accounting, sessions, configuration, statistics.

This floor is synchronous and knows no transport: no sockets, no asyncio, no bytes of the wire.
"""
