"""The shared metrics weigh every counted position the same."""

import pytest
import torch
import torch.nn.functional as F

from recurbench.tasks.base import IGNORE_INDEX
from recurbench.tasks.common.metrics import (
    MeanCrossEntropy,
    MeanSquaredError,
    classification_metrics,
)


def test_the_mean_is_over_positions_and_not_over_batches():
    outputs, targets = torch.randn(11, 3), torch.randint(3, (11,))
    metric = MeanCrossEntropy()
    metric.update(outputs[:2], targets[:2])
    metric.update(outputs[2:], targets[2:])
    assert metric.compute().item() == pytest.approx(F.cross_entropy(outputs, targets).item())


def test_ignored_positions_do_not_count():
    outputs, targets = torch.randn(7, 3), torch.randint(3, (7,))
    some, all_counted = classification_metrics(3), classification_metrics(3)
    some.update(outputs, targets.index_fill(0, torch.tensor([1, 4]), IGNORE_INDEX))
    kept = [0, 2, 3, 5, 6]
    all_counted.update(outputs[kept], targets[kept])
    assert some.compute() == all_counted.compute()


def test_a_long_epoch_loses_no_digits():
    metric = MeanCrossEntropy()
    metric.total += 2.0**40
    metric.update(torch.zeros(1, 4), torch.zeros(1, dtype=torch.long))
    assert metric.total.item() - 2.0**40 == pytest.approx(torch.tensor(4.0).log().item(), abs=1e-3)


def test_the_squared_error_is_a_mean_over_numbers_and_not_over_batches():
    outputs, targets = torch.randn(11, 3), torch.randn(11, 3)
    metric = MeanSquaredError()
    metric.update(outputs[:2], targets[:2])
    metric.update(outputs[2:], targets[2:])
    assert metric.compute().item() == pytest.approx(F.mse_loss(outputs, targets).item())


def test_squared_errors_of_a_long_epoch_lose_no_digits():
    metric = MeanSquaredError()
    metric.total += 2.0**40
    metric.update(torch.full((1, 1), 0.5), torch.zeros(1, 1))
    assert metric.total.item() - 2.0**40 == 0.25


def test_low_precision_outputs_are_judged_in_full_precision():
    outputs, targets = torch.randn(64, 9).bfloat16(), torch.randint(9, (64,))
    low, full = MeanCrossEntropy(), MeanCrossEntropy()
    low.update(outputs, targets)
    full.update(outputs.float(), targets)
    assert low.compute() == full.compute()


def test_less_loss_and_more_accuracy_are_better():
    metrics = classification_metrics(3)
    assert metrics["accuracy"].higher_is_better is True
    assert metrics["loss"].higher_is_better is False
    assert MeanSquaredError.higher_is_better is False
