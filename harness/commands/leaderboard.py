"""`recurbench leaderboard`: ranks the cells on every track."""

import argparse
import sys
from pathlib import Path

from recurbench.harness.commands.arguments import add_results, require_place
from recurbench.harness.console import complain
from recurbench.harness.errors import UserError, nearest
from recurbench.harness.results.archive import read_all
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.record import Damaged, Record
from recurbench.harness.results.report import ENDINGS, FORMATS, as_terminal
from recurbench.harness.results.tracks import Track, build_tracks

HELP = "rank the cells on every track"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to rank, and how to show it."""
    parser.add_argument("--task", action="append", help="only this task (repeatable)")
    parser.add_argument(
        "--format", help="terminal, markdown, csv or json; by default what the file's ending says"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to a file")
    parser.add_argument("--records", type=Path, metavar="DIR", help="default: <results>/runs")
    add_results(parser)


def call(options: argparse.Namespace) -> int:
    """Prints the leaderboard, or writes it to a file."""
    ending = options.output.suffix.lower() if options.output else ""
    if options.format is None and ending not in ENDINGS:
        known = ", ".join(filter(None, ENDINGS))
        raise UserError(f"--output {options.output}: end it with {known}, or give --format")
    form = options.format or ENDINGS[ending]
    if form not in FORMATS:
        raise UserError(f"--format {form}{nearest(form, FORMATS)}")
    if options.output is not None:
        require_place(options.output)
    tracks = _tracks(options.records or ResultsFolder(options.results).runs, options.task or [])
    if options.output is None:
        sys.stdout.write(FORMATS[form](tracks))
        return 0
    text = as_terminal(tracks, to_file=True) if form == "terminal" else FORMATS[form](tracks)
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"--output {options.output}: {error.strerror}") from error
    return 0


def _tracks(folder: Path, tasks: list[str]) -> list[Track]:
    """The tracks of some tasks, or of all; files that hold no record are named and left out."""
    records = []
    for found in read_all(folder):
        if isinstance(found, Record):
            records.append(found)
        elif isinstance(found, Damaged):
            complain(f"{found.path}: skipped: {found.reason}")
    tracks = build_tracks(records)
    if not tracks:
        raise UserError(f"no records in {folder}; `recurbench run` makes some")
    known = {track.task for track in tracks}
    for task in tasks:
        if task not in known:
            raise UserError(f"--task {task}: no record of it{nearest(task, known)}")
    return [track for track in tracks if not tasks or track.task in tasks]
