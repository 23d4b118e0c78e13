"""Every error text in one place: constants, or functions where they take parameters."""

from typing import Final


class RespError(Exception):
    """An error as the wire shows it.

    A new instance for every raise: a shared one would grow its traceback for ever.

    Args:
        message: the whole text with its code, as in `ERR syntax error`.

    Example:
        >>> RespError("ERR syntax error").message
        'ERR syntax error'

    LLM Context:
        - Raised by a command, or returned inside an array (EXEC).
        - The texts are Redis's own and stand in this module.
    """

    __slots__ = ("message",)

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


# --- CONFIG ---------------------------------------------------------------------------------------

CONFIG_IMMUTABLE: Final = "can't set immutable config"
CONFIG_PROTECTED: Final = "can't set protected config"
CONFIG_DUPLICATE: Final = "duplicate parameter"
CONFIG_BAD_DIRECTIVE: Final = "Bad directive or wrong number of arguments"
CONFIG_BIND_FAILED: Final = "Failed to bind to specified addresses."
CONFIG_LISTEN_FAILED: Final = "Unable to listen on this port. Check server logs."
NO_CONFIG_FILE: Final = "ERR The server is running without a config file"


def config_set_failed(name: str, reason: str) -> str:
    """Return what CONFIG SET answers when one of its directives is refused."""
    return f"ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}"


def config_unknown(name: str) -> str:
    """Return what CONFIG SET answers for a directive that does not exist."""
    return f"ERR Unknown option or number of arguments for CONFIG SET - '{name}'"


def config_rewrite_failed(reason: str) -> str:
    """Return what CONFIG REWRITE answers when the file cannot be written."""
    return f"ERR Rewriting config file: {reason}"
