"""The real-gated linear recurrent unit of Griffin."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recurbench.cells.parts.kernels import Kernel
from recurbench.cells.parts.linear_recurrence import RealRecurrence
from recurbench.cells.parts.precision import widen

C = 8.0
"""The paper's constant `c`: the larger it is, the more the recurrence gate can forget."""


class RGLRU(RealRecurrence):
    """RG-LRU (De et al. 2024, "Griffin", https://arxiv.org/abs/2402.19427).

    With `σ` the logistic function, `*` elementwise and `c = 8`::

        v  = W_v x + b_v
        r  = σ(W_r x + b_r)                                      recurrence gate
        i  = σ(W_i x + b_i)                                      input gate
        a  = σ(Λ)^(c r)
        h' = a * h + √(1 - a²) * (i * v),   y = h'

    What differs: in the paper, the layer's input is as wide as the state and is itself `v`, and the
    gates read it through block-diagonal matrices. Here `v` is made from `x`, the gates read `x`,
    and all three matrices are full. Left out, as parts of the paper's block around the cell: the
    convolution before the recurrence and the gated branch beside it.

    The published code (https://github.com/google-deepmind/recurrentgemma) differs from the paper in
    two ways, in which this cell follows the paper. There `σ(Λ)` itself is between 0.9 and 0.999 at
    first, its square uniform, so that `σ(Λ)^c` is between 0.43 and 0.992. And the first step of a
    sequence is not scaled: `h' = i * v`.

    `a` is computed as `exp(-c r softplus(-Λ))`, and `1 - a²` without cancellation.

    Parameters are `decay` (`Λ`, `(H,)`) and `input` (`W_v`, `W_r`, `W_i` below each other,
    `(3H, I)`, and the biases). At first `σ(Λ)^c` is uniform in `[0.9, 0.999]`, as in the paper;
    `input` is uniform in `±1/√I`, as torch's linear layers are, where the paper's is normal.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        kernel: how a sequence is run, see `LinearRecurrence`.

    Raises:
        CellError: a size is not positive, or `kernel` is unknown.
    """

    name: ClassVar[str] = "rg_lru"
    year: ClassVar[int] = 2024
    gates: ClassVar[int] = 2

    def __init__(self, input_size: int, hidden_size: int = 64, *, kernel: Kernel = "auto") -> None:
        super().__init__(input_size, hidden_size, kernel=kernel)
        self.input = nn.Linear(input_size, 3 * hidden_size)
        a = torch.empty(hidden_size).uniform_(0.9, 0.999) ** (1 / C)
        self.decay = nn.Parameter(torch.log(a) - torch.log1p(-a))  # the logit

    def project(self, x: Tensor) -> Tensor:
        """`v` and what goes into `r` and `i`: `(..., I)` to `(..., 3H)`."""
        u: Tensor = self.input(x)
        return u

    def coefficients(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """`a` and `√(1 - a²) * (i * v)`: `(N, 3H)` to `(N, H)` each."""
        v, u_r, u_i = widen(u).chunk(3, dim=-1)
        log_a = -C * torch.sigmoid(u_r) * F.softplus(-widen(self.decay))
        kept = -torch.expm1(2 * log_a)  # with a floor, as √ has no gradient at 0
        scale = torch.sqrt(kept.clamp(min=torch.finfo(kept.dtype).tiny))
        return torch.exp(log_a), scale * torch.sigmoid(u_i) * v
