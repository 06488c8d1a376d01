"""`recurbench clean`: removes what runs and sweeps that are over have left."""

import argparse

from recurbench.harness.commands.arguments import add_results
from recurbench.harness.console import say, showable
from recurbench.harness.results.cleaning import leftovers
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.plain import LINE, plain

HELP = "remove what interrupted runs and ended sweeps have left"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The results folder, and whether to look only."""
    parser.description = (
        "remove what interrupted runs have saved, the logs of sweeps that are over, and half "
        "written files; records, checkpoints that were kept, and what runs at this moment stay"
    )
    add_results(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and let it be")


def call(options: argparse.Namespace) -> int:
    """Says what goes, and removes it."""
    found = list(leftovers(ResultsFolder(options.results)))
    for leftover in found:
        say(showable(plain(f"{leftover.path}: {leftover.what}", LINE)))
        if not options.dry_run:
            leftover.remove()
    would = "would be " if options.dry_run else ""
    say(f"{len(found)} {would}removed" if found else "nothing to remove")
    return 0
