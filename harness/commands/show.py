"""`recurbench show`: one run's record for a person to read."""

import argparse
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from recurbench.harness.commands.arguments import add_results, add_run_id
from recurbench.harness.console import as_override
from recurbench.harness.errors import UserError, nearest
from recurbench.harness.results.archive import places, read_places
from recurbench.harness.results.curve import draw_curve
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.record import Damaged, Record

HELP = "one run's record"

CANDIDATES = 10
"""Runs that are named at most when several, or none, are meant."""

SECTIONS = ("task", "cell", "model", "optimizer", "train", "budget", "cost", "code", "environment")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which run."""
    add_run_id(parser)
    add_results(parser)


def call(options: argparse.Namespace) -> int:
    """Prints the record."""
    print_record(find_record(ResultsFolder(options.results).runs, options.run_id))
    return 0


def find_record(folder: Path, prefix: str) -> Record:
    """The record of the run that has an id, or that alone has an id which begins like this.

    Raises:
        UserError: there is none, there are several, or its file is damaged.
    """
    found = places(folder, prefix)
    if prefix in found:
        found = {prefix: found[prefix]}
    if not found:
        known = places(folder, "")
        near = nearest(prefix, known) if len(known) <= CANDIDATES else f" (of {len(known)} runs)"
        raise UserError(f"run id {prefix}: no such run in {folder}{near}")
    if len(found) > 1:
        shown = ", ".join(sorted(found)[:CANDIDATES])
        more = f" and {len(found) - CANDIDATES} more" if len(found) > CANDIDATES else ""
        raise UserError(f"run id {prefix}: fits {shown}{more}")
    ((run_id, paths),) = found.items()
    record = read_places(paths, run_id)
    if record is None:
        raise UserError(f"run id {run_id}: its record has gone from {folder}")
    if isinstance(record, Damaged):
        raise UserError(f"{record.path}: damaged record: {record.reason}")
    return record


def print_record(record: Record) -> None:
    """Prints status, scores beside their references, every section and the error if any."""
    console = Console(highlight=False)
    console.print(
        f"[bold]{record.run_id}[/] {record.task['name']} · {escape(record.entry.label)} · "
        f"seed {record.seed}: [bold]{record.status}[/], {record.started_at} to "
        f"{record.finished_at}",
        soft_wrap=True,
    )
    if record.resumed_after:
        console.print(f"interrupted, and resumed after step {record.resumed_after}")
    if record.metrics and record.primary:
        console.print(_metrics(record, record.primary.name))
    if curve := draw_curve(record, console.width, console.encoding):
        console.print(curve, markup=False, soft_wrap=True)
    for name in SECTIONS:
        options = _options(msgspec.to_builtins(getattr(record, name)) or {})
        console.print(f"[bold]{name:<12}[/] {escape(options)}", soft_wrap=True)
    for entry in record.logger:
        console.print(f"[bold]{'logger':<12}[/] {escape(_options(entry))}", soft_wrap=True)
    if record.error:
        console.print(record.error.traceback, markup=False, soft_wrap=True)


def _metrics(record: Record, primary: str) -> Table:
    names = [primary, *(name for name in record.metrics["test"] if name != primary)]
    table = Table("split", *names)
    for split, found in record.metrics.items():
        table.add_row(split, *(_number(found.get(name)) for name in names))
    for reference, value in record.references.items():
        table.add_row(reference, _number(value), style="dim italic")
    return table


def _options(section: dict[str, Any]) -> str:
    return "  ".join(
        f"{key}={_number(value) if isinstance(value, float) else as_override(value)}"
        for key, value in section.items()
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
