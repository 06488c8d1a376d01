"""The columns of a table: what they are called, and the numbers that people write in them."""

import math
import re
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

from recurbench.limits import did_you_mean
from recurbench.tasks.base import TaskError
from recurbench.tasks.forecasting.times import TIME

Decimal = Literal["point", "comma"]

SAMPLE = 200
"""How many rows decide how a file is written."""

MISSING = frozenset(
    [
        *("", "na", "n/a", "#na", "#n/a", "#n/a n/a", "<na>", "nan", "-nan", "nat", "null", "none"),
        *("1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "-", "--", "?", "."),
    ]
)
"""What stands for a value that is missing: pandas' words in any case, and common signs."""

_SIGN = r"[$¢-¥\u20a0-\u20cf%‰°]"
_APOSTROPHES = "'\u2019"
_LONG_MINUS = "\u2212"


def _pattern(decimal: str, other: str) -> re.Pattern[str]:
    """A number with a decimal sign; the other one, spaces and such may part its thousands."""
    whole = (
        rf"\d+|[1-9]\d{{0,2}}(?P<group>[{other}{_APOSTROPHES}_\s])(?:\d{{2,3}}(?P=group))*\d{{3}}"
    )
    return re.compile(
        rf"(?P<outer>[-+{_LONG_MINUS}]?)\s*(?P<before>{_SIGN}?)\s*(?P<inner>[-+{_LONG_MINUS}]?)(?=\d|[{decimal}]\d)"
        rf"(?P<whole>{whole})?(?:[{decimal}](?P<part>\d*))?(?P<power>[eE][-+]?\d+)?"
        rf"\s*(?P<after>{_SIGN}?)"
    )


NUMBERS: dict[Decimal, re.Pattern[str]] = {"point": _pattern(".", ","), "comma": _pattern(",", ".")}


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return cell.lower() in MISSING


LARGEST = 1e15
"""Beyond it a number is a mistake, or a code for what is missing: the squares of its deviations
would leave nothing of all other values in single precision."""


def is_value(cell: str, decimal: Decimal | None = None) -> bool:
    """Whether a cell is a number, by one decimal sign or by either, or looks like a time."""
    signs = [decimal] if decimal else NUMBERS
    return any(NUMBERS[sign].fullmatch(cell) for sign in signs) or bool(TIME.fullmatch(cell))


def number(cell: str, decimal: Decimal) -> tuple[float, str, bool]:
    """The value of a cell or NaN, the sign beside it, such as $, and if thousands are parted."""
    found = NUMBERS[decimal].fullmatch(cell)
    if not found or (found["outer"] and found["inner"]) or (found["before"] and found["after"]):
        return math.nan, "", False
    whole = (found["whole"] or "0").replace(found["group"] or ",", "")
    minus = (found["outer"] or found["inner"]).replace(_LONG_MINUS, "-")
    value = float(f"{minus}{whole}.{found['part'] or 0}{found['power'] or ''}")
    sign = found["before"] or found["after"]
    return value if abs(value) < LARGEST else math.nan, sign, bool(found["group"])


def is_number(cell: str, decimal: Decimal) -> bool:
    """Whether a cell is a finite number."""
    return not math.isnan(number(cell, decimal)[0])


class Table(NamedTuple):
    """The cells of a file.

    Attributes:
        path: the file.
        names: of the columns.
        lines: where each row begins in the file.
        columns: the cells of each column.
        separator: the sign between cells.
        notes: what was found that is not the plain default, or left out.
    """

    path: Path
    names: list[str]
    lines: list[int]
    columns: Sequence[Sequence[str]]
    separator: str
    notes: list[str]

    def find(self, name: str) -> int:
        """The number of a column by its name, or by its number from 0.

        Raises:
            TaskError: there is none; the message lists those that are.
        """
        if name in self.names:
            return self.names.index(name)
        if name.isdecimal() and int(name) < len(self.names):
            return int(name)
        hint = did_you_mean(name, self.names)
        raise TaskError(f"{self.path}: no column {name} among {', '.join(self.names)}{hint}")

    def place(self, row: int, column: int) -> str:
        """Where a cell is, for messages."""
        return f"{self.path}, row {self.lines[row]}, column {self.names[column]}"


class Reading(NamedTuple):
    """A column read with one decimal sign.

    Attributes:
        values: NaN where a cell is missing or wrong.
        wrong: the rows that are no finite numbers.
        mixed: the first row with another sign, such as %, than the rows before it.
        sign: the sign that stands at the numbers, such as $.
        parted: whether thousands are parted.
    """

    values: list[float]
    wrong: list[int]
    mixed: int | None = None
    sign: str = ""
    parted: bool = False


class Column:
    """The cells of a column, and what they can be read as."""

    def __init__(self, cells: Sequence[str]) -> None:
        self.cells = cells

    @cached_property
    def plain(self) -> list[float] | None:
        """The numbers, if all cells are finite ones as Python writes them."""
        try:
            values = [float(cell) for cell in self.cells]
        except ValueError:
            return None
        return values if all(abs(value) < LARGEST for value in values) else None

    @cached_property
    def point(self) -> Reading:
        """Read with a decimal point."""
        return Reading(self.plain, []) if self.plain else self._read("point")

    @cached_property
    def comma(self) -> Reading:
        """Read with a decimal comma."""
        plain = self._plain_comma
        return Reading(plain, []) if plain else self._read("comma")

    @cached_property
    def _plain_comma(self) -> list[float] | None:
        """The same as `plain` with commas for points, which is by far the faster way."""
        if any("." in cell for cell in self.cells):
            return None
        return Column([cell.replace(",", ".") for cell in self.cells]).plain

    @cached_property
    def present(self) -> int:
        """How many cells are not missing."""
        plain = self.plain is not None
        return len(self.cells) if plain else sum(not is_missing(cell) for cell in self.cells)

    @cached_property
    def reads(self) -> list[Decimal]:
        """The decimal signs with which all cells are numbers."""
        plain = {"point": self.plain, "comma": self._plain_comma}
        return [
            sign
            for sign in NUMBERS
            if plain[sign] or all(is_missing(cell) or is_number(cell, sign) for cell in self.cells)
        ]

    @cached_property
    def ambiguous(self) -> bool:
        """Whether all cells are numbers with either sign, but other ones."""
        if len(self.reads) < 2:
            return False
        pairs = zip(self.point.values, self.comma.values, strict=True)
        return any(abs(a - b) > 0 for a, b in pairs)  # of NaN this is false

    @property
    def is_text(self) -> bool:
        """Whether no cell is a number."""
        return not any(is_number(cell, sign) for cell in self.cells for sign in NUMBERS)

    def reading(self, decimal: Decimal) -> Reading:
        """Read with a decimal sign."""
        return self.point if decimal == "point" else self.comma

    @property
    def rises(self) -> bool:
        """Whether the cells are whole numbers that rise, as an index does, also one with gaps."""
        values = self.plain or [0.5]
        return all(map(float.is_integer, values)) and all(a < b for a, b in pairwise(values))

    @property
    def counts(self) -> bool:
        """Whether the cells count the rows, from 0 or 1."""
        values = self.plain or [0.5]
        return values[0] in (0, 1) and all(b == a + 1 for a, b in pairwise(values))

    def _read(self, decimal: Decimal) -> Reading:
        values, wrong, signs, parted = [], [], dict[str, int](), False
        for row, cell in enumerate(self.cells):
            value = math.nan
            if not is_missing(cell):
                value, sign, parts = number(cell, decimal)
                parted |= parts
                if math.isnan(value):
                    wrong.append(row)
                elif value:  # a zero needs no sign
                    signs.setdefault(sign, row)
            values.append(value)
        _, mixed = [*signs.values(), None, None][:2]
        return Reading(values, wrong, mixed, next(iter(signs), ""), parted)


def find_names(
    place: str, rows: list[list[str]], comment: list[str], header: int | None,
    notes: list[str],
) -> tuple[list[str], int]:  # fmt: skip
    """The names of the columns, and whether (1 or 0) the first row holds them.

    Args:
        place: the file and the first row, for messages.
        rows: the cells.
        comment: those of a comment right above the first row, which may name the columns.
        header: 0 if the first row holds values, more if it holds names; None finds out.
        notes: gets what is to be said of it.

    Raises:
        TaskError: the first row may be either.
    """
    first, numbers = rows[0], [str(number) for number in range(len(rows[0]))]
    named = bool(header) if header is not None else _has_names(rows)
    if named is None:
        raise TaskError(
            f"{place}: {', '.join(first)} may be names or values; set header=ROW of the names, or "
            "header=0"
        )
    if named:
        if header is None and any(is_value(cell) for cell in first):
            notes.append(f"the first row names the columns: {', '.join(first)}")
        names = [cell or f"Unnamed: {number}" for number, cell in enumerate(first)]
    elif len(comment) == len(first) > 1 and not any(map(is_value, comment)):
        notes.append(f"the comment above the first row names the columns: {', '.join(comment)}")
        names = comment
    else:
        notes.append(f"no row names the columns, which are called 0 to {len(first) - 1}")
        names = numbers
    distinct: list[str] = []
    for name in names:
        choices = [name, *(f"{name}.{number}" for number in range(1, len(names) + 1))]
        distinct.append(next(choice for choice in choices if choice not in distinct))
        if distinct[-1] != name:
            notes.append(f"another column named {name} is called {distinct[-1]}")
    return distinct, int(named)


def _has_names(rows: list[list[str]]) -> bool | None:
    """Whether the first row names the columns; None if it may be either."""
    first = rows[0]
    words = [cell and not is_missing(cell) and not is_value(cell) for cell in first]
    if any(words):
        if not any(map(is_value, first)):
            return True
        over_values = any(
            word and all(is_value(cell) or is_missing(cell) for cell in column)
            for word, column in zip(words, zip(*rows[1:SAMPLE], strict=True), strict=False)
        )
        return True if over_values else None
    given = [cell for cell in first if cell]
    if not all(map(str.isdecimal, given)) or len(set(given)) < max(len(given), 1):
        return False
    # pandas calls columns 0, 1, 2 that have no names, and leaves that of the index empty.
    counted = given == [str(number) for number in range(len(given))]
    return True if counted and len(given) < len(first) else None
