"""How soon runs reached a threshold: steps and seconds of training, read off their curves.

What counts is the first evaluation on validation at which the primary metric was as good as the
threshold or better. Nothing is interpolated between evaluations, so that a result is a multiple of
`train.eval_every`. A seed that never reached it counts as later than all others: the median over
seeds is known where more than half of them reached it, and no seed that failed makes it better.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf, isfinite
from statistics import median
from typing import Any

from recurbench.harness.errors import UserError
from recurbench.harness.results.archive import read_chosen
from recurbench.harness.results.board import Board
from recurbench.harness.results.columns import Column, optional
from recurbench.harness.results.record import Record
from recurbench.harness.results.rows import Row
from recurbench.harness.results.tracks import Track

Reaching = tuple[float, float | None]
"""Steps done, and seconds of training if they are known."""

FIELDS = ("steps_to", "seconds_to", "reached")
"""What a threshold adds to a line of CSV, each with the threshold behind it."""


def thresholds_of(texts: Iterable[str]) -> dict[str, float]:
    """Thresholds by their names, each once.

    Raises:
        UserError: one is no finite number.
    """
    found: dict[str, float] = {}
    for text in texts:
        try:
            number = float(text)
        except ValueError:
            number = inf
        if not isfinite(number):
            raise UserError(f"--threshold {text}: must be a number, such as 0.9")
        found[f"{number:.12g}"] = number
    return found


def first_reaching(record: Record, threshold: float, *, higher_is_better: bool) -> Reaching | None:
    """The first evaluation of a run that reached a threshold; None if none did."""
    name = f"val/{record.primary.name}" if record.primary else ""
    found = [
        (step, point.get("seconds"))
        for point in record.curve
        if (step := point.get("step")) is not None
        and (score := point.get(name)) is not None
        and (score >= threshold if higher_is_better else score <= threshold)
    ]
    return min(found, key=lambda reaching: reaching[0], default=None)


def with_thresholds(board: Board, thresholds: dict[str, float]) -> Board:
    """A board whose rows say how soon each threshold was reached; reads the runs that count."""
    if not thresholds:
        return board
    higher = {
        run["run_id"]: track.higher_is_better
        for track in board.tracks
        for row in track.entries
        for run in row.runs
    }
    reached: dict[str, dict[str, Reaching | None]] = defaultdict(dict)
    for record in read_chosen(board.files()):
        for name, value in thresholds.items():
            reached[name][record.run_id] = first_reaching(
                record, value, higher_is_better=higher[record.run_id]
            )

    def said(row: Row) -> Row:
        ids = [run["run_id"] for run in row.runs]
        found = {name: _over([reached[name].get(one) for one in ids]) for name in thresholds}
        return replace(row, reached=found)

    tracks = [replace(track, entries=list(map(said, track.entries))) for track in board.tracks]
    return replace(board, tracks=tracks)


def columns_of(thresholds: Iterable[str]) -> list[Column]:
    """Two columns for each threshold: steps with how many seeds reached it, and seconds."""
    return [column for name in thresholds for column in (_steps(name), _seconds(name))]


def in_csv(row: Row) -> dict[str, Any]:
    """What a row's thresholds are in a line of CSV."""
    return {
        f"{field}_{name}": value
        for name, found in row.reached.items()
        for field, value in zip(
            FIELDS, (found["steps"], found["seconds"], found["reached"]), strict=True
        )
    }


def _over(found: Sequence[Reaching | None]) -> dict[str, Any]:
    """Medians over seeds, and how many of them reached the threshold."""
    reached = [one for one in found if one is not None]
    never = [inf] * (len(found) - len(reached))
    seconds = [inf if known is None else known for _, known in reached]
    return {
        "steps": _median([step for step, _ in reached] + never),
        "seconds": _median(seconds + never),
        "reached": len(reached),
        "seeds": len(found),
    }


def _median(values: Sequence[float]) -> float | None:
    middle = median(values) if values else inf
    return middle if middle < inf else None


def _steps(name: str) -> Column:
    def text(row: Row, _: Track) -> str:
        found = row.reached[name]
        if not found["seeds"]:
            return "-"
        steps = optional(found["steps"], ",.1f").removesuffix(".0")
        return f"{steps} ({found['reached']} of {found['seeds']})"

    return Column(f"steps to {name}", text, sorts=lambda row: row.reached[name]["steps"])


def _seconds(name: str) -> Column:
    def text(row: Row, track: Track) -> str:
        known = row.reached[name]["seconds"] if row.machine == track.machine else None
        return optional(known, ",.1f", " s")

    return Column(f"seconds to {name}", text, sorts=lambda row: row.reached[name]["seconds"])
