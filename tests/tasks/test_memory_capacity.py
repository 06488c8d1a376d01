"""Memory capacity asks for each of the last inputs, and sums squared correlations."""

import doctest
from itertools import islice

import pytest
import torch

import recurbench.tasks.memory_capacity
from recurbench.tasks.base import Batch, TaskError
from recurbench.tasks.memory_capacity import Capacity, MemoryCapacity


def ready(**knobs) -> MemoryCapacity:
    small = {"delays": 5, "length": 20, "eval_sequences": 300}
    return MemoryCapacity(**small | knobs).ready(batch_size=7, seed=0)


def every_batch(task: MemoryCapacity) -> list[Batch]:
    splits = task.val_dataloader(), task.test_dataloader(), *task.extra_test_dataloaders().values()
    return [*islice(task.train_dataloader(), 9), *(batch for split in splits for batch in split)]


def correlated(outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """The sum of squared correlations, delay by delay, as torch has them."""
    total = 0.0
    for x, y in zip(outputs.T.double(), targets.T.double(), strict=True):
        known = ~y.isnan()
        total += float(torch.corrcoef(torch.stack([x[known], y[known]]))[0, 1] ** 2)
    return total


def capacity(outputs: torch.Tensor, targets: torch.Tensor, size: int = 1000) -> float:
    metric = Capacity(targets.shape[1])
    for part in zip(outputs.split(size), targets.split(size), strict=True):
        metric.update(*part)
    return metric.compute().item()


def targets_with_gaps(count: int, delays: int) -> torch.Tensor:
    targets = torch.rand(count, delays) - 0.5
    return targets.masked_fill(torch.rand(count, delays) < 0.2, torch.nan)


def test_the_example_in_the_docstring_holds():
    assert doctest.testmod(recurbench.tasks.memory_capacity) == (0, 3)
    rows = {
        line[:6].strip(): [torch.nan if x == "." else float(x) for x in line[6:].split()]
        for line in map(str.strip, MemoryCapacity.__doc__.splitlines())
        if line.startswith(("input  ", "1 ago", "2 ago"))
    }
    targets = MemoryCapacity(delays=2, length=4).layout(torch.tensor([rows["input"]])).targets
    expected = torch.tensor([[rows["1 ago"], rows["2 ago"]]]).mT
    torch.testing.assert_close(targets, expected, equal_nan=True)


@pytest.mark.parametrize(("delays", "length"), [(1, 2), (3, 7), (5, 6)])
def test_each_target_after_the_first_steps_is_the_input_of_so_many_steps_ago(delays, length):
    for inputs, targets, _ in every_batch(ready(delays=delays, length=length)):
        assert targets.shape == (*inputs.shape[:2], delays)
        for step in range(inputs.shape[1]):
            for ago in range(1, delays + 1):
                found = targets[:, step, ago - 1]
                if step < delays:
                    assert found.isnan().all()
                else:
                    assert torch.equal(found, inputs[:, step - ago, 0])


def test_inputs_are_independent_and_uniform_around_0():
    inputs = torch.cat([batch.inputs[..., 0] for batch in ready(length=50).test_dataloader()])
    tenths = ((inputs + 0.5) * 10).long().flatten().bincount(minlength=10) / inputs.numel()
    assert tenths.tolist() == pytest.approx([0.1] * 10, abs=0.015)
    assert inputs.var().item() == pytest.approx(1 / 12, rel=0.03)
    for ago in (1, 2, 7):
        pair = torch.stack([inputs[:, ago:].flatten(), inputs[:, :-ago].flatten()])
        assert abs(torch.corrcoef(pair)[0, 1]) < 0.03


def test_capacity_is_the_sum_of_squared_correlations_however_it_is_cut():
    targets = targets_with_gaps(200, 4)
    outputs = targets.nan_to_num(3.0) * torch.tensor([1.0, -2.0, 0.1, 0.0]) + torch.randn(200, 4)
    expected = correlated(outputs, targets)
    assert 0.1 < expected < 3
    for size in (1, 7, 200):
        assert capacity(outputs, targets, size) == pytest.approx(expected, rel=1e-9)


def test_neither_scale_nor_offset_of_an_output_matters():
    targets = targets_with_gaps(50, 3)
    outputs = 1.0 - 0.01 * targets.nan_to_num()
    assert capacity(outputs, targets) == pytest.approx(3, abs=1e-6)


def test_a_constant_has_no_capacity_and_what_is_not_scored_no_effect():
    targets = targets_with_gaps(50, 3)
    constant = torch.tensor([0.0, 0.1, -7.3]).expand(50, 3)
    assert capacity(constant, targets) == 0
    outputs = torch.randn(50, 3)
    other = torch.where(targets.isnan(), 1000.0, outputs)
    assert capacity(other, targets) == capacity(outputs, targets)


def test_outputs_that_are_not_numbers_have_no_capacity_at_all():
    targets = torch.rand(20, 2)
    assert torch.tensor(capacity(torch.full((20, 2), torch.nan), targets)).isnan()
    assert torch.tensor(capacity(torch.randn(0, 2), targets[:0])).isnan()


def test_who_remembers_some_of_the_delays_has_so_much_capacity():
    task = ready(delays=6, length=15)

    def remembers_four(batch: Batch) -> torch.Tensor:
        return task.oracle(batch).nan_to_num() * torch.tensor([1, 1, 1, 1, 0, 0])

    assert task.play(remembers_four) == pytest.approx(4)
    played = {name: task.play(predictor) for name, predictor in task.predictors().items()}
    assert played == pytest.approx({"memoryless": 0, "optimal": 6}, abs=1e-9)
    assert task.references() == {"memoryless": 0, "optimal": 6}


def test_no_linear_readout_of_two_numbers_has_a_capacity_above_two():
    task = ready(delays=5, length=40, eval_sequences=2000)
    batches = list(task.test_dataloader())
    targets = torch.cat([task.targets_of(batch) for batch in batches]).double()
    whole = targets[~targets.isnan().any(1)]
    state = whole @ torch.randn(5, 2, dtype=torch.float64)
    outputs = state @ torch.linalg.lstsq(state, whole).solution
    assert capacity(outputs, whole) == pytest.approx(2, abs=0.02)


def test_the_error_of_the_mean_is_the_variance_and_the_loss_is_the_metric():
    task = ready(eval_sequences=2000)
    metrics = task.metrics()
    for batch in task.test_dataloader():
        targets = task.targets_of(batch)
        metrics.update(torch.zeros_like(targets), targets)
    assert metrics.compute()["mse"].item() == pytest.approx(1 / 12, rel=0.01)
    metrics.reset()
    targets = task.targets_of(next(iter(task.train_dataloader())))
    outputs = torch.randn_like(targets)
    metrics.update(outputs, targets)
    expected = (outputs - targets)[~targets.isnan()].square().mean().item()
    assert metrics.compute()["mse"].item() == pytest.approx(expected)
    assert task.loss(outputs, targets).item() == pytest.approx(expected)


def test_what_is_not_scored_has_no_gradient():
    task = ready(delays=3, length=5)
    targets = task.targets_of(next(iter(task.train_dataloader())))
    outputs = torch.randn_like(targets).requires_grad_()
    (gradient,) = torch.autograd.grad(task.loss(outputs, targets), outputs)
    assert torch.equal(gradient == 0, targets.isnan())


def test_longer_sequences_are_further_test_splits_with_the_same_references():
    task = ready(delays=4, length=9)
    splits = task.extra_test_dataloaders()
    shapes = {name: next(iter(split)).targets.shape for name, split in splits.items()}
    assert shapes == {"length_18": (256, 18, 4), "length_36": (256, 36, 4)}
    assert all(task.references_of(split) == task.references() for split in splits)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"delays": 0}, "delays must be at least 1, not 0"),
        ({"delays": 7, "length": 7}, "length must be above delays=7, not 7"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        MemoryCapacity(**knobs)
    assert str(error.value) == message
