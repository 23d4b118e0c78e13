"""asyncio servers and connections: sockets in, sockets out.

This floor may import every floor below; it knows no command by name and keeps no data.
"""
