"""`recurbench probe`: what kind of memory a cell is."""

import argparse
from pathlib import Path

from recurbench.harness.commands.arguments import MATTERS, add_number, add_results
from recurbench.harness.commands.completion import add_completed_cell
from recurbench.harness.errors import UserError

HELP = "what kind of memory a cell is: reach, spectrum, capacity, noise, cost"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which cell, or the cell of which run."""
    parser.description = (
        "Measure a cell at its initial weights or, with --run, at those of a run that kept its "
        "checkpoint (train.keep_checkpoint=true) beside the initial ones. Leaves a JSON document "
        "and, if matplotlib is installed, a picture."
    )
    action = parser.add_argument(
        "arguments", nargs="*", metavar="CELL | OVERRIDE",
        help="the cell, and overrides such as cell.hidden_size=128, model.embedding_size=8, seed=1",
    )  # fmt: skip
    add_completed_cell(action, MATTERS)
    parser.add_argument("--run", metavar="RUN_ID", help="the cell of this run, trained")
    add_number(parser, "layer", int, 1, "which layer of the run's stack", at_least=1)
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="default: <results>/probes"
    )  # fmt: skip
    parser.add_argument(
        "--pages", type=Path, metavar="FOLDER",
        help="no cell: probe all built-in ones, write a page for each and a table of all",
    )  # fmt: skip
    add_results(parser)


def call(options: argparse.Namespace) -> int:
    """Prints the card, and writes it down."""
    from recurbench.harness.commands.loaded.probe import (
        make_pages,
        probe_cell,
        probe_run,
        show,
    )

    output: Path | None = options.output
    for name, folder in (("--output", output), ("--pages", options.pages)):
        if folder is not None and folder.exists() and not folder.is_dir():
            raise UserError(f"{name} {folder}: a file; name a folder")
    if options.pages is not None:
        if options.arguments or options.run or output:
            raise UserError("--pages is about all cells at their defaults; leave the rest out")
        make_pages(options.pages)
        return 0

    if options.run is None:
        document = probe_cell(options.arguments, options.layer)
    else:
        document = probe_run(options.results, options.run, options.layer, options.arguments)
    show(document, output, options.results)
    return 0
