"""What DUMP returns and RESTORE takes: a value, the version of the format, and a checksum of both.

type  value …   version                  checksum
1     any       2 bytes, little-endian   CRC-64, 8 bytes, little-endian
"""

from typing import Final

from vermilion.rdb.crc64 import crc64
from vermilion.rdb.encoding import Reader, Writer
from vermilion.rdb.hash import WITH_DEADLINES
from vermilion.rdb.value import read_value, write_value
from vermilion.settings import Settings

VERSION: Final = 12
"""What Redis 8.0 writes, and the newest that it reads."""

COMPRESSIBLE: Final = 1 << 16
"""How many bytes of one value may be tried for compression, which is a loop in Python: some 50 ms at most."""

_FOOTER: Final = 10
_DEADLINE: Final = 8


class FooterError(ValueError):
    """A payload whose version is newer, or whose checksum is another."""


def dump(value: object) -> bytes:
    """Return a value as a payload.

    Example:
        >>> dump(b"bc").hex()
        '000262630c0069c2ab5447c91116'
    """
    out = Writer(COMPRESSIBLE)
    write_value(value, out)
    return seal(out)


def seal(content: Writer) -> bytes:
    """Return what was written with the version and the checksum behind it.

    Example:
        >>> seal(Writer(COMPRESSIBLE)).hex()
        '0c0096ed6880f5553c93'
    """
    content.raw(VERSION.to_bytes(2, "little"))
    body = content.data()
    return body + crc64(body).to_bytes(8, "little")


def serialized_length(value: object) -> int:
    """Return how many bytes a value takes in a payload, without its type and what stands behind it.

    As in Redis, the earliest deadline of a hash counts as a part of its type.

    Example:
        >>> serialized_length(b"bc")
        3
    """
    out = Writer(COMPRESSIBLE)
    write_value(value, out)
    written = out.data()
    return len(written) - (_DEADLINE if written[0] in WITH_DEADLINES else 0) - 1


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
