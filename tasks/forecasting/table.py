"""Reads a CSV file as text: finds its encoding, separator, comments and header, and says so.

The standard library's reader splits the lines, because pandas' gives no line numbers for messages,
fills up rows that are too short without a word, and cuts cells at a comment sign.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from recurbench.tasks.base import TaskError
from recurbench.tasks.forecasting.columns import (
    SAMPLE,
    Decimal,
    Table,
    find_names,
    is_missing,
    is_value,
)

Separator = Literal["comma", "semicolon", "tab", "pipe", "whitespace", "none"]

ALONE = "\x1f"
"""What separates the cells of a table of one column: a sign that no line holds."""

SEPARATORS = {
    "comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "whitespace": " ", "none": ALONE
}  # fmt: skip

MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",  # begins as the next but one does
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Encodings by the byte order mark that a file begins with."""

TOO_SHORT = "a header and at least two rows below it are needed"


@dataclass(frozen=True)
class Format:
    """How a file is written; None is found.

    Attributes:
        separator: what stands between cells; `none` for a table of one column.
        decimal: the sign before decimals.
        encoding: a codec of Python.
        header: the line that names the columns, from 1; 0 if none does.
    """

    separator: Separator | None = None
    decimal: Decimal | None = None
    encoding: str | None = None
    header: int | None = None

    def __post_init__(self) -> None:
        if self.encoding is not None:
            try:
                io.TextIOWrapper(io.BytesIO(), encoding=self.encoding)
            except (LookupError, ValueError):
                raise TaskError(
                    f"encoding must be one that Python knows, such as utf-8, utf-16 or cp1252, "
                    f"not {self.encoding}"
                ) from None


class Row(NamedTuple):
    """A row of cells, without spaces around them, and the line of the file that it begins in."""

    line: int
    cells: list[str]


def read_table(path: Path, form: Format) -> Table:
    """Reads the cells of a table.

    Raises:
        TaskError: the file cannot be read, or may be read in two ways; the message names the row
            and the option that decides.
    """
    notes: list[str] = []
    text = _read_text(path, form.encoding, notes)
    said = re.match(r"sep=(.)\r?\n", text)  # a line that Excel writes and reads
    lines = Lines(path, text, max(form.header or 1, 2 if said else 1))
    if form.separator:
        sign = SEPARATORS[form.separator]
    else:
        sign = said[1] if said else _find_separator(lines, form.decimal)
        if sign not in (",", ALONE):
            word = next((word for word, own in SEPARATORS.items() if own == sign), sign)
            notes.append(f"the separator is {word}")
    rows = _without_blank(list(lines.split(sign)), lines, notes)
    if not rows:
        raise TaskError(f"{path}: {TOO_SHORT}")
    _require_even(path, rows)
    cells = [row.cells for row in rows]
    comment = _cells_of(lines.comments.get(rows[0].line - 1, ""), sign)
    names, named = find_names(f"{path}, row {rows[0].line}", cells, comment, form.header, notes)
    if lines.first > 1 and not said:
        notes.append(f"what stands above row {lines.first} is left out")
    if lines.comments:
        notes.append(f"lines that begin with # are left out: {_listed(list(lines.comments))}")
    rows = rows[named:]
    if len(rows) < 2:
        raise TaskError(f"{path}: {TOO_SHORT}")
    columns = list(zip(*cells[named:], strict=True))
    return Table(path, names, [row.line for row in rows], columns, sign, notes)


class Lines:
    """The lines of a file that hold its table, which any separator can split.

    Args:
        path: the file, for messages.
        text: its content.
        first: the line where the table begins, from 1.
    """

    def __init__(self, path: Path, text: str, first: int) -> None:
        self.path, self.text, self.first = path, text, first
        self.blank: list[int] = []
        self.comments: dict[int, str] = {}

    def split(self, sign: str) -> Iterator[Row]:
        """Rows by a separator; blank lines and comments, unless a quote is open, are kept apart.

        Raises:
            TaskError: a quote is not closed, or more follows it.
        """
        self.blank, self.comments = [], {}
        begin, inside = 0, False

        def feed() -> Iterator[str]:
            nonlocal begin, inside
            # Other than `splitlines`, this splits at line ends alone, not at U+2028 and the like.
            for number, line in enumerate(io.StringIO(self.text, newline=""), 1):
                if number < self.first:
                    continue
                if not inside:
                    begin = number
                    if not line.strip("\r\n " if sign == "\t" else None):
                        self.blank.append(number)
                        continue
                    if line.lstrip().startswith("#"):
                        self.comments[number] = line.strip().removeprefix("#")
                        continue
                inside = True
                yield re.sub(r"[ \t]+", " ", line.strip()) + "\n" if sign == " " else line

        reader = csv.reader(feed(), delimiter=sign, strict=True, skipinitialspace=True)
        while True:
            inside = False
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise TaskError(f"{self.path}, row {begin}: {error}") from None
            yield Row(begin, [cell.strip() for cell in cells])


