"""`recurbench merge`: joins folders of results."""

import argparse
from pathlib import Path

from recurbench.harness.console import complain, say
from recurbench.harness.errors import UserError
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.sharing import merge

HELP = "join folders of results"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to join, and where."""
    parser.description = (
        "Add the records of folders, in files and archives, to a results folder. Identical runs "
        "count once; of different records of one run the completed one is kept, then the later "
        "one. Nothing in the folders is changed. Checkpoints, pictures and logs are not copied."
    )
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="DIR", help="results folders, or such of records"
    )
    parser.add_argument(
        "--into", type=Path, default=Path("results"), metavar="DIR",
        help="the results folder to add to (default: results)",
    )  # fmt: skip


def call(options: argparse.Namespace) -> int:
    """Joins, and says which runs were there already and which differ."""
    try:
        done = merge(options.folders, ResultsFolder(options.into))
    except OSError as error:
        raise UserError(f"--into {options.into}: {error.strerror}") from error
    for found in done.damaged:
        complain(f"{found.path}: skipped: {found.reason}")
    for line in done.different:
        say(line)
    say(
        f"{options.into}: {done.added:,} added, {done.same:,} there already, "
        f"{len(done.different):,} with other content, {len(done.damaged):,} damaged"
    )
    return 0
