"""Weights & Biases."""

import netrc
import os
import secrets
from pathlib import Path
from typing import Any, Literal
from urllib.error import HTTPError
from urllib.parse import urlparse
from urllib.request import urlopen

from recurbench.harness.console import complain
from recurbench.harness.errors import first_line
from recurbench.harness.plugins.logger import Logger, Point, RunInfo

ANSWER_SECONDS = 5
INIT_SECONDS = 8
FINISH_SECONDS = 8


ONE_RUN = ("RUN_ID", "RESUME", "RESUME_FROM", "FORK_FROM")
"""The variables `WANDB_...` that name one run, to which wandb would add every job of a sweep."""


class WandbLogger(Logger):
    """Weights & Biases: online when the user is logged in and the server answers, else offline.

    Where an option is null, wandb's own variable is obeyed, such as WANDB_PROJECT. Ids are always
    wandb's own: WANDB_RUN_ID and WANDB_RESUME would merge the jobs of a sweep.

    Args:
        project: where the run is filed; null is WANDB_PROJECT, or else `recurbench`.
        entity: the user or team that the project belongs to; null is wandb's own default.
        mode: `online`, `offline`, or `disabled`, which keeps nothing; null is as said above.
        run_name: what the run is called; null is the cell and the seed, such as `gru/0`.
        group: what runs are grouped by; null is the sweep.
        job_type: a kind of runs; null is the task.
        tags: words to find the run by.
        notes: a longer description.
    """

    name = "wandb"

    def __init__(
        self,
        *,
        project: str | None = None,
        entity: str | None = None,
        mode: Literal["online", "offline", "disabled"] | None = None,
        run_name: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
        tags: list[str] | None = None,
        notes: str | None = None,
    ) -> None:
        self.mode = mode
        self.options = {
            "project": project or os.environ.get("WANDB_PROJECT", "recurbench"),
            "entity": entity,
            "name": run_name or os.environ.get("WANDB_NAME"),
            "group": group or os.environ.get("WANDB_RUN_GROUP"),
            "job_type": job_type or os.environ.get("WANDB_JOB_TYPE"),
            "tags": tags,
            "notes": notes,
        }

    def start(self, run: RunInfo) -> dict[str, str]:
        """Opens a run of its own, so that the jobs of a sweep never merge."""
        for variable in ONE_RUN:  # before wandb reads them
            os.environ.pop(f"WANDB_{variable}", None)
        import wandb

        usual = {"name": run.name, "group": run.sweep, "job_type": run.task}
        arguments: dict[str, Any] = {
            **self.options,
            **{option: self.options[option] or value for option, value in usual.items()},
            "id": secrets.token_hex(6),
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
        mode: Any = self._chosen_mode()
        try:
            self._run = wandb.init(mode=mode, **arguments)
        except Exception as error:
            if mode != "online":
                raise
            _go_offline(first_line(error))
            self._run = wandb.init(mode="offline", **arguments)
        if mode == "disabled":
            return {"name": "wandb", "mode": mode}
        entry = {"name": "wandb", "run_id": self._run.id}
        if self._run.offline:
            return {**entry, "directory": os.path.relpath(Path(self._run.dir).parent)}
        return {**entry, "url": str(self._run.url)}

    def _chosen_mode(self) -> str:
        if self.mode == "online":
            return usual_mode()
        return self.mode or os.environ.get("WANDB_MODE") or usual_mode()

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
