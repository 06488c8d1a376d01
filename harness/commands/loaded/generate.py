"""Samples from the model of a finished run, rebuilt from its record and its checkpoint."""

import dataclasses
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from recurbench.harness.commands.arguments import require_place
from recurbench.harness.commands.loaded.kept import checkpoint_of, initial_model, load_kept
from recurbench.harness.commands.show import find_record
from recurbench.harness.config.resolve import plugin_of
from recurbench.harness.console import say
from recurbench.harness.errors import UserError
from recurbench.harness.model.decoding import decode
from recurbench.harness.model.sequence_model import SequenceModel
from recurbench.harness.plugins.errors import refusals_of
from recurbench.harness.plugins.registry import registry
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.run.restore import config_of
from recurbench.tasks.generation import Generative


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
    record = find_record(ResultsFolder(results).runs, run_id)
    run = f"run {record.run_id}"
    config = config_of(record)
    task_class = plugin_of(config, "task").cls
    if not issubclass(task_class, Generative):
        raise UserError(f"{run}: task={config.task['name']} does not generate; {_that_generate()}")
    if config.model.bidirectional:
        raise UserError(f"{run}: a bidirectional model reads whole sequences and cannot go on")
    if output is not None and output.suffix not in task_class.endings:
        raise UserError(f"--output {output}: end it with {' or '.join(task_class.endings)}")
    if output is not None:
        require_place(output)
    checkpoint = checkpoint_of(record, results)
    task, model = initial_model(record, config, "it may generate otherwise")
    assert isinstance(task, Generative)
    load_kept(model, checkpoint, record)
    try:
        with refusals_of("task", config.task["name"]):
            sequence = sample(model, task, sampling)
            if output is None:
                say(task.to_text(sequence))
            else:
                task.write(sequence, output)
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


def _that_generate() -> str:
    """Names the tasks that can."""
    plugins = registry().plugins["task"].values()
    names = sorted(plugin.name for plugin in plugins if issubclass(plugin.cls, Generative))
    return f"those that do: {', '.join(names) or 'none'}"
