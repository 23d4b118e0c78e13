"""RESP2 and RESP3, sans I/O: bytes in, argument vectors out; values in, bytes out.

This floor knows no sockets and no commands. hiredis lives here only.
"""
