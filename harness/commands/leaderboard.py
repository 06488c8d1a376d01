"""`recurbench leaderboard`: ranks the cells on every track."""

import argparse
import sys
from pathlib import Path

from recurbench.harness.commands.arguments import (
    add_filters,
    add_records,
    filter_of,
    items,
    records_of,
)
from recurbench.harness.console import complain
from recurbench.harness.errors import UserError, nearest
from recurbench.harness.results.board import build_board
from recurbench.harness.results.columns import COLUMNS, Column
from recurbench.harness.results.export import ENDINGS, FORMATS
from recurbench.harness.results.index import read_runs, uncollected
from recurbench.harness.results.record import Damaged, write_whole
from recurbench.harness.results.report import View, as_terminal
from recurbench.harness.results.runs import Run

HELP = "rank the cells on every track"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to rank, and how to show it."""
    add_filters(parser)
    known = ", ".join(column.heading for column in COLUMNS)
    parser.add_argument("--columns", type=items, help=f"those to show, of: {known}")
    parser.add_argument("--sort", metavar="COLUMN", help="by a column, with - before it downwards")
    parser.add_argument("--all-trials", action="store_true", help="a line for each trial too")
    parser.add_argument(
        "--paired",
        action="store_true",
        help="compare scores with the same seed; sensible where these are correlated",
    )
    parser.add_argument(
        "--format", help=f"{', '.join(FORMATS)}; by default what the file's ending says"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to a file")
    add_records(parser)


@uncollected()
def call(options: argparse.Namespace) -> int:
    """Prints the leaderboard, or writes it to a file."""
    form = _format(options.format, options.output)
    view = _view(options)
    runs = filter_of(options).of(load_runs(records_of(options)))
    board = build_board(runs, paired=options.paired)
    if options.output is None:
        sys.stdout.write(FORMATS[form](board, view))
        return 0
    to_file = form == "terminal"
    text = as_terminal(board, view, to_file=True) if to_file else FORMATS[form](board, view)
    try:
        write_whole(options.output, text.encode())
    except OSError as error:
        raise UserError(f"--output {options.output}: {error.strerror}") from error
    return 0


def load_runs(folder: Path) -> list[Run]:
    """The runs of a folder; files that hold no record are named and left out.

    Raises:
        UserError: there is no run.
    """
    runs = []
    for found in read_runs(folder):
        if isinstance(found, Damaged):
            complain(f"{found.path}: skipped: {found.reason}")
        else:
            runs.append(found)
    if not runs:
        raise UserError(f"no records in {folder}; `recurbench run` makes some")
    return runs


def _format(asked: str | None, output: Path | None) -> str:
    if asked is not None:
        if asked not in FORMATS:
            raise UserError(f"--format {asked}{nearest(asked, FORMATS)}")
        return asked
    if output is None:
        return "terminal"
    if output.suffix not in ENDINGS:
        raise UserError(
            f"--output {output}: no format ends like that{nearest(output.suffix, ENDINGS)}"
        )
    return ENDINGS[output.suffix]


def _view(options: argparse.Namespace) -> View:
    shown = tuple(_column("--columns", name) for name in options.columns or ())
    by = options.sort and _column("--sort", options.sort.removeprefix("-"))
    if by and by.sorts is None:
        raise UserError(f"--sort {options.sort}: rows cannot be sorted by it")
    return View(
        shown or View().columns,
        by or None,
        downwards=bool(by) and options.sort.startswith("-"),
        all_trials=options.all_trials,
    )


def _column(option: str, name: str) -> Column:
    for column in COLUMNS:
        if column.heading == name:
            return column
    known = [column.heading for column in COLUMNS]
    raise UserError(f"{option} {name}: no such column{nearest(name, known)}")
