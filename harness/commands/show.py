"""`recurbench show`: one run's record for a person to read."""

import argparse
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from recurbench.harness.commands.arguments import add_results, add_run_id
from recurbench.harness.console import as_override
from recurbench.harness.errors import UserError, nearest
from recurbench.harness.results.archive import places, read_places
from recurbench.harness.results.curve import draw_curve
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.plain import LINE, plain
from recurbench.harness.results.record import Damaged, Record

HELP = "one run's record"

CANDIDATES = 10
"""Runs that are named at most when several, or none, are meant."""

SECTIONS = ("task", "cell", "model", "optimizer", "train", "budget", "cost", "code", "environment")

FAINT = "dim italic"
"""How references stand beside scores."""


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
    console = Console(highlight=False, emoji=False)
    console.print(
        f"[bold]{_safe(record.run_id)}[/] {_safe(record.task['name'])} · "
        f"{_safe(record.entry.label)} · seed {record.seed}: [bold]{record.status}[/], "
        f"{_safe(record.started_at)} to {_safe(record.finished_at)}",
        soft_wrap=True,
    )
    if record.resumed_after:
        console.print(f"interrupted, and resumed after step {record.resumed_after}")
    if record.best_step is not None and record.cost:
        steps = record.cost.steps
        console.print(f"tested with the weights of step {record.best_step} of {steps}")
    if record.metrics and record.primary:
        console.print(_metrics(record, record.primary.name, console.width))
    if isinstance(record.overlap, float):
        console.print(f"expected among what was trained on: {record.overlap:.1%} of test")
    if curve := draw_curve(record, console.width, console.encoding):
        console.print(curve, markup=False, soft_wrap=True)
    for name in SECTIONS:
        options = _options(msgspec.to_builtins(getattr(record, name)) or {})
        console.print(f"[bold]{name:<12}[/] {_safe(options)}", soft_wrap=True)
    for group in record.groups or []:
        rates = {"lr": group.lr, "weight_decay": group.weight_decay}
        said = f"{_options(rates)}  {group.parameters:,d} parameters: {', '.join(group.names)}"
        console.print(f"[bold]{'group':<12}[/] {_safe(said)}", soft_wrap=True)
    for entry in record.logger:
        console.print(f"[bold]{'logger':<12}[/] {_safe(_options(entry))}", soft_wrap=True)
    if record.error:
        lines = record.error.traceback.splitlines()
        console.print("\n".join(map(_safe, lines)), soft_wrap=True)


def _metrics(record: Record, primary: str, width: int) -> Table:
    """A row per split, or one per metric where so many do not stand side by side."""
    found = record.metrics.values()
    names = list(dict.fromkeys([primary, *(name for scores in found for name in scores)]))
    scores = [
        [_safe(split), *(_number(found.get(name)) for name in names)]
        for split, found in record.metrics.items()
    ]
    gaps = [""] * (len(names) - 1)
    references = [[_safe(name), value, *gaps] for name, value in _references(record)]
    lines = [["split", *map(_safe, names)], *scores, *references]
    taken = [max(map(len, column)) + 3 for column in zip(*lines, strict=True)]
    if sum(taken) < width:
        table = Table(*lines[0])
        for place, line in enumerate(lines[1:]):
            table.add_row(*line, style=FAINT if place >= len(scores) else None)
        return table
    table = Table(Column("metric", no_wrap=True))
    for place, line in enumerate(lines[1:]):
        table.add_column(line[0], style=FAINT if place >= len(scores) else None, overflow="fold")
    for row in list(zip(*lines, strict=True))[1:]:
        table.add_row(*row)
    return table


def _references(record: Record) -> list[tuple[str, str]]:
    """References and their scores; where splits differ, the name says of which ones a score is."""
    known = {"test": record.references, **(record.split_references or {})}
    splits: dict[tuple[str, str], list[str]] = {}
    for split in record.metrics:
        for name, value in known.get(split, {}).items():
            splits.setdefault((name, _number(value)), []).append(split)
    everywhere = list(record.metrics)
    return [
        (name if found == everywhere else f"{name}, {', '.join(found)}", value)
        for (name, value), found in splits.items()
    ]


def _safe(text: str) -> str:
    """A text from a record without hidden signs, and without a meaning for rich."""
    return escape(plain(text, LINE))


def _options(section: dict[str, Any]) -> str:
    return "  ".join(
        f"{key}={_number(value) if isinstance(value, float) else as_override(value)}"
        for key, value in section.items()
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
