"""The secrets in a call's arguments, taken out before the call is kept or shown: SLOWLOG, MONITOR."""

from collections.abc import Sequence
from typing import Final

_REDACTED: Final = b"(redacted)"

_ALL_BEHIND: Final = {"auth": 1, "acl|setuser": 2, "acl|getuser": 2, "acl|deluser": 2}
"""Commands of which everything from a position on is secret: a user's name and rules are, too."""

_WORDS: Final = {
    "hello": {b"auth": 2},
    "migrate": {b"auth": 1, b"auth2": 2},
    "config|set": {
        b"masterauth": 1,
        b"masteruser": 1,
        b"requirepass": 1,
        b"tls-key-file-pass": 1,
        b"tls-client-key-file-pass": 1,
    },
}
"""Words of other commands, with how many arguments behind them are secret."""


def redacted(name: str, argv: Sequence[bytes]) -> Sequence[bytes]:
    """Return the arguments of a call without its secrets.

    Args:
        name: the full name of the command, in lower case.
        argv: the name and the arguments.

    Example:
        >>> redacted("auth", [b"AUTH", b"joe", b"secret"])
        [b'AUTH', b'(redacted)', b'(redacted)']
        >>> redacted("hello", [b"HELLO", b"3", b"AUTH", b"joe", b"secret", b"SETNAME", b"app"])[2:6]
        [b'AUTH', b'(redacted)', b'(redacted)', b'SETNAME']
    """
    shown = list(argv)
    first = _ALL_BEHIND.get(name)
    if first is not None:
        shown[first:] = [_REDACTED] * len(shown[first:])
        return shown
    words = _WORDS.get(name)
    if words is None:
        return argv
    at = 1
    while at < len(shown):
        secrets = words.get(shown[at].lower(), 0)
        shown[at + 1 : at + 1 + secrets] = [_REDACTED] * len(shown[at + 1 : at + 1 + secrets])
        at += 1 + secrets
    return shown
