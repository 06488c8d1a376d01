"""A series, and how it is made of a table: its columns, its times, and what is missing in it."""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from recurbench.tasks.base import TaskError
from recurbench.tasks.forecasting.columns import (
    LARGEST,
    Column,
    Decimal,
    Table,
    is_missing,
    is_number,
    is_value,
)
from recurbench.tasks.forecasting.table import Format, read_table
from recurbench.tasks.forecasting.times import TIME, grid

Missing = Literal["forward_fill", "mask"]

INDEX_NAMES = re.compile(r"Unnamed: \d+(?:\.\d+)?|index|level_\d+")
"""Names of an index that was written beside the data."""


OTHER: dict[Decimal, Decimal] = {"point": "comma", "comma": "point"}


class Series(NamedTuple):
    """Columns of numbers at evenly spaced times.

    Attributes:
        columns: their names.
        values: `(rows, columns)` in float64; NaN where a value is missing, with `missing=mask`.
        filled: where values are missing, the same with the last value before each of them, if there
            is one; None if nothing is missing.
        notes: what is to be said of the file.
    """

    columns: list[str]
    values: Tensor
    filled: Tensor | None = None
    notes: tuple[str, ...] = ()

    @property
    def shown(self) -> Tensor:
        """What a model is shown of the values."""
        return self.values if self.filled is None else self.filled

    def part(self, begin: int, end: int) -> "Series":
        """Some rows of it."""
        filled = None if self.filled is None else self.filled[begin:end]
        return self._replace(values=self.values[begin:end], filled=filled)


@dataclass(frozen=True)
class Options:
    """What to read of a table, and how.

    Attributes:
        columns: those to read, in this order, by name or number; None reads all with numbers.
        time_column: a column of times, checked to be evenly spaced; None checks nothing.
        time_format: how the times are written; None finds out.
        missing: what to do with values and rows that are missing; None refuses them.
        form: how the file is written.
    """

    columns: list[str] | None = None
    time_column: str | None = None
    time_format: str | None = None
    missing: Missing | None = None
    form: Format = field(default_factory=Format)


def read_series(path: Path, options: Options) -> Series:
    """Reads the columns of a table.

    Raises:
        TaskError: the table is not what it has to be, or can be read in two ways; the message names
            the file, the row and the column.
    """
    table = read_table(path, options.form)
    time = None if options.time_column is None else table.find(options.time_column)
    columns = [Column(cells) for cells in table.columns]
    if options.columns is not None:
        chosen = [table.find(name) for name in options.columns]
        if len(set(chosen)) < len(chosen):
            raise TaskError(f"{path}: columns={options.columns} name one column twice")
    else:
        chosen = _choose(table, columns, time)
    numbers = _numbers(table, columns, chosen, options.form.decimal)
    values = torch.tensor(numbers, dtype=torch.float64).T.contiguous()
    for number, empty in zip(chosen, values.isnan().all(0).tolist(), strict=True):
        if empty:
            raise TaskError(f"{path}: column {table.names[number]} has no value")
    if options.missing is None:
        _require_all(table, chosen, values)
    begins = values.isnan().logical_not().int().argmax(0)
    if options.missing == "forward_fill" and begins.any():
        column = int(begins.argmax())
        raise TaskError(
            f"{path}: column {table.names[chosen[column]]} has no value before row "
            f"{table.lines[int(begins[column])]}, from which to fill it; set missing=mask"
        )
    if time is not None:
        values = _spread(table, values, time, options)
    names = [table.names[number] for number in chosen]
    return _settle(table, names, values, options.missing)


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


def _choose(table: Table, columns: list[Column], time: int | None) -> list[int]:
    """The columns that hold numbers; notes say which are left out.

    Raises:
        TaskError: there is none.
    """
    chosen, out = [], dict[str, list[str]]()
    for number, (name, column) in enumerate(zip(table.names, columns, strict=True)):
        if number == time:
            continue
        unnamed = INDEX_NAMES.fullmatch(name) and column.rises
        if unnamed or (name == "0" and number == 0 and column.counts):
            out.setdefault("the index is left out", []).append(name)
        elif not column.present:
            out.setdefault("columns without a value are left out", []).append(name)
        elif column.is_text:
            first = next(cell for cell in column.cells if not is_missing(cell))
            what = "columns of text are left out"
            if time is None and TIME.fullmatch(first):
                what = "times are left out, which time_column= would check"
            out.setdefault(what, []).append(name)
        else:
            chosen.append(number)
            if column.counts:
                table.notes.append(
                    f"{name} counts the rows and is forecast; columns= leaves it out"
                )
    table.notes.extend(f"{what}: {', '.join(names)}" for what, names in out.items())
    if not chosen:
        known = ", ".join(table.names)
        raise TaskError(f"{table.path}: no column of numbers among {known}")
    return chosen


