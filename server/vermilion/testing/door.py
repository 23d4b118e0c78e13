"""Where clients in this process come in: shut behind a test, it keeps those of the test from coming back."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vermilion.testing.shared import SharedBackend


class Door:
    """The way of some clients to an instance.

    Args:
        backend: of the instance.

    LLM Context:
        - redis-py connects anew by itself. A client that a thread of one test has left behind would go on in the next
          test, and take its data, if it found its door open.
    """

    def __init__(self, backend: "SharedBackend") -> None:
        self._backend = backend
        self._is_shut = False

    @property
    def backend(self) -> "SharedBackend":
        """What executes the calls of who comes in.

        Raises:
            ConnectionRefusedError: when it is shut.
        """
        if self._is_shut:
            raise ConnectionRefusedError(111, "The test that made this client is over")
        return self._backend

    def shut(self) -> None:
        """Let nobody in any more."""
        self._is_shut = True
