"""Waiting for clients that block on other threads."""

import threading

from vermilion import Vermilion


def wait_until_blocked(instance: Vermilion, clients: int = 1) -> None:
    """Return when so many clients wait."""
    while len(instance.backend.engine.waiting) < clients:
        threading.Event().wait(0.001)
