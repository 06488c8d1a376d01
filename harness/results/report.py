"""Leaderboards to read: the terminal's tables and Markdown. Imports no torch."""

import io
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from recurbench.harness.console import as_override, showable
from recurbench.harness.results.board import Board
from recurbench.harness.results.captions import captions
from recurbench.harness.results.columns import COLUMNS, SCORE, Column, with_half
from recurbench.harness.results.plain import LINE, markdown, plain
from recurbench.harness.results.rows import Row
from recurbench.harness.results.sheets import Heading, Line, Sheet
from recurbench.harness.results.summary import summaries
from recurbench.harness.results.tracks import Track

WIDTH = 120
"""Of tables that go into a file."""

WORD = 40
"""The longest word that a narrow terminal drops columns for; a longer one is broken."""

FRAME = box.HEAVY_HEAD


@dataclass(frozen=True)
class View:
    """How a board is to be shown.

    Attributes:
        columns: from left to right; one that a terminal has no room for may be left out.
        sort: the column to sort by; None sorts by rank.
        downwards: whether the largest come first.
        all_trials: whether each trial has a line below its entry.
    """

    columns: tuple[Column, ...] = tuple(column for column in COLUMNS if column.shown)
    sort: Column | None = None
    downwards: bool = False
    all_trials: bool = False


def lines(track: Track, view: View) -> list[Line]:
    """The table of a track, best first, each reference where its score would stand."""
    undecided = all(row.rank is not None and row.rank[0] == 1 for row in track.current)
    found: list[tuple[Any, list[Line]]] = []
    for row in track.entries:
        best = row.rank is not None and row.rank[0] == 1 and not undecided
        own = [Line(tuple(column.text(row, track) for column in view.columns), best)]
        if view.all_trials:
            own += [_trial(trial, view.columns) for trial in row.tried]
        found.append((_place(row, track, view), own))
    for name, score in track.references.items():
        cells = tuple(column.of_reference(name, score) for column in view.columns)
        place = (2, 0) if view.sort else _by_score(score, track)
        found.append((place, [Line(cells, aside=True)]))
    return [line for _, own in sorted(found, key=lambda pair: pair[0]) for line in own]


def headed(track: Track, view: View) -> list[Column]:
    """The columns of a track's table; that of its score is named by what ranks it."""
    return [
        replace(column, heading=plain(track.split)) if column.heading == SCORE else column
        for column in view.columns
    ]


def as_terminal(board: Board, view: View, *, to_file: bool = False) -> str:
    """Tables, with colour and in its width if the output is a terminal."""
    sheets = [*(_of_track(board, track, view) for track in board.tracks), *summaries(board)]
    shared = f"all tracks: {board.shared}" if board.common else ""
    return sheets_as_text(sheets, shared, to_file=to_file)


def sheets_as_text(sheets: Sequence[Sheet], last: str = "", *, to_file: bool = False) -> str:
    """Tables one below the other and a last line, as `as_terminal` has them."""
    fit: Callable[[str], str] = str if to_file else showable
    on_terminal = sys.stdout.isatty() and not to_file
    width = WIDTH if to_file else shutil.get_terminal_size((WIDTH, 24)).columns
    tables = [part for sheet in sheets for part in (_table(_fitted(sheet, fit), width), "")]
    buffer = io.StringIO()
    console = Console(file=buffer, force_terminal=on_terminal, width=width, emoji=False)
    console.print(Group(*tables, Text(fit(plain(last, LINE)))))
    return buffer.getvalue().rstrip() + "\n"


def as_markdown(board: Board, view: View) -> str:
    """One table per track, and one per study that was asked for."""
    sheets = [*(_of_track(board, track, view) for track in board.tracks), *summaries(board)]
    found = [line for sheet in sheets for line in _markdown(sheet)]
    if board.common:
        found.append(f"All tracks: {markdown(board.shared, LINE)}\n")
    return "\n".join(found)


def _place(row: Row, track: Track, view: View) -> tuple[bool, Any]:
    if view.sort is None or view.sort.sorts is None:
        return _by_score(row.test, track)
    # A dash is shown where a value is missing or compares with no other.
    value = None if view.sort.text(row, track) == "-" else view.sort.sorts(row)
    if isinstance(value, str):
        return False, [-ord(sign) if view.downwards else ord(sign) for sign in value]
    return value is None, (-1 if view.downwards else 1) * (value or 0)


