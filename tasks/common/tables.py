"""Files of two or more columns, as spreadsheets, pandas and people write them."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from recurbench.tasks.base import TaskError
from recurbench.tasks.common.files import lines_of, read_text

SHOWN = 20
"""How many cells or lines a note or message lists."""


class Row(NamedTuple):
    """A line of a file, or several if a text in quotes goes over them.

    Attributes:
        line: the number of the first.
        cells: in order.
    """

    line: int
    cells: list[str]


class Table(NamedTuple):
    """The rows of a file.

    Attributes:
        path: the file.
        rows: at least one.
        loose: whether the text of two columns may hold what separates them, as tabs can be.
    """

    path: Path
    rows: list[Row]
    loose: bool


def read_table(path: Path, notes: list[str], is_header: Callable[[Sequence[str]], bool]) -> Table:
    """Cuts a file into cells at tabs, or, where its first line has none, at commas or semicolons.

    Cells between commas or semicolons may be in double quotes and then go over several lines, and
    so may those between tabs in a file that cannot be read line by line.

    Args:
        path: a text file; its name says with `.csv` that commas or semicolons are to be expected.
        notes: where to say what was found.
        is_header: tells a header, which makes commas or semicolons certain under any name.

    Raises:
        TaskError: the file cannot be read, is cut in no way, or in more than one.
    """
    text = read_text(path, notes)
    lines = [(number, line) for number, line in enumerate(lines_of(text), 1) if line.strip()]
    tabbed, named_csv = ["\t" in line for _, line in lines], path.suffix.lower() == ".csv"
    if not all(tabbed) and (named_csv or not tabbed[0]):
        even = {mark: rows for mark in ",;" if (rows := _even(text, mark))}
        headed = [rows for rows in even.values() if is_header(rows[0].cells)]
        fitting = headed or (list(even.values()) if named_csv else [])
        if len(fitting) > 1:
            raise TaskError(f"{path}: both , and ; could separate its cells; name its columns")
        if fitting:
            return Table(path, fitting[0], loose=False)
        if named_csv and not tabbed[0]:
            raise _uneven(path, text, "," if "," in lines[0][1] else ";")
    rows = [Row(number, line.split("\t")) for number, line in lines]
    quoted = _even(text, "\t")
    if quoted is None or len(quoted) == len(rows):
        return Table(path, rows, loose=True)
    if all(tabbed):
        raise TaskError(
            f"{path}: its quotes make {len(quoted)} texts, its lines {len(rows)}; "
            "drop the quotes around texts, or keep each text on a line"
        )
    notes.append(f"{path}: texts in quotes go over several lines")
    return Table(path, quoted, loose=False)


def is_name(cell: str, names: str) -> bool:
    """Whether a cell is one of the names of a pattern, or made of some of them.

    >>> [is_name(cell, "reviews?|text") for cell in ("Review Text", "reviewText", "text!")]
    [True, True, False]
    """
    if not re.fullmatch(r"[A-Za-z]+(?:[ _.-][A-Za-z]+)*", bare(cell)):
        return False
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", bare(cell))
    return all(re.fullmatch(names, part, re.IGNORECASE) for part in parts)


def bare(cell: str) -> str:
    """A cell without the spaces and the double quotes around it."""
    stripped = cell.strip(" ")
    quoted = len(stripped) > 1 and stripped[0] == stripped[-1] == '"'
    return stripped[1:-1].strip(" ") if quoted else stripped


def note_header(table: Table, notes: list[str]) -> None:
    """Says that the first row was left out as a header, and where files put together repeat it."""
    header = table.rows[0].cells
    lines = [row.line for row in table.rows if row.cells == header]
    listed = ", ".join(map(str, lines[:SHOWN])) + ", ..." * (len(lines) > SHOWN)
    names = ", ".join(map(bare, header[:SHOWN]))
    notes.append(
        f"{table.path}, line{'s' * (len(lines) > 1)} {listed}: left out, a header ({names})"
    )


def _records(text: str, mark: str) -> list[Row]:
    """Rows of cells that may be in quotes; `csv.Error` says what is wrong with them."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    rows, line = [], 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            rows.append(Row(line, cells))
        line = reader.line_num + 1
    return rows


def _even(text: str, mark: str) -> list[Row] | None:
    """The rows if all have the same number of cells, at least two; None otherwise."""
    try:
        rows = _records(text, mark)
    except csv.Error:
        return None
    widths = {len(row.cells) for row in rows}
    return rows if len(widths) == 1 and min(widths) > 1 else None


def _uneven(path: Path, text: str, mark: str) -> TaskError:
    """What keeps a file from being read with a separator."""
    try:
        rows = _records(text, mark)
    except csv.Error as error:
        return TaskError(f"{path}: its quotes are not those of a csv file ({error})")
    width = len(rows[0].cells)
    odd = next((row for row in rows if len(row.cells) != width), rows[0])
    return TaskError(
        f"{path}, line {odd.line}: {len(odd.cells)} cells, but {max(width, 2)} are needed; "
        f"texts that hold a {mark} need quotes"
    )
