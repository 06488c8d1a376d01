"""The adding problem: keep two marked numbers of a long sequence, and give their sum."""

from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor
from torchmetrics import MetricCollection

from recurbench.tasks.base import Batch, Predictor, TaskSpec, dense
from recurbench.tasks.common.metrics import MeanSquaredError
from recurbench.tasks.common.synthetic import Synthetic


class Adding(Synthetic):
    """Adds the two marked values of a sequence of random ones.

    Hochreiter & Schmidhuber, "Long Short-Term Memory", 1997, section 5.4, in the layout of Arjovsky
    et al., "Unitary Evolution Recurrent Neural Networks", 2016: each step has a value, uniform
    between 0 and 1, and a marker, which is 1 once in each half and else 0. With `length=6`:

        value     .3  .9  .5  .2  .7  .1
        marker     0   1   0   0   1   0
        target                           1.6

    Hochreiter & Schmidhuber drew values from -1 to 1, marked the ends too and scaled the target.
    Bai et al., "An Empirical Evaluation of Generic Convolutional and Recurrent Networks", 2018,
    table 1, give the squared errors of models of 70,000 parameters with `length=600`: LSTM 0.164,
    GRU 5.3e-5, RNN 0.177; they let both markers fall anywhere.

        >>> task = Adding(length=6)
        >>> values = torch.tensor([[0.25, 1.0, 0.5, 0.25, 0.75, 0.0]])
        >>> inputs, targets, _ = task.layout(values, torch.tensor([[1, 4]]))
        >>> inputs[0, :, 1].tolist()
        [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]
        >>> targets.tolist()
        [[1.75]]

    Further test splits, `length_<n>`, are two and four times as long.

    Args:
        length: steps of a sequence.
        eval_sequences: sequences in validation and in each test split; training's are endless.
    """

    name = "adding"
    primary = "mse"
    measures = "keeping real numbers over a long time, and ignoring others"
    default_references = {"mean": 0.1667, "one_value": 0.0833, "optimal": 0.0}
    seconds = 29.0
    grows = "length"

    def __init__(
        self, *, length: Annotated[int, Ge(2)] = 50, eval_sequences: Annotated[int, Ge(1)] = 1000
    ) -> None:
        super().__init__()
        self.length, self.eval_sequences = length, eval_sequences

    def describe(self) -> TaskSpec:
        """A value and a marker in, one number out at the end."""
        return TaskSpec(input_size=2, tokens=False, output_size=1, scope="sequence")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Sequences of a length."""
        values = torch.rand(rows, size, generator=source)
        half = size // 2
        first = torch.randint(half, (rows,), generator=source)
        second = torch.randint(half, size, (rows,), generator=source)
        return self.layout(values, torch.stack([first, second], 1))

    def layout(self, values: Tensor, marked: Tensor) -> Batch:
        """Sequences of values `(B, T)` with two marked steps `(B, 2)`; targets `(B, 1)`."""
        markers = torch.zeros_like(values).scatter_(1, marked, 1.0)
        return Batch(
            torch.stack([values, markers], -1), values.gather(1, marked).sum(1, keepdim=True)
        )

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean squared error."""
        return F.mse_loss(outputs, targets)

    def metrics(self) -> MetricCollection:
        """Mean squared error."""
        return MetricCollection({"mse": MeanSquaredError()})

    def references(self) -> dict[str, float]:
        """Squared error without memory, of one who knows one of the two values, and the best.

        A value that is not known is guessed by its mean; the variance of a uniform value is 1 / 12.
        """
        return {"mean": 1 / 6, "one_value": 1 / 12, "optimal": 0.0}

    def predictors(self) -> dict[str, Predictor]:
        """Always 1; the second marked value and 1/2; the targets."""
        return {
            "mean": lambda batch: torch.ones_like(self.targets_of(batch)),
            "one_value": self._second_and_half,
            "optimal": self.oracle,
        }

    def _second_and_half(self, batch: Batch) -> Tensor:
        values, markers = dense(batch.inputs).unbind(-1)
        half = values.shape[1] // 2
        return (values * markers)[:, half:].sum(1, keepdim=True) + 0.5
