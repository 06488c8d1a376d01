"""The rows of a measurement of speed, and their forms for other programs. Imports no torch."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from recurbench.harness.results.export import to_csv

MEASURES = ("forward", "train", "step")
"""A forward pass without gradients, a training step, one step of streaming."""


@dataclass(frozen=True)
class Row:
    """What one way to run one shape took, beside one rival at most.

    Attributes:
        measure: of `MEASURES`.
        layout: `dense`, `packed`, or `step` for a single one.
        T: steps of the sequences, as `100`, or `10-100` for lengths.
        B, I, H: rows, features of the input, hidden units.
        tokens: valid steps of a call.
        cell: the label of what was timed.
        kernel: how the sequences ran, if there is a choice; single steps have none.
        seconds: of one call: the median over rounds, with both quartiles.
        tokens_per_second: by the median.
        saved_bytes: what the forward pass of a training step keeps for its way back.
        saved_bytes_per_token: the same for each valid step.
        peak_memory_bytes: what a training step adds at its peak, where the system tells.
        floor_percent: the time of the matrix products alone, in percent of this time; None for
            cells whose weights are not those of torch's layers in shape.
        against: the label of the rival.
        ratio: how many times longer the rival took, round by round: the median with quartiles.
        equal_to: what computed the same before any time was taken.
    """

    measure: str
    layout: str
    T: str
    B: int
    I: int
    H: int
    tokens: int
    cell: str
    kernel: str | None
    seconds: float
    seconds_low: float
    seconds_high: float
    tokens_per_second: float
    saved_bytes: int | None
    saved_bytes_per_token: float | None
    peak_memory_bytes: int | None
    floor_percent: float | None
    against: str | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    equal_to: str | None

    @property
    def group(self) -> tuple[object, ...]:
        """What rows that may be compared have in common."""
        return self.measure, self.layout, self.T, self.B, self.I, self.H


def rows_as_csv(rows: Sequence[Row]) -> str:
    """A line per row, numbers in full."""
    return to_csv([field.name for field in fields(Row)], map(asdict, rows))


def rows_as_json(rows: Sequence[Row], about: dict[str, Any]) -> str:
    """All rows, beside what is known about the measurement."""
    return json.dumps(about | {"rows": [asdict(row) for row in rows]}, indent=1) + "\n"
