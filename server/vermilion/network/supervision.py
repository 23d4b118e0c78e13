"""Telling systemd or upstart how the server is doing: the directive `supervised`."""

import os
import signal
import socket
from collections.abc import Mapping


def notify(mode: str, state: str, environ: Mapping[str, str]) -> bool:
    """Tell the supervisor, if there is one.

    Args:
        mode: a value of the directive `supervised`.
        state: as sd_notify(3) writes it: `READY=1`, `STOPPING=1`, `STATUS=...`.
        environ: where `NOTIFY_SOCKET` or `UPSTART_JOB` is.

    Returns:
        Whether somebody was told.

    Example:
        >>> notify("no", "READY=1", {"NOTIFY_SOCKET": "/run/systemd/notify"})
        False

    See Also:
        sd_notify(3); `vermilion.cli.is_supervised`.

    LLM Context:
        - Upstart knows one thing, readiness: the process stops itself and upstart continues it.
        - A supervisor that does not listen is not an error.
    """
    if mode in {"systemd", "auto"} and (address := environ.get("NOTIFY_SOCKET")):
        if address.startswith("@"):
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.sendto(state.encode(), address)
        except OSError:
            return False
        return True
    if mode in {"upstart", "auto"} and "UPSTART_JOB" in environ and state == "READY=1":
        os.kill(os.getpid(), signal.SIGSTOP)
        return True
    return False
