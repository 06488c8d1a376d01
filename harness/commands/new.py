"""`recurbench new`: a cell or task to begin with."""

import argparse
from pathlib import Path

HELP = "write a cell or task to begin with"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to write, and where."""
    parser.description = "Write a cell or task that runs, marked where yours goes, and its test."
    parser.add_argument("kind", choices=["cell", "task"])
    parser.add_argument("name", help="such as my_cell")
    parser.add_argument(
        "--out-of-tree", type=Path, metavar="DIR", help="make DIR a package that holds it"
    )


def call(options: argparse.Namespace) -> int:
    """Writes the files."""
    from recurbench.harness.commands.loaded.new import write_plugin

    write_plugin(options.kind, options.name, options.out_of_tree)
    return 0
