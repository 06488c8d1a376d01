"""What the harness takes for granted of every task."""

import math
from collections.abc import Callable, Iterable
from itertools import islice

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from tasks.base import IGNORE_INDEX, Batch, Task
from tasks.copying import Copying
from tasks.forecasting import Forecasting
from tasks.language import Language
from tasks.variable_length import VariableLength

BUILDERS: dict[str, Callable[[], Task]] = {
    "copying": Copying,
    "copying, every step scored": lambda: Copying(score="every", eval_sequences=300),
    "forecasting": Forecasting,
    "language": Language,
    "language, words": lambda: Language(level="word", max_vocabulary=500),
    "variable_length": VariableLength,
    "variable_length, temporal order": lambda: VariableLength(rule="temporal_order"),
    "variable_length, parity": lambda: VariableLength(rule="parity"),
}

CHANGES = [
    (Copying, {"symbols": 4}),
    (Copying, {"delay": 21}),
    (Copying, {"alphabet": 9}),
    (Copying, {"score": "every"}),
    (Copying, {"eval_sequences": 999}),
    (Forecasting, {"window": 49}),
    (Forecasting, {"horizon": 11}),
    (Language, {"level": "word"}),
    (Language, {"length": 63}),
    (VariableLength, {"rule": "parity"}),
    (VariableLength, {"alphabet": 9}),
    (VariableLength, {"min_length": 6}),
    (VariableLength, {"max_length": 49}),
    (VariableLength, {"eval_sequences": 999}),
]


def prepared(build: Callable[[], Task], *, batch_size: int = 5, seed: int = 0) -> Task:
    task = build()
    task.bind(batch_size=batch_size, seed=seed)
    task.setup()
    return task


@pytest.fixture(params=BUILDERS.values(), ids=BUILDERS.keys())
def build(request) -> Callable[[], Task]:
    return request.param


@pytest.fixture
def task(build) -> Task:
    return prepared(build)


def flat(batches: Iterable[Batch]) -> list[Tensor]:
    """The tensors of the batches: alike for batches that are."""
    parts = [part for batch in batches for part in (batch.inputs, batch.targets)]
    return [x for part in parts for x in ([part] if isinstance(part, Tensor) else part[:2])]


def alike(first: Iterable[Batch], second: Iterable[Batch]) -> bool:
    pairs = zip(flat(first), flat(second), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def training(task: Task) -> list[Batch]:
    return list(islice(task.train_dataloader(), 4))


def evaluation(task: Task) -> list[Batch]:
    extra = task.extra_test_dataloaders().values()
    return [
        batch
        for split in (task.val_dataloader(), task.test_dataloader(), *extra)
        for batch in split
    ]


def values(sequences: Tensor | PackedSequence) -> Tensor:
    return sequences if isinstance(sequences, Tensor) else sequences.data


def rows(inputs: Tensor | PackedSequence) -> int:
    return len(inputs) if isinstance(inputs, Tensor) else int(inputs.batch_sizes[0])


def test_inputs_are_what_the_spec_says(task):
    for batch in training(task) + evaluation(task):
        inputs = values(batch.inputs)
        if task.spec.tokens:
            assert inputs.dtype == torch.long
            assert inputs.min() >= 0
            assert inputs.max() < task.spec.input_size
        else:
            assert inputs.dtype == torch.float32
            assert inputs.shape[-1] == task.spec.input_size
            assert inputs.isfinite().all()


def test_targets_have_the_layout_of_the_outputs(task):
    for batch in training(task) + evaluation(task):
        if task.spec.scope == "sequence":
            assert len(batch.targets) == rows(batch.inputs)
        elif isinstance(batch.inputs, Tensor):
            assert batch.targets.shape[:2] == batch.inputs.shape[:2]
        else:
            assert torch.equal(batch.targets.batch_sizes, batch.inputs.batch_sizes)


def test_targets_are_classes_among_the_outputs_or_finite_numbers(task):
    for batch in training(task) + evaluation(task):
        targets = values(batch.targets)
        if targets.is_floating_point():
            assert targets.isfinite().all()
        else:
            counted = targets[targets != IGNORE_INDEX]
            assert counted.min() >= 0
            assert counted.max() < task.spec.output_size


def test_training_batches_have_the_size_that_was_bound(build):
    for batch_size in (1, 6):
        task = prepared(build, batch_size=batch_size)
        assert {rows(batch.inputs) for batch in training(task)} == {batch_size}


def test_training_depends_on_the_seed_alone(build):
    first, again, other = (prepared(build, seed=seed) for seed in (3, 3, 4))
    assert alike(training(first), training(again))
    assert alike(training(first), training(first))
    assert not alike(training(first), training(other))


def test_training_leaves_the_global_generator_alone(build):
    before = torch.get_rng_state()
    training(prepared(build))
    assert torch.equal(torch.get_rng_state(), before)


def test_evaluation_and_fingerprint_depend_on_neither_seed_nor_batch_size(build):
    task, other = prepared(build), prepared(build, seed=1, batch_size=8)
    assert alike(evaluation(task), evaluation(other))
    assert task.fingerprint() == other.fingerprint()


def test_validation_is_not_the_test_set(task):
    val, test = flat(task.val_dataloader()), flat(task.test_dataloader())
    assert not torch.equal(val[0], test[0])


def test_setting_up_again_changes_nothing(build):
    task = prepared(build)
    before = task.spec, task.fingerprint(), task.references()
    batches = training(task) + evaluation(task)
    task.setup("fit")
    assert (task.spec, task.fingerprint(), task.references()) == before
    assert alike(training(task) + evaluation(task), batches)


@pytest.mark.parametrize(("cls", "knobs"), CHANGES, ids=lambda part: str(part))
def test_other_data_has_another_fingerprint(cls, knobs):
    assert prepared(lambda: cls(**knobs)).fingerprint() != prepared(cls).fingerprint()


def test_the_primary_metric_can_rank(task):
    assert task.metrics()[task.primary].higher_is_better is not None


def test_references_are_scores_of_the_primary_metric(task):
    references = task.references()
    assert references
    assert all(isinstance(x, float) and math.isfinite(x) for x in references.values())


def test_loss_and_metrics_take_outputs_of_the_specs_size(task):
    batch = training(task)[0]
    targets = values(batch.targets)
    if task.spec.scope == "step" and isinstance(batch.targets, Tensor):
        targets = targets.flatten(0, 1)
    outputs = torch.randn(len(targets), task.spec.output_size, requires_grad=True)
    task.loss(outputs, targets).backward()
    assert outputs.grad.isfinite().all()
    metrics = task.metrics()
    metrics.update(outputs.detach(), targets)
    assert all(score.isfinite() for score in metrics.compute().values())


def test_a_task_has_a_name_and_no_state_to_save(task):
    assert type(task).__dict__["name"] == type(task).__module__.removeprefix("tasks.")
    assert task.state_dict() == {}
    assert not [x for x in vars(task).values() if isinstance(x, torch.nn.Module)]
