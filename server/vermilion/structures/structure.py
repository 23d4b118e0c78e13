"""What every value that is no string says of itself."""

from abc import ABC, abstractmethod
from typing import ClassVar, Self


class Structure(ABC):
    """A value that is no string: a list, a set, a hash, and so on.

    LLM Context:
        - Every class that a key can hold derives from it: TYPE, OBJECT ENCODING and COPY need no more.
        - `keyspace/value.py` asks strings and structures the same questions.
    """

    __slots__ = ()

    type_name: ClassVar[str]
    """What TYPE answers: `list`, `set`, `zset`, `hash`, `stream`."""

    @property
    @abstractmethod
    def encoding(self) -> str:
        """What OBJECT ENCODING answers, by Redis's own thresholds."""

    @abstractmethod
    def copy(self) -> Self:
        """Return a value of its own: changing either leaves the other as it is."""
