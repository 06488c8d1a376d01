"""A leaderboard in Weights & Biases: a table of its entries, and an artifact with its files."""

import os
import shlex
import tempfile
from pathlib import Path
from typing import Any

from recurbench.harness.console import say
from recurbench.harness.errors import UserError, first_line
from recurbench.harness.results.board import Board
from recurbench.harness.results.export import TABLE, as_csv, as_json, table
from recurbench.harness.results.plain import plain
from recurbench.harness.results.report import View, as_markdown
from recurbench.harness.run.loggers.wandb import FINISH_SECONDS, INIT_SECONDS, usual_mode

NAME = "leaderboard"
"""Of the table, of the artifact and of its files."""

FILES = {".md": as_markdown, ".csv": as_csv, ".json": as_json}


def publish(
    board: Board, results: Path, project: str, entity: str | None, mode: str | None
) -> None:
    """Puts a board into a wandb run of its own, and says where that is or how to upload it.

    Args:
        board: the leaderboard.
        results: the folder below which an offline run is left.
        project: where the run is filed.
        entity: the user or team of the project; None is wandb's own default.
        mode: wandb's; None is what WANDB_MODE, login and network say.

    Raises:
        UserError: wandb cannot do it; says why.
    """
    import wandb

    settings = wandb.Settings(
        silent=True, console="off", init_timeout=INIT_SECONDS, finish_timeout=FINISH_SECONDS,
        x_disable_stats=True,
    )  # fmt: skip
    chosen: Any = mode or os.environ.get("WANDB_MODE") or usual_mode()
    try:
        results.mkdir(parents=True, exist_ok=True)
        run = wandb.init(
            project=project, entity=entity, name=NAME, job_type=NAME, mode=chosen,
            dir=str(results), reinit="finish_previous", settings=settings,
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            run.log({NAME: wandb.Table(list(TABLE), data=_rows(board), allow_mixed_types=True)})
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


def _rows(board: Board) -> list[list[Any]]:
    """Lines of the table; what came from a record is made safe to show."""
    return [
        [plain(value) if isinstance(value, str) else value for value in map(line.get, TABLE)]
        for line in table(board)
    ]
