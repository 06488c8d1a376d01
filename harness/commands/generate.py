"""Samples from the model of a finished run, rebuilt from its record and its checkpoint."""

import dataclasses
import pickle
import re
import shlex
from functools import partial
from pathlib import Path
from typing import Any

import torch
from hydra.core.override_parser.types import Quote, QuotedString
from torch import Tensor

from recurbench.harness.commands.show import find_record
from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import knobs_of, plugin_of, resolve
from recurbench.harness.config.schema import register
from recurbench.harness.config.sections import (
    BudgetConfig,
    Config,
    ModelConfig,
    OptimizerConfig,
    TrainConfig,
    TrainerConfig,
)
from recurbench.harness.console import complain, say
from recurbench.harness.errors import UserError
from recurbench.harness.model.build import build_model, load_task
from recurbench.harness.model.decoding import decode
from recurbench.harness.model.sequence_model import SequenceModel
from recurbench.harness.plugins.registry import registry
from recurbench.harness.results.record import Record, runs_dir
from recurbench.harness.run.identity import identify, identifying
from recurbench.harness.run.training import checkpoint_of, load_weights
from recurbench.tasks.base import Task, TaskError
from recurbench.tasks.generation import Generative

SECTIONS: dict[str, type[Any]] = {
    "model": ModelConfig,
    "optimizer": OptimizerConfig,
    "train": TrainConfig,
    "budget": BudgetConfig,
}


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How to continue a prompt.

    Attributes:
        prompt: what the model reads first, as the task writes it.
        length: steps to add, at most; a task's `stop` may end them before.
        temperature: what logits are divided by; 0 takes the likeliest.
        top_k: how many of the likeliest are drawn from; None draws from all.
        seed: of the draws; the same gives the same.
    """

    prompt: str
    length: int
    temperature: float
    top_k: int | None
    seed: int


def generate(results: Path, run_id: str, sampling: Sampling, output: Path | None) -> None:
    """Prints what the model of a run makes of a prompt, prompt included, or writes it to a file.

    Raises:
        UserError: there is no such run, it kept no checkpoint, its task does not generate, what is
            installed cannot rebuild it, or the prompt or the file cannot work.
    """
    record = find_record(runs_dir(results), run_id)
    run = f"run {record['run_id']}"
    config = config_of(record)
    task_class = plugin_of(config, "task").cls
    if not issubclass(task_class, Generative):
        raise UserError(f"{run}: task={config.task['name']} does not generate; {_that_generate()}")
    if config.model.bidirectional:
        raise UserError(f"{run}: a bidirectional model reads whole sequences and cannot go on")
    if output is not None and output.suffix not in task_class.endings:
        raise UserError(f"--output {output}: end it with {' or '.join(task_class.endings)}")
    checkpoint = checkpoint_of(results, record["run_id"])
    if record["status"] != "completed":
        raise UserError(f"{run}: {record['status']}, so there is no model of it")
    if not checkpoint.exists():
        raise UserError(
            f"{run}: its checkpoint was not kept; run it again with train.keep_checkpoint=true: "
            f"{command_of(record, results)}"
        )
    torch.set_num_threads(1)
    task = load_task(config)
    assert isinstance(task, Generative)
    # The record has the hidden size that met the budget.
    _, model = build_model(dataclasses.replace(config, budget=BudgetConfig(None)), task)
    _warn_of_changes(record, config, task)
    try:
        load_weights(model, checkpoint)
    except (RuntimeError, OSError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).strip().replace("\n", " ")
        raise UserError(f"{checkpoint}: does not fit the model of {run}: {reason}") from error
    try:
        sequence = sample(model, task, sampling)
        if output is None:
            say(task.to_text(sequence))
        else:
            task.write(sequence, output)
    except TaskError as error:
        raise UserError(f"task={config.task['name']}: {error}") from error
    except OSError as error:
        raise UserError(f"--output {output}: {error.strerror}") from error


def sample(model: SequenceModel, task: Generative, sampling: Sampling) -> Tensor:
    """The prompt and its continuation, `(T,)` or `(T, F)`, without the stop if it came to that.

    Raises:
        TaskError: the prompt cannot be read.
    """
    source = torch.Generator().manual_seed(sampling.seed)
    choose = partial(
        task.choose, temperature=sampling.temperature, top_k=sampling.top_k, source=source
    )
    prompt = task.encode_prompt(sampling.prompt)
    (added,) = decode(model.eval(), prompt[None], choose, sampling.length, task.stop)
    if task.stop is not None:
        added = added[added != task.stop]
    return torch.cat([prompt, added.to(prompt.dtype)])


def config_of(record: Record) -> Config:
    """The configuration that a record tells of.

    Raises:
        UserError: its plugins are not there, or it has other options than they and we have today.
    """
    config = Config(cell=record["cell"], task=record["task"], seed=record["seed"])
    for kind in ("cell", "task"):
        usual = {knob.name: knob.default for knob in plugin_of(config, kind).knobs}
        _refuse_options(record, kind, set(knobs_of(record[kind])) - set(usual))
        setattr(config, kind, usual | record[kind])
    for name, section in SECTIONS.items():
        _refuse_options(record, name, set(record[name]) ^ set(identifying(section())))
        setattr(config, name, section(**record[name]))
    config.trainer = TrainerConfig(accelerator="cpu", precision=record["track"]["precision"])
    return config


def command_of(record: Record, results: Path) -> str:
    """The command that makes a record's run again and keeps its checkpoint."""
    register()
    chosen = [f"{group}={record[group]['name']}" for group in ("cell", "task", "optimizer")]
    (composed,), _ = compose_jobs(chosen, multirun=False)
    usual = resolve(composed)
    changed = []
    for group in ("cell", "task", *SECTIONS):
        section = getattr(usual, group)
        known = section if isinstance(section, dict) else dataclasses.asdict(section)
        changed += [
            f"{group}.{key}={_value(value)}"
            for key, value in record[group].items()
            # What `auto` has become it will become again.
            if value != known[key] and not (key == "encoder" and value in ("embedding", "linear"))
        ]
    if record["track"]["precision"] != usual.trainer.precision:
        changed.append(f"trainer.precision={record['track']['precision']}")
    if record["seed"] != usual.seed:
        changed.append(f"seed={record['seed']}")
    if str(results) != usual.results_dir:
        changed.append(f"results_dir={_value(str(results))}")
    parts = [*chosen, *changed, "train.keep_checkpoint=true"]
    return shlex.join(["recurbench", "run", *parts])


