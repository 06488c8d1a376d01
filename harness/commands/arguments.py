"""Arguments that several subcommands take."""

import argparse
import os
from pathlib import Path

from recurbench.harness.errors import UserError


def add_results(parser: argparse.ArgumentParser) -> None:
    """Adds `--results DIR`."""
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")


def add_run_id(parser: argparse.ArgumentParser) -> None:
    """Adds the id of a run."""
    parser.add_argument("run_id", help="a run id or an unambiguous beginning of one")


def require_place(output: Path) -> None:
    """Refuses a file of `--output` that could not be written, before there is anything to write.

    Raises:
        UserError: it is a folder, or its folder is not there or closed to us.
    """
    if output.is_dir():
        raise UserError(f"--output {output}: a folder; name a file in it")
    if not output.absolute().parent.is_dir():
        raise UserError(f"--output {output}: no such folder: {output.parent}")
    if not os.access(output if output.exists() else output.absolute().parent, os.W_OK):
        raise UserError(f"--output {output}: Permission denied")


def add_number(
    parser: argparse.ArgumentParser,
    name: str,
    kind: type[int] | type[float],
    default: float | None,
    meaning: str,
    at_least: int,
) -> None:
    """Adds an option whose wrong values are refused in one line."""

    def read(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = float("nan")
        if not at_least <= number < float("inf"):
            what = "an integer" if kind is int else "a number"
            raise UserError(f"--{name} {text}: must be {what} of at least {at_least}")
        return number

    shown = "" if default is None else f" (default: {default})"
    parser.add_argument(f"--{name}", type=read, default=default, help=meaning + shown, metavar="N")
