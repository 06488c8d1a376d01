"""The minimal GRU, whose gate does not see the state, so that all steps can be scanned at once."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from recurbench.cells.parts.kernels import Kernel
from recurbench.cells.parts.linear_recurrence import RealRecurrence
from recurbench.cells.parts.precision import widen


class MinGRU(RealRecurrence):
    """minGRU (Feng et al. 2024, "Were RNNs all we needed?", https://arxiv.org/abs/2410.01201).

    With `σ` the logistic function and `*` elementwise::

        z  = σ(W_z x + b_z)                                      update gate
        n  = W_n x + b_n                                         candidate=linear
        n  = g(W_n x + b_n),  g(v) = v + 1/2 if v >= 0 else σ(v)      candidate=positive
        h' = (1 - z) * h + z * n,   y = h'

    As in the paper, `z` replaces: where it is 1, the candidate takes the place of the state. The
    `z` of this package's `gru` keeps. The paper has both candidates: the linear one in its
    equations, and the positive one for a scan that takes the logarithm of `h`. The scan here takes
    no logarithm, so `h` may be negative with both.

    Parameters are `input` (`W_z` above `W_n`, `(2H, I)`, and the biases `(2H,)`), uniform in
    `±1/√I`.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        candidate: `linear` or `positive`, see above.
        kernel: how a sequence is run, see `LinearRecurrence`.

    Raises:
        CellError: a size is not positive, or `candidate` or `kernel` is unknown.
    """

    name: ClassVar[str] = "min_gru"
    year: ClassVar[int] = 2024
    gates: ClassVar[int] = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        candidate: Literal["linear", "positive"] = "linear",
        kernel: Kernel = "auto",
    ) -> None:
        super().__init__(input_size, hidden_size, kernel=kernel)
        self.candidate = candidate
        self.input = nn.Linear(input_size, 2 * hidden_size)

    def project(self, x: Tensor) -> Tensor:
        """What goes into `z` and `n`: `(..., I)` to `(..., 2H)`."""
        u: Tensor = self.input(x)
        return u

    def coefficients(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """`1 - z` and `z * n`: `(N, 2H)` to `(N, H)` each."""
        u_z, u_n = widen(u).chunk(2, dim=-1)
        n = positive(u_n) if self.candidate == "positive" else u_n
        z = torch.sigmoid(u_z)
        return 1 - z, z * n


def positive(v: Tensor) -> Tensor:
    """The paper's `g`, which is above zero everywhere."""
    return torch.where(v >= 0, v + 0.5, torch.sigmoid(v))
