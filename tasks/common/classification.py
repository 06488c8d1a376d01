"""What all tasks share whose targets are classes."""

import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MetricCollection

from recurbench.tasks.base import IGNORE_INDEX, Batch, Task, dense, one_hot_logits
from recurbench.tasks.common.metrics import classification_metrics


class Classification(Task):
    """A task whose outputs are logits and whose targets are classes or `IGNORE_INDEX`."""

    primary = "accuracy"

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats of the positions that count."""
        return F.cross_entropy(outputs, targets, ignore_index=IGNORE_INDEX)

    def metrics(self) -> MetricCollection:
        """Accuracy and mean cross-entropy of the positions that count."""
        return classification_metrics(self.spec.output_size)

    def always(self, batch: Batch, classes: Tensor) -> Tensor:
        """Outputs that say one class `(B,)` at every step of a row."""
        steps = dense(batch.inputs).shape[1]
        return one_hot_logits(classes.repeat_interleave(steps), self.spec.output_size)
