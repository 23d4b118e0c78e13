"""What the figures were taken on: without it they mean nothing."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("hiredis", "msgspec", "redis", "uvloop")


def describe() -> dict[str, object]:
    """Return the machine, its load just now, and the versions of the Python side."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": platform.platform(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def line(machine: Mapping[str, object]) -> str:
    """Return the description on one line."""
    return (
        f"{machine['cores']} cores, {machine['processor']}, {machine['system']}, Python {machine['python']}, "
        f"load before: {machine['load']}"
    )


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for entry in listing.read_text().splitlines():
            if entry.startswith("model name"):
                return entry.partition(":")[2].strip()
    return platform.processor() or platform.machine()
