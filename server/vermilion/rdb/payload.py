"""What DUMP returns and RESTORE takes: a value, the version of the format, and a checksum of both.

type  value …   version                  checksum
1     any       2 bytes, little-endian   CRC-64, 8 bytes, little-endian
"""

from typing import Final

from vermilion.rdb.crc64 import crc64
from vermilion.rdb.encoding import Reader
from vermilion.rdb.value import read_value, write_value
from vermilion.settings import Settings

VERSION: Final = 12
"""What Redis 8.0 writes, and the newest that it reads."""

_FOOTER: Final = 10


class FooterError(ValueError):
    """A payload whose version is newer, or whose checksum is another."""


def dump(value: object) -> bytes:
    """Return a value as a payload.

    Example:
        >>> dump(b"bc").hex()
        '000262630c0069c2ab5447c91116'
    """
    return seal(write_value(value))


def seal(content: bytes) -> bytes:
    """Return content with the version and the checksum behind it.

    Example:
        >>> seal(b"").hex()
        '0c0096ed6880f5553c93'
    """
    body = content + VERSION.to_bytes(2, "little")
    return body + crc64(body).to_bytes(8, "little")


def restore(payload: bytes, limits: Settings) -> object:
    """Return the value of a payload.

    Args:
        payload: untrusted.
        limits: up to where values are kept in a small form.

    Raises:
        FooterError: for a newer version or another checksum.
        FormatError: when what they are right about is no value.
    """
    unseal(payload)
    # As in Redis, a value may reach into the footer, and need not reach up to it.
    return read_value(Reader(payload), limits)


def unseal(payload: bytes) -> bytes:
    """Return what is in front of the version and the checksum.

    Args:
        payload: untrusted.

    Raises:
        FooterError: for a newer version or another checksum.
    """
    if len(payload) < _FOOTER:
        raise FooterError
    version = int.from_bytes(payload[-_FOOTER:-8], "little")
    if version > VERSION or crc64(payload[:-8]) != int.from_bytes(payload[-8:], "little"):
        raise FooterError
    return payload[:-_FOOTER]
