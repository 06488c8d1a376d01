"""The light GRU: no reset gate, rectified candidates and a normalised input."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recurbench.cells.base import HiddenState, RecurrentCell


class LiGRU(RecurrentCell[HiddenState]):
    """Light gated recurrent unit (Ravanelli et al. 2018, https://arxiv.org/abs/1803.10225).

    With `σ` the logistic function and `*` elementwise::

        z  = σ(norm(W_z x) + U_z h)                              update gate
        n  = relu(norm(W_n x) + U_n h)                           candidate
        h' = z * h + (1 - z) * n,   y = h'

        norm(a) = γ * (a - mean(a)) / √(var(a) + ε) + b          normalise=True
        norm(a) = a + b                                          normalise=False

    What differs: the paper's `norm` is batch normalisation, which couples the rows of a batch and
    counts padding. Here it is layer normalisation over H features: those of `z` and those of `n`
    are normalised separately and have their own `γ` and `b`. The paper's recurrent dropout is left
    out.

    Parameters are `W` `(2H, I)`, `U` `(2H, H)` and `b` `(2H,)`, rows in the order `z`, `n`, and, if
    normalised, `gain` `(2H,)` for `γ`. `W` starts Glorot uniform and `U` orthogonal, gate by gate,
    as in the paper; `γ` starts at 1 and `b` at 0.

    Args:
        input_size: I, features of an input step.
        hidden_size: H.
        normalise: whether the input's part is normalised, see above; with `H = 1` only `b` is left.

    Raises:
        CellError: a size is not positive.
    """

    name: ClassVar[str] = "ligru"
    year: ClassVar[int] = 2018
    family: ClassVar[str] = "gated"
    gates: ClassVar[int] = 1

    gain: nn.Parameter | None  # (2H,)

    def __init__(self, input_size: int, hidden_size: int = 64, *, normalise: bool = True) -> None:
        super().__init__(input_size, hidden_size)
        self.W = nn.Parameter(torch.empty(2 * hidden_size, input_size))
        self.U = nn.Parameter(torch.empty(2 * hidden_size, hidden_size))
        self.b = nn.Parameter(torch.zeros(2 * hidden_size))
        gain = nn.Parameter(torch.ones(2 * hidden_size)) if normalise else None
        self.register_parameter("gain", gain)
        with torch.no_grad():
            for W, U in zip(self.W.chunk(2), self.U.chunk(2), strict=True):
                nn.init.xavier_uniform_(W)
                nn.init.orthogonal_(U)

    def initial_state(self, batch_size: int) -> HiddenState:
        """Zeros."""
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def project(self, x: Tensor) -> Tensor:
        """The input's part, normalised: `(..., I)` to `(..., 2H)`."""
        if self.gain is None:
            return F.linear(x, self.W, self.b)
        gates = F.linear(x, self.W).unflatten(-1, (2, -1))
        normal = F.layer_norm(gates, (self.hidden_size,)).flatten(-2)
        return torch.addcmul(self.b, self.gain, normal)

    def recur(self, u: Tensor, state: HiddenState) -> tuple[Tensor, HiddenState]:
        """One step: `(B, 2H)` and the state to `(B, H)` and the next state."""
        h = state.h
        z, n = torch.addmm(u, h, self.U.t()).chunk(2, dim=-1)
        n = torch.relu(n)
        h = torch.addcmul(n, torch.sigmoid(z), h - n)  # z * h + (1 - z) * n
        return h, HiddenState(h)
