"""What saves the keys, of the server group: snapshots, and the refusal of a journal."""

from typing import Annotated

from vermilion import errors
from vermilion.commands.registry import command
from vermilion.commands.syntax import ADMIN, FAST, LOADING, NO_ASYNC_LOADING, NO_MULTI, NOSCRIPT, STALE, Token
from vermilion.errors import RespError
from vermilion.protocol.reply import OK, Status
from vermilion.session import Server


@command(
    "SAVE", ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI, since="1.0.0", group="server",
    complexity="O(N) where N is the number of keys of all databases.",
)  # fmt: skip
def save(server: Server) -> Status:
    """Write all keys to disk, and let everyone wait for it."""
    persistence = server.persistence
    if persistence.is_saving:
        raise RespError(errors.SAVE_IN_PROGRESS)
    persistence.count_save()
    if not persistence.save():
        raise RespError(errors.NOT_SAVED)
    return OK


@command(
    "BGSAVE", ADMIN | NOSCRIPT | NO_ASYNC_LOADING, since="1.0.0", group="server",
    complexity="O(N) where N is the number of keys, in a process of its own.",
)  # fmt: skip
def bgsave(server: Server, *, schedule: Annotated[bool, Token("SCHEDULE", since="3.2.2")] = False) -> Status:
    """Begin to write all keys to disk, while clients are served."""
    # There is nothing that SCHEDULE would have to wait for: no journal is ever rewritten.
    if server.persistence.is_saving:
        raise RespError(errors.SAVE_IN_PROGRESS)
    server.persistence.save_in_background()
    return Status("Background saving started")


@command(
    "LASTSAVE", LOADING | STALE | FAST, since="1.0.0", complexity="O(1)", tips=["nondeterministic_output"],
    group="server", categories=["admin", "dangerous"],
)  # fmt: skip
def lastsave(server: Server) -> int:
    """Return when all keys were written to disk last, in seconds since the epoch."""
    return server.persistence.last_save_ms // 1000


@command(
    "BGREWRITEAOF", ADMIN | NOSCRIPT | NO_ASYNC_LOADING, since="1.0.0", complexity="O(1)", group="server"
)
def bgrewriteaof() -> Status:
    """Refuse to rewrite a journal: there is none."""
    raise RespError(errors.NO_JOURNAL_TO_REWRITE)
