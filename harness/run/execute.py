"""One run, from a configuration to its record."""

import traceback
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from recurbench.harness.config.sections import Config
from recurbench.harness.console import complain, say
from recurbench.harness.errors import UserError
from recurbench.harness.model.build import build_model, load_task
from recurbench.harness.model.sequence_model import SequenceModel
from recurbench.harness.results import record as records
from recurbench.harness.run.callbacks import DivergedError
from recurbench.harness.run.environment import describe_environment
from recurbench.harness.run.identity import Identity, identify
from recurbench.harness.run.loggers import Mirrors, RunInfo
from recurbench.harness.run.memory import keep_freed_memory
from recurbench.harness.run.module import higher_is_better
from recurbench.harness.run.training import Training, checkpoint_of, choose_device, unfinished_of
from recurbench.tasks.base import Task


@dataclass(frozen=True)
class Outcome:
    """How a run ended, for the person who started it.

    Attributes:
        status: a record's status, `skipped`, or `refused` (nothing was written).
        line: one line that says it.
        val: the primary metric on validation, if the run completed.
        offline: folder of the wandb run that waits to be uploaded, if there is one.
    """

    status: str
    line: str
    val: float | None = None
    offline: str | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a completed record."""
        return self.status in ("completed", "skipped")


def execute(config: Config) -> Outcome:
    """Runs a configuration and writes its record, whatever happens on the way.

    Raises:
        UserError: the configuration cannot work; nothing was written.
        KeyboardInterrupt: the user interrupted the run; no record was written.
    """
    started = _now()
    torch.set_num_threads(config.trainer.threads)
    keep_freed_memory()
    device = choose_device(config.trainer.accelerator)
    try:
        prepared = prepare(config)
    except UserError:
        raise
    except Exception as error:  # a plugin may raise anything
        return _failed_early(config, device, started, error)
    return prepared.run(device, started)


@dataclass(frozen=True)
class Prepared:
    """A run that can start: everything that the user could have got wrong has been checked."""

    config: Config
    task: Task
    model: SequenceModel
    identity: Identity
    primary: dict[str, Any]
    references: dict[str, float]

    @property
    def title(self) -> str:
        """The run in a few words."""
        return _title(self.config, self.identity)

    def run(self, device: torch.device, started: str) -> Outcome:
        """Trains, tests and writes the record; a completed run is not repeated."""
        config, path = self.config, _path(self.config, self.identity)
        old = None if config.rerun else _completed(path)
        if old is not None:
            kept = checkpoint_of(config.results_dir, self.identity.run_id).exists()
            if kept or not config.train.keep_checkpoint:
                line = f"skipped    {self.title}: already completed, see {path} (rerun=true)"
                return Outcome("skipped", line, _val(old))
            say(f"{self.title}: completed before, but its checkpoint was not kept; runs again")
        require_writable(path.parent)
        say(f"{self.title}  [{self.identity.run_id}]")
        mirrors = Mirrors(config)
        mirrors.start(self._info())
        training = Training(
            config, self.task, self.model, device, mirrors, self.title,
            unfinished=unfinished_of(config.results_dir, self.identity.run_id),
            kept=checkpoint_of(config.results_dir, self.identity.run_id),
        )  # fmt: skip
        status, error = "failed", None
        try:
            try:
                training.run()
                status = "completed"
            except Exception as caught:  # an error is a result: it goes into the record
                status, error = _status_of(caught), caught
            record = {
                **_record(config, self.identity, status, started, error, device),
                "primary": self.primary,
                "references": self.references,
                "metrics": training.module.results,
                "curve": training.recorder.curve,
                "cost": training.cost(),
                "resumed_after": training.resumed_after,
                "logger": mirrors.entries,
            }
            records.write(path, record)
            if status == "completed":
                _write_plots(training, path)
        finally:
            mirrors.finish(flatten_metrics(training.module.results), status == "completed")
        line = f"{status:<10} {self.title}: {_result(record)}, {path}"
        return Outcome(status, line, _val(record), mirrors.offline)

    def _info(self) -> RunInfo:
        return RunInfo(
            run_id=self.identity.run_id,
            name=f"{self.config.cell['name']}/{self.config.seed}",
            task=self.config.task["name"],
            sweep=self.config.sweep,
            config={
                **self.identity.sections,
                "trainer": asdict(self.config.trainer),
                "seed": self.config.seed,
            },
            results_dir=Path(self.config.results_dir),
        )


def prepare(config: Config) -> Prepared:
    """Loads the data, solves the budget, builds the model and finds the run's identity.

    Raises:
        UserError: the configuration or the data cannot work.
    """
    task = load_task(config)
    config, model = build_model(config, task)
    primary = {"name": task.primary, "higher_is_better": higher_is_better(task)}
    identity = identify(config, task.fingerprint())
    return Prepared(config, task, model, identity, primary, task.references())


def flatten_metrics(metrics: dict[str, dict[str, float]]) -> dict[str, float]:
    """`{test: {accuracy: ..}}` as `{test/accuracy: ..}`, as loggers show them."""
    return {f"{split}/{name}": v for split, found in metrics.items() for name, v in found.items()}


def require_writable(folder: Path) -> None:
    """Refuses a folder that records could not be written to, before anything is trained.

    Raises:
        UserError: names the folder and the reason.
    """
    try:
        records.make_writable(folder)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; set results_dir") from error


def _failed_early(config: Config, device: torch.device, started: str, error: Exception) -> Outcome:
    """The record of a run whose task or model could not be built."""
    identity = identify(config, fingerprint=None)
    path = _path(config, identity)
    require_writable(path.parent)
    record = {
        **_record(config, identity, _status_of(error), started, error, device),
        "primary": None,
        "references": {},
        "metrics": {},
        "curve": [],
        "cost": {},
        "logger": [],
    }
    records.write(path, record)
    line = f"{record['status']:<10} {_title(config, identity)}: {_result(record)}, {path}"
    return Outcome(record["status"], line)


def _record(
    config: Config,
    identity: Identity,
    status: str,
    started: str,
    error: Exception | None,
    device: torch.device,
) -> records.Record:
    """The part of a record that every run has."""
    return {
        "schema_version": records.SCHEMA_VERSION,
        "run_id": identity.run_id,
        "status": status,
        "seed": config.seed,
        "track": identity.track,
        "entry": identity.entry,
        **identity.sections,
        "environment": describe_environment(device, config.trainer),
        "started_at": started,
        "finished_at": _now(),
        "error": None
        if error is None
        else {
            "type": type(error).__name__,
            "message": str(error),
            "traceback": "".join(traceback.format_exception(error)),
        },
    }


def _status_of(error: Exception) -> str:
    if isinstance(error, DivergedError):
        return "diverged"
    out_of_memory = isinstance(error, torch.OutOfMemoryError | MemoryError)
    if out_of_memory or "can't allocate memory" in str(error):  # torch's error on a CPU
        return "out_of_memory"
    return "failed"


def _result(record: records.Record) -> str:
    """Score, references and time, or what went wrong."""
    if record["error"] is not None:
        message = record["error"]["message"].partition("\n")[0]
        return f"{record['error']['type']}: {message}"
    name = record["primary"]["name"]
    references = ", ".join(f"{key} {value:.4g}" for key, value in record["references"].items())
    score = record["metrics"]["test"][name]
    seconds = record["cost"]["train_seconds"]
    return f"test {name} {score:.4g} ({references}) in {seconds:.1f} s"


def _write_plots(training: Training, path: Path) -> None:
    """Puts the task's pictures of the model beside the record; a bad one fails no run."""
    try:
        for name, picture in training.task.plots(training.module.play).items():
            path.with_name(f"{path.stem}.{name}.png").write_bytes(picture)
    except Exception as error:  # a plugin may raise anything
        complain(f"{path.stem}: not all plots were made: {type(error).__name__}: {error}")


def _completed(path: Path) -> records.Record | None:
    """The record at a path, if it is there and of a run that completed."""
    record = records.read(path)
    if isinstance(record, records.Damaged) or record["status"] != "completed":
        return None
    return record


def _val(record: records.Record) -> float | None:
    """The score that a search may go by."""
    if record["status"] != "completed":
        return None
    score: float = record["metrics"]["val"][record["primary"]["name"]]
    return score


def _title(config: Config, identity: Identity) -> str:
    return f"{config.task['name']} · {identity.entry['label']} · seed {config.seed}"


def _path(config: Config, identity: Identity) -> Path:
    cell, task = config.cell["name"], config.task["name"]
    return records.record_path(config.results_dir, task, cell, identity.run_id)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
