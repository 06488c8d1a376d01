"""`recurbench runs`: the runs that are recorded, a line each."""

import argparse
import json
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.cells import cell_len

from recurbench.harness.commands.arguments import (
    add_filters,
    add_records,
    filter_of,
    items,
    records_of,
)
from recurbench.harness.commands.leaderboard import load_runs
from recurbench.harness.errors import UserError, nearest
from recurbench.harness.results.columns import optional
from recurbench.harness.results.export import to_csv
from recurbench.harness.results.index import uncollected
from recurbench.harness.results.plain import plain
from recurbench.harness.results.record import STATUSES
from recurbench.harness.results.report import WIDTH
from recurbench.harness.results.runs import Run

HELP = "the runs that are recorded, a line each"

GAP = 2
"""Blanks between two columns."""

NARROWEST = 12
"""Characters of the column that gives way when all that can be left out has been."""


@dataclass(frozen=True)
class Column:
    """One column of the list.

    Attributes:
        heading: what stands above it, and by which rows are sorted.
        text: what stands in it.
        sorts: what rows are sorted by; those without one come last.
        left: whether it is aligned to the left, as words are.
        dropped: when a narrow terminal leaves it out, the least first; None never does.
    """

    heading: str
    text: Callable[[Run], str]
    sorts: Callable[[Run], Any]
    left: bool = False
    dropped: int | None = None


def _seconds(run: Run) -> float | None:
    return run.cost.train_seconds if run.cost else None


def _moment(run: Run) -> str:
    return datetime.fromtimestamp(run.finished, UTC).strftime("%Y-%m-%d %H:%M")


