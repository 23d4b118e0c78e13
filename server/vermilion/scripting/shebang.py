"""The first line of a script or a library: `#!lua name=mylib flags=no-writes,allow-oom`."""

from typing import Final, NamedTuple

from vermilion import errors
from vermilion.errors import RespError, text

NO_WRITES: Final = 1
ALLOW_OOM: Final = 2
ALLOW_STALE: Final = 4
NO_CLUSTER: Final = 8
ALLOW_CROSS_SLOT_KEYS: Final = 16

FLAGS: Final = {
    b"no-writes": NO_WRITES,
    b"allow-oom": ALLOW_OOM,
    b"allow-stale": ALLOW_STALE,
    b"no-cluster": NO_CLUSTER,
    b"allow-cross-slot-keys": ALLOW_CROSS_SLOT_KEYS,
}
"""The flags that a script or a function may have; there is no cluster here, and nothing that is stale."""


class Shebang(NamedTuple):
    """What the first line of a script says."""

    flags: int
    code: bytes
    """The script with that line emptied, so that the numbers of the others stay."""


def read_script(body: bytes) -> Shebang | None:
    """Return what the first line of a script says, None for a script without one.

    Raises:
        RespError: for an engine, an option or a flag that does not exist.
    """
    if not body.startswith(b"#!"):
        return None
    line, end, rest = body.partition(b"\n")
    if not end:
        raise RespError(errors.INVALID_SHEBANG)
    engine, *options = line.split() or [b"#!"]
    if engine != b"#!lua":
        raise RespError(errors.unexpected_engine(text(engine)))
    flags = 0
    for option in options:
        name, _, value = option.partition(b"=")
        if name != b"flags":
            raise RespError(errors.unknown_shebang_option(text(option)))
        for flag in filter(None, value.split(b",")):
            if flag not in FLAGS:
                raise RespError(errors.unexpected_flag(text(flag)))
            flags |= FLAGS[flag]
    return Shebang(flags, end + rest)
