"""Replacing a file in one step."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

_NEW_FILE_MODE: Final = 0o644


def replace(path: Path, text: bytes) -> None:
    """Write a file so that at any time there is the old one or the new one.

    Args:
        path: the file; its permissions stay what they are.
        text: what is to be in it.

    Raises:
        OSError: when it cannot be written; the old one is there then.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    mode = _NEW_FILE_MODE
    with suppress(FileNotFoundError):
        mode = stat.S_IMODE(path.stat().st_mode)
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
