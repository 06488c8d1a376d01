"""Learning curves for the page: read from the chosen runs' records, and thinned.

A run's points are thinned to at most `POINTS`, evenly, those with a validation score first; first
and last always stay. A page of very many runs gets fewer points for each, but at least `FEWEST`.
"""

from collections.abc import Sequence
from typing import Any

from recurbench.harness.results.record import Record, Scores

POINTS = 60
FEWEST = 12
IN_ALL = 60_000
"""Points of one page, about 30 bytes each."""

DIGITS = 4


def points_for(runs: int) -> int:
    """How many points each of so many runs may have."""
    return max(FEWEST, min(POINTS, IN_ALL // max(1, runs)))


def curve_of(record: Record, points: int) -> dict[str, Any] | None:
    """Columns of a run's thinned curve; None if its record has no curve.

    Returns:
        `step`, `seconds`, `loss` (of training) and `val` (the primary metric), all of one length,
        and `tokens`, how many a step takes.
    """
    primary = f"val/{record.primary.name}" if record.primary else ""
    kept = thin([point for point in record.curve if point.get("step") is not None], primary, points)
    if not kept:
        return None
    cost = record.cost
    names = {"step": "step", "seconds": "seconds", "loss": "train/loss", "val": primary}
    return {name: [_short(point.get(key)) for point in kept] for name, key in names.items()} | {
        "tokens": _short(cost.tokens / cost.steps) if cost and cost.steps else None
    }


def thin(curve: Sequence[Scores], primary: str, points: int) -> list[Scores]:
    """At most so many points of a curve, in its order."""
    scored = [number for number, point in enumerate(curve) if point.get(primary) is not None]
    kept = set(_evenly(scored, points))
    others = [number for number in range(len(curve)) if number not in kept]
    kept |= set(_evenly(others, points - len(kept)))
    return [curve[number] for number in sorted(kept)]


def _evenly(numbers: Sequence[int], count: int) -> list[int]:
    """So many of some numbers, evenly, with the first and the last."""
    if len(numbers) <= count:
        return list(numbers)
    if count < 2:
        return list(numbers[-1:]) * count
    last = len(numbers) - 1
    return [numbers[round(place * last / (count - 1))] for place in range(count)]


def _short(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else float(f"{value:.{DIGITS}g}")
