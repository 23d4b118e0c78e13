"""What a server tells of itself in numbers, as plain values: who measures need not know who asks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias

Labels: TypeAlias = tuple[str, ...]
"""The values of the labels, in the order of their names."""


class Measure(NamedTuple):
    """A number, or one for each combination of labels.

    Attributes:
        name: in lower case, with its unit, without a prefix; a counter's without `_total`.
        kind: a counter only grows, until a restart or CONFIG RESETSTAT; a gauge goes up and down.
        doc: one sentence.
        values: by labels; `()` where there are none.
        labels: their names.

    Example:
        >>> Measure("keys", "gauge", "Keys.", {("0",): 3}, ("db",)).values["0",]
        3

    See Also:
        `Histogram`.
    """

    name: str
    kind: Literal["counter", "gauge"]
    doc: str
    values: Mapping[Labels, float]
    labels: Labels = ()


class Distribution(NamedTuple):
    """How many of so many observations lie under each bound.

    Attributes:
        within: for each bound of the histogram, how many are below it.
        size: how many there are.
        total: their sum.
    """

    within: Sequence[int]
    size: int
    total: float


class Histogram(NamedTuple):
    """Distributions over the same bounds, one for each combination of labels.

    Attributes:
        name: as of a `Measure`.
        doc: one sentence.
        bounds: ascending.
        values: by labels.
        labels: their names.
    """

    name: str
    doc: str
    bounds: Sequence[float]
    values: Mapping[Labels, Distribution]
    labels: Labels = ()


class Measured(Protocol):
    """What can be asked how it is doing: a backend.

    LLM Context:
        - Both methods are called on the event loop's thread, between calls of clients, and return at once.
    """

    def measures(self) -> Iterable[Measure | Histogram]:
        """Return the present numbers; the names are the same each time."""

    def trouble(self) -> str | None:
        """Return on one line why a PING would not be answered with PONG now, None when it would."""