def _by_score(score: float | None, track: Track) -> tuple[bool, float]:
    return score is None, (-1 if track.higher_is_better else 1) * (score or 0)


def _trial(trial: dict[str, Any], columns: Sequence[Column]) -> Line:
    """A trial below its entry: its setting in place of the cell, its mean scores."""
    setting = " ".join(f"{name}={as_override(value)}" for name, value in trial["setting"].items())
    known = {
        "cell": f"  {setting}{' (chosen)' if trial['chosen'] else ''}",
        "test": "-" if trial["test"] is None else with_half(trial["test"], None),
        "val": "-" if trial["val"] is None else with_half(trial["val"], None),
        "seeds": str(trial["seeds"]),
        "failed": str(trial["failed"]),
    }
    return Line(tuple(known.get(column.heading, "") for column in columns), aside=True)


def _of_track(board: Board, track: Track, view: View) -> Sheet:
    found = lines(track, view)
    return Sheet(board.title(track), headed(track, view), found, captions(board, track))


def _fitted(sheet: Sheet, fit: Callable[[str], str]) -> Sheet:
    """A table in signs that can be shown, so that it is laid out by their width."""
    return replace(
        sheet,
        title=fit(plain(sheet.title, LINE)),
        lines=[
            replace(line, cells=tuple(fit(plain(cell)) for cell in line.cells))
            for line in sheet.lines
        ],
        captions=[fit(plain(line, LINE)) for line in sheet.captions],
        frame=FRAME if fit(str(FRAME)) == str(FRAME) else box.ASCII,
    )


def _table(sheet: Sheet, width: int) -> Table:
    fitting = _fitting(sheet, width)
    lost = [column.heading for i, column in enumerate(sheet.columns) if i not in fitting]
    room = [f"left out, as the terminal is too narrow: {', '.join(lost)}"] if lost else []
    table = Table(
        title=Text(sheet.title, style="bold"),
        caption=Text("\n".join([*room, *sheet.captions])),
        box=sheet.frame,
        title_justify="left",
        caption_justify="left",
    )
    for number in fitting:
        column = sheet.columns[number]
        table.add_column(
            plain(column.heading),
            justify="left" if column.left else "right",
            no_wrap=not column.wraps,
            overflow="fold",
        )
    for line in sheet.lines:
        style = "bold" if line.best else "dim italic" if line.aside else ""
        table.add_row(*(Text(line.cells[number]) for number in fitting), style=style)
    return table


def _fitting(sheet: Sheet, width: int) -> list[int]:
    """The columns that there is room for, dropped in the order that they state."""
    columns = sheet.columns
    kept = list(range(len(columns)))
    cells = [line.cells for line in sheet.lines]
    widths = [
        max(_needed(text, column) for text in (column.heading, *(c[number] for c in cells)))
        for number, column in enumerate(columns)
    ]
    droppable = [number for number in kept if columns[number].dropped is not None]
    for number in sorted(droppable, key=lambda number: columns[number].dropped or 0):
        if sum(widths[kept_number] + 3 for kept_number in kept) + 1 > width:
            kept.remove(number)
    return kept


def _needed(text: str, column: Heading) -> int:
    """How wide a column must at least be for a text."""
    if not column.wraps:
        return cell_len(text)
    return min(WORD, max(map(cell_len, text.split()), default=0))


def _markdown(sheet: Sheet) -> Iterator[str]:
    yield f"## {markdown(sheet.title, LINE)}\n"
    yield f"| {' | '.join(markdown(column.heading) for column in sheet.columns)} |"
    yield f"| {' | '.join('---' if column.left else '--:' for column in sheet.columns)} |"
    for line in sheet.lines:
        mark = "**" if line.best else "*" if line.aside else ""
        cells = (markdown(cell.strip()) for cell in line.cells)
        yield f"| {' | '.join(f'{mark}{cell}{mark}' if cell else '' for cell in cells)} |"
    yield ""
    yield from (f"{markdown(line, LINE)}  " for line in sheet.captions)
    yield ""
