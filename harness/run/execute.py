"""One run, from a configuration to its record."""

import traceback
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from recurbench.harness.config.sections import Config
from recurbench.harness.console import complain, say
from recurbench.harness.errors import UserError, first_line
from recurbench.harness.plugins.logger import RunInfo
from recurbench.harness.results.archive import find_completed
from recurbench.harness.results.folder import ResultsFolder, make_writable
from recurbench.harness.results.record import Failure, Record, Status, write
from recurbench.harness.run.device import choose_device
from recurbench.harness.run.environment import describe_environment, machine_of
from recurbench.harness.run.identity import Identity, identify
from recurbench.harness.run.loggers.together import Loggers
from recurbench.harness.run.memory import keep_freed_memory
from recurbench.harness.run.prepare import Prepared, prepare
from recurbench.harness.run.recorder import DivergedError
from recurbench.harness.run.training import Training


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
        identity = identify(config, None, machine_of(device, config.trainer))
        return _written(_record(config, identity, device, started, error), config)
    return _skipped(prepared) or _run(prepared, device, started)


def require_writable(folder: Path) -> None:
    """Refuses a folder that records could not be written to, before anything is trained.

    Raises:
        UserError: names the folder and the reason.
    """
    try:
        make_writable(folder)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; set results_dir") from error


def flatten_metrics(metrics: dict[str, dict[str, float]]) -> dict[str, float]:
    """`{test: {accuracy: ..}}` as `{test/accuracy: ..}`, as loggers show them."""
    return {f"{split}/{name}": v for split, found in metrics.items() for name, v in found.items()}


def _skipped(prepared: Prepared) -> Outcome | None:
    """The outcome of a run that is completed already, unless it is to be repeated."""
    config, identity = prepared.config, prepared.identity
    folder = ResultsFolder(Path(config.results_dir))
    path = _path(config, identity)
    old = None if config.rerun else find_completed(folder.runs, path, identity.run_id)
    if old is None:
        return None
    if config.train.keep_checkpoint and not folder.kept(identity.run_id).exists():
        title = _title(config, identity)
        say(f"{title}: completed before, but its checkpoint was not kept; runs again")
        return None
    line = f"skipped    {_title(config, identity)}: already completed, see {path} (rerun=true)"
    return Outcome("skipped", line, old.score("val"))


def _run(prepared: Prepared, device: torch.device, started: str) -> Outcome:
    """Trains, tests and writes the record."""
    config, identity = prepared.config, prepared.identity
    folder = ResultsFolder(Path(config.results_dir))
    path, title = _path(config, identity), _title(config, identity)
    require_writable(path.parent)
    say(f"{title}  [{identity.run_id}]")
    loggers = Loggers(config)
    loggers.start(_info(prepared))
    training = Training(
        config, prepared.task, prepared.model, device, loggers, title,
        unfinished=folder.unfinished(identity.run_id),
        kept=folder.kept(identity.run_id),
    )  # fmt: skip
    error: Exception | None = None
    try:
        try:
            training.fit_and_test()
        except Exception as caught:  # an error is a result: it goes into the record
            error = caught
        record = _record(
            config, identity, device, started, error,
            primary=prepared.primary,
            references=dict(prepared.references),
            metrics={split: dict(found) for split, found in training.module.results.items()},
            curve=[dict(point) for point in training.recorder.curve],
            cost=training.cost(),
            resumed_after=training.resumed_after,
            logger=loggers.entries,
        )  # fmt: skip
        outcome = _written(record, config)
        if outcome.ok:
            _write_plots(training, folder, path)
    finally:
        loggers.finish(flatten_metrics(training.module.results), completed=error is None)
    return replace(outcome, offline=loggers.offline)


def _info(prepared: Prepared) -> RunInfo:
    """What loggers show of a run."""
    config = prepared.config
    return RunInfo(
        run_id=prepared.identity.run_id,
        name=f"{config.cell['name']}/{config.seed}",
        task=config.task["name"],
        sweep=config.sweep,
        config={
            **prepared.identity.sections,
            "trainer": asdict(config.trainer),
            "seed": config.seed,
        },
        results_dir=Path(config.results_dir),
    )


def _record(
    config: Config,
    identity: Identity,
    device: torch.device,
    started: str,
    error: Exception | None,
    **reached: Any,
) -> Record:
    """A record of what was asked for and, if the run got so far, of what was reached."""
    sections = identity.sections
    unknown: dict[str, Any] = {
        "primary": None, "references": {}, "metrics": {}, "curve": [], "cost": None, "logger": [],
    }  # fmt: skip
    return Record(
        run_id=identity.run_id,
        status=_status_of(error),
        seed=config.seed,
        study=config.study,
        track=identity.track,
        entry=identity.entry,
        code=identity.code,
        cell=sections["cell"],
        task=sections["task"],
        model=sections["model"],
        optimizer=sections["optimizer"],
        train=sections["train"],
        budget=sections["budget"],
        environment=describe_environment(device, config.trainer),
        started_at=started,
        finished_at=_now(),
        error=None
        if error is None
        else Failure(
            type=type(error).__name__,
            message=str(error),
            traceback="".join(traceback.format_exception(error)),
        ),
        **(unknown | reached),
    )


def _written(record: Record, config: Config) -> Outcome:
    """Writes a record, but never over that of a completed run, and says what is in it."""
    folder = ResultsFolder(Path(config.results_dir))
    path = folder.record(record.task["name"], record.cell["name"], record.run_id)
    title = f"{record.task['name']} · {record.entry.label} · seed {record.seed}"
    require_writable(path.parent)
    other = None if config.rerun else find_completed(folder.runs, path, record.run_id)
    if other is None:
        write(path, record)
    elif record.status != "completed":
        line = f"skipped    {title}: completed by another process meanwhile, see {path}"
        return Outcome("skipped", line, other.score("val"))
    line = f"{record.status:<10} {title}: {_result(record)}, {path}"
    return Outcome(record.status, line, record.score("val"))


def _status_of(error: Exception | None) -> Status:
    if error is None:
        return "completed"
    if isinstance(error, DivergedError):
        return "diverged"
    out_of_memory = isinstance(error, torch.OutOfMemoryError | MemoryError)
    if out_of_memory or "can't allocate memory" in str(error):  # torch's error on a CPU
        return "out_of_memory"
    return "failed"


def _result(record: Record) -> str:
    """Score, references and time, or what went wrong."""
    if record.error is not None:
        return f"{record.error.type}: {record.error.message.partition(chr(10))[0]}"
    assert record.primary is not None
    assert record.cost is not None
    references = ", ".join(f"{key} {value:.4g}" for key, value in record.references.items())
    score = record.metrics["test"][record.primary.name]
    seconds = record.cost.train_seconds
    return f"test {record.primary.name} {score:.4g} ({references}) in {seconds:.1f} s"


def _write_plots(training: Training, folder: ResultsFolder, path: Path) -> None:
    """Puts the task's pictures of the model beside the record; a bad one fails no run."""
    try:
        for name, picture in training.task.plots(training.module.play).items():
            folder.picture(path, name).write_bytes(picture)
    except Exception as error:  # a plugin may raise anything
        complain(f"{path.stem}: not all plots were made: {first_line(error)}")


def _title(config: Config, identity: Identity) -> str:
    return f"{config.task['name']} · {identity.entry.label} · seed {config.seed}"


def _path(config: Config, identity: Identity) -> Path:
    folder = ResultsFolder(Path(config.results_dir))
    return folder.record(config.task["name"], config.cell["name"], identity.run_id)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
