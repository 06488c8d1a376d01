"""One run, from a configuration to its record."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import torch

from recurbench.harness.config.sections import Config
from recurbench.harness.console import OutputLost, complain, let_cells_speak, say
from recurbench.harness.errors import PLUGIN_ERRORS, UserError, first_line
from recurbench.harness.plugins.logger import RunInfo
from recurbench.harness.results.archive import find_completed
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.leases import Owner, take
from recurbench.harness.results.record import Cost, Record, read
from recurbench.harness.results.sweeps import Outcome
from recurbench.harness.run.device import choose_device
from recurbench.harness.run.identity import Identity
from recurbench.harness.run.known import known_run, remember
from recurbench.harness.run.loggers.together import INTERRUPTED, Loggers
from recurbench.harness.run.memory import keep_freed_memory
from recurbench.harness.run.observer import Observer
from recurbench.harness.run.optimizers import parameter_groups
from recurbench.harness.run.outcome import (
    KilledError,
    now,
    record_of,
    record_without_data,
    require_writable,
    title_of,
    write_record,
)
from recurbench.harness.run.prepare import Prepared, prepare
from recurbench.harness.run.training import Training


def execute(config: Config, observer: Observer | None = None) -> Outcome:
    """Runs a configuration and writes its record, whatever happens on the way.

    Args:
        config: with all that can be left open still open.
        observer: is told how it goes.

    Raises:
        UserError: the configuration cannot work; nothing was written.
        StoppedError: the process was asked to stop; what was reached is saved, without a record.
    """
    started = now()
    torch.set_num_threads(config.trainer.threads)
    keep_freed_memory()
    let_cells_speak()
    device = choose_device(config.trainer)
    if (outcome := pass_over(config)) is not None:
        return outcome
    try:
        prepared = prepare(config)
    except (UserError, OutputLost):
        raise
    except PLUGIN_ERRORS as error:
        return write_record(record_without_data(config, device, started, error), config)
    if (outcome := _skip(config, prepared.identity)) is not None:
        remember(prepared)
        return outcome
    return _train_and_record(prepared, device, started, observer or Observer())


def pass_over(config: Config) -> Outcome | None:
    """The outcome of a run that is known to be completed, without its data or its model.

    Args:
        config: with all that can be left open still open.

    Returns:
        None if the run is to be repeated, or has to be prepared to say more.

    Raises:
        UserError: its device is not there.
    """
    identity = None if config.rerun else known_run(config)
    if identity is None or _lacks_checkpoint(config, identity):
        return None
    return _skip(config, identity)


def _skip(config: Config, identity: Identity) -> Outcome | None:
    """The outcome of a run that is completed already, unless it is to be repeated."""
    folder, path = _places(config, identity)
    if config.rerun:
        return None
    run_id, title = identity.run_id, title_of(config, identity.entry.label)
    old = find_completed(folder.runs, path, run_id)
    if old is None:
        return None if config.retry_failed else _skip_failed(path, title, run_id)
    if _lacks_checkpoint(config, identity):
        say(f"{title}: completed before, but its checkpoint was not kept; runs again")
        return None
    line = f"skipped    {title}: already completed, see {path} (rerun=true)"
    return Outcome("skipped", line, old.score("val"), run_id=run_id, record=str(path))


def _skip_failed(path: Path, title: str, run_id: str) -> Outcome | None:
    """The outcome of a run that failed before and is not to be tried again."""
    old = read(path)
    if not isinstance(old, Record):
        return None
    line = f"{old.status:<10} {title}: before, see {path} (retry_failed=true tries it again)"
    return Outcome(old.status, line, run_id=run_id, record=str(path))


def _lacks_checkpoint(config: Config, identity: Identity) -> bool:
    kept = ResultsFolder(Path(config.results_dir)).kept(identity.run_id)
    return config.train.keep_checkpoint and not kept.exists()


def _train_and_record(
    prepared: Prepared, device: torch.device, started: str, observer: Observer
) -> Outcome:
    """Trains, tests and writes the record."""
    config, identity = prepared.config, prepared.identity
    folder, path = _places(config, identity)
    require_writable(path.parent)
    remember(prepared)
    title = title_of(config, identity.entry.label)
    lease = take(folder.unfinished(identity.run_id), title, config.sweep)
    if isinstance(lease, Owner):
        return _busy(prepared, lease)
    keep = True
    try:
        # Whoever had it may just have completed it.
        if not _lacks_checkpoint(config, identity) and (outcome := _skip(config, identity)):
            return outcome
        begun = record_of(config, identity, device, started, KilledError(), **_known(prepared))
        observer.begun(begun)
        say(f"{title}  [{identity.run_id}]")
        for note in dict.fromkeys(prepared.task.notes):
            say(f"  {note}")
        loggers = Loggers(config, _info(prepared))
        kept = folder.kept(identity.run_id)
        training = Training(
            config, prepared.task, prepared.model, device, loggers, title, lease, kept, observer
        )
        lease.report(training.state)
        outcome = _record(training, prepared, started)
        keep = outcome.status == "killed"  # a process of several; the same command goes on
        return outcome
    finally:
        lease.release(keep)


def _record(training: Training, prepared: Prepared, started: str) -> Outcome:
    """Lets a training run, and writes what comes of it."""
    config, identity, loggers = prepared.config, prepared.identity, training.loggers
    folder, path = _places(config, identity)
    error: BaseException | None = None
    cost, status = None, INTERRUPTED
    try:
        try:
            training.fit_and_test()
        except OutputLost:
            raise
        except PLUGIN_ERRORS as caught:  # an error is a result: it goes into the record
            error = caught
        if not training.lease.held():
            return _busy(prepared, None)
        reached = _cost(training, error)
        record = record_of(
            config, identity, training.device, started, error,
            kernel=training.kernel,
            **_known(prepared),
            overlap=_overlap(prepared, reached),
            metrics={split: dict(found) for split, found in training.module.results.items()},
            curve=[dict(point) for point in training.recorder.curve],
            cost=reached,
            resumed_after=training.resumed_after,
            best_step=training.best_step,
            logger=loggers.entries,
        )  # fmt: skip
        cost, status = record.cost, record.status
        outcome = write_record(record, config)
        if outcome.ok:
            _write_plots(training, folder, path)
    finally:
        loggers.finish(training.module.results, cost, status)
    return msgspec.structs.replace(outcome, offline=loggers.offline)


def _cost(training: Training, error: BaseException | None) -> Cost | None:
    """What a training cost; a model that broke it may break the counting too."""
    try:
        return training.cost()
    except PLUGIN_ERRORS:
        if error is None:
            raise
        return None


def _overlap(prepared: Prepared, cost: Cost | None) -> float | msgspec.UnsetType:
    """The share of test that is expected among the sequences of all steps, if it is known."""
    trained_on = cost.steps * prepared.config.train.batch_size if cost else 0
    share = prepared.task.overlap(trained_on)
    return msgspec.UNSET if share is None else share


def _busy(prepared: Prepared, owner: Owner | None) -> Outcome:
    """The outcome of a run that another process has."""
    who = f"process {owner.pid} on {owner.node}" if owner else "another process"
    title = title_of(prepared.config, prepared.identity.entry.label)
    line = f"busy       {title}: {who} has it"
    return Outcome("busy", line, run_id=prepared.identity.run_id)


def _known(prepared: Prepared) -> dict[str, Any]:
    """What a record says of a run before it is trained."""
    groups = parameter_groups(prepared.model, prepared.config.optimizer)
    return {
        "primary": prepared.primary,
        "references": dict(prepared.references),
        "split_references": prepared.split_references,
        "groups": [group.recorded() for group in groups],
    }


def _info(prepared: Prepared) -> RunInfo:
    """What loggers show of a run."""
    config, run_id = prepared.config, prepared.identity.run_id
    return RunInfo(
        run_id=run_id,
        name=f"{config.cell['name']}/{config.seed}",
        task=config.task["name"],
        sweep=config.sweep,
        config={
            **prepared.identity.sections,
            "trainer": asdict(config.trainer),
            "seed": config.seed,
        },
        results_dir=Path(config.results_dir),
        record=_places(config, prepared.identity)[1],
    )


def _write_plots(training: Training, folder: ResultsFolder, path: Path) -> None:
    """Puts the task's pictures of the model beside the record; a bad one fails no run."""
    try:
        for name, picture in training.task.plots(training.module.play).items():
            folder.picture(path, name).write_bytes(picture)
    except PLUGIN_ERRORS as error:
        complain(f"{path.stem}: not all plots were made: {first_line(error)}")


def _places(config: Config, identity: Identity) -> tuple[ResultsFolder, Path]:
    """The results folder, and the path of a run's record in it."""
    folder = ResultsFolder(Path(config.results_dir))
    record = folder.record(config.task["name"], config.cell["name"], identity.run_id)
    return folder, record
