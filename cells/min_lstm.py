"""The minimal LSTM, whose gates do not see the state, so that all steps can be scanned at once."""

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recurbench.cells.min_gru import positive
from recurbench.cells.parts.kernels import Kernel
from recurbench.cells.parts.linear_recurrence import RealRecurrence
from recurbench.cells.parts.precision import widen


class MinLSTM(RealRecurrence):
    """minLSTM (Feng et al. 2024, "Were RNNs all we needed?", https://arxiv.org/abs/2410.01201).

    With `σ` the logistic function and `*` elementwise::

        f  = σ(W_f x + b_f)                                      forget gate
        i  = σ(W_i x + b_i)                                      input gate
        n  = W_n x + b_n                                         candidate=linear
        n  = g(W_n x + b_n),  g(v) = v + 1/2 if v >= 0 else σ(v)      candidate=positive
        h' = f / (f + i) * h + i / (f + i) * n,   y = h'

    The two gates are divided by their sum, so that the scale of `h` does not depend on time, as in
    the paper. There is no output gate and no memory beside `h`. The quotient `f / (f + i)` is
    computed as `σ(log f - log i)`, which never divides zero by zero. The two candidates are those
    of `min_gru`, whose docstring explains them.

    Parameters are `input` (`W_f`, `W_i`, `W_n` below each other, `(3H, I)`, and the biases
    `(3H,)`), uniform in `±1/√I`.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        candidate: `linear` or `positive`, see above.
        forget_bias: added to the forget gate's initial bias; larger values remember longer.
        kernel: how a sequence is run, see `LinearRecurrence`.

    Raises:
        CellError: a size is not positive, or `candidate` or `kernel` is unknown.
    """

    name: ClassVar[str] = "min_lstm"
    year: ClassVar[int] = 2024
    gates: ClassVar[int] = 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        candidate: Literal["linear", "positive"] = "linear",
        forget_bias: float = 0.0,
        kernel: Kernel = "auto",
    ) -> None:
        super().__init__(input_size, hidden_size, kernel=kernel)
        self.candidate = candidate
        self.input = nn.Linear(input_size, 3 * hidden_size)
        with torch.no_grad():
            self.input.bias[:hidden_size] += forget_bias

    def project(self, x: Tensor) -> Tensor:
        """What goes into `f`, `i` and `n`: `(..., I)` to `(..., 3H)`."""
        u: Tensor = self.input(x)
        return u

    def coefficients(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """`f / (f + i)` and `i / (f + i) * n`: `(N, 3H)` to `(N, H)` each."""
        u_f, u_i, u_n = widen(u).chunk(3, dim=-1)
        n = positive(u_n) if self.candidate == "positive" else u_n
        odds = F.logsigmoid(u_f) - F.logsigmoid(u_i)  # log f / i
        return torch.sigmoid(odds), torch.sigmoid(-odds) * n
