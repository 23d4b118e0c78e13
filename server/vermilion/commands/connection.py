"""The connection group."""
