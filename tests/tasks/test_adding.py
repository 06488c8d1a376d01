"""The adding problem asks for the sum of what it marks, and its references are exact."""

from itertools import islice

import pytest
import torch

from recurbench.tasks.adding import Adding
from recurbench.tasks.base import Batch, TaskError


def ready(*, batch_size: int = 7, seed: int = 0, **knobs) -> Adding:
    return Adding(**{"eval_sequences": 300, **knobs}).ready(batch_size=batch_size, seed=seed)


def every_batch(task: Adding) -> list[Batch]:
    return [
        *islice(task.train_dataloader(), 9),
        *task.val_dataloader(),
        *task.test_dataloader(),
        *(batch for split in task.extra_test_dataloaders().values() for batch in split),
    ]


@pytest.mark.parametrize("length", [2, 3, 11])
def test_each_target_is_the_sum_of_the_marked_values_of_its_own_sequence(length):
    for inputs, targets, _ in every_batch(ready(length=length)):
        for row, target in zip(inputs.tolist(), targets.tolist(), strict=True):
            marked = [value for value, marker in row if marker == 1]
            assert len(marked) == 2
            assert target == pytest.approx([sum(marked)], abs=1e-6)


@pytest.mark.parametrize("length", [2, 5, 8])
def test_there_is_one_marker_in_each_half_at_any_of_its_steps(length):
    task, half = ready(length=length), length // 2
    markers = torch.cat([batch.inputs[..., 1] for batch in islice(task.train_dataloader(), 40)])
    assert set(markers.unique().tolist()) <= {0.0, 1.0}
    assert (markers[:, :half].sum(1) == 1).all()
    assert (markers[:, half:].sum(1) == 1).all()
    assert (markers.sum(0) > 0).all()


@pytest.mark.parametrize("length", [2, 5])
def test_markers_anywhere_are_on_any_two_steps_alike(length):
    task = ready(length=length, markers="anywhere", batch_size=300)
    markers = torch.cat([batch.inputs[..., 1] for batch in islice(task.train_dataloader(), 40)])
    assert (markers.sum(1) == 2).all()
    pairs = markers @ (2 ** torch.arange(length)).float()
    counts = pairs.unique(return_counts=True)[1] / len(pairs)
    expected = length * (length - 1) // 2
    assert counts.tolist() == pytest.approx([1 / expected] * expected, abs=0.02)


def test_values_are_uniform_between_0_and_1():
    values = torch.cat([inputs[..., 0].flatten() for inputs, *_ in ready().test_dataloader()])
    quarters = (values * 4).floor().long().bincount() / len(values)
    assert quarters.tolist() == pytest.approx([0.25] * 4, abs=0.02)


@pytest.mark.parametrize("markers", ["halves", "anywhere"])
@pytest.mark.parametrize("length", [2, 7])
def test_what_is_known_of_the_sum_decides_the_error(length, markers):
    task = ready(length=length, markers=markers, eval_sequences=20_000)
    played = {name: task.play(predictor) for name, predictor in task.predictors().items()}
    assert played.pop("optimal") == task.references()["optimal"] == 0
    # The variance of a sum of two uniform values, and of one of them.
    assert played == pytest.approx({"mean": 2 / 12, "one_value": 1 / 12}, rel=0.03)
    assert {**task.references(), **played} == pytest.approx(task.references(), rel=0.03)


def test_the_loss_is_the_metric():
    task = ready()
    batch = next(iter(task.train_dataloader()))
    outputs = torch.randn(7, 1)
    metrics = task.metrics()
    metrics.update(outputs, batch.targets)
    expected = (outputs - batch.targets).square().mean().item()
    assert task.loss(outputs, batch.targets).item() == pytest.approx(expected)
    assert metrics.compute()["mse"].item() == pytest.approx(expected)


def test_the_example_in_the_docstring_holds():
    lines = [line.split() for line in Adding.__doc__.splitlines()]
    (values, markers, target) = (
        [float(number) for number in line[1:]]
        for line in lines
        if line[:1] in (["value"], ["marker"], ["target"])
    )
    marked = torch.tensor(markers).nonzero().T
    inputs, targets, _ = Adding(length=6).layout(torch.tensor([values]), marked)
    assert inputs[0, :, 1].tolist() == markers
    assert targets[0].tolist() == pytest.approx(target)


def test_longer_sequences_are_further_test_splits():
    splits = ready(length=7).extra_test_dataloaders()
    shapes = {name: next(iter(split)).inputs.shape for name, split in splits.items()}
    assert shapes == {"length_14": (256, 14, 2), "length_28": (256, 28, 2)}


def test_the_default_references_are_what_is_found():
    assert ready().references() == pytest.approx(Adding.default_references, abs=5e-5)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"length": 1}, "length must be at least 2, not 1"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        Adding(**knobs)
    assert str(error.value) == message
