"""The metrics that several tasks share."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from recurbench.tasks.base import IGNORE_INDEX


class MeanCrossEntropy(Metric):
    """The mean cross-entropy in nats over all counted positions of an epoch.

    Each position weighs the same whichever batch it came in, which a mean of batch means would not
    give; the sum is kept in float64, so that long epochs lose no digits.

    Args:
        ignore_index: the target of a position that does not count.
    """

    higher_is_better = False
    full_state_update = False

    total: Tensor
    count: Tensor

    def __init__(self, ignore_index: int = IGNORE_INDEX) -> None:
        super().__init__()
        self.ignore_index = ignore_index
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Adds logits `(N, classes)` and target classes `(N,)`."""
        losses = F.cross_entropy(
            outputs.float(), targets, ignore_index=self.ignore_index, reduction="none"
        )
        self.total += losses.sum(dtype=torch.float64)
        self.count += (targets != self.ignore_index).sum()

    def compute(self) -> Tensor:
        """The mean so far; NaN when nothing was counted."""
        return self.total / self.count


class MeanSquaredError(Metric):
    """The mean squared error over all numbers of an epoch, kept in float64.

    Targets that are NaN, of values that are missing, do not count.
    """

    higher_is_better = False
    full_state_update = False

    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Adds outputs `(N, ...)` and targets of as many numbers."""
        known = targets.isnan().logical_not()
        errors = torch.where(known, outputs.reshape(targets.shape).double() - targets, 0.0)
        self.total += errors.square().sum()
        self.count += known.sum()

    def compute(self) -> Tensor:
        """The mean so far; NaN when nothing was added."""
        return self.total / self.count


def classification_metrics(classes: int) -> MetricCollection:
    """`accuracy`, the fraction of counted positions that are right, and `loss` in nats."""
    accuracy = MulticlassAccuracy(
        classes, average="micro", ignore_index=IGNORE_INDEX, validate_args=False
    )
    return MetricCollection({"accuracy": accuracy, "loss": MeanCrossEntropy()})
