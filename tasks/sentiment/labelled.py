"""Files of texts with labels: which column is which, and whether a header names them."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from recurbench.limits import did_you_mean
from recurbench.tasks.base import TaskError
from recurbench.tasks.common.files import require_steps
from recurbench.tasks.common.tables import (
    SHOWN,
    Row,
    Table,
    bare,
    is_name,
    note_header,
    read_table,
)
from recurbench.tasks.sentiment.text import Review, words

LABEL_NAMES = (
    r"labels?|class(es)?|categor(y|ies)|sentiments?|targets?|ratings?|stars|scores?|polarity|tags?|"
    r"emotions?|intents?|topics?"
)
TEXT_NAMES = (
    r"texts?|sentences?|reviews?|comments?|contents?|documents?|body|messages?|tweets?|posts?|"
    r"phrases?|snippets?|utterances?|headlines?|titles?|inputs?"
)
"""What a header calls the two columns; a name is made of these, such as `review_text`."""


class Columns(NamedTuple):
    """Where label and text stand.

    Attributes:
        label: the place of the label among the cells of a row.
        text: the place of the text.
        width: how many cells a row has.
    """

    label: int
    text: int
    width: int = 2


def find_names(cells: Sequence[str]) -> Columns | None:
    """Where a header's label and text stand; None if its cells are no such names."""
    labels = [place for place, cell in enumerate(cells) if is_name(cell, LABEL_NAMES)]
    texts = [place for place, cell in enumerate(cells) if is_name(cell, TEXT_NAMES)]
    if len(labels) == len(texts) == 1:
        return Columns(labels[0], texts[0], len(cells))
    plain = [bare(cell).lower() for cell in cells]
    if plain.count("label") == plain.count("text") == 1:
        return Columns(plain.index("label"), plain.index("text"), len(cells))
    return None


