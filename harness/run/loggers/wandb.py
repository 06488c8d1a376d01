"""Weights & Biases."""

import netrc
import os
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlparse
from urllib.request import urlopen

from recurbench.harness.console import complain
from recurbench.harness.errors import first_line
from recurbench.harness.plugins.logger import Logger, Point, RunInfo

ANSWER_SECONDS = 5
INIT_SECONDS = 8
FINISH_SECONDS = 8


class WandbLogger(Logger):
    """Weights & Biases: online when the user is logged in and the server answers, else offline.

    Args:
        project: where the run is filed.
        entity: the user or team that the project belongs to; null is wandb's own default.
    """

    name = "wandb"

    def __init__(self, *, project: str = "recurbench", entity: str | None = None) -> None:
        self.project, self.entity = project, entity

    def start(self, run: RunInfo) -> dict[str, str]:
        """Opens a run of its own, so that the jobs of a sweep never merge."""
        import wandb

        arguments: dict[str, Any] = {
            "project": self.project,
            "entity": self.entity,
            "name": run.name,
            "group": run.sweep,
            "job_type": run.task,
            "config": run.config,
            "dir": str(run.results_dir),
            "reinit": "finish_previous",
        }
        arguments["settings"] = wandb.Settings(
            silent=True,
            console="off",
            init_timeout=INIT_SECONDS,
            finish_timeout=FINISH_SECONDS,
            x_disable_stats=True,  # its system monitor would take time from the run
        )
        run.results_dir.mkdir(parents=True, exist_ok=True)
        mode: Any = os.environ.get("WANDB_MODE") or usual_mode()
        try:
            self._run = wandb.init(mode=mode, **arguments)
        except Exception as error:
            if mode != "online":
                raise
            _go_offline(first_line(error))
            self._run = wandb.init(mode="offline", **arguments)
        entry = {"name": "wandb", "run_id": self._run.id}
        if self._run.offline:
            return {**entry, "directory": os.path.relpath(Path(self._run.dir).parent)}
        return {**entry, "url": str(self._run.url)}

    def log(self, step: int, point: Point) -> None:
        """Logs a point at its training step."""
        self._run.log(point, step=step)

    def finish(self, summary: Point, completed: bool) -> None:
        """Sets the summary to the record's metrics and closes the run."""
        try:
            # The last point is held back until a later one; committed after the summary it would
            # overwrite the best checkpoint's scores with the last evaluation's.
            self._run.log({}, commit=True)
            self._run.summary.update(summary)
        finally:
            self._run.finish(exit_code=0 if completed else 1)


def usual_mode() -> str:
    """`online` for a user who is logged in while the server answers; never asks for anything.

    wandb itself waits for a silent server at the start, at the end and when the program exits, half
    a minute in all; one request of our own finds it out sooner.
    """
    import wandb

    settings = wandb.setup().settings
    if not _has_login(settings):
        return "offline"
    try:
        urlopen(settings.base_url, timeout=ANSWER_SECONDS).close()  # noqa: S310 - the user's own server
    except HTTPError:
        pass  # an answer, whatever it says
    except OSError as error:
        _go_offline(f"{settings.base_url} does not answer ({error})")
        return "offline"
    return "online"


def _go_offline(reason: str) -> None:
    """Says why, and keeps the jobs to come from waiting again."""
    complain(f"wandb: {reason}; going on offline")
    os.environ["WANDB_MODE"] = "offline"
    os.environ["WANDB_ERROR_REPORTING"] = "false"  # or the program's exit waits for the server


def _has_login(settings: Any) -> bool:
    """Whether the user has credentials for the configured server."""
    if settings.api_key or settings.identity_token_file:
        return True
    host = urlparse(settings.base_url).hostname or ""
    candidates = [os.environ.get("NETRC"), "~/.netrc", "~/_netrc"]
    for file in (Path(name).expanduser() for name in candidates if name):
        try:
            return netrc.netrc(file).authenticators(host) is not None
        except (OSError, netrc.NetrcParseError):
            continue
    return False
