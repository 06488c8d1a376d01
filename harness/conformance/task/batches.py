"""Properties of batches: layouts, and what their order depends on."""

import pickle
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from recurbench.harness.conformance.findings import require
from recurbench.harness.conformance.task.subject import (
    PART,
    ROWS,
    Subject,
    count_rows,
    digest,
    evaluation_of,
    first,
    values,
)
from recurbench.tasks.base import IGNORE_INDEX, Batch, FreeRun, Task, TaskSpec


def layouts_fit_the_spec(subject: Subject) -> None:
    """Inputs, targets and free runs have the shapes, dtypes and ranges that the spec promises."""
    spec = subject.task.spec
    for split, batch in subject.batches:
        _check_inputs(f"{split} inputs", batch.inputs, spec)
        _check_targets(f"{split} targets", batch, spec)
        if split != "train" and (run := subject.task.free_run(batch)) is not None:
            _check_free_run(split, run, batch, spec)
    for task, bound in ((subject.task, ROWS), (subject.other, ROWS + 1)):
        loader = task.train_dataloader()
        sizes = [count_rows(batch) for batch in first(loader, min(loader.epoch or PART, PART))]
        smaller = sum(size != bound for size in sizes)
        require(
            max(sizes) == bound and smaller <= (loader.epoch is not None),
            seen=f"training batches of {sizes} rows, bound to {bound}",
            expected="that many; of finite data one batch of a pass may be smaller",
            cause="a batch size of the task's own",
        )


def _check_inputs(what: str, inputs: Tensor | PackedSequence, spec: TaskSpec) -> None:
    steps = values(inputs)
    dimensions = steps.dim() + isinstance(inputs, PackedSequence)
    if spec.tokens:
        require(
            dimensions == 2 and steps.dtype == torch.long,
            seen=f"{what} of shape {tuple(steps.shape)} and {steps.dtype}",
            expected="token ids (B, T), torch.long",
            cause="features with `tokens=True`, or ids of another dtype",
        )
        low, high = int(steps.min()), int(steps.max())
        require(
            low >= 0 and high < spec.input_size,
            seen=f"{what} from {low} to {high}",
            expected=f"ids from 0 to {spec.input_size - 1}, as input_size says",
            cause="a special symbol that input_size does not count",
        )
    else:
        require(
            dimensions == 3 and steps.dtype == torch.float32 and steps.shape[-1] == spec.input_size,
            seen=f"{what} of shape {tuple(steps.shape)} and {steps.dtype}",
            expected=f"features (B, T, {spec.input_size}), torch.float32",
            cause="ids with `tokens=False`, or a wrong input_size",
        )
        _require_finite(what, steps)


def _check_targets(what: str, batch: Batch, spec: TaskSpec) -> None:
    inputs, targets = batch.inputs, batch.targets
    if spec.scope == "sequence":
        fits = isinstance(targets, Tensor) and len(targets) == count_rows(batch)
        expected = "a tensor with a row for each sequence"
    elif isinstance(inputs, PackedSequence):
        fits = isinstance(targets, PackedSequence) and all(
            (a is None and b is None) or (a is not None and b is not None and torch.equal(a, b))
            for a, b in zip(inputs[1:], targets[1:], strict=True)
        )
        expected = "packed as the inputs are, rows in the same order"
    else:
        fits = isinstance(targets, Tensor) and targets.shape[:2] == inputs.shape[:2]
        expected = f"(B, T, ...) with B and T of the inputs, {tuple(inputs.shape[:2])}"
    require(
        fits,
        seen=f"{what}: {type(targets).__name__} of shape {tuple(values(targets).shape)}",
        expected=expected,
        cause="another `scope` than the targets have",
    )
    found = values(targets)
    if found.is_floating_point():
        _require_finite(what, found[~found.isnan()])
        return
    known = found[found != IGNORE_INDEX]
    require(
        not len(known) or (int(known.min()) >= 0 and int(known.max()) < spec.output_size),
        seen=f"{what} from {known.min()} to {known.max()}" if len(known) else "",
        expected=f"classes from 0 to {spec.output_size - 1}, or IGNORE_INDEX",
        cause="a wrong output_size, or another number for positions that do not count",
    )


def _check_free_run(split: str, run: FreeRun, batch: Batch, spec: TaskSpec) -> None:
    _check_inputs(f"{split} prompts", run.prompts, spec)
    rows = count_rows(batch)
    prompts = count_rows(Batch(run.prompts, run.answers))
    require(
        prompts == len(run.answers) == rows and run.answers.dim() >= 2,
        seen=f"{split}: {prompts} prompts and answers of shape {tuple(run.answers.shape)}",
        expected=f"{rows} prompts and answers ({rows}, L), a row for each sequence",
        cause="rows that are left out",
    )


