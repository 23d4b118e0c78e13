"""A call that cannot answer yet: what a blocking command returns when there is nothing for it."""

from collections.abc import Callable, Sequence
from typing import TypeAlias, final

from vermilion.protocol.reply import NULL_ARRAY, Reply


@final
class Pending:
    """One call that waits for a key.

    The engine keeps it in a queue for each key, first come, first served, and asks `retry` for the reply whenever one
    of the keys has changed and holds the awaited kind of value. The client's later calls wait behind it.

    Args:
        keys: any of them may bring the reply; in the database of the session.
        kind: the class of `structures/` that a key must hold before it is worth retrying; `object` for a call that
            every change of its keys concerns, their deletion, too.
        timeout_ms: how long it waits at most; 0 for ever.
        retry: executes the call: returns the reply, or None, with nothing changed, when there is still none.
        at_timeout: the reply when the time is over.
        postponed: whether the call has not begun, or will not be answered: CLIENT PAUSE, a fault, a proxy. CLIENT
            UNBLOCK does not concern it.

    LLM Context:
        - Commands do not make it themselves: `commands.blocking.wait_for` tries first, and knows when not to wait.
        - `argv` is the call, which the engine adds: its user may lose a permission meanwhile.
        - A session has one at most, as `session.pending`.
        - One without keys and not `postponed` waits for its timeout alone: WAIT, where there are no replicas.
    """

    __slots__ = ("argv", "at_timeout", "keys", "kind", "postponed", "retry", "timeout_ms")

    def __init__(
        self,
        keys: Sequence[bytes],
        kind: type[object],
        timeout_ms: int,
        retry: Callable[[], Reply],
        at_timeout: Reply = NULL_ARRAY,
        *,
        postponed: bool = False,
    ) -> None:
        self.keys = keys
        self.kind = kind
        self.timeout_ms = timeout_ms
        self.retry = retry
        self.at_timeout = at_timeout
        self.postponed = postponed
        self.argv: list[bytes] = []


Answer: TypeAlias = "Reply | Pending"
"""What a call returns: its reply, or what it waits for."""
