"""Arguments that several subcommands take."""

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from recurbench.harness.commands.completion import add_completed_names, names_of
from recurbench.harness.errors import UserError
from recurbench.harness.results.board import Filter
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.index import read_runs
from recurbench.harness.results.runs import Run

MATTERS = ("cell.", "model.embedding_size=", "seed=")
"""What overrides may begin with that change a cell."""


def add_results(parser: argparse.ArgumentParser) -> None:
    """Adds `--results DIR`."""
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")


def add_records(parser: argparse.ArgumentParser) -> None:
    """Adds `--records DIR` and `--results DIR`, by which records are found."""
    parser.add_argument("--records", type=Path, metavar="DIR", help="default: <results>/runs")
    add_results(parser)


def records_of(options: argparse.Namespace) -> Path:
    """The folder of records that the arguments of `add_records` name."""
    records: Path | None = options.records
    return records or ResultsFolder(options.results).runs


def add_filters(parser: argparse.ArgumentParser, *, of_tasks: str = "") -> None:
    """Adds what chooses runs; lists take commas, and each may be given several times.

    Args:
        parser: of the subcommand.
        of_tasks: what else may be said with a task.
    """
    for name, what, names in (
        ("task", f"of these tasks{of_tasks}", lambda _: names_of("task")),
        ("cell", "of these cells, or entries by their label", lambda _: names_of("cell")),
        ("track", "of these tracks, by their id", _recorded(lambda run: run.setting.track.id)),
        ("study", "of these studies, with a summary of each", _recorded(lambda run: run.study)),
    ):
        action = parser.add_argument(
            f"--{name}", action="extend", type=items, default=[], metavar="NAME,...",
            help=f"only runs {what}",
        )  # fmt: skip
        add_completed_names(action, names)
    parser.add_argument(
        "--where", action="append", default=[], metavar="KEY=VALUE",
        help="only runs with this option, such as task.delay=20 (repeatable)",
    )  # fmt: skip


def _recorded(
    name: Callable[[Run], str | None],
) -> Callable[[argparse.Namespace], Iterable[str]]:
    """Finds the names of a kind that runs have, for a shell to complete."""

    def names(options: argparse.Namespace) -> set[str]:
        runs = (run for run in read_runs(records_of(options)) if isinstance(run, Run))
        return {found for run in runs if (found := name(run)) is not None}

    return names


def filter_of(options: argparse.Namespace) -> Filter:
    """The filter that the arguments of `add_filters` ask for.

    Raises:
        UserError: `--where` has no key, no `=`, or a key twice.
    """
    where: dict[str, str] = {}
    for text in options.where:
        name, sign, value = text.partition("=")
        if not (name and sign):
            raise UserError(f"--where {text}: write KEY=VALUE, such as task.delay=20")
        if name in where:
            raise UserError(f"--where {text}: {name} is asked for twice; no run has two values")
        where[name] = value
    return Filter(
        tuple(options.task), tuple(options.cell), tuple(options.track), tuple(options.study), where
    )


def items(text: str) -> list[str]:
    """The items of a list with commas.

    Raises:
        UserError: there is none.
    """
    found = [item for item in (part.strip() for part in text.split(",")) if item]
    if not found:
        raise UserError(f"{text!r} names nothing; write NAME,NAME,... or leave the option out")
    return found


def add_run_id(parser: argparse.ArgumentParser) -> None:
    """Adds the id of a run."""
    parser.add_argument("run_id", help="a run id or an unambiguous beginning of one")


def require_place(output: Path, option: str = "--output") -> None:
    """Refuses a file of an option that could not be written, before there is anything to write.

    Raises:
        UserError: it is a folder, or its folder is not there or closed to us.
    """
    if output.is_dir():
        raise UserError(f"{option} {output}: a folder; name a file in it")
    if not output.absolute().parent.is_dir():
        raise UserError(f"{option} {output}: no such folder: {output.parent}")
    if not os.access(output if output.exists() else output.absolute().parent, os.W_OK):
        raise UserError(f"{option} {output}: Permission denied")


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
