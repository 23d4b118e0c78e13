"""The bytes of a reply to a value: for those who call a server and want no bytes."""

import hiredis

from vermilion.errors import RespError
from vermilion.protocol.reply import Reply


def decode_reply(wire: bytes) -> Reply:
    r"""Return the value of one whole reply.

    Args:
        wire: its bytes, in RESP2 or RESP3.

    Returns:
        bytes, int, None, list, and what else RESP3 has; simple strings are bytes; an error is a RespError.

    Raises:
        ValueError: for bytes that are no reply.

    Example:
        >>> decode_reply(b"*2\r\n:1\r\n$1\r\na\r\n")
        [1, b'a']
    """
    reader = hiredis.Reader(protocolError=ValueError, replyError=_error)
    reader.feed(wire)
    reply = reader.gets()
    if reply is False or reader.has_data():
        raise ValueError("not one whole reply")
    return reply  # type: ignore[no-any-return]  # hiredis makes nothing else


def _error(message: str) -> RespError:
    return RespError(message)
