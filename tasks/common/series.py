"""Where the series to forecast come from: an equation, or a table in a CSV file."""

import csv
import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import mode
from typing import NamedTuple

import torch
from torch import Tensor

from tasks.base import TaskError, nearest
from tasks.corpora import read_text


class Series(NamedTuple):
    """Columns of numbers at evenly spaced times.

    Attributes:
        columns: their names.
        values: `(rows, columns)` in float64.
    """

    columns: list[str]
    values: Tensor


def mackey_glass(points: int) -> Series:
    """The chaotic series of Mackey & Glass, "Oscillation and Chaos in Physiological Control", 1977.

        dx/dt = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x(t)

    One point per unit of time, by Runge-Kutta steps of 0.1 (the delayed value at half a step is the
    mean of its neighbours), from x = 1.2 before time 0; the first 500 units are dropped. Being
    chaotic, the path depends on the step's size, its statistics do not. It repeats about every 50
    units: the autocorrelation of 3,000 points peaks at lags 49 (0.69) and 100 (0.80).
    """
    per_unit, delay, washout = 10, 17, 500
    step, lag = 1 / per_unit, delay * per_unit
    path = [1.2] * (lag + 1)

    def slope(x: float, delayed: float) -> float:
        # Products are the same to the last bit on every machine, which `**` need not be.
        square = delayed * delayed
        fourth = square * square
        return 0.2 * delayed / (1 + fourth * fourth * square) - 0.1 * x

    for now in range(lag, lag + (washout + points) * per_unit):
        x, before, after = path[now], path[now - lag], path[now - lag + 1]
        middle = (before + after) / 2
        k1 = slope(x, before)
        k2 = slope(x + step / 2 * k1, middle)
        k3 = slope(x + step / 2 * k2, middle)
        k4 = slope(x + step * k3, after)
        path.append(x + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4))

    kept = path[lag + (washout + 1) * per_unit :: per_unit]
    return Series(["x"], torch.tensor(kept, dtype=torch.float64)[:, None])


def read_csv(
    path: Path, columns: Sequence[str] | None = None, time_column: str | None = None
) -> Series:
    """Reads columns of a comma-separated table whose first row names them.

    Args:
        path: a UTF-8 file.
        columns: those to read, in this order; None reads all with a name and a number in them.
        time_column: a column of ISO 8601 times, checked to be evenly spaced; None checks nothing.

    Raises:
        TaskError: a column is missing, or a cell is not what it has to be; the message names the
            file, the row (the header is row 1) and the column.
    """
    header, rows = _read_table(path)
    lines = [line for line, _ in rows]
    cells = dict(zip(header, zip(*(row for _, row in rows), strict=True), strict=True))
    for name in [*(columns or ()), *([time_column] if time_column else ())]:
        if name not in cells:
            known = ", ".join(header)
            raise TaskError(f"{path}: no column {name} among {known}{nearest(name, header)}")
    if time_column:
        _check_times(path, time_column, lines, cells[time_column])

    if columns is None:
        columns = [
            name for name in header if name != time_column and any(map(_is_number, cells[name]))
        ]
    if not columns:
        raise TaskError(f"{path}: no column of numbers among {', '.join(header)}")
    numbers = [_numbers(path, name, lines, cells[name]) for name in columns]
    return Series(list(columns), torch.tensor(numbers, dtype=torch.float64).T.contiguous())


def _read_table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and the rows with their line numbers in the file."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise TaskError(f"{path}, row {reader.line_num}: {error}") from None
    while rows and not any(rows[-1][1]):  # blank lines at the end
        rows.pop()
    if len(rows) < 3:
        raise TaskError(f"{path}: a header and at least two rows below it are needed")
    header = [name.strip() for name in rows.pop(0)[1]]
    for name in header:
        if _is_number(name):
            raise TaskError(f"{path}, row 1: the first row must name the columns, but has {name}")
        if header.count(name) > 1:
            raise TaskError(f"{path}, row 1: two columns are named {name!r}")
    for line, row in rows:
        if len(row) != len(header):
            raise TaskError(f"{path}, row {line}: {len(row)} cells, but {len(header)} in row 1")
    return header, rows


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers(path: Path, name: str, lines: list[int], cells: Sequence[str]) -> list[float]:
    for line, cell in zip(lines, cells, strict=True):
        if not _is_number(cell) or not math.isfinite(float(cell)):
            what = f"{cell!r} is not a finite number" if cell.strip() else "the cell is empty"
            raise TaskError(f"{path}, row {line}, column {name}: {what}")
    return [float(cell) for cell in cells]


def _check_times(path: Path, name: str, lines: list[int], cells: Sequence[str]) -> None:
    """Refuses times that do not follow each other in equal steps."""
    times = []
    for line, cell in zip(lines, cells, strict=True):
        try:
            time = datetime.fromisoformat(cell.strip())
        except ValueError:
            raise TaskError(
                f"{path}, row {line}, column {name}: {cell!r} is not an ISO 8601 time, "
                "such as 2016-07-01 13:00:00"
            ) from None
        times.append(time if time.tzinfo else time.replace(tzinfo=UTC))
    steps = [later - earlier for earlier, later in pairwise(times)]
    usual = mode(steps)
    for line, cell, step in zip(lines[1:], cells[1:], steps, strict=True):
        if step <= timedelta(0):
            raise TaskError(
                f"{path}, row {line}, column {name}: {cell} is not after the row before"
            )
        if step != usual:
            raise TaskError(
                f"{path}, row {line}, column {name}: {cell} comes {step} after the row before, "
                f"not {usual} as most rows do; fill the gap first"
            )
