"""`recurbench check`: the conformance suite on cells and tasks."""

import argparse

HELP = "the conformance suite on a cell or task"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to check."""
    parser.description = "Check what every cell or task promises; exit code 1 if a property fails."
    parser.add_argument("kind", choices=["cell", "task"])
    parser.add_argument(
        "arguments", nargs="*", metavar="NAME | KIND.KNOB=VALUE", help="all of them without a name"
    )
    parser.add_argument("--property", action="append", default=[], help="only this (repeatable)")
    parser.add_argument("--verbose", action="store_true", help="say more, show tracebacks")


def call(options: argparse.Namespace) -> int:
    """Checks and prints; 1 if a property fails."""
    from recurbench.harness.commands.loaded.check import print_findings

    return print_findings(options.kind, options.arguments, options.property, options.verbose)
