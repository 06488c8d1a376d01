"""Where the series to forecast come from: equations, or a table in a CSV file."""

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

from recurbench.limits import did_you_mean
from recurbench.tasks.base import TaskError
from recurbench.tasks.common.files import read_text


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


def lorenz(points: int) -> Series:
    """The chaotic flow of Lorenz, "Deterministic Nonperiodic Flow", 1963.

        dx/dt = 10 (y - x),  dy/dt = x (28 - z) - y,  dz/dt = x y - 8/3 z

    One point per 0.05 units of time, by Runge-Kutta steps of 0.01, from (1, 1, 1); the first 50
    units are dropped. Errors grow e-fold in about 22 points (the largest Lyapunov exponent is 0.906
    per unit). A turn round a wing takes about 15: there the autocorrelation of z over 3,000 points
    peaks (0.51); x and y change between the wings and do not repeat.
    """
    per_point, step, washout = 5, 0.01, 1000

    def slope(x: float, y: float, z: float) -> tuple[float, ...]:
        return 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z

    def ahead(state: tuple[float, ...], by: float, change: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(a + by * b for a, b in zip(state, change, strict=True))

    state: tuple[float, ...] = (1.0, 1.0, 1.0)
    path = []
    for _ in range((washout + points) * per_point):
        path.append(state)
        k1 = slope(*state)
        k2 = slope(*ahead(state, step / 2, k1))
        k3 = slope(*ahead(state, step / 2, k2))
        k4 = slope(*ahead(state, step, k3))
        mean = (a + 2 * b + 2 * c + d for a, b, c, d in zip(k1, k2, k3, k4, strict=True))
        state = ahead(state, step / 6, tuple(mean))
    kept = path[washout * per_point :: per_point]
    return Series(["x", "y", "z"], torch.tensor(kept, dtype=torch.float64))


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
            raise TaskError(f"{path}: no column {name} among {known}{did_you_mean(name, header)}")
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


def require_variation(train: Tensor, season: int, columns: Sequence[str], source: object) -> None:
    """Refuses columns that cannot be standardised, or whose MASE would divide by zero.

    Args:
        train: the rows `(n, columns)` of the train split.
        season: rows after which the series roughly repeats.
        columns: their names.
        source: where they come from.

    Raises:
        TaskError: names the source and the column.
    """
    constant = (train == train[0]).all(0)
    periodic = (train[season:] == train[:-season]).all(0)
    for name, same, repeats in zip(columns, constant, periodic, strict=True):
        if same:
            raise TaskError(f"{source}: column {name} is constant in the train split")
        if repeats:
            raise TaskError(
                f"{source}: column {name} repeats exactly every season={season} rows of the train "
                "split, which leaves MASE without a scale; choose another season"
            )


def write_example(path: Path, source: torch.Generator) -> None:
    """Writes a table of hours with two columns that follow the day, and noise."""
    noise = torch.randn(600, 2, generator=source).tolist()
    lines = ["time,load,temperature"]
    for hour, (a, b) in enumerate(noise):
        turn = 2 * math.pi * hour / 24
        load, temperature = 10 + math.sin(turn) + a / 4, math.cos(turn) + b / 4
        time = f"2024-01-{1 + hour // 24:02}T{hour % 24:02}:00"
        lines.append(f"{time},{load:.3f},{temperature:.3f}")
    path.write_text("\n".join(lines), encoding="utf-8")


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