def _require_finite(what: str, numbers: Tensor) -> None:
    wrong = numbers[~numbers.isfinite()]
    require(
        not len(wrong),
        seen=f"{what} with {wrong[0] if len(wrong) else ''}",
        expected="finite numbers",
        cause="NaN in the data, or a column without variation that is divided by its deviation",
    )


def loads_once(subject: Subject) -> None:
    """Setting up again changes nothing, and a task holds no model."""
    task = subject.prepare()
    before = _all_of(task)
    task.setup("fit")
    require(
        _all_of(task) == before,
        seen="other data after `setup` was called again",
        expected="what the first call loaded",
        cause="`setup` is overridden in place of `load`",
    )
    modules = [name for name, held in vars(task).items() if isinstance(held, nn.Module)]
    require(
        not modules and not task.state_dict(),
        seen=f"it keeps {', '.join(modules) or 'a state to save'}",
        expected="no module and no parameter; `metrics()` makes new ones",
        cause="a metric or a layer on `self`",
    )


def _all_of(task: Task) -> tuple[TaskSpec, str, str, str]:
    """Spec, fingerprint, training and evaluation of a task."""
    evaluation = {name: digest(batches) for name, batches in evaluation_of(task).items()}
    training = digest(first(task.train_dataloader()))
    return task.spec, task.fingerprint(), training, str(evaluation)


def equal_seeds_give_equal_batches(subject: Subject) -> None:
    """Training batches are the same for equal seeds and others for other seeds."""
    expected = digest(subject.training)
    loader = subject.prepare().train_dataloader()
    for what in ("of another task with the same seed", "when a loader is iterated twice"):
        require(
            digest(first(loader)) == expected,
            seen=f"other training batches {what}",
            expected="the same batches for every cell of a seed",
            cause="a random generator that is not made anew from seed and position",
        )
    require(
        digest(first(subject.prepare(seed=1).train_dataloader())) != expected,
        seen="the training batches of seed 0 with seed 1",
        expected="others, or seeds would not show how much chance matters",
        cause="`self.seed` is not used",
    )


def evaluation_is_fixed(subject: Subject) -> None:
    """Validation, test and fingerprint depend on neither the seed nor the batch size."""
    task, other = subject.task, subject.other
    splits = evaluation_of(other)
    require(
        list(splits) == list(subject.evaluation),
        seen=f"splits {', '.join(splits)} with another seed and batch size",
        expected=", ".join(subject.evaluation),
        cause="extra splits that depend on the seed",
    )
    for split, batches in splits.items():
        require(
            digest(batches) == digest(subject.evaluation[split]),
            seen=f"another {split} split with another seed and batch size",
            expected="the same split in the same batches, so that scores can be compared",
            cause="`self.seed` or `self.batch_size` in an evaluation split; see EVAL_ROWS",
        )
    require(
        other.fingerprint() == task.fingerprint() and other.spec == task.spec,
        seen="another fingerprint or spec with another seed and batch size",
        expected="the same, or no two seeds would be on one track",
        cause="training batches of this seed in the fingerprint; take those of a fixed one",
    )


def order_depends_on_nothing_else(subject: Subject) -> None:
    """A batch depends on its position alone: not on who asks, when, in which order or thread."""
    expected = digest(subject.training)
    with _other_surroundings():
        before = _global_states()
        task = subject.prepare()
        seen = digest(first(task.train_dataloader()))
        digest(first(task.test_dataloader()))
        after = _global_states()
    require(
        seen == expected,
        seen="other training batches with another global seed and another number of threads",
        expected="the same batches",
        cause="torch's, numpy's or Python's global generator; use tasks.base.generator",
    )
    require(
        after == before,
        seen="a global random generator is in another state after batches were made",
        expected="as it was: a cell's initial values come from it",
        cause="a random function without `generator=`, or `manual_seed`",
    )
    loader = subject.task.train_dataloader()
    backwards = [loader.make(position) for position in reversed(range(PART))]
    require(
        digest(reversed(backwards)) == expected,
        seen="other training batches when their positions are asked for from last to first",
        expected="the same: training may continue from any position, and several may read",
        cause="`make` remembers what it gave before",
    )


@contextmanager
def _other_surroundings() -> Iterator[None]:
    """Other global seeds and another number of threads."""
    threads, states = torch.get_num_threads(), _generators()
    try:
        torch.set_num_threads(threads % 2 + 1)
        torch.manual_seed(12345)
        random.seed(12345)
        np.random.seed(12345)  # noqa: NPY002 - what is seeded is what a task should not use
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_rng_state(states[0])
        random.setstate(states[1])
        np.random.set_state(states[2])  # noqa: NPY002


def _generators() -> tuple[Tensor, Any, Any]:
    """The states of the global generators."""
    return torch.get_rng_state(), random.getstate(), np.random.get_state()  # noqa: NPY002


def _global_states() -> bytes:
    """All of them in a form that can be compared."""
    state, *others = _generators()
    return pickle.dumps((state.numpy(), others))
