"""The adding problem: keep two marked numbers of a long sequence, and give their sum."""

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor
from torchmetrics import MetricCollection

from recurbench.tasks.base import Batch, Predictor, TaskSpec, dense
from recurbench.tasks.common.metrics import MeanSquaredError
from recurbench.tasks.common.synthetic import Synthetic

Markers = Literal["halves", "anywhere"]


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
    GRU 5.3e-5, RNN 0.177. They let the markers fall on any two steps (`markers=anywhere`) and train
    on 50,000 sequences in a fixed order (`train_sequences=50000`).

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
        markers: one in each of the `halves`, or `anywhere`, on any two steps.
        eval_sequences: sequences in validation and in each test split.
        train_sequences: sequences in training, the same in each pass; endless by default.
    """

    name = "adding"
    primary = "mse"
    measures = "keeping real numbers over a long time, and ignoring others"
    default_references = {"mean": 0.1667, "one_value": 0.0833, "optimal": 0.0}
    seconds = 29.0
    grows = "length"

    def __init__(
        self,
        *,
        length: Annotated[int, Ge(2)] = 50,
        markers: Markers = "halves",
        eval_sequences: Annotated[int, Ge(1)] = 1000,
        train_sequences: Annotated[int, Ge(1)] | None = None,
    ) -> None:
        super().__init__()
        self.length, self.markers = length, markers
        self.eval_sequences, self.train_sequences = eval_sequences, train_sequences

    def describe(self) -> TaskSpec:
        """A value and a marker in, one number out at the end."""
        return TaskSpec(input_size=2, tokens=False, output_size=1, scope="sequence")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Sequences of a length."""
        values = torch.rand(rows, size, generator=source)
        if self.markers == "anywhere":
            first = torch.randint(size, (rows,), generator=source)
            second = (first + torch.randint(1, size, (rows,), generator=source)) % size
        else:
            first = torch.randint(size // 2, (rows,), generator=source)
            second = torch.randint(size // 2, size, (rows,), generator=source)
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

    def references_at(self, size: int) -> dict[str, float]:
        """Squared error without memory, of one who knows one of the two values, and the best.

        A value that is not known is guessed by its mean; the variance of a uniform value is 1 / 12.
        """
        return {"mean": 1 / 6, "one_value": 1 / 12, "optimal": 0.0}

    def predictors(self) -> dict[str, Predictor]:
        """Always 1; the last marked value and 1/2; the targets."""
        return {
            "mean": lambda batch: torch.ones_like(self.targets_of(batch)),
            "one_value": self._last_and_half,
            "optimal": self.oracle,
        }

    def _last_and_half(self, batch: Batch) -> Tensor:
        values, markers = dense(batch.inputs).unbind(-1)
        last = (markers * torch.arange(markers.shape[1])).argmax(1, keepdim=True)
        return values.gather(1, last) + 0.5
