"""Sections as tables of plain text."""

from collections.abc import Iterator, Sequence
from itertools import chain

from conformance.bench.result import Figure, Goal, Section


def number(value: float) -> str:
    """Write a figure with the digits that mean something.

    Example:
        >>> number(123456.7), number(45.678), number(0.98765)
        ('123,457', '45.7', '0.988')
    """
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Set rows in columns: the first column to the left, the others to the right.

    Args:
        rows: the rows, the heading first, all of the same length.

    Returns:
        The lines, without a newline at the end.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def render(section: Section) -> str:
    """Return a section as the terminal shows it."""
    lines = [section.title, "=" * len(section.title)]
    if section.figures:
        lines.append(table(list(_rows(section))))
    lines += [f"{name}: {number(value)}" for name, value in section.summary.items()]
    lines += [verdict(goal) for goal in section.goals]
    lines += [f"({note})" for note in section.notes]
    return "\n".join(lines)


def verdict(goal: Goal) -> str:
    """Return one line: the goal, the figure, and whether it is met.

    Example:
        >>> verdict(Goal("milliseconds to the first PONG", 180.0, 250.0, "at most"))
        'goal: milliseconds to the first PONG: 180.0, at most 250.0: met'
    """
    outcome = "met" if goal.met else "NOT MET"
    return f"goal: {goal.name}: {number(goal.value)}, {goal.sense} {number(goal.bound)}: {outcome}"


def _rows(section: Section) -> Iterator[list[str]]:
    contenders = list(dict.fromkeys(chain.from_iterable(figure.readings for figure in section.figures)))
    details = {
        name: list(
            dict.fromkeys(
                chain.from_iterable(
                    figure.readings[name].details for figure in section.figures if name in figure.readings
                )
            )
        )
        for name in contenders
    }
    compared = [name for name in contenders if section.baseline is not None and name != section.baseline]
    with_spread = any(_spread(section, figure, name) for figure in section.figures for name in compared)
    heading = ["", "unit"]
    for name in contenders:
        heading += [name, *details[name]]
    for name in compared:
        heading += [f"{name}/{section.baseline}", *(["rounds"] if with_spread else [])]
    yield heading
    for figure in section.figures:
        row = [figure.name, figure.unit]
        for name in contenders:
            reading = figure.readings.get(name)
            row.append("-" if reading is None else number(reading.value))
            for detail in details[name]:
                known = reading is not None and detail in reading.details
                row.append(number(reading.details[detail]) if reading is not None and known else "-")
        for name in compared:
            ratio = figure.ratio(name, section.baseline or "")
            row.append("-" if ratio is None else number(ratio))
            if with_spread:
                row.append(_spread(section, figure, name) or "-")
        yield row


def _spread(section: Section, figure: Figure, name: str) -> str:
    spread = figure.spread(name, section.baseline or "")
    return "" if spread is None else f"{number(spread[0])}..{number(spread[1])}"
