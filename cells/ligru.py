"""The light GRU: no reset gate, rectified candidates and a normalised input."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recurbench.cells.base import HiddenState
from recurbench.cells.parts.back_through_time import Leaves, StepByHand, Views
from recurbench.cells.parts.kernels import CellByHand, Kernel


class LiGRU(CellByHand[HiddenState]):
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
        kernel: how a sequence is run, see `CellByHand`; all give the same up to rounding.

    Raises:
        CellError: a size is not positive, or `kernel` is unknown.
    """

    name: ClassVar[str] = "ligru"
    year: ClassVar[int] = 2018
    family: ClassVar[str] = "gated"
    gates: ClassVar[int] = 1
    has_loop: ClassVar[bool] = True

    gain: nn.Parameter | None  # (2H,)

    def __init__(
        self,
        input_size: int,
        hidden_size: int = 64,
        *,
        normalise: bool = True,
        kernel: Kernel = "auto",
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.kernel = kernel
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

    def by_hand(self) -> StepByHand:
        """The step by hand."""
        return _LiGRUStep([self.U])


class _LiGRUStep(StepByHand):
    """Keeps `z` and `n`.

    With `δ` the gradient of what follows it::

        δz = δh' * (h - n) * z * (1 - z)
        δn = δh' * (1 - z) where n > 0
        δh = δh' * z + U^T (δz, δn)
    """

    loop: ClassVar[str] = "ligru"
    kept = 2
    sums = 2

    def __init__(self, weights: Leaves) -> None:
        super().__init__(weights)
        self.U = weights[0].detach()

    def begin(self, u: Tensor, kept: Tensor) -> Views:
        return u, kept, *kept.chunk(2, dim=1)

    def advance(self, old: Leaves, new: Leaves, *views: Tensor) -> None:
        u, gates, z, n = views
        (h,), (h_new,) = old, new
        torch.addmm(u, h, self.U.t(), out=gates)
        z.sigmoid_()
        n.relu_()
        torch.lerp(n, h, z, out=h_new)

    def local(self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor) -> Views:
        (z, n), (h,) = kept.chunk(2, dim=1), past
        factors = torch.cat(((h - n) * z * (1 - z), (1 - z) * (n > 0)), dim=1)
        by_gate = (tensor.unflatten(1, (2, -1)) for tensor in (factors, work))
        return *by_gate, work, z

    def retreat(self, flow: Leaves, before: Leaves, *views: Tensor) -> None:
        factors, by_gate, work, z = views
        (dh,), (dh_before,) = flow, before
        torch.mul(factors, dh.unsqueeze(1), out=by_gate)
        dh_before.addcmul_(dh, z).addmm_(work, self.U)

    def weight_gradients(
        self, kept: Tensor, past: Leaves, path: Leaves, work: Tensor
    ) -> tuple[Tensor, ...]:
        return (self.multiply(work.t(), past[0]),)
