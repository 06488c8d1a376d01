"""The model of a finished run, rebuilt from its record and its checkpoint."""

import dataclasses
import pickle
from pathlib import Path

import torch

from recurbench.harness.config.sections import BudgetConfig, Config
from recurbench.harness.console import complain
from recurbench.harness.errors import UserError
from recurbench.harness.model.build import build_model, load_task
from recurbench.harness.model.sequence_model import SequenceModel
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.record import Record
from recurbench.harness.run.identity import identify
from recurbench.harness.run.restore import command_of
from recurbench.harness.run.training import load_weights
from recurbench.tasks.base import Task


def checkpoint_of(record: Record, results: Path) -> Path:
    """The checkpoint that a run kept.

    Raises:
        UserError: it did not complete, or kept none; names the command that would.
    """
    run = f"run {record.run_id}"
    if record.status != "completed":
        raise UserError(f"{run}: {record.status}, so there is no model of it")
    checkpoint = ResultsFolder(results).kept(record.run_id)
    if not checkpoint.exists():
        raise UserError(
            f"{run}: its checkpoint was not kept; run it again with train.keep_checkpoint=true: "
            f"{command_of(record, results)}"
        )
    return checkpoint


def initial_model(record: Record, config: Config, consequence: str) -> tuple[Task, SequenceModel]:
    """The task of a run with its data, and its model at the weights that it began with.

    Warns if code or data are no longer those that the run was made with.

    Args:
        record: of the run.
        config: as `config_of` gives it.
        consequence: what may be otherwise then, in words.
    """
    torch.set_num_threads(1)
    task = load_task(config)
    # The record has the hidden size that met the budget.
    _, model = build_model(dataclasses.replace(config, budget=BudgetConfig()), task)
    _warn_of_changes(record, config, task, consequence)
    return task, model


def load_kept(model: SequenceModel, checkpoint: Path, record: Record) -> None:
    """Gives a model the weights that a run kept.

    Raises:
        UserError: they do not fit it, or cannot be read.
    """
    try:
        load_weights(model, checkpoint)
    except (RuntimeError, OSError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).strip().replace("\n", " ")
        run = f"run {record.run_id}"
        raise UserError(f"{checkpoint}: does not fit the model of {run}: {reason}") from error


def _warn_of_changes(record: Record, config: Config, task: Task, consequence: str) -> None:
    """Says so when code or data are no longer those that the run was made with."""
    today = identify(config, task.fingerprint(), record.track.machine)
    if today.code.cell != record.code.cell:
        what = f"the code of cell={config.cell['name']}"
    elif today.track.data != record.track.data:
        what = f"the data of task={config.task['name']}"
    elif today.code.task != record.code.task:
        what = f"the code of task={config.task['name']}"
    elif today.code.protocol != record.code.protocol:
        what = "the harness"
    else:
        return
    complain(f"warning: {what} has changed since run {record.run_id}; {consequence}")