def _read_text(path: Path, encoding: str | None, notes: list[str]) -> str:
    """The content of a file, as its byte order mark or `encoding` says, else UTF-8 or cp1252."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TaskError(f"{path}: cannot read this file ({error.strerror})") from None
    marked = next((name for mark, name in MARKS.items() if content.startswith(mark)), None)
    used = encoding or marked or "utf-8"
    try:
        text = content.decode(used)
    except UnicodeError as error:
        if encoding or marked:
            raise TaskError(f"{path}: not {used} text ({error}); set encoding=") from None
        used = "latin-1" if set(b"\x81\x8d\x8f\x90\x9d") & set(content) else "cp1252"
        text = content.decode(used)
    if used != "utf-8" and not encoding:
        notes.append(f"the file is not UTF-8 and is read as {used}")
    if "\0" in text:
        raise TaskError(f"{path}: zero bytes in a text; set encoding=, such as utf-16-le")
    if not text.strip("\ufeff \t\r\n"):
        raise TaskError(f"{path}: the file is empty")
    return text.removeprefix("\ufeff")


def _find_separator(lines: Lines, decimal: Decimal | None) -> str:
    """The separator that splits all rows alike into cells that hold values.

    Raises:
        TaskError: several do so equally well.
    """
    fits: dict[str, float] = {}
    shares: dict[str, tuple[bool, float]] = {}
    for sign in SEPARATORS.values():
        if sign == ALONE or (sign == "," and decimal == "comma" and '"' not in lines.text):
            continue
        try:
            rows = list(islice(lines.split(sign), SAMPLE))
        except TaskError:  # of quotes that do not go with this separator
            continue
        ((width, count),) = Counter(len(row.cells) for row in rows).most_common(1) or [(1, 0)]
        if width > 1:
            shares[sign] = len(rows[0].cells) > 1, count / len(rows)
            if count == len(rows):
                fits[sign] = _typed(rows[1:], decimal)
    try:
        alone = list(islice(lines.split(ALONE), SAMPLE))
    except TaskError:
        alone = []
    if not fits:
        likely = max(shares, key=lambda sign: shares[sign], default=ALONE)
        # Below a header that is one name, 9,95 is one number.
        one = likely != ALONE and not shares[likely][0] and _typed(alone[1:], decimal) == 1
        return ALONE if one else likely
    best = [sign for sign, share in fits.items() if share == max(fits.values())]
    if "\t" in best and " " in best:
        best.remove(" ")  # whitespace splits at tabs too
    if alone and _typed(alone, decimal) == 1:
        best.append(ALONE)  # 9,95 is two numbers or one, and so is 1 234
    if len(best) > 1:
        words = [f"separator={word}" for word, sign in SEPARATORS.items() if sign in best]
        raise TaskError(
            f"{lines.path}, row {alone[0].line}: {alone[0].cells[0]!r} can be split in several "
            f"ways; set {' or '.join(words)}"
        )
    return best[0]


def _cells_of(comment: str, sign: str) -> list[str]:
    """The cells of a comment; none if it has no such form."""
    try:
        return next(Lines(Path(), comment, 1).split(sign), Row(0, [])).cells
    except TaskError:
        return []


def _typed(rows: list[Row], decimal: Decimal | None) -> float:
    """Which part of the cells are numbers, times or missing."""
    cells = [cell for row in rows for cell in row.cells]
    return sum(is_missing(cell) or is_value(cell, decimal) for cell in cells) / max(len(cells), 1)


def _without_blank(rows: list[Row], lines: Lines, notes: list[str]) -> list[Row]:
    """Rows without those at the end that hold nothing; says which were left out."""
    blank = [line for line in lines.blank if rows and line < rows[-1].line]
    if rows and len(rows[0].cells) == 1:  # there a blank line is a cell that is missing
        rows = sorted([*rows, *(Row(line, [""]) for line in blank if line > rows[0].line)])
    elif blank:
        notes.append(f"blank lines are left out: {_listed(blank)}")
    ends = []
    while rows and not any(rows[-1].cells):
        ends.append(rows.pop().line)
    if ends:
        notes.append(f"rows at the end that hold nothing are left out: {_listed(ends[::-1])}")
    return rows


def _require_even(path: Path, rows: list[Row]) -> None:
    """Refuses rows of different lengths."""
    first, width = rows[0].line, len(rows[0].cells)
    for line, cells in rows:
        if len(cells) != width:
            usual = Counter(len(row.cells) for row in rows).most_common(1)[0][0]
            hint = "; header=ROW says where the table begins" if usual > width else ""
            raise TaskError(
                f"{path}, row {line}: {len(cells)} cells, but {width} in row {first}{hint}"
            )


def _listed(lines: list[int]) -> str:
    """Line numbers, as in `3, 4, 9`, of which there may be many."""
    shown = ", ".join(map(str, lines[:5]))
    return f"row {shown}" if len(lines) <= 5 else f"row {shown} and {len(lines) - 5} more"
