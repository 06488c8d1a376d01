"""One run's record for a person to read. Imports no torch."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from recurbench.harness.errors import UserError, nearest
from recurbench.harness.results import record as records

SECTIONS = ("task", "cell", "model", "optimizer", "train", "budget", "cost", "environment")


def find_record(folder: Path, prefix: str) -> records.Record:
    """The one record whose run id starts with a prefix.

    Raises:
        UserError: there is none, there are several, or its file is damaged.
    """
    paths = records.find(folder, prefix)
    if not paths:
        known = [path.stem for path in records.find(folder, "")]
        near = nearest(prefix, known) if len(known) <= 8 else f" (of {len(known)} runs)"
        raise UserError(f"run id {prefix}: no such run in {folder}{near}")
    if len(paths) > 1:
        raise UserError(f"run id {prefix}: fits {', '.join(path.stem for path in paths)}")
    record = records.read(paths[0])
    if isinstance(record, records.Damaged):
        raise UserError(f"{record.path}: damaged record: {record.reason}")
    return record


def print_record(record: records.Record) -> None:
    """Prints status, scores beside their references, every section and the error if any."""
    console = Console(highlight=False)
    label = escape(record["entry"]["label"])
    console.print(
        f"[bold]{record['run_id']}[/] {record['task']['name']} · {label} · seed {record['seed']}: "
        f"[bold]{record['status']}[/], {record['started_at']} to {record['finished_at']}",
        soft_wrap=True,
    )
    if record.get("resumed_after"):  # older records do not say
        console.print(f"cut off, and went on after step {record['resumed_after']}")
    if record["metrics"]:
        console.print(_metrics(record))
    for section in SECTIONS:
        console.print(f"[bold]{section:<12}[/] {escape(_options(record[section]))}", soft_wrap=True)
    for entry in record["logger"]:
        console.print(f"[bold]{'logger':<12}[/] {escape(_options(entry))}", soft_wrap=True)
    if record["error"]:
        console.print(record["error"]["traceback"], markup=False, soft_wrap=True)


def _metrics(record: records.Record) -> Table:
    primary = record["primary"]["name"]
    names = [primary, *(name for name in record["metrics"]["test"] if name != primary)]
    table = Table("split", *names)
    for split, found in record["metrics"].items():
        table.add_row(split, *(_number(found[name]) for name in names))
    for reference, value in record["references"].items():
        table.add_row(reference, _number(value), style="dim italic")
    return table


def _options(section: dict[str, Any]) -> str:
    return "  ".join(
        f"{key}={_number(value) if isinstance(value, float) else value}"
        for key, value in section.items()
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
