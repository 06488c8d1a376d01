"""Mirrors of a run: wandb, CSV, TensorBoard. The record is the truth; no mirror can fail a run."""

import netrc
import os
import shutil
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlparse
from urllib.request import urlopen

from recurbench.harness.config.sections import Config
from recurbench.harness.console import complain
from recurbench.harness.errors import UserError, nearest

Point = dict[str, float]

WANDB_ANSWER_SECONDS = 5
WANDB_INIT_SECONDS = 8
WANDB_FINISH_SECONDS = 8


@dataclass(frozen=True)
class RunInfo:
    """What a mirror shows of a run."""

    run_id: str
    name: str
    task: str
    sweep: str | None
    config: dict[str, Any]
    results_dir: Path


class Mirror(ABC):
    """One logger; any method may raise, `Mirrors` guards them all."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options

    @abstractmethod
    def start(self, run: RunInfo) -> dict[str, Any]:
        """Opens the logger; gives the record's `logger` entry: name, run_id, url or directory."""

    @abstractmethod
    def log(self, step: int, point: Point) -> None:
        """Shows a point of the curve."""

    @abstractmethod
    def finish(self, summary: Point, completed: bool) -> None:
        """Shows the final metrics and closes the logger."""


class WandbMirror(Mirror):
    """Weights & Biases: online when the user is logged in and the server answers, else offline."""

    def start(self, run: RunInfo) -> dict[str, Any]:
        """Opens a run of its own, so that the jobs of a sweep never merge."""
        import wandb

        arguments: dict[str, Any] = {
            "project": self.options.get("project"),
            "entity": self.options.get("entity"),
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
            init_timeout=WANDB_INIT_SECONDS,
            finish_timeout=WANDB_FINISH_SECONDS,
            x_disable_stats=True,  # its system monitor would take time from the run
        )
        run.results_dir.mkdir(parents=True, exist_ok=True)
        mode: Any = os.environ.get("WANDB_MODE") or _wandb_mode()
        try:
            self._run = wandb.init(mode=mode, **arguments)
        except Exception as error:
            if mode != "online":
                raise
            _go_offline(_first_line(error))
            self._run = wandb.init(mode="offline", **arguments)
        entry = {"name": "wandb", "run_id": self._run.id}
        if self._run.offline:
            return {**entry, "directory": os.path.relpath(Path(self._run.dir).parent)}
        return {**entry, "url": self._run.url}

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


class LightningMirror(Mirror):
    """A logger of Lightning's that writes to `<results_dir>/logs/<name>/<run_id>`."""

    name: str

    def start(self, run: RunInfo) -> dict[str, Any]:
        """Empties the run's folder, which a repeated run would otherwise mix with."""
        directory = run.results_dir / "logs" / self.name / run.run_id
        shutil.rmtree(directory, ignore_errors=True)
        self._logger = self.open(directory)
        self._logger.log_hyperparams(run.config)
        return {"name": self.name, "run_id": run.run_id, "directory": str(directory)}

    @abstractmethod
    def open(self, directory: Path) -> Any:
        """The logger, writing to a folder."""

    def log(self, step: int, point: Point) -> None:
        """Logs a point at its training step."""
        self._step = step
        self._logger.log_metrics(point, step)

    def finish(self, summary: Point, completed: bool) -> None:
        """Logs the final metrics at the last step."""
        self._logger.log_metrics(summary, self._step)
        self._logger.finalize("success" if completed else "failed")

    _step = 0


class CSVMirror(LightningMirror):
    """Rows of metrics in `metrics.csv`."""

    name = "csv"

    def open(self, directory: Path) -> Any:
        """Lightning's CSV logger."""
        from pytorch_lightning.loggers import CSVLogger

        return CSVLogger(directory.parent, name="", version=directory.name)


class TensorBoardMirror(LightningMirror):
    """TensorBoard's event files."""

    name = "tensorboard"

    def open(self, directory: Path) -> Any:
        """Lightning's TensorBoard logger."""
        from pytorch_lightning.loggers import TensorBoardLogger

        return TensorBoardLogger(
            directory.parent, name="", version=directory.name, default_hp_metric=False
        )


MIRRORS: dict[str, type[Mirror]] = {
    "wandb": WandbMirror,
    "csv": CSVMirror,
    "tensorboard": TensorBoardMirror,
}


class Mirrors:
    """All loggers of a run; an error of one ends that one with a warning, and nothing else."""

    def __init__(self, config: Config) -> None:
        for name in config.logger:
            if name not in MIRRORS:
                raise UserError(f"logger.{name}: no such logger{nearest(name, MIRRORS)}")
        self._open = {name: MIRRORS[name](options or {}) for name, options in config.logger.items()}
        self.entries: list[dict[str, Any]] = []

    @property
    def offline(self) -> str | None:
        """The folder of a wandb run that waits to be uploaded."""
        for entry in self.entries:
            if entry["name"] == "wandb" and "directory" in entry:
                return str(entry["directory"])
        return None

    def start(self, run: RunInfo) -> None:
        """Opens every logger and collects the record's `logger` entries."""
        self._each("start", lambda mirror: self.entries.append(mirror.start(run)))

    def log(self, step: int, point: Point) -> None:
        """Shows a point of the curve in every logger."""
        self._each("log", lambda mirror: mirror.log(step, point))

    def finish(self, summary: Point, completed: bool) -> None:
        """Closes every logger."""
        self._each("finish", lambda mirror: mirror.finish(summary, completed))

    def _each(self, action: str, call: Any) -> None:
        for name, mirror in list(self._open.items()):
            try:
                call(mirror)
            except Exception as error:  # whatever a logger does, the run goes on
                del self._open[name]
                if action == "log":
                    with suppress(Exception):
                        mirror.finish({}, completed=False)
                complain(
                    f"logger {name}: {action} failed, this logger is off: {_first_line(error)}"
                )


def _first_line(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _wandb_mode() -> str:
    """`online` for a user who is logged in while the server answers; never asks for anything.

    wandb itself waits for a silent server at the start, at the end and when the program exits, half
    a minute in all; one request of our own finds it out sooner.
    """
    import wandb

    settings = wandb.setup().settings
    if not _wandb_login(settings):
        return "offline"
    try:
        urlopen(settings.base_url, timeout=WANDB_ANSWER_SECONDS).close()  # noqa: S310 - the user's own server
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


def _wandb_login(settings: Any) -> bool:
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
