"""How a run ended: its record, written, and the line that says it."""

import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from recurbench.harness.config.sections import Config, tuned_names
from recurbench.harness.console import as_override
from recurbench.harness.errors import UserError
from recurbench.harness.results.archive import find_completed
from recurbench.harness.results.folder import ResultsFolder, make_writable
from recurbench.harness.results.record import Failure, Record, Status, write
from recurbench.harness.results.sweeps import Outcome
from recurbench.harness.run.environment import describe_environment, machine_of
from recurbench.harness.run.identity import Identity, identify
from recurbench.harness.run.recorder import DivergedError

TOO_LARGE = (
    "can't allocate memory", "Storage size calculation overflowed", "Overflow when unpacking long",
)  # fmt: skip
"""What torch says on a CPU of a tensor that is too large; the error has no type of its own."""


class KilledError(Exception):
    """The process of a run ended before the run did."""


def record_of(
    config: Config,
    identity: Identity,
    device: torch.device,
    started: str,
    error: BaseException | None,
    kernel: str | None = None,
    **reached: Any,
) -> Record:
    """A record of what was asked for and, if the run got so far, of what was reached.

    Args:
        config: with all that was left open settled.
        identity: the run's.
        device: what it ran on.
        started: when, as `now` says it.
        error: what ended the run early.
        kernel: how the cells ran.
        reached: fields of the record that the run came to.
    """
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
        environment=describe_environment(device, config.trainer, kernel),
        started_at=started,
        finished_at=now(),
        error=None
        if error is None
        else Failure(
            type=type(error).__name__,
            message=str(error),
            traceback="".join(traceback.format_exception(error)),
        ),
        **(unknown | reached),
    )


def record_without_data(
    config: Config, device: torch.device, started: str, error: BaseException
) -> Record:
    """The record of a run that ended before its data was there, which is part of its identity."""
    identity = identify(config, None, machine_of(device, config.trainer))
    return record_of(config, identity, device, started, error)


def write_record(record: Record, config: Config) -> Outcome:
    """Writes a record and says what is in it.

    That of a completed run gives way to that of a completed repetition alone.

    Raises:
        UserError: the folder cannot be written to.
    """
    folder = ResultsFolder(Path(config.results_dir))
    path = folder.record(record.task["name"], record.cell["name"], record.run_id)
    title = title_of(config, record.entry.label)
    require_writable(path.parent)
    other = find_completed(folder.runs, path, record.run_id)
    completed = record.status == "completed"
    if other is None or (config.rerun and completed):
        try:
            write(path, record)
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}; the run has no record") from error
    elif config.rerun and not completed:
        line = f"{record.status:<10} {title}: {_result(record)}; the completed run's record stays"
        return Outcome(record.status, line, run_id=record.run_id)
    elif not completed:
        line = f"skipped    {title}: completed by another process meanwhile, see {path}"
        return Outcome("skipped", line, other.score("val"), run_id=record.run_id, record=str(path))
    line = f"{record.status:<10} {title}: {_result(record)}, {path}"
    return Outcome(record.status, line, record.score("val"), run_id=record.run_id, record=str(path))


def require_writable(folder: Path) -> None:
    """Refuses a folder that records could not be written to, before anything is trained.

    Raises:
        UserError: names the folder and the reason.
    """
    try:
        make_writable(folder)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; set results_dir") from error


def title_of(config: Config, label: str) -> str:
    """A run in a few words; a trial of a tuning is told from the others by what is tuned.

    Args:
        config: of the run.
        label: of its entry.
    """
    tried = " ".join(
        f"{name}={as_override(getattr(config.optimizer, name))}"
        for name in tuned_names(config.tuning)
    )
    return " · ".join(filter(None, [config.task["name"], label, tried, f"seed {config.seed}"]))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice, or that no memory could."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(phrase in str(error) for phrase in TOO_LARGE)


def now() -> str:
    """The time of day, as records hold it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _status_of(error: BaseException | None) -> Status:
    if error is None:
        return "completed"
    if isinstance(error, DivergedError):
        return "diverged"
    if isinstance(error, KilledError):
        return "killed"
    if is_out_of_memory(error):
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
