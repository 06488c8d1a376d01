"""Records as tables of pandas, for notebooks."""

import os
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from recurbench.harness.errors import UserError
from recurbench.harness.results.archive import rank, read_file, walk
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.index import uncollected
from recurbench.harness.results.moments import moment
from recurbench.harness.results.record import Damaged, Record

if TYPE_CHECKING:
    from pandas import DataFrame

Line = dict[str, Any]

OPTIONS = ("task", "cell", "model", "optimizer", "train", "budget")


def load_results(folder: str | os.PathLike[str] = "results") -> "DataFrame":
    """The runs of a folder, a row each.

    Columns: `run_id`, `task`, `cell`, `entry` (the cell with the knobs that were set), `seed`,
    `status`, `study`, `track`, `metric`, `higher_is_better`; every metric of every split as
    `test/accuracy`, and the task's primary metric as `val` and `test` too; `reference/NAME` on
    test and `reference/SPLIT/NAME` elsewhere; the costs by their names; `best_step`, whose weights
    were tested; every option as `optimizer.lr`; `hardware`, `device`, `threads`, `git_commit` and
    the versions; `started_at` and `finished_at` as times; `error`; `record`, the file. What a run
    does not have is missing there.

    Args:
        folder: a results folder, or any other with records or archives in it.

    Returns:
        One row a run, in the order of the files. Of several records of a run the completed one is
        taken, then the latest. A file that holds no record is left out, with a warning that says
        why.

    Raises:
        UserError: there is no record.
    """
    return _frame(Path(folder), lambda record, place: [_run(record, place)])


def load_curves(folder: str | os.PathLike[str] = "results") -> "DataFrame":
    """The learning curves of the runs of a folder, a row for each point.

    Columns: `run_id`, `task`, `track`, `entry`, `seed`; `step`, `seconds`, `train/loss` and, where
    it was evaluated, `val/METRIC`. `merge` with the table of `load_results` on `run_id` adds all
    else.

    Args:
        folder: as for `load_results`.

    Returns:
        One row a point, run by run, in the order of its steps.

    Raises:
        UserError: there is no record.
    """
    return _frame(Path(folder), _points)


def _frame(folder: Path, lines_of: Callable[[Record, str], list[Line]]) -> "DataFrame":
    from pandas import DataFrame

    best: dict[str, tuple[tuple[bool, float], list[Line]]] = {}
    with uncollected():
        for record, place in _records(folder):
            ranked = rank(record)[:2]
            if record.run_id not in best or ranked > best[record.run_id][0]:
                best[record.run_id] = ranked, lines_of(record, place)
        return DataFrame([line for _, lines in best.values() for line in lines])


def _records(folder: Path) -> Iterator[tuple[Record, str]]:
    runs = ResultsFolder(folder).runs
    found = False
    for entry in walk(runs if runs.is_dir() else folder):
        for record in read_file(entry.path):
            if isinstance(record, Damaged):
                warnings.warn(f"{record.path}: left out: {record.reason}", stacklevel=2)
            else:
                found = True
                yield record, entry.path
    if not found:
        raise UserError(f"no records in {folder}")


def _run(record: Record, place: str) -> Line:
    where = record.environment
    line: Line = {
        "run_id": record.run_id,
        "task": record.task["name"],
        "cell": record.cell["name"],
        "entry": record.entry.label,
        "seed": record.seed,
        "status": record.status,
        "study": record.study,
        "track": record.track.id,
        "metric": record.primary.name if record.primary else None,
        "higher_is_better": record.primary.higher_is_better if record.primary else None,
        "val": record.score("val"),
        "test": record.score("test"),
    }
    for split, scores in record.metrics.items():
        line |= {f"{split}/{name}": score for name, score in scores.items()}
    line |= {f"reference/{name}": score for name, score in record.references.items()}
    for split, known in (record.split_references or {}).items():
        line |= {f"reference/{split}/{name}": score for name, score in known.items()}
    line |= msgspec.to_builtins(record.cost) if record.cost else {}
    line["best_step"] = record.best_step
    for section in OPTIONS:
        options = getattr(record, section)
        line |= {f"{section}.{name}": v for name, v in options.items() if name != "name"}
    names = ("hardware", "device", "threads", "git_commit", "recurbench", "python", "torch")
    line |= {name: getattr(where, name) for name in names}
    line |= {"optimizer": record.optimizer.get("name")}
    error = None if record.error is None else f"{record.error.type}: {record.error.message}"
    return line | {
        "started_at": moment(record.started_at).astimezone(UTC),
        "finished_at": moment(record.finished_at).astimezone(UTC),
        "error": error,
        "record": place,
    }


def _points(record: Record, _: str) -> list[Line]:
    shared = {
        "run_id": record.run_id,
        "task": record.task["name"],
        "track": record.track.id,
        "entry": record.entry.label,
        "seed": record.seed,
    }
    return [shared | point for point in record.curve]
