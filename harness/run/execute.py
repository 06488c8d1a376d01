"""One run, from a configuration to its record."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from recurbench.harness.config.sections import Config
from recurbench.harness.console import complain, let_cells_speak, say
from recurbench.harness.errors import UserError, first_line
from recurbench.harness.plugins.logger import RunInfo
from recurbench.harness.results.archive import find_completed
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.record import Record
from recurbench.harness.run.device import choose_device
from recurbench.harness.run.loggers.together import Loggers
from recurbench.harness.run.memory import keep_freed_memory
from recurbench.harness.run.outcome import (
    KilledError,
    Outcome,
    now,
    record_of,
    record_without_data,
    require_writable,
    title_of,
    write_record,
)
from recurbench.harness.run.prepare import Prepared, prepare
from recurbench.harness.run.resume import own_folder
from recurbench.harness.run.training import Training


def execute(config: Config, begun: Callable[[Record], None] = lambda record: None) -> Outcome:
    """Runs a configuration and writes its record, whatever happens on the way.

    Args:
        config: with all that can be left open still open.
        begun: is told of the record as far as it is known before training, as if the run had died.

    Raises:
        UserError: the configuration cannot work; nothing was written.
        KeyboardInterrupt: the user interrupted the run; no record was written.
    """
    started = now()
    torch.set_num_threads(config.trainer.threads)
    keep_freed_memory()
    let_cells_speak()
    device = choose_device(config.trainer.accelerator)
    try:
        prepared = prepare(config)
    except UserError:
        raise
    except Exception as error:  # a plugin may raise anything
        return write_record(record_without_data(config, device, started, error), config)
    return _skip(prepared) or _train_and_record(prepared, device, started, begun)


def _skip(prepared: Prepared) -> Outcome | None:
    """The outcome of a run that is completed already, unless it is to be repeated."""
    config, run_id = prepared.config, prepared.identity.run_id
    folder, path = _places(prepared)
    old = None if config.rerun else find_completed(folder.runs, path, run_id)
    if old is None:
        return None
    title = _title(prepared)
    if config.train.keep_checkpoint and not folder.kept(run_id).exists():
        say(f"{title}: completed before, but its checkpoint was not kept; runs again")
        return None
    line = f"skipped    {title}: already completed, see {path} (rerun=true)"
    return Outcome("skipped", line, old.score("val"))


def _train_and_record(
    prepared: Prepared, device: torch.device, started: str, begun: Callable[[Record], None]
) -> Outcome:
    """Trains, tests and writes the record."""
    config, identity = prepared.config, prepared.identity
    folder, path = _places(prepared)
    require_writable(path.parent)
    title = _title(prepared)
    begun(record_of(config, identity, device, started, KilledError(), **_known(prepared)))
    say(f"{title}  [{identity.run_id}]")
    for note in dict.fromkeys(prepared.task.notes):
        say(f"  {note}")
    loggers = Loggers(config)
    loggers.start(_info(prepared))
    with own_folder(folder.unfinished(identity.run_id)) as unfinished:
        training = Training(
            config, prepared.task, prepared.model, device, loggers, title,
            unfinished, kept=folder.kept(identity.run_id),
        )  # fmt: skip
        return _record(training, prepared, started)


def _record(training: Training, prepared: Prepared, started: str) -> Outcome:
    """Lets a training run, and writes what comes of it."""
    config, identity, loggers = prepared.config, prepared.identity, training.loggers
    folder, path = _places(prepared)
    error: Exception | None = None
    try:
        try:
            training.fit_and_test()
        except Exception as caught:  # an error is a result: it goes into the record
            error = caught
        record = record_of(
            config, identity, training.device, started, error,
            kernel=training.kernel,
            **_known(prepared),
            metrics={split: dict(found) for split, found in training.module.results.items()},
            curve=[dict(point) for point in training.recorder.curve],
            cost=training.cost(),
            resumed_after=training.resumed_after,
            logger=loggers.entries,
        )  # fmt: skip
        outcome = write_record(record, config)
        if outcome.ok:
            _write_plots(training, folder, path)
    finally:
        loggers.finish(training.module.results, completed=error is None)
    return replace(outcome, offline=loggers.offline)


def _known(prepared: Prepared) -> dict[str, Any]:
    """What a record says of a run before it is trained."""
    return {"primary": prepared.primary, "references": dict(prepared.references)}


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


def _write_plots(training: Training, folder: ResultsFolder, path: Path) -> None:
    """Puts the task's pictures of the model beside the record; a bad one fails no run."""
    try:
        for name, picture in training.task.plots(training.module.play).items():
            folder.picture(path, name).write_bytes(picture)
    except Exception as error:  # a plugin may raise anything
        complain(f"{path.stem}: not all plots were made: {first_line(error)}")


def _title(prepared: Prepared) -> str:
    config = prepared.config
    return title_of(config.task["name"], prepared.identity.entry.label, config.seed)


def _places(prepared: Prepared) -> tuple[ResultsFolder, Path]:
    """The results folder, and the path of the run's record in it."""
    config = prepared.config
    folder = ResultsFolder(Path(config.results_dir))
    record = folder.record(config.task["name"], config.cell["name"], prepared.identity.run_id)
    return folder, record
