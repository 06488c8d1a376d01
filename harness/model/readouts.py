"""What the head reads: the outputs of every step, or one vector made from those of a sequence.

Legend: B batch, N valid steps, O output size of the last layer.
"""

import math

import torch
from torch import Tensor, nn

from recurbench.harness.config.sections import ModelConfig
from recurbench.harness.model.packing import (
    Sequences,
    combine,
    first_steps,
    last_steps,
    mean_steps,
    softmax_steps,
    spread,
    sum_steps,
)
from recurbench.tasks.base import TaskSpec, valid_steps


class Readout(nn.Module):
    """Outputs `(B, T, O)` or packed to what the head reads, `(N, size)` or `(B, size)`.

    Args:
        width: O.
        bidirectional: the second half of an output is of the cell that reads backwards.
    """

    streams: bool = True
    """Whether a step can be read out as it comes, without the steps before it."""

    def __init__(self, width: int, bidirectional: bool) -> None:
        super().__init__()
        self.bidirectional = bidirectional
        self.size = width


class Every(Readout):
    """Every valid step."""

    def forward(self, x: Sequences) -> Tensor:
        """`(N, O)`."""
        return valid_steps(x)


class Last(Readout):
    """Each sequence's final output, of both directions after their whole pass."""

    def forward(self, x: Sequences) -> Tensor:
        """`(B, O)` in the caller's order."""
        last = last_steps(x)
        if not self.bidirectional:
            return last
        # The backward cell has read the whole sequence at the sequence's first step.
        half = last.shape[-1] // 2
        return torch.cat([last[:, :half], first_steps(x)[:, half:]], -1)


class Mean(Readout):
    """The mean of a sequence's outputs."""

    streams = False

    def forward(self, x: Sequences) -> Tensor:
        """`(B, O)` in the caller's order."""
        return mean_steps(x)


class Attention(Last):
    """The final output, and the sum of all outputs y_t weighed by how it asks for them.

    The general score of Luong et al., "Effective Approaches to Attention-based Neural Machine
    Translation", 2015, scaled, with s the final output as `Last` has it::

        a = softmax_t(y_t . W s / √O)    over the sequence's own steps
        c = sum_t a_t y_t                the head reads [s, c]
    """

    streams = False

    def __init__(self, width: int, bidirectional: bool) -> None:
        super().__init__(width, bidirectional)
        self.query = nn.Linear(width, width, bias=False)
        self.size = 2 * width

    def forward(self, x: Sequences) -> Tensor:
        """`(B, 2 O)` in the caller's order."""
        summary = sum_steps(combine(torch.mul, x, self.weights(x)))
        return torch.cat([super().forward(x), summary], -1)

    def weights(self, x: Sequences) -> Sequences:
        """How much each step counts in its sequence, `(..., 1)` in the layout of `x`."""
        final = super().forward(x)
        queries = spread(self.query(final) / math.sqrt(final.shape[-1]), x)
        return softmax_steps(combine(lambda y, q: (y * q).sum(-1, keepdim=True), x, queries))


SEQUENCE_READOUTS: dict[str, type[Readout]] = {"last": Last, "mean": Mean, "attention": Attention}


def make_readout(spec: TaskSpec, config: ModelConfig, width: int) -> Readout:
    """The readout that a task's scope and the configuration ask for."""
    kind = Every if spec.scope == "step" else SEQUENCE_READOUTS[config.readout]
    return kind(width, config.bidirectional)
