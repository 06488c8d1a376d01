"""A run's learning curve, drawn in characters for a terminal."""

import math
from collections.abc import Sequence

from recurbench.harness.results.plain import plain
from recurbench.harness.results.record import Record

HEIGHT = 7
"""Lines of a plot."""

MARKS = ("•", "│", "└", "─")
"""A point, the axis upwards, the corner, the axis to the right."""

ASCII = ("*", "|", "+", "-")

Point = tuple[float, float]
Marks = tuple[str, str, str, str]


def draw_curve(record: Record, width: int, encoding: str) -> str:
    """Plots of the validation metric and of the training loss by step, one below the other.

    Args:
        record: the run.
        width: of the terminal, in characters.
        encoding: of the terminal; one without the marks of a plot gets ASCII.

    Returns:
        Nothing for a run without at least two points of a curve.
    """
    names = [f"val/{record.primary.name}"] if record.primary else []
    plots = []
    for name in [*names, "train/loss"]:
        points = [
            (step, value)
            for point in record.curve
            if (step := point.get("step")) is not None and (value := point.get(name)) is not None
        ]
        if len(points) > 1:
            plots.append(_plot(plain(name), points, width, _marks(encoding)))
    return "\n".join(plots)


def _marks(encoding: str) -> Marks:
    try:
        "".join(MARKS).encode(encoding)
    except (LookupError, UnicodeEncodeError):
        return ASCII
    return MARKS


def _plot(title: str, points: Sequence[Point], width: int, marks: Marks) -> str:
    """Points over two axes, whose ends are named."""
    dot, upwards, corner, along = marks
    steps = [step for step, _ in points]
    values = [value for _, value in points]
    top, bottom = f"{max(values):.4g}", f"{min(values):.4g}"
    margin = max(len(top), len(bottom))
    columns = max(10, min(width - margin - 2, 70))
    grid = [[" "] * columns for _ in range(HEIGHT)]
    for step, value in points:
        column = _place(step, min(steps), max(steps), columns)
        grid[HEIGHT - 1 - _place(value, min(values), max(values), HEIGHT)][column] = dot
    labels = [top, *[""] * (HEIGHT - 2), bottom]
    lines = [
        f"{label:>{margin}} {upwards}{''.join(row)}".rstrip()
        for label, row in zip(labels, grid, strict=True)
    ]
    first, last = f"{min(steps):g}", f"step {max(steps):g}"
    return "\n".join(
        [
            f"{'':>{margin}} {title}",
            *lines,
            f"{'':>{margin}} {corner}{along * columns}",
            f"{'':>{margin}}  {first}{last:>{columns - len(first)}}",
        ]
    )


def _place(value: float, least: float, most: float, places: int) -> int:
    """The place of a value on an axis; the middle of one without length."""
    if least == most:
        return places // 2
    length = most - least
    if math.isinf(length):  # more than a number can hold
        return _place(value / 2, least / 2, most / 2, places)
    return round((value - least) / length * (places - 1))