class LabelReader:
    """Reads files of labels and texts, all with the columns of the first or of a header.

    Args:
        notes: where to say what was recognised and left out.
        label: the label's column, a number from 0 or a header's name; None finds it.
        text: the text's column, likewise.
        header: whether the first line is a header; None finds it.
    """

    def __init__(
        self, notes: list[str], label: str | None, text: str | None, header: bool | None
    ) -> None:
        self.notes, self.header = notes, header
        self.asked = {"label_column": label, "text_column": text}
        self.found: Columns | None = None

    def __call__(self, path: Path) -> list[Review]:
        """The texts of a file with their labels; blank lines are skipped.

        Raises:
            TaskError: the file cannot be read, its columns are not known, or a line has no label or
                no word.
        """
        table = read_table(path, self.notes, lambda cells: find_names(cells) is not None)
        columns, header = self._layout(table)
        self.found = self.found or columns
        reviews = []
        for row in table.rows:
            if header and row.cells == table.rows[0].cells:  # files put together repeat it
                continue
            label, text = pick(table, row, columns)
            found = words(text)
            require_steps(path, row.line, len(found))
            reviews.append(Review(label, found, f"{path}, line {row.line}"))
        if not reviews:
            raise TaskError(f"{path}: no text after the header")
        self._say(table, columns, header, Counter(review.label for review in reviews))
        return reviews

    def _layout(self, table: Table) -> tuple[Columns, bool]:
        """Where label and text stand, and whether the first row is a header."""
        first = table.rows[0].cells
        names = None if self.header is False else find_names(first)
        if any(asked is not None for asked in self.asked.values()):
            return self._as_asked(table, names)
        if names:
            label = bare(first[names.label])
            others = (pick(table, row, names)[0] for row in table.rows if row.cells != first)
            if self.header or label not in others:
                return names, True
        elif self.header is None and (columns := _named_by_numbers(table)):
            return columns, True
        if self.found:
            return self.found, bool(self.header)
        if len(first) == 2 or (table.loose and not self.header):
            rows = table.rows[1:] if self.header else table.rows
            return self._in_order(table, rows), bool(self.header)
        raise TaskError(
            f"{table.path}, line {table.rows[0].line}: {len(first)} columns, none of them named "
            "label and text; set label_column and text_column"
        )

    def _as_asked(self, table: Table, names: Columns | None) -> tuple[Columns, bool]:
        """Where the knobs say that label and text stand."""
        first, where = table.rows[0], f"{table.path}, line {table.rows[0].line}"
        heads = [bare(cell) for cell in first.cells]
        places: dict[str, int | None] = {}
        by_name = False
        for knob, asked in self.asked.items():
            if asked is None or re.fullmatch(r"-?\d+", asked):
                places[knob] = None if asked is None else int(asked)
            elif asked in heads and self.header is not False:
                places[knob], by_name = heads.index(asked), True
            else:
                listed = ", ".join(heads[:SHOWN])
                raise TaskError(
                    f"{where}: {knob}={asked}, but the columns are {listed}"
                    f"{did_you_mean(asked, heads)}"
                )
        # A text of two columns may hold tabs, so that the number of cells says nothing.
        both = None not in places.values()
        width = 2 if table.loose and not both and not by_name and not names else len(heads)
        for knob, place in places.items():
            if place is not None and not -width <= place < width:
                raise TaskError(f"{where}: {knob}={place}, but there are {width} columns")
        label, text = (None if place is None else place % width for place in places.values())
        if label is None and text is not None:
            label = names.label if names and names.label != text else _other(text, width)
        elif text is None and label is not None:
            text = names.text if names and names.text != label else _other(label, width)
        if label is None or text is None or label == text:
            raise TaskError(f"{where}: set label_column and text_column, to two of {width} columns")
        header = by_name or bool(names) if self.header is None else self.header
        return Columns(label, text, width), header

    def _in_order(self, table: Table, rows: Sequence[Row]) -> Columns:
        """Label first, unless the second column has fewer values, and shorter ones."""
        pairs = [pick(table, row, Columns(1, 0), check=False) for row in rows]
        last, first = ([pair[side] for pair in pairs] for side in (0, 1))
        few = len(set(last)) < len(set(first)) and 2 * len(set(last)) <= len(last)
        if not few or len(" ".join(last).split()) >= len(" ".join(first).split()):
            return Columns(0, 1)
        self.notes.append(
            f"{table.path}: the labels are in the second column, of {len(set(last))} different "
            "values; label_column=0 takes the first"
        )
        return Columns(1, 0)

    def _say(self, table: Table, columns: Columns, header: bool, labels: Counter[str]) -> None:
        """Notes what was left out, or perhaps should have been."""
        first = table.rows[0]
        if header:
            note_header(table, self.notes)
        elif self.header is None and len(labels) > 2:
            label = pick(table, first, columns)[0]
            if [name for name, count in labels.items() if count == 1] == [label]:
                self.notes.append(
                    f"{table.path}, line {first.line}: no other line has the label {label}; "
                    "if it is a header, set header=true"
                )
        others = [place for place in range(columns.width) if place not in columns[:2]]
        if others:
            heads = [bare(cell) if header else str(i) for i, cell in enumerate(first.cells)]
            listed = ", ".join(heads[place] for place in others[:SHOWN])
            self.notes.append(
                f"{table.path}: label {heads[columns.label]}, text {heads[columns.text]}; "
                f"columns left out: {listed}"
            )


def pick(table: Table, row: Row, columns: Columns, *, check: bool = True) -> tuple[str, str]:
    """Label and text of a row.

    Raises:
        TaskError: the row has other cells, or no label; only with `check`.
    """
    cells = row.cells
    if table.loose and columns.width == 2 and len(cells) > 2:
        cells = (
            [cells[0], "\t".join(cells[1:])]
            if columns.label == 0
            else (["\t".join(cells[:-1]), cells[-1]])
        )
    if len(cells) == columns.width and (label := bare(cells[columns.label])):
        return label, cells[columns.text]
    if not check:
        return "", ""
    place = f"{table.path}, line {row.line}"
    if columns.width == 2 and table.loose:
        raise TaskError(f"{place}: no label, tab and text, such as good<tab>I laughed")
    wrong = "no label" if len(cells) == columns.width else f"{len(cells)} cells"
    raise TaskError(f"{place}: {wrong}, but {columns.width} columns with a label are needed")


def _named_by_numbers(table: Table) -> Columns | None:
    """The columns of a header like `toxic, comment`, known from labels that are all numbers."""
    first = table.rows[0].cells
    texts = [place for place, cell in enumerate(first) if is_name(cell, TEXT_NAMES)]
    if len(first) != 2 or len(texts) != 1 or len(table.rows) < 2:
        return None
    columns = Columns(1 - texts[0], texts[0])
    labels = [pick(table, row, columns)[0] for row in table.rows]
    numbers = [bool(re.fullmatch(r"[-+]?\d+(\.\d+)?", label)) for label in labels]
    return columns if all(numbers[1:]) and not numbers[0] else None


def _other(place: int, width: int) -> int | None:
    return 1 - place if width == 2 else None
