"""The server group."""
