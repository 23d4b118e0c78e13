"""The generic group."""