COLUMNS = [
    Column("run", lambda run: run.run_id, lambda run: run.run_id, left=True),
    Column("task", lambda run: run.setting.task, lambda run: run.setting.task, left=True),
    Column("entry", lambda run: run.setting.entry.label, lambda run: run.setting.entry.label,
           left=True),
    Column("seed", lambda run: str(run.seed), lambda run: run.seed),
    Column("status", lambda run: run.status, lambda run: run.status, left=True),
    Column("score", lambda run: optional(run.score("test"), ".4g"), lambda run: run.score("test")),
    Column("time", lambda run: optional(_seconds(run), ",.1f", " s"), _seconds, dropped=2),
    Column("finished", _moment, lambda run: run.finished, left=True, dropped=1),
]  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which runs, in which order and form."""
    headings = ", ".join(column.heading for column in COLUMNS)
    add_filters(parser)
    parser.add_argument(
        "--status", action="extend", type=items, default=[], metavar="NAME,...",
        help=f"only runs that ended like this: {', '.join(STATUSES)}",
    )  # fmt: skip
    parser.add_argument(
        "--sort", default="finished", metavar="COLUMN",
        help=f"one of {headings}, with - before it downwards (default: finished)",
    )  # fmt: skip
    parser.add_argument("--format", default="terminal", help=f"{', '.join(FORMATS)}")
    add_records(parser)


@uncollected()
def call(options: argparse.Namespace) -> int:
    """Prints the list."""
    if options.format not in FORMATS:
        raise UserError(f"--format {options.format}{nearest(options.format, FORMATS)}")
    by = _column(options.sort.removeprefix("-"))
    for status in options.status:
        if status not in STATUSES:
            raise UserError(f"--status {status}: no such status{nearest(status, STATUSES)}")
    runs = filter_of(options).of(load_runs(records_of(options)))
    wanted = [run for run in runs if not options.status or run.status in options.status]
    ordered = _sorted(wanted, by, downwards=options.sort.startswith("-"))
    sys.stdout.write(FORMATS[options.format](ordered))
    return 0


def as_terminal(runs: list[Run]) -> str:
    """Aligned columns in the width of the terminal, and how many runs ended in which way."""
    width = shutil.get_terminal_size((WIDTH, 24)).columns
    table = [[plain(column.text(run)) for column in COLUMNS] for run in runs]
    widths = [
        max([len(column.heading), *(cell_len(line[number]) for line in table)])
        for number, column in enumerate(COLUMNS)
    ]
    kept = _fit(widths, width)
    headings = [column.heading for column in COLUMNS]
    lines = [text for line in (headings, *table) for text in _aligned(line, widths, kept)]
    counts: Counter[str] = Counter(run.status for run in runs)
    ends = ", ".join(f"{counts[status]:,} {status}" for status in STATUSES if counts[status])
    total = f"{len(runs):,} run{'s' * (len(runs) != 1)}"
    return "\n".join([*lines, f"{total}: {ends}" if ends else total]) + "\n"


def as_csv(runs: list[Run]) -> str:
    """A line for each run, numbers in full."""
    found = [_values(run) for run in runs]
    return to_csv(list(found[0]) if found else ["run_id"], found)


def as_json(runs: list[Run]) -> str:
    """A list with an object for each run, one a line."""
    lines = ",\n".join(json.dumps(_values(run)) for run in runs)
    return f"[\n{lines}\n]\n" if runs else "[]\n"


FORMATS: dict[str, Callable[[list[Run]], str]] = {
    "terminal": as_terminal,
    "csv": as_csv,
    "json": as_json,
}


def _values(run: Run) -> dict[str, Any]:
    setting = run.setting
    return {
        "run_id": run.run_id,
        "task": setting.task,
        "cell": setting.cell["name"],
        "entry": setting.entry.label,
        "seed": run.seed,
        "status": run.status,
        "metric": setting.primary.name if setting.primary else None,
        "val": run.score("val"),
        "test": run.score("test"),
        "train_seconds": _seconds(run),
        "finished": datetime.fromtimestamp(run.finished, UTC).isoformat(),
        "study": run.study,
        "track": setting.track.id,
        "failure": run.failure,
        "record": run.place,
    }


def _column(name: str) -> Column:
    for column in COLUMNS:
        if column.heading == name:
            return column
    known = [column.heading for column in COLUMNS]
    raise UserError(f"--sort {name}: no such column{nearest(name, known)}")


def _sorted(runs: list[Run], by: Column, *, downwards: bool) -> list[Run]:
    known = [run for run in runs if by.sorts(run) is not None]
    unknown = [run for run in runs if by.sorts(run) is None]
    return sorted(known, key=by.sorts, reverse=downwards) + unknown


def _fit(widths: list[int], width: int) -> list[int]:
    """The columns that there is room for; narrows that of the entry if there is none for all."""
    kept = list(range(len(COLUMNS)))
    droppable = [number for number in kept if COLUMNS[number].dropped is not None]
    for number in sorted(droppable, key=lambda number: COLUMNS[number].dropped or 0):
        if _total(widths, kept) > width:
            kept.remove(number)
    entry = next(number for number in kept if COLUMNS[number].heading == "entry")
    excess = max(0, _total(widths, kept) - width)
    widths[entry] = max(min(widths[entry], NARROWEST), widths[entry] - excess)
    return kept


def _total(widths: list[int], kept: list[int]) -> int:
    return sum(widths[number] + GAP for number in kept) - GAP


def _aligned(line: list[str], widths: list[int], kept: list[int]) -> Iterator[str]:
    """A row of the list; words that a column has no room for go below it."""
    wrapped = [_wrapped(line[number], widths[number]) for number in kept]
    for height in range(max(map(len, wrapped))):
        cells = []
        for number, parts in zip(kept, wrapped, strict=True):
            text = parts[height] if height < len(parts) else ""
            blanks = " " * (widths[number] - cell_len(text))
            cells.append(text + blanks if COLUMNS[number].left else blanks + text)
        yield (" " * GAP).join(cells).rstrip()


def _wrapped(text: str, width: int) -> list[str]:
    return [text] if len(text) <= width else textwrap.wrap(text, width)
