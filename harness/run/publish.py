"""A leaderboard in Weights & Biases: tables of entries and curves, an artifact with its files."""

import os
import shlex
import tempfile
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from recurbench.harness.console import say
from recurbench.harness.errors import UserError, first_line
from recurbench.harness.results.archive import read_chosen
from recurbench.harness.results.board import Board
from recurbench.harness.results.export import TABLE, as_csv, as_json, table
from recurbench.harness.results.page.curves import thin
from recurbench.harness.results.plain import plain
from recurbench.harness.results.report import View, as_markdown
from recurbench.harness.run.loggers.wandb_session import our_settings, usual_mode

NAME = "leaderboard"
"""Of the table, of the artifact and of its files."""

CURVES = "curves"
"""Of the table of learning curves."""

CURVE = (
    "track", "task", "label", "seed", "run_id", "step", "seconds", "train/loss", "metric", "val",
)  # fmt: skip
"""Its columns; `val` is the metric that ranks, on validation, where it was evaluated."""

MOST_ROWS = 200_000
"""Of a table; wandb cuts off more."""

FILES = {".md": as_markdown, ".csv": as_csv, ".json": as_json}


def publish(
    board: Board,
    results: Path,
    project: str,
    entity: str | None,
    mode: str | None,
    curves: bool = False,
) -> None:
    """Puts a board into a wandb run of its own, and says where that is or how to upload it.

    Args:
        board: the leaderboard.
        results: the folder below which an offline run is left.
        project: where the run is filed.
        entity: the user or team of the project; None is wandb's own default.
        mode: wandb's; None is what WANDB_MODE, login and network say.
        curves: whether to add a table of the learning curves.

    Raises:
        UserError: wandb cannot do it; says why.
    """
    import wandb

    chosen: Any = mode or os.environ.get("WANDB_MODE") or usual_mode()
    try:
        results.mkdir(parents=True, exist_ok=True)
        run = wandb.init(
            project=project, entity=entity, name=NAME, job_type=NAME, mode=chosen,
            dir=str(results), reinit="finish_previous", settings=our_settings(),
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            tables: dict[str, tuple[Sequence[str], list[dict[str, Any]]]] = {
                NAME: (TABLE, table(board))
            }
            if curves:
                tables[CURVES] = (CURVE, _points(board))
            for name, (columns, lines) in tables.items():
                data = [_row(line, columns) for line in lines]
                run.log({name: wandb.Table(list(columns), data=data, allow_mixed_types=True)})
            artifact = wandb.Artifact(NAME, type=NAME)
            for ending, form in FILES.items():
                path = Path(folder, f"{NAME}{ending}")
                path.write_text(form(board, View()), encoding="utf-8")
                artifact.add_file(str(path))
            run.log_artifact(artifact)
            run.finish()
    except Exception as error:  # wandb may raise anything
        reason = first_line(error)
        raise UserError(f"wandb, mode {chosen}: {reason}; try --mode offline") from error
    if chosen == "offline":
        place = os.path.relpath(Path(run.dir).parent)
        say(f"{place}: upload it with: wandb sync {shlex.quote(place)}")
    elif chosen == "online":
        say(str(run.url))


def _points(board: Board) -> list[dict[str, Any]]:
    """Points of the curves of the runs that count, run by run, by the columns of `CURVE`."""
    chosen = board.files()
    limit = max(2, MOST_ROWS // max(1, sum(map(len, chosen.values()))))
    found: list[dict[str, Any]] = []
    for record in read_chosen(chosen):
        metric = record.primary.name if record.primary else None
        shared = {
            "track": record.track.id,
            "task": record.task["name"],
            "label": record.entry.label,
            "seed": record.seed,
            "run_id": record.run_id,
            "metric": metric,
        }
        found += [
            shared | point | {"val": point.get(f"val/{metric}")}
            for point in thin(record.curve, f"val/{metric}", limit)
        ]
    return sorted(found, key=itemgetter("track", "label", "seed", "run_id"))


def _row(line: dict[str, Any], columns: Sequence[str]) -> list[Any]:
    """The values of a line; what came from a record is made safe to show."""
    values = map(line.get, columns)
    return [plain(value) if isinstance(value, str) else value for value in values]
