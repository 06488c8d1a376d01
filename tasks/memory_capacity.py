"""The memory capacity task: recall a random input of one, two, up to so many steps ago, at once.

Legend: B batch, T time, K delays, N positions that a loss or metric sees.
"""

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from recurbench.tasks.base import Batch, Predictor, TaskError, TaskSpec
from recurbench.tasks.common.metrics import MeanSquaredError
from recurbench.tasks.common.synthetic import Synthetic

CONSTANT = 1e-12
"""A variance that is a smaller share of the mean square than this is rounding."""


class MemoryCapacity(Synthetic):
    """Recalls, at every step, a random input of each of the last steps.

    Jaeger, "Short Term Memory in Echo State Networks", 2001: inputs are independent and uniform
    from -0.5 to 0.5, output k is to be the input of k steps ago, and with r_k, the correlation of
    the two, the short-term memory capacity is::

        MC = r_1^2 + r_2^2 + ... + r_K^2

    No input helps to guess another, so that each delay has to be kept by itself. The first K steps
    are not scored. With `delays=2`:

        input      .1  -.4   .3   .2
        1 ago       .    .  -.4   .3
        2 ago       .    .   .1  -.4

        >>> task = MemoryCapacity(delays=2, length=4)
        >>> inputs, targets, _ = task.layout(torch.tensor([[0.25, -0.5, 0.0, 0.5]]))
        >>> targets[0].T.tolist()
        [[nan, nan, -0.5, 0.0], [nan, nan, 0.25, -0.5]]

    No cell that puts out N numbers has a capacity above N, linear or not, since the outputs are
    linear in them and inputs are independent (Jaeger, proposition 2). The default is more delays
    than the 64 units of a default cell, none of which reaches the optimum.

    Jaeger sums over all delays, and fits the outputs of a fixed random network by regression. Here
    K is finite, all weights are trained by the squared error, and each sequence begins anew.

    Further test splits, `length_<n>`, are two and four times as long, with as many delays.

    Args:
        delays: K, how many steps ago the earliest input is that is recalled.
        length: steps of a sequence.
        eval_sequences: sequences in validation and in each test split; training's are endless.
    """

    name = "memory_capacity"
    primary = "capacity"
    measures = "how many of the last inputs, real numbers, a state holds at once"
    default_references = {"memoryless": 0.0, "optimal": 80.0}
    seconds = 13
    grows = "length"

    def __init__(
        self,
        *,
        delays: Annotated[int, Ge(1)] = 80,
        length: int = 120,
        eval_sequences: Annotated[int, Ge(1)] = 200,
    ) -> None:
        super().__init__()
        if length <= delays:
            raise TaskError(f"length must be above delays={delays}, not {length}")
        self.delays, self.length, self.eval_sequences = delays, length, eval_sequences

    def describe(self) -> TaskSpec:
        """One number in, one for each delay out at every step."""
        return TaskSpec(input_size=1, tokens=False, output_size=self.delays, scope="step")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Sequences of a length."""
        return self.layout(torch.rand(rows, size, generator=source) - 0.5)

    def layout(self, values: Tensor) -> Batch:
        """The sequences of values `(B, T)`.

        Returns:
            Inputs `(B, T, 1)` and targets `(B, T, K)`, NaN at the first K steps.
        """
        before = values[:, :-1].unfold(1, self.delays, 1).flip(-1)  # (B, T - K, K)
        return Batch(values[..., None], F.pad(before, (0, 0, self.delays, 0), value=math.nan))

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean squared error of what is scored."""
        known = targets.isnan().logical_not()
        return torch.where(known, outputs - targets, 0.0).square().sum() / known.sum()

    def metrics(self) -> MetricCollection:
        """The capacity, and the mean squared error, of what is scored."""
        return MetricCollection({"capacity": Capacity(self.delays), "mse": MeanSquaredError()})

    def references_at(self, size: int) -> dict[str, float]:
        """Capacity without memory, and the best.

        The present input says nothing of earlier ones: its correlation with each is 0, and so is
        that of all that is made from it. The squared error is then the variance, 1 / 12. One who
        remembers all has r_k = 1 for each delay, and K in sum.
        """
        return {"memoryless": 0.0, "optimal": float(self.delays)}

    def predictors(self) -> dict[str, Predictor]:
        """Always the mean, 0; the targets."""
        return {
            "memoryless": lambda batch: torch.zeros_like(self.targets_of(batch)),
            "optimal": self.oracle,
        }


class Capacity(Metric):
    """The sum over delays of the squared correlation of outputs and targets over an epoch.

    Sums are kept in float64, so that it does not depend on how positions are cut into batches.
    Targets that are NaN do not count; a constant has no correlation with anything.

    Args:
        delays: K, of outputs and targets.
    """

    higher_is_better = True
    full_state_update = False

    sums: Tensor

    def __init__(self, delays: int) -> None:
        super().__init__()
        zeros = torch.zeros(6, delays, dtype=torch.float64)
        self.add_state("sums", zeros, dist_reduce_fx="sum")

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Adds outputs and targets `(N, K)`."""
        known = targets.isnan().logical_not()
        x, y = (torch.where(known, part.double(), 0.0) for part in (outputs, targets))
        self.sums += torch.stack([known.double(), x, y, x * x, y * y, x * y]).sum(1)

    def compute(self) -> Tensor:
        """The capacity so far; NaN while there is no target of some delay."""
        count, x, y, xx, yy, xy = self.sums
        spread_x, spread_y = xx - x * x / count, yy - y * y / count
        constant = (spread_x <= CONSTANT * xx) | (spread_y <= CONSTANT * yy)
        shared = (xy - x * y / count).square() / (spread_x * spread_y)
        return torch.where(constant, 0.0, shared).sum()
