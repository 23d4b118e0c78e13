"""Databases, expiry and what follows from a changed key.

This floor knows no wire and no clients.
"""
