"""Keys on disk: snapshots of all databases in the format of Redis.

This floor knows no wire, no sockets and no commands: databases in, bytes out, and back.
"""