def _numbers(
    table: Table, columns: list[Column], chosen: list[int], decimal: Decimal | None
) -> list[list[float]]:
    """The values of columns, with the decimal sign that each shows, or else the others do.

    Raises:
        TaskError: a cell is no number, or a column may be read with either sign.
    """
    plain = [columns[number].plain for number in chosen]
    if table.separator == "," and decimal is None and None not in plain:
        return [values for values in plain if values]
    numbers, commas, signs, parted = [], [], [], []
    for number in chosen:
        name, column = table.names[number], columns[number]
        own = decimal or _decimal(table, number, columns)
        reading = column.reading(own)
        if reading.wrong:
            row = reading.wrong[0]
            cell = column.cells[row]
            digits = any(sign.isdigit() for sign in cell) and is_value(cell, own)
            what = f"is not below {LARGEST:g}" if digits else "is not a finite number"
            if is_number(cell, OTHER[own]):
                what += f" with a decimal {own}" + ("" if decimal else ", which others have")
            raise TaskError(f"{table.place(row, number)}: {cell!r} {what}")
        if reading.mixed is not None:
            what = f"{column.cells[reading.mixed]!r} is written with another sign than those before"
            raise TaskError(f"{table.place(reading.mixed, number)}: {what}, such as % or $")
        if own == "comma" and (column.ambiguous or column.reads == ["comma"]):
            commas.append(name)
        if reading.sign:
            signs.append(f"{reading.sign} in {name}")
        if reading.parted:
            parted.append(name)
        numbers.append(reading.values)
    if parted:
        table.notes.append(f"thousands are parted: {', '.join(parted)}")
    if commas and not decimal:
        table.notes.append(f"a comma is the decimal sign: {', '.join(commas)}")
    if signs:
        table.notes.append(f"signs beside numbers are left out: {', '.join(signs)}")
    return numbers


def _decimal(table: Table, number: int, columns: list[Column]) -> Decimal:
    """The decimal sign of a column: the one it shows, or that of all others that show one.

    Raises:
        TaskError: both are possible.
    """
    column = columns[number]
    if len(column.reads) == 1:
        return column.reads[0]
    if not column.ambiguous:
        return "point" if len(column.point.wrong) <= len(column.comma.wrong) else "comma"
    shown = {sign for other in columns if len(other.reads) == 1 for sign in other.reads}
    # Between commas a point is the custom; if others are quoted to show a comma, it may be either.
    custom = table.separator == "," and column.plain is not None
    if custom and "comma" not in shown:
        return "point"
    if not custom and len(shown) == 1:
        return shown.pop()
    pairs = zip(column.point.values, column.comma.values, strict=True)
    row, values = next((row, (a, b)) for row, (a, b) in enumerate(pairs) if abs(a - b) > 0)
    raise TaskError(
        f"{table.place(row, number)}: {column.cells[row]!r} may be {values[0]:g} or {values[1]:g}; "
        "set decimal=point or decimal=comma"
    )


def _require_all(table: Table, chosen: list[int], values: Tensor) -> None:
    """Refuses values that are missing."""
    missing = values.isnan().nonzero()
    if len(missing):
        row, number = int(missing[0, 0]), chosen[int(missing[0, 1])]
        cell = table.columns[number][row]
        what = f"{cell!r} stands for a missing value" if cell else "the cell is empty"
        raise TaskError(
            f"{table.place(row, number)}: {what} ({len(missing)} in all); "
            "set missing=forward_fill or missing=mask, or choose other columns="
        )


def _spread(table: Table, values: Tensor, time: int, options: Options) -> Tensor:
    """The rows where their times put them; NaN where rows are missing between them.

    Raises:
        TaskError: as `grid`.
    """
    gaps = options.missing is not None
    rows, working = grid(
        table.columns[time], lambda row: table.place(row, time), options.time_format, gaps=gaps
    )
    if working:
        table.notes.append("the times are those of working days alone")
    if rows[-1] + 1 == len(values):
        return values
    table.notes.append(f"rows are put in where times are missing: {rows[-1] + 1 - len(rows)}")
    spread = values.new_full((rows[-1] + 1, values.shape[1]), math.nan)
    spread[torch.tensor(rows)] = values
    return spread


def _settle(table: Table, names: list[str], values: Tensor, missing: Missing | None) -> Series:
    """The series, with what `missing` makes of values that are missing."""
    series = Series(names, values)
    absent = values.isnan().sum(0).tolist()
    if any(absent):
        import pandas as pd  # takes half a second

        filled = torch.from_numpy(pd.DataFrame(values.numpy()).ffill().to_numpy(copy=True))
        fill = missing == "forward_fill"
        series = Series(names, filled) if fill else Series(names, values, filled)
        counts = ", ".join(f"{n} in {name}" for name, n in zip(names, absent, strict=True) if n)
        what = "are filled with the one before" if fill else "are no targets"
        table.notes.append(f"missing values {what}: {counts}")
    return series._replace(notes=tuple(f"{table.path.name}: {note}" for note in table.notes))
