"""`recurbench leaderboard`: ranks the cells on every track."""

import argparse
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from recurbench.harness.commands.arguments import (
    add_filters,
    add_number,
    add_records,
    filter_of,
    items,
    records_of,
    require_place,
)
from recurbench.harness.console import complain
from recurbench.harness.errors import UserError, nearest
from recurbench.harness.results.board import Board, build_board
from recurbench.harness.results.columns import COLUMNS, Column
from recurbench.harness.results.export import ENDINGS, FORMATS
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.index import read_runs, uncollected
from recurbench.harness.results.plain import LINE, plain
from recurbench.harness.results.probes import read_probes
from recurbench.harness.results.record import Damaged
from recurbench.harness.results.report import View, as_terminal
from recurbench.harness.results.runs import Run
from recurbench.harness.results.selection import one_of_each_id
from recurbench.harness.results.splits import asked_for, on_splits
from recurbench.harness.results.thresholds import columns_of, thresholds_of, with_thresholds
from recurbench.harness.results.tracks import Track
from recurbench.harness.results.writing import write_whole

HELP = "rank the cells on every track"

TABLES = ("terminal", "markdown", "latex")
"""Formats of which a reader can choose columns and lines; the others have all there is."""

WITH_THRESHOLDS = (*TABLES, "csv", "json")

PORT = 8750


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to rank, and how to show it."""
    add_filters(parser, of_tasks="; NAME@SPLIT ranks by a further test split, as copying@delay_60")
    known = ", ".join(column.heading for column in COLUMNS)
    parser.add_argument("--columns", type=items, help=f"those to show, of: {known}")
    parser.add_argument(
        "--sort",
        metavar="COLUMN",
        help="by a column, as in --sort test; --sort -test: largest first",
    )
    parser.add_argument(
        "--threshold", action="extend", type=items, default=[], metavar="SCORE,...",
        help="columns for the steps and seconds of training until val scores were as good as this",
    )  # fmt: skip
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
    parser.add_argument(
        "--serve",
        action="store_true",
        help="show the page in a browser of this machine, fresh as records land, until Ctrl-C",
    )
    add_number(parser, "port", int, PORT, "of --serve; 0 takes any free one", at_least=0)
    add_records(parser)


def call(options: argparse.Namespace) -> int:
    """Prints the leaderboard, or writes it to a file."""
    if options.output is not None:
        require_place(options.output)
    form = _format(options.format, options.output)
    thresholds = thresholds_of(options.threshold)
    view = _view(options, columns_of(thresholds))
    if thresholds and (form not in WITH_THRESHOLDS or options.serve):
        page = "the page" if options.serve else form
        raise UserError(f"--threshold goes with {', '.join(WITH_THRESHOLDS)}, not with {page}")
    if form not in TABLES and _is_chosen(options):
        raise UserError(
            f"--columns, --sort and --all-trials go with {', '.join(TABLES)}, not with {form}"
        )
    if options.serve:
        if options.output or options.format:
            raise UserError("--serve shows the page; leave --output and --format out")
        return _serve(options, records_of(options))
    text = _text(options, form, view, thresholds)
    if options.output is None:
        sys.stdout.write(text)
        return 0
    try:
        write_whole(options.output, text.encode())
    except OSError as error:
        raise UserError(f"--output {options.output}: {error.strerror}") from error
    return 0


@uncollected()
def _text(options: argparse.Namespace, form: str, view: View, thresholds: dict[str, float]) -> str:
    """The board in a format."""
    board = _board(options, load_runs(records_of(options)), page=form == "html")
    if options.paired and not any(map(_pairable, board.tracks)):
        raise UserError("--paired: no two entries of a track have two seeds in common")
    board = with_thresholds(board, thresholds)
    if form == "terminal":
        return as_terminal(board, view, to_file=options.output is not None)
    return FORMATS[form](board, view)


def _board(options: argparse.Namespace, found: list[Run], *, page: bool) -> Board:
    """The board that is asked for.

    A page has all studies, as its readers choose among them, and what was probed.
    """
    tasks, wanted = asked_for(options.task)
    runs, splits = on_splits(replace(filter_of(options), tasks=tuple(tasks)).of(found), wanted)
    studies = options.study
    if page and not studies:
        studies = sorted({run.study for run in runs if run.study})
    board = build_board(runs, paired=options.paired, studies=studies, splits=splits)
    return replace(board, probes=read_probes(_probes(options))) if page else board


def _probes(options: argparse.Namespace) -> Path:
    return ResultsFolder(options.results).probes


def _serve(options: argparse.Namespace, folder: Path) -> int:
    """Serves the page until Ctrl-C; a folder may still be empty when it starts."""
    from recurbench.harness.results.page.serve import serve

    said: set[Damaged] = set()

    def build() -> Board:
        found = []
        for run in read_runs(folder):
            if isinstance(run, Run):
                found.append(run)
            elif run not in said:
                said.add(run)
                complain(f"{run.path}: skipped: {run.reason}")
        return _board(options, found, page=True) if found else build_board([])

    serve([folder, _probes(options)], build, options.port)
    return 0


def load_runs(folder: Path) -> list[Run]:
    """The runs of a folder; files that hold no record are named and left out.

    Raises:
        UserError: there is no run.
    """
    runs = []
    for found in read_runs(folder):
        if isinstance(found, Damaged):
            _skip(str(found.path), found.reason)
        else:
            runs.append(found)
    if not runs:
        raise UserError(f"no records in {folder}; `recurbench run` makes some")
    kept, left_out = one_of_each_id(runs)
    for run, counts in left_out:
        _skip(run.place, f"run_id {run.run_id} is another run's, in {counts.place}")
    return kept


def _skip(place: str, reason: str) -> None:
    complain(plain(f"{plain(place)}: skipped: {plain(reason)}", LINE))


def _pairable(track: Track) -> bool:
    pairs = combinations((row.scores.keys() for row in track.current), 2)
    return any(len(one & other) > 1 for one, other in pairs)


def _format(asked: str | None, output: Path | None) -> str:
    if asked is not None:
        if asked not in FORMATS:
            raise UserError(f"--format {asked}{nearest(asked, FORMATS)}")
        return asked
    if output is None:
        return "terminal"
    ending = output.suffix.lower()
    if ending not in ENDINGS:
        raise UserError(f"--output {output}: end it with {', '.join(ENDINGS)}, or give --format")
    return ENDINGS[ending]


def _is_chosen(options: argparse.Namespace) -> bool:
    """Whether a reader chose columns, an order or lines."""
    return bool(options.columns or options.sort or options.all_trials)


def _view(options: argparse.Namespace, added: list[Column]) -> View:
    """What to show; columns that other options add stand last, unless they were placed."""
    known = [*COLUMNS, *added]
    shown = [_column("--columns", name, known) for name in options.columns or ()]
    shown = shown or list(View().columns)
    shown += [column for column in added if column not in shown]
    by = options.sort and _column("--sort", options.sort.removeprefix("-"), known)
    if by and by.sorts is None:
        raise UserError(f"--sort {options.sort}: rows cannot be sorted by it")
    return View(
        tuple(shown),
        by or None,
        downwards=bool(by) and options.sort.startswith("-"),
        all_trials=options.all_trials,
    )


def _column(option: str, name: str, known: list[Column]) -> Column:
    for column in known:
        if column.heading == name:
            return column
    headings = [column.heading for column in known]
    raise UserError(f"{option} {name}: no such column{nearest(name, headings)}")
