"""Weights & Biases."""

import os
import secrets
from pathlib import Path
from typing import Any, Literal

from recurbench.harness.console import complain
from recurbench.harness.errors import first_line
from recurbench.harness.plugins.logger import Entry, Logger, Point, RunInfo
from recurbench.harness.run.loggers import wandb_session as session

AGENT = ("WANDB_SWEEP_ID", "WANDB_RUN_ID")
"""The variables by which `wandb agent` says which run of its sweep a process is."""

ONE_RUN = (
    *AGENT, "WANDB_SWEEP_PARAM_PATH", "WANDB_RESUME", "WANDB_RESUME_FROM", "WANDB_FORK_FROM",
)  # fmt: skip
"""All variables that name one run, to which wandb would add every job of a sweep."""


class WandbLogger(Logger):
    """Weights & Biases: online when the user is logged in and the server answers, else offline.

    The options are wandb's own, and where one is null, wandb's own variable is obeyed, such as
    WANDB_PROJECT. Ids are chosen here: WANDB_RUN_ID and WANDB_RESUME would merge the jobs of a
    sweep. A run that resumes goes on with its id, and so does a run that `wandb agent` starts.

    Args:
        project: where the run is filed; null is WANDB_PROJECT, or else `recurbench`.
        entity: the user or team that the project belongs to; null is wandb's own default.
        mode: `online`, `offline`, or `disabled`, which keeps nothing; null is as said above.
        dir: the folder in which wandb makes its folder `wandb`; null is the results folder.
        name: what the run is called; null is the cell and the seed, such as `gru/0`.
        group: what runs are grouped by; null is the sweep.
        job_type: a kind of runs; null is the task.
        tags: words to find the run by.
        notes: a longer description.
        save_code: whether wandb keeps a copy of the program that runs.
        config_include_keys: the sections that wandb is shown; null is all.
        config_exclude_keys: sections that wandb is not shown.
    """

    name = "wandb"

    def __init__(
        self,
        *,
        project: str | None = None,
        entity: str | None = None,
        mode: Literal["online", "offline", "disabled"] | None = None,
        dir: str | None = None,  # noqa: A002 - wandb's own names
        name: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
        tags: list[str] | None = None,
        notes: str | None = None,
        save_code: bool | None = None,
        config_include_keys: list[str] | None = None,
        config_exclude_keys: list[str] | None = None,
    ) -> None:
        self.mode = mode
        self.options: dict[str, Any] = {
            "project": project or os.environ.get("WANDB_PROJECT") or "recurbench",
            "entity": entity,
            "dir": dir or os.environ.get("WANDB_DIR"),
            "name": name or os.environ.get("WANDB_NAME"),
            "group": group or os.environ.get("WANDB_RUN_GROUP"),
            "job_type": job_type or os.environ.get("WANDB_JOB_TYPE"),
            "tags": tags,
            "notes": notes,
            "save_code": save_code,
            "config_include_keys": config_include_keys,
            "config_exclude_keys": config_exclude_keys,
        }

    def start(self, run: RunInfo) -> Entry:
        """Opens a run of its own, the one that is resumed, or the one that an agent began."""
        identity = _identity(run)
        import wandb

        arguments = self._arguments(run) | identity
        Path(arguments["dir"]).mkdir(parents=True, exist_ok=True)
        mode: Any = self._chosen_mode()
        # Offline it would make `wandb sync` put the whole curve behind what is there already.
        known = mode == "online" and (run.resumes or "id" not in identity)
        try:
            self._run = wandb.init(mode=mode, resume="allow" if known else None, **arguments)
        except Exception as error:
            if mode != "online":
                raise
            session.go_offline(first_line(error))
            self._run = wandb.init(mode="offline", **arguments)
        if run.earlier and "directory" in run.earlier:  # what is in it is logged again
            session.remove_offline(run.earlier["directory"], run.earlier["run_id"])
        if mode == "disabled":
            return {"name": "wandb", "mode": mode}
        entry = {"name": "wandb", "run_id": self._run.id}
        if self._run.offline:
            return {**entry, "directory": os.path.relpath(Path(self._run.dir).parent)}
        return {**entry, "url": str(self._run.url)}

    def _arguments(self, run: RunInfo) -> dict[str, Any]:
        usual = {
            "name": run.name, "group": run.sweep, "job_type": run.task, "dir": str(run.results_dir),
        }  # fmt: skip
        return {
            **self.options,
            **{option: self.options[option] or value for option, value in usual.items()},
            "config": run.settings,
            "reinit": "finish_previous",
            "settings": session.our_settings(),
        }

    def _chosen_mode(self) -> str:
        if self.mode == "online":
            return session.usual_mode()
        return self.mode or os.environ.get("WANDB_MODE") or session.usual_mode()

    def log(self, step: int, point: Point) -> None:
        """Logs a point at its training step, unless the resumed run has later ones."""
        if step >= self._run.step:
            self._run.log(point, step=step)

    def finish(self, summary: Point, status: str) -> None:
        """Sets the summary to the record's metrics, cost and status and closes the run."""
        try:
            # The last point is held back until a later one; committed after the summary it would
            # overwrite the best checkpoint's scores with the last evaluation's.
            self._run.log({}, commit=True)
            self._run.summary.update({**summary, "status": status})
        finally:
            self._run.finish(exit_code=0 if status == "completed" else 1)


def _identity(run: RunInfo) -> dict[str, Any]:
    """The arguments that say which of wandb's runs this is.

    The process that `wandb agent` starts is one run, whose id and project it is told by variables.
    The jobs of a sweep of ours would merge in that run: each is one of its own.
    """
    if all(os.environ.get(variable) for variable in AGENT):
        if run.sweep is None:
            sections = _flat(run.settings)  # named as the sweep's parameters, which are set before
            return {"project": None, "entity": None, "config": sections}
        complain("wandb: one of several runs is not the run of `wandb agent`; leave out -m, sweep=")
    for variable in ONE_RUN:  # before wandb reads them
        os.environ.pop(variable, None)
    if run.resumes and run.earlier and "run_id" in run.earlier:
        return {"id": run.earlier["run_id"]}
    return {"id": secrets.token_hex(6)}


def _flat(sections: dict[str, Any]) -> dict[str, Any]:
    """Options by their dotted names, such as `cell.hidden_size`."""
    flat: dict[str, Any] = {}
    for name, section in sections.items():
        options = section if isinstance(section, dict) else {}
        flat |= {f"{name}.{key}": value for key, value in options.items()}
        if not isinstance(section, dict):
            flat[name] = section
    return flat
