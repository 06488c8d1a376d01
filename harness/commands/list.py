"""`recurbench list`: every plugin with its origin, its knobs and import errors."""

import argparse

HELP = "cells, tasks and loggers, their knobs and import errors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to list."""
    parser.add_argument("kind", nargs="?", choices=["cells", "tasks", "loggers"])


def call(options: argparse.Namespace) -> int:
    """Prints all plugins, or those of one kind."""
    from recurbench.harness.commands.loaded.list import print_plugins

    kinds = [options.kind.removesuffix("s")] if options.kind else ["cell", "task", "logger"]
    print_plugins(kinds)
    return 0
