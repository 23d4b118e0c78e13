"""What every measurement hands back: sections of figures, each figure with one reading per contender."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal


class BenchError(Exception):
    """A measurement cannot be taken; the message is the one line that the user reads."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One contender's figure.

    Args:
        value: the figure, in the unit of its `Figure`.
        details: what stands beside it in the table, by column name.
        samples: the figure of every round, in the order of the rounds.
    """

    value: float
    details: Mapping[str, float] = field(default_factory=dict)
    samples: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table: the same thing measured on every contender, in the order of the columns."""

    name: str
    unit: str
    readings: Mapping[str, Reading]

    def ratio(self, of: str, to: str) -> float | None:
        """Return one contender's value as a multiple of another's, None where either was not measured.

        Example:
            >>> figure = Figure("SET", "requests/s", {"redis": Reading(200.0), "vermilion": Reading(150.0)})
            >>> figure.ratio("vermilion", "redis")
            0.75
        """
        above, below = self.readings.get(of), self.readings.get(to)
        if above is None or below is None or not below.value:
            return None
        return above.value / below.value

    def spread(self, of: str, to: str) -> tuple[float, float] | None:
        """Return the lowest and the highest ratio of any one round, None with fewer than two rounds.

        The two runs of a round stand next to each other in time, so what else the machine does weighs on
        both: a wide spread says that the figure is not to be trusted to its last digit.
        """
        above, below = self.readings.get(of), self.readings.get(to)
        if above is None or below is None or len(above.samples) < 2:
            return None
        ratios = [one / other for one, other in zip(above.samples, below.samples, strict=True)]
        return min(ratios), max(ratios)


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound that the project has set itself, and what was measured."""

    name: str
    value: float
    bound: float
    sense: Literal["at least", "at most"]

    @property
    def met(self) -> bool:
        """Whether the value is on the right side of the bound."""
        return self.value >= self.bound if self.sense == "at least" else self.value <= self.bound


@dataclass(frozen=True, slots=True)
class Section:
    """One table, with what a reader must know to read it.

    Args:
        title: the line above the table.
        figures: the lines of the table.
        baseline: the contender that the others are divided by; None for a table without ratios.
        summary: figures about the whole table, by name.
        goals: the bounds that this table decides.
        notes: how it was measured, and what could not be.
    """

    title: str
    figures: Sequence[Figure]
    baseline: str | None = None
    summary: Mapping[str, float] = field(default_factory=dict)
    goals: Sequence[Goal] = ()
    notes: Sequence[str] = ()

    def as_json(self) -> dict[str, object]:
        """Return the section as build/bench.json holds it, ratios and verdicts included."""
        document = asdict(self)
        for figure, entry in zip(self.figures, document["figures"], strict=True):
            if self.baseline is not None:
                entry["ratios"] = {
                    name: figure.ratio(name, self.baseline)
                    for name in figure.readings
                    if name != self.baseline
                }
        for goal, entry in zip(self.goals, document["goals"], strict=True):
            entry["met"] = goal.met
        return document