def _value(value: Any) -> str:
    """A value as an override has it."""
    if isinstance(value, list):
        return f"[{','.join(map(_value, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    # Letters and paths need no quotes, unless Hydra would take them for another type.
    plain = r"(?!(null|true|false|nan|inf)$)[A-Za-z/][\w/.-]*"
    if isinstance(value, str) and not re.fullmatch(plain, value, re.IGNORECASE):
        return QuotedString(value, Quote.single).with_quotes()
    return str(value)


def _that_generate() -> str:
    """Names the tasks that can."""
    plugins = registry().plugins["task"].values()
    names = sorted(plugin.name for plugin in plugins if issubclass(plugin.cls, Generative))
    return f"those that do: {', '.join(names) or 'none'}"


def _refuse_options(record: Record, section: str, options: set[str]) -> None:
    """Refuses a section of a record if it has other options than today's."""
    if options:
        raise UserError(
            f"run {record['run_id']}: was made by other code: its {section} and today's differ in "
            f"{', '.join(sorted(options))}; run it again"
        )


def _warn_of_changes(record: Record, config: Config, task: Task) -> None:
    """Says so when code or data are no longer those that the run was made with."""
    today = identify(config, task.fingerprint())
    if today.run_id == record["run_id"]:
        return
    if today.entry["version"] != record["entry"]["version"]:
        what = f"the code of cell={config.cell['name']}"
    elif today.track["data"] != record["track"]["data"]:
        what = f"the data of task={config.task['name']}"
    else:
        what = f"the code of task={config.task['name']}"
    complain(f"warning: {what} has changed since run {record['run_id']}; it may generate otherwise")
